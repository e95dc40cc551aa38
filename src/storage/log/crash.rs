//! Crashes of the log, by the thousand, on the simulated disk.
//!
//! A node appends from several tasks and crashes at a random step or at a chosen disk operation; a new one opens what
//! the disk kept; several times over on one disk. The model remembers every append and every acknowledgement, and knows
//! nothing of the format. What is read back must begin with exactly the appended records in their order (nothing
//! invented, nothing out of order, nothing from before an earlier crash) and hold all that were acknowledged.

use super::{Log, LogPosition, Options};
use crate::{
    env::{
        Env, TaskClass,
        sim::{Disk, Faults, Random, Simulation},
    },
    error::Result,
};
use std::{cell::RefCell, rc::Rc, time::Duration};

#[derive(Default)]
struct Model {
    /// What was appended and may be in the log, oldest first.
    appended: Vec<(LogPosition, Vec<u8>)>,
    /// Everything up to here must be.
    acknowledged: LogPosition,
    released: LogPosition,
    next_number: u64,
}

type Shared = Rc<RefCell<Model>>;

fn options() -> Options {
    Options { segment_bytes: 64 << 10, unsynced_bytes_max: 128 << 10, ..Options::new("/node/log".into()) }
}

/// Mostly small records, some over several blocks, few over several segments.
fn record(model: &Shared, random: &mut Random) -> Vec<u8> {
    let len = match random.below(40) {
        0 => random.below(150_000),
        1..8 => random.below(9000),
        _ => random.below(400),
    };
    let mut bytes = vec![0; len as usize + 8];
    let mut model = model.borrow_mut();
    model.next_number += 1;
    Random::new(model.next_number, 7).fill(&mut bytes);
    bytes
}

async fn append_for_ever(env: Env, log: Log, model: Shared, mut random: Random) {
    loop {
        let bytes = record(&model, &mut random);
        log.room().await;
        let cut = random.below(bytes.len() as u64) as usize;
        let end = log.append(&[&bytes[..cut], &bytes[cut..]]).unwrap();
        model.borrow_mut().appended.push((end, bytes));
        if random.below(3) > 0 {
            log.durable(end).await.unwrap();
            let mut model = model.borrow_mut();
            model.acknowledged = model.acknowledged.max(end);
            if random.below(20) == 0 {
                // The tables are safe up to some acknowledged record.
                let behind = random.below(4) as usize + 1;
                let acknowledged = model.appended.iter().rposition(|(end, _)| *end <= model.acknowledged);
                if let Some(index) = acknowledged.and_then(|index| index.checked_sub(behind)) {
                    model.released = model.released.max(model.appended[index].0);
                    log.release(model.released);
                }
            }
        }
        if random.below(4) == 0 {
            env.sleep(Duration::from_micros(random.below(300))).await;
        }
    }
}

/// Opens the log, compares it with the model, and makes the model what is there.
async fn check(env: &Env, model: &Shared) -> std::result::Result<Log, String> {
    let from = model.borrow().released;
    let mut found: Vec<(LogPosition, Vec<u8>)> = Vec::new();
    let visit = |end, payload: &[u8]| -> Result<()> {
        found.push((end, payload.to_vec()));
        Ok(())
    };
    let log = Log::open(env, options(), from, visit).await.map_err(|error| format!("refused: {error:?}"))?;
    let mut model = model.borrow_mut();
    let expected: Vec<_> = model.appended.iter().filter(|(end, _)| *end > from).cloned().collect();
    if found.len() > expected.len() || found != expected[..found.len()] {
        return Err("records were invented, changed or reordered".into());
    }
    let last = found.last().map_or(from, |(end, _)| *end);
    if last < model.acknowledged {
        return Err(format!("acknowledged up to {:?}, found up to {last:?}", model.acknowledged));
    }
    model.appended = found;
    model.acknowledged = last;
    Ok(log)
}

struct Outcome {
    hash: u64,
    operations: u64,
    acknowledged: u64,
}

/// One history: several lives of one disk.
fn history(seed: u64, faults: Faults, lives: u64) -> std::result::Result<Outcome, String> {
    let simulation = Simulation::new(seed);
    let mut random = Random::new(seed, 11);
    let model = Shared::default();
    let mut disk = Disk::new();
    let mut operations = 0;
    for life in 0..lives {
        let faults = if life + 1 == lives { Faults { stop_at_operation: None, ..faults } } else { faults };
        disk.set_faults(faults);
        let node = simulation.node(disk);
        let env = node.env();
        let steps = if random.below(4) == 0 { random.below(200) } else { random.below(4000) };
        let failure: Rc<RefCell<Option<String>>> = Rc::default();
        let seeds: Vec<u64> = (0..4).map(|_| random.next()).collect();
        let (inner, told, shared) = (env.clone(), failure.clone(), model.clone());
        let last = life + 1 == lives;
        let whole_life = async move {
            match check(&inner, &shared).await {
                Err(error) => *told.borrow_mut() = Some(error),
                Ok(_) if last => {}
                Ok(log) => {
                    for seed in seeds {
                        let writer = append_for_ever(inner.clone(), log.clone(), shared.clone(), Random::new(seed, 0));
                        inner.spawn(TaskClass::Query, writer).detach();
                    }
                    std::future::pending::<()>().await;
                }
            }
        };
        let ended = simulation.block_on(&env, if last { 1_000_000 } else { steps }, whole_life);
        if let Some(error) = failure.take() {
            return Err(format!("seed {seed}, life {life}: {error}"));
        }
        if last && ended.is_none() && !node.is_halted() {
            return Err(format!("seed {seed}: the last opening came to no end"));
        }
        operations += node.disk().operations();
        disk = node.crash();
    }
    let acknowledged = model.borrow().acknowledged.0;
    Ok(Outcome { hash: simulation.schedule_hash(), operations, acknowledged })
}

#[test]
fn a_crash_at_any_moment_loses_nothing_acknowledged() {
    // More on request: each seed is several crashes.
    let seeds = std::env::var("DISTDB_CRASH_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(300);
    let mut acknowledged = 0;
    for seed in 0..seeds {
        acknowledged += history(seed, Faults::default(), 4).unwrap_or_else(|error| panic!("{error}")).acknowledged;
    }
    // The histories must be worth something.
    assert!(acknowledged > seeds * 10_000, "{acknowledged}");
}

#[test]
fn a_stop_at_every_disk_operation_loses_nothing_acknowledged() {
    for operation in 1..400 {
        let faults = Faults { stop_at_operation: Some(operation), ..Faults::default() };
        history(operation % 7, faults, 3).unwrap_or_else(|error| panic!("operation {operation}: {error}"));
    }
}

#[test]
fn a_failed_write_halts_the_node_and_loses_nothing_acknowledged() {
    for seed in 0..200 {
        let faults = Faults { write_errors: 20_000, ..Faults::default() };
        // An opening may itself meet the fault and say so; what it may not do is tell lies.
        if let Err(error) = history(seed, faults, 3) {
            assert!(error.contains("Input/output error"), "{error}");
        }
    }
}

#[test]
fn a_full_disk_is_said_and_survived() {
    let simulation = Simulation::new(5);
    let node = simulation.node(Disk::new());
    node.disk().set_faults(Faults { capacity_bytes: Some(200 << 10), ..Faults::default() });
    let env = node.env();
    let (inner, disk) = (env.clone(), node.disk().clone());
    let story = async move {
        let log = Log::open(&inner, options(), LogPosition(0), |_, _| Ok(())).await.unwrap();
        let error = loop {
            log.room().await;
            match log.append(&[&[7; 3000]]) {
                Ok(end) => log.durable(end).await.unwrap(),
                Err(error) => break error,
            }
        };
        assert_eq!(error.state(), crate::base::sqlstate::SqlState::DISK_FULL, "{error}");
        assert!(error.hint().is_some());
        disk.set_faults(Faults::default());
        inner.sleep(Duration::from_secs(3)).await;
        let end = log.append(&[b"again"]).unwrap();
        log.durable(end).await.unwrap();
        log.close().await.unwrap();
    };
    assert!(simulation.block_on(&env, 1_000_000, story).is_some());
    assert!(!node.is_halted());
}

#[test]
fn the_same_seed_gives_the_same_history() {
    for seed in 0..20 {
        let (first, second) = (history(seed, Faults::default(), 3), history(seed, Faults::default(), 3));
        let (first, second) = (first.unwrap(), second.unwrap());
        assert_eq!((first.hash, first.operations), (second.hash, second.operations), "seed {seed}");
    }
}

/// The control: a disk that acknowledges before it is safe must be caught, or the tests above prove nothing.
#[test]
fn an_early_acknowledgement_is_caught() {
    let faults = Faults { syncs_lie: true, ..Faults::default() };
    let caught = (0..50).filter(|seed| history(*seed, faults, 4).is_err()).count();
    assert!(caught > 25, "only {caught} of 50 were caught");
}
