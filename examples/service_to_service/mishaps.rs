//! What must not cost a call, beside a long day: a runtime that stands still, a secret that was rotated in its file, and a fleet
//! that starts at once.

use std::{fs, time::Duration};

use tokio::{runtime, task::JoinSet, time::timeout};
use tower_cognito::{
    client::{ClientCredentials, ClientCredentialsBuilder, InProcessStore, SecretSource},
    testing::{Endpoint, LocalIssuer, ManualClock},
};

use crate::{CLIENT_ID, NEW_SECRET, OLD_SECRET, Outcome};

const FLEET: usize = 100;

/// Runs them one by one, prints a line for each, and says whether all went well.
pub(crate) async fn run() -> Outcome<bool> {
    let outcomes = [
        ("a runtime stood still", stalled_runtime().await?),
        ("a secret was rotated in its file", secret_reload().await?),
        ("a fleet started at once", shared_store().await?),
    ];
    for (what, went_well) in outcomes {
        let verdict = if went_well {
            "no call failed"
        } else {
            "it went wrong"
        };
        println!("{what}: {verdict}");
    }
    Ok(outcomes.iter().all(|(_, went_well)| *went_well))
}

struct World {
    clock: ManualClock,
    issuer: LocalIssuer,
}

impl World {
    fn new() -> Outcome<Self> {
        let clock = ManualClock::new();
        let issuer = LocalIssuer::builder()
            .client(CLIENT_ID, OLD_SECRET, ["profiles/get"])
            .clock(clock.clone())
            .start()?;
        Ok(Self { clock, issuer })
    }

    fn client(&self, secret: impl Into<SecretSource>) -> ClientCredentialsBuilder {
        ClientCredentials::builder(self.issuer.token_url(), CLIENT_ID, secret)
            .clock(self.clock.clone())
    }

    fn token_requests(&self) -> usize {
        self.issuer.requests(Endpoint::Token)
    }
}

/// A batch job begins a token request and is then not driven any more; the web server's runtime takes the request over.
async fn stalled_runtime() -> Outcome<bool> {
    let world = World::new()?;
    let credentials = world.client(OLD_SECRET).build()?;
    world.issuer.endpoint(Endpoint::Token).hang();
    let job = credentials.clone();
    let stalled = std::thread::spawn(move || {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let given_up = runtime
            .block_on(async { timeout(Duration::from_millis(50), job.token()).await })
            .is_err();
        Ok::<_, std::io::Error>((runtime, given_up))
    });
    let (stalled, given_up) = stalled.join().map_err(|_| "the job panicked")??;
    world.issuer.endpoint(Endpoint::Token).recover();
    world.clock.advance(Duration::from_secs(60));
    let served = credentials.token().await.is_ok();
    stalled.shutdown_background();
    Ok(given_up && served)
}

/// The old secret is refused, the file is read again, and the new one works.
async fn secret_reload() -> Outcome<bool> {
    let world = World::new()?;
    let name = format!("service-to-service-{}", std::process::id());
    let file = std::env::temp_dir().join(name);
    fs::write(&file, OLD_SECRET)?;
    let credentials = world.client(SecretSource::from_file(&file)).build()?;
    let before = credentials.token().await.is_ok();
    world.issuer.add_secret(CLIENT_ID, NEW_SECRET);
    world.issuer.remove_secret(CLIENT_ID, OLD_SECRET);
    fs::write(&file, NEW_SECRET)?;
    world.clock.advance(Duration::from_secs(60 * 60));
    let after = credentials.token().await.is_ok();
    fs::remove_file(&file)?;
    Ok(before && after && world.token_requests() == 3)
}

/// Each process has a client of its own, and one of them asks for all.
async fn shared_store() -> Outcome<bool> {
    let world = World::new()?;
    let store = InProcessStore::with_clock(world.clock.clone());
    let mut fleet = JoinSet::new();
    for _ in 0..FLEET {
        let process = world
            .client(OLD_SECRET)
            .share_tokens(store.clone(), &[7; 32])
            .build()?;
        fleet.spawn(async move { process.token().await.is_ok() });
    }
    let served = fleet.join_all().await;
    Ok(served.len() == FLEET
        && served.into_iter().all(|served| served)
        && world.token_requests() == 1)
}
