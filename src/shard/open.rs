//! Opening and closing a core.

use super::{
    Clock, Shard,
    call::Peer,
    mailbox::{Answer, Mailbox},
    request::{Request, Response},
};
use crate::{
    base::{ids::ShardId, time::Timestamp},
    catalog::{self, Catalog},
    env::{Env, TaskClass, queue::Receiver},
    error::{Error, Result},
    storage::{log, lsm},
    txn::{self, Decision, InDoubt, Outcome, Place, ReadView, Sequencer, Transactions, Whole},
};
use std::{ops::Bound, rc::Rc, sync::Arc, time::Duration};

/// How often a core does its housekeeping.
const TICK: Duration = Duration::from_millis(500);

/// What a core is made of.
pub struct Options {
    pub id: ShardId,
    /// Its ends of the queues that [`super::connect`] made for all cores.
    pub mailbox: Mailbox,
    /// One for all cores of the node.
    pub sequencer: Arc<Sequencer>,
    pub log: log::Options,
    pub lsm: lsm::Options,
    pub transactions: txn::Options,
    /// The catalog until a stored one is installed.
    pub catalog: Arc<Catalog>,
}

impl Shard {
    /// Opens the core's log and tree and recovers. All cores of a node must be opened at the same time: they ask each other
    /// what became of transactions, and this returns when all of them know.
    pub async fn open(env: Env, options: Options) -> Result<Shard> {
        let Mailbox { requests_to, answers_to, requests, answers } = options.mailbox;
        let place = Place { shard: options.id, log: options.log, lsm: options.lsm };
        let clock = Clock { sequencer: options.sequencer.clone(), env: env.clone() };
        let transactions =
            Transactions::open(env.clone(), options.transactions, place, options.sequencer, options.catalog).await?;
        let peers = requests_to.into_iter().zip(answers_to).map(|(requests, answers)| Peer::new(requests, answers));
        let shard = Shard(Rc::new(super::Inner {
            id: options.id,
            transactions,
            clock,
            peers: peers.collect(),
            producers: Default::default(),
            recovered: Default::default(),
            on_recovered: Default::default(),
            extension: Default::default(),
            on_cancel: Default::default(),
            next_serial: Default::default(),
            tasks: Default::default(),
            requests: Default::default(),
            running: Default::default(),
            fragments: Default::default(),
            env,
        }));
        let taker = shard.clone();
        shard.keep(TaskClass::Query, async move { taker.take_requests(requests).await });
        let taker = shard.clone();
        shard.keep(TaskClass::Query, async move { taker.take_answers(answers).await });
        shard.recover().await?;
        let ticker = shard.clone();
        shard.keep(TaskClass::Background, async move { ticker.tick().await });
        Ok(shard)
    }

    /// Decides what the log left undecided, and waits for the other cores to do the same.
    async fn recover(&self) -> Result<()> {
        for doubt in self.0.transactions.undecided() {
            self.resolve(&doubt).await?;
        }
        self.0.transactions.settle();
        self.0.recovered.set(true);
        self.0.on_recovered.set();
        for target in (0..self.count()).map(ShardId).filter(|target| *target != self.id()) {
            self.call(target, Request::Recovered).await?;
        }
        self.0.transactions.forget_all();
        Ok(())
    }

    /// Asks the other participants of a transaction, and ends it here.
    async fn resolve(&self, doubt: &InDoubt) -> Result<Decision> {
        let mut outcomes = vec![Outcome::Prepared(doubt.proposed)];
        for target in self.others(doubt) {
            let request = Request::Outcome { transaction: doubt.transaction };
            match self.call(target, request).await? {
                Response::Outcome(outcome) => outcomes.push(outcome),
                other => return Err(Error::internal(format!("shard {target} answered {other:?} about a transaction"))),
            }
        }
        let decision = InDoubt::decision(outcomes);
        tracing::info!(transaction = %doubt.transaction, ?decision, "decided a transaction in doubt");
        let decided = self.0.transactions.decide(doubt.transaction, decision, true).await;
        decided.map_err(|failure| self.error(failure))?;
        Ok(decision)
    }

    fn others(&self, doubt: &InDoubt) -> impl Iterator<Item = ShardId> {
        let own = self.id();
        doubt.participants.iter().copied().filter(move |target| *target != own)
    }

    /// Does what the coordinator of a prepared transaction has failed to do: ends it everywhere.
    async fn finish(&self, doubt: &InDoubt) -> Result<()> {
        let decision = self.resolve(doubt).await?;
        let transaction = doubt.transaction;
        for target in self.others(doubt) {
            self.call(target, Request::Decide { transaction, decision, hurry: true }).await?;
        }
        for target in doubt.participants.iter().copied() {
            self.call(target, Request::Forget { transactions: vec![transaction] }).await?;
        }
        Ok(())
    }

    async fn take_answers(&self, mut answers: Receiver<Answer>) {
        let mut batch = Vec::new();
        while answers.recv_many(&mut batch).await {
            for answer in batch.drain(..) {
                if let Err(error) = self.take_answer(answer) {
                    tracing::error!(%error, "an answer of another core was dropped");
                }
            }
            self.0.env.yield_if_needed().await;
        }
    }

    async fn tick(&self) {
        loop {
            self.0.env.sleep(TICK).await;
            self.0.transactions.tick();
            for doubt in self.0.transactions.in_doubt() {
                if let Err(error) = self.finish(&doubt).await {
                    tracing::warn!(%error, transaction = %doubt.transaction, "a transaction stays in doubt for now");
                    self.0.transactions.still_in_doubt(doubt.transaction);
                }
            }
        }
    }

    /// Runs a task for as long as the shard is open. The node cannot go on without it.
    fn keep(&self, class: TaskClass, work: impl Future<Output = ()> + 'static) {
        let task = self.0.env.spawn(class, work);
        self.0.tasks.borrow_mut().push(task);
    }

    /// The catalog that the system keyspace holds; `None` on a new node. Ask on the shard that owns it, the first one.
    pub async fn load_catalog(&self) -> Result<Option<Catalog>> {
        let rows = self.load_catalog_rows().await?;
        if rows.is_empty() { Ok(None) } else { catalog::from_rows(rows).map(Some) }
    }

    async fn load_catalog_rows(&self) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let prefix = catalog::SYSTEM_PREFIX.to_vec();
        let end = crate::base::key::prefix_end(&prefix).map_or(Bound::Unbounded, Bound::Excluded);
        let snapshot = self.begin_snapshot();
        let view = ReadView::at(snapshot.timestamp());
        let transactions = &self.0.transactions;
        let mut scan = transactions.scan(view, (Bound::Included(prefix), end), lsm::Direction::Forward).await;
        let mut rows = Vec::new();
        while scan.next().await.map_err(|failure| self.error(failure))? {
            rows.push((scan.key().to_vec(), scan.value().to_vec()));
        }
        Ok(rows)
    }

    /// Writes a new node's first catalog. Ask on the shard that owns the system keyspace.
    pub async fn store_catalog(&self, catalog: &Catalog) -> Result<Timestamp> {
        use crate::base::write::{Write, WriteKind};
        let rows = catalog::differences(None, catalog)?.into_iter().map(|(key, value)| {
            let kind = value.map_or(WriteKind::Delete, WriteKind::Put);
            Write { key, kind }
        });
        let snapshot = self.begin_snapshot();
        let stored = self.0.transactions.commit_one(snapshot.timestamp(), rows.collect(), &[]).await;
        match stored.map_err(|failure| self.error(failure))? {
            Whole::Committed(at) => Ok(at),
            Whole::Locked(_) => Err(Error::internal("a new node's catalog is being written already")),
        }
    }

    /// Stops taking requests and closes tree and log. Everything acknowledged is durable; what is open is rolled back by
    /// the next start. Await the end of all sessions before.
    pub async fn close(&self) -> Result<()> {
        self.0.transactions.close();
        let tasks = std::mem::take(&mut *self.0.tasks.borrow_mut());
        for task in tasks {
            task.cancel().await;
        }
        self.0.transactions.lsm().close().await?;
        self.0.transactions.log().close().await
    }
}
