//! Functions on dates, times and intervals.
//!
//! `CURRENT_TIMESTAMP` and its kin are functions here too; the binder gives their precision, if any, as an argument.

use super::{Call, integer, text};
use crate::{
    base::{
        datetime::{
            MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND, Zone, arithmetic, extract, parse,
            pattern, range, truncate,
        },
        numeric,
        sqlstate::SqlState,
        types::{DataType, TypeKind},
        value::{Interval, Value},
    },
    error::{Error, Result},
    sql::expr::{
        convert::{to_numeric, to_text},
        function::Function as F,
        kinds::{
            BOOL, DATE, FLOAT4, FLOAT8, INT4, INT8, INTERVAL, NUMERIC, TEXT, TIME, TIMESTAMP, TIMESTAMPTZ, TIMETZ,
        },
        resolve::{Signature, signature},
    },
};

/// Functions of this file.
pub const SIGNATURES: &[Signature<F>] = &[
    signature("now", F::Now, &[], TIMESTAMPTZ).stable(),
    signature("transaction_timestamp", F::Now, &[], TIMESTAMPTZ).stable(),
    signature("current_timestamp", F::Now, &[INT4], TIMESTAMPTZ).optional(1).stable(),
    signature("statement_timestamp", F::StatementTimestamp, &[], TIMESTAMPTZ).stable(),
    signature("clock_timestamp", F::ClockTimestamp, &[], TIMESTAMPTZ).volatile(),
    signature("timeofday", F::TimeOfDay, &[], TEXT).volatile(),
    signature("current_date", F::CurrentDate, &[], DATE).stable(),
    signature("current_time", F::CurrentTime, &[INT4], TIMETZ).optional(1).stable(),
    signature("localtime", F::LocalTime, &[INT4], TIME).optional(1).stable(),
    signature("localtimestamp", F::LocalTimestamp, &[INT4], TIMESTAMP).optional(1).stable(),
    signature("extract", F::Extract, &[TEXT, DATE], NUMERIC),
    signature("extract", F::Extract, &[TEXT, TIME], NUMERIC),
    signature("extract", F::Extract, &[TEXT, TIMETZ], NUMERIC),
    signature("extract", F::Extract, &[TEXT, TIMESTAMP], NUMERIC),
    signature("extract", F::Extract, &[TEXT, TIMESTAMPTZ], NUMERIC).stable(),
    signature("extract", F::Extract, &[TEXT, INTERVAL], NUMERIC),
    signature("date_part", F::DatePart, &[TEXT, DATE], FLOAT8),
    signature("date_part", F::DatePart, &[TEXT, TIME], FLOAT8),
    signature("date_part", F::DatePart, &[TEXT, TIMETZ], FLOAT8),
    signature("date_part", F::DatePart, &[TEXT, TIMESTAMP], FLOAT8),
    signature("date_part", F::DatePart, &[TEXT, TIMESTAMPTZ], FLOAT8).stable(),
    signature("date_part", F::DatePart, &[TEXT, INTERVAL], FLOAT8),
    signature("date_trunc", F::DateTrunc, &[TEXT, TIMESTAMP], TIMESTAMP),
    signature("date_trunc", F::DateTrunc, &[TEXT, TIMESTAMPTZ], TIMESTAMPTZ).stable(),
    signature("date_trunc", F::DateTrunc, &[TEXT, TIMESTAMPTZ, TEXT], TIMESTAMPTZ).stable(),
    signature("date_trunc", F::DateTrunc, &[TEXT, INTERVAL], INTERVAL),
    signature("date_bin", F::DateBin, &[INTERVAL, TIMESTAMP, TIMESTAMP], TIMESTAMP),
    signature("date_bin", F::DateBin, &[INTERVAL, TIMESTAMPTZ, TIMESTAMPTZ], TIMESTAMPTZ),
    signature("age", F::Age, &[TIMESTAMP, TIMESTAMP], INTERVAL),
    signature("age", F::Age, &[TIMESTAMPTZ, TIMESTAMPTZ], INTERVAL).stable(),
    signature("age", F::Age, &[TIMESTAMP], INTERVAL).stable(),
    signature("age", F::Age, &[TIMESTAMPTZ], INTERVAL).stable(),
    signature("make_date", F::MakeDate, &[INT4, INT4, INT4], DATE),
    signature("make_time", F::MakeTime, &[INT4, INT4, FLOAT8], TIME),
    signature("make_timestamp", F::MakeTimestamp, &[INT4, INT4, INT4, INT4, INT4, FLOAT8], TIMESTAMP),
    signature("make_timestamptz", F::MakeTimestamptz, &[INT4, INT4, INT4, INT4, INT4, FLOAT8, TEXT], TIMESTAMPTZ)
        .optional(1)
        .stable(),
    signature("make_interval", F::MakeInterval, &[INT4, INT4, INT4, INT4, INT4, INT4, FLOAT8], INTERVAL).optional(7),
    signature("to_char", F::ToChar, &[TIMESTAMP, TEXT], TEXT).stable(),
    signature("to_char", F::ToChar, &[TIMESTAMPTZ, TEXT], TEXT).stable(),
    signature("to_char", F::ToChar, &[INTERVAL, TEXT], TEXT).stable(),
    signature("to_char", F::ToChar, &[INT4, TEXT], TEXT).stable(),
    signature("to_char", F::ToChar, &[INT8, TEXT], TEXT).stable(),
    signature("to_char", F::ToChar, &[FLOAT4, TEXT], TEXT).stable(),
    signature("to_char", F::ToChar, &[FLOAT8, TEXT], TEXT).stable(),
    signature("to_char", F::ToChar, &[NUMERIC, TEXT], TEXT).stable(),
    signature("to_timestamp", F::ToTimestamp, &[FLOAT8], TIMESTAMPTZ),
    signature("to_timestamp", F::ToTimestamp, &[TEXT, TEXT], TIMESTAMPTZ).stable(),
    signature("to_date", F::ToDate, &[TEXT, TEXT], DATE).stable(),
    signature("to_number", F::ToNumber, &[TEXT, TEXT], NUMERIC).stable(),
    signature("justify_days", F::JustifyDays, &[INTERVAL], INTERVAL),
    signature("justify_hours", F::JustifyHours, &[INTERVAL], INTERVAL),
    signature("justify_interval", F::JustifyInterval, &[INTERVAL], INTERVAL),
    signature("isfinite", F::IsFinite, &[DATE], BOOL),
    signature("isfinite", F::IsFinite, &[TIMESTAMP], BOOL),
    signature("isfinite", F::IsFinite, &[TIMESTAMPTZ], BOOL),
    signature("isfinite", F::IsFinite, &[INTERVAL], BOOL),
    signature("timezone", F::AtTimeZone, &[TEXT, TIMESTAMP], TIMESTAMPTZ),
    signature("timezone", F::AtTimeZone, &[TEXT, TIMESTAMPTZ], TIMESTAMP),
    signature("timezone", F::AtTimeZone, &[TEXT, TIMETZ], TIMETZ).stable(),
    signature("timezone", F::AtTimeZone, &[INTERVAL, TIMESTAMP], TIMESTAMPTZ),
    signature("timezone", F::AtTimeZone, &[INTERVAL, TIMESTAMPTZ], TIMESTAMP),
    signature("timezone", F::AtTimeZone, &[INTERVAL, TIMETZ], TIMETZ),
    signature("overlaps", F::Overlaps, &[TIMESTAMP, TIMESTAMP, TIMESTAMP, TIMESTAMP], BOOL).nullable(),
    signature("overlaps", F::Overlaps, &[TIMESTAMPTZ, TIMESTAMPTZ, TIMESTAMPTZ, TIMESTAMPTZ], BOOL).nullable(),
];

/// Computes a function of this file.
pub(crate) fn call(call: &Call<'_>, arguments: &[Value]) -> Result<Option<Value>> {
    let zone = call.context.zone();
    let value = match (call.function, arguments) {
        (F::Extract, [field, value]) => {
            let field = field.as_text().unwrap_or("");
            extract::extract(field, value, zone)?.map_or(Value::Null, Value::Numeric)
        }
        (F::DatePart, [field, value]) => {
            let field = field.as_text().unwrap_or("");
            extract::extract(field, value, zone)?.map_or(Value::Null, |part| Value::Float8(part.to_f64()))
        }
        (F::DateTrunc, _) => date_trunc(call, arguments)?,
        (F::DateBin, [Value::Interval(stride), Value::Timestamp(micros), Value::Timestamp(origin)]) => {
            Value::Timestamp(arithmetic::bin(stride, *micros, *origin)?)
        }
        (F::DateBin, [Value::Interval(stride), Value::Timestamptz(micros), Value::Timestamptz(origin)]) => {
            Value::Timestamptz(arithmetic::bin(stride, *micros, *origin)?)
        }
        (F::Age, _) => Value::Interval(age(call, arguments)?),
        (F::MakeDate | F::MakeTime | F::MakeTimestamp | F::MakeTimestamptz, _) => make(call, arguments)?,
        (F::MakeInterval, _) => Value::Interval(make_interval(arguments)?),
        (F::ToTimestamp, [Value::Float8(seconds)]) => Value::Timestamptz(extract::timestamptz_from_epoch(*seconds)?),
        (F::JustifyDays, [Value::Interval(interval)]) => Value::Interval(interval.justify_days()?),
        (F::JustifyHours, [Value::Interval(interval)]) => Value::Interval(interval.justify_hours()?),
        (F::JustifyInterval, [Value::Interval(interval)]) => Value::Interval(interval.justify()?),
        (F::IsFinite, [value]) => Value::Bool(extract::is_finite(value)),
        (F::AtTimeZone, [to, value]) => at_time_zone(call, to, value)?,
        (F::Overlaps, [a, b, c, d]) => overlaps([a, b], [c, d]),
        (F::ToTimestamp, [Value::Text(text), Value::Text(format)]) => {
            Value::Timestamptz(pattern::to_timestamp(text, format, zone)?)
        }
        (F::ToDate, [Value::Text(text), Value::Text(format)]) => Value::Date(pattern::to_date(text, format)?),
        (F::ToChar, [value, Value::Text(format)]) => to_char(value, format, zone)?,
        (F::ToNumber, [Value::Text(text), Value::Text(format)]) => {
            Value::Numeric(numeric::pattern::to_number(text, format)?)
        }
        _ => return now(call, arguments),
    };
    Ok(Some(value))
}

/// `to_char`. The infinities of time have no fields and give NULL.
fn to_char(value: &Value, format: &str, zone: &Zone) -> Result<Value> {
    let written = match value {
        Value::Timestamp(micros) => pattern::timestamp_to_char(*micros, format),
        Value::Timestamptz(micros) => pattern::timestamptz_to_char(*micros, zone, format),
        Value::Interval(interval) => pattern::interval_to_char(interval, format)?,
        number => Some(numeric::pattern::to_char(&to_numeric(number)?, format)?),
    };
    Ok(written.map_or(Value::Null, Value::text))
}

/// The functions that tell the time.
fn now(call: &Call<'_>, arguments: &[Value]) -> Result<Option<Value>> {
    let context = call.context;
    let now = context.transaction_timestamp();
    let local = || range::timestamptz_to_timestamp(now, context.zone());
    let value = match call.function {
        F::Now => Value::Timestamptz(now),
        F::StatementTimestamp => Value::Timestamptz(context.statement_timestamp()),
        F::ClockTimestamp => Value::Timestamptz(context.clock_timestamp()),
        F::TimeOfDay => {
            let value = Value::Timestamptz(context.clock_timestamp());
            Value::text(to_text(&value, DataType::of(TypeKind::Timestamptz), context))
        }
        F::CurrentDate => Value::Date(range::timestamp_to_date(local()?)),
        F::CurrentTime => Value::Timetz(local()?.rem_euclid(MICROS_PER_DAY), -context.zone().offset_at(now)),
        F::LocalTime => Value::Time(local()?.rem_euclid(MICROS_PER_DAY)),
        F::LocalTimestamp => Value::Timestamp(local()?),
        _ => return Ok(None),
    };
    let digits = match arguments {
        [] => return Ok(Some(value)),
        _ => integer(arguments, 0)?,
    };
    range::round_fraction(value, digits.clamp(0, 6) as u32).map(Some)
}

fn date_trunc(call: &Call<'_>, arguments: &[Value]) -> Result<Value> {
    let unit = text(arguments, 0)?;
    Ok(match &arguments[1] {
        Value::Timestamp(micros) => Value::Timestamp(truncate::timestamp(unit, *micros)?),
        Value::Timestamptz(micros) => {
            let named = match arguments.get(2) {
                Some(_) => Some(parse::zone_argument(text(arguments, 2)?)?),
                None => None,
            };
            let zone = named.as_ref().unwrap_or(call.context.zone());
            Value::Timestamptz(truncate::timestamptz(unit, *micros, zone)?)
        }
        Value::Interval(interval) => Value::Interval(truncate::interval(unit, interval)?),
        other => return Err(Error::internal(format!("date_trunc of {other:?}"))),
    })
}

/// With one argument, from the midnight that began today.
fn age(call: &Call<'_>, arguments: &[Value]) -> Result<Interval> {
    let zone = call.context.zone();
    let local = |value: &Value| match value {
        Value::Timestamp(micros) => Ok(*micros),
        Value::Timestamptz(micros) => range::timestamptz_to_timestamp(*micros, zone),
        other => Err(Error::internal(format!("age of {other:?}"))),
    };
    match arguments {
        [later, earlier] => arithmetic::age(local(later)?, local(earlier)?),
        _ => {
            let now = range::timestamptz_to_timestamp(call.context.transaction_timestamp(), zone)?;
            arithmetic::age(now - now.rem_euclid(MICROS_PER_DAY), local(&arguments[0])?)
        }
    }
}

/// make_date and its kin; the number of fields is the signature's.
fn make(call: &Call<'_>, arguments: &[Value]) -> Result<Value> {
    let number = |position: usize| integer(arguments, position).map(|number| number as i32);
    let seconds = |position: usize| match arguments.get(position) {
        Some(Value::Float8(seconds)) => Ok(*seconds),
        other => Err(Error::internal(format!("seconds are {other:?}"))),
    };
    if call.function == F::MakeTime {
        return parse::make_time(number(0)?, number(1)?, seconds(2)?).map(Value::Time);
    }
    let date = (number(0)?, number(1)?, number(2)?);
    if call.function == F::MakeDate {
        return parse::make_date(date.0, date.1, date.2).map(Value::Date);
    }
    let local = parse::make_timestamp(date, number(3)?, number(4)?, seconds(5)?)?;
    if call.function == F::MakeTimestamp {
        return Ok(Value::Timestamp(local));
    }
    let zone = match arguments.get(6) {
        Some(_) => parse::zone_argument(text(arguments, 6)?)?,
        None => *call.context.zone(),
    };
    range::timestamp_to_timestamptz(local, &zone).map(Value::Timestamptz)
}

/// years, months, weeks, days, hours, minutes, seconds; 0 for what is left out.
fn make_interval(arguments: &[Value]) -> Result<Interval> {
    let part = |position: usize| arguments.get(position).and_then(Value::as_integer).unwrap_or(0);
    let seconds = match arguments.get(6) {
        Some(Value::Float8(seconds)) => *seconds,
        _ => 0.0,
    };
    let micros = seconds * MICROS_PER_SECOND as f64;
    if !micros.is_finite() || micros.abs() > 9.2e18 {
        return Err(range::interval_out_of_range());
    }
    let time = part(4) * MICROS_PER_HOUR;
    let time =
        time.checked_add(part(5) * MICROS_PER_MINUTE).and_then(|t| t.checked_add(micros.round_ties_even() as i64));
    let fitted = (i32::try_from(part(0) * 12 + part(1)).ok(), i32::try_from(part(2) * 7 + part(3)).ok(), time);
    match fitted {
        (Some(months), Some(days), Some(micros)) => Ok(Interval { months, days, micros }),
        _ => Err(range::interval_out_of_range()),
    }
}

/// `value AT TIME ZONE to`.
fn at_time_zone(call: &Call<'_>, to: &Value, value: &Value) -> Result<Value> {
    let zone = match to {
        Value::Text(name) => parse::zone_argument(name)?,
        Value::Interval(interval) if interval.months == 0 && interval.days == 0 => {
            Zone::fixed((interval.micros / MICROS_PER_SECOND).clamp(-86_400, 86_400) as i32)
        }
        _ => {
            let message = "interval time zone must not include months or days";
            return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
        }
    };
    Ok(match value {
        Value::Timestamp(micros) => Value::Timestamptz(range::timestamp_to_timestamptz(*micros, &zone)?),
        Value::Timestamptz(micros) => Value::Timestamp(range::timestamptz_to_timestamp(*micros, &zone)?),
        Value::Timetz(micros, west) => {
            let east = zone.offset_at(call.context.transaction_timestamp());
            let shifted = micros + i64::from(west + east) * MICROS_PER_SECOND;
            Value::Timetz(shifted.rem_euclid(MICROS_PER_DAY), -east)
        }
        other => return Err(Error::internal(format!("time zone of {other:?}"))),
    })
}

/// Whether two periods overlap: each holds its start and not its end, unless both are the same. NULL ends are unknown.
fn overlaps(first: [&Value; 2], second: [&Value; 2]) -> Value {
    // Brings a period in order; a NULL goes to the end. `None` if both ends are NULL.
    let ordered = |[a, b]: [&'_ Value; 2]| -> Option<(Value, Value)> {
        match (a.is_null(), b.is_null()) {
            (true, true) => None,
            (true, false) => Some((b.clone(), Value::Null)),
            (false, true) => Some((a.clone(), Value::Null)),
            _ if a.compare(b).is_gt() => Some((b.clone(), a.clone())),
            _ => Some((a.clone(), b.clone())),
        }
    };
    let (Some(mut first), Some(mut second)) = (ordered(first), ordered(second)) else { return Value::Null };
    match first.0.compare(&second.0) {
        std::cmp::Ordering::Equal => {
            if first.1.is_null() || second.1.is_null() {
                Value::Null
            } else {
                Value::Bool(true)
            }
        }
        order => {
            if order.is_gt() {
                std::mem::swap(&mut first, &mut second);
            }
            // The later start lies in the earlier period, or not, or nobody knows.
            if first.1.is_null() { Value::Null } else { Value::Bool(second.0.compare(&first.1).is_lt()) }
        }
    }
}
