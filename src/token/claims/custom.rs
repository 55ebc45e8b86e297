//! Claims that a service adds and reads as its own type.

use std::any::type_name;

use serde::Deserialize;

use crate::error_debug::debug_as_display;

/// The verified payload does not have the requested shape.
///
/// `Display` and `Debug` name only the type, because serde's own message may quote a claim;
/// [`detail`](Self::detail) has it.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("the verified claims do not have the shape of {wanted}")]
pub struct CustomClaimsError {
    wanted: &'static str,
    detail: Box<str>,
}

pub(super) fn read<'a, T: Deserialize<'a>>(payload: &'a str) -> Result<T, CustomClaimsError> {
    serde_json::from_str(payload).map_err(|error| CustomClaimsError {
        wanted: type_name::<T>(),
        detail: error.to_string().into(),
    })
}

impl CustomClaimsError {
    /// What is missing or of another type. It may quote a value of the token: keep it out of logs
    /// that people share.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// For a type that is not the service's own.
    pub(super) fn naming(self, wanted: &'static str) -> Self {
        Self { wanted, ..self }
    }
}

debug_as_display!(CustomClaimsError);
