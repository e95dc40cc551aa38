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
