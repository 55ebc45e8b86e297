//! The page that is printed.

use std::fmt::Write;

use super::{
    Explanation,
    step::{Line, Mark},
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

impl Explanation {
    /// The whole page. It holds claims; it never holds the signature.
    pub(crate) fn page(&self, paint: Paint) -> String {
        let mut page = String::new();
        for line in &self.lines {
            page.push_str(&line.text(paint));
        }
        if !self.rest.is_empty() {
            page.push_str("\n  also in it, and not looked at\n");
            for (name, value) in &self.rest {
                // Writing to a string cannot fail.
                let _ = writeln!(page, "    {name}: {value}");
            }
        }
        if !self.is_proven {
            let note = "\n  Nothing of this is proven: the signature was not accepted.\n";
            page.push_str(&paint.tone(Tone::Faint, note));
        }
        page.push('\n');
        page.push_str(&self.conclusion(paint));
        page
    }

    fn conclusion(&self, paint: Paint) -> String {
        let expiry = self.expiry.as_deref().unwrap_or_default();
        match &self.verdict {
            Ok(()) => {
                let accepted = paint.tone(Tone::Good, "✓ accepted.");
                format!("{accepted} {expiry}\n  What to do: {}\n", self.advice)
            }
            Err(refused) => {
                let told = format!("✗ refused: {refused}.");
                format!(
                    "{} {expiry}\n  The service answers {}, and logs the reason `{}`.\n  What to do: {}\n",
                    paint.tone(Tone::Bad, &told),
                    refused.status().as_u16(),
                    refused.reason(),
                    self.advice
                )
            }
        }
    }
}

impl Line {
    fn text(&self, paint: Paint) -> String {
        let (sign, tone) = match self.mark {
            Mark::Passed => ("✓", Tone::Good),
            Mark::Failed => ("✗", Tone::Bad),
            Mark::NotReached => ("–", Tone::Faint),
        };
        let text = format!(
            "{:NAME_WIDTH$}expected {}\n  {:NAME_WIDTH$}found    {}",
            self.name, self.expected, "", self.found
        );
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
