//! Files with O_DIRECT: reads, writes and syncs on the core's own ring, the rest on the executor's helper thread.

use super::{
    super::{Buffer, OpenOptions, memory::Memory},
    Handle,
    network::Network,
    ring::Request,
};
use std::{
    io,
    os::{
        fd::IntoRawFd,
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    path::Path,
    rc::Rc,
};

/// An open file.
#[derive(Clone)]
pub struct File {
    file: Rc<std::fs::File>,
    network: Rc<Network>,
}

impl File {
    pub(in crate::env) async fn read_at(&self, offset: u64, len: usize) -> io::Result<Buffer> {
        if len == 0 {
            return Ok(Buffer::zeroed(0));
        }
        let mut memory = Memory::with_capacity(len);
        let mut done = 0;
        while done < len {
            let request = Request::Read { offset: offset + done as u64, done };
            let (count, given_back) = self.perform(request, memory).await?;
            memory = given_back;
            if count == 0 {
                break;
            }
            done += count;
            if !done.is_multiple_of(super::super::File::ALIGNMENT) {
                // The end of the file; a read from here would not be aligned.
                break;
            }
        }
        // SAFETY: the kernel has reported that it filled this many bytes from the start, part by part.
        unsafe { memory.set_len(done) };
        Ok(Buffer::from_memory(memory))
    }

    pub(in crate::env) async fn write_at(&self, offset: u64, buffer: Buffer) -> io::Result<Buffer> {
        let Some(mut memory) = buffer.into_memory() else { return Ok(Buffer::zeroed(0)) };
        let mut done = 0;
        while done < memory.as_bytes().len() {
            let request = Request::Write { offset: offset + done as u64, done };
            let (count, given_back) = self.perform(request, memory).await?;
            memory = given_back;
            if count == 0 {
                return Err(io::Error::from(io::ErrorKind::WriteZero));
            }
            // Rarely less than all: the device took a part, for instance just before it ran full. The next write tells.
            // It must be aligned, so blocks that were taken in part are written again.
            done += count;
            done -= done % super::super::File::ALIGNMENT;
        }
        Ok(Buffer::from_memory(memory))
    }

    pub(in crate::env) async fn sync(&self) -> io::Result<()> {
        loop {
            match self.network.perform(&self.file, Request::Sync, None).await.0 {
                Err(error) if may_repeat(&error) => {}
                result => return result.map(drop),
            }
        }
    }

    /// Repeats what was interrupted before it did anything.
    async fn perform(&self, request: Request, mut memory: Memory) -> io::Result<(usize, Memory)> {
        loop {
            let (result, given_back) = self.network.perform(&self.file, request, Some(memory)).await;
            let Some(given_back) = given_back else { return Err(io::Error::other("a buffer was not given back")) };
            memory = given_back;
            match result {
                Err(error) if may_repeat(&error) => {}
                Err(error) => return Err(error),
                Ok(count) => return Ok((count, memory)),
            }
        }
    }

    pub(in crate::env) fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.size())
    }

    pub(in crate::env) async fn truncate(&self, len: u64) -> io::Result<()> {
        let file = self.file.try_clone()?;
        self.network.blocking(move || file.set_len(len)).await
    }

    pub(in crate::env) async fn close(self) -> io::Result<()> {
        let Ok(file) = Rc::try_unwrap(self.file) else { return Ok(()) };
        self.network.blocking(move || close(file)).await
    }
}

/// The kernel did nothing and asks to be asked again; not to be confused with a failed write.
fn may_repeat(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock)
}

/// Closes a file and tells of errors, which dropping it does not.
fn close(file: std::fs::File) -> io::Result<()> {
    // SAFETY: the descriptor was just given up by its only owner. Covered by `files_keep_what_is_written`.
    match unsafe { libc::close(file.into_raw_fd()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

impl Handle {
    pub(in crate::env) async fn open(&self, path: &Path, options: OpenOptions) -> io::Result<File> {
        let mut open = std::fs::OpenOptions::new();
        open.read(options.read)
            .write(options.write)
            .create(options.create)
            .create_new(options.create_new)
            .truncate(options.truncate)
            .mode(0o640)
            .custom_flags(libc::O_DIRECT | if options.sync_writes { libc::O_DSYNC } else { 0 });
        let (network, path) = (self.0.network.clone(), path.to_owned());
        let file = network.blocking(move || open.open(path)).await?;
        Ok(File { file: Rc::new(file), network })
    }
}

/// Creates folders from the top down and syncs the parent of each new one.
pub(super) fn create_dir_all(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_dir_all(parent)?;
    match std::fs::create_dir(path) {
        Ok(()) => std::fs::File::open(parent)?.sync_all(),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Names in a folder, sorted. A name that is not UTF-8 is none of ours and is left out.
pub(super) fn list(directory: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        if let Ok(name) = entry?.file_name().into_string() {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}
