//! What the tree's tasks share: the current snapshot, the manifest, and who waits for whom.
//!
//! Writers add to the active memtable (`Engine::apply`); the flush task turns sealed ones into tables (`flush`); the
//! compaction task rearranges tables (`compaction::run`). Both end in `Engine::commit`: one edit at a time, durable
//! first, visible afterwards.
//!
//! Invariants: `snapshot` changes only by seal and commit, in steps without await; `state` is what the manifest says, and
//! `snapshot.version` has exactly its tables.

use super::compaction::pick::level_zero_depth;
use super::file::{Store, Table};
use super::lookup::{self, Held, Lookup, Scratch};
use super::manifest::edit::{Edit, State};
use super::manifest::file::{Failure, ManifestFile, manifest_name};
use super::memtable::Memtable;
use super::options::Options;
use super::retention::{Resolution, View};
use super::version::{Sealed, Snapshot, Version};
use crate::base::ids::StorageId;
use crate::base::time::Timestamp;
use crate::env::Env;
use crate::env::signal::Signal;
use crate::error::{Error, Result};
use crate::storage::log::LogPosition;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::{Rc, Weak};

/// Gives the attachment for a flush.
pub type OnFlush = Rc<dyn Fn() -> Vec<u8>>;
/// Lowers the position that replay begins from.
pub type OnSeal = Rc<dyn Fn(LogPosition) -> LogPosition>;
/// Hears that a flush is durable.
pub type OnFlushed = Rc<dyn Fn(LogPosition)>;

/// What the transaction layer asked to be told.
#[derive(Default)]
pub struct Hooks {
    pub on_flush: Option<OnFlush>,
    pub on_seal: Option<OnSeal>,
    pub on_flushed: Option<OnFlushed>,
}

/// Figures that only go up.
#[derive(Default)]
pub struct Counters {
    pub flushes: Cell<u64>,
    pub compactions: Cell<u64>,
    pub moves: Cell<u64>,
    pub throttled_micros: Cell<u64>,
}

/// See the module.
pub struct Engine {
    pub env: Env,
    pub options: Options,
    pub store: Rc<Store>,
    pub snapshot: RefCell<Rc<Snapshot>>,
    pub state: RefCell<State>,
    /// The manifest, while nobody writes to it.
    manifest: RefCell<Option<ManifestFile>>,
    manifest_free: Signal,
    /// Snapshots that somebody may still hold.
    history: RefCell<Vec<Weak<Snapshot>>>,
    pub applied: Cell<LogPosition>,
    /// Storages dropped and not yet told to the manifest.
    pub dropping: RefCell<BTreeMap<StorageId, LogPosition>>,
    pub hooks: RefCell<Hooks>,
    pub counters: Counters,
    /// Something was sealed, or work has become possible otherwise.
    pub flush_wanted: Signal,
    pub compaction_wanted: Signal,
    /// A flush, a compaction or a failure took place.
    pub changed: Signal,
    /// Why flushing does not get on, while it does not.
    pub failure: RefCell<Option<Error>>,
    /// Why compaction does not get on, while it does not.
    pub compaction_failure: RefCell<Option<Error>>,
    pub closing: Cell<bool>,
    /// Somebody asked for a full compaction of this range.
    pub compact_requests: RefCell<Vec<(Vec<u8>, Vec<u8>)>>,
    pub scratch: RefCell<Scratch>,
    /// Kept beside the state, because every write asks for it.
    pub level_zero_depth: Cell<usize>,
}

impl Engine {
    /// Puts the parts together; the tables are open already.
    pub fn new(
        env: &Env,
        options: Options,
        store: Rc<Store>,
        state: State,
        version: Version,
        file: ManifestFile,
    ) -> Engine {
        let snapshot = Rc::new(Snapshot { active: Rc::default(), sealed: Vec::new(), version: Rc::new(version) });
        Engine {
            env: env.clone(),
            store,
            history: RefCell::new(vec![Rc::downgrade(&snapshot)]),
            snapshot: RefCell::new(snapshot),
            applied: Cell::new(state.flushed),
            manifest: RefCell::new(Some(file)),
            manifest_free: Signal::new(),
            dropping: RefCell::default(),
            hooks: RefCell::default(),
            counters: Counters::default(),
            flush_wanted: Signal::new(),
            compaction_wanted: Signal::new(),
            changed: Signal::new(),
            failure: RefCell::default(),
            compaction_failure: RefCell::default(),
            closing: Cell::new(false),
            compact_requests: RefCell::default(),
            scratch: RefCell::default(),
            level_zero_depth: Cell::new(level_zero_depth(&state.levels[0])),
            options,
            state: RefCell::new(state),
        }
    }

    /// The tree as it is now.
    pub fn current(&self) -> Rc<Snapshot> {
        self.snapshot.borrow().clone()
    }

    fn install(&self, snapshot: Snapshot) {
        let snapshot = Rc::new(snapshot);
        let mut history = self.history.borrow_mut();
        history.push(Rc::downgrade(&snapshot));
        let before = self.snapshot.replace(snapshot);
        drop(before);
        history.retain(|snapshot| snapshot.strong_count() > 0);
    }

    /// Every snapshot that somebody holds, the current one among them.
    pub fn held_snapshots(&self) -> Vec<Rc<Snapshot>> {
        self.history.borrow().iter().filter_map(Weak::upgrade).collect()
    }

    /// Writes versions into the active memtable, and seals it when it is full.
    pub fn apply<'a>(
        &self,
        writes: impl IntoIterator<Item = (&'a [u8], Option<&'a [u8]>)>,
        at: Timestamp,
        position: LogPosition,
    ) {
        let full = {
            let snapshot = self.snapshot.borrow();
            let active = &snapshot.active;
            if self.options.retention.provisional.borrow().get(at).is_some() {
                active.note_provisional(at);
            }
            for (key, value) in writes {
                active.insert(key, at, value);
            }
            active.bytes() >= self.options.memtable_bytes
        };
        self.applied.set(self.applied.get().max(position));
        if full {
            self.seal();
        }
    }

    /// The newest version of a key that a view sees.
    #[inline]
    pub fn find_visible(&self, snapshot: &Snapshot, held: &Held, view: &View, key: &[u8]) -> Result<Lookup> {
        let provisional = self.options.retention.provisional.borrow();
        let mut scratch = self.scratch.borrow_mut();
        // Provisional versions may count as older than they stand, so the search begins at the newest then.
        let from = if provisional.is_empty() { view.snapshot } else { Timestamp::MAX };
        lookup::find(snapshot, held, &mut scratch, key, from, &|at| view.sees(at, &provisional))
    }

    /// The newest version of a key that was not aborted.
    pub fn find_newest(&self, snapshot: &Snapshot, held: &Held, key: &[u8]) -> Result<Lookup> {
        let provisional = self.options.retention.provisional.borrow();
        let mut scratch = self.scratch.borrow_mut();
        let accept = |at| (provisional.get(at) != Some(Resolution::Aborted)).then_some(at);
        lookup::find(snapshot, held, &mut scratch, key, Timestamp::MAX, &accept)
    }

    /// Puts a new memtable in the active one's place; the flush task does the rest. Nothing happens if there is nothing new.
    pub fn seal(&self) {
        let snapshot = self.current();
        if !snapshot.active.is_empty() || self.applied.get() > self.newest_position(&snapshot) {
            self.push_sealed(&snapshot, snapshot.active.clone());
        }
    }

    /// Puts a loaded memtable before all others but an empty active one: what was written so far is older.
    pub fn install_bulk(&self, memtable: Rc<Memtable>) {
        if !self.current().active.is_empty() {
            self.seal();
        }
        self.push_sealed(&self.current(), memtable);
    }

    /// Where replay would begin if all sealed memtables were flushed.
    fn newest_position(&self, snapshot: &Snapshot) -> LogPosition {
        snapshot.sealed.first().map_or(self.state.borrow().flushed, |sealed| sealed.position)
    }

    fn push_sealed(&self, snapshot: &Snapshot, memtable: Rc<Memtable>) {
        let newest = self.newest_position(snapshot);
        let hooks = self.hooks.borrow();
        let applied = self.applied.get();
        let position = hooks.on_seal.as_ref().map_or(applied, |lower| lower(applied).min(applied)).max(newest);
        let attachment = match &hooks.on_flush {
            Some(attachment) => attachment(),
            None => self.state.borrow().attachment.clone(),
        };
        let sealed = Sealed { memtable, position, attachment: Rc::new(attachment) };
        let sealed = std::iter::once(sealed).chain(snapshot.sealed.iter().cloned()).collect();
        self.install(Snapshot { active: Rc::default(), sealed, version: snapshot.version.clone() });
        self.flush_wanted.set();
    }

    /// A number for a new file.
    pub fn next_number(&self) -> u64 {
        let mut state = self.state.borrow_mut();
        state.next_number += 1;
        state.next_number - 1
    }

    /// Storages whose data goes.
    pub fn dropped(&self) -> BTreeSet<StorageId> {
        let state = self.state.borrow();
        state.dropped.keys().chain(self.dropping.borrow().keys()).copied().collect()
    }

    /// Makes an edit durable, then visible. `flushed` is the memtable that the new tables replace.
    pub async fn commit(&self, mut edit: Edit, flushed: Option<&Rc<Memtable>>) -> Result<()> {
        let mut added = BTreeMap::new();
        for (_, meta) in &edit.added {
            let version = self.current().version.clone();
            let known = version.tables().find(|table| table.meta.number == meta.number);
            // With another stamp it is another table to readers; those of the old one keep that.
            let known = known.filter(|table| table.meta.stamp == meta.stamp).cloned();
            let table = match known {
                Some(moved) => moved,
                None => Rc::new(Table::open(&self.store, meta.clone()).await?),
            };
            added.insert(meta.number, table);
        }
        let mut manifest = self.take_manifest().await;
        edit.next_number = Some(self.state.borrow().next_number);
        edit.dropped.extend(self.dropping.borrow().iter().map(|(&storage, &position)| (storage, position)));
        let appended = self.append(&mut manifest, &edit).await;
        if appended.is_ok() {
            self.dropping.borrow_mut().retain(|storage, _| !edit.dropped.iter().any(|(told, _)| told == storage));
            self.show(&edit, flushed, &added);
        }
        self.manifest.replace(Some(manifest));
        self.manifest_free.set();
        self.changed.set();
        self.compaction_wanted.set();
        appended
    }

    async fn take_manifest(&self) -> ManifestFile {
        loop {
            let taken = self.manifest.borrow_mut().take();
            match taken {
                Some(manifest) => return manifest,
                None => self.manifest_free.wait().await,
            }
        }
    }

    async fn append(&self, manifest: &mut ManifestFile, edit: &Edit) -> Result<()> {
        let mut next = self.state.borrow().clone();
        if next.apply(edit).is_err() {
            return Err(Error::internal("an edit that does not fit the tree"));
        }
        let written = match manifest.bytes() > self.options.manifest_bytes_max.max(4 * self.snapshot_bytes()) {
            true => self.rewrite(manifest, next).await,
            false => manifest.append(edit).await,
        };
        match written {
            Ok(()) => Ok(()),
            Err(Failure::Write(error)) => Err(error),
            Err(Failure::Sync(error)) => self.env.halt(&format!("{error}; what is on disk is unknown")).await,
        }
    }

    /// Begins a new manifest with the state as it will be.
    async fn rewrite(&self, manifest: &mut ManifestFile, mut next: State) -> Result<(), Failure> {
        let number = self.next_number();
        next.next_number = self.state.borrow().next_number;
        let old = self.options.dir.join(manifest_name(manifest.number()));
        *manifest = ManifestFile::create(&self.env, &self.options.dir, number, &next).await?;
        if let Err(error) = self.env.remove(&old).await {
            tracing::warn!("removing the old manifest {}: {error}; the next start removes it", old.display());
        }
        Ok(())
    }

    /// About what the manifest would take if it were written anew.
    fn snapshot_bytes(&self) -> u64 {
        let tables: usize = self.state.borrow().levels.iter().map(Vec::len).sum();
        tables as u64 * 128
    }

    /// Puts a durable edit in effect.
    fn show(&self, edit: &Edit, flushed: Option<&Rc<Memtable>>, added: &BTreeMap<u64, Rc<Table>>) {
        let before = self.current();
        let mut state = self.state.borrow_mut();
        // It was tried on a copy before it was written.
        let applied = state.apply(edit);
        debug_assert!(applied.is_ok(), "an edit that was tried before does not fit");
        self.level_zero_depth.set(level_zero_depth(&state.levels[0]));
        let mut open: BTreeMap<u64, &Rc<Table>> =
            before.version.tables().map(|table| (table.meta.number, table)).collect();
        open.extend(added.iter().map(|(&number, table)| (number, table)));
        let level = |metas: &Vec<_>| {
            let table = |meta: &super::manifest::edit::TableMeta| open.get(&meta.number).map(|&table| table.clone());
            metas.iter().filter_map(table).collect()
        };
        let levels = state.levels.iter().map(level).collect();
        let sealed =
            before.sealed.iter().filter(|sealed| !flushed.is_some_and(|flushed| Rc::ptr_eq(flushed, &sealed.memtable)));
        let sealed = sealed.cloned().collect();
        for (_, number) in &edit.removed {
            if !edit.added.iter().any(|(_, meta)| meta.number == *number)
                && let Some(table) = open.get(number)
            {
                table.mark_obsolete();
            }
        }
        drop(state);
        self.install(Snapshot { active: before.active.clone(), sealed, version: Rc::new(Version { levels }) });
    }

    /// Removes the files of tables that nobody holds any more.
    pub async fn remove_garbage(&self) {
        let numbers = self.store.garbage.take();
        for number in numbers {
            let path = self.store.table_path(number);
            if let Err(error) = self.env.remove(&path).await {
                tracing::warn!("removing table {}: {error}; the next start removes it", path.display());
            }
        }
    }

    /// Notes that background work failed; it will be tried again.
    pub fn fail(&self, error: &Error) {
        tracing::error!("storage: {error:?}");
        self.failure.replace(Some(error.clone()));
        self.changed.set();
    }
}
