//! The switches of an endpoint.

use std::{fmt, time::Duration};

use http::StatusCode;

use super::{endpoint::Endpoint, outage::Outage, state::Shared};

/// The outage switches of one endpoint: each is on until [`recover`](Self::recover), or until
/// another one is.
pub struct EndpointSwitch<'i> {
    shared: &'i Shared,
    endpoint: Endpoint,
}

impl<'i> EndpointSwitch<'i> {
    pub(super) const fn new(shared: &'i Shared, endpoint: Endpoint) -> Self {
        Self { shared, endpoint }
    }

    /// Returns this status and an empty body.
    pub fn fail_with(&self, status: StatusCode) {
        self.set(Outage::Status(status));
    }

    /// Returns 429 with this `Retry-After`, in whole seconds.
    pub fn throttle(&self, retry_after: Duration) {
        self.set(Outage::Throttled(retry_after));
    }

    /// Accepts requests and never responds.
    pub fn hang(&self) {
        self.set(Outage::Hanging);
    }

    /// Responds correctly, but sends the body one byte a second.
    pub fn drip(&self) {
        self.set(Outage::Dripping);
    }

    /// Closes the connection when a request has come.
    pub fn close(&self) {
        self.set(Outage::Closing);
    }

    /// Ends the outage. A request that hangs or drips goes on doing so.
    pub fn recover(&self) {
        self.set(Outage::None);
    }

    fn set(&self, outage: Outage) {
        self.shared.state().at_mut(self.endpoint).outage = outage;
    }
}

impl fmt::Debug for EndpointSwitch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EndpointSwitch")
            .field(&self.endpoint)
            .finish()
    }
}
