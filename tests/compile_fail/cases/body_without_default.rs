//! The default answer has an empty body, and this service's body type has none.
use std::convert::Infallible;

use http::{Request, Response};
use tower::{Layer, Service, service_fn};
use tower_cognito::Verifier;

struct Frames;

fn serve(_: impl Service<Request<()>>) {}

fn app(verifier: &Verifier) {
    let frames = |_: Request<()>| async { Ok::<_, Infallible>(Response::new(Frames)) };
    serve(verifier.layer().layer(service_fn(frames)));
}

fn main() {}
