//! Wrong bytes and unreasonable statements: a clear error each time, and the node lives on with nothing changed.

use crate::harness::{Folder, Node, contains, message, startup};
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
};

/// Sends bytes, says no more, and reads to the end.
fn converse(node: &Node, parts: &[&[u8]]) -> Vec<u8> {
    let mut stream: TcpStream = node.socket();
    for part in parts {
        // The node may close as soon as it has seen enough.
        if stream.write_all(part).is_err() {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

#[test]
fn broken_frames_end_their_connection_only() {
    let folder = Folder::new();
    let mut node = folder.start();
    node.connect().batch_execute("CREATE TABLE t (a int PRIMARY KEY)").unwrap();
    let start = startup();
    for length in [0i32, 3, -1, i32::MAX, i32::MIN, 70 << 20] {
        converse(&node, &[&length.to_be_bytes(), b"xxxx"]);
        let mut frame = b"Q".to_vec();
        frame.extend_from_slice(&length.to_be_bytes());
        frame.extend_from_slice(b"SELECT 1\0");
        let answer = converse(&node, &[&start, &frame]);
        assert!(contains(&answer, "08P01") || contains(&answer, "54000"), "length {length}: {answer:?}");
    }
    // Half a message, and a message of no known kind.
    converse(&node, &[&start, &message(b'Q', b"SELECT 1\0")[..7]]);
    assert!(contains(&converse(&node, &[&start, &message(b'!', b"")]), "08P01"));
    // Invalid UTF-8 is told and the session goes on.
    let answer = converse(&node, &[&start, &message(b'Q', b"SELECT '\xFF\xFE'\0"), &message(b'Q', b"SELECT 42\0")]);
    assert!(contains(&answer, "22021") && contains(&answer, "42"), "{answer:?}");
    assert!(node.is_alive());
    node.connect().batch_execute("SELECT * FROM t").unwrap();
}

#[test]
fn too_many_parameters_and_unknown_names_are_told() {
    let folder = Folder::new();
    let mut node = folder.start();
    let start = startup();
    let mut bind = b"\0\0\0\0".to_vec();
    bind.extend_from_slice(&(-1i16).to_be_bytes());
    let answer = converse(&node, &[&start, &message(b'B', &bind), &message(b'S', b"")]);
    assert!(contains(&answer, "ERROR"), "{answer:?}");
    let answer = converse(&node, &[&start, &message(b'E', b"nowhere\0\0\0\0\0"), &message(b'S', b"")]);
    assert!(contains(&answer, "34000"), "{answer:?}");
    let answer = converse(&node, &[&start, &message(b'D', b"Snothing\0"), &message(b'S', b"")]);
    assert!(contains(&answer, "26000"), "{answer:?}");
    let mut client = node.connect();
    let many: Vec<String> = (1..=65_536).map(|number| format!("${number}::int")).collect();
    let error = client.prepare(&format!("SELECT {}", many.join("+"))).expect_err("65,536 parameters are refused");
    assert!(error.code().is_some(), "{error:?}");
    assert!(node.is_alive());
}

#[test]
fn unreasonable_statements_are_told() {
    let folder = Folder::new();
    let mut node = folder.start();
    let mut client = node.connect();
    client.batch_execute("CREATE TABLE t (a int PRIMARY KEY, b text); INSERT INTO t VALUES (1, 'x')").unwrap();
    let nested = format!("SELECT {}1{}", "(".repeat(100_000), ")".repeat(100_000));
    assert_eq!(client.simple_query(&nested).unwrap_err().code().unwrap().code(), "54001");
    let negated = format!("SELECT {} true", "NOT ".repeat(250_000));
    assert!(client.simple_query(&negated).is_err());
    let long = "x".repeat(1 << 20);
    client.execute("UPDATE t SET b = $1 WHERE a = 1", &[&long]).unwrap();
    let length: i32 = client.query_one("SELECT length(b) FROM t", &[]).unwrap().get(0);
    assert_eq!(length, 1 << 20);
    assert!(client.simple_query("SELECT repeat('x', 2000000000)").is_err());
    assert!(client.simple_query("SELECT 1e999999::float8").is_err());
    let list: Vec<String> = (0..200_000).map(|number| number.to_string()).collect();
    let found = client.query_one(&format!("SELECT count(*) FROM t WHERE a IN ({})", list.join(",")), &[]).unwrap();
    assert_eq!(found.get::<_, i64>(0), 1);
    assert!(node.is_alive());
    assert_eq!(node.connect().query_one("SELECT count(*) FROM t", &[]).unwrap().get::<_, i64>(0), 1);
}

#[test]
fn long_flat_chains_of_operators_mean_what_short_ones_do() {
    let folder = Folder::new();
    let node = folder.start();
    let mut client = node.connect();
    client
        .batch_execute("CREATE TABLE t (a int PRIMARY KEY, b text); INSERT INTO t VALUES (1, 'x'), (2, NULL)")
        .unwrap();
    let mut one = |text: &str| {
        client.simple_query(text).map(|messages| match &messages[1] {
            postgres::SimpleQueryMessage::Row(row) => row.get(0).unwrap_or("NULL").to_string(),
            other => panic!("{other:?}"),
        })
    };
    let sum: Vec<String> = (1..=5000).map(|number| number.to_string()).collect();
    assert_eq!(one(&format!("SELECT {}", sum.join("+"))).unwrap(), "12502500");
    assert_eq!(one(&format!("SELECT {}", sum.join("-"))).unwrap(), "-12502498");
    assert_eq!(one(&format!("SELECT a + {} FROM t WHERE a = 1", sum.join("+"))).unwrap(), "12502501");
    // The types change on the way: integer, bigint, numeric, double precision.
    let mixed = format!(
        "{}+1::int8{}+0.5{}-1e3::float8{}",
        "1+".repeat(20) + "a",
        "+2".repeat(20),
        "*2".repeat(20),
        "/2".repeat(20)
    );
    assert_eq!(one(&format!("SELECT {mixed} FROM t WHERE a = 1")).unwrap(), "524349.9990463257");
    assert_eq!(
        one(&format!("SELECT b{} FROM t WHERE a = 1", " || a || 'y'".repeat(100))).unwrap(),
        format!("x{}", "1y".repeat(100))
    );
    assert_eq!(one(&format!("SELECT b{} FROM t WHERE a = 2", " || a".repeat(100))).unwrap(), "NULL");
    let code = |error: postgres::Error| error.code().unwrap().code().to_string();
    assert_eq!(code(one(&format!("SELECT 2147483600{}", "+1".repeat(100))).unwrap_err()), "22003");
    assert_eq!(code(one(&format!("SELECT 1{}/0 FROM t", "+1".repeat(100))).unwrap_err()), "22012");
    assert_eq!(code(one(&format!("SELECT 1{} + true", "+1".repeat(100))).unwrap_err()), "42883");
    let parameters: Vec<String> = (1..=500).map(|number| format!("${number}::int")).collect();
    let statement = client.prepare(&format!("SELECT {}", parameters.join(" + "))).unwrap();
    let values: Vec<i32> = (1..=500).collect();
    let values: Vec<&(dyn postgres::types::ToSql + Sync)> = values.iter().map(|value| value as _).collect();
    assert_eq!(client.query_one(&statement, &values).unwrap().get::<_, i32>(0), 125_250);
    let values: Vec<String> = (1..=65_535).map(|number| format!("${number}::int")).collect();
    assert_eq!(client.prepare(&format!("SELECT 1 WHERE 1 IN ({})", values.join(","))).unwrap().params().len(), 65_535);
}

#[test]
fn duplicates_are_told_with_their_values_also_by_what_the_transaction_has_just_made() {
    let folder = Folder::new();
    let node = folder.start();
    let mut client = node.connect();
    client
        .batch_execute("CREATE TABLE t (a int PRIMARY KEY, b text); INSERT INTO t VALUES (1, 'x'), (2, 'x')")
        .unwrap();
    for (text, message, detail) in [
        ("INSERT INTO t VALUES (1, 'y')", "t_pkey", "Key (a)=(1) already exists."),
        ("CREATE UNIQUE INDEX i ON t (b)", "could not create unique index \"i\"", "Key (b)=(x) is duplicated."),
        (
            "ALTER TABLE t ADD CONSTRAINT q UNIQUE (b)",
            "could not create unique index \"q\"",
            "Key (b)=(x) is duplicated.",
        ),
        (
            "BEGIN; CREATE TABLE u (c int PRIMARY KEY); INSERT INTO u VALUES (7), (7)",
            "u_pkey",
            "Key (c)=(7) already exists.",
        ),
    ] {
        let error = client.batch_execute(text).unwrap_err();
        let error = error.as_db_error().unwrap();
        assert_eq!(error.code().code(), "23505", "{text}");
        assert!(error.message().contains(message), "{text}: {error:?}");
        assert_eq!(error.detail(), Some(detail), "{text}");
        let _ = client.batch_execute("ROLLBACK");
    }
    assert_eq!(client.query_one("SELECT count(*) FROM t", &[]).unwrap().get::<_, i64>(0), 2);
}
