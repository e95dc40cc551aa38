//! Time zones: fixed offsets and the zones of the IANA database, with PostgreSQL's abbreviations.

use super::abbreviations::ABBREVIATIONS;
use super::calendar::{Date, Fields, UNIX_EPOCH_DAYS, day_of_week, days_from_date, is_leap};
use super::{MICROS_PER_DAY, MICROS_PER_SECOND};
use crate::base::sqlstate::SqlState;
use crate::error::{Error, Result};
use chrono::{DateTime, NaiveDateTime, Offset, TimeZone};
use chrono_tz::{OffsetName, Tz};
use std::fmt;

/// A time zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Zone {
    #[default]
    Utc,
    /// Seconds east of UTC.
    Fixed(i32),
    Named(Tz),
}

/// What a word means where a zone may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Abbreviation {
    pub seconds_east: i32,
    pub daylight: bool,
}

/// Furthest offset from UTC, in seconds, that is not refused.
pub const OFFSET_SECONDS_MAX: i32 = 16 * 3600 - 1;

pub(super) fn abbreviation(lower: &str) -> Option<Abbreviation> {
    let found = ABBREVIATIONS.binary_search_by(|(name, _, _)| (*name).cmp(lower)).ok()?;
    let (_, seconds_east, daylight) = ABBREVIATIONS[found];
    Some(Abbreviation { seconds_east, daylight })
}

impl Zone {
    /// A zone by its full name in any case, without abbreviations: `europe/berlin`, `UTC`, `EST5EDT`.
    pub fn named(name: &str) -> Option<Zone> {
        if name.eq_ignore_ascii_case("utc") {
            return Some(Zone::Utc);
        }
        find(name).or_else(|| posix(name))
    }

    /// What `SET TIME ZONE` and `AT TIME ZONE` take: a name, a POSIX zone, or an abbreviation.
    pub fn parse(name: &str) -> Result<Zone> {
        let trimmed = name.trim();
        let lower = trimmed.to_ascii_lowercase();
        if let Some(found) = Zone::named(trimmed) {
            return Ok(found);
        }
        if let Some(found) = abbreviation(&lower) {
            return Ok(Zone::Fixed(found.seconds_east));
        }
        let message = format!("time zone \"{}\" not recognized", crate::base::text::shorten(name));
        Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message))
    }

    /// What `SET TimeZone` takes: hours east of UTC (`-7`, `5.5`), a name or a POSIX zone, but no abbreviation. The
    /// zone's `Display` is what `SHOW TimeZone` gives.
    pub fn from_setting(value: &str) -> Option<Zone> {
        let trimmed = value.trim();
        let plain = trimmed.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.'));
        match trimmed.parse::<f64>() {
            Ok(hours) if plain => (hours.abs() <= 24.0).then(|| Zone::fixed((hours * 3600.0) as i32)),
            _ => Zone::named(trimmed),
        }
    }

    /// A fixed offset.
    pub fn fixed(seconds_east: i32) -> Zone {
        if seconds_east == 0 { Zone::Utc } else { Zone::Fixed(seconds_east) }
    }

    /// Seconds east of UTC at an instant (microseconds since 2000-01-01 UTC).
    pub fn offset_at(&self, micros: i64) -> i32 {
        match self {
            Zone::Utc => 0,
            Zone::Fixed(seconds) => *seconds,
            Zone::Named(zone) => {
                let moment = chrono_moment(folded(micros));
                zone.offset_from_utc_datetime(&moment).fix().local_minus_utc()
            }
        }
    }

    /// The abbreviation in force at an instant: `CEST`; an offset such as `+03` where there is none.
    pub fn abbreviation_at(&self, micros: i64) -> String {
        match self {
            Zone::Utc => "UTC".to_owned(),
            Zone::Fixed(seconds) => show_offset(*seconds),
            Zone::Named(zone) => {
                let offset = zone.offset_from_utc_datetime(&chrono_moment(folded(micros)));
                offset.abbreviation().map_or_else(|| show_offset(offset.fix().local_minus_utc()), str::to_owned)
            }
        }
    }

    /// Seconds east of UTC for a local time. A time that a change of clocks leaves out is read with the offset before
    /// the change; one that comes twice, with the offset after it.
    pub fn offset_of_local(&self, local_micros: i64) -> i32 {
        let zone = match self {
            Zone::Utc => return 0,
            Zone::Fixed(seconds) => return *seconds,
            Zone::Named(zone) => zone,
        };
        let moment = chrono_moment(folded(local_micros));
        match zone.offset_from_local_datetime(&moment) {
            chrono::LocalResult::Single(offset) => offset.fix().local_minus_utc(),
            chrono::LocalResult::Ambiguous(first, second) => {
                first.fix().local_minus_utc().min(second.fix().local_minus_utc())
            }
            chrono::LocalResult::None => self.offset_at(local_micros.saturating_sub(MICROS_PER_DAY)),
        }
    }

    /// An instant as local time.
    pub fn to_local(&self, micros: i64) -> Option<i64> {
        micros.checked_add(i64::from(self.offset_at(micros)) * MICROS_PER_SECOND)
    }

    /// A local time as an instant.
    pub fn to_instant(&self, local_micros: i64) -> Option<i64> {
        local_micros.checked_sub(i64::from(self.offset_of_local(local_micros)) * MICROS_PER_SECOND)
    }
}

/// The name as `SHOW TimeZone` gives it.
impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Zone::Utc => f.write_str("UTC"),
            Zone::Named(zone) => f.write_str(zone.name()),
            // PostgreSQL shows fixed offsets in POSIX form, where west is positive.
            Zone::Fixed(seconds) => write!(f, "<{}>{}", show_offset(*seconds), show_offset(-*seconds)),
        }
    }
}

/// `+02`, `-03:30`.
pub(super) fn show_offset(seconds_east: i32) -> String {
    let size = seconds_east.abs();
    let sign = if seconds_east < 0 { '-' } else { '+' };
    let mut shown = format!("{sign}{:02}", size / 3600);
    if size % 3600 != 0 {
        shown += &format!(":{:02}", size / 60 % 60);
    }
    if size % 60 != 0 {
        shown += &format!(":{:02}", size % 60);
    }
    shown
}

fn find(name: &str) -> Option<Zone> {
    if let Ok(zone) = name.parse::<Tz>() {
        return Some(Zone::Named(zone));
    }
    chrono_tz::TZ_VARIANTS.iter().find(|zone| zone.name().eq_ignore_ascii_case(name)).map(|zone| Zone::Named(*zone))
}

/// A POSIX zone without rules: letters (or anything in angle brackets) and hours west: `XYZ-2`, `<+02>-02`.
fn posix(name: &str) -> Option<Zone> {
    let rest = match name.strip_prefix('<') {
        Some(inside) => inside.split_once('>')?.1,
        None => {
            let letters = name.bytes().take_while(u8::is_ascii_alphabetic).count();
            // Without letters it is an offset alone, which has the sign of POSIX as well.
            (letters >= 3 || (letters == 0 && !name.is_empty())).then(|| &name[letters..])?
        }
    };
    let (sign, digits) = match rest.strip_prefix('-') {
        Some(digits) => (1, digits),
        None => (-1, rest.strip_prefix('+').unwrap_or(rest)),
    };
    let mut seconds = 0;
    for (part, unit) in digits.splitn(3, ':').zip([3600, 60, 1]) {
        if part.is_empty() || part.len() > 2 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        seconds += part.parse::<i32>().ok()? * unit;
    }
    (seconds <= 24 * 3600).then(|| Zone::fixed(sign * seconds))
}

/// The last year for which the zone database carries changes of clocks.
const TABULATED_YEAR_MAX: i32 = 2099;

/// The same time in a year that the database knows and that has the same calendar: rules go on for ever.
fn folded(micros: i64) -> i64 {
    let fields = Fields::from_micros(micros);
    let year = fields.date.year;
    if year <= TABULATED_YEAR_MAX {
        // Before the first entry local mean time holds, also before chrono's range.
        return micros.max(-300_000_000_000_000_000);
    }
    let first_day = |year| day_of_week(days_from_date(Date { year, month: 1, day: 1 }) as i32);
    let alike = (TABULATED_YEAR_MAX - 28..TABULATED_YEAR_MAX)
        .find(|other| is_leap(*other) == is_leap(year) && first_day(*other) == first_day(year));
    let date = Date { year: alike.unwrap_or(TABULATED_YEAR_MAX), ..fields.date };
    Fields { date, ..fields }.to_micros().unwrap_or(micros)
}

fn chrono_moment(micros: i64) -> NaiveDateTime {
    let unix_micros = micros.saturating_add(i64::from(UNIX_EPOCH_DAYS) * MICROS_PER_DAY);
    DateTime::from_timestamp_micros(unix_micros).unwrap_or_default().naive_utc()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(year: i32, month: i32, day: i32, hour: i32) -> i64 {
        let time = super::super::calendar::TimeOfDay { hour, ..Default::default() };
        Fields { date: Date { year, month, day }, time }.to_micros().unwrap()
    }

    #[test]
    fn offsets_follow_the_rules_for_ever() {
        let berlin = Zone::parse("europe/BERLIN").unwrap();
        assert_eq!(berlin.offset_at(micros(2024, 1, 15, 0)), 3600);
        assert_eq!(berlin.offset_at(micros(2024, 7, 15, 0)), 7200);
        assert_eq!(berlin.offset_at(micros(2524, 7, 15, 0)), 7200);
        assert_eq!(berlin.offset_of_local(micros(2024, 3, 31, 2)), 3600, "left out: the offset before");
        assert_eq!(berlin.offset_of_local(micros(2024, 10, 27, 2)), 3600, "twice: the offset after");
        assert_eq!(berlin.abbreviation_at(micros(2024, 7, 15, 0)), "CEST");
    }

    #[test]
    fn names() {
        assert_eq!(Zone::parse("UTC").unwrap(), Zone::Utc);
        assert_eq!(Zone::from_setting("5.5").unwrap().to_string(), "<+05:30>-05:30");
        assert_eq!(Zone::from_setting("-7").unwrap(), Zone::Fixed(-7 * 3600));
        assert_eq!(Zone::from_setting("+02:00").unwrap(), Zone::Fixed(-2 * 3600));
        assert_eq!(Zone::from_setting("PST"), None);
        assert_eq!(Zone::parse("pst").unwrap(), Zone::Fixed(-8 * 3600));
        assert_eq!(Zone::parse("<+02>-02").unwrap(), Zone::Fixed(7200));
        assert_eq!(Zone::parse("Foo/Bar").unwrap_err().message(), "time zone \"Foo/Bar\" not recognized");
        assert_eq!(Zone::parse("America/New_York").unwrap().to_string(), "America/New_York");
    }
}
