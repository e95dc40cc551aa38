//! Days and the proleptic Gregorian calendar, over PostgreSQL's whole range (4714 BC to 5874897 AD).
//!
//! Years here count as astronomers do: year 0 is 1 BC. Days count from 2000-01-01.

use super::{MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND};

/// Julian day of 2000-01-01.
pub const EPOCH_JULIAN: i32 = 2_451_545;
/// Days from 1970-01-01 to 2000-01-01.
pub const UNIX_EPOCH_DAYS: i32 = 10_957;

/// A day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Date {
    pub year: i32,
    pub month: i32,
    pub day: i32,
}

/// A day and a time of day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    pub date: Date,
    pub time: TimeOfDay,
}

/// A time of day; the hour may be 24 at the very end of a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeOfDay {
    pub hour: i32,
    pub minute: i32,
    pub second: i32,
    pub micros: i32,
}

pub fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days of a month from 1 to 12; 31 for any other number.
pub fn days_in_month(year: i32, month: i32) -> i32 {
    match month {
        2 => 28 + i32::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The number of a day. The month may lie outside 1 to 12 and the day outside the month: they carry over.
pub fn days_from_date(date: Date) -> i64 {
    let months = i64::from(date.year) * 12 + i64::from(date.month) - 1;
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12));
    // Years begin in March here, so that the leap day is the last one.
    let shifted_year = if month < 2 { year - 1 } else { year };
    let shifted_month = (month + 10) % 12;
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let day_of_year = (153 * shifted_month + 2) / 5 + i64::from(date.day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    // Day 0 of era 0 is 0000-03-01; 730,425 days later is 2000-01-01.
    era * 146_097 + day_of_era - 730_425
}

/// The day of a number.
pub fn date_from_days(days: i32) -> Date {
    let shifted = i64::from(days) + 730_425;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted_month + 2) / 5 + 1) as i32;
    let month = (if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 }) as i32;
    let year = (era * 400 + year_of_era) as i32 + i32::from(month <= 2);
    Date { year, month, day }
}

/// 0 for Sunday to 6 for Saturday.
pub fn day_of_week(days: i32) -> i32 {
    // 2000-01-01 was a Saturday.
    (i64::from(days) + 6).rem_euclid(7) as i32
}

/// 1 for Monday to 7 for Sunday.
pub fn iso_day_of_week(days: i32) -> i32 {
    match day_of_week(days) {
        0 => 7,
        day => day,
    }
}

/// 1 for January 1st.
pub fn day_of_year(days: i32) -> i32 {
    let date = date_from_days(days);
    (i64::from(days) - days_from_date(Date { month: 1, day: 1, ..date })) as i32 + 1
}

/// ISO 8601's year and week of a day.
pub fn iso_year_and_week(days: i32) -> (i32, i32) {
    // The Thursday of the same week decides the year.
    let thursday = days.saturating_add(4 - iso_day_of_week(days));
    (date_from_days(thursday).year, (day_of_year(thursday) - 1) / 7 + 1)
}

/// The Monday of week 1 of an ISO year.
pub fn iso_year_start(year: i32) -> i64 {
    let fourth = days_from_date(Date { year, month: 1, day: 4 });
    fourth - (fourth + 5).rem_euclid(7)
}

impl TimeOfDay {
    /// From microseconds since midnight.
    pub fn from_micros(micros: i64) -> TimeOfDay {
        TimeOfDay {
            hour: (micros / MICROS_PER_HOUR) as i32,
            minute: (micros / MICROS_PER_MINUTE % 60) as i32,
            second: (micros / MICROS_PER_SECOND % 60) as i32,
            micros: (micros % MICROS_PER_SECOND) as i32,
        }
    }

    /// Microseconds since midnight.
    pub fn to_micros(self) -> i64 {
        i64::from(self.hour) * MICROS_PER_HOUR
            + i64::from(self.minute) * MICROS_PER_MINUTE
            + i64::from(self.second) * MICROS_PER_SECOND
            + i64::from(self.micros)
    }

    /// Whether it is no time of a day. 24:00:00 and a 60th second are, as in PostgreSQL.
    pub fn overflows(self) -> bool {
        !(0..=24).contains(&self.hour)
            || !(0..=59).contains(&self.minute)
            || !(0..=60).contains(&self.second)
            || !(0..=MICROS_PER_SECOND).contains(&i64::from(self.micros))
            || self.to_micros() > MICROS_PER_DAY
    }
}

impl Fields {
    /// From microseconds since 2000-01-01, in the same zone.
    pub fn from_micros(micros: i64) -> Fields {
        let days = micros.div_euclid(MICROS_PER_DAY);
        let time = micros.rem_euclid(MICROS_PER_DAY);
        Fields { date: date_from_days(days as i32), time: TimeOfDay::from_micros(time) }
    }

    /// Microseconds since 2000-01-01, unless out of an i64's range.
    pub fn to_micros(self) -> Option<i64> {
        let micros = i128::from(days_from_date(self.date)) * i128::from(MICROS_PER_DAY);
        i64::try_from(micros + i128::from(self.time.to_micros())).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days() {
        for (year, month, day, days, week_day) in [
            (2000, 1, 1, 0, 6),
            (1970, 1, 1, -10_957, 4),
            (2024, 2, 29, 8_825, 4),
            (1, 1, 1, -730_119, 1),
            (0, 2, 29, -730_426, 2),
            (-4713, 11, 24, -2_451_545, 1),
            (5_874_897, 12, 31, 2_145_031_948, 2),
        ] {
            let date = Date { year, month, day };
            assert_eq!(days_from_date(date), days, "{date:?}");
            assert_eq!(date_from_days(days as i32), date);
            assert_eq!(day_of_week(days as i32), week_day, "{date:?}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_leads_back() {
        for days in -146_100..146_100 {
            let date = date_from_days(days);
            assert_eq!(days_from_date(date), i64::from(days));
            assert!((1..=days_in_month(date.year, date.month)).contains(&date.day));
        }
    }

    #[test]
    fn iso_weeks() {
        let week = |year, month, day| iso_year_and_week(days_from_date(Date { year, month, day }) as i32);
        assert_eq!(week(2005, 1, 1), (2004, 53));
        assert_eq!(week(2008, 12, 29), (2009, 1));
        assert_eq!(week(2024, 1, 1), (2024, 1));
        assert_eq!(date_from_days(iso_year_start(2009) as i32), Date { year: 2008, month: 12, day: 29 });
    }
}
