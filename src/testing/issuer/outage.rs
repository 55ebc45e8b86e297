//! The ways in which an endpoint can be out of order.

use std::{future::pending, time::Duration};

use http::{HeaderValue, Response, StatusCode, header::RETRY_AFTER};

use super::reply::{CloseConnection, Reply, dripping, empty};

#[derive(Clone, Default)]
pub(super) enum Outage {
    #[default]
    None,
    Closing,
    Dripping,
    Hanging,
    Status(StatusCode),
    Throttled(Duration),
}

impl Outage {
    /// What replaces the response.
    pub(super) async fn affect(self, reply: Reply) -> Result<Reply, CloseConnection> {
        match self {
            Self::None => Ok(reply),
            Self::Closing => Err(CloseConnection),
            Self::Dripping => Ok(dripping(reply)),
            Self::Hanging => pending().await,
            Self::Status(status) => Ok(empty(status)),
            Self::Throttled(retry_after) => Ok(throttled(retry_after)),
        }
    }

    /// Whether the request takes effect at all.
    pub(super) const fn serves(&self) -> bool {
        matches!(self, Self::None | Self::Dripping)
    }
}

fn throttled(retry_after: Duration) -> Reply {
    let mut reply: Response<_> = empty(StatusCode::TOO_MANY_REQUESTS);
    reply
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from(retry_after.as_secs()));
    reply
}
