//! Text to intervals: PostgreSQL's words, the SQL standard's `1-2 3 04:05:06`, and ISO 8601's `P1Y2M3DT4H5M6S`.

use super::keywords::{IntervalWord, Unit, interval_word};
use super::parse::Problem;
use super::parts::{Decode, fraction};
use super::token::{Shape, Token, split};
use super::{MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND};
use crate::base::types::DataType;
use crate::base::value::{Interval, Value};
use crate::error::Result;

/// The field bits of an interval type's modifier.
const RANGE_MONTH: i32 = 1 << 1;
const RANGE_YEAR: i32 = 1 << 2;
const RANGE_DAY: i32 = 1 << 3;
const RANGE_HOUR: i32 = 1 << 10;
const RANGE_MINUTE: i32 = 1 << 11;
const RANGE_SECOND: i32 = 1 << 12;
const RANGE_FULL: i32 = 0x7fff;

/// Reads an interval and applies the type's modifier (`interval day to second(3)`).
pub(crate) fn parse(text: &str, data_type: DataType) -> Result<Interval> {
    let range = if data_type.modifier < 0 { RANGE_FULL } else { (data_type.modifier >> 16) & RANGE_FULL };
    let words = split(text).ok_or(Problem::Syntax).and_then(|tokens| words(&tokens, range));
    let found = match words {
        Err(Problem::Syntax) => iso_8601(text.trim()),
        other => other,
    };
    let interval = found.map_err(|problem| {
        let problem = if problem == Problem::FieldOverflow { Problem::IntervalOverflow } else { problem };
        problem.error(text, "interval")
    })?;
    let interval = keep_range(interval, range);
    match data_type.fraction_digits() {
        Some(digits) => match super::round_fraction(Value::Interval(interval), digits)? {
            Value::Interval(rounded) => Ok(rounded),
            _ => Ok(interval),
        },
        None => Ok(interval),
    }
}

/// Drops what the declared fields do not hold.
fn keep_range(interval: Interval, range: i32) -> Interval {
    let Interval { months, days, micros } = interval;
    let cut = |unit: i64| micros / unit * unit;
    let least = [RANGE_SECOND, RANGE_MINUTE, RANGE_HOUR, RANGE_DAY, RANGE_MONTH, RANGE_YEAR];
    match least.iter().find(|field| range & **field != 0) {
        _ if range == RANGE_FULL || range == 0 => interval,
        Some(&RANGE_YEAR) => Interval { months: months / 12 * 12, days: 0, micros: 0 },
        Some(&RANGE_MONTH) => Interval { months, days: 0, micros: 0 },
        Some(&RANGE_DAY) => Interval { months, days, micros: 0 },
        Some(&RANGE_HOUR) => Interval { micros: cut(MICROS_PER_HOUR), ..interval },
        Some(&RANGE_MINUTE) => Interval { micros: cut(MICROS_PER_MINUTE), ..interval },
        _ => interval,
    }
}

/// Sums up the parts, each checked.
#[derive(Default)]
struct Sum {
    years: i32,
    months: i32,
    days: i32,
    micros: i64,
}

fn checked<T>(value: Option<T>) -> Decode<T> {
    value.ok_or(Problem::FieldOverflow)
}

impl Sum {
    fn add_months(&mut self, count: i64, each: i64) -> Decode<()> {
        let months = checked(count.checked_mul(each))?;
        self.months = checked(i32::try_from(months).ok().and_then(|months| self.months.checked_add(months)))?;
        Ok(())
    }

    fn add_days(&mut self, count: i64, each: i64) -> Decode<()> {
        let days = checked(count.checked_mul(each))?;
        self.days = checked(i32::try_from(days).ok().and_then(|days| self.days.checked_add(days)))?;
        Ok(())
    }

    fn add_micros(&mut self, count: i64, each: i64) -> Decode<()> {
        self.micros = checked(count.checked_mul(each).and_then(|micros| self.micros.checked_add(micros)))?;
        Ok(())
    }

    fn add_part_of_micros(&mut self, part: f64, each: i64) -> Decode<()> {
        let micros = part * each as f64;
        let whole = micros.trunc();
        let rest = micros - whole;
        let carry = if rest > 0.5 {
            1
        } else if rest < -0.5 {
            -1
        } else {
            0
        };
        self.micros = checked(self.micros.checked_add(whole as i64 + carry))?;
        Ok(())
    }

    fn add_part_of_days(&mut self, part: f64, each: i64) -> Decode<()> {
        let days = part * each as f64;
        self.add_days(days.trunc() as i64, 1)?;
        self.add_part_of_micros(days - days.trunc(), MICROS_PER_DAY)
    }

    fn add_part_of_years(&mut self, part: f64, years: i64) -> Decode<()> {
        // Parts of years are rounded to months.
        self.add_months((part * years as f64 * 12.0).round_ties_even() as i64, 1)
    }

    /// Adds `count` and a `part` of one more unit.
    fn add(&mut self, unit: Unit, count: i64, part: f64) -> Decode<()> {
        let micros = match unit {
            Unit::Microsecond => 1,
            Unit::Millisecond => 1000,
            Unit::Second => MICROS_PER_SECOND,
            Unit::Minute => MICROS_PER_MINUTE,
            Unit::Hour => MICROS_PER_HOUR,
            _ => 0,
        };
        if micros > 0 {
            self.add_micros(count, micros)?;
            return self.add_part_of_micros(part, micros);
        }
        let years = match unit {
            Unit::Day => {
                self.add_days(count, 1)?;
                return self.add_part_of_micros(part, MICROS_PER_DAY);
            }
            Unit::Week => {
                self.add_days(count, 7)?;
                return self.add_part_of_days(part, 7);
            }
            Unit::Month => {
                self.add_months(count, 1)?;
                return self.add_part_of_days(part, 30);
            }
            Unit::Year => 1,
            Unit::Decade => 10,
            Unit::Century => 100,
            Unit::Millennium => 1000,
            _ => return Err(Problem::Syntax),
        };
        let whole = checked(count.checked_mul(years).and_then(|years| i32::try_from(years).ok()))?;
        self.years = checked(self.years.checked_add(whole))?;
        self.add_part_of_years(part, years)
    }

    fn interval(self) -> Decode<Interval> {
        let months = i64::from(self.years) * 12 + i64::from(self.months);
        let months = i32::try_from(months).map_err(|_| Problem::IntervalOutOfRange)?;
        Ok(Interval { months, days: self.days, micros: self.micros })
    }
}

/// Reads the fields from right to left, so that units are met before their numbers.
fn words(tokens: &[Token], range: i32) -> Decode<Interval> {
    let mut sum = Sum::default();
    let (mut unit, mut seen, mut ago) = (None, 0_u32, false);
    for token in tokens.iter().rev() {
        let sets = match token.shape {
            Shape::Time => {
                // As PostgreSQL 15 does it: a time replaces what fractions of days gave.
                sum.micros = clock(&token.text, range)?;
                unit = Some(Unit::Day);
                bit(Unit::Hour) | bit(Unit::Minute) | seconds_bits()
            }
            Shape::Signed if token.text[1..].contains(':') && clock(&token.text[1..], range).is_ok() => {
                let micros = clock(&token.text[1..], range)?;
                sum.micros = if token.text.starts_with('-') { -micros } else { micros };
                unit = Some(Unit::Day);
                bit(Unit::Hour) | bit(Unit::Minute) | seconds_bits()
            }
            Shape::Signed | Shape::Date | Shape::Number => {
                let (sets, next) = number(&mut sum, &token.text, unit.unwrap_or_else(|| rightmost(range)))?;
                unit = Some(next);
                sets
            }
            Shape::Word | Shape::SignedWord => {
                match interval_word(&token.text) {
                    Some(IntervalWord::Unit(found)) => unit = Some(found),
                    Some(IntervalWord::Ago) => {
                        ago = true;
                        unit = Some(Unit::Other);
                    }
                    Some(IntervalWord::Ignored) => {}
                    None => return Err(Problem::Syntax),
                }
                0
            }
        };
        if seen & sets != 0 {
            return Err(Problem::Syntax);
        }
        seen |= sets;
    }
    if seen == 0 {
        return Err(Problem::Syntax);
    }
    let interval = sum.interval()?;
    if !ago {
        return Ok(interval);
    }
    let negated = (interval.months.checked_neg(), interval.days.checked_neg(), interval.micros.checked_neg());
    match negated {
        (Some(months), Some(days), Some(micros)) => Ok(Interval { months, days, micros }),
        _ => Err(Problem::FieldOverflow),
    }
}

fn bit(unit: Unit) -> u32 {
    1 << unit as u32
}

fn seconds_bits() -> u32 {
    bit(Unit::Second) | bit(Unit::Millisecond) | bit(Unit::Microsecond)
}

/// What a number without a unit counts: the least of the declared fields.
fn rightmost(range: i32) -> Unit {
    let least = [
        (RANGE_SECOND, Unit::Second),
        (RANGE_MINUTE, Unit::Minute),
        (RANGE_HOUR, Unit::Hour),
        (RANGE_DAY, Unit::Day),
        (RANGE_MONTH, Unit::Month),
        (RANGE_YEAR, Unit::Year),
    ];
    if range == RANGE_FULL {
        return Unit::Second;
    }
    least.into_iter().find(|(field, _)| range & field != 0).map_or(Unit::Second, |(_, unit)| unit)
}

/// A number with the unit found to its right: `5`, `-1.5`, or years and months `1-2`. Gives what was set and the unit
/// of a number further left.
fn number(sum: &mut Sum, text: &str, unit: Unit) -> Decode<(u32, Unit)> {
    let negative = text.starts_with('-');
    let start = usize::from(text.starts_with(['+', '-']));
    let end = text[start..].find(|c: char| !c.is_ascii_digit()).map_or(text.len(), |at| at + start);
    let digits = &text[..end];
    let count = match &digits[start..] {
        "" => 0,
        _ => digits.parse::<i64>().map_err(|_| Problem::FieldOverflow)?,
    };
    let rest = &text[end..];
    if let Some(months) = rest.strip_prefix('-') {
        let months = months.parse::<i64>().map_err(|_| Problem::Syntax)?;
        if !(0..12).contains(&months) {
            return Err(Problem::FieldOverflow);
        }
        let total = checked(count.checked_mul(12))?;
        sum.add_months(checked(total.checked_add(if negative { -months } else { months }))?, 1)?;
        return Ok((bit(Unit::Month), Unit::Month));
    }
    let part = match rest {
        "" => 0.0,
        "." if !digits[start..].is_empty() => 0.0,
        _ if rest.starts_with('.') => format!("0{rest}").parse::<f64>().map_err(|_| Problem::Syntax)?,
        _ => return Err(Problem::Syntax),
    };
    sum.add(unit, count, if negative { -part } else { part })?;
    let sets = if unit == Unit::Second && part != 0.0 { seconds_bits() } else { bit(unit) };
    Ok((sets, if unit == Unit::Hour { Unit::Day } else { unit }))
}

/// `hh:mm`, `hh:mm:ss.fff`, `mm:ss.fff`; the hours may be many.
fn clock(text: &str, range: i32) -> Decode<i64> {
    let (whole, micros) = match text.find('.') {
        Some(at) => (&text[..at], i64::from(fraction(&text[at..])?)),
        None => (text, 0),
    };
    let parse = |part: &str| match part {
        "" => Err(Problem::Syntax),
        _ => part.parse::<i64>().map_err(|_| Problem::FieldOverflow),
    };
    let parts = whole.split(':').map(parse).collect::<Decode<Vec<_>>>()?;
    let fractional = whole.len() != text.len();
    let (hour, minute, second) = match parts.as_slice() {
        [minute, second] if fractional || range == RANGE_MINUTE | RANGE_SECOND => (0, *minute, *second),
        [hour, minute] => (*hour, *minute, 0),
        [hour, minute, second] => (*hour, *minute, *second),
        _ => return Err(Problem::Syntax),
    };
    if hour < 0 || !(0..=59).contains(&minute) || !(0..=60).contains(&second) {
        return Err(Problem::FieldOverflow);
    }
    let rest = minute * MICROS_PER_MINUTE + second * MICROS_PER_SECOND + micros;
    checked(hour.checked_mul(MICROS_PER_HOUR).and_then(|hours| hours.checked_add(rest)))
}

/// A number of ISO 8601: whole part, fraction with the same sign, digits of the whole part, and the rest.
fn iso_number(text: &str) -> Decode<(i64, f64, usize, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '-')).unwrap_or(text.len());
    // A minus may also separate parts, so it only counts at the front.
    let end = text[..end].char_indices().skip(1).find(|(_, c)| *c == '-').map_or(end, |(at, _)| at);
    let written = &text[..end];
    let digits = written.trim_start_matches('-');
    let valid = digits.bytes().any(|byte| byte.is_ascii_digit()) && digits.matches('.').count() <= 1;
    if !valid || written.len() - digits.len() > 1 {
        return Err(Problem::Syntax);
    }
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let count = if whole.is_empty() { 0 } else { whole.parse::<i64>().map_err(|_| Problem::FieldOverflow)? };
    let part = format!("0.{part}0").parse::<f64>().map_err(|_| Problem::Syntax)?;
    let sign = if written.starts_with('-') { -1 } else { 1 };
    Ok((sign * count, sign as f64 * part, whole.len(), &text[end..]))
}

fn iso_8601(text: &str) -> Decode<Interval> {
    let mut rest = text.strip_prefix('P').filter(|rest| !rest.is_empty()).ok_or(Problem::Syntax)?;
    let mut sum = Sum::default();
    let (mut in_date, mut any) = (true, false);
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('T') {
            (in_date, any, rest) = (false, false, after);
            continue;
        }
        let (count, part, width, after) = iso_number(rest)?;
        let mut letters = after.chars();
        let letter = letters.next();
        let unit = match (in_date, letter) {
            (true, Some('Y')) => Unit::Year,
            (true, Some('M')) => Unit::Month,
            (true, Some('W')) => Unit::Week,
            (true, Some('D')) => Unit::Day,
            (false, Some('H')) => Unit::Hour,
            (false, Some('M')) => Unit::Minute,
            (false, Some('S')) => Unit::Second,
            _ if any => return Err(Problem::Syntax),
            _ => {
                rest = iso_alternative(&mut sum, rest, in_date, width)?;
                any = true;
                continue;
            }
        };
        sum.add(unit, count, part)?;
        (any, rest) = (true, letters.as_str());
    }
    sum.interval()
}

/// ISO 8601's other form: `0001-02-03` or `00010203` for a date, `04:05:06` or `040506` for a time. Gives the rest,
/// which is empty or begins with `T`.
fn iso_alternative<'a>(sum: &mut Sum, text: &'a str, in_date: bool, width: usize) -> Decode<&'a str> {
    let (count, part, _, mut rest) = iso_number(text)?;
    let (units, separator) = if in_date {
        ([Unit::Year, Unit::Month, Unit::Day], '-')
    } else {
        ([Unit::Hour, Unit::Minute, Unit::Second], ':')
    };
    let ends = |rest: &str| rest.is_empty() || (in_date && rest.starts_with('T'));
    if width == (if in_date { 8 } else { 6 }) && ends(rest) {
        for (unit, number) in units.into_iter().zip([count / 10_000, count / 100 % 100, count % 100]) {
            sum.add(unit, number, 0.0)?;
        }
        sum.add(units[2], 0, part)?;
        return Ok(rest);
    }
    sum.add(units[0], count, part)?;
    for unit in &units[1..] {
        if ends(rest) {
            return Ok(rest);
        }
        let after = rest.strip_prefix(separator).ok_or(Problem::Syntax)?;
        let (count, part, _, more) = iso_number(after)?;
        sum.add(*unit, count, part)?;
        rest = more;
    }
    if ends(rest) { Ok(rest) } else { Err(Problem::Syntax) }
}
