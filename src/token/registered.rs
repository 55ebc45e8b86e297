//! What is kept of the claims of a verified token (RFC 7519 §4.1, and Cognito's own).

use super::{
    jws::{Keeping, VerifiedPayload},
    members::{Members, Times},
    numeric_date::NumericDate,
};
use crate::json::{self, JsonString, Span, Value};

/// The claims of a verified token, by where they are in what [`VerifiedPayload`] keeps.
pub(super) struct Registered {
    pub(super) issuer: Span,
    pub(super) subject: Option<Span>,
    pub(super) client_id: Span,
    pub(super) token_id: Option<Span>,
    pub(super) username: Option<Span>,
    pub(super) scope: Option<Span>,
    pub(super) acr: Option<Span>,
    pub(super) authenticated_at: Option<NumericDate>,
    pub(super) groups: Box<[Span]>,
    pub(super) times: Times,
}

impl Registered {
    /// What is kept of a token whose signature has verified, and whose app client was accepted.
    ///
    /// `None` if a string that must be text is not.
    pub(super) fn keep(
        members: &Members,
        client_id: JsonString,
        payload: &mut VerifiedPayload,
    ) -> Option<Self> {
        let mut keeping = Keeping::new(payload);
        let mut keep = |string: Option<JsonString>| match string {
            Some(string) => keeping.keep(string).map(Some),
            None => Some(None),
        };
        let registered = Self {
            issuer: keep(Some(members.issuer))??,
            subject: keep(members.subject)?,
            client_id: keep(Some(client_id))??,
            token_id: keep(members.token_id)?,
            username: keep(members.username)?,
            scope: keep(members.scope)?,
            acr: keep(members.acr)?,
            authenticated_at: members.authenticated_at,
            groups: match members.groups {
                Some(list) => group_names(payload, list, &mut keeping)?,
                None => Box::default(),
            },
            times: members.times,
        };
        let written_out = keeping.written_out();
        payload.append(&written_out);
        Some(registered)
    }
}

/// A list with anything but strings in it counts as no list at all.
///
/// `None` if one of the strings is not text.
fn group_names(
    payload: &VerifiedPayload,
    list: Span,
    keeping: &mut Keeping<'_>,
) -> Option<Box<[Span]>> {
    let elements = json::elements(payload.as_str().as_bytes(), list);
    let is_name = |element| matches!(element, Value::String(_));
    if !elements.clone().all(is_name) {
        return Some(Box::default());
    }
    // Counted first, so that no more memory is kept than is needed.
    let mut names = Vec::with_capacity(elements.clone().count());
    for element in elements {
        if let Value::String(name) = element {
            names.push(keeping.keep(name)?);
        }
    }
    Some(names.into_boxed_slice())
}
