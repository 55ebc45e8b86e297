//! Where keys are fetched from: one URL, or two, of which the second is used when the first fails.

use std::{sync::Arc, time::Duration};

use super::{
    attempt::AttemptStart,
    fetch::{DynFetchJwks, FetchError, JwksRequest},
    snapshot::{Fetched, Snapshot},
    sync,
};
use crate::protected_url::ProtectedUrl;

pub(crate) struct KeyEndpoints {
    pub(crate) first: KeyEndpoint,
    /// Asked when the first fails.
    pub(crate) fallback: Option<KeyEndpoint>,
}

pub(crate) struct KeyEndpoint {
    pub(crate) url: ProtectedUrl,
    pub(crate) fetcher: Arc<dyn DynFetchJwks>,
}

impl KeyEndpoints {
    /// Asks the first URL and, if that fails, the second.
    pub(super) async fn fetch(
        &self,
        start: &AttemptStart,
        expire_after: Duration,
        longest: Duration,
    ) -> Result<Fetched, FetchError> {
        let Self { first, fallback } = self;
        let condition = start.condition.as_deref();
        let etag = condition.and_then(|snapshot| snapshot.etag(&start.at, expire_after));
        let Some(fallback) = fallback else {
            return first.fetch(etag, condition, longest).await;
        };
        match first.fetch(etag, condition, longest / 2).await {
            Ok(fetched) => Ok(fetched),
            Err(error) => match fallback.fetch(None, None, longest / 2).await {
                Ok(mut fetched) => {
                    fetched.first_url_failed = Some(error);
                    Ok(fetched)
                }
                Err(_) => Err(error),
            },
        }
    }
}

impl KeyEndpoint {
    async fn fetch(
        &self,
        etag: Option<&str>,
        condition: Option<&Snapshot>,
        longest: Duration,
    ) -> Result<Fetched, FetchError> {
        let mut request = JwksRequest::new(self.url.as_str());
        request.etag = etag;
        match sync::within(longest, self.fetcher.fetch_boxed(request)).await {
            Some(response) => Fetched::read(response?, condition),
            None => Err(FetchError::Timeout),
        }
    }
}
