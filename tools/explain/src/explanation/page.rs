//! The page that is printed.

use std::fmt::Write;

use super::{
    Explanation, Verdict,
    step::{Line, Mark},
    words::wrap,
};

/// Colours are for terminals only.
#[derive(Clone, Copy)]
pub(crate) enum Paint {
    Colour,
    Plain,
}

#[derive(Clone, Copy)]
enum Tone {
    Good,
    Bad,
    Faint,
}

const NAME_WIDTH: usize = 12;

/// Of what does not fit into the line of a step.
const INDENT: usize = NAME_WIDTH + 11;

impl Explanation {
    /// The whole page. It holds claims; it never holds the signature.
    pub(crate) fn page(&self, paint: Paint) -> String {
        let mut page = String::new();
        for line in &self.lines {
            page.push_str(&line.text(paint));
        }
        if !self.rest.is_empty() {
            page.push_str("\n  other claims, not checked\n");
            for (name, value) in &self.rest {
                // Writing to a string cannot fail.
                let _ = writeln!(page, "{}", wrap(&format!("    {name}: {value}"), 6));
            }
        }
        if !self.is_proven {
            let note = "\n  None of this is proven: the signature was not verified.\n";
            page.push_str(&paint.tone(Tone::Faint, note));
        }
        page.push('\n');
        page.push_str(&self.conclusion(paint));
        page
    }

    fn conclusion(&self, paint: Paint) -> String {
        let expiry = self.expiry.as_deref().unwrap_or_default();
        let mut rejections = self.rejections.iter();
        let Some((rejected, advice)) = rejections.next() else {
            let (told, advice) = match self.verdict {
                Verdict::Open => (
                    "? undecided: no rule rejects the token, but its signature was not verified.",
                    NO_KEYS,
                ),
                _ => ("✓ accepted.", NOTHING),
            };
            let tone = if self.verdict == Verdict::Open {
                Tone::Faint
            } else {
                Tone::Good
            };
            let told = wrap(&format!("{} {expiry}", paint.tone(tone, told)), 2);
            return format!("{}\n{}\n", told.trim_end(), to_do(advice));
        };
        let rejected_mark = paint.tone(Tone::Bad, "✗ rejected:");
        let told = wrap(&format!("{rejected_mark} {rejected}. {expiry}"), 2);
        let answer = format!(
            "  The service returns {} and logs the reason `{}`.",
            rejected.status().as_u16(),
            rejected.reason(),
        );
        let mut text = format!("{}\n{answer}\n{}\n", told.trim_end(), to_do(advice));
        for (rejected, advice) in rejections {
            let next = wrap(
                &format!("  It would then reject the token because {rejected}. {advice}"),
                2,
            );
            text.push_str(&next);
            text.push('\n');
        }
        text
    }
}

const NOTHING: &str = "Nothing. If a service rejects this token, its pool, clients, scopes or clock differ from those given here.";
const NO_KEYS: &str = "Give the key set with `--jwks FILE`, or fetch it with `--fetch`.";

fn to_do(advice: &str) -> String {
    wrap(&format!("  What to do: {advice}"), 2)
}

impl Line {
    fn text(&self, paint: Paint) -> String {
        let (sign, tone) = match self.mark {
            Mark::Passed => ("✓", Tone::Good),
            Mark::Failed => ("✗", Tone::Bad),
            Mark::NotReached => ("–", Tone::Faint),
        };
        let expected = format!("  {:NAME_WIDTH$}expected {}", self.name, self.expected);
        let found = format!("  {:NAME_WIDTH$}found    {}", "", self.found);
        // The sign is in the first two columns.
        let text = format!("{}\n{}", wrap(&expected, INDENT), wrap(&found, INDENT));
        let text = text.trim_start().to_owned();
        let text = match self.mark {
            Mark::NotReached => paint.tone(Tone::Faint, &text),
            Mark::Passed | Mark::Failed => text,
        };
        format!("{} {text}\n", paint.tone(tone, sign))
    }
}

impl Paint {
    fn tone(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Faint => "2",
        };
        match self {
            Self::Colour => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            Self::Plain => text.to_owned(),
        }
    }
}
