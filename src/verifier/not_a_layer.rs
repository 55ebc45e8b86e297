//! What the compiler says to `route_layer(verifier)`.

use std::convert::Infallible;

use tower_layer::Layer;

use super::Verifier;

/// No type implements it, and no other crate can name it, so a verifier is a layer around no
/// service. It is only there for its message.
#[diagnostic::on_unimplemented(
    message = "a `Verifier` is not a layer; it makes layers",
    label = "write `verifier.layer()`"
)]
#[allow(unnameable_types, reason = "not to be implemented")]
pub trait MadeByVerifierLayer {
    /// Never called: there is no `Self`.
    fn never(self) -> Infallible;
}

#[doc(hidden)]
impl<S: MadeByVerifierLayer> Layer<S> for Verifier {
    /// A service, so that the compiler complains of the verifier alone.
    type Service = S;

    #[allow(unreachable_code, reason = "which is the point")]
    fn layer(&self, inner: S) -> Self::Service {
        match inner.never() {}
    }
}
