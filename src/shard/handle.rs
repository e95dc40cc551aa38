//! The owner's side: what each request does.

use super::{
    Shard,
    mailbox::Ask,
    request::{Request, Response},
};
use crate::{
    base::ids::ShardId,
    env::{TaskClass, queue::Receiver},
    error::{Error, Result},
    txn::{Decision, Look},
};
use std::{cell::Cell, time::Duration};

/// How often a flush under way is looked after.
const FAILURE_CHECK: Duration = Duration::from_millis(100);

/// How far a request came without waiting.
enum Begun {
    Answered(Result<Response>),
    Waits(Request),
}

impl Shard {
    /// Carries a request out.
    pub(super) async fn handle(&self, request: Request) -> Result<Response> {
        match self.begin_request(request) {
            Begun::Answered(answer) => answer,
            Begun::Waits(request) => self.finish_request(request).await,
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
            Begun::Waits(request) => {
                let shard = self.clone();
                let handler = async move {
                    count(&shard.0.running, 1);
                    let _running = Running(&shard);
                    reply.result = Some(shard.finish_request(request).await);
                    drop(reply);
                };
                self.0.env.spawn(TaskClass::Query, handler).detach();
            }
        }
    }

    /// The part of a request that takes effect at once, in the order of arrival.
    fn begin_request(&self, request: Request) -> Begun {
        let transactions = &self.0.transactions;
        match request {
            Request::Get { view, key } => match transactions.look_with(&view, &key, <[u8]>::to_vec) {
                Ok(Look::Value(value)) => return Begun::Answered(Ok(Response::Value(value))),
                Ok(Look::Wait(_) | Look::Read) => return Begun::Waits(Request::Get { view, key }),
                Err(failure) => return Begun::Answered(Err(self.error(failure))),
            },
            Request::Write { transaction, snapshot, .. } | Request::Load { transaction, snapshot, .. } => {
                match transactions.begin(transaction, snapshot) {
                    Ok(()) => return Begun::Waits(request),
                    Err(failure) => return Begun::Answered(Err(self.error(failure))),
                }
            }
            Request::Decide { transaction, decision } => {
                if decision == Decision::Abort {
                    transactions.abort_open(transaction);
                }
                return Begun::Waits(request);
            }
            Request::RollbackTo { transaction, statement } => transactions.rollback_to(transaction, statement),
            Request::Forget { transaction } => transactions.forget(transaction),
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
                transactions.commit_one(snapshot, writes, &tables).await.map(Response::Committed)
            }
            Request::Write { transaction, statement, writes, tables, .. } => {
                transactions.write(transaction, statement, writes, &tables).await.map(|()| Response::Done)
            }
            Request::Load { transaction, statement, writes, tables, last, .. } => {
                transactions.load(transaction, statement, writes, &tables, last).await.map(|()| Response::Done)
            }
            Request::CommitTransaction { transaction } => {
                transactions.commit(transaction).await.map(Response::Committed)
            }
            Request::Prepare { transaction, participants } => {
                transactions.prepare(transaction, participants).await.map(Response::Prepared)
            }
            Request::Decide { transaction, decision } => {
                transactions.decide(transaction, decision).await.map(|()| Response::Done)
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
            Request::RollbackTo { .. }
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
