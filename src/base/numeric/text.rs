//! Text form of numeric.

use super::{Numeric, SCALE_MAX, WHOLE_DIGITS_MAX, overflow};
use crate::base::text::invalid;
use crate::base::types::TypeKind;
use crate::error::Result;
use num_bigint::{BigInt, BigUint, Sign};
use num_traits::ToPrimitive;
use std::fmt;

/// Reads digits with an optional point and exponent, NaN, or an infinity.
pub fn parse(text: &str) -> Result<Numeric> {
    let trimmed = text.trim_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    match word(trimmed) {
        Some(number) => Ok(number),
        None => finite(trimmed).unwrap_or_else(|| Err(invalid(TypeKind::Numeric, text))),
    }
}

fn word(text: &str) -> Option<Numeric> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    if is("nan") {
        Some(Numeric::NaN)
    } else if ["inf", "infinity", "+inf", "+infinity"].iter().any(|word| is(word)) {
        Some(Numeric::Infinity)
    } else if ["-inf", "-infinity"].iter().any(|word| is(word)) {
        Some(Numeric::NegativeInfinity)
    } else {
        None
    }
}

/// `None` when it is not a number at all; an error when it is too large.
fn finite(text: &str) -> Option<Result<Numeric>> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (Sign::Minus, rest),
        None => (Sign::Plus, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)?),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits_only = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits_only(whole) || !digits_only(fraction) {
        return None;
    }
    Some(build(sign, whole.trim_start_matches('0'), fraction, exponent))
}

/// A number with a sign; one too long to matter is as good as any other that overflows.
fn exponent_of(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let size = digits.trim_start_matches('0').parse::<i64>().unwrap_or(i64::from(!digits.bytes().all(|b| b == b'0')));
    let size = if digits.trim_start_matches('0').len() > 9 { 1 << 31 } else { size };
    Some(if text.starts_with('-') { -size } else { size })
}

fn build(sign: Sign, whole: &str, fraction: &str, exponent: i64) -> Result<Numeric> {
    let scale = (fraction.len() as i64 - exponent).max(0);
    if scale > SCALE_MAX || whole.len() as i64 + exponent.max(0) > WHOLE_DIGITS_MAX + SCALE_MAX {
        return Err(overflow());
    }
    let mut digits = String::with_capacity(whole.len() + fraction.len());
    digits.push_str(whole);
    digits.push_str(fraction);
    let zeros = (exponent - fraction.len() as i64).max(0);
    if let (Ok(small), true) = (digits.parse::<u64>(), zeros <= 18 && !digits.is_empty()) {
        let magnitude = BigInt::from(u128::from(small) * 10_u128.pow(zeros as u32));
        return Numeric::checked(if sign == Sign::Minus { -magnitude } else { magnitude }, scale);
    }
    digits.extend(std::iter::repeat_n('0', zeros as usize));
    let magnitude = BigUint::parse_bytes(digits.as_bytes(), 10).unwrap_or_default();
    Numeric::checked(BigInt::from_biguint(sign, magnitude), scale)
}

impl Numeric {
    /// Adds the text: all digits of the scale, no exponent.
    pub fn write(&self, out: &mut Vec<u8>) {
        let Some((digits, scale)) = self.parts() else {
            return out.extend_from_slice(match self {
                Numeric::Infinity => b"Infinity",
                Numeric::NegativeInfinity => b"-Infinity",
                _ => b"NaN",
            });
        };
        let mut buffer = itoa::Buffer::new();
        let long;
        let magnitude = match digits.magnitude().to_u64() {
            Some(small) => buffer.format(small),
            None => {
                long = digits.magnitude().to_str_radix(10);
                &long
            }
        };
        if digits.sign() == Sign::Minus {
            out.push(b'-');
        }
        let scale = scale.max(0) as usize;
        if scale == 0 {
            return out.extend_from_slice(magnitude.as_bytes());
        }
        match magnitude.len().checked_sub(scale).filter(|whole| *whole > 0) {
            Some(whole) => {
                out.extend_from_slice(&magnitude.as_bytes()[..whole]);
                out.push(b'.');
                out.extend_from_slice(&magnitude.as_bytes()[whole..]);
            }
            None => {
                out.extend_from_slice(b"0.");
                out.resize(out.len() + scale - magnitude.len(), b'0');
                out.extend_from_slice(magnitude.as_bytes());
            }
        }
    }
}

impl fmt::Display for Numeric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::new();
        self.write(&mut out);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}
