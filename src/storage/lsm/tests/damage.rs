//! Damaged and made-up bytes: noticed, never a panic, never wrong data.

use super::{Random, open, tiny};
use crate::base::time::Timestamp;
use crate::env::Env;
use crate::env::sim::{Disk, Faults, Simulation};
use crate::error::Result;
use crate::storage::log::LogPosition;
use crate::storage::lsm::manifest::edit::Edit;
use crate::storage::lsm::manifest::record;
use crate::storage::lsm::table::block::{Block, BlockCursor};
use crate::storage::lsm::table::builder::{Shape, TableBuilder};
use crate::storage::lsm::table::format;
use crate::storage::lsm::table::metadata::{Metadata, Parsed};
use crate::storage::lsm::table::properties::Properties;
use crate::storage::lsm::{Direction, Lsm, Options, View};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::rc::Rc;

type Rows = Vec<(Vec<u8>, Vec<u8>)>;

fn options() -> Options {
    Options { cache_bytes: 1 << 20, block_bytes: 500, ..tiny(Path::new("/lsm"), Rc::default(), 1) }
}

fn rows() -> Rows {
    (0..40u32).map(|i| (format!("key-{i:04}").into_bytes(), vec![i as u8; 20 + i as usize % 9])).collect()
}

/// A disk with one small table.
fn disk() -> Disk {
    let simulation = Simulation::new(1);
    let node = simulation.node(Disk::new());
    let env = node.env();
    let begin = env.clone();
    let filled = simulation.block_on(&env, 1 << 20, async move {
        let lsm = open(&begin, &options()).await;
        let rows = rows();
        lsm.apply(rows.iter().map(|(key, value)| (&key[..], Some(&value[..]))), Timestamp(5), LogPosition(9));
        lsm.flush().await.unwrap();
        lsm.settle().await.unwrap();
        lsm.close().await.unwrap();
    });
    assert!(filled.is_some());
    node.kill()
}

/// All that can be read, by a scan each way and by lookups.
async fn read(env: Env) -> Result<(LogPosition, Rows)> {
    let lsm = Lsm::open(&env, options()).await?;
    let view = View::at(Timestamp::MAX);
    let mut found = Rows::new();
    for direction in [Direction::Backward, Direction::Forward] {
        found.clear();
        let mut cursor = lsm.cursor(view.clone(), (Bound::Unbounded, Bound::Unbounded), direction);
        while cursor.next().await? {
            found.push((cursor.key().to_vec(), cursor.value().to_vec()));
        }
    }
    let (mut cursor, mut values) =
        (lsm.cursor(view.clone(), (Bound::Unbounded, Bound::Unbounded), Direction::Forward), 0);
    while cursor.next().await? {
        let mut drained = vec![cursor.value().to_vec()];
        let mut rest = Vec::new();
        cursor.drain(usize::MAX, &mut rest)?;
        drained.extend(rest.iter().map(|value| value.to_vec()));
        let expected = found.iter().skip(values).map(|(_, value)| value);
        assert!(drained.iter().zip(expected).all(|(one, other)| one == other));
        values += drained.len();
    }
    assert_eq!(values, found.len());
    for (key, value) in rows() {
        assert_eq!(lsm.get(&view, &key).await?.as_deref(), Some(&value[..]));
    }
    Ok((lsm.flushed(), found))
}

fn read_disk(disk: Disk) -> Result<(LogPosition, Rows)> {
    let simulation = Simulation::new(2);
    let env = simulation.node(disk).env();
    let read = read(env.clone());
    simulation.block_on(&env, 1 << 20, read).expect("reading ends")
}

fn files(disk: &Disk) -> Vec<(PathBuf, u64)> {
    disk.files().into_iter().filter(|(_, len)| *len > 0).collect()
}

#[test]
fn every_flipped_bit_is_noticed_or_harmless() {
    let disk = disk();
    let good = read_disk(disk.copy()).unwrap();
    assert_eq!(good.1, rows());
    let files = files(&disk);
    assert_eq!(files.len(), 3, "{files:?}");
    for (path, len) in files {
        let (mut noticed, mut harmless) = (0, 0);
        // Zeros behind a record are all alike; a part of them will do.
        for offset in (0..len).filter(|&offset| offset % 4096 < 200 || offset % 17 == 0) {
            let copy = disk.copy();
            assert!(copy.flip_bit(&path, offset, (offset % 8) as u8));
            match read_disk(copy) {
                Ok(found) => {
                    assert_eq!(found, good, "{path:?} {offset}");
                    harmless += 1;
                }
                Err(error) => {
                    assert_eq!(error.state().as_str(), "XX001", "{error:?}");
                    assert!(error.message().contains("/lsm/") && error.message().contains("offset"), "{error:?}");
                    noticed += 1;
                }
            }
        }
        let name = path.to_string_lossy().into_owned();
        // Only the manifest's last seal may be damaged without loss: what it seals is there.
        assert!(harmless == 0 || name.ends_with("manifest") && harmless < noticed, "{name}: {harmless} of {noticed}");
    }
}

#[test]
fn missing_and_foreign_files_are_noticed() {
    let disk = disk();
    for (path, _) in files(&disk) {
        let simulation = Simulation::new(3);
        let node = simulation.node(disk.copy());
        let env = node.env();
        let (begin, path) = (env.clone(), path.clone());
        let found = simulation.block_on(&env, 1 << 20, async move {
            begin.remove(&path).await.unwrap();
            read(begin).await
        });
        let error = found.unwrap().unwrap_err();
        assert!(["XX001", "58030"].contains(&error.state().as_str()), "{error:?}");
    }
}

fn table() -> Vec<u8> {
    let shape = Shape { block_bytes: 300, restart_interval: 3, filter_bits_per_key: 10, compress: true };
    let mut builder = TableBuilder::new(shape, 7, 99);
    for (i, (key, value)) in rows().iter().enumerate() {
        builder.add(key, Timestamp(10 + i as u64 % 3), (i % 17 != 0).then_some(value));
    }
    builder.note_provisional(Timestamp(11));
    builder.finish();
    std::mem::take(builder.output())
}

fn mutated(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..1 + random.below(6) {
        let at = random.below(bytes.len() as u64) as usize;
        match random.below(5) {
            0 => bytes[at] = random.next() as u8,
            1 => bytes[at] ^= 1 << random.below(8),
            2 => bytes.truncate(at.max(1)),
            3 => bytes.insert(at, random.next() as u8),
            _ => bytes[at..].iter_mut().take(8).for_each(|byte| *byte = 0xFF),
        }
    }
    bytes
}

fn walk(bytes: Vec<u8>, random: &mut Random) {
    let Ok(block) = Block::new(bytes.into()) else { return };
    let block = Rc::new(block);
    for forward in [true, false] {
        let mut cursor = BlockCursor::default();
        cursor.enter(block.clone());
        let mut going = if forward { cursor.seek(b"key-0013", Timestamp(11)) } else { cursor.seek_before(None) };
        let mut steps = 0;
        while going == Ok(true) && steps < 10_000 {
            assert!(cursor.key().len() < 1 << 20);
            let _ = cursor.value();
            going = if forward { cursor.advance() } else { cursor.retreat() };
            steps += 1;
        }
        let _ = cursor.seek(b"key-0013", Timestamp(11));
        let mut values = Vec::new();
        let _ = cursor.drain(random.below(300) as usize, &mut values);
        assert!(values.iter().map(|value| value.len()).sum::<usize>() < 1 << 20);
        let _ = cursor.advance();
        let _ = cursor.seek(&random.next().to_be_bytes(), Timestamp(random.next()));
    }
}

fn rounds() -> u64 {
    std::env::var("DISTDB_FUZZ_ITERATIONS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(5_000)
}

#[test]
fn made_up_tables_do_no_harm() {
    let (table, mut random) = (table(), Random(5));
    let Ok(Parsed::Done(metadata)) = Metadata::parse(&table, table.len() as u64) else { panic!("a good table") };
    let handle = metadata.parts[0].index;
    let stored = &table[handle.offset as usize..handle.end() as usize];
    let block = format::restore(stored, 99, handle.offset).unwrap();
    assert!(Block::new(block.clone()).is_ok_and(|block| block.plain_times().is_some()));
    for _ in 0..rounds() {
        let bytes = mutated(&table, &mut random);
        if let Ok(Parsed::Done(found)) = Metadata::parse(&bytes, bytes.len() as u64) {
            // Damage before the tail is for the blocks' checksums to notice.
            assert_eq!(found.properties, metadata.properties);
        }
        let _ = format::restore(&mutated(stored, &mut random), 99, handle.offset);
        walk(mutated(&block, &mut random), &mut random);
        let noise: Vec<u8> = (0..random.below(200)).map(|_| random.next() as u8).collect();
        walk(noise.clone(), &mut random);
        let _ = Metadata::parse(&noise, noise.len() as u64);
        let _ = Properties::decode(&noise, &mut 0);
    }
}

#[test]
fn made_up_manifests_do_no_harm() {
    let Ok(Parsed::Done(metadata)) = Metadata::parse(&table(), table().len() as u64) else { panic!("a good table") };
    let meta = super::meta(1, metadata.properties);
    let edit = Edit { next_number: Some(9), added: vec![(0, meta.clone()), (3, meta)], ..Edit::default() };
    let (mut payload, mut random) = (Vec::new(), Random(6));
    edit.encode(&mut payload);
    let mut file = Vec::new();
    record::write(&mut file, record::Kind::Snapshot, 4, 0, &payload);
    record::write(&mut file, record::Kind::Edit, 4, 1, &[5, 0, 1]);
    record::write(&mut file, record::Kind::Seal, 4, 2, &[]);
    let (good, end) = record::replay(&file, 4).unwrap();
    assert_eq!(end, file.len());
    for _ in 0..rounds() {
        let _ = Edit::decode(&mutated(&payload, &mut random));
        let bytes = mutated(&file, &mut random);
        if let Ok((state, end)) = record::replay(&bytes, 4) {
            assert!(state == good || end < file.len(), "a damaged manifest gave another state");
        }
        let _ = record::read_current(&mutated(&record::write_current(4), &mut random));
    }
}

#[test]
fn a_full_disk_is_waited_out() {
    let simulation = Simulation::new(8);
    let node = simulation.node(Disk::new());
    let (env, disk) = (node.env(), node.disk().clone());
    let begin = env.clone();
    let done = simulation.block_on(&env, 1 << 22, async move {
        let lsm = open(&begin, &options()).await;
        let used: u64 = disk.files().iter().map(|(_, len)| len).sum();
        let full = |capacity_bytes| Faults { capacity_bytes, ..Faults::default() };
        disk.set_faults(full(Some(used + 4096)));
        let rows = rows();
        lsm.apply(rows.iter().map(|(key, value)| (&key[..], Some(&value[..]))), Timestamp(5), LogPosition(9));
        let error = lsm.flush().await.unwrap_err();
        assert_eq!(error.state().as_str(), "53100", "{error:?}");
        assert_eq!(lsm.failure().map(|error| error.state()), Some(error.state()));
        let view = View::at(Timestamp::MAX);
        assert_eq!(lsm.get(&view, &rows[3].0).await.unwrap().as_deref(), Some(&rows[3].1[..]));
        disk.set_faults(full(None));
        begin.sleep(std::time::Duration::from_secs(3)).await;
        lsm.flush().await.unwrap();
        assert!(lsm.failure().is_none());
        assert_eq!(lsm.statistics().sealed_memtables, 0);
        assert_eq!(lsm.get(&view, &rows[3].0).await.unwrap().as_deref(), Some(&rows[3].1[..]));
    });
    assert!(done.is_some(), "{:?}", node.halt_reason());
}
