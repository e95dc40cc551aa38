//! `+ - * /` on dates, times and intervals.

use super::{Call, arithmetic::float};
use crate::{
    base::{
        datetime::{
            MICROS_PER_SECOND,
            arithmetic::{
                date_add_days, date_add_time, date_difference, date_subtract_days, time_add, time_subtract,
                timestamp_add, timestamp_difference, timestamp_subtract, timestamptz_add, timestamptz_subtract,
            },
            range::{check_timestamp, date_to_timestamp},
        },
        value::{Interval, Value},
    },
    error::Result,
    sql::expr::function::Function as F,
};

/// Computes a function of this file.
pub(crate) fn call(call: &Call<'_>, arguments: &[Value]) -> Result<Option<Value>> {
    match (call.function, arguments) {
        (F::Add, [left, right]) => match add(call, left, right)? {
            Some(sum) => Ok(Some(sum)),
            None => add(call, right, left),
        },
        (F::Subtract, [left, right]) => subtract(call, left, right),
        (F::Multiply, [Value::Interval(interval), factor] | [factor, Value::Interval(interval)]) => {
            float(factor).map(|factor| interval.multiply(factor).map(Value::Interval)).transpose()
        }
        (F::Divide, [Value::Interval(interval), divisor]) => {
            float(divisor).map(|divisor| interval.divide(divisor).map(Value::Interval)).transpose()
        }
        (F::Negate, [Value::Interval(interval)]) => interval.checked_negate().map(|done| Some(Value::Interval(done))),
        _ => Ok(None),
    }
}

fn add(call: &Call<'_>, left: &Value, right: &Value) -> Result<Option<Value>> {
    let zone = call.context.zone();
    Ok(Some(match (left, right) {
        (Value::Date(days), Value::Int4(more)) => Value::Date(date_add_days(*days, *more)?),
        (Value::Date(days), Value::Interval(interval)) => {
            Value::Timestamp(timestamp_add(date_to_timestamp(*days)?, interval)?)
        }
        (Value::Date(days), Value::Time(micros)) => Value::Timestamp(date_add_time(*days, *micros)?),
        (Value::Date(days), Value::Timetz(micros, west)) => {
            let utc = date_add_time(*days, *micros)?.checked_add(i64::from(*west) * MICROS_PER_SECOND);
            Value::Timestamptz(check_timestamp(utc)?)
        }
        (Value::Time(micros), Value::Interval(interval)) => Value::Time(time_add(*micros, interval)),
        (Value::Timetz(micros, west), Value::Interval(interval)) => Value::Timetz(time_add(*micros, interval), *west),
        (Value::Timestamp(micros), Value::Interval(interval)) => Value::Timestamp(timestamp_add(*micros, interval)?),
        (Value::Timestamptz(micros), Value::Interval(interval)) => {
            Value::Timestamptz(timestamptz_add(*micros, interval, zone)?)
        }
        (Value::Interval(left), Value::Interval(right)) => Value::Interval(left.checked_add(right)?),
        _ => return Ok(None),
    }))
}

fn subtract(call: &Call<'_>, left: &Value, right: &Value) -> Result<Option<Value>> {
    let zone = call.context.zone();
    Ok(Some(match (left, right) {
        (Value::Date(days), Value::Int4(fewer)) => Value::Date(date_subtract_days(*days, *fewer)?),
        (Value::Date(left), Value::Date(right)) => Value::Int4(date_difference(*left, *right)?),
        (Value::Date(days), Value::Interval(interval)) => {
            Value::Timestamp(timestamp_subtract(date_to_timestamp(*days)?, interval)?)
        }
        (Value::Time(left), Value::Time(right)) => {
            Value::Interval(Interval { months: 0, days: 0, micros: left - right })
        }
        (Value::Time(micros), Value::Interval(interval)) => Value::Time(time_subtract(*micros, interval)),
        (Value::Timetz(micros, west), Value::Interval(interval)) => {
            Value::Timetz(time_subtract(*micros, interval), *west)
        }
        (Value::Timestamp(left), Value::Timestamp(right)) | (Value::Timestamptz(left), Value::Timestamptz(right)) => {
            Value::Interval(timestamp_difference(*left, *right)?)
        }
        (Value::Timestamp(micros), Value::Interval(interval)) => {
            Value::Timestamp(timestamp_subtract(*micros, interval)?)
        }
        (Value::Timestamptz(micros), Value::Interval(interval)) => {
            Value::Timestamptz(timestamptz_subtract(*micros, interval, zone)?)
        }
        (Value::Interval(left), Value::Interval(right)) => Value::Interval(left.checked_subtract(right)?),
        _ => return Ok(None),
    }))
}
