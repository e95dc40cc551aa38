//! Ending transactions.
//!
//! A transaction that wrote on one shard commits there, in one log record. One that wrote on several prepares on all of
//! them at the same time; once every one of them has its prepare on disk, the transaction is committed (a restart would
//! find all the prepares and say the same), at the greatest of the proposed timestamps, and the client is told; the
//! decision is then passed on without anybody waiting. This is the parallel commit of CockroachDB, with the participants'
//! list in every prepare in place of a record of its own. If one participant refuses, none commits; if one fails to answer,
//! it is for the shards to find out (`txn`), and the client is told that the end is not known (40003).
//!
//! A change of the catalog always prepares: between the decision and its being passed on, every core installs the new
//! catalog, so that no core lets a writer in with the old one.

use super::{
    Core,
    insert::{all, all_answers},
    session::Session,
    transaction::{Definition, Transaction},
};
use crate::{
    base::{
        ids::{ShardId, TransactionId},
        sqlstate::SqlState,
        time::Timestamp,
        write::{Write, WriteKind},
    },
    catalog::{self, Catalog},
    env::TaskClass,
    error::{Effect, Error, Result},
    shard::{Decision, Request, Response},
};
use std::{rc::Rc, sync::Arc, time::Duration};

/// How long ended transactions are collected before the shards are told to forget them.
const FORGET_DELAY: Duration = Duration::from_millis(100);

impl Session {
    /// The open transaction; an implicit one is begun if there is none.
    pub(super) fn open_transaction(&mut self) -> &mut Transaction {
        let core = &self.core;
        let read_only = self.settings.is_read_only();
        self.transaction.get_or_insert_with(|| {
            let id = TransactionId(core.shard.sequencer().next().0);
            Transaction::new(id, false, read_only, core.shard.env().wall_micros())
        })
    }

    /// Numbers the statement that is about to write.
    pub(super) fn begin_statement(&mut self) {
        self.open_transaction().statement += 1;
    }

    /// The end of a simple query or Sync: an implicit transaction commits.
    pub async fn end_batch(&mut self) -> Result<()> {
        self.last_in_batch = false;
        match &self.transaction {
            Some(transaction) if !transaction.explicit => self.commit().await,
            Some(_) => Ok(()),
            None => {
                self.portals.clear();
                Ok(())
            }
        }
    }

    /// The door met an error: an implicit transaction rolls back, an explicit one waits for its end.
    pub async fn fail(&mut self, _error: &Error) {
        self.last_in_batch = false;
        self.run = super::run::Run::None;
        self.running_portal = None;
        match &mut self.transaction {
            Some(transaction) if transaction.explicit => {
                transaction.failed = true;
                let_go(&self.core, transaction).await;
            }
            Some(_) => self.roll_back().await,
            None => {}
        }
    }

    /// Commits the open transaction. After an error nothing of it is left, unless the error says that is not known.
    pub(super) async fn commit(&mut self) -> Result<()> {
        let Some(transaction) = self.transaction.take() else { return Ok(()) };
        self.portals.clear();
        let committed = match transaction.definition.is_some() {
            true => commit_definition(&self.core, transaction).await,
            false => commit_writes(&self.core, transaction).await,
        };
        self.settings.end_transaction(committed.is_ok());
        committed
    }

    /// Rolls the open transaction back.
    pub(super) async fn roll_back(&mut self) {
        let Some(transaction) = self.transaction.take() else { return };
        self.portals.clear();
        self.settings.end_transaction(false);
        roll_back(&self.core, transaction).await;
    }
}

/// A statement of a transaction that stays open has failed: what it wrote and locked since the last savepoint is given up
/// at once, so that nobody waits for a client that has yet to say ROLLBACK.
async fn let_go(core: &Rc<Core>, transaction: &mut Transaction) {
    let shards = transaction.known_at();
    if transaction.definition.is_some() || shards.is_empty() {
        return;
    }
    let id = transaction.id;
    let Some(savepoint) = transaction.savepoints.last() else {
        transaction.writers.clear();
        transaction.touched.clear();
        return decide(core, id, &shards, Decision::Abort, true).await;
    };
    let statements = savepoint.statement..=transaction.statement;
    let request = || Request::Rollback { transaction: id, statements: statements.clone(), keep_locks: false };
    if let Err(error) = all(shards.iter().map(|&shard| core.shard.call(shard, request())).collect()).await {
        tracing::warn!(%error, "writes of a failed statement stay until their transaction ends");
    }
}

/// Commits a transaction that changed rows only.
async fn commit_writes(core: &Rc<Core>, transaction: Transaction) -> Result<()> {
    let id = transaction.id;
    dismiss_bystanders(core, &transaction);
    match transaction.writers.len() {
        0 => Ok(()),
        1 => {
            let shard = transaction.writers.first().copied().unwrap_or_default();
            let committed = core.shard.call(shard, Request::CommitTransaction { transaction: id }).await;
            committed.map(|_| ()).map_err(end_unknown)
        }
        _ => {
            let participants: Vec<ShardId> = transaction.writers.iter().copied().collect();
            let prepared = prepare(core, id, &participants).await;
            if let Some(decision) = decision(&prepared) {
                pass_on(core, id, participants, decision);
            }
            prepared.map(|_| ()).map_err(end_unknown)
        }
    }
}

/// What the answers of the participants add up to; `None` if that is not known. Then some of them may have promised, and
/// those will ask the others: who has not promised by then never will.
fn decision(prepared: &Result<Timestamp>) -> Option<Decision> {
    match prepared {
        Ok(at) => Some(Decision::Commit(*at)),
        Err(error) if error.effect() == Effect::NotDone => Some(Decision::Abort),
        Err(_) => None,
    }
}

/// Tells the client that whether its transaction was committed is not known (40003). Other errors stay.
pub(super) fn end_unknown(error: Error) -> Error {
    if error.effect() == Effect::NotDone {
        return error;
    }
    let told = Error::new(SqlState::STATEMENT_COMPLETION_UNKNOWN, "whether the transaction was committed is not known");
    let told = told.with_detail(error.message().to_string()).with_effect(Effect::Unknown).with_cause(error);
    told.with_hint("Look for its changes before running it again.")
}

/// Tells shards that know the transaction, but hold nothing of it, that it is over.
fn dismiss_bystanders(core: &Rc<Core>, transaction: &Transaction) {
    let bystanders: Vec<ShardId> = transaction.touched.difference(&transaction.writers).copied().collect();
    if !bystanders.is_empty() {
        pass_on(core, transaction.id, bystanders, Decision::Abort);
    }
}

/// Prepares on every participant; gives the commit timestamp. One that refuses never prepares later, so if any has refused
/// the error says that nothing was done; if others only failed to answer, that it is not known.
async fn prepare(core: &Rc<Core>, id: TransactionId, participants: &[ShardId]) -> Result<Timestamp> {
    let request = || Request::Prepare { transaction: id, participants: participants.to_vec() };
    let calls = participants.iter().map(|&shard| core.shard.call(shard, request())).collect();
    let (mut latest, mut unknown) = (Timestamp::default(), None);
    for answer in all_answers(calls).await {
        match answer {
            Ok(Response::Prepared(at)) => latest = latest.max(at),
            Err(refused) if refused.effect() == Effect::NotDone => return Err(refused),
            Err(error) => unknown = Some(error),
            Ok(_) => {
                let error = Error::internal("a prepare was answered with something else");
                unknown = Some(error.with_effect(Effect::Unknown));
            }
        }
    }
    unknown.map_or(Ok(latest), Err)
}

/// Tells participants the outcome, without the client waiting for it.
fn pass_on(core: &Rc<Core>, id: TransactionId, participants: Vec<ShardId>, decision: Decision) {
    let telling = {
        let core = core.clone();
        async move { decide(&core, id, &participants, decision, false).await }
    };
    core.shard.env().spawn(TaskClass::Query, telling).detach();
}

/// Tells participants the outcome. A commit is forgotten once every one of them has it on disk.
async fn decide(core: &Rc<Core>, id: TransactionId, participants: &[ShardId], decision: Decision, hurry: bool) {
    let request = || Request::Decide { transaction: id, decision, hurry };
    let told = all(participants.iter().map(|&target| core.shard.call(target, request())).collect()).await;
    match (told, decision) {
        (Ok(_), Decision::Commit(_)) => forget(core, id, participants),
        (Ok(_), Decision::Abort) => {}
        (Err(error), _) => tracing::error!(%error, transaction = %id, "a decision did not reach its shard"),
    }
}

/// Has the participants forget a transaction, soon and together with others.
fn forget(core: &Rc<Core>, id: TransactionId, participants: &[ShardId]) {
    let begins = {
        let mut over = core.over.borrow_mut();
        let begins = over.is_empty();
        participants.iter().for_each(|&shard| over.entry(shard).or_default().push(id));
        begins
    };
    if !begins {
        return;
    }
    let collector = core.clone();
    let telling = async move {
        collector.shard.env().sleep(FORGET_DELAY).await;
        let over = std::mem::take(&mut *collector.over.borrow_mut());
        let calls = over.into_iter();
        let calls =
            calls.map(|(shard, transactions)| collector.shard.call(shard, Request::Forget { transactions })).collect();
        if let Err(error) = all(calls).await {
            tracing::error!(%error, "ended transactions are remembered until the next start");
        }
    };
    core.shard.env().spawn(TaskClass::Background, telling).detach();
}

/// Lets other writers at the fenced tables again.
async fn unfence(core: &Rc<Core>, id: TransactionId) {
    let shards = every_shard(core).into_iter();
    let calls = shards.map(|shard| core.shard.call(shard, Request::Unfence { transaction: id })).collect();
    if let Err(error) = all(calls).await {
        tracing::error!(%error, transaction = %id, "a fence could not be taken away");
    }
}

/// Commits a transaction that changed the catalog.
async fn commit_definition(core: &Rc<Core>, mut transaction: Transaction) -> Result<()> {
    let Some(definition) = transaction.definition.take() else { return Ok(()) };
    let id = transaction.id;
    let outcome = install(core, &mut transaction, &definition).await;
    dismiss_bystanders(core, &transaction);
    let participants: Vec<ShardId> = transaction.writers.iter().copied().collect();
    let unneeded = match outcome {
        Ok((at, catalog)) => {
            let shards = every_shard(core).into_iter();
            let calls = shards.map(|shard| core.shard.call(shard, Request::InstallCatalog(catalog.clone()))).collect();
            let installed = all(calls).await.map_err(|error| error.with_effect(Effect::Unknown));
            decide(core, id, &participants, Decision::Commit(at), true).await;
            unfence(core, id).await;
            installed?;
            definition.dropped
        }
        Err(error) => {
            // If the end is not known, the shards settle it, and what was made stays for the next start to sort out.
            if error.effect() == Effect::NotDone {
                decide(core, id, &participants, Decision::Abort, true).await;
                drop_storages(core, &definition.made).await;
            }
            unfence(core, id).await;
            return Err(end_unknown(error));
        }
    };
    drop_storages(core, &unneeded).await;
    Ok(())
}

/// Writes the catalog's rows and prepares everywhere.
async fn install(
    core: &Rc<Core>,
    transaction: &mut Transaction,
    definition: &Definition,
) -> Result<(Timestamp, Arc<Catalog>)> {
    let mut catalog = Catalog::clone(&definition.current);
    catalog.advance();
    let rows = catalog::differences(Some(&definition.base), &catalog)?;
    let kind = |value: Option<Vec<u8>>| value.map_or(WriteKind::Delete, WriteKind::Put);
    let writes: Vec<Write> = rows.into_iter().map(|(key, value)| Write { key, kind: kind(value) }).collect();
    let system = ShardId(0);
    transaction.writers.insert(system);
    let snapshot = definition.read_at;
    let statement = transaction.statement + 1;
    let request =
        Request::Write { transaction: transaction.id, snapshot, statement, writes, tables: Vec::new(), patience: None };
    core.shard.call(system, request).await?;
    let participants: Vec<ShardId> = transaction.writers.iter().copied().collect();
    let at = prepare(core, transaction.id, &participants).await?;
    Ok((at, Arc::new(catalog)))
}

async fn drop_storages(core: &Rc<Core>, storages: &[crate::base::ids::StorageId]) {
    for &storage in storages {
        let everywhere = every_shard(core).into_iter();
        let calls = everywhere.map(|shard| core.shard.call(shard, Request::DropStorage(storage))).collect();
        if let Err(error) = all(calls).await {
            tracing::warn!(%error, %storage, "the data of a dropped table will be removed at the next start");
        }
    }
}

/// Every shard of the node.
pub(super) fn every_shard(core: &Core) -> Vec<ShardId> {
    (0..core.shard.count()).map(ShardId).collect()
}

/// Takes a transaction's writes and fences back.
async fn roll_back(core: &Rc<Core>, transaction: Transaction) {
    decide(core, transaction.id, &transaction.known_at(), Decision::Abort, true).await;
    if let Some(definition) = &transaction.definition {
        unfence(core, transaction.id).await;
        drop_storages(core, &definition.made).await;
    }
}

/// A session ended with its transaction open: it is rolled back in the background.
pub(super) fn abandon(core: &Rc<Core>, transaction: Transaction) {
    if transaction.known_at().is_empty() && transaction.definition.is_none() {
        return;
    }
    let env = core.shard.env().clone();
    let core = core.clone();
    env.spawn(TaskClass::Query, async move { roll_back(&core, transaction).await }).detach();
}
