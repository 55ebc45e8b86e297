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
            "Five parts are an encrypted token, which is what a refresh token of Cognito looks like. Send the access token.".to_owned()
        }
        AuthError::MalformedToken => {
            "Copy the whole token again: from `eyJ` on, two dots, and no `=` at the end of a part.".to_owned()
        }
        AuthError::TokenTooLarge => {
            "A pre token generation trigger may have made it this large. Let it add less, or raise `max_token_bytes` and the header limit of the proxy in front.".to_owned()
        }
        AuthError::AlgorithmNotAllowed => {
            "Cognito signs with RS256 and nothing else: this token is from another issuer, or forged. Ask the caller where it got it.".to_owned()
        }
        AuthError::HeaderNotSupported | AuthError::MalformedHeader => {
            "Cognito writes no such header: this token is from another issuer, or forged. Ask the caller where it got it.".to_owned()
        }
        AuthError::MalformedClaims if ["exp", "nbf", "iat"].iter().any(|name| found.claim(name).is_some_and(is_in_milliseconds)) => {
            "Dates in a token are seconds since 1970 (RFC 7519 §2). Cognito writes them so: look at the pre token generation trigger, or at where the token comes from.".to_owned()
        }
        AuthError::MalformedClaims => {
            "Cognito writes no such claims: this token is from another issuer, or a trigger of the pool changed them. Look at the pre token generation trigger.".to_owned()
        }
        AuthError::IssuerNotAllowed => {
            "Compare letter by letter: another region or pool, or another stage of the same system? Then either the caller asks the wrong domain for its token, or the service trusts the wrong pool (`UserPool::new`). For a replica see `with_replica_region`.".to_owned()
        }
        AuthError::TokenUseNotAllowed => wrong_token_use(situation),
        AuthError::ClientNotAllowed => {
            "If this app client may call the service, add it to `AllowedClients::only`. If not, this rejection is what the list is for.".to_owned()
        }
        AuthError::AudienceNotAllowed => {
            "The token is bound to another service. If the name in `aud` is this one's, give it to `VerifierBuilder::accept_audience`.".to_owned()
        }
        AuthError::SenderConstrained => {
            "The token is bound to a key or certificate (`cnf`), so it is not a bearer token: ask for one without DPoP or mutual TLS. If a trigger of the pool writes `cnf` with another meaning, say so with `UserPool::with_cnf_ignored`.".to_owned()
        }
        AuthError::Expired => {
            "Get a new token; a caller should do so after three quarters of a token's life. If it is not yet expired by your watch, this machine's clock is wrong.".to_owned()
        }
        AuthError::NotYetValid | AuthError::IssuedInFuture => {
            "Check this machine's clock, then the issuer's: one of them is wrong.".to_owned()
        }
        AuthError::UnknownKey => {
            "The issuer does not publish this key. Either it withdrew it and a new token is needed, or the keys were read from the wrong place: compare the JWKS URL with the issuer.".to_owned()
        }
        AuthError::KeyUnconfirmed { .. } => {
            "The keys do not have this `kid`, and the issuer may not be asked again yet. Try again in a few seconds.".to_owned()
        }
        AuthError::KeysUnavailable { .. } => format!(
            "This says nothing about the token. Can this machine reach the keys? Try `curl -v {}`, and look at DNS, outgoing rules and proxies. A service recovers by itself.",
            situation.outcome.keys.jwks_url()
        ),
        AuthError::InvalidSignature => {
            "Copy the whole token again. If it stays so, its content was altered after it was signed, or it was signed with another key under this name: treat it as forged.".to_owned()
        }
        AuthError::InsufficientScope { .. } => insufficient_scope(situation),
        _ => "See what the reason means in the documentation of `AuthError`.".to_owned(),
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
        return "The scopes are in `scp`, which Cognito does not write and this crate does not read: the token is from another issuer.".to_owned();
    }
    "The token is good. Let the app client have the scope (`AllowedOAuthScopes`), let the caller ask for it, and get a new token. A token from a sign-in through the API never has scopes of a resource server.".to_owned()
}

fn malformed_credentials(situation: &Situation<'_>) -> String {
    if situation.pasted.has_scheme_twice {
        return "The client adds `Bearer` itself: give it the token alone.".to_owned();
    }
    if situation.pasted.other_scheme.is_some() {
        "Send the access token as `Authorization: Bearer TOKEN`. Basic credentials are for the token endpoint.".to_owned()
    } else if situation.found.bytes == 0 {
        "There is no token. Pipe it to standard input, alone or as an `Authorization: Bearer …` line."
            .to_owned()
    } else if situation.found.has_white_space {
        "A token has no white space in it. Was it broken into lines when it was copied?".to_owned()
    } else {
        "There are characters in it that no token has. Copy it again, without what stands around it.".to_owned()
    }
}

fn wrong_token_use(situation: &Situation<'_>) -> String {
    let found = situation
        .found
        .claim("token_use")
        .and_then(|value| value.as_str());
    match (situation.expected.token_use, found) {
        (TokenUse::Access, Some("id")) => {
            "The caller sends its ID token. It has to send its access token, which came in the same answer.".to_owned()
        }
        (TokenUse::Id, Some("access")) => {
            "This is an access token, and ID tokens were asked for (`--id-token`, `VerifierBuilder::token_uses`).".to_owned()
        }
        _ => "Every token of Cognito says in `token_use` what it is for; this one is from another issuer.".to_owned(),
    }
}
