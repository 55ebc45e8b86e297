//! The HTTP client of keys and tokens over TLS: how each failure is classified, and what connecting
//! requires.
//!
//! Trust and proxies come from the environment, so each fetch runs in a separate process: this
//! program, with one test.

use std::{
    io::{BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::PathBuf,
    process::Command,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError, TryRecvError},
    },
    thread,
    time::Duration,
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::time::timeout;
use tower_cognito::{
    AllowedClients, UserPool, Verifier, client::ClientCredentials, testing::TestPool,
};

const ISSUER: &str = "https://issuer.example";
/// What a case may take on a machine that is busy.
const AT_MOST: Duration = Duration::from_secs(20);

/// How a fetch of keys and a request for a token ended.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    keys: String,
    token: String,
    /// Everything that was printed and logged.
    output: String,
}

/// The environment of a fetch.
struct Fetch {
    url: String,
    variables: Vec<(&'static str, String)>,
}

impl Fetch {
    fn of(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            variables: vec![("SSL_CERT_FILE", fixture("test-only-ca.pem"))],
        }
    }

    /// Replaces the variable if it is there.
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.retain(|(there, _)| *there != name);
        self.variables.push((name, value.into()));
        self
    }

    fn run(&self) -> Outcome {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--ignored", "--exact", "--nocapture"])
            .arg("tls::a_fetch_in_a_process_of_its_own")
            .env("CASE_URL", &self.url);
        for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"] {
            command.env_remove(name).env_remove(name.to_lowercase());
        }
        command.env("SSL_CERT_DIR", "/nonexistent");
        let output = command
            .envs(self.variables.iter().cloned())
            .output()
            .unwrap();
        let output =
            [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        let output = output.concat();
        let line = |start: &str| {
            let line = output.lines().find_map(|line| line.strip_prefix(start));
            line.unwrap_or_else(|| panic!("no {start} in {output}"))
                .to_owned()
        };
        Outcome {
            keys: line("keys: "),
            token: line("token: "),
            output,
        }
    }
}

fn fixture(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/tls");
    folder.join(name).to_str().unwrap().to_owned()
}

/// The half of each test that needs an environment. It prints what the other half asserts.
#[tokio::test]
#[ignore = "the tests of this file run it, each in its own environment"]
async fn a_fetch_in_a_process_of_its_own() {
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .init();
    let url = std::env::var("CASE_URL").unwrap();
    let limit = std::env::var("CASE_TIMEOUT_MS")
        .map_or(AT_MOST, |text| Duration::from_millis(text.parse().unwrap()));
    let pool = UserPool::external_unencrypted(ISSUER, &url).unwrap();
    let jwks = TestPool::new().jwks();
    let pool = match std::env::var("CASE_KEYS").as_deref() {
        Ok("seeded") => pool.with_seed_jwks(&jwks).unwrap(),
        Ok("pinned") => pool.with_pinned_jwks(&jwks).unwrap(),
        _ => pool,
    };
    let builder = Verifier::builder(pool, AllowedClients::any()).fetch_timeout(limit);
    match builder.build() {
        Err(error) => println!("keys: setup {error}"),
        Ok(verifier) => {
            // `warm_up` gives up at the same moment as the fetch, so the status is what tells.
            let warm = timeout(2 * AT_MOST, verifier.warm_up()).await.unwrap();
            let status = timeout(AT_MOST, async {
                loop {
                    let status = verifier.key_status();
                    if warm.is_ok() || status.last_error().is_some() {
                        break status;
                    }
                    tokio::task::yield_now().await;
                }
            });
            match status.await.unwrap().last_error() {
                None => println!("keys: ok"),
                Some(error) => println!("keys: {} {error}", error.cause().unwrap_or("none")),
            }
        }
    }
    let caller = ClientCredentials::builder(&*url, "id", "hush-secret")
        .allow_unencrypted_token_url()
        .timeout(limit)
        .build();
    match caller {
        Err(error) => println!("token: setup {error}"),
        Ok(caller) => match timeout(2 * AT_MOST, caller.token()).await.unwrap() {
            Ok(_) => println!("token: ok"),
            Err(error) => println!("token: {} {error}", error.cause().unwrap_or("none")),
        },
    }
}

/// Keys to a GET and a token to a POST, over TLS, for as long as the test runs.
struct TlsEndpoint {
    port: u16,
    config: Arc<ServerConfig>,
}

/// What the endpoint does before it greets.
#[derive(Clone, Copy)]
enum Greets {
    AtOnce,
    After(Duration),
    Never,
}

impl TlsEndpoint {
    fn start(certificate: &str, greets: Greets) -> Self {
        let endpoint = Self::new(certificate);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let config = Arc::clone(&endpoint.config);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let config = Arc::clone(&config);
                thread::spawn(move || {
                    if let Greets::After(delay) = greets {
                        wait(delay);
                    }
                    match greets {
                        Greets::Never => wait(2 * AT_MOST),
                        _ => serve(connection, config),
                    }
                });
            }
        });
        Self { port, ..endpoint }
    }

    fn new(certificate: &str) -> Self {
        let certificate = CertificateDer::from_pem_file(fixture(certificate)).unwrap();
        let key = PrivateKeyDer::from_pem_file(fixture("test-only-server.key")).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        Self {
            port: 0,
            config: Arc::new(config),
        }
    }

    fn url(&self) -> String {
        format!("https://localhost:{}/jwks.json?key=hush-query", self.port)
    }
}

/// An endpoint takes its time here; nothing of the test's own waits for it to pass.
fn wait(duration: Duration) {
    let (_keep, never) = mpsc::channel::<()>();
    assert_eq!(never.recv_timeout(duration), Err(RecvTimeoutError::Timeout));
}

fn serve(connection: TcpStream, config: Arc<ServerConfig>) {
    let _ = connection.set_read_timeout(Some(AT_MOST));
    let Ok(session) = ServerConnection::new(config) else {
        return;
    };
    let mut stream = StreamOwned::new(session, connection);
    let Ok(head) = read_head(&mut stream) else {
        return;
    };
    let body = if head.starts_with("GET ") {
        TestPool::new().jwks()
    } else {
        r#"{"access_token":"a.b.c","token_type":"Bearer","expires_in":3600}"#.to_owned()
    };
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let _ = stream.flush();
    stream.conn.send_close_notify();
    let _ = stream.flush();
}

fn read_head(stream: &mut impl Read) -> std::io::Result<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// A port where nothing listens.
fn closed_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

#[track_caller]
fn assert_cause(outcome: &Outcome, cause: &str, hint: &str) {
    for text in [&outcome.keys, &outcome.token] {
        assert!(
            text.starts_with(&format!("{cause} could not connect")),
            "{text}"
        );
        assert!(text.contains(hint), "{text}");
    }
    let logged = format!("cause=\"{cause}\"");
    assert_eq!(
        outcome.output.matches(&logged).count(),
        2,
        "{}",
        outcome.output
    );
    assert_no_secret(outcome);
}

#[track_caller]
fn assert_ok(outcome: &Outcome) {
    assert_eq!(
        (&*outcome.keys, &*outcome.token),
        ("ok", "ok"),
        "{}",
        outcome.output
    );
    assert_no_secret(outcome);
}

#[track_caller]
fn assert_no_secret(outcome: &Outcome) {
    assert!(!outcome.output.contains("hush"), "{}", outcome.output);
}

/// The good twin of all below.
#[test]
fn a_certificate_of_a_trusted_ca_for_the_host_is_accepted() {
    let endpoint = TlsEndpoint::start("test-only-good.pem", Greets::AtOnce);
    assert_ok(&Fetch::of(endpoint.url()).run());
}

#[test]
fn an_expired_certificate_has_its_own_cause() {
    let endpoint = TlsEndpoint::start("test-only-expired.pem", Greets::AtOnce);
    let outcome = Fetch::of(endpoint.url()).run();
    assert_cause(&outcome, "certificate_expired", "this machine's clock");
}

#[test]
fn a_certificate_for_another_host_has_its_own_cause() {
    let endpoint = TlsEndpoint::start("test-only-other-name.pem", Greets::AtOnce);
    let outcome = Fetch::of(endpoint.url()).run();
    assert_cause(&outcome, "certificate_name", "check the host in the URL");
}

#[test]
fn a_certificate_of_an_unknown_ca_has_its_own_cause() {
    let endpoint = TlsEndpoint::start("test-only-good.pem", Greets::AtOnce);
    // Some CA is trusted, but not this one.
    let outcome = Fetch::of(endpoint.url())
        .with("SSL_CERT_FILE", fixture("test-only-expired.pem"))
        .run();
    assert_cause(&outcome, "certificate_unknown_issuer", "`SSL_CERT_FILE`");
}

#[test]
fn a_refused_connection_has_its_own_cause() {
    let outcome = Fetch::of(format!("https://localhost:{}/?hush", closed_port())).run();
    assert_cause(&outcome, "refused", "nothing listens");
}

/// The name is longer than DNS can ask for, so that no query leaves the machine.
#[test]
fn a_name_that_does_not_resolve_has_its_own_cause() {
    let outcome = Fetch::of(format!("http://{}.invalid/?hush", "x".repeat(64))).run();
    assert_cause(&outcome, "dns", "DNS in this network");
}

#[test]
fn an_endpoint_without_tls_has_its_own_cause() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let _ = connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            let _ = connection.read(&mut [0; 1024]);
        }
    });
    let outcome = Fetch::of(format!("https://localhost:{port}/?hush")).run();
    assert_cause(&outcome, "tls", "speaks TLS");
}

/// A TLS handshake of 1.3 s, as over a slow link or on a small Lambda, and the same endpoint where
/// there is less time.
#[test]
fn one_setting_governs_how_long_connecting_may_take() {
    let slow = Greets::After(Duration::from_millis(1300));
    let endpoint = TlsEndpoint::start("test-only-good.pem", slow);
    assert_ok(&Fetch::of(endpoint.url()).run());

    let never = TlsEndpoint::start("test-only-good.pem", Greets::Never);
    let outcome = Fetch::of(never.url()).with("CASE_TIMEOUT_MS", "700").run();
    assert_cause(&outcome, "timed_out", "NAT gateway");
    assert!(
        outcome.keys.contains("`fetch_timeout` sets"),
        "{}",
        outcome.keys
    );
    assert!(
        outcome.token.contains("`timeout` sets"),
        "{}",
        outcome.token
    );
}

/// Answers CONNECT for any host with a tunnel to the endpoint.
fn proxy(status: &'static str) -> u16 {
    let config = TlsEndpoint::new("test-only-good.pem").config;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let config = Arc::clone(&config);
            thread::spawn(move || {
                let head = read_head(&mut connection).unwrap();
                assert!(head.starts_with("CONNECT keys.example.com:443 "), "{head}");
                let _ = write!(connection, "HTTP/1.1 {status}\r\n\r\n");
                serve(connection, config);
            });
        }
    });
    port
}

#[test]
fn a_dead_proxy_and_one_that_refuses_differ_from_a_dead_endpoint() {
    let through = |port: u16| {
        Fetch::of("https://keys.example.com/jwks.json?hush")
            .with(
                "HTTPS_PROXY",
                format!("http://me:hush-proxy@127.0.0.1:{port}"),
            )
            .run()
    };
    assert_ok(&through(proxy("200 OK")));
    assert_cause(&through(closed_port()), "proxy", "`NO_PROXY`");
    assert_cause(&through(proxy("403 Forbidden")), "proxy", "`NO_PROXY`");
}

/// Nothing on this machine goes through a proxy, and neither does plain http.
#[test]
fn a_loopback_url_does_not_go_through_a_proxy() {
    let endpoint = TlsEndpoint::start("test-only-good.pem", Greets::AtOnce);
    let dead = format!("http://127.0.0.1:{}", closed_port());
    let fetch = |url| Fetch::of(url).with("HTTPS_PROXY", &dead).run();
    assert_ok(&fetch(endpoint.url()));
    let nothing_there = fetch(format!("https://localhost:{}/?hush", closed_port()));
    assert_cause(&nothing_there, "refused", "nothing listens");
}

fn without_ca_certificates(fetch: Fetch) -> Outcome {
    fetch.with("SSL_CERT_FILE", "/dev/null").run()
}

/// A container from scratch, a Nix sandbox.
#[test]
fn a_machine_without_ca_certificates_is_named_when_https_is_used() {
    let endpoint = TlsEndpoint::start("test-only-good.pem", Greets::AtOnce);
    let outcome = without_ca_certificates(Fetch::of(endpoint.url()));
    for text in [&outcome.keys, &outcome.token] {
        assert!(
            text.starts_with("setup the HTTP client cannot be set up"),
            "{text}"
        );
        assert!(text.contains("no CA certificates"), "{text}");
    }
    assert_no_secret(&outcome);

    // With keys to start with the verifier serves, and the fetch says what is missing.
    let with_keys =
        |keys| without_ca_certificates(Fetch::of(endpoint.url()).with("CASE_KEYS", keys)).keys;
    let seeded = with_keys("seeded");
    assert!(
        seeded.starts_with("no_trust_roots could not connect"),
        "{seeded}"
    );
    // Keys that are never fetched need nothing.
    assert_eq!(with_keys("pinned"), "ok");
}

#[test]
fn a_machine_without_ca_certificates_can_use_plain_http() {
    let url = format!("http://127.0.0.1:{}/jwks.json?hush", plain_endpoint());
    assert_ok(&without_ca_certificates(Fetch::of(url)));
}

/// A request for a token carries the secret. No proxy variable sends it anywhere but to the
/// endpoint on this machine.
#[test]
fn no_proxy_variable_leads_a_plain_request_on_this_machine_elsewhere() {
    let (proxy, uses) = watched_proxy();
    let port = plain_endpoint();
    for variables in [
        &["HTTP_PROXY"][..],
        &["http_proxy"],
        &["ALL_PROXY"],
        &["all_proxy"],
        &["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"],
    ] {
        for host in ["127.0.0.1", "localhost"] {
            let fetch = Fetch::of(format!("http://{host}:{port}/jwks.json?hush"));
            let fetch = variables
                .iter()
                .fold(fetch, |fetch, name| fetch.with(name, &proxy));
            assert_ok(&fetch.run());
            assert_eq!(uses.try_recv(), Err(TryRecvError::Empty), "{variables:?}");
        }
    }
}

/// Says when it is used, and closes the connection.
fn watched_proxy() -> (String, mpsc::Receiver<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (used, uses) = mpsc::channel();
    thread::spawn(move || {
        for _ in listener.incoming().flatten() {
            let _ = used.send(());
        }
    });
    (url, uses)
}

/// Serves keys and tokens without TLS.
fn plain_endpoint() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let head = read_head(&mut BufReader::new(&connection)).unwrap();
            let body = if head.starts_with("GET ") {
                TestPool::new().jwks()
            } else {
                r#"{"access_token":"a.b.c","token_type":"Bearer","expires_in":3600}"#.to_owned()
            };
            let length = body.len();
            let _ = write!(
                connection,
                "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}"
            );
        }
    });
    port
}
