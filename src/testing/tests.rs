//! A few of the crash tests' runs, quick enough for every build; `tests/crash` has the long list.

use super::{bank, crash};
use crate::env::sim::Faults;

fn plan(seed: u64, stop_at: Option<u64>) -> crash::Plan {
    let bank = bank::Options { accounts: 10, clients: 6, transactions: 12, abandon: true };
    let stop_again_at = seed.is_multiple_of(3).then_some(1 + seed % 40);
    let shards = 1 + (seed % 3) as u16;
    let faults = Faults::default();
    crash::Plan { seed, shards, bank, stop_at, stop_again_at, faults, afterwards: 5, acknowledge_before_sync: false }
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_half_there() {
    for seed in 0..60 {
        let outcome = crash::run(&plan(seed, Some(1 + seed * 7)));
        assert!(outcome.violations.is_empty(), "seed {seed}: {outcome:#?}");
    }
}

#[test]
fn without_a_crash_nearly_everything_succeeds() {
    for seed in 0..6 {
        let outcome = crash::run(&plan(seed, None));
        assert!(outcome.violations.is_empty(), "seed {seed}: {outcome:#?}");
        assert!(outcome.told.0 > outcome.told.1, "seed {seed}: {outcome:#?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_schedule() {
    for seed in 0..4 {
        let (first, second) = (crash::run(&plan(seed, Some(90))), crash::run(&plan(seed, Some(90))));
        assert_eq!((first.schedule_hash, first.told), (second.schedule_hash, second.told), "seed {seed}");
    }
}

/// The control: a checker that this build passes would prove nothing.
#[test]
fn acknowledging_before_the_sync_is_found_out() {
    let caught = (0..20).any(|seed| {
        let plan = crash::Plan { acknowledge_before_sync: true, ..plan(seed, Some(20 + seed * 9)) };
        crash::run(&plan).violations.iter().any(|violation| violation.contains("is lost"))
    });
    assert!(caught, "acknowledged writes are never lost, although they are not synced");
}

/// A disk that fails, or is full, may stop the node or refuse a transaction, and never more than that.
#[test]
fn a_failing_disk_loses_nothing() {
    let kinds = [
        Faults { read_errors: 3000, ..Faults::default() },
        Faults { write_errors: 3000, ..Faults::default() },
        Faults { sync_errors: 3000, ..Faults::default() },
        Faults { capacity_bytes: Some(1 << 20), ..Faults::default() },
    ];
    for seed in 0..28 {
        let mut plan = crash::Plan { faults: kinds[seed as usize % kinds.len()], ..plan(seed, None) };
        plan.bank.transactions = 40;
        let outcome = crash::run(&plan);
        assert!(outcome.violations.is_empty(), "seed {seed}: {outcome:#?}");
    }
}
