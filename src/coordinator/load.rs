//! Bulk loads: writes on their way to their shards in packs, while more of them are made.
//!
//! Packs are sent without waiting for the answers, up to a bound. The first failure stops the load. A load must be brought
//! to its end, or given up, before its statement is over: what is under way could otherwise arrive after the statement was
//! taken back.

use super::session::Session;
use crate::{
    base::{
        ids::ShardId,
        limits::{LOAD_PACK_BYTES, LOAD_PACKS_MAX},
        pack::Pack,
        write::Write,
    },
    catalog::{Catalog, Table},
    env::{TaskClass, signal::Signal},
    error::{Error, Result},
    shard::{Request, TableUse},
};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    sync::Arc,
};

/// Room that a pack has for the write that fills it.
const LAST_WRITE_BYTES: usize = 4 << 10;

/// The writes of one statement.
pub(super) struct Loader {
    catalog: Arc<Catalog>,
    tables: Vec<TableUse>,
    /// What is not sent yet of each shard that has any part in it.
    packs: BTreeMap<ShardId, Pack>,
    flight: Rc<Flight>,
}

/// Packs that are not answered yet.
#[derive(Default)]
struct Flight {
    packs: Cell<usize>,
    failure: RefCell<Option<Error>>,
    answered: Signal,
}

impl Loader {
    /// A load of one table; a `fenced` one needs no version check.
    pub(super) fn new(catalog: Arc<Catalog>, table: &Table, fenced: bool) -> Loader {
        let used = TableUse { table: table.id, version: table.version };
        let tables = if fenced { Vec::new() } else { vec![used] };
        Loader { catalog, tables, packs: BTreeMap::new(), flight: Rc::default() }
    }

    /// Takes a write; gives the shard whose pack is full now.
    pub(super) fn push_write(&mut self, write: &Write) -> Result<Option<ShardId>> {
        let shard = self.catalog.shard_of_key(&write.key);
        let shard = shard.ok_or_else(|| Error::internal("a write without a shard"))?;
        let pack = self.pack(shard);
        pack.push_write(write);
        Ok((pack.bytes() >= LOAD_PACK_BYTES).then_some(shard))
    }

    /// Takes a new row of a shard; gives the shard if its pack is full now.
    #[inline]
    pub(super) fn push_row(&mut self, shard: ShardId, key: &[u8], row: &[u8]) -> Option<ShardId> {
        let pack = self.pack(shard);
        pack.push(key, Some(row), true);
        (pack.bytes() >= LOAD_PACK_BYTES).then_some(shard)
    }

    #[inline]
    fn pack(&mut self, shard: ShardId) -> &mut Pack {
        self.packs.entry(shard).or_insert_with(|| Pack::with_capacity(LOAD_PACK_BYTES + LAST_WRITE_BYTES))
    }
}

impl Flight {
    /// Waits until at most `packs` are unanswered; fails if one has failed.
    async fn at_most(&self, packs: usize) -> Result<()> {
        while self.packs.get() > packs {
            self.answered.wait().await;
        }
        match self.failure.borrow_mut().take() {
            None => Ok(()),
            Some(error) => Err(error),
        }
    }
}

impl Session {
    /// A load of a table by the running statement.
    pub(super) fn loader(&self, table: &Table) -> Loader {
        Loader::new(self.catalog(), table, self.is_fenced(table.id))
    }

    /// Sends a shard its pack.
    pub(super) async fn send_pack(&mut self, loader: &mut Loader, shard: ShardId) -> Result<()> {
        let (cancel, flight) = (self.cancel.clone(), loader.flight.clone());
        cancel.race(flight.at_most(LOAD_PACKS_MAX - 1)).await.map_err(|error| self.named(error))?;
        let empty = Pack::with_capacity(LOAD_PACK_BYTES + LAST_WRITE_BYTES);
        if let Some(pack) = loader.packs.insert(shard, empty) {
            self.launch(loader, shard, pack, false);
        }
        Ok(())
    }

    /// Sends what is left, and waits until all of it is checked and kept.
    pub(super) async fn end_load(&mut self, loader: &mut Loader) -> Result<()> {
        let (cancel, flight) = (self.cancel.clone(), loader.flight.clone());
        cancel.race(flight.at_most(0)).await.map_err(|error| self.named(error))?;
        for (shard, pack) in std::mem::take(&mut loader.packs) {
            self.launch(loader, shard, pack, true);
        }
        cancel.race(flight.at_most(0)).await.map_err(|error| self.named(error))
    }

    fn launch(&mut self, loader: &Loader, shard: ShardId, writes: Pack, last: bool) {
        let (snapshot, patience) = (self.read_view().snapshot, self.settings.limits().lock);
        let transaction = self.open_transaction();
        transaction.writers.insert(shard);
        let (id, statement) = (transaction.id, transaction.statement);
        let tables = loader.tables.clone();
        let request = Request::Load { transaction: id, snapshot, statement, writes, tables, last, patience };
        let (core, flight) = (self.core.clone(), loader.flight.clone());
        flight.packs.set(flight.packs.get() + 1);
        let sending = async move {
            let answer = core.shard.call(shard, request).await;
            flight.packs.set(flight.packs.get() - 1);
            if let Err(error) = answer {
                flight.failure.borrow_mut().get_or_insert(error);
            }
            flight.answered.set();
        };
        self.core.shard.env().spawn(TaskClass::Query, sending).detach();
    }

    /// Ends what is under way, which may wait for locks: after that nothing of the load arrives any more.
    pub(super) async fn give_up_load(&mut self, loader: &Loader) {
        if let Some(transaction) = &self.transaction {
            let (id, statement) = (transaction.id, transaction.statement);
            let roll_back =
                || Request::Rollback { transaction: id, statements: statement..=statement, keep_locks: false };
            let calls = transaction.known_at().into_iter().map(|shard| self.core.shard.call(shard, roll_back()));
            if let Err(error) = super::insert::all(calls.collect()).await {
                tracing::warn!(%error, "a load that was given up is waited for");
            }
        }
        // The load has failed for another reason already.
        let _ = loader.flight.at_most(0).await;
    }
}
