//! `kill -9` under load: what was acknowledged is there, and nothing is half there.

use crate::harness::Folder;
use postgres::{Client, IsolationLevel};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    thread::{self, JoinHandle},
};

const ROUNDS: i64 = 20;
const WRITERS: i64 = 4;
const ACCOUNTS: i32 = 40;
const BALANCE: i64 = 1000;

/// Acknowledged work per round before the node is killed.
const INSERTS_BEFORE_KILL: i64 = 200;

#[test]
fn acknowledged_rows_survive_twenty_kills_and_transfers_stay_whole() {
    let folder = Folder::new();
    let node = folder.start();
    set_up(&mut node.connect());
    drop(node);
    let mut acknowledged: Vec<i64> = Vec::new();
    for round in 0..ROUNDS {
        let node = folder.start();
        check(&mut node.connect(), &acknowledged);
        let (count, stop) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicBool::new(false)));
        let writers: Vec<JoinHandle<Vec<i64>>> = (0..WRITERS)
            .map(|writer| {
                let (client, count) = (node.connect(), count.clone());
                thread::spawn(move || insert(client, (round * WRITERS + writer) * 1_000_000, &count))
            })
            .collect();
        let mover = {
            let (client, stop) = (node.connect(), stop.clone());
            thread::spawn(move || transfer(client, &stop))
        };
        while count.load(Ordering::Acquire) < INSERTS_BEFORE_KILL && !writers.iter().any(JoinHandle::is_finished) {
            thread::yield_now();
        }
        node.kill();
        stop.store(true, Ordering::Release);
        for writer in writers {
            acknowledged.extend(writer.join().expect("a writer"));
        }
        mover.join().expect("the mover");
    }
    assert!(acknowledged.len() as i64 >= ROUNDS * INSERTS_BEFORE_KILL);
    let node = folder.start();
    check(&mut node.connect(), &acknowledged);
}

fn set_up(client: &mut Client) {
    client.batch_execute("CREATE TABLE kept (id int8 PRIMARY KEY, twice int8 NOT NULL, note text)").unwrap();
    client.batch_execute("CREATE INDEX ON kept (twice)").unwrap();
    client.batch_execute("CREATE TABLE accounts (id int PRIMARY KEY, balance int8 NOT NULL)").unwrap();
    let rows: Vec<String> = (0..ACCOUNTS).map(|id| format!("({id}, {BALANCE})")).collect();
    client.batch_execute(&format!("INSERT INTO accounts VALUES {}", rows.join(","))).unwrap();
}

/// Inserts until the connection ends; gives the ids that were acknowledged.
fn insert(mut client: Client, first: i64, count: &AtomicI64) -> Vec<i64> {
    let mut acknowledged = Vec::new();
    let Ok(statement) = client.prepare("INSERT INTO kept VALUES ($1, $2, $3)") else { return acknowledged };
    for id in first.. {
        match client.execute(&statement, &[&id, &(id * 2), &"a note of some length"]) {
            Ok(rows) => {
                assert_eq!(rows, 1);
                acknowledged.push(id);
                count.fetch_add(1, Ordering::Release);
            }
            Err(error) if error.is_closed() || error.as_db_error().is_none() => return acknowledged,
            Err(error) => panic!("an insert failed: {error}"),
        }
    }
    acknowledged
}

/// Moves money between accounts until the connection ends.
fn transfer(mut client: Client, stop: &AtomicBool) {
    let mut number: i32 = 1;
    while !stop.load(Ordering::Acquire) {
        number = number.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        let (from, to) = ((number >> 8).rem_euclid(ACCOUNTS), (number >> 16).rem_euclid(ACCOUNTS));
        if from == to {
            continue;
        }
        let mut move_one = || -> Result<(), postgres::Error> {
            let mut transaction = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).start()?;
            transaction.execute("UPDATE accounts SET balance = balance - 1 WHERE id = $1", &[&from])?;
            transaction.execute("UPDATE accounts SET balance = balance + 1 WHERE id = $1", &[&to])?;
            transaction.commit()
        };
        if let Err(error) = move_one() {
            match error.code() {
                Some(code) if ["40001", "40P01"].contains(&code.code()) => {}
                Some(code) => panic!("a transfer failed with {}: {error}", code.code()),
                None => return,
            }
        }
    }
}

fn check(client: &mut Client, acknowledged: &[i64]) {
    let total: i64 = client.query_one("SELECT sum(balance)::int8 FROM accounts", &[]).unwrap().get(0);
    assert_eq!(total, i64::from(ACCOUNTS) * BALANCE, "a transfer was torn");
    let rows = client.query("SELECT id, twice FROM kept", &[]).unwrap();
    let found: std::collections::BTreeSet<i64> = rows.iter().map(|row| row.get(0)).collect();
    assert!(rows.iter().all(|row| row.get::<_, i64>(1) == row.get::<_, i64>(0) * 2), "a row is not what was written");
    for id in acknowledged {
        assert!(found.contains(id), "the acknowledged row {id} is lost");
    }
    // The index has the same rows as the table.
    for id in acknowledged.iter().rev().take(20) {
        let row = client.query_opt("SELECT id FROM kept WHERE twice = $1", &[&(id * 2)]).unwrap();
        assert_eq!(row.map(|row| row.get::<_, i64>(0)), Some(*id), "the index has lost a row");
    }
}
