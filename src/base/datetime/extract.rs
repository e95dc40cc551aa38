//! `extract` and `date_part`: one field of a date, time or interval.

use super::calendar::{
    Date, EPOCH_JULIAN, Fields, TimeOfDay, date_from_days, day_of_week, day_of_year, days_from_date, iso_day_of_week,
    iso_year_and_week,
};
use super::keywords::{IntervalWord, Unit, interval_word};
use super::zone::Zone;
use super::{
    DATE_INFINITY, DATE_NEGATIVE_INFINITY, MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND,
    TIMESTAMP_INFINITY, TIMESTAMP_NEGATIVE_INFINITY, UNIX_EPOCH_MICROS, timestamp_is_infinite,
};
use crate::base::numeric::Numeric;
use crate::base::sqlstate::SqlState;
use crate::base::types::TypeKind;
use crate::base::value::{Interval, Value};
use crate::error::{Error, Result};
use num_bigint::BigInt;

/// What may be extracted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Unit(Unit),
    DayOfWeek,
    IsoDayOfWeek,
    DayOfYear,
    IsoYear,
    Julian,
    Epoch,
    Zone,
    ZoneHour,
    ZoneMinute,
}

fn field(name: &str) -> Option<Field> {
    Some(match name {
        "dow" => Field::DayOfWeek,
        "isodow" => Field::IsoDayOfWeek,
        "doy" => Field::DayOfYear,
        "isoyear" => Field::IsoYear,
        "j" | "jd" | "julian" => Field::Julian,
        "epoch" => Field::Epoch,
        "timezone" => Field::Zone,
        "timezone_h" | "timezone_hour" => Field::ZoneHour,
        "timezone_m" | "timezone_minute" => Field::ZoneMinute,
        _ => match interval_word(name)? {
            IntervalWord::Unit(unit) => Field::Unit(unit),
            _ => return None,
        },
    })
}

pub(super) fn not_recognized(name: &str, kind: TypeKind) -> Error {
    let shown = crate::base::text::shorten(name);
    let message = format!("unit \"{shown}\" not recognized for type {}", kind.shown());
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

pub(super) fn not_supported(name: &str, kind: TypeKind) -> Error {
    let message = format!("unit \"{name}\" not supported for type {}", kind.shown());
    Error::new(SqlState::FEATURE_NOT_SUPPORTED, message)
}

/// `extract(name from value)`. `None` (NULL) for a field that an infinite timestamp does not have. The zone is the
/// session's, for `timestamptz`.
pub fn extract(name: &str, value: &Value, zone: &Zone) -> Result<Option<Numeric>> {
    let lower = name.to_ascii_lowercase();
    let kind = match value {
        Value::Date(_) => TypeKind::Date,
        Value::Time(_) => TypeKind::Time,
        Value::Timetz(..) => TypeKind::Timetz,
        Value::Timestamp(_) => TypeKind::Timestamp,
        Value::Timestamptz(_) => TypeKind::Timestamptz,
        Value::Interval(_) => TypeKind::Interval,
        Value::Null => return Ok(None),
        other => return Err(Error::internal(format!("extract from {other:?}"))),
    };
    let field = field(&lower).ok_or_else(|| not_recognized(&lower, kind))?;
    if let Some(sign) = infinite(value) {
        return from_infinity(field, sign, kind, &lower);
    }
    let found = match value {
        Value::Date(days) => from_date(field, *days),
        Value::Time(micros) => from_time(field, *micros),
        Value::Timetz(micros, west) => zone_field(field, -*west).or_else(|| match field {
            Field::Epoch => Some(scaled(micros + i64::from(*west) * MICROS_PER_SECOND, 6)),
            _ => from_time(field, *micros),
        }),
        Value::Timestamp(micros) => from_timestamp(field, *micros),
        Value::Timestamptz(micros) => {
            let east = zone.offset_at(*micros);
            let local = micros.saturating_add(i64::from(east) * MICROS_PER_SECOND);
            zone_field(field, east).or_else(|| match field {
                Field::Epoch => from_timestamp(field, *micros),
                _ => from_timestamp(field, local),
            })
        }
        Value::Interval(interval) => from_interval(field, interval),
        _ => None,
    };
    found.map(Some).ok_or_else(|| not_supported(&lower, kind))
}

fn whole(number: impl Into<i64>) -> Numeric {
    Numeric::from(number.into())
}

fn scaled(number: i64, scale: i64) -> Numeric {
    Numeric::new(BigInt::from(number), scale)
}

fn infinite(value: &Value) -> Option<i32> {
    match value {
        Value::Date(DATE_INFINITY) => Some(1),
        Value::Date(DATE_NEGATIVE_INFINITY) => Some(-1),
        Value::Timestamp(TIMESTAMP_INFINITY) | Value::Timestamptz(TIMESTAMP_INFINITY) => Some(1),
        Value::Timestamp(TIMESTAMP_NEGATIVE_INFINITY) | Value::Timestamptz(TIMESTAMP_NEGATIVE_INFINITY) => Some(-1),
        _ => None,
    }
}

/// What only grows is infinite, what goes around is unknown.
fn from_infinity(field: Field, sign: i32, kind: TypeKind, name: &str) -> Result<Option<Numeric>> {
    let grows = matches!(
        field,
        Field::Unit(Unit::Year | Unit::Decade | Unit::Century | Unit::Millennium)
            | Field::Julian
            | Field::IsoYear
            | Field::Epoch
    );
    let sub_day =
        matches!(field, Field::Unit(Unit::Microsecond | Unit::Millisecond | Unit::Second | Unit::Minute | Unit::Hour));
    let zoned = matches!(field, Field::Zone | Field::ZoneHour | Field::ZoneMinute);
    if kind == TypeKind::Date && (sub_day || zoned) {
        return Err(not_supported(name, kind));
    }
    Ok(grows.then_some(if sign > 0 { Numeric::Infinity } else { Numeric::NegativeInfinity }))
}

fn zone_field(field: Field, seconds_east: i32) -> Option<Numeric> {
    Some(whole(match field {
        Field::Zone => seconds_east,
        Field::ZoneHour => seconds_east / 3600,
        Field::ZoneMinute => seconds_east / 60 % 60,
        _ => return None,
    }))
}

/// A year as people count it: there is no year 0.
fn shown_year(year: i32) -> i32 {
    if year > 0 { year } else { year - 1 }
}

fn from_calendar(field: Field, days: i32) -> Option<Numeric> {
    let Date { year, month, day } = date_from_days(days);
    let group = |size: i32| if year > 0 { (year + size - 1) / size } else { -((size - 1 - (year - 1)) / size) };
    Some(whole(match field {
        Field::Unit(Unit::Day) => day,
        Field::Unit(Unit::Month) => month,
        Field::Unit(Unit::Quarter) => (month - 1) / 3 + 1,
        Field::Unit(Unit::Week) => iso_year_and_week(days).1,
        Field::Unit(Unit::Year) => shown_year(year),
        Field::Unit(Unit::Decade) => year.div_euclid(10),
        Field::Unit(Unit::Century) => group(100),
        Field::Unit(Unit::Millennium) => group(1000),
        Field::DayOfWeek => day_of_week(days),
        Field::IsoDayOfWeek => iso_day_of_week(days),
        Field::DayOfYear => day_of_year(days),
        Field::IsoYear => shown_year(iso_year_and_week(days).0),
        _ => return None,
    }))
}

fn from_date(field: Field, days: i32) -> Option<Numeric> {
    match field {
        Field::Julian => Some(whole(i64::from(days) + i64::from(EPOCH_JULIAN))),
        Field::Epoch => Some(whole((i64::from(days) + i64::from(super::calendar::UNIX_EPOCH_DAYS)) * 86_400)),
        _ => from_calendar(field, days),
    }
}

fn from_time(field: Field, micros: i64) -> Option<Numeric> {
    let within_minute = micros % MICROS_PER_MINUTE;
    Some(match field {
        Field::Unit(Unit::Microsecond) => whole(within_minute),
        Field::Unit(Unit::Millisecond) => scaled(within_minute, 3),
        Field::Unit(Unit::Second) => scaled(within_minute, 6),
        Field::Unit(Unit::Minute) => whole(micros % MICROS_PER_HOUR / MICROS_PER_MINUTE),
        Field::Unit(Unit::Hour) => whole(micros / MICROS_PER_HOUR),
        Field::Epoch => scaled(micros, 6),
        _ => return None,
    })
}

fn from_timestamp(field: Field, micros: i64) -> Option<Numeric> {
    let days = micros.div_euclid(MICROS_PER_DAY) as i32;
    let time = micros.rem_euclid(MICROS_PER_DAY);
    match field {
        Field::Epoch => {
            let digits = BigInt::from(micros) + BigInt::from(UNIX_EPOCH_MICROS);
            Some(Numeric::new(digits, 6))
        }
        Field::Julian => {
            let part = whole(time).divide(&whole(MICROS_PER_DAY)).ok()?;
            whole(i64::from(days) + i64::from(EPOCH_JULIAN)).add(&part).ok()
        }
        _ => from_calendar(field, days).or_else(|| from_time(field, time)),
    }
}

fn from_interval(field: Field, interval: &Interval) -> Option<Numeric> {
    let (years, months) = (interval.months / 12, interval.months % 12);
    Some(match field {
        Field::Unit(Unit::Day) => whole(interval.days),
        Field::Unit(Unit::Month) => whole(months),
        Field::Unit(Unit::Quarter) => whole(months / 3 + 1),
        Field::Unit(Unit::Year) => whole(years),
        Field::Unit(Unit::Decade) => whole(years / 10),
        Field::Unit(Unit::Century) => whole(years / 100),
        Field::Unit(Unit::Millennium) => whole(years / 1000),
        Field::Epoch => {
            // Years of 365.25 days.
            let days = i64::from(years) * 1461 * 6 * 3600 + i64::from(months) * 30 * 86_400;
            let seconds = days + i64::from(interval.days) * 86_400;
            let digits = BigInt::from(seconds) * MICROS_PER_SECOND + interval.micros;
            Numeric::new(digits, 6)
        }
        _ => return from_time(field, interval.micros),
    })
}

/// Seconds since 1970 as a timestamp: `to_timestamp(double precision)`.
pub fn timestamptz_from_epoch(seconds: f64) -> Result<i64> {
    if seconds.is_nan() {
        return Err(Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "timestamp cannot be NaN"));
    }
    if seconds.is_infinite() {
        return Ok(if seconds > 0.0 { TIMESTAMP_INFINITY } else { TIMESTAMP_NEGATIVE_INFINITY });
    }
    let out_of_range = || {
        let mut shown = Vec::new();
        crate::base::text::write_float_8(seconds, 0, &mut shown);
        let message = format!("timestamp out of range: \"{}\"", String::from_utf8_lossy(&shown));
        Error::new(SqlState::DATETIME_FIELD_OVERFLOW, message)
    };
    let micros = (seconds * MICROS_PER_SECOND as f64).round_ties_even();
    if micros.abs() >= 9.3e18 {
        return Err(out_of_range());
    }
    let shifted = i64::try_from(micros as i128 - i128::from(UNIX_EPOCH_MICROS)).ok();
    super::range::check_timestamp(shifted).map_err(|_| out_of_range())
}

/// Whether a moment is finite, for `isfinite`.
pub fn is_finite(value: &Value) -> bool {
    infinite(value).is_none()
}

/// The moment's fields, for whoever formats them; `None` for the infinities.
pub(super) fn fields(micros: i64) -> Option<Fields> {
    (!timestamp_is_infinite(micros)).then(|| Fields::from_micros(micros))
}

/// Days of a date given as fields.
pub(super) fn days_of(fields: &Fields) -> i32 {
    days_from_date(fields.date) as i32
}

/// The same moment at the start of a unit of its time.
pub(super) fn cut_time(time: TimeOfDay, unit: Unit) -> Option<TimeOfDay> {
    Some(match unit {
        Unit::Microsecond => time,
        Unit::Millisecond => TimeOfDay { micros: time.micros / 1000 * 1000, ..time },
        Unit::Second => TimeOfDay { micros: 0, ..time },
        Unit::Minute => TimeOfDay { second: 0, micros: 0, ..time },
        Unit::Hour => TimeOfDay { minute: 0, second: 0, micros: 0, ..time },
        _ => return None,
    })
}
