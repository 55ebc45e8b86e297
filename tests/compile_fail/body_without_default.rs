//! The default answer has an empty body, and this service's body type has none.
use std::convert::Infallible;

use http::{Request, Response};
use tower::{Layer, Service, service_fn};
use tower_cognito::Verifier;

struct Frames(Vec<u8>);

fn serve(verifier: &Verifier, request: Request<()>) {
    let inner = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(Frames(vec![]))));
    let mut service = verifier.layer().layer(inner);
    let _ = service.call(request);
}

fn main() {}
