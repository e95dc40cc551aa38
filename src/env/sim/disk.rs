//! A disk, what its faults are, and what a crash leaves of it.
//!
//! Every 512-byte sector has the content that is safe and the versions written since. A sync (or the completion of an
//! O_DSYNC write) makes the newest version it covers the safe one. At a crash each sector keeps its safe content or
//! any one of the later versions, by chance and independently of all others: so writes tear at sectors, are lost,
//! and overtake each other. A write counts from the moment it was started. Names work the same way: creations, renames
//! and removals since the last sync of their folder are each kept or lost (a rename is never half done).

use super::random::Random;
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    rc::Rc,
};

const SECTOR: usize = 512;

/// What may go wrong on a disk. All off by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// Reads that fail with EIO, in a million.
    pub read_errors: u32,
    /// Writes that fail with EIO, in a million; what they wrote may or may not survive a crash.
    pub write_errors: u32,
    /// Syncs that fail with EIO, in a million; what they should cover stays unsynced.
    pub sync_errors: u32,
    /// Reads that return one flipped bit, in a million.
    pub flipped_reads: u32,
    /// Bytes beyond which files cannot grow (ENOSPC).
    pub capacity_bytes: Option<u64>,
    /// The node halts when its disk operation of this number (from 1) starts; that one may be done in part.
    pub stop_at_operation: Option<u64>,
    /// Syncs and O_DSYNC writes report success without making anything safe: the control for every durability test.
    pub syncs_lie: bool,
}

/// A version of a sector: which write it is from, and the bytes.
type Version = (u64, [u8; SECTOR]);

/// A file's content, with or without a name.
#[derive(Clone, Default)]
pub(super) struct Inode {
    /// What reads see.
    pub(super) live: Vec<u8>,
    /// What a crash cannot take away.
    pub(super) safe: Vec<u8>,
    /// Unsynced versions of sectors, oldest first.
    pub(super) versions: BTreeMap<u64, Vec<Version>>,
    /// Completed writes not covered by a sync yet.
    pub(super) completed: BTreeSet<u64>,
}

#[derive(Clone)]
pub(super) enum NameChange {
    Create(PathBuf, u64),
    Rename(PathBuf, PathBuf, u64),
    Remove(PathBuf),
}

impl NameChange {
    pub(super) fn folder(&self) -> &Path {
        let path = match self {
            NameChange::Create(path, _) | NameChange::Rename(_, path, _) | NameChange::Remove(path) => path,
        };
        path.parent().unwrap_or(Path::new(""))
    }

    pub(super) fn apply(&self, names: &mut BTreeMap<PathBuf, u64>) {
        match self {
            NameChange::Create(path, inode) => {
                names.insert(path.clone(), *inode);
            }
            NameChange::Rename(from, to, inode) => {
                if names.get(from) == Some(inode) {
                    names.remove(from);
                }
                names.insert(to.clone(), *inode);
            }
            NameChange::Remove(path) => {
                names.remove(path);
            }
        }
    }
}

#[derive(Clone, Default)]
pub(super) struct State {
    pub(super) inodes: BTreeMap<u64, Inode>,
    pub(super) names: BTreeMap<PathBuf, u64>,
    pub(super) safe_names: BTreeMap<PathBuf, u64>,
    pub(super) changes: Vec<NameChange>,
    pub(super) folders: BTreeSet<PathBuf>,
    pub(super) next_inode: u64,
    pub(super) next_write: u64,
}

/// A node's disk, shared by its cores. Clones share it; see [`Disk::copy`].
#[derive(Clone, Default)]
pub struct Disk(pub(super) Rc<Shared>);

#[derive(Default)]
pub(super) struct Shared {
    pub(super) state: RefCell<State>,
    pub(super) faults: Cell<Faults>,
    pub(super) operations: Cell<u64>,
}

impl Disk {
    /// An empty disk.
    pub fn new() -> Disk {
        Disk::default()
    }

    fn from_state(state: State) -> Disk {
        Disk(Rc::new(Shared { state: RefCell::new(state), ..Shared::default() }))
    }

    /// A disk of its own with the same content.
    pub fn copy(&self) -> Disk {
        Disk::from_state(self.0.state.borrow().clone())
    }

    /// Switches faults on and off.
    pub fn set_faults(&self, faults: Faults) {
        self.0.faults.set(faults);
    }

    /// Operations started so far.
    pub fn operations(&self) -> u64 {
        self.0.operations.get()
    }

    /// Names and lengths of all files, for tests.
    pub fn files(&self) -> Vec<(PathBuf, u64)> {
        let state = self.0.state.borrow();
        state.names.iter().map(|(path, inode)| (path.clone(), state.inodes[inode].live.len() as u64)).collect()
    }

    /// Flips a bit on the medium; false when there is no such byte.
    pub fn flip_bit(&self, path: &Path, offset: u64, bit: u8) -> bool {
        let mut state = self.0.state.borrow_mut();
        let Some(inode) = state.names.get(path).copied() else { return false };
        let Some(inode) = state.inodes.get_mut(&inode) else { return false };
        let at = offset as usize;
        let (Some(live), safe) = (inode.live.get_mut(at), inode.safe.get_mut(at)) else { return false };
        *live ^= 1 << (bit % 8);
        if let Some(safe) = safe {
            *safe ^= 1 << (bit % 8);
        }
        true
    }

    /// What power loss leaves.
    pub(super) fn after_crash(&self, random: &mut Random) -> Disk {
        let mut state = self.0.state.borrow().clone();
        for change in std::mem::take(&mut state.changes) {
            if random.below(2) == 0 {
                change.apply(&mut state.safe_names);
            }
        }
        state.names = state.safe_names.clone();
        let named: BTreeSet<u64> = state.names.values().copied().collect();
        state.inodes.retain(|number, _| named.contains(number));
        for inode in state.inodes.values_mut() {
            inode.crash(random);
        }
        Disk::from_state(state)
    }

    /// What the end of the process leaves: everything that was completed, and what was under way.
    pub(super) fn after_kill(&self) -> Disk {
        let mut state = self.0.state.borrow().clone();
        for inode in state.inodes.values_mut() {
            let versions = std::mem::take(&mut inode.versions);
            for (sector, versions) in versions {
                if let Some((_, bytes)) = versions.last() {
                    put(&mut inode.live, sector, bytes);
                }
            }
            inode.safe = inode.live.clone();
            inode.completed.clear();
        }
        state.safe_names = state.names.clone();
        state.changes.clear();
        Disk::from_state(state)
    }
}

/// Puts a sector into a file, growing it.
fn put(content: &mut Vec<u8>, sector: u64, bytes: &[u8; SECTOR]) {
    let at = sector as usize * SECTOR;
    if content.len() < at + SECTOR {
        content.resize(at + SECTOR, 0);
    }
    content[at..at + SECTOR].copy_from_slice(bytes);
}

impl Inode {
    fn crash(&mut self, random: &mut Random) {
        let live_len = self.live.len();
        for (sector, versions) in std::mem::take(&mut self.versions) {
            let kept = random.below(versions.len() as u64 + 1);
            if let Some((_, bytes)) = kept.checked_sub(1).and_then(|index| versions.get(index as usize)) {
                put(&mut self.safe, sector, bytes);
            }
        }
        if self.safe.len() > live_len && random.below(2) == 0 {
            // A cut that was not synced may have happened.
            self.safe.truncate(live_len);
        }
        self.live = self.safe.clone();
        self.completed.clear();
    }

    pub(super) fn start_write(&mut self, number: u64, offset: u64, bytes: &[u8]) {
        let first = offset / SECTOR as u64;
        for (index, chunk) in bytes.chunks_exact(SECTOR).enumerate() {
            let mut sector = [0; SECTOR];
            sector.copy_from_slice(chunk);
            self.versions.entry(first + index as u64).or_default().push((number, sector));
        }
    }

    pub(super) fn complete_write(&mut self, number: u64, offset: u64, bytes: &[u8]) {
        let (start, end) = (offset as usize, offset as usize + bytes.len());
        if self.live.len() < end {
            self.live.resize(end, 0);
        }
        self.live[start..end].copy_from_slice(bytes);
        self.completed.insert(number);
    }

    /// Makes the sectors of one write safe.
    pub(super) fn make_write_safe(&mut self, number: u64, offset: u64, len: usize) {
        let first = offset / SECTOR as u64;
        for sector in first..first + (len / SECTOR) as u64 {
            self.make_sector_safe(sector, |write| write == number);
        }
        self.completed.remove(&number);
    }

    /// Makes what was completed before a sync began safe.
    pub(super) fn make_safe(&mut self, completed: &BTreeSet<u64>) {
        let sectors: Vec<u64> = self.versions.keys().copied().collect();
        for sector in sectors {
            self.make_sector_safe(sector, |write| completed.contains(&write));
        }
        self.completed.retain(|number| !completed.contains(number));
        self.safe.resize(self.live.len(), 0);
    }

    fn make_sector_safe(&mut self, sector: u64, covered: impl Fn(u64) -> bool) {
        let Some(versions) = self.versions.get_mut(&sector) else { return };
        let Some(last) = versions.iter().rposition(|(write, _)| covered(*write)) else { return };
        let (_, bytes) = versions[last];
        versions.drain(..=last);
        if versions.is_empty() {
            self.versions.remove(&sector);
        }
        put(&mut self.safe, sector, &bytes);
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.live.resize(len, 0);
        let first_cut = (len.div_ceil(SECTOR)) as u64;
        self.versions.retain(|sector, _| *sector < first_cut);
    }
}
