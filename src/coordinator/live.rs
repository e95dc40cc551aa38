//! Live figures of tables, and the ANALYZE that nobody has to ask for.
//!
//! Every core counts the rows written on it. Some time after the first of them it tells all cores, so that each knows about
//! how many rows a table has now: those that ANALYZE found and what came and went since.
//!
//! The first core also watches how much of each table has changed, and gathers its statistics anew when that is
//! [`CHANGED_ROWS`] and [`CHANGED_PART`] of its rows, one table at a time, each at most once in [`PAUSE`], in the
//! background class. Tables that were never analyzed when the node starts have their turn then. What was counted before a
//! restart is forgotten; the statistics are not.

use super::{Coordinator, Core, Startup};
use crate::{
    base::{
        hash::HashMap,
        ids::{ShardId, StorageId, TableId},
    },
    catalog::{Catalog, Table},
    env::{TaskClass, signal::Signal},
    error::Result,
    shard::{Request, Shard},
    sql::utility::AnalyzeTable,
    txn::Counts,
};
use std::{
    cell::{Cell, RefCell},
    pin::Pin,
    rc::{Rc, Weak},
    sync::Arc,
    time::Duration,
};

/// From a core's first write to its telling the others.
const REPORT_AFTER: Duration = Duration::from_secs(5);
/// So many rows of a table must have changed before it is analyzed anew, as in PostgreSQL …
const CHANGED_ROWS: f64 = 50.0;
/// … and this part of them.
const CHANGED_PART: f64 = 0.1;
/// Between two times that the same table is analyzed.
const PAUSE: Duration = Duration::from_secs(60);

/// What a core knows of writes on all cores.
#[derive(Default)]
pub struct Live {
    totals: RefCell<HashMap<StorageId, Counts>>,
    /// The version of the statistics that were first seen with these totals.
    since: RefCell<HashMap<StorageId, (u64, Counts)>>,
    /// Storages from this one on were made while the node ran: all their rows were counted.
    first_counted: Cell<StorageId>,
    /// The version of the catalog when the node started.
    started_with: Cell<u64>,
    reported: Signal,
}

impl Live {
    fn add(&self, counts: &[(StorageId, Counts)]) {
        let mut totals = self.totals.borrow_mut();
        for (storage, of_storage) in counts {
            totals.entry(*storage).or_default().add(*of_storage);
        }
        drop(totals);
        self.reported.set();
    }

    /// Rows written since the table was analyzed, or since the node started.
    fn changes(&self, catalog: &Catalog, table: &Table) -> Counts {
        let now = self.totals.borrow().get(&table.storage).copied().unwrap_or_default();
        let Some(found) = catalog.statistics(table) else { return now };
        let mut since = self.since.borrow_mut();
        // Statistics that the node started with know nothing of what was written since.
        let first = if found.version <= self.started_with.get() { Counts::default() } else { now };
        let (version, before) = since.entry(table.storage).or_insert((found.version, first));
        if *version != found.version {
            (*version, *before) = (found.version, now);
        }
        now.since(*before)
    }

    /// Rows of a table now; `None` if nobody has counted them.
    pub fn rows(&self, catalog: &Catalog, table: &Table) -> Option<f64> {
        let before = match catalog.statistics(table) {
            Some(found) => found.rows,
            None if table.storage >= self.first_counted.get() => 0.0,
            None => return None,
        };
        let changes = self.changes(catalog, table);
        let counted = before + changes.inserted as f64 - changes.deleted as f64;
        // An empty table may have been filled a moment ago.
        (counted > 0.0 || catalog.statistics(table).is_some()).then_some(counted.max(0.0))
    }

    /// Whether enough of a table has changed.
    fn is_due(&self, catalog: &Catalog, table: &Table) -> bool {
        let changed = self.changes(catalog, table).all() as f64;
        let rows = catalog.statistics(table).map_or(0.0, |found| found.rows);
        changed >= CHANGED_ROWS + CHANGED_PART * rows
    }
}

impl Coordinator {
    /// Keeps the figures of this core, and on the first core the statistics of all tables. Call when the catalog is there.
    pub fn keep_figures(&self) {
        let core = &self.0;
        let catalog = core.shard.catalog();
        core.live.first_counted.set(catalog.storages_end());
        core.live.started_with.set(catalog.version());
        core.shard.set_extension(core.live.clone());
        let env = core.shard.env();
        env.spawn(TaskClass::Background, report(Rc::downgrade(core))).detach();
        if core.shard.id() == ShardId(0) {
            let unknown = catalog.tables().filter(|table| catalog.statistics(table).is_none());
            let unknown = unknown.map(|table| table.id).collect();
            env.spawn(TaskClass::Background, keep_statistics(Rc::downgrade(core), unknown)).detach();
        }
    }
}

/// Tells all cores what was written on this one, for as long as it is there.
async fn report(core: Weak<Core>) {
    loop {
        let Some(shard) = core.upgrade().map(|core| core.shard.clone()) else { return };
        shard.transactions().changed().wait().await;
        shard.env().sleep(REPORT_AFTER).await;
        if core.upgrade().is_none_or(|core| core.stopping.get()) {
            return;
        }
        tell(shard).await;
    }
}

/// Tells all cores what was written on this one since the last time.
async fn tell(shard: Shard) {
    let counts: Arc<[(StorageId, Counts)]> = shard.transactions().changed().take().into();
    if counts.is_empty() {
        return;
    }
    for target in (0..shard.count()).map(ShardId) {
        let counts = counts.clone();
        let hear = move |shard: &Shard| -> Pin<Box<dyn Future<Output = ()>>> {
            if let Some(live) = shard.extension::<Live>() {
                live.add(&counts);
            }
            Box::pin(std::future::ready(()))
        };
        if let Err(error) = shard.call(target, Request::Run(Box::new(hear))).await {
            tracing::debug!(%error, %target, "a core did not hear how many rows were written");
        }
    }
}

/// Has every core tell the others now, so that what is counted later was written later.
pub async fn tell_now(core: &Core) -> Result<()> {
    for target in (0..core.shard.count()).map(ShardId) {
        let telling = |shard: &Shard| -> Pin<Box<dyn Future<Output = ()>>> { Box::pin(tell(shard.clone())) };
        core.shard.call(target, Request::Run(Box::new(telling))).await?;
    }
    Ok(())
}

/// Analyzes tables that have changed much. `unknown` have never been analyzed.
async fn keep_statistics(core: Weak<Core>, mut unknown: Vec<TableId>) {
    let mut analyzed: HashMap<TableId, Duration> = HashMap::default();
    loop {
        let Some(here) = core.upgrade().filter(|core| !core.stopping.get()) else { return };
        let (env, live) = (here.shard.env().clone(), here.live.clone());
        let reported = live.reported.wait();
        let catalog = here.shard.catalog();
        let now = env.now();
        let is_due = |table: &&Arc<Table>| unknown.contains(&table.id) || live.is_due(&catalog, table);
        let due: Vec<TableId> = catalog.tables().filter(is_due).map(|table| table.id).collect();
        let pauses = |table: &TableId| analyzed.get(table).is_some_and(|at| now < *at + PAUSE);
        let (later, ready): (Vec<TableId>, Vec<TableId>) = due.into_iter().partition(pauses);
        for table in ready {
            unknown.retain(|other| *other != table);
            analyzed.insert(table, env.now());
            if let Err(error) = analyze(&here, table).await {
                tracing::debug!(%error, %table, "a table was not analyzed; it will be tried again");
            }
        }
        analyzed.retain(|table, _| catalog.table(*table).is_some());
        drop(here);
        match later.is_empty() {
            true => reported.await,
            false => env.sleep(PAUSE / 4).await,
        }
    }
}

async fn analyze(core: &Rc<Core>, table: TableId) -> Result<()> {
    let catalog = core.shard.catalog();
    let schema = catalog.table(table).and_then(|table| catalog.schema(table.schema));
    let mut databases = catalog.databases();
    let database = schema.and_then(|schema| databases.find(|database| database.id == schema.database));
    let Some(database) = database else { return Ok(()) };
    let startup = Startup { user: "distdb".into(), database: database.name.clone(), ..Startup::default() };
    let mut session = Coordinator(core.clone()).open_session(startup)?;
    session.in_background = true;
    session.last_in_batch = true;
    let outcome = match session.analyze(&[AnalyzeTable { table, columns: Vec::new() }], false).await {
        Ok(()) => session.finish_command().await,
        Err(error) => Err(error),
    };
    if let Err(error) = &outcome {
        session.fail(error).await;
    }
    outcome
}
