//! What `--check` does: a fleet on one machine, with Redis and without.

use std::{
    collections::HashSet,
    net::{TcpListener, TcpStream},
    process::{Child, Command, ExitCode, Stdio},
    thread,
    time::Duration,
};

use tower_cognito::{
    client::ClientCredentials,
    testing::{Endpoint, LocalIssuer},
};

use crate::{BoxError, fleet_client};

const FLEET: usize = 100;
const ID: &str = "fleet";
const SECRET: &str = "a-secret-for-this-machine-only";

/// A `redis-server` on loopback that keeps nothing on disk.
struct Redis {
    server: Child,
    port: u16,
}

impl Redis {
    fn start() -> Result<Self, BoxError> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let server = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--port", &port.to_string()])
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("redis-server cannot be started: {error}"))?;
        let redis = Self { server, port };
        for _ in 0..100 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(redis);
            }
            thread::sleep(Duration::from_millis(50));
        }
        Err("redis-server does not listen".into())
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

pub(crate) fn run() -> Result<ExitCode, BoxError> {
    let redis = Redis::start()?;
    let url = redis.url();
    let issuer = || {
        LocalIssuer::builder()
            .client(ID, SECRET, ["profiles/get"])
            .start()
    };

    let with_redis = issuer()?;
    let tokens = ask_at_once(&with_redis, &url)?;
    let requests = with_redis.requests(Endpoint::Token);
    println!(
        "{FLEET} callers with Redis:    {} token, {requests} token request",
        tokens.len()
    );
    let shared = (tokens.len(), requests) == (1, 1);

    drop(redis);
    let without = issuer()?;
    let tokens = ask_at_once(&without, &url)?;
    let requests = without.requests(Endpoint::Token);
    println!(
        "{FLEET} callers without Redis: {} tokens, {requests} token requests",
        tokens.len()
    );
    let alone = (tokens.len(), requests) == (FLEET, FLEET);
    Ok(ExitCode::from(u8::from(!(shared && alone))))
}

/// Each caller twice, on its own thread, runtime and connection.
fn ask_at_once(issuer: &LocalIssuer, redis_url: &str) -> Result<HashSet<String>, BoxError> {
    let callers = (0..FLEET).map(|_| {
        let builder = ClientCredentials::builder(issuer.token_url(), ID, SECRET);
        let client = fleet_client(builder, redis_url, &[7; 32])?;
        Ok(thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let first = client.token().await?.as_str().to_owned();
                let again = client.token().await?.as_str().to_owned();
                if first == again {
                    Ok::<_, BoxError>(first)
                } else {
                    Err("the second call got another token".into())
                }
            })
        }))
    });
    let callers = callers.collect::<Result<Vec<_>, BoxError>>()?;
    callers
        .into_iter()
        .map(|caller| caller.join().map_err(|_| "a caller panicked")?)
        .collect()
}
