//! Files on io_uring with O_DIRECT.
//!
//! glommio probes each device once per core: the first file it opens there is read, and an empty answer makes it
//! believe in completion polling, after which every read on that device fails. So before the first file on a device we
//! show it a small file of our own ([`Handle::prime`]). Its unaligned reads return bytes from beyond the end of
//! the file, so only aligned ones are used; its lengths go by path, so lengths come from the descriptor.

use super::{
    super::{Buffer, OpenOptions},
    Handle,
};
use glommio::{
    GlommioError,
    io::{DmaBuffer, DmaFile},
};
use std::{
    io,
    os::{fd::AsRawFd, unix::fs::MetadataExt},
    path::Path,
    rc::Rc,
};

/// The system's error as it was: callers name the file and what they did to it, descriptors tell nobody anything.
fn plain(error: GlommioError<()>) -> io::Error {
    match error {
        GlommioError::IoError(source) | GlommioError::EnhancedIoError { source, .. } => source,
        other => other.into(),
    }
}

/// An open file.
#[derive(Clone)]
pub struct File(Rc<DmaFile>);

impl File {
    pub(in crate::env) async fn read_at(&self, offset: u64, len: usize) -> io::Result<Buffer> {
        if len == 0 {
            return Ok(Buffer::zeroed(0));
        }
        loop {
            match self.0.read_at_aligned(offset, len).await.map_err(plain) {
                Ok(read) => return Ok(Buffer::from_read(read)),
                Err(error) if may_repeat(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(in crate::env) async fn write_at(&self, mut offset: u64, buffer: Buffer) -> io::Result<Buffer> {
        let Some(memory) = buffer.into_owned() else { return Ok(Buffer::zeroed(0)) };
        let memory = Rc::new(memory);
        let total = memory.len();
        let mut written = self.write_once(memory.clone(), offset).await?;
        while written < total {
            // Rare: the device took a part, for instance just before it ran full. The next write tells which.
            let rest = Buffer::padded(&memory.as_bytes()[written..]);
            offset += written as u64;
            let Some(rest) = rest.into_owned() else { break };
            let count = self.write_once(Rc::new(rest), offset).await?;
            if count == 0 {
                return Err(io::Error::from(io::ErrorKind::WriteZero));
            }
            written += count;
        }
        Ok(match Rc::try_unwrap(memory) {
            Ok(memory) => Buffer::from_owned(memory),
            Err(shared) => Buffer::zeroed(shared.len()),
        })
    }

    /// The ring holds its own reference to the memory until the kernel is done, also when this future is dropped.
    async fn write_once(&self, memory: Rc<DmaBuffer>, offset: u64) -> io::Result<usize> {
        loop {
            match self.0.write_rc_at(memory.clone(), offset).await.map_err(plain) {
                Ok(count) => return Ok(count),
                Err(error) if may_repeat(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(in crate::env) async fn sync(&self) -> io::Result<()> {
        self.0.fdatasync().await.map_err(plain)
    }

    pub(in crate::env) fn len(&self) -> io::Result<u64> {
        // SAFETY: an all-zero stat is a valid value to be overwritten.
        let mut stat: libc::stat = unsafe { std::mem::zeroed() };
        // SAFETY: the descriptor is open while `self` lives and the pointer is to the stat above. Covered by
        // `files_keep_what_is_written`.
        match unsafe { libc::fstat(self.0.as_raw_fd(), &raw mut stat) } {
            0 => Ok(u64::try_from(stat.st_size).unwrap_or(0)),
            _ => Err(io::Error::last_os_error()),
        }
    }

    pub(in crate::env) async fn truncate(&self, len: u64) -> io::Result<()> {
        self.0.truncate(len).await.map_err(plain)
    }

    pub(in crate::env) async fn close(self) -> io::Result<()> {
        self.0.close_rc().await.map(|_| ()).map_err(plain)
    }
}

/// The kernel did nothing and asks to be asked again; not to be confused with a failed write.
fn may_repeat(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock)
}

impl Handle {
    pub(in crate::env) async fn open(&self, path: &Path, options: OpenOptions) -> io::Result<File> {
        self.prime(path).await?;
        let mut open = glommio::io::OpenOptions::new();
        open.read(options.read)
            .write(options.write)
            .create(options.create)
            .create_new(options.create_new)
            .truncate(options.truncate)
            .mode(0o640);
        if options.sync_writes {
            open.custom_flags(libc::O_DSYNC);
        }
        let file = open.dma_open(path).await.map_err(plain)?;
        Ok(File(Rc::new(file)))
    }

    /// Lets glommio probe the device of `path` on a file that has content.
    async fn prime(&self, path: &Path) -> io::Result<()> {
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let device = std::fs::metadata(folder)?.dev();
        if self.0.primed_devices.borrow().contains(&device) {
            return Ok(());
        }
        let probe = folder.join(format!(".probe-{}-{}", std::process::id(), glommio::executor().id()));
        std::fs::write(&probe, [1u8; 8192])?;
        let opened = DmaFile::open(&probe).await.map_err(plain);
        let closed = match opened {
            Ok(file) => file.close().await.map_err(plain),
            Err(error) => Err(error),
        };
        let removed = std::fs::remove_file(&probe);
        closed?;
        removed?;
        self.0.primed_devices.borrow_mut().insert(device);
        Ok(())
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
        if let Ok(name) = entry?.file_name().into_string()
            && !name.starts_with(".probe-")
        {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}
