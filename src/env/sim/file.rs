//! Disk operations of a simulated core: counted, delayed, failed on request, and cut short when the node halts.

use super::{
    Handle,
    disk::{Disk, Faults, Inode, NameChange, State},
};
use crate::env::{Buffer, OpenOptions};
use std::{io, path::Path, time::Duration};

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
