//! Explains why a token is accepted or rejected. For a person at 3 a.m. with a token from a log or
//! a bug report.
//!
//! ```text
//! cargo install --path tools/explain
//! cognito-explain --pool eu-west-1_AbCdEf123 --fetch --scope profiles/get < token
//! ```
//!
//! The crate's own `Verifier` decides; this program only shows its decision. It prints claims,
//! which the crate itself never does: keep the output to yourself.

mod explanation;
#[cfg(test)]
mod tests;

use std::{
    env,
    error::Error,
    fs,
    io::{self, IsTerminal, Read},
    process::ExitCode,
    time::Duration,
};

use tower_cognito::{TokenUse, UserPool, clock::SystemClock};

use explanation::{Expected, Keys, Paint, Verdict, explain};

const HELP: &str = "\
Usage: cognito-explain --pool ID [OPTIONS] < token

Explains step by step why a service accepts or rejects a token. It continues
after the first rejection, so that you see everything that is wrong.

Standard input is a token, an `Authorization` line, a curl command, a token
response, or a log line with a token. Nothing is sent anywhere unless you give
--fetch, or a URL to --jwks.

  --pool ID          the user pool, such as eu-west-1_AbCdEf123
  --issuer URL       accept exactly this issuer; without --pool, give --jwks too
  --replica REGION   also accept the pool's replica in this region
  --jwks FILE|URL    the key set
  --fetch            fetch the pool's key set from AWS
  --client ID        an allowed app client; repeatable; by default any client
  --scope SCOPE      a scope that the route requires; repeatable, all required
  --audience AUD     the service's own name in `aud`; repeatable
  --leeway SECONDS   how far the clocks may be apart; default 10
  --id-token         the service accepts ID tokens instead of access tokens
  --json             print a JSON object

Exit code: 0 if the token is accepted, 1 if it is rejected, 2 if that cannot be
decided because there is no key set or an option is wrong.";

/// A token is accepted up to 16 KiB; a longer paste is not a token.
const LONGEST_INPUT: u64 = 1024 * 1024;

#[derive(Default)]
struct Flags {
    pool: Option<String>,
    issuer: Option<String>,
    replica: Option<String>,
    jwks: Option<String>,
    fetch: bool,
    json: bool,
    expected: Expected,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    if env::args().any(|argument| argument == "--help" || argument == "-h") {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    match run().await {
        Ok(Verdict::Accepted) => ExitCode::SUCCESS,
        Ok(Verdict::Rejected) => ExitCode::FAILURE,
        Ok(Verdict::Open) => ExitCode::from(2),
        Err(error) => {
            eprintln!("cognito-explain: {error}");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<Verdict, Box<dyn Error>> {
    let flags = Flags::read(env::args().skip(1))?;
    let pool = flags.user_pool()?;
    let keys = flags.keys()?;
    if io::stdin().is_terminal() {
        eprintln!("Paste the token, then press Enter and Ctrl-D:");
    }
    let mut input = Vec::new();
    io::stdin().take(LONGEST_INPUT).read_to_end(&mut input)?;
    let input = String::from_utf8_lossy(&input);

    let explanation = explain(&flags.expected, pool, keys, SystemClock::new(), &input).await?;
    let wants_colour = io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none();
    let paint = if wants_colour {
        Paint::Colour
    } else {
        Paint::Plain
    };
    if flags.json {
        println!("{:#}", explanation.json());
    } else {
        print!("{}", explanation.page(paint));
    }
    Ok(explanation.verdict())
}

impl Flags {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut flags = Self::default();
        while let Some(flag) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{flag} needs a value"));
            match flag.as_str() {
                "--pool" => flags.pool = Some(value()?),
                "--issuer" => flags.issuer = Some(value()?),
                "--replica" => flags.replica = Some(value()?),
                "--jwks" => flags.jwks = Some(value()?),
                "--client" => flags.expected.clients.push(value()?),
                "--scope" => flags.expected.scopes.push(value()?),
                "--audience" => flags.expected.audiences.push(value()?),
                "--leeway" => {
                    let seconds = value()?;
                    let parsed = seconds.parse().map_err(|_| {
                        format!("--leeway takes a whole number of seconds, not {seconds:?}")
                    })?;
                    flags.expected.leeway = Duration::from_secs(parsed);
                }
                "--fetch" => flags.fetch = true,
                "--json" => flags.json = true,
                "--id-token" => flags.expected.token_use = TokenUse::Id,
                _ => return Err(format!("{flag:?} is not an option; --help lists them").into()),
            }
        }
        Ok(flags)
    }

    fn user_pool(&self) -> Result<UserPool, Box<dyn Error>> {
        let jwks_url = self.jwks.as_deref().filter(|jwks| is_url(jwks));
        let mut pool = match (&self.pool, &self.issuer) {
            (Some(pool), _) => UserPool::new(pool)?,
            // With keys from a file nothing is fetched, so any URL does.
            (None, Some(issuer)) if self.jwks.is_some() => {
                UserPool::external(issuer, jwks_url.unwrap_or("https://keys.invalid/"))?
            }
            _ => {
                return Err(
                    "give --pool, or both --issuer and --jwks; --help lists the options".into(),
                );
            }
        };
        if let Some(region) = &self.replica {
            pool = pool.with_replica_region(region)?;
        }
        if let Some(issuer) = &self.issuer {
            pool = pool.with_exact_issuer(issuer)?;
        }
        if let Some(url) = jwks_url {
            pool = pool.with_jwks_url(url)?;
        }
        Ok(pool)
    }

    fn keys(&self) -> Result<Keys, Box<dyn Error>> {
        match self.jwks.as_deref() {
            Some(file) if !is_url(file) => fs::read_to_string(file)
                .map(Keys::Given)
                .map_err(|error| format!("cannot read {file}: {error}").into()),
            None if !self.fetch => Ok(Keys::Offline),
            _ => Ok(Keys::Fetched),
        }
    }
}

fn is_url(jwks: &str) -> bool {
    jwks.starts_with("https://") || jwks.starts_with("http://")
}
