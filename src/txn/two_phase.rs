//! This core's part of a commit over several cores.
//!
//! Prepare: validate, draw a timestamp to propose, mark the keys as pending, append the record; when it is durable the
//! promise is given. If all participants promise, the transaction is committed at the highest proposal; that follows from
//! the prepares alone, so the client may be told before any decision is written. The decision is then applied at once and
//! logged without hurry.
//!
//! A participant that fails to prepare never prepares later, so a decision to abort is safe as soon as one has failed.
//! Whoever wonders what became of a transaction asks the other participants ([`Transactions::outcome`]); being asked about
//! one that is not prepared here rolls it back, so that the answer stays true.

use super::{
    Failure, Transactions,
    applying::Work,
    failure::{conflict, gone, table_changed},
    gate::Gate,
    pending::{Pending, storages_of},
    record::{Decision, Encoder},
    spill::pairs,
    state::{Counters, Prepared},
};
use crate::{
    base::{
        ids::{ShardId, TransactionId},
        time::Timestamp,
    },
    error::Error,
    storage::{log::LogPosition, lsm::Resolution},
};
use std::rc::Rc;

/// What became of a transaction on one core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It promised to commit, at this time or later.
    Prepared(Timestamp),
    Committed(Timestamp),
    /// It is not prepared here and never will be: never was, or was aborted.
    Unknown,
}

/// A prepared transaction that lacks its decision.
#[derive(Clone, Debug)]
pub struct InDoubt {
    pub transaction: TransactionId,
    pub proposed: Timestamp,
    pub participants: Vec<ShardId>,
}

impl InDoubt {
    /// The decision that the outcomes at all participants add up to.
    pub fn decision(outcomes: impl IntoIterator<Item = Outcome>) -> Decision {
        let mut latest = Timestamp::MIN;
        for outcome in outcomes {
            match outcome {
                Outcome::Prepared(proposed) => latest = latest.max(proposed),
                // Somebody knows the end already.
                Outcome::Committed(at) => return Decision::Commit(at),
                Outcome::Unknown => return Decision::Abort,
            }
        }
        Decision::Commit(latest)
    }
}

impl Transactions {
    /// Promises to commit and gives the proposed timestamp. If it fails, the transaction is rolled back here.
    pub async fn prepare(&self, transaction: TransactionId, participants: Vec<ShardId>) -> Result<Timestamp, Failure> {
        self.save_loads(transaction).await?;
        self.0.log.room().await;
        let (proposed, end) =
            self.prepare_now(transaction, participants).inspect_err(|_| self.abort_open(transaction))?;
        if !self.0.options.acknowledge_before_sync {
            self.0.log.durable(end).await?;
        }
        self.apply_durable();
        Ok(proposed)
    }

    fn prepare_now(
        &self,
        transaction: TransactionId,
        participants: Vec<ShardId>,
    ) -> Result<(Timestamp, LogPosition), Failure> {
        self.check_prepare(transaction)?;
        let mut state = self.0.state.borrow_mut();
        let open = state.take_open(transaction).ok_or_else(gone)?;
        self.0.changed.add(&open.written);
        let proposed = self.draw();
        let versions: Vec<Timestamp> = open.spilled.iter().map(|(_, version)| *version).collect();
        let changes = open.buffer.into_writes();
        let start = self.0.log.end();
        let appended = {
            let mut record = self.0.record.borrow_mut();
            let encoder = Encoder::prepare(&mut record, transaction, proposed, &participants, &versions);
            encoder.writes(pairs(&changes));
            self.0.log.append(&[&record])
        };
        let end = appended.inspect_err(|_| self.resolve(&versions, Resolution::Aborted))?;
        state.applying.push(end, Work::Nothing);
        drop(state);
        let storages = storages_of(changes.iter().map(|(key, _)| key.as_slice()), &open.spilled_storages);
        let pending = Rc::new(Pending {
            proposed,
            prepared: true,
            transaction: Some(transaction),
            storages,
            spilled: !versions.is_empty(),
            done: Gate::default(),
        });
        self.add_prepared(pending, participants, versions, changes, start, end);
        Counters::count(&self.0.statistics.prepared);
        Ok((proposed, end))
    }

    /// All the reasons not to promise. A participant may not wait here: others may be waiting for its answer.
    fn check_prepare(&self, transaction: TransactionId) -> Result<(), Failure> {
        let tables = {
            let state = self.0.state.borrow();
            let open = state.open.get(&transaction).ok_or_else(gone)?;
            self.check_doom(open)?;
            let others = |pending: &Pending| pending.transaction != Some(transaction);
            let busy = open.buffer.keys().any(|key| state.pending.on_key(key, others).is_some());
            if busy && !state.pending.is_empty() {
                return Err(self.conflicts(conflict()));
            }
            open.tables.clone()
        };
        if self.check_tables(Some(transaction), &tables)?.is_some() {
            return Err(tables.first().map_or_else(conflict, |used| table_changed(used.table)));
        }
        Ok(())
    }

    /// Begins to wait anew for a decision.
    pub fn still_in_doubt(&self, transaction: TransactionId) {
        if let Some(prepared) = self.0.state.borrow_mut().prepared.get_mut(&transaction) {
            prepared.since = self.0.env.now();
        }
    }

    /// Enters a prepared transaction; recovery does so, too.
    pub(super) fn add_prepared(
        &self,
        pending: Rc<Pending>,
        participants: Vec<ShardId>,
        versions: Vec<Timestamp>,
        changes: super::Changes,
        start: LogPosition,
        end: LogPosition,
    ) {
        let Some(transaction) = pending.transaction else { return };
        self.0.retained.prepares.borrow_mut().insert((start, transaction), ());
        let mut state = self.0.state.borrow_mut();
        let number = state.pending.insert(pending.clone(), changes.iter().map(|(key, _)| key.as_slice()));
        let since = self.0.env.now();
        let prepared = Prepared { pending, number, participants, versions, changes, start, end, since };
        state.prepared.insert(transaction, prepared);
    }

    /// Ends a transaction, prepared or not; gives back when that is durable. Repeating it does no harm. Without `hurry` the
    /// decision is written with whatever comes next; it is applied at once all the same.
    pub async fn decide(&self, transaction: TransactionId, decision: Decision, hurry: bool) -> Result<(), Failure> {
        if let Some(end) = self.decide_now(transaction, decision)? {
            if hurry {
                self.0.log.write_out();
            }
            if !self.0.options.acknowledge_before_sync {
                self.0.log.durable(end).await?;
            }
            self.apply_durable();
        }
        Ok(())
    }

    /// The same up to where it is visible, but not durable yet: that is at `Some` position of the log.
    fn decide_now(&self, transaction: TransactionId, decision: Decision) -> Result<Option<LogPosition>, Failure> {
        let prepared = self.0.state.borrow_mut().prepared.remove(&transaction);
        let Some(prepared) = prepared else { return self.decide_unprepared(transaction, decision) };
        let appended = {
            let mut record = self.0.record.borrow_mut();
            Encoder::decided(&mut record, transaction, decision);
            self.0.log.append_without_hurry(&[&record])
        };
        let end = match appended {
            Ok(end) => end,
            Err(error) => {
                // Undecided as before: whoever asks again may have more luck.
                self.0.state.borrow_mut().prepared.insert(transaction, prepared);
                return Err(error.into());
            }
        };
        let applied = {
            let mut state = self.0.state.borrow_mut();
            state.applying.push(end, Work::Nothing);
            state.applying.applied()
        };
        match decision {
            Decision::Commit(at) => {
                self.resolve(&prepared.versions, Resolution::Committed(at));
                // Not in log order, so the mark stays where it is: a restart applies the record again.
                self.0.lsm.apply(pairs(&prepared.changes), at, applied);
            }
            Decision::Abort => {
                Counters::count(&self.0.statistics.aborted);
                self.resolve(&prepared.versions, Resolution::Aborted);
            }
        }
        let mut state = self.0.state.borrow_mut();
        state.pending.remove(prepared.number, prepared.changes.iter().map(|(key, _)| key.as_slice()));
        match decision {
            Decision::Commit(_) => {
                state.decided.insert(transaction, (decision, prepared.start));
            }
            // Whoever asks about a transaction that is not known here takes it for aborted.
            Decision::Abort => {
                self.0.retained.prepares.borrow_mut().remove(&(prepared.start, transaction));
            }
        }
        Ok(Some(end))
    }

    fn decide_unprepared(
        &self,
        transaction: TransactionId,
        decision: Decision,
    ) -> Result<Option<LogPosition>, Failure> {
        match decision {
            Decision::Abort => {
                self.abort_open(transaction);
                Ok(None)
            }
            // Repeated, perhaps after everybody has forgotten it.
            Decision::Commit(_) if !self.0.state.borrow().open.contains_key(&transaction) => Ok(None),
            Decision::Commit(_) => {
                Err(Error::internal(format!("transaction {transaction} is to commit but was not prepared")).into())
            }
        }
    }

    /// All participants have the decision durable.
    pub fn forget(&self, transaction: TransactionId) {
        if let Some((_, start)) = self.0.state.borrow_mut().decided.remove(&transaction) {
            self.0.retained.prepares.borrow_mut().remove(&(start, transaction));
        }
    }

    /// What became of a transaction here. One that is not prepared is rolled back, so that `Unknown` stays true.
    pub async fn outcome(&self, transaction: TransactionId) -> Result<Outcome, Failure> {
        let (proposed, end) = {
            let state = self.0.state.borrow();
            match (state.prepared.get(&transaction), state.decided.get(&transaction)) {
                (Some(prepared), _) => (prepared.pending.proposed, prepared.end),
                (None, Some((Decision::Commit(at), _))) => return Ok(Outcome::Committed(*at)),
                (None, Some((Decision::Abort, _)) | None) => {
                    drop(state);
                    self.abort(transaction);
                    return Ok(Outcome::Unknown);
                }
            }
        };
        self.0.log.durable(end).await?;
        Ok(Outcome::Prepared(proposed))
    }

    /// Prepared transactions that have waited for their decision for longer than they should.
    pub fn in_doubt(&self) -> Vec<InDoubt> {
        let patience = self.0.options.in_doubt_after;
        let then = self.0.env.now().saturating_sub(patience);
        let state = self.0.state.borrow();
        let stale = state.prepared.iter().filter(|(_, prepared)| prepared.since < then);
        stale.map(|(transaction, prepared)| prepared.in_doubt(*transaction)).collect()
    }
}

impl Prepared {
    /// The question that remains.
    pub(super) fn in_doubt(&self, transaction: TransactionId) -> InDoubt {
        InDoubt { transaction, proposed: self.pending.proposed, participants: self.participants.clone() }
    }
}
