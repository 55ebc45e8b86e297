//! The reader against serde_json, and the rules that only the reader has.

use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;

/// The members of an object, or why it is not one.
fn members(text: &str, steps: Steps) -> Result<Vec<(String, String)>, Stop> {
    let mut members = Vec::new();
    Reader::new(text.as_bytes(), steps).object(|name, value| {
        let value = match value {
            Value::String(string) => format!("\"{}\"", string.at.of_str(text)),
            Value::Number(span) | Value::List(span) => span.of_str(text).to_owned(),
            Value::Other => "other".to_owned(),
        };
        members.push((name.at.of_str(text).to_owned(), value));
        Ok(())
    })?;
    Ok(members)
}

fn accepts(text: &str) -> bool {
    members(text, Steps::Any).is_ok()
}

/// What serde_json says of an object whose values are not read.
fn serde_json_accepts(text: &str) -> bool {
    text.trim_ascii_start().starts_with('{') && serde_json::from_str::<&RawValue>(text).is_ok()
}

/// Long runs are read sixteen bytes at a time.
#[test]
fn white_space_of_any_length_is_these_four_characters() {
    for length in 1..40 {
        for at in 0..length {
            for byte in [
                b' ', b'\n', b'\t', b'\r', 0, 8, 11, 12, 14, 31, b'!', 0x7f, 0x85, 0xa0, 0xff,
            ] {
                let mut space = vec![b' '; length];
                space[at] = byte;
                let text = [b"{\"a\":", space.as_slice(), b"1}"].concat();
                let read = Reader::new(&text, Steps::Any).object(|_, _| Ok(()));
                assert_eq!(read.is_ok(), b" \n\t\r".contains(&byte), "{text:?}");
            }
        }
    }
}

#[test]
fn only_one_object_is_read() {
    for text in [
        "{}",
        " \n{\"name\":\"x\"}\r\n\t",
        "{\"other\":[{}]}",
        "{\"other\":1,\"other\":2}",
        "{ \"a\" : [ 1 , [ ] , { } , { \"b\" : null } ] , \"c\" : false }",
        "{\"\":-0.5e+10}",
        "{\"lone surrogate\":\"\\ud800\"}",
    ] {
        assert!(accepts(text), "{text:?}");
    }
    for text in [
        "",
        "null",
        "[]",
        "[\"x\"]",
        "\"x\"",
        "1",
        "{",
        "{}x",
        "{}{}",
        "{\"name\":\"x\",}",
        "{,}",
        "{\"name\"}",
        "{\"name\":}",
        "{name:1}",
        "\u{feff}{}",
        "{/**/}",
        "{\"other\":NaN}",
        "{\"other\":[1,]}",
        "{\"other\":[,1]}",
        "{\"other\":[1}",
        "{\"other\":[1}]",
        "{\"other\":{]}",
        "{\"other\":{1:1}}",
        "{\"other\":tru}",
        "{\"other\":nulll}",
        "{\"other\":01}",
        "{\"other\":-}",
        "{\"other\":1.}",
        "{\"other\":.5}",
        "{\"other\":1e}",
        "{\"other\":+1}",
        "{\"other\":\u{a0}1}",
        "{'name':'x'}",
        "{\"name\":\"\n\"}",
        "{\"name\":\"\\x41\"}",
        "{\"name\":\"\\u12g4\"}",
        "{\"name\":\"\\u123",
        "{\"name\":\"",
        "{\"name\":\"\\",
    ] {
        assert!(!accepts(text), "{text:?}");
    }
}

/// Eight bytes are checked together, and sixteen after them, so every byte is tried in every
/// place of both.
#[test]
fn a_byte_is_what_it_is_in_every_place_of_a_word() {
    for before in 0..44 {
        for byte in u8::MIN..=u8::MAX {
            let around = |unit: &str, after: usize| {
                let before = unit.repeat(before);
                let after = unit.repeat(after);
                [before.as_bytes(), &[byte], after.as_bytes()].concat()
            };
            let reads = |value: &[u8]| {
                let text = [b"{\"a\":", value, b"}"].concat();
                Reader::new(&text, Steps::Any).object(|_, _| Ok(())).is_ok()
            };
            let string = [b"\"".as_slice(), &around("a", 32), b"\""].concat();
            let plain = !matches!(byte, b'"' | b'\\' | ..b' ');
            assert_eq!(reads(&string), plain, "{before} {byte:#x}");
            let mut number = around("1", 12);
            number.insert(0, b'1');
            let digit = byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E');
            assert_eq!(reads(&number), digit, "{before} {byte:#x}");
        }
    }
}

#[test]
fn members_are_found_where_they_are() {
    let text = r#" {"a":"x\n", "\u0062" : -1.5e3 ,"c":[1,"]"],"d":{"a":[]},"e":true}"#;
    let expected = [
        ("a", r#""x\n""#),
        (r"\u0062", "-1.5e3"),
        ("c", r#"[1,"]"]"#),
        ("d", "other"),
        ("e", "other"),
    ];
    let found = members(text, Steps::Any).unwrap();
    let found = found.iter().map(|(name, value)| (&**name, &**value));
    assert_eq!(found.collect::<Vec<_>>(), expected);
}

#[test]
fn a_list_is_read_again_element_by_element() {
    let text = r#"{"list": [ "a" , 1,["b"],{"c":"d"} , "\u0065" ] }"#;
    let mut list = None;
    Reader::new(text.as_bytes(), Steps::Any)
        .object(|_, value| {
            list = Some(value);
            Ok(())
        })
        .unwrap();
    let Some(Value::List(list)) = list else {
        panic!("{list:?}");
    };
    let elements = elements(text.as_bytes(), list).map(|element| match element {
        Value::String(string) => string.at.of_str(text),
        Value::Number(span) | Value::List(span) => span.of_str(text),
        Value::Other => "other",
    });
    assert_eq!(
        elements.collect::<Vec<_>>(),
        ["a", "1", r#"["b"]"#, "other", r"\u0065"]
    );
}

#[test]
fn a_name_a_value_and_an_escape_take_a_step_each() {
    for (text, steps) in [
        ("{}", 0),
        (r#"{"a":1}"#, 2),
        (r#"{"a":"b","c":true}"#, 4),
        (r#"{"a":"\n\u0041"}"#, 4),
        (r#"{"\n":[]}"#, 3),
        (r#"{"a":[1,"b",[]]}"#, 5),
        (r#"{"a":{"b":null}}"#, 4),
    ] {
        assert!(members(text, Steps::AtMost(steps)).is_ok(), "{text}");
        if steps > 0 {
            let one_less = members(text, Steps::AtMost(steps - 1));
            assert_eq!(one_less, Err(Stop::OutOfSteps), "{text}");
        }
    }
}

#[test]
fn nesting_ends_at_128_where_steps_are_limited_and_nowhere_else() {
    let limited = Steps::AtMost(100_000);
    let nested = |open: &str, close: &str, times: usize| {
        format!("{{\"a\":{}1{}}}", open.repeat(times), close.repeat(times))
    };
    for (open, close) in [("[", "]"), ("{\"b\":", "}"), ("[{\"b\":", "}]")] {
        let at_most = 128 / open.matches(['[', '{']).count();
        assert!(members(&nested(open, close, at_most), limited).is_ok());
        let deeper = members(&nested(open, close, at_most + 1), limited);
        assert_eq!(deeper, Err(Stop::OutOfSteps));
        for depth in [127, 128, 129, 255, 256, 257, 385, 10_000] {
            let text = nested(open, close, depth);
            assert!(accepts(&text), "{depth}");
            // Each bracket is that of its container.
            for at in [text.len() - 2, text.len() - 2 - depth / 2] {
                let mut text = text.clone();
                let other = if &text[at..=at] == "]" { "}" } else { "]" };
                text.replace_range(at..=at, other);
                assert!(!accepts(&text), "{depth}");
            }
        }
    }
    // What is closed leaves room.
    let wide = format!("{{\"a\":[{}1]}}", "[1],".repeat(1000));
    assert!(members(&wide, limited).is_ok());
}

fn raw(text: &str) -> RawStr<'_> {
    let at = Span {
        start: 0,
        end: u32::try_from(text.len()).unwrap(),
    };
    let escaped = text.contains('\\');
    JsonString { at, escaped }.of(text.as_bytes())
}

#[test]
fn a_string_says_what_its_escapes_mean() {
    for (written, said) in [
        ("plain", "plain"),
        ("", ""),
        (r"https:\/\/example.com\/a", "https://example.com/a"),
        (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
        (r"\u0061\u00e4\u20AC", "aä€"),
        (r"x\ud83d\ude00y", "x😀y"),
        ("ä€\\u0000", "ä€\0"),
    ] {
        assert!(raw(written).is(said), "{written}");
        assert!(!raw(written).is(&format!("{said}x")), "{written}");
        assert!(!raw(&format!("{written}x")).is(said), "{written}");
        assert!(raw(written).is_well_formed());
        let mut room = [0; 32];
        assert_eq!(raw(written).short(&mut room), Some(said));
        let mut onto = "before".to_owned();
        unescape_onto(written, &mut onto).unwrap();
        assert_eq!(onto, format!("before{said}"));
    }
}

#[test]
fn half_of_a_pair_of_surrogates_is_not_text() {
    for written in [
        r"\ud800",
        r"a\udc00",
        r"\ud800a",
        r"\ud800\n",
        r"\ud800\u0061",
        r"\ud800\ud800",
    ] {
        assert!(!raw(written).is_well_formed(), "{written}");
        assert!(!raw(written).is("a"), "{written}");
        assert_eq!(raw(written).short(&mut [0; 32]), None, "{written}");
        let mut onto = "before".to_owned();
        assert_eq!(unescape_onto(written, &mut onto), None, "{written}");
        assert_eq!(onto, "before");
    }
}

#[test]
fn what_is_longer_than_the_room_is_not_short() {
    assert_eq!(raw("abc").short(&mut [0; 3]), Some("abc"));
    assert_eq!(raw("abcd").short(&mut [0; 3]), None);
    assert_eq!(raw(r"\u0061bc").short(&mut [0; 3]), Some("abc"));
    assert_eq!(raw(r"\u0061bcd").short(&mut [0; 3]), None);
}

/// Texts that are JSON, nearly JSON, or made of what JSON is made of.
fn texts() -> impl Strategy<Value = String> {
    let string = r#""([ a-zA-Zäö€/\[\]{}:,]|\\["\\/bfnrtux]|\\u[0-9a-fD]{4}){0,12}""#;
    let leaf = prop_oneof![
        string.prop_map(|string| string),
        "-?[0-9]{1,3}(\\.[0-9]{0,3})?([eE][+-]?[0-9]{0,2})?".prop_map(|number| number),
        prop_oneof![
            Just("true"),
            Just("false"),
            Just("null"),
            Just("tru"),
            Just("")
        ]
        .prop_map(str::to_owned),
    ];
    let space = "[ \t\r\n]{0,2}";
    let value = leaf.prop_recursive(4, 40, 5, move |inner| {
        let spaced = (space, inner.clone(), space).prop_map(|(a, value, b)| a + &value + &b);
        let member = (string, space, spaced.clone())
            .prop_map(|(name, space, value)| format!("{name}{space}:{value}"));
        prop_oneof![
            prop::collection::vec(spaced, 0..5).prop_map(|list| format!("[{}]", list.join(","))),
            prop::collection::vec(member, 0..5).prop_map(|list| format!("{{{}}}", list.join(","))),
        ]
    });
    prop_oneof![
        8 => value.prop_map(|value| format!("{{\"a\":{value}}}")),
        2 => "[\\[\\]{}:,\" \\\\0-9a-ftrue.-]{0,40}".prop_map(|soup| format!("{{{soup}}}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_reader_accepts_what_serde_json_accepts(text in texts()) {
        prop_assert_eq!(accepts(&text), serde_json_accepts(&text), "{}", text);
    }

    #[test]
    fn one_character_more_less_or_other_changes_both_alike(
        text in texts(),
        at: prop::sample::Index,
        with in "[\\[\\]{}:,\" \\\\0-9a-f\u{1}.-]?",
        cut: bool,
    ) {
        let chars: Vec<char> = text.chars().collect();
        let at = at.index(chars.len());
        let changed: String = chars[..at].iter().copied()
            .chain(with.chars())
            .chain(chars[at + usize::from(cut)..].iter().copied())
            .collect();
        prop_assert_eq!(accepts(&changed), serde_json_accepts(&changed), "{}", changed);
    }

    #[test]
    fn a_string_says_what_serde_json_reads(text in r#"([ a-zäö€/]|\\["\\/bfnrt]|\\u[0-9a-f]{4}|\\ud83d\\ude0[0-9]){0,12}"#) {
        let read = serde_json::from_str::<String>(&format!("\"{text}\"")).ok();
        let mut written = String::new();
        let said = unescape_onto(&text, &mut written).map(|()| written);
        prop_assert_eq!(&said, &read);
        prop_assert_eq!(raw(&text).is_well_formed(), read.is_some());
        if let Some(read) = &read {
            prop_assert!(raw(&text).is(read));
            let mut room = [0; 100];
            prop_assert_eq!(raw(&text).short(&mut room), Some(&**read));
        }
    }
}
