//! The live line on standard error: one that renews itself on a terminal, one every few seconds elsewhere.

use crate::statistics::{Interval, Statistics};
use indicatif::{ProgressBar, ProgressStyle};
use std::{io::IsTerminal, sync::atomic::Ordering, time::Duration};

/// Seconds between lines when standard error is not a terminal.
const PLAIN_EVERY_S: f64 = 5.0;

/// Shows how far a target is.
pub struct Progress {
    bar: ProgressBar,
    terminal: bool,
    next_plain_s: f64,
    /// Seconds to measure; none: until the work is done.
    total_s: Option<f64>,
}

impl Progress {
    pub fn new(total_s: Option<f64>) -> Progress {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Progress { bar, terminal: std::io::stderr().is_terminal(), next_plain_s: f64::MIN, total_s }
    }

    /// What is being done, when there are no figures.
    pub fn say(&self, what: &str) {
        self.bar.set_message(what.to_string());
        if !self.terminal {
            eprintln!("{what}");
        }
    }

    /// What is being done, on a terminal only: it changes often.
    pub fn whisper(&self, what: String) {
        self.bar.set_message(what);
    }

    /// The figures of the last interval.
    pub fn show(&mut self, interval: &Interval, statistics: &Statistics) {
        let line = self.line(interval, statistics);
        if !self.terminal && interval.at_s >= self.next_plain_s {
            eprintln!("{line}");
            self.next_plain_s = interval.at_s + PLAIN_EVERY_S;
        }
        self.bar.set_message(line);
    }

    fn line(&self, interval: &Interval, statistics: &Statistics) -> String {
        let time = match self.total_s {
            _ if interval.at_s < 0.0 => format!("warm-up {:.0} s", -interval.at_s),
            Some(total) => format!("{:.0} s of {total:.0} s", interval.at_s.min(total)),
            None => format!("{:.0} s", interval.at_s),
        };
        let mut line = format!("{time}   {:.0} op/s", interval.operations_per_s);
        if interval.rows_per_s > interval.operations_per_s * 1.5 {
            line.push_str(&format!(" ({:.0} rows/s)", interval.rows_per_s));
        }
        line.push_str(&format!("   p50 {:.2} ms   p99 {:.2} ms", interval.p50_ms, interval.p99_ms));
        let counts =
            [("failed", &statistics.failed), ("unknown", &statistics.unknown), ("retries", &statistics.retries)];
        for (name, count) in counts {
            match count.load(Ordering::Relaxed) {
                0 => {}
                count => line.push_str(&format!("   {name} {count}")),
            }
        }
        line
    }

    /// Takes the line away.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}
