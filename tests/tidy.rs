//! Guards the form of the tree: who may import whom, what may be called where, how long things may grow.
//!
//! It reads the sources as text and depends on nothing, so that it also works when the library does not compile:
//! `CARGO_MANIFEST_DIR=. rustc --test --edition 2024 tests/tidy.rs -o target/tidy && target/tidy`.
//! Every rule has a canary beside it: a snippet that breaks the rule and must be found. The rows below are the design;
//! changing them is a decision that needs a reason. What is over a limit today is in `tidy/exceptions.txt`, each with its
//! reason; limits there only shrink (`TIDY_UPDATE=1 cargo test --test tidy` lowers them after you shortened something).
//! Start at [`the_tree_is_tidy`].

#[path = "tidy/calls.rs"]
mod calls;
#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/length.rs"]
mod length;
#[path = "tidy/marks.rs"]
mod marks;
#[path = "tidy/paths.rs"]
mod paths;
#[path = "tidy/place.rs"]
mod place;
#[path = "tidy/ratchet.rs"]
mod ratchet;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/words.rs"]
mod words;

use source::{Finding, Source};
use std::path::Path;

/// A folder or file directly below `src`, and the row it stands on. It imports from lower rows only.
pub const ROWS: &[(&str, u8)] = &[
    ("base", 0),
    ("error", 0),
    ("env", 1),
    ("observe", 1),
    ("storage", 2),
    ("transport", 2),
    ("replication", 2),
    ("cluster", 2),
    ("catalog", 2),
    ("sql", 3),
    ("txn", 3),
    ("shard", 4),
    ("coordinator", 5),
    ("server", 6),
    ("client", 6),
    ("node", 7),
    ("config", 7),
    ("cli", 8),
    ("main", 8),
];

/// Folders that are fed and answer: no time, disk, network, randomness or spawned task, so never `env`.
pub const PURE: &[&str] = &["base", "error", "replication", "cluster", "catalog", "sql"];

/// Folders that may use less than their row would let them: only these.
pub const ONLY: &[(&str, &[&str], &str)] = &[
    (
        "server",
        &["base", "error", "env", "observe", "coordinator"],
        "the doors reach the database through `coordinator`",
    ),
    (
        "client",
        &["base", "error", "env", "observe", "transport"],
        "the driver is a peer: it knows the wire, not the server",
    ),
    (
        "cli",
        &["base", "error", "env", "observe", "client", "node", "config"],
        "the command line starts a node or is a client of a running one",
    ),
    ("main", &["cli"], "main.rs hands over to `cli` and does nothing else"),
];

/// What may lie at the top of the repository, dot-files aside.
pub const TOP: &[&str] =
    &["Cargo.toml", "Cargo.lock", "LICENSE", "README.md", "src", "proto", "benches", "fuzz", "tests", "tools"];

#[test]
fn the_tree_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = source::load(root);
    assert!(sources.len() > 20, "tidy found only {} sources below {}", sources.len(), root.display());
    let mut findings: Vec<Finding> = place::check_tree(root);
    for source in &sources {
        findings.extend(imports::check(source));
        findings.extend(calls::check(source));
        findings.extend(marks::check(source));
    }
    findings.extend(words::check(&sources));
    findings.extend(ratchet::check(root, &measure(&sources)));
    findings.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    let report: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(report.is_empty(), "\n{}\n\n{} finding(s) in {} files", report.join("\n"), report.len(), sources.len());
}

/// All that may be over a limit with a reason.
fn measure(sources: &[Source]) -> Vec<ratchet::Measure> {
    sources.iter().flat_map(|source| length::measure(source).into_iter().chain(calls::panics(source))).collect()
}
