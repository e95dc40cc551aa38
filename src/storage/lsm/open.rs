//! Opening a tree: the manifest, the tables it names, and a clean folder. Replaying the log comes after, by the owner.
//!
//! Nothing is removed before a manifest that does not need it is durable.

use super::engine::Engine;
use super::file::{Store, Table, table_number};
use super::manifest::file::{ManifestFile, load, manifest_number};
use super::options::Options;
use super::version::Version;
use crate::env::Env;
use crate::error::{Error, Result};
use std::collections::BTreeSet;
use std::rc::Rc;

/// Opens the tree in `options.dir`, or makes one there.
pub async fn open(env: &Env, options: Options) -> Result<Rc<Engine>> {
    let dir = options.dir.clone();
    let io = |doing: &str, error| Error::io(format_args!("{doing} {}", dir.display()), error);
    env.create_dir_all(&dir).await.map_err(|error| io("creating folder", error))?;
    let names = env.list(&dir).await.map_err(|error| io("listing folder", error))?;
    let mut state = load(env, &dir, &names).await?.unwrap_or_default();
    let used = names.iter().filter_map(|name| table_number(name).or_else(|| manifest_number(name)));
    let number = used.max().map_or(1, |number| number + 1).max(state.next_number);
    state.next_number = number + 1;
    let store = Store::new(env, &options);
    let mut version = Version::default();
    for metas in &state.levels {
        let mut tables = Vec::with_capacity(metas.len());
        for meta in metas {
            tables.push(Rc::new(Table::open(&store, meta.clone()).await?));
        }
        version.levels.push(tables);
    }
    let manifest = ManifestFile::create(env, &dir, number, &state).await?;
    let live: BTreeSet<u64> = state.levels.iter().flatten().map(|meta| meta.number).collect();
    for name in &names {
        let is_orphan = table_number(name).is_some_and(|number| !live.contains(&number));
        if is_orphan || manifest_number(name).is_some() {
            match env.remove(&dir.join(name)).await {
                // The new manifest has taken the name of one that was not finished.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                removed => removed.map_err(|error| io("removing a leftover file in", error))?,
            }
        }
    }
    Ok(Rc::new(Engine::new(env, options, store, state, version, manifest)))
}
