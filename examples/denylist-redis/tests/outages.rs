//! The denylist against a real server that is killed, restarted without its data, and cut off.
//!
//! `just fleet` runs it; it needs `redis-server` (Debian: `apt-get install redis-server`).

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and other programs have the real time"
)]

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use axum::{Router, body::Body, http::Request, routing::get};
use example_denylist_redis::{denylist, follow};
use http::{StatusCode, header::AUTHORIZATION};
use redis::{AsyncCommands, Client, pipe};
use tokio::time::{Instant, sleep, timeout};
use tower::ServiceExt;
use tower_cognito::{
    denylist::Denylist,
    testing::{TestPool, TokenBuilder},
};

const MAX_AGE: Duration = Duration::from_secs(2);
const POLL_INTERVAL: Duration = Duration::from_millis(100);

struct Server {
    port: u16,
    process: Child,
}

impl Server {
    async fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut server = Self {
            port,
            process: Self::process(port),
        };
        server.restart().await;
        server
    }

    fn process(port: u16) -> Child {
        Command::new("redis-server")
            .args([
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
                "--port",
            ])
            .arg(port.to_string())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server can be started")
    }

    fn client(&self) -> Client {
        Client::open(format!("redis://127.0.0.1:{}", self.port)).unwrap()
    }

    /// Without warning and without its data.
    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    async fn restart(&mut self) {
        self.kill();
        self.process = Self::process(self.port);
        until("the server answers", async || {
            self.client()
                .get_multiplexed_async_connection()
                .await
                .is_ok()
        })
        .await;
    }

    /// Stopped, it keeps its connections and answers none: what a partition looks like.
    fn signal(&self, signal: &str) {
        let pid = self.process.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    async fn write(&self, version: &str, client: &str, token_id: &str) {
        let mut redis = self
            .client()
            .get_multiplexed_async_connection()
            .await
            .unwrap();
        let _: () = pipe()
            .atomic()
            .del("denylist:clients")
            .sadd("denylist:clients", client)
            .zadd("denylist:tokens", token_id, 1_735_693_200)
            .set("denylist:version", version)
            .query_async(&mut redis)
            .await
            .unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

struct Fleet {
    pool: TestPool,
    /// Two processes, as far as they know of each other.
    services: [(Denylist, Router); 2],
}

impl Fleet {
    async fn start(redis: &Client) -> Self {
        let pool = TestPool::new();
        let service = || {
            let builder = denylist(redis, MAX_AGE).poll_interval(POLL_INTERVAL);
            let denylist = builder.spawn().unwrap();
            let verifier = pool.verifier_builder().check(denylist.to_check());
            let app = Router::new()
                .route("/", get(async || "hello"))
                .route_layer(verifier.build().unwrap().layer());
            (denylist, app)
        };
        let services = [service(), service()];
        Self { pool, services }
    }

    /// The statuses that the token gets from each of the services.
    async fn statuses(&self, token: &TokenBuilder) -> [u16; 2] {
        let mut statuses = [0; 2];
        for ((_, app), status) in self.services.iter().zip(&mut statuses) {
            let request = Request::get("/").header(AUTHORIZATION, token.authorization());
            let request = request.body(Body::empty()).unwrap();
            let response = app.clone().oneshot(request).await.unwrap();
            if response.status() == StatusCode::SERVICE_UNAVAILABLE {
                assert!(response.headers().contains_key("retry-after"));
            }
            *status = response.status().as_u16();
        }
        statuses
    }

    fn client(&self, id: &str) -> TokenBuilder {
        self.pool.token().client_credentials(id)
    }

    /// A caller that is denied is never accepted, the bound on the age never passes unseen, and
    /// then everyone gets 503. Returns how long the list served.
    async fn outlast(&self, denied: &TokenBuilder) -> Duration {
        let started = Instant::now();
        let mut served = Duration::ZERO;
        loop {
            let ages = self
                .services
                .each_ref()
                .map(|(denylist, _)| denylist.status().age().unwrap());
            let [first, second] = self.statuses(denied).await;
            for status in [first, second] {
                assert!(status == 403 || status == 503, "{status}");
            }
            let good = self.statuses(&self.client("good")).await;
            for (age, status) in ages.into_iter().zip(good) {
                assert!(
                    age <= MAX_AGE || status == 503,
                    "{status} at the age of {age:?}"
                );
            }
            if good == [503, 503] {
                assert_eq!(self.statuses(denied).await, [503, 503]);
                return served;
            }
            served = started.elapsed();
            assert!(served < 3 * MAX_AGE, "the bound on the age does not hold");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let all = async {
        while !holds().await {
            sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(
        timeout(Duration::from_secs(20), all).await.is_ok(),
        "{what}: not within 20 s"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server: `just fleet`"]
async fn the_bound_on_the_age_holds_through_every_outage_of_redis() {
    let mut server = Server::start().await;
    server.write("1", "denied", "revoked-1").await;
    let fleet = Fleet::start(&server.client()).await;
    let (denied, good) = (fleet.client("denied"), fleet.client("good"));
    let revoked = fleet.client("good").claim("jti", "revoked-1");
    until("the list is loaded", async || {
        fleet.statuses(&good).await == [200, 200]
    })
    .await;
    assert_eq!(fleet.statuses(&denied).await, [403, 403]);
    assert_eq!(fleet.statuses(&revoked).await, [401, 401]);

    server.write("2", "denied-2", "revoked-1").await;
    let denied_2 = fleet.client("denied-2");
    until("an entry is effective everywhere", async || {
        fleet.statuses(&denied_2).await == [403, 403] && fleet.statuses(&denied).await == [200, 200]
    })
    .await;

    // Killed: connections are refused.
    server.kill();
    let served = fleet.outlast(&denied_2).await;
    println!("killed: the list served for another {served:?}");

    // Restarted without its data: its empty list must not be used.
    server.restart().await;
    let mut redis = server
        .client()
        .get_multiplexed_async_connection()
        .await
        .unwrap();
    let clients: Vec<String> = redis.smembers("denylist:clients").await.unwrap();
    assert_eq!(clients, Vec::<String>::new());
    let ends = Instant::now() + 5 * POLL_INTERVAL;
    while Instant::now() < ends {
        assert_eq!(fleet.statuses(&denied_2).await, [503, 503]);
        assert_eq!(fleet.statuses(&good).await, [503, 503]);
        sleep(Duration::from_millis(20)).await;
    }
    server.write("3", "denied-2", "revoked-1").await;
    until("the data is back", async || {
        fleet.statuses(&good).await == [200, 200]
    })
    .await;
    assert_eq!(fleet.statuses(&denied_2).await, [403, 403]);

    // Cut off: connections stay open and nothing comes.
    server.signal("-STOP");
    let served = fleet.outlast(&denied_2).await;
    println!("cut off: the list served for another {served:?}");
    server.signal("-CONT");
    until("the partition ends", async || {
        fleet.statuses(&good).await == [200, 200]
    })
    .await;
    assert_eq!(fleet.statuses(&denied_2).await, [403, 403]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server: `just fleet`"]
async fn a_published_change_does_not_wait_for_the_next_poll() {
    let server = Server::start().await;
    server.write("1", "denied", "revoked-1").await;
    let redis = server.client();
    // An hour: only the message can be what brings the change.
    let hour = Duration::from_secs(3600);
    let denylist = denylist(&redis, 2 * hour)
        .poll_interval(hour)
        .spawn()
        .unwrap();
    let follower = {
        let (redis, denylist) = (redis.clone(), denylist.clone());
        tokio::spawn(async move { follow(&redis, &denylist).await })
    };
    let version = async || denylist.current().ok()?.version().map(str::to_owned);
    until("the list is loaded", async || {
        version().await.as_deref() == Some("1")
    })
    .await;
    let mut connection = redis.get_multiplexed_async_connection().await.unwrap();
    until("the subscription is there", async || {
        let mut connection = connection.clone();
        let (_, subscribers): (String, usize) = redis::cmd("PUBSUB")
            .arg("NUMSUB")
            .arg("denylist")
            .query_async(&mut connection)
            .await
            .unwrap();
        subscribers == 1
    })
    .await;

    server.write("2", "denied", "revoked-1").await;
    let written = Instant::now();
    let _: () = connection.publish("denylist", "changed").await.unwrap();
    until("the change is there", async || {
        version().await.as_deref() == Some("2")
    })
    .await;
    println!("published: effective after {:?}", written.elapsed());
    follower.abort();
}
