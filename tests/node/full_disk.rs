//! A real file system that fills up. Needs the right to mount one; without it the test says so and does nothing.

use crate::harness::{Folder, Node};
use postgres::{Client, error::SqlState};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

/// The file system, and what of it is taken before the test fills the rest.
const DISK_BYTES: u64 = 176 << 20;
const BALLAST_BYTES: u64 = 32 << 20;
/// Rows of a statement.
const ROWS: i32 = 100;

/// A small file system of its own, in a file.
struct Disk {
    at: PathBuf,
}

impl Disk {
    /// `None` where mounting is not allowed.
    fn mount(under: &Path) -> Option<Disk> {
        let (image, at) = (under.join("image"), under.join("disk"));
        fs::File::create(&image).and_then(|file| file.set_len(DISK_BYTES)).expect("an image");
        fs::create_dir(&at).expect("a folder");
        let did = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
        let mounted = did(Command::new("mkfs.ext4").arg("-qF").arg(&image))
            && did(Command::new("mount").args(["-o", "loop"]).args([&image, &at]));
        mounted.then_some(Disk { at })
    }

    fn ballast(&self) -> PathBuf {
        self.at.join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What cannot be unmounted now is when the last process that uses it has ended.
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}

/// Inserts until it fails for want of space; gives the first number that was not acknowledged.
fn fill(client: &mut Client, from: i32) -> i32 {
    let mut next = from;
    loop {
        let insert = "INSERT INTO t SELECT n, repeat(md5(n::text), 60) FROM generate_series($1::int, $2::int) AS s(n)";
        match client.execute(insert, &[&next, &(next + ROWS - 1)]) {
            Ok(count) => assert_eq!(count, ROWS as u64),
            Err(error) => {
                told_full(&error);
                return next;
            }
        }
        next += ROWS;
        assert!(next < 1_000_000, "the disk does not fill up");
    }
}

fn told_full(error: &postgres::Error) {
    let told = error.as_db_error().unwrap_or_else(|| panic!("{error:?}"));
    assert_eq!(told.code(), &SqlState::DISK_FULL, "{told:?}");
    assert!(told.hint().is_some_and(|hint| hint.contains("space")), "{told:?}");
    assert!(!told.message().contains("fd:"), "{told:?}");
}

/// Loads rows by COPY; what became of it.
fn copy(client: &mut Client, from: i32, count: i32) -> Result<u64, postgres::Error> {
    let mut writer = client.copy_in("COPY t FROM STDIN")?;
    let mut noise = 1u64;
    for number in from..from + count {
        // What can't be compressed: a table would hold the rest easily.
        let text: String = std::iter::repeat_with(|| {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            format!("{:016x}", noise ^ noise >> 29)
        })
        .take(125)
        .collect();
        // An error of the server comes with the end of the stream at the latest.
        if writeln!(writer, "{number}\t{text}").is_err() {
            break;
        }
    }
    writer.finish()
}

fn check(client: &mut Client, acknowledged: i64) {
    let row = client.query_one("SELECT count(*), count(DISTINCT a) FROM t", &[]).unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (acknowledged, acknowledged));
    let wrong = "SELECT count(*) FROM t WHERE b <> repeat(md5(a::text), 60)";
    assert_eq!(client.query_one(wrong, &[]).unwrap().get::<_, i64>(0), 0);
}

#[test]
fn a_full_disk_stops_writes_until_there_is_room_and_loses_nothing() {
    let folder = Folder::new();
    let Some(disk) = Disk::mount(folder.path()) else {
        eprintln!("skipped: no file system could be made and mounted (it takes root and mkfs.ext4)");
        return;
    };
    let data = disk.at.join("data");
    let start = || Node::start(data.clone(), &[]).unwrap_or_else(|log| panic!("the node did not start:\n{log}"));
    let mut node = start();
    let mut client = node.connect();
    client.batch_execute("CREATE TABLE t (a int PRIMARY KEY, b text)").unwrap();
    let allocated = Command::new("fallocate").args(["-l", &BALLAST_BYTES.to_string()]).arg(disk.ballast()).status();
    assert!(allocated.is_ok_and(|status| status.success()));

    let mut next = fill(&mut client, 0);
    check(&mut client, next.into());
    told_full(&copy(&mut client, 10_000_000, 30_000).unwrap_err());
    check(&mut client, next.into());
    assert!(node.is_alive());

    // The same after a kill in this state: it starts, all is there, and it is still full.
    node.kill();
    node = start();
    client = node.connect();
    check(&mut client, next.into());
    next = fill(&mut client, next);
    check(&mut client, next.into());

    // With room again writes go on, without a restart.
    fs::remove_file(disk.ballast()).unwrap();
    let freed = Instant::now();
    while let Err(error) = client.execute("INSERT INTO t VALUES ($1, repeat(md5($1::int::text), 60))", &[&next]) {
        told_full(&error);
        assert!(freed.elapsed() < Duration::from_secs(30), "writes do not go on");
        std::thread::sleep(Duration::from_millis(50));
    }
    check(&mut client, i64::from(next) + 1);
    let (code, log) = node.terminate();
    assert_eq!(code, Some(0), "{log}");
    node = start();
    check(&mut node.connect(), i64::from(next) + 1);
}
