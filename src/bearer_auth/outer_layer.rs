//! What a layer leaves in the extensions for the guards, extractors and layers inside it.

use std::sync::atomic::{AtomicBool, Ordering};

use http::{Extensions, Uri};

use crate::{
    error::AuthError,
    rejection::{Outside, missing_layer},
    token::claims::Claims,
};

/// In the extensions of a request that a layer passed without claims, or although it would have
/// been rejected. Only this crate can make one.
#[derive(Clone, Debug)]
pub(crate) struct OuterLayer {
    pub(super) why_no_claims: AuthError,
    pub(super) enforcement: Enforcement,
}

/// Whether a rejection is enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Enforcement {
    Enforce,
    ReportOnly,
}

/// Whether this process has left an [`OuterLayer`] with any request. Most services have no optional
/// or report-only layer, and need not look for what one left.
static EVER_LEFT: AtomicBool = AtomicBool::new(false);

impl OuterLayer {
    /// Leaves this for what is inside.
    pub(super) fn leave_in(self, extensions: &mut Extensions) {
        // A request moves from thread to thread in order, so code that sees what is inserted here
        // sees this store as well.
        if !EVER_LEFT.load(Ordering::Relaxed) {
            EVER_LEFT.store(true, Ordering::Relaxed);
        }
        extensions.insert(self);
    }

    /// Removes what a layer outside left.
    #[inline]
    pub(super) fn remove_from(extensions: &mut Extensions) {
        if EVER_LEFT.load(Ordering::Relaxed) {
            extensions.remove::<Self>();
        }
    }

    /// Whether the layers outside a guard reject: one that enforces is enough.
    pub(crate) fn enforcement(extensions: &Extensions) -> Enforcement {
        extensions
            .get::<Self>()
            .map_or(Enforcement::Enforce, |outer| outer.enforcement)
    }

    /// Whether a layer is outside, which forms a rejection.
    pub(crate) fn find(extensions: &Extensions) -> Outside {
        let left_claims = || {
            extensions
                .get::<Claims>()
                .is_some_and(Claims::are_left_by_layer)
        };
        if extensions.get::<Self>().is_some() || left_claims() {
            Outside::Layer
        } else {
            Outside::Unknown
        }
    }

    /// Whether a layer outside this one enforces. Claims without an [`OuterLayer`] come from one
    /// that does.
    pub(super) fn enforces(extensions: &Extensions) -> bool {
        match extensions.get::<Self>() {
            Some(outer) => outer.enforcement == Enforcement::Enforce,
            None => extensions.get::<Claims>().is_some(),
        }
    }
}

/// The claims of a request, for a guard or an extractor.
///
/// # Errors
///
/// Why there are none: what the layer found, or [`AuthError::MissingLayer`], which is reported.
#[inline]
pub(crate) fn claims_of<'a>(
    extensions: &'a Extensions,
    place: &'static str,
    uri: Option<&Uri>,
) -> Result<&'a Claims, AuthError> {
    extensions
        .get::<Claims>()
        .ok_or_else(|| why_no_claims(extensions, place, uri))
}

#[cold]
fn why_no_claims(extensions: &Extensions, place: &'static str, uri: Option<&Uri>) -> AuthError {
    let Some(outer) = extensions.get::<OuterLayer>() else {
        missing_layer::report(place, uri.map(Uri::path));
        return AuthError::MissingLayer;
    };
    outer.why_no_claims.clone()
}
