//! What does a row cost that a query reads and adds up? Through the whole path: statement, fragments on every core, cursor,
//! rows to columns, filter, aggregation.
//!
//! `cargo bench --bench scan` measures a million rows, right after they were loaded and again when they are in tables; run
//! as a test it does the same with few, so that it does not rot. Each answer is checked against what was put in. CPU time
//! is of the whole process, so on a busy machine it says more than the wall clock.

use distdb::{
    Result,
    base::value::Value,
    config::NodeConfig,
    node::{Client, Node},
};
use std::{path::PathBuf, time::Instant};

/// Rows of one INSERT.
const ROWS_AT_ONCE: u64 = 100_000;

/// Queries with the answer that `rows` rows must give.
fn queries(rows: u64) -> Vec<(&'static str, Vec<i64>)> {
    let sum =
        |of: fn(u64) -> u64, wanted: fn(u64) -> bool| (1..=rows).filter(|&i| wanted(i)).map(of).sum::<u64>() as i64;
    let count = |wanted: fn(u64) -> bool| sum(|_| 1, wanted);
    let all = |_| true;
    let in_groups = "SELECT sum(n), sum(s), max(m) FROM (SELECT c, count(*) AS n, sum(a) AS s, max(b) AS m FROM bench_rows GROUP BY c) AS x";
    vec![
        (in_groups, vec![count(all), sum(a_of, all), (1..=rows).map(b_of).max().unwrap_or(0) as i64]),
        ("SELECT count(*) FROM bench_rows", vec![count(all)]),
        ("SELECT sum(a) FROM bench_rows", vec![sum(a_of, all)]),
        (
            "SELECT count(*), sum(a) FROM bench_rows WHERE a < 10",
            vec![count(|i| a_of(i) < 10), sum(a_of, |i| a_of(i) < 10)],
        ),
        ("SELECT count(*) FROM bench_rows WHERE t = 'lazy dog 7'", vec![count(|i| i % 50 == 7)]),
    ]
}

fn a_of(i: u64) -> u64 {
    i * 7919 % 1000
}

fn b_of(i: u64) -> u64 {
    i * 2_654_435_761 % 2_000_000_000
}

fn load(client: &mut Client, rows: u64) -> Result<()> {
    client.execute(
        "CREATE TABLE bench_rows (id bigint PRIMARY KEY, a integer NOT NULL, b bigint NOT NULL, c integer NOT NULL, t text NOT NULL)",
    )?;
    for first in (1..=rows).step_by(ROWS_AT_ONCE as usize) {
        let last = rows.min(first + ROWS_AT_ONCE - 1);
        client.execute(&format!(
            "INSERT INTO bench_rows SELECT i, (i * 7919 % 1000)::integer, i * 2654435761 % 2000000000, (i % 100)::integer, \
             'lazy dog ' || (i % 50) FROM generate_series({first}::bigint, {last}::bigint) AS i"
        ))?;
    }
    Ok(())
}

/// Nanoseconds of CPU time that this process has had.
fn process_nanos() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live timespec that the call fills.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

fn measure(client: &mut Client, when: &str, rows: u64, rounds: u32) -> Result<()> {
    for (query, expected) in queries(rows) {
        let (begin, cpu) = (Instant::now(), process_nanos());
        for _ in 0..rounds {
            let answer = client.query(query)?;
            let numbers: Vec<Option<i64>> = answer.iter().flatten().map(whole).collect();
            assert_eq!(numbers, expected.iter().copied().map(Some).collect::<Vec<_>>(), "{query}");
        }
        let count = f64::from(rounds) * rows as f64;
        let (cpu, wall) = ((process_nanos() - cpu) / count, begin.elapsed().as_nanos() as f64 / count);
        println!("{when:<12} {cpu:>7.1} ns of CPU, {wall:>7.1} ns of time a row: {query}");
    }
    Ok(())
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Int4(number) => Some(i64::from(*number)),
        Value::Int8(number) => Some(*number),
        Value::Numeric(number) => number.to_string().parse().ok(),
        _ => None,
    }
}

fn main() -> Result<()> {
    let measured = std::env::args().any(|argument| argument == "--bench");
    let (rows, rounds) = if measured { (1_000_000, 10) } else { (3_000, 1) };
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("scan-{}", std::process::id()));
    let config = || NodeConfig { memory_bytes: 1 << 30, ..NodeConfig::embedded(&folder) };
    let node = Node::start(config())?;
    let mut client = node.client()?;
    load(&mut client, rows)?;
    measure(&mut client, "loaded", rows, rounds)?;
    drop(client);
    node.stop()?;
    // What a node finds when it starts again: the log is replayed, what was flushed lies in tables.
    let node = Node::start(config())?;
    let mut client = node.client()?;
    measure(&mut client, "started again", rows, rounds)?;
    drop(client);
    node.stop()?;
    std::fs::remove_dir_all(&folder).map_err(|cause| distdb::Error::io("cannot remove the folder", cause))
}
