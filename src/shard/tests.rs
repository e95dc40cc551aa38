//! Shards on real threads with real files. What can go wrong between two disk operations is the simulator's (`testing`).

use super::*;
use crate::{
    base::{
        ids::{IndexId, PartitionId, StorageId, TransactionId},
        key,
        write::{Write, WriteKind},
    },
    env::glommio::{block_on, start_shard},
    storage::{log, lsm},
};
use std::path::{Path, PathBuf};

/// A user key in a storage that the tests use.
pub(super) fn user_key(name: &str) -> Vec<u8> {
    [&key::prefix(StorageId(100), IndexId::PRIMARY, PartitionId(0)), name.as_bytes()].concat()
}

pub(super) fn put(name: &str, value: &str) -> Write {
    Write { key: user_key(name), kind: WriteKind::Put(value.into()) }
}

pub(super) fn insert(name: &str, value: &str) -> Write {
    Write { key: user_key(name), kind: WriteKind::Insert(value.into()) }
}

async fn open(env: &Env, dir: &Path, id: u16, mailbox: Mailbox, sequencer: Arc<Sequencer>, count: u16) -> Shard {
    let dir = dir.join(format!("shard-{id}"));
    let mut log = log::Options::new(dir.join("log"));
    log.segment_bytes = 1 << 20;
    let options = Options {
        id: ShardId(id),
        mailbox,
        sequencer,
        log,
        lsm: lsm::Options::new(dir.join("lsm"), 8 << 20),
        transactions: txn::Options {
            buffer_bytes_max: 16 << 10,
            load_bytes_min: 8 << 10,
            load_bytes_max: 64 << 10,
            ..txn::Options::default()
        },
        catalog: Arc::new(Catalog::bootstrap(count)),
    };
    Shard::open(env.clone(), options).await.unwrap()
}

/// Runs a test on the only shard of a node.
pub(super) fn alone<F: Future<Output = ()> + 'static>(dir: PathBuf, test: impl FnOnce(Shard) -> F + Send + 'static) {
    block_on(move |env| async move {
        let mailbox = connect(1).pop().unwrap();
        let shard = open(&env, &dir, 0, mailbox, Arc::new(Sequencer::new(1)), 1).await;
        test(shard.clone()).await;
        shard.close().await.unwrap();
    });
}

/// Runs a test on the first of several shards, each on a thread of its own.
pub(super) fn together<F: Future<Output = ()> + 'static>(
    dir: PathBuf,
    count: u16,
    test: impl FnOnce(Shard) -> F + Send + 'static,
) {
    let sequencer = Arc::new(Sequencer::new(count));
    // The others stay open until the first drops its ends.
    let (mut done, mut waits) = (Vec::new(), Vec::new());
    for _ in 1..count {
        let (sender, receiver) = crate::env::queue::bounded::<()>(1);
        done.push(sender);
        waits.push(receiver);
    }
    let (mut test, mut done) = (Some(test), Some(done));
    let mut threads = Vec::new();
    for (id, mailbox) in connect(count).into_iter().enumerate() {
        let (dir, sequencer) = (dir.clone(), sequencer.clone());
        let (test, done) = if id == 0 { (test.take(), done.take()) } else { (None, None) };
        let wait = if id == 0 { None } else { waits.pop() };
        let body = move |env: Env| async move {
            let shard = open(&env, &dir, id as u16, mailbox, sequencer, count).await;
            if let Some(test) = test {
                test(shard.clone()).await;
                drop(done);
            } else if let Some(mut wait) = wait {
                wait.recv_many(&mut Vec::new()).await;
            }
            shard.close().await.unwrap();
        };
        threads.push(start_shard(None, "test-shard", body).unwrap());
    }
    for thread in threads {
        thread.join().unwrap();
    }
}

pub(super) async fn get(shard: &Shard, target: u16, view: ReadView, name: &str) -> Option<String> {
    match shard.call(ShardId(target), Request::Get { view, key: user_key(name) }).await.unwrap() {
        Response::Value(value) | Response::OwnValue(value) => value.map(|value| String::from_utf8(value).unwrap()),
        other => panic!("{other:?}"),
    }
}

pub(super) async fn commit_one(shard: &Shard, target: u16, writes: Vec<Write>) -> crate::Result<Timestamp> {
    let snapshot = shard.begin_snapshot();
    let request = Request::CommitOne { snapshot: snapshot.timestamp(), writes, tables: Vec::new() };
    match shard.call(ShardId(target), request).await? {
        Response::Committed(at) => Ok(at),
        other => panic!("{other:?}"),
    }
}

pub(super) fn now(shard: &Shard) -> ReadView {
    ReadView::at(shard.sequencer().now())
}

#[test]
fn what_was_committed_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    alone(dir.path().into(), |shard| async move {
        commit_one(&shard, 0, vec![insert("a", "1"), insert("b", "2")]).await.unwrap();
        let before = now(&shard);
        commit_one(&shard, 0, vec![put("a", "3")]).await.unwrap();
        assert_eq!(get(&shard, 0, before, "a").await.as_deref(), Some("1"));
        assert_eq!(get(&shard, 0, now(&shard), "a").await.as_deref(), Some("3"));
        let error = commit_one(&shard, 0, vec![insert("b", "4")]).await.unwrap_err();
        assert_eq!(error.state().as_str(), "23505");
    });
    alone(dir.path().into(), |shard| async move {
        assert_eq!(get(&shard, 0, now(&shard), "a").await.as_deref(), Some("3"));
        assert_eq!(get(&shard, 0, now(&shard), "b").await.as_deref(), Some("2"));
        commit_one(&shard, 0, vec![Write { key: user_key("a"), kind: WriteKind::Delete }]).await.unwrap();
        commit_one(&shard, 0, vec![insert("a", "5")]).await.unwrap();
        shard.call(ShardId(0), Request::Flush).await.unwrap();
    });
    alone(dir.path().into(), |shard| async move {
        assert_eq!(get(&shard, 0, now(&shard), "a").await.as_deref(), Some("5"));
    });
}

#[test]
fn large_transactions_spill_and_can_be_taken_back_by_statement() {
    let dir = tempfile::tempdir().unwrap();
    alone(dir.path().into(), |shard| async move {
        let (snapshot, transaction) = (shard.begin_snapshot(), TransactionId(shard.sequencer().next().0));
        let value = "x".repeat(1000);
        for statement in 1..=3 {
            let writes = (0..40).map(|row| insert(&format!("{statement}-{row:02}"), &value)).collect();
            let request = Request::Write {
                transaction,
                snapshot: snapshot.timestamp(),
                statement,
                writes,
                tables: Vec::new(),
                patience: None,
            };
            shard.call(ShardId(0), request).await.unwrap();
        }
        assert!(shard.status().transactions.spills > 2);
        let view = |statement| ReadView { snapshot: snapshot.timestamp(), transaction: Some(transaction), statement };
        assert_eq!(count_rows(&shard, view(4)).await, 120);
        assert_eq!(count_rows(&shard, view(2)).await, 40);
        assert_eq!(count_rows(&shard, now(&shard)).await, 0);
        shard.call(ShardId(0), Request::Rollback { transaction, statements: 3..=3, keep_locks: false }).await.unwrap();
        assert_eq!(count_rows(&shard, view(4)).await, 80);
        // Others keep off what was spilled.
        let error = commit_one(&shard, 0, vec![put("1-00", "other")]).await.unwrap_err();
        assert_eq!(error.state().as_str(), "40001");
        let request = Request::Write {
            transaction,
            snapshot: snapshot.timestamp(),
            statement: 4,
            writes: vec![Write { key: user_key("1-00"), kind: WriteKind::Delete }, put("2-00", "new")],
            tables: Vec::new(),
            patience: None,
        };
        shard.call(ShardId(0), request).await.unwrap();
        shard.call(ShardId(0), Request::CommitTransaction { transaction }).await.unwrap();
        assert_eq!(count_rows(&shard, now(&shard)).await, 79);
        assert_eq!(get(&shard, 0, now(&shard), "2-00").await.as_deref(), Some("new"));
    });
    alone(dir.path().into(), |shard| async move {
        assert_eq!(count_rows(&shard, now(&shard)).await, 79);
    });
}

pub(super) async fn count_rows(shard: &Shard, view: ReadView) -> usize {
    let prefix = key::prefix(StorageId(100), IndexId::PRIMARY, PartitionId(0));
    let range =
        (std::ops::Bound::Included(prefix.to_vec()), std::ops::Bound::Excluded(key::prefix_end(&prefix).unwrap()));
    let mut counts = Vec::new();
    for direction in [lsm::Direction::Forward, lsm::Direction::Backward] {
        let mut scan = shard.transactions().scan(view, range.clone(), direction).await;
        let mut keys = Vec::new();
        while scan.next().await.unwrap() {
            keys.push(scan.key().to_vec());
        }
        if direction == lsm::Direction::Backward {
            keys.reverse();
        }
        assert!(keys.is_sorted());
        counts.push(keys.len());
    }
    assert_eq!(counts[0], counts[1]);
    counts[0]
}

#[test]
fn a_transaction_over_two_cores_is_there_as_a_whole() {
    let dir = tempfile::tempdir().unwrap();
    together(dir.path().into(), 2, |shard| async move {
        let (snapshot, transaction) = (shard.begin_snapshot(), TransactionId(shard.sequencer().next().0));
        for target in [0, 1] {
            let request = Request::Write {
                transaction,
                snapshot: snapshot.timestamp(),
                statement: 1,
                writes: vec![insert("a", "1")],
                tables: Vec::new(),
                patience: None,
            };
            shard.call(ShardId(target), request).await.unwrap();
        }
        let participants = vec![ShardId(0), ShardId(1)];
        let mut at = Timestamp::MIN;
        for target in &participants {
            let request = Request::Prepare { transaction, participants: participants.clone() };
            let Response::Prepared(proposed) = shard.call(*target, request).await.unwrap() else { panic!() };
            at = at.max(proposed);
        }
        let view = now(&shard);
        // A reader who comes now waits for the decision.
        let reader = shard.clone();
        let read = shard.env().spawn(crate::env::TaskClass::Query, async move { get(&reader, 1, view, "a").await });
        shard.env().sleep(std::time::Duration::from_millis(5)).await;
        for target in &participants {
            let request = Request::Decide { transaction, decision: Decision::Commit(at), hurry: true };
            shard.call(*target, request).await.unwrap();
        }
        assert_eq!(read.await.unwrap().as_deref(), Some("1"));
        for target in &participants {
            shard.call(*target, Request::Forget { transactions: vec![transaction] }).await.unwrap();
            assert_eq!(get(&shard, target.0, now(&shard), "a").await.as_deref(), Some("1"));
        }
    });
    together(dir.path().into(), 2, |shard| async move {
        for target in [0, 1] {
            assert_eq!(get(&shard, target, now(&shard), "a").await.as_deref(), Some("1"));
        }
    });
}

#[test]
fn undecided_prepares_are_decided_by_a_restart() {
    for prepared_on in [1, 2] {
        let dir = tempfile::tempdir().unwrap();
        together(dir.path().into(), 2, move |shard| async move {
            let (snapshot, transaction) = (shard.begin_snapshot(), TransactionId(shard.sequencer().next().0));
            for target in [0, 1] {
                let request = Request::Write {
                    transaction,
                    snapshot: snapshot.timestamp(),
                    statement: 1,
                    writes: vec![insert("a", "1")],
                    tables: Vec::new(),
                    patience: None,
                };
                shard.call(ShardId(target), request).await.unwrap();
            }
            for target in 0..prepared_on {
                let participants = vec![ShardId(0), ShardId(1)];
                shard.call(ShardId(target), Request::Prepare { transaction, participants }).await.unwrap();
            }
        });
        together(dir.path().into(), 2, move |shard| async move {
            let expected = (prepared_on == 2).then_some("1");
            for target in [0, 1] {
                assert_eq!(get(&shard, target, now(&shard), "a").await.as_deref(), expected);
            }
        });
    }
}

#[test]
fn many_calls_at_once_all_get_their_answers() {
    let dir = tempfile::tempdir().unwrap();
    together(dir.path().into(), 2, |shard| async move {
        let tasks: Vec<_> = (0..2000)
            .map(|number| {
                let (shard, env) = (shard.clone(), shard.env().clone());
                let write = async move {
                    let name = format!("{}", number % 100);
                    let target = number % 2;
                    let writes = vec![put(&name, &number.to_string())];
                    let request = Request::CommitOne { snapshot: Timestamp::MAX, writes, tables: Vec::new() };
                    shard.call(ShardId(target), request).await.unwrap();
                    get(&shard, target, now(&shard), &name).await.unwrap()
                };
                env.spawn(crate::env::TaskClass::Query, write)
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let Response::Status(status) = shard.call(ShardId(1), Request::Status).await.unwrap() else { panic!() };
        assert_eq!(status.transactions.committed, 1000);
        assert_eq!(status.transactions.pending, 0);
    });
}

#[test]
fn local_calls_serve_the_key_value_namespace() {
    let dir = tempfile::tempdir().unwrap();
    alone(dir.path().into(), |shard| async move {
        shard.local_put(b"k", b"v").await.unwrap();
        assert_eq!(shard.local_get_with(b"k", |value| value.len()).await.unwrap(), Some(1));
        shard.local_batch([(&b"k"[..], None), (b"l", Some(&b"w"[..]))]).await.unwrap();
        assert_eq!(shard.local_get(b"k").await.unwrap(), None);
        let mut seen = Vec::new();
        let partition = shard.key_value_partition(b"l");
        let visit = |key: &[u8], value: &[u8]| {
            seen.push((key.to_vec(), value.to_vec()));
            true
        };
        shard.local_scan(partition, b"", visit).await.unwrap();
        assert_eq!(seen, [(b"l".to_vec(), b"w".to_vec())]);
        assert!(shard.local_put(&[0; 20_000], b"").await.is_err());
    });
}

#[test]
fn a_bank_on_three_cores_keeps_its_books() {
    use crate::testing::{bank, random::Random};
    let dir = tempfile::tempdir().unwrap();
    let options = bank::Options { accounts: 12, clients: 8, transactions: 60, abandon: false };
    together(dir.path().into(), 3, move |shard| async move {
        bank::open_accounts(&shard, options).await.unwrap();
        let ledger = bank::Ledger::default();
        let clients: Vec<_> = (0..options.clients)
            .map(|number| {
                let client = bank::client(shard.clone(), options, Random::new(1, number), ledger.clone());
                shard.env().spawn(crate::env::TaskClass::Query, client)
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
        let violations = bank::check(&shard, options, &ledger).await.unwrap();
        assert!(violations.is_empty(), "{violations:#?}");
        let (acknowledged, refused, unknown) = ledger.borrow().counts();
        assert!(acknowledged > 100 && refused > 10 && unknown == 0, "{:?}", ledger.borrow().counts());
    });
    together(dir.path().into(), 3, move |shard| async move {
        let violations = bank::check(&shard, options, &bank::Ledger::default()).await.unwrap();
        // Nobody was told anything in this life; but the books must balance.
        assert!(violations.iter().all(|violation| violation.contains("never began")), "{violations:#?}");
    });
}

#[test]
fn a_fence_keeps_other_writers_out_and_old_plans_fail() {
    use crate::shard::fragment::tests::table;
    let dir = tempfile::tempdir().unwrap();
    alone(dir.path().into(), |shard| async move {
        let mut catalog = Catalog::bootstrap(1);
        catalog.put_table(table());
        catalog.advance();
        shard.call(ShardId(0), Request::InstallCatalog(Arc::new(catalog.clone()))).await.unwrap();
        let (table, ours, theirs) = (table().id, TransactionId(1), TransactionId(2));
        let write = |transaction, version| Request::Write {
            transaction,
            snapshot: Timestamp::MAX,
            statement: 1,
            writes: vec![put(&format!("{transaction}"), "1")],
            tables: vec![TableUse { table, version }],
            patience: None,
        };
        shard.call(ShardId(0), write(theirs, 1)).await.unwrap();
        shard.call(ShardId(0), Request::Fence { table, transaction: ours }).await.unwrap();
        let other = shard.clone();
        let request = write(TransactionId(3), 1);
        let waiting =
            shard.env().spawn(crate::env::TaskClass::Query, async move { other.call(ShardId(0), request).await });
        shard.call(ShardId(0), write(ours, 2)).await.unwrap();
        let mut changed = catalog.table(table).unwrap().as_ref().clone();
        changed.version = 2;
        catalog.put_table(changed);
        catalog.advance();
        shard.call(ShardId(0), Request::InstallCatalog(Arc::new(catalog))).await.unwrap();
        shard.call(ShardId(0), Request::CommitTransaction { transaction: ours }).await.unwrap();
        shard.call(ShardId(0), Request::Unfence { transaction: ours }).await.unwrap();
        assert_eq!(waiting.await.unwrap().unwrap_err().state().as_str(), "40001");
        let error = shard.call(ShardId(0), Request::CommitTransaction { transaction: theirs }).await.unwrap_err();
        assert_eq!(error.message(), "table was changed by another session");
    });
}
