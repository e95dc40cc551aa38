//! `+ - * / %` and unary minus over typed vectors.
//!
//! Each loop computes with wrapping and notes whether any row overflowed; only then does a second look decide whether
//! one of those rows counts (is not NULL) and so is an error.

use super::operand::{Float8Kind, Int2Kind, Int4Kind, Int8Kind, Kind, Operand, Side, either_null, zip};
use crate::{
    base::{
        sqlstate::SqlState,
        types::{DataType, TypeKind},
        value::Value,
    },
    error::{Error, Result},
    sql::expr::function::Function,
};

/// `integer out of range` and the like.
pub(crate) fn out_of_range(data_type: DataType) -> Error {
    let name = crate::sql::expr::function::type_name(data_type);
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, format!("{name} out of range"))
}

/// `division by zero`.
pub(crate) fn division_by_zero() -> Error {
    Error::new(SqlState::DIVISION_BY_ZERO, "division by zero")
}

/// An integer that the loops compute with.
pub(crate) trait Whole: Copy + PartialEq {
    const ZERO: Self;
    fn add(self, other: Self) -> (Self, bool);
    fn subtract(self, other: Self) -> (Self, bool);
    fn multiply(self, other: Self) -> (Self, bool);
    /// The other is not 0.
    fn divide(self, other: Self) -> (Self, bool);
    /// The other is not 0; MIN % -1 is 0.
    fn remainder(self, other: Self) -> Self;
    fn negate(self) -> (Self, bool);
}

macro_rules! whole {
    ($($native:ty),*) => {
        $(impl Whole for $native {
            const ZERO: Self = 0;
            fn add(self, other: Self) -> (Self, bool) {
                self.overflowing_add(other)
            }
            fn subtract(self, other: Self) -> (Self, bool) {
                self.overflowing_sub(other)
            }
            fn multiply(self, other: Self) -> (Self, bool) {
                self.overflowing_mul(other)
            }
            fn divide(self, other: Self) -> (Self, bool) {
                self.overflowing_div(other)
            }
            fn remainder(self, other: Self) -> Self {
                self.wrapping_rem(other)
            }
            fn negate(self) -> (Self, bool) {
                self.overflowing_neg()
            }
        })*
    };
}

whole!(i16, i32, i64);

/// Computes over typed vectors if the function is arithmetic and the operands are of a fitting type.
pub(super) fn typed<'a>(
    function: Function,
    operands: &[Operand<'_>],
    data_type: DataType,
    rows: usize,
) -> Option<Result<Operand<'a>>> {
    if data_type.array {
        return None;
    }
    match (operands, data_type.kind) {
        ([left, right], TypeKind::Int4) => binary::<Int4Kind>(function, left, right, data_type, rows),
        ([left, right], TypeKind::Int8) => match binary::<Int8Kind>(function, left, right, data_type, rows) {
            None => mixed(function, left, right, data_type, rows),
            done => done,
        },
        ([left, right], TypeKind::Int2) => binary::<Int2Kind>(function, left, right, data_type, rows),
        ([left, right], TypeKind::Float8) => floats(function, left, right, rows),
        ([operand], TypeKind::Int4) => negated::<Int4Kind>(function, operand, data_type),
        ([operand], TypeKind::Int8) => negated::<Int8Kind>(function, operand, data_type),
        ([operand], TypeKind::Float8) => negated_float(function, operand),
        _ => None,
    }
}

/// Integers of different widths, computed in 64 bits.
fn mixed<'a>(
    function: Function,
    left: &Operand<'_>,
    right: &Operand<'_>,
    data_type: DataType,
    rows: usize,
) -> Option<Result<Operand<'a>>> {
    let (left_values, right_values) = (left.integers()?, right.integers()?);
    let nulls = either_null(left.nulls(), right.nulls());
    whole_loop::<Int8Kind>(function, left_values.side(), right_values.side(), nulls, data_type, rows)
}

fn binary<'a, K: Kind>(
    function: Function,
    left: &Operand<'_>,
    right: &Operand<'_>,
    data_type: DataType,
    rows: usize,
) -> Option<Result<Operand<'a>>>
where
    K::Native: Whole,
{
    let (left_side, right_side) = (left.side::<K>()?, right.side::<K>()?);
    let nulls = either_null(left.nulls(), right.nulls());
    whole_loop::<K>(function, left_side, right_side, nulls, data_type, rows)
}

fn whole_loop<'a, K: Kind>(
    function: Function,
    left: Side<'_, K::Native>,
    right: Side<'_, K::Native>,
    nulls: Option<Vec<bool>>,
    data_type: DataType,
    rows: usize,
) -> Option<Result<Operand<'a>>>
where
    K::Native: Whole,
{
    let zero = K::Native::ZERO;
    let pairs = match function {
        Function::Add => zip(left, right, rows, |a, b| a.add(b)),
        Function::Subtract => zip(left, right, rows, |a, b| a.subtract(b)),
        Function::Multiply => zip(left, right, rows, |a, b| a.multiply(b)),
        Function::Divide | Function::Remainder | Function::Modulo => {
            let bad = zip(left, right, rows, |_, b| b == zero);
            if counts(&bad, nulls.as_deref()) {
                return Some(Err(division_by_zero()));
            }
            match function {
                Function::Divide => zip(left, right, rows, |a, b| if b == zero { (zero, false) } else { a.divide(b) }),
                _ => zip(left, right, rows, |a, b| (if b == zero { zero } else { a.remainder(b) }, false)),
            }
        }
        _ => return None,
    };
    Some(finish::<K>(pairs, nulls, data_type))
}

/// Whether a flagged row counts, that is, is not NULL.
fn counts(flags: &[bool], nulls: Option<&[bool]>) -> bool {
    match nulls {
        None => flags.contains(&true),
        Some(nulls) => flags.iter().zip(nulls).any(|(flag, null)| *flag && !null),
    }
}

fn finish<'a, K: Kind>(
    pairs: Vec<(K::Native, bool)>,
    nulls: Option<Vec<bool>>,
    data_type: DataType,
) -> Result<Operand<'a>> {
    let overflowed = pairs.iter().fold(false, |any, pair| any | pair.1);
    if overflowed {
        let flags: Vec<bool> = pairs.iter().map(|pair| pair.1).collect();
        if counts(&flags, nulls.as_deref()) {
            return Err(out_of_range(data_type));
        }
    }
    Ok(Operand::owned(K::wrap(pairs.into_iter().map(|pair| pair.0).collect()), nulls))
}

fn negated<'a, K: Kind>(function: Function, operand: &Operand<'_>, data_type: DataType) -> Option<Result<Operand<'a>>>
where
    K::Native: Whole,
{
    let Operand::Column(column) = operand else { return None };
    let values = K::slice(&column.data)?;
    if function != Function::Negate {
        return None;
    }
    let pairs = values.iter().map(|value| value.negate()).collect();
    Some(finish::<K>(pairs, column.nulls.clone(), data_type))
}

fn negated_float<'a>(function: Function, operand: &Operand<'_>) -> Option<Result<Operand<'a>>> {
    let Operand::Column(column) = operand else { return None };
    let values = Float8Kind::slice(&column.data)?;
    if function != Function::Negate {
        return None;
    }
    Some(Ok(Operand::owned(Float8Kind::wrap(values.iter().map(|value| -value).collect()), column.nulls.clone())))
}

fn floats<'a>(function: Function, left: &Operand<'_>, right: &Operand<'_>, rows: usize) -> Option<Result<Operand<'a>>> {
    let (left_side, right_side) = (left.side::<Float8Kind>()?, right.side::<Float8Kind>()?);
    let nulls = either_null(left.nulls(), right.nulls());
    let values = match function {
        Function::Add => zip(left_side, right_side, rows, |a, b| a + b),
        Function::Subtract => zip(left_side, right_side, rows, |a, b| a - b),
        Function::Multiply => zip(left_side, right_side, rows, |a, b| a * b),
        Function::Divide => zip(left_side, right_side, rows, |a, b| a / b),
        _ => return None,
    };
    let suspicious = values.iter().any(|value| !value.is_finite() || *value == 0.0);
    if suspicious || function == Function::Divide {
        for (row, _) in values.iter().enumerate() {
            if nulls.as_ref().is_some_and(|nulls| nulls[row]) {
                continue;
            }
            let (a, b) = (pick(left_side, row), pick(right_side, row));
            if let Err(error) = check_float(function, a, b, values[row]) {
                return Some(Err(error));
            }
        }
    }
    Some(Ok(Operand::owned(Float8Kind::wrap(values), nulls)))
}

fn pick(side: Side<'_, f64>, row: usize) -> f64 {
    match side {
        Side::Same(value) => value,
        Side::Rows(values) => values[row],
    }
}

/// PostgreSQL's rules for float results: infinite only from infinite operands, 0 only where mathematics says so.
pub(crate) fn check_float(function: Function, a: f64, b: f64, result: f64) -> Result<()> {
    if function == Function::Divide && b == 0.0 && !a.is_nan() {
        return Err(division_by_zero());
    }
    if result.is_infinite() && !a.is_infinite() && !b.is_infinite() {
        return Err(float_overflow());
    }
    let underflowed = match function {
        Function::Multiply => result == 0.0 && a != 0.0 && b != 0.0,
        Function::Divide => result == 0.0 && a != 0.0 && !b.is_infinite(),
        _ => false,
    };
    if underflowed { Err(float_underflow()) } else { Ok(()) }
}

/// `value out of range: overflow`.
pub(crate) fn float_overflow() -> Error {
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: overflow")
}

/// `value out of range: underflow`.
pub(crate) fn float_underflow() -> Error {
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: underflow")
}

/// The same on two single integers of one width.
pub(crate) fn whole_values(function: Function, left: &Value, right: &Value) -> Option<Result<Value>> {
    macro_rules! attempt {
        ($($variant:ident, $kind:ident);*) => {
            match (left, right) {
                $((Value::$variant(a), Value::$variant(b)) => {
                    let data_type = DataType::of(TypeKind::$variant);
                    let result = whole_loop::<$kind>(function, Side::Same(*a), Side::Same(*b), None, data_type, 1)?;
                    Some(result.map(|operand| operand.value(0)))
                })*
                _ => None,
            }
        };
    }
    attempt!(Int2, Int2Kind; Int4, Int4Kind; Int8, Int8Kind)
}
