//! The denylist against an emulator of DynamoDB that is changed, cut off, killed, and restarted
//! without its data.
//!
//! `check.sh` runs it; `MOTO_SERVER` is the path of moto's server.

#![allow(
    clippy::disallowed_methods,
    reason = "another program has the real time"
)]

use std::{
    env,
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use aws_sdk_dynamodb::{
    Client, Config,
    config::{BehaviorVersion, Credentials, Region},
    types::{
        AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, Put,
        ScalarAttributeType, TransactWriteItem, Update,
    },
};
use axum::{Router, body::Body, http::Request, http::header::AUTHORIZATION, routing::get};
use example_denylist_dynamodb::denylist;
use tokio::time::{Instant, sleep, timeout};
use tower::ServiceExt;
use tower_cognito::{
    denylist::Denylist,
    testing::{TestPool, TokenBuilder},
};

const TABLE: &str = "denylist";
const MAX_AGE: Duration = Duration::from_secs(5);
const POLL_INTERVAL: Duration = Duration::from_millis(200);

struct Emulator {
    address: SocketAddr,
    process: Child,
}

impl Emulator {
    async fn start() -> Self {
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let process = Self::process(address);
        let emulator = Self { address, process };
        emulator.wait_until_it_listens().await;
        emulator
    }

    fn process(address: SocketAddr) -> Child {
        let program = env::var("MOTO_SERVER").expect("MOTO_SERVER is set: see check.sh");
        Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &address.port().to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    async fn wait_until_it_listens(&self) {
        until("the emulator listens", async || {
            TcpStream::connect(self.address).is_ok()
        })
        .await;
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    async fn restart(&mut self) {
        self.process = Self::process(self.address);
        self.wait_until_it_listens().await;
    }

    /// Stopped, it keeps its connections and does not respond: what a partition looks like.
    fn signal(&self, signal: &str) {
        let pid = self.process.id().to_string();
        let status = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(status.success());
    }

    fn client(&self) -> Client {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("x", "x", None, None, "test"))
            .endpoint_url(format!("http://{}", self.address));
        Client::from_conf(config.build())
    }

    async fn create_table(&self) {
        let attribute = |name: &str| {
            let attribute = AttributeDefinition::builder().attribute_name(name);
            attribute
                .attribute_type(ScalarAttributeType::S)
                .build()
                .unwrap()
        };
        let key = |name: &str, key_type| {
            let key = KeySchemaElement::builder().attribute_name(name);
            key.key_type(key_type).build().unwrap()
        };
        let table = self.client().create_table().table_name(TABLE);
        table
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(attribute("kind"))
            .attribute_definitions(attribute("id"))
            .key_schema(key("kind", KeyType::Hash))
            .key_schema(key("id", KeyType::Range))
            .send()
            .await
            .unwrap();
    }

    /// Denies, as the page of the library says: entry and version in one transaction.
    async fn deny(&self, kind: &str, ids: &[String]) {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let update = Update::builder()
            .table_name(TABLE)
            .key("kind", text("version"))
            .key("id", text("version"))
            .update_expression("ADD #value :one")
            .expression_attribute_names("#value", "value")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
        let update = TransactWriteItem::builder().update(update.build().unwrap());
        let mut transaction = self.client().transact_write_items();
        for id in ids {
            // Long items, so that the entries take more than one page of 1 MB.
            let put = Put::builder()
                .table_name(TABLE)
                .item("kind", text(kind))
                .item("id", text(id))
                .item("note", text(&"x".repeat(20_000)));
            let put = TransactWriteItem::builder().put(put.build().unwrap());
            transaction = transaction.transact_items(put.build());
        }
        let transaction = transaction.transact_items(update.build());
        transaction.send().await.unwrap();
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

struct Service {
    pool: TestPool,
    denylist: Denylist,
    app: Router,
}

impl Service {
    fn start(client: &Client) -> Self {
        let pool = TestPool::new();
        let builder = denylist(client, TABLE, MAX_AGE).poll_interval(POLL_INTERVAL);
        let denylist = builder
            .load_timeout(Duration::from_secs(2))
            .spawn()
            .unwrap();
        let verifier = pool.verifier_builder().check(denylist.to_check());
        let app = Router::new()
            .route("/", get(async || "hello"))
            .route_layer(verifier.build().unwrap().layer());
        Self {
            pool,
            denylist,
            app,
        }
    }

    async fn status(&self, token: &TokenBuilder) -> u16 {
        let request = Request::get("/").header(AUTHORIZATION, token.authorization());
        let request = request.body(Body::empty()).unwrap();
        let response = self.app.clone().oneshot(request).await.unwrap();
        response.status().as_u16()
    }

    fn client(&self, id: &str) -> TokenBuilder {
        self.pool.token().client_credentials(id)
    }

    /// A denied caller is never accepted, a good one never beyond the bound on the age, and in the
    /// end both get 503.
    async fn outlast(&self) -> Duration {
        let started = Instant::now();
        let mut served = Duration::ZERO;
        loop {
            let denied = self.status(&self.client("denied")).await;
            assert!(denied == 403 || denied == 503, "{denied}");
            let age = self.denylist.status().age().unwrap();
            let good = self.status(&self.client("good")).await;
            assert!(age <= MAX_AGE || good == 503, "{good} at {age:?}");
            if good == 503 {
                assert_eq!(self.status(&self.client("denied")).await, 503);
                return served;
            }
            served = started.elapsed();
            assert!(served < 2 * MAX_AGE, "the bound on the age does not hold");
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
    let outcome = timeout(Duration::from_secs(60), all).await;
    assert!(outcome.is_ok(), "{what}: not within 60 s");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto: see check.sh"]
async fn the_bound_on_the_age_holds_through_every_outage_of_the_table() {
    let mut emulator = Emulator::start().await;
    emulator.create_table().await;
    let service = Service::start(&emulator.client());
    let good = service.client("good");
    let denied = service.client("denied");
    let revoked = good.clone().claim("jti", "revoked");

    // An empty table has no version, and is not believed.
    assert!(service.denylist.warm_up().await.is_err());
    assert_eq!(service.status(&good).await, 503);

    // More than one page. The client and the token are in the last.
    let many = |prefix: &str| -> Vec<String> {
        (0..80)
            .map(|number| format!("{prefix}{number:03}"))
            .collect()
    };
    emulator.deny("client", &many("a")).await;
    emulator.deny("token", &many("a")).await;
    emulator.deny("client", &["denied".to_owned()]).await;
    emulator.deny("token", &["revoked".to_owned()]).await;
    until("the entries take effect", async || {
        service.status(&denied).await == 403 && service.status(&revoked).await == 401
    })
    .await;
    assert_eq!(service.status(&good).await, 200);
    assert_eq!(service.status(&service.client("a000")).await, 403);

    emulator.signal("-STOP");
    let served = service.outlast().await;
    println!("cut off: the list served for another {served:?}");
    emulator.signal("-CONT");
    until("the partition ends", async || {
        service.status(&good).await == 200
    })
    .await;
    assert_eq!(service.status(&denied).await, 403);

    emulator.kill();
    let served = service.outlast().await;
    println!("killed: the list served for another {served:?}");

    // Restored without its data.
    emulator.restart().await;
    emulator.create_table().await;
    for _ in 0..5 {
        assert!(service.denylist.warm_up().await.is_err());
        assert_eq!(service.status(&denied).await, 503);
        assert_eq!(service.status(&good).await, 503);
    }
    emulator.deny("client", &["denied".to_owned()]).await;
    until("the data is back", async || {
        service.status(&good).await == 200
    })
    .await;
    assert_eq!(service.status(&denied).await, 403);
}
