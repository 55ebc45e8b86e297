//! Without HTTP: a queue whose messages carry a token, and a consumer that verifies each one.
//!
//! A message whose token is not accepted goes to the dead letters: no later attempt could end differently. One whose keys cannot
//! be had at the moment goes back into the queue: its token may be good. Tokens are judged when the message is taken, so
//! they must live longer than messages wait.
//!
//! `cargo run --example queue_consumer` plays an outage of the issuer's keys and prints what becomes of each message; `-- --check`
//! asserts it.

#![allow(clippy::print_stdout, reason = "an example")]

use std::{error::Error, process::ExitCode, time::Duration};

use tokio::sync::mpsc;
use tower_cognito::{
    AllowedClients, ScopePolicy, Verifier,
    keys::{FetchError, JwksResponse},
    testing::{ScriptedFetcher, TestPool},
};

/// It has no `Debug`: it holds a token.
struct Message {
    order: &'static str,
    token: String,
}

/// What becomes of a message.
enum Fate {
    Done {
        caller: String,
    },
    /// Taken back, not to be delivered again before this time has passed.
    Requeue {
        after: Duration,
    },
    /// The reason is a fixed label. The token is not kept: a dead letter is read by people.
    DeadLetter {
        reason: &'static str,
    },
}

struct Consumer {
    verifier: Verifier,
    required: ScopePolicy,
}

impl Consumer {
    async fn consume(&self, message: &Message) -> Fate {
        match self.verifier.verify(&message.token).await {
            Ok(claims) if self.required.is_met_by(claims.scopes()) => {
                let caller = claims.client_id().to_owned();
                // The work is done here, on behalf of the caller.
                Fate::Done { caller }
            }
            Ok(_) => Fate::DeadLetter {
                reason: "insufficient_scope",
            },
            Err(rejected) => match rejected.retry_after() {
                // The token may be good.
                Some(after) => Fate::Requeue { after },
                None => Fate::DeadLetter {
                    reason: rejected.reason(),
                },
            },
        }
    }
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let pool = TestPool::new();
    // The first fetch of keys fails, and the second one does not.
    let keys = ScriptedFetcher::new()
        .fail(FetchError::Connect(
            tower_cognito::keys::ConnectError::Refused,
        ))
        .reply(JwksResponse::document(pool.jwks()));
    let consumer = Consumer {
        verifier: Verifier::builder(pool.user_pool(), AllowedClients::any())
            .fetcher(keys)
            .clock(pool.clock())
            .build()?,
        required: ScopePolicy::all_of(["orders/post"])?,
    };

    let good = pool
        .token()
        .client_credentials("shop")
        .scopes(["orders/post"]);
    let (queue, mut messages) = mpsc::channel(16);
    for (order, token) in [
        ("books", good.build()),
        ("pens", good.clone().expired().build()),
        ("ink", good.clone().tampered().build()),
        ("paper", pool.token().scopes(["orders/get"]).build()),
        ("stamps", good.build()),
    ] {
        queue.send(Message { order, token }).await?;
    }

    let mut fates = Vec::new();
    while let Ok(message) = messages.try_recv() {
        let order = message.order;
        let fate = match consumer.consume(&message).await {
            Fate::Done { caller } => format!("{order}: done for {caller}"),
            Fate::DeadLetter { reason } => format!("{order}: dead letter, {reason}"),
            Fate::Requeue { after } => {
                // The queue would hide it for this long, as SQS does with `ChangeMessageVisibility`.
                pool.clock().advance(after);
                queue.send(message).await?;
                format!("{order}: requeued")
            }
        };
        println!("{fate}");
        fates.push(fate);
    }

    let as_expected = fates
        == [
            "books: requeued",
            "pens: dead letter, expired",
            "ink: dead letter, invalid_signature",
            "paper: dead letter, insufficient_scope",
            "stamps: done for shop",
            "books: done for shop",
        ];
    let checking = std::env::args().any(|argument| argument == "--check");
    Ok(ExitCode::from(u8::from(checking && !as_expected)))
}
