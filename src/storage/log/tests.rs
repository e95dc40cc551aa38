//! The log on the real inhabitant and on the simulator: replay, recycling, damage, bounds. Crashes: `crash.rs`.

use super::*;
use crate::env::{self, File, OpenOptions};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

type Records = Vec<(LogPosition, Vec<u8>)>;

fn small(dir: &Path) -> Options {
    Options { segment_bytes: 64 << 10, ..Options::new(dir.to_owned()) }
}

async fn open(env: &Env, options: Options, from: LogPosition) -> Result<(Log, Records)> {
    let mut records = Records::new();
    let log = Log::open(env, options, from, |end, payload| {
        records.push((end, payload.to_vec()));
        Ok(())
    })
    .await?;
    Ok((log, records))
}

/// A payload that tells its number and fills `len` bytes.
fn payload(number: u64, len: usize) -> Vec<u8> {
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.resize(len.max(8), number as u8);
    bytes
}

async fn append_and_reopen(env: Env, dir: PathBuf) {
    let options = small(&dir);
    let (log, records) = open(&env, options.clone(), LogPosition(0)).await.unwrap();
    assert!(records.is_empty());
    let mut written = Records::new();
    // From empty to several segments long.
    for (number, len) in [0, 1, 8, 200, 4096, 5000, 70_000, 300_000, 13].into_iter().enumerate() {
        let bytes = if len == 0 { Vec::new() } else { payload(number as u64, len) };
        let (left, right) = bytes.split_at(bytes.len() / 3);
        log.room().await;
        let end = log.append(&[left, &[], right]).unwrap();
        written.push((end, bytes));
        if number % 2 == 0 {
            log.durable(end).await.unwrap();
            assert!(log.durable_end() >= end);
        }
    }
    let end = log.end();
    log.durable(end).await.unwrap();
    assert_eq!(log.statistics().records, 9);
    log.close().await.unwrap();
    assert!(log.append(&[b"late"]).is_err());
    let (log, records) = open(&env, options.clone(), LogPosition(0)).await.unwrap();
    assert!(records == written);
    log.close().await.unwrap();
    for (index, (end, _)) in written.iter().enumerate() {
        let (log, records) = open(&env, options.clone(), *end).await.unwrap();
        assert!(records == written[index + 1..], "from record {index}");
        log.close().await.unwrap();
    }
}

async fn recycle(env: Env, dir: PathBuf) {
    let options = small(&dir);
    let (log, _) = open(&env, options.clone(), LogPosition(0)).await.unwrap();
    let mut released = LogPosition(0);
    let mut written = Records::new();
    for number in 0..400 {
        let bytes = payload(number, 3000);
        log.room().await;
        let end = log.append(&[&bytes]).unwrap();
        log.durable(end).await.unwrap();
        written.push((end, bytes));
        if number % 20 == 19 {
            released = written[written.len() - 5].0;
            log.release(released);
            env.sleep(Duration::from_millis(1)).await;
        }
    }
    let files = env.list(&dir).await.unwrap().len();
    assert!(files <= 8, "{files} files");
    assert!(log.statistics().kept_bytes < 200_000);
    log.close().await.unwrap();
    let (log, records) = open(&env, options.clone(), released).await.unwrap();
    assert!(records == written[written.len() - 4..]);
    log.close().await.unwrap();
    // Records before the kept ones are gone, and that is said.
    let error = open(&env, options.clone(), LogPosition(0)).await.err().unwrap();
    assert!(error.message().contains("begins at position"), "{error}");
    let error = open(&env, options, LogPosition(1 << 40)).await.err().unwrap();
    assert_eq!(error.state(), SqlState::DATA_CORRUPTED, "{error}");
}

async fn many_waiters(env: Env, dir: PathBuf) {
    let (log, _) = open(&env, Options { segment_bytes: 1 << 20, ..small(&dir) }, LogPosition(0)).await.unwrap();
    let mut tasks = Vec::new();
    for number in 0..5000 {
        let log = log.clone();
        tasks.push(env.spawn(TaskClass::Query, async move {
            log.room().await;
            let end = log.append(&[&payload(number, 100)]).unwrap();
            log.durable(end).await.unwrap();
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let statistics = log.statistics();
    assert_eq!(statistics.records, 5000);
    assert!(statistics.writes < 2500, "{} writes: no group commit", statistics.writes);
    log.close().await.unwrap();
}

/// Flips a bit of the only segment file at an offset.
async fn flip(env: &Env, dir: &Path, offset: u64) {
    let file = env.open(&dir.join("segment-000000"), OpenOptions::writing()).await.unwrap();
    let block = offset - offset % File::ALIGNMENT as u64;
    let mut buffer = file.read_at(block, File::ALIGNMENT).await.unwrap();
    buffer[(offset - block) as usize] ^= 0x10;
    file.write_at(block, buffer).await.unwrap();
    file.sync().await.unwrap();
}

async fn damage(env: Env, dir: PathBuf) {
    let options = small(&dir);
    let (log, _) = open(&env, options.clone(), LogPosition(0)).await.unwrap();
    let mut ends = vec![log.end()];
    for number in 0..5 {
        let end = log.append(&[&payload(number, 100)]).unwrap();
        log.durable(end).await.unwrap();
        ends.push(end);
    }
    // A handle that is not closed leaves no mark behind the last record.
    drop(log);
    env.sleep(Duration::from_millis(10)).await;
    // In the header, the payload, and the length of a record in the middle: refused, by name.
    let start = ends[1].0.next_multiple_of(File::ALIGNMENT as u64);
    for offset in [start, start + 9, start + 28, start + 31, start + 60] {
        flip(&env, &dir, offset).await;
        let error = open(&env, options.clone(), LogPosition(0)).await.err().unwrap();
        assert_eq!(error.state(), SqlState::DATA_CORRUPTED);
        assert!(error.message().contains("segment-000000"), "{error}");
        assert!(error.message().contains(&format!("offset {}", ends[1].0)), "{error} {}", ends[1].0);
        flip(&env, &dir, offset).await;
    }
    // In the padding between two writes: harmless.
    flip(&env, &dir, ends[2].0 + 40).await;
    flip(&env, &dir, ends[2].0 + 1).await;
    // In the segment's header: refused.
    flip(&env, &dir, 33).await;
    let error = open(&env, options.clone(), LogPosition(0)).await.err().unwrap();
    assert!(error.message().contains("header checksum: expected"), "{error}");
    flip(&env, &dir, 33).await;
    // In the last write, when nothing says that it was durable: its end is torn.
    let last = ends[4].0.next_multiple_of(File::ALIGNMENT as u64);
    flip(&env, &dir, last + 50).await;
    // ... unless the tables know better.
    let error = open(&env, options.clone(), ends[5]).await.err().unwrap();
    assert_eq!(error.state(), SqlState::DATA_CORRUPTED);
    let (log, records) = open(&env, options.clone(), LogPosition(0)).await.unwrap();
    assert_eq!(records.len(), 4);
    // What was behind the end stays dead: new records take its place.
    let end = log.append(&[&payload(77, 100)]).unwrap();
    log.close().await.unwrap();
    let (_, records) = open(&env, options, LogPosition(0)).await.unwrap();
    assert_eq!(records.len(), 5);
    assert_eq!(records[4], (end, payload(77, 100)));
}

async fn limits(env: Env, dir: PathBuf) {
    let bad = Options { segment_bytes: 1000, ..small(&dir) };
    assert!(open(&env, bad, LogPosition(0)).await.is_err());
    let (log, _) = open(&env, small(&dir), LogPosition(0)).await.unwrap();
    let long = vec![0; limits::LOG_RECORD_BYTES_MAX + 1];
    assert_eq!(log.append(&[&long]).unwrap_err().state(), SqlState::PROGRAM_LIMIT_EXCEEDED);
    // A visitor's error is passed on.
    let end = log.append(&[b"x"]).unwrap();
    log.durable(end).await.unwrap();
    log.close().await.unwrap();
    let refuse = |_, _: &[u8]| Err(Error::internal("no"));
    assert!(Log::open(&env, small(&dir), LogPosition(0), refuse).await.is_err());
    // Other segment lengths continue the same log.
    let (log, records) = open(&env, Options { segment_bytes: 128 << 10, ..small(&dir) }, LogPosition(0)).await.unwrap();
    assert_eq!(records.len(), 1);
    for number in 0..60 {
        log.append(&[&payload(number, 5000)]).unwrap();
    }
    log.close().await.unwrap();
    let (log, records) = open(&env, small(&dir), LogPosition(0)).await.unwrap();
    assert_eq!(records.len(), 61);
    log.close().await.unwrap();
}

macro_rules! stories {
    ($($story:ident),* $(,)?) => {
        mod on_glommio {
            $(#[test]
            fn $story() {
                let folder = super::env::tests::scratch();
                let dir = folder.path().join("log");
                super::env::glommio::block_on(move |env| super::$story(env, dir));
            })*
        }

        mod on_the_simulator {
            use crate::env::sim::{Disk, Simulation};

            $(#[test]
            fn $story() {
                for seed in 0..5 {
                    let simulation = Simulation::new(seed);
                    let env = simulation.node(Disk::new()).env();
                    let story = super::$story(env.clone(), "/node/log".into());
                    assert!(simulation.block_on(&env, 10_000_000, story).is_some(), "seed {seed} came to no end");
                }
            })*
        }
    };
}

stories!(append_and_reopen, recycle, many_waiters, damage, limits);
