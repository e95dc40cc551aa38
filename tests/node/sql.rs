//! Statements through a driver, over both cores.

use crate::harness::Folder;
use postgres::{Client, SimpleQueryMessage};
use std::io::{Read, Write};

/// The rows of a simple query as text, `NULL` for NULL.
pub fn rows(client: &mut Client, text: &str) -> Vec<Vec<String>> {
    let messages = client.simple_query(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    let row = |message| match message {
        SimpleQueryMessage::Row(row) => {
            Some((0..row.len()).map(|column| row.get(column).unwrap_or("NULL").to_string()).collect())
        }
        _ => None,
    };
    messages.into_iter().filter_map(row).collect()
}

/// The SQLSTATE that a statement fails with.
pub fn state(client: &mut Client, text: &str) -> String {
    let error = client.simple_query(text).expect_err(text);
    error.code().unwrap_or_else(|| panic!("{text}: {error:?}")).code().to_string()
}

#[test]
fn queries_run_over_all_cores() {
    let folder = Folder::new();
    let node = folder.start();
    let mut client = node.connect();
    client.batch_execute("CREATE TABLE t (a int PRIMARY KEY, b int, c text)").unwrap();
    let values: Vec<String> = (0..5000).map(|a| format!("({a}, {}, 'c{}')", a % 7, a % 3)).collect();
    assert_eq!(client.execute(&format!("INSERT INTO t VALUES {}", values.join(",")), &[]).unwrap(), 5000);
    let counted = rows(&mut client, "SELECT b, count(*), sum(a), max(c) FROM t GROUP BY b ORDER BY b");
    assert_eq!(counted.len(), 7);
    let expected: i64 = (0..5000).filter(|a| a % 7 == 3).sum();
    assert_eq!(counted[3], ["3", "714", &expected.to_string(), "c2"]);
    assert_eq!(rows(&mut client, "SELECT a FROM t ORDER BY a DESC LIMIT 2 OFFSET 1"), [["4998"], ["4997"]]);
    assert_eq!(rows(&mut client, "SELECT a, c FROM t WHERE a = 77"), [["77", "c2"]]);
    assert_eq!(rows(&mut client, "SELECT count(*) FROM t x JOIN t y ON x.a = y.b WHERE x.a < 3"), [["2144"]]);
    assert_eq!(
        rows(&mut client, "SELECT count(*), count(y.a) FROM t x LEFT JOIN t y ON y.a = x.a + 4000"),
        [["5000", "1000"]]
    );
    assert_eq!(client.execute("UPDATE t SET b = b + 10 WHERE a < 100", &[]).unwrap(), 100);
    assert_eq!(client.execute("DELETE FROM t WHERE b >= 10 AND a < 50", &[]).unwrap(), 50);
    assert_eq!(rows(&mut client, "SELECT count(*) FROM t"), [["4950"]]);
}

#[test]
fn the_first_committer_wins_and_savepoints_go_back() {
    let folder = Folder::new();
    let node = folder.start();
    let (mut one, mut two) = (node.connect(), node.connect());
    one.batch_execute("CREATE TABLE t (a int PRIMARY KEY, b int); INSERT INTO t VALUES (1, 0), (2, 0), (3, 0)")
        .unwrap();
    one.batch_execute("BEGIN; UPDATE t SET b = 1 WHERE a = 1").unwrap();
    two.batch_execute("BEGIN").unwrap();
    assert_eq!(rows(&mut two, "SELECT b FROM t WHERE a = 1"), [["0"]], "no dirty read");
    one.batch_execute("COMMIT").unwrap();
    assert_eq!(rows(&mut two, "SELECT b FROM t WHERE a = 1"), [["0"]], "the snapshot stays");
    assert_eq!(state(&mut two, "UPDATE t SET b = 2 WHERE a = 1"), "40001");
    assert_eq!(state(&mut two, "SELECT 1"), "25P02");
    two.batch_execute("ROLLBACK").unwrap();
    two.batch_execute(
        "BEGIN; UPDATE t SET b = 5 WHERE a = 2; SAVEPOINT s; UPDATE t SET b = 6; DELETE FROM t WHERE a = 3",
    )
    .unwrap();
    assert_eq!(rows(&mut two, "SELECT a, b FROM t ORDER BY a"), [["1", "6"], ["2", "6"]]);
    assert_eq!(state(&mut two, "SELECT 1 / 0"), "22012");
    two.batch_execute("ROLLBACK TO s").unwrap();
    assert_eq!(rows(&mut two, "SELECT a, b FROM t ORDER BY a"), [["1", "1"], ["2", "5"], ["3", "0"]]);
    two.batch_execute("COMMIT").unwrap();
    assert_eq!(rows(&mut one, "SELECT a, b FROM t ORDER BY a"), [["1", "1"], ["2", "5"], ["3", "0"]]);
}

#[test]
fn definitions_are_transactional_and_indexes_follow_the_rows() {
    let folder = Folder::new();
    let node = folder.start();
    let mut client = node.connect();
    client.batch_execute("BEGIN; CREATE TABLE gone (a int); INSERT INTO gone VALUES (1); ROLLBACK").unwrap();
    assert_eq!(state(&mut client, "SELECT * FROM gone"), "42P01");
    client.batch_execute("CREATE TABLE t (a int PRIMARY KEY, b int, c text DEFAULT 'x')").unwrap();
    client.batch_execute("INSERT INTO t SELECT a, a % 10 FROM (VALUES (1), (2), (3), (11), (12)) AS v (a)").unwrap();
    client.batch_execute("CREATE INDEX t_b ON t (b)").unwrap();
    assert_eq!(rows(&mut client, "SELECT a FROM t WHERE b = 1 ORDER BY a"), [["1"], ["11"]]);
    client.batch_execute("UPDATE t SET b = 1 WHERE a = 2; DELETE FROM t WHERE a = 11").unwrap();
    assert_eq!(rows(&mut client, "SELECT a FROM t WHERE b = 1 ORDER BY a"), [["1"], ["2"]]);
    assert_eq!(state(&mut client, "CREATE UNIQUE INDEX t_u ON t (b)"), "23505");
    client.batch_execute("ALTER TABLE t ADD COLUMN d int DEFAULT 7").unwrap();
    assert_eq!(rows(&mut client, "SELECT a, d FROM t WHERE a = 1"), [["1", "7"]]);
    client.batch_execute("ALTER TABLE t DROP COLUMN c").unwrap();
    assert_eq!(rows(&mut client, "SELECT * FROM t WHERE a = 3"), [["3", "3", "7"]]);
    client.batch_execute("CREATE TABLE u (a int, b text); INSERT INTO u VALUES (2, 'two'), (1, 'one')").unwrap();
    client.batch_execute("ALTER TABLE u ADD PRIMARY KEY (a)").unwrap();
    assert_eq!(state(&mut client, "INSERT INTO u VALUES (1, 'again')"), "23505");
    assert_eq!(rows(&mut client, "SELECT b FROM u WHERE a = 2"), [["two"]]);
    client.batch_execute("BEGIN; TRUNCATE u; ROLLBACK").unwrap();
    assert_eq!(rows(&mut client, "SELECT count(*) FROM u"), [["2"]]);
    client.batch_execute("TRUNCATE u").unwrap();
    assert_eq!(rows(&mut client, "SELECT count(*) FROM u"), [["0"]]);
}

#[test]
fn copy_goes_in_and_out_in_one_transaction() {
    let folder = Folder::new();
    let node = folder.start();
    let mut client = node.connect();
    client.batch_execute("CREATE TABLE t (a int PRIMARY KEY, b text)").unwrap();
    let mut writer = client.copy_in("COPY t FROM STDIN").unwrap();
    for a in 0..100_000 {
        writeln!(writer, "{a}\trow number {a} with some text behind it to make it longer").unwrap();
    }
    assert_eq!(writer.finish().unwrap(), 100_000);
    assert_eq!(rows(&mut client, "SELECT count(*), sum(a) FROM t"), [["100000", "4999950000"]]);
    let mut text = String::new();
    client
        .copy_out("COPY (SELECT a FROM t WHERE a < 3 ORDER BY a) TO STDOUT (FORMAT csv)")
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, "0\n1\n2\n");
    // A duplicate in the middle leaves nothing of the COPY.
    let mut writer = client.copy_in("COPY t FROM STDIN").unwrap();
    for a in (100_000..200_000).chain([5]) {
        writeln!(writer, "{a}\tx").unwrap();
    }
    let error = writer.finish().unwrap_err();
    assert_eq!(error.code().unwrap().code(), "23505");
    assert_eq!(rows(&mut client, "SELECT count(*) FROM t"), [["100000"]]);
}

#[test]
fn a_large_transaction_rolls_back_and_commits_whole() {
    let folder = Folder::new();
    let node = folder.start();
    let (mut client, mut other) = (node.connect(), node.connect());
    client.batch_execute("CREATE TABLE t (a int PRIMARY KEY, b text)").unwrap();
    let filler = "f".repeat(200);
    let insert = |client: &mut Client, from: i32, to: i32| {
        for start in (from..to).step_by(1000) {
            let values: Vec<String> = (start..start + 1000).map(|a| format!("({a}, '{filler}')")).collect();
            client.batch_execute(&format!("INSERT INTO t VALUES {}", values.join(","))).unwrap();
        }
    };
    client.batch_execute("BEGIN").unwrap();
    insert(&mut client, 0, 60_000);
    assert_eq!(rows(&mut client, "SELECT count(*) FROM t"), [["60000"]]);
    client.batch_execute("SAVEPOINT s").unwrap();
    insert(&mut client, 60_000, 70_000);
    assert_eq!(rows(&mut client, "SELECT count(*) FROM t"), [["70000"]]);
    assert_eq!(rows(&mut other, "SELECT count(*) FROM t"), [["0"]]);
    client.batch_execute("ROLLBACK TO s").unwrap();
    assert_eq!(rows(&mut client, "SELECT count(*) FROM t"), [["60000"]]);
    client.batch_execute("COMMIT").unwrap();
    assert_eq!(rows(&mut other, "SELECT count(*) FROM t"), [["60000"]]);
    client.batch_execute("BEGIN; DELETE FROM t").unwrap();
    assert_eq!(rows(&mut client, "SELECT count(*) FROM t"), [["0"]]);
    client.batch_execute("ROLLBACK").unwrap();
    assert_eq!(rows(&mut client, "SELECT count(*) FROM t"), [["60000"]]);
    drop(node);
    let node = folder.start();
    assert_eq!(rows(&mut node.connect(), "SELECT count(*) FROM t"), [["60000"]]);
}

/// Plans as deep as they may be leave the stack whole.
#[test]
fn a_join_of_nearly_two_hundred_tables_runs() {
    let folder = Folder::new();
    let node = folder.start();
    let mut client = node.connect();
    client.batch_execute("CREATE TABLE t (k int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 1), (2, 2)").unwrap();
    let from: Vec<String> = (0..199).map(|number| format!("t t{number}")).collect();
    let on: Vec<String> = (1..199).map(|number| format!("t{}.n = t{number}.k", number - 1)).collect();
    let query = format!("SELECT count(*) FROM {} WHERE {}", from.join(", "), on.join(" AND "));
    assert_eq!(rows(&mut client, &query), [["2"]]);
}

#[test]
fn parameters_of_every_type_go_in_and_come_back() {
    let folder = Folder::new();
    let node = folder.start();
    let mut client = node.connect();
    client
        .batch_execute(
            "CREATE TABLE t (k int PRIMARY KEY, s smallint, i int, l bigint, d float8, b bool, x text, y bytea)",
        )
        .unwrap();
    let statement = client.prepare("INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6, $7, $8)").unwrap();
    client
        .execute(&statement, &[&1, &-3i16, &i32::MIN, &i64::MAX, &0.1f64, &true, &"Zürich", &&b"\x00\xFF"[..]])
        .unwrap();
    client
        .execute(
            &statement,
            &[&2, &None::<i16>, &None::<i32>, &None::<i64>, &None::<f64>, &None::<bool>, &None::<&str>, &None::<&[u8]>],
        )
        .unwrap();
    let row = client.query_one("SELECT s, i, l, d, b, x, y FROM t WHERE k = $1", &[&1]).unwrap();
    assert_eq!(row.get::<_, i16>(0), -3);
    assert_eq!(row.get::<_, i32>(1), i32::MIN);
    assert_eq!(row.get::<_, i64>(2), i64::MAX);
    assert_eq!(row.get::<_, f64>(3), 0.1);
    assert!(row.get::<_, bool>(4));
    assert_eq!(row.get::<_, &str>(5), "Zürich");
    assert_eq!(row.get::<_, &[u8]>(6), b"\x00\xFF");
    let row = client.query_one("SELECT s, x FROM t WHERE k = $1", &[&2]).unwrap();
    assert_eq!((row.get::<_, Option<i16>>(0), row.get::<_, Option<&str>>(1)), (None, None));
}

#[test]
fn mistakes_are_told_as_postgresql_tells_them() {
    let folder = Folder::new();
    let node = folder.start();
    let mut client = node.connect();
    client.batch_execute("CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL, age smallint)").unwrap();
    client.batch_execute("INSERT INTO people VALUES (1, 'Ann', 40)").unwrap();
    for (text, expected) in [
        ("SELEC 1", "42601"),
        ("SELECT nmae FROM people", "42703"),
        ("SELECT * FROM nobody", "42P01"),
        ("SELECT nothing(1)", "42883"),
        ("INSERT INTO people VALUES (1, 'Bob', 1)", "23505"),
        ("INSERT INTO people VALUES (2, NULL, 1)", "23502"),
        ("INSERT INTO people VALUES (2, 'Bob', 40000)", "22003"),
        ("INSERT INTO people VALUES ('x', 'Bob', 1)", "22P02"),
        ("SELECT 1 / 0", "22012"),
        ("SELECT 2147483647 + 1", "22003"),
        ("SELECT name, count(*) FROM people", "42803"),
        ("CREATE TABLE people (a int)", "42P07"),
        ("BEGIN ISOLATION LEVEL SERIALIZABLE", "0A000"),
        ("SELECT 'a' + 1", "22P02"),
        ("ROLLBACK TO nowhere", "25P01"),
    ] {
        assert_eq!(state(&mut client, text), expected, "{text}");
    }
    let error = client.simple_query("SELECT nmae FROM people").unwrap_err();
    let told = error.as_db_error().unwrap();
    assert!(told.hint().unwrap_or_default().contains("name"), "{told:?}");
    assert!(told.position().is_some());
    let error = client.simple_query("INSERT INTO people VALUES (1, 'Bob', 1)").unwrap_err();
    let told = error.as_db_error().unwrap();
    assert_eq!(told.detail(), Some("Key (id)=(1) already exists."));
    assert_eq!(told.constraint(), Some("people_pkey"));
    assert_eq!(rows(&mut client, "SELECT count(*) FROM people"), [["1"]]);
}

#[test]
fn a_running_statement_can_be_cancelled() {
    let folder = Folder::new();
    let node = folder.start();
    let mut client = node.connect();
    client.batch_execute("CREATE TABLE t (a int PRIMARY KEY)").unwrap();
    let values: Vec<String> = (0..3000).map(|a| format!("({a})")).collect();
    client.batch_execute(&format!("INSERT INTO t VALUES {}", values.join(","))).unwrap();
    let token = client.cancel_token();
    let (started, running) = std::sync::mpsc::channel();
    let query = std::thread::spawn(move || {
        started.send(()).unwrap();
        let outcome = client.simple_query("SELECT count(*) FROM t x, t y, t z WHERE x.a + y.a + z.a < 0");
        (outcome.map(|_| ()), client)
    });
    running.recv().unwrap();
    // The statement takes far longer than all of this; asking again covers the time until it runs.
    while !query.is_finished() {
        token.cancel_query(postgres::NoTls).unwrap();
        std::thread::yield_now();
    }
    let (outcome, mut client) = query.join().unwrap();
    assert_eq!(outcome.unwrap_err().code().unwrap().code(), "57014");
    // A late cancel request may hit once more; after that the session works.
    let again = (0..3).find_map(|_| client.simple_query("SELECT 1").ok());
    assert!(again.is_some());
    client.batch_execute("SET statement_timeout = '50ms'").unwrap();
    assert_eq!(state(&mut client, "SELECT count(*) FROM t x, t y, t z WHERE x.a + y.a + z.a < 0"), "57014");
}

#[test]
fn single_statements_that_meet_on_a_row_are_run_again_by_the_server() {
    let folder = Folder::new();
    let node = folder.start();
    let mut client = node.connect();
    client.batch_execute("CREATE TABLE t (a int PRIMARY KEY, b int); INSERT INTO t VALUES (1, 0)").unwrap();
    let add = |mut client: Client| {
        std::thread::spawn(move || {
            let statement = client.prepare("UPDATE t SET b = b + 1 WHERE a = 1").unwrap();
            (0..50).map(|_| client.execute(&statement, &[]).unwrap()).sum::<u64>()
        })
    };
    let adders: Vec<_> = (0..4).map(|_| add(node.connect())).collect();
    let added: u64 = adders.into_iter().map(|adder| adder.join().unwrap()).sum();
    assert_eq!(added, 200);
    assert_eq!(rows(&mut client, "SELECT b FROM t"), [["200"]]);
}

#[test]
fn a_cursor_goes_forward_through_what_was_there_when_it_was_declared() {
    let folder = Folder::new();
    let node = folder.start();
    let mut client = node.connect();
    client.batch_execute("CREATE TABLE t (a int PRIMARY KEY, b int)").unwrap();
    client.batch_execute("INSERT INTO t SELECT n, n FROM generate_series(1, 5000) AS s(n)").unwrap();
    assert_eq!(state(&mut client, "DECLARE c CURSOR FOR SELECT 1"), "25P01");
    client
        .batch_execute("BEGIN; UPDATE t SET b = 0 WHERE a = 2; DECLARE c CURSOR FOR SELECT a, b FROM t ORDER BY a")
        .unwrap();
    client
        .batch_execute("UPDATE t SET b = 9 WHERE a = 3; DELETE FROM t WHERE a = 1; INSERT INTO t VALUES (0, 0)")
        .unwrap();
    assert_eq!(rows(&mut client, "FETCH 2 FROM c"), [["1", "1"], ["2", "0"]]);
    assert_eq!(rows(&mut client, "FETCH c"), [["3", "3"]]);
    client.batch_execute("MOVE FORWARD 4000 IN c").unwrap();
    assert_eq!(rows(&mut client, "FETCH NEXT FROM c"), [["4004", "4004"]]);
    // In the extended protocol too, with its columns described.
    assert_eq!(client.query("FETCH FORWARD 10 FROM c", &[]).unwrap()[9].get::<_, i32>("a"), 4014);
    assert_eq!(rows(&mut client, "FETCH ALL FROM c").len(), 986);
    assert!(rows(&mut client, "FETCH c").is_empty());
    client.batch_execute("CLOSE c; DECLARE d CURSOR FOR SELECT b FROM t WHERE a = 7").unwrap();
    assert_eq!(rows(&mut client, "FETCH ALL d"), [["7"]]);
    client.batch_execute("SAVEPOINT s").unwrap();
    assert_eq!(state(&mut client, "FETCH c"), "34000");
    client.batch_execute("ROLLBACK TO s").unwrap();
    assert_eq!(state(&mut client, "FETCH BACKWARD 1 FROM d"), "55000");
    client.batch_execute("ROLLBACK").unwrap();
    assert_eq!(state(&mut client, "FETCH d"), "34000", "it ended with its transaction");
}

#[test]
fn a_scroll_cursor_goes_both_ways() {
    let folder = Folder::new();
    let node = folder.start();
    let mut client = node.connect();
    client.batch_execute("CREATE TABLE t (a int PRIMARY KEY)").unwrap();
    client.batch_execute("INSERT INTO t SELECT n FROM generate_series(1, 5000) AS s(n)").unwrap();
    client.batch_execute("BEGIN; DECLARE c SCROLL CURSOR FOR SELECT a FROM t ORDER BY a; DELETE FROM t").unwrap();
    assert_eq!(rows(&mut client, "FETCH 2 FROM c"), [["1"], ["2"]]);
    assert_eq!(rows(&mut client, "FETCH PRIOR FROM c"), [["1"]]);
    assert!(rows(&mut client, "FETCH BACKWARD ALL FROM c").is_empty());
    client.batch_execute("MOVE FORWARD 4000 IN c; MOVE 10 IN c").unwrap();
    assert_eq!(rows(&mut client, "FETCH NEXT FROM c"), [["4011"]]);
    assert_eq!(rows(&mut client, "FETCH RELATIVE -11 FROM c"), [["4000"]]);
    assert_eq!(rows(&mut client, "FETCH LAST FROM c"), [["5000"]]);
    assert_eq!(rows(&mut client, "FETCH -2 FROM c"), [["4999"], ["4998"]]);
    assert_eq!(client.query("FETCH ABSOLUTE 7 FROM c", &[]).unwrap()[0].get::<_, i32>("a"), 7);
    assert_eq!(rows(&mut client, "FETCH BACKWARD -2 FROM c"), [["8"], ["9"]]);
    assert_eq!(rows(&mut client, "FETCH FIRST FROM c"), [["1"]]);
    assert_eq!(rows(&mut client, "FETCH ALL FROM c").len(), 4999);
    assert_eq!(rows(&mut client, "FETCH BACKWARD ALL FROM c").len(), 5000);
    client.batch_execute("SAVEPOINT s").unwrap();
    assert_eq!(state(&mut client, "FETCH ABSOLUTE c"), "42601");
    client.batch_execute("ROLLBACK TO s").unwrap();
    assert_eq!(state(&mut client, "FETCH 99999999999 FROM c"), "22003");
}
