//! The compaction task: carries out what `pick` chose, one choice at a time.
//!
//! It reads past the cache, in large pieces, and gives others a turn all the time. What it wrote takes effect by one edit;
//! until then nothing has changed. It begins when the horizon is first set: before, the owner may not have registered
//! the provisional versions of an earlier run, and they would pass for ordinary ones. Damage in a table is reported and waited out: nothing is dropped for it.

use super::keep::Keeper;
use super::pick::{Choice, Reason, Situation, pick};
use crate::base::time::Timestamp;
use crate::error::Result;
use crate::storage::lsm::engine::Engine;
use crate::storage::lsm::file::Table;
use crate::storage::lsm::manifest::edit::{Edit, LEVELS, TableMeta};
use crate::storage::lsm::merge::{Merge, Source};
use crate::storage::lsm::output::{Cuts, Output};
use crate::storage::lsm::retention::Resolution;
use crate::storage::lsm::run::{Reading, RunCursor};
use crate::storage::lsm::table::builder::Shape;
use crate::storage::lsm::version::Version;
use std::ops::Bound;
use std::rc::Rc;
use std::time::Duration;

/// Between two tries after a failure.
const RETRY: Duration = Duration::from_secs(5);
/// How often it looks whether the horizon or a decision has made something worth rewriting.
const LOOK: Duration = Duration::from_secs(10);

/// Compacts until the engine closes.
pub async fn run(engine: Rc<Engine>) {
    while !engine.closing.get() {
        // Taken before looking, so that nothing that happens meanwhile is missed.
        let wanted = engine.compaction_wanted.wait();
        if let Some(edit) = decided(&engine) {
            if let Err(error) = engine.commit(edit, None).await {
                tracing::error!("noting decided tables failed: {error}");
                engine.compaction_failure.replace(Some(error));
                engine.env.sleep(RETRY).await;
            }
            continue;
        }
        let requested = next_request(&engine);
        let is_requested = requested.is_some();
        let choice = requested.or_else(|| choose(&engine));
        let Some(choice) = choice else {
            engine.remove_garbage().await;
            engine.changed.set();
            engine.env.timeout(LOOK, wanted).await;
            continue;
        };
        tracing::debug!(%choice, "compaction");
        match carry_out(&engine, &choice).await {
            Ok(()) => {
                engine.counters.compactions.set(engine.counters.compactions.get() + 1);
                engine.compaction_failure.take();
            }
            Err(error) => {
                if is_requested {
                    engine.compact_requests.borrow_mut().clear();
                }
                tracing::error!("compaction failed ({choice}): {error}");
                engine.compaction_failure.replace(Some(error));
                engine.changed.set();
                engine.env.sleep(RETRY).await;
            }
        }
        engine.remove_garbage().await;
    }
}

/// Whether there is something to do.
pub fn is_due(engine: &Engine) -> bool {
    decided(engine).is_some() || choose(engine).is_some()
}

/// Tables that hold one provisional version and nothing else need not be rewritten when it is decided: they get their
/// stamp, or go.
fn decided(engine: &Engine) -> Option<Edit> {
    let retention = &engine.options.retention;
    if retention.horizon.get() == Timestamp::MIN {
        return None;
    }
    let (state, provisional) = (engine.state.borrow(), retention.provisional.borrow());
    let mut edit = Edit::default();
    for (level, table) in
        state.levels.iter().enumerate().flat_map(|(level, tables)| tables.iter().map(move |t| (level, t)))
    {
        match table.single_provisional().and_then(|at| provisional.get(at)) {
            None | Some(Resolution::Open) => continue,
            Some(Resolution::Committed(at)) => edit.added.push((level, TableMeta { stamp: Some(at), ..table.clone() })),
            Some(Resolution::Aborted) => {}
        }
        edit.removed.push((level, table.number));
    }
    (!edit.removed.is_empty()).then_some(edit)
}

fn choose(engine: &Engine) -> Option<Choice> {
    let retention = &engine.options.retention;
    if retention.horizon.get() == Timestamp::MIN {
        return None;
    }
    let provisional = retention.provisional.borrow();
    let open = provisional.iter().filter(|(_, resolution)| *resolution == Resolution::Open).map(|(at, _)| at);
    let situation = Situation { horizon: retention.horizon.get(), dropped: engine.dropped(), open: open.collect() };
    pick(&engine.state.borrow(), &situation, &engine.options)
}

/// The next step of a full compaction that was asked for: the uppermost level with tables in the range goes one down.
fn next_request(engine: &Engine) -> Option<Choice> {
    loop {
        let (start, end) = engine.compact_requests.borrow().first().cloned()?;
        let state = engine.state.borrow();
        let levels = || state.levels.iter().enumerate();
        let in_range = |tables: &[TableMeta]| tables.iter().any(|table| table.overlaps(&start, &end));
        let deepest = levels().filter(|(_, tables)| !tables.is_empty()).map(|(level, _)| level).max().unwrap_or(0);
        let upper = levels().find(|(_, tables)| in_range(tables)).map(|(level, _)| level);
        let Some(level) = upper.filter(|&level| level < deepest.max(1)) else {
            drop(state);
            engine.compact_requests.borrow_mut().remove(0);
            engine.changed.set();
            continue;
        };
        // All of level 0 goes, so that nothing older stays behind; of the others what is in the range.
        let taken = state.levels[level].iter().filter(|table| level == 0 || table.overlaps(&start, &end));
        let taken: Vec<&TableMeta> = taken.collect();
        let smallest = taken.iter().map(|table| table.smallest()).min()?;
        let largest = taken.iter().map(|table| table.largest()).max()?;
        let mut inputs: Vec<(usize, u64)> = taken.iter().map(|table| (level, table.number)).collect();
        let below = state.levels[level + 1].iter().filter(|table| table.overlaps(smallest, largest));
        inputs.extend(below.map(|table| (level + 1, table.number)));
        return Some(Choice { reason: Reason::Size, inputs, target: Some(level + 1), is_move: false });
    }
}

async fn carry_out(engine: &Rc<Engine>, choice: &Choice) -> Result<()> {
    let removed = choice.inputs.clone();
    if choice.target.is_none() {
        return engine.commit(Edit { removed, ..Edit::default() }, None).await;
    }
    let version = engine.current().version.clone();
    let inputs = tables_of(&version, choice);
    let target = choice.target.unwrap_or(1);
    if choice.is_move {
        engine.counters.moves.set(engine.counters.moves.get() + 1);
        let added = inputs.iter().map(|(_, table)| (target, table.meta.clone())).collect();
        return engine.commit(Edit { removed, added, ..Edit::default() }, None).await;
    }
    merge(engine, &version, inputs, target, removed).await
}

fn tables_of(version: &Version, choice: &Choice) -> Vec<(usize, Rc<Table>)> {
    let find = |&(level, number): &(usize, u64)| {
        let table = version.levels.get(level)?.iter().find(|table| table.meta.number == number)?;
        Some((level, table.clone()))
    };
    choice.inputs.iter().filter_map(find).collect()
}

async fn merge(
    engine: &Rc<Engine>,
    version: &Version,
    inputs: Vec<(usize, Rc<Table>)>,
    target: usize,
    removed: Vec<(usize, u64)>,
) -> Result<()> {
    let options = &engine.options;
    let provisional = options.retention.provisional.borrow().clone();
    let mut keeper = Keeper::new(options.retention.horizon.get(), provisional, engine.dropped());
    let mut merge = Merge::new(sources(inputs, options.read_ahead_bytes), true);
    let next_number = || engine.next_number();
    let cuts = Cuts { table_bytes: options.table_bytes, prefix_bytes: options.table_bytes / 4 };
    let mut output = Output::new(&engine.store, Shape::from(options), cuts, &next_number);
    let may_be_deeper = |key: &[u8]| {
        version.levels.iter().take(LEVELS).skip(target + 1).any(|tables| {
            let at = tables.partition_point(|table| table.meta.largest() < key);
            tables.get(at).is_some_and(|table| table.meta.smallest() <= key)
        })
    };
    let written = output.write_all(&mut merge, &mut keeper, &may_be_deeper).await;
    let numbers = output.numbers();
    let finished = match written {
        Ok(()) => output.finish().await,
        Err(error) => Err(error),
    };
    drop(merge);
    let committed = match finished {
        Ok(tables) => {
            let added = tables.into_iter().map(|table| (target, table)).collect();
            engine.commit(Edit { removed, added, ..Edit::default() }, None).await
        }
        Err(error) => Err(error),
    };
    if committed.is_err() {
        engine.store.garbage.borrow_mut().extend(numbers);
    }
    committed
}

/// One source for each table of level 0, youngest first, and one for each deeper level.
fn sources(inputs: Vec<(usize, Rc<Table>)>, read_ahead_bytes: usize) -> Vec<Source> {
    let reading = Reading { read_ahead_bytes: read_ahead_bytes.max(256 << 10), keep: false, eager: true };
    let mut runs: Vec<(usize, Vec<Rc<Table>>)> = Vec::new();
    for (level, table) in inputs {
        match runs.last_mut() {
            Some((last, tables)) if *last == level && level > 0 => tables.push(table),
            _ => runs.push((level, vec![table])),
        }
    }
    let source = |(_, tables)| {
        let mut run = RunCursor::new(tables, true, Bound::Unbounded, reading);
        run.seek(None);
        Source::Run(Box::new(run))
    };
    runs.into_iter().map(source).collect()
}
