//! The physical plan: a tree of operators, cut at [`Node::Gather`] into fragments that run on the cores that hold rows.

pub mod estimate;
pub mod expressions;
pub mod logical;
pub mod statistics;

use super::expr::{Aggregate, Expr};
use crate::{
    base::{
        batch::{Batch, Column},
        ids::IndexId,
        limits::BATCH_ROWS,
        types::DataType,
        value::Value,
    },
    catalog,
};
use estimate::Estimate;
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
    /// Rows that a set-returning function makes.
    Generate {
        generator: Generator,
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
    /// ANALYZE's reading: all rows in, a [`Sample`](crate::sql::statistics::Sample) of them out.
    Sample {
        input: Box<Node>,
        seed: u64,
    },
}

/// A set-returning function over values that are the same for the whole statement.
#[derive(Clone, Debug)]
pub enum Generator {
    /// generate_series: one column from `start` on, as long as it is not past `stop`. All three have types that `+` and
    /// comparison take as they are.
    Series { start: Expr, stop: Expr, step: Expr },
    /// unnest: the elements of an array.
    Unnest(Expr),
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
    /// Read backwards.
    pub reverse: bool,
    /// Put the rows of all partitions on the core out in the order of the index; otherwise partition by partition.
    pub ordered: bool,
    /// The keys of the index have all columns that are put out: the rows themselves are not read.
    pub covered: bool,
    /// Rows in the first batch: few where few are wanted. Later ones grow.
    pub first_rows: usize,
}

impl Scan {
    /// Reads columns of all rows of a table.
    pub fn whole(table: Arc<catalog::Table>, columns: Vec<usize>, with_key: bool) -> Scan {
        Scan {
            table,
            index: IndexId::PRIMARY,
            bounds: Vec::new(),
            columns,
            filter: None,
            with_key,
            reverse: false,
            ordered: false,
            covered: false,
            first_rows: BATCH_ROWS,
        }
    }
}

/// A restriction on one index column. Bounds stand in column order: any number of `Equal`, then at most one `Range`.
#[derive(Clone, Debug)]
pub enum Bound {
    /// Column = expression (constant for the statement: literals, parameters, stable functions).
    Equal(Expr),
    /// Column IN (…). An expression of an array type stands for its elements.
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
    /// The fragment. Shared, because it is sent to every core at every run.
    pub input: Arc<Node>,
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
    /// Uncorrelated subqueries, in the order in which they are run before the statement; their values are
    /// `Context::subplans`, and later ones may use earlier ones.
    pub subplans: Vec<Subplan>,
    /// What the optimizer expects of the plan in `body`.
    pub estimate: Estimate,
}

/// A subquery that gives one value.
#[derive(Clone, Debug)]
pub struct Subplan {
    pub plan: Node,
    pub kind: SubplanKind,
    pub estimate: Estimate,
}

/// How the rows of a subquery become one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubplanKind {
    /// The only column of the only row; NULL for no row, 21000 for more than one.
    Scalar,
    /// Whether there is a row.
    Exists,
    /// An array of the first column of all rows.
    Array,
}

/// What a statement does.
#[derive(Clone, Debug)]
pub enum Body {
    Query(Node),
    /// A SELECT of one table's row by its whole primary key: the short path.
    PointRead(PointRead),
    Insert(Insert),
    Update(Update),
    Delete(Delete),
    Explain(Explain),
    /// Anything that changes the catalog.
    Define(super::define::Define),
    /// Transactions, settings, cursors, COPY, and so on.
    Utility(super::utility::Utility),
}

/// A row by its whole primary key.
#[derive(Clone, Debug)]
pub struct PointRead {
    pub table: Arc<catalog::Table>,
    /// One constant expression per primary-key column (literals, parameters, stable functions), already of its type.
    pub key: Vec<Expr>,
    /// Stored positions that are read, ascending.
    pub positions: Vec<usize>,
    /// Type of each of them, and what rows have in it that were written before the column existed.
    pub stored: Vec<(DataType, Value)>,
    /// What is put out, over the columns that are read; `None` puts those out as they are.
    pub project: Option<Vec<Expr>>,
    /// Types of what is put out.
    pub types: Vec<DataType>,
}

impl PointRead {
    /// Empty columns for the stored values that are read.
    pub fn empty_columns(&self) -> Vec<Column> {
        self.stored.iter().map(|(data_type, _)| Column::new(*data_type)).collect()
    }

    /// The answer when there is no such row.
    pub fn no_rows(&self) -> Batch {
        Batch { rows: 0, columns: self.types.iter().map(|data_type| Column::new(*data_type)).collect() }
    }
}

/// Rows of `input` have one column per column of the table that is not dropped, in order, already cast to the column's
/// type and with defaults filled in.
#[derive(Clone, Debug)]
pub struct Insert {
    pub table: Arc<catalog::Table>,
    pub input: Node,
    /// RETURNING, over the columns of `input`.
    pub returning: Option<Vec<Expr>>,
}

/// `input` is a fragment (no Gather inside): a Scan `with_key` of every column that is not dropped, filtered; it runs where
/// the rows are.
#[derive(Clone, Debug)]
pub struct Update {
    pub table: Arc<catalog::Table>,
    pub input: Gather,
    /// (position in `table.columns`, new value over the scan's columns).
    pub assignments: Vec<(usize, Expr)>,
    /// RETURNING, over the columns that are not dropped, with their new values.
    pub returning: Option<Vec<Expr>>,
}

/// As [`Update`].
#[derive(Clone, Debug)]
pub struct Delete {
    pub table: Arc<catalog::Table>,
    pub input: Gather,
    /// RETURNING, over the columns that are not dropped, with their last values.
    pub returning: Option<Vec<Expr>>,
}

/// EXPLAIN.
#[derive(Clone, Debug)]
pub struct Explain {
    pub statement: Box<Statement>,
    pub shape: ExplainShape,
}

/// What EXPLAIN is asked to show.
#[derive(Clone, Copy, Debug)]
pub struct ExplainShape {
    /// Run the statement and show what happened.
    pub analyze: bool,
    pub verbose: bool,
    pub costs: bool,
    pub timing: bool,
    pub format: ExplainFormat,
}

/// Forms of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExplainFormat {
    Text,
    Json,
}

impl Node {
    /// The plans it reads, left to right.
    pub fn inputs(&self) -> Vec<&Node> {
        match self {
            Node::Scan(_) | Node::Values { .. } | Node::Virtual { .. } | Node::Generate { .. } => Vec::new(),
            Node::Gather(gather) => vec![&gather.input],
            Node::Filter { input, .. }
            | Node::Project { input, .. }
            | Node::Aggregate { input, .. }
            | Node::Sort { input, .. }
            | Node::TopN { input, .. }
            | Node::Limit { input, .. }
            | Node::Distinct { input }
            | Node::Sample { input, .. } => vec![input],
            Node::HashJoin { left, right, .. } | Node::LoopJoin { left, right, .. } => vec![left, right],
            Node::Append { inputs } => inputs.iter().collect(),
        }
    }
}

/// The table that a fragment reads: that of its first scan.
pub fn table_of(node: &Node) -> Option<&Arc<catalog::Table>> {
    match node {
        Node::Scan(scan) => Some(&scan.table),
        _ => node.inputs().into_iter().find_map(table_of),
    }
}
