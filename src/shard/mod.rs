//! Row 4: one core of a node: its log and tree, its transactions, and its dealings with the other cores.
//!
//! What it is: [`Shard`], the handle of a core. Everything above asks a shard for keys, scans and commits through
//! [`Shard::call`] and [`Shard::fragment`], naming the shard that owns the data; on its own core that is a direct call, to
//! another core it goes through bounded queues (`mailbox.rs`). Fragments of plans run here, where the rows are.
//!
//! What it does not do: it does not know which shard owns what (the catalog does), does not plan, and does not decide when
//! transactions begin and end (the coordinator does).
//!
//! Invariants:
//! - A shard and all that hangs on it stay on one thread; only requests and answers cross.
//! - Requests of one core to another take effect in the order they were sent: what a request changes before its first
//!   wait is changed when it is taken from the queue.
//! - No answer to a write before the log is durable.
//!
//! Start with [`Shard::open`] and [`Shard::call`]; then `handle.rs`, `fragment/`, `local.rs` (calls without a hop).

mod call;
pub mod fragment;
mod handle;
mod local;
mod mailbox;
mod open;
mod request;
mod slots;

pub use fragment::{FragmentRequest, FragmentStream, Modify, ModifyKind, Summary};
pub use mailbox::{Mailbox, connect};
pub use open::Options;
pub use request::{Closure, Decision, Outcome, ReadView, Request, Reread, Response, Status, TableUse};
pub use txn::{Scan, Sequencer, Snapshot, Step};

use crate::{
    base::{ids::ShardId, time::Timestamp},
    catalog::Catalog,
    env::{Env, Task, signal::Signal},
    error::Error,
    sql,
    txn::{self, Failure, Transactions},
};
#[cfg(test)]
mod load_tests;
#[cfg(test)]
mod lock_tests;
#[cfg(test)]
mod tests;

use call::Peer;
use std::{
    any::Any,
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
};

/// A core. Cheap to clone; never leaves its thread.
#[derive(Clone)]
pub struct Shard(Rc<Inner>);

struct Inner {
    id: ShardId,
    env: Env,
    transactions: Transactions,
    clock: Clock,
    /// By shard; its own place is never used.
    peers: Vec<Peer>,
    /// Fragments that run here for other cores.
    producers: RefCell<fragment::Producers>,
    /// True once recovery has decided everything.
    recovered: Cell<bool>,
    on_recovered: Signal,
    extension: RefCell<Option<Rc<dyn Any>>>,
    on_cancel: RefCell<Option<Rc<dyn Fn(u32, i32)>>>,
    /// Names the next fragment on another core.
    next_serial: Cell<u64>,
    /// Run until the shard is closed.
    tasks: RefCell<Vec<Task<()>>>,
    requests: Cell<u64>,
    running: Cell<u64>,
    fragments: Cell<u64>,
}

/// The node's sequencer with this core's clock.
pub struct Clock {
    sequencer: Arc<Sequencer>,
    env: Env,
}

impl Clock {
    /// Draws a new timestamp, for example as a transaction's id.
    pub fn next(&self) -> Timestamp {
        self.sequencer.draw(self.env.wall_micros())
    }

    /// The last timestamp drawn: what a snapshot taken now would see.
    pub fn now(&self) -> Timestamp {
        self.sequencer.last()
    }

    /// What all cores share.
    pub fn shared(&self) -> &Arc<Sequencer> {
        &self.sequencer
    }
}

impl Shard {
    /// Which core it is.
    pub fn id(&self) -> ShardId {
        self.0.id
    }

    /// How many the node has.
    pub fn count(&self) -> u16 {
        self.0.peers.len() as u16
    }

    /// The core's door to the outside.
    pub fn env(&self) -> &Env {
        &self.0.env
    }

    /// The node's clock for transactions.
    pub fn sequencer(&self) -> &Clock {
        &self.0.clock
    }

    /// The newest catalog this core knows.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.0.transactions.catalog()
    }

    /// Opens a snapshot of now; it sees all that was acknowledged before, on any core.
    pub fn begin_snapshot(&self) -> Snapshot {
        self.0.transactions.begin_snapshot()
    }

    /// Moves a transaction's snapshot to a later time that one of its statements has read at.
    pub fn move_snapshot(&self, snapshot: &Snapshot, to: Timestamp) -> Snapshot {
        self.0.transactions.move_snapshot(snapshot, to)
    }

    /// The transactions of this core.
    pub fn transactions(&self) -> &Transactions {
        &self.0.transactions
    }

    /// Hangs something of a row above on this core, so that closures sent here by [`Request::Run`] find it.
    pub fn set_extension(&self, extension: Rc<dyn Any>) {
        *self.0.extension.borrow_mut() = Some(extension);
    }

    /// What [`Shard::set_extension`] put here, if it is a `T`.
    pub fn extension<T: 'static>(&self) -> Option<Rc<T>> {
        self.0.extension.borrow().clone()?.downcast().ok()
    }

    /// Who carries out [`Request::Cancel`].
    pub fn on_cancel(&self, handler: Rc<dyn Fn(u32, i32)>) {
        *self.0.on_cancel.borrow_mut() = Some(handler);
    }

    /// Figures as of now.
    pub fn status(&self) -> Status {
        Status {
            shard: self.id(),
            catalog_version: self.catalog().version(),
            transactions: self.0.transactions.statistics(),
            requests: self.0.requests.get(),
            requests_running: self.0.running.get(),
            fragments: self.0.fragments.get(),
            log: self.0.transactions.log().statistics(),
            lsm: self.0.transactions.lsm().statistics(),
        }
    }

    /// A failure of the transaction layer as clients see it: a duplicate key is named by its constraint.
    fn error(&self, failure: Failure) -> Error {
        match failure {
            Failure::Duplicate(key) => sql::modify::duplicate_key(&self.catalog(), &key),
            Failure::Error(error) => error,
        }
    }
}
