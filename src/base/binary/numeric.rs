//! Binary form of numeric: digits in base 10000.
//!
//! ```text
//! count i16 | weight i16 | sign u16 | display scale u16 | digits i16 …
//! ```
//!
//! The first digit counts `10000^weight`. The sign is 0 or 0x4000 (minus), or one of the special kinds.

use crate::base::numeric::Numeric;
use crate::base::sqlstate::SqlState;
use crate::error::{Error, Result};
use num_bigint::{BigInt, BigUint, Sign};
use num_traits::Zero;

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const NEGATIVE_INFINITY: u16 = 0xF000;
const SCALE_MASK: u16 = 0x3FFF;
/// PostgreSQL takes no more groups of digits than this.
const GROUPS_MAX: u16 = 3000;

pub(super) fn encode(number: &Numeric, out: &mut Vec<u8>) {
    let special = match number {
        Numeric::NaN => NAN,
        Numeric::Infinity => INFINITY,
        Numeric::NegativeInfinity => NEGATIVE_INFINITY,
        Numeric::Finite(_) => return encode_finite(number, out),
    };
    put(out, &[0, 0, special, 0]);
}

fn put(out: &mut Vec<u8>, words: &[u16]) {
    for word in words {
        out.extend_from_slice(&word.to_be_bytes());
    }
}

fn encode_finite(number: &Numeric, out: &mut Vec<u8>) {
    let Some((digits, scale)) = number.parts() else {
        return;
    };
    if digits.is_zero() {
        return put(out, &[0, 0, 0, scale as u16]);
    }
    let text = digits.magnitude().to_str_radix(10);
    // Zeros in front and behind bring the point to a border between groups of four.
    let behind = (4 - scale.rem_euclid(4)) as usize % 4;
    let in_front = (4 - (text.len() + behind) % 4) % 4;
    let mut padded = Vec::with_capacity(text.len() + 8);
    padded.resize(in_front, b'0');
    padded.extend_from_slice(text.as_bytes());
    padded.resize(padded.len() + behind, b'0');
    let group = |four: &[u8]| four.iter().fold(0, |value, digit| value * 10 + u16::from(digit - b'0'));
    let groups: Vec<u16> = padded.chunks(4).map(group).collect();
    let last = groups.iter().rposition(|group| *group != 0).map_or(0, |last| last + 1);
    let groups_behind = (scale + behind as i64) / 4;
    let weight = groups.len() as i64 - groups_behind - 1;
    let leading = groups.iter().take_while(|group| **group == 0).count();
    let kept = &groups[leading.min(last)..last];
    let sign = if digits.sign() == Sign::Minus { NEGATIVE } else { 0 };
    put(out, &[kept.len() as u16, (weight - leading as i64) as u16, sign, scale as u16]);
    put(out, kept);
}

fn invalid(what: &str) -> Error {
    Error::new(SqlState::INVALID_BINARY_REPRESENTATION, format!("invalid {what} in external \"numeric\" value"))
}

pub(super) fn decode(bytes: &[u8]) -> Result<Numeric> {
    let (head, digits) = bytes.split_first_chunk::<8>().ok_or_else(super::too_short)?;
    let word = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    let (count, weight, sign, scale) = (word(0), word(2) as i16, word(4), word(6));
    if digits.len() < usize::from(count) * 2 {
        return Err(super::too_short());
    }
    if count > GROUPS_MAX {
        return Err(invalid("length"));
    }
    match sign {
        NAN => return Ok(Numeric::NaN),
        INFINITY => return Ok(Numeric::Infinity),
        NEGATIVE_INFINITY => return Ok(Numeric::NegativeInfinity),
        0 | NEGATIVE => {}
        _ => return Err(invalid("sign")),
    }
    if scale & !SCALE_MASK != 0 {
        return Err(invalid("scale"));
    }
    if digits.len() != usize::from(count) * 2 {
        return Err(invalid("length"));
    }
    let mut decimal = Vec::with_capacity(usize::from(count) * 4);
    for pair in digits.chunks_exact(2) {
        let group = u16::from_be_bytes([pair[0], pair[1]]);
        if group >= 10_000 {
            return Err(invalid("digit"));
        }
        decimal.extend([group / 1000, group / 100 % 10, group / 10 % 10, group % 10].map(|digit| digit as u8));
    }
    let magnitude = BigUint::from_radix_be(&decimal, 10).unwrap_or_default();
    let sign = if sign == NEGATIVE { Sign::Minus } else { Sign::Plus };
    // The digits are worth 10^(4·weight) down to this power.
    let power = 4 * (i64::from(weight) + 1 - i64::from(count));
    rescaled(BigInt::from_biguint(sign, magnitude), power, i64::from(scale))
}

/// `digits × 10^power`, cut to a scale.
fn rescaled(digits: BigInt, power: i64, scale: i64) -> Result<Numeric> {
    let shift = power + scale;
    if digits.is_zero() || -shift > 4 * i64::from(i16::MAX) {
        return Ok(Numeric::new(BigInt::zero(), scale));
    }
    // Both are bounded by 16-bit fields, so these powers stay below a few hundred thousand digits.
    let ten_to = |exponent: i64| BigInt::from(10).pow(exponent.unsigned_abs() as u32);
    let scaled = if shift >= 0 { digits * ten_to(shift) } else { digits / ten_to(shift) };
    Ok(Numeric::new(scaled, scale))
}
