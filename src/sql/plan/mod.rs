//! The physical plan: a tree of operators, cut at [`Node::Gather`] into fragments that run on the cores that hold rows.

use super::expr::{Aggregate, Expr};
use crate::{
    base::{ids::IndexId, types::DataType},
    catalog,
};
use std::sync::Arc;

/// A column that an operator or statement puts out.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub name: String,
    pub data_type: DataType,
    /// (table oid, column number from 1) when it is a plain column of a table.
    pub origin: Option<(u32, u16)>,
}

/// An operator with its inputs. Expressions name input columns by position.
#[derive(Clone, Debug)]
pub enum Node {
    /// Rows of a table on the core that runs it. Only inside a fragment.
    Scan(Scan),
    /// Runs `input` as a fragment on the cores that `targets` names and collects what they put out.
    Gather(Gather),
    /// Literal rows.
    Values {
        rows: Vec<Vec<Expr>>,
        types: Vec<DataType>,
    },
    /// A catalog relation (pg_class and the like), made by the coordinator from the catalog.
    Virtual {
        relation: String,
        columns: Vec<usize>,
        types: Vec<DataType>,
    },
    Filter {
        input: Box<Node>,
        predicate: Expr,
    },
    Project {
        input: Box<Node>,
        expressions: Vec<Expr>,
    },
    /// Output: group columns, then aggregates (their partial states in `Partial` mode).
    Aggregate {
        input: Box<Node>,
        mode: AggregateMode,
        groups: Vec<Expr>,
        aggregates: Vec<Aggregate>,
    },
    Sort {
        input: Box<Node>,
        keys: Vec<SortKey>,
    },
    /// The first `limit` rows of the sorted input (`limit` counts any OFFSET in); a constant or parameter expression.
    TopN {
        input: Box<Node>,
        keys: Vec<SortKey>,
        limit: Expr,
    },
    Limit {
        input: Box<Node>,
        limit: Option<Expr>,
        offset: Option<Expr>,
    },
    /// All columns form the key.
    Distinct {
        input: Box<Node>,
    },
    /// Equi-join; output: left columns, then right columns. The right side is built, the left probes.
    HashJoin {
        left: Box<Node>,
        right: Box<Node>,
        kind: JoinKind,
        keys: Vec<(Expr, Expr)>,
        residual: Option<Expr>,
    },
    /// Any condition; the right side is materialised.
    LoopJoin {
        left: Box<Node>,
        right: Box<Node>,
        kind: JoinKind,
        condition: Option<Expr>,
    },
    /// All rows of all inputs, one after the other.
    Append {
        inputs: Vec<Node>,
    },
}

/// Reads a table's rows through its primary key or an index.
#[derive(Clone, Debug)]
pub struct Scan {
    pub table: Arc<catalog::Table>,
    /// `IndexId::PRIMARY` reads the rows in key order; any other reads the index and then each row.
    pub index: IndexId,
    /// Restrictions on a prefix of the index's columns; empty reads all.
    pub bounds: Vec<Bound>,
    /// Stored columns to put out, as positions in `table.columns`, ascending, in this order.
    pub columns: Vec<usize>,
    /// Evaluated over the scan's output columns while reading.
    pub filter: Option<Expr>,
    /// Puts the encoded user key of each row out as one more bytea column at the end (UPDATE and DELETE need it).
    pub with_key: bool,
    /// Keep the order of the index (within a partition) and read backwards.
    pub reverse: bool,
}

/// A restriction on one index column. Bounds stand in column order: any number of `Equal`, then at most one `Range`.
#[derive(Clone, Debug)]
pub enum Bound {
    /// Column = expression (constant for the statement: literals, parameters, stable functions).
    Equal(Expr),
    /// Column IN (…).
    In(Vec<Expr>),
    /// Lower and upper limit, each with whether it is included.
    Range { low: Option<(Expr, bool)>, high: Option<(Expr, bool)> },
}

/// Where a fragment runs.
#[derive(Clone, Debug)]
pub enum Targets {
    /// Every core that holds a partition of the table.
    All,
    /// The core of the one partition that these primary-key values hash to.
    PartitionOf(Vec<Expr>),
}

/// An exchange.
#[derive(Clone, Debug)]
pub struct Gather {
    pub input: Box<Node>,
    pub targets: Targets,
    /// Each fragment's rows come sorted by these; the gather merges them and keeps the order.
    pub merge: Option<Vec<SortKey>>,
    /// Types of the columns that come out.
    pub types: Vec<DataType>,
}

/// How an aggregate node takes part in a distributed aggregation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AggregateMode {
    /// Rows in, results out.
    Single,
    /// Rows in, states out.
    Partial,
    /// States in, results out.
    Final,
}

/// One ORDER BY key.
#[derive(Clone, Debug)]
pub struct SortKey {
    pub expression: Expr,
    pub descending: bool,
    pub nulls_first: bool,
}

/// Join kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinKind {
    Inner,
    Left,
    Right,
    Full,
    /// Left rows with a match.
    Semi,
    /// Left rows without a match.
    Anti,
}

/// A bound, planned statement, ready to run any number of times.
#[derive(Clone, Debug)]
pub struct Statement {
    pub body: Body,
    /// Types of `$1`, `$2` …, all decided.
    pub parameters: Vec<DataType>,
    /// Columns of the rows it returns; empty for none.
    pub fields: Vec<Field>,
    /// Tables it was planned with (id and descriptor version): when one changed, it is planned again.
    pub dependencies: Vec<(crate::base::ids::TableId, u32)>,
}

/// What a statement does.
#[derive(Clone, Debug)]
pub enum Body {
    Query(Node),
    /// Rows of `input` have one column per column of the table that is not dropped, in order, already cast and with
    /// defaults filled in.
    Insert {
        table: Arc<catalog::Table>,
        input: Node,
    },
    /// `input` is a fragment (no Gather inside): Scan `with_key` of every column, filtered; it runs where the rows are.
    /// `assignments`: (position in `table.columns`, new value over the scan's columns).
    Update {
        table: Arc<catalog::Table>,
        input: Gather,
        assignments: Vec<(usize, Expr)>,
    },
    /// As `Update`.
    Delete {
        table: Arc<catalog::Table>,
        input: Gather,
    },
    /// EXPLAIN of a statement; options as given.
    Explain {
        statement: Box<Statement>,
        analyze: bool,
        verbose: bool,
        costs: bool,
    },
    /// Anything that changes the catalog.
    Define(super::define::Define),
    /// Transactions, settings, cursors, COPY, and so on.
    Utility(super::utility::Utility),
}
