//! How an authorization code becomes a token (RFC 6749 §4.1.3), with PKCE (RFC 7636).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

use super::{form::Form, state::Shared, token_error::TokenError};
use crate::crypto::signing;

/// There is no `scope` in the response, as at Cognito: the client has what it asked for. There is
/// no refresh token either: a client that had one would rather use it than ask for another scope.
pub(super) fn redeem(shared: &Shared, client_id: &str, form: &Form) -> Result<String, TokenError> {
    let parameter = |name| form.get(name).map(String::as_str);
    let code = parameter("code").ok_or(TokenError::InvalidRequest)?;
    let grant = shared.state().codes.take(code, shared.clock.now());
    let grant = grant.ok_or(TokenError::InvalidGrant)?;
    let is_its_own = grant.client_id == client_id
        && parameter("redirect_uri") == Some(&grant.redirect_uri)
        && proves(parameter("code_verifier"), grant.code_challenge.as_deref());
    if !is_its_own {
        return Err(TokenError::InvalidGrant);
    }
    // RFC 8707 §2.2: a resource of the grant, and none that the user was not asked for.
    if parameter("resource").is_some_and(|resource| grant.resource.as_deref() != Some(resource)) {
        return Err(TokenError::InvalidTarget);
    }
    let mut token = shared
        .token()
        .user(grant.user)
        .client_id(grant.client_id)
        .scopes(grant.scopes);
    if let Some(resource) = grant.resource {
        token = token.claim("aud", resource);
    }
    Ok(json!({
        "access_token": token.build(),
        "expires_in": shared.state().lifetime.as_secs(),
        "token_type": "Bearer",
    })
    .to_string())
}

/// RFC 7636 §4.6, method `S256`. A verifier without a challenge is an error, too: something was
/// lost on the way.
fn proves(verifier: Option<&str>, challenge: Option<&str>) -> bool {
    match (verifier, challenge) {
        (None, None) => true,
        (Some(verifier), Some(challenge)) => {
            let digest = signing::sha256(verifier.as_bytes());
            (43..=128).contains(&verifier.len()) && URL_SAFE_NO_PAD.encode(digest) == challenge
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verifier_of_rfc_7636_proves_its_challenge_and_no_other_does() {
        // Appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        assert!(proves(Some(verifier), Some(challenge)));
        assert!(proves(None, None));
        for (verifier, challenge) in [
            (Some(verifier), None),
            (None, Some(challenge)),
            (Some(&verifier[1..]), Some(challenge)),
            (Some(challenge), Some(challenge)),
            (Some(verifier), Some("")),
            (
                Some(""),
                Some("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"),
            ),
        ] {
            assert!(!proves(verifier, challenge), "{verifier:?} {challenge:?}");
        }
    }
}
