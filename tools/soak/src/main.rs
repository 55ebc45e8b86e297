//! A guarded service under load for half an hour, on this machine alone: good callers, forgers, a
//! key rotation in each cycle, and one trouble after another. The status and the claims of every
//! response are checked.
//!
//! ```text
//! cargo run --release -p soak -- [SECONDS] [REPORT.md PLOT.svg]
//! ```
//!
//! It exits with 1 if one response was wrong, or if memory or file descriptors grew. Latencies
//! are reported, not judged: they are those of a machine that also runs the issuer and all
//! callers.

#![allow(clippy::disallowed_methods, reason = "it measures real time")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a tool stops at the first surprise"
)]
#![allow(clippy::indexing_slicing, reason = "indices are remainders of lengths")]

mod callers;
mod report;
mod service;
mod tally;
mod trouble;

use std::{process::ExitCode, sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::sleep};

use self::{
    report::Report,
    tally::Tally,
    trouble::{Plan, Stage},
};

const GOOD_CALLERS: usize = 8;
const FORGERS: usize = 4;

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().map_or(1800, |text| {
        text.parse::<u64>().expect("how many seconds it takes")
    });
    let plan = Plan::new(Duration::from_secs(seconds));
    let stage = Stage::new(&plan);
    let service = service::start(&stage, &plan).await;
    let tally = Arc::new(Tally::default());

    let mut callers = JoinSet::new();
    for number in 0..GOOD_CALLERS {
        callers.spawn(callers::good(number, service, stage.clone(), tally.clone()));
    }
    for number in 0..FORGERS {
        callers.spawn(callers::forger(
            number,
            service,
            stage.clone(),
            tally.clone(),
        ));
    }
    callers.spawn(callers::withdrawn(service, stage.clone(), tally.clone()));

    let mut report = Report::new(&plan);
    for cycle in 0..plan.cycles {
        tally.begin_cycle();
        let trouble = stage.begin(cycle);
        for second in 0..plan.cycle.as_secs() {
            if second == plan.cycle.as_secs() / 2 {
                stage.end(trouble);
            }
            sleep(Duration::from_secs(1)).await;
            report.sample();
        }
        report.end_cycle(cycle, trouble, &tally);
    }
    callers.abort_all();
    let complaints = report.complaints(&tally);
    let text = report.text(&complaints);
    println!("{text}");
    if let (Some(page), Some(plot)) = (arguments.next(), arguments.next()) {
        std::fs::write(page, report.page(&text, &plot)).expect("the report is written");
        std::fs::write(plot, report.plot()).expect("the plot is written");
    }
    if complaints.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
