//! Text form of integers and floats.

use crate::base::sqlstate::SqlState;
use crate::base::types::TypeKind;
use crate::error::{Error, Result};

/// What PostgreSQL calls white space around numbers.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c'])
}

/// `invalid input syntax for type …`
pub(crate) fn invalid(kind: TypeKind, text: &str) -> Error {
    Error::new(
        SqlState::INVALID_TEXT_REPRESENTATION,
        format!("invalid input syntax for type {}: \"{}\"", kind.shown(), shorten(text)),
    )
}

/// Error messages quote what was wrong, but not megabytes of it.
pub(crate) fn shorten(text: &str) -> &str {
    const QUOTED_BYTES_MAX: usize = 1000;
    let mut end = text.len().min(QUOTED_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// An integer between `min` and `max`.
pub(super) fn parse_integer(text: &str, kind: TypeKind, min: i64, max: i64) -> Result<i64> {
    let trimmed = trim(text);
    let digits = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid(kind, text));
    }
    let number = trimmed.parse::<i64>().ok().filter(|number| (min..=max).contains(number));
    number.ok_or_else(|| {
        let message = format!("value \"{}\" is out of range for type {}", shorten(text), kind.shown());
        Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message)
    })
}

/// What Rust reads as a float is what PostgreSQL reads, but for hexadecimal floats and values out of range.
fn float_syntax(text: &str, kind: TypeKind) -> Result<&str> {
    let trimmed = trim(text);
    let shape = trimmed.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-'));
    if trimmed.is_empty() || !shape { Err(invalid(kind, text)) } else { Ok(trimmed) }
}

/// Whether digits that are not zero were rounded to infinity or zero.
fn lost(trimmed: &str, infinite: bool, zero: bool) -> bool {
    let word = trimmed.trim_start_matches(['-', '+']).starts_with(['i', 'I']);
    let mantissa = trimmed.split(['e', 'E']).next().unwrap_or("");
    (infinite && !word) || (zero && mantissa.bytes().any(|byte| (b'1'..=b'9').contains(&byte)))
}

fn out_of_range(kind: TypeKind, text: &str) -> Error {
    let message = format!("\"{}\" is out of range for type {}", shorten(text), kind.shown());
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message)
}

pub(super) fn parse_float_8(text: &str) -> Result<f64> {
    let trimmed = float_syntax(text, TypeKind::Float8)?;
    let number: f64 = trimmed.parse().map_err(|_| invalid(TypeKind::Float8, text))?;
    if lost(trimmed, number.is_infinite(), number == 0.0) {
        return Err(out_of_range(TypeKind::Float8, trimmed));
    }
    Ok(number)
}

pub(super) fn parse_float_4(text: &str) -> Result<f32> {
    let trimmed = float_syntax(text, TypeKind::Float4)?;
    let number: f32 = trimmed.parse().map_err(|_| invalid(TypeKind::Float4, text))?;
    if lost(trimmed, number.is_infinite(), number == 0.0) {
        return Err(out_of_range(TypeKind::Float4, trimmed));
    }
    Ok(number)
}

pub(super) fn write_integer(number: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// From here on PostgreSQL writes an exponent.
const FLOAT_8_FIXED_DIGITS: i32 = 15;
const FLOAT_4_FIXED_DIGITS: i32 = 6;

/// The shortest text that reads back as the same float, as PostgreSQL writes it with extra_float_digits above 0; with
/// less, `digits + extra` significant digits.
pub(crate) fn write_float_8(number: f64, extra_float_digits: i32, out: &mut Vec<u8>) {
    if special(number, out) {
        return;
    }
    if extra_float_digits > 0 {
        layout(ryu::Buffer::new().format_finite(number), FLOAT_8_FIXED_DIGITS, out);
    } else {
        let digits = (15 + extra_float_digits).max(1);
        layout(&format!("{number:.*e}", digits as usize - 1), digits, out);
    }
}

pub(crate) fn write_float_4(number: f32, extra_float_digits: i32, out: &mut Vec<u8>) {
    if special(f64::from(number), out) {
        return;
    }
    if extra_float_digits > 0 {
        layout(ryu::Buffer::new().format_finite(number), FLOAT_4_FIXED_DIGITS, out);
    } else {
        let digits = (6 + extra_float_digits).max(1);
        layout(&format!("{number:.*e}", digits as usize - 1), digits, out);
    }
}

fn special(number: f64, out: &mut Vec<u8>) -> bool {
    let word: &[u8] = if number.is_nan() {
        b"NaN"
    } else if number == f64::INFINITY {
        b"Infinity"
    } else if number == f64::NEG_INFINITY {
        b"-Infinity"
    } else {
        return false;
    };
    out.extend_from_slice(word);
    true
}

/// Lays the digits of a decimal float (`-12.5`, `1.25e-7`) out as C's `%g` does.
fn layout(decimal: &str, fixed_digits: i32, out: &mut Vec<u8>) {
    let (mantissa, exponent) = decimal.split_once('e').unwrap_or((decimal, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = [whole.as_bytes(), fraction.as_bytes()].concat();
    let leading = all.iter().take_while(|digit| **digit == b'0').count();
    let kept = all.iter().rposition(|digit| *digit != b'0').map_or(leading, |last| last + 1);
    out.extend_from_slice(sign.as_bytes());
    if leading >= kept {
        out.push(b'0');
        return;
    }
    let digits = &all[leading..kept];
    // The decimal exponent of the first digit that is not zero.
    let first = exponent + whole.len() as i32 - leading as i32 - 1;
    if (-4..fixed_digits).contains(&first) { fixed(digits, first, out) } else { scientific(digits, first, out) }
}

fn fixed(digits: &[u8], first: i32, out: &mut Vec<u8>) {
    if first < 0 {
        out.extend_from_slice(b"0.");
        out.resize(out.len() + (-first - 1) as usize, b'0');
        out.extend_from_slice(digits);
        return;
    }
    let whole = first as usize + 1;
    if digits.len() <= whole {
        out.extend_from_slice(digits);
        out.resize(out.len() + whole - digits.len(), b'0');
    } else {
        out.extend_from_slice(&digits[..whole]);
        out.push(b'.');
        out.extend_from_slice(&digits[whole..]);
    }
}

fn scientific(digits: &[u8], first: i32, out: &mut Vec<u8>) {
    out.push(digits[0]);
    if digits.len() > 1 {
        out.push(b'.');
        out.extend_from_slice(&digits[1..]);
    }
    out.extend_from_slice(if first < 0 { b"e-" } else { b"e+" });
    if first.abs() < 10 {
        out.push(b'0');
    }
    write_integer(first.abs(), out);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(number: f64) -> String {
        let mut out = Vec::new();
        write_float_8(number, 1, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn floats_as_postgresql_writes_them() {
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.5, "1.5"),
            (100.0, "100"),
            (1e14, "100000000000000"),
            (1e15, "1e+15"),
            (123456789012345680.0, "1.2345678901234568e+17"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1e-300, "1e-300"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
            (0.1 + 0.2, "0.30000000000000004"),
        ] {
            assert_eq!(shown(number), text);
        }
        let mut out = Vec::new();
        write_float_4(1e6, 1, &mut out);
        write_float_4(123456.0, 1, &mut out);
        write_float_8(0.1 + 0.2, 0, &mut out);
        assert_eq!(out, b"1e+061234560.3");
    }

    #[test]
    fn bad_numbers() {
        assert_eq!(parse_float_8("1e400").unwrap_err().state(), SqlState::NUMERIC_VALUE_OUT_OF_RANGE);
        assert_eq!(parse_float_8("1e-400").unwrap_err().state(), SqlState::NUMERIC_VALUE_OUT_OF_RANGE);
        assert_eq!(parse_float_8("x").unwrap_err().message(), "invalid input syntax for type double precision: \"x\"");
        assert!(parse_float_8(" -Infinity ").unwrap().is_infinite());
        let error = parse_integer("99999999999", TypeKind::Int4, -5, 5).unwrap_err();
        assert_eq!(error.message(), "value \"99999999999\" is out of range for type integer");
        assert_eq!(parse_integer(" +4 ", TypeKind::Int4, -5, 5).unwrap(), 4);
    }
}
