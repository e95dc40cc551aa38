//! Typed expressions. Binding decides every type and every cast, so evaluation never guesses.

//!
//! Where to start: [`function`], [`operator`], [`aggregate`] and [`cast`] say what exists and what a call means (for the
//! binder); [`Context`] is what an expression sees beside its rows.

pub mod aggregate;
pub mod cast;
pub mod context;
pub mod convert;
pub mod evaluate;
pub mod function;
pub mod functions;
mod kinds;
pub mod operator;
#[cfg(test)]
mod random_tests;
pub mod resolve;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use context::{Context, SessionFacts, SettingChange};
pub(crate) use evaluate::{compare_values, float_overflow, out_of_range, trim_blanks};
pub use evaluate::{constant, evaluate, evaluate_borrowed, fold, predicate, project, volatility};

use crate::base::{
    types::{DataType, TypeKind},
    value::Value,
};

/// An expression over the columns of an operator's input.
#[derive(Clone, Debug)]
pub enum Expr {
    /// Input column by position.
    Column {
        position: usize,
        data_type: DataType,
    },
    Literal {
        value: Value,
        data_type: DataType,
    },
    /// `$number`, from 0.
    Parameter {
        number: usize,
        data_type: DataType,
    },
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    IsNull {
        operand: Box<Expr>,
        negated: bool,
    },
    /// IS \[NOT\] TRUE | FALSE (a boolean test that is never NULL).
    IsBool {
        operand: Box<Expr>,
        is: bool,
        negated: bool,
    },
    /// Both sides already have the same comparable kind.
    Compare {
        operator: Comparison,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// `operand [NOT] IN (list)`, all of one kind.
    InList {
        operand: Box<Expr>,
        list: Vec<Expr>,
        negated: bool,
    },
    Case {
        branches: Vec<(Expr, Expr)>,
        otherwise: Option<Box<Expr>>,
        data_type: DataType,
    },
    Coalesce {
        operands: Vec<Expr>,
        data_type: DataType,
    },
    /// A conversion, as explicit as it was written (varchar truncation differs).
    Cast {
        operand: Box<Expr>,
        to: DataType,
        explicit: bool,
    },
    /// Operators (`+`, `||`, `~` …) and functions alike.
    Call {
        function: super::expr::function::Function,
        arguments: Vec<Expr>,
        data_type: DataType,
    },
    /// A long run of binary operators that follow each other (`a + b - c …`), each applied to what those before it gave and
    /// the next operand. It means the same as calls within calls, but is not as deep as it is long.
    Chain {
        /// One more than there are links.
        operands: Vec<Expr>,
        links: Vec<(super::expr::function::Function, DataType)>,
    },
    /// ARRAY[…]
    Array {
        elements: Vec<Expr>,
        data_type: DataType,
    },
    /// ROW(…)
    Row(Vec<Expr>),
    /// An uncorrelated subquery's value, run before the statement: number of the subplan.
    Subplan {
        number: usize,
        data_type: DataType,
    },
}

/// Comparison operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    DistinctFrom,
    NotDistinctFrom,
}

/// One aggregate call.
#[derive(Clone, Debug)]
pub struct Aggregate {
    pub function: super::expr::function::AggregateFunction,
    pub arguments: Vec<Expr>,
    pub distinct: bool,
    pub filter: Option<Expr>,
    /// ORDER BY within the call: the order in which its rows are taken.
    pub order_by: Vec<super::plan::SortKey>,
    pub data_type: DataType,
}

impl Expr {
    /// The type of its value.
    pub fn data_type(&self) -> DataType {
        match self {
            Expr::Column { data_type, .. }
            | Expr::Literal { data_type, .. }
            | Expr::Parameter { data_type, .. }
            | Expr::Case { data_type, .. }
            | Expr::Coalesce { data_type, .. }
            | Expr::Call { data_type, .. }
            | Expr::Array { data_type, .. }
            | Expr::Subplan { data_type, .. } => *data_type,
            Expr::Cast { to, .. } => *to,
            Expr::Chain { links, .. } => links.last().map_or(DataType::of(TypeKind::Unknown), |(_, last)| *last),
            Expr::Row(_) => DataType::of(TypeKind::Record),
            Expr::And(_)
            | Expr::Or(_)
            | Expr::Not(_)
            | Expr::IsNull { .. }
            | Expr::IsBool { .. }
            | Expr::Compare { .. }
            | Expr::InList { .. } => DataType::of(TypeKind::Bool),
        }
    }

    /// Its direct parts, in order.
    pub fn children(&self) -> Vec<&Expr> {
        match self {
            Expr::Column { .. } | Expr::Literal { .. } | Expr::Parameter { .. } | Expr::Subplan { .. } => Vec::new(),
            Expr::And(list) | Expr::Or(list) | Expr::Row(list) => list.iter().collect(),
            Expr::Coalesce { operands: list, .. }
            | Expr::Call { arguments: list, .. }
            | Expr::Chain { operands: list, .. }
            | Expr::Array { elements: list, .. } => list.iter().collect(),
            Expr::Not(operand)
            | Expr::IsNull { operand, .. }
            | Expr::IsBool { operand, .. }
            | Expr::Cast { operand, .. } => vec![operand],
            Expr::Compare { left, right, .. } => vec![left, right],
            Expr::InList { operand, list, .. } => std::iter::once(operand.as_ref()).chain(list).collect(),
            Expr::Case { branches, otherwise, .. } => {
                let pairs = branches.iter().flat_map(|(condition, result)| [condition, result]);
                pairs.chain(otherwise.as_deref()).collect()
            }
        }
    }

    /// Its direct parts, in the same order, to change.
    pub fn children_mut(&mut self) -> Vec<&mut Expr> {
        match self {
            Expr::Column { .. } | Expr::Literal { .. } | Expr::Parameter { .. } | Expr::Subplan { .. } => Vec::new(),
            Expr::And(list) | Expr::Or(list) | Expr::Row(list) => list.iter_mut().collect(),
            Expr::Coalesce { operands: list, .. }
            | Expr::Call { arguments: list, .. }
            | Expr::Chain { operands: list, .. }
            | Expr::Array { elements: list, .. } => list.iter_mut().collect(),
            Expr::Not(operand)
            | Expr::IsNull { operand, .. }
            | Expr::IsBool { operand, .. }
            | Expr::Cast { operand, .. } => vec![operand],
            Expr::Compare { left, right, .. } => vec![left, right],
            Expr::InList { operand, list, .. } => std::iter::once(operand.as_mut()).chain(list).collect(),
            Expr::Case { branches, otherwise, .. } => {
                let pairs = branches.iter_mut().flat_map(|(condition, result)| [condition, result]);
                pairs.chain(otherwise.as_deref_mut()).collect()
            }
        }
    }
}
