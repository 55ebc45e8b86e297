//! Notices the public keys of the test kit where they do not belong.

use crate::troubleshooting;

/// The beginning of the moduli of the keys in `fixtures/keys/`, as a JWK Set writes them. Their
/// private halves are in every copy of this crate.
const MODULI: [&str; 3] = [
    "v50VBOcWaWhJziTzGsqNYGvGkkrhgUTJ5VzQPVsbXFh",
    "uKzTwxOww4boTDnwGnH0Q4r7_qcHy-hscERVhzwcW7Q",
    "khJu_Xzoul8RcKk4cHn2V9F1OVoQrFdd2YYMMBQQ17d",
];

/// Warns of a release build that is configured to trust one of them. A debug build is a test or an
/// example.
pub(crate) fn warn_of(setting: &'static str, jwks: &str) {
    if cfg!(not(debug_assertions)) && are_in(jwks) {
        tracing::warn!(
            setting,
            help = troubleshooting::STARTUP_WARNING,
            "test keys configured in a release build: anyone can sign tokens with them"
        );
    }
}

pub(crate) fn are_in(jwks: &str) -> bool {
    MODULI.iter().any(|modulus| jwks.contains(modulus))
}
