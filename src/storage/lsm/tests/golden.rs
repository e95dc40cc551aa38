//! Bytes and choices, as scripts under `testdata`. `DISTDB_REWRITE=1` writes what is found in place of what was expected.

use super::meta;
use crate::base::golden::run_in;
use crate::base::ids::StorageId;
use crate::base::key;
use crate::base::time::Timestamp;
use crate::storage::log::LogPosition;
use crate::storage::lsm::compaction::keep::Keeper;
use crate::storage::lsm::compaction::pick::{Situation, level_zero_depth, pick};
use crate::storage::lsm::manifest::edit::{Edit, State};
use crate::storage::lsm::manifest::record::{self, Kind};
use crate::storage::lsm::table::builder::{Shape, TableBuilder};
use crate::storage::lsm::table::metadata::{Metadata, Parsed};
use crate::storage::lsm::table::properties::Properties;
use crate::storage::lsm::{Options, Provisional, Resolution};

const FOLDER: &str = "src/storage/lsm/testdata";

/// Lines of sixteen bytes; runs of zero lines are left out.
fn dump(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (number, line) in bytes.chunks(16).enumerate().filter(|(_, line)| line.iter().any(|&byte| byte != 0)) {
        let hexadecimal: String = line.iter().map(|byte| format!("{byte:02x} ")).collect();
        let readable: String = line.iter().map(|&b| if b.is_ascii_graphic() { b as char } else { '.' }).collect();
        text += &format!("{:06x}  {hexadecimal:<48} {readable}\n", number * 16);
    }
    text + &format!("{} bytes\n", bytes.len())
}

fn number(text: &str) -> u64 {
    text.parse().unwrap()
}

/// `block=96 restart=2 compress`, then `key timestamp value` (`-` is a tombstone) for each version.
#[test]
fn tables() {
    run_in(FOLDER, "table.txt", |command| {
        let mut lines = command.lines();
        let mut shape = Shape { block_bytes: 4096, restart_interval: 16, filter_bits_per_key: 10, compress: false };
        for setting in lines.next().unwrap_or_default().split_whitespace() {
            match setting.split_once('=') {
                Some(("block", bytes)) => shape.block_bytes = number(bytes) as usize,
                Some(("restart", entries)) => shape.restart_interval = number(entries) as usize,
                _ => shape.compress = setting == "compress",
            }
        }
        let mut builder = TableBuilder::new(shape, 12, 0x5A17);
        for line in lines {
            let mut words = line.split_whitespace();
            let (key, at, value) = (words.next().unwrap(), number(words.next().unwrap()), words.next().unwrap());
            let value = value.repeat(words.next().map_or(1, |times| number(times) as usize));
            builder.add(key.as_bytes(), Timestamp(at), (value != "-").then_some(value.as_bytes()));
        }
        let built = builder.finish();
        let bytes = std::mem::take(builder.output());
        let Ok(Parsed::Done(metadata)) = Metadata::parse(&bytes, bytes.len() as u64) else { panic!("unreadable") };
        assert_eq!(metadata.properties, built.properties);
        let parts: String = metadata.parts.iter().map(|part| format!("{part:?}\n")).collect();
        format!("{}{parts}{:?}", dump(&bytes), metadata.properties)
    });
}

/// Lines of an edit: `add LEVEL NUMBER SMALLEST LARGEST BYTES [garbage] [open=T]`, `remove LEVEL NUMBER`,
/// `flushed P ATTACHMENT`, `drop STORAGE P`, `forget STORAGE`, `next N`.
fn edit(lines: &str) -> Edit {
    let mut edit = Edit::default();
    for line in lines.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[0] {
            "add" => edit.added.push((number(words[1]) as usize, table(&words[2..]))),
            "remove" => edit.removed.push((number(words[1]) as usize, number(words[2]))),
            "flushed" => {
                edit.flushed = Some(LogPosition(number(words[1])));
                edit.attachment = Some(words[2].as_bytes().to_vec());
            }
            "drop" => edit.dropped.push((StorageId(number(words[1]) as u32), LogPosition(number(words[2])))),
            "forget" => edit.forgotten.push(StorageId(number(words[1]) as u32)),
            "next" => edit.next_number = Some(number(words[1])),
            other => panic!("{other}"),
        }
    }
    edit
}

/// Keys are `storage/rest`.
fn stored_key(text: &str) -> Box<[u8]> {
    let (storage, rest) = text.split_once('/').unwrap();
    let prefix = key::prefix(StorageId(number(storage) as u32), Default::default(), Default::default());
    [&prefix[..], rest.as_bytes()].concat().into()
}

fn storage_of(text: &str) -> StorageId {
    StorageId(number(text.split_once('/').unwrap().0) as u32)
}

fn table(words: &[&str]) -> crate::storage::lsm::manifest::edit::TableMeta {
    let mut properties = Properties {
        entries: 100,
        oldest: Timestamp(1),
        newest: Timestamp(9),
        smallest: stored_key(words[1]),
        largest: stored_key(words[2]),
        storages: vec![storage_of(words[1]), storage_of(words[2])],
        ..Properties::default()
    };
    let mut stamp = None;
    for word in &words[4..] {
        match word.split_once('=') {
            Some(("open", at)) => properties.provisionals.push(Timestamp(number(at))),
            Some(("stamp", at)) => stamp = Some(Timestamp(number(at))),
            _ => properties.superseded = 80,
        }
    }
    let mut meta = meta(number(words[0]), properties);
    meta.file_bytes = number(words[3]);
    meta.stamp = stamp;
    meta
}

#[test]
fn manifests() {
    run_in(FOLDER, "manifest.txt", |command| {
        let (mut file, mut state) = (Vec::new(), State::default());
        for (sequence, lines) in command.split("\nthen\n").enumerate() {
            let edit = edit(lines);
            state.apply(&edit).unwrap();
            let mut payload = Vec::new();
            edit.encode(&mut payload);
            let kind = if sequence == 0 { Kind::Snapshot } else { Kind::Edit };
            record::write(&mut file, kind, 3, sequence as u64, &payload);
        }
        let (replayed, end) = record::replay(&file, 3).unwrap();
        assert_eq!((&replayed, end), (&state, file.len()));
        let current = dump(&record::write_current(3));
        format!("{}{state}CURRENT\n{current}", dump(&file))
    });
}

/// The tree's tables, then what compaction would do, one choice after the other until nothing is left to do; a merge is
/// taken to give one table of the same size.
#[test]
fn picks() {
    run_in(FOLDER, "pick.txt", |command| {
        let mut situation = Situation { horizon: Timestamp(9), ..Situation::default() };
        let mut tables = String::from("next 100\n");
        for line in command.lines() {
            match line.split_once(' ') {
                Some(("dropped", storage)) => drop(situation.dropped.insert(StorageId(number(storage) as u32))),
                Some(("undecided", at)) => drop(situation.open.insert(Timestamp(number(at)))),
                Some(("horizon", at)) => situation.horizon = Timestamp(number(at)),
                _ => tables += &format!("{line}\n"),
            }
        }
        let mut state = State::default();
        state.apply(&edit(&tables)).unwrap();
        let options = Options { level_one_bytes: 400, table_bytes: 100, ..Options::new("/", 1 << 20) };
        let mut text = format!("depth {}\n", level_zero_depth(&state.levels[0]));
        for _ in 0..10 {
            let Some(choice) = pick(&state, &situation, &options) else { break };
            text += &format!("{choice}\n");
            let taken = |(level, number): &(usize, u64)| {
                state.levels[*level].iter().find(|table| table.number == *number).cloned().unwrap()
            };
            let inputs: Vec<_> = choice.inputs.iter().map(taken).collect();
            let added = match choice.target {
                None => Vec::new(),
                Some(level) if choice.is_move => inputs.into_iter().map(|table| (level, table)).collect(),
                Some(level) => vec![(level, merged(&inputs, &situation, state.next_number))],
            };
            let next_number = Some(state.next_number + 1);
            state.apply(&Edit { next_number, added, removed: choice.inputs, ..Edit::default() }).unwrap();
        }
        text
    });
}

fn merged(
    inputs: &[crate::storage::lsm::manifest::edit::TableMeta],
    situation: &Situation,
    number: u64,
) -> crate::storage::lsm::manifest::edit::TableMeta {
    let properties = Properties {
        entries: 100,
        storages: inputs.iter().flat_map(|table| table.properties.storages.clone()).collect(),
        smallest: inputs.iter().map(|table| table.smallest()).min().unwrap().into(),
        largest: inputs.iter().map(|table| table.largest()).max().unwrap().into(),
        ..Properties::default()
    };
    let mut properties = properties;
    properties.storages.retain(|storage| !situation.dropped.contains(storage));
    let mut meta = meta(number, properties);
    meta.file_bytes = inputs.iter().map(|table| table.file_bytes).sum();
    meta
}

/// `horizon N`, `committed P N`, `open P`, `aborted P`, `bottom`, `dropped S`; then `key timestamp [gone]` for each version.
#[test]
fn keeps() {
    run_in(FOLDER, "keep.txt", |command| {
        let (mut horizon, mut provisional, mut bottom) = (Timestamp::MIN, Provisional::default(), false);
        let (mut dropped, mut versions) = (std::collections::BTreeSet::new(), Vec::new());
        for line in command.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let at = |word: usize| Timestamp(number(words[word]));
            match words[0] {
                "horizon" => horizon = at(1),
                "committed" => provisional.set(at(1), Resolution::Committed(at(2))),
                "open" => provisional.set(at(1), Resolution::Open),
                "aborted" => provisional.set(at(1), Resolution::Aborted),
                "dropped" => drop(dropped.insert(StorageId(number(words[1]) as u32))),
                "bottom" => bottom = true,
                key => versions.push((stored_key(key), at(1), words.len() < 3, line.to_owned())),
            }
        }
        let mut keeper = Keeper::new(horizon, provisional, dropped);
        let verdict = |(key, at, live, line): (Box<[u8]>, Timestamp, bool, String)| {
            format!("{line}: {:?}\n", keeper.decide(&key, at, live, |_| !bottom))
        };
        versions.into_iter().map(verdict).collect()
    });
}
