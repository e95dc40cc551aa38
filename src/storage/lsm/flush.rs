//! The flush task: sealed memtables, oldest first, into tables of level 0.
//!
//! A full disk is waited out: the memtable stays, writers are slowed, and every try begins new files. A memtable
//! leaves the snapshot in the same step in which its tables enter it.

use super::compaction::keep::Keeper;
use super::engine::Engine;
use super::manifest::edit::Edit;
use super::memtable::{MemoryCursor, Memtable};
use super::merge::{MemorySource, Merge, Source};
use super::output::{Cuts, Output};
use super::retention::Resolution;
use super::table::builder::Shape;
use super::version::Sealed;
use crate::base::ids::StorageId;
use crate::base::sqlstate::SqlState;
use crate::base::time::Timestamp;
use crate::error::{Error, Result};
use std::rc::Rc;
use std::time::Duration;

/// Between two tries after a failure.
const RETRY: Duration = Duration::from_secs(1);

/// Flushes what is sealed until the engine closes.
pub async fn run(engine: Rc<Engine>) {
    while !engine.closing.get() {
        let oldest = engine.current().sealed.last().cloned();
        let Some(sealed) = oldest else {
            engine.flush_wanted.wait().await;
            continue;
        };
        match flush(&engine, &sealed).await {
            Ok(()) => {
                engine.failure.take();
            }
            Err(error) => {
                engine.fail(&error);
                if !is_passing(&error) {
                    engine.env.halt(&format!("a memtable cannot be flushed: {error}")).await;
                }
                engine.env.sleep(RETRY).await;
            }
        }
        engine.remove_garbage().await;
    }
}

/// Whether trying again later can help.
pub fn is_passing(error: &Error) -> bool {
    error.state() == SqlState::DISK_FULL
}

async fn flush(engine: &Rc<Engine>, sealed: &Sealed) -> Result<()> {
    let options = &engine.options;
    let next_number = || engine.next_number();
    let cuts = Cuts { table_bytes: options.table_bytes * 2, prefix_bytes: options.table_bytes / 16 };
    let mut output = Output::new(&engine.store, Shape::from(options), cuts, &next_number);
    let written = write(engine, &sealed.memtable, &mut output).await;
    let numbers = output.numbers();
    let tables = match written {
        Ok(()) => output.finish().await,
        Err(error) => Err(error),
    };
    let committed = match tables {
        Ok(tables) => {
            let mut edit = Edit {
                flushed: Some(sealed.position),
                attachment: Some(sealed.attachment.to_vec()),
                added: tables.into_iter().map(|table| (0, table)).collect(),
                ..Edit::default()
            };
            edit.forgotten = forgotten(engine, sealed, &edit);
            engine.commit(edit, Some(&sealed.memtable)).await
        }
        Err(error) => Err(error),
    };
    if let Err(error) = committed {
        engine.store.garbage.borrow_mut().extend(numbers);
        return Err(error);
    }
    engine.counters.flushes.set(engine.counters.flushes.get() + 1);
    let hook = engine.hooks.borrow().on_flushed.clone();
    if let Some(hook) = hook {
        hook(sealed.position);
    }
    Ok(())
}

async fn write(engine: &Engine, memtable: &Rc<Memtable>, output: &mut Output<'_>) -> Result<()> {
    let options = &engine.options;
    let (provisional, dropped) = (options.retention.provisional.borrow().clone(), engine.dropped());
    if let Some(at) = memtable.bulk()
        && dropped.is_empty()
    {
        // All of it is one version of keys that have no other here, so nothing need be decided key by key.
        return match provisional.get(at) {
            Some(Resolution::Aborted) => Ok(()),
            Some(Resolution::Open) => output.write_bulk(memtable, at, true).await,
            Some(Resolution::Committed(at)) => output.write_bulk(memtable, at, false).await,
            None => Err(Error::internal("a loaded memtable of no provisional version")),
        };
    }
    let mut cursor = MemoryCursor::new(memtable.clone());
    cursor.seek(&[], Timestamp::MAX);
    let mut merge = Merge::new(vec![Source::Memory(MemorySource::new(cursor, true))], true);
    let mut keeper = Keeper::new(options.retention.horizon.get(), provisional, dropped);
    // Whether a tombstone is still needed is found out by compaction, which knows what lies deeper.
    output.write_all(&mut merge, &mut keeper, &|_| true).await
}

/// Dropped storages of which nothing is left: the log is not replayed from before their end, and no table has their keys.
fn forgotten(engine: &Engine, sealed: &Sealed, edit: &Edit) -> Vec<StorageId> {
    let state = engine.state.borrow();
    let tables = || state.levels.iter().flatten().chain(edit.added.iter().map(|(_, meta)| meta));
    let is_in_tables = |dropped| tables().any(|meta| meta.properties.storages.contains(&dropped));
    let gone = |(&dropped, &position): (&StorageId, &_)| {
        (position <= sealed.position && !is_in_tables(dropped)).then_some(dropped)
    };
    state.dropped.iter().filter_map(gone).collect()
}
