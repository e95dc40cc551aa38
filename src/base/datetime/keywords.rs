//! The words that stand in dates, times and intervals.

/// What a field or a label is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
    Decade,
    Century,
    Millennium,
    /// A label for a Julian day.
    Julian,
    /// ISO 8601's `T` before a time.
    Time,
    /// Labels that only `extract` knows.
    Other,
}

/// The meaning of a word in a date or time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Now,
    Yesterday,
    Today,
    Tomorrow,
    /// `allballs`: midnight UTC.
    Midnight,
    Epoch,
    Infinity,
    NegativeInfinity,
    Month(i32),
    DayOfWeek,
    Morning,
    Afternoon,
    Christ,
    BeforeChrist,
    /// `dst` after a zone: an hour more.
    Daylight,
    Unit(Unit),
    IsoTime,
    Ignored,
}

/// PostgreSQL compares no more of a word than this.
const SIGNIFICANT_BYTES: usize = 10;

fn significant(word: &str) -> &str {
    word.get(..SIGNIFICANT_BYTES).unwrap_or(word)
}

/// The meaning of a lower-case word in dates and times.
pub(super) fn date_word(word: &str) -> Option<Word> {
    Some(match significant(word) {
        "+infinity" | "infinity" => Word::Infinity,
        "-infinity" => Word::NegativeInfinity,
        "now" => Word::Now,
        "yesterday" => Word::Yesterday,
        "today" => Word::Today,
        "tomorrow" => Word::Tomorrow,
        "allballs" => Word::Midnight,
        "epoch" => Word::Epoch,
        "ad" => Word::Christ,
        "bc" => Word::BeforeChrist,
        "am" => Word::Morning,
        "pm" => Word::Afternoon,
        "at" | "on" => Word::Ignored,
        "dst" => Word::Daylight,
        "t" => Word::IsoTime,
        "d" => Word::Unit(Unit::Day),
        "h" => Word::Unit(Unit::Hour),
        "m" => Word::Unit(Unit::Month),
        "mm" => Word::Unit(Unit::Minute),
        "s" => Word::Unit(Unit::Second),
        "y" => Word::Unit(Unit::Year),
        "j" | "jd" | "julian" => Word::Unit(Unit::Julian),
        "dow" | "doy" | "isodow" | "isoyear" => Word::Unit(Unit::Other),
        "sun" | "sunday" | "mon" | "monday" | "tue" | "tues" | "tuesday" | "wed" | "weds" | "wednesday" | "thu"
        | "thur" | "thurs" | "thursday" | "fri" | "friday" | "sat" | "saturday" => Word::DayOfWeek,
        other => return month(other).map(Word::Month),
    })
}

fn month(word: &str) -> Option<i32> {
    Some(match word {
        "jan" | "january" => 1,
        "feb" | "february" => 2,
        "mar" | "march" => 3,
        "apr" | "april" => 4,
        "may" => 5,
        "jun" | "june" => 6,
        "jul" | "july" => 7,
        "aug" | "august" => 8,
        "sep" | "sept" | "september" => 9,
        "oct" | "october" => 10,
        "nov" | "november" => 11,
        "dec" | "december" => 12,
        _ => return None,
    })
}

/// The meaning of a lower-case word in an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IntervalWord {
    Unit(Unit),
    Ago,
    Ignored,
}

/// The unit of a lower-case word, as intervals, `extract` and `date_trunc` take it.
pub(super) fn interval_word(word: &str) -> Option<IntervalWord> {
    let unit = match significant(word) {
        "@" => return Some(IntervalWord::Ignored),
        "ago" => return Some(IntervalWord::Ago),
        "us" | "usec" | "usecs" | "usecond" | "useconds" | "microsecon" => Unit::Microsecond,
        "ms" | "msec" | "msecs" | "mseconds" | "millisecon" => Unit::Millisecond,
        "s" | "sec" | "secs" | "second" | "seconds" => Unit::Second,
        "m" | "min" | "mins" | "minute" | "minutes" => Unit::Minute,
        "h" | "hr" | "hrs" | "hour" | "hours" => Unit::Hour,
        "d" | "day" | "days" => Unit::Day,
        "w" | "week" | "weeks" => Unit::Week,
        "mon" | "mons" | "month" | "months" => Unit::Month,
        "qtr" | "quarter" => Unit::Quarter,
        "y" | "yr" | "yrs" | "year" | "years" => Unit::Year,
        "dec" | "decs" | "decade" | "decades" => Unit::Decade,
        "c" | "cent" | "century" | "centuries" => Unit::Century,
        "mil" | "mils" | "millennia" | "millennium" => Unit::Millennium,
        _ => return None,
    };
    Some(IntervalWord::Unit(unit))
}
