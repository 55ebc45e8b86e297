//! A Cognito user pool on this machine, for the development of a whole system without AWS.
//!
//! ```text
//! cargo run -p local-issuer -- --client caller --scope profiles/get --scope profiles/post
//! ```
//!
//! It prints lines for a shell to `eval`, and serves until it is interrupted. Its keys are new at
//! each start unless `--fixture-keys` selects the public test keys. `--help` lists the options.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing is what this program is for"
)]
#![allow(
    clippy::indexing_slicing,
    reason = "JSON that lacks a member reads as null, and there is always a last client"
)]

use std::{
    env,
    error::Error,
    io::{self, Write},
    process::ExitCode,
    thread,
    time::Duration,
};

use lexopt::{Arg, ValueExt};
use tower_cognito::{
    AllowedClients, Verifier,
    testing::{LocalIssuer, random_secret},
};

const USAGE: &str = "\
A Cognito user pool on loopback, for development only.

Usage: local-issuer [OPTIONS]

It prints `export` lines for a shell and serves until you stop it.
Defaults are in brackets.

  --pool-id ID           the user pool id [eu-west-1_LocalOnly1]
  --port PORT            the port on 127.0.0.1 [any free port]
  --lifetime SECONDS     the lifetime of tokens [3600]
  --client ID            add an app client; repeatable [local-client]
  --scope SCOPE          allow the last client this scope; repeatable
  --secret-from VAR      read the last client's secret from this environment
                         variable, and do not print it [random, printed]
  --redirect-uri URI     let the last client sign users in, and redirect them
                         here; it then has no secret and no client credentials;
                         repeatable
  --sign-in-as USER      sign this user in at the authorization endpoint,
                         without a prompt [no endpoint]
  --open-registration SCOPE
                         let clients register themselves, and allow them this
                         scope; repeatable
  --oauth-metadata       serve RFC 8414 metadata for strict OAuth clients
  --issuer-on-loopback   use this process's own URL as `iss`, for libraries that
                         derive the JWKS URL from it [the pool's URL on AWS]
  --bind-resource        bind tokens to the `resource` of a request, as MCP
                         clients send it [reject it, as Cognito does]
  --escaped-slashes      write `/` in tokens as `\\/`, as Cognito may [`/`]
  --no-cors              send no CORS fields from the token endpoint
                         [`*`, as Cognito does]
  --token-exchange       let every client exchange tokens (RFC 8693) [rejected]
  --fixture-keys         sign with the public test keys [new keys]
  --check                fetch a token and the keys over HTTP, verify the token,
                         and exit with 0 or 1
  --help                 print this text
";

type BoxError = Box<dyn Error>;

/// What the flags say.
struct Options {
    pool_id: String,
    port: u16,
    lifetime: Duration,
    clients: Vec<Client>,
    naming: Naming,
    keys: Keys,
    switches: Vec<Switch>,
    user: Option<String>,
    open_registration: Vec<String>,
    mode: Mode,
}

/// Where servers differ.
#[derive(Clone, Copy)]
enum Switch {
    BindResource,
    EscapedSlashes,
    NoCors,
    OauthMetadata,
    TokenExchange,
}

struct Client {
    id: String,
    secret: Secret,
    scopes: Vec<String>,
    redirect_uris: Vec<String>,
}

enum Secret {
    /// Generated for the developer, and therefore printed.
    Generated(String),
    /// Known to the developer already.
    FromEnvironment(String),
}

enum Naming {
    Aws,
    Loopback,
}

enum Keys {
    Fresh,
    Fixtures,
}

enum Mode {
    Serve,
    Check,
    Help,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("local-issuer: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), BoxError> {
    let options = Options::read(lexopt::Parser::from_env())?;
    if let Mode::Help = options.mode {
        print!("{USAGE}");
        return Ok(());
    }
    let issuer = options.start()?;
    if let Mode::Check = options.mode {
        return check(&issuer, &options.clients);
    }
    print!("{}", export_lines(&issuer, &options));
    io::stdout().flush()?;
    loop {
        thread::park();
    }
}

impl Options {
    fn read(mut flags: lexopt::Parser) -> Result<Self, BoxError> {
        let mut options = Self {
            pool_id: "eu-west-1_LocalOnly1".to_owned(),
            port: 0,
            lifetime: Duration::from_secs(3600),
            clients: Vec::new(),
            naming: Naming::Aws,
            keys: Keys::Fresh,
            switches: Vec::new(),
            user: None,
            open_registration: Vec::new(),
            mode: Mode::Serve,
        };
        while let Some(flag) = flags.next()? {
            match flag {
                Arg::Long("pool-id") => options.pool_id = flags.value()?.string()?,
                Arg::Long("port") => options.port = flags.value()?.parse()?,
                Arg::Long("lifetime") => {
                    options.lifetime = Duration::from_secs(flags.value()?.parse()?);
                }
                Arg::Long("client") => options.add_client(flags.value()?.string()?)?,
                Arg::Long("scope") => {
                    let scope = flags.value()?.string()?;
                    options.last_client().scopes.push(scope);
                }
                Arg::Long("secret-from") => {
                    let variable = flags.value()?.string()?;
                    let secret = env::var(&variable)
                        .map_err(|_| format!("the environment variable {variable} is not set"))?;
                    options.last_client().secret = Secret::FromEnvironment(secret);
                }
                Arg::Long("redirect-uri") => {
                    let uri = flags.value()?.string()?;
                    options.last_client().redirect_uris.push(uri);
                }
                Arg::Long("sign-in-as") => options.user = Some(flags.value()?.string()?),
                Arg::Long("open-registration") => {
                    options.open_registration.push(flags.value()?.string()?);
                }
                Arg::Long("oauth-metadata") => options.switches.push(Switch::OauthMetadata),
                Arg::Long("issuer-on-loopback") => options.naming = Naming::Loopback,
                Arg::Long("bind-resource") => options.switches.push(Switch::BindResource),
                Arg::Long("escaped-slashes") => options.switches.push(Switch::EscapedSlashes),
                Arg::Long("no-cors") => options.switches.push(Switch::NoCors),
                Arg::Long("token-exchange") => options.switches.push(Switch::TokenExchange),
                Arg::Long("fixture-keys") => options.keys = Keys::Fixtures,
                Arg::Long("check") => options.mode = Mode::Check,
                Arg::Long("help") | Arg::Short('h') => options.mode = Mode::Help,
                other => return Err(other.unexpected().into()),
            }
        }
        options.last_client();
        Ok(options)
    }

    fn add_client(&mut self, id: String) -> Result<(), BoxError> {
        if self.clients.iter().any(|client| client.id == id) {
            return Err(format!("the client {id} is there already").into());
        }
        self.clients.push(Client::new(id));
        Ok(())
    }

    /// The client that a flag belongs to: the default one if none has been named.
    fn last_client(&mut self) -> &mut Client {
        if self.clients.is_empty() {
            self.clients.push(Client::new("local-client".to_owned()));
        }
        let last = self.clients.len() - 1;
        &mut self.clients[last]
    }

    fn start(&self) -> Result<LocalIssuer, BoxError> {
        let mut builder = LocalIssuer::builder()
            .pool_id(self.pool_id.as_str())
            .port(self.port)
            .lifetime(self.lifetime);
        for client in &self.clients {
            builder = if client.has_secret() {
                builder.client(client.id.as_str(), client.secret(), &client.scopes)
            } else {
                builder.user_client(client.id.as_str(), &client.redirect_uris, &client.scopes)
            };
        }
        if let Some(user) = &self.user {
            builder = builder.sign_in_as(user);
        }
        if !self.open_registration.is_empty() {
            builder = builder.open_registration(&self.open_registration);
        }
        if let Naming::Loopback = self.naming {
            builder = builder.issuer_on_loopback();
        }
        if let Keys::Fresh = self.keys {
            builder = builder.fresh_keys();
        }
        for switch in &self.switches {
            builder = match switch {
                Switch::BindResource => builder.bind_resource(),
                Switch::EscapedSlashes => builder.with_escaped_slashes(),
                Switch::NoCors => builder.without_cors(),
                Switch::OauthMetadata => builder.with_oauth_metadata(),
                Switch::TokenExchange => builder.with_token_exchange(),
            };
        }
        Ok(builder.start()?)
    }
}

impl Client {
    fn new(id: String) -> Self {
        Self {
            id,
            secret: Secret::Generated(random_secret()),
            scopes: Vec::new(),
            redirect_uris: Vec::new(),
        }
    }

    /// One that signs users in is public.
    const fn has_secret(&self) -> bool {
        self.redirect_uris.is_empty()
    }

    fn secret(&self) -> &str {
        match &self.secret {
            Secret::Generated(secret) | Secret::FromEnvironment(secret) => secret,
        }
    }
}

fn export_lines(issuer: &LocalIssuer, options: &Options) -> String {
    let mut lines =
        String::from("# A user pool for development only. It serves until it is interrupted.\n");
    if let Keys::Fixtures = options.keys {
        lines.push_str("# Its private keys are public: never let a real service trust it.\n");
    }
    let mut export = |name: &str, value: &str| {
        lines.push_str(&format!("export {name}={}\n", shell_quoted(value)));
    };
    export("COGNITO_USER_POOL_ID", &options.pool_id);
    export("COGNITO_ISSUER", issuer.issuer());
    export("COGNITO_JWKS_URL", issuer.jwks_url());
    export("COGNITO_DISCOVERY_URL", &issuer.discovery_url());
    export("COGNITO_TOKEN_URL", &issuer.token_url());
    export("COGNITO_API_URL", &issuer.api_url());
    let ids: Vec<_> = options.clients.iter().map(|client| &*client.id).collect();
    export("COGNITO_CLIENT_IDS", &ids.join(","));
    for (index, client) in options.clients.iter().enumerate() {
        let suffix = match index {
            0 => String::new(),
            other => format!("_{}", other + 1),
        };
        export(&format!("COGNITO_CLIENT_ID{suffix}"), &client.id);
        if let (Secret::Generated(secret), true) = (&client.secret, client.has_secret()) {
            export(&format!("COGNITO_CLIENT_SECRET{suffix}"), secret);
        }
        export(&format!("COGNITO_SCOPES{suffix}"), &client.scopes.join(" "));
    }
    lines
}

fn shell_quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// What a caller and a service do with it: fetch a token, fetch the keys, verify.
#[tokio::main(flavor = "current_thread")]
async fn check(issuer: &LocalIssuer, clients: &[Client]) -> Result<(), BoxError> {
    let http = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(5))
        .build()?;
    let verifier = Verifier::builder(issuer.user_pool(), AllowedClients::any()).build()?;
    for client in clients.iter().filter(|client| client.has_secret()) {
        let reply = http
            .post(issuer.token_url())
            .basic_auth(&client.id, Some(client.secret()))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials")
            .send()
            .await?
            .error_for_status()?;
        let reply: serde_json::Value = serde_json::from_slice(&reply.bytes().await?)?;
        let token = reply["access_token"]
            .as_str()
            .ok_or("the response has no access_token")?;
        let claims = verifier.verify(token).await?;
        if claims.client_id() != client.id || !claims.scopes().eq(&client.scopes) {
            return Err(
                format!("the token of {} has the wrong client or scopes", client.id).into(),
            );
        }
        println!(
            "the token of {} is valid with the keys at {}",
            client.id,
            issuer.jwks_url()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(flags: &[&str]) -> Result<Options, BoxError> {
        Options::read(lexopt::Parser::from_args(flags))
    }

    fn printed(flags: &[&str]) -> String {
        let options = read(flags).unwrap();
        export_lines(&options.start().unwrap(), &options)
    }

    #[test]
    fn a_scope_and_a_secret_belong_to_the_client_before_them() {
        let flags = "--client a --scope x/1 --scope x/2 --client b --scope y/1";
        let options = read(&flags.split(' ').collect::<Vec<_>>()).unwrap();
        let clients = options
            .clients
            .iter()
            .map(|client| (client.id.as_str(), client.scopes.join(" ")))
            .collect::<Vec<_>>();
        assert_eq!(
            clients,
            [("a", "x/1 x/2".to_owned()), ("b", "y/1".to_owned())]
        );
        assert_ne!(options.clients[0].secret(), options.clients[1].secret());

        let options = read(&["--scope", "x/1"]).unwrap();
        assert_eq!(options.clients[0].id, "local-client");
    }

    #[test]
    fn only_a_secret_that_was_made_for_the_developer_is_printed() {
        let secret = env::var("PATH").unwrap();
        let text = printed(&["--client", "a", "--secret-from", "PATH"]);
        assert!(
            !text.contains(&secret) && !text.contains("SECRET"),
            "{text}"
        );
        let text = printed(&["--client", "a"]);
        assert!(text.contains("export COGNITO_CLIENT_SECRET='"), "{text}");
    }

    #[test]
    fn every_address_is_printed() {
        let text = printed(&["--client", "a", "--client", "it's", "--scope", "x/1"]);
        for name in [
            "COGNITO_USER_POOL_ID='eu-west-1_LocalOnly1'",
            "COGNITO_ISSUER='https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_LocalOnly1'",
            "COGNITO_JWKS_URL='http://127.0.0.1:",
            "COGNITO_DISCOVERY_URL='http://127.0.0.1:",
            "COGNITO_TOKEN_URL='http://127.0.0.1:",
            r"COGNITO_CLIENT_IDS='a,it'\''s'",
            "COGNITO_CLIENT_ID='a'",
            "COGNITO_SCOPES=''",
            r"COGNITO_CLIENT_ID_2='it'\''s'",
            "COGNITO_CLIENT_SECRET_2='",
            "COGNITO_SCOPES_2='x/1'",
        ] {
            assert!(text.contains(&format!("export {name}")), "{name} in {text}");
        }
    }

    #[test]
    fn public_keys_are_used_only_on_request_and_with_a_warning() {
        let warning = "Its private keys are public";
        assert!(!printed(&[]).contains(warning));
        assert!(printed(&["--fixture-keys"]).contains(warning));
        let kids = |flags: &[&str]| read(flags).unwrap().start().unwrap().published_kids();
        assert_eq!(kids(&["--fixture-keys"])[0], "test-only-access");
        assert_ne!(kids(&[])[0], "test-only-access");
        assert_ne!(kids(&[])[0], kids(&[])[0]);
    }

    #[test]
    fn contradictory_options_are_rejected() {
        for flags in [
            "--bogus",
            "--client",
            "--client a --client a",
            "--port x",
            "--lifetime -1",
            "--secret-from NO_SUCH_VARIABLE_IS_SET",
            "positional",
        ] {
            assert!(
                read(&flags.split(' ').collect::<Vec<_>>()).is_err(),
                "{flags}"
            );
        }
        assert!(read(&["--client", "a", "--port", "1", "--lifetime", "60"]).is_ok());
        assert!(read(&["--pool-id", "nowhere"]).unwrap().start().is_err());
    }

    #[test]
    fn a_check_passes_when_the_token_says_what_it_should() {
        let options = read(&["--client", "a", "--scope", "x/1"]).unwrap();
        let issuer = options.start().unwrap();
        check(&issuer, &options.clients).unwrap();

        issuer.add_client("a", options.clients[0].secret(), ["x/2"]);
        assert!(check(&issuer, &options.clients).is_err());
    }
}
