//! Timeouts, and clients that leave without a word.

use crate::harness::{Folder, Node, contains, message, startup};
use postgres::{Client, error::SqlState};
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

/// Longer than any wait here takes, on a busy machine too.
const LONG: Duration = Duration::from_secs(30);

/// A logged-in bare connection that has sent a query and nothing since.
fn sent(node: &Node, text: &str) -> TcpStream {
    let mut stream = node.socket();
    stream.write_all(&startup()).unwrap();
    read_until(&mut stream, b'Z');
    stream.write_all(&message(b'Q', &[text.as_bytes(), b"\0"].concat())).unwrap();
    stream
}

/// Reads messages up to one of this type; gives all of their bytes.
fn read_until(stream: &mut TcpStream, last: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let mut header = [0u8; 5];
        stream.read_exact(&mut header).unwrap_or_else(|error| panic!("{error} after {bytes:?}"));
        let mut body = vec![0; i32::from_be_bytes(header[1..].try_into().unwrap()) as usize - 4];
        stream.read_exact(&mut body).unwrap();
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(&body);
        if header[0] == last {
            return bytes;
        }
    }
}

/// What the stream still brings before it ends.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

/// The value of a metric, over all cores.
fn metric(node: &Node, name: &str) -> f64 {
    let (_, page) = node.http("GET", "/metrics");
    let values = page.lines().filter(|line| line.starts_with(name)).filter_map(|line| line.rsplit(' ').next());
    values.filter_map(|value| value.parse::<f64>().ok()).sum()
}

/// Waits until a condition holds.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LONG, "{what}: not within {LONG:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn with_rows(node: &Node) -> Client {
    let mut client = node.connect();
    client.batch_execute("CREATE TABLE t (a int PRIMARY KEY, b int)").unwrap();
    client.batch_execute("INSERT INTO t SELECT n, n FROM generate_series(1, 2000) AS s(n)").unwrap();
    client
}

/// Runs for hours, on the cores that hold the rows and on the one that took the statement, and has no rows to send.
const ENDLESS: &str =
    "SELECT count(*) FROM t x JOIN t y ON x.a < y.b + 1 JOIN t z ON y.a < z.b + 1 WHERE x.a + y.a + z.a < 0";

#[test]
fn statement_timeout_ends_what_takes_too_long() {
    let folder = Folder::new();
    let node = folder.start();
    let mut client = with_rows(&node);
    client.batch_execute("SET statement_timeout = '200ms'").unwrap();
    let code = |result: Result<(), postgres::Error>| result.unwrap_err().code().unwrap().clone();
    for _ in 0..2 {
        let start = Instant::now();
        assert_eq!(code(client.batch_execute(ENDLESS)), SqlState::QUERY_CANCELED);
        assert!(start.elapsed() < LONG);
    }
    assert_eq!(code(client.execute(ENDLESS, &[]).map(|_| ())), SqlState::QUERY_CANCELED);
    assert_eq!(
        code(client.batch_execute(&format!("INSERT INTO t {ENDLESS}").replace("count(*)", "5000, count(*)"))),
        SqlState::QUERY_CANCELED
    );
    // A portal that is read in parts has its time for each of them.
    let mut transaction = client.transaction().unwrap();
    let portal = transaction.bind("SELECT a FROM t", &[]).unwrap();
    assert_eq!(transaction.query_portal(&portal, 10).unwrap().len(), 10);
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(transaction.query_portal(&portal, 10).unwrap().len(), 10);
    transaction.rollback().unwrap();
    // A shorter time holds at once, whatever the statement before was given.
    client.batch_execute("SET statement_timeout = '1h'; SELECT 1; SET statement_timeout = '100ms'").unwrap();
    assert_eq!(code(client.batch_execute(ENDLESS)), SqlState::QUERY_CANCELED);
    assert_eq!(client.query_one("SELECT count(*) FROM t", &[]).unwrap().get::<_, i64>(0), 2000);
}

#[test]
fn statement_timeout_ends_a_copy_whose_client_keeps_silent() {
    let folder = Folder::new();
    let node = folder.start();
    with_rows(&node);
    let mut stream = sent(&node, "SET statement_timeout = '200ms'");
    read_until(&mut stream, b'Z');
    stream.write_all(&message(b'Q', b"COPY t FROM STDIN\0")).unwrap();
    stream.write_all(&message(b'd', b"5001\t1\n")).unwrap();
    let told = read_until(&mut stream, b'Z');
    assert!(contains(&told, "57014"), "{told:?}");
    stream.write_all(&[message(b'd', b"5002\t1\n"), message(b'c', b"")].concat()).unwrap();
    stream.write_all(&message(b'Q', b"SELECT 'still ' || count(*) FROM t\0")).unwrap();
    assert!(contains(&read_until(&mut stream, b'Z'), "still 2000"));
}

#[test]
fn a_client_that_idles_in_a_transaction_is_let_go_and_its_transaction_rolled_back() {
    let folder = Folder::new();
    let node = folder.start();
    let mut other = with_rows(&node);
    let text = "SET idle_in_transaction_session_timeout = '200ms'; BEGIN; UPDATE t SET b = 0 WHERE a = 1";
    let last = rest(&mut sent(&node, text));
    assert!(contains(&last, "FATAL") && contains(&last, "25P03"), "{last:?}");
    other.batch_execute("UPDATE t SET b = 7 WHERE a = 1").unwrap();
    // In the extended protocol too, in a batch that has no end.
    let mut stream = sent(&node, "SET idle_in_transaction_session_timeout = '200ms'");
    read_until(&mut stream, b'Z');
    std::thread::sleep(Duration::from_millis(300));
    let batch = [
        message(b'P', b"\0UPDATE t SET b = 1 WHERE a = 1\0\0\0"),
        message(b'B', b"\0\0\0\0\0\0\0\0"),
        message(b'E', b"\0\0\0\0\0"),
        message(b'H', b""),
    ];
    stream.write_all(&batch.concat()).unwrap();
    let last = rest(&mut stream);
    assert!(contains(&last, "25P03"), "{last:?}");
    assert_eq!(other.query_one("SELECT b FROM t WHERE a = 1", &[]).unwrap().get::<_, i32>(0), 7);
}

#[test]
fn a_client_that_idles_is_let_go_outside_of_a_transaction_only() {
    let folder = Folder::new();
    let node = folder.start();
    let mut stream = sent(&node, "SET idle_session_timeout = '200ms'; BEGIN");
    read_until(&mut stream, b'Z');
    std::thread::sleep(Duration::from_millis(400));
    stream.write_all(&message(b'Q', b"COMMIT\0")).unwrap();
    let last = rest(&mut stream);
    assert!(contains(&last, "COMMIT") && contains(&last, "57P05"), "{last:?}");
    eventually("its session ends", || metric(&node, "distdb_sessions") == 0.0);
}

#[test]
fn a_client_that_leaves_ends_its_statement_and_gives_back_what_it_held() {
    let folder = Folder::new();
    let node = folder.start();
    let mut other = with_rows(&node);
    let change = "BEGIN; UPDATE t SET b = 0 WHERE a = 1";
    let statements = [ENDLESS, "COPY t FROM STDIN", "SELECT * FROM t x, t y", "CREATE INDEX i ON t (b); ", ""];
    for (number, text) in statements.into_iter().enumerate() {
        for reads in [true, false] {
            let mut stream = sent(&node, change);
            if reads {
                read_until(&mut stream, b'Z');
            }
            let batch = format!("{text};{ENDLESS}\0");
            stream.write_all(&message(b'Q', batch.as_bytes())).unwrap();
            eventually("the statement runs", || metric(&node, "distdb_snapshots_open") > 0.0);
            // With bytes unread the kernel sends a reset, without it an ordinary end.
            drop(stream);
            eventually("the session ends", || metric(&node, "distdb_sessions") == 1.0);
        }
        // What it changed is taken back, and nothing of it is in the way.
        eventually("the row is free", || other.execute("UPDATE t SET b = b + 1 WHERE a = 1", &[]).is_ok());
        assert_eq!(other.query_one("SELECT b FROM t WHERE a = 1", &[]).unwrap().get::<_, i32>(0), 2 + number as i32);
    }
    eventually("snapshots end", || metric(&node, "distdb_snapshots_open") == 0.0);
    eventually("transactions end", || metric(&node, "distdb_transactions_open") == 0.0);
}
