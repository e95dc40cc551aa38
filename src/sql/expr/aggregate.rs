//! Aggregate functions: which exist, their argument and result types, and what their partial states look like.
//!
//! A partial state is one column per aggregate, so that positions are the same in every mode: group columns first, then
//! one column per aggregate. In `Final` mode an aggregate reads its state from that position, whatever its arguments say.
//! Computing is done in
//! [`crate::sql::execute`].

use super::{
    Aggregate,
    function::unresolved,
    kinds::{
        ANY, ARRAY, BOOL, BPCHAR, BYTEA, DATE, ELEMENT, FLOAT4, FLOAT8, INT2, INT4, INT8, INTERVAL, NUMERIC, OID, TEXT,
        TIME, TIMESTAMP, TIMESTAMPTZ, TIMETZ,
    },
    resolve::{Resolved, Signature, select, signature},
};
use crate::{
    base::types::{DataType, TypeKind},
    error::Result,
};

/// An aggregate function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AggregateFunction {
    /// `count(*)`.
    CountRows,
    /// `count(x)`: rows where x is not NULL.
    Count,
    Sum,
    Average,
    Minimum,
    Maximum,
    BoolAnd,
    BoolOr,
    BitAnd,
    BitOr,
    BitXor,
    StringAgg,
    ArrayAgg,
    StddevPopulation,
    StddevSample,
    VariancePopulation,
    VarianceSample,
}

use AggregateFunction as A;

/// Every aggregate; not "strict" in the sense of scalar functions: NULLs are skipped where SQL says so.
pub const SIGNATURES: &[Signature<AggregateFunction>] = &[
    signature("count", A::CountRows, &[], INT8),
    signature("count", A::Count, &[ANY], INT8),
    signature("sum", A::Sum, &[INT2], INT8),
    signature("sum", A::Sum, &[INT4], INT8),
    signature("sum", A::Sum, &[INT8], NUMERIC),
    signature("sum", A::Sum, &[FLOAT4], FLOAT4),
    signature("sum", A::Sum, &[FLOAT8], FLOAT8),
    signature("sum", A::Sum, &[NUMERIC], NUMERIC),
    signature("sum", A::Sum, &[INTERVAL], INTERVAL),
    signature("avg", A::Average, &[INT2], NUMERIC),
    signature("avg", A::Average, &[INT4], NUMERIC),
    signature("avg", A::Average, &[INT8], NUMERIC),
    signature("avg", A::Average, &[NUMERIC], NUMERIC),
    signature("avg", A::Average, &[FLOAT4], FLOAT8),
    signature("avg", A::Average, &[FLOAT8], FLOAT8),
    signature("avg", A::Average, &[INTERVAL], INTERVAL),
    signature("min", A::Minimum, &[INT2], INT2),
    signature("min", A::Minimum, &[INT4], INT4),
    signature("min", A::Minimum, &[INT8], INT8),
    signature("min", A::Minimum, &[FLOAT4], FLOAT4),
    signature("min", A::Minimum, &[FLOAT8], FLOAT8),
    signature("min", A::Minimum, &[NUMERIC], NUMERIC),
    signature("min", A::Minimum, &[TEXT], TEXT),
    signature("min", A::Minimum, &[BPCHAR], BPCHAR),
    signature("min", A::Minimum, &[DATE], DATE),
    signature("min", A::Minimum, &[TIME], TIME),
    signature("min", A::Minimum, &[TIMETZ], TIMETZ),
    signature("min", A::Minimum, &[TIMESTAMP], TIMESTAMP),
    signature("min", A::Minimum, &[TIMESTAMPTZ], TIMESTAMPTZ),
    signature("min", A::Minimum, &[INTERVAL], INTERVAL),
    signature("min", A::Minimum, &[OID], OID),
    signature("min", A::Minimum, &[ARRAY], ARRAY),
    signature("max", A::Maximum, &[INT2], INT2),
    signature("max", A::Maximum, &[INT4], INT4),
    signature("max", A::Maximum, &[INT8], INT8),
    signature("max", A::Maximum, &[FLOAT4], FLOAT4),
    signature("max", A::Maximum, &[FLOAT8], FLOAT8),
    signature("max", A::Maximum, &[NUMERIC], NUMERIC),
    signature("max", A::Maximum, &[TEXT], TEXT),
    signature("max", A::Maximum, &[BPCHAR], BPCHAR),
    signature("max", A::Maximum, &[DATE], DATE),
    signature("max", A::Maximum, &[TIME], TIME),
    signature("max", A::Maximum, &[TIMETZ], TIMETZ),
    signature("max", A::Maximum, &[TIMESTAMP], TIMESTAMP),
    signature("max", A::Maximum, &[TIMESTAMPTZ], TIMESTAMPTZ),
    signature("max", A::Maximum, &[INTERVAL], INTERVAL),
    signature("max", A::Maximum, &[OID], OID),
    signature("max", A::Maximum, &[ARRAY], ARRAY),
    signature("bool_and", A::BoolAnd, &[BOOL], BOOL),
    signature("every", A::BoolAnd, &[BOOL], BOOL),
    signature("bool_or", A::BoolOr, &[BOOL], BOOL),
    signature("bit_and", A::BitAnd, &[INT2], INT2),
    signature("bit_and", A::BitAnd, &[INT4], INT4),
    signature("bit_and", A::BitAnd, &[INT8], INT8),
    signature("bit_or", A::BitOr, &[INT2], INT2),
    signature("bit_or", A::BitOr, &[INT4], INT4),
    signature("bit_or", A::BitOr, &[INT8], INT8),
    signature("bit_xor", A::BitXor, &[INT2], INT2),
    signature("bit_xor", A::BitXor, &[INT4], INT4),
    signature("bit_xor", A::BitXor, &[INT8], INT8),
    signature("string_agg", A::StringAgg, &[TEXT, TEXT], TEXT),
    signature("string_agg", A::StringAgg, &[BYTEA, BYTEA], BYTEA),
    signature("array_agg", A::ArrayAgg, &[ELEMENT], ARRAY),
    signature("stddev", A::StddevSample, &[NUMERIC], NUMERIC),
    signature("stddev", A::StddevSample, &[INT2], NUMERIC),
    signature("stddev", A::StddevSample, &[INT4], NUMERIC),
    signature("stddev", A::StddevSample, &[INT8], NUMERIC),
    signature("stddev", A::StddevSample, &[FLOAT4], FLOAT8),
    signature("stddev", A::StddevSample, &[FLOAT8], FLOAT8),
    signature("stddev_samp", A::StddevSample, &[NUMERIC], NUMERIC),
    signature("stddev_samp", A::StddevSample, &[INT2], NUMERIC),
    signature("stddev_samp", A::StddevSample, &[INT4], NUMERIC),
    signature("stddev_samp", A::StddevSample, &[INT8], NUMERIC),
    signature("stddev_samp", A::StddevSample, &[FLOAT4], FLOAT8),
    signature("stddev_samp", A::StddevSample, &[FLOAT8], FLOAT8),
    signature("stddev_pop", A::StddevPopulation, &[NUMERIC], NUMERIC),
    signature("stddev_pop", A::StddevPopulation, &[INT2], NUMERIC),
    signature("stddev_pop", A::StddevPopulation, &[INT4], NUMERIC),
    signature("stddev_pop", A::StddevPopulation, &[INT8], NUMERIC),
    signature("stddev_pop", A::StddevPopulation, &[FLOAT4], FLOAT8),
    signature("stddev_pop", A::StddevPopulation, &[FLOAT8], FLOAT8),
    signature("variance", A::VarianceSample, &[NUMERIC], NUMERIC),
    signature("variance", A::VarianceSample, &[INT2], NUMERIC),
    signature("variance", A::VarianceSample, &[INT4], NUMERIC),
    signature("variance", A::VarianceSample, &[INT8], NUMERIC),
    signature("variance", A::VarianceSample, &[FLOAT4], FLOAT8),
    signature("variance", A::VarianceSample, &[FLOAT8], FLOAT8),
    signature("var_samp", A::VarianceSample, &[NUMERIC], NUMERIC),
    signature("var_samp", A::VarianceSample, &[INT2], NUMERIC),
    signature("var_samp", A::VarianceSample, &[INT4], NUMERIC),
    signature("var_samp", A::VarianceSample, &[INT8], NUMERIC),
    signature("var_samp", A::VarianceSample, &[FLOAT4], FLOAT8),
    signature("var_samp", A::VarianceSample, &[FLOAT8], FLOAT8),
    signature("var_pop", A::VariancePopulation, &[NUMERIC], NUMERIC),
    signature("var_pop", A::VariancePopulation, &[INT2], NUMERIC),
    signature("var_pop", A::VariancePopulation, &[INT4], NUMERIC),
    signature("var_pop", A::VariancePopulation, &[INT8], NUMERIC),
    signature("var_pop", A::VariancePopulation, &[FLOAT4], FLOAT8),
    signature("var_pop", A::VariancePopulation, &[FLOAT8], FLOAT8),
];

/// Whether a name is an aggregate's.
pub fn exists(name: &str) -> bool {
    SIGNATURES.iter().any(|signature| signature.name == name)
}

/// All aggregate names, for suggestions.
pub fn names() -> impl Iterator<Item = &'static str> {
    SIGNATURES.iter().map(|signature| signature.name)
}

/// The overload that a call of an aggregate means; `count(*)` has no arguments.
pub fn resolve(name: &str, arguments: &[DataType]) -> Result<Resolved<AggregateFunction>> {
    let candidates = SIGNATURES.iter().filter(|signature| signature.name == name).copied();
    select(candidates, arguments, false).map_err(|failure| unresolved(name, arguments, failure))
}

impl Aggregate {
    /// Whether it may be computed in parts (`Partial` where the rows are, `Final` above the exchange).
    ///
    /// DISTINCT needs all rows in one place; so does an aggregate whose result depends on the order of rows.
    pub fn is_splittable(&self) -> bool {
        !self.distinct && self.order_by.is_empty() && !matches!(self.function, A::StringAgg | A::ArrayAgg)
    }

    /// The type of its partial state: what a `Partial` aggregate node puts out in its place.
    pub fn state_type(&self) -> DataType {
        match self.function {
            A::CountRows | A::Count => DataType::of(TypeKind::Int8),
            A::Sum | A::Minimum | A::Maximum | A::BoolAnd | A::BoolOr | A::BitAnd | A::BitOr | A::BitXor => {
                self.data_type
            }
            A::Average | A::StddevPopulation | A::StddevSample | A::VariancePopulation | A::VarianceSample => {
                DataType::of(TypeKind::Record)
            }
            A::StringAgg | A::ArrayAgg => self.data_type,
        }
    }
}
