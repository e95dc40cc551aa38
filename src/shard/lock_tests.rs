//! Locks between transactions, on one core and over two.

use super::{
    tests::{alone, commit_one, get, now, put, together},
    *,
};
use crate::{
    base::{ids::TransactionId, write::Write},
    env::TaskClass,
};
use std::time::Duration;

/// A transaction as a coordinator drives it.
#[derive(Clone)]
struct Client {
    shard: Shard,
    id: TransactionId,
    snapshot: Rc<Snapshot>,
    patience: Option<Duration>,
}

impl Client {
    fn begin(shard: &Shard) -> Client {
        let id = TransactionId(shard.sequencer().next().0);
        Client { shard: shard.clone(), id, snapshot: Rc::new(shard.begin_snapshot()), patience: None }
    }

    async fn write(&self, target: u16, statement: u32, writes: Vec<Write>) -> crate::Result<Response> {
        let request = Request::Write {
            transaction: self.id,
            snapshot: self.snapshot.timestamp(),
            statement,
            writes,
            tables: Vec::new(),
            patience: self.patience,
        };
        self.shard.call(ShardId(target), request).await
    }

    /// Writes in a task of its own, until it waits.
    async fn begin_to_write(&self, target: u16, statement: u32, write: Write) -> Task<crate::Result<Response>> {
        let before = self.waiters(target).await;
        let client = self.clone();
        let task =
            self.shard.env().spawn(TaskClass::Query, async move { client.write(target, statement, vec![write]).await });
        while self.waiters(target).await == before {
            futures_lite::future::yield_now().await;
        }
        task
    }

    async fn waiters(&self, target: u16) -> usize {
        status(&self.shard, target).await.transactions.lock_waiters
    }

    async fn commit(&self, target: u16) -> crate::Result<Response> {
        self.shard.call(ShardId(target), Request::CommitTransaction { transaction: self.id }).await
    }

    async fn roll_back(&self, target: u16) {
        let request = Request::Decide { transaction: self.id, decision: Decision::Abort, hurry: true };
        self.shard.call(ShardId(target), request).await.unwrap();
    }
}

async fn status(shard: &Shard, target: u16) -> Status {
    match shard.call(ShardId(target), Request::Status).await.unwrap() {
        Response::Status(status) => *status,
        other => panic!("{other:?}"),
    }
}

fn state(result: crate::Result<Response>) -> String {
    result.unwrap_err().state().as_str().to_string()
}

#[test]
fn a_writer_waits_for_the_first_and_then_is_stale() {
    let dir = tempfile::tempdir().unwrap();
    alone(dir.path().into(), |shard| async move {
        commit_one(&shard, 0, vec![put("a", "0")]).await.unwrap();
        let (first, second, third) = (Client::begin(&shard), Client::begin(&shard), Client::begin(&shard));
        first.write(0, 1, vec![put("a", "1")]).await.unwrap();
        let own = ReadView { snapshot: first.snapshot.timestamp(), transaction: Some(first.id), statement: 2 };
        assert_eq!(get(&shard, 0, own, "a").await.as_deref(), Some("1"));
        assert_eq!(get(&shard, 0, now(&shard), "a").await.as_deref(), Some("0"));
        let waits = second.begin_to_write(0, 1, put("a", "2")).await;
        let waits_too = third.begin_to_write(0, 1, put("a", "3")).await;
        first.commit(0).await.unwrap();
        let error = waits.await.unwrap().unwrap_err();
        assert!(error.state().as_str() == "40001" && error.is_stale_snapshot());
        // It keeps the lock, so that at a later snapshot it comes before those behind it.
        let again = Client { snapshot: Rc::new(shard.begin_snapshot()), ..second.clone() };
        again.write(0, 2, vec![put("a", "2")]).await.unwrap();
        second.commit(0).await.unwrap();
        assert_eq!(state(waits_too.await.unwrap()), "40001");
        third.roll_back(0).await;
        assert_eq!(get(&shard, 0, now(&shard), "a").await.as_deref(), Some("2"));
        assert_eq!(status(&shard, 0).await.transactions.locks, 0);
    });
}

#[test]
fn who_takes_no_locks_is_told_of_them_or_dooms_their_holder() {
    let dir = tempfile::tempdir().unwrap();
    alone(dir.path().into(), |shard| async move {
        let holder = Client::begin(&shard);
        holder.write(0, 1, vec![put("a", "1")]).await.unwrap();
        let whole = |snapshot| Request::CommitOne { snapshot, writes: vec![put("a", "2")], tables: Vec::new() };
        let answer = shard.call(ShardId(0), whole(shard.sequencer().now())).await.unwrap();
        assert!(matches!(answer, Response::Locked(writes) if writes.len() == 1));
        shard.call(ShardId(0), whole(Timestamp::MAX)).await.unwrap();
        let error = holder.commit(0).await.unwrap_err();
        assert!(error.state().as_str() == "40001" && !error.is_stale_snapshot());
        assert_eq!(get(&shard, 0, now(&shard), "a").await.as_deref(), Some("2"));
    });
}

#[test]
fn a_deadlock_over_two_cores_is_found_at_once() {
    let dir = tempfile::tempdir().unwrap();
    together(dir.path().into(), 2, |shard| async move {
        let (one, two) = (Client::begin(&shard), Client::begin(&shard));
        one.write(0, 1, vec![put("a", "1")]).await.unwrap();
        two.write(1, 1, vec![put("b", "2")]).await.unwrap();
        let waits = one.begin_to_write(1, 2, put("b", "1")).await;
        assert_eq!(state(two.write(0, 2, vec![put("a", "2")]).await), "40P01");
        two.roll_back(0).await;
        two.roll_back(1).await;
        waits.await.unwrap().unwrap();
        one.roll_back(0).await;
        one.roll_back(1).await;
        for target in [0, 1] {
            let figures = status(&shard, target).await.transactions;
            assert_eq!((figures.locks, figures.lock_waiters), (0, 0));
        }
        assert_eq!(status(&shard, 0).await.transactions.deadlocks, 1);
    });
}

#[test]
fn a_wait_ends_with_its_patience_its_statement_or_its_transaction() {
    let dir = tempfile::tempdir().unwrap();
    together(dir.path().into(), 2, |shard| async move {
        let holder = Client::begin(&shard);
        holder.write(1, 1, vec![put("a", "1")]).await.unwrap();
        let hasty = Client { patience: Some(Duration::from_millis(20)), ..Client::begin(&shard) };
        assert_eq!(state(hasty.write(1, 1, vec![put("a", "2")]).await), "55P03");
        let undone = Client::begin(&shard);
        let waits = undone.begin_to_write(1, 1, put("a", "3")).await;
        let request = Request::Rollback { transaction: undone.id, statements: 1..=1, keep_locks: false };
        shard.call(ShardId(1), request).await.unwrap();
        assert_eq!(state(waits.await.unwrap()), "40001");
        let aborted = Client::begin(&shard);
        let waits = aborted.begin_to_write(1, 1, put("a", "4")).await;
        aborted.roll_back(1).await;
        assert_eq!(state(waits.await.unwrap()), "40001");
        assert_eq!(status(&shard, 1).await.transactions.lock_waiters, 0);
        holder.commit(1).await.unwrap();
        let figures = status(&shard, 1).await.transactions;
        assert_eq!((figures.locks, figures.lock_waiters), (0, 0));
    });
}

#[test]
fn a_write_that_comes_after_the_end_of_its_transaction_holds_nothing() {
    let dir = tempfile::tempdir().unwrap();
    alone(dir.path().into(), |shard| async move {
        let late = Client::begin(&shard);
        late.roll_back(0).await;
        assert_eq!(state(late.write(0, 1, vec![put("a", "1")]).await), "40001");
        let asked = Client::begin(&shard);
        asked.write(0, 1, vec![put("a", "1")]).await.unwrap();
        shard.call(ShardId(0), Request::Outcome { transaction: asked.id }).await.unwrap();
        assert_eq!(state(asked.write(0, 2, vec![put("a", "2")]).await), "40001");
        let figures = status(&shard, 0).await.transactions;
        assert_eq!((figures.locks, figures.open), (0, 0));
    });
}

#[test]
fn a_rollback_to_a_savepoint_gives_back_what_was_locked_since() {
    let dir = tempfile::tempdir().unwrap();
    alone(dir.path().into(), |shard| async move {
        let (holder, other) = (Client::begin(&shard), Client::begin(&shard));
        holder.write(0, 1, vec![put("kept", "1")]).await.unwrap();
        holder.write(0, 2, vec![put("given back", "1"), put("kept", "2")]).await.unwrap();
        let waits = other.begin_to_write(0, 1, put("given back", "2")).await;
        let rollback = |statements, keep_locks| Request::Rollback { transaction: holder.id, statements, keep_locks };
        shard.call(ShardId(0), rollback(2..=2, true)).await.unwrap();
        assert_eq!(other.waiters(0).await, 1);
        shard.call(ShardId(0), rollback(2..=2, false)).await.unwrap();
        waits.await.unwrap().unwrap();
        let waits = other.begin_to_write(0, 2, put("kept", "3")).await;
        holder.commit(0).await.unwrap();
        assert_eq!(state(waits.await.unwrap()), "40001");
        assert_eq!(get(&shard, 0, now(&shard), "kept").await.as_deref(), Some("1"));
    });
}
