//! Recipes: what services with guarded routes often need next, in at most 40 lines each. Copy the
//! file.
//!
//! | file | recipe |
//! | --- | --- |
//! | `rate_limit.rs` | a rate limit per caller |
//! | `pass_through.rs` | the caller's token on a call to the next service |
//! | `websocket_subprotocol.rs` | browsers' WebSockets, the token in a subprotocol |
//! | `websocket_first_message.rs` | browsers' WebSockets, the token in the first message |
//! | `websocket_expiry.rs` | what both do when the token expires |
//!
//! `tests/` runs each: `cargo test -p example-recipes`.

pub mod pass_through;
pub mod rate_limit;
pub mod websocket_expiry;
pub mod websocket_first_message;
pub mod websocket_subprotocol;
