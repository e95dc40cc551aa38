//! One SQL value. Text and binary forms, comparison and arithmetic live in the sibling files.

mod compare;

pub(crate) use compare::timetz_order;
pub use compare::{compare_bpchar, compare_floats};

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

impl Value {
    /// A text value.
    pub fn text(text: impl AsRef<str>) -> Value {
        Value::Text(Arc::from(text.as_ref()))
    }

    /// A bytea value.
    pub fn bytea(bytes: impl AsRef<[u8]>) -> Value {
        Value::Bytea(Arc::from(bytes.as_ref()))
    }

    /// A one-dimensional array, counted from 1.
    pub fn array(values: Vec<Value>) -> Value {
        Value::Array(Arc::new(Array::from_values(values)))
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The text of a textual type.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The truth of a bool.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(truth) => Some(*truth),
            _ => None,
        }
    }
}

impl Array {
    /// One dimension, counted from 1; no dimension when there are no values.
    pub fn from_values(values: Vec<Value>) -> Array {
        let length = u32::try_from(values.len()).unwrap_or(u32::MAX);
        let dimensions = if values.is_empty() { Vec::new() } else { vec![(length, 1)] };
        Array { dimensions, values }
    }

    /// Whether the dimensions hold exactly the values there are, within PostgreSQL's bounds.
    pub fn is_consistent(&self) -> bool {
        let product = self.dimensions.iter().try_fold(1_usize, |product, (length, _)| {
            if *length == 0 { None } else { product.checked_mul(*length as usize) }
        });
        let expected = if self.dimensions.is_empty() { Some(0) } else { product };
        let bounds =
            self.dimensions.iter().all(|(length, lower)| i32::try_from(i64::from(*lower) + i64::from(*length)).is_ok());
        self.dimensions.len() <= ARRAY_DIMENSIONS_MAX && bounds && expected == Some(self.values.len())
    }
}

/// Most dimensions of an array, as in PostgreSQL.
pub const ARRAY_DIMENSIONS_MAX: usize = 6;

const MICROS_PER_DAY: i128 = 86_400_000_000;

impl Interval {
    /// An interval of this length, in days and microseconds, and in months where the days do not suffice.
    pub fn from_span_micros(span: i128) -> Option<Interval> {
        let micros = (span % MICROS_PER_DAY) as i64;
        let days = span / MICROS_PER_DAY;
        if let Ok(days) = i32::try_from(days) {
            return Some(Interval { months: 0, days, micros });
        }
        let months = (days / 30).clamp(i128::from(i32::MIN), i128::from(i32::MAX));
        let left = days - months * 30;
        // What months and days together cannot hold is left to the microseconds.
        let whole = left.clamp(i128::from(i32::MIN), i128::from(i32::MAX));
        let micros = i64::try_from((left - whole) * MICROS_PER_DAY + i128::from(micros)).ok()?;
        Some(Interval { months: months as i32, days: whole as i32, micros })
    }
}
