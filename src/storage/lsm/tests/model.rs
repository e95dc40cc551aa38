//! Random histories against a model that keeps every version of every key in memory.

use super::{Random, open, tiny};
use crate::base::ids::{IndexId, PartitionId, StorageId};
use crate::base::key;
use crate::base::pack::Pack;
use crate::base::time::Timestamp;
use crate::env::sim::{Disk, Faults, Simulation};
use crate::env::{Env, glommio};
use crate::error::Error;
use crate::storage::log::LogPosition;
use crate::storage::lsm::{Bulk, Cached, Direction, Look, Lsm, Newest, Options, Range, Resolution, Retention, View};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::rc::Rc;

type Write = (Vec<u8>, Option<Vec<u8>>);

/// A record of the log that is not there.
struct Record {
    end: LogPosition,
    at: Timestamp,
    writes: Vec<Write>,
}

#[derive(Clone)]
struct Version {
    at: u64,
    value: Option<Vec<u8>>,
}

struct World {
    env: Env,
    options: Options,
    lsm: Lsm,
    retention: Rc<Retention>,
    random: Random,
    clock: u64,
    log: Vec<Record>,
    /// Versions of each key, oldest first; provisional ones by the time they stand at.
    model: BTreeMap<Vec<u8>, Vec<Version>>,
    snapshots: Vec<u64>,
    /// Provisional versions, as the transaction layer would remember them.
    resolutions: BTreeMap<u64, Resolution>,
    open_keys: BTreeMap<u64, BTreeSet<Vec<u8>>>,
    /// A bulk that was installed and is not known to be saved: a crash may take it.
    unsaved: Option<u64>,
    dropped: BTreeSet<StorageId>,
    /// One write in so many removes its key.
    tombstones: u64,
    /// Values that cursors gave without looking at each.
    drained: usize,
}

impl World {
    async fn new(env: &Env, dir: &Path, seed: u64) -> World {
        let retention = Rc::new(Retention::default());
        let options = tiny(dir, retention.clone(), seed);
        let lsm = open(env, &options).await;
        World {
            env: env.clone(),
            options,
            lsm,
            retention,
            random: Random(seed),
            clock: 100,
            log: Vec::new(),
            model: BTreeMap::new(),
            snapshots: Vec::new(),
            resolutions: BTreeMap::new(),
            open_keys: BTreeMap::new(),
            unsaved: None,
            dropped: BTreeSet::new(),
            tombstones: [4, 200][(seed % 2) as usize],
            drained: 0,
        }
    }

    fn key(&mut self) -> Vec<u8> {
        let storage = StorageId(10 + self.random.below(3) as u32);
        let prefix = key::prefix(storage, IndexId(0), PartitionId(self.random.below(2) as u16));
        let rest = match self.random.below(3) {
            0 => self.random.below(400).to_be_bytes().to_vec(),
            1 => vec![b'k'; self.random.below(6) as usize],
            _ => format!("name-{}", self.random.below(60)).into_bytes(),
        };
        [&prefix[..], &rest].concat()
    }

    fn value(&mut self) -> Option<Vec<u8>> {
        let len = if self.random.one_in(50) { 3000 } else { self.random.below(60) };
        (!self.random.one_in(self.tombstones)).then(|| (0..len).map(|_| self.random.next() as u8 & 15).collect())
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1 + self.random.below(3);
        self.clock
    }

    fn batch(&mut self) -> Vec<Write> {
        let locked: BTreeSet<_> = self.open_keys.values().flatten().cloned().collect();
        let count = 1 + self.random.below(20);
        let mut writes = BTreeMap::new();
        for _ in 0..count {
            let key = self.key();
            let is_dropped = key::split(&key).is_some_and(|(storage, ..)| self.dropped.contains(&storage));
            if !locked.contains(&key) && !is_dropped {
                writes.insert(key, self.value());
            }
        }
        writes.into_iter().collect()
    }

    fn apply(&mut self, at: u64, writes: Vec<Write>) {
        let end = LogPosition(self.log.last().map_or(0, |record| record.end.0) + 1 + writes.len() as u64);
        self.lsm.apply(writes.iter().map(|(key, value)| (&key[..], value.as_deref())), Timestamp(at), end);
        for (key, value) in &writes {
            self.model.entry(key.clone()).or_default().push(Version { at, value: value.clone() });
        }
        self.log.push(Record { end, at: Timestamp(at), writes });
    }

    fn write(&mut self) {
        let (at, writes) = (self.tick(), self.batch());
        self.apply(at, writes);
    }

    fn set(&mut self, at: u64, resolution: Resolution) {
        self.resolutions.insert(at, resolution);
        self.retention.provisional.borrow_mut().set(Timestamp(at), resolution);
    }

    fn write_provisional(&mut self) {
        let (at, writes) = (self.tick(), self.batch());
        self.set(at, Resolution::Open);
        self.open_keys.insert(at, writes.iter().map(|(key, _)| key.clone()).collect());
        self.apply(at, writes);
    }

    /// Provisional versions past the log.
    async fn load(&mut self) {
        let (at, writes) = (self.tick(), self.batch());
        if writes.is_empty() {
            return;
        }
        // Nobody else writes these keys from here on.
        self.open_keys.insert(at, writes.iter().map(|(key, _)| key.clone()).collect());
        let mut bulk = Bulk::new(Timestamp(at));
        // In any order and in several packs.
        for (key, value) in writes.iter().rev() {
            let mut pack = Pack::default();
            pack.push(key, value.as_deref(), true);
            bulk.take(pack).unwrap();
        }
        assert_eq!(bulk.sort(), None);
        assert!(bulk.keys().eq(writes.iter().map(|(key, _)| &key[..])));
        let look = self.check_look(&bulk).await;
        if self.random.one_in(3) {
            self.write();
            self.lsm.seal();
        }
        let known = |key: &[u8]| writes.iter().any(|(written, _)| written == key);
        let mut newer = |key: &[u8], _, _| if known(key) { Ok(()) } else { Err(Error::internal("a key of others")) };
        self.lsm.look_again(&bulk, &look, &mut newer).unwrap();
        self.set(at, Resolution::Open);
        self.unsaved = Some(at);
        let installed = self.lsm.install(bulk);
        for (key, value) in writes {
            self.model.entry(key).or_default().push(Version { at, value });
        }
        self.check_get().await;
        self.lsm.saved(&installed).await.unwrap();
        self.unsaved = None;
    }

    /// What a bulk is compared with must be what lookups of its keys say.
    async fn check_look(&self, bulk: &Bulk) -> Look {
        let mut shown = BTreeMap::new();
        let mut show = |key: &[u8], _, newest| {
            shown.insert(key.to_vec(), newest);
            Ok::<(), Error>(())
        };
        let look = self.lsm.look(bulk, &mut show).await.unwrap();
        for key in bulk.keys() {
            let newest = match self.lsm.newest(key).await.unwrap() {
                Some((at, live)) => Newest::Version { at, live },
                None => Newest::Absent,
            };
            assert_eq!(shown.get(key).copied().unwrap_or(Newest::Absent), newest);
        }
        look
    }

    fn decide(&mut self) {
        let Some((&at, _)) = self.open_keys.iter().next() else { return };
        let committed = Resolution::Committed(Timestamp(self.tick()));
        let resolution = if self.random.one_in(3) { Resolution::Aborted } else { committed };
        self.open_keys.remove(&at);
        self.set(at, resolution);
        self.lsm.note_decisions();
    }

    /// What a transaction layer would do: forget provisional versions that are gone.
    fn forget(&mut self) {
        let listed = self.lsm.provisionals();
        let decided =
            self.retention.provisional.borrow().iter().filter(|(_, r)| *r != Resolution::Open).collect::<Vec<_>>();
        for (at, _) in decided {
            if !listed.contains(&at) {
                self.retention.provisional.borrow_mut().remove(at);
            }
        }
    }

    fn horizon(&mut self) {
        let oldest = self.snapshots.iter().min().copied().unwrap_or(self.clock);
        self.retention.horizon.set(Timestamp(oldest.max(self.retention.horizon.get().0)));
    }

    /// When a version counts as written, if the view sees it.
    fn sees(&self, view: &View, at: u64) -> Option<u64> {
        match self.resolutions.get(&at) {
            None => (at <= view.snapshot.0).then_some(at),
            Some(Resolution::Open) => view.own.contains(&Timestamp(at)).then_some(at),
            Some(Resolution::Committed(c)) => {
                (c.0 <= view.snapshot.0 || view.own.contains(&Timestamp(at))).then_some(c.0)
            }
            Some(Resolution::Aborted) => None,
        }
    }

    fn expected(&self, view: &View, key: &[u8]) -> Option<(u64, Vec<u8>)> {
        let storage = key::split(key).map(|(storage, ..)| storage);
        if storage.is_some_and(|storage| self.dropped.contains(&storage)) {
            return None;
        }
        let versions = self.model.get(key)?;
        let (at, version) = versions.iter().rev().find_map(|version| Some((self.sees(view, version.at)?, version)))?;
        Some((at, version.value.clone()?))
    }

    fn view(&mut self) -> View {
        let newest = self.clock;
        let pick = self.random.below(self.snapshots.len() as u64 + 1) as usize;
        let own = match self.open_keys.keys().next() {
            Some(&at) if self.random.one_in(3) => Rc::from([Timestamp(at)]),
            _ => Rc::from([]),
        };
        View { snapshot: Timestamp(self.snapshots.get(pick).copied().unwrap_or(newest)), own }
    }

    async fn check_get(&mut self) {
        let (view, key) = (self.view(), self.key());
        if key::split(&key).is_some_and(|(storage, ..)| self.dropped.contains(&storage)) {
            return;
        }
        let expected = self.expected(&view, &key);
        match self.lsm.get_cached(&view, &key).unwrap() {
            Cached::Found(value) => {
                assert_eq!(Some((value.timestamp().0, value.to_vec())), expected, "{key:?} {view:?}")
            }
            Cached::Absent => assert_eq!(None, expected, "{key:?} {view:?}"),
            Cached::Unknown => {}
        }
        let found = self.lsm.get(&view, &key).await.unwrap();
        assert_eq!(found.map(|value| (value.timestamp().0, value.to_vec())), expected, "{key:?} {view:?}");
        let versions = self.model.get(&key).into_iter().flatten().rev();
        let newest = versions.clone().find(|version| self.resolutions.get(&version.at) != Some(&Resolution::Aborted));
        let counts = newest.map(|version| match self.resolutions.get(&version.at) {
            Some(Resolution::Committed(at)) => (version.at, at.0, version.value.is_some()),
            _ => (version.at, version.at, version.value.is_some()),
        });
        let is_right = |at: Timestamp, live| counts.is_some_and(|(at_, c, l)| (at.0 == at_ || at.0 == c) && l == live);
        match self.lsm.newest(&key).await.unwrap() {
            Some((at, live)) => assert!(is_right(at, live), "{key:?}: {at:?} {live}, expected {counts:?}"),
            // A tombstone may be gone altogether.
            None => assert!(counts.is_none_or(|(.., live)| !live), "{key:?}: nothing, expected {counts:?}"),
        }
        if let Newest::Version { at, live } = self.lsm.newest_cached(&key).unwrap() {
            assert!(is_right(at, live));
        }
    }

    async fn check_scan(&mut self, walk: Option<Direction>) {
        let view = self.view();
        let direction = walk.unwrap_or(if self.random.one_in(2) { Direction::Forward } else { Direction::Backward });
        let (mut one, mut other) = (self.key(), self.key());
        if one > other {
            std::mem::swap(&mut one, &mut other);
        }
        let mut edge = |key| match self.random.below(3) {
            0 => Bound::Unbounded,
            1 => Bound::Included(key),
            _ => Bound::Excluded(key),
        };
        let range = if walk.is_some() { (Bound::Unbounded, Bound::Unbounded) } else { (edge(one), edge(other)) };
        let inside = |key: &[u8]| {
            (match &range.0 {
                Bound::Unbounded => true,
                Bound::Included(start) => key >= &start[..],
                Bound::Excluded(start) => key > &start[..],
            }) && (match &range.1 {
                Bound::Unbounded => true,
                Bound::Included(end) => key <= &end[..],
                Bound::Excluded(end) => key < &end[..],
            })
        };
        let keys = self.model.keys().filter(|key| inside(key));
        let mut expected: Vec<_> = keys.filter_map(|key| Some((key.clone(), self.expected(&view, key)?))).collect();
        if direction == Direction::Backward {
            expected.reverse();
        }
        let is_dropped = |world: &World, key: &[u8]| key::split(key).is_some_and(|(s, ..)| world.dropped.contains(&s));
        self.check_values(&view, &range, direction, expected.iter().map(|(_, (_, value))| value)).await;
        let mut cursor = self.lsm.cursor(view.clone(), range.clone(), direction);
        let mut found = Vec::new();
        let early = self.random.one_in(4).then(|| self.random.below(expected.len() as u64 + 1) as usize);
        while Some(found.len()) != early && cursor.next().await.unwrap() {
            if is_dropped(self, cursor.key()) {
                continue;
            }
            found.push((cursor.key().to_vec(), (cursor.timestamp().0, cursor.value().to_vec())));
            if self.random.one_in(100) {
                // The cursor must not mind.
                self.write();
                self.lsm.seal();
                self.env.yield_if_needed().await;
            }
        }
        if let Some(early) = early {
            expected.truncate(early);
        }
        assert_eq!(found.len(), expected.len(), "{direction:?} {range:?} {view:?}");
        assert!(found == expected, "{direction:?} {range:?} {view:?}");
    }

    /// A scan that asks for the values only, in pieces of any size, gives the same ones.
    async fn check_values(
        &mut self,
        view: &View,
        range: &Range,
        direction: Direction,
        expected: impl Iterator<Item = &Vec<u8>>,
    ) {
        // Values of a dropped storage may be there or not, and have no key here to be told by.
        if !self.dropped.is_empty() {
            return;
        }
        let mut cursor = self.lsm.cursor(view.clone(), range.clone(), direction);
        let mut found = Vec::new();
        while cursor.next().await.unwrap() {
            found.push(cursor.value().to_vec());
            let mut values = Vec::new();
            cursor.drain(self.random.below(40) as usize, &mut values).unwrap();
            assert!(values.is_empty() || direction == Direction::Forward);
            self.drained += values.len();
            found.extend(values.iter().map(|value| value.to_vec()));
            if self.random.one_in(50) {
                self.lsm.seal();
                self.env.yield_if_needed().await;
            }
        }
        assert!(found.iter().eq(expected), "{direction:?} {range:?} {view:?}");
    }

    async fn reopen(&mut self) {
        self.lsm.close().await.unwrap();
        self.lsm = open(&self.env, &self.options).await;
        self.replay();
    }

    /// What the owner of the log does after opening.
    fn replay(&mut self) {
        let flushed = self.lsm.flushed();
        if let Some(at) = self.unsaved.take() {
            self.resolutions.insert(at, Resolution::Aborted);
            self.open_keys.remove(&at);
        }
        // A process that restarts knows of provisional versions by its log and attachment.
        for (&at, &resolution) in &self.resolutions {
            self.retention.provisional.borrow_mut().set(Timestamp(at), resolution);
        }
        for record in self.log.iter().filter(|record| record.end > flushed) {
            let writes = record.writes.iter().map(|(key, value)| (&key[..], value.as_deref()));
            self.lsm.apply(writes, record.at, record.end);
        }
    }

    async fn check_all(&mut self) {
        self.check_scan(Some(Direction::Forward)).await;
        self.check_scan(Some(Direction::Backward)).await;
    }

    fn drop_storage(&mut self) {
        // The middle one, so that tables that span it remain.
        let storage = StorageId(11);
        if self.open_keys.is_empty() && self.dropped.insert(storage) {
            self.lsm.drop_storage(storage);
        }
    }

    async fn step(&mut self) {
        match self.random.below(100) {
            0..40 => self.write(),
            40..42 => self.write_provisional(),
            42 => self.load().await,
            43..47 => self.decide(),
            47..50 => self.snapshots.push(self.clock),
            50..54 if !self.snapshots.is_empty() => {
                let at = self.random.below(self.snapshots.len() as u64) as usize;
                self.snapshots.swap_remove(at);
            }
            54..56 => self.lsm.flush().await.unwrap(),
            56 => self.lsm.seal(),
            57 => self.lsm.settle().await.unwrap(),
            58 if self.random.one_in(4) => {
                let (a, b) = (self.key(), self.key());
                self.lsm.compact_range(a.as_slice().min(&b), a.as_slice().max(&b)).await.unwrap();
            }
            59 if self.random.one_in(2) => self.reopen().await,
            60..64 => self.check_scan(None).await,
            64 if self.random.one_in(10) => self.drop_storage(),
            _ => self.check_get().await,
        }
        if self.random.one_in(100) {
            self.lsm.throttle().await;
        }
        self.horizon();
        self.forget();
    }
}

/// How many values were drained.
async fn history(env: Env, dir: PathBuf, seed: u64, steps: usize) -> usize {
    let mut world = World::new(&env, &dir, seed).await;
    for _ in 0..steps {
        world.step().await;
    }
    world.check_all().await;
    world.lsm.flush().await.unwrap();
    world.lsm.compact_range(&[], &[0xFF; 20]).await.unwrap();
    world.check_all().await;
    world.lsm.close().await.unwrap();
    world.drained
}

#[test]
fn any_history_reads_like_the_model() {
    let mut drained = 0;
    for seed in seeds(6) {
        let simulation = Simulation::new(seed);
        let env = simulation.node(Disk::new()).env();
        let ended = simulation.block_on(&env, STEPS_MAX, history(env.clone(), PathBuf::from("/lsm"), seed, 1500));
        drained += ended.unwrap_or_else(|| panic!("seed {seed} did not end"));
    }
    assert!(drained > 1000 || seeds(6).count() == 1, "only {drained} values came many at a time");
}

#[test]
fn a_history_on_a_real_disk_reads_like_the_model() {
    for seed in seeds(2) {
        let dir = crate::env::tests::scratch();
        let path = dir.path().to_path_buf();
        glommio::block_on(move |env| async move {
            history(env, path, seed, 600).await;
        });
    }
}

/// A history up to a crash at the given disk operation; then what is there must read like the model. False if the history
/// ended before.
fn crash_at(operation: u64, seed: u64, syncs_lie: bool) -> bool {
    let simulation = Simulation::new(seed);
    let node = simulation.node(Disk::new());
    let faults = Faults { stop_at_operation: Some(operation), syncs_lie, ..Faults::default() };
    let (env, dir) = (node.env(), PathBuf::from("/lsm"));
    let world = Rc::new(RefCell::new(None));
    let ours = world.clone();
    node.disk().set_faults(faults);
    let begin = env.clone();
    #[expect(clippy::await_holding_refcell_ref, reason = "the story is the only one that touches the world")]
    let story = async move {
        *ours.borrow_mut() = Some(World::new(&begin, &dir, seed).await);
        let mut world = ours.borrow_mut();
        for _ in 0..250 {
            world.as_mut().unwrap().step().await;
        }
    };
    let ended = simulation.block_on(&env, STEPS_MAX, story).is_some();
    let (node, stopped) = (simulation.node(node.crash()), node);
    let mut world = match world.take() {
        Some(mut world) => {
            world.env = node.env();
            world
        }
        // The tree was not open yet: then a new one must open.
        None => {
            let (env, options) = (node.env(), tiny(Path::new("/lsm"), Rc::default(), seed));
            let again = env.clone();
            let opened = simulation.block_on(&env, STEPS_MAX, async move { open(&again, &options).await.flushed() });
            assert_eq!(opened, Some(LogPosition::default()));
            return true;
        }
    };
    drop(stopped);
    let env = node.env();
    let checked = simulation.block_on(&env, STEPS_MAX, async move {
        world.lsm = open(&world.env, &world.options).await;
        world.replay();
        world.check_all().await;
        for _ in 0..20 {
            world.step().await;
        }
        world.lsm.flush().await.unwrap();
        world.check_all().await;
        world.lsm.close().await.unwrap();
    });
    assert!(checked.is_some(), "after a crash at operation {operation}, seed {seed}");
    !ended
}

#[test]
fn a_crash_at_any_disk_operation_loses_nothing() {
    for seed in seeds(3) {
        let step = if thorough() { 1 } else { 37 };
        let stopped = (1..).step_by(step).take_while(|&operation| crash_at(operation, seed, false)).count() * step;
        assert!(stopped > 200, "the history has {stopped} operations");
    }
}

#[test]
fn the_crash_test_notices_a_disk_that_lies() {
    let noticed =
        (1..400).step_by(9).any(|operation| std::panic::catch_unwind(|| crash_at(operation, 1, true)).is_err());
    assert!(noticed, "a disk that keeps nothing was not noticed");
}

const STEPS_MAX: u64 = 50_000_000;

/// Whether to take the time that a change of formats or of the commit protocol deserves.
fn thorough() -> bool {
    std::env::var_os("DISTDB_THOROUGH").is_some()
}

/// A few, or the one that `DISTDB_SEED` names.
fn seeds(count: u64) -> std::ops::Range<u64> {
    match std::env::var("DISTDB_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => seed..seed + 1,
        None if thorough() => 0..count * 10,
        None => 0..count,
    }
}
