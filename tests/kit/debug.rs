//! `Debug` of the kit names the type and what tells one from another, and shows no secret.

use tower_cognito::testing::{
    Endpoint, Key, LocalIssuer, ManualClock, RouteMatrix, ScriptedFetcher, TestPool,
    hold_paused_time,
};

#[tokio::test]
async fn debug_names_each_type_of_the_kit() {
    let pool = TestPool::new();
    let fetcher = ScriptedFetcher::new();
    let held = fetcher.hold(tower_cognito::keys::JwksResponse::document(pool.jwks()));
    let builder = LocalIssuer::builder().client("caller", "hush", ["orders/get"]);
    let builder_shown = format!("{builder:?}");
    let issuer = builder.start().unwrap();
    for (shown, expected) in [
        (format!("{pool:?}"), "TestPool { user_pool: UserPool {"),
        (format!("{:?}", pool.clock()), "ManualClock { wall: "),
        (format!("{:?}", ManualClock::new()), "ManualClock { wall: "),
        (
            format!("{:?}", pool.token().signed_with(Key::Access)),
            "TokenBuilder { .. }",
        ),
        (
            format!("{fetcher:?}"),
            "ScriptedFetcher { calls: 0, steps_left: 1, .. }",
        ),
        (format!("{held:?}"), "HeldResponse"),
        (format!("{:?}", hold_paused_time()), "HeldTime { .. }"),
        (
            format!("{:?}", RouteMatrix::new(&pool)),
            "RouteMatrix { routes: 0, .. }",
        ),
        (builder_shown, "LocalIssuerBuilder { pool_id: \"eu-west-1_"),
        (format!("{issuer:?}"), "LocalIssuer { base_url: "),
        (
            format!("{:?}", issuer.endpoint(Endpoint::Token)),
            "EndpointSwitch(Token)",
        ),
    ] {
        assert!(shown.starts_with(expected), "{shown}");
        assert!(!shown.contains("hush"), "{shown}");
    }
}
