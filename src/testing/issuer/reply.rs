//! Responses, and the body that comes one byte a second.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Interval, interval};

const DRIP: Duration = Duration::from_secs(1);

pub(super) type Reply = Response<ReplyBody>;

/// What makes the server close the connection instead of answering.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed on purpose")]
pub(super) struct CloseConnection;

/// A body that is sent whole or, with an interval, byte by byte.
pub(super) struct ReplyBody {
    left: Bytes,
    pace: Option<Interval>,
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        let chunk = match &mut self.pace {
            Some(pace) => {
                ready!(pace.poll_tick(cx));
                self.left.split_to(1)
            }
            None => self.left.split_off(0),
        };
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    /// It is exact, so that a client learns the length before the first byte.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}

pub(super) fn empty(status: StatusCode) -> Reply {
    with_body(status, Bytes::new())
}

pub(super) fn json(status: StatusCode, content_type: &'static str, document: String) -> Reply {
    let mut reply = with_body(status, document.into());
    reply
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}

pub(super) fn dripping(reply: Reply) -> Reply {
    reply.map(|body| ReplyBody {
        left: body.left,
        pace: Some(interval(DRIP)),
    })
}

fn with_body(status: StatusCode, left: Bytes) -> Reply {
    let mut reply = Response::new(ReplyBody { left, pace: None });
    *reply.status_mut() = status;
    reply
}
