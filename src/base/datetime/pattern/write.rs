//! `to_char` of timestamps and intervals.

use super::{Case, DAYS, Key, MONTHS, Node, ROMAN_MONTHS, split};
use crate::base::datetime::calendar::{
    EPOCH_JULIAN, Fields, day_of_week, day_of_year, days_from_date, iso_day_of_week, iso_year_and_week, iso_year_start,
};
use crate::base::datetime::zone::Zone;
use crate::base::datetime::{MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND, timestamp_is_infinite};
use crate::base::sqlstate::SqlState;
use crate::base::value::Interval;
use crate::error::{Error, Result};

/// What fields are taken from.
struct Moment {
    year: i32,
    month: i32,
    day: i32,
    hour: i64,
    minute: i64,
    second: i64,
    micros: i64,
    /// Days since 2000-01-01; of an interval 0.
    days: i32,
    is_interval: bool,
    seconds_east: i32,
    zone: String,
}

/// `None` (NULL) for the infinities and for an empty pattern.
pub fn timestamp_to_char(micros: i64, pattern: &str) -> Option<String> {
    local_to_char(micros, 0, String::new(), pattern)
}

/// In a zone. `None` (NULL) for the infinities and for an empty pattern.
pub fn timestamptz_to_char(micros: i64, zone: &Zone, pattern: &str) -> Option<String> {
    if timestamp_is_infinite(micros) {
        return None;
    }
    let local = zone.to_local(micros)?;
    local_to_char(local, zone.offset_at(micros), zone.abbreviation_at(micros), pattern)
}

fn local_to_char(micros: i64, seconds_east: i32, zone: String, pattern: &str) -> Option<String> {
    if timestamp_is_infinite(micros) || pattern.is_empty() {
        return None;
    }
    let Fields { date, time } = Fields::from_micros(micros);
    let moment = Moment {
        year: date.year,
        month: date.month,
        day: date.day,
        hour: i64::from(time.hour),
        minute: i64::from(time.minute),
        second: i64::from(time.second),
        micros: i64::from(time.micros),
        days: days_from_date(date) as i32,
        is_interval: false,
        seconds_east,
        zone,
    };
    // Only intervals have fields that are refused.
    moment.write(pattern).ok()
}

/// `None` (NULL) for an empty pattern.
pub fn interval_to_char(interval: &Interval, pattern: &str) -> Result<Option<String>> {
    if pattern.is_empty() {
        return Ok(None);
    }
    let time = interval.micros;
    let moment = Moment {
        year: interval.months / 12,
        month: interval.months % 12,
        day: interval.days,
        hour: time / MICROS_PER_HOUR,
        minute: time % MICROS_PER_HOUR / MICROS_PER_MINUTE,
        second: time % MICROS_PER_MINUTE / MICROS_PER_SECOND,
        micros: time % MICROS_PER_SECOND,
        days: 0,
        is_interval: true,
        seconds_east: 0,
        zone: String::new(),
    };
    moment.write(pattern).map(Some)
}

pub(super) fn cased(word: &str, case: Case) -> String {
    match case {
        Case::Upper => word.to_ascii_uppercase(),
        Case::Lower => word.to_ascii_lowercase(),
        Case::Capital => {
            let (first, rest) = word.split_at_checked(1).unwrap_or(("", word));
            first.to_ascii_uppercase() + &rest.to_ascii_lowercase()
        }
    }
}

/// `st`, `nd`, `rd`, `th` for a number in text.
pub(crate) fn ordinal(digits: &str) -> &'static str {
    let bytes = digits.as_bytes();
    let tens = bytes.len() >= 2 && bytes[bytes.len() - 2] == b'1';
    match bytes.last() {
        Some(b'1') if !tens => "st",
        Some(b'2') if !tens => "nd",
        Some(b'3') if !tens => "rd",
        _ => "th",
    }
}

/// A number with zeros in front up to a width that does not count its sign.
fn padded(number: i64, width: usize, unpadded: bool) -> String {
    let width = match (unpadded, number < 0) {
        (true, _) => 0,
        (false, true) => width + 1,
        (false, false) => width,
    };
    format!("{number:0width$}")
}

impl Moment {
    fn write(&self, pattern: &str) -> Result<String> {
        let mut out = String::new();
        for node in split(pattern) {
            match node {
                Node::Space => out.push(' '),
                Node::Separator(character) | Node::Text(character) => out.push(character),
                Node::Field { key, name, case, unpadded, ordinal: suffix } => {
                    let (text, is_number) = self.field(key, name, case, unpadded)?;
                    out.push_str(&text);
                    if let (Some(case), true) = (suffix, is_number) {
                        out.push_str(&cased(ordinal(&text), case));
                    }
                }
            }
        }
        Ok(out)
    }

    fn no_calendar(&self) -> Result<()> {
        if !self.is_interval {
            return Ok(());
        }
        let message = "invalid format specification for an interval value";
        let error = Error::new(SqlState::INVALID_DATETIME_FORMAT, message);
        Err(error.with_hint("Intervals are not tied to specific calendar dates."))
    }

    /// The text of a field, and whether it is a number.
    fn field(&self, key: Key, name: &str, case: Case, unpadded: bool) -> Result<(String, bool)> {
        let number = |value: i64, width: usize| Ok((padded(value, width, unpadded), true));
        match key {
            Key::Hour12 => number(if self.hour % 12 == 0 { 12 } else { self.hour % 12 }, 2),
            Key::Hour24 => number(self.hour, 2),
            Key::Minute => number(self.minute, 2),
            Key::Second => number(self.second, 2),
            Key::Fraction(digits) => {
                let text = format!("{:06}", self.micros);
                Ok((text[..text.len() - 6 + usize::from(digits)].to_owned(), true))
            }
            Key::Milliseconds => Ok((format!("{:03}", self.micros / 1000), true)),
            Key::Microseconds => Ok((format!("{:06}", self.micros), true)),
            Key::SecondOfDay => Ok(((self.hour * 3600 + self.minute * 60 + self.second).to_string(), true)),
            Key::Month => number(i64::from(self.month), 2),
            // The sign counts here, unlike elsewhere.
            Key::DayOfMonth if unpadded => Ok((self.day.to_string(), true)),
            Key::DayOfMonth => Ok((format!("{:02}", self.day), true)),
            Key::Quarter if self.month == 0 => Ok((String::new(), false)),
            Key::Quarter => Ok((((self.month - 1) / 3 + 1).to_string(), true)),
            Key::WeekOfMonth => Ok((((i64::from(self.day) - 1) / 7 + 1).to_string(), true)),
            Key::Year(_) | Key::IsoYear(_) | Key::YearWithComma | Key::Century => Ok((self.year(key, unpadded), true)),
            Key::Fixed => Ok((String::new(), false)),
            _ => Ok((self.word(key, name, case, unpadded)?, self.is_calendar_number(key))),
        }
    }

    fn is_calendar_number(&self, key: Key) -> bool {
        matches!(
            key,
            Key::DayOfYear
                | Key::IsoDayOfYear
                | Key::DayOfWeek
                | Key::IsoDayOfWeek
                | Key::WeekOfYear
                | Key::IsoWeek
                | Key::Julian
        )
    }

    fn year(&self, key: Key, unpadded: bool) -> String {
        let shown = |year: i32| i64::from(if self.is_interval || year > 0 { year } else { 1 - year });
        let year = shown(self.year);
        let (year, digits) = match key {
            Key::YearWithComma => return format!("{},{:03}", year / 1000, year % 1000),
            Key::Century => {
                let century = match self.year {
                    year if self.is_interval => year / 100,
                    year if year > 0 => (year - 1) / 100 + 1,
                    year => year / 100 - 1,
                };
                return padded(i64::from(century), 2, unpadded || century.abs() > 99);
            }
            Key::IsoYear(digits) => (shown(iso_year_and_week(self.days).0), digits),
            Key::Year(digits) => (year, digits),
            _ => (year, 4),
        };
        match digits {
            4 => padded(year, 4, unpadded),
            _ => padded(year % 10_i64.pow(u32::from(digits)), usize::from(digits), unpadded),
        }
    }

    fn word(&self, key: Key, name: &str, case: Case, unpadded: bool) -> Result<String> {
        let filled = |word: &str, width: usize| {
            let text = cased(word, case);
            if unpadded { text } else { format!("{text:width$}") }
        };
        let dotted = |word: &str| match name.contains('.') {
            true => cased(&format!("{}.{}.", &word[..1], &word[1..]), case),
            false => cased(word, case),
        };
        let number = |value: i64, width: usize| padded(value, width, unpadded);
        let month = MONTHS.get((self.month - 1) as usize).copied().unwrap_or("");
        let week_day = DAYS[day_of_week(self.days) as usize];
        Ok(match key {
            Key::Meridiem => dotted(if self.hour.rem_euclid(24) >= 12 { "PM" } else { "AM" }),
            Key::RomanMonth => match self.month {
                0 => String::new(),
                month if month > 0 => filled(ROMAN_MONTHS[month as usize - 1], 4),
                month => filled(ROMAN_MONTHS[(month + 11).clamp(0, 11) as usize], 4),
            },
            Key::DayOfYear if self.is_interval => {
                number(i64::from(self.year) * 360 + i64::from(self.month) * 30 + i64::from(self.day), 3)
            }
            _ => {
                self.no_calendar_unless_number(key)?;
                match key {
                    Key::Era => dotted(if self.year <= 0 { "BC" } else { "AD" }),
                    Key::MonthName => filled(month, 9),
                    Key::MonthNameShort => cased(month.get(..3).unwrap_or(""), case),
                    Key::DayName => filled(week_day, 9),
                    Key::DayNameShort => cased(&week_day[..3], case),
                    Key::Zone => cased(&self.zone, case),
                    Key::ZoneHour => self.zone_hour(2),
                    Key::ZoneMinute => format!("{:02}", self.seconds_east.abs() / 60 % 60),
                    Key::Offset => {
                        let minutes = self.seconds_east.abs() / 60 % 60;
                        let rest = if minutes == 0 { String::new() } else { format!(":{minutes:02}") };
                        self.zone_hour(if unpadded { 0 } else { 2 }) + &rest
                    }
                    Key::DayOfYear => number(i64::from(day_of_year(self.days)), 3),
                    Key::IsoDayOfYear => {
                        let start = iso_year_start(iso_year_and_week(self.days).0);
                        number(i64::from(self.days) - start + 1, 3)
                    }
                    Key::DayOfWeek => (day_of_week(self.days) + 1).to_string(),
                    Key::IsoDayOfWeek => iso_day_of_week(self.days).to_string(),
                    Key::WeekOfYear => number(i64::from((day_of_year(self.days) - 1) / 7 + 1), 2),
                    Key::IsoWeek => number(i64::from(iso_year_and_week(self.days).1), 2),
                    _ => (i64::from(self.days) + i64::from(EPOCH_JULIAN)).to_string(),
                }
            }
        })
    }

    fn no_calendar_unless_number(&self, key: Key) -> Result<()> {
        if self.is_calendar_number(key) { Ok(()) } else { self.no_calendar() }
    }

    fn zone_hour(&self, width: usize) -> String {
        let sign = if self.seconds_east < 0 { '-' } else { '+' };
        format!("{sign}{:0width$}", self.seconds_east.abs() / 3600)
    }
}
