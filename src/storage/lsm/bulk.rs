//! Many new versions of one time on their way into the tree past the log: a *bulk*.
//!
//! It is filled with packs, which are kept where they lie; then sorted, checked against what the tree holds, and installed:
//! from then on it is a memtable that takes no more writes, and the flush task turns it into tables. Nothing of it is in
//! the log, so who installed it waits for [`Lsm::saved`] before anybody may rely on it; after a crash before that it never
//! was, or is a provisional version of a transaction that is gone.
//!
//! It decides nothing about conflicts: the owner is shown the newest version of each key that the tree knows.
//!
//! Invariants: the version of a bulk is provisional and registered when it is installed; between the last look at the tree
//! ([`Lsm::look_again`]) and [`Lsm::install`] nothing waits.

use super::Newest;
use super::arena::Place;
use super::engine::Engine;
use super::lookup::{self, Held, Lookup};
use super::memtable::Memtable;
use super::retention::Resolution;
use super::run::{Reading, RunCursor, Walk};
use super::version::Snapshot;
use super::{Lsm, file::Table};
use crate::base::ids::StorageId;
use crate::base::key::{self, PREFIX_BYTES};
use crate::base::pack::{self, Pack};
use crate::base::time::Timestamp;
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::rc::{Rc, Weak};

/// Keys looked up between two chances for others.
const STEP_KEYS: usize = 64;
/// What a row takes beside its bytes, until it is in tables.
const ROW_BYTES: usize = size_of::<Row>() + 8;

/// See the module.
pub struct Bulk {
    memtable: Memtable,
    at: Timestamp,
    /// By the prefix of the keys: each partition of an index by itself, as sorted loads are sorted within these.
    groups: BTreeMap<u64, Group>,
    rows: usize,
}

#[derive(Default)]
struct Group {
    rows: Vec<Row>,
    unsorted: bool,
}

#[derive(Clone, Copy)]
struct Row {
    place: Place,
    insert: bool,
}

/// A bulk that was installed. It holds no memory: that is free as soon as the bulk is in tables.
#[derive(Clone)]
pub struct Installed(Weak<Memtable>);

/// The tree as it was when a bulk was compared with it.
pub struct Look {
    snapshot: Rc<Snapshot>,
    /// Versions in the active memtable then.
    entries: usize,
}

impl Bulk {
    /// An empty bulk, whose versions will stand at `at`.
    pub fn new(at: Timestamp) -> Bulk {
        Bulk { memtable: Memtable::default(), at, groups: BTreeMap::new(), rows: 0 }
    }

    /// When its versions stand.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Memory in use.
    pub fn bytes(&self) -> usize {
        self.memtable.bytes() + self.rows * ROW_BYTES
    }

    /// Takes a pack's writes in.
    pub fn take(&mut self, pack: Pack) -> Result<()> {
        let entries = pack.len();
        let mut bytes = pack.into_bytes();
        let mut places = Vec::with_capacity(entries);
        let mut next = 0;
        while let Some((entry, length)) = pack::entry_at(&bytes, next) {
            let Some(prefix) = entry.key.first_chunk::<PREFIX_BYTES>() else {
                return Err(Error::internal("a bulk load of a key without a prefix"));
            };
            places.push((u64::from_be_bytes(*prefix), next, entry.insert));
            let mark = next + pack::MARK.start..next + pack::MARK.end;
            bytes[mark].copy_from_slice(&self.at.0.to_le_bytes());
            next += length;
        }
        if next != bytes.len() {
            return Err(Error::internal("a pack of writes that ends early"));
        }
        let start = self.memtable.adopt(bytes);
        self.rows += places.len();
        for (prefix, offset, insert) in places {
            let (group, place) = (self.groups.entry(prefix).or_default(), start.after(offset));
            if !group.unsorted
                && let Some(last) = group.rows.last()
            {
                group.unsorted = self.memtable.entry(last.place).key >= self.memtable.entry(place).key;
            }
            group.rows.push(Row { place, insert });
        }
        Ok(())
    }

    /// Puts the rows in order; gives a key that is written twice although one of the writes is an insert. Of other writes
    /// of the same key the last one remains.
    pub fn sort(&mut self) -> Option<Vec<u8>> {
        let memtable = &self.memtable;
        let key = |row: &Row| memtable.entry(row.place).key;
        for group in self.groups.values_mut().filter(|group| group.unsorted) {
            // Sorted by eight bytes behind what all keys share: the rest is looked at only where these are the same.
            let first = group.rows.first().map_or(&[][..], key);
            let shared = group.rows.iter().map(|row| common_bytes(first, key(row))).min().unwrap_or(0);
            let mut heads: Vec<(u64, u32)> =
                (0..).zip(&group.rows).map(|(at, row)| (head(key(row), shared), at)).collect();
            let rest = |at: u32| key(&group.rows[at as usize]);
            heads.sort_unstable_by(|left, right| {
                left.0.cmp(&right.0).then_with(|| rest(left.1).cmp(rest(right.1))).then(left.1.cmp(&right.1))
            });
            let mut sorted: Vec<Row> = Vec::with_capacity(group.rows.len());
            for (_, at) in heads {
                let row = group.rows[at as usize];
                match sorted.last_mut().filter(|last| key(last) == key(&row)) {
                    None => sorted.push(row),
                    Some(last) if last.insert || row.insert => return Some(key(&row).to_vec()),
                    Some(last) => *last = row,
                }
            }
            *group = Group { rows: sorted, unsorted: false };
        }
        None
    }

    /// All keys, in order once it is sorted.
    pub fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.groups.values().flat_map(|group| &group.rows).map(|row| self.memtable.entry(row.place).key)
    }

    /// The storages that it has keys of, ascending.
    pub fn storages(&self) -> Vec<StorageId> {
        let keys = self.groups.values().filter_map(|group| group.rows.first());
        let mut storages: Vec<StorageId> = keys
            .filter_map(|row| key::split(self.memtable.entry(row.place).key))
            .map(|(storage, ..)| storage)
            .collect();
        storages.dedup();
        storages
    }

    /// The first and the last key of each group.
    fn spans(&self) -> impl Iterator<Item = (&Group, &[u8], &[u8])> {
        self.groups.values().filter_map(|group| {
            let (first, last) = (group.rows.first()?, group.rows.last()?);
            Some((group, self.memtable.entry(first.place).key, self.memtable.entry(last.place).key))
        })
    }
}

fn common_bytes(left: &[u8], right: &[u8]) -> usize {
    left.iter().zip(right).take_while(|(left, right)| left == right).count()
}

/// Eight bytes of a key from `skip` on as a number that orders like them.
fn head(key: &[u8], skip: usize) -> u64 {
    let rest = key.get(skip..).unwrap_or_default();
    let mut bytes = [0; 8];
    let len = rest.len().min(8);
    bytes[..len].copy_from_slice(&rest[..len]);
    u64::from_be_bytes(bytes)
}

impl Lsm {
    /// Shows the owner the newest version (not aborted) of each key of a sorted bulk that the tree may have, and whether the
    /// bulk inserts it. The look is to be had again, with [`Lsm::look_again`], when the bulk is installed.
    pub async fn look<E: From<Error>>(
        &self,
        bulk: &Bulk,
        show: &mut impl FnMut(&[u8], bool, Newest) -> Result<(), E>,
    ) -> Result<Look, E> {
        let engine = self.engine();
        let snapshot = engine.current();
        let entries = snapshot.active.len();
        let mut looked = 0;
        for (group, first, last) in bulk.spans() {
            if !touches(&snapshot, first, last).await? {
                continue;
            }
            for row in &group.rows {
                let key = bulk.memtable.entry(row.place).key;
                let newest = newest(engine, &snapshot, key).await?;
                show(key, row.insert, newest)?;
                looked += 1;
                if looked % STEP_KEYS == 0 {
                    engine.env.yield_if_needed().await;
                }
            }
        }
        Ok(Look { snapshot, entries })
    }

    /// The same for what was written since, without waiting. False if it must be looked at all of it again, because too
    /// much has happened.
    pub fn look_again<E: From<Error>>(
        &self,
        bulk: &Bulk,
        before: &Look,
        show: &mut impl FnMut(&[u8], bool, Newest) -> Result<(), E>,
    ) -> Result<bool, E> {
        let engine = self.engine();
        let now = engine.current();
        let mut newer: Vec<&Rc<Memtable>> = Vec::new();
        let mut is_whole = false;
        for memtable in now.memtables() {
            is_whole = Rc::ptr_eq(memtable, &before.snapshot.active);
            if !is_whole || memtable.len() != before.entries {
                newer.push(memtable);
            }
            if is_whole {
                break;
            }
        }
        if !is_whole {
            return Ok(false);
        }
        let provisional = engine.options.retention.provisional.borrow();
        let accept = |at| (provisional.get(at) != Some(Resolution::Aborted)).then_some(at);
        for memtable in newer {
            for (group, ..) in bulk.spans().filter(|(_, first, last)| memtable.touches(first, last)) {
                for row in &group.rows {
                    let key = bulk.memtable.entry(row.place).key;
                    if let Some((place, at)) = memtable.find(key, Timestamp::MAX, accept) {
                        let live = memtable.entry(place).value.is_some();
                        show(key, row.insert, Newest::Version { at, live })?;
                    }
                }
            }
        }
        Ok(true)
    }

    /// Puts a sorted bulk into the tree.
    pub fn install(&self, bulk: Bulk) -> Installed {
        let Bulk { memtable, at, groups, .. } = bulk;
        memtable.load(groups.into_values().flat_map(|group| group.rows).map(|row| row.place), at);
        let memtable = Rc::new(memtable);
        let installed = Installed(Rc::downgrade(&memtable));
        self.engine().install_bulk(memtable);
        installed
    }

    /// Waits until an installed bulk is in tables, durably.
    pub async fn saved(&self, installed: &Installed) -> Result<()> {
        let engine = self.engine();
        loop {
            if !engine.current().sealed.iter().any(|sealed| Rc::as_ptr(&sealed.memtable) == installed.0.as_ptr()) {
                return Ok(());
            }
            if let Some(error) = self.failure() {
                return Err(error);
            }
            self.check_open()?;
            engine.changed.wait().await;
        }
    }
}

/// The newest version of a key that was not aborted, in a snapshot.
async fn newest(engine: &Engine, snapshot: &Snapshot, key: &[u8]) -> Result<Newest> {
    let mut held = Held::default();
    loop {
        match engine.find_newest(snapshot, &held, key)? {
            Lookup::Found(lookup::Version { at, value }) => return Ok(Newest::Version { at, live: value.is_some() }),
            Lookup::Absent => return Ok(Newest::Absent),
            Lookup::Need(need) => held.load(need).await?,
        }
    }
}

/// Whether there is any version of a key in `first..=last`.
async fn touches(snapshot: &Snapshot, first: &[u8], last: &[u8]) -> Result<bool> {
    if snapshot.memtables().any(|memtable| memtable.touches(first, last)) {
        return Ok(true);
    }
    for table in snapshot.version.tables().filter(|table| table.meta.overlaps(first, last)) {
        if table_touches(table, first, last).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn table_touches(table: &Rc<Table>, first: &[u8], last: &[u8]) -> Result<bool> {
    let reading = Reading { read_ahead_bytes: 0, keep: true, eager: false };
    let mut run = RunCursor::new(vec![table.clone()], true, Bound::Included(last.to_vec()), reading);
    run.seek(Some((first, Timestamp::MAX)));
    loop {
        match run.resume()? {
            Walk::Entry => return Ok(run.key() <= last),
            Walk::End => return Ok(false),
            Walk::Load => run.load().await?,
        }
    }
}
