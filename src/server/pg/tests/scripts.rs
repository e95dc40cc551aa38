//! Runs the scripts beside this file. Set `UPDATE_SCRIPTS=1` to rewrite what they expect, and read the difference.
//!
//! Lines that begin with `>` are sent together, then come the messages that the server answers, one a line (first the
//! tag; errors and notices by field; `-- ended` when the connection is over). `!` lines are done to the
//! server afterwards, but `! new` makes a fresh connection first.

use super::harness::{Bench, message, show, startup};
use crate::server::pg::connection::Stopping;
use std::path::PathBuf;

fn run(name: &str) {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/server/pg/tests/scripts").join(format!("{name}.txt"));
    let script = std::fs::read_to_string(&path).unwrap();
    let mut bench = Bench::new();
    let mut actual = String::new();
    for block in script.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
        let lines: Vec<&str> = block.lines().take_while(|line| line.starts_with(['#', '>', '!'])).collect();
        if lines.contains(&"! new") {
            bench = Bench::new();
        }
        let sent: Vec<u8> = lines.iter().filter_map(|line| line.strip_prefix("> ")).flat_map(encode).collect();
        let mut answers = if sent.is_empty() { Vec::new() } else { show(&bench.exchange(&sent)) };
        for line in lines.iter().filter_map(|line| line.strip_prefix("! ")) {
            answers.extend(act(&mut bench, line));
        }
        if bench.ended {
            answers.push("-- ended".to_string());
        }
        let lines = lines.into_iter().map(str::to_string).chain(answers);
        actual += &format!("{}\n\n", lines.collect::<Vec<_>>().join("\n"));
    }
    if std::env::var_os("UPDATE_SCRIPTS").is_some() {
        std::fs::write(&path, actual.trim_end().to_string() + "\n").unwrap();
    } else {
        let (mut expected, mut actual) = (script.trim_end().lines(), actual.trim_end().lines());
        let mut number = 0;
        loop {
            number += 1;
            match (expected.next(), actual.next()) {
                (None, None) => return,
                (expected, actual) => assert_eq!(actual, expected, "{name}.txt line {number}"),
            }
        }
    }
}

/// Things that happen to the server.
fn act(bench: &mut Bench, line: &str) -> Vec<String> {
    match line {
        "new" => Vec::new(), // was done before anything was sent
        "stop idle" => show(&bench.stop(Stopping::Idle)),
        "stop all" => show(&bench.stop(Stopping::All)),
        "hang up" => show(&bench.hang_up()),
        "log" => bench.database.log.borrow_mut().drain(..).map(|line| format!("-- {line}")).collect(),
        line => panic!("unknown action {line}"),
    }
}

/// A line as bytes: `word arguments`, divided by ` | ` where there are several.
fn encode(line: &str) -> Vec<u8> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let parts: Vec<&str> = rest.split(" | ").map(|part| if part == "-" { "" } else { part }).collect();
    let strings = |parts: &[&str]| parts.iter().flat_map(|part| [part.as_bytes(), b"\0"].concat()).collect::<Vec<u8>>();
    match word {
        "startup" => startup(&rest.split(' ').filter(|pair| !pair.is_empty()).flat_map(pair).collect::<Vec<u8>>()),
        "packet" => unescape(rest),
        "query" => message(b'Q', &strings(&parts)),
        "parse" => message(b'P', &[strings(&parts), vec![0, 0]].concat()),
        "bind" => message(b'B', &bind(&parts)),
        "describe" => message(b'D', &[&rest.as_bytes()[..1], rest[1..].trim().as_bytes(), b"\0"].concat()),
        "close" => message(b'C', &[&rest.as_bytes()[..1], rest[1..].trim().as_bytes(), b"\0"].concat()),
        "execute" => {
            let rows: i32 = parts.get(1).map_or(0, |rows| rows.parse().unwrap());
            message(b'E', &[strings(&parts[..1]), rows.to_be_bytes().to_vec()].concat())
        }
        "sync" => message(b'S', b""),
        "flush" => message(b'H', b""),
        "terminate" => message(b'X', b""),
        "function" => message(b'F', b"\0\0\0\0\0\0\0\0\0\0"),
        "data" => message(b'd', &unescape(rest)),
        "done" => message(b'c', b""),
        "fail" => message(b'f', &strings(&parts)),
        "raw" => {
            let (tag, body) = rest.split_once(' ').unwrap_or((rest, ""));
            message(tag.as_bytes()[0], &unescape(body))
        }
        word => panic!("unknown message {word}"),
    }
}

fn pair(pair: &str) -> Vec<u8> {
    let (name, value) = pair.split_once('=').unwrap();
    [name.as_bytes(), b"\0", value.replace('_', " ").as_bytes(), b"\0"].concat()
}

/// `portal | statement | formats | parameters | result formats`; lists by commas; `NULL`; `\xNN` in parameters.
fn bind(parts: &[&str]) -> Vec<u8> {
    let list = |at: usize| -> Vec<&str> {
        parts.get(at).map_or(vec![], |part| part.split(',').filter(|x| !x.is_empty()).collect())
    };
    let codes = |codes: Vec<&str>| -> Vec<u8> {
        let count = (codes.len() as u16).to_be_bytes();
        count.into_iter().chain(codes.iter().flat_map(|code| code.parse::<i16>().unwrap().to_be_bytes())).collect()
    };
    let mut body = [parts[0].as_bytes(), b"\0", parts[1].as_bytes(), b"\0"].concat();
    body.extend(codes(list(2)));
    let values = list(3);
    body.extend((values.len() as u16).to_be_bytes());
    for value in values {
        let bytes = unescape(value);
        let length = if value == "NULL" { -1 } else { bytes.len() as i32 };
        body.extend(length.to_be_bytes());
        body.extend(if value == "NULL" { vec![] } else { bytes });
    }
    body.extend(codes(list(4)));
    body
}

fn unescape(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    bytes
}

#[test]
fn startup_and_end() {
    run("startup");
}

#[test]
fn simple_queries() {
    run("simple");
}

#[test]
fn extended_queries() {
    run("extended");
}

#[test]
fn copies() {
    run("copy");
}

#[test]
fn bad_messages() {
    run("bad");
}
