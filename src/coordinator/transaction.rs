//! A session's open transaction: what it reads at, which shards it wrote on, its savepoints and its changed catalog.
//!
//! The writes themselves lie on the shards that own the keys (see `txn`); here is only what the coordinator must know to
//! end them. Invariants: `writers` and `touched` name every shard that may hold a write of this transaction; a savepoint's
//! number is the first statement after it; the catalog overlay is `Some` once the transaction changed the catalog.

use super::refresh::Reads;
use crate::{
    base::{
        ids::{ShardId, StorageId, TableId, TransactionId},
        time::Timestamp,
    },
    catalog::Catalog,
    shard::Snapshot,
};
use std::{collections::BTreeSet, rc::Rc, sync::Arc};

/// An open transaction.
pub struct Transaction {
    pub id: TransactionId,
    /// What it reads; drawn by the first statement that needs one.
    pub snapshot: Option<Rc<Snapshot>>,
    /// What it has read there.
    pub reads: Reads,
    /// Begun by BEGIN, so that it lasts until COMMIT or ROLLBACK.
    pub explicit: bool,
    /// A statement failed: only ROLLBACK (also to a savepoint) is taken.
    pub failed: bool,
    pub read_only: bool,
    /// Shards that hold writes: they take part in the commit.
    pub writers: BTreeSet<ShardId>,
    /// Other shards that may know the transaction: they hear of its end, but have no say in it.
    pub touched: BTreeSet<ShardId>,
    /// Number of the running statement.
    pub statement: u32,
    pub savepoints: Vec<Savepoint>,
    pub definition: Option<Definition>,
    /// What now() says, in microseconds since the Unix epoch.
    pub started_micros: i64,
}

/// A named point to go back to.
pub struct Savepoint {
    pub name: String,
    /// The first statement after it.
    pub statement: u32,
    /// The catalog overlay at that time.
    pub definition: Option<Definition>,
}

/// What a transaction changed in the catalog.
#[derive(Clone)]
pub struct Definition {
    /// The catalog that it was made from.
    pub base: Arc<Catalog>,
    /// Drawn when `base` was read: a later change of the catalog by another transaction is a conflict.
    pub read_at: Timestamp,
    /// The catalog as this transaction sees it.
    pub current: Arc<Catalog>,
    /// Tables fenced on every shard against other writers; includes those made in this transaction.
    pub fenced: BTreeSet<TableId>,
    /// Storages that nobody needs once this commits.
    pub dropped: Vec<StorageId>,
    /// Storages made by this transaction: nobody needs them if it rolls back.
    pub made: Vec<StorageId>,
}

impl Transaction {
    /// A transaction that has done nothing yet.
    pub fn new(id: TransactionId, explicit: bool, read_only: bool, started_micros: i64) -> Transaction {
        Transaction {
            id,
            snapshot: None,
            reads: Reads::default(),
            explicit,
            failed: false,
            read_only,
            writers: BTreeSet::new(),
            touched: BTreeSet::new(),
            statement: 0,
            savepoints: Vec::new(),
            definition: None,
            started_micros,
        }
    }

    /// The catalog as changed by this transaction, if it was.
    pub fn catalog(&self) -> Option<&Arc<Catalog>> {
        self.definition.as_ref().map(|definition| &definition.current)
    }

    /// Whether this transaction alone may write a table now.
    pub fn has_fenced(&self, table: TableId) -> bool {
        self.definition.as_ref().is_some_and(|definition| definition.fenced.contains(&table))
    }

    /// Every shard that may know the transaction.
    pub fn known_at(&self) -> Vec<ShardId> {
        self.writers.union(&self.touched).copied().collect()
    }

    /// Position of the newest savepoint of a name.
    pub fn savepoint(&self, name: &str) -> Option<usize> {
        self.savepoints.iter().rposition(|savepoint| savepoint.name == name)
    }

    /// Goes back to the catalog of a savepoint. Fences stay until the end, and so does the list of storages made.
    pub fn undo_definition(&mut self, saved: Option<Definition>) {
        let Some(definition) = &mut self.definition else { return };
        match saved {
            Some(saved) => {
                definition.current = saved.current;
                definition.dropped = saved.dropped;
            }
            None => {
                definition.current = definition.base.clone();
                definition.dropped.clear();
            }
        }
    }
}
