//! The report for people at a terminal.

use super::{KindLatencies, Percentiles, Report, TargetReport};
use crate::verify::Verification;
use distdb::cli::table;

/// All targets, then the ratios.
pub fn render(report: &Report) -> String {
    let mut text = String::new();
    for target in &report.targets {
        text.push_str(&render_target(report, target));
    }
    if let [first, second] = report.targets.as_slice() {
        let mut rows =
            vec![vec![report.workload.name().into(), first.target.clone(), second.target.clone(), "ratio".into()]];
        rows.extend(report.ratios.iter().map(|ratio| {
            vec![ratio.what.clone(), figure(ratio.first), figure(ratio.second), format!("{:.2}", ratio.ratio)]
        }));
        text.push_str(&format!("\n{}", table::render(&rows, true)));
    }
    text
}

fn render_target(report: &Report, target: &TargetReport) -> String {
    let pace = report.rate.map_or("closed loop".into(), |rate| format!("open loop at {rate}/s"));
    let early = if target.interrupted { ", ended early" } else { "" };
    let mut text = format!("\n{} on {} ({})\n", report.workload.name(), target.target, target.version);
    let clients = if report.clients == 1 { "1 client".into() } else { format!("{} clients", report.clients) };
    text.push_str(&format!("{clients}, {pace}, {:.1} s measured{early}; ", target.measured_s));
    text.push_str(&format!(
        "{} rows set up in {:.1} s\n\n",
        report.workload.loaded_before(report.rows),
        target.set_up_s
    ));
    text.push_str(&table::render(&totals(target), false));
    text.push('\n');
    text.push_str(&table::render(&latencies(&target.latencies), true));
    if !target.errors.is_empty() {
        let mut rows = vec![vec!["error".to_string(), "count".into(), "example".into()]];
        rows.extend(target.errors.iter().map(|e| vec![e.kind.clone(), e.count.to_string(), e.example.clone()]));
        text.push_str(&format!("\n{}", table::render(&rows, true)));
    }
    for example in &target.wrong_examples {
        text.push_str(&format!("WRONG ANSWER: {example}\n"));
    }
    text + &verification(target.verification.as_ref())
}

fn totals(target: &TargetReport) -> Vec<Vec<String>> {
    let mut rows =
        vec![vec!["operations".to_string(), target.operations.to_string(), per_second(target.operations_per_s)]];
    if target.rows != target.operations {
        rows.push(vec!["rows".into(), target.rows.to_string(), per_second(target.rows_per_s)]);
    }
    let counts = [
        ("retries", target.retries),
        ("failed", target.failed),
        ("outcome unknown", target.unknown),
        ("wrong answers", target.wrong_answers),
    ];
    rows.extend(counts.iter().map(|(name, count)| vec![name.to_string(), count.to_string()]));
    rows
}

fn latencies(all: &[KindLatencies]) -> Vec<Vec<String>> {
    let head = ["latency in ms", "", "count", "mean", "p50", "p90", "p99", "p99.9", "max"];
    let mut rows = vec![head.map(String::from).to_vec()];
    for latencies in all {
        let count = latencies.count.to_string();
        rows.push(latency_row(latencies.kind.name(), "response", &count, &latencies.response));
        rows.push(latency_row("", "service", &count, &latencies.service));
    }
    rows
}

fn latency_row(kind: &str, which: &str, count: &str, percentiles: &Percentiles) -> Vec<String> {
    let Percentiles { mean, p50, p90, p99, p999, max } = *percentiles;
    let figures = [mean, p50, p90, p99, p999, max].map(|value| format!("{value:.3}"));
    [kind, which, count].into_iter().map(String::from).chain(figures).collect()
}

fn verification(verification: Option<&Verification>) -> String {
    let Some(found) = verification else { return "\nnot verified\n".into() };
    let unknown = match (found.unknown_done, found.unknown_not_done) {
        (0, 0) => String::new(),
        (done, not_done) => format!("; of the unknown ones {done} were done and {not_done} not"),
    };
    if found.passed() && found.checked == 0 {
        return "\nverified: every answer was compared with what it must be\n".into();
    }
    let mut text = if found.passed() {
        format!(
            "\nverified: {} rows read back in {:.1} s, all as acknowledged{unknown}\n",
            found.checked, found.seconds
        )
    } else {
        let Verification { checked, lost, phantom, wrong, .. } = found;
        format!("\nVERIFICATION FAILED: of {checked} rows {lost} lost, {phantom} unexpected, {wrong} wrong{unknown}\n")
    };
    for example in &found.examples {
        text.push_str(&format!("  {example}\n"));
    }
    if let Some(failure) = &found.failure {
        text.push_str(&format!("  it could not be finished: {failure}\n"));
    }
    text
}

fn per_second(value: f64) -> String {
    format!("{}/s", figure(value))
}

/// As many digits as mean something.
fn figure(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}
