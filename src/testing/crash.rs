//! One life after another of a simulated node under the bank's workload, each ended by a crash, and the check of what is
//! left.
//!
//! A node stops at a chosen disk operation; its disk keeps what was synced and, sector by sector, some of the rest. Then it
//! starts again (perhaps to stop again while it recovers) and everything is read back and compared with what clients were
//! told. Everything follows from the seed.

use super::{bank, random::Random};
use crate::{
    base::ids::ShardId,
    catalog::Catalog,
    env::{
        TaskClass,
        sim::{Disk, Faults, Node, Simulation},
    },
    shard::{self, Request, Response, Shard, connect},
    storage::{log, lsm},
    txn::{self, Sequencer},
};
use std::{path::PathBuf, rc::Rc, sync::Arc, time::Duration};

/// Steps after which a life counts as hung.
const STEPS_MAX: u64 = 2_000_000;

/// When a prepared transaction asks around for its decision.
const IN_DOUBT_AFTER: Duration = Duration::from_millis(300);

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub shards: u16,
    pub bank: bank::Options,
    /// The first life stops at this disk operation, counted from when the clients begin; `None`: when they are done.
    pub stop_at: Option<u64>,
    /// The second life stops at this disk operation, while it recovers or soon after.
    pub stop_again_at: Option<u64>,
    /// Faults of the disk in the first life, besides the stop.
    pub faults: Faults,
    /// Transactions of each client in the last life, after the crashes.
    pub afterwards: u64,
    /// The deliberately broken build that acknowledges before it syncs.
    pub acknowledge_before_sync: bool,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    pub violations: Vec<String>,
    /// Disk operations from when the clients began to the end of the first life.
    pub operations: u64,
    /// Transactions acknowledged, refused, and unknown.
    pub told: (usize, usize, usize),
    /// A digest of all that happened.
    pub schedule_hash: u64,
}

/// Runs a plan.
pub fn run(plan: &Plan) -> Outcome {
    let simulation = Simulation::new(plan.seed);
    let ledger = bank::Ledger::default();
    let node = simulation.node(Disk::new());
    let mut violations = Vec::new();
    let mut operations = 0;
    let mut disk = match boot(&simulation, &node, plan) {
        Err(error) => {
            violations.push(format!("a new node did not start: {error}"));
            node.crash()
        }
        Ok(shards) => {
            violations.extend(open_accounts(&simulation, &shards, plan).err());
            let before = node.disk().operations();
            let stop_at_operation = plan.stop_at.map(|stop_at| before + stop_at);
            node.disk().set_faults(Faults { stop_at_operation, ..plan.faults });
            let mut ended = work(&simulation, &shards, plan, &ledger, 1);
            if !ended && plan.faults.capacity_bytes.is_some() && !node.is_halted() {
                // What was under way when the disk was full waits for room, and goes on when there is some.
                node.disk().set_faults(Faults { stop_at_operation, capacity_bytes: None, ..plan.faults });
                ended = finish(&simulation, &shards, &ledger);
            }
            if !ended && !node.is_halted() {
                violations.push("clients hang".into());
            }
            operations = node.disk().operations() - before;
            node.crash()
        }
    };
    if let Some(stop_at) = plan.stop_again_at {
        let node = simulation.node(disk);
        node.disk().set_faults(Faults { stop_at_operation: Some(stop_at), ..Faults::default() });
        match boot(&simulation, &node, plan) {
            Ok(shards) => {
                work(&simulation, &shards, plan, &ledger, 2);
            }
            Err(error) if !node.is_halted() => violations.push(format!("the node does not start again: {error}")),
            Err(_) => {}
        }
        disk = node.crash();
    }
    violations.extend(last_lives(&simulation, disk, plan, &ledger));
    let told = ledger.borrow().counts();
    Outcome { violations, operations, told, schedule_hash: simulation.schedule_hash() }
}

/// Starts once more without faults, checks, works on, stops cleanly, starts and checks again.
fn last_lives(simulation: &Simulation, disk: Disk, plan: &Plan, ledger: &bank::Ledger) -> Vec<String> {
    let node = simulation.node(disk);
    let shards = match boot(simulation, &node, plan) {
        Ok(shards) => shards,
        Err(error) => return vec![format!("the node does not start after the crash: {error}")],
    };
    let mut violations = check(simulation, &shards, plan, ledger);
    let afterwards = Plan { bank: bank::Options { transactions: plan.afterwards, ..plan.bank }, ..plan.clone() };
    if !work(simulation, &shards, &afterwards, ledger, 3) {
        violations.push("clients hang after the restart".into());
    }
    violations.extend(check(simulation, &shards, plan, ledger));
    let disk = close(simulation, &node, shards);
    let node = simulation.node(disk);
    match boot(simulation, &node, plan) {
        Err(error) => violations.push(format!("the node does not start after it was stopped: {error}")),
        Ok(shards) => violations.extend(check(simulation, &shards, plan, ledger)),
    }
    node.crash();
    violations
}

/// Opens all shards of a node.
fn boot(simulation: &Simulation, node: &Node, plan: &Plan) -> Result<Vec<Shard>, String> {
    let sequencer = Arc::new(Sequencer::new(plan.shards));
    let mut openings = Vec::new();
    for (id, mailbox) in connect(plan.shards).into_iter().enumerate() {
        let (env, sequencer, plan) = (node.env(), sequencer.clone(), plan.clone());
        let dir = PathBuf::from(format!("/data/shard-{id}"));
        let opening = async move {
            let options = shard::Options {
                id: ShardId(id as u16),
                mailbox,
                sequencer,
                log: log::Options { segment_bytes: 64 << 10, ..log::Options::new(dir.join("log")) },
                lsm: lsm::Options {
                    memtable_bytes: 24 << 10,
                    table_bytes: 64 << 10,
                    level_one_bytes: 128 << 10,
                    block_bytes: 1 << 10,
                    ..lsm::Options::new(dir.join("lsm"), 1 << 20)
                },
                transactions: txn::Options {
                    buffer_bytes_max: 3 << 10,
                    load_bytes_min: 1 << 10,
                    load_bytes_max: 3 << 10,
                    in_doubt_after: IN_DOUBT_AFTER,
                    acknowledge_before_sync: plan.acknowledge_before_sync,
                    ..txn::Options::default()
                },
                catalog: Arc::new(Catalog::bootstrap(plan.shards)),
            };
            Shard::open(env, options).await
        };
        openings.push(node.env().spawn(TaskClass::Query, opening));
    }
    let all = async move {
        let (mut shards, mut errors) = (Vec::new(), Vec::new());
        for opening in openings {
            match opening.await {
                Some(Ok(shard)) => shards.push(shard),
                Some(Err(error)) => errors.push(format!("{error:?}")),
                None => errors.push("a panic".into()),
            }
        }
        if errors.is_empty() { Ok(shards) } else { Err(errors.join("; ")) }
    };
    let opened = simulation.block_on(&node.env(), STEPS_MAX, all);
    opened.unwrap_or_else(|| Err(format!("it halted or hung: {:?}", node.halt_reason())))
}

fn open_accounts(simulation: &Simulation, shards: &[Shard], plan: &Plan) -> Result<(), String> {
    let (shard, options) = (shards[0].clone(), plan.bank);
    let opening = simulation
        .block_on(&shards[0].env().clone(), STEPS_MAX, async move { bank::open_accounts(&shard, options).await });
    match opening {
        Some(Ok(())) => Ok(()),
        other => Err(format!("the accounts were not opened: {other:?}")),
    }
}

/// Runs the clients of one life; false if they do not come to an end.
fn work(simulation: &Simulation, shards: &[Shard], plan: &Plan, ledger: &bank::Ledger, life: u64) -> bool {
    let mut clients = Vec::new();
    for number in 0..plan.bank.clients {
        let shard = &shards[number as usize % shards.len()];
        let random = Random::new(plan.seed, life << 32 | number);
        let client = bank::client(shard.clone(), plan.bank, random, ledger.clone());
        clients.push(shard.env().spawn(TaskClass::Query, client));
    }
    let told = Rc::clone(ledger);
    let all = async move {
        for client in clients {
            if client.await.is_none() {
                told.borrow_mut().violations.push("a client panicked".into());
            }
        }
        told.borrow_mut().lives_ended = life;
    };
    let steps_max = if plan.faults.capacity_bytes.is_some() { STEPS_MAX / 40 } else { STEPS_MAX };
    simulation.block_on(shards[0].env(), steps_max, all).is_some()
}

/// Goes on with the first life's clients.
fn finish(simulation: &Simulation, shards: &[Shard], ledger: &bank::Ledger) -> bool {
    let (env, told) = (shards[0].env().clone(), ledger.clone());
    let ended = async move {
        while told.borrow().lives_ended == 0 {
            env.sleep(Duration::from_millis(10)).await;
        }
    };
    simulation.block_on(shards[0].env(), STEPS_MAX, ended).is_some()
}

fn check(simulation: &Simulation, shards: &[Shard], plan: &Plan, ledger: &bank::Ledger) -> Vec<String> {
    let (shard, options, told) = (shards[0].clone(), plan.bank, ledger.clone());
    let checking = async move {
        // Transactions whose client died are settled by then.
        shard.env().sleep(3 * IN_DOUBT_AFTER).await;
        let mut violations = bank::check(&shard, options, &told).await?;
        for target in (0..shard.count()).map(ShardId) {
            let Response::Status(status) = shard.call(target, Request::Status).await? else { continue };
            let txn::Statistics { pending, locks, lock_waiters, .. } = status.transactions;
            if (pending, locks, lock_waiters) != (0, 0, 0) {
                violations.push(format!(
                    "on shard {target} {pending} transactions stay in doubt, {locks} locks held, {lock_waiters} waited for"
                ));
            }
        }
        Ok::<_, crate::error::Error>(violations)
    };
    match simulation.block_on(shards[0].env(), STEPS_MAX, checking) {
        Some(Ok(violations)) => violations,
        Some(Err(error)) => vec![format!("the check failed: {error:?}")],
        None => vec!["the check hangs".into()],
    }
}

/// Stops a node as it should be stopped, and then cuts its power, which must not matter.
fn close(simulation: &Simulation, node: &Node, shards: Vec<Shard>) -> Disk {
    let closing = async move {
        for shard in shards {
            if let Err(error) = shard.close().await {
                tracing::error!("a shard did not close: {error:?}");
            }
        }
    };
    let _ = simulation.block_on(&node.env(), STEPS_MAX, closing);
    node.crash()
}
