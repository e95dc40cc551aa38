//! Statements that are neither queries nor DDL.

use crate::{
    base::{
        ids::{ColumnId, TableId},
        types::DataType,
    },
    catalog,
};
use std::sync::Arc;

/// A utility statement.
#[derive(Clone, Debug)]
pub enum Utility {
    /// `None` leaves the session's default.
    Begin {
        isolation: Option<Isolation>,
        read_only: Option<bool>,
    },
    Commit {
        chain: bool,
    },
    Rollback {
        chain: bool,
    },
    Savepoint(String),
    ReleaseSavepoint(String),
    RollbackTo(String),
    /// SET TRANSACTION …
    SetTransaction {
        isolation: Option<Isolation>,
        read_only: Option<bool>,
    },
    /// `value` `None` = DEFAULT.
    Set {
        name: String,
        value: Option<String>,
        local: bool,
    },
    /// RESET ALL is `None`.
    Reset(Option<String>),
    /// SHOW ALL is `None`.
    Show(Option<String>),
    Copy(Copy),
    /// PREPARE name (types) AS statement text.
    Prepare {
        name: String,
        types: Vec<DataType>,
        statement: String,
    },
    /// EXECUTE name (literal arguments as SQL expressions).
    Execute {
        name: String,
        arguments: Vec<super::expr::Expr>,
    },
    /// DECLARE name CURSOR FOR statement text.
    Declare {
        name: String,
        statement: String,
    },
    /// FETCH, or MOVE, which passes over rows. `count` `None` is ALL.
    Fetch {
        name: String,
        count: Option<usize>,
        moves: bool,
    },
    /// CLOSE ALL is `None`.
    Close(Option<String>),
    /// DEALLOCATE ALL is `None`.
    Deallocate(Option<String>),
    Discard,
    /// No table: all of the database.
    Vacuum {
        tables: Vec<AnalyzeTable>,
        analyze: bool,
        verbose: bool,
    },
    Analyze {
        tables: Vec<AnalyzeTable>,
        verbose: bool,
    },
    /// Accepted without effect; answered with this tag.
    Accepted(&'static str),
    /// An empty statement.
    Empty,
}

/// A table to be analyzed, and which of its columns (none: all).
#[derive(Clone, Debug)]
pub struct AnalyzeTable {
    pub table: TableId,
    pub columns: Vec<ColumnId>,
}

/// Isolation levels by their SQL names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    ReadUncommitted,
    ReadCommitted,
    RepeatableRead,
    Serializable,
}

/// COPY.
#[derive(Clone, Debug)]
pub struct Copy {
    pub source: CopySource,
    /// `true`: FROM STDIN.
    pub from: bool,
    pub options: CopyOptions,
}

/// What COPY reads or writes.
#[derive(Clone, Debug)]
pub enum CopySource {
    /// A table and positions of the columns in the stream's order.
    Table { table: Arc<catalog::Table>, columns: Vec<usize> },
    /// COPY (query) TO.
    Query(Box<super::plan::Statement>),
}

/// Formats of COPY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyFormat {
    Text,
    Csv,
    Binary,
}

/// Options of COPY, defaults filled in.
#[derive(Clone, Debug)]
pub struct CopyOptions {
    pub format: CopyFormat,
    pub delimiter: u8,
    pub null: String,
    pub header: bool,
    pub quote: u8,
    pub escape: u8,
    /// FORCE_QUOTE for csv output: positions, or all.
    pub force_quote: Vec<usize>,
    pub force_not_null: Vec<usize>,
    pub force_null: Vec<usize>,
}
