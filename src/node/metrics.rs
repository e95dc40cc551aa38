//! What a node says of itself over HTTP: health, readiness, and figures for Prometheus.
//!
//! The figures are collected when they are asked for, from every core over its mailbox, so that counting costs the hot
//! paths nothing but a cell of their own.

use crate::{
    base::ids::ShardId,
    config::NodeConfig,
    observe::metrics::Registry,
    server::http::{Answers, LocalFuture},
    shard::{Request, Response, Shard, Status},
};
use std::{cell::Cell, rc::Rc};

/// One figure: its name, what it means, and where it is found.
type Figure = (&'static str, &'static str, fn(&Status) -> u64);

/// Every figure of a shard. What only grows ends in `_total`.
const FIGURES: &[Figure] = &[
    ("requests_total", "Requests from other cores", |status| status.requests),
    ("requests_running", "Requests from other cores being handled", |status| status.requests_running),
    ("fragments_total", "Plan fragments started", |status| status.fragments),
    ("commits_total", "Transactions committed on this core alone", |status| status.transactions.committed),
    ("prepares_total", "Prepares of transactions over several cores", |status| status.transactions.prepared),
    ("aborts_total", "Transactions rolled back", |status| status.transactions.aborted),
    ("conflicts_total", "Writes and commits refused with 40001", |status| status.transactions.conflicts),
    ("spills_total", "Times that a transaction's buffer was spilled", |status| status.transactions.spills),
    ("waits_total", "Waits for a commit under way", |status| status.transactions.waits),
    ("lock_waits_total", "Waits for another transaction's lock", |status| status.transactions.lock_waits),
    ("deadlocks_total", "Waits refused because they would not have ended", |status| status.transactions.deadlocks),
    ("locks_held", "Locks held", |status| status.transactions.locks as u64),
    ("lock_waiters", "Waits for locks right now", |status| status.transactions.lock_waiters as u64),
    ("transactions_open", "Open transactions with writes here", |status| status.transactions.open as u64),
    ("snapshots_open", "Open snapshots", |status| status.transactions.snapshots as u64),
    ("buffered_bytes", "Bytes of buffered writes", |status| status.transactions.buffered_bytes as u64),
    ("log_records_total", "Log records appended", |status| status.log.records),
    ("log_syncs_total", "Writes to the log device, each a sync", |status| status.log.writes),
    ("log_written_bytes_total", "Bytes written to the log device", |status| status.log.written_bytes),
    ("log_kept_bytes", "Bytes of log that a restart would replay", |status| status.log.kept_bytes),
    ("catalog_version", "Version of the catalog in use", |status| status.catalog_version),
];

/// The answers of a node's HTTP door.
pub fn answers(shard: Shard, registry: Registry, stopping: Rc<Cell<bool>>, config: &NodeConfig) -> Answers {
    let (node_id, shards, env) = (config.node_id.clone(), shard.count(), shard.env().clone());
    let began = env.now();
    Answers {
        health: Box::new(move || {
            serde_json::json!({
                "status": "ok",
                "node_id": node_id,
                "version": env!("CARGO_PKG_VERSION"),
                "shards": shards,
                "io_backend": "io_uring",
                "uptime_seconds": env.now().saturating_sub(began).as_secs(),
            })
        }),
        ready: Box::new(move || match stopping.get() {
            false => Ok(()),
            true => Err("the node is stopping".into()),
        }),
        metrics: Box::new(move || -> LocalFuture<String> {
            let shard = shard.clone();
            let registry = registry.clone();
            Box::pin(async move { text(&registry, &collect(&shard).await) })
        }),
    }
}

async fn collect(shard: &Shard) -> Vec<Status> {
    let mut all = Vec::new();
    for target in (0..shard.count()).map(ShardId) {
        match shard.call(target, Request::Status).await {
            Ok(Response::Status(status)) => all.push(*status),
            Ok(_) => tracing::error!(%target, "a shard answered something else than its status"),
            Err(error) => tracing::error!(%target, %error, "a shard did not say its status"),
        }
    }
    all
}

/// Brings the registry up to date and writes it out.
fn text(registry: &Registry, all: &[Status]) -> String {
    for status in all {
        let shard = registry.shard(status.shard.0);
        for (name, help, value) in FIGURES {
            match name.strip_suffix("_total") {
                Some(name) => shard.counter(&format!("distdb_{name}"), help, &[]).set(value(status)),
                None => shard.gauge(&format!("distdb_{name}"), help, &[]).set(value(status) as i64),
            }
        }
    }
    registry.encode().unwrap_or_else(|error| format!("# {error}\n"))
}
