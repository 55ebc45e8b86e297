//! A recorder that keeps what this crate records on this thread, as lines that a test can compare.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "each test binary uses its own part"
)]

mod page;

use metrics::LocalRecorderGuard;
use metrics_util::{
    MetricKind,
    debugging::{DebugValue, DebuggingRecorder, Snapshotter},
};

pub use self::page::{Values, documented};

/// Each look compares what was recorded with the page for operators, so no test can record anything
/// that is not on it.
pub struct Recorded {
    recorder: DebuggingRecorder,
    snapshotter: Snapshotter,
}

/// One series and what was recorded of it since the last look.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub name: String,
    pub kind: &'static str,
    pub unit: &'static str,
    pub description: String,
    /// Sorted by key.
    pub labels: Vec<(String, String)>,
    /// Of a counter and of a gauge one value, of a histogram each that was recorded.
    pub values: Vec<f64>,
}

impl Sample {
    pub fn label(&self, key: &str) -> Option<&str> {
        let found = self.labels.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.as_str())
    }

    /// The values of the labels in order, and what was recorded: `accepted true 1`.
    fn row(&self, keys: &[&str]) -> String {
        let mut row: Vec<String> = keys
            .iter()
            .map(|key| self.label(key).unwrap().to_owned())
            .collect();
        row.extend(self.values.iter().map(f64::to_string));
        row.join(" ")
    }
}

impl Recorded {
    pub fn new() -> Self {
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        Self {
            recorder,
            snapshotter,
        }
    }

    /// Records what happens on this thread while the guard lives.
    #[must_use]
    pub fn listen(&self) -> LocalRecorderGuard<'_> {
        metrics::set_default_local_recorder(&self.recorder)
    }

    /// What was recorded since the last look. A gauge that was not set since reads as 0.
    #[track_caller]
    pub fn take(&self) -> Vec<Sample> {
        let samples = self.samples();
        let page = documented();
        for sample in &samples {
            page::assert_lists(&page, sample);
        }
        samples
    }

    fn samples(&self) -> Vec<Sample> {
        self.snapshotter
            .snapshot()
            .into_vec()
            .into_iter()
            .map(|(key, unit, description, value)| {
                let (kind, key) = key.into_parts();
                let mut labels: Vec<_> = key
                    .labels()
                    .map(|label| (label.key().to_owned(), label.value().to_owned()))
                    .collect();
                labels.sort();
                Sample {
                    name: key.name().to_owned(),
                    kind: match kind {
                        MetricKind::Counter => "counter",
                        MetricKind::Gauge => "gauge",
                        MetricKind::Histogram => "histogram",
                    },
                    unit: unit.map_or("", |unit| unit.as_str()),
                    description: description.map_or_else(String::new, |text| text.to_string()),
                    labels,
                    values: match value {
                        #[allow(clippy::cast_precision_loss, reason = "tests count to ten")]
                        DebugValue::Counter(count) => vec![count as f64],
                        DebugValue::Gauge(value) => vec![value.into_inner()],
                        DebugValue::Histogram(values) => {
                            values.into_iter().map(|value| value.into_inner()).collect()
                        }
                    },
                }
            })
            .collect()
    }

    /// The counters that were incremented and the histograms that were added to since the last
    /// look, as rows of these labels' values, sorted.
    #[track_caller]
    pub fn take_rows(&self, name: &str, keys: &[&str]) -> Vec<String> {
        rows(&self.take(), name, keys)
    }
}

/// The rows of one metric, without those of which nothing was recorded.
pub fn rows(samples: &[Sample], name: &str, keys: &[&str]) -> Vec<String> {
    let mut rows: Vec<String> = samples
        .iter()
        .filter(|sample| sample.name == name)
        .filter(|sample| match sample.kind {
            "counter" => sample.values != [0.0],
            _ => !sample.values.is_empty(),
        })
        .map(|sample| sample.row(keys))
        .collect();
    rows.sort();
    rows
}
