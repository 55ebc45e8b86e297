//! The authorization endpoint (RFC 6749 §3.1), which signs its one user in without asking.

use http::{HeaderValue, StatusCode, header::LOCATION};

use super::{
    client::AppClient,
    codes::{self, CodeGrant},
    form::{self, Form},
    reply::{self, Reply},
    resource,
    state::Shared,
    token_error::TokenError,
};

/// Redirects to the client with a code or an error. Where that could send a code to a stranger, it
/// responds 400.
pub(super) fn respond(query: &str, shared: &Shared) -> Reply {
    let Some(request) = Request::read(query, shared) else {
        return reply::empty(StatusCode::BAD_REQUEST);
    };
    let mut parameters = match request.authorize(shared) {
        Ok(code) => vec![("code", code)],
        Err(error) => vec![("error", error.code().to_owned())],
    };
    if let Some(state) = request.form.get("state") {
        parameters.push(("state", state.clone()));
    }
    // RFC 9207.
    parameters.push(("iss", shared.issuer.clone()));
    redirect(request.redirect_uri(), &parameters)
}

/// A request whose client and redirect URI are known (RFC 6749 §3.1.2.4).
struct Request {
    form: Form,
    client: AppClient,
}

impl Request {
    fn read(query: &str, shared: &Shared) -> Option<Self> {
        let form = form::parse(query.as_bytes()).ok()?;
        let client = shared
            .state()
            .clients
            .get(form.get("client_id")?)
            .cloned()?;
        client
            .has_redirect_uri(form.get("redirect_uri")?)
            .then_some(Self { form, client })
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.form.get(name).map(String::as_str)
    }

    fn redirect_uri(&self) -> &str {
        self.parameter("redirect_uri").unwrap_or_default()
    }

    fn authorize(&self, shared: &Shared) -> Result<String, TokenError> {
        if self.parameter("response_type") != Some("code") {
            return Err(TokenError::UnsupportedResponseType);
        }
        let user = shared.behaviour.signed_in.clone();
        let now = shared.clock.now();
        let grant = CodeGrant {
            client_id: self.parameter("client_id").unwrap_or_default().to_owned(),
            redirect_uri: self.redirect_uri().to_owned(),
            user: user.ok_or(TokenError::UnauthorizedClient)?,
            scopes: self
                .client
                .grant(self.parameter("scope"))
                .ok_or(TokenError::InvalidScope)?,
            resource: self
                .parameter("resource")
                .map(resource::checked)
                .transpose()?
                .map(str::to_owned),
            code_challenge: self.code_challenge()?,
            expires_at: codes::expiry(now),
        };
        Ok(shared.state().codes.issue(grant, now))
    }

    /// `S256` only. A client without a secret has nothing else to show that a code is its own.
    fn code_challenge(&self) -> Result<Option<String>, TokenError> {
        match (
            self.parameter("code_challenge"),
            self.parameter("code_challenge_method"),
        ) {
            (Some(challenge), Some("S256")) => Ok(Some(challenge.to_owned())),
            (None, None) if !self.client.is_public() => Ok(None),
            _ => Err(TokenError::InvalidRequest),
        }
    }
}

fn redirect(uri: &str, parameters: &[(&str, String)]) -> Reply {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish();
    let separator = if uri.contains('?') { '&' } else { '?' };
    // What was registered is a URI, and form encoding is ASCII.
    let Ok(location) = HeaderValue::try_from(format!("{uri}{separator}{query}")) else {
        return reply::empty(StatusCode::BAD_REQUEST);
    };
    let mut reply = reply::empty(StatusCode::FOUND);
    reply.headers_mut().insert(LOCATION, location);
    reply
}
