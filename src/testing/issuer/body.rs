//! The body of a request.

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

pub(super) const MAX_BODY_BYTES: usize = 64 * 1024;

/// `None` if it breaks off or is too long.
pub(super) async fn read(body: Incoming) -> Option<Bytes> {
    let body = Limited::new(body, MAX_BODY_BYTES).collect().await.ok()?;
    Some(body.to_bytes())
}
