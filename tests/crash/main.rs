//! A node is stopped at its k-th disk operation, for every k; unsynced writes are torn, lost and reordered; it starts
//! again, and every acknowledged transaction must be there as a whole, and nothing else.
//!
//! The workload is `distdb::testing::bank`, the lives of the node are in `distdb::testing::crash`. All of it is simulated
//! and follows from the seed, so a failure is repeated by running its plan again. A build with optimisation tries every k;
//! one without every thirteenth, to be quick. `DISTDB_CRASH_SEED` chooses another history.

use distdb::testing::{bank, crash};
use std::sync::atomic::{AtomicU64, Ordering};

/// The last operation to stop at.
const STOP_AT_MAX: u64 = 2000;

fn plan(seed: u64, stop_at: u64) -> crash::Plan {
    crash::Plan {
        seed,
        shards: 2,
        bank: bank::Options { accounts: 16, clients: 8, transactions: 150, abandon: true },
        stop_at: Some(stop_at),
        // Every fifth node stops once more, while it recovers.
        stop_again_at: stop_at.is_multiple_of(5).then_some(1 + stop_at % 60),
        faults: distdb::env::sim::Faults::default(),
        afterwards: 3,
        acknowledge_before_sync: false,
    }
}

fn seed() -> u64 {
    std::env::var("DISTDB_CRASH_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1)
}

#[test]
fn a_node_may_stop_at_any_disk_operation() {
    let step = if cfg!(debug_assertions) { 13 } else { 1 };
    let (next, stopped, acknowledged) = (AtomicU64::new(1), AtomicU64::new(0), AtomicU64::new(0));
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let stop_at = next.fetch_add(step, Ordering::Relaxed);
                    if stop_at > STOP_AT_MAX {
                        return;
                    }
                    let plan = plan(seed(), stop_at);
                    let outcome = crash::run(&plan);
                    assert!(outcome.violations.is_empty(), "{plan:?}: {outcome:#?}");
                    stopped.fetch_add(u64::from(outcome.operations >= stop_at), Ordering::Relaxed);
                    acknowledged.fetch_add(outcome.told.0 as u64, Ordering::Relaxed);
                }
            });
        }
    });
    let runs = STOP_AT_MAX.div_ceil(step);
    let (stopped, acknowledged) = (stopped.into_inner(), acknowledged.into_inner());
    println!("{runs} runs, {stopped} stopped at their operation, {acknowledged} transactions acknowledged and checked");
    // The workload must be long enough for the stops to be real.
    assert!(stopped * 10 > runs * 9, "only {stopped} of {runs} runs came as far as their stop");
}

/// The control: the same tests must find a build that acknowledges before the sync.
#[test]
fn a_build_that_acknowledges_before_the_sync_is_caught() {
    let caught = (1..200).step_by(7).any(|stop_at| {
        let plan = crash::Plan { acknowledge_before_sync: true, ..plan(seed(), stop_at) };
        crash::run(&plan).violations.iter().any(|violation| violation.contains("is lost"))
    });
    assert!(caught, "acknowledged writes were never lost, although they were not synced");
}
