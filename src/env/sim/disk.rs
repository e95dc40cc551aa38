//! A disk, what its faults are, and what a crash leaves of it.
//!
//! Every 512-byte sector has the content that is safe and the versions written since. A sync (or the completion of an
//! O_DSYNC write) makes the newest version it covers the safe one. At a crash each sector keeps its safe content or
//! any one of the later versions, by chance and independently of all others: so writes tear at sectors, are lost,
//! and overtake each other. A write counts from the moment it was started. Names work the same way: creations, renames
//! and removals since the last sync of their folder are each kept or lost (a rename is never half done).

use super::{Handle, random::Random};
use crate::env::{Buffer, OpenOptions};
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    rc::Rc,
    time::Duration,
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
struct Inode {
    /// What reads see.
    live: Vec<u8>,
    /// What a crash cannot take away.
    safe: Vec<u8>,
    /// Unsynced versions of sectors, oldest first.
    versions: BTreeMap<u64, Vec<Version>>,
    /// Completed writes not covered by a sync yet.
    completed: BTreeSet<u64>,
}

#[derive(Clone)]
enum NameChange {
    Create(PathBuf, u64),
    Rename(PathBuf, PathBuf, u64),
    Remove(PathBuf),
}

impl NameChange {
    fn folder(&self) -> &Path {
        let path = match self {
            NameChange::Create(path, _) | NameChange::Rename(_, path, _) | NameChange::Remove(path) => path,
        };
        path.parent().unwrap_or(Path::new(""))
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, u64>) {
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
struct State {
    inodes: BTreeMap<u64, Inode>,
    names: BTreeMap<PathBuf, u64>,
    safe_names: BTreeMap<PathBuf, u64>,
    changes: Vec<NameChange>,
    folders: BTreeSet<PathBuf>,
    next_inode: u64,
    next_write: u64,
}

/// A node's disk, shared by its cores. Clones share it; see [`Disk::copy`].
#[derive(Clone, Default)]
pub struct Disk(Rc<Shared>);

#[derive(Default)]
struct Shared {
    state: RefCell<State>,
    faults: Cell<Faults>,
    operations: Cell<u64>,
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

    fn start_write(&mut self, number: u64, offset: u64, bytes: &[u8]) {
        let first = offset / SECTOR as u64;
        for (index, chunk) in bytes.chunks_exact(SECTOR).enumerate() {
            let mut sector = [0; SECTOR];
            sector.copy_from_slice(chunk);
            self.versions.entry(first + index as u64).or_default().push((number, sector));
        }
    }

    fn complete_write(&mut self, number: u64, offset: u64, bytes: &[u8]) {
        let (start, end) = (offset as usize, offset as usize + bytes.len());
        if self.live.len() < end {
            self.live.resize(end, 0);
        }
        self.live[start..end].copy_from_slice(bytes);
        self.completed.insert(number);
    }

    /// Makes the sectors of one write safe.
    fn make_write_safe(&mut self, number: u64, offset: u64, len: usize) {
        let first = offset / SECTOR as u64;
        for sector in first..first + (len / SECTOR) as u64 {
            self.make_sector_safe(sector, |write| write == number);
        }
        self.completed.remove(&number);
    }

    /// Makes what was completed before a sync began safe.
    fn make_safe(&mut self, completed: &BTreeSet<u64>) {
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

    fn truncate(&mut self, len: usize) {
        self.live.resize(len, 0);
        let first_cut = (len.div_ceil(SECTOR)) as u64;
        self.versions.retain(|sector, _| *sector < first_cut);
    }
}

/// An open file of a simulated core.
#[derive(Clone)]
pub struct File {
    handle: Handle,
    inode: u64,
    sync_writes: bool,
}

fn eio() -> io::Error {
    io::Error::from_raw_os_error(libc::EIO)
}

fn not_found() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

impl Handle {
    fn disk(&self) -> &Disk {
        &self.node.disk
    }

    /// Starts an operation: counted, noted in the digest, and never ended if the node is halted or halts here.
    async fn start(&self, kind: u64, begin: impl FnOnce(&mut State)) {
        if self.node.halted.get() {
            std::future::pending::<()>().await;
        }
        let shared = &self.disk().0;
        let number = shared.operations.get() + 1;
        shared.operations.set(number);
        self.world.scheduler.note(number << 8 | kind);
        begin(&mut shared.state.borrow_mut());
        if shared.faults.get().stop_at_operation == Some(number) {
            self.stop("stopped at the chosen disk operation");
            std::future::pending::<()>().await;
        }
        let latency = Duration::from_micros(20 + self.draw(400));
        self.sleep(latency).await;
        if self.node.halted.get() {
            std::future::pending::<()>().await;
        }
    }

    fn draw(&self, bound: u64) -> u64 {
        self.world.disk_random.borrow_mut().below(bound)
    }

    fn fails(&self, times_in_a_million: u32) -> bool {
        self.world.disk_random.borrow_mut().in_a_million(times_in_a_million)
    }

    fn faults(&self) -> Faults {
        self.disk().0.faults.get()
    }

    pub(in crate::env) async fn open(&self, path: &Path, options: OpenOptions) -> io::Result<File> {
        self.start(1, |_| {}).await;
        let mut state = self.disk().0.state.borrow_mut();
        let state = &mut *state;
        let inode = match state.names.get(path).copied() {
            Some(_) if options.create_new => return Err(io::Error::from(io::ErrorKind::AlreadyExists)),
            Some(inode) => inode,
            None if options.create || options.create_new => {
                let folder = path.parent().unwrap_or(Path::new(""));
                if !state.folders.contains(folder) {
                    return Err(not_found());
                }
                state.next_inode += 1;
                let inode = state.next_inode;
                state.inodes.insert(inode, Inode::default());
                state.names.insert(path.to_owned(), inode);
                state.changes.push(NameChange::Create(path.to_owned(), inode));
                inode
            }
            None => return Err(not_found()),
        };
        if options.truncate
            && let Some(inode) = state.inodes.get_mut(&inode)
        {
            inode.truncate(0);
        }
        Ok(File { handle: self.clone(), inode, sync_writes: options.sync_writes })
    }

    pub(in crate::env) async fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.start(2, |_| {}).await;
        let mut state = self.disk().0.state.borrow_mut();
        let inode = state.names.remove(from).ok_or_else(not_found)?;
        state.names.insert(to.to_owned(), inode);
        state.changes.push(NameChange::Rename(from.to_owned(), to.to_owned(), inode));
        Ok(())
    }

    pub(in crate::env) async fn remove(&self, path: &Path) -> io::Result<()> {
        self.start(3, |_| {}).await;
        let mut state = self.disk().0.state.borrow_mut();
        state.names.remove(path).ok_or_else(not_found)?;
        state.changes.push(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    pub(in crate::env) async fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.start(4, |_| {}).await;
        let mut state = self.disk().0.state.borrow_mut();
        state.folders.extend(path.ancestors().map(Path::to_owned));
        Ok(())
    }

    pub(in crate::env) async fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        self.start(5, |_| {}).await;
        let state = self.disk().0.state.borrow();
        if !state.folders.contains(directory) {
            return Err(not_found());
        }
        let mut names: Vec<String> = state
            .names
            .keys()
            .chain(state.folders.iter())
            .filter(|path| path.parent() == Some(directory))
            .filter_map(|path| path.file_name()?.to_str().map(str::to_owned))
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    pub(in crate::env) async fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        let before = self.disk().0.state.borrow().changes.len();
        self.start(6, |_| {}).await;
        if self.fails(self.faults().sync_errors) {
            return Err(eio());
        }
        if self.faults().syncs_lie {
            return Ok(());
        }
        let mut state = self.disk().0.state.borrow_mut();
        let state = &mut *state;
        let mut later = Vec::new();
        for (index, change) in std::mem::take(&mut state.changes).into_iter().enumerate() {
            if index < before && change.folder() == directory {
                change.apply(&mut state.safe_names);
            } else {
                later.push(change);
            }
        }
        state.changes = later;
        Ok(())
    }

    pub(in crate::env) async fn file_len(&self, path: &Path) -> io::Result<Option<u64>> {
        let state = self.disk().0.state.borrow();
        if state.folders.contains(path) {
            return Ok(Some(0));
        }
        Ok(state.names.get(path).map(|inode| state.inodes[inode].live.len() as u64))
    }
}

impl File {
    fn with<T>(&self, change: impl FnOnce(&mut Inode) -> T) -> T {
        change(self.handle.disk().0.state.borrow_mut().inodes.entry(self.inode).or_default())
    }

    pub(in crate::env) async fn read_at(&self, offset: u64, len: usize) -> io::Result<Buffer> {
        self.handle.start(7, |_| {}).await;
        let faults = self.handle.faults();
        if self.handle.fails(faults.read_errors) {
            return Err(eio());
        }
        let mut buffer = self.with(|inode| {
            let start = (offset as usize).min(inode.live.len());
            let end = (start + len).min(inode.live.len());
            let mut buffer = Buffer::zeroed(end - start);
            buffer.copy_from_slice(&inode.live[start..end]);
            buffer
        });
        if !buffer.is_empty() && self.handle.fails(faults.flipped_reads) {
            let at = self.handle.draw(buffer.len() as u64) as usize;
            buffer[at] ^= 1 << self.handle.draw(8);
        }
        Ok(buffer)
    }

    pub(in crate::env) async fn write_at(&self, offset: u64, buffer: Buffer) -> io::Result<Buffer> {
        if self.grows_too_far(offset + buffer.len() as u64) {
            self.handle.start(8, |_| {}).await;
            return Err(io::Error::from_raw_os_error(libc::ENOSPC));
        }
        let mut number = 0;
        let begin = |state: &mut State| {
            state.next_write += 1;
            number = state.next_write;
            if let Some(inode) = state.inodes.get_mut(&self.inode) {
                inode.start_write(number, offset, &buffer);
            }
        };
        self.handle.start(8, begin).await;
        let faults = self.handle.faults();
        if self.handle.fails(faults.write_errors) {
            return Err(eio());
        }
        self.with(|inode| {
            inode.complete_write(number, offset, &buffer);
            if self.sync_writes && !faults.syncs_lie {
                inode.make_write_safe(number, offset, buffer.len());
            }
        });
        Ok(buffer)
    }

    fn grows_too_far(&self, end: u64) -> bool {
        let Some(capacity) = self.handle.faults().capacity_bytes else { return false };
        let state = self.handle.disk().0.state.borrow();
        let used: u64 = state.inodes.values().map(|inode| inode.live.len() as u64).sum();
        let own = state.inodes.get(&self.inode).map_or(0, |inode| inode.live.len() as u64);
        end > own && used + (end - own) > capacity
    }

    pub(in crate::env) async fn sync(&self) -> io::Result<()> {
        let completed = self.with(|inode| inode.completed.clone());
        self.handle.start(9, |_| {}).await;
        let faults = self.handle.faults();
        if self.handle.fails(faults.sync_errors) {
            return Err(eio());
        }
        if !faults.syncs_lie {
            self.with(|inode| inode.make_safe(&completed));
        }
        Ok(())
    }

    pub(in crate::env) fn len(&self) -> io::Result<u64> {
        Ok(self.with(|inode| inode.live.len() as u64))
    }

    pub(in crate::env) async fn truncate(&self, len: u64) -> io::Result<()> {
        self.handle.start(10, |_| {}).await;
        self.with(|inode| inode.truncate(len as usize));
        Ok(())
    }
}
