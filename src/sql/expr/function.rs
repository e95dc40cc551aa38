//! Functions and aggregates: which exist, their argument and result types.

/// A scalar function or operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// `+` on numbers.
    Add,
}

/// An aggregate function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AggregateFunction {
    /// `count(*)`.
    CountRows,
}
