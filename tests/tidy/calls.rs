//! Calls that only one folder may make: clock, randomness, threads, files, sockets, maps of random order.

use crate::{
    paths::named,
    ratchet::Measure,
    source::{Finding, Source},
};

struct Ban {
    /// A path and everything below it; a trailing `!` names a macro.
    path: &'static str,
    /// Areas of `src`, or paths of files in it, that may.
    allowed: &'static [&'static str],
    instead: &'static str,
}

const FILES: &[&str] = &["env", "config", "cli"];
const SOCKETS: &[&str] = &["env", "cli"];
const PROCESS: &[&str] = &["env", "cli", "main"];
const CLOCK: &str = "ask env::Env::now or wall_micros, or take the time as an argument";
const RANDOM: &str = "ask env::Env::random_u64, or take a seed";
const SOCKET: &str = "env::Env::listen and connect";
const ORDER: &str = "its order is random: base::hash::HashMap, or a BTreeMap";
const OTHER_RUNTIME: &str = "the one executor is glommio, behind env";

const BANS: &[Ban] = &[
    Ban { path: "std::time::Instant", allowed: &["env", "cli"], instead: CLOCK },
    Ban { path: "std::time::SystemTime", allowed: &["env"], instead: CLOCK },
    Ban { path: "std::time::UNIX_EPOCH", allowed: &["env"], instead: CLOCK },
    Ban { path: "Instant::now", allowed: &["env", "cli"], instead: CLOCK },
    Ban { path: "SystemTime::now", allowed: &["env"], instead: CLOCK },
    Ban { path: "Utc::now", allowed: &[], instead: CLOCK },
    Ban { path: "Local::now", allowed: &[], instead: CLOCK },
    Ban { path: "chrono::Utc::now", allowed: &[], instead: CLOCK },
    Ban { path: "chrono::Local", allowed: &[], instead: CLOCK },
    Ban { path: "rand", allowed: &["env"], instead: RANDOM },
    Ban { path: "getrandom", allowed: &["env"], instead: RANDOM },
    Ban { path: "fastrand", allowed: &["env"], instead: RANDOM },
    Ban { path: "uuid::Uuid::new_v4", allowed: &[], instead: RANDOM },
    Ban { path: "Uuid::new_v4", allowed: &[], instead: RANDOM },
    Ban { path: "std::thread", allowed: &["env", "config"], instead: "env starts shards; a task is env::Env::spawn" },
    Ban { path: "std::fs", allowed: FILES, instead: "files are opened by env::Env::open" },
    Ban { path: "std::os::unix::fs", allowed: FILES, instead: "files are opened by env::Env::open" },
    Ban { path: "std::env", allowed: FILES, instead: "only config.rs reads the environment; take an Options value" },
    Ban { path: "std::process", allowed: PROCESS, instead: "return an error; the command line ends the process" },
    Ban { path: "std::net::TcpStream", allowed: SOCKETS, instead: SOCKET },
    Ban { path: "std::net::TcpListener", allowed: SOCKETS, instead: SOCKET },
    Ban { path: "std::net::UdpSocket", allowed: &["env"], instead: SOCKET },
    Ban { path: "std::net::ToSocketAddrs", allowed: FILES, instead: SOCKET },
    Ban { path: "std::os::unix::net", allowed: &["env"], instead: SOCKET },
    Ban { path: "std::collections::HashMap", allowed: &[], instead: ORDER },
    Ban { path: "std::collections::HashSet", allowed: &[], instead: ORDER },
    Ban { path: "std::collections::hash_map", allowed: &[], instead: ORDER },
    Ban { path: "std::hash::RandomState", allowed: &[], instead: ORDER },
    Ban { path: "libc", allowed: &["env"], instead: "system calls are made by env" },
    Ban { path: "glommio", allowed: &["env"], instead: "only env knows its inhabitants" },
    Ban { path: "io_uring", allowed: &["env"], instead: "only env knows its inhabitants" },
    Ban { path: "mio", allowed: &["env"], instead: "only env knows its inhabitants" },
    Ban { path: "tokio", allowed: &[], instead: OTHER_RUNTIME },
    Ban { path: "async_std", allowed: &[], instead: OTHER_RUNTIME },
    Ban { path: "println!", allowed: &["cli", "main"], instead: "log through tracing; only the command line prints" },
    Ban {
        path: "eprintln!",
        allowed: &["env", "cli", "main"],
        instead: "log through tracing; only the command line prints",
    },
    Ban { path: "print!", allowed: &["cli", "main"], instead: "log through tracing; only the command line prints" },
];

/// Folders that bytes from outside reach: each way to stop a core there is counted and needs its reason.
///
/// (A parser may have an `expect(token)` of its own; the one that panics takes a text.)
const OUTSIDE: &[&str] = &["server", "transport", "coordinator", "sql", "catalog"];

pub fn check(source: &Source) -> Vec<Finding> {
    let Some(area) = source.area() else { return Vec::new() };
    let mut findings = Vec::new();
    for named in named(&source.live) {
        let refused = BANS.iter().find(|ban| {
            let below = named.path.strip_prefix(ban.path).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
            // A lone word is a path only when it is imported: `rand` may well be somebody's variable.
            let path = named.imported || named.path.contains("::") || named.path.ends_with('!');
            let constant = named.path.starts_with("std::env::consts");
            below && path && !constant && !ban.allowed.contains(&area) && !ban.allowed.contains(&source.path.as_str())
        });
        if let Some(ban) = refused {
            findings.push(source.finding(named.offset, "call", format!("`{}`: {}", named.path, ban.instead)));
        }
        // `env::glommio`, `crate::env::sim`: nothing outside env tells its inhabitants apart,
        // except `node`, which starts one.
        let inhabitant = named.path.contains("env::glommio") || named.path.contains("env::sim");
        if inhabitant && !["env", "node"].contains(&area) {
            let message = format!("`{}`: only env knows its inhabitants, and node starts one", named.path);
            findings.push(source.finding(named.offset, "call", message));
        }
    }
    findings
}

/// Counts `.unwrap()`, `.expect(…)` and `panic!` in live code that outsiders' bytes reach.
pub fn panics(source: &Source) -> Vec<Measure> {
    if !source.area().is_some_and(|area| OUTSIDE.contains(&area)) {
        return Vec::new();
    }
    let places = [".unwrap()", ".expect(\"", "panic!("].iter().flat_map(|what| source.live.match_indices(what));
    let offsets: Vec<usize> = places.map(|(at, _)| at).collect();
    let Some(first) = offsets.iter().min() else { return Vec::new() };
    let (name, line) = (source.path.clone(), source.line(*first));
    vec![Measure { kind: "panic", name, line, path: source.path.clone(), value: offsets.len(), limit: 0 }]
}

#[test]
fn canaries() {
    let breaks = |path: &str, text: &str| !check(&Source::new(path, text)).is_empty();
    for text in [
        "use std::time::Instant;",
        "fn a() { std::time::SystemTime::now(); }",
        "use std::{collections::BTreeMap, thread};",
        "use rand::Rng;",
        "fn a() { std::fs::read(\"x\"); }",
        "use std::net::TcpStream;",
        "use std::collections::{BTreeMap, HashMap};",
        "use glommio::LocalExecutor;",
        "use crate::env::sim::Simulation;",
        "use tokio::net;",
        "fn a() { println!(); }",
        "fn a() { std::process::exit(1) }",
        "fn a() { std::env::var(\"X\"); }",
    ] {
        assert!(breaks("src/storage/log.rs", text), "{text}");
        assert!(!breaks("src/storage/log.rs", &format!("#[cfg(test)]\nmod tests {{ {text} }}\n// {text}")), "{text}");
    }
    assert!(!breaks("src/env/files.rs", "use std::fs; use glommio::io;"));
    assert!(!breaks("src/storage/log.rs", "use std::net::SocketAddr; let rand = 1; use std::time::Duration;"));
    let counted = panics(&Source::new(
        "src/server/pg.rs",
        "fn a() { b.unwrap(); c.expect(\"d\"); }\n#[cfg(test)]\nmod t { x.unwrap() }",
    ));
    assert_eq!(counted[0].value, 2);
}
