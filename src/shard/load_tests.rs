//! Bulk loads through a shard: what they check, who sees them, and what they leave behind.

use super::tests::{alone, commit_one, count_rows, get, insert, now, put, user_key};
use super::*;
use crate::base::{
    ids::TransactionId,
    pack::Pack,
    write::{Write, WriteKind},
};

/// A transaction that loads.
struct Loading {
    shard: Shard,
    snapshot: Snapshot,
    transaction: TransactionId,
}

impl Loading {
    fn begin(shard: &Shard) -> Loading {
        let (snapshot, transaction) = (shard.begin_snapshot(), TransactionId(shard.sequencer().next().0));
        Loading { shard: shard.clone(), snapshot, transaction }
    }

    async fn request(&self, request: Request) -> crate::Result<Response> {
        self.shard.call(ShardId(0), request).await
    }

    /// One statement's load of these rows, in packs of a hundred.
    async fn load(&self, statement: u32, rows: impl IntoIterator<Item = u32>) -> crate::Result<()> {
        let rows: Vec<u32> = rows.into_iter().collect();
        for (number, chunk) in rows.chunks(100).enumerate() {
            let mut pack = Pack::default();
            chunk.iter().for_each(|row| pack.push_write(&insert(&name(*row), &value(statement, *row))));
            let last = (number + 1) * 100 >= rows.len();
            let (transaction, snapshot) = (self.transaction, self.snapshot.timestamp());
            let tables = Vec::new();
            self.request(Request::Load {
                transaction,
                snapshot,
                statement,
                writes: pack,
                tables,
                last,
                patience: None,
            })
            .await?;
        }
        Ok(())
    }

    async fn write(&self, statement: u32, writes: Vec<Write>) -> crate::Result<()> {
        let (transaction, snapshot) = (self.transaction, self.snapshot.timestamp());
        let tables = Vec::new();
        let request = Request::Write { transaction, snapshot, statement, writes, tables, patience: None };
        self.request(request).await.map(|_| ())
    }

    async fn roll_back(&self, statement: u32) {
        let (transaction, statements) = (self.transaction, statement..=statement);
        self.request(Request::Rollback { transaction, statements, keep_locks: false }).await.unwrap();
    }

    async fn commit(self) -> crate::Result<()> {
        self.request(Request::CommitTransaction { transaction: self.transaction }).await.map(|_| ())
    }

    fn view(&self, statement: u32) -> ReadView {
        ReadView { snapshot: self.snapshot.timestamp(), transaction: Some(self.transaction), statement }
    }
}

fn name(row: u32) -> String {
    format!("row-{row:06}")
}

fn value(statement: u32, row: u32) -> String {
    format!("{statement} {row} {}", "x".repeat(100))
}

/// All numbers below `count`, well mixed.
fn mixed(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(move |row| (row * 7919) % count)
}

fn state(failed: crate::Result<()>) -> String {
    failed.unwrap_err().state().as_str().into()
}

#[test]
fn a_load_is_its_own_until_it_commits_and_everybodys_then() {
    let dir = tempfile::tempdir().unwrap();
    alone(dir.path().into(), |shard| async move {
        let loading = Loading::begin(&shard);
        let logged = shard.status().log.payload_bytes;
        loading.load(1, mixed(3000)).await.unwrap();
        assert!(shard.status().transactions.spills > 3, "several bulks");
        assert_eq!(count_rows(&shard, loading.view(1)).await, 0);
        assert_eq!(count_rows(&shard, loading.view(2)).await, 3000);
        assert_eq!(get(&shard, 0, loading.view(2), &name(77)).await, Some(value(1, 77)));
        assert_eq!(count_rows(&shard, now(&shard)).await, 0);
        loading.commit().await.unwrap();
        assert_eq!(count_rows(&shard, now(&shard)).await, 3000);
        let logged = shard.status().log.payload_bytes - logged;
        assert!(logged < 10_000, "rows went past the log, and yet it has {logged} bytes more");
        assert_eq!(shard.status().transactions.buffered_bytes, 0);
    });
    alone(dir.path().into(), |shard| async move {
        assert_eq!(count_rows(&shard, now(&shard)).await, 3000);
        assert_eq!(get(&shard, 0, now(&shard), &name(2999)).await, Some(value(1, 2999)));
    });
}

/// Sorted rows are written once: what became of them is noted in the manifest, and no table is written anew for it.
#[test]
fn a_sorted_load_is_settled_without_rewriting() {
    let dir = tempfile::tempdir().unwrap();
    alone(dir.path().into(), |shard| async move {
        commit_one(&shard, 0, vec![insert("first", "")]).await.unwrap();
        let before_all = shard.begin_snapshot();
        let loading = Loading::begin(&shard);
        loading.load(1, 0..2000).await.unwrap();
        let aborted = Loading::begin(&shard);
        aborted.load(1, 10_000..12_000).await.unwrap();
        loading.commit().await.unwrap();
        let (transaction, decision) = (aborted.transaction, Decision::Abort);
        aborted.request(Request::Decide { transaction, decision, hurry: true }).await.unwrap();
        aborted.request(Request::Flush).await.unwrap();
        let before = shard.status().lsm;
        let lsm = shard.transactions().lsm();
        while !lsm.provisionals().is_empty() {
            // Compaction has nothing to wait for once the horizon has moved.
            shard.transactions().tick();
            lsm.note_decisions();
            shard.env().sleep(std::time::Duration::from_millis(1)).await;
        }
        lsm.settle().await.unwrap();
        shard.transactions().tick();
        let after = shard.status();
        assert_eq!(after.transactions.provisional, 0);
        assert_eq!(after.lsm.entries, 2001);
        assert_eq!(after.lsm.compactions - before.compactions, after.lsm.moves - before.moves, "{after:?}");
        assert_eq!(count_rows(&shard, now(&shard)).await, 2001);
        assert_eq!(get(&shard, 0, now(&shard), &name(1234)).await, Some(value(1, 1234)));
        // The time it was committed at is the time its rows count from.
        assert_eq!(count_rows(&shard, ReadView::at(before_all.timestamp())).await, 1);
    });
    alone(dir.path().into(), |shard| async move {
        shard.transactions().tick();
        assert_eq!(shard.status().transactions.provisional, 0);
        assert_eq!(count_rows(&shard, now(&shard)).await, 2001);
        let error = commit_one(&shard, 0, vec![insert(&name(5), "again")]).await.unwrap_err();
        assert_eq!(error.state().as_str(), "23505");
        commit_one(&shard, 0, vec![put(&name(5), "newer")]).await.unwrap();
        assert_eq!(get(&shard, 0, now(&shard), &name(5)).await.as_deref(), Some("newer"));
    });
}

#[test]
fn duplicates_are_found_wherever_they_are() {
    let dir = tempfile::tempdir().unwrap();
    alone(dir.path().into(), |shard| async move {
        commit_one(&shard, 0, vec![insert(&name(500), "committed")]).await.unwrap();
        let loading = Loading::begin(&shard);
        loading.write(1, vec![insert(&name(700), "own")]).await.unwrap();
        let mut statement = 1;
        // Within a bulk, in another bulk of the statement, of another transaction, and of its own.
        for rows in [
            mixed(400).chain([17]).collect::<Vec<_>>(),
            (1000..3000).chain([1001]).collect(),
            (1000..3000).rev().chain([500]).collect(),
            (400..900).filter(|row| *row != 500).collect(),
        ] {
            statement += 1;
            assert_eq!(state(loading.load(statement, rows).await), "23505");
            loading.roll_back(statement).await;
            assert_eq!(count_rows(&shard, loading.view(statement + 1)).await, 2);
        }
        // So few that they are written one by one.
        assert_eq!(state(loading.load(6, [600, 601, 500]).await), "23505");
        loading.roll_back(6).await;
        loading.load(7, mixed(400)).await.unwrap();
        assert_eq!(state(loading.load(8, 399..2000).await), "23505");
        loading.roll_back(8).await;
        loading.commit().await.unwrap();
        assert_eq!(count_rows(&shard, now(&shard)).await, 402);
        assert_eq!(shard.status().transactions.buffered_bytes, 0);
    });
}

#[test]
fn the_first_to_commit_wins_over_a_load_and_a_load_over_the_second() {
    let dir = tempfile::tempdir().unwrap();
    alone(dir.path().into(), |shard| async move {
        commit_one(&shard, 0, vec![insert(&name(7), "old")]).await.unwrap();
        let (late, loading) = (Loading::begin(&shard), Loading::begin(&shard));
        // Deleted after the snapshot: no duplicate any more, but a conflict.
        commit_one(&shard, 0, vec![Write { key: user_key(&name(7)), kind: WriteKind::Delete }]).await.unwrap();
        assert_eq!(state(late.load(1, 0..400).await), "40001");
        late.roll_back(1).await;
        let waiting = Loading::begin(&shard);
        waiting.write(1, vec![insert(&name(2000), "second")]).await.unwrap();
        loading.load(1, 1000..3000).await.unwrap();
        assert_eq!(state(commit_one(&shard, 0, vec![put(&name(1500), "other")]).await.map(|_| ())), "40001");
        // What it has inserted lives by now.
        assert_eq!(state(waiting.commit().await), "23505");
        assert_eq!(state(late.load(2, 2999..3500).await), "40001");
        loading.commit().await.unwrap();
        assert_eq!(count_rows(&shard, now(&shard)).await, 2000);
    });
}

#[test]
fn statements_of_a_transaction_build_on_its_loads() {
    let dir = tempfile::tempdir().unwrap();
    let check = |shard: Shard| async move {
        assert_eq!(count_rows(&shard, now(&shard)).await, 1999);
        assert_eq!(get(&shard, 0, now(&shard), &name(3)).await, Some(value(2, 3)));
        assert_eq!(get(&shard, 0, now(&shard), &name(1000)).await.as_deref(), Some("changed"));
        assert_eq!(get(&shard, 0, now(&shard), &name(1001)).await, None);
    };
    alone(dir.path().into(), move |shard| async move {
        commit_one(&shard, 0, (0..20).map(|row| insert(&name(row), "before")).collect()).await.unwrap();
        let loading = Loading::begin(&shard);
        let delete = |row| Write { key: user_key(&name(row)), kind: WriteKind::Delete };
        loading.write(1, (0..20).map(delete).collect()).await.unwrap();
        loading.load(2, mixed(2000)).await.unwrap();
        loading.load(3, 5000..9000).await.unwrap();
        loading.roll_back(3).await;
        loading.write(4, vec![put(&name(1000), "changed"), delete(1001)]).await.unwrap();
        assert_eq!(count_rows(&shard, loading.view(5)).await, 1999);
        loading.commit().await.unwrap();
        check(shard.clone()).await;
        shard.call(ShardId(0), Request::Flush).await.unwrap();
        shard.transactions().tick();
        shard.transactions().lsm().compact_range(&[], &[0xFF; 40]).await.unwrap();
        check(shard).await;
    });
    alone(dir.path().into(), move |shard| async move { check(shard).await });
}
