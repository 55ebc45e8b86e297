//! What the costliest token costs per byte that is rejected before its signature: a search that is
//! guided by a count instead of a time, so that it matters little what else the machine does.
//! Two runs still differ: callgrind counts a few instructions more or less for the same blocks, and
//! the counts decide what is tried next.
//!
//! `benches/cost.sh` (`just cost`) compiles this program twice. With SanitizerCoverage every basic
//! block of the Rust code calls [`__sanitizer_cov_trace_pc`], and the calls are counted. Without
//! it, callgrind counts instructions. Blocks are counted fast, but leave out C and the standard
//! library, and are of different lengths. So the search goes in rounds: it prefers candidates by
//! their blocks and by the instructions that a block of their parent took, and then callgrind
//! counts those of the best, which are the next parents.
//!
//! Unlike `hostile`, the search also takes shorter tokens, which may cost more per byte, and
//! mutates bytes of the header, of the payload and of the encoded token.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::{
    cmp::Reverse,
    fmt::Write,
    fs,
    hint::black_box,
    path::Path,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use tower_cognito::{AuthError, Verifier};

use self::support::{
    Issuer, claims_without_time,
    hostile_tokens::{PARTS, Random, known, mixture, mutated},
};

/// The last is the default of `max_token_bytes`.
const LENGTHS: [usize; 4] = [200, 1024, 4096, 16 * 1024];

/// Of each length and round: the costliest that were counted, which stay; those that are counted
/// next; and how many of these may have one parent.
const STAY: usize = 16;
const FOUND: usize = 48;
const OF_ONE_PARENT: usize = 6;

/// What is written repeatedly: each is short, and has its own way through the reader.
const UNITS: &[&str] = &[
    " ",
    "\n",
    "a",
    "ä",
    "€",
    "😀",
    r"\n",
    r"\u0041",
    r"\ud83d\ude00",
    "9",
    "0",
    "-",
    "e",
    ".",
    "[",
    "]",
    "{",
    "}",
    "\"",
    ":",
    ",",
    "\\",
    r#"{"":"#,
    r#""":"#,
    r#""\n","#,
];

static BLOCKS: AtomicU64 = AtomicU64::new(0);

/// Called from every basic block of a build with `-sanitizer-coverage-trace-pc`. The pass leaves
/// out functions whose name begins like this one, so it does not call itself.
///
/// There is one thread, so a load and a store suffice.
#[allow(
    unsafe_code,
    reason = "the pass calls a symbol, and symbols may clash; no other crate here defines this one"
)]
#[unsafe(no_mangle)]
extern "C" fn __sanitizer_cov_trace_pc() {
    BLOCKS.store(BLOCKS.load(Relaxed).wrapping_add(1), Relaxed);
}

fn main() {
    let arguments = std::env::args().skip(1);
    let arguments: Vec<String> = arguments.filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["known", directory] => write(directory, &known_ones(&Judge::new())),
        ["seeds", directory] => write(directory, &seeds(&Judge::new())),
        ["search", round, tries, directory] => {
            let round = round.parse().expect("ROUND is a number");
            let tries = tries.parse().expect("TRIES is a number");
            let found = search_all(&Judge::new(), round, tries, &read(directory));
            write(directory, &found);
        }
        ["verify", directory] => verify_all(directory),
        // That it works: without instrumentation, every candidate costs nothing.
        ["--quick" | "--test"] => {
            let judge = Judge::new();
            let all = search_all(&judge, 1, 200, &seeds(&judge));
            println!("{} candidates were rejected", all.len());
        }
        _ => println!("usage: known|seeds|verify DIRECTORY; search ROUND TRIES DIRECTORY; --quick"),
    }
}

/// The payloads that are known to be awkward, as `hostile` measures them.
fn known_ones(judge: &Judge) -> Vec<Counted> {
    let known = known(&claims_without_time(), 11_600).into_iter();
    let known = known.filter_map(|(name, payload)| {
        let candidate = Candidate::new(payload, 342);
        judge.counted(&name, candidate, LENGTHS[LENGTHS.len() - 1])
    });
    known.collect()
}

/// The same for each length, with claims and without.
fn seeds(judge: &Judge) -> Vec<Counted> {
    let claims = claims_without_time();
    let mut seeds = Vec::new();
    for length in LENGTHS {
        for base in [&*claims, "{}"] {
            for (name, payload) in known(base, room(length, base)) {
                seeds.extend(judge.counted(&name, Candidate::new(payload, 4), length));
            }
        }
    }
    seeds
}

/// What claims leave of a token of this length, decoded.
fn room(length: usize, base: &str) -> usize {
    ((length - 50) / 4 * 3).saturating_sub(base.len())
}

fn search_all(judge: &Judge, round: u64, tries: usize, counted: &[Counted]) -> Vec<Counted> {
    let mut all = Vec::new();
    for length in LENGTHS {
        let parents = counted.iter().filter(|counted| counted.length == length);
        let mut parents: Vec<Counted> = parents.cloned().collect();
        parents.sort_by_key(|parent| Reverse(parent.instructions));
        let found = search(judge, round, length, tries, &parents);
        parents.truncate(STAY);
        all.extend(parents);
        all.extend(found);
    }
    all
}

/// Candidates that promise to cost more than the parents.
fn search(
    judge: &Judge,
    round: u64,
    length: usize,
    tries: usize,
    parents: &[Counted],
) -> Vec<Counted> {
    let claims = claims_without_time();
    let mut random = Random::new(round);
    let mut best: Vec<Child> = Vec::new();
    for _ in 0..tries {
        // The costliest parents more often, and what is promising as often as them.
        let of_parents = random.below(2) == 0 || best.is_empty();
        let (root, from) = if of_parents {
            let root = random.below(parents.len());
            let root = random.below(root + 1);
            (root, &parents[root].candidate)
        } else {
            let child = &best[random.below(best.len())];
            (child.root, &child.candidate)
        };
        let candidate = if random.below(8) == 0 {
            let base = random.of(&[&*claims, "{}"]);
            let payload = mixture(base, room(length, base), &mut random);
            Candidate::new(payload, 4)
        } else {
            let other = &parents[random.below(parents.len())].candidate;
            from.child(other, &mut random)
        };
        let Some(blocks) = judge.blocks(&candidate.token(length)) else {
            continue;
        };
        // As many instructions for each block as the parent has.
        let parent = &parents[root];
        let promise = blocks * parent.instructions / parent.blocks.max(1);
        // Of candidates that cost the same, one is enough.
        let is_new = |other: &Child| other.blocks != blocks || blocks == 0;
        if !best.iter().all(is_new)
            || parents
                .iter()
                .any(|other| other.blocks == blocks && blocks > 0)
        {
            continue;
        }
        let at = best.partition_point(|other| other.promise > promise);
        best.insert(
            at,
            Child {
                root,
                promise,
                blocks,
                candidate,
            },
        );
        // Parents whose blocks are long promise too much for children with others, and would leave
        // no place for the children of others.
        if best.iter().filter(|child| child.root == root).count() > OF_ONE_PARENT {
            let last = best.iter().rposition(|child| child.root == root);
            best.remove(last.unwrap());
        }
        best.truncate(FOUND);
    }
    let best = best.into_iter();
    let best = best.filter_map(|child| judge.counted("found", child.candidate, length));
    best.collect()
}

struct Child {
    /// The parent whose instructions were counted.
    root: usize,
    /// How many instructions it may take.
    promise: u64,
    blocks: u64,
    candidate: Candidate,
}

/// What it costs. Nothing is known of the instructions until callgrind has counted them.
#[derive(Clone)]
struct Counted {
    name: String,
    length: usize,
    blocks: u64,
    instructions: u64,
    candidate: Candidate,
}

/// The candidates, one a line, for this program and for `benches/cost.sh`.
fn write(directory: &str, all: &[Counted]) {
    let blocks: u64 = all.iter().map(|counted| counted.blocks).sum();
    assert!(blocks > 0, "built without SanitizerCoverage");
    let mut index = String::new();
    for Counted {
        name,
        length,
        blocks,
        candidate,
        ..
    } in all
    {
        let bytes = candidate.token(*length).len();
        let [header, payload] = [&candidate.header, &candidate.payload];
        let [header, payload] = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part));
        let signature = candidate.signature;
        let (at, byte) = candidate.overwritten.unwrap_or((0, 0));
        let excerpt = candidate.excerpt();
        writeln!(
            index,
            "{name}\t{bytes}\t{blocks}\t{excerpt}\t{length}\t{signature}\t{at}\t{byte}\t{header}\t{payload}"
        )
        .unwrap();
    }
    fs::write(Path::new(directory).join("index"), index).unwrap();
}

fn read(directory: &str) -> Vec<Counted> {
    let index = fs::read_to_string(Path::new(directory).join("index")).unwrap();
    let counted = fs::read_to_string(Path::new(directory).join("counted")).unwrap_or_default();
    let mut counted = counted.lines();
    let one = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let number = |at: usize| fields[at].parse::<u64>().unwrap();
        let size = |at: usize| fields[at].parse::<usize>().unwrap();
        let byte = fields[7].parse().unwrap();
        Counted {
            name: fields[0].to_owned(),
            length: size(4),
            blocks: number(2),
            instructions: counted.next().map_or(0, |count| count.parse().unwrap()),
            candidate: Candidate {
                header: URL_SAFE_NO_PAD.decode(fields[8]).unwrap(),
                payload: URL_SAFE_NO_PAD.decode(fields[9]).unwrap(),
                signature: size(5),
                overwritten: (byte != 0).then_some((size(6), byte)),
            },
        }
    };
    index.lines().map(one).collect()
}

struct Judge {
    verifier: Verifier,
}

impl Judge {
    fn new() -> Self {
        let verifier = Issuer::new().verifier_without_time();
        Self { verifier }
    }

    fn counted(&self, name: &str, candidate: Candidate, length: usize) -> Option<Counted> {
        let token = candidate.token(length);
        let blocks = self.blocks(&token)?;
        assert_eq!(self.blocks(&token), Some(blocks), "the count varies");
        Some(Counted {
            name: name.to_owned(),
            length,
            blocks,
            instructions: 0,
            candidate,
        })
    }

    /// The basic blocks that run until the token is rejected. `None` if it gets as far as the
    /// signature, which a service pays for by every such token.
    fn blocks(&self, token: &str) -> Option<u64> {
        // The first token that is rejected for a reason may cause a warning, so the second one
        // counts.
        let _ = self.verifier.try_verify(black_box(token));
        let before = BLOCKS.load(Relaxed);
        let verdict = self.verifier.try_verify(black_box(token));
        let blocks = BLOCKS.load(Relaxed).wrapping_sub(before);
        match verdict.expect("pinned keys are never waited for") {
            Err(AuthError::InvalidSignature) => None,
            Err(_) => Some(blocks),
            Ok(_) => panic!("an unsigned token was accepted: {token}"),
        }
    }
}

#[derive(Clone)]
struct Candidate {
    header: Vec<u8>,
    payload: Vec<u8>,
    signature: usize,
    /// A byte of the encoded token, and where it is.
    overwritten: Option<(usize, u8)>,
}

impl Candidate {
    /// It names a key that there is not.
    fn new(payload: String, signature: usize) -> Self {
        Self {
            header: br#"{"kid":"nobody","alg":"RS256"}"#.to_vec(),
            payload: payload.into_bytes(),
            signature,
            overwritten: None,
        }
    }

    /// The token, of at most so many bytes: what is too long is cut.
    fn token(&self, bytes: usize) -> String {
        let room = bytes - self.signature.min(bytes / 2) - 2;
        let header = &self.header[..self.header.len().min(room * 3 / 4)];
        let header = URL_SAFE_NO_PAD.encode(header);
        let room = room.saturating_sub(header.len()) * 3 / 4;
        let payload = URL_SAFE_NO_PAD.encode(&self.payload[..self.payload.len().min(room)]);
        let signature = "A".repeat(self.signature.min(bytes / 2));
        let mut token = format!("{header}.{payload}.{signature}").into_bytes();
        if let Some((at, byte)) = self.overwritten {
            let at = at % token.len();
            token[at] = byte;
        }
        String::from_utf8(token).unwrap()
    }

    fn child(&self, other: &Self, random: &mut Random) -> Self {
        let mut child = self.clone();
        for _ in 0..1 + random.below(3) {
            match random.below(16) {
                0 => child.signature = [4, 342][random.below(2)],
                1 => {
                    let byte = *b".=+/~ -_A".get(random.below(9)).unwrap();
                    let overwritten = Some((random.below(16 * 1024), byte));
                    child.overwritten = [overwritten, None][random.below(2)];
                }
                2 => child.header.clone_from(&other.header),
                3 | 4 => edit(&mut child.header, random),
                5..=7 => child.payload = mutated(&child.payload, random),
                8 | 9 => {
                    let at = random.below(child.payload.len() + 1);
                    child.payload.truncate(at);
                    child.payload.extend(other.payload.iter().skip(at));
                }
                _ => edit(&mut child.payload, random),
            }
        }
        child
    }

    /// Some characters of the header and of the middle of the payload.
    fn excerpt(&self) -> String {
        let part = |bytes: &[u8], from: usize| {
            let text = String::from_utf8_lossy(bytes);
            let text: String = text.chars().skip(from).take(60).collect();
            text.escape_debug().to_string()
        };
        format!(
            "{}.{} … {}",
            part(&self.header, 0),
            part(&self.payload, 0),
            part(&self.payload, self.payload.len() / 2)
        )
    }
}

/// Bytes changed, written repeatedly, copied or taken away.
fn edit(text: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(text.len() + 1);
    let length = [1, 4, 32, 256, 2048][random.below(5)];
    let length = (1 + random.below(length)).min(text.len() - at);
    let unit = random.of(UNITS).as_bytes();
    let member = random.of(PARTS).as_bytes();
    match random.below(7) {
        0 if at < text.len() => text[at] ^= 1 << random.below(8),
        1 => drop(text.drain(at..at + length)),
        2 => {
            let copy = text[at..at + length].to_vec();
            let to = random.below(text.len() + 1);
            text.splice(to..to, copy);
        }
        3 => {
            let repeated = unit.repeat(1 + random.below(2048) / unit.len());
            text.splice(at..at, repeated);
        }
        4 => {
            // In place, so that what follows keeps its meaning.
            let written: Vec<u8> = unit.iter().copied().cycle().take(length).collect();
            text.splice(at..at + length, written);
        }
        5 => {
            text.splice(at..at, [b",", member].concat());
        }
        _ => {
            text.splice(at..at, unit.iter().copied());
        }
    }
}

/// Nothing, the RSA verification alone, and each token of the index.
fn verify_all(directory: &str) {
    let issuer = Issuer::new();
    let token = issuer.token("access", "rsa", 3600);
    let (input, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    measured(&mut || true);
    counted_when_warm(|| {
        let input = black_box(input.as_bytes());
        issuer.public.verify_sig(input, &signature).is_ok()
    });
    let verifier = issuer.verifier_without_time();
    for counted in read(directory) {
        let token = counted.candidate.token(counted.length);
        counted_when_warm(|| {
            let verdict = verifier.try_verify(black_box(&token));
            verdict.is_some_and(|verdict| verdict.is_err())
        });
    }
}

fn counted_when_warm(mut once: impl FnMut() -> bool) {
    // So that nothing is done for the first time when it counts.
    assert!(once());
    measured(&mut once);
}

/// Callgrind counts what happens in here, and writes it down at the end of each call.
#[inline(never)]
fn measured(once: &mut dyn FnMut() -> bool) {
    assert!(once());
}
