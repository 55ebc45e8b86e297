//! No authentication at all, or with `PEER_VARIANT=arc` the least that a layer which hands
//! something on can do.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use axum::{Router, routing::get};
use harness::Guard;
use http::Request;
use tower_layer::layer_fn;
use tower_service::Service;

#[derive(Clone)]
struct InsertArc<S>(S, Arc<String>);

impl<S: Service<Request<B>>, B> Service<Request<B>> for InsertArc<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        request.extensions_mut().insert(Arc::clone(&self.1));
        self.0.call(request)
    }
}

fn main() {
    harness::run::<axum::body::Body, _, _, _, _>(Guard::Open, async |_| {
        let app: Router = Router::new().route("/", get(async || "hello"));
        if std::env::var("PEER_VARIANT").is_ok_and(|variant| variant == "arc") {
            let claims = Arc::new("claims".to_owned());
            return app.route_layer(layer_fn(move |inner| InsertArc(inner, Arc::clone(&claims))));
        }
        app
    });
}
