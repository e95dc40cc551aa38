//! Text to dates, times and timestamps.

use super::calendar::{Fields, TimeOfDay, days_from_date};
use super::decode::{Decoded, Surroundings, decode};
use super::range::{check_date, check_timestamp};
use super::token::split;
use super::zone::Zone;
use super::{
    DATE_INFINITY, DATE_NEGATIVE_INFINITY, MICROS_PER_SECOND, TIMESTAMP_INFINITY, TIMESTAMP_NEGATIVE_INFINITY,
    UNIX_EPOCH_MICROS,
};
use crate::base::sqlstate::SqlState;
use crate::base::text::{Style, shorten};
use crate::base::types::{DataType, TypeKind};
use crate::base::value::Value;
use crate::error::{Error, Result};

/// In which order the numbers of an ambiguous date stand: the second part of `DateStyle`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DateOrder {
    #[default]
    MonthDayYear,
    DayMonthYear,
    YearMonthDay,
}

/// Why text is no date, time or interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    Syntax,
    FieldOverflow,
    /// A month or day out of range: another order of the numbers may have been meant.
    MonthOrDayOverflow,
    IntervalOverflow,
    /// Its fields are fine, but together too large.
    IntervalOutOfRange,
    ZoneOverflow,
    UnknownZone(String),
}

impl Problem {
    /// PostgreSQL's error for it.
    pub(super) fn error(self, text: &str, type_name: &str) -> Error {
        let text = shorten(text);
        match self {
            Problem::Syntax => Error::new(
                SqlState::INVALID_DATETIME_FORMAT,
                format!("invalid input syntax for type {type_name}: \"{text}\""),
            ),
            Problem::FieldOverflow => field_overflow(text),
            Problem::MonthOrDayOverflow => {
                field_overflow(text).with_hint("Perhaps you need a different \"datestyle\" setting.")
            }
            Problem::IntervalOverflow => {
                Error::new(SqlState::INTERVAL_FIELD_OVERFLOW, format!("interval field value out of range: \"{text}\""))
            }
            Problem::IntervalOutOfRange => super::range::interval_out_of_range(),
            Problem::ZoneOverflow => Error::new(
                SqlState::INVALID_TIME_ZONE_DISPLACEMENT_VALUE,
                format!("time zone displacement out of range: \"{text}\""),
            ),
            Problem::UnknownZone(zone) => Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("time zone \"{}\" not recognized", shorten(&zone)),
            ),
        }
    }
}

fn field_overflow(text: &str) -> Error {
    Error::new(SqlState::DATETIME_FIELD_OVERFLOW, format!("date/time field value out of range: \"{text}\""))
}

/// Reads a value of one of the types of day and time (not interval), rounded to the type's modifier.
pub fn parse(text: &str, data_type: DataType, style: &Style) -> Result<Value> {
    let (name, time_only) = match data_type.kind {
        TypeKind::Date => ("date", false),
        TypeKind::Time => ("time", true),
        TypeKind::Timetz => ("time with time zone", true),
        TypeKind::Timestamp => ("timestamp", false),
        _ => ("timestamp with time zone", false),
    };
    let surroundings =
        Surroundings { order: style.date_order, zone: style.zone, now_micros: style.now_micros, time_only };
    let tokens = split(text).filter(|tokens| !tokens.is_empty()).ok_or(Problem::Syntax);
    let decoded = tokens.and_then(|tokens| decode(&tokens, surroundings)).map_err(|found| found.error(text, name))?;
    let value = build(decoded, data_type.kind, text)?;
    match data_type.fraction_digits() {
        Some(digits) => super::round_fraction(value, digits),
        None => Ok(value),
    }
}

fn build(decoded: Decoded, kind: TypeKind, text: &str) -> Result<Value> {
    let ends = |date: i32, micros: i64| match kind {
        TypeKind::Date => Value::Date(date),
        TypeKind::Timestamp => Value::Timestamp(micros),
        _ => Value::Timestamptz(micros),
    };
    let (date, time, seconds_east) = match decoded {
        Decoded::Infinity => return Ok(ends(DATE_INFINITY, TIMESTAMP_INFINITY)),
        Decoded::NegativeInfinity => return Ok(ends(DATE_NEGATIVE_INFINITY, TIMESTAMP_NEGATIVE_INFINITY)),
        Decoded::Epoch => return Ok(ends(-super::calendar::UNIX_EPOCH_DAYS, -UNIX_EPOCH_MICROS)),
        Decoded::Moment { date, time, seconds_east } => (date, time, seconds_east),
    };
    let out_of_range = |what: &str| {
        let message = format!("{what} out of range: \"{}\"", shorten(text));
        Error::new(SqlState::DATETIME_FIELD_OVERFLOW, message)
    };
    match kind {
        TypeKind::Date => check_date(days_from_date(date)).map(Value::Date).map_err(|_| out_of_range("date")),
        TypeKind::Time => Ok(Value::Time(time.to_micros())),
        TypeKind::Timetz => Ok(Value::Timetz(time.to_micros(), -seconds_east)),
        TypeKind::Timestamp => {
            let micros = check_timestamp(Fields { date, time }.to_micros());
            micros.map(Value::Timestamp).map_err(|_| out_of_range("timestamp"))
        }
        _ => {
            let local = Fields { date, time }.to_micros();
            let micros = local.and_then(|local| local.checked_sub(i64::from(seconds_east) * MICROS_PER_SECOND));
            check_timestamp(micros).map(Value::Timestamptz).map_err(|_| out_of_range("timestamp"))
        }
    }
}

/// `make_date`: a negative year is before Christ.
pub fn make_date(year: i32, month: i32, day: i32) -> Result<i32> {
    let shown = || {
        let message = format!("date field value out of range: {year}-{month:02}-{day:02}");
        Error::new(SqlState::DATETIME_FIELD_OVERFLOW, message)
    };
    let astronomical = if year < 0 { year.saturating_add(1) } else { year };
    let valid = year != 0
        && (1..=12).contains(&month)
        && day >= 1
        && day <= super::calendar::days_in_month(astronomical, month);
    if !valid {
        return Err(shown());
    }
    let date = super::calendar::Date { year: astronomical, month, day };
    check_date(days_from_date(date)).map_err(|_| {
        let message = format!("date out of range: {year}-{month:02}-{day:02}");
        Error::new(SqlState::DATETIME_FIELD_OVERFLOW, message)
    })
}

/// `make_time`: microseconds since midnight.
pub fn make_time(hour: i32, minute: i32, second: f64) -> Result<i64> {
    let micros = (second * MICROS_PER_SECOND as f64).round_ties_even();
    let valid = (0..=24).contains(&hour) && (0..=59).contains(&minute) && (0.0..=60e6).contains(&micros);
    let whole = TimeOfDay { hour, minute, second: 0, micros: 0 };
    let total = if valid { whole.to_micros() + micros as i64 } else { i64::MAX };
    if total > super::MICROS_PER_DAY {
        let message = format!("time field value out of range: {hour}:{minute:02}:{second:02}");
        return Err(Error::new(SqlState::DATETIME_FIELD_OVERFLOW, message));
    }
    Ok(total)
}

/// `make_timestamp`.
pub fn make_timestamp(date: (i32, i32, i32), hour: i32, minute: i32, second: f64) -> Result<i64> {
    let days = make_date(date.0, date.1, date.2)?;
    let time = make_time(hour, minute, second)?;
    let micros = i64::from(days).checked_mul(super::MICROS_PER_DAY).and_then(|midnight| midnight.checked_add(time));
    check_timestamp(micros)
}

/// A zone as functions take it (`AT TIME ZONE`, `make_timestamptz`): a name, an abbreviation, or an offset, which has
/// the sign of POSIX: positive is west.
pub fn zone_argument(text: &str) -> Result<Zone> {
    Zone::parse(text)
}
