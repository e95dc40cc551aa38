//! Mathematical functions.

use super::{
    Call,
    arithmetic::{float, narrow, small_whole},
    integer,
};
use crate::{
    base::{
        numeric::{Numeric, arithmetic::factorial},
        sqlstate::SqlState,
        types::{DataType, TypeKind},
        value::Value,
    },
    error::{Error, Result},
    sql::expr::{
        evaluate::{compare_values, float_overflow, float_underflow, out_of_range},
        function::Function as F,
        kinds::{COMPATIBLE, FLOAT4, FLOAT8, INT2, INT4, INT8, NUMERIC},
        resolve::{Signature, signature},
    },
};

/// Functions of this file.
pub const SIGNATURES: &[Signature<F>] = &[
    signature("abs", F::Absolute, &[INT2], INT2),
    signature("abs", F::Absolute, &[INT4], INT4),
    signature("abs", F::Absolute, &[INT8], INT8),
    signature("abs", F::Absolute, &[FLOAT4], FLOAT4),
    signature("abs", F::Absolute, &[FLOAT8], FLOAT8),
    signature("abs", F::Absolute, &[NUMERIC], NUMERIC),
    signature("ceil", F::Ceiling, &[FLOAT8], FLOAT8),
    signature("ceil", F::Ceiling, &[NUMERIC], NUMERIC),
    signature("ceiling", F::Ceiling, &[FLOAT8], FLOAT8),
    signature("ceiling", F::Ceiling, &[NUMERIC], NUMERIC),
    signature("floor", F::Floor, &[FLOAT8], FLOAT8),
    signature("floor", F::Floor, &[NUMERIC], NUMERIC),
    signature("round", F::Round, &[FLOAT8], FLOAT8),
    signature("round", F::Round, &[NUMERIC], NUMERIC),
    signature("round", F::Round, &[NUMERIC, INT4], NUMERIC),
    signature("trunc", F::Truncate, &[FLOAT8], FLOAT8),
    signature("trunc", F::Truncate, &[NUMERIC], NUMERIC),
    signature("trunc", F::Truncate, &[NUMERIC, INT4], NUMERIC),
    signature("mod", F::Modulo, &[INT2, INT2], INT2),
    signature("mod", F::Modulo, &[INT4, INT4], INT4),
    signature("mod", F::Modulo, &[INT8, INT8], INT8),
    signature("mod", F::Modulo, &[NUMERIC, NUMERIC], NUMERIC),
    signature("div", F::IntegerDivide, &[NUMERIC, NUMERIC], NUMERIC),
    signature("power", F::Power, &[FLOAT8, FLOAT8], FLOAT8),
    signature("power", F::Power, &[NUMERIC, NUMERIC], NUMERIC),
    signature("pow", F::Power, &[FLOAT8, FLOAT8], FLOAT8),
    signature("pow", F::Power, &[NUMERIC, NUMERIC], NUMERIC),
    signature("sqrt", F::SquareRoot, &[FLOAT8], FLOAT8),
    signature("sqrt", F::SquareRoot, &[NUMERIC], NUMERIC),
    signature("cbrt", F::CubeRoot, &[FLOAT8], FLOAT8),
    signature("exp", F::Exponential, &[FLOAT8], FLOAT8),
    signature("exp", F::Exponential, &[NUMERIC], NUMERIC),
    signature("ln", F::NaturalLogarithm, &[FLOAT8], FLOAT8),
    signature("ln", F::NaturalLogarithm, &[NUMERIC], NUMERIC),
    signature("log", F::Logarithm, &[FLOAT8], FLOAT8),
    signature("log", F::Logarithm, &[NUMERIC], NUMERIC),
    signature("log", F::Logarithm, &[NUMERIC, NUMERIC], NUMERIC),
    signature("log10", F::Logarithm, &[FLOAT8], FLOAT8),
    signature("log10", F::Logarithm, &[NUMERIC], NUMERIC),
    signature("sign", F::Sign, &[FLOAT8], FLOAT8),
    signature("sign", F::Sign, &[NUMERIC], NUMERIC),
    signature("pi", F::Pi, &[], FLOAT8),
    signature("degrees", F::Degrees, &[FLOAT8], FLOAT8),
    signature("radians", F::Radians, &[FLOAT8], FLOAT8),
    signature("sin", F::Sine, &[FLOAT8], FLOAT8),
    signature("cos", F::Cosine, &[FLOAT8], FLOAT8),
    signature("tan", F::Tangent, &[FLOAT8], FLOAT8),
    signature("cot", F::Cotangent, &[FLOAT8], FLOAT8),
    signature("asin", F::ArcSine, &[FLOAT8], FLOAT8),
    signature("acos", F::ArcCosine, &[FLOAT8], FLOAT8),
    signature("atan", F::ArcTangent, &[FLOAT8], FLOAT8),
    signature("atan2", F::ArcTangent2, &[FLOAT8, FLOAT8], FLOAT8),
    signature("sinh", F::HyperbolicSine, &[FLOAT8], FLOAT8),
    signature("cosh", F::HyperbolicCosine, &[FLOAT8], FLOAT8),
    signature("tanh", F::HyperbolicTangent, &[FLOAT8], FLOAT8),
    signature("asinh", F::HyperbolicArcSine, &[FLOAT8], FLOAT8),
    signature("acosh", F::HyperbolicArcCosine, &[FLOAT8], FLOAT8),
    signature("atanh", F::HyperbolicArcTangent, &[FLOAT8], FLOAT8),
    signature("random", F::Random, &[], FLOAT8).volatile(),
    signature("gcd", F::GreatestCommonDivisor, &[INT4, INT4], INT4),
    signature("gcd", F::GreatestCommonDivisor, &[INT8, INT8], INT8),
    signature("gcd", F::GreatestCommonDivisor, &[NUMERIC, NUMERIC], NUMERIC),
    signature("lcm", F::LeastCommonMultiple, &[INT4, INT4], INT4),
    signature("lcm", F::LeastCommonMultiple, &[INT8, INT8], INT8),
    signature("lcm", F::LeastCommonMultiple, &[NUMERIC, NUMERIC], NUMERIC),
    signature("factorial", F::Factorial, &[INT8], NUMERIC),
    signature("width_bucket", F::WidthBucket, &[FLOAT8, FLOAT8, FLOAT8, INT4], INT4),
    signature("width_bucket", F::WidthBucket, &[NUMERIC, NUMERIC, NUMERIC, INT4], INT4),
    signature("scale", F::Scale, &[NUMERIC], INT4),
    signature("min_scale", F::MinimalScale, &[NUMERIC], INT4),
    signature("trim_scale", F::TrimScale, &[NUMERIC], NUMERIC),
    signature("greatest", F::Greatest, &[COMPATIBLE], COMPATIBLE).variadic().nullable(),
    signature("least", F::Least, &[COMPATIBLE], COMPATIBLE).variadic().nullable(),
];

/// Computes a function of this file.
pub(crate) fn call(call: &Call<'_>, arguments: &[Value]) -> Result<Option<Value>> {
    let value = match (call.function, arguments) {
        (F::Pi, _) => Value::Float8(std::f64::consts::PI),
        (F::Random, _) => Value::Float8((call.context.draw() as u64 >> 11) as f64 / (1_u64 << 53) as f64),
        (F::Factorial, _) => Value::Numeric(factorial(integer(arguments, 0)?)?),
        (F::Greatest | F::Least, _) => extreme(call, arguments),
        (F::WidthBucket, _) => width_bucket(arguments)?,
        (F::GreatestCommonDivisor | F::LeastCommonMultiple, [left, right]) => divisor(call, left, right)?,
        (_, [Value::Numeric(number), rest @ ..]) => match on_numeric(call.function, number, rest)? {
            Some(value) => value,
            None => return Ok(None),
        },
        (_, [Value::Float8(number), rest @ ..]) => match on_float(call.function, *number, rest)? {
            Some(value) => value,
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    Ok(Some(value))
}

fn on_numeric(function: F, number: &Numeric, rest: &[Value]) -> Result<Option<Value>> {
    let second = match rest.first() {
        Some(Value::Numeric(second)) => Some(second),
        _ => None,
    };
    // Far beyond the format nothing changes any more.
    let scale = rest.first().and_then(Value::as_integer).unwrap_or(0).clamp(-200_000, 20_000);
    let result = match (function, second) {
        (F::Ceiling, None) => number.ceiling()?,
        (F::Floor, None) => number.floor()?,
        (F::Round, None) => number.round(scale)?,
        (F::Truncate, None) => number.truncate(scale)?,
        (F::IntegerDivide, Some(other)) => number.divide_whole(other)?,
        (F::Power, Some(exponent)) => number.power(exponent)?,
        (F::SquareRoot, None) => number.square_root()?,
        (F::Exponential, None) => number.exponential()?,
        (F::NaturalLogarithm, None) => number.natural_logarithm()?,
        (F::Logarithm, None) => number.logarithm(&Numeric::from(10))?,
        (F::Logarithm, Some(argument)) => argument.logarithm(number)?,
        (F::Sign, None) if number.is_nan() => Numeric::NaN,
        (F::Sign, None) => Numeric::from(i64::from(number.sign())),
        (F::TrimScale, None) => number.trim_scale(),
        (F::Scale, None) => return Ok(Some(finite_or_null(number, number.scale()))),
        (F::MinimalScale, None) => return Ok(Some(finite_or_null(number, number.minimum_scale()))),
        _ => return Ok(None),
    };
    Ok(Some(Value::Numeric(result)))
}

fn finite_or_null(number: &Numeric, scale: i64) -> Value {
    if number.is_nan() || number.is_infinite() { Value::Null } else { Value::Int4(scale as i32) }
}

fn on_float(function: F, x: f64, rest: &[Value]) -> Result<Option<Value>> {
    let second = match rest.first() {
        Some(Value::Float8(second)) => *second,
        _ => 0.0,
    };
    let result = match function {
        F::Ceiling => x.ceil(),
        F::Floor => x.floor(),
        F::Round => x.round_ties_even(),
        F::Truncate => x.trunc(),
        F::Sign if x.is_nan() => x,
        F::Sign => f64::from(i8::from(x > 0.0) - i8::from(x < 0.0)),
        F::Degrees => checked(x.to_degrees(), x)?,
        F::Radians => x.to_radians(),
        F::Power => power(x, second)?,
        F::SquareRoot if x < 0.0 => {
            let message = "cannot take square root of a negative number";
            return Err(Error::new(SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION, message));
        }
        F::SquareRoot => x.sqrt(),
        F::CubeRoot => x.cbrt(),
        F::Exponential => exponential(x)?,
        F::NaturalLogarithm => logarithm(x)?.ln(),
        F::Logarithm => logarithm(x)?.log10(),
        F::ArcTangent2 => x.atan2(second),
        _ => match trigonometric(function, x)? {
            Some(result) => result,
            None => return Ok(None),
        },
    };
    Ok(Some(Value::Float8(result)))
}

/// `None` for any other function.
fn trigonometric(function: F, x: f64) -> Result<Option<f64>> {
    let periodic = matches!(function, F::Sine | F::Cosine | F::Tangent | F::Cotangent);
    let bounded = matches!(function, F::ArcSine | F::ArcCosine | F::HyperbolicArcTangent);
    let outside = (periodic && x.is_infinite())
        || (bounded && !(-1.0..=1.0).contains(&x) && !x.is_nan())
        || (function == F::HyperbolicArcCosine && x < 1.0);
    if outside {
        return Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "input is out of range"));
    }
    Ok(Some(match function {
        F::Sine => x.sin(),
        F::Cosine => x.cos(),
        F::Tangent => x.tan(),
        F::Cotangent => 1.0 / x.tan(),
        F::ArcSine => x.asin(),
        F::ArcCosine => x.acos(),
        F::ArcTangent => x.atan(),
        F::HyperbolicSine => x.sinh(),
        F::HyperbolicCosine => x.cosh(),
        F::HyperbolicTangent => x.tanh(),
        F::HyperbolicArcSine => x.asinh(),
        F::HyperbolicArcCosine => x.acosh(),
        F::HyperbolicArcTangent => x.atanh(),
        _ => return Ok(None),
    }))
}

fn checked(result: f64, input: f64) -> Result<f64> {
    if result.is_infinite() && input.is_finite() { Err(float_overflow()) } else { Ok(result) }
}

fn exponential(x: f64) -> Result<f64> {
    let result = x.exp();
    if result == 0.0 && x.is_finite() {
        return Err(float_underflow());
    }
    checked(result, x)
}

fn logarithm(x: f64) -> Result<f64> {
    let message = match x {
        0.0 => "cannot take logarithm of zero",
        _ if x < 0.0 => "cannot take logarithm of a negative number",
        _ => return Ok(x),
    };
    Err(Error::new(SqlState::INVALID_ARGUMENT_FOR_LOG, message))
}

fn power(x: f64, exponent: f64) -> Result<f64> {
    let refused = |message| Err(Error::new(SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION, message));
    if x == 0.0 && exponent < 0.0 {
        return refused("zero raised to a negative power is undefined");
    }
    if x < 0.0 && exponent.is_finite() && exponent.trunc() != exponent {
        return refused("a negative number raised to a non-integer power yields a complex result");
    }
    let result = x.powf(exponent);
    if result == 0.0 && x.is_finite() && exponent.is_finite() && x != 0.0 {
        return Err(float_underflow());
    }
    if exponent.is_infinite() { Ok(result) } else { checked(result, x) }
}

/// GREATEST and LEAST: NULLs do not take part.
fn extreme(call: &Call<'_>, arguments: &[Value]) -> Value {
    let known = arguments.iter().filter(|value| !value.is_null());
    let padded = call.result.kind == TypeKind::Bpchar;
    let by = |a: &&Value, b: &&Value| compare_values(a, b, padded);
    let found = if call.function == F::Greatest {
        known.reduce(|best, value| if by(&value, &best).is_gt() { value } else { best })
    } else {
        known.reduce(|best, value| if by(&value, &best).is_lt() { value } else { best })
    };
    found.cloned().unwrap_or(Value::Null)
}

fn divisor(call: &Call<'_>, left: &Value, right: &Value) -> Result<Value> {
    let least_multiple = call.function == F::LeastCommonMultiple;
    if let (Value::Numeric(a), Value::Numeric(b)) = (left, right) {
        return Ok(Value::Numeric(match least_multiple {
            true => a.least_common_multiple(b)?,
            false => a.greatest_common_divisor(b),
        }));
    }
    let (a, b) =
        (i128::from(integer(std::slice::from_ref(left), 0)?), i128::from(integer(std::slice::from_ref(right), 0)?));
    let (mut larger, mut smaller) = (a.abs(), b.abs());
    while smaller != 0 {
        (larger, smaller) = (smaller, larger % smaller);
    }
    let result = match (least_multiple, larger) {
        (false, _) => larger,
        (true, 0) => 0,
        (true, _) => (a / larger * b).abs(),
    };
    match i64::try_from(result) {
        Ok(result) => narrow(result, call.result),
        Err(_) => Err(out_of_range(call.result)),
    }
}

fn width_bucket(arguments: &[Value]) -> Result<Value> {
    let invalid = |message: &str| Error::new(SqlState::INVALID_ARGUMENT_FOR_WIDTH_BUCKET, message);
    let count = integer(arguments, 3)?;
    if count <= 0 {
        return Err(invalid("count must be greater than zero"));
    }
    let [operand, low, high, _] = arguments else { return Err(Error::internal("width_bucket wants four arguments")) };
    if low.compare(high).is_eq() {
        return Err(invalid("lower bound cannot equal upper bound"));
    }
    let descending = low.compare(high).is_gt();
    let (before, after) = match descending {
        false => (operand.compare(low).is_lt(), operand.compare(high).is_ge()),
        true => (operand.compare(low).is_gt(), operand.compare(high).is_le()),
    };
    let bucket = match (before, after) {
        (true, _) => 0,
        (_, true) => count + 1,
        _ => match (operand, low, high) {
            (Value::Numeric(operand), Value::Numeric(low), Value::Numeric(high)) => {
                let width = high.subtract(low)?;
                let place = operand.subtract(low)?.multiply(&Numeric::from(count))?;
                small_whole(&place.divide_whole(&width)?)? + 1
            }
            _ => {
                let [Some(operand), Some(low), Some(high)] = [operand, low, high].map(float) else {
                    return Err(Error::internal("width_bucket wants numbers"));
                };
                if ![operand, low, high].iter().all(|bound| bound.is_finite()) {
                    return Err(invalid("operand, lower bound, and upper bound cannot be NaN"));
                }
                ((operand - low) / (high - low) * count as f64) as i64 + 1
            }
        },
    };
    narrow(bucket, DataType::of(TypeKind::Int4))
}
