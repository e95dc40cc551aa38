//! What is measured: latencies by kind, throughput over time, errors by kind.
//!
//! Two latencies are kept. *Service* is from when the request was sent; *response* is from when it was meant to be sent. In
//! an open loop a stalled server delays the requests behind the stall, and only the response latency shows it; in a closed
//! loop the two are the same. Recording costs a lock of one of a few shards; a ticker collects an interval every second.

use crate::operation::{Failure, Kind};
use hdrhistogram::Histogram;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

const SHARDS: usize = 16;
/// Longer latencies count as this long.
const LATENCY_NS_MAX: u64 = 600_000_000_000;
/// Kinds of errors told apart; the rest is counted as `other`.
const ERROR_KINDS_MAX: usize = 64;

/// Latencies of one kind of operation.
#[derive(Clone)]
pub struct Latencies {
    pub service: Histogram<u64>,
    pub response: Histogram<u64>,
}

impl Latencies {
    fn new() -> Latencies {
        Latencies { service: histogram(3), response: histogram(3) }
    }
}

fn histogram(digits: u8) -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_NS_MAX, digits).unwrap_or_else(|_| unreachable!("fixed, valid bounds"))
}

struct Shard {
    kinds: BTreeMap<Kind, Latencies>,
    interval: Histogram<u64>,
}

/// Figures of a stretch of the run.
#[derive(Clone, Debug, Serialize)]
pub struct Interval {
    /// Its end, since the measurement began (negative while warming up).
    pub at_s: f64,
    pub operations_per_s: f64,
    pub rows_per_s: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub errors: u64,
    pub retries: u64,
}

/// An error that happened, with one example.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorCount {
    pub kind: String,
    pub count: u64,
    pub example: String,
}

/// Shared by all clients of a run.
pub struct Statistics {
    shards: Vec<Mutex<Shard>>,
    errors: Mutex<BTreeMap<String, (u64, String)>>,
    /// Off while warming up: latencies and counts are dropped, errors and unknown outcomes are not.
    measuring: AtomicBool,
    operations: AtomicU64,
    rows: AtomicU64,
    pub retries: AtomicU64,
    pub unknown: AtomicU64,
    pub failed: AtomicU64,
    interval_operations: AtomicU64,
    interval_rows: AtomicU64,
}

impl Statistics {
    pub fn new() -> Statistics {
        let shard = || Mutex::new(Shard { kinds: BTreeMap::new(), interval: histogram(2) });
        Statistics {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            errors: Mutex::default(),
            measuring: AtomicBool::new(false),
            operations: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            unknown: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            interval_operations: AtomicU64::new(0),
            interval_rows: AtomicU64::new(0),
        }
    }

    pub fn begin_measuring(&self) {
        self.measuring.store(true, Ordering::Relaxed);
    }

    /// Notes an operation that was answered.
    pub fn record(&self, client: usize, kind: Kind, service: Duration, response: Duration, rows: u64) {
        let nanoseconds = |latency: Duration| (latency.as_nanos() as u64).clamp(1, LATENCY_NS_MAX);
        self.interval_operations.fetch_add(1, Ordering::Relaxed);
        self.interval_rows.fetch_add(rows, Ordering::Relaxed);
        let mut shard = self.shards[client % SHARDS].lock().unwrap_or_else(PoisonError::into_inner);
        shard.interval.saturating_record(nanoseconds(response));
        if self.measuring.load(Ordering::Relaxed) {
            self.operations.fetch_add(1, Ordering::Relaxed);
            self.rows.fetch_add(rows, Ordering::Relaxed);
            let latencies = shard.kinds.entry(kind).or_insert_with(Latencies::new);
            latencies.service.saturating_record(nanoseconds(service));
            latencies.response.saturating_record(nanoseconds(response));
        }
    }

    /// Notes an operation that failed for good.
    pub fn record_failure(&self, failure: &Failure) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.count_error(&failure.kind, &failure.message);
    }

    /// Counts an error of a kind and keeps the first one's message.
    pub fn count_error(&self, kind: &str, message: &str) {
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let room = errors.len() < ERROR_KINDS_MAX || errors.contains_key(kind);
        let kind = if room { kind } else { "other" };
        let entry = errors.entry(kind.to_string()).or_insert_with(|| (0, message.chars().take(300).collect()));
        entry.0 += 1;
    }

    /// Takes what happened since the last call, `elapsed` ago.
    pub fn take_interval(&self, at_s: f64, elapsed: Duration, last: &mut (u64, u64)) -> Interval {
        let mut merged = histogram(2);
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            if merged.add(&shard.interval).is_ok() {
                shard.interval.reset();
            }
        }
        let seconds = elapsed.as_secs_f64().max(1e-9);
        let (errors, retries) = (self.failed.load(Ordering::Relaxed), self.retries.load(Ordering::Relaxed));
        let interval = Interval {
            at_s,
            operations_per_s: self.interval_operations.swap(0, Ordering::Relaxed) as f64 / seconds,
            rows_per_s: self.interval_rows.swap(0, Ordering::Relaxed) as f64 / seconds,
            p50_ms: milliseconds(merged.value_at_quantile(0.5)),
            p99_ms: milliseconds(merged.value_at_quantile(0.99)),
            errors: errors - last.0,
            retries: retries - last.1,
        };
        *last = (errors, retries);
        interval
    }

    /// Operations and rows measured.
    pub fn measured(&self) -> (u64, u64) {
        (self.operations.load(Ordering::Relaxed), self.rows.load(Ordering::Relaxed))
    }

    /// Latencies by kind over all clients.
    pub fn latencies(&self) -> BTreeMap<Kind, Latencies> {
        let mut all: BTreeMap<Kind, Latencies> = BTreeMap::new();
        for shard in &self.shards {
            for (kind, latencies) in &shard.lock().unwrap_or_else(PoisonError::into_inner).kinds {
                let sum = all.entry(*kind).or_insert_with(Latencies::new);
                // Both were made with the same bounds, so adding cannot fail.
                let _ = sum.service.add(&latencies.service);
                let _ = sum.response.add(&latencies.response);
            }
        }
        all
    }

    pub fn errors(&self) -> Vec<ErrorCount> {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counts: Vec<ErrorCount> = errors
            .iter()
            .map(|(kind, (count, example))| ErrorCount { kind: kind.clone(), count: *count, example: example.clone() })
            .collect();
        counts.sort_by_key(|error| std::cmp::Reverse(error.count));
        counts
    }
}

pub fn milliseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warm_up_is_not_measured_but_seen() {
        let statistics = Statistics::new();
        let ms = Duration::from_millis;
        statistics.record(0, Kind::Read, ms(1), ms(1), 1);
        assert_eq!(statistics.measured(), (0, 0));
        statistics.begin_measuring();
        for client in 0..100 {
            statistics.record(client, Kind::Read, ms(1), ms(if client < 50 { 2 } else { 10 }), 2);
        }
        assert_eq!(statistics.measured(), (100, 200));
        let latencies = &statistics.latencies()[&Kind::Read];
        let near = |value: u64, ms: f64| (milliseconds(value) / ms - 1.0).abs() < 0.01;
        assert!(near(latencies.service.value_at_quantile(0.5), 1.0));
        assert!(near(latencies.response.value_at_quantile(0.5), 2.0));
        assert!(near(latencies.response.value_at_quantile(0.99), 10.0));
        let interval = statistics.take_interval(1.0, Duration::from_secs(1), &mut (0, 0));
        assert_eq!(interval.operations_per_s, 101.0);
        assert_eq!(statistics.take_interval(2.0, Duration::from_secs(1), &mut (0, 0)).operations_per_s, 0.0);
    }

    #[test]
    fn errors_are_bounded_and_sorted() {
        let statistics = Statistics::new();
        for kind in 0..1000 {
            statistics.record_failure(&Failure::new(format!("k{kind}"), "m"));
        }
        statistics.record_failure(&Failure::new("k3", "again"));
        let errors = statistics.errors();
        assert!(errors.len() <= ERROR_KINDS_MAX + 1);
        assert_eq!((errors[0].kind.as_str(), errors[0].count), ("other", 1000 - ERROR_KINDS_MAX as u64));
        assert_eq!((errors[1].kind.as_str(), errors[1].count, errors[1].example.as_str()), ("k3", 2, "m"));
    }

    #[test]
    fn endless_latencies_are_cut() {
        let statistics = Statistics::new();
        statistics.begin_measuring();
        statistics.record(0, Kind::Read, Duration::from_secs(10_000), Duration::ZERO, 1);
        let latencies = &statistics.latencies()[&Kind::Read];
        assert!(latencies.service.max() >= LATENCY_NS_MAX * 99 / 100);
        assert_eq!(latencies.response.max(), 1);
    }
}
