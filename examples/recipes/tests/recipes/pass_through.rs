use axum::{
    Router,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Redirect,
    routing::get,
};
use example_recipes::pass_through::NextService;
use tower_cognito::testing::{TestPool, TokenBuilder};

use super::serve;

/// A gateway in front of the next service. `?path=` is what a caller can influence.
async fn gateway(pool: &TestPool, next: NextService) -> String {
    let forward = async |State(next): State<NextService>, headers: HeaderMap| {
        let path = headers.get("x-path").unwrap().to_str().unwrap();
        match next.get(path, &headers) {
            Ok(request) => {
                let response = request.send().await.unwrap();
                (response.status(), response.text().await.unwrap())
            }
            Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()),
        }
    };
    let app = Router::new()
        .route("/", get(forward))
        .route_layer(pool.verifier().layer())
        .with_state(next);
    format!("http://{}/", serve(app).await)
}

async fn call(gateway: &str, token: &TokenBuilder, path: &str) -> (u16, String) {
    let request = reqwest::Client::new().get(gateway);
    let request = request.header(header::AUTHORIZATION, token.authorization());
    let response = request.header("x-path", path).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn the_token_reaches_the_next_service_and_no_other_origin() {
    let pool = TestPool::new();
    let thief = Router::new().fallback(async |headers: HeaderMap| {
        let stolen = headers.contains_key(header::AUTHORIZATION);
        format!("reached, with a token: {stolen}")
    });
    let thief = serve(thief).await;
    let leads_away = Redirect::temporary(&format!("http://{thief}/"));
    // It verifies the same token.
    let next = Router::new()
        .route("/profiles", get(async || "profiles"))
        .route("/moved", get(async move || leads_away))
        .route_layer(pool.verifier().layer());
    let next = NextService::new(&format!("http://{}/", serve(next).await)).unwrap();
    let gateway = gateway(&pool, next).await;

    let token = pool.token().client_credentials("caller");
    for path in ["profiles", "/profiles", "/a/../profiles"] {
        let outcome = call(&gateway, &token, path).await;
        assert_eq!(outcome, (200, "profiles".to_owned()), "{path}");
    }
    for path in [
        format!("//{thief}/"),
        format!("http://{thief}/"),
        format!("\\\\{thief}\\"),
        format!("/\\{thief}/"),
        "https://profiles.example.com/profiles".to_owned(),
    ] {
        let (status, said) = call(&gateway, &token, &path).await;
        assert_eq!(
            (status, said.as_str()),
            (502, "the path leads to another origin"),
            "{path}"
        );
    }
    // A redirect of the next service is not followed.
    assert_eq!(call(&gateway, &token, "/moved").await.0, 307);
}

#[test]
fn the_token_is_passed_on_as_it_came_and_not_shown() {
    let next = NextService::new("http://127.0.0.1:9/").unwrap();
    let mut headers = HeaderMap::new();
    let missing = next.get("/", &headers).map(drop).unwrap_err();
    assert_eq!(missing.to_string(), "no token");

    headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer x"));
    headers.insert(header::COOKIE, HeaderValue::from_static("session=x"));
    let request = next.get("/", &headers).unwrap().build().unwrap();
    let token = request.headers().get(header::AUTHORIZATION).unwrap();
    assert_eq!(token, "Bearer x");
    assert_eq!(format!("{token:?}"), "Sensitive");
    assert_eq!(request.headers().len(), 1, "nothing else is passed on");
}
