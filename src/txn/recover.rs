//! Opening: from the tree's last flush and the log after it to the transactions that were under way.
//!
//! The log is read from the flushed position, or from the first prepare that may still be asked for. Records before the
//! flushed position are in the tree and only tell of prepares. Then every transaction is one of: committed (applied),
//! prepared without a decision (the shard asks the other participants and decides), or open, which is rolled back.
//!
//! Order of calls: [`Transactions::open`], decide all [`Transactions::undecided`], [`Transactions::settle`]; then, when all
//! participants have come so far, [`Transactions::forget_all`].

use super::{
    Changes, InDoubt, Options, Transactions,
    attachment::{Attachment, Retained},
    gate::Gate,
    pending::{Pending, storages_of},
    record::{Decision, Record, Writes},
    sequencer::{Sequencer, Snapshots},
    state::State,
};
use crate::{
    base::{
        ids::{ShardId, StorageId, TransactionId},
        time::Timestamp,
    },
    catalog::Catalog,
    env::Env,
    error::Result,
    storage::{
        log::{self, Log, LogPosition},
        lsm::{self, Lsm, Resolution},
    },
};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    sync::Arc,
};

/// Where a core's transactions live.
pub struct Place {
    pub shard: ShardId,
    pub log: log::Options,
    pub lsm: lsm::Options,
}

/// A prepare found in the log.
struct Found {
    proposed: Timestamp,
    participants: Vec<ShardId>,
    versions: Vec<Timestamp>,
    changes: Changes,
    start: LogPosition,
    end: LogPosition,
}

/// What reading the log adds up to.
struct Replay {
    lsm: Lsm,
    retained: Rc<Retained>,
    /// Everything before is in tables.
    flushed: LogPosition,
    /// End of the last record read.
    end: LogPosition,
    prepared: BTreeMap<TransactionId, Found>,
    decided: BTreeMap<TransactionId, (Decision, LogPosition)>,
}

impl Transactions {
    /// Opens tree and log and replays what the tree lacks.
    pub async fn open(
        env: Env,
        options: Options,
        place: Place,
        sequencer: Arc<Sequencer>,
        catalog: Arc<Catalog>,
    ) -> Result<Transactions> {
        let retention = place.lsm.retention.clone();
        let lsm = Lsm::open(&env, place.lsm).await?;
        let attachment = Attachment::decode(&lsm.attachment())?;
        sequencer.observe(attachment.clock.max(lsm.newest_stamp()));
        for (version, resolution) in &attachment.provisional {
            sequencer.observe(*version);
            retention.provisional.borrow_mut().set(*version, *resolution);
        }
        let retained =
            Rc::new(Retained { sequencer: sequencer.clone(), retention, prepares: RefCell::new(BTreeMap::new()) });
        // Before the log is read: replaying fills memtables, which may be sealed.
        let for_flush = retained.clone();
        lsm.on_flush(Rc::new(move || for_flush.attachment().encode()));
        let flushed = lsm.flushed();
        let from = attachment.first_prepare.map_or(flushed, |first| first.min(flushed));
        let mut replay = Replay::new(lsm.clone(), retained.clone(), flushed, from);
        let log = Log::open(&env, place.log, from, |end, record| replay.visit(end, record)).await?;
        release_when_flushed(&lsm, &log);
        let inner = super::Inner {
            shard: place.shard,
            options,
            lsm,
            snapshots: Snapshots::new(sequencer.clone(), place.shard),
            retained,
            catalog: RefCell::new(catalog),
            state: RefCell::new(State::new(log.end(), sequencer.clone())),
            sequencer,
            log,
            record: RefCell::new(Vec::new()),
            no_versions: Rc::new([]),
            statistics: Default::default(),
            changed: Default::default(),
            closed: Cell::new(false),
            env,
        };
        let transactions = Transactions(Rc::new(inner));
        transactions.take_over(replay);
        Ok(transactions)
    }

    /// Enters the transactions that the log left prepared or decided.
    fn take_over(&self, replay: Replay) {
        self.0.state.borrow_mut().decided = replay.decided;
        for (transaction, found) in replay.prepared {
            let mut storages = storages_of(found.changes.iter().map(|(key, _)| key.as_slice()), &[]);
            if !found.versions.is_empty() {
                storages = self.all_storages();
            }
            let pending = Rc::new(Pending {
                proposed: found.proposed,
                prepared: true,
                transaction: Some(transaction),
                storages,
                spilled: !found.versions.is_empty(),
                done: Gate::default(),
            });
            self.add_prepared(pending, found.participants, found.versions, found.changes, found.start, found.end);
        }
    }

    /// After a restart it is not known which storages a spilled transaction wrote; nothing is served before it is decided.
    fn all_storages(&self) -> Vec<StorageId> {
        let catalog = self.0.catalog.borrow();
        let mut storages: Vec<StorageId> = catalog.tables().map(|table| table.storage).collect();
        storages.sort_unstable();
        storages
    }

    /// Prepared transactions without a decision.
    pub fn undecided(&self) -> Vec<InDoubt> {
        let state = self.0.state.borrow();
        state.prepared.iter().map(|(transaction, prepared)| prepared.in_doubt(*transaction)).collect()
    }

    /// What is still open after all prepared ones are decided was never committed.
    pub fn settle(&self) {
        let mut provisional = self.0.retained.retention.provisional.borrow_mut();
        let open = provisional.iter().filter(|(_, resolution)| *resolution == Resolution::Open);
        let open: Vec<Timestamp> = open.map(|(version, _)| version).collect();
        open.into_iter().for_each(|version| provisional.set(version, Resolution::Aborted));
    }

    /// Every participant of every decided transaction has its decision durable.
    pub fn forget_all(&self) {
        let decided: Vec<TransactionId> = self.0.state.borrow().decided.keys().copied().collect();
        decided.into_iter().for_each(|transaction| self.forget(transaction));
    }
}

/// Lets go of the log as far as the durable manifest, with its attachment, does without it.
fn release_when_flushed(lsm: &Lsm, log: &Log) {
    let (log, manifest) = (log.clone(), lsm.clone());
    lsm.on_flushed(Rc::new(move |flushed| match Attachment::decode(&manifest.attachment()) {
        Ok(attachment) => log.release(attachment.first_prepare.map_or(flushed, |first| first.min(flushed))),
        Err(error) => tracing::error!(?error, "the log is kept: the manifest's attachment is unreadable"),
    }));
}

impl Replay {
    fn new(lsm: Lsm, retained: Rc<Retained>, flushed: LogPosition, from: LogPosition) -> Replay {
        Replay { lsm, retained, flushed, end: from, prepared: BTreeMap::new(), decided: BTreeMap::new() }
    }

    /// Takes the next record in.
    fn visit(&mut self, end: LogPosition, bytes: &[u8]) -> Result<()> {
        let start = std::mem::replace(&mut self.end, end);
        let record = Record::decode(bytes)?;
        self.retained.sequencer.observe(record.newest());
        let in_tables = end <= self.flushed;
        match record {
            Record::Commit { at, versions, writes } if !in_tables => {
                self.resolve(&versions, Resolution::Committed(at));
                self.lsm.apply(writes.iter(), at, end);
            }
            Record::Provisional { at, writes, .. } if !in_tables => {
                self.resolve(&[at], Resolution::Open);
                self.lsm.apply(writes.iter(), at, end);
            }
            Record::Commit { .. } | Record::Provisional { .. } => {}
            Record::Prepare { transaction, proposed, participants, versions, writes } => {
                self.retained.prepares.borrow_mut().insert((start, transaction), ());
                let changes = owned(writes);
                self.prepared.insert(transaction, Found { proposed, participants, versions, changes, start, end });
            }
            Record::Decided { transaction, decision } => self.decide(transaction, decision, end),
        }
        Ok(())
    }

    fn decide(&mut self, transaction: TransactionId, decision: Decision, end: LogPosition) {
        // Without its prepare, which was released, the decision is everybody's knowledge and in tables.
        let Some(found) = self.prepared.remove(&transaction) else { return };
        match decision {
            Decision::Commit(_) => {
                self.decided.insert(transaction, (decision, found.start));
            }
            Decision::Abort => {
                self.retained.prepares.borrow_mut().remove(&(found.start, transaction));
            }
        }
        if end <= self.flushed {
            return;
        }
        match decision {
            Decision::Abort => self.resolve(&found.versions, Resolution::Aborted),
            Decision::Commit(at) => {
                self.resolve(&found.versions, Resolution::Committed(at));
                let writes = found.changes.iter().map(|(key, value)| (key.as_slice(), value.as_deref()));
                self.lsm.apply(writes, at, end);
            }
        }
    }

    fn resolve(&self, versions: &[Timestamp], resolution: Resolution) {
        let mut provisional = self.retained.retention.provisional.borrow_mut();
        versions.iter().for_each(|version| provisional.set(*version, resolution));
    }
}

fn owned(writes: Writes<'_>) -> Changes {
    writes.iter().map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec))).collect()
}
