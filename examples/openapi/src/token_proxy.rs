//! The issuer's token endpoint at the origin of the API.

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{
        HeaderMap, Response, StatusCode,
        header::{AUTHORIZATION, CONTENT_TYPE},
    },
};

/// Passes the form and the client's credentials on to the issuer.
pub(crate) async fn token(
    State((http, url)): State<(reqwest::Client, String)>,
    headers: HeaderMap,
    form: Bytes,
) -> Result<Response<Body>, StatusCode> {
    let mut request = http.post(url).body(form);
    for name in [AUTHORIZATION, CONTENT_TYPE] {
        if let Some(value) = headers.get(&name) {
            request = request.header(name, value);
        }
    }
    let response = request.send().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    Ok(Response::from(response).map(Body::new))
}
