//! The report: a table, a plot, and complaints.

use std::{fmt::Write, fs, time::Duration};

use crate::{
    tally::{Cycle, Tally},
    trouble::{Plan, Trouble},
};

/// Memory may grow by this much from the second quarter to the last. The token cache takes 8 MiB,
/// and fills slowly.
const MOST_GROWTH_KIB: u64 = 32 * 1024;
/// And file descriptors by this many: attempts that hang hold theirs for a while.
const MOST_MORE_FILES: usize = 32;

pub(crate) struct Report {
    cycle_seconds: u64,
    rows: Vec<Row>,
    /// Memory in KiB and open files, each second.
    samples: Vec<(u64, usize)>,
}

struct Row {
    number: u32,
    trouble: Trouble,
    counts: Cycle,
    memory: u64,
    files: usize,
}

impl Report {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            cycle_seconds: plan.cycle.as_secs(),
            rows: Vec::with_capacity(plan.cycles as usize),
            samples: Vec::with_capacity(plan.cycles as usize * 64),
        }
    }

    pub(crate) fn sample(&mut self) {
        self.samples.push((resident_kib(), open_files()));
    }

    pub(crate) fn end_cycle(&mut self, number: u32, trouble: Trouble, tally: &Tally) {
        let (memory, files) = self.samples.last().copied().unwrap_or_default();
        let row = Row {
            number,
            trouble,
            counts: tally.cycle(),
            memory,
            files,
        };
        println!("{}", row.line());
        self.rows.push(row);
    }

    pub(crate) fn complaints(&self, tally: &Tally) -> Vec<String> {
        let mut complaints = tally.wrong_ones();
        if tally.wrong_count() > 0 {
            complaints.push(format!("{} wrong responses in all", tally.wrong_count()));
        }
        for row in &self.rows {
            if row.counts.good == 0 || row.counts.forged == 0 {
                complaints.push(format!("nothing happened in cycle {}", row.number));
            }
        }
        let quarter = self.samples.len() / 4;
        let part = |from: usize, to: usize| {
            let mut memory = Vec::new();
            let mut files = Vec::new();
            for (kib, open) in &self.samples[from..to] {
                memory.push(*kib);
                files.push(*open);
            }
            memory.sort_unstable();
            let median = memory.get(memory.len() / 2).copied().unwrap_or_default();
            (median, files.into_iter().max().unwrap_or_default())
        };
        let (before, after) = (
            part(quarter, quarter * 2),
            part(quarter * 3, self.samples.len()),
        );
        if after.0 > before.0 + MOST_GROWTH_KIB {
            complaints.push(format!("memory grew from {} to {} KiB", before.0, after.0));
        }
        if after.1 > before.1 + MOST_MORE_FILES {
            complaints.push(format!("open files grew from {} to {}", before.1, after.1));
        }
        complaints
    }

    pub(crate) fn text(&self, complaints: &[String]) -> String {
        let mut text = String::from(
            "| cycle | trouble in its first half | good callers | of them 503 | without a token | rejected as they must be | p50 | p99 | memory | open files |\n\
             | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
        );
        for row in &self.rows {
            let _ = writeln!(text, "{}", row.line());
        }
        let sum = |of: fn(&Cycle) -> u64| self.rows.iter().map(|row| of(&row.counts)).sum::<u64>();
        let _ = writeln!(
            text,
            "\n{} requests of good callers were accepted with their own claims,\n\
             {} of others were rejected.\n\
             {}",
            sum(|cycle| cycle.good),
            sum(|cycle| cycle.forged),
            if complaints.is_empty() {
                "No response was wrong, and neither memory nor open files grew.".to_owned()
            } else {
                format!("WRONG:\n\n{}", complaints.join("\n"))
            }
        );
        text
    }

    pub(crate) fn page(&self, text: &str, plot: &str) -> String {
        let plot = plot.rsplit('/').next().unwrap_or(plot);
        format!(
            "# Half an hour of everything at once\n\n\
             `just soak {} docs/SOAK.md docs/soak.svg` wrote this page.\n\
             Eight good callers and those who must not get in call a guarded service\n\
             over loopback, on one machine with the issuer. Each cycle of {} seconds begins with a rotation of the keys;\n\
             its first half has a trouble.\n\
             The status of every response is checked, and the claims of every accepted request.\n\n\
             A good caller may get 503 for some seconds after a rotation, and while the keys cannot be fetched: a token signed\n\
             with a key that the service cannot know yet. It never gets 401.\n\n![Latency and memory]({plot})\n\n{text}",
            self.cycle_seconds * self.rows.len() as u64,
            self.cycle_seconds,
        )
    }

    /// p99 of the good callers on a logarithmic scale, and memory.
    pub(crate) fn plot(&self) -> String {
        let (width, height) = (900.0, 320.0);
        let step = width / self.rows.len().max(1) as f64;
        let log = |micros: f64| (micros.max(10.0).log10() - 1.0) / 5.0;
        let most = self.rows.iter().map(|row| row.memory).max().unwrap_or(1) as f64 * 1.2;
        let line = |value: &dyn Fn(&Row) -> f64| {
            let points = self.rows.iter().enumerate().map(|(at, row)| {
                let (x, y) = ((at as f64 + 0.5) * step, height - value(row) * height);
                format!("{x:.0},{y:.0}")
            });
            points.collect::<Vec<_>>().join(" ")
        };
        let micros = |latency: Duration| latency.as_secs_f64() * 1e6;
        let mut svg = String::from(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-70 -20 1060 400\" font-family=\"sans-serif\" font-size=\"13\">\
             <rect x=\"-70\" y=\"-20\" width=\"1060\" height=\"400\" fill=\"#fff\"/>",
        );
        for (label, at) in [
            ("10 µs", 10.0),
            ("100 µs", 1e2),
            ("1 ms", 1e3),
            ("10 ms", 1e4),
            ("100 ms", 1e5),
            ("1 s", 1e6),
        ] {
            let y = height - log(at) * height;
            let _ = write!(
                svg,
                "<path d=\"M0 {y:.0}H{width}\" stroke=\"#ddd\"/><text x=\"-8\" y=\"{:.0}\" text-anchor=\"end\">{label}</text>",
                y + 4.0
            );
        }
        for (at, row) in self.rows.iter().enumerate() {
            let x = (at as f64 + 0.5) * step;
            let label = row.trouble.label();
            let _ = write!(
                svg,
                "<text transform=\"translate({x:.0} 328) rotate(60)\" font-size=\"9\">{label}</text>"
            );
        }
        for (value, colour) in [
            (
                &(|row: &Row| log(micros(row.counts.quantile(0.99)))) as &dyn Fn(&Row) -> f64,
                "#c0392b",
            ),
            (
                &|row: &Row| log(micros(row.counts.quantile(0.5))),
                "#2471a3",
            ),
            (&|row: &Row| row.memory as f64 / most, "#7d8a2e"),
        ] {
            let _ = write!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
                line(value)
            );
        }
        let _ = writeln!(
            svg,
            "<text x=\"10\" y=\"-4\" fill=\"#c0392b\">p99 of good callers</text><text x=\"160\" y=\"-4\" fill=\"#2471a3\">p50</text>\
             <text x=\"210\" y=\"-4\" fill=\"#7d8a2e\">memory, of {:.0} MiB</text></svg>",
            most / 1024.0
        );
        svg
    }
}

impl Row {
    fn line(&self) -> String {
        let Cycle {
            good,
            unavailable,
            without_token,
            forged,
            ..
        } = &self.counts;
        let millis = |share| self.counts.quantile(share).as_secs_f64() * 1e3;
        format!(
            "| {} | {} | {good} | {unavailable} | {without_token} | {forged} | {:.2} ms | {:.2} ms | {:.1} MiB | {} |",
            self.number + 1,
            self.trouble.label(),
            millis(0.5),
            millis(0.99),
            self.memory as f64 / 1024.0,
            self.files
        )
    }
}

impl Trouble {
    const fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Outage => "keys: 503",
            Self::Flood => "flood",
            Self::SlowKeys => "keys: slow",
            Self::ClockAhead => "clock ahead",
            Self::NoTokens => "tokens: 500",
            Self::HangingKeys => "keys: hang",
            Self::ClockBehind => "clock behind",
        }
    }
}

fn resident_kib() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = pages.split(' ').nth(1).and_then(|text| text.parse().ok());
    pages.map_or(0, |pages: u64| pages * 4)
}

fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}
