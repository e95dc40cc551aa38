//! What both inhabitants must do alike, and what only the real one can show.

use super::*;
use crate::base::limits;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use std::{cell::Cell, path::PathBuf, rc::Rc};

/// A folder on a real file system (not tmpfs, which knows no direct I/O).
pub(crate) fn scratch() -> tempfile::TempDir {
    std::fs::create_dir_all("target/scratch").unwrap();
    tempfile::tempdir_in("target/scratch").unwrap()
}

pub(crate) async fn file_story(env: Env, folder: PathBuf) {
    env.create_dir_all(&folder.join("a/b")).await.unwrap();
    let path = folder.join("a/b/file");
    assert!(env.open(&path, OpenOptions::reading()).await.is_err());
    let file = env.open(&path, OpenOptions::writing()).await.unwrap();
    assert!(file.read_at(0, 4096).await.unwrap().is_empty());
    let mut buffer = File::buffer(8192);
    buffer[0] = 1;
    buffer[8191] = 2;
    let buffer = file.write_at(4096, buffer).await.unwrap();
    assert_eq!(buffer.len(), 8192);
    file.sync().await.unwrap();
    assert_eq!(file.len().await.unwrap(), 12288);
    let mut read = file.read_at(0, 65536).await.unwrap();
    assert_eq!(read.len(), 12288);
    assert_eq!((read[0], read[4096], read[12287]), (0, 1, 2));
    read[0] = 9;
    let read = file.write_at(0, read).await.unwrap();
    assert_eq!(read[0], 9);
    assert!(file.read_at(1, 4096).await.is_err());
    assert!(file.write_at(0, Buffer::zeroed(100)).await.is_err());
    file.truncate(4096).await.unwrap();
    assert_eq!(env.file_len(&path).await.unwrap(), Some(4096));
    file.zero_fill(300 << 10).await.unwrap();
    assert_eq!(file.len().await.unwrap(), 300 << 10);
    assert!(file.read_at(0, 300 << 10).await.unwrap().iter().all(|byte| *byte == 0));
    file.close().await.unwrap();
    assert!(env.open(&path, OpenOptions { create_new: true, ..OpenOptions::writing() }).await.is_err());
    let other = folder.join("a/b/other");
    env.rename(&path, &other).await.unwrap();
    env.sync_dir(&folder.join("a/b")).await.unwrap();
    assert!(!env.exists(&path).await.unwrap());
    assert_eq!(env.list(&folder.join("a/b")).await.unwrap(), ["other"]);
    let again = env.open(&other, OpenOptions::reading().with_sync_writes()).await.unwrap();
    assert_eq!(again.len().await.unwrap(), 300 << 10);
    let emptied = env.open(&other, OpenOptions::replacing()).await.unwrap();
    assert_eq!(emptied.len().await.unwrap(), 0);
    env.remove(&other).await.unwrap();
    assert!(env.remove(&other).await.is_err());
}

pub(crate) async fn task_story(env: Env) {
    assert_eq!(env.spawn(TaskClass::Query, async { 7 }).await, Some(7));
    let done = Rc::new(Cell::new(0));
    let counted = done.clone();
    let timer = env.clone();
    let slow = env.spawn(TaskClass::Background, async move {
        timer.sleep(Duration::from_secs(3600)).await;
        counted.set(1);
    });
    env.sleep(Duration::from_millis(1)).await;
    assert_eq!(slow.cancel().await, None);
    assert_eq!(done.get(), 0);
    let before = env.now();
    let never = std::future::pending::<()>();
    assert_eq!(env.timeout(Duration::from_millis(5), never).await, None);
    assert!(env.now() - before >= Duration::from_millis(5));
    assert_eq!(env.timeout(Duration::from_millis(500), async { 3 }).await, Some(3));
    assert_ne!(env.random_u64(), env.random_u64());
    assert!(env.wall_micros() > 1_500_000_000_000_000);
    for _ in 0..100 {
        env.yield_if_needed().await;
    }
}

pub(crate) async fn queue_story(env: Env) {
    let (sender, mut receiver) = queue::bounded::<u32>(4);
    let producer = env.spawn(TaskClass::Query, async move {
        for number in 0..100 {
            sender.send(number).await.unwrap();
        }
    });
    let mut got = Vec::new();
    while receiver.recv_many(&mut got).await {}
    assert_eq!(got, (0..100).collect::<Vec<_>>());
    assert_eq!(producer.await, Some(()));
}

#[test]
fn files_keep_what_is_written() {
    let folder = scratch();
    let path = folder.path().to_owned();
    glommio::block_on(move |env| file_story(env, path));
}

#[test]
fn tasks_run_sleep_and_end() {
    glommio::block_on(task_story);
}

#[test]
fn queues_pass_everything_in_order() {
    glommio::block_on(queue_story);
}

#[test]
fn a_panicking_task_leaves_the_core_alone() {
    glommio::block_on(|env| async move {
        let task = env.spawn(TaskClass::Query, async {
            panic!("on purpose");
        });
        let result: Option<()> = task.await;
        assert_eq!(result, None);
        assert_eq!(env.spawn(TaskClass::Query, async { 1 }).await, Some(1));
    });
}

#[test]
fn cores_wake_each_other() {
    let (to_b, mut at_b) = queue::bounded::<u32>(16);
    let (to_a, mut at_a) = queue::bounded::<u32>(16);
    let cpus = cpu::available().unwrap();
    let other = glommio::start_shard(cpus.last().copied(), "b", move |_| async move {
        let mut got = Vec::new();
        while at_b.recv_many(&mut got).await {
            for number in got.drain(..) {
                to_a.send(number + 1).await.unwrap();
            }
        }
    })
    .unwrap();
    glommio::block_on(move |_| async move {
        let mut got = Vec::new();
        for number in 0..1000 {
            to_b.send(number).await.unwrap();
            assert!(at_a.recv_many(&mut got).await);
            assert_eq!(got.pop(), Some(number + 1));
        }
    });
    other.join().unwrap();
}

/// Messages at all distances from the moment at which the receiving core stops looking.
#[test]
fn a_core_that_is_about_to_sleep_hears_its_doorbell() {
    let (sender, mut receiver) = queue::bounded::<u32>(16);
    let (answers, answered) = std::sync::mpsc::channel();
    let core = glommio::start_shard(None, "hears", move |_| async move {
        let mut got = Vec::new();
        while receiver.recv_many(&mut got).await {
            got.drain(..).for_each(|number| answers.send(number).unwrap());
        }
    })
    .unwrap();
    for number in 0..2000 {
        let start = std::time::Instant::now();
        while start.elapsed() < Duration::from_micros(u64::from(number % 97)) {}
        assert!(sender.try_send(number).is_ok());
        assert_eq!(answered.recv_timeout(Duration::from_secs(20)), Ok(number));
    }
    drop(sender);
    core.join().unwrap();
}

#[test]
fn more_file_operations_than_may_be_under_way_all_end() {
    let folder = scratch();
    let path = folder.path().join("many");
    glommio::block_on(move |env| async move {
        let file = env.open(&path, OpenOptions::replacing()).await.unwrap();
        file.zero_fill(64 * 4096).await.unwrap();
        let tasks = (0..3 * u64::from(limits::FILE_OPERATIONS_MAX)).map(|number| {
            let file = file.clone();
            env.spawn(TaskClass::Query, async move {
                let block = number % 64 * 4096;
                if number % 3 == 0 {
                    file.write_at(block, Buffer::zeroed(4096)).await.map(|buffer| buffer.len())
                } else {
                    file.read_at(block, 4096).await.map(|buffer| buffer.iter().filter(|byte| **byte == 0).count())
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            assert_eq!(task.await.unwrap().unwrap(), 4096);
        }
    });
}

/// The memory of operations that nobody waits for any more, some beyond the end of their core, stays the kernel's.
#[test]
fn file_operations_are_abandoned_without_harm() {
    let folder = scratch();
    let path = folder.path().join("abandoned");
    glommio::block_on(move |env| async move {
        let file = env.open(&path, OpenOptions::replacing()).await.unwrap();
        file.zero_fill(1 << 20).await.unwrap();
        for round in 0..200 {
            let reading = file.read_at(0, 1 << 20);
            let patience = Duration::from_micros(round % 7 * 20);
            if let Some(read) = env.timeout(patience, reading).await {
                assert!(read.unwrap().iter().all(|byte| *byte == 0));
            }
        }
        assert_eq!(file.read_at(4096, 4096).await.unwrap().len(), 4096);
        let left_over = env.spawn(TaskClass::Background, async move { file.read_at(0, 1 << 20).await.map(drop) });
        futures_lite::future::yield_now().await;
        left_over.detach();
    });
}

#[test]
fn a_stream_waits_at_both_ends() {
    glommio::block_on(|env| async move {
        let listener = env.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let bytes: Vec<u8> = (0..3 << 20).map(|number: u32| (number % 251) as u8).collect();
        let sent = bytes.clone();
        // More than the sockets' buffers hold, so the writer waits for a reader who reads small pieces of odd lengths.
        let server = env.spawn(TaskClass::Query, async move {
            let mut stream = listener.accept().await.unwrap();
            stream.write_all(&sent).await.unwrap();
            stream.close().await.unwrap();
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.unwrap();
            rest
        });
        let mut client = env.connect(address).await.unwrap();
        let mut got = Vec::new();
        let mut piece = [0u8; 9973];
        loop {
            let count = client.read(&mut piece).await.unwrap();
            if count == 0 {
                break;
            }
            got.extend_from_slice(&piece[..count]);
            if got.len() % 5 == 0 {
                env.sleep(Duration::from_micros(50)).await;
            }
        }
        assert!(got == bytes);
        // The other half still works, and its end is seen.
        client.write_all(b"done").await.unwrap();
        drop(client);
        assert_eq!(server.await, Some(b"done".to_vec()));
    });
}

#[test]
fn tcp_and_udp_carry_bytes() {
    glommio::block_on(|env| async move {
        let listener = env.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = env.spawn(TaskClass::Query, async move {
            let mut stream = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
        });
        env.sleep(Duration::from_millis(5)).await;
        let mut client = env.connect(address).await.unwrap();
        assert_eq!(client.peer_addr().unwrap(), address);
        client.write_all(&[5; 100_000]).await.unwrap();
        client.close().await.unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, [5; 100_000]);
        server.await.unwrap();
        assert!(env.connect(address).await.is_err());

        let one = env.bind_udp("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let two = env.bind_udp("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let sender = one.local_addr().unwrap();
        let target = two.local_addr().unwrap();
        let receiving = env.spawn(TaskClass::Query, async move {
            let mut bytes = [0u8; 2000];
            let mut sizes = Vec::new();
            for _ in 0..3 {
                let (count, from) = two.recv_from(&mut bytes).await.unwrap();
                assert_eq!(from, sender);
                sizes.push(count);
            }
            sizes
        });
        env.sleep(Duration::from_millis(5)).await;
        for len in [1, 1200, 0] {
            one.send_to(&vec![1; len], target).await.unwrap();
        }
        assert_eq!(receiving.await, Some(vec![1, 1200, 0]));
    });
}

#[test]
fn an_idle_core_sleeps() {
    let used = glommio::start_shard(None, "idle", |env| async move {
        env.sleep(Duration::from_millis(300)).await;
        let before = thread_cpu_time();
        env.sleep(Duration::from_millis(500)).await;
        thread_cpu_time() - before
    });
    assert!(used.unwrap().join().unwrap() < Duration::from_millis(5));
}

fn thread_cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live timespec that the call fills.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) }, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Runs only in the child of `a_signal_asks_for_a_stop`.
#[test]
fn waits_for_a_signal() {
    if std::env::var_os("DISTDB_TEST_WAIT_FOR_SIGNAL").is_none() {
        return;
    }
    shutdown::install().unwrap();
    let core = glommio::start_shard(None, "waits", |env| async move {
        println!("ready");
        env.shutdown_requested().await;
        println!("asked to stop");
    });
    core.unwrap().join().unwrap();
}

#[test]
fn a_signal_asks_for_a_stop() {
    use std::io::BufRead;
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "env::tests::waits_for_a_signal", "--nocapture"])
        .env("DISTDB_TEST_WAIT_FOR_SIGNAL", "1")
        .stdout(std::process::Stdio::piped())
        .spawn();
    let mut child = child.unwrap();
    let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("ready")));
    // SAFETY: a plain system call; the child is ours and has not been waited for, so its number is still its own.
    assert_eq!(unsafe { libc::kill(child.id() as i32, libc::SIGTERM) }, 0);
    assert!(lines.any(|line| line.unwrap().contains("asked to stop")));
    assert!(child.wait().unwrap().success());
}
