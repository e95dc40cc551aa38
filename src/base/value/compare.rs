//! The order of values: what `ORDER BY`, indexes, `=` and grouping go by.
//!
//! Numbers of different types compare by what they are worth, so that `1 = 1.00`. Values that no cast makes comparable
//! (a text and a date) still have an order, by type, so that a mistake elsewhere never panics here.
//!
//! NULL is for callers to handle. Where it meets another value here (inside arrays and rows) it is the greatest and
//! equal to itself, as in PostgreSQL.

use super::{Array, Interval, Value};
use crate::base::numeric::Numeric;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

impl Value {
    /// PostgreSQL's order under the C collation.
    pub fn compare(&self, other: &Value) -> Ordering {
        match (self, other) {
            (Value::Null, Value::Null) => Ordering::Equal,
            (Value::Null, _) => Ordering::Greater,
            (_, Value::Null) => Ordering::Less,
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Int4(a), Value::Int4(b)) => a.cmp(b),
            (Value::Int8(a), Value::Int8(b)) => a.cmp(b),
            (Value::Text(a), Value::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Value::Bytea(a), Value::Bytea(b)) => a.cmp(b),
            (Value::Date(a), Value::Date(b)) => a.cmp(b),
            (Value::Time(a), Value::Time(b)) => a.cmp(b),
            (Value::Timetz(a, a_zone), Value::Timetz(b, b_zone)) => {
                timetz_order(*a, *a_zone).cmp(&timetz_order(*b, *b_zone))
            }
            (Value::Timestamp(a) | Value::Timestamptz(a), Value::Timestamp(b) | Value::Timestamptz(b)) => a.cmp(b),
            (Value::Interval(a), Value::Interval(b)) => a.span_micros().cmp(&b.span_micros()),
            (Value::Uuid(a), Value::Uuid(b)) => a.cmp(b),
            (Value::Oid(a), Value::Oid(b)) => a.cmp(b),
            (Value::Array(a), Value::Array(b)) => compare_arrays(a, b),
            (Value::Record(a), Value::Record(b)) => compare_sequences(a, b),
            _ => match (self.rank(), other.rank()) {
                (Rank::NUMBER, Rank::NUMBER) => compare_numbers(self, other),
                (a, b) => a.0.cmp(&b.0),
            },
        }
    }

    /// Equality by [`compare`](Self::compare): NULL equals NULL, 1.0 equals 1.00, NaN equals NaN.
    pub fn same(&self, other: &Value) -> bool {
        self.compare(other) == Ordering::Equal
    }

    fn rank(&self) -> Rank {
        match self {
            Value::Int2(_) | Value::Int4(_) | Value::Int8(_) | Value::Float4(_) | Value::Float8(_) => Rank::NUMBER,
            Value::Numeric(_) => Rank::NUMBER,
            Value::Bool(_) => Rank(1),
            Value::Text(_) => Rank(2),
            Value::Bytea(_) => Rank(3),
            Value::Date(_) => Rank(4),
            Value::Time(_) => Rank(5),
            Value::Timetz(..) => Rank(6),
            Value::Timestamp(_) | Value::Timestamptz(_) => Rank(7),
            Value::Interval(_) => Rank(8),
            Value::Uuid(_) => Rank(9),
            Value::Oid(_) => Rank(10),
            Value::Array(_) => Rank(11),
            Value::Record(_) => Rank(12),
            Value::Null => Rank(13),
        }
    }

    /// Any integer type as 64 bits.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Value::Int2(number) => Some(i64::from(*number)),
            Value::Int4(number) => Some(i64::from(*number)),
            Value::Int8(number) => Some(*number),
            Value::Oid(number) => Some(i64::from(*number)),
            _ => None,
        }
    }

    fn as_float(&self) -> Option<f64> {
        match self {
            Value::Float4(number) => Some(f64::from(*number)),
            Value::Float8(number) => Some(*number),
            _ => None,
        }
    }

    fn to_float(&self) -> f64 {
        match self {
            Value::Numeric(number) => number.to_f64(),
            _ => self.as_float().or(self.as_integer().map(|number| number as f64)).unwrap_or(f64::NAN),
        }
    }
}

/// Groups of values that compare with each other.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Rank(u8);

impl Rank {
    const NUMBER: Rank = Rank(0);
}

/// Equality and order are those of [`Value::compare`], so values can stand in maps and be sorted.
impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        self.same(other)
    }
}

impl Eq for Value {}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Value) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Value) -> Ordering {
        self.compare(other)
    }
}

/// PostgreSQL's order of floats: -0 equals 0, NaN equals itself and is greatest.
pub fn compare_floats(a: f64, b: f64) -> Ordering {
    match a.partial_cmp(&b) {
        Some(order) => order,
        None => a.is_nan().cmp(&b.is_nan()),
    }
}

/// Order of `char(n)`: blanks at the end do not count.
pub fn compare_bpchar(a: &str, b: &str) -> Ordering {
    a.trim_end_matches(' ').as_bytes().cmp(b.trim_end_matches(' ').as_bytes())
}

/// A time with zone sorts by its instant, then by its zone.
pub(crate) fn timetz_order(micros: i64, seconds_west: i32) -> (i64, i32) {
    (micros + i64::from(seconds_west) * 1_000_000, seconds_west)
}

impl Interval {
    /// Its length with months of 30 days and days of 24 hours: what intervals are compared by.
    pub fn span_micros(&self) -> i128 {
        let days = i128::from(self.months) * 30 + i128::from(self.days);
        days * 86_400_000_000 + i128::from(self.micros)
    }
}

fn compare_numbers(a: &Value, b: &Value) -> Ordering {
    if let (Some(a), Some(b)) = (a.as_integer(), b.as_integer()) {
        return a.cmp(&b);
    }
    match (a, b) {
        (Value::Numeric(a), Value::Numeric(b)) => a.compare(b),
        (Value::Numeric(a), _) if b.as_float().is_none() => a.compare(&integer_as_numeric(b)),
        (_, Value::Numeric(b)) if a.as_float().is_none() => integer_as_numeric(a).compare(b),
        _ => compare_floats(a.to_float(), b.to_float()),
    }
}

fn integer_as_numeric(value: &Value) -> Numeric {
    value.as_integer().map_or(Numeric::NaN, Numeric::from)
}

fn compare_sequences(a: &[Value], b: &[Value]) -> Ordering {
    let different = a.iter().zip(b).map(|(a, b)| a.compare(b)).find(|order| order.is_ne());
    different.unwrap_or_else(|| a.len().cmp(&b.len()))
}

fn compare_arrays(a: &Array, b: &Array) -> Ordering {
    compare_sequences(&a.values, &b.values)
        .then_with(|| a.dimensions.len().cmp(&b.dimensions.len()))
        .then_with(|| a.dimensions.iter().map(|d| d.0).cmp(b.dimensions.iter().map(|d| d.0)))
        .then_with(|| a.dimensions.iter().map(|d| d.1).cmp(b.dimensions.iter().map(|d| d.1)))
}

/// Equal values hash alike, also numbers of different types.
impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Value::Null => state.write_u8(0xFF),
            Value::Bool(truth) => state.write_u8(u8::from(*truth)),
            Value::Int2(_) | Value::Int4(_) | Value::Int8(_) | Value::Oid(_) => {
                state.write_u64(self.as_integer().unwrap_or_default() as u64);
            }
            Value::Numeric(number) => match number.to_i64_exact() {
                Some(whole) => state.write_u64(whole as u64),
                None => hash_float(number.to_f64(), state),
            },
            Value::Float4(_) | Value::Float8(_) => hash_float(self.to_float(), state),
            Value::Text(text) => state.write(text.as_bytes()),
            Value::Bytea(bytes) => state.write(bytes),
            Value::Date(days) => state.write_u64(*days as u64),
            Value::Time(micros) | Value::Timestamp(micros) | Value::Timestamptz(micros) => {
                state.write_u64(*micros as u64);
            }
            Value::Timetz(micros, zone) => timetz_order(*micros, *zone).hash(state),
            Value::Interval(interval) => state.write(&interval.span_micros().to_le_bytes()),
            Value::Uuid(bytes) => state.write(bytes),
            Value::Array(array) => hash_sequence(&array.values, state),
            Value::Record(values) => hash_sequence(values, state),
        }
    }
}

fn hash_sequence<H: Hasher>(values: &[Value], state: &mut H) {
    state.write_usize(values.len());
    for value in values {
        value.hash(state);
    }
}

/// Whole numbers hash as integers, whatever type they have; ids beyond 2^53 keep their low bits.
fn hash_float<H: Hasher>(number: f64, state: &mut H) {
    if number.trunc() == number && number.abs() < 9.2e18 {
        return state.write_u64(number as i64 as u64);
    }
    let canonical = if number.is_nan() { f64::NAN } else { number };
    state.write_u64(canonical.to_bits());
}
