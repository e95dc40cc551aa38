//! Whole runs against a target in memory: right ones pass, and each kind of wrong one is caught.

use crate::{
    content::Content,
    driver::{self, Options, Outcomes},
    report::{self, Report, TargetReport},
    target::{
        Target,
        fake::{Fake, Fault},
    },
    verify::{Verification, verify},
    workload::{Plan, PlanOptions, Workload},
};
use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

fn options(rate: Option<f64>, duration: Option<Duration>) -> Options {
    let (warm_up, timeout) = (Duration::from_millis(20), Duration::from_secs(5));
    Options { clients: 4, warm_up, duration, rate, tries_max: 3, timeout, seed: 1 }
}

fn plan(workload: Workload) -> Arc<Plan> {
    let content = Content { seed: 1, value_bytes: 32 };
    let rows = workload.rows_default().min(2500);
    Arc::new(Plan::new(workload, PlanOptions { rows, load_rows: 400, scan_rows: 10, content, distribution: None }))
}

fn run_with(workload: Workload, fault: Fault, options: &Options) -> (Outcomes, Verification) {
    let plan = plan(workload);
    let target = Arc::new(Target::Fake(Fake::new(&plan, fault)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        target.set_up(&plan, &|_| {}).await.expect("set up");
        let stop = Arc::new(AtomicBool::new(false));
        let outcomes = driver::run(&plan, &target, options, &stop, &mut |_, _| {}).await.expect("runs");
        let verification = verify(&plan, &target, &outcomes.ledger).await;
        (outcomes, verification)
    })
}

fn run(workload: Workload, fault: Fault) -> (Outcomes, Verification) {
    let duration = (workload != Workload::BulkLoad).then_some(Duration::from_millis(80));
    run_with(workload, fault, &options(Some(20_000.0), duration))
}

#[test]
fn a_right_target_passes() {
    use Workload::{Bank, BulkLoad, Insert, PointSelect, YcsbA, YcsbB, YcsbC, YcsbD, YcsbE, YcsbF};
    for workload in [PointSelect, Insert, YcsbA, YcsbB, YcsbC, YcsbD, YcsbE, YcsbF, BulkLoad, Bank] {
        let (outcomes, verification) = run(workload, Fault::None);
        assert!(verification.passed() && verification.checked > 0, "{workload:?}: {verification:?}");
        assert_eq!(outcomes.wrong.0, 0, "{workload:?}: {:?}", outcomes.wrong.1);
        assert!(!outcomes.series.is_empty());
    }
}

#[test]
fn one_lost_write_is_reported() {
    for workload in [Workload::Insert, Workload::BulkLoad, Workload::Bank] {
        let (_, verification) = run(workload, Fault::LoseWrite(3));
        assert!(verification.lost > 0 && !verification.passed(), "{workload:?}: {verification:?}");
    }
}

#[test]
fn a_lost_update_is_reported() {
    // A closed loop of one client: nothing overlaps, so each row's last version is known.
    let options = Options { clients: 1, ..options(None, Some(Duration::from_millis(30))) };
    let plan = plan(Workload::YcsbA);
    let target = Arc::new(Target::Fake(Fake::new(&plan, Fault::None)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        target.set_up(&plan, &|_| {}).await.expect("set up");
        let stop = Arc::new(AtomicBool::new(false));
        let outcomes = driver::run(&plan, &target, &options, &stop, &mut |_, _| {}).await.expect("runs");
        // As if the server had gone back to the loaded rows.
        target.set_up(&plan, &|_| {}).await.expect("set up again");
        let verification = verify(&plan, &target, &outcomes.ledger).await;
        assert!(verification.lost > 0 && !verification.passed(), "{verification:?}");
        assert!(verification.examples[0].contains("an acknowledged write replaced it"), "{:?}", verification.examples);
    });
}

#[test]
fn unknown_outcomes_are_neither_errors_nor_successes() {
    for workload in [Workload::Insert, Workload::YcsbA, Workload::Bank] {
        let (outcomes, verification) = run(workload, Fault::LoseAnswer(3));
        assert!(verification.passed(), "{workload:?}: {verification:?}");
        assert_eq!(outcomes.statistics.unknown.load(std::sync::atomic::Ordering::Relaxed), 1, "{workload:?}");
        assert_eq!(outcomes.statistics.errors()[0].kind, "lost");
    }
    let (_, verification) = run(Workload::Insert, Fault::LoseAnswer(3));
    assert_eq!((verification.unknown_done, verification.unknown_not_done), (1, 0));
}

#[test]
fn refused_and_done_is_reported() {
    for workload in [Workload::Insert, Workload::Bank] {
        let (_, verification) = run(workload, Fault::DoRefused(3));
        assert_eq!((verification.phantom, verification.passed()), (1, false), "{workload:?}: {verification:?}");
    }
}

#[test]
fn corrupt_content_is_reported() {
    let (_, verification) = run(Workload::Insert, Fault::Corrupt(3));
    assert_eq!((verification.wrong, verification.passed()), (1, false), "{verification:?}");
}

#[test]
fn half_a_transfer_is_reported() {
    let (outcomes, verification) = run(Workload::Bank, Fault::HalfTransfer(3));
    assert!(verification.wrong >= 2 && !verification.passed(), "{verification:?}");
    assert!(outcomes.wrong.0 > 0, "the sums during the run are off too");
}

#[test]
fn conflicts_are_retried_and_counted() {
    let (outcomes, verification) = run(Workload::YcsbA, Fault::Conflict(10));
    assert!(verification.passed(), "{verification:?}");
    assert!(outcomes.statistics.retries.load(std::sync::atomic::Ordering::Relaxed) > 10);
    let plan = plan(Workload::YcsbA);
    let target = Arc::new(Target::Fake(Fake::new(&plan, Fault::Conflict(1))));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let options = options(None, Some(Duration::from_millis(30)));
    let stop = Arc::new(AtomicBool::new(false));
    let outcomes = runtime.block_on(driver::run(&plan, &target, &options, &stop, &mut |_, _| {})).expect("runs");
    assert_eq!(outcomes.statistics.errors()[0].kind, "40001", "given up after the last try");
}

#[test]
fn an_open_loop_keeps_its_rate() {
    let (outcomes, _) =
        run_with(Workload::YcsbC, Fault::None, &options(Some(1000.0), Some(Duration::from_millis(400))));
    let (operations, _) = outcomes.statistics.measured();
    assert!((300..=420).contains(&operations), "{operations}");
}

#[test]
fn reports_show_all_of_it() {
    let plan = plan(Workload::Bank);
    let target = |name: &str, fault| {
        let (outcomes, verification) = run(Workload::Bank, fault);
        TargetReport::new(name.into(), "fake".into(), 0.0, outcomes, Some(verification))
    };
    let targets = vec![target("<one>", Fault::LoseWrite(2)), target("two", Fault::None)];
    let report = Report::new(&plan, &options(None, None), targets);
    assert!(!report.is_right());
    let text = report::text::render(&report);
    for part in
        ["bank on <one> (fake)", "VERIFICATION FAILED", "verified:", "transfer p99 ms", "ratio", "response", "service"]
    {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    let page = report::html::render(&report);
    assert!(
        page.contains("<polyline")
            && page.contains("&lt;one&gt;")
            && !page.contains("<one>")
            && page.ends_with("</html>")
    );
    let json = serde_json::to_value(&report).expect("JSON");
    assert_eq!(json["targets"][0]["verification"]["lost"], 1);
}
