//! Dates, times and intervals: the calendar, reading and writing, arithmetic, and the functions on them.
//!
//! Values are PostgreSQL's: days or microseconds since 2000-01-01, with the ends of the integer range for the
//! infinities, and intervals of three parts. Reading follows PostgreSQL's own rules field by field, because users rely
//! on what it takes (`Jan 8, 1999 4:05 PM PST`) as much as on what it refuses.
//!
//! There is no clock here: what `now` means is in [`text::Style`](super::text::Style).
//!
//! Start at [`calendar`] for days, [`parse`] for reading, [`format`](mod@format) for writing, [`arithmetic`] for sums.

mod abbreviations;
pub mod arithmetic;
pub mod calendar;
mod decode;
pub mod extract;
pub mod format;
mod interval_text;
mod keywords;
pub mod parse;
mod parts;
pub mod pattern;
pub mod range;
mod token;
pub mod truncate;
mod zone;

pub use format::IntervalStyle;
pub(crate) use interval_text::parse as parse_interval;
pub use parse::DateOrder;
pub use range::round_fraction;
pub use zone::{OFFSET_SECONDS_MAX, Zone};

pub const MICROS_PER_SECOND: i64 = 1_000_000;
pub const MICROS_PER_MINUTE: i64 = 60 * MICROS_PER_SECOND;
pub const MICROS_PER_HOUR: i64 = 60 * MICROS_PER_MINUTE;
pub const MICROS_PER_DAY: i64 = 24 * MICROS_PER_HOUR;
/// Microseconds from 1970-01-01 to 2000-01-01.
pub const UNIX_EPOCH_MICROS: i64 = calendar::UNIX_EPOCH_DAYS as i64 * MICROS_PER_DAY;

/// -infinity and infinity as dates.
pub const DATE_NEGATIVE_INFINITY: i32 = i32::MIN;
pub const DATE_INFINITY: i32 = i32::MAX;
/// -infinity and infinity as timestamps.
pub const TIMESTAMP_NEGATIVE_INFINITY: i64 = i64::MIN;
pub const TIMESTAMP_INFINITY: i64 = i64::MAX;

/// Whether a date is one of the infinities.
pub fn date_is_infinite(days: i32) -> bool {
    days == DATE_NEGATIVE_INFINITY || days == DATE_INFINITY
}

/// Whether a timestamp is one of the infinities.
pub fn timestamp_is_infinite(micros: i64) -> bool {
    micros == TIMESTAMP_NEGATIVE_INFINITY || micros == TIMESTAMP_INFINITY
}

#[cfg(test)]
mod tests;
