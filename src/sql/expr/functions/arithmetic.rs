//! Operators on single numbers: what the typed loops of [`mod@crate::sql::expr::evaluate`] do not cover.

use super::{Call, integer};
use crate::{
    base::{
        numeric::Numeric,
        sqlstate::SqlState,
        types::{DataType, TypeKind},
        value::Value,
    },
    error::{Error, Result},
    sql::expr::{
        convert::to_numeric,
        evaluate::{check_float, out_of_range, whole_values},
        function::Function as F,
    },
};

/// Computes a function of this file.
pub(crate) fn call(call: &Call<'_>, arguments: &[Value]) -> Result<Option<Value>> {
    match (call.function, arguments) {
        (F::Identity, [value]) => Ok(Some(value.clone())),
        (F::Negate, [value]) => negate(value, call.result),
        (F::Absolute, [value]) => absolute(value, call.result),
        (F::Add | F::Subtract | F::Multiply | F::Divide | F::Remainder | F::Modulo, [left, right]) => {
            binary(call, left, right)
        }
        (F::BitAnd | F::BitOr | F::BitXor | F::ShiftLeft | F::ShiftRight, [left, right]) => {
            bits(call.function, left, right)
        }
        (F::BitNot, [value]) => Ok(Some(match value {
            Value::Int2(number) => Value::Int2(!number),
            Value::Int4(number) => Value::Int4(!number),
            _ => Value::Int8(!integer(arguments, 0)?),
        })),
        _ => Ok(None),
    }
}

fn binary(call: &Call<'_>, left: &Value, right: &Value) -> Result<Option<Value>> {
    if let Some(result) = whole_values(call.function, left, right) {
        return result.map(Some);
    }
    match call.result.kind {
        TypeKind::Int2 | TypeKind::Int4 | TypeKind::Int8 => {
            // Integers of different widths (dates come here too, and are not for this file).
            let (Some(a), Some(b)) = (whole(left), whole(right)) else { return Ok(None) };
            let result = whole_values(call.function, &Value::Int8(a), &Value::Int8(b));
            let Some(wide) = result.transpose()? else { return Ok(None) };
            narrow(wide.as_integer().unwrap_or(0), call.result).map(Some)
        }
        TypeKind::Float4 => {
            let (Value::Float4(a), Value::Float4(b)) = (left, right) else { return Ok(None) };
            float4(call.function, *a, *b).map(Some)
        }
        TypeKind::Float8 => {
            let (Some(a), Some(b)) = (float(left), float(right)) else { return Ok(None) };
            float8(call.function, a, b).map(Some)
        }
        TypeKind::Numeric => {
            let (a, b) = (to_numeric(left)?, to_numeric(right)?);
            Ok(Some(Value::Numeric(match call.function {
                F::Add => a.add(&b)?,
                F::Subtract => a.subtract(&b)?,
                F::Multiply => a.multiply(&b)?,
                F::Divide => a.divide(&b)?,
                _ => a.remainder(&b)?,
            })))
        }
        _ => Ok(None),
    }
}

/// An integer type's value; oids and the like are none.
fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Int2(_) | Value::Int4(_) | Value::Int8(_) => value.as_integer(),
        _ => None,
    }
}

/// Brings a 64-bit result back to its type.
pub(crate) fn narrow(number: i64, data_type: DataType) -> Result<Value> {
    let fitted = match data_type.kind {
        TypeKind::Int2 => i16::try_from(number).ok().map(Value::Int2),
        TypeKind::Int4 => i32::try_from(number).ok().map(Value::Int4),
        _ => Some(Value::Int8(number)),
    };
    fitted.ok_or_else(|| out_of_range(data_type))
}

/// A number as a float, without regard to its type.
pub(crate) fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Float8(number) => Some(*number),
        Value::Float4(number) => Some(f64::from(*number)),
        Value::Int2(_) | Value::Int4(_) | Value::Int8(_) => value.as_integer().map(|number| number as f64),
        Value::Numeric(number) => Some(number.to_f64()),
        _ => None,
    }
}

fn float8(function: F, a: f64, b: f64) -> Result<Value> {
    let result = match function {
        F::Add => a + b,
        F::Subtract => a - b,
        F::Multiply => a * b,
        _ => a / b,
    };
    check_float(function, a, b, result)?;
    Ok(Value::Float8(result))
}

fn float4(function: F, a: f32, b: f32) -> Result<Value> {
    let result = match function {
        F::Add => a + b,
        F::Subtract => a - b,
        F::Multiply => a * b,
        _ => a / b,
    };
    check_float(function, f64::from(a), f64::from(b), f64::from(result))?;
    Ok(Value::Float4(result))
}

fn negate(value: &Value, result: DataType) -> Result<Option<Value>> {
    let overflow = || out_of_range(result);
    Ok(Some(match value {
        Value::Int2(number) => Value::Int2(number.checked_neg().ok_or_else(overflow)?),
        Value::Int4(number) => Value::Int4(number.checked_neg().ok_or_else(overflow)?),
        Value::Int8(number) => Value::Int8(number.checked_neg().ok_or_else(overflow)?),
        Value::Float4(number) => Value::Float4(-number),
        Value::Float8(number) => Value::Float8(-number),
        Value::Numeric(number) => Value::Numeric(number.negate()),
        _ => return Ok(None),
    }))
}

fn absolute(value: &Value, result: DataType) -> Result<Option<Value>> {
    match value {
        Value::Float4(number) => Ok(Some(Value::Float4(number.abs()))),
        Value::Float8(number) => Ok(Some(Value::Float8(number.abs()))),
        Value::Numeric(number) => Ok(Some(Value::Numeric(number.absolute()))),
        Value::Int2(_) | Value::Int4(_) | Value::Int8(_) => match value.as_integer() {
            Some(number) if number < 0 => negate(value, result),
            _ => Ok(Some(value.clone())),
        },
        _ => Ok(None),
    }
}

fn bits(function: F, left: &Value, right: &Value) -> Result<Option<Value>> {
    macro_rules! shift {
        ($number:expr, $distance:expr, $variant:ident) => {{
            // As the processor does it: the distance counts modulo the width.
            let distance = *$distance as u32;
            Value::$variant(match function {
                F::ShiftLeft => $number.wrapping_shl(distance),
                _ => $number.wrapping_shr(distance),
            })
        }};
    }
    macro_rules! logic {
        ($a:expr, $b:expr, $variant:ident) => {
            Value::$variant(match function {
                F::BitAnd => $a & $b,
                F::BitOr => $a | $b,
                _ => $a ^ $b,
            })
        };
    }
    let shifts = matches!(function, F::ShiftLeft | F::ShiftRight);
    Ok(Some(match (left, right) {
        // PostgreSQL computes shifts of smallint in 32 bits and cuts the result.
        (Value::Int2(number), Value::Int4(distance)) if shifts => {
            let wide = i32::from(*number);
            let distance = *distance as u32;
            let shifted =
                if function == F::ShiftLeft { wide.wrapping_shl(distance) } else { wide.wrapping_shr(distance) };
            Value::Int2(shifted as i16)
        }
        (Value::Int4(number), Value::Int4(distance)) if shifts => shift!(number, distance, Int4),
        (Value::Int8(number), Value::Int4(distance)) if shifts => shift!(number, distance, Int8),
        (Value::Int2(a), Value::Int2(b)) => logic!(a, b, Int2),
        (Value::Int4(a), Value::Int4(b)) => logic!(a, b, Int4),
        (Value::Int8(a), Value::Int8(b)) => logic!(a, b, Int8),
        _ => return Ok(None),
    }))
}

/// A finite numeric's integer part in 64 bits, for counts and scales.
pub(crate) fn small_whole(number: &Numeric) -> Result<i64> {
    number.to_i64_rounded().ok_or_else(|| Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range"))
}
