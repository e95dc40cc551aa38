//! What a run says in the end: as text, as JSON (this module's types), as a page ([`html`]).

pub mod html;
pub mod text;

use crate::{
    driver::{Options, Outcomes},
    operation::Kind,
    statistics::{ErrorCount, Interval, Latencies, milliseconds},
    verify::Verification,
    workload::{Plan, Workload},
};
use hdrhistogram::Histogram;
use serde::Serialize;
use std::sync::atomic::Ordering;

/// A whole run: one target, or two in turn.
#[derive(Serialize)]
pub struct Report {
    pub workload: Workload,
    pub clients: usize,
    /// Requests per second asked for; none: closed loop.
    pub rate: Option<f64>,
    pub rows: u64,
    pub value_bytes: usize,
    pub warm_up_s: f64,
    pub seed: u64,
    pub targets: Vec<TargetReport>,
    /// First target over second; over 1 is better for throughput, under 1 for latency.
    pub ratios: Vec<Ratio>,
}

/// One target's figures.
#[derive(Clone, Serialize)]
pub struct TargetReport {
    pub target: String,
    pub version: String,
    pub set_up_s: f64,
    pub measured_s: f64,
    pub operations: u64,
    pub rows: u64,
    pub operations_per_s: f64,
    pub rows_per_s: f64,
    pub latencies: Vec<KindLatencies>,
    /// Repetitions after SQLSTATE class 40, successful in the end or not.
    pub retries: u64,
    /// Operations that failed for good, unknown ones included.
    pub failed: u64,
    /// Writes whose answer never came.
    pub unknown: u64,
    pub errors: Vec<ErrorCount>,
    /// Answers during the run that cannot be right.
    pub wrong_answers: u64,
    pub wrong_examples: Vec<String>,
    pub verification: Option<Verification>,
    pub interrupted: bool,
    pub series: Vec<Interval>,
}

#[derive(Clone, Serialize)]
pub struct KindLatencies {
    pub kind: Kind,
    pub count: u64,
    /// From when a request was sent.
    pub service: Percentiles,
    /// From when it was meant to be sent.
    pub response: Percentiles,
}

/// In milliseconds.
#[derive(Clone, Copy, Serialize)]
pub struct Percentiles {
    pub mean: f64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
}

#[derive(Serialize)]
pub struct Ratio {
    pub what: String,
    pub first: f64,
    pub second: f64,
    pub ratio: f64,
}

impl Report {
    pub fn new(plan: &Plan, options: &Options, targets: Vec<TargetReport>) -> Report {
        Report {
            workload: plan.workload,
            clients: options.clients,
            rate: options.rate,
            rows: plan.rows,
            value_bytes: plan.content.value_bytes,
            warm_up_s: options.warm_up.as_secs_f64(),
            seed: options.seed,
            ratios: ratios(&targets),
            targets,
        }
    }

    /// Whether any target answered nothing at all.
    pub fn is_barren(&self) -> bool {
        self.targets.iter().any(|target| target.operations == 0 && target.failed > 0)
    }

    /// Whether every answer and every stored row was right.
    pub fn is_right(&self) -> bool {
        let right = |target: &TargetReport| {
            target.wrong_answers == 0 && target.verification.as_ref().is_none_or(Verification::passed)
        };
        self.targets.iter().all(right)
    }
}

impl TargetReport {
    pub fn new(
        target: String,
        version: String,
        set_up_s: f64,
        outcomes: Outcomes,
        verification: Option<Verification>,
    ) -> Self {
        let (operations, rows) = outcomes.statistics.measured();
        let measured_s = outcomes.elapsed.as_secs_f64();
        let per_second = |count: u64| if measured_s > 0.0 { count as f64 / measured_s } else { 0.0 };
        let latencies = outcomes.statistics.latencies();
        TargetReport {
            target,
            version,
            set_up_s,
            measured_s,
            operations,
            rows,
            operations_per_s: per_second(operations),
            rows_per_s: per_second(rows),
            latencies: latencies.iter().map(|(kind, latencies)| kind_latencies(*kind, latencies)).collect(),
            retries: outcomes.statistics.retries.load(Ordering::Relaxed),
            failed: outcomes.statistics.failed.load(Ordering::Relaxed),
            unknown: outcomes.statistics.unknown.load(Ordering::Relaxed),
            errors: outcomes.statistics.errors(),
            wrong_answers: outcomes.wrong.0,
            wrong_examples: outcomes.wrong.1,
            verification,
            interrupted: outcomes.interrupted,
            series: outcomes.series,
        }
    }
}

fn kind_latencies(kind: Kind, latencies: &Latencies) -> KindLatencies {
    let count = latencies.service.len();
    KindLatencies { kind, count, service: percentiles(&latencies.service), response: percentiles(&latencies.response) }
}

fn percentiles(histogram: &Histogram<u64>) -> Percentiles {
    let at = |quantile| milliseconds(histogram.value_at_quantile(quantile));
    Percentiles {
        mean: histogram.mean() / 1e6,
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        p999: at(0.999),
        max: milliseconds(histogram.max()),
    }
}

/// First target against second, line by line.
fn ratios(targets: &[TargetReport]) -> Vec<Ratio> {
    let [first, second] = targets else { return Vec::new() };
    let ratio = |what: String, first: f64, second: f64| Ratio { what, first, second, ratio: first / second };
    let mut ratios = vec![ratio("operations/s".into(), first.operations_per_s, second.operations_per_s)];
    if first.rows != first.operations {
        ratios.push(ratio("rows/s".into(), first.rows_per_s, second.rows_per_s));
    }
    for ours in &first.latencies {
        let Some(theirs) = second.latencies.iter().find(|theirs| theirs.kind == ours.kind) else { continue };
        let (kind, ours, theirs) = (ours.kind.name(), ours.response, theirs.response);
        for (name, ours, theirs) in
            [("p50", ours.p50, theirs.p50), ("p99", ours.p99, theirs.p99), ("p99.9", ours.p999, theirs.p999)]
        {
            ratios.push(ratio(format!("{kind} {name} ms"), ours, theirs));
        }
    }
    ratios
}
