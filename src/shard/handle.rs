//! The owner's side: what each request does.

use super::{
    Shard,
    mailbox::Ask,
    request::{Request, Response},
};
use crate::{
    base::{ids::ShardId, pack::Pack, write::Write},
    env::{TaskClass, queue::Receiver},
    error::{Error, Result},
    txn::{Decision, Look, TableUse, Whole, Writer},
};
use std::{cell::Cell, time::Duration};

/// How often a flush under way is looked after.
const FAILURE_CHECK: Duration = Duration::from_millis(100);

/// How far a request came without waiting.
enum Begun {
    Answered(Result<Response>),
    Waits(Request),
    Writes(Writer, Vec<Write>, Vec<TableUse>),
    /// True: the last pack of its statement.
    Loads(Writer, Pack, Vec<TableUse>, bool),
}

impl Shard {
    /// Carries a request out.
    pub(super) async fn handle(&self, request: Request) -> Result<Response> {
        self.carry_on(self.begin_request(request)).await
    }

    async fn carry_on(&self, begun: Begun) -> Result<Response> {
        match begun {
            Begun::Answered(answer) => answer,
            Begun::Waits(request) => self.finish_request(request).await,
            Begun::Writes(writer, writes, tables) => self.write(&writer, writes, &tables).await,
            Begun::Loads(writer, pack, tables, last) => {
                let loaded = self.0.transactions.load(&writer, pack, &tables, last).await;
                loaded.map(|()| Response::Done).map_err(|failure| self.error(failure))
            }
        }
    }

    /// Takes requests of other cores, for ever.
    pub(super) async fn take_requests(&self, mut requests: Receiver<Ask>) {
        let mut batch = Vec::new();
        while requests.recv_many(&mut batch).await {
            for ask in batch.drain(..) {
                match ask {
                    Ask::Call { from, number, request } => self.take_call(from, number, request),
                    Ask::Fragment { from, number, serial, request } => self.produce(from, number, serial, *request),
                    Ask::Cancel { from, serial } => self.0.producers.borrow().cancel(from, serial),
                }
                self.0.env.yield_if_needed().await;
            }
        }
    }

    fn take_call(&self, from: ShardId, number: u32, request: Request) {
        count(&self.0.requests, 1);
        let mut reply = Reply { shard: self.clone(), from, number, result: None };
        match self.begin_request(request) {
            Begun::Answered(answer) => reply.result = Some(answer),
            begun => {
                let shard = self.clone();
                let handler = async move {
                    count(&shard.0.running, 1);
                    let _running = Running(&shard);
                    reply.result = Some(shard.carry_on(begun).await);
                    drop(reply);
                };
                self.0.env.spawn(TaskClass::Query, handler).detach();
            }
        }
    }

    async fn write(&self, writer: &Writer, writes: Vec<Write>, tables: &[TableUse]) -> Result<Response> {
        let written = self.0.transactions.write(writer, writes, tables).await;
        written.map(|()| Response::Done).map_err(|failure| self.error(failure))
    }

    /// The part of a request that takes effect at once, in the order of arrival.
    fn begin_request(&self, request: Request) -> Begun {
        let transactions = &self.0.transactions;
        match request {
            Request::Get { view, key } => match transactions.look_with(&view, &key, <[u8]>::to_vec) {
                Ok(Look::Value(value)) => return Begun::Answered(Ok(Response::Value(value))),
                Ok(Look::Own(value)) => return Begun::Answered(Ok(Response::OwnValue(value))),
                Ok(Look::Wait(_) | Look::Read) => return Begun::Waits(Request::Get { view, key }),
                Err(failure) => return Begun::Answered(Err(self.error(failure))),
            },
            Request::Write { transaction, snapshot, statement, writes, tables, patience } => {
                return match transactions.begin(transaction, statement, snapshot, patience) {
                    Ok(writer) => Begun::Writes(writer, writes, tables),
                    Err(failure) => Begun::Answered(Err(self.error(failure))),
                };
            }
            Request::Load { transaction, snapshot, statement, writes, tables, last, patience } => {
                return match transactions.begin(transaction, statement, snapshot, patience) {
                    Ok(writer) => Begun::Loads(writer, writes, tables, last),
                    Err(failure) => Begun::Answered(Err(self.error(failure))),
                };
            }
            Request::Decide { transaction, decision, .. } => {
                if decision == Decision::Abort {
                    transactions.abort(transaction);
                }
                return Begun::Waits(request);
            }
            Request::Rollback { transaction, statements, keep_locks } => {
                transactions.rollback(transaction, statements, keep_locks);
            }
            Request::Forget { transactions: over } => over.into_iter().for_each(|one| transactions.forget(one)),
            Request::Unfence { transaction } => transactions.unfence(transaction),
            Request::InstallCatalog(catalog) => transactions.install_catalog(catalog),
            Request::DropStorage(storage) => transactions.lsm().drop_storage(storage),
            Request::Status => return Begun::Answered(Ok(Response::Status(Box::new(self.status())))),
            Request::Cancel { session, secret } => {
                let handler = self.0.on_cancel.borrow().clone();
                if let Some(handler) = handler {
                    handler(session, secret);
                }
            }
            other => return Begun::Waits(other),
        }
        Begun::Answered(Ok(Response::Done))
    }

    /// Writes all memtables out, or tells why that does not get on.
    async fn flush(&self) -> Result<()> {
        let lsm = self.0.transactions.lsm();
        let failing = async {
            loop {
                self.0.env.sleep(FAILURE_CHECK).await;
                if let Some(error) = lsm.failure() {
                    return Err(error);
                }
            }
        };
        futures_lite::future::or(lsm.flush(), failing).await
    }

    /// The rest, which may wait.
    async fn finish_request(&self, request: Request) -> Result<Response> {
        let transactions = &self.0.transactions;
        let done = match request {
            Request::Get { view, key } => transactions.get(&view, &key).await.map(Response::Value),
            Request::GetMany { view, keys } => transactions.get_many(&view, &keys).await.map(Response::Values),
            Request::CommitOne { snapshot, writes, tables } => {
                transactions.commit_one(snapshot, writes, &tables).await.map(|whole| match whole {
                    Whole::Committed(at) => Response::Committed(at),
                    Whole::Locked(writes) => Response::Locked(writes),
                })
            }
            Request::Reread { reads, from, to } => return self.reread(&reads, from, to).await.map(Response::Unchanged),
            Request::CommitTransaction { transaction } => {
                transactions.commit(transaction).await.map(Response::Committed)
            }
            Request::Prepare { transaction, participants } => {
                transactions.prepare(transaction, participants).await.map(Response::Prepared)
            }
            Request::Decide { transaction, decision, hurry } => {
                transactions.decide(transaction, decision, hurry).await.map(|()| Response::Done)
            }
            Request::Outcome { transaction } => transactions.outcome(transaction).await.map(Response::Outcome),
            Request::Fence { table, transaction } => {
                transactions.fence(table, transaction).await.map(|()| Response::Done)
            }
            Request::Recovered => {
                while !self.0.recovered.get() {
                    self.0.on_recovered.wait().await;
                }
                Ok(Response::Done)
            }
            Request::Flush => self.flush().await.map(|()| Response::Done).map_err(Into::into),
            Request::Run(closure) => {
                closure(self).await;
                Ok(Response::Done)
            }
            Request::Write { .. }
            | Request::Load { .. }
            | Request::Rollback { .. }
            | Request::Forget { .. }
            | Request::Unfence { .. }
            | Request::InstallCatalog(_)
            | Request::DropStorage(_)
            | Request::Status
            | Request::Cancel { .. } => Err(Error::internal("a request was begun and not ended").into()),
        };
        done.map_err(|failure| self.error(failure))
    }
}

/// Sends the answer when it is dropped, so that the caller gets one also when the handler panicked.
struct Reply {
    shard: Shard,
    from: ShardId,
    number: u32,
    result: Option<Result<Response>>,
}

impl Drop for Reply {
    fn drop(&mut self) {
        let result = self.result.take().unwrap_or_else(|| {
            let lost = Error::internal("the request failed inside the server");
            Err(lost.with_effect(crate::error::Effect::Unknown))
        });
        if let Ok(peer) = self.shard.peer(self.from) {
            peer.answer(super::mailbox::Answer::Reply { from: self.shard.id(), number: self.number, result });
        }
    }
}

/// Counts a request that is being handled, until it is dropped.
struct Running<'a>(&'a Shard);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.0.running.set(self.0.0.running.get().saturating_sub(1));
    }
}

pub(super) fn count(counter: &Cell<u64>, more: u64) {
    counter.set(counter.get() + more);
}
