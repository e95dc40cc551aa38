//! How many shard-local calls does one core make in a second, through the library, with nothing in between?
//!
//! `cargo bench --bench local`. Gets are of one hot key, then of keys all over the memtable; the value is looked at where
//! it lies. Puts wait for the device one by one, so a batch shows what the engine itself costs. Under `cargo test` it
//! runs a few calls of each kind, so that it never rots. The hash at the end of a line is of what was read: it must be
//! the same in every run.

use distdb::{
    Result,
    base::{ids::ShardId, key::partition_of},
    catalog::KEY_VALUE_KEYSPACE,
    config::NodeConfig,
    node::Node,
    shard::Shard,
};
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

/// Rows that are there.
const KEYS: u64 = 20_000;
const VALUE_BYTES: usize = 100;
/// Rows of a batch.
const BATCH_ROWS: usize = 500;
/// Calls between two looks at the clock.
const CALLS: u64 = 10_000;

fn main() -> Result<()> {
    let measured = std::env::args().any(|argument| argument == "--bench");
    let time = if measured { Duration::from_secs(3) } else { Duration::ZERO };
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("local-{}", std::process::id()));
    let node = Node::start(NodeConfig { cores: 1, ..NodeConfig::embedded(&folder) })?;
    let lines = node.run_on(ShardId(0), move |coordinator| async move { run(coordinator.shard(), time).await })??;
    node.stop()?;
    std::fs::remove_dir_all(&folder).map_err(|cause| distdb::Error::io("cannot remove the folder", cause))?;
    for line in lines {
        println!("{line}");
    }
    Ok(())
}

async fn run(shard: &Shard, time: Duration) -> Result<Vec<String>> {
    let keys = own_keys(shard);
    let mut lines = vec![fill(shard, &keys).await?];
    lines.push(gets(shard, "get of a hot key", &keys[..1], time).await?);
    lines.push(gets(shard, "get of any key", &keys, time).await?);
    lines.push(puts(shard, &keys, time).await?);
    Ok(lines)
}

/// Keys that this core owns; with one core, all.
fn own_keys(shard: &Shard) -> Vec<[u8; 8]> {
    let catalog = shard.catalog();
    let owners = catalog.keyspace(KEY_VALUE_KEYSPACE).map(|keyspace| keyspace.partitions.clone()).unwrap_or_default();
    let own = |key: &[u8; 8]| owners[usize::from(partition_of(key, owners.len() as u16).0)] == shard.id();
    (0..KEYS).map(u64::to_be_bytes).filter(own).collect()
}

async fn fill(shard: &Shard, keys: &[[u8; 8]]) -> Result<String> {
    let value = [b'v'; VALUE_BYTES];
    let begin = Instant::now();
    for batch in keys.chunks(BATCH_ROWS) {
        shard.local_batch(batch.iter().map(|key| (key.as_slice(), Some(value.as_slice())))).await?;
    }
    Ok(line("put in batches of 500, synced", keys.len() as u64, begin.elapsed(), 0))
}

async fn gets(shard: &Shard, name: &str, keys: &[[u8; 8]], time: Duration) -> Result<String> {
    let (mut calls, mut hash) = (0u64, 0u64);
    let begin = Instant::now();
    loop {
        for call in 0..CALLS {
            let key = &keys[(call * 7919) as usize % keys.len()];
            let read = shard.local_get_with(key, |value| value.len() as u64 + u64::from(value[0])).await?;
            // The first round's sum: later rounds repeat it.
            hash += if calls == 0 { read.unwrap_or_default() } else { 0 };
        }
        calls += CALLS;
        shard.env().yield_if_needed().await;
        if begin.elapsed() >= time {
            return Ok(line(name, calls, begin.elapsed(), hash));
        }
    }
}

async fn puts(shard: &Shard, keys: &[[u8; 8]], time: Duration) -> Result<String> {
    let value = [b'w'; VALUE_BYTES];
    let mut calls = 0u64;
    let begin = Instant::now();
    loop {
        shard.local_put(&keys[calls as usize % keys.len()], &value).await?;
        calls += 1;
        if begin.elapsed() >= time {
            return Ok(line("put, one after the other, synced", calls, begin.elapsed(), 0));
        }
    }
}

fn line(name: &str, calls: u64, elapsed: Duration, hash: u64) -> String {
    format!("{name}: {:.0}/s   (hash {hash})", calls as f64 / elapsed.as_secs_f64().max(1e-9))
}
