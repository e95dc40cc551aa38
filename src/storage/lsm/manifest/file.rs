//! The manifest on disk: finding it, writing it anew, adding an edit.
//!
//! A failed sync is never tried again: the caller stops the process. A full disk before the sync leaves the file as it
//! was, and the edit may be tried again at the same place.

use super::edit::{Edit, State};
use super::record::{self, Kind};
use crate::env::{Buffer, Env, File, OpenOptions};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

const CURRENT: &str = "CURRENT";
/// Becomes `CURRENT` by a rename; one that a crash left is overwritten by the next start.
const CURRENT_NEXT: &str = "CURRENT.next";
/// A manifest larger than this is not believed.
const MANIFEST_BYTES_MAX: u64 = 1 << 30;

/// The file name of a manifest.
pub fn manifest_name(number: u64) -> String {
    format!("{number:010}.manifest")
}

/// The way back; `None` if it is no manifest's name.
pub fn manifest_number(name: &str) -> Option<u64> {
    name.strip_suffix(".manifest")?.parse().ok()
}

/// The manifest that takes edits.
pub struct ManifestFile {
    path: PathBuf,
    file: File,
    number: u64,
    sequence: u64,
    end: u64,
}

/// Reads the state a folder is in; `None` if there is no tree in it.
pub async fn load(env: &Env, dir: &Path, names: &[String]) -> Result<Option<State>> {
    let current = dir.join(CURRENT);
    let io = |path: &Path, error| Error::io(format_args!("reading {}", path.display()), error);
    if !names.iter().any(|name| name == CURRENT) {
        check_fresh(env, dir, names).await?;
        return Ok(None);
    }
    let bytes = read_whole(env, &current).await.map_err(|error| io(&current, error))?;
    let damaged = |path: &Path, offset: u64, what: &str| {
        Error::corrupt(format!("manifest {} is damaged at offset {offset}: {what}", path.display()))
            .with_hint("Restore the folder from a copy, or the node from a replica. Nothing was changed.")
    };
    let number = record::read_current(&bytes).map_err(|malformed| damaged(&current, 0, malformed.0))?;
    let path = dir.join(manifest_name(number));
    let bytes = read_whole(env, &path).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => damaged(&path, 0, "the file is missing"),
        _ => io(&path, error),
    })?;
    let (state, _) = record::replay(&bytes, number).map_err(|damage| damaged(&path, damage.offset, damage.what))?;
    Ok(Some(state))
}

/// A folder without `CURRENT` is new, or was being made new when the process ended; anything else is a loss.
async fn check_fresh(env: &Env, dir: &Path, names: &[String]) -> Result<()> {
    let lost = |what: &str| {
        let message = format!("{} is missing although {what} is there", dir.join(CURRENT).display());
        Error::corrupt(message).with_hint("Restore the folder from a copy, or the node from a replica.")
    };
    for name in names {
        if super::super::file::table_number(name).is_some() {
            return Err(lost(name));
        }
        if manifest_number(name).is_some() {
            let len = env.file_len(&dir.join(name)).await;
            let len = len.map_err(|error| Error::io(format_args!("looking at {name}"), error))?;
            if len.unwrap_or(0) > record::ALIGNMENT as u64 {
                return Err(lost(name));
            }
        }
    }
    Ok(())
}

async fn read_whole(env: &Env, path: &Path) -> std::io::Result<Vec<u8>> {
    const PIECE_BYTES: usize = 1 << 20;
    if env.file_len(path).await?.is_none() {
        return Err(std::io::ErrorKind::NotFound.into());
    }
    let file = env.open(path, OpenOptions::reading()).await?;
    let len = file.len().await?;
    if len > MANIFEST_BYTES_MAX {
        return Err(std::io::Error::other("the file is larger than it can be"));
    }
    let mut bytes = Vec::with_capacity(len as usize);
    while (bytes.len() as u64) < len {
        let piece = file.read_at(bytes.len() as u64, PIECE_BYTES).await?;
        if piece.is_empty() {
            break;
        }
        bytes.extend_from_slice(&piece);
    }
    bytes.truncate(len as usize);
    file.close().await?;
    Ok(bytes)
}

impl ManifestFile {
    /// Writes a manifest that begins with this state, and makes it the current one.
    pub async fn create(env: &Env, dir: &Path, number: u64, state: &State) -> Result<ManifestFile, Failure> {
        let path = dir.join(manifest_name(number));
        let failed = |error| Error::io(format_args!("writing manifest {}", path.display()), error);
        let write = |error| Failure::Write(failed(error));
        let sync = |error| Failure::Sync(failed(error));
        let mut payload = Vec::new();
        state.snapshot().encode(&mut payload);
        let mut bytes = Vec::new();
        record::write(&mut bytes, Kind::Snapshot, number, 0, &payload);
        let file = env.open(&path, OpenOptions::replacing()).await.map_err(write)?;
        let end = bytes.len() as u64;
        file.write_at(0, Buffer::padded(&bytes)).await.map_err(write)?;
        file.sync().await.map_err(sync)?;
        env.sync_dir(dir).await.map_err(sync)?;
        let next = dir.join(CURRENT_NEXT);
        let pointer = env.open(&next, OpenOptions::replacing()).await.map_err(write)?;
        pointer.write_at(0, Buffer::padded(&record::write_current(number))).await.map_err(write)?;
        pointer.sync().await.map_err(sync)?;
        pointer.close().await.map_err(write)?;
        // From here on the old manifest may be out of force.
        env.rename(&next, &dir.join(CURRENT)).await.map_err(sync)?;
        env.sync_dir(dir).await.map_err(sync)?;
        Ok(ManifestFile { path, file, number, sequence: 1, end })
    }

    /// Adds an edit; it is durable, and sealed, when this returns.
    pub async fn append(&mut self, edit: &Edit) -> Result<(), Failure> {
        let mut payload = Vec::new();
        edit.encode(&mut payload);
        let mut bytes = Vec::new();
        record::write(&mut bytes, Kind::Edit, self.number, self.sequence, &payload);
        let mut seal = Vec::new();
        record::write(&mut seal, Kind::Seal, self.number, self.sequence + 1, &[]);
        let at = self.end;
        let seal_at = at + bytes.len() as u64;
        // Once the edit is on disk it counts, so from there on a full disk must not stop us: first make room for the seal.
        self.write(seal_at, &vec![0; seal.len()]).await?;
        self.write(at, &bytes).await?;
        self.write(seal_at, &seal).await.map_err(|failure| match failure {
            Failure::Write(error) | Failure::Sync(error) => Failure::Sync(error),
        })?;
        self.end = at + (bytes.len() + seal.len()) as u64;
        self.sequence += 2;
        Ok(())
    }

    async fn write(&self, at: u64, bytes: &[u8]) -> Result<(), Failure> {
        let failed = |error| Error::io(format_args!("writing manifest {}", self.path.display()), error);
        self.file.write_at(at, Buffer::padded(bytes)).await.map_err(|error| Failure::Write(failed(error)))?;
        self.file.sync().await.map_err(|error| Failure::Sync(failed(error)))
    }

    /// Length of the file.
    pub fn bytes(&self) -> u64 {
        self.end
    }

    /// The file's number.
    pub fn number(&self) -> u64 {
        self.number
    }
}

/// Why an edit was not added.
pub enum Failure {
    /// Nothing is on disk for certain, and nobody relies on it: it may be tried again.
    Write(Error),
    /// Unknown what is on disk: stop.
    Sync(Error),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        match failure {
            Failure::Write(error) | Failure::Sync(error) => error,
        }
    }
}
