//! Patterns: `to_char`, `to_timestamp` and `to_date` (`YYYY-MM-DD HH24:MI:SS`).
//!
//! A pattern is cut into fields, separators and text by [`split`]; [`write`](mod@write) and [`read`] go through them.
//! There are no locales: names of months and days are English, as in PostgreSQL with lc_time C.

mod read;
mod write;

pub use read::{to_date, to_timestamp};
pub(crate) use write::ordinal;
pub use write::{interval_to_char, timestamp_to_char, timestamptz_to_char};

/// What a field stands for. Names that differ only in how letters are written have a [`Case`] beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Era,
    Meridiem,
    Century,
    DayName,
    DayNameShort,
    DayOfYear,
    IsoDayOfYear,
    DayOfMonth,
    DayOfWeek,
    IsoDayOfWeek,
    Fraction(u8),
    Fixed,
    Hour24,
    Hour12,
    IsoWeek,
    /// Digits of the year shown.
    IsoYear(u8),
    Julian,
    Minute,
    Month,
    MonthName,
    MonthNameShort,
    Milliseconds,
    Offset,
    Quarter,
    RomanMonth,
    SecondOfDay,
    Second,
    ZoneHour,
    ZoneMinute,
    Zone,
    Microseconds,
    WeekOfYear,
    WeekOfMonth,
    YearWithComma,
    Year(u8),
}

/// How a word is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    Upper,
    Lower,
    Capital,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Field {
        key: Key,
        /// The name as the pattern has it.
        name: &'static str,
        case: Case,
        /// `FM`: neither blanks nor zeros in front.
        unpadded: bool,
        /// `TH` or `th`.
        ordinal: Option<Case>,
    },
    Space,
    /// Punctuation: where reading, it stands for any.
    Separator(char),
    Text(char),
}

/// The names of fields, longer before shorter where one begins another. `None` as case: upper or lower as written.
const FIELDS: &[(&str, Key)] = &[
    ("A.D.", Key::Era),
    ("A.M.", Key::Meridiem),
    ("AD", Key::Era),
    ("AM", Key::Meridiem),
    ("B.C.", Key::Era),
    ("BC", Key::Era),
    ("CC", Key::Century),
    ("DAY", Key::DayName),
    ("DDD", Key::DayOfYear),
    ("DD", Key::DayOfMonth),
    ("DY", Key::DayNameShort),
    ("D", Key::DayOfWeek),
    ("FF1", Key::Fraction(1)),
    ("FF2", Key::Fraction(2)),
    ("FF3", Key::Fraction(3)),
    ("FF4", Key::Fraction(4)),
    ("FF5", Key::Fraction(5)),
    ("FF6", Key::Fraction(6)),
    ("FX", Key::Fixed),
    ("HH24", Key::Hour24),
    ("HH12", Key::Hour12),
    ("HH", Key::Hour12),
    ("IDDD", Key::IsoDayOfYear),
    ("ID", Key::IsoDayOfWeek),
    ("IW", Key::IsoWeek),
    ("IYYY", Key::IsoYear(4)),
    ("IYY", Key::IsoYear(3)),
    ("IY", Key::IsoYear(2)),
    ("I", Key::IsoYear(1)),
    ("J", Key::Julian),
    ("MI", Key::Minute),
    ("MM", Key::Month),
    ("MONTH", Key::MonthName),
    ("MON", Key::MonthNameShort),
    ("MS", Key::Milliseconds),
    ("OF", Key::Offset),
    ("P.M.", Key::Meridiem),
    ("PM", Key::Meridiem),
    ("Q", Key::Quarter),
    ("RM", Key::RomanMonth),
    ("SSSSS", Key::SecondOfDay),
    ("SSSS", Key::SecondOfDay),
    ("SS", Key::Second),
    ("TZH", Key::ZoneHour),
    ("TZM", Key::ZoneMinute),
    ("TZ", Key::Zone),
    ("US", Key::Microseconds),
    ("WW", Key::WeekOfYear),
    ("W", Key::WeekOfMonth),
    ("Y,YYY", Key::YearWithComma),
    ("YYYY", Key::Year(4)),
    ("YYY", Key::Year(3)),
    ("YY", Key::Year(2)),
    ("Y", Key::Year(1)),
];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const ROMAN_MONTHS: [&str; 12] = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];

/// The field that a pattern begins with, and how its letters are written.
fn field_at(pattern: &str) -> Option<(&'static str, Key, Case)> {
    let first = pattern.as_bytes().first()?.to_ascii_uppercase();
    FIELDS.iter().filter(|(name, _)| name.as_bytes()[0] == first).find_map(|(name, key)| {
        let written = pattern.get(..name.len())?;
        if !written.eq_ignore_ascii_case(name) {
            return None;
        }
        let small = |text: &str| !text.bytes().any(|byte| byte.is_ascii_uppercase());
        let case = if written == *name {
            Case::Upper
        } else if small(written) {
            Case::Lower
        } else {
            // Only names of months and days may begin with a capital. It is ASCII: it equals one of the names.
            let word = matches!(key, Key::DayName | Key::DayNameShort | Key::MonthName | Key::MonthNameShort);
            let capital = written.starts_with(|c: char| c.is_ascii_uppercase()) && small(&written[1..]);
            (word && capital).then_some(Case::Capital)?
        };
        Some((*name, *key, case))
    })
}

fn split(pattern: &str) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        let (fill_mode, translated, after) = prefixes(rest);
        if let Some((name, key, case)) = field_at(after) {
            // A translated name is never padded, also where there is nothing to translate to.
            let unpadded = fill_mode || (translated && matches!(key, Key::MonthName | Key::DayName));
            rest = &after[name.len()..];
            let ordinal = match rest.get(..2) {
                Some("TH") => Some(Case::Upper),
                Some("th") => Some(Case::Lower),
                _ => None,
            };
            if ordinal.is_some() || matches!(rest.get(..2), Some("SP")) {
                rest = &rest[2..];
            }
            nodes.push(Node::Field { key, name, case, unpadded, ordinal });
            continue;
        }
        if after.len() < rest.len() {
            // A prefix without a field is left out.
            rest = after;
            continue;
        }
        rest = &rest[first.len_utf8()..];
        match first {
            '"' => rest = quoted(rest, &mut nodes),
            '\\' if rest.starts_with('"') => {
                nodes.push(Node::Text('"'));
                rest = &rest[1..];
            }
            _ if first.is_ascii_whitespace() => nodes.push(Node::Space),
            _ if first.is_ascii_punctuation() => nodes.push(Node::Separator(first)),
            _ => nodes.push(Node::Text(first)),
        }
    }
    nodes
}

/// Passes `FM` and `TM`; whether there was an `FM` or a `TM`.
fn prefixes(pattern: &str) -> (bool, bool, &str) {
    let (mut fill_mode, mut translated, mut rest) = (false, false, pattern);
    loop {
        match rest.get(..2) {
            Some("FM" | "fm") => fill_mode = true,
            Some("TM" | "tm") => translated = true,
            _ => return (fill_mode, translated, rest),
        }
        rest = &rest[2..];
    }
}

/// Text up to the closing quote; a backslash takes the next character as it is.
fn quoted<'a>(text: &'a str, nodes: &mut Vec<Node>) -> &'a str {
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => nodes.extend(characters.next().map(Node::Text)),
            other => nodes.push(Node::Text(other)),
        }
    }
    characters.as_str()
}

#[cfg(test)]
mod tests;
