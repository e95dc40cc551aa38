//! Transactions that meet on rows: they wait for each other, move their snapshots, and fail only where they must.

use crate::{
    harness::{Folder, Node},
    sql::{rows, state},
};
use postgres::{Client, Error};
use std::io::Write;
use std::thread::{JoinHandle, spawn};

/// A node with `t (a, b)`: four rows, b = 0.
fn start(folder: &Folder) -> Node {
    let node = folder.start();
    let text = "CREATE TABLE t (a int PRIMARY KEY, b int); INSERT INTO t VALUES (1, 0), (2, 0), (3, 0), (4, 0)";
    node.connect().batch_execute(text).unwrap();
    node
}

/// Waits for locks on all cores right now.
fn waiters(node: &Node) -> u64 {
    let (_, metrics) = node.http("GET", "/metrics");
    let figures = metrics.lines().filter(|line| line.starts_with("distdb_lock_waiters{"));
    figures.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() as u64).sum()
}

/// Runs a statement in a thread, and comes back when it waits for a lock.
fn begin(node: &Node, mut client: Client, text: &'static str) -> JoinHandle<(Result<(), Error>, Client)> {
    let before = waiters(node);
    let running = spawn(move || (client.batch_execute(text), client));
    while waiters(node) == before {
        assert!(!running.is_finished(), "it did not wait: {text}");
    }
    running
}

fn code(error: &Error) -> &str {
    error.code().map_or("", |code| code.code())
}

#[test]
fn a_writer_waits_and_then_goes_on_from_what_it_waited_for() {
    let folder = Folder::new();
    let node = start(&folder);
    let (mut one, mut two) = (node.connect(), node.connect());
    one.batch_execute("BEGIN; UPDATE t SET b = b + 1 WHERE a = 1").unwrap();
    two.batch_execute("BEGIN").unwrap();
    let waits = begin(&node, two, "UPDATE t SET b = b + 10 WHERE a = 1");
    one.batch_execute("COMMIT").unwrap();
    let (done, mut two) = waits.join().unwrap();
    done.unwrap();
    assert_eq!(rows(&mut two, "SELECT b FROM t WHERE a = 1"), [["11"]]);
    // By a scan as well as by the key, and after an insert by somebody else.
    one.batch_execute("INSERT INTO t VALUES (5, 0); UPDATE t SET b = 7 WHERE a = 3").unwrap();
    two.batch_execute("COMMIT; BEGIN; UPDATE t SET b = b + 100 WHERE a = 2").unwrap();
    let waits = begin(&node, one, "UPDATE t SET b = b + 1 WHERE a >= 2");
    two.batch_execute("COMMIT").unwrap();
    let (done, mut one) = waits.join().unwrap();
    done.unwrap();
    let all = [["1", "11"], ["2", "101"], ["3", "8"], ["4", "1"], ["5", "1"]];
    assert_eq!(rows(&mut one, "SELECT a, b FROM t ORDER BY a"), all);
}

#[test]
fn a_snapshot_moves_only_if_all_that_was_read_is_the_same() {
    let folder = Folder::new();
    let node = start(&folder);
    let (mut one, mut two) = (node.connect(), node.connect());
    // (what two has read, what one changes meanwhile besides row 1, what becomes of two's update of row 1)
    for (read, change, outcome) in [
        ("SELECT b FROM t WHERE a = 2", "SELECT 1", ""),
        ("SELECT b FROM t WHERE a = 2", "UPDATE t SET b = b + 1 WHERE a = 3", ""),
        ("SELECT b FROM t WHERE a = 2", "UPDATE t SET b = b + 1 WHERE a = 2", "40001"),
        ("SELECT b FROM t WHERE a = 9", "INSERT INTO t VALUES (9, 0)", "40001"),
        ("SELECT b FROM t WHERE a = 9", "DELETE FROM t WHERE a = 9", "40001"),
        ("SELECT b FROM t WHERE a = 1", "SELECT 1", "40001"),
        ("SELECT count(*) FROM t WHERE a BETWEEN 2 AND 4", "UPDATE t SET b = b + 1 WHERE a = 3", ""),
        ("SELECT sum(b) FROM t WHERE a BETWEEN 2 AND 4", "UPDATE t SET b = b + 1 WHERE a = 3", "40001"),
        ("SELECT count(*) FROM t WHERE a > 1", "INSERT INTO t VALUES (10, 0)", "40001"),
        ("UPDATE t SET b = 5 WHERE a = 77", "INSERT INTO t VALUES (11, 0)", ""),
        ("UPDATE t SET b = b WHERE a = 2 RETURNING b", "UPDATE t SET b = b + 1 WHERE a = 3", ""),
        ("UPDATE t SET b = 5 WHERE b < -1", "INSERT INTO t VALUES (12, -5)", "40001"),
        ("SELECT 1", "SELECT 1", ""),
    ] {
        one.batch_execute("UPDATE t SET b = 0 WHERE a = 1").unwrap();
        two.batch_execute("BEGIN").unwrap();
        let before = rows(&mut two, read);
        one.batch_execute("UPDATE t SET b = 100 WHERE a = 1").unwrap();
        one.batch_execute(change).unwrap();
        let update = "UPDATE t SET b = b + 1 WHERE a = 1";
        match outcome {
            "" => {
                two.batch_execute(update).unwrap_or_else(|error| panic!("{read}; {change}: {error:?}"));
                if read.starts_with("SELECT") {
                    assert_eq!(rows(&mut two, read), before);
                }
                assert_eq!(rows(&mut two, "SELECT b FROM t WHERE a = 1"), [["101"]]);
                two.batch_execute("COMMIT").unwrap();
            }
            outcome => {
                assert_eq!(state(&mut two, update), outcome, "{read}; {change}");
                two.batch_execute("ROLLBACK").unwrap();
            }
        }
    }
}

#[test]
fn snapshot_isolation_is_what_it_was() {
    let folder = Folder::new();
    let node = start(&folder);
    let (mut one, mut two) = (node.connect(), node.connect());
    // Write skew: each reads both rows and changes another one.
    for client in [&mut one, &mut two] {
        client.batch_execute("BEGIN").unwrap();
        assert_eq!(rows(client, "SELECT sum(b) FROM t WHERE a < 3"), [["0"]]);
    }
    one.batch_execute("UPDATE t SET b = 1 WHERE a = 1").unwrap();
    two.batch_execute("UPDATE t SET b = 1 WHERE a = 2").unwrap();
    one.batch_execute("COMMIT").unwrap();
    two.batch_execute("COMMIT").unwrap();
    assert_eq!(rows(&mut one, "SELECT sum(b) FROM t WHERE a < 3"), [["2"]]);
    // A statement does not meet what it writes itself, also when the transaction has written before.
    one.batch_execute("BEGIN; UPDATE t SET b = 0; UPDATE t SET a = a + 2 WHERE a >= 3; COMMIT").unwrap();
    assert_eq!(rows(&mut two, "SELECT a FROM t ORDER BY a"), [["1"], ["2"], ["5"], ["6"]]);
    two.batch_execute("BEGIN; UPDATE t SET b = 0; INSERT INTO t SELECT a + 10, b FROM t; COMMIT").unwrap();
    assert_eq!(rows(&mut one, "SELECT count(*) FROM t"), [["8"]]);
}

#[test]
fn no_update_is_lost_and_updates_by_key_never_fail() {
    const CLIENTS: i32 = 4;
    const ROUNDS: i32 = 40;
    let folder = Folder::new();
    let node = start(&folder);
    node.connect().batch_execute("CREATE TABLE history (client int, round int)").unwrap();
    let clients = (0..CLIENTS).map(|number| {
        let mut client = node.connect();
        spawn(move || {
            let mut read_first = 0;
            for round in 0..ROUNDS {
                // What TPC-B does: nothing is read that is not locked, so nothing can fail.
                let mut transaction = client.transaction().unwrap();
                let own = 10 + number;
                transaction.execute("INSERT INTO t VALUES ($1, 0)", &[&(own * 1000 + round)]).unwrap();
                transaction.execute("UPDATE t SET b = b + 1 WHERE a = 1", &[]).unwrap();
                transaction.query_one("SELECT b FROM t WHERE a = 1", &[]).unwrap();
                transaction.execute("UPDATE t SET b = b + 1 WHERE a = 2", &[]).unwrap();
                transaction.execute("INSERT INTO history VALUES ($1, $2)", &[&number, &round]).unwrap();
                transaction.commit().unwrap();
                // What it read may be outdated when it writes: then it must be told.
                let mut transaction = client.transaction().unwrap();
                let row = transaction.query_one("SELECT b FROM t WHERE a = 3", &[]).unwrap();
                let written = transaction.execute("UPDATE t SET b = $1 WHERE a = 3", &[&(row.get::<_, i32>(0) + 1)]);
                match written.and_then(|_| transaction.commit()) {
                    Ok(()) => read_first += 1,
                    Err(error) => assert_eq!(code(&error), "40001"),
                }
            }
            read_first
        })
    });
    let read_first: i32 = clients.collect::<Vec<_>>().into_iter().map(|client| client.join().unwrap()).sum();
    let mut client = node.connect();
    let total = (CLIENTS * ROUNDS).to_string();
    assert_eq!(rows(&mut client, "SELECT b FROM t WHERE a <= 2"), [[total.clone()], [total.clone()]]);
    assert_eq!(rows(&mut client, "SELECT b FROM t WHERE a = 3"), [[read_first.to_string()]]);
    assert_eq!(rows(&mut client, "SELECT count(*) FROM history"), [[total]]);
    assert_eq!(waiters(&node), 0);
}

#[test]
fn deadlocks_are_told_at_once_and_a_failed_transaction_holds_nothing() {
    let folder = Folder::new();
    let node = start(&folder);
    let (mut one, mut two) = (node.connect(), node.connect());
    // Four rows, so that some pair lies on two cores.
    for (first, second) in [(1, 2), (2, 3), (3, 4), (1, 4)] {
        let update = |a: i32| format!("UPDATE t SET b = b + 1 WHERE a = {a}");
        one.batch_execute(&format!("BEGIN; {}", update(first))).unwrap();
        two.batch_execute(&format!("BEGIN; {}", update(second))).unwrap();
        let text: &'static str = Box::leak(update(second).into_boxed_str());
        let waits = begin(&node, one, text);
        assert_eq!(state(&mut two, &update(first)), "40P01");
        // Without a ROLLBACK of the other.
        let (done, again) = waits.join().unwrap();
        done.unwrap();
        one = again;
        one.batch_execute("COMMIT").unwrap();
        two.batch_execute("ROLLBACK").unwrap();
    }
    assert_eq!(rows(&mut one, "SELECT b FROM t ORDER BY a"), [["2"], ["2"], ["2"], ["2"]]);
}

#[test]
fn waits_end_by_timeout_cancel_and_savepoint() {
    let folder = Folder::new();
    let node = start(&folder);
    let (mut holder, mut client) = (node.connect(), node.connect());
    holder.batch_execute("BEGIN; UPDATE t SET b = 1 WHERE a = 1; SAVEPOINT s; UPDATE t SET b = 1 WHERE a = 2").unwrap();
    holder.batch_execute("INSERT INTO t VALUES (8, 1)").unwrap();
    client.batch_execute("SET lock_timeout = '30ms'").unwrap();
    for statement in ["UPDATE t SET b = 2 WHERE a = 1", "DELETE FROM t", "INSERT INTO t VALUES (8, 2)"] {
        assert_eq!(state(&mut client, statement), "55P03", "{statement}");
    }
    client.batch_execute("SET lock_timeout = 0; SET statement_timeout = '30ms'").unwrap();
    assert_eq!(state(&mut client, "UPDATE t SET b = 2 WHERE a = 2"), "57014");
    assert_eq!(state(&mut client, "INSERT INTO t VALUES (8, 2)"), "57014");
    let mut copy = client.copy_in("COPY t FROM STDIN").unwrap();
    copy.write_all(b"7\t2\n8\t2\n").unwrap();
    assert_eq!(code(&copy.finish().unwrap_err()), "57014");
    assert_eq!(waiters(&node), 0);
    client.batch_execute("SET statement_timeout = 0").unwrap();
    let token = client.cancel_token();
    let waits = begin(&node, client, "BEGIN; UPDATE t SET b = 2 WHERE a = 1");
    token.cancel_query(postgres::NoTls).unwrap();
    let (done, mut client) = waits.join().unwrap();
    assert_eq!(code(&done.unwrap_err()), "57014");
    assert_eq!(waiters(&node), 0);
    client.batch_execute("ROLLBACK").unwrap();
    let waits = begin(&node, client, "UPDATE t SET b = b + 5 WHERE a = 2");
    holder.batch_execute("ROLLBACK TO s").unwrap();
    let (done, client) = waits.join().unwrap();
    done.unwrap();
    // What was locked before the savepoint still is, and what becomes of an insert is waited for.
    let waits = begin(&node, client, "UPDATE t SET b = b + 5 WHERE a = 1");
    holder.batch_execute("INSERT INTO t VALUES (9, 1)").unwrap();
    let inserts = begin(&node, node.connect(), "INSERT INTO t VALUES (9, 2)");
    holder.batch_execute("COMMIT").unwrap();
    let (done, mut client) = waits.join().unwrap();
    done.unwrap();
    assert_eq!(code(&inserts.join().unwrap().0.unwrap_err()), "23505");
    assert_eq!(
        rows(&mut client, "SELECT a, b FROM t WHERE a IN (1, 2, 9) ORDER BY a"),
        [["1", "6"], ["2", "5"], ["9", "1"]]
    );
    assert_eq!(waiters(&node), 0);
}

#[test]
fn a_session_that_goes_away_lets_others_in() {
    let folder = Folder::new();
    let node = start(&folder);
    let (mut holder, client) = (node.connect(), node.connect());
    holder.batch_execute("BEGIN; UPDATE t SET b = 1").unwrap();
    let waits = begin(&node, client, "UPDATE t SET b = b + 2 WHERE a = 4");
    drop(holder);
    let (done, mut client) = waits.join().unwrap();
    done.unwrap();
    assert_eq!(rows(&mut client, "SELECT sum(b) FROM t"), [["2"]]);
}
