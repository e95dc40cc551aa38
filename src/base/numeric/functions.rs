//! Roots, powers, exponentials and logarithms.
//!
//! They are computed in fixed point on large integers, with more digits than are shown, so the last digit shown is
//! right. The scales of the results are chosen by the same estimates as PostgreSQL's, which work on the first digits
//! in base 10000.

use super::arithmetic::{divide_rounded, result_scale, weight_and_first_digit};
use super::{DISPLAY_SCALE_MAX, Numeric, SIGNIFICANT_DIGITS_MIN, decimal_digits, overflow, power_of_ten};
use crate::base::sqlstate::SqlState;
use crate::error::{Error, Result};
use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive, Zero};

/// Decimal digits of e's logarithm: turns natural exponents into decimal ones.
const LOG10_E: f64 = std::f64::consts::LOG10_E;
const LN_10: f64 = std::f64::consts::LN_10;
/// Digits computed beyond those asked for.
const GUARD_DIGITS: i64 = 12;
/// Beyond 10^this a result overflows (or, negative, is zero).
const RESULT_EXPONENT_MAX: f64 = 6000.0;

fn power_error(message: &str) -> Error {
    Error::new(SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION, message)
}

fn logarithm_error(message: &str) -> Error {
    Error::new(SqlState::INVALID_ARGUMENT_FOR_LOG, message)
}

/// A number in fixed point: `digits × 10^-scale` at a scale that stays the same over a computation.
fn fixed(number: &Numeric, scale: i64) -> BigInt {
    match number.parts() {
        Some((digits, from)) if from <= scale => &*digits * power_of_ten(scale - from),
        Some((digits, from)) => divide_rounded(digits.into_owned(), &power_of_ten(from - scale)),
        None => BigInt::from(0),
    }
}

fn finish(digits: BigInt, from: i64, scale: i64) -> Result<Numeric> {
    Numeric::checked(divide_rounded(digits, &power_of_ten(from - scale)), scale)
}

impl Numeric {
    /// The square root.
    pub fn square_root(&self) -> Result<Numeric> {
        if self.sign() < 0 {
            return Err(power_error("cannot take square root of a negative number"));
        }
        let Some((digits, from)) = self.parts() else {
            return Ok(self.clone());
        };
        let (weight, _) = weight_and_first_digit(self);
        let scale = result_scale(-(weight * 2 + 1), &[from]);
        // One digit more than asked, then rounded: a root is never exactly between two numbers unless it is exact.
        let wide = scale + 1;
        let shift = 2 * wide - from;
        let square = if shift >= 0 { &*digits * power_of_ten(shift) } else { &*digits / power_of_ten(-shift) };
        finish(square.sqrt(), wide, scale)
    }

    /// e to this power.
    pub fn exponential(&self) -> Result<Numeric> {
        match self {
            Numeric::NegativeInfinity => return Ok(Numeric::zero()),
            Numeric::Infinity | Numeric::NaN => return Ok(self.clone()),
            Numeric::Finite(_) => {}
        }
        let exponent = self.to_f64() * LOG10_E;
        let scale = result_scale(-(exponent.clamp(-2000.0, 2000.0) as i64), &[self.scale()]);
        exponential_at(self, scale)
    }

    /// The natural logarithm.
    pub fn natural_logarithm(&self) -> Result<Numeric> {
        check_logarithm(self)?;
        if self.parts().is_none() {
            return Ok(self.clone());
        }
        let scale = result_scale(-logarithm_weight(self), &[self.scale()]);
        let wide = scale + GUARD_DIGITS;
        finish(logarithm_fixed(self, wide), wide, scale)
    }

    /// The logarithm to a base.
    pub fn logarithm(&self, base: &Numeric) -> Result<Numeric> {
        if base.is_nan() || self.is_nan() {
            return Ok(Numeric::NaN);
        }
        if self.sign() < 0 && self.is_infinite() {
            check_logarithm(self)?;
        }
        check_logarithm(base)?;
        check_logarithm(self)?;
        match (self.is_infinite(), base.is_infinite()) {
            (true, true) => return Ok(Numeric::NaN),
            (true, false) => return Ok(Numeric::Infinity),
            (false, true) => return Ok(Numeric::zero()),
            (false, false) => {}
        }
        let (base_weight, weight) = (logarithm_weight(base), logarithm_weight(self));
        let scale = result_scale(base_weight - weight, &[base.scale(), self.scale()]);
        let wide = scale + GUARD_DIGITS + base_weight.abs() + weight.abs();
        let (divisor, dividend) = (logarithm_fixed(base, wide), logarithm_fixed(self, wide));
        if divisor.is_zero() {
            return Err(super::arithmetic::division_by_zero());
        }
        Numeric::checked(divide_rounded(dividend * power_of_ten(scale), &divisor), scale)
    }

    /// `self` to the power of `exponent`.
    pub fn power(&self, exponent: &Numeric) -> Result<Numeric> {
        if self.parts().is_none() || exponent.parts().is_none() {
            return power_special(self, exponent);
        }
        if self.is_zero() && exponent.sign() < 0 {
            return Err(power_error("zero raised to a negative power is undefined"));
        }
        if let Some(whole) = exponent.to_i64_exact().and_then(|whole| i32::try_from(whole).ok()) {
            return power_whole(self, whole);
        }
        if self.is_zero() {
            return Ok(Numeric::new(BigInt::from(0), SIGNIFICANT_DIGITS_MIN));
        }
        let whole = exponent.truncate(0)?.compare(exponent).is_eq();
        if self.sign() < 0 && !whole {
            let message = "a negative number raised to a non-integer power yields a complex result";
            return Err(power_error(message));
        }
        let result = power_of_positive(&self.absolute(), exponent)?;
        let odd = whole && !exponent.remainder(&Numeric::from(2))?.is_zero();
        Ok(if self.sign() < 0 && odd { result.negate() } else { result })
    }
}

fn check_logarithm(number: &Numeric) -> Result<()> {
    match number.sign() {
        _ if number.is_nan() => Ok(()),
        0 => Err(logarithm_error("cannot take logarithm of zero")),
        sign if sign < 0 => Err(logarithm_error("cannot take logarithm of a negative number")),
        _ => Ok(()),
    }
}

/// Powers with NaN or an infinity in them, as POSIX has them.
fn power_special(base: &Numeric, exponent: &Numeric) -> Result<Numeric> {
    let one = Numeric::from(1);
    if base.is_nan() {
        return Ok(if exponent.is_zero() { one } else { Numeric::NaN });
    }
    if exponent.is_nan() {
        return Ok(if base.same(&one) { one } else { Numeric::NaN });
    }
    if exponent.is_zero() || base.same(&one) {
        return Ok(one);
    }
    if base.is_zero() && exponent.sign() < 0 {
        return Err(power_error("zero raised to a negative power is undefined"));
    }
    if exponent.is_infinite() {
        let size = base.absolute().compare(&one);
        return Ok(match (size.is_gt(), exponent.sign() > 0) {
            _ if size.is_eq() => one,
            (true, true) | (false, false) => Numeric::Infinity,
            _ => Numeric::zero(),
        });
    }
    if exponent.sign() < 0 {
        return Ok(Numeric::zero());
    }
    let odd = exponent.remainder(&Numeric::from(2))?.absolute().same(&one);
    let whole = exponent.truncate(0)?.same(exponent);
    if base.sign() < 0 && !whole {
        let message = "a negative number raised to a non-integer power yields a complex result";
        return Err(power_error(message));
    }
    Ok(if base.sign() < 0 && odd { Numeric::NegativeInfinity } else { Numeric::Infinity })
}

impl Numeric {
    fn same(&self, other: &Numeric) -> bool {
        self.compare(other).is_eq()
    }
}

/// PostgreSQL's estimate of where the first digit of ln(number) stands.
fn logarithm_weight(number: &Numeric) -> i64 {
    if number.sign() <= 0 {
        return 0;
    }
    let near_one = |digits: i64| number.compare(&Numeric::new(BigInt::from(digits), 1));
    if near_one(9).is_ge() && near_one(11).is_le() {
        let Ok(distance) = number.subtract(&Numeric::from(1)) else {
            return 0;
        };
        return match distance.parts() {
            Some((digits, scale)) if !digits.is_zero() => decimal_digits(&digits) - scale - 1,
            _ => 0,
        };
    }
    let logarithm = float_logarithm_10(number) * LN_10;
    logarithm.abs().log10() as i64
}

/// log10 of a positive number to about the precision of a float, of any size.
fn float_logarithm_10(number: &Numeric) -> f64 {
    let Some((digits, scale)) = number.parts() else {
        return 0.0;
    };
    let count = decimal_digits(&digits);
    let dropped = (count - 17).max(0);
    let leading = (&*digits / power_of_ten(dropped)).to_f64().unwrap_or(1.0);
    leading.abs().log10() + (dropped - scale) as f64
}

/// ln(number) in fixed point, for a positive number.
///
/// Square roots bring the number near 1, where the series of the inverse hyperbolic tangent converges quickly:
/// ln x = 2^k · 2 · atanh((r - 1) / (r + 1)), r = x^(1/2^k).
fn logarithm_fixed(number: &Numeric, scale: i64) -> BigInt {
    let size = float_logarithm_10(number);
    // Each root halves the logarithm and each doubling at the end loses a bit.
    let roots = ((size.abs() * LN_10).max(1e-9).log2().ceil() as i64 + 5).max(0);
    let wide = scale + GUARD_DIGITS + roots / 3 + size.abs() as i64;
    let one = power_of_ten(wide);
    let mut root = fixed(number, wide);
    for _ in 0..roots {
        root = (root * &one).sqrt();
    }
    let ratio = (&root - &one) * &one / (&root + &one);
    let square = &ratio * &ratio / &one;
    let (mut term, mut sum, mut divisor) = (ratio.clone(), ratio, 1_i64);
    while !term.is_zero() {
        term = term * &square / &one;
        divisor += 2;
        sum += &term / divisor;
    }
    let logarithm = sum << (roots as usize + 1);
    divide_rounded(logarithm, &power_of_ten(wide - scale))
}

/// e^number, rounded to a scale.
fn exponential_at(number: &Numeric, scale: i64) -> Result<Numeric> {
    let size = number.to_f64();
    if size.abs() >= RESULT_EXPONENT_MAX {
        if size > 0.0 {
            return Err(overflow());
        }
        return Ok(Numeric::new(BigInt::from(0), scale));
    }
    let whole_digits = (size * LOG10_E).max(0.0) as i64;
    let halvings = ((size.abs() + 1.0).log2().ceil() as i64) + 8;
    let wide = scale + whole_digits + GUARD_DIGITS + halvings;
    let one = power_of_ten(wide);
    let argument = fixed(number, wide) >> halvings as usize;
    let (mut term, mut sum, mut divisor) = (one.clone(), one.clone(), 0_i64);
    while !term.is_zero() {
        divisor += 1;
        term = term * &argument / &one / divisor;
        sum += &term;
        // Shifting right rounds down, so a negative term would end at -1 and not at 0.
        if term.abs() <= BigInt::from(1) {
            break;
        }
    }
    for _ in 0..halvings {
        sum = &sum * &sum / &one;
    }
    finish(sum, wide, scale)
}

/// A whole power, by squaring.
fn power_whole(base: &Numeric, exponent: i32) -> Result<Numeric> {
    let scale = result_scale(0, &[base.scale()]);
    if base.is_zero() && exponent != 0 {
        return Ok(Numeric::new(BigInt::from(0), scale));
    }
    let decimal_exponent = f64::from(exponent) * float_logarithm_10(&base.absolute());
    if exponent != 0 && decimal_exponent > f64::from(3 * i16::MAX as i32 * 4) {
        return Err(overflow());
    }
    if decimal_exponent + 1.0 < -(scale as f64) || decimal_exponent + 1.0 < -(DISPLAY_SCALE_MAX as f64) {
        return Ok(Numeric::new(BigInt::from(0), scale));
    }
    let Some((digits, from)) = base.parts() else {
        return Ok(Numeric::NaN);
    };
    // Digits beyond these cannot reach the result.
    let significant = scale + decimal_exponent.max(0.0) as i64 + GUARD_DIGITS + 12;
    let (power, power_scale) = power_by_squaring(digits.into_owned(), from, exponent.unsigned_abs(), significant);
    let result = if exponent >= 0 {
        rescaled(power, power_scale, scale)
    } else {
        divide_rounded(power_of_ten((scale + power_scale).max(0)), &(power * power_of_ten(-(scale + power_scale))))
    };
    Numeric::checked(result, scale)
}

fn rescaled(digits: BigInt, from: i64, scale: i64) -> BigInt {
    if scale >= from {
        digits * power_of_ten(scale - from)
    } else {
        divide_rounded(digits, &power_of_ten(from - scale))
    }
}

/// Keeps about `significant` digits at each step, so that large exponents stay cheap.
fn power_by_squaring(base: BigInt, scale: i64, exponent: u32, significant: i64) -> (BigInt, i64) {
    let trim = |digits: BigInt, scale: i64| {
        let excess = decimal_digits(&digits) - significant;
        if excess > 32 { (divide_rounded(digits, &power_of_ten(excess)), scale - excess) } else { (digits, scale) }
    };
    let (mut result, mut result_scale) = (BigInt::from(1), 0);
    let (mut square, mut square_scale) = trim(base, scale);
    let mut left = exponent;
    while left > 0 {
        if left & 1 == 1 {
            (result, result_scale) = trim(result * &square, result_scale + square_scale);
        }
        left >>= 1;
        if left > 0 {
            (square, square_scale) = trim(&square * &square, square_scale * 2);
        }
    }
    (result, result_scale)
}

/// A power that is not whole: e^(exponent · ln base).
fn power_of_positive(base: &Numeric, exponent: &Numeric) -> Result<Numeric> {
    let decimal_exponent = float_logarithm_10(base) * exponent.to_f64();
    if decimal_exponent.abs() > RESULT_EXPONENT_MAX * LOG10_E {
        if decimal_exponent > 0.0 {
            return Err(overflow());
        }
        return Ok(Numeric::new(BigInt::from(0), DISPLAY_SCALE_MAX));
    }
    let scale = result_scale(-(decimal_exponent as i64), &[base.scale(), exponent.scale()]);
    // The error of the logarithm is multiplied by the exponent and by the result.
    let wide = scale + GUARD_DIGITS + decimal_exponent.abs() as i64 + exponent.to_f64().abs().log10().max(0.0) as i64;
    let logarithm = Numeric::new(logarithm_fixed(base, wide), wide);
    let product = fixed(&logarithm.multiply(exponent)?, wide);
    exponential_at(&Numeric::new(product, wide), scale)
}
