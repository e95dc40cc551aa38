//! What cores ask of each other, and the answers.
//!
//! Plain data (but for [`Request::Run`]), so that the same requests can travel between nodes later.

use crate::{
    base::{
        ids::{ShardId, StorageId, TableId, TransactionId},
        pack::Pack,
        time::Timestamp,
        write::Write,
    },
    catalog::Catalog,
    shard::Shard,
    sql::{expr::Context, plan::Node},
    txn,
};
use std::{future::Future, ops::RangeInclusive, pin::Pin, sync::Arc, time::Duration};

pub use crate::txn::{Decision, Outcome, ReadView, TableUse};

/// A closure that runs on the core that owns something.
pub type Closure = Box<dyn FnOnce(&Shard) -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// A request to one shard.
pub enum Request {
    /// The value of a user key → [`Response::Value`], or [`Response::OwnValue`].
    Get { view: ReadView, key: Vec<u8> },
    /// The values of several → [`Response::Values`], in the same order.
    GetMany { view: ReadView, keys: Vec<Vec<u8>> },
    /// A whole transaction on one shard in one hop → [`Response::Committed`], or [`Response::Locked`] if it would have to
    /// wait for an open transaction.
    ///
    /// With `snapshot` = [`Timestamp::MAX`] the writes are blind: they are ordered after what is there and fail only where
    /// an insert meets a live version, or where a large transaction under way has written.
    CommitOne { snapshot: Timestamp, writes: Vec<Write>, tables: Vec<TableUse> },
    /// Buffers writes of an open transaction, waiting for the locks of their keys; the first one makes the transaction known
    /// to the shard → [`Response::Done`]. `statement` must not be lower than any before.
    Write {
        transaction: TransactionId,
        snapshot: Timestamp,
        statement: u32,
        writes: Vec<Write>,
        tables: Vec<TableUse>,
        /// How long it may wait for a lock (55P03).
        patience: Option<Duration>,
    },
    /// Takes writes that a statement makes in bulk, of keys that nothing else in the statement writes → [`Response::Done`].
    /// Duplicates and conflicts may be found by any of them, and are found by the `last`, which is sent when all others were
    /// answered.
    Load {
        transaction: TransactionId,
        snapshot: Timestamp,
        statement: u32,
        writes: Pack,
        tables: Vec<TableUse>,
        last: bool,
        /// As of [`Request::Write`].
        patience: Option<Duration>,
    },
    /// Forgets the writes of these statements → [`Response::Done`]. Their locks are given back, unless the statement is about
    /// to be run again. Statements up to the last of them have no effect any more, should something of them be under way.
    Rollback { transaction: TransactionId, statements: RangeInclusive<u32>, keep_locks: bool },
    /// Whether these reads give the same at both snapshots, own writes aside → [`Response::Unchanged`].
    Reread { reads: Vec<Reread>, from: Timestamp, to: Timestamp },
    /// Commits a transaction that has written on this shard alone → [`Response::Committed`]. One without any write left is
    /// no error.
    CommitTransaction { transaction: TransactionId },
    /// First phase of a commit over several shards → [`Response::Prepared`]. A participant without writes promises, too.
    Prepare { transaction: TransactionId, participants: Vec<ShardId> },
    /// Ends a transaction, prepared or not → [`Response::Done`] once the decision is durable here; without `hurry` that is
    /// when something else is written, or at the next tick. To abort an unknown transaction, or to repeat a decision, is no
    /// error.
    Decide { transaction: TransactionId, decision: Decision, hurry: bool },
    /// All participants have the decisions durable: they need not be remembered any more → [`Response::Done`].
    Forget { transactions: Vec<TransactionId> },
    /// What became of a transaction here → [`Response::Outcome`]. One that has not prepared here never will after this.
    Outcome { transaction: TransactionId },
    /// Answered with [`Response::Done`] when this shard has decided all that its log left undecided.
    Recovered,
    /// Lets only `transaction` write to the table until [`Request::Unfence`] → [`Response::Done`], when no transaction
    /// that touches the table is half-way through its commit any more. 55P03 if that takes too long. The table need not be
    /// in the catalog.
    Fence { table: TableId, transaction: TransactionId },
    /// Takes all fences of the transaction away → [`Response::Done`]. After the new catalog was installed.
    Unfence { transaction: TransactionId },
    /// Makes a newer catalog the current one → [`Response::Done`].
    InstallCatalog(Arc<Catalog>),
    /// Removes the data of a storage that nobody can see any more → [`Response::Done`].
    DropStorage(StorageId),
    /// Writes all memtables out → [`Response::Done`].
    Flush,
    /// Figures of the shard → [`Response::Status`].
    Status,
    /// Stops what a session of that core runs, through the handler of [`Shard::on_cancel`] → [`Response::Done`].
    Cancel { session: u32, secret: i32 },
    /// Runs a closure there → [`Response::Done`] when its future is done. What it finds it sends home by itself.
    Run(Closure),
}

/// Something that a transaction has read.
#[derive(Clone, Debug)]
pub enum Reread {
    /// The value of a user key.
    Key(Vec<u8>),
    /// What the scans of a fragment read on the shard.
    Scans { plan: Arc<Node>, context: Arc<Context> },
}

/// The answer to a request.
#[derive(Debug)]
pub enum Response {
    Value(Option<Vec<u8>>),
    /// The same, written by the transaction that asks.
    OwnValue(Option<Vec<u8>>),
    Values(Vec<Option<Vec<u8>>>),
    Committed(Timestamp),
    /// Nothing was committed; the writes come back.
    Locked(Vec<Write>),
    Prepared(Timestamp),
    Outcome(Outcome),
    Unchanged(bool),
    Status(Box<Status>),
    Done,
}

/// Figures of one shard.
#[derive(Clone, Debug, Default)]
pub struct Status {
    pub shard: ShardId,
    /// Version of the catalog in use.
    pub catalog_version: u64,
    pub transactions: txn::Statistics,
    /// Requests of other cores handled so far.
    pub requests: u64,
    /// Requests of other cores being handled now.
    pub requests_running: u64,
    /// Fragments started so far.
    pub fragments: u64,
    pub log: crate::storage::log::Statistics,
    pub lsm: crate::storage::lsm::Statistics,
}
