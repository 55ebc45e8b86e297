//! A request that waits for a key takes the service with it, so the layer needs a clone.
use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use http::{Request, Response};
use tower::{Layer, Service};
use tower_cognito::Verifier;

struct Once;

impl Service<Request<()>> for Once {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(Response::new(String::new())))
    }
}

fn serve(verifier: &Verifier, request: Request<()>) {
    let _ = verifier.layer().layer(Once).call(request);
}

fn main() {}
