//! Sums, differences and products of dates, times and intervals.

use super::calendar::{Fields, days_in_month};
use super::range::{
    check_date, check_timestamp, date_to_timestamp, interval_out_of_range, timestamp_out_of_range,
    timestamp_to_timestamptz, timestamptz_to_timestamp,
};
use super::zone::Zone;
use super::{MICROS_PER_DAY, MICROS_PER_SECOND, date_is_infinite, timestamp_is_infinite};
use crate::base::sqlstate::SqlState;
use crate::base::value::Interval;
use crate::error::{Error, Result};

const DAYS_PER_MONTH: i32 = 30;
const SECONDS_PER_DAY: f64 = 86_400.0;

impl Interval {
    pub fn checked_add(&self, other: &Interval) -> Result<Interval> {
        let sum = (
            self.months.checked_add(other.months),
            self.days.checked_add(other.days),
            self.micros.checked_add(other.micros),
        );
        match sum {
            (Some(months), Some(days), Some(micros)) => Ok(Interval { months, days, micros }),
            _ => Err(interval_out_of_range()),
        }
    }

    pub fn checked_negate(&self) -> Result<Interval> {
        Interval::default().checked_subtract(self)
    }

    pub fn checked_subtract(&self, other: &Interval) -> Result<Interval> {
        let difference = (
            self.months.checked_sub(other.months),
            self.days.checked_sub(other.days),
            self.micros.checked_sub(other.micros),
        );
        match difference {
            (Some(months), Some(days), Some(micros)) => Ok(Interval { months, days, micros }),
            _ => Err(interval_out_of_range()),
        }
    }

    /// The interval times a factor; parts of months become days, parts of days microseconds.
    pub fn multiply(&self, factor: f64) -> Result<Interval> {
        self.scale(|part| part * factor)
    }

    /// The interval divided by a number.
    pub fn divide(&self, divisor: f64) -> Result<Interval> {
        if divisor == 0.0 {
            return Err(crate::base::numeric::arithmetic::division_by_zero());
        }
        self.scale(|part| part / divisor)
    }

    fn scale(&self, scaled: impl Fn(f64) -> f64) -> Result<Interval> {
        let to_i32 = |number: f64| {
            let fits = number > -2_147_483_649.0 && number < 2_147_483_648.0;
            if fits { Ok(number as i32) } else { Err(interval_out_of_range()) }
        };
        let exact_months = scaled(f64::from(self.months));
        let exact_days = scaled(f64::from(self.days));
        let (months, days) = (to_i32(exact_months)?, to_i32(exact_days)?);
        let days_of_month = round_to_micros((exact_months - f64::from(months)) * f64::from(DAYS_PER_MONTH));
        let part_of_day = exact_days - f64::from(days) + days_of_month - days_of_month.trunc();
        let mut seconds = round_to_micros(part_of_day * SECONDS_PER_DAY);
        let mut days = i64::from(days) + days_of_month as i64;
        if seconds.abs() >= SECONDS_PER_DAY {
            let carried = (seconds / SECONDS_PER_DAY).trunc();
            days += carried as i64;
            seconds -= carried * SECONDS_PER_DAY;
        }
        let micros = (scaled(self.micros as f64) + seconds * MICROS_PER_SECOND as f64).round_ties_even();
        let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&micros);
        match i32::try_from(days) {
            Ok(days) if fits => Ok(Interval { months, days, micros: micros as i64 }),
            _ => Err(interval_out_of_range()),
        }
    }

    /// Turns each 24 hours into a day, with one sign for both.
    pub fn justify_hours(&self) -> Result<Interval> {
        let days = self.micros / MICROS_PER_DAY;
        let days = i64::from(self.days) + days;
        let mut days = i32::try_from(days).map_err(|_| interval_out_of_range())?;
        let mut micros = self.micros % MICROS_PER_DAY;
        if days > 0 && micros < 0 {
            micros += MICROS_PER_DAY;
            days -= 1;
        } else if days < 0 && micros > 0 {
            micros -= MICROS_PER_DAY;
            days += 1;
        }
        Ok(Interval { months: self.months, days, micros })
    }

    /// Turns each 30 days into a month, with one sign for both.
    pub fn justify_days(&self) -> Result<Interval> {
        let months = self.months.checked_add(self.days / DAYS_PER_MONTH).ok_or_else(interval_out_of_range)?;
        let (mut months, mut days) = (months, self.days % DAYS_PER_MONTH);
        if months > 0 && days < 0 {
            days += DAYS_PER_MONTH;
            months -= 1;
        } else if months < 0 && days > 0 {
            days -= DAYS_PER_MONTH;
            months += 1;
        }
        Ok(Interval { months, days, micros: self.micros })
    }

    /// Both, with one sign for all three parts.
    pub fn justify(&self) -> Result<Interval> {
        let total = self.span_micros();
        let per_day = i128::from(MICROS_PER_DAY);
        let micros = total % per_day;
        let days = total / per_day;
        let months = i32::try_from(days / i128::from(DAYS_PER_MONTH)).map_err(|_| interval_out_of_range())?;
        Ok(Interval { months, days: (days % i128::from(DAYS_PER_MONTH)) as i32, micros: micros as i64 })
    }
}

fn round_to_micros(number: f64) -> f64 {
    (number * MICROS_PER_SECOND as f64).round_ties_even() / MICROS_PER_SECOND as f64
}

/// A local timestamp and months, days and microseconds, in this order. The day is cut to the length of the month.
pub fn timestamp_add(micros: i64, interval: &Interval) -> Result<i64> {
    if timestamp_is_infinite(micros) {
        return Ok(micros);
    }
    let mut moment = micros;
    if interval.months != 0 {
        moment = add_months(moment, interval.months)?;
    }
    if interval.days != 0 {
        let days = i64::from(interval.days).checked_mul(MICROS_PER_DAY);
        moment = check_timestamp(days.and_then(|days| moment.checked_add(days)))?;
    }
    check_timestamp(moment.checked_add(interval.micros))
}

fn add_months(micros: i64, months: i32) -> Result<i64> {
    let mut fields = Fields::from_micros(micros);
    let total = i64::from(fields.date.year) * 12 + i64::from(fields.date.month) - 1 + i64::from(months);
    fields.date.year = i32::try_from(total.div_euclid(12)).map_err(|_| timestamp_out_of_range())?;
    fields.date.month = total.rem_euclid(12) as i32 + 1;
    fields.date.day = fields.date.day.min(days_in_month(fields.date.year, fields.date.month));
    check_timestamp(fields.to_micros())
}

pub fn timestamp_subtract(micros: i64, interval: &Interval) -> Result<i64> {
    timestamp_add(micros, &interval.checked_negate()?)
}

/// An instant and an interval: months and days are counted in the zone, so that noon stays noon.
pub fn timestamptz_add(micros: i64, interval: &Interval, zone: &Zone) -> Result<i64> {
    if timestamp_is_infinite(micros) {
        return Ok(micros);
    }
    let calendar_part = Interval { micros: 0, ..*interval };
    let mut moment = micros;
    if calendar_part != Interval::default() {
        let local = timestamptz_to_timestamp(micros, zone)?;
        moment = timestamp_to_timestamptz(timestamp_add(local, &calendar_part)?, zone)?;
    }
    check_timestamp(moment.checked_add(interval.micros))
}

pub fn timestamptz_subtract(micros: i64, interval: &Interval, zone: &Zone) -> Result<i64> {
    timestamptz_add(micros, &interval.checked_negate()?, zone)
}

/// The time between two timestamps, in days and microseconds.
pub fn timestamp_difference(a: i64, b: i64) -> Result<Interval> {
    if timestamp_is_infinite(a) || timestamp_is_infinite(b) {
        return Err(Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "cannot subtract infinite timestamps"));
    }
    let micros = a.checked_sub(b).ok_or_else(interval_out_of_range)?;
    Interval { months: 0, days: 0, micros }.justify_hours()
}

pub fn date_add_days(days: i32, more: i32) -> Result<i32> {
    if date_is_infinite(days) { Ok(days) } else { check_date(i64::from(days) + i64::from(more)) }
}

pub fn date_subtract_days(days: i32, fewer: i32) -> Result<i32> {
    if date_is_infinite(days) { Ok(days) } else { check_date(i64::from(days) - i64::from(fewer)) }
}

/// Days between two dates.
pub fn date_difference(a: i32, b: i32) -> Result<i32> {
    if date_is_infinite(a) || date_is_infinite(b) {
        return Err(Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "cannot subtract infinite dates"));
    }
    // Both are in range, so the difference is as well.
    Ok(a.wrapping_sub(b))
}

/// A day and a time of day.
pub fn date_add_time(days: i32, time_micros: i64) -> Result<i64> {
    let midnight = date_to_timestamp(days)?;
    if timestamp_is_infinite(midnight) { Ok(midnight) } else { check_timestamp(midnight.checked_add(time_micros)) }
}

/// A time of day and an interval's microseconds, around the clock.
pub fn time_add(micros: i64, interval: &Interval) -> i64 {
    (i128::from(micros) + i128::from(interval.micros)).rem_euclid(i128::from(MICROS_PER_DAY)) as i64
}

pub fn time_subtract(micros: i64, interval: &Interval) -> i64 {
    (i128::from(micros) - i128::from(interval.micros)).rem_euclid(i128::from(MICROS_PER_DAY)) as i64
}

/// `age(a, b)`: the difference in years, months, days and time, as people count.
pub fn age(a: i64, b: i64) -> Result<Interval> {
    if timestamp_is_infinite(a) || timestamp_is_infinite(b) {
        return Err(timestamp_out_of_range());
    }
    let (earlier, later) = (a.min(b), a.max(b));
    let (from, to) = (Fields::from_micros(earlier), Fields::from_micros(later));
    let mut micros = to.time.to_micros() - from.time.to_micros();
    let mut days = to.date.day - from.date.day;
    let mut months = (to.date.year - from.date.year) * 12 + to.date.month - from.date.month;
    if micros < 0 {
        micros += MICROS_PER_DAY;
        days -= 1;
    }
    // Days are borrowed from the month that the earlier moment is in.
    while days < 0 {
        days += days_in_month(from.date.year, from.date.month);
        months -= 1;
    }
    let interval = Interval { months, days, micros };
    if a < b { interval.checked_negate() } else { Ok(interval) }
}

/// `date_bin`: the start of the stride from `origin` that a timestamp is in.
pub fn bin(stride: &Interval, micros: i64, origin: i64) -> Result<i64> {
    if timestamp_is_infinite(micros) {
        return Ok(micros);
    }
    if timestamp_is_infinite(origin) {
        return Err(Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "origin out of range"));
    }
    if stride.months != 0 {
        return Err(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            "timestamps cannot be binned into intervals containing months or years",
        ));
    }
    let step = stride.span_micros();
    if step <= 0 {
        return Err(Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "stride must be greater than zero"));
    }
    let distance = i128::from(micros) - i128::from(origin);
    check_timestamp(i64::try_from(i128::from(origin) + distance.div_euclid(step) * step).ok())
}
