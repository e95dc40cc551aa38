//! One process per data folder: an advisory lock on the file `LOCK` in it.
//!
//! The kernel drops the lock with the process, however it ends, so nothing is left to clean up. The file holds the
//! owner's process id for the message to whoever comes second; it is never removed, since removing it would let two
//! processes lock two different files of that name.

use crate::{
    base::sqlstate::SqlState,
    error::{Error, Result},
};
use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Write},
    path::Path,
};

/// Name of the lock file in a data folder.
pub const FILE_NAME: &str = "LOCK";

/// The lock; dropping it gives the folder free.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

/// Locks a data folder for this process, or says who has it.
pub fn acquire(folder: &Path) -> Result<FolderLock> {
    let path = folder.join(FILE_NAME);
    let doing = || format!("cannot lock the data folder {}", folder.display());
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = opened.map_err(|error| Error::io(doing(), error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(held(folder, &mut file)),
        Err(TryLockError::Error(error)) => return Err(Error::io(doing(), error)),
    }
    file.set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(|error| Error::io(doing(), error))?;
    Ok(FolderLock { _file: file })
}

fn held(folder: &Path, file: &mut File) -> Error {
    let mut text = String::new();
    // Only for the message; an unreadable owner is "another process".
    let _ = file.take(32).read_to_string(&mut text);
    let owner = match text.trim().parse::<u32>() {
        Ok(pid) => format!("process {pid}"),
        Err(_) => "another process".to_owned(),
    };
    Error::new(SqlState::LOCK_FILE_EXISTS, format!("the data folder {} is in use by {owner}", folder.display()))
        .with_hint("Stop that process, or start this node with another --data-dir.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let first = acquire(folder.path()).unwrap();
        let error = acquire(folder.path()).unwrap_err();
        assert!(error.message().contains(&std::process::id().to_string()), "{error}");
        assert!(error.message().contains(folder.path().to_str().unwrap()), "{error}");
        drop(first);
        acquire(folder.path()).unwrap();
        assert!(acquire(Path::new("/nonexistent/folder")).is_err());
    }
}
