//! Makes sense of the fields of a date, a time or both, by PostgreSQL's rules.
//!
//! Fields are read from left to right. Each says what it sets (a bit set); setting the same thing twice is an error.
//! What a bare number means depends on its length and on what is known already.

use super::MICROS_PER_DAY;
use super::calendar::{Date, TimeOfDay, date_from_days, days_from_date, days_in_month};
use super::keywords::{Unit, Word, date_word};
use super::parse::{DateOrder, Problem};
use super::parts::{Decode, clock_time, date_parts, fraction, number, offset};
use super::token::{Shape, Token};
use super::zone::{Zone, abbreviation};

/// What is set, as a bit set.
type Set = u32;

const YEAR: Set = 1;
const MONTH: Set = 1 << 1;
const DAY: Set = 1 << 2;
const HOUR: Set = 1 << 3;
const MINUTE: Set = 1 << 4;
const SECOND: Set = 1 << 5;
const ZONE: Set = 1 << 6;
const DAY_OF_YEAR: Set = 1 << 7;
const DAY_OF_WEEK: Set = 1 << 8;
const MERIDIEM: Set = 1 << 9;
const ERA: Set = 1 << 10;
const DAYLIGHT: Set = 1 << 11;
const SPECIAL: Set = 1 << 12;
const FRACTION: Set = 1 << 13;
const DATE: Set = YEAR | MONTH | DAY;
const TIME: Set = HOUR | MINUTE | SECOND;

/// What the words `now` and `today` and numbers without a zone depend on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surroundings {
    pub order: DateOrder,
    pub zone: Zone,
    /// The current time, microseconds since 2000-01-01 UTC.
    pub now_micros: i64,
    /// Whether a time without a date is what is asked for.
    pub time_only: bool,
}

/// What came out.
#[derive(Clone, Copy, Debug)]
pub(super) enum Decoded {
    Moment { date: Date, time: TimeOfDay, seconds_east: i32 },
    Epoch,
    Infinity,
    NegativeInfinity,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Meridiem {
    None,
    Morning,
    Afternoon,
}

pub(super) struct Decoder {
    surroundings: Surroundings,
    set: Set,
    date: Date,
    time: TimeOfDay,
    day_of_year: i32,
    meridiem: Meridiem,
    before_christ: bool,
    two_digit_year: bool,
    text_month: bool,
    julian: bool,
    /// A label (`y`, `T`, `J`) that says what the next number is.
    label: Option<Unit>,
    seconds_east: Option<i32>,
    zone: Option<Zone>,
    special: Option<Decoded>,
}

/// Reads the fields.
pub(super) fn decode(tokens: &[Token], surroundings: Surroundings) -> Decode<Decoded> {
    let mut decoder = Decoder {
        surroundings,
        set: 0,
        date: Date::default(),
        time: TimeOfDay::default(),
        day_of_year: 0,
        meridiem: Meridiem::None,
        before_christ: false,
        two_digit_year: false,
        text_month: false,
        julian: false,
        label: None,
        seconds_east: None,
        zone: None,
        special: None,
    };
    for position in 0..tokens.len() {
        if let Some(sets) = decoder.field(tokens, position)? {
            decoder.claim(sets)?;
        }
    }
    decoder.finish()
}

impl Decoder {
    fn claim(&mut self, sets: Set) -> Decode<()> {
        if self.set & sets != 0 {
            return Err(Problem::Syntax);
        }
        self.set |= sets;
        Ok(())
    }

    /// The date parts that count as known: all of them when only a time is asked for.
    fn known(&self) -> Set {
        if self.surroundings.time_only { self.set | DATE } else { self.set }
    }

    /// Reads a field; `None` when it says nothing.
    fn field(&mut self, tokens: &[Token], position: usize) -> Decode<Option<Set>> {
        let token = &tokens[position];
        match token.shape {
            Shape::Date => self.date_field(tokens, position).map(Some),
            Shape::Time => {
                if self.label.take().is_some_and(|label| label != Unit::Time) {
                    return Err(Problem::Syntax);
                }
                self.time = clock_time(&token.text)?;
                if self.time.overflows() && !self.surroundings.time_only {
                    return Err(Problem::FieldOverflow);
                }
                Ok(Some(TIME))
            }
            Shape::Signed => {
                self.seconds_east = Some(offset(&token.text)?);
                Ok(Some(ZONE))
            }
            Shape::Number => match self.label.take() {
                Some(label) => self.labelled(label, &token.text).map(Some),
                None => self.bare_number(tokens, position).map(Some),
            },
            Shape::Word | Shape::SignedWord => self.word(tokens, position),
        }
    }

    fn date_field(&mut self, tokens: &[Token], position: usize) -> Decode<Set> {
        let text = &tokens[position].text;
        if self.label == Some(Unit::Julian) {
            self.label = None;
            let digits = text.bytes().take_while(u8::is_ascii_digit).count();
            self.julian_day(number(&text[..digits])?)?;
            self.seconds_east = Some(offset(&text[digits..])?);
            return Ok(DATE | TIME | ZONE);
        }
        let starts_with_digit = text.starts_with(|first: char| first.is_ascii_digit());
        if self.surroundings.time_only {
            let last = tokens.last().is_some_and(|token| token.shape == Shape::Date);
            let second = tokens.get(1).is_some_and(|token| token.shape == Shape::Time);
            if position == 0 && tokens.len() >= 2 && (last || second) {
                return self.whole_date(text);
            }
        } else if self.label.is_none() && self.set & (MONTH | DAY) != MONTH | DAY {
            return self.whole_date(text);
        }
        if starts_with_digit || self.label.is_some() {
            return self.joined_time_and_zone(text);
        }
        self.zone = Some(Zone::named(text).ok_or_else(|| Problem::UnknownZone(text.clone()))?);
        Ok(ZONE)
    }

    /// `hhmmss-zz`.
    fn joined_time_and_zone(&mut self, text: &str) -> Decode<Set> {
        if self.label.take().is_some_and(|label| label != Unit::Time) || self.set & TIME == TIME {
            return Err(Problem::Syntax);
        }
        let at = text.find('-').ok_or(Problem::Syntax)?;
        self.seconds_east = Some(offset(&text[at..])?);
        Ok(self.number_field(&text[..at], self.known())? | ZONE)
    }

    /// A date with separators: month names first, because they are unambiguous, then numbers by their order.
    fn whole_date(&mut self, text: &str) -> Decode<Set> {
        let mut sets = 0;
        let parts = date_parts(text)?;
        let is_word = |part: &&str| part.starts_with(|first: char| first.is_ascii_alphabetic());
        for part in parts.iter().copied().filter(|part| is_word(part)) {
            match date_word(part) {
                Some(Word::Ignored) => continue,
                Some(Word::Month(month)) => self.date.month = month,
                _ => return Err(Problem::Syntax),
            }
            self.text_month = true;
            if (self.set | sets) & MONTH != 0 {
                return Err(Problem::Syntax);
            }
            sets |= MONTH;
        }
        for part in parts.iter().copied().filter(|part| !is_word(part)) {
            let more = self.date_number(part, self.set | sets)?;
            if (self.set | sets) & more != 0 {
                return Err(Problem::Syntax);
            }
            sets |= more;
        }
        if (self.set | sets) & !(DAY_OF_YEAR | ZONE) != DATE {
            return Err(Problem::Syntax);
        }
        Ok(sets)
    }

    fn bare_number(&mut self, tokens: &[Token], position: usize) -> Decode<Set> {
        let text = tokens[position].text.as_str();
        let point = text.find('.');
        if self.surroundings.time_only {
            let dated = position == 0 && tokens.len() >= 2 && tokens.last().is_some_and(|t| t.shape == Shape::Date);
            return match point {
                Some(_) if dated => self.whole_date(text),
                Some(at) if at > 2 => self.number_field(text, self.known()),
                Some(_) => Err(Problem::Syntax),
                None if text.len() > 4 => self.number_field(text, self.known()),
                None => self.date_number(text, self.known()),
            };
        }
        match point {
            Some(_) if self.set & DATE == 0 => self.whole_date(text),
            Some(at) if at > 2 => self.number_field(text, self.set),
            _ if text.len() >= 6 && (self.set & DATE == 0 || self.set & TIME == 0) => self.number_field(text, self.set),
            _ => self.date_number(text, self.set),
        }
    }

    /// One number of a date: which part it is follows from its length and from what is known.
    fn date_number(&mut self, text: &str, known: Set) -> Decode<Set> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let value = number(&text[..digits])?;
        if text[digits..].starts_with('.') {
            if digits > 2 {
                return self.number_field(text, known | DATE);
            }
            self.time.micros = fraction(&text[digits..])?;
        } else if digits != text.len() {
            return Err(Problem::Syntax);
        }
        if text.len() == 3 && known & DATE == YEAR && (1..=366).contains(&value) {
            self.day_of_year = value;
            return Ok(DAY_OF_YEAR | MONTH | DAY);
        }
        let long = text.len() >= 3;
        let order = self.surroundings.order;
        let part = match known & DATE {
            0 if long || order == DateOrder::YearMonthDay => YEAR,
            0 if order == DateOrder::DayMonthYear => DAY,
            0 | YEAR | DAY => MONTH,
            MONTH if self.text_month && (long || order == DateOrder::YearMonthDay) => YEAR,
            MONTH => DAY,
            set if set == YEAR | MONTH => {
                if self.text_month && long && self.two_digit_year {
                    // The number taken for the year was the day.
                    self.date.day = self.date.year;
                    self.date.year = value;
                    self.two_digit_year = false;
                    return Ok(DAY);
                }
                DAY
            }
            set if set == MONTH | DAY => YEAR,
            DATE => return self.number_field(text, known),
            _ => return Err(Problem::Syntax),
        };
        self.set_date_part(part, value);
        if part == YEAR {
            self.two_digit_year = text.len() <= 2;
        }
        Ok(part)
    }

    fn set_date_part(&mut self, part: Set, value: i32) {
        match part {
            YEAR => self.date.year = value,
            MONTH => self.date.month = value,
            _ => self.date.day = value,
        }
    }

    /// Digits run together: `yyyymmdd`, `yymmdd`, `hhmmss`, `hhmm`, the times also with a fraction.
    fn number_field(&mut self, text: &str, known: Set) -> Decode<Set> {
        let digits = match text.find('.') {
            Some(at) => {
                self.time.micros = fraction(&text[at..])?;
                &text[..at]
            }
            None => text,
        };
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Problem::Syntax);
        }
        let length = digits.len();
        if length == text.len() && known & DATE != DATE && length >= 6 {
            let (year, rest) = digits.split_at(length - 4);
            self.date = Date { year: number(year)?, month: number(&rest[..2])?, day: number(&rest[2..])? };
            self.two_digit_year |= year.len() == 2;
            return Ok(DATE);
        }
        if known & TIME != TIME && matches!(length, 4 | 6) {
            self.time.hour = number(&digits[..2])?;
            self.time.minute = number(&digits[2..4])?;
            self.time.second = if length == 6 { number(&digits[4..])? } else { 0 };
            return Ok(TIME);
        }
        Err(Problem::Syntax)
    }

    /// A number after a label, as in `y2001m02d04` or `J2451187`.
    fn labelled(&mut self, label: Unit, text: &str) -> Decode<Set> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        if label == Unit::Time {
            let sets = self.number_field(text, self.set | DATE)?;
            return if sets == TIME { Ok(sets) } else { Err(Problem::Syntax) };
        }
        let value = number(&text[..digits])?;
        let point = text[digits..].starts_with('.');
        if (point && !matches!(label, Unit::Julian | Unit::Second)) || (!point && digits != text.len()) {
            return Err(Problem::Syntax);
        }
        Ok(match label {
            Unit::Year => {
                self.date.year = value;
                YEAR
            }
            Unit::Month if self.set & MONTH != 0 && self.set & HOUR != 0 => {
                self.time.minute = value;
                MINUTE
            }
            Unit::Month => {
                self.date.month = value;
                MONTH
            }
            Unit::Day => {
                self.date.day = value;
                DAY
            }
            Unit::Hour => {
                self.time.hour = value;
                HOUR
            }
            Unit::Minute => {
                self.time.minute = value;
                MINUTE
            }
            Unit::Second => {
                self.time.second = value;
                self.time.micros = if point { fraction(&text[digits..])? } else { 0 };
                if point { SECOND | FRACTION } else { SECOND }
            }
            Unit::Julian => return self.julian_with_fraction(value, &text[digits..]),
            _ => return Err(Problem::Syntax),
        })
    }

    fn julian_with_fraction(&mut self, day: i32, fraction_text: &str) -> Decode<Set> {
        self.julian_day(day)?;
        if fraction_text.is_empty() {
            return Ok(DATE);
        }
        let part: f64 = format!("0{fraction_text}").parse().map_err(|_| Problem::Syntax)?;
        self.time = TimeOfDay::from_micros((part * MICROS_PER_DAY as f64) as i64);
        Ok(DATE | TIME)
    }

    fn julian_day(&mut self, day: i32) -> Decode<()> {
        let days = day.checked_sub(super::calendar::EPOCH_JULIAN).ok_or(Problem::FieldOverflow)?;
        self.date = date_from_days(days);
        self.julian = true;
        Ok(())
    }

    fn word(&mut self, tokens: &[Token], position: usize) -> Decode<Option<Set>> {
        let text = tokens[position].text.as_str();
        if let Some(found) = abbreviation(text) {
            self.seconds_east = Some(found.seconds_east);
            return Ok(Some(if found.daylight { ZONE | DAYLIGHT } else { ZONE }));
        }
        let Some(word) = date_word(text) else {
            self.zone = Some(Zone::named(text).ok_or(Problem::Syntax)?);
            return Ok(Some(ZONE));
        };
        let names_a_day = matches!(
            word,
            Word::Month(_)
                | Word::DayOfWeek
                | Word::Yesterday
                | Word::Today
                | Word::Tomorrow
                | Word::Epoch
                | Word::Infinity
                | Word::NegativeInfinity
        );
        if names_a_day && self.surroundings.time_only {
            return Err(Problem::Syntax);
        }
        Ok(Some(match word {
            Word::Ignored => return Ok(None),
            Word::Unit(unit) => {
                self.label = Some(unit);
                return Ok(None);
            }
            Word::IsoTime => {
                self.expect_time(tokens, position)?;
                return Ok(None);
            }
            Word::Month(month) => return Ok(Some(self.month_name(month))),
            Word::DayOfWeek => DAY_OF_WEEK,
            Word::Morning => {
                self.meridiem = Meridiem::Morning;
                MERIDIEM
            }
            Word::Afternoon => {
                self.meridiem = Meridiem::Afternoon;
                MERIDIEM
            }
            Word::Christ => ERA,
            Word::BeforeChrist => {
                self.before_christ = true;
                ERA
            }
            Word::Daylight => {
                self.seconds_east = Some(self.seconds_east.ok_or(Problem::Syntax)? + 3600);
                DAYLIGHT
            }
            other => self.reserved(other),
        }))
    }

    fn expect_time(&mut self, tokens: &[Token], position: usize) -> Decode<()> {
        let next = tokens.get(position + 1).map(|token| token.shape);
        let time_follows = matches!(next, Some(Shape::Number | Shape::Time | Shape::Date));
        if !time_follows || self.known() & DATE != DATE {
            return Err(Problem::Syntax);
        }
        self.label = Some(Unit::Time);
        Ok(())
    }

    fn month_name(&mut self, month: i32) -> Set {
        let number_was_day =
            self.set & MONTH != 0 && !self.text_month && self.set & DAY == 0 && (1..=31).contains(&self.date.month);
        let sets = if number_was_day {
            self.date.day = self.date.month;
            DAY
        } else {
            MONTH
        };
        self.text_month = true;
        self.date.month = month;
        sets
    }

    fn reserved(&mut self, word: Word) -> Set {
        let local = self.surroundings.zone.to_local(self.surroundings.now_micros).unwrap_or_default();
        let today = local.div_euclid(MICROS_PER_DAY) as i32;
        let mut day = |days: i32| {
            self.date = date_from_days(days);
            DATE
        };
        match word {
            Word::Yesterday => day(today - 1),
            Word::Today => day(today),
            Word::Tomorrow => day(today + 1),
            Word::Now => {
                day(today);
                self.time = TimeOfDay::from_micros(local.rem_euclid(MICROS_PER_DAY));
                self.seconds_east = Some(self.surroundings.zone.offset_at(self.surroundings.now_micros));
                DATE | TIME | ZONE
            }
            Word::Midnight => {
                self.time = TimeOfDay::default();
                self.seconds_east = Some(0);
                TIME | ZONE
            }
            _ => {
                self.special = Some(match word {
                    Word::Infinity => Decoded::Infinity,
                    Word::NegativeInfinity => Decoded::NegativeInfinity,
                    _ => Decoded::Epoch,
                });
                SPECIAL
            }
        }
    }

    fn finish(mut self) -> Decode<Decoded> {
        let time_only = self.surroundings.time_only;
        if let Some(special) = self.special {
            return Ok(special);
        }
        self.validate_date()?;
        self.apply_meridiem()?;
        if time_only {
            if self.time.overflows() {
                return Err(Problem::FieldOverflow);
            }
            if self.set & TIME != TIME {
                return Err(Problem::Syntax);
            }
        } else if self.set & DATE != DATE {
            return Err(Problem::Syntax);
        }
        let seconds_east = self.resolve_zone()?;
        Ok(Decoded::Moment { date: self.date, time: self.time, seconds_east })
    }

    fn resolve_zone(&self) -> Decode<i32> {
        if let (Some(seconds), None) = (self.seconds_east, &self.zone) {
            return Ok(seconds);
        }
        if self.zone.is_some() && self.set & DAYLIGHT != 0 {
            return Err(Problem::Syntax);
        }
        let zone = self.zone.unwrap_or(self.surroundings.zone);
        if self.set & DATE == DATE {
            let fields = super::calendar::Fields { date: self.date, time: self.time };
            // A day beyond the range of timestamps may still be a date, and dates have no offset.
            return Ok(fields.to_micros().map_or(0, |local| zone.offset_of_local(local)));
        }
        let moving = matches!(self.zone, Some(Zone::Named(named)) if !named.name().starts_with("Etc/"));
        if moving || self.set & DATE != 0 {
            return Err(Problem::Syntax);
        }
        // A time without a date: the offset of today.
        Ok(zone.offset_at(self.surroundings.now_micros))
    }

    fn validate_date(&mut self) -> Decode<()> {
        if self.set & YEAR != 0 && !self.julian {
            let year = self.date.year;
            self.date.year = match (self.before_christ, self.two_digit_year) {
                (true, _) if year > 0 => 1 - year,
                (false, true) if year < 70 => year + 2000,
                (false, true) if year < 100 => year + 1900,
                (false, _) if year > 0 => year,
                _ => return Err(Problem::FieldOverflow),
            };
        }
        if self.set & DAY_OF_YEAR != 0 {
            let start = days_from_date(Date { month: 1, day: 1, ..self.date });
            let days = start + i64::from(self.day_of_year) - 1;
            self.date = date_from_days(i32::try_from(days).map_err(|_| Problem::FieldOverflow)?);
        }
        if self.set & MONTH != 0 && !(1..=12).contains(&self.date.month) {
            return Err(Problem::MonthOrDayOverflow);
        }
        if self.set & DAY != 0 && !(1..=31).contains(&self.date.day) {
            return Err(Problem::MonthOrDayOverflow);
        }
        if self.set & DATE == DATE && self.date.day > days_in_month(self.date.year, self.date.month) {
            return Err(Problem::FieldOverflow);
        }
        Ok(())
    }

    fn apply_meridiem(&mut self) -> Decode<()> {
        if self.meridiem != Meridiem::None && self.time.hour > 12 {
            return Err(Problem::FieldOverflow);
        }
        match self.meridiem {
            Meridiem::Morning if self.time.hour == 12 => self.time.hour = 0,
            Meridiem::Afternoon if self.time.hour != 12 => self.time.hour += 12,
            _ => {}
        }
        Ok(())
    }
}
