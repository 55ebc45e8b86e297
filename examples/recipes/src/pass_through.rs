//! The caller's token on a call to the next service.
//!
//! Only for a service that trusts the same pool and is run by the same people: it can do with the
//! token whatever the caller can do. Otherwise call with your own token (feature `client`).
//!
//! The token goes to one origin. A path that leads elsewhere is an error. A redirect is returned,
//! not followed.

use axum::http::{HeaderMap, header::AUTHORIZATION};
use reqwest::{Client, RequestBuilder, Url, redirect::Policy};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A service that gets the tokens of this one's callers.
#[derive(Clone, Debug)]
pub struct NextService {
    base: Url,
    http: Client,
}

impl NextService {
    /// `base` is an absolute URL; its origin is the one that gets tokens.
    pub fn new(base: &str) -> Result<Self, BoxError> {
        let http = Client::builder().redirect(Policy::none()).build()?;
        let base = base.parse()?;
        Ok(Self { base, http })
    }

    /// The request to send. `received` are the fields of the request that the layer has accepted.
    pub fn get(&self, path: &str, received: &HeaderMap) -> Result<RequestBuilder, BoxError> {
        let url = self.base.join(path)?;
        if url.origin() != self.base.origin() {
            return Err("the path leads to another origin".into());
        }
        let mut token = received.get(AUTHORIZATION).ok_or("no token")?.clone();
        // Logs show `Sensitive` instead of the token, and HTTP/2 does not keep it in its tables.
        token.set_sensitive(true);
        Ok(self.http.get(url).header(AUTHORIZATION, token))
    }
}
