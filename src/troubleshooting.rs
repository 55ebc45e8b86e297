//! Where log lines and errors send an operator: the sections of the troubleshooting page.

macro_rules! sections {
    ($($(#[$attribute:meta])* $name:ident = $anchor:literal;)+) => {
        $(
            $(#[$attribute])*
            pub(crate) const $name: &str = concat!(
                "https://docs.rs/tower-cognito/",
                env!("CARGO_PKG_VERSION"),
                "/tower_cognito/guide/troubleshooting/index.html#",
                $anchor,
            );
        )+

        #[cfg(test)]
        const ANCHORS: &[&str] = &[$($anchor),+];
    };
}

sections! {
    BUILD_ERROR = "build-returns-an-error";
    EVERY_REQUEST_401 = "every-request-gets-401";
    KEYS_UNAVAILABLE = "503-after-a-deployment";
    LATE_REJECTION = "200-instead-of-401-or-403";
    MISSING_LAYER = "500-on-one-route";
    MISSING_SCOPE = "403-although-the-token-has-the-scope";
    #[cfg(feature = "client")]
    NO_TOKEN = "a-client-gets-no-token";
    STARTUP_WARNING = "a-warning-at-startup";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::ANCHORS;

    /// The anchor that rustdoc and GitHub give a heading.
    fn anchor(heading: &str) -> String {
        heading
            .chars()
            .filter_map(|character| match character {
                ' ' | '-' => Some('-'),
                _ => character
                    .is_alphanumeric()
                    .then(|| character.to_ascii_lowercase()),
            })
            .collect()
    }

    #[test]
    fn every_link_leads_to_a_section_of_the_troubleshooting_page() {
        let page = include_str!("../docs/guide/troubleshooting.md");
        let sections: BTreeSet<_> = page
            .lines()
            .filter_map(|line| line.strip_prefix("## "))
            .map(anchor)
            .collect();
        assert!(sections.contains("every-request-gets-401"));
        for linked in ANCHORS {
            assert!(sections.contains(*linked), "{linked} of {sections:?}");
        }
    }
}
