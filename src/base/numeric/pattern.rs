//! `to_char` and `to_number` of numbers (`FM999,999.00`, `S9`, `9.99EEEE`, `RN`).
//!
//! The pattern says how many digits stand before and after the point; the number is rounded to that and its text laid
//! over the pattern place by place. What does not fit shows as `#`. The rules for where a sign stands and which zeros
//! are left out are PostgreSQL's, place by place, because their corner cases follow from no simpler rule.

use super::{Numeric, power_of_ten};
use crate::base::convert::{numeric_to_integer, out_of_range};
use crate::base::sqlstate::SqlState;
use crate::base::types::TypeKind;
use crate::error::{Error, Result};
use num_bigint::BigInt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Nine,
    Zero,
    Point,
    Group,
    Currency,
    Sign,
    Minus,
    Plus,
    SignAnywhere,
    Bracket,
    Roman,
    Ordinal,
    Blank,
    Shift,
    Exponent,
    FillMode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    /// A key, and whether it was written in small letters.
    Field(Key, bool),
    Text(char),
}

const KEYS: &[(&str, Key)] = &[
    (",", Key::Group),
    (".", Key::Point),
    ("0", Key::Zero),
    ("9", Key::Nine),
    ("B", Key::Blank),
    ("D", Key::Point),
    ("EEEE", Key::Exponent),
    ("FM", Key::FillMode),
    ("G", Key::Group),
    ("L", Key::Currency),
    ("MI", Key::Minus),
    ("PL", Key::Plus),
    ("PR", Key::Bracket),
    ("RN", Key::Roman),
    ("SG", Key::SignAnywhere),
    ("S", Key::Sign),
    ("TH", Key::Ordinal),
    ("V", Key::Shift),
];

/// Most digits that `V` shifts by.
const SHIFT_MAX: usize = 1000;

/// Where `S` puts the sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SignPlace {
    None,
    Before,
    After,
}

/// What a pattern asks for as a whole.
#[derive(Clone, Debug)]
struct Shape {
    /// Digits before the point.
    whole: usize,
    /// Digits after it.
    fraction: usize,
    point: bool,
    /// The first place that shows a zero, if any does.
    zero_start: Option<usize>,
    /// The last place that does, counted from 1.
    zero_end: usize,
    fill_mode: bool,
    sign: bool,
    sign_place: SignPlace,
    whole_before_sign: usize,
    minus: bool,
    plus: bool,
    bracket: bool,
    roman: Option<bool>,
    /// Digits that `V` shifts by.
    shift: Option<usize>,
    exponent: bool,
}

fn syntax(message: &str) -> Error {
    Error::new(SqlState::SYNTAX_ERROR, message)
}

fn split(pattern: &str) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        let key = KEYS.iter().find_map(|(name, key)| {
            let written = rest.get(..name.len())?;
            let small = written != *name;
            let mixed = small && written.bytes().any(|byte| byte.is_ascii_uppercase());
            (written.eq_ignore_ascii_case(name) && !mixed).then_some((name.len(), *key, small))
        });
        if let Some((length, key, small)) = key {
            nodes.push(Node::Field(key, small));
            rest = &rest[length..];
            continue;
        }
        rest = &rest[first.len_utf8()..];
        match first {
            '"' => {
                let mut characters = rest.chars();
                while let Some(character) = characters.next() {
                    match character {
                        '"' => break,
                        '\\' => nodes.extend(characters.next().map(Node::Text)),
                        other => nodes.push(Node::Text(other)),
                    }
                }
                rest = characters.as_str();
            }
            '\\' if rest.starts_with('"') => {
                nodes.push(Node::Text('"'));
                rest = &rest[1..];
            }
            other => nodes.push(Node::Text(other)),
        }
    }
    nodes
}

impl Shape {
    fn of(nodes: &[Node]) -> Result<Shape> {
        let mut shape = Shape {
            whole: 0,
            fraction: 0,
            point: false,
            zero_start: None,
            zero_end: 0,
            fill_mode: false,
            sign: false,
            sign_place: SignPlace::None,
            whole_before_sign: 0,
            minus: false,
            plus: false,
            bracket: false,
            roman: None,
            shift: None,
            exponent: false,
        };
        for node in nodes {
            if let Node::Field(key, small) = node {
                shape.add(*key, *small)?;
            }
        }
        Ok(shape)
    }

    fn add(&mut self, key: Key, small: bool) -> Result<()> {
        if self.exponent {
            return Err(syntax("\"EEEE\" must be the last pattern used"));
        }
        match key {
            Key::Nine | Key::Zero => self.digit(key)?,
            Key::Point => {
                if self.point {
                    return Err(syntax("multiple decimal points"));
                }
                if self.shift.is_some() {
                    return Err(syntax("cannot use \"V\" and decimal point together"));
                }
                self.point = true;
            }
            Key::Sign => {
                if self.sign {
                    return Err(syntax("cannot use \"S\" twice"));
                }
                if self.plus || self.minus || self.bracket {
                    return Err(syntax("cannot use \"S\" and \"PL\"/\"MI\"/\"SG\"/\"PR\" together"));
                }
                self.sign = true;
                self.whole_before_sign = self.whole;
                self.sign_place = if self.point { SignPlace::After } else { SignPlace::Before };
            }
            Key::Minus | Key::Plus | Key::SignAnywhere => {
                if self.sign {
                    let name = if key == Key::Minus {
                        "MI"
                    } else if key == Key::Plus {
                        "PL"
                    } else {
                        "SG"
                    };
                    return Err(syntax(&format!("cannot use \"S\" and \"{name}\" together")));
                }
                self.minus |= key != Key::Plus;
                self.plus |= key != Key::Minus;
            }
            Key::Bracket => {
                if self.sign || self.plus || self.minus {
                    return Err(syntax("cannot use \"PR\" and \"S\"/\"PL\"/\"MI\"/\"SG\" together"));
                }
                self.bracket = true;
            }
            Key::FillMode => self.fill_mode = true,
            Key::Roman => self.roman = Some(small),
            Key::Shift => {
                if self.point {
                    return Err(syntax("cannot use \"V\" and decimal point together"));
                }
                self.shift = Some(0);
            }
            Key::Exponent => self.exponent = true,
            Key::Group | Key::Currency | Key::Ordinal | Key::Blank => {}
        }
        Ok(())
    }

    fn digit(&mut self, key: Key) -> Result<()> {
        if self.bracket {
            let digit = if key == Key::Zero { '0' } else { '9' };
            return Err(syntax(&format!("\"{digit}\" must be ahead of \"PR\"")));
        }
        if key == Key::Zero && self.zero_start.is_none() && !self.point {
            self.zero_start = Some(self.whole);
        }
        match (&mut self.shift, self.point) {
            // A zero after V counts as a digit before the point.
            (Some(shift), _) if key == Key::Nine => *shift += 1,
            (_, true) => self.fraction += 1,
            (_, false) => self.whole += 1,
        }
        if key == Key::Zero {
            self.zero_end = self.whole + self.fraction;
        }
        Ok(())
    }
}

/// A number by a pattern.
pub fn to_char(number: &Numeric, pattern: &str) -> Result<String> {
    let nodes = split(pattern);
    let mut shape = Shape::of(&nodes)?;
    if let Some(small) = shape.roman {
        let whole = numeric_to_integer(number, TypeKind::Int4)?;
        let whole = i32::try_from(whole).map_err(|_| out_of_range(TypeKind::Int4))?;
        return Ok(roman(whole, shape.fill_mode, small));
    }
    if shape.exponent {
        return scientific(number, &shape);
    }
    let mut rounded = number.clone();
    if let Some(shift) = shape.shift {
        if shift > SHIFT_MAX {
            return Err(super::overflow());
        }
        rounded = rounded.multiply(&Numeric::new(power_of_ten(shift as i64), 0))?;
        shape.whole += shift;
    }
    let text = rounded.round(shape.fraction as i64)?.to_string();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.as_str()),
    };
    let whole = digits.find('.').unwrap_or(digits.len());
    let mut number = digits.as_bytes().to_vec();
    if whole > shape.whole {
        number = vec![b'#'; shape.whole + shape.fraction + 1];
        number[shape.whole] = b'.';
    }
    let has_ordinal = nodes.iter().any(|node| matches!(node, Node::Field(Key::Ordinal, _)));
    if has_ordinal && !negative && !shape.point && number.last().is_some_and(u8::is_ascii_alphabetic) {
        let message = format!("\"{digits}\" is not a number");
        return Err(Error::new(SqlState::INVALID_TEXT_REPRESENTATION, message));
    }
    let spaces = shape.whole.saturating_sub(whole);
    Ok(Layout::new(shape, number, spaces, negative).run(&nodes))
}

/// `1.23e+05`, with the fraction's digits of the pattern.
fn scientific(number: &Numeric, shape: &Shape) -> Result<String> {
    let Some((digits, scale)) = number.parts() else {
        // As wide as a number with an exponent would be.
        return Ok(format!(" {}.{}", "#".repeat(shape.whole), "#".repeat(shape.fraction + 4)));
    };
    let exponent = match digits.sign() {
        num_bigint::Sign::NoSign => 0,
        _ => super::decimal_digits(&digits) - scale - 1,
    };
    let places = shape.fraction as i64;
    // One digit, a point and the rest. Where rounding carries, PostgreSQL leaves two digits in front.
    let mantissa = shifted(&digits, scale + exponent, places);
    let shown = Numeric::new(mantissa, places).to_string();
    let space = if number.sign() < 0 { "" } else { " " };
    let sign = if exponent < 0 { '-' } else { '+' };
    Ok(format!("{space}{shown}e{sign}{:02}", exponent.abs()))
}

/// `digits × 10^-from` at a scale, rounded.
fn shifted(digits: &BigInt, from: i64, scale: i64) -> BigInt {
    if scale >= from {
        digits * power_of_ten(scale - from)
    } else {
        super::arithmetic::divide_rounded(digits.clone(), &power_of_ten(from - scale))
    }
}

fn roman(number: i32, fill_mode: bool, small: bool) -> String {
    const STEPS: [(i32, &str); 13] = [
        (1000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    let mut left = if (1..4000).contains(&number) { number } else { 0 };
    let mut shown = if left == 0 { "#".repeat(15) } else { String::new() };
    for (step, letters) in STEPS {
        while left >= step {
            shown += letters;
            left -= step;
        }
    }
    let shown = if small { shown.to_ascii_lowercase() } else { shown };
    if fill_mode { shown } else { format!("{shown:>15}") }
}

/// Lays a number over a pattern.
struct Layout {
    shape: Shape,
    number: Vec<u8>,
    /// The next character of the number.
    next: usize,
    negative: bool,
    /// Places before the number's first digit.
    spaces: usize,
    /// Where the last digit stands that is shown in fill mode.
    last_relevant: Option<usize>,
    sign_written: bool,
    /// Digit places in all, with one for the sign where it needs one.
    places: usize,
    place: usize,
    in_number: bool,
    out: String,
}

impl Layout {
    fn new(mut shape: Shape, number: Vec<u8>, spaces: usize, negative: bool) -> Layout {
        let sign_written = if shape.plus || shape.minus {
            shape.minus
        } else {
            if !negative && shape.fill_mode {
                shape.bracket = false;
            }
            if shape.sign_place == SignPlace::Before && shape.whole == shape.whole_before_sign {
                shape.sign_place = SignPlace::After;
            }
            !negative && shape.fill_mode && !shape.sign
        };
        let mut last_relevant = None;
        if shape.fill_mode && shape.point {
            last_relevant = number
                .iter()
                .position(|byte| *byte == b'.')
                .map(|point| number.iter().rposition(|byte| *byte != b'0').unwrap_or(point).max(point));
            if let Some(last) = last_relevant.filter(|_| shape.zero_end > spaces) {
                last_relevant = Some(last.max((shape.zero_end - spaces).min(number.len() - 1)));
            }
        }
        let places = (shape.whole + shape.fraction).saturating_sub(1) + usize::from(!sign_written && spaces == 0);
        Layout {
            shape,
            number,
            next: 0,
            negative,
            spaces,
            last_relevant,
            sign_written,
            places,
            place: 0,
            in_number: false,
            out: String::new(),
        }
    }

    fn run(mut self, nodes: &[Node]) -> String {
        for node in nodes {
            match node {
                Node::Text(character) => self.out.push(*character),
                Node::Field(key, small) => self.field(*key, *small),
            }
        }
        // A place behind the end of the number (of NaN) ends the text.
        let end = self.out.find('\0').unwrap_or(self.out.len());
        self.out.truncate(end);
        self.out
    }

    fn field(&mut self, key: Key, small: bool) {
        let fill = |out: &mut String, fill_mode: bool| {
            if !fill_mode {
                out.push(' ');
            }
        };
        match key {
            Key::Nine | Key::Zero | Key::Point => self.digit(key),
            Key::Group if self.in_number => self.out.push(','),
            Key::Group => fill(&mut self.out, self.shape.fill_mode),
            Key::Currency => self.out.push(' '),
            Key::Minus if self.negative => self.out.push('-'),
            Key::Plus if !self.negative => self.out.push('+'),
            Key::Minus | Key::Plus => fill(&mut self.out, self.shape.fill_mode),
            Key::SignAnywhere => self.out.push(if self.negative { '-' } else { '+' }),
            Key::Ordinal if !self.negative && !self.shape.point && self.number.first() != Some(&b'#') => {
                let digits = String::from_utf8_lossy(&self.number).into_owned();
                let ending = crate::base::datetime::pattern::ordinal(&digits);
                self.out.push_str(&if small { ending.to_owned() } else { ending.to_ascii_uppercase() });
            }
            _ => {}
        }
    }

    /// A zero before the point that `9.9` leaves out.
    fn is_space_before_point(&self) -> bool {
        self.shape.zero_start.is_none()
            && self.next == 0
            && self.number.first() == Some(&b'0')
            && self.shape.fraction != 0
    }

    fn point_is_last(&self) -> bool {
        self.last_relevant.is_some_and(|last| self.number.get(last) == Some(&b'.'))
    }

    fn digit(&mut self, key: Key) {
        self.in_number = false;
        let zero_here = self.shape.zero_start == Some(self.place);
        if !self.sign_written
            && (self.place >= self.spaces || zero_here)
            && (!self.is_space_before_point() || self.point_is_last())
        {
            self.sign_before();
        }
        let zeros_begun = self.shape.zero_start.is_some_and(|start| start <= self.place);
        if self.place < self.spaces && !zeros_begun {
            if !self.shape.fill_mode {
                self.out.push(' ');
            }
        } else if self.place < self.spaces {
            self.out.push('0');
            self.in_number = true;
        } else {
            self.number_character(key);
        }
        let mut end = self.places + usize::from(self.spaces > 0) + usize::from(self.shape.point);
        if self.last_relevant.is_some_and(|last| last == self.next) {
            end = self.place;
        }
        if self.place + 1 == end {
            self.sign_after();
        }
        self.place += 1;
    }

    fn number_character(&mut self, key: Key) {
        let character = self.number.get(self.next).copied().unwrap_or(0);
        let behind_last = self.last_relevant.is_some_and(|last| self.next > last) && key != Key::Zero;
        if character == b'.' {
            if !self.point_is_last() || self.shape.fill_mode {
                self.out.push('.');
            }
        } else if behind_last {
            // Zeros at the end are left out in fill mode.
        } else if self.is_space_before_point() {
            if !self.shape.fill_mode {
                self.out.push(' ');
            } else if self.point_is_last() {
                self.out.push('0');
            }
        } else {
            self.out.push(character as char);
            self.in_number = true;
        }
        if self.next < self.number.len() {
            self.next += 1;
        }
    }

    fn sign_before(&mut self) {
        if self.shape.sign {
            if self.shape.sign_place == SignPlace::Before {
                self.out.push(if self.negative { '-' } else { '+' });
                self.sign_written = true;
            }
            return;
        }
        match (self.shape.bracket, self.negative) {
            (true, true) => self.out.push('<'),
            (true, false) => self.out.push(' '),
            (false, true) => self.out.push('-'),
            (false, false) if !self.shape.fill_mode => self.out.push(' '),
            (false, false) => {}
        }
        self.sign_written = true;
    }

    fn sign_after(&mut self) {
        if self.sign_written && self.shape.bracket {
            self.out.push(if self.negative { '>' } else { ' ' });
        } else if self.shape.sign && self.shape.sign_place == SignPlace::After {
            self.out.push(if self.negative { '-' } else { '+' });
        }
    }
}

/// Reads a number by a pattern: digits and the point where the pattern has them, a sign anywhere, and whatever the
/// pattern has besides is passed over.
pub fn to_number(text: &str, pattern: &str) -> Result<Numeric> {
    let nodes = split(pattern);
    let shape = Shape::of(&nodes)?;
    if shape.exponent || shape.roman.is_some() {
        let name = if shape.exponent { "EEEE" } else { "RN" };
        return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, format!("\"{name}\" not supported for input")));
    }
    let (mut rest, mut digits, mut negative) = (text, String::new(), false);
    for node in &nodes {
        match node {
            Node::Field(Key::Nine | Key::Zero | Key::Point, _) => {
                rest = number_place(rest, &shape, *node, &mut digits, &mut negative);
            }
            Node::Field(Key::Group, _) => rest = rest.strip_prefix(',').unwrap_or(rest),
            Node::Field(Key::Sign | Key::Minus | Key::Plus | Key::SignAnywhere | Key::Bracket, _) => {
                negative |= rest.starts_with(['-', '<']);
                rest = rest.strip_prefix(['-', '+', '>']).unwrap_or(rest);
            }
            Node::Field(Key::Currency, _) => {
                rest = rest
                    .strip_prefix(|c: char| !c.is_ascii_digit() && !matches!(c, '-' | '+' | '.' | ','))
                    .unwrap_or(rest);
            }
            Node::Field(Key::Ordinal, _) => rest = rest.get(2..).unwrap_or(""),
            Node::Text(character) => rest = rest.strip_prefix(*character).unwrap_or(rest),
            Node::Field(..) => {}
        }
    }
    negative |= rest.starts_with('-') && shape.sign;
    if !digits.bytes().any(|byte| byte.is_ascii_digit()) {
        return Err(crate::base::text::invalid(TypeKind::Numeric, " "));
    }
    let number = super::parse(&digits)?;
    let number = if negative { number.negate() } else { number };
    match shape.shift {
        Some(shift) if shift > SHIFT_MAX => Err(super::overflow()),
        Some(shift) => number.divide(&Numeric::new(power_of_ten(shift as i64), 0)),
        None => Ok(number),
    }
}

/// One place of the pattern: a sign in front, then a digit or the point.
fn number_place<'a>(text: &'a str, shape: &Shape, node: Node, digits: &mut String, negative: &mut bool) -> &'a str {
    let mut rest = text.trim_start_matches(' ');
    if digits.is_empty() {
        *negative |= rest.starts_with(['-', '<']);
        rest = rest.strip_prefix(['-', '+', '<']).unwrap_or(rest).trim_start_matches(' ');
    }
    let Some(first) = rest.chars().next() else {
        return rest;
    };
    if first.is_ascii_digit() && node != Node::Field(Key::Point, false) {
        digits.push(first);
        return &rest[1..];
    }
    if first == '.' && !digits.contains('.') && shape.point {
        digits.push('.');
        return &rest[1..];
    }
    rest
}
