//! Typed expressions. Binding decides every type and every cast, so evaluation never guesses.

pub mod function;

use crate::base::{types::DataType, value::Value};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    pub data_type: DataType,
}
