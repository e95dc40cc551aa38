//! Rows: a folder imports from lower rows only, and some from fewer still.

use crate::{
    ONLY, PURE, ROWS,
    paths::{area_named, named},
    source::{Finding, Source},
};

/// Names that the crate's root re-exports for everybody.
const ROOT: &[&str] = &["Error", "Result"];

pub fn check(source: &Source) -> Vec<Finding> {
    let Some(from) = source.area() else { return Vec::new() };
    if from == "lib" || from == "testing" {
        return Vec::new();
    }
    let paths = named(&source.live);
    let wrong = paths.iter().filter_map(|named| {
        let to = area_named(source, &named.path)?;
        let why = refusal(from, to)?;
        Some(source.finding(named.offset, "import", format!("`{from}` imports `{}`: {why}", named.path)))
    });
    wrong.collect()
}

/// Why `from` may not import `to`; None when it may.
fn refusal(from: &str, to: &str) -> Option<String> {
    let row = |name: &str| ROWS.iter().find(|(listed, _)| *listed == name).map(|(_, row)| *row);
    // Two of one row that belong together: the words everybody shares, a node and what it is told, the program and its
    // command line.
    let joined = matches!((from, to), ("base", "error") | ("error", "base") | ("node", "config") | ("main", "cli"));
    if from == to || joined || ROOT.contains(&to) || to.ends_with('!') {
        return None;
    }
    if to == "testing" {
        return Some("`testing` is for tests and tools".into());
    }
    let Some(row_to) = row(to) else {
        return Some(format!(
            "`{to}` is not in the table of rows; name a thing by its folder, not by the crate's root"
        ));
    };
    let row_from = row(from)?; // an unlisted folder is reported by its own rule
    if let Some((_, _, why)) = ONLY.iter().find(|(name, allowed, _)| *name == from && !allowed.contains(&to)) {
        return Some((*why).into());
    }
    if PURE.contains(&from) && to == "env" {
        return Some(format!("`{from}` is pure: it is fed and answers; whoever drives it holds the env"));
    }
    (row_to >= row_from).then(|| format!("row {row_from} may import from lower rows only, `{to}` is on row {row_to}"))
}

#[test]
fn canaries() {
    let breaks = |path: &str, text: &str| !check(&Source::new(path, text)).is_empty();
    assert!(breaks("src/storage/lsm.rs", "use crate::shard::Shard;"), "upward");
    assert!(breaks("src/storage/lsm.rs", "use crate::{base::ids, error::Error, sql};"), "upward, in a group");
    assert!(breaks("src/storage/mod.rs", "use super::coordinator::Session;"), "upward, by super");
    assert!(breaks("src/storage/lsm.rs", "fn a() { crate::transport::connect() }"), "a neighbour, in an expression");
    assert!(breaks("src/sql/parse.rs", "use crate::env::Env;"), "env in a pure folder");
    assert!(breaks("src/server/pg.rs", "use crate::shard::Shard;"), "a door past the coordinator");
    assert!(breaks("src/client/mod.rs", "use crate::catalog::Table;"), "the driver inside the server");
    assert!(breaks("src/cli/sql.rs", "use crate::coordinator::Session;"), "the command line inside the server");
    assert!(breaks("src/main.rs", "use distdb::node;"), "a thick main");
    assert!(breaks("src/base/key.rs", "use crate::Node;"), "through the root");
    assert!(breaks("src/txn/mod.rs", "use crate::testing::disk;"), "testing in live code");
    assert!(!breaks("src/txn/mod.rs", "#[cfg(test)]\nmod tests { use crate::testing::disk; }"));
    assert!(!breaks(
        "src/shard/mod.rs",
        "use crate::{Error, env::Env, sql::plan::Node, storage::lsm}; // crate::server"
    ));
}
