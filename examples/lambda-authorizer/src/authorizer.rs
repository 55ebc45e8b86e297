//! The decision.

use std::convert::Infallible;

use http::{Request, Response, StatusCode};
use tower::{Layer, ServiceExt, service_fn};
use tower_cognito::{Claims, Verifier};

use crate::{
    answer::{Answer, Failure},
    event::Event,
    routes::Routes,
};

/// Answers one event. API Gateway turns a [`Failure`] into 401 or 500.
pub(crate) async fn authorize(
    verifier: &Verifier,
    routes: &Routes,
    event: &Event,
) -> Result<Answer, Failure> {
    match event {
        Event::RestToken { method_arn, .. } | Event::RestRequest { method_arn, .. } => {
            let claims = judge(verifier, event).await?;
            Ok(Answer::policy(claims.as_ref(), routes, method_arn))
        }
        Event::HttpApi { route_key, .. } => {
            let claims = match judge(verifier, event).await {
                // A simple response cannot say 401.
                Err(Failure::Unauthorized) => None,
                judged => judged?,
            };
            let allowed = claims.filter(|claims| routes.allows(claims, route_key));
            Ok(Answer::simple(allowed.as_ref()))
        }
    }
}

/// Who is calling. `None`: the token is valid, and the service's own check denies it.
///
/// The layer judges, so that the rules about the field are the same as behind any other server.
async fn judge(verifier: &Verifier, event: &Event) -> Result<Option<Claims>, Failure> {
    let mut request = Request::new(());
    *request.headers_mut() = event.authorization();
    let accept = service_fn(async |request: Request<()>| {
        let mut response = Response::new(());
        if let Some(claims) = request.extensions().get::<Claims>() {
            response.extensions_mut().insert(claims.clone());
        }
        Ok::<_, Infallible>(response)
    });
    let Ok(response) = verifier.layer().layer(accept).oneshot(request).await;
    match response.status() {
        StatusCode::OK => match response.extensions().get::<Claims>() {
            Some(claims) => Ok(Some(claims.clone())),
            None => Err(Failure::Unavailable),
        },
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED => Err(Failure::Unauthorized),
        StatusCode::FORBIDDEN => Ok(None),
        _ => Err(Failure::Unavailable),
    }
}
