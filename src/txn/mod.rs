//! Row 3: transactions over the keys of one core, and their part in transactions over several.
//!
//! What it is: snapshot isolation on the versions of the LSM tree. A transaction reads as of its snapshot; its writes are
//! buffered on the core that owns the key and spilled into the tree as *provisional* versions when they grow large; bulk
//! loads go there past the log. A write
//! takes its key's lock first and waits for whoever has it; a key that was changed since the snapshot is refused with 40001,
//! marked as *stale* so that the coordinator may run the statement again at a later snapshot. A transaction on one core
//! commits with one log record; one on several with a prepare on each, and is committed the moment all prepares are
//! durable (parallel commit): the decision itself needs no record to be safe.
//!
//! What it does not do: it does not talk to other cores (the shard carries requests) and does not know SQL (a duplicate key
//! is named by its bytes). Readers neither take locks nor wait for any.
//!
//! Invariants:
//! - Between a transaction's write of a key and its commit nobody else commits the key: its lock keeps others off, and a
//!   commit that takes none dooms it. Locks only spare conflicts; they may be lost.
//! - Who commits gives its locks back in the step in which its keys become pending: the next holder waits for the commit
//!   to be durable before it reads or writes the key.
//! - A circle of waits is refused when it would close, over all cores of the node (`waits.rs`).
//! - A commit's timestamp is drawn in the same step in which its keys become pending. So a reader whose snapshot is at or
//!   after it, on any core, finds the key pending and waits; nobody sees half of a transaction.
//! - Nothing is visible to others before it is durable: commits are applied after the log synced them.
//! - Writes are applied in log order (`applying.rs`), but for decisions, which are safe to apply at once.
//! - A prepare is remembered until every participant has the decision durable (`attachment.rs`).
//! - No borrow of the state is held across an await.
//!
//! Start with [`Transactions`], then `write.rs`, `load.rs`, `locks.rs`, `commit.rs`, `two_phase.rs`, `read.rs` and `recover.rs`.

mod applying;
mod attachment;
mod buffer;
mod changed;
mod commit;
mod failure;
mod fence;
mod gate;
mod load;
mod locks;
mod obstacle;
mod pending;
mod read;
mod record;
mod recover;
mod scan;
mod sequencer;
mod spill;
mod state;
mod two_phase;
mod waits;
mod write;

pub use applying::Changes;
pub use changed::{Changed, Counts};
pub use commit::Whole;
pub use failure::Failure;
pub use read::Look;
pub use record::{Decision, Record};
pub use recover::Place;
pub use scan::{Scan, Step};
pub use sequencer::{Sequencer, Snapshot, Snapshots};
pub use state::Statistics;
pub use two_phase::{InDoubt, Outcome};
pub use write::Writer;

use crate::{
    base::{
        ids::{ShardId, TableId, TransactionId},
        limits,
        time::Timestamp,
    },
    catalog::Catalog,
    env::Env,
    storage::{log::Log, lsm::Lsm},
};
use applying::Applying;
use attachment::Retained;
use state::State;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

/// What a reader sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadView {
    /// Everything committed up to here.
    pub snapshot: Timestamp,
    /// The reader's own transaction, if it may have written.
    pub transaction: Option<TransactionId>,
    /// Of its own writes it sees those of statements before this one. `u32::MAX`: all.
    pub statement: u32,
}

impl ReadView {
    /// The view of a reader that has written nothing.
    pub fn at(snapshot: Timestamp) -> ReadView {
        ReadView { snapshot, transaction: None, statement: 0 }
    }
}

/// A table that a write was planned with. It fails with 40001 if the table is another version by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TableUse {
    pub table: TableId,
    pub version: u32,
}

/// Settings.
#[derive(Clone, Debug)]
pub struct Options {
    /// Buffered writes of one transaction, in bytes; beyond it they are spilled.
    pub buffer_bytes_max: usize,
    /// Buffered writes of all transactions of the core; beyond it whoever writes next is spilled early.
    pub buffers_bytes_max: usize,
    /// What a statement loads in bulk becomes ordinary writes if it is no more than this, in bytes.
    pub load_bytes_min: usize,
    /// What is loaded in bulk goes into the tree when it is more than this, in bytes.
    pub load_bytes_max: usize,
    /// How long a writer waits for a table that is being changed, and a change for writers.
    pub fence_wait_max: Duration,
    /// A transaction that nobody has used for so long is rolled back, as its session must be gone.
    pub idle_max: Duration,
    /// A prepared transaction that waits so long for its decision is settled with the other participants.
    pub in_doubt_after: Duration,
    /// Deliberately broken: commits are acknowledged before they are durable. The control of the crash tests.
    #[doc(hidden)]
    pub acknowledge_before_sync: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            buffer_bytes_max: limits::TRANSACTION_BUFFER_BYTES_MAX,
            buffers_bytes_max: 64 * limits::TRANSACTION_BUFFER_BYTES_MAX,
            load_bytes_min: limits::TRANSACTION_BUFFER_BYTES_MAX / 2,
            load_bytes_max: 16 * limits::TRANSACTION_BUFFER_BYTES_MAX,
            fence_wait_max: Duration::from_secs(10),
            idle_max: Duration::from_secs(24 * 3600),
            in_doubt_after: Duration::from_secs(10),
            acknowledge_before_sync: false,
        }
    }
}

/// The transactions of one core. Cheap to clone.
#[derive(Clone)]
pub struct Transactions(Rc<Inner>);

struct Inner {
    env: Env,
    shard: ShardId,
    options: Options,
    log: Log,
    lsm: Lsm,
    sequencer: Arc<Sequencer>,
    snapshots: Rc<Snapshots>,
    retained: Rc<Retained>,
    catalog: RefCell<Arc<Catalog>>,
    state: RefCell<State>,
    /// Where log records are put together.
    record: RefCell<Vec<u8>>,
    /// The empty list of own versions, which nearly every view has.
    no_versions: Rc<[Timestamp]>,
    statistics: state::Counters,
    changed: Changed,
    closed: Cell<bool>,
}

impl Transactions {
    /// The core's shard.
    pub fn shard(&self) -> ShardId {
        self.0.shard
    }

    /// Rows written here lately.
    pub fn changed(&self) -> &Changed {
        &self.0.changed
    }

    /// The tree below.
    pub fn lsm(&self) -> &Lsm {
        &self.0.lsm
    }

    /// The log below.
    pub fn log(&self) -> &Log {
        &self.0.log
    }

    /// The node's clock.
    pub fn sequencer(&self) -> &Arc<Sequencer> {
        &self.0.sequencer
    }

    /// The catalog that writes are checked against.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.0.catalog.borrow().clone()
    }

    /// Looks at the catalog without taking a share of it.
    pub fn with_catalog<R>(&self, look: impl FnOnce(&Catalog) -> R) -> R {
        look(&self.0.catalog.borrow())
    }

    /// Makes a catalog the current one, unless the current one is newer.
    pub fn install_catalog(&self, catalog: Arc<Catalog>) {
        let mut current = self.0.catalog.borrow_mut();
        if catalog.version() >= current.version() {
            *current = catalog;
        }
    }

    /// Opens a snapshot of now.
    pub fn begin_snapshot(&self) -> Snapshot {
        self.0.snapshots.begin()
    }

    /// Opens a snapshot of a later time than an open one, but not later than now.
    pub fn move_snapshot(&self, snapshot: &Snapshot, to: Timestamp) -> Snapshot {
        self.0.snapshots.begin_later(snapshot, to.min(self.0.sequencer.last()))
    }

    /// Draws a new timestamp, for example as a transaction's id.
    pub fn draw(&self) -> Timestamp {
        self.0.sequencer.draw(self.0.env.wall_micros())
    }

    /// Housekeeping, to be called about ten times a second: moves the horizon, forgets what the tree has let go of, and
    /// rolls back transactions whose session is gone.
    pub fn tick(&self) {
        // A commit whose caller was dropped while it waited has nobody else to apply it.
        self.apply_durable();
        // Decisions that nothing came after.
        self.0.log.write_out();
        let retention = &self.0.retained.retention;
        let horizon = self.0.sequencer.horizon();
        if horizon > retention.horizon.get() {
            retention.horizon.set(horizon);
        }
        self.forget_provisional();
        let now = self.0.env.now();
        let idle = self.0.state.borrow().idle_since(now.saturating_sub(self.0.options.idle_max));
        for transaction in idle {
            tracing::warn!(%transaction, "rolling back a transaction that nobody has used for long");
            self.abort_open(transaction);
        }
    }

    /// Drops provisional versions from the list when no table holds them any more.
    fn forget_provisional(&self) {
        let provisional = &self.0.retained.retention.provisional;
        if provisional.borrow().is_empty() {
            return;
        }
        let held = self.0.lsm.provisionals();
        let decided: Vec<Timestamp> = {
            let provisional = provisional.borrow();
            let decided = provisional.iter().filter(|(_, state)| *state != crate::storage::lsm::Resolution::Open);
            decided.map(|(version, _)| version).filter(|version| !held.contains(version)).collect()
        };
        let mut provisional = provisional.borrow_mut();
        decided.into_iter().for_each(|version| provisional.remove(version));
    }

    /// Stops: nothing is accepted after this. Call after the last request.
    pub fn close(&self) {
        self.0.closed.set(true);
    }
}

/// Names the queue type for the state.
type Queue = Applying;
