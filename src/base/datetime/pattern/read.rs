//! `to_timestamp` and `to_date`: reading text by a pattern.
//!
//! Spaces and separators match loosely unless the pattern begins with `FX`; text in the pattern skips as many
//! characters, whatever they are; numbers take as many digits as their field has, or all there are when no digit can
//! follow.

use super::write::cased;
use super::{DAYS, Key, MONTHS, Node, ROMAN_MONTHS, split};
use crate::base::datetime::calendar::{
    Date, EPOCH_JULIAN, Fields, TimeOfDay, date_from_days, days_from_date, days_in_month, iso_year_start,
};
use crate::base::datetime::range::{check_date, check_timestamp};
use crate::base::datetime::zone::Zone;
use crate::base::datetime::{MICROS_PER_SECOND, timestamp_is_infinite};
use crate::base::sqlstate::SqlState;
use crate::base::text::shorten;
use crate::error::{Error, Result};

/// Largest number of a field other than Julian days and fractions.
const FIELD_MAX: i32 = 10_000_000;

/// What was read, as far as it was.
#[derive(Default)]
struct Found {
    year: Option<i32>,
    /// Digits that the year was asked with.
    year_digits: u8,
    before_christ: bool,
    century: Option<i32>,
    month: Option<i32>,
    day: Option<i32>,
    day_of_year: Option<i32>,
    iso_year: Option<i32>,
    iso_week: Option<i32>,
    iso_day: Option<i32>,
    iso_day_of_year: Option<i32>,
    week_of_year: Option<i32>,
    week_of_month: Option<i32>,
    julian: Option<i32>,
    hour: Option<i32>,
    twelve_hours: bool,
    afternoon: Option<bool>,
    minute: Option<i32>,
    second: Option<i32>,
    /// A fraction had more digits than there are.
    overflow: bool,
    micros: i32,
    millis: i32,
    second_of_day: Option<i32>,
    zone_sign: i32,
    zone_hour: Option<i32>,
    zone_minute: Option<i32>,
    zone: Option<Zone>,
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
    found: Found,
    /// A minus before this field was taken for a separator that the pattern does not have.
    swallowed_minus: bool,
}

fn wrong(message: String, detail: &str) -> Error {
    let error = Error::new(SqlState::INVALID_DATETIME_FORMAT, message);
    if detail.is_empty() { error } else { error.with_detail(detail) }
}

/// An instant, microseconds since 2000-01-01 UTC. `None` for an empty pattern.
pub fn to_timestamp(text: &str, pattern: &str, zone: &Zone) -> Result<i64> {
    let found = read(text, pattern)?;
    let offset = found.offset()?;
    let (date, time) = found.date_and_time(text)?;
    let local = Fields { date, time }.to_micros();
    let micros = local.and_then(|local| match offset {
        Some(seconds_east) => local.checked_sub(i64::from(seconds_east) * MICROS_PER_SECOND),
        None => zone.to_instant(local),
    });
    debug_assert!(!micros.is_some_and(timestamp_is_infinite));
    check_timestamp(micros)
}

/// A day since 2000-01-01.
pub fn to_date(text: &str, pattern: &str) -> Result<i32> {
    let (date, _) = read(text, pattern)?.date_and_time(text)?;
    check_date(days_from_date(date)).map_err(|_| {
        let message = format!("date out of range: \"{}\"", shorten(text));
        Error::new(SqlState::DATETIME_FIELD_OVERFLOW, message)
    })
}

fn read(text: &str, pattern: &str) -> Result<Found> {
    let nodes = split(pattern);
    let mut reader = Reader { text, rest: text, found: Found::default(), swallowed_minus: false };
    let (mut fixed, mut skipped) = (false, 0_i64);
    for (position, node) in nodes.iter().enumerate() {
        if !fixed && (position == 0 || matches!(node, Node::Field { .. })) {
            skipped += reader.skip_space();
        }
        match node {
            Node::Space | Node::Separator(_) => {
                let separator = |c: char| c.is_ascii_whitespace() || c.is_ascii_punctuation();
                if fixed || reader.rest.starts_with(separator) {
                    reader.skip_character();
                } else {
                    skipped -= 1;
                }
            }
            Node::Text(_) => {
                if !fixed && skipped > 0 {
                    skipped -= 1;
                } else {
                    reader.skip_character();
                }
            }
            Node::Field { key: Key::Fixed, .. } => fixed = true,
            Node::Field { key, name, unpadded, ordinal, case } => {
                if reader.rest.is_empty() {
                    break;
                }
                let greedy = *unpadded || next_is_no_digit(nodes.get(position + 1));
                reader.swallowed_minus = skipped > 0 && reader.previous() == Some('-');
                reader.field(*key, &cased(name, *case), greedy)?;
                if ordinal.is_some() {
                    reader.skip_character();
                    reader.skip_character();
                }
                if !fixed {
                    skipped = reader.skip_space();
                }
            }
        }
    }
    Ok(reader.found)
}

/// Whether a number may take all digits there are.
fn next_is_no_digit(next: Option<&Node>) -> bool {
    match next {
        None | Some(Node::Space | Node::Separator(_)) => true,
        Some(Node::Text(character)) => !character.is_ascii_digit(),
        Some(Node::Field { key, .. }) => matches!(
            key,
            Key::Era
                | Key::Meridiem
                | Key::DayName
                | Key::DayNameShort
                | Key::MonthName
                | Key::MonthNameShort
                | Key::RomanMonth
                | Key::Zone
                | Key::ZoneHour
                | Key::Offset
        ),
    }
}

impl Reader<'_> {
    fn skip_space(&mut self) -> i64 {
        let trimmed = self.rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
        let skipped = self.rest.len() - trimmed.len();
        self.rest = trimmed;
        skipped as i64
    }

    fn previous(&self) -> Option<char> {
        self.text[..self.text.len() - self.rest.len()].chars().next_back()
    }

    fn skip_character(&mut self) {
        let mut characters = self.rest.chars();
        characters.next();
        self.rest = characters.as_str();
    }

    /// An integer of `length` characters, or of all digits there are when `greedy`.
    fn number(&mut self, name: &str, length: usize, greedy: bool) -> Result<i32> {
        self.skip_space();
        let source = self.rest;
        let end = source.char_indices().nth(length).map_or(source.len(), |(at, _)| at);
        let shown = |end: usize| shorten(&source[..end]);
        let within = if greedy { source } else { &source[..end] };
        let sign = usize::from(within.starts_with(['-', '+']));
        let digits = within[sign..].bytes().take_while(u8::is_ascii_digit).count();
        let used = if digits == 0 { 0 } else { sign + digits };
        if !greedy {
            let available = source[..end].chars().count();
            if available < length {
                let detail = format!("Field requires {length} characters, but only {available} remain.");
                let message = format!("source string too short for \"{name}\" formatting field");
                let hint = "If your source string is not fixed-width, try using the \"FM\" modifier.";
                return Err(wrong(message, &detail).with_hint(hint));
            }
            if used > 0 && used < length {
                let detail = format!("Field requires {length} characters, but only {used} could be parsed.");
                let message = format!("invalid value \"{}\" for \"{name}\"", shown(end));
                let hint = "If your source string is not fixed-width, try using the \"FM\" modifier.";
                return Err(wrong(message, &detail).with_hint(hint));
            }
        }
        if used == 0 {
            let message = format!("invalid value \"{}\" for \"{name}\"", shown(end));
            return Err(wrong(message, "Value must be an integer."));
        }
        self.rest = &source[used..];
        // Only Julian days and fractions are larger than this, and sums of such numbers do not overflow.
        let upper = name.to_ascii_uppercase();
        let large = matches!(upper.as_str(), "J" | "MS" | "US") || upper.starts_with("FF");
        let largest = if large { i32::MAX } else { FIELD_MAX };
        let value =
            source[..used].parse::<i32>().ok().filter(|value| value.checked_abs().is_some_and(|v| v <= largest));
        value.ok_or_else(|| {
            let message = format!("value for \"{name}\" in source string is out of range");
            Error::new(SqlState::DATETIME_FIELD_OVERFLOW, message).with_detail(format!(
                "Value must be in the range {} to {}.",
                i32::MIN,
                i32::MAX
            ))
        })
    }

    /// One of some words, in any case; gives its place.
    fn word(&mut self, name: &str, words: &[&str]) -> Result<usize> {
        let matches = |word: &&str| self.rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        // Longer words first, so that VIII is not read as V.
        let best = (0..words.len()).filter(|at| matches(&words[*at])).max_by_key(|at| words[*at].len());
        let Some(place) = best else {
            let end = self.rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(self.rest.len());
            let message = format!("invalid value \"{}\" for \"{name}\"", shorten(&self.rest[..end]));
            return Err(wrong(message, "The given value did not match any of the allowed values for this field."));
        };
        self.rest = &self.rest[words[place].len()..];
        Ok(place)
    }

    fn field(&mut self, key: Key, name: &str, greedy: bool) -> Result<()> {
        match key {
            Key::Era => {
                let words = if name.contains('.') { ["A.D.", "B.C."] } else { ["AD", "BC"] };
                self.found.before_christ = self.word(name, &words)? == 1;
            }
            Key::Meridiem => {
                let words = if name.contains('.') { ["A.M.", "P.M."] } else { ["AM", "PM"] };
                let afternoon = self.word(name, &words)? == 1;
                self.found.afternoon = Some(afternoon);
                self.found.twelve_hours = true;
            }
            Key::MonthName | Key::MonthNameShort => {
                let short = MONTHS.map(|month| &month[..3]);
                let words: &[&str] = if key == Key::MonthName { &MONTHS } else { &short };
                self.found.month = Some(self.word(name, words)? as i32 + 1);
            }
            Key::DayName | Key::DayNameShort => {
                let short = DAYS.map(|day| &day[..3]);
                let words: &[&str] = if key == Key::DayName { &DAYS } else { &short };
                self.found.iso_day = Some(self.word(name, words)? as i32);
            }
            Key::RomanMonth => self.found.month = Some(self.word(name, &ROMAN_MONTHS)? as i32 + 1),
            Key::ZoneHour | Key::ZoneMinute | Key::Offset | Key::Zone => self.zone_field(key, name, greedy)?,
            Key::Milliseconds | Key::Microseconds | Key::Fraction(_) => self.fraction(key, name, greedy)?,
            Key::Year(_) | Key::YearWithComma | Key::IsoYear(_) => self.year(key, name, greedy)?,
            _ => self.plain_number(key, name, greedy)?,
        }
        Ok(())
    }

    fn plain_number(&mut self, key: Key, name: &str, greedy: bool) -> Result<()> {
        let length = match key {
            Key::DayOfYear | Key::IsoDayOfYear => 3,
            Key::DayOfWeek | Key::IsoDayOfWeek | Key::Quarter | Key::WeekOfMonth => 1,
            Key::SecondOfDay => name.len(),
            _ => 2,
        };
        // A Julian day is as long as it is.
        let value = self.number(name, length, greedy || key == Key::Julian)?;
        let found = &mut self.found;
        match key {
            Key::Hour12 | Key::Hour24 => {
                found.twelve_hours |= key == Key::Hour12;
                found.hour = Some(value);
            }
            Key::Minute => found.minute = Some(value),
            Key::Second => found.second = Some(value),
            Key::SecondOfDay => found.second_of_day = Some(value),
            Key::Month => found.month = Some(value),
            Key::DayOfMonth => found.day = Some(value),
            Key::DayOfYear => found.day_of_year = Some(value),
            Key::IsoDayOfYear => found.iso_day_of_year = Some(value),
            Key::DayOfWeek => found.iso_day = Some(value - 1),
            // ISO counts from Monday, 1 to 7.
            Key::IsoDayOfWeek => found.iso_day = Some(value % 7),
            Key::IsoWeek => found.iso_week = Some(value),
            Key::WeekOfYear => found.week_of_year = Some(value),
            Key::WeekOfMonth => found.week_of_month = Some(value),
            Key::Century => found.century = Some(value),
            Key::Julian => found.julian = Some(value),
            // A quarter says too little to be used.
            _ => {}
        }
        Ok(())
    }

    fn fraction(&mut self, key: Key, name: &str, greedy: bool) -> Result<()> {
        let digits = match key {
            Key::Milliseconds => 3,
            Key::Fraction(digits) => usize::from(digits),
            _ => 6,
        };
        let before = self.rest.len();
        let value = self.number(name, digits, greedy)?;
        let used = (before - self.rest.len()).min(digits);
        let scaled = i64::from(value) * 10_i64.pow((digits - used) as u32);
        let scaled = i32::try_from(scaled).ok().filter(|value| value.unsigned_abs() < 10_u32.pow(digits as u32));
        self.found.overflow |= scaled.is_none();
        let scaled = scaled.unwrap_or(0);
        match key {
            Key::Milliseconds => self.found.millis = scaled,
            _ => self.found.micros = scaled * 10_i32.pow(6 - digits as u32),
        }
        Ok(())
    }

    fn year(&mut self, key: Key, name: &str, greedy: bool) -> Result<()> {
        let (digits, iso) = match key {
            Key::IsoYear(digits) => (digits, true),
            Key::Year(digits) => (digits, false),
            _ => {
                let thousands = self.number(name, 3, true)?;
                if !self.rest.starts_with(',') {
                    return Err(wrong("invalid input string for \"Y,YYY\"".into(), ""));
                }
                self.rest = &self.rest[1..];
                let rest = self.number(name, 3, false)?;
                self.found.year = thousands.checked_mul(1000).and_then(|year| year.checked_add(rest));
                self.found.year_digits = 4;
                return Ok(());
            }
        };
        let before = self.rest.len();
        let value = self.number(name, usize::from(digits), greedy)?;
        let used = before - self.rest.len();
        let value = if used < 4 && digits < 4 { near_2020(value) } else { value };
        let place = if iso { &mut self.found.iso_year } else { &mut self.found.year };
        *place = Some(value);
        self.found.year_digits = digits;
        Ok(())
    }

    fn zone_field(&mut self, key: Key, name: &str, greedy: bool) -> Result<()> {
        match key {
            Key::ZoneMinute => {
                self.found.zone_minute = Some(self.number(name, 2, greedy)?);
            }
            Key::ZoneHour | Key::Offset => {
                let sign = self.rest.chars().next().filter(|c| matches!(c, '+' | '-' | ' '));
                let minus = sign == Some('-') || (sign.is_none() && self.swallowed_minus);
                self.found.zone_sign = if minus { -1 } else { 1 };
                if sign.is_some() {
                    self.rest = &self.rest[1..];
                }
                self.found.zone_hour = Some(self.number(name, 2, greedy || key == Key::Offset)?);
                if key == Key::Offset && self.rest.starts_with(':') {
                    self.rest = &self.rest[1..];
                    self.found.zone_minute = Some(self.number(name, 2, true)?);
                }
            }
            _ => {
                let message = "formatting field \"TZ\" is only supported in to_char";
                return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
            }
        }
        Ok(())
    }
}

/// A year of one to three digits is the one nearest to 2020.
fn near_2020(year: i32) -> i32 {
    match year {
        0..70 => year + 2000,
        70..100 => year + 1900,
        100..520 => year + 2000,
        520..1000 => year + 1000,
        _ => year,
    }
}

impl Found {
    fn offset(&self) -> Result<Option<i32>> {
        if self.zone.is_none() && self.zone_hour.is_none() && self.zone_minute.is_none() {
            return Ok(None);
        }
        let (hours, minutes) = (self.zone_hour.unwrap_or(0), self.zone_minute.unwrap_or(0));
        if !(0..=15).contains(&hours) || !(0..60).contains(&minutes) {
            let message = "time zone displacement out of range";
            return Err(Error::new(SqlState::INVALID_TIME_ZONE_DISPLACEMENT_VALUE, message));
        }
        let sign = if self.zone_sign < 0 { -1 } else { 1 };
        Ok(Some(sign * (hours * 3600 + minutes * 60)))
    }

    fn date_and_time(&self, text: &str) -> Result<(Date, TimeOfDay)> {
        let overflow = || {
            let message = format!("date/time field value out of range: \"{}\"", shorten(text));
            Error::new(SqlState::DATETIME_FIELD_OVERFLOW, message)
        };
        self.check_conventions()?;
        let time = self.time(text)?;
        let valid_time =
            (0..24).contains(&time.hour) && (0..60).contains(&time.minute) && (0..60).contains(&time.second);
        let date = self.date().ok_or_else(overflow)?;
        let valid_date =
            (1..=12).contains(&date.month) && (1..=days_in_month(date.year, date.month)).contains(&date.day);
        if self.overflow || !valid_time || !valid_date {
            return Err(overflow());
        }
        Ok((date, time))
    }

    /// ISO's year of weeks and the calendar's of months do not go together.
    fn check_conventions(&self) -> Result<()> {
        let iso = self.iso_year.or(self.iso_week).or(self.iso_day_of_year).is_some();
        let calendar = self.year.or(self.month).or(self.day).or(self.day_of_year).or(self.century).is_some();
        if iso && calendar {
            let hint = "Do not mix Gregorian and ISO week date conventions in a formatting template.";
            return Err(wrong("invalid combination of date conventions".into(), "").with_hint(hint));
        }
        Ok(())
    }

    fn time(&self, text: &str) -> Result<TimeOfDay> {
        let mut time = TimeOfDay {
            hour: self.hour.unwrap_or(0),
            minute: self.minute.unwrap_or(0),
            second: self.second.unwrap_or(0),
            micros: self.micros + self.millis * 1000,
        };
        if let Some(seconds) = self.second_of_day {
            if !(0..86_400).contains(&seconds) {
                let message = format!("date/time field value out of range: \"{}\"", shorten(text));
                return Err(Error::new(SqlState::DATETIME_FIELD_OVERFLOW, message));
            }
            (time.hour, time.minute, time.second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        }
        if self.twelve_hours && self.hour.is_some() {
            if !(1..=12).contains(&time.hour) {
                let message = format!("hour \"{}\" is invalid for the 12-hour clock", time.hour);
                let hint = "Use the 24-hour clock, or give an hour between 1 and 12.";
                return Err(wrong(message, "").with_hint(hint));
            }
            match self.afternoon {
                Some(true) if time.hour < 12 => time.hour += 12,
                Some(true) => {}
                _ if time.hour == 12 => time.hour = 0,
                _ => {}
            }
        }
        Ok(time)
    }

    /// The year, completed by the century and turned for BC; `None` when nothing says anything about it.
    fn full_year(&self) -> Option<i32> {
        let mut year = self.year.map(|year| match self.century {
            // The century completes a year of one or two digits.
            Some(century) if self.year_digits <= 2 => {
                let within = year % 100;
                if within == 0 { century * 100 } else { (century - 1) * 100 + within }
            }
            _ => year,
        });
        if year.is_none() {
            year = self.century.map(|century| if century >= 0 { (century - 1) * 100 + 1 } else { century * 100 + 1 });
        }
        year.map(|year| match self.before_christ {
            true if year > 0 => 1 - year,
            true => 1 + year,
            // There is no year 0: a negative year is before Christ.
            false if year < 0 => year + 1,
            false => year,
        })
    }

    fn date(&self) -> Option<Date> {
        if let Some(julian) = self.julian {
            return Some(date_from_days(julian.checked_sub(EPOCH_JULIAN)?));
        }
        if let Some(days) = self.iso_days() {
            return Some(date_from_days(i32::try_from(days).ok()?));
        }
        // Without a year it is 1 BC, as in PostgreSQL.
        let year = self.full_year().unwrap_or(0);
        let start = |month: i32| days_from_date(Date { year, month, day: 1 });
        if let Some(day) = self.day_of_year.or(self.week_of_year.map(|week| (week - 1) * 7 + 1))
            && (self.month.is_none() || self.day.is_none())
        {
            if self.day_of_year.is_some() && !(1..=366).contains(&day) {
                return None;
            }
            return Some(date_from_days(i32::try_from(start(1) + i64::from(day) - 1).ok()?));
        }
        let month = self.month.unwrap_or(1);
        let day = self.day.or(self.week_of_month.map(|week| (week - 1) * 7 + 1)).unwrap_or(1);
        Some(Date { year, month, day })
    }

    fn iso_days(&self) -> Option<i64> {
        let year = self.iso_year?;
        if let Some(day) = self.iso_day_of_year {
            return Some(iso_year_start(year) + i64::from(day) - 1);
        }
        let week = self.iso_week?;
        let day = self.iso_day.map_or(1, |day| if day == 0 { 7 } else { day });
        Some(iso_year_start(year) + i64::from(week - 1) * 7 + i64::from(day) - 1)
    }
}
