//! What most cases have in common.

pub(crate) const CLIENT: &str = "1example23456789";
pub(crate) const ISSUER: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_TestOnly1";

/// 2025-01-01T00:00:00Z.
pub(crate) const NOW: i64 = 1_735_689_600;
