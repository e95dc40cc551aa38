//! Why a write or commit did not happen.

use crate::{
    base::{ids::TableId, sqlstate::SqlState},
    error::Error,
};

/// A failed call of this layer.
#[derive(Debug)]
pub enum Failure {
    /// An insert of a user key that lives already. The layer above knows which constraint that is (23505).
    Duplicate(Vec<u8>),
    /// Everything else.
    Error(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Error(error)
    }
}

/// Another transaction has committed, or is about to commit, a key first (40001).
pub(super) fn conflict() -> Failure {
    Failure::Error(
        Error::new(SqlState::SERIALIZATION_FAILURE, "could not serialize access due to concurrent update")
            .with_hint("Run the transaction again."),
    )
}

/// A key has a version that the transaction's snapshot does not see (40001); a later snapshot would do.
pub(super) fn stale() -> Failure {
    match conflict() {
        Failure::Error(error) => Failure::Error(error.with_stale_snapshot()),
        duplicate => duplicate,
    }
}

/// A wait that would never end (40P01).
pub(super) fn deadlock() -> Failure {
    Failure::Error(
        Error::new(SqlState::DEADLOCK_DETECTED, "deadlock detected")
            .with_detail(
                "Another transaction waits, directly or by way of others, for a row that this one has changed.",
            )
            .with_hint(
                "Run the transaction again; transactions that change rows in the same order do not block each other.",
            ),
    )
}

/// A wait for a row took longer than `lock_timeout` (55P03).
pub(super) fn lock_timeout() -> Failure {
    Failure::Error(Error::new(SqlState::LOCK_NOT_AVAILABLE, "canceling statement due to lock timeout"))
}

/// More writers wait than may (53000).
pub(super) fn too_many_waits() -> Failure {
    Failure::Error(
        Error::new(SqlState::INSUFFICIENT_RESOURCES, "too many transactions wait for locks")
            .with_hint("Try again later, or with fewer connections."),
    )
}

/// The table is not as it was when the statement was planned (40001).
pub(super) fn table_changed(table: TableId) -> Failure {
    Failure::Error(
        Error::new(SqlState::SERIALIZATION_FAILURE, "table was changed by another session")
            .with_detail(format!("The table's oid is {table}."))
            .with_hint("Run the transaction again."),
    )
}

/// A transaction that should have writes here has none: it was rolled back in the meantime (40001).
pub(super) fn gone() -> Failure {
    Failure::Error(
        Error::new(SqlState::SERIALIZATION_FAILURE, "transaction was rolled back by the server")
            .with_detail("It was idle for too long, or its session was taken for dead.")
            .with_hint("Run the transaction again."),
    )
}

/// A wait for another session's DDL, or for writers, took too long (55P03).
pub(super) fn fenced(table: TableId) -> Failure {
    Failure::Error(
        Error::new(SqlState::LOCK_NOT_AVAILABLE, "table is being changed by another session")
            .with_detail(format!("The table's oid is {table}."))
            .with_hint("Try again when that session has committed."),
    )
}
