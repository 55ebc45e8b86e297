//! How to build, operate, observe and test a guarded service.
//!
//! This module exists in the documentation only. How to call a guarded service is on the page of
#![cfg_attr(feature = "client", doc = "[`client`](crate::client).")]
#![cfg_attr(not(feature = "client"), doc = "`client`.")]

// A page whose examples need a feature has no examples without it.
#[doc = include_str!("../docs/guide/cookbook.md")]
#[cfg(any(
    not(doctest),
    all(feature = "axum", feature = "reqwest", feature = "testing")
))]
pub mod cookbook {}

#[doc = include_str!("../docs/guide/keys.md")]
#[doc = include_str!("../docs/guide/fleet.md")]
#[cfg(any(not(doctest), feature = "testing"))]
pub mod keys {}

#[doc = include_str!("../docs/guide/mcp.md")]
#[cfg(any(not(doctest), all(feature = "axum", feature = "testing")))]
pub mod mcp {}

#[doc = include_str!("../docs/guide/observability.md")]
#[cfg(any(not(doctest), feature = "metrics"))]
pub mod observability {}

#[doc = include_str!("../docs/guide/testing.md")]
#[cfg(any(not(doctest), feature = "testing"))]
pub mod testing {}

#[doc = include_str!("../docs/guide/troubleshooting.md")]
pub mod troubleshooting {}
