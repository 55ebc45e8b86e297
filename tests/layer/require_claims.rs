//! A guard from a function of the service.

use std::{convert::Infallible, time::Duration};

use http::{
    Request, Response, StatusCode,
    header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE},
};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_cognito::{
    AuthError, BearerAuthLayer, Claims, Denied, Principal, RequireClaimsLayer, StepUp,
    bearer_auth::ReportOnlyVerdict,
    testing::{TestPool, TokenBuilder},
};

async fn send(
    layer: BearerAuthLayer,
    rule: impl Fn(&Claims) -> Result<(), Denied>,
    token: TokenBuilder,
) -> Response<String> {
    let mut request = Request::new(());
    request
        .headers_mut()
        .insert(AUTHORIZATION, token.authorization());
    ServiceBuilder::new()
        .layer(layer)
        .layer(RequireClaimsLayer::new(rule))
        .service(service_fn(async |_: Request<()>| {
            Ok::<_, Infallible>(Response::new("inner".to_owned()))
        }))
        .oneshot(request)
        .await
        .unwrap()
}

/// Users only, and of them the admins.
fn admins(claims: &Claims) -> Result<(), Denied> {
    match claims.principal() {
        Principal::User { .. } if claims.groups().any(|group| group == "admins") => Ok(()),
        _ => Err(Denied::forbidden()),
    }
}

#[tokio::test]
async fn a_rule_on_groups_and_principal() {
    let pool = TestPool::new();
    let user = pool.token().user("user-1");
    for (token, status) in [
        (user.clone().groups(["admins"]), 200),
        (user.clone().groups(["admin"]), 403),
        (user, 403),
        (pool.token().client_credentials("client"), 403),
    ] {
        let response = send(pool.verifier().layer(), admins, token).await;
        assert_eq!(response.status(), status);
        assert_eq!(response.body() == "inner", status == 200);
        let rejected = (status == 403).then_some(&AuthError::Forbidden);
        assert_eq!(response.extensions().get::<AuthError>(), rejected);
    }
}

#[tokio::test]
async fn a_step_up_says_what_it_takes() {
    let pool = TestPool::new();
    let step_up = StepUp::new()
        .acr_values(["urn:example:mfa", "urn:example:passkey"])
        .unwrap()
        .max_age(Duration::from_secs(300));
    let required = step_up.clone();
    let rule = move |_: &Claims| Err(Denied::step_up(step_up.clone()));
    let layer = pool.verifier().layer().realm("shop").unwrap();
    let response = send(layer.clone(), rule, pool.token()).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        response.headers()[WWW_AUTHENTICATE],
        "Bearer realm=\"shop\", error=\"insufficient_user_authentication\", \
         error_description=\"a different authentication of the user is required\", \
         acr_values=\"urn:example:mfa urn:example:passkey\", max_age=\"300\""
    );
    assert_eq!(
        response.extensions().get::<AuthError>(),
        Some(&AuthError::InsufficientUserAuthentication { required })
    );
    let accepted = send(layer, |_| Ok(()), pool.token()).await;
    assert_eq!(accepted.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_rule_that_could_not_find_out_is_503_and_never_passes() {
    let pool = TestPool::new();
    let rule = |_: &Claims| Err(Denied::unavailable(Duration::from_secs(7)));
    let checked = pool.verifier_builder().check(rule).build().unwrap();
    for response in [
        send(pool.verifier().layer(), rule, pool.token()).await,
        send(checked.layer(), |_| Ok(()), pool.token()).await,
    ] {
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[RETRY_AFTER], "7");
        assert_eq!(response.headers().get(WWW_AUTHENTICATE), None);
        let error = response.extensions().get::<AuthError>().unwrap();
        assert_eq!(error.reason(), "check_unavailable");
        assert_ne!(response.body(), "inner");
    }
}

#[tokio::test]
async fn inside_a_report_only_layer_a_rule_reports() {
    let pool = TestPool::new();
    let layer = || pool.verifier().layer().report_only();
    let user = pool.token().user("user-1");
    for (token, rejected) in [
        (user.clone().groups(["admins"]), None),
        (user, Some(AuthError::Forbidden)),
    ] {
        let response = send(layer(), admins, token).await;
        assert_eq!(response.body(), "inner");
        let verdict = response.extensions().get::<ReportOnlyVerdict>().unwrap();
        assert_eq!(verdict.error(), rejected.as_ref());
    }
}
