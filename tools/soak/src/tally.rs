//! What the callers were answered, counted without keeping it.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

pub(crate) struct Response {
    pub(crate) asked: Instant,
    pub(crate) took: Duration,
    pub(crate) status: u16,
    pub(crate) body: String,
}

#[derive(Default)]
pub(crate) struct Tally {
    cycle: Mutex<Cycle>,
    wrong: Mutex<Vec<String>>,
    wrong_count: AtomicU64,
}

/// Since the beginning of a cycle.
#[derive(Clone, Default)]
pub(crate) struct Cycle {
    number: u32,
    pub(crate) good: u64,
    pub(crate) unavailable: u64,
    pub(crate) without_token: u64,
    pub(crate) forged: u64,
    latencies: Histogram,
}

impl Cycle {
    /// The latency that this share of the good callers' requests did not exceed.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        self.latencies.quantile(share)
    }
}

impl Tally {
    pub(crate) fn begin_cycle(&self) {
        let mut cycle = self.cycle.lock().unwrap();
        let number = cycle.number + 1;
        *cycle = Cycle {
            number,
            ..Cycle::default()
        };
    }

    pub(crate) fn cycle(&self) -> Cycle {
        self.cycle.lock().unwrap().clone()
    }

    pub(crate) fn good(&self, response: &Response) {
        let mut cycle = self.cycle.lock().unwrap();
        cycle.good += 1;
        cycle.latencies.add(response.took);
    }

    pub(crate) fn unavailable(&self) {
        self.cycle.lock().unwrap().unavailable += 1;
    }

    pub(crate) fn without_token(&self) {
        self.cycle.lock().unwrap().without_token += 1;
    }

    pub(crate) fn forged(&self) {
        self.cycle.lock().unwrap().forged += 1;
    }

    /// The first few are kept.
    pub(crate) fn wrong(&self, who: &str, response: &Response) {
        self.wrong_count.fetch_add(1, Ordering::Relaxed);
        let cycle = self.cycle.lock().unwrap().number;
        let mut wrong = self.wrong.lock().unwrap();
        if wrong.len() < 20 {
            let Response { status, body, .. } = response;
            wrong.push(format!("cycle {cycle}: {who} got {status} {body:?}"));
        }
    }

    pub(crate) fn wrong_count(&self) -> u64 {
        self.wrong_count.load(Ordering::Relaxed)
    }

    pub(crate) fn wrong_ones(&self) -> Vec<String> {
        self.wrong.lock().unwrap().clone()
    }
}

/// Latencies by their two leading binary digits and two more: an eighth apart at most.
#[derive(Clone)]
struct Histogram([u64; 256]);

impl Default for Histogram {
    fn default() -> Self {
        Self([0; 256])
    }
}

impl Histogram {
    fn add(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros())
            .unwrap_or(u64::MAX)
            .max(8);
        let exponent = micros.ilog2();
        let bucket = (exponent * 8) as usize + (micros >> (exponent - 3)) as usize % 8;
        self.0[bucket.min(255)] += 1;
    }

    fn quantile(&self, share: f64) -> Duration {
        let all = self.0.iter().sum::<u64>();
        let mut seen = 0;
        for (bucket, count) in self.0.iter().enumerate() {
            seen += count;
            if all > 0 && seen as f64 >= all as f64 * share {
                let (exponent, eighth) = (bucket as u32 / 8, bucket as u64 % 8);
                return Duration::from_micros((8 + eighth + 1) << (exponent - 3));
            }
        }
        Duration::ZERO
    }
}
