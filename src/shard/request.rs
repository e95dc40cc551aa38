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
    txn,
};
use std::{future::Future, pin::Pin, sync::Arc};

pub use crate::txn::{Decision, Outcome, ReadView, TableUse};

/// A closure that runs on the core that owns something.
pub type Closure = Box<dyn FnOnce(&Shard) -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// A request to one shard.
pub enum Request {
    /// The value of a user key → [`Response::Value`].
    Get { view: ReadView, key: Vec<u8> },
    /// The values of several → [`Response::Values`], in the same order.
    GetMany { view: ReadView, keys: Vec<Vec<u8>> },
    /// A whole transaction on one shard in one hop → [`Response::Committed`].
    ///
    /// With `snapshot` = [`Timestamp::MAX`] the writes are blind: they are ordered after what is there and fail only where
    /// an insert meets a live version, or where a large transaction under way has written.
    CommitOne { snapshot: Timestamp, writes: Vec<Write>, tables: Vec<TableUse> },
    /// Buffers writes of an open transaction; the first one makes the transaction known to the shard →
    /// [`Response::Done`]. `statement` must not be lower than any before, except after [`Request::RollbackTo`].
    Write { transaction: TransactionId, snapshot: Timestamp, statement: u32, writes: Vec<Write>, tables: Vec<TableUse> },
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
    },
    /// Forgets the writes of this statement and all later ones → [`Response::Done`].
    RollbackTo { transaction: TransactionId, statement: u32 },
    /// Commits a transaction that has written on this shard alone → [`Response::Committed`]. One without any write left is
    /// no error.
    CommitTransaction { transaction: TransactionId },
    /// First phase of a commit over several shards → [`Response::Prepared`]. A participant without writes promises, too.
    Prepare { transaction: TransactionId, participants: Vec<ShardId> },
    /// Ends a transaction, prepared or not → [`Response::Done`] once the decision is durable here. To abort an unknown
    /// transaction, or to repeat a decision, is no error.
    Decide { transaction: TransactionId, decision: Decision },
    /// All participants have the decision durable: it need not be remembered any more → [`Response::Done`].
    Forget { transaction: TransactionId },
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

/// The answer to a request.
#[derive(Debug)]
pub enum Response {
    Value(Option<Vec<u8>>),
    Values(Vec<Option<Vec<u8>>>),
    Committed(Timestamp),
    Prepared(Timestamp),
    Outcome(Outcome),
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
