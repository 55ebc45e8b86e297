//! Rejections that no layer formed: logged once for each path.

use std::sync::{Mutex, PoisonError};

use crate::{metrics, troubleshooting};

/// Paths that can come from requests must not fill the memory or the log.
const MOST_PATHS: usize = 32;

static LOGGED: Mutex<Vec<Box<str>>> = Mutex::new(Vec::new());

/// Counts a request that got 500 because no layer is outside `place`, and logs the first of each
/// path.
pub(crate) fn report(place: &'static str, path: Option<&str>) {
    metrics::missing_layer();
    let path = path.unwrap_or("unknown");
    if is_first(&format!("{place} {path}")) {
        tracing::error!(
            place,
            path = ?path,
            help = troubleshooting::MISSING_LAYER,
            "BearerAuthLayer missing around this route: add `verifier.layer()`, or move the guard inside it"
        );
    }
}

/// Logs, once for each path, a rejection that did not reach the layer outside it.
pub(crate) fn report_lost(path: Option<&str>) {
    let path = path.unwrap_or("unknown");
    if is_first(&format!("lost {path}")) {
        tracing::warn!(
            path = ?path,
            help = troubleshooting::MISSING_LAYER,
            "rejection replaced inside its BearerAuthLayer: middleware there must pass on responses that have an `AuthError` extension"
        );
    }
}

/// Logs once that a late rejection was lost because nothing around the framework looks for it.
pub(crate) fn report_unseen() {
    if is_first("late rejection unseen") {
        tracing::warn!(
            help = troubleshooting::LATE_REJECTION,
            "late rejection lost: no LateRejectionLayer around the framework"
        );
    }
}

/// Logs once that a late rejection was lost because the caller already has the response.
pub(crate) fn report_too_late() {
    if is_first("late rejection too late") {
        tracing::warn!(
            help = troubleshooting::LATE_REJECTION,
            "late rejection lost: the response had begun; configure the framework to wait for its handlers"
        );
    }
}

fn is_first(key: &str) -> bool {
    let mut logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
    is_first_in(&mut logged, key)
}

fn is_first_in(logged: &mut Vec<Box<str>>, key: &str) -> bool {
    let first = logged.len() < MOST_PATHS && logged.iter().all(|known| **known != *key);
    if first {
        logged.push(key.into());
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_is_logged_once_and_the_memory_of_paths_is_bounded() {
        let mut logged = Vec::new();
        for path in 0..100 {
            let path = path.to_string();
            let is_first = is_first_in(&mut logged, &path);
            assert_eq!(is_first, logged.contains(&path.as_str().into()), "{path}");
            assert!(!is_first_in(&mut logged, &path));
        }
        assert_eq!(logged.len(), MOST_PATHS);
    }
}
