//! The smallest parts of dates and times: numbers, fractions, times of day, offsets.

use super::MICROS_PER_SECOND;
use super::calendar::TimeOfDay;
use super::parse::Problem;
use super::zone::OFFSET_SECONDS_MAX;

pub(super) type Decode<T> = Result<T, Problem>;

/// The words and numbers of a date with separators.
pub(super) fn date_parts(text: &str) -> Decode<Vec<&str>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        rest = rest.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        let digits = rest.starts_with(|first: char| first.is_ascii_digit());
        let end = rest.find(|c: char| if digits { !c.is_ascii_digit() } else { !c.is_ascii_alphabetic() });
        let end = end.unwrap_or(rest.len());
        if end == 0 {
            return Err(Problem::Syntax);
        }
        parts.push(&rest[..end]);
        // The separator after a part goes with it.
        rest = rest[end..].get(1..).unwrap_or("");
    }
    Ok(parts)
}

/// A whole number of a date or time.
pub(super) fn number(digits: &str) -> Decode<i32> {
    if digits.is_empty() {
        return Err(Problem::Syntax);
    }
    digits.parse().map_err(|_| Problem::FieldOverflow)
}

/// `.5` as microseconds, rounded.
pub(super) fn fraction(text: &str) -> Decode<i32> {
    if text == "." {
        return Ok(0);
    }
    let part: f64 = format!("0{text}").parse().map_err(|_| Problem::Syntax)?;
    Ok((part * MICROS_PER_SECOND as f64).round_ties_even() as i32)
}

/// `hh:mm`, `hh:mm:ss`, `hh:mm:ss.fff`, `mm:ss.fff`.
pub(super) fn clock_time(text: &str) -> Decode<TimeOfDay> {
    let (whole, micros) = match text.find('.') {
        Some(at) => (&text[..at], fraction(&text[at..])?),
        None => (text, 0),
    };
    // Nothing after a colon counts as zero.
    let part = |digits: &str| if digits.is_empty() { Ok(0) } else { number(digits) };
    let parts = whole.split(':').map(part).collect::<Decode<Vec<_>>>()?;
    let (hour, minute, second) = match parts.as_slice() {
        [minute, second] if whole.len() != text.len() => (0, *minute, *second),
        [hour, minute] => (*hour, *minute, 0),
        [hour, minute, second] => (*hour, *minute, *second),
        _ => return Err(Problem::Syntax),
    };
    if minute > 59 || second > 60 {
        return Err(Problem::FieldOverflow);
    }
    Ok(TimeOfDay { hour, minute, second, micros })
}

/// `+hh`, `-hhmm`, `+hh:mm:ss`: seconds east of UTC.
pub(super) fn offset(text: &str) -> Decode<i32> {
    let negative = text.starts_with('-');
    let digits = text.strip_prefix(['+', '-']).ok_or(Problem::Syntax)?;
    let parts: Vec<&str> = digits.split(':').collect();
    if parts.len() > 3 || parts.iter().any(|part| part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit())) {
        return Err(Problem::Syntax);
    }
    let value = |part: &&str| part.parse::<i32>().map_err(|_| Problem::ZoneOverflow);
    let mut hours = value(&parts[0])?;
    let mut minutes = parts.get(1).map(value).transpose()?.unwrap_or(0);
    let seconds = parts.get(2).map(value).transpose()?.unwrap_or(0);
    if parts.len() == 1 && digits.len() > 2 {
        (hours, minutes) = (hours / 100, hours % 100);
    }
    if hours > 15 || minutes > 59 || seconds > 59 {
        return Err(Problem::ZoneOverflow);
    }
    let total = hours * 3600 + minutes * 60 + seconds;
    debug_assert!(total <= OFFSET_SECONDS_MAX);
    Ok(if negative { -total } else { total })
}
