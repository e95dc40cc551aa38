//! What does one operation of the storage engine cost? One core, data in memory unless it says otherwise.
//!
//! `cargo bench --bench lsm` measures; run as a test it does the same with little data, so that it does not rot. Prints a
//! hash over everything read.

use distdb::base::time::Timestamp;
use distdb::env::{Env, glommio};
use distdb::storage::log::LogPosition;
use distdb::storage::lsm::memtable::Memtable;
use distdb::storage::lsm::{Cached, Direction, Lsm, Options, View};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::time::Instant;

fn key(number: u64) -> Vec<u8> {
    [&[0, 0, 0, 1, 0, 0, 0, 0, 1][..], &number.to_be_bytes()].concat()
}

fn shuffled(number: u64) -> u64 {
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 16
}

/// Wall time, and the time this core's thread had: on a busy machine only the second means something.
struct Clock {
    start: Instant,
    thread: f64,
}

fn thread_nanos() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live timespec that the call fills.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

impl Clock {
    fn start() -> Clock {
        Clock { start: Instant::now(), thread: thread_nanos() }
    }

    fn stop(&self, what: &str, count: u64) {
        let thread = (thread_nanos() - self.thread) / count.max(1) as f64;
        let nanos = self.start.elapsed().as_nanos() as f64 / count.max(1) as f64;
        println!("{what:<60} {thread:>9.1} ns of CPU, {nanos:>9.1} ns of time, {count} times");
    }
}

fn memtable(count: u64, scattered: bool) -> u64 {
    let memtable = Memtable::default();
    let keys: Vec<_> = (0..count).map(|i| key(if scattered { shuffled(i) } else { i })).collect();
    let name = if scattered { "scattered" } else { "sorted" };
    let clock = Clock::start();
    keys.iter().for_each(|key| memtable.insert(key, Timestamp(5), Some(&[7; 100])));
    clock.stop(&format!("memtable insert, {name}"), count);
    let (view, provisional) = (View::at(Timestamp(9)), Default::default());
    let clock = Clock::start();
    let found = keys.iter().filter(|key| memtable.get(&view, &provisional, key).is_some()).count() as u64;
    clock.stop(&format!("memtable get, {name}"), count);
    assert_eq!(found, count);
    memtable.bytes() as u64
}

async fn load(lsm: &Lsm, count: u64, scattered: bool) {
    for i in (0..count).step_by(100) {
        let keys: Vec<_> = (i..count.min(i + 100)).map(|i| key(if scattered { shuffled(i) } else { i })).collect();
        let value = [9u8; 100];
        lsm.apply(keys.iter().map(|key| (&key[..], Some(&value[..]))), Timestamp(10 + i), LogPosition(1 + i));
        lsm.throttle().await;
    }
}

async fn scan(lsm: &Lsm, direction: Direction) -> (u64, u64) {
    let mut cursor = lsm.cursor(View::at(Timestamp::MAX), (Bound::Unbounded, Bound::Unbounded), direction);
    let (mut count, mut hash) = (0, 0u64);
    while cursor.next().await.expect("the scan works") {
        count += 1;
        hash = hash
            .wrapping_add(u64::from(cursor.key()[cursor.key().len() - 1]))
            .wrapping_add(cursor.value().len() as u64);
    }
    (count, hash)
}

fn gets(lsm: &Lsm, count: u64, rounds: u64, spread: u64, scattered: bool) -> u64 {
    let view = View::at(Timestamp::MAX);
    let keys: Vec<_> = (0..spread.min(count)).map(|i| shuffled(i) % count).collect();
    let keys: Vec<_> = keys.iter().map(|&i| key(if scattered { shuffled(i) } else { i })).collect();
    let mut found = 0;
    for _ in 0..rounds {
        for key in &keys {
            if let Cached::Found(value) = lsm.get_cached(&view, key).expect("the lookup works") {
                found += value.len() as u64;
            }
        }
    }
    found
}

async fn measure(env: Env, dir: PathBuf, count: u64) {
    for scattered in [false, true] {
        let name = if scattered { "scattered" } else { "sorted" };
        let options = Options::new(dir.join(name), 512 << 20);
        options.retention.horizon.set(Timestamp(1));
        let lsm = Lsm::open(&env, options.clone()).await.expect("the tree opens");
        let clock = Clock::start();
        load(&lsm, count, scattered).await;
        clock.stop(&format!("load of 100-byte rows, {name}"), count);
        let rounds = (count / 1000).max(1);
        let clock = Clock::start();
        let found = gets(&lsm, count.min(10_000), rounds, 100, scattered);
        clock.stop(&format!("get, memtables and tables, {name} (hit bytes {found})"), rounds * 100.min(count));
        let clock = Clock::start();
        lsm.flush().await.expect("the flush works");
        lsm.settle().await.expect("compaction works");
        clock.stop(&format!("flush and compaction after it, {name}"), 1);
        for round in ["cold", "cached"] {
            let clock = Clock::start();
            let (scanned, hash) = scan(&lsm, Direction::Forward).await;
            clock.stop(&format!("forward scan, {round}, {name} (hash {hash})"), scanned);
        }
        let clock = Clock::start();
        let (scanned, hash) = scan(&lsm, Direction::Backward).await;
        clock.stop(&format!("backward scan, cached, {name} (hash {hash})"), scanned);
        for spread in [1, 100, count] {
            let rounds = (count / spread).max(1);
            let clock = Clock::start();
            let found = gets(&lsm, count, rounds, spread, scattered);
            clock.stop(&format!("get of {spread} keys, cached, {name} (hit bytes {found})"), rounds * spread);
        }
        let clock = Clock::start();
        lsm.compact_range(&[], &[0xFF; 16]).await.expect("compaction works");
        clock.stop(&format!("full compaction, {name}"), count);
        println!("{:?}", lsm.statistics());
        lsm.close().await.expect("the tree closes");
    }
}

/// Loads far more than the budget, and says how much memory the process took at most.
async fn squeeze(env: Env, dir: PathBuf, count: u64) {
    let budget = 64 << 20;
    let options = Options::new(dir.join("squeeze"), budget);
    options.retention.horizon.set(Timestamp(1));
    let lsm = Lsm::open(&env, options).await.expect("the tree opens");
    let before = resident_bytes("VmRSS:");
    let clock = Clock::start();
    load(&lsm, count, true).await;
    lsm.flush().await.expect("the flush works");
    lsm.settle().await.expect("compaction works");
    clock.stop("load beyond memory", count);
    let (scanned, _) = scan(&lsm, Direction::Forward).await;
    let peak = resident_bytes("VmHWM:").max(before) - before;
    println!("{scanned} rows, budget {budget} bytes, {peak} bytes more than before at the peak");
    println!("{:?}", lsm.statistics());
    lsm.close().await.expect("the tree closes");
}

fn resident_bytes(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find(|line| line.starts_with(field)).expect("Linux tells");
    let kilobytes = line.split_whitespace().nth(1).and_then(|text| text.parse::<u64>().ok());
    kilobytes.expect("a number") << 10
}

fn main() {
    let count = if std::env::args().any(|argument| argument == "--bench") { 1_000_000 } else { 5_000 };
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("target/scratch/bench-lsm-{}", std::process::id()));
    // First, while the process is small.
    let folder = dir.clone();
    glommio::block_on(move |env| squeeze(env, folder, count * 5));
    memtable(count.min(300_000), false);
    memtable(count.min(300_000), true);
    let folder = dir.clone();
    glommio::block_on(move |env| measure(env, folder, count));
    std::fs::remove_dir_all(&dir).expect("the folder can be removed");
}
