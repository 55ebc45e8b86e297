//! The scopes of a token, as its `scope` claim lists them (RFC 6749 §3.3).

/// The scopes of a `scope` claim: separated by U+0020 and by nothing else.
///
/// `str::split_whitespace` would also split on tab and on the white space of Unicode, and so find
/// scopes that the issuer did not grant.
pub(crate) fn split(claim: &str) -> impl Iterator<Item = &str> + Clone {
    Split { rest: Some(claim) }.filter(|scope| !scope.is_empty())
}

/// Whether [`split`] finds this scope token in a `scope` claim, without splitting it.
pub(super) fn contains(claim: &str, scope_token: &str) -> bool {
    let mut rest = claim.as_bytes();
    loop {
        let after = rest.strip_prefix(scope_token.as_bytes());
        if after.is_some_and(|after| matches!(after.first(), None | Some(b' '))) {
            return true;
        }
        match first_space(rest).and_then(|at| rest.get(at + 1..)) {
            Some(next) => rest = next,
            None => return false,
        }
    }
}

/// As `str::split`, which calls a search for each piece: too much for pieces as short as scopes.
#[derive(Clone)]
struct Split<'a> {
    rest: Option<&'a str>,
}

impl<'a> Iterator for Split<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest?;
        let piece = first_space(rest.as_bytes()).and_then(|at| rest.split_at_checked(at));
        match piece {
            Some((piece, after)) => {
                self.rest = after.get(1..);
                Some(piece)
            }
            None => self.rest.take(),
        }
    }
}

/// Looks at eight bytes at a time.
fn first_space(text: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH_BITS: u64 = u64::from_le_bytes([0x80; 8]);
    const SPACES: u64 = u64::from_le_bytes([b' '; 8]);
    let (mut rest, mut at) = (text, 0);
    while let Some((word, after)) = rest.split_first_chunk() {
        let others = u64::from_le_bytes(*word) ^ SPACES;
        // The high bit of each byte that is none of the others. Bits above the lowest may be wrong.
        let spaces = others.wrapping_sub(ONES) & !others & HIGH_BITS;
        if spaces != 0 {
            return Some(at + spaces.trailing_zeros() as usize / 8);
        }
        at += word.len();
        rest = after;
    }
    let last = rest.iter().position(|&byte| byte == b' ');
    last.map(|within| at + within)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_separated_by_spaces_wherever_they_are() {
        for claim in ["", " ", "a", "  a", "a  ", "a b", " a  bb   ccc "] {
            for before in 0..20 {
                let claim = format!("{}{claim}ä{claim}\t{claim}", "x".repeat(before));
                let pieces = claim.split(' ').filter(|piece| !piece.is_empty());
                assert_eq!(
                    split(&claim).collect::<Vec<_>>(),
                    pieces.collect::<Vec<_>>(),
                    "{claim:?}"
                );
            }
        }
    }
}
