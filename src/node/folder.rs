//! The data folder: who it belongs to, and what is in it.
//!
//! `NODE` is a small TOML file written once: the node's name, the number of shards that the rows were spread over, and the
//! format of everything else in the folder. A folder of another node, of another number of shards, or of a newer format is
//! refused by name.

use crate::{
    base::sqlstate::SqlState,
    config::NodeConfig,
    env::{self, Env, File, OpenOptions, lock},
    error::{Error, Result},
};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Grows with every change that older versions of distdb could not read.
const FORMAT: u32 = 1;
/// Name of the identity file.
const FILE_NAME: &str = "NODE";

/// What the identity file says.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    node_id: String,
    format: u32,
    shards: u16,
}

/// Makes or opens the data folder; gives its lock and the number of shards.
pub fn open(config: &NodeConfig) -> Result<(lock::FolderLock, u16)> {
    let wanted = Identity { node_id: config.node_id.clone(), format: FORMAT, shards: config.cores as u16 };
    let (data, log) = (config.data_dir.clone(), config.wal_dir.clone());
    let folder = data.clone();
    env::glommio::block_on(move |env| async move { make_folders(&env, [&data, &log]).await })?;
    let lock = lock::acquire(&folder)?;
    let found = env::glommio::block_on(move |env| async move { identify(&env, &folder, wanted).await })?;
    Ok((lock, found.shards))
}

async fn make_folders(env: &Env, folders: [&PathBuf; 2]) -> Result<()> {
    for folder in folders {
        let made = env.create_dir_all(folder).await;
        made.map_err(|error| Error::io(format!("cannot make the folder {}", folder.display()), error))?;
    }
    Ok(())
}

async fn identify(env: &Env, folder: &Path, wanted: Identity) -> Result<Identity> {
    let path = folder.join(FILE_NAME);
    let failed = |error| Error::io(format!("cannot read {}", path.display()), error);
    if env.file_len(&path).await.map_err(failed)?.is_none() {
        write(env, folder, &wanted)
            .await
            .map_err(|error| Error::io(format!("cannot write {}", path.display()), error))?;
        return Ok(wanted);
    }
    let file = env.open(&path, OpenOptions { read: true, ..OpenOptions::default() }).await.map_err(failed)?;
    let bytes = file.read_at(0, File::ALIGNMENT).await.map_err(failed)?;
    file.close().await.map_err(failed)?;
    let text = String::from_utf8_lossy(&bytes);
    let found: Identity = toml::from_str(text.trim_end_matches(['\0', '\n', ' '])).map_err(|cause| {
        Error::corrupt(format!("{} cannot be read: {}", path.display(), cause.message()))
            .with_hint("Restore the file from a backup; do not start a new node over old data.")
    })?;
    check(&found, &wanted, folder)?;
    Ok(found)
}

fn check(found: &Identity, wanted: &Identity, folder: &Path) -> Result<()> {
    let folder = folder.display();
    let refuse = |message: String, hint: String| {
        Err(Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message).with_hint(hint))
    };
    if found.format > FORMAT {
        return refuse(
            format!("the data folder {folder} has format {}; this distdb reads up to {FORMAT}", found.format),
            "Start it with the newer distdb that wrote it.".into(),
        );
    }
    if found.node_id != wanted.node_id {
        return refuse(
            format!("the data folder {folder} belongs to node \"{}\", not \"{}\"", found.node_id, wanted.node_id),
            format!("Start with --node-id {}, or give this node a folder of its own (--data-dir).", found.node_id),
        );
    }
    if found.shards != wanted.shards {
        return refuse(
            format!("the data folder {folder} is spread over {} shards, not {}", found.shards, wanted.shards),
            format!("Start with --cores {}; shards share cores where there are fewer.", found.shards),
        );
    }
    Ok(())
}

/// Writes the identity beside and renames it, so that it is there whole or not at all.
async fn write(env: &Env, folder: &Path, identity: &Identity) -> std::io::Result<()> {
    let text = toml::to_string(identity).map_err(std::io::Error::other)?;
    let beside = folder.join(format!("{FILE_NAME}.new"));
    let options = OpenOptions { write: true, create: true, truncate: true, ..OpenOptions::default() };
    let file = env.open(&beside, options).await?;
    let mut buffer = env.buffer(File::ALIGNMENT);
    buffer.fill(b'\n');
    buffer[..text.len()].copy_from_slice(text.as_bytes());
    file.write_at(0, buffer).await?;
    file.sync().await?;
    file.close().await?;
    env.rename(&beside, &folder.join(FILE_NAME)).await?;
    env.sync_dir(folder).await
}
