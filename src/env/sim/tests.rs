//! The simulator keeps its own promises: equal seeds, halted nodes, and what a disk may forget.

use super::*;
use crate::env::{File, OpenOptions, TaskClass, queue, tests};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use std::path::{Path, PathBuf};

const STEPS: u64 = 1_000_000;

fn on_a_node<T: 'static>(seed: u64, body: impl AsyncFnOnce(Env) -> T + 'static) -> T {
    let simulation = Simulation::new(seed);
    let env = simulation.node(Disk::new()).env();
    let inner = env.clone();
    simulation.block_on(&env, STEPS, async move { body(inner).await }).expect("it came to an end")
}

#[test]
fn does_what_the_real_one_does() {
    for seed in 0..20 {
        on_a_node(seed, async |env| tests::file_story(env, PathBuf::from("/data")).await);
        on_a_node(seed, async |env| tests::task_story(env).await);
        on_a_node(seed, async |env| tests::queue_story(env).await);
    }
}

/// Several cores of two nodes passing messages and writing files; the digest of all that happened.
fn some_history(seed: u64) -> u64 {
    let simulation = Simulation::new(seed);
    let (first, second) = (simulation.node(Disk::new()), simulation.node(Disk::new()));
    let (sender, mut receiver) = queue::bounded::<u64>(3);
    for core in 0..3 {
        let (env, sender) = (first.env(), sender.clone());
        let inner = env.clone();
        let work = async move {
            for number in 0..20 {
                inner.sleep(Duration::from_micros(inner.random_u64() % 500)).await;
                sender.send(core * 100 + number).await.unwrap();
            }
        };
        env.spawn(TaskClass::Query, work).detach();
    }
    drop(sender);
    let env = second.env();
    let inner = env.clone();
    let got = simulation.block_on(&env, STEPS, async move {
        inner.create_dir_all(Path::new("/d")).await.unwrap();
        let file = inner.open(Path::new("/d/f"), OpenOptions::writing()).await.unwrap();
        let (mut all, mut batch) = (Vec::new(), Vec::new());
        while receiver.recv_many(&mut batch).await {
            file.write_at(4096 * all.len() as u64, File::buffer(4096)).await.unwrap();
            all.append(&mut batch);
        }
        all.len()
    });
    assert_eq!(got, Some(60));
    simulation.schedule_hash()
}

#[test]
fn the_same_seed_gives_the_same_history() {
    for seed in 0..50 {
        assert_eq!(some_history(seed), some_history(seed), "seed {seed}");
    }
    assert_ne!(some_history(1), some_history(2));
}

#[test]
fn streams_carry_bytes() {
    let answer = on_a_node(3, async |env| {
        let listener = env.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = env.spawn(TaskClass::Query, async move {
            let mut stream = listener.accept().await.unwrap();
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
        });
        let mut client = env.connect(address).await.unwrap();
        client.write_all(&vec![5; 200_000]).await.unwrap();
        client.close().await.unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        server.await.unwrap();
        assert!(env.connect(address).await.is_err());
        answer
    });
    assert!(answer == vec![5; 200_000]);
}

/// Writes 1 over a synced 0 without a sync, crashes, and tells which sectors kept what.
fn torn_sectors(seed: u64) -> Vec<u8> {
    let simulation = Simulation::new(seed);
    let node = simulation.node(Disk::new());
    let env = node.env();
    let inner = env.clone();
    simulation
        .block_on(&env, STEPS, async move {
            inner.create_dir_all(Path::new("/d")).await.unwrap();
            let file = inner.open(Path::new("/d/f"), OpenOptions::writing()).await.unwrap();
            file.zero_fill(8192).await.unwrap();
            inner.sync_dir(Path::new("/d")).await.unwrap();
            for value in [1, 2] {
                let mut buffer = File::buffer(8192);
                buffer.fill(value);
                file.write_at(0, buffer).await.unwrap();
            }
            inner.open(Path::new("/d/unsynced"), OpenOptions::writing()).await.unwrap();
        })
        .unwrap();
    let node = simulation.node(node.crash());
    let env = node.env();
    let inner = env.clone();
    simulation
        .block_on(&env, STEPS, async move {
            let file = inner.open(Path::new("/d/f"), OpenOptions::reading()).await.unwrap();
            let bytes = file.read_at(0, 8192).await.unwrap();
            let mut kept: Vec<u8> = bytes.chunks(512).map(|sector| sector[0]).collect();
            assert!(
                bytes.chunks(512).all(|sector| sector.iter().all(|byte| *byte == sector[0])),
                "torn inside a sector"
            );
            kept.push(if inner.exists(Path::new("/d/unsynced")).await.unwrap() { 1 } else { 0 });
            kept
        })
        .unwrap()
}

#[test]
fn a_crash_tears_loses_and_reorders_what_was_not_synced() {
    let mut seen = std::collections::BTreeSet::new();
    let mut names = std::collections::BTreeSet::new();
    for seed in 0..50 {
        let kept = torn_sectors(seed);
        seen.extend(kept[..16].iter().copied());
        names.insert(kept[16]);
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(names.len(), 2);
}

#[test]
fn a_node_stops_at_the_chosen_operation_and_faults_fire() {
    let simulation = Simulation::new(1);
    let node = simulation.node(Disk::new());
    node.disk().set_faults(Faults { stop_at_operation: Some(4), ..Faults::default() });
    let env = node.env();
    let inner = env.clone();
    let ended = simulation.block_on(&env, STEPS, async move {
        inner.create_dir_all(Path::new("/d")).await.unwrap();
        let file = inner.open(Path::new("/d/f"), OpenOptions::writing()).await.unwrap();
        loop {
            file.write_at(0, File::buffer(4096)).await.unwrap();
        }
    });
    assert_eq!(ended, None::<()>);
    assert!(node.is_halted());
    assert_eq!(node.disk().operations(), 4);

    on_a_node(2, async |env| {
        let Env::Sim(handle) = &env else { panic!("not simulated") };
        env.create_dir_all(Path::new("/d")).await.unwrap();
        let file = env.open(Path::new("/d/f"), OpenOptions::writing()).await.unwrap();
        let disk = handle.node.disk.clone();
        disk.set_faults(Faults { capacity_bytes: Some(8192), ..Faults::default() });
        file.write_at(0, File::buffer(8192)).await.unwrap();
        let full = file.write_at(8192, File::buffer(4096)).await.unwrap_err();
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
        disk.set_faults(Faults { write_errors: 1_000_000, sync_errors: 1_000_000, ..Faults::default() });
        assert_eq!(file.write_at(0, File::buffer(4096)).await.unwrap_err().raw_os_error(), Some(libc::EIO));
        assert!(file.sync().await.is_err());
        disk.set_faults(Faults { read_errors: 1_000_000, ..Faults::default() });
        assert!(file.read_at(0, 4096).await.is_err());
        disk.set_faults(Faults { flipped_reads: 1_000_000, ..Faults::default() });
        assert!(file.read_at(0, 4096).await.unwrap().iter().any(|byte| *byte != 0));
        disk.set_faults(Faults::default());
        assert!(disk.flip_bit(Path::new("/d/f"), 5, 3));
        assert_eq!(file.read_at(0, 4096).await.unwrap()[5], 8);
    });
}

#[test]
fn a_killed_node_loses_nothing_that_the_kernel_took() {
    let simulation = Simulation::new(9);
    let node = simulation.node(Disk::new());
    let env = node.env();
    let inner = env.clone();
    simulation
        .block_on(&env, STEPS, async move {
            inner.create_dir_all(Path::new("/d")).await.unwrap();
            let file = inner.open(Path::new("/d/f"), OpenOptions::writing()).await.unwrap();
            let mut buffer = File::buffer(4096);
            buffer.fill(7);
            file.write_at(0, buffer).await.unwrap();
        })
        .unwrap();
    let node = simulation.node(node.kill());
    assert_eq!(node.disk().files(), [(PathBuf::from("/d/f"), 4096)]);
}
