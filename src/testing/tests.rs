//! A few of the crash tests' runs, quick enough for every build; `tests/crash` has the long list.

use super::{any_bytes, bank, crash, random::Random};
use crate::{
    base::{
        generate::{Generator, column_types},
        key::encode_value,
        row::encode,
        time::Timestamp,
        types::KINDS,
        value::Value,
    },
    env::sim::Faults,
    storage::lsm::{
        manifest::{
            edit::{Edit, TableMeta},
            record,
        },
        table::{
            block::BlockBuilder,
            builder::{Built, Shape, TableBuilder},
        },
    },
};

use std::rc::Rc;

fn plan(seed: u64, stop_at: Option<u64>) -> crash::Plan {
    let bank = bank::Options { accounts: 10, clients: 6, transactions: 12, abandon: true };
    let stop_again_at = seed.is_multiple_of(3).then_some(1 + seed % 40);
    let shards = 1 + (seed % 3) as u16;
    let faults = Faults::default();
    crash::Plan { seed, shards, bank, stop_at, stop_again_at, faults, afterwards: 5, acknowledge_before_sync: false }
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_half_there() {
    for seed in 0..60 {
        let outcome = crash::run(&plan(seed, Some(1 + seed * 7)));
        assert!(outcome.violations.is_empty(), "seed {seed}: {outcome:#?}");
    }
}

#[test]
fn without_a_crash_nearly_everything_succeeds() {
    for seed in 0..6 {
        let outcome = crash::run(&plan(seed, None));
        assert!(outcome.violations.is_empty(), "seed {seed}: {outcome:#?}");
        assert!(outcome.told.0 > outcome.told.1, "seed {seed}: {outcome:#?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_schedule() {
    for seed in 0..4 {
        let (first, second) = (crash::run(&plan(seed, Some(90))), crash::run(&plan(seed, Some(90))));
        assert_eq!((first.schedule_hash, first.told), (second.schedule_hash, second.told), "seed {seed}");
    }
}

/// The control: a checker that this build passes would prove nothing.
#[test]
fn acknowledging_before_the_sync_is_found_out() {
    let caught = (0..20).any(|seed| {
        let plan = crash::Plan { acknowledge_before_sync: true, ..plan(seed, Some(20 + seed * 9)) };
        crash::run(&plan).violations.iter().any(|violation| violation.contains("is lost"))
    });
    assert!(caught, "acknowledged writes are never lost, although they are not synced");
}

/// A disk that fails, or is full, may stop the node or refuse a transaction, and never more than that.
#[test]
fn a_failing_disk_loses_nothing() {
    let kinds = [
        Faults { read_errors: 3000, ..Faults::default() },
        Faults { write_errors: 3000, ..Faults::default() },
        Faults { sync_errors: 3000, ..Faults::default() },
        Faults { capacity_bytes: Some(1 << 20), ..Faults::default() },
    ];
    for seed in 0..28 {
        let mut plan = crash::Plan { faults: kinds[seed as usize % kinds.len()], ..plan(seed, None) };
        plan.bank.transactions = 40;
        let outcome = crash::run(&plan);
        assert!(outcome.violations.is_empty(), "seed {seed}: {outcome:#?}");
    }
}

/// Where the fuzz targets keep a folder for each of them.
fn fuzz_folder(kind: &str, entry: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(kind).join(entry)
}

/// Runs an entry over every file of a folder; gives how many there were.
fn replay(entry: fn(&[u8]), folder: &std::path::Path) -> std::io::Result<usize> {
    let mut count = 0;
    for file in std::fs::read_dir(folder)? {
        entry(&std::fs::read(file?.path())?);
        count += 1;
    }
    Ok(count)
}

#[test]
fn what_fuzzing_found_stays_mended() {
    for (name, entry) in any_bytes::ENTRIES {
        let found = fuzz_folder("found", name);
        if found.exists() {
            replay(entry, &found).unwrap();
        }
        assert!(replay(entry, &fuzz_folder("seeds", name)).unwrap() > 0, "{name} has no seeds");
    }
}

/// Rounds per seed; more with `DISTDB_FUZZ_ITERATIONS`.
fn rounds() -> u64 {
    std::env::var("DISTDB_FUZZ_ITERATIONS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(300)
}

#[test]
fn changed_seeds_break_nothing() {
    let mut random = Random::new(7, 1);
    for (name, entry) in any_bytes::ENTRIES {
        for file in std::fs::read_dir(fuzz_folder("seeds", name)).unwrap() {
            let seed = std::fs::read(file.unwrap().path()).unwrap();
            // Each round of the log builds a simulated node.
            let rounds = if name == "log" { rounds() / 10 } else { rounds() };
            (0..rounds).for_each(|_| entry(&changed(&seed, &mut random)));
        }
    }
}

/// A few bytes changed, added, doubled or cut off.
fn changed(seed: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() as u64 + 1) as usize;
        match random.below(6) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, random.next() as u8),
            2 => bytes.splice(at..at, seed[..at.min(seed.len())].iter().copied().take(16)).for_each(drop),
            3 => bytes[at..].iter_mut().take(4).for_each(|byte| *byte = [0, 0xff][at % 2]),
            _ => bytes[at..].iter_mut().take(1).for_each(|byte| *byte ^= 1 << (at % 8)),
        }
    }
    bytes
}

/// Seeds for the formats of our own, from values on edges. `DISTDB_REWRITE=1` writes them.
#[test]
fn seeds_of_our_formats_are_kept() {
    if std::env::var_os("DISTDB_REWRITE").is_none() {
        return;
    }
    let keep =
        |entry: &str, name: &str, bytes: &[u8]| std::fs::write(fuzz_folder("seeds", entry).join(name), bytes).unwrap();
    let mut generator = Generator::new(3);
    for data_type in column_types() {
        let kind = KINDS.iter().position(|kind| *kind == data_type.kind).unwrap() as u8;
        let (choice, name) = (kind | u8::from(data_type.array) << 7, data_type.name().replace(['"', ' '], ""));
        let value = generator.value(data_type);
        let mut key = vec![choice, kind % 2];
        encode_value(&value, data_type, kind % 2 == 1, false, &mut key);
        keep("key", &name, &key);
        let row = encode(1, &[value, generator.value(data_type), Value::Null], &[data_type; 3]);
        keep("row", &name, &[&[3, choice, choice, choice], &row[..]].concat());
    }
    let shape = Shape { block_bytes: 300, restart_interval: 3, filter_bits_per_key: 10, compress: true };
    let mut builder = TableBuilder::new(shape, 7, 99);
    let mut block = BlockBuilder::new(3);
    for number in 0..40u64 {
        let (key, at) = (format!("key-{:04}", number / 2), Timestamp(100 - number));
        let value = (number % 7 != 0).then_some(key.as_bytes());
        builder.add(key.as_bytes(), at, value);
        block.add(key.as_bytes(), at, value);
    }
    let built = builder.finish();
    keep("table", "table", builder.output());
    block.finish(|bytes| keep("table", "block", bytes));
    let mut properties = Vec::new();
    built.properties.encode(&mut properties);
    keep("table", "properties", &properties);
    let Built { file_bytes, identity, properties: of } = built;
    let meta = TableMeta { number: 7, file_bytes, identity, properties: Rc::new(of), stamp: None };
    let edit = Edit { next_number: Some(9), added: vec![(0, meta.clone()), (3, meta)], ..Edit::default() };
    let (mut payload, mut file) = (Vec::new(), Vec::new());
    edit.encode(&mut payload);
    keep("manifest", "edit", &payload);
    record::write(&mut file, record::Kind::Snapshot, 1, 0, &payload);
    record::write(&mut file, record::Kind::Seal, 1, 1, &[]);
    keep("manifest", "file", &file);
    keep("manifest", "current", &record::write_current(4));
}
