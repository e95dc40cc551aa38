//! What aggregates remember per group.
//!
//! An [`Accumulator`] holds one kind of state for all groups, as vectors by group number. Rows come in batches: the group
//! number of each row and the argument column. NULL arguments do not count. The state of a group can be put out as one
//! value and merged into another accumulator of the same aggregate, which is how partial aggregation works; both ways
//! must agree with feeding all rows to one accumulator.

use super::{
    collect::{ArrayAgg, StringAgg},
    extremes::{Extremes, TextExtremes, WordExtremes},
    flags::{Bits, Flags},
    moments::{FloatMoments, NumericMoments},
    sums::{Counts, FloatSums, IntervalSums, NumericSums, WholeSums},
};
use crate::{
    base::{
        batch::Column,
        types::{DataType, TypeKind},
    },
    error::{Error, Result},
    sql::expr::{Aggregate, Expr, function::AggregateFunction as A},
};
use std::borrow::Cow;

/// A column of arguments, best where the batch has it.
pub(super) type Argument<'a> = Cow<'a, Column>;

/// The state of one aggregate for all groups.
pub(super) enum Accumulator {
    Counts(Counts),
    WholeSums(WholeSums),
    FloatSums(FloatSums),
    NumericSums(NumericSums),
    IntervalSums(IntervalSums),
    WordExtremes(WordExtremes),
    TextExtremes(TextExtremes),
    Extremes(Extremes),
    Flags(Flags),
    Bits(Bits),
    FloatMoments(FloatMoments),
    NumericMoments(NumericMoments),
    StringAgg(StringAgg),
    ArrayAgg(ArrayAgg),
}

/// Calls the same method of whichever accumulator it is.
macro_rules! each {
    ($accumulator:expr, $inner:ident => $call:expr) => {
        match $accumulator {
            Accumulator::Counts($inner) => $call,
            Accumulator::WholeSums($inner) => $call,
            Accumulator::FloatSums($inner) => $call,
            Accumulator::NumericSums($inner) => $call,
            Accumulator::IntervalSums($inner) => $call,
            Accumulator::WordExtremes($inner) => $call,
            Accumulator::TextExtremes($inner) => $call,
            Accumulator::Extremes($inner) => $call,
            Accumulator::Flags($inner) => $call,
            Accumulator::Bits($inner) => $call,
            Accumulator::FloatMoments($inner) => $call,
            Accumulator::NumericMoments($inner) => $call,
            Accumulator::StringAgg($inner) => $call,
            Accumulator::ArrayAgg($inner) => $call,
        }
    };
}

impl Accumulator {
    /// The accumulator for an aggregate, by its function and argument types. In a final step the argument may be the
    /// state instead: where that is a record, the result's type tells what it sums.
    pub fn new(aggregate: &Aggregate) -> Result<Accumulator> {
        let argument = aggregate.arguments.first().map(Expr::data_type);
        let kind = argument.filter(|data_type| !data_type.array).map(|data_type| data_type.kind);
        let result = aggregate.data_type;
        let kind = match (kind, result.kind) {
            (Some(TypeKind::Record), TypeKind::Float8 | TypeKind::Interval) => Some(result.kind),
            (Some(TypeKind::Record), _) => Some(TypeKind::Numeric),
            (kind, _) => kind,
        };
        let unknown = || {
            let function = aggregate.function;
            Error::internal(format!("there is no accumulator for {function:?} of {argument:?}"))
        };
        Ok(match (aggregate.function, kind) {
            (A::CountRows | A::Count, _) => Accumulator::Counts(Counts::default()),
            (A::Sum, Some(TypeKind::Int2 | TypeKind::Int4 | TypeKind::Int8)) => {
                Accumulator::WholeSums(WholeSums::sum(result))
            }
            (A::Average, Some(TypeKind::Int2 | TypeKind::Int4 | TypeKind::Int8)) => {
                Accumulator::WholeSums(WholeSums::average(result))
            }
            (A::Sum, Some(TypeKind::Float4 | TypeKind::Float8)) => Accumulator::FloatSums(FloatSums::new(result)),
            (A::Sum, Some(TypeKind::Numeric)) => Accumulator::NumericSums(NumericSums::sum(result)),
            (A::Average, Some(TypeKind::Numeric)) => Accumulator::NumericSums(NumericSums::average(result)),
            (A::Sum, Some(TypeKind::Interval)) => Accumulator::IntervalSums(IntervalSums::sum(result)),
            (A::Average, Some(TypeKind::Interval)) => Accumulator::IntervalSums(IntervalSums::average(result)),
            (A::Minimum | A::Maximum, _) => Accumulator::extremes(aggregate.function == A::Maximum, result),
            (A::BoolAnd | A::BoolOr, Some(TypeKind::Bool)) => {
                Accumulator::Flags(Flags::new(aggregate.function == A::BoolOr))
            }
            (A::BitAnd | A::BitOr | A::BitXor, _) => Accumulator::Bits(Bits::new(aggregate.function, result)),
            (
                A::Average | A::StddevPopulation | A::StddevSample | A::VariancePopulation | A::VarianceSample,
                Some(TypeKind::Float4 | TypeKind::Float8),
            ) => Accumulator::FloatMoments(FloatMoments::new(aggregate.function)),
            (A::StddevPopulation | A::StddevSample | A::VariancePopulation | A::VarianceSample, Some(kind))
                if kind.is_number() =>
            {
                Accumulator::NumericMoments(NumericMoments::new(aggregate.function))
            }
            (A::StringAgg, _) => Accumulator::StringAgg(StringAgg::new(result)),
            (A::ArrayAgg, _) => Accumulator::ArrayAgg(ArrayAgg::default()),
            _ => return Err(unknown()),
        })
    }

    fn extremes(greatest: bool, data_type: DataType) -> Accumulator {
        let word = matches!(
            data_type.kind,
            TypeKind::Int2
                | TypeKind::Int4
                | TypeKind::Int8
                | TypeKind::Date
                | TypeKind::Timestamp
                | TypeKind::Timestamptz
        );
        match data_type.kind {
            _ if data_type.array => Accumulator::Extremes(Extremes::new(greatest, data_type)),
            _ if word => Accumulator::WordExtremes(WordExtremes::new(greatest, data_type)),
            TypeKind::Text => Accumulator::TextExtremes(TextExtremes::new(greatest)),
            _ => Accumulator::Extremes(Extremes::new(greatest, data_type)),
        }
    }

    /// Makes room for groups `0..count`.
    pub fn resize(&mut self, count: usize) {
        each!(self, inner => inner.resize(count));
    }

    /// Takes rows: the group of each, and its arguments (none for `count(*)`).
    pub fn update(&mut self, groups: &[u32], arguments: &[Argument<'_>]) -> Result<()> {
        each!(self, inner => inner.update(groups, arguments))
    }

    /// Takes states that another accumulator put out.
    pub fn merge(&mut self, groups: &[u32], states: &Column) -> Result<()> {
        each!(self, inner => inner.merge(groups, states))
    }

    /// States of groups `start..end`.
    pub fn states(&self, start: usize, end: usize) -> Result<Column> {
        each!(self, inner => inner.states(start, end))
    }

    /// Results of groups `start..end`.
    pub fn results(&self, start: usize, end: usize) -> Result<Column> {
        each!(self, inner => inner.results(start, end))
    }

    /// About how many bytes it holds.
    pub fn bytes(&self) -> usize {
        each!(self, inner => inner.bytes())
    }
}

/// A broken state from another core: a bug, or bytes that were tampered with.
pub(super) fn bad_state() -> Error {
    Error::internal("the partial state of an aggregate has the wrong shape")
}

/// The only argument of an aggregate.
pub(super) fn argument<'a>(arguments: &'a [Argument<'_>]) -> Result<&'a Column> {
    arguments.first().map(AsRef::as_ref).ok_or_else(|| Error::internal("an aggregate lacks its argument"))
}
