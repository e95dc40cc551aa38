//! Row 5: runs statements. A session on the core that took the connection binds and plans a statement, sends fragments and
//! writes to the shards that own the rows, gathers, and ends the transaction.
//!
//! What it does not do: speak a protocol (that is `server`), read storage (that is `shard`), or decide conflicts (`txn`).
//!
//! Invariants: nothing is acknowledged before the shards said it is durable; a failed statement of an implicit
//! transaction leaves nothing; a change of the catalog reaches every core before it is acknowledged. Everything here runs
//! on one core; another core is reached only through [`crate::shard::Shard::call`] and `fragment`.
//!
//! Start with [`Session::start_simple`] and `run.rs`; `commit.rs` ends transactions, `refresh.rs` moves their
//! snapshots, `ddl/` changes the catalog.

mod analyze;
mod cancel;
mod commit;
mod context;
mod copy;
mod cursor;
mod ddl;
mod explain;
mod gather;
mod insert;
mod live;
mod load;
mod modify;
mod point;
mod prepared;
mod refresh;
mod run;
mod scroll;
mod session;
mod settings;
mod subplans;
mod transaction;
mod utility;

pub use copy::CopyRows;
pub use prepared::Prepared;
pub use session::{Fetch, IdleLimit, Notice, Session, Started, Startup, Watcher};

// What the doors need of the rows below.
pub use crate::sql::{parse::Parsed, plan::Field, utility::CopyFormat};

use crate::{
    base::ids::{ShardId, TransactionId},
    error::Result,
    observe::metrics::{Gauge, Histogram, ShardRegistry},
    shard::Shard,
};
use cancel::{Cancel, Reason};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::{Rc, Weak},
};

/// Bits of a process id that count sessions; the bits above name the core.
const SESSION_BITS: u32 = 20;

/// The coordinator of one core.
#[derive(Clone)]
pub struct Coordinator(Rc<Core>);

/// What a coordinator counts.
pub struct Metrics {
    /// Time from the start of a statement to its end, its rows' way to the client included.
    statement: Histogram,
    sessions: Gauge,
}

impl Metrics {
    /// The metrics of a core.
    pub fn new(registry: &ShardRegistry) -> Metrics {
        let help = "Time from the start of a statement to its end";
        Metrics {
            statement: registry.duration_histogram("distdb_statement_seconds", help, &[]),
            sessions: registry.gauge("distdb_sessions", "Open sessions", &[]),
        }
    }
}

/// What the sessions of a core share.
pub(crate) struct Core {
    pub shard: Shard,
    metrics: Metrics,
    /// Sessions that can be cancelled, by their number on this core.
    sessions: RefCell<BTreeMap<u32, Canceller>>,
    next_session: Cell<u32>,
    /// Transactions whose commit every participant has on disk, by participant: soon forgotten.
    over: RefCell<BTreeMap<ShardId, Vec<TransactionId>>>,
    /// About how many rows tables have.
    live: Rc<live::Live>,
    /// Set when the node stops taking statements.
    stopping: Cell<bool>,
}

struct Canceller {
    secret: i32,
    cancel: Weak<Cancel>,
}

impl Coordinator {
    /// The coordinator of a shard's core.
    pub fn new(shard: Shard, metrics: Metrics) -> Coordinator {
        let core = Rc::new(Core {
            shard,
            metrics,
            sessions: RefCell::default(),
            next_session: Cell::new(1),
            over: RefCell::default(),
            live: Rc::default(),
            stopping: Cell::new(false),
        });
        let canceller = Rc::downgrade(&core);
        core.shard.on_cancel(Rc::new(move |number, secret| {
            if let Some(core) = canceller.upgrade() {
                core.cancel(number, secret);
            }
        }));
        Coordinator(core)
    }

    /// The shard on this core.
    pub fn shard(&self) -> &Shard {
        &self.0.shard
    }

    /// Number of open sessions.
    pub fn sessions(&self) -> usize {
        self.0.sessions.borrow().len()
    }

    /// Begins a session, or says why it may not: 3D000 for an unknown database, 22023 for a bad setting.
    pub fn open_session(&self, startup: Startup) -> Result<Session> {
        Session::open(self.0.clone(), startup)
    }

    /// Stops whatever the session with this process id runs, if the secret fits. It says nothing about success.
    pub async fn cancel(&self, process_id: i32, secret: i32) {
        let Ok(process) = u32::try_from(process_id) else { return };
        let (core, number) = ((process >> SESSION_BITS) as u16, process & ((1 << SESSION_BITS) - 1));
        if core >= self.0.shard.count() {
            return;
        }
        if ShardId(core) == self.0.shard.id() {
            return self.0.cancel(number, secret);
        }
        let request = crate::shard::Request::Cancel { session: number, secret };
        if let Err(error) = self.0.shard.call(ShardId(core), request).await {
            tracing::debug!(%error, "cancel request did not reach its core");
        }
    }

    /// The node stops: running statements end with 57P01, new ones are refused.
    pub fn shut_down(&self) {
        self.0.stopping.set(true);
        for session in self.0.sessions.borrow().values() {
            if let Some(cancel) = session.cancel.upgrade() {
                cancel.request(Reason::Shutdown);
            }
        }
    }
}

impl Core {
    fn cancel(&self, number: u32, secret: i32) {
        let sessions = self.sessions.borrow();
        let Some(session) = sessions.get(&number) else { return };
        if session.secret == secret
            && let Some(cancel) = session.cancel.upgrade()
        {
            cancel.request(Reason::User);
        }
    }

    /// Enters a session and gives it its process id.
    fn register(&self, secret: i32, cancel: &Rc<Cancel>) -> i32 {
        let mut sessions = self.sessions.borrow_mut();
        let mut number = self.next_session.get();
        while sessions.contains_key(&number) || number == 0 {
            number = (number + 1) & ((1 << SESSION_BITS) - 1);
        }
        self.next_session.set((number + 1) & ((1 << SESSION_BITS) - 1));
        sessions.insert(number, Canceller { secret, cancel: Rc::downgrade(cancel) });
        self.metrics.sessions.set(sessions.len() as i64);
        ((u32::from(self.shard.id().0) << SESSION_BITS) | number) as i32
    }

    fn unregister(&self, process_id: i32) {
        let mut sessions = self.sessions.borrow_mut();
        sessions.remove(&(process_id as u32 & ((1 << SESSION_BITS) - 1)));
        self.metrics.sessions.set(sessions.len() as i64);
    }
}
