//! Fragments: the part of a plan that runs where the rows are.
//!
//! The reader holds a [`FragmentStream`]; the fragment's driver runs in the reader's own task when the rows are on its core,
//! and in a task of the owning core otherwise, at most a window of batches ahead. Dropping the stream stops the driver.

mod brought;
mod covered;
mod driver;
mod lanes;
mod modify;
mod ranges;
mod reread;
mod source;
mod stream;
#[cfg(test)]
pub(super) mod tests;

pub use stream::FragmentStream;
pub(super) use stream::{Producers, Stream};

use super::{ReadView, TableUse};
use crate::{
    base::{
        ids::{ShardId, TransactionId},
        time::Timestamp,
        write::Write,
    },
    catalog::Table,
    sql::{
        execute::Measurements,
        expr::{Context, Expr},
        plan::Node,
    },
};
use std::{sync::Arc, time::Duration};

/// A fragment to run.
#[derive(Clone, Debug)]
pub struct FragmentRequest {
    /// The operators above the scan. A Gather among them brings rows of all cores to this one.
    pub plan: Arc<Node>,
    pub context: Arc<Context>,
    pub view: ReadView,
    /// Instead of putting rows out: change them.
    pub modify: Option<Modify>,
    /// What its operators do is measured.
    pub watched: bool,
    /// Nobody waits for it.
    pub in_background: bool,
}

/// What to do with the rows of a fragment.
#[derive(Clone, Debug)]
pub struct Modify {
    pub table: Arc<Table>,
    pub kind: ModifyKind,
    pub transaction: TransactionId,
    pub statement: u32,
    pub tables: Vec<TableUse>,
    /// How long it may wait for a lock (55P03).
    pub patience: Option<Duration>,
    /// The transaction has read nothing that others can change: a fragment that finds its only row changed since the
    /// snapshot may read at a later one, and say so in its summary.
    pub may_move: bool,
    /// Expressions over the table's live columns (the new values; for DELETE the old ones), put out as batches.
    pub returning: Option<Vec<Expr>>,
}

/// UPDATE or DELETE.
#[derive(Clone, Debug)]
pub enum ModifyKind {
    /// (position in `table.columns`, new value over the scan's columns).
    Update {
        assignments: Vec<(usize, Expr)>,
    },
    Delete,
}

/// What a fragment with [`Modify`] has done.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Rows changed.
    pub rows: u64,
    /// Whether the fragment wrote on its own shard: if not, that shard need not take part in the commit.
    pub wrote: bool,
    /// Writes for keys of other shards that the fragment has not sent there itself. Beyond a mebibyte it sends them.
    pub remote: Vec<Write>,
    /// Other shards that the fragment has sent writes to: the transaction has writes there now.
    pub writers: Vec<ShardId>,
    /// The fragment read one row at most, by its whole key, and holds its lock: what it read stays so.
    pub locked: bool,
    /// The later snapshot that it read at.
    pub moved: Option<Timestamp>,
    /// What its operators did, if it was watched.
    pub measured: Measurements,
}
