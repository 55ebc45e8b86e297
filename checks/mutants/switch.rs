//! The switches of the mutants: `MUTANT=7` turns number 7 on, `MUTANT_TRACE=FILE` appends the
//! number of each mutant to the file when it is reached first.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

const UNREAD: u32 = u32::MAX;
const NONE: u32 = u32::MAX - 1;
const TRACING: u32 = u32::MAX - 2;

static CHOSEN: AtomicU32 = AtomicU32::new(UNREAD);
static TRACE: OnceLock<File> = OnceLock::new();
static REACHED: [AtomicBool; 1 << 14] = [const { AtomicBool::new(false) }; 1 << 14];

/// Whether this mutant is turned on.
#[inline(always)]
pub fn on(mutant: u32) -> bool {
    match CHOSEN.load(Relaxed) {
        UNREAD | TRACING => first_or_traced(mutant),
        NONE => false,
        chosen => chosen == mutant,
    }
}

fn first_or_traced(mutant: u32) -> bool {
    if CHOSEN.load(Relaxed) == UNREAD {
        CHOSEN.store(choice(), Relaxed);
        return on(mutant);
    }
    if !REACHED[mutant as usize].swap(true, Relaxed) {
        // On the stack: some tests count allocations.
        let mut line = [b'\n'; 11];
        let (mut at, mut rest) = (10, mutant);
        loop {
            at -= 1;
            line[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        let _ = TRACE.get().map(|mut file| file.write_all(&line[at..]));
    }
    false
}

fn choice() -> u32 {
    if let Some(path) = std::env::var_os("MUTANT_TRACE") {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let _ = TRACE.set(file.expect("MUTANT_TRACE is a file"));
        return TRACING;
    }
    std::env::var("MUTANT").ok().map_or(NONE, |number| number.parse().expect("MUTANT is a number"))
}
