//! What the searches for a costly token (`hostile` by time, `cost` by a count) start from, and how
//! they mix and mutate it.

#![allow(clippy::indexing_slicing, reason = "a benchmark")]

/// What payloads are made of. All but the last few are members or parts of a list.
pub(crate) const PARTS: &[&str] = &[
    r#""a":1"#,
    r#""":"""#,
    r#""\u0061":"\n""#,
    r#""aa":[]"#,
    r#""bbb":{}"#,
    r#""x":[[[[]]]]"#,
    r#""x":{"":{"":{}}}"#,
    r#""x":[1,"",[],{},true,null]"#,
    r#""x":"\\\\\\\\\\\\""#,
    r#""x":"\ud83d\ude00\ud83d\ude00""#,
    r#""x":"äöüäöü€€😀""#,
    r#""x":0.123456789123456789e-30"#,
    r#""x":        1"#,
    r#""cognito:username":"u""#,
    r#""cognito:groupz":[""]"#,
    r#""client_ie":"c""#,
    r#""\u0069ss":"i""#,
    r#""x":{"iss":"i"}"#,
    r#""y":true"#,
    r#""zzzzzzzz":false"#,
    r#""x":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa""#,
];

pub(crate) const ELEMENTS: &[&str] = &[
    r#""""#,
    "1",
    "[]",
    "{}",
    "true",
    "null",
    r#""\n""#,
    r#""\u0061b""#,
    "[0]",
    r#"{"":0}"#,
    "-1.5e3",
    r#""abcdefgh""#,
    " ",
    r#"{"a":[1,2]}"#,
    r#""ä""#,
    r#""iss":"#,
];

/// Payloads that are known to be awkward: these claims, and filling of about so many bytes.
pub(crate) fn known(claims: &str, room: usize) -> Vec<(String, String)> {
    let list = |name: &str, element: &str| {
        let elements = vec![element; room / (element.len() + 1)].join(",");
        format!("\"{name}\":[{elements}]")
    };
    let mut fillers = vec![
        ("nothing".to_owned(), r#""x":0"#.to_owned()),
        (
            "one long string".to_owned(),
            format!("\"x\":\"{}\"", "a".repeat(room)),
        ),
        (
            "one long string, not ASCII".to_owned(),
            format!("\"x\":\"{}\"", "ä".repeat(room / 2)),
        ),
        (
            "one long string of escapes".to_owned(),
            format!("\"x\":\"{}\"", r"\u0041".repeat(room / 6)),
        ),
        (
            "scope of escapes".to_owned(),
            format!("\"scope\":\"{}\"", r"\u0041".repeat(room / 6)),
        ),
        (
            "white space".to_owned(),
            format!("\"x\":{}0", " ".repeat(room)),
        ),
        ("digits".to_owned(), format!("\"x\":{}", "9".repeat(room))),
        (
            "digits of a date".to_owned(),
            format!("\"nbf\":{}", "9".repeat(room)),
        ),
        (
            "fraction of a date".to_owned(),
            format!("\"nbf\":1.{}", "0123456789".repeat(room / 10)),
        ),
        (
            "deep lists".to_owned(),
            format!("\"x\":{}{}", "[".repeat(room / 2), "]".repeat(room / 2)),
        ),
        (
            "deep objects".to_owned(),
            format!(
                "\"x\":{}1{}",
                "{\"\":".repeat(room / 6),
                "}".repeat(room / 6)
            ),
        ),
        ("members".to_owned(), vec![r#""a":1"#; room / 6].join(",")),
        (
            "members with escaped names".to_owned(),
            vec![r#""\u0061":1"#; room / 11].join(","),
        ),
        (
            "where an issuer might be".to_owned(),
            vec![r#""x":{"iss":"i"}"#; room / 16].join(","),
        ),
    ];
    for name in ["aud", "cognito:groups", "scope", "x"] {
        for element in ELEMENTS {
            if *element != " " && !element.ends_with(':') {
                fillers.push((format!("{name} of {element}"), list(name, element)));
            }
        }
    }
    fillers
        .into_iter()
        .map(|(name, filler)| (name, with_claims(claims, &filler)))
        .collect()
}

fn with_claims(claims: &str, filler: &str) -> String {
    let (rest, _) = claims.rsplit_once('}').unwrap();
    let comma = if rest == "{" { "" } else { "," };
    format!("{rest}{comma}{filler}}}")
}

/// These claims, and a random mixture of awkward parts of about so many bytes.
pub(crate) fn mixture(claims: &str, room: usize, random: &mut Random) -> String {
    let mut filler = String::new();
    let in_a_list = random.below(2) == 0;
    if in_a_list {
        filler.push_str(random.of(&["\"x\":[", "\"aud\":[", "\"cognito:groups\":["]));
    }
    // A few kinds each, so that some mixtures are regular.
    let from = if in_a_list { ELEMENTS } else { PARTS };
    let kinds: Vec<&str> = (0..1 + random.below(6)).map(|_| random.of(from)).collect();
    while filler.len() < room {
        filler.push_str(random.of(&kinds));
        filler.push(',');
    }
    filler.pop();
    if in_a_list {
        filler.push(']');
    }
    with_claims(claims, &filler)
}

/// A piece moved, doubled or taken away, or other parts written over it.
pub(crate) fn mutated(payload: &[u8], random: &mut Random) -> Vec<u8> {
    let pieces = payload.split_inclusive(|byte| *byte == b',');
    let mut pieces: Vec<Vec<u8>> = pieces.map(<[u8]>::to_vec).collect();
    for _ in 0..1 + random.below(8) {
        if pieces.is_empty() {
            break;
        }
        let at = random.below(pieces.len());
        let length = (1 + random.below(64)).min(pieces.len() - at);
        match random.below(4) {
            0 if pieces.len() > 100 => drop(pieces.drain(at..at + length)),
            1 => {
                let copy = pieces[at..at + length].to_vec();
                let to = random.below(pieces.len());
                pieces.splice(to..to, copy);
            }
            kind => {
                let from = if kind == 2 { PARTS } else { ELEMENTS };
                let parts = (0..length).map(|_| format!("{},", random.of(from)).into_bytes());
                let parts: Vec<_> = parts.collect();
                pieces.splice(at..at + length, parts);
            }
        }
    }
    pieces.concat()
}

/// xorshift64*: the same search every time, as far as its guide permits.
pub(crate) struct Random(u64);

impl Random {
    /// The seed is not zero.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    #[allow(clippy::cast_possible_truncation)]
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    pub(crate) fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }
}
