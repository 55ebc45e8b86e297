//! Verification without HTTP: a queue whose messages carry a token, and a consumer that verifies
//! each one.
//!
//! A message with a rejected token is a dead letter: no later attempt can end differently. A
//! message that arrives while the keys are unavailable goes back into the queue: its token may be
//! valid. Tokens are verified when the message is received, so they must outlive the time that
//! messages wait.
//!
//! `cargo run --example queue_consumer` reads lines of `ORDER TOKEN` until Ctrl-D, and prints a
//! command that makes one.

use std::time::Duration;

use tower_cognito::{AllowedClients, ScopePolicy, Verifier, testing::LocalIssuer};

/// It has no `Debug`, because it holds a token.
pub(crate) struct Message {
    pub(crate) order: String,
    pub(crate) token: String,
}

/// What happens to a message.
#[derive(Debug, PartialEq)]
pub(crate) enum Fate {
    Done {
        caller: String,
    },
    /// It becomes visible again after this time.
    Requeued {
        after: Duration,
    },
    /// The reason is a fixed label. The token is not kept: people read dead letters.
    DeadLetter {
        reason: &'static str,
    },
}

pub(crate) struct Consumer {
    pub(crate) verifier: Verifier,
    pub(crate) required: ScopePolicy,
}

impl Consumer {
    pub(crate) async fn consume(&self, message: &Message) -> Fate {
        let verified = self.verifier.verify(&message.token).await;
        match verified.and_then(|claims| claims.require(&self.required).map(|()| claims)) {
            // The work for the caller goes here.
            Ok(claims) => Fate::Done {
                caller: claims.client_id().to_owned(),
            },
            Err(error) => match error.retry_after() {
                // The keys are unavailable; the token may be valid.
                Some(after) => Fate::Requeued { after },
                None => Fate::DeadLetter {
                    reason: error.reason(),
                },
            },
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let issuer = LocalIssuer::builder()
        .client("shop", "secret", ["orders/post"])
        .start()?;
    let consumer = Consumer {
        verifier: Verifier::builder(issuer.user_pool(), AllowedClients::only(["shop"])?).build()?,
        required: ScopePolicy::all_of(["orders/post"])?,
    };
    println!(
        "echo books $(curl -s -u shop:secret -d grant_type=client_credentials {} | grep -o 'eyJ[^\"]*')",
        issuer.token_url()
    );
    for line in std::io::stdin().lines() {
        let line = line?;
        let (order, token) = line.split_once(' ').unwrap_or((&line, ""));
        let [order, token] = [order, token].map(str::to_owned);
        let message = Message { order, token };
        println!("{}: {:?}", message.order, consumer.consume(&message).await);
    }
    Ok(())
}
