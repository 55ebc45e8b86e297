//! What to do about a verdict.

use serde_json::Value;
use tower_cognito::{AuthError, TokenUse};

use super::{Situation, found::printable, step::is_in_milliseconds};

/// One or two sentences.
pub(super) fn advice(situation: &Situation<'_>, rejected: &AuthError) -> String {
    let found = situation.found;
    match rejected {
        AuthError::MissingToken | AuthError::MalformedCredentials => {
            malformed_credentials(situation)
        }
        AuthError::MalformedToken if found.parts == 5 => {
            "A token with five parts is encrypted, as Cognito's refresh tokens are. Send the access token.".to_owned()
        }
        AuthError::MalformedToken => {
            "Copy the whole token again: it starts with `eyJ`, has two dots, and no `=` at the end of a part.".to_owned()
        }
        AuthError::TokenTooLarge => {
            "A pre token generation trigger may add too much. Let it add less, or raise `max_token_bytes` and the proxy's header limit.".to_owned()
        }
        AuthError::AlgorithmNotAllowed => {
            "Cognito signs only with RS256: this token comes from another issuer, or is forged. Ask the caller where it got the token.".to_owned()
        }
        AuthError::HeaderNotSupported | AuthError::MalformedHeader => {
            "Cognito writes no such header: this token comes from another issuer, or is forged. Ask the caller where it got the token.".to_owned()
        }
        AuthError::MalformedClaims if ["exp", "nbf", "iat"].iter().any(|name| found.claim(name).is_some_and(is_in_milliseconds)) => {
            "Dates in a token are seconds since 1970 (RFC 7519 §2). Cognito writes seconds: look at the pre token generation trigger, or at the token's source.".to_owned()
        }
        AuthError::MalformedClaims => {
            "Cognito writes no such claims: this token comes from another issuer, or a trigger of the pool changed them. Look at the pre token generation trigger.".to_owned()
        }
        AuthError::IssuerNotAllowed => {
            "Compare both letter by letter: is it another region, pool or stage? Then the caller gets its token from the wrong domain, or the service trusts the wrong pool (`UserPool::new`). For a replica, see `with_replica_region`.".to_owned()
        }
        AuthError::TokenUseNotAllowed => wrong_token_use(situation),
        AuthError::ClientNotAllowed => {
            "If this app client may call the service, add it to `AllowedClients::only`.".to_owned()
        }
        AuthError::AudienceNotAllowed => {
            "The token is bound to another service. If `aud` is a name of this service, add it with `VerifierBuilder::accept_audience`.".to_owned()
        }
        AuthError::SenderConstrained => {
            "The token is bound to a key or certificate (`cnf`), so it is not a bearer token: request one without DPoP or mutual TLS. If a trigger of the pool gives `cnf` another meaning, use `UserPool::with_cnf_ignored`.".to_owned()
        }
        AuthError::Expired => {
            "Get a new token. A caller should renew it after three quarters of its lifetime. If it has not expired yet, this machine's clock is wrong.".to_owned()
        }
        AuthError::NotYetValid | AuthError::IssuedInFuture => {
            "Check this machine's clock, then the issuer's: one of them is wrong.".to_owned()
        }
        AuthError::UnknownKey => {
            "The issuer does not publish this key. Either it withdrew the key, and the caller needs a new token, or the key set is from another pool: compare the JWKS URL with the issuer.".to_owned()
        }
        AuthError::KeyUnconfirmed { .. } => {
            "The key set does not contain this `kid`, and it is too early to fetch it again. Retry in a few seconds.".to_owned()
        }
        AuthError::KeysUnavailable { .. } => format!(
            "This says nothing about the token. Check that this machine can reach the key set (`curl -v {}`): look at DNS, outgoing rules and proxies. A service recovers by itself.",
            situation.outcome.keys.jwks_url()
        ),
        AuthError::InvalidSignature => {
            "Copy the whole token again. If the signature is still invalid, the token was altered, or signed with another key of this `kid`: treat it as forged.".to_owned()
        }
        AuthError::InsufficientScope { .. } => insufficient_scope(situation),
        _ => "The documentation of `AuthError` explains the reason.".to_owned(),
    }
}

fn insufficient_scope(situation: &Situation<'_>) -> String {
    let found = situation.found;
    let granted = found
        .claim("scope")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let same_name =
        |one: &str, other: &str| one != other && one.rsplit('/').next() == other.rsplit('/').next();
    for needed in &situation.expected.scopes {
        let similar = granted
            .split(' ')
            .find(|granted| same_name(granted, needed));
        if let Some(similar) =
            similar.filter(|_| granted.split(' ').all(|granted| granted != needed))
        {
            let similar = printable(similar);
            return format!(
                "The token has `{similar}`, and `{needed}` is needed. Scopes are compared whole, with the resource server's identifier before the slash: did you mean `{}`?",
                if needed.contains('/') {
                    needed
                } else {
                    &similar
                }
            );
        }
    }
    if found.claim("scope").is_none() && found.claim("scp").is_some() {
        return "The scopes are in `scp`, which Cognito does not write and this crate does not read: the token comes from another issuer.".to_owned();
    }
    "The token is valid, but lacks the scope. Allow the scope for the app client (`AllowedOAuthScopes`), let the caller request it, and get a new token. A token from a sign-in through the API never has scopes of a resource server.".to_owned()
}

fn malformed_credentials(situation: &Situation<'_>) -> String {
    if situation.pasted.has_scheme_twice {
        return "The client adds `Bearer` itself: give it only the token.".to_owned();
    }
    if situation.pasted.other_scheme.is_some() {
        "Send the access token as `Authorization: Bearer TOKEN`. Basic credentials are for the token endpoint.".to_owned()
    } else if situation.found.bytes == 0 {
        "There is no token. Pipe it to standard input, alone or in an `Authorization: Bearer …` line."
            .to_owned()
    } else if situation.found.has_white_space {
        "A token contains no white space. Was it broken into lines when it was copied?".to_owned()
    } else {
        "It contains characters that no token has. Copy only the token.".to_owned()
    }
}

fn wrong_token_use(situation: &Situation<'_>) -> String {
    let found = situation
        .found
        .claim("token_use")
        .and_then(|value| value.as_str());
    match (situation.expected.token_use, found) {
        (TokenUse::Access, Some("id")) => {
            "The caller sends its ID token. It must send its access token, which came in the same response.".to_owned()
        }
        (TokenUse::Id, Some("access")) => {
            "This is an access token, and the service accepts ID tokens (`--id-token`, `VerifierBuilder::token_uses`).".to_owned()
        }
        _ => "Every token of Cognito has `token_use`; this one comes from another issuer.".to_owned(),
    }
}
