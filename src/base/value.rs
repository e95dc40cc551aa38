//! One SQL value. Text and binary forms, comparison and arithmetic live in the sibling files.

use super::numeric::Numeric;
use std::sync::Arc;

/// A value of any type; which SQL type it has is known from the expression or column it stands in.
#[derive(Clone, Debug)]
pub enum Value {
    Null,
    Bool(bool),
    Int2(i16),
    Int4(i32),
    Int8(i64),
    Float4(f32),
    Float8(f64),
    Numeric(Numeric),
    /// text, varchar, char(n) (padded), name, "char", json, unknown literals.
    Text(Arc<str>),
    Bytea(Arc<[u8]>),
    /// Days since 2000-01-01; `i32::MIN` and `i32::MAX` are -infinity and infinity.
    Date(i32),
    /// Microseconds since midnight.
    Time(i64),
    /// Microseconds since midnight, and the zone's offset in seconds west of UTC.
    Timetz(i64, i32),
    /// Microseconds since 2000-01-01 00:00; `i64::MIN` and `i64::MAX` are the infinities.
    Timestamp(i64),
    /// Microseconds since 2000-01-01 00:00 UTC; the same infinities.
    Timestamptz(i64),
    Interval(Interval),
    Uuid([u8; 16]),
    /// oid and the reg* types.
    Oid(u32),
    Array(Arc<Array>),
    Record(Arc<[Value]>),
}

/// PostgreSQL's interval: three parts that are not converted into each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Interval {
    pub months: i32,
    pub days: i32,
    pub micros: i64,
}

/// An array of any number of dimensions, row-major.
#[derive(Clone, Debug)]
pub struct Array {
    /// (length, lower bound) of each dimension; empty for the empty array.
    pub dimensions: Vec<(u32, i32)>,
    pub values: Vec<Value>,
}
