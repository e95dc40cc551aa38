//! The statements, and the tables they are about.

use crate::workload::Tables;

pub const SELECT: &str = "SELECT id, version, payload FROM loadtest_rows WHERE id = $1";
pub const INSERT: &str = "INSERT INTO loadtest_rows (id, version, payload) VALUES ($1, 0, $2)";
pub const UPDATE: &str = "UPDATE loadtest_rows SET version = $2, payload = $3 WHERE id = $1";
pub const SCAN: &str = "SELECT id, version, payload FROM loadtest_rows WHERE id >= $1 ORDER BY id LIMIT $2";
pub const AGGREGATE: &str = "SELECT c, count(*), sum(a), max(b) FROM loadtest_facts GROUP BY c";
pub const WITHDRAW: &str = "UPDATE loadtest_accounts SET balance = balance - $2 WHERE id = $1";
pub const DEPOSIT: &str = "UPDATE loadtest_accounts SET balance = balance + $2 WHERE id = $1";
pub const NOTE: &str = "INSERT INTO loadtest_transfers (id, source, destination, amount) VALUES ($1, $2, $3, $4)";
pub const ACCOUNTS: &str = "SELECT id, balance FROM loadtest_accounts WHERE id >= $1 ORDER BY id LIMIT $2";
pub const TRANSFERS: &str =
    "SELECT id, source, destination, amount FROM loadtest_transfers WHERE id >= $1 ORDER BY id LIMIT $2";
/// The sum of bigint is numeric; as text it needs no decimal type here.
pub const SUM: &str = "SELECT sum(balance) FROM loadtest_accounts";

pub fn table_names(tables: Tables) -> &'static [&'static str] {
    match tables {
        Tables::Rows => &["loadtest_rows"],
        Tables::Facts => &["loadtest_facts"],
        Tables::Bank => &["loadtest_accounts", "loadtest_transfers"],
    }
}

pub fn creations(tables: Tables) -> &'static [&'static str] {
    match tables {
        Tables::Rows => {
            &["CREATE TABLE loadtest_rows (id bigint PRIMARY KEY, version bigint NOT NULL, payload text NOT NULL)"]
        }
        Tables::Facts => &["CREATE TABLE loadtest_facts \
                            (id bigint PRIMARY KEY, a integer NOT NULL, b bigint NOT NULL, c integer NOT NULL)"],
        Tables::Bank => &[
            "CREATE TABLE loadtest_accounts (id bigint PRIMARY KEY, balance bigint NOT NULL)",
            "CREATE TABLE loadtest_transfers (id bigint PRIMARY KEY, source bigint NOT NULL, \
             destination bigint NOT NULL, amount bigint NOT NULL)",
        ],
    }
}

pub fn copy_statement(tables: Tables) -> &'static str {
    match tables {
        Tables::Rows => "COPY loadtest_rows (id, version, payload) FROM STDIN",
        Tables::Facts => "COPY loadtest_facts (id, a, b, c) FROM STDIN",
        Tables::Bank => "COPY loadtest_accounts (id, balance) FROM STDIN",
    }
}

pub fn analyze(tables: Tables) -> &'static str {
    match tables {
        Tables::Rows => "ANALYZE loadtest_rows",
        Tables::Facts => "ANALYZE loadtest_facts",
        Tables::Bank => "ANALYZE loadtest_accounts",
    }
}
