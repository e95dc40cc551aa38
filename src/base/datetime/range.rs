//! What is in range, and conversions that may leave it.

use super::zone::Zone;
use super::{
    DATE_INFINITY, DATE_NEGATIVE_INFINITY, MICROS_PER_DAY, TIMESTAMP_INFINITY, TIMESTAMP_NEGATIVE_INFINITY,
    timestamp_is_infinite,
};
use crate::base::sqlstate::SqlState;
use crate::base::value::{Interval, Value};
use crate::error::{Error, Result};

/// 4714-11-24 BC.
pub const DATE_MIN: i32 = -2_451_545;
/// 5874897-12-31.
pub const DATE_MAX: i32 = 2_145_031_948;
/// 4714-11-24 00:00 BC.
pub const TIMESTAMP_MIN: i64 = -211_813_488_000_000_000;
/// The first microsecond of 294277, which is out of range.
pub const TIMESTAMP_END: i64 = 9_223_371_331_200_000_000;

/// `timestamp out of range` (22008).
pub fn timestamp_out_of_range() -> Error {
    Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "timestamp out of range")
}

/// `date out of range` (22008).
pub fn date_out_of_range() -> Error {
    Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "date out of range")
}

/// `interval out of range` (22008).
pub fn interval_out_of_range() -> Error {
    Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "interval out of range")
}

/// A finite timestamp that is in range.
pub fn check_timestamp(micros: Option<i64>) -> Result<i64> {
    micros.filter(|micros| (TIMESTAMP_MIN..TIMESTAMP_END).contains(micros)).ok_or_else(timestamp_out_of_range)
}

/// A finite date that is in range.
pub fn check_date(days: i64) -> Result<i32> {
    i32::try_from(days).ok().filter(|days| (DATE_MIN..=DATE_MAX).contains(days)).ok_or_else(date_out_of_range)
}

/// Midnight of a day.
pub fn date_to_timestamp(days: i32) -> Result<i64> {
    match days {
        DATE_NEGATIVE_INFINITY => Ok(TIMESTAMP_NEGATIVE_INFINITY),
        DATE_INFINITY => Ok(TIMESTAMP_INFINITY),
        _ => check_timestamp(i64::from(days).checked_mul(MICROS_PER_DAY))
            .map_err(|_| Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "date out of range for timestamp")),
    }
}

/// The day of a timestamp.
pub fn timestamp_to_date(micros: i64) -> i32 {
    match micros {
        TIMESTAMP_NEGATIVE_INFINITY => DATE_NEGATIVE_INFINITY,
        TIMESTAMP_INFINITY => DATE_INFINITY,
        // A timestamp has fewer days than a date can have.
        _ => micros.div_euclid(MICROS_PER_DAY) as i32,
    }
}

/// A local time in a zone as an instant.
pub fn timestamp_to_timestamptz(micros: i64, zone: &Zone) -> Result<i64> {
    if timestamp_is_infinite(micros) {
        return Ok(micros);
    }
    check_timestamp(zone.to_instant(micros))
}

/// An instant as local time in a zone.
pub fn timestamptz_to_timestamp(micros: i64, zone: &Zone) -> Result<i64> {
    if timestamp_is_infinite(micros) {
        return Ok(micros);
    }
    check_timestamp(zone.to_local(micros))
}

/// Rounds the fraction of the second to some digits, as `timestamp(3)` asks.
pub fn round_fraction(value: Value, digits: u32) -> Result<Value> {
    let round = |micros: i64| round_micros(micros, digits);
    Ok(match value {
        Value::Time(micros) => Value::Time(round(micros)),
        Value::Timetz(micros, zone) => Value::Timetz(round(micros), zone),
        Value::Timestamp(micros) if !timestamp_is_infinite(micros) => {
            Value::Timestamp(check_timestamp(Some(round(micros)))?)
        }
        Value::Timestamptz(micros) if !timestamp_is_infinite(micros) => {
            Value::Timestamptz(check_timestamp(Some(round(micros)))?)
        }
        Value::Interval(interval) => Value::Interval(Interval { micros: round(interval.micros), ..interval }),
        other => other,
    })
}

/// Halves away from zero.
fn round_micros(micros: i64, digits: u32) -> i64 {
    let unit = 10_i64.pow(6 - digits.min(6));
    let half = unit / 2;
    let moved = if micros >= 0 { micros.checked_add(half) } else { micros.checked_sub(half) };
    moved.map_or(micros, |moved| moved / unit * unit)
}
