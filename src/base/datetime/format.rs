//! Dates, times and intervals to text. Dates are always in ISO form.

use super::calendar::{Date, Fields, TimeOfDay, date_from_days};
use super::zone::{Zone, show_offset};
use super::{
    DATE_INFINITY, DATE_NEGATIVE_INFINITY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND, TIMESTAMP_INFINITY,
    TIMESTAMP_NEGATIVE_INFINITY,
};
use crate::base::value::Interval;
use std::io::Write;

/// The setting `IntervalStyle`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IntervalStyle {
    /// `1 year 2 mons 3 days 04:05:06`
    #[default]
    Postgres,
    /// `@ 1 year 2 mons 3 days 4 hours 5 mins 6 secs`
    PostgresVerbose,
    /// `+1-2 +3 +4:05:06`
    SqlStandard,
    /// `P1Y2M3DT4H5M6S`
    Iso8601,
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to memory does not fail.
    let _ = out.write_fmt(text);
}

fn two_digits(number: i32, out: &mut Vec<u8>) {
    out.push(b'0' + (number / 10 % 10) as u8);
    out.push(b'0' + (number % 10) as u8);
}

pub fn write_date(days: i32, out: &mut Vec<u8>) {
    match days {
        DATE_INFINITY => out.extend_from_slice(b"infinity"),
        DATE_NEGATIVE_INFINITY => out.extend_from_slice(b"-infinity"),
        _ => {
            let date = date_from_days(days);
            write_day(date, out);
            write_era(date, out);
        }
    }
}

fn write_day(date: Date, out: &mut Vec<u8>) {
    let year = if date.year > 0 { date.year } else { 1 - date.year };
    if (1000..10_000).contains(&year) {
        two_digits(year / 100, out);
        two_digits(year % 100, out);
    } else {
        put(out, format_args!("{year:04}"));
    }
    out.push(b'-');
    two_digits(date.month, out);
    out.push(b'-');
    two_digits(date.day, out);
}

fn write_era(date: Date, out: &mut Vec<u8>) {
    if date.year <= 0 {
        out.extend_from_slice(b" BC");
    }
}

fn write_clock(time: TimeOfDay, out: &mut Vec<u8>) {
    two_digits(time.hour, out);
    out.push(b':');
    two_digits(time.minute, out);
    out.push(b':');
    two_digits(time.second, out);
    write_fraction(time.micros.unsigned_abs(), out);
}

/// `.5`, without zeros at the end; nothing for 0.
fn write_fraction(micros: u32, out: &mut Vec<u8>) {
    if micros == 0 {
        return;
    }
    put(out, format_args!(".{micros:06}"));
    while out.last() == Some(&b'0') {
        out.pop();
    }
}

pub fn write_time(micros: i64, out: &mut Vec<u8>) {
    write_clock(TimeOfDay::from_micros(micros), out);
}

pub fn write_timetz(micros: i64, seconds_west: i32, out: &mut Vec<u8>) {
    write_time(micros, out);
    out.extend_from_slice(show_offset(seconds_west.saturating_neg()).as_bytes());
}

fn write_infinity(micros: i64, out: &mut Vec<u8>) -> bool {
    match micros {
        TIMESTAMP_INFINITY => out.extend_from_slice(b"infinity"),
        TIMESTAMP_NEGATIVE_INFINITY => out.extend_from_slice(b"-infinity"),
        _ => return false,
    }
    true
}

pub fn write_timestamp(micros: i64, out: &mut Vec<u8>) {
    if write_infinity(micros, out) {
        return;
    }
    let fields = Fields::from_micros(micros);
    write_moment(fields, out);
    write_era(fields.date, out);
}

fn write_moment(fields: Fields, out: &mut Vec<u8>) {
    write_day(fields.date, out);
    out.push(b' ');
    write_clock(fields.time, out);
}

pub fn write_timestamptz(micros: i64, zone: &Zone, out: &mut Vec<u8>) {
    if write_infinity(micros, out) {
        return;
    }
    let seconds_east = zone.offset_at(micros);
    let fields = Fields::from_micros(micros.saturating_add(i64::from(seconds_east) * MICROS_PER_SECOND));
    write_moment(fields, out);
    if seconds_east == 0 {
        out.extend_from_slice(b"+00");
    } else {
        out.extend_from_slice(show_offset(seconds_east).as_bytes());
    }
    write_era(fields.date, out);
}

/// The parts that are shown. Hours may be many; all parts of the time have the same sign.
#[derive(Clone, Copy)]
struct Parts {
    year: i32,
    month: i32,
    day: i32,
    hour: i64,
    minute: i64,
    second: i64,
    micros: i64,
}

impl Parts {
    fn of(interval: Interval) -> Parts {
        let time = interval.micros;
        Parts {
            year: interval.months / 12,
            month: interval.months % 12,
            day: interval.days,
            hour: time / MICROS_PER_HOUR,
            minute: time % MICROS_PER_HOUR / MICROS_PER_MINUTE,
            second: time % MICROS_PER_MINUTE / MICROS_PER_SECOND,
            micros: time % MICROS_PER_SECOND,
        }
    }

    fn has_time(&self) -> bool {
        self.hour != 0 || self.minute != 0 || self.second != 0 || self.micros != 0
    }

    fn time_is_negative(&self) -> bool {
        self.hour < 0 || self.minute < 0 || self.second < 0 || self.micros < 0
    }
}

pub fn write_interval(interval: Interval, style: IntervalStyle, out: &mut Vec<u8>) {
    let parts = Parts::of(interval);
    match style {
        IntervalStyle::Postgres => write_postgres(parts, out),
        IntervalStyle::PostgresVerbose => write_verbose(parts, out),
        IntervalStyle::SqlStandard => write_sql_standard(parts, out),
        IntervalStyle::Iso8601 => write_iso_8601(parts, out),
    }
}

fn write_seconds(parts: &Parts, fill: bool, out: &mut Vec<u8>) {
    let second = parts.second.abs();
    let width = if fill { 2 } else { 1 };
    put(out, format_args!("{second:0width$}"));
    write_fraction(parts.micros.unsigned_abs() as u32, out);
}

fn write_postgres(parts: Parts, out: &mut Vec<u8>) {
    let (mut first, mut before_negative) = (true, false);
    for (count, unit) in [(parts.year, "year"), (parts.month, "mon"), (parts.day, "day")] {
        if count == 0 {
            continue;
        }
        let space = if first { "" } else { " " };
        let plus = if before_negative && count > 0 { "+" } else { "" };
        let plural = if count == 1 { "" } else { "s" };
        put(out, format_args!("{space}{plus}{count} {unit}{plural}"));
        (first, before_negative) = (false, count < 0);
    }
    if first || parts.has_time() {
        let sign = match parts.time_is_negative() {
            true => "-",
            false if before_negative => "+",
            false => "",
        };
        let space = if first { "" } else { " " };
        put(out, format_args!("{space}{sign}{:02}:{:02}:", parts.hour.unsigned_abs(), parts.minute.abs()));
        write_seconds(&parts, true, out);
    }
}

fn write_verbose(parts: Parts, out: &mut Vec<u8>) {
    out.push(b'@');
    let (mut first, mut ago) = (true, false);
    let units = [
        (i64::from(parts.year), "year"),
        (i64::from(parts.month), "mon"),
        (i64::from(parts.day), "day"),
        (parts.hour, "hour"),
        (parts.minute, "min"),
    ];
    for (count, unit) in units {
        if count == 0 {
            continue;
        }
        let shown = if first {
            ago = count < 0;
            i128::from(count).abs()
        } else if ago {
            -i128::from(count)
        } else {
            i128::from(count)
        };
        put(out, format_args!(" {shown} {unit}{}", if shown == 1 { "" } else { "s" }));
        first = false;
    }
    if parts.second != 0 || parts.micros != 0 {
        out.push(b' ');
        if parts.second < 0 || parts.micros < 0 {
            if first {
                ago = true;
            } else if !ago {
                out.push(b'-');
            }
        } else if ago {
            out.push(b'-');
        }
        write_seconds(&parts, false, out);
        let singular = parts.second.abs() == 1 && parts.micros == 0;
        put(out, format_args!(" sec{}", if singular { "" } else { "s" }));
        first = false;
    }
    out.extend_from_slice(if first { b" 0" } else { b"" });
    out.extend_from_slice(if ago { b" ago" } else { b"" });
}

fn write_sql_standard(parts: Parts, out: &mut Vec<u8>) {
    let negative = parts.year < 0 || parts.month < 0 || parts.day < 0 || parts.time_is_negative();
    let positive_time = parts.has_time() && !parts.time_is_negative();
    let positive = parts.year > 0 || parts.month > 0 || parts.day > 0 || positive_time;
    let has_year_month = parts.year != 0 || parts.month != 0;
    let has_day_time = parts.day != 0 || parts.has_time();
    if !negative && !positive {
        return out.push(b'0');
    }
    let (year, month, day) = (parts.year.unsigned_abs(), parts.month.unsigned_abs(), parts.day.unsigned_abs());
    let (hour, minute) = (parts.hour.unsigned_abs(), parts.minute.unsigned_abs());
    if (negative && positive) || (has_year_month && has_day_time) {
        let sign = |minus: bool| if minus { '-' } else { '+' };
        let year_sign = sign(parts.year < 0 || parts.month < 0);
        let (day_sign, time_sign) = (sign(parts.day < 0), sign(parts.time_is_negative()));
        put(out, format_args!("{year_sign}{year}-{month} {day_sign}{day} {time_sign}{hour}:{minute:02}:"));
        return write_seconds(&parts, true, out);
    }
    if negative {
        out.push(b'-');
    }
    if has_year_month {
        return put(out, format_args!("{year}-{month}"));
    }
    if day != 0 {
        put(out, format_args!("{day} "));
    }
    put(out, format_args!("{hour}:{minute:02}:"));
    write_seconds(&parts, true, out);
}

fn write_iso_8601(parts: Parts, out: &mut Vec<u8>) {
    if parts.year == 0 && parts.month == 0 && parts.day == 0 && !parts.has_time() {
        return out.extend_from_slice(b"PT0S");
    }
    out.push(b'P');
    for (count, letter) in [(parts.year, 'Y'), (parts.month, 'M'), (parts.day, 'D')] {
        if count != 0 {
            put(out, format_args!("{count}{letter}"));
        }
    }
    if !parts.has_time() {
        return;
    }
    out.push(b'T');
    for (count, letter) in [(parts.hour, 'H'), (parts.minute, 'M')] {
        if count != 0 {
            put(out, format_args!("{count}{letter}"));
        }
    }
    if parts.second != 0 || parts.micros != 0 {
        if parts.second < 0 || parts.micros < 0 {
            out.push(b'-');
        }
        write_seconds(&parts, false, out);
        out.push(b'S');
    }
}
