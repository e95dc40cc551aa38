//! `date_trunc`: the start of the unit that a moment is in.

use super::calendar::{Date, Fields, TimeOfDay, date_from_days, iso_day_of_week};
use super::extract::{cut_time, days_of, fields, not_recognized, not_supported};
use super::keywords::{IntervalWord, Unit, interval_word};
use super::range::{check_timestamp, timestamp_to_timestamptz, timestamptz_to_timestamp};
use super::zone::Zone;
use super::{MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND};
use crate::base::types::TypeKind;
use crate::base::value::Interval;
use crate::error::Result;

fn unit(name: &str, kind: TypeKind) -> Result<Unit> {
    let lower = name.to_ascii_lowercase();
    match interval_word(&lower) {
        Some(IntervalWord::Unit(unit)) => Ok(unit),
        _ => match lower.as_str() {
            "dow" | "doy" | "isodow" | "isoyear" | "epoch" | "julian" | "timezone" => Err(not_supported(&lower, kind)),
            _ => Err(not_recognized(&lower, kind)),
        },
    }
}

/// Of a local timestamp.
pub fn timestamp(name: &str, micros: i64) -> Result<i64> {
    if fields(micros).is_none() {
        return Ok(micros);
    }
    cut(unit(name, TypeKind::Timestamp)?, micros)
}

/// Of an instant, in a zone.
pub fn timestamptz(name: &str, micros: i64, zone: &Zone) -> Result<i64> {
    if fields(micros).is_none() {
        return Ok(micros);
    }
    let unit = unit(name, TypeKind::Timestamptz)?;
    if cut_time(TimeOfDay::default(), unit).is_some() {
        // Within a day the offset stays, so that an hour that comes twice is not moved.
        let east = i64::from(zone.offset_at(micros)) * MICROS_PER_SECOND;
        return check_timestamp(cut(unit, micros.saturating_add(east))?.checked_sub(east));
    }
    timestamp_to_timestamptz(cut(unit, timestamptz_to_timestamp(micros, zone)?)?, zone)
}

fn cut(unit: Unit, micros: i64) -> Result<i64> {
    let Some(moment) = fields(micros) else {
        return Ok(micros);
    };
    if let Some(time) = cut_time(moment.time, unit) {
        return check_timestamp(Fields { time, ..moment }.to_micros());
    }
    let Date { year, month, .. } = moment.date;
    let first = |year: i32, month: i32| Date { year, month, day: 1 };
    let group = |size: i32| {
        if year > 0 {
            (year + size - 1) / size * size - (size - 1)
        } else {
            -((size - 1 - (year - 1)) / size) * size + 1
        }
    };
    let date = match unit {
        Unit::Day => moment.date,
        Unit::Week => {
            let days = days_of(&moment);
            date_from_days(days - (iso_day_of_week(days) - 1))
        }
        Unit::Month => first(year, month),
        Unit::Quarter => first(year, (month - 1) / 3 * 3 + 1),
        Unit::Year => first(year, 1),
        Unit::Decade => first(year.div_euclid(10) * 10, 1),
        Unit::Century => first(group(100), 1),
        _ => first(group(1000), 1),
    };
    check_timestamp(Fields { date, time: TimeOfDay::default() }.to_micros())
}

/// Of an interval.
pub fn interval(name: &str, interval: &Interval) -> Result<Interval> {
    let unit = unit(name, TypeKind::Interval)?;
    let Interval { months, days, micros } = *interval;
    let time = |size: i64| Interval { micros: micros / size * size, ..*interval };
    let whole_months = |size: i32| Interval { months: months / size * size, days: 0, micros: 0 };
    Ok(match unit {
        Unit::Microsecond => *interval,
        Unit::Millisecond => time(1000),
        Unit::Second => time(MICROS_PER_SECOND),
        Unit::Minute => time(MICROS_PER_MINUTE),
        Unit::Hour => time(MICROS_PER_HOUR),
        Unit::Day => Interval { months, days, micros: 0 },
        Unit::Week => {
            let error = not_supported("week", TypeKind::Interval);
            return Err(error.with_detail("Months usually have fractional weeks."));
        }
        Unit::Month => whole_months(1),
        // The quarters of an interval are those of its year.
        Unit::Quarter => Interval { months: months / 12 * 12 + months % 12 / 3 * 3, days: 0, micros: 0 },
        Unit::Year => whole_months(12),
        Unit::Decade => whole_months(120),
        Unit::Century => whole_months(1200),
        _ => whole_months(12_000),
    })
}
