//! The thread that serves a local issuer, and which endpoint gets which request.

use std::{io, net, sync::Arc, thread, time::Duration};

use http::{HeaderValue, Method, Request, StatusCode, header::ALLOW};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime,
    sync::oneshot,
    task::JoinSet,
    time::sleep,
};

use super::{
    api, authorization, cors,
    endpoint::Endpoint,
    registration,
    reply::{CloseConnection, Reply, empty, json},
    state::Shared,
    token_endpoint,
};

/// How long accepting rests after an error, which is a lack of file descriptors that passes.
const REST: Duration = Duration::from_millis(50);

/// A running server. Dropping it closes the port and ends the thread.
pub(super) struct Server {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(listener: net::TcpListener, shared: Arc<Shared>) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let listener = {
            let _guard = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("local-issuer".to_owned())
            .spawn(move || runtime.block_on(serve(listener, shared, stopped)))?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Server {
    /// Waits for the thread, which gives up what it does at its next await: none of it takes long.
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed, and cannot be passed on from here.
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&shared)));
                }
                Err(_) => sleep(REST).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(|request| respond(request, Arc::clone(&shared)));
    // An error is a client that went away, or a connection that is closed on purpose.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn respond(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Reply, CloseConnection> {
    let Some(endpoint) = shared.endpoint_at(request.uri().path()) else {
        return Ok(empty(StatusCode::NOT_FOUND));
    };
    let outage = {
        let mut state = shared.state();
        let state = state.at_mut(endpoint);
        state.requests += 1;
        state.outage.clone()
    };
    let reply = if outage.serves() {
        serve_endpoint(endpoint, request, &shared).await
    } else {
        empty(StatusCode::INTERNAL_SERVER_ERROR)
    };
    outage.affect(reply).await
}

async fn serve_endpoint(endpoint: Endpoint, request: Request<Incoming>, shared: &Shared) -> Reply {
    match (endpoint, request.method()) {
        (Endpoint::Api, &Method::POST) => api::respond(request, shared).await,
        (Endpoint::Token, &Method::POST) => token_endpoint::respond(request, shared).await,
        (Endpoint::Registration, &Method::POST) => registration::respond(request, shared).await,
        (Endpoint::Token | Endpoint::Registration, &Method::OPTIONS) if shared.behaviour.cors => {
            cors::preflight()
        }
        (Endpoint::Authorization, &Method::GET | &Method::HEAD) => {
            authorization::respond(request.uri().query().unwrap_or_default(), shared)
        }
        // hyper leaves the body of a response to `HEAD` out.
        (Endpoint::Jwks, &Method::GET | &Method::HEAD) => document(shared.state().jwks()),
        (Endpoint::Discovery, &Method::GET | &Method::HEAD) => {
            let mut reply = document(shared.discovery());
            if shared.behaviour.oauth_metadata && shared.behaviour.cors {
                cors::allow_any_origin(&mut reply);
            }
            reply
        }
        _ => method_not_allowed(allowed_methods(endpoint, shared)),
    }
}

const fn allowed_methods(endpoint: Endpoint, shared: &Shared) -> &'static str {
    match endpoint {
        Endpoint::Token | Endpoint::Registration if shared.behaviour.cors => "OPTIONS, POST",
        Endpoint::Api | Endpoint::Token | Endpoint::Registration => "POST",
        Endpoint::Authorization | Endpoint::Jwks | Endpoint::Discovery => "GET, HEAD",
    }
}

/// RFC 9110 §15.5.6.
fn method_not_allowed(allowed: &'static str) -> Reply {
    let mut reply = empty(StatusCode::METHOD_NOT_ALLOWED);
    reply
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allowed));
    reply
}

fn document(document: String) -> Reply {
    json(StatusCode::OK, "application/json", document)
}
