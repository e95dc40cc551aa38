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
        /// Whether it may be read backwards.
        scroll: bool,
        statement: String,
    },
    /// FETCH, or MOVE, which passes over rows.
    Fetch {
        name: String,
        travel: Travel,
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

/// Where FETCH and MOVE go from where the cursor stands. Rows count from 1; before the first is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Travel {
    /// So many rows, or all that follow.
    Forward(Option<u32>),
    /// So many rows the other way, or all that went before.
    Backward(Option<u32>),
    /// One row by its number; negative ones count from the end.
    Absolute(i32),
    /// One row by its distance.
    Relative(i32),
}

impl Travel {
    /// FORWARD or BACKWARD so many rows (`None` for ALL): a negative number turns round, 0 is the row it stands on.
    pub fn rows(count: Option<i32>, back: bool) -> Travel {
        let Some(count) = count else {
            return if back { Travel::Backward(None) } else { Travel::Forward(None) };
        };
        let rows = Some(count.unsigned_abs());
        match count {
            0 => Travel::Relative(0),
            count if (count < 0) != back => Travel::Backward(rows),
            _ => Travel::Forward(rows),
        }
    }
}
