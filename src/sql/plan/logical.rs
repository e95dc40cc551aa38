//! The logical plan: what is to be computed, before it is decided where and how.
//!
//! The binder builds it naively (joins as written, filters where they were written); the rules of
//! [`optimize`](crate::sql::optimize) reshape it and turn it into the physical [`Node`](super::Node).

use super::{Generator, JoinKind, SortKey};
use crate::{
    base::types::DataType,
    catalog::Table,
    sql::{
        expr::{Aggregate, Expr},
        plan::expressions::data_type,
    },
};
use std::sync::Arc;

/// An operator with its inputs. Expressions name input columns by position.
#[derive(Clone, Debug)]
pub enum Logical {
    /// Rows of a table: the columns at `columns` (positions in `table.columns`, ascending), and with `with_key` the
    /// encoded key behind them, for which all of `filter` holds.
    Scan {
        table: Arc<Table>,
        columns: Vec<usize>,
        filter: Vec<Expr>,
        with_key: bool,
    },
    /// A relation made from the catalog.
    Virtual {
        relation: String,
        columns: Vec<usize>,
        types: Vec<DataType>,
    },
    Values {
        rows: Vec<Vec<Expr>>,
        types: Vec<DataType>,
    },
    /// Rows that a set-returning function makes.
    Generate {
        generator: Generator,
        types: Vec<DataType>,
    },
    Filter {
        input: Box<Logical>,
        predicate: Vec<Expr>,
    },
    Project {
        input: Box<Logical>,
        expressions: Vec<Expr>,
    },
    Aggregate {
        input: Box<Logical>,
        groups: Vec<Expr>,
        aggregates: Vec<Aggregate>,
    },
    Sort {
        input: Box<Logical>,
        keys: Vec<SortKey>,
    },
    Limit {
        input: Box<Logical>,
        limit: Option<Expr>,
        offset: Option<Expr>,
    },
    Distinct {
        input: Box<Logical>,
    },
    /// Output: left columns, then right columns.
    Join {
        left: Box<Logical>,
        right: Box<Logical>,
        kind: JoinKind,
        condition: Vec<Expr>,
    },
    Append {
        inputs: Vec<Logical>,
    },
}

impl Logical {
    /// One row without columns: what SELECT without FROM reads.
    pub fn one_row() -> Logical {
        Logical::Values { rows: vec![Vec::new()], types: Vec::new() }
    }

    /// The types of the columns that come out.
    pub fn types(&self) -> Vec<DataType> {
        match self {
            Logical::Scan { table, columns, with_key, .. } => scan_types(table, columns, *with_key),
            Logical::Virtual { columns, types, .. } => {
                columns.iter().filter_map(|&column| types.get(column).copied()).collect()
            }
            Logical::Values { types, .. } | Logical::Generate { types, .. } => types.clone(),
            Logical::Filter { input, .. }
            | Logical::Sort { input, .. }
            | Logical::Limit { input, .. }
            | Logical::Distinct { input } => input.types(),
            Logical::Project { expressions, .. } => expressions.iter().map(data_type).collect(),
            Logical::Aggregate { groups, aggregates, .. } => {
                groups.iter().map(data_type).chain(aggregates.iter().map(|call| call.data_type)).collect()
            }
            Logical::Join { left, right, kind, .. } => {
                let mut types = left.types();
                if !matches!(kind, JoinKind::Semi | JoinKind::Anti) {
                    types.extend(right.types());
                }
                types
            }
            Logical::Append { inputs } => inputs.first().map(Logical::types).unwrap_or_default(),
        }
    }

    /// How many columns come out.
    pub fn width(&self) -> usize {
        match self {
            Logical::Scan { columns, with_key, .. } => columns.len() + usize::from(*with_key),
            Logical::Virtual { columns, .. } => columns.len(),
            Logical::Values { types, .. } | Logical::Generate { types, .. } => types.len(),
            Logical::Filter { input, .. }
            | Logical::Sort { input, .. }
            | Logical::Limit { input, .. }
            | Logical::Distinct { input } => input.width(),
            Logical::Project { expressions, .. } => expressions.len(),
            Logical::Aggregate { groups, aggregates, .. } => groups.len() + aggregates.len(),
            Logical::Join { left, right, kind, .. } => match kind {
                JoinKind::Semi | JoinKind::Anti => left.width(),
                _ => left.width() + right.width(),
            },
            Logical::Append { inputs } => inputs.first().map_or(0, Logical::width),
        }
    }

    /// The same rows with a condition on them.
    pub fn filtered(self, predicate: Vec<Expr>) -> Logical {
        if predicate.is_empty() { self } else { Logical::Filter { input: Box::new(self), predicate } }
    }

    /// The same rows with other columns.
    pub fn projected(self, expressions: Vec<Expr>) -> Logical {
        Logical::Project { input: Box::new(self), expressions }
    }
}

/// The types of a scan's output.
pub fn scan_types(table: &Table, columns: &[usize], with_key: bool) -> Vec<DataType> {
    let types = columns.iter().filter_map(|&position| table.columns.get(position)).map(|column| column.data_type);
    types.chain(with_key.then_some(DataType::of(crate::base::types::TypeKind::Bytea))).collect()
}
