//! Sums, products, quotients and rounding, with PostgreSQL's result scales.

use super::{DISPLAY_SCALE_MAX, Numeric, SCALE_MAX, SIGNIFICANT_DIGITS_MIN, decimal_digits, overflow, power_of_ten};
use crate::base::sqlstate::SqlState;
use crate::error::{Error, Result};
use num_bigint::{BigInt, Sign};
use num_traits::{Signed, Zero};

/// `division by zero` (22012).
pub fn division_by_zero() -> Error {
    Error::new(SqlState::DIVISION_BY_ZERO, "division by zero")
}

/// Both digits at the larger of the two scales.
fn aligned(a: &Numeric, b: &Numeric) -> Option<(BigInt, BigInt, i64)> {
    let ((a, a_scale), (b, b_scale)) = (a.parts()?, b.parts()?);
    let scale = a_scale.max(b_scale);
    let raise = |digits: std::borrow::Cow<'_, BigInt>, from: i64| {
        if from == scale { digits.into_owned() } else { &*digits * power_of_ten(scale - from) }
    };
    Some((raise(a, a_scale), raise(b, b_scale), scale))
}

fn signed_infinity(sign: i32) -> Numeric {
    match sign {
        1 => Numeric::Infinity,
        -1 => Numeric::NegativeInfinity,
        _ => Numeric::NaN,
    }
}

impl Numeric {
    /// `self + other`, with the larger scale.
    pub fn add(&self, other: &Numeric) -> Result<Numeric> {
        match aligned(self, other) {
            Some((a, b, scale)) => Numeric::checked(a + b, scale),
            None if self.is_nan() || other.is_nan() => Ok(Numeric::NaN),
            None if self.is_infinite() && other.is_infinite() && self.sign() != other.sign() => Ok(Numeric::NaN),
            None => Ok(if self.is_infinite() { self.clone() } else { other.clone() }),
        }
    }

    /// `self - other`, with the larger scale.
    pub fn subtract(&self, other: &Numeric) -> Result<Numeric> {
        self.add(&other.negate())
    }

    /// `self × other`, with both scales together.
    pub fn multiply(&self, other: &Numeric) -> Result<Numeric> {
        let (Some((a, a_scale)), Some((b, b_scale))) = (self.parts(), other.parts()) else {
            let nan = self.is_nan() || other.is_nan();
            return Ok(if nan { Numeric::NaN } else { signed_infinity(self.sign() * other.sign()) });
        };
        let (product, scale) = (&*a * &*b, a_scale + b_scale);
        if scale > SCALE_MAX {
            return Numeric::checked(divide_rounded(product, &power_of_ten(scale - SCALE_MAX)), SCALE_MAX);
        }
        Numeric::checked(product, scale)
    }

    /// `self / other`, with at least 16 significant digits.
    pub fn divide(&self, other: &Numeric) -> Result<Numeric> {
        let (Some((a, a_scale)), Some((b, b_scale))) = (self.parts(), other.parts()) else {
            return self.divide_special(other);
        };
        if b.is_zero() {
            return Err(division_by_zero());
        }
        let scale = quotient_scale(self, other);
        let shift = scale + b_scale - a_scale;
        let quotient = if shift >= 0 {
            divide_rounded(&*a * power_of_ten(shift), &b)
        } else {
            divide_rounded(a.into_owned(), &(&*b * power_of_ten(-shift)))
        };
        Numeric::checked(quotient, scale)
    }

    fn divide_special(&self, other: &Numeric) -> Result<Numeric> {
        if self.is_nan() || other.is_nan() || (self.is_infinite() && other.is_infinite()) {
            return Ok(Numeric::NaN);
        }
        match other.sign() {
            0 => Err(division_by_zero()),
            sign if self.is_infinite() => Ok(signed_infinity(self.sign() * sign)),
            _ => Ok(Numeric::zero()),
        }
    }

    /// The whole part of the quotient: `div(self, other)`.
    pub fn divide_whole(&self, other: &Numeric) -> Result<Numeric> {
        match aligned(self, other) {
            Some((_, b, _)) if b.is_zero() => Err(division_by_zero()),
            Some((a, b, _)) => Numeric::checked(a / b, 0),
            None => self.divide_special(other),
        }
    }

    /// The remainder, with the sign of `self`.
    pub fn remainder(&self, other: &Numeric) -> Result<Numeric> {
        match aligned(self, other) {
            Some((_, b, _)) if b.is_zero() => Err(division_by_zero()),
            Some((a, b, scale)) => Ok(Numeric::new(a % b, scale)),
            None if self.is_nan() || other.is_nan() => Ok(Numeric::NaN),
            None if other.is_zero() => Err(division_by_zero()),
            None if self.is_infinite() => Ok(Numeric::NaN),
            None => Ok(self.clone()),
        }
    }

    pub fn negate(&self) -> Numeric {
        match self {
            Numeric::NegativeInfinity => Numeric::Infinity,
            Numeric::Infinity => Numeric::NegativeInfinity,
            Numeric::NaN => Numeric::NaN,
            Numeric::Finite(number) => Numeric::Finite(-number),
        }
    }

    pub fn absolute(&self) -> Numeric {
        if self.sign() < 0 { self.negate() } else { self.clone() }
    }

    /// Rounds to `scale` digits after the point, or before it when negative; halves away from zero.
    pub fn round(&self, scale: i64) -> Result<Numeric> {
        self.rescale(scale, divide_rounded)
    }

    /// Cuts after `scale` digits.
    pub fn truncate(&self, scale: i64) -> Result<Numeric> {
        self.rescale(scale, |digits, power| digits / power)
    }

    fn rescale(&self, scale: i64, divide: impl Fn(BigInt, &BigInt) -> BigInt) -> Result<Numeric> {
        const ROUND_SCALE_MAX: i64 = 2000;
        let Some((digits, from)) = self.parts() else {
            return Ok(self.clone());
        };
        // Rounding to more than PostgreSQL would ever show keeps what is there.
        let scale = scale.clamp(-super::WHOLE_DIGITS_MAX - 1, ROUND_SCALE_MAX.max(from));
        if scale >= from {
            return Numeric::checked(&*digits * power_of_ten(scale - from), scale);
        }
        // Everything is cut away: spares a power of ten as long as the distance.
        let dropped = from - scale;
        if dropped > decimal_digits(&digits) {
            return Ok(Numeric::new(BigInt::from(0), scale.max(0)));
        }
        let kept = divide(digits.into_owned(), &power_of_ten(dropped));
        if scale >= 0 { Numeric::checked(kept, scale) } else { Numeric::checked(kept * power_of_ten(-scale), 0) }
    }

    /// The least whole number that is not less.
    pub fn ceiling(&self) -> Result<Numeric> {
        let cut = self.truncate(0)?;
        if cut.compare(self).is_lt() { cut.add(&Numeric::from(1)) } else { Ok(cut) }
    }

    /// The greatest whole number that is not greater.
    pub fn floor(&self) -> Result<Numeric> {
        let cut = self.truncate(0)?;
        if cut.compare(self).is_gt() { cut.subtract(&Numeric::from(1)) } else { Ok(cut) }
    }

    /// Without zeros at the end of the fraction: `trim_scale`.
    pub fn trim_scale(&self) -> Numeric {
        let minimum = self.minimum_scale();
        self.truncate(minimum).unwrap_or_else(|_| self.clone())
    }

    /// Digits after the point that are needed: `min_scale`.
    pub fn minimum_scale(&self) -> i64 {
        let Some((digits, scale)) = self.parts() else {
            return 0;
        };
        if digits.is_zero() {
            return 0;
        }
        let text = digits.magnitude().to_str_radix(10);
        let zeros = text.bytes().rev().take_while(|digit| *digit == b'0').count() as i64;
        (scale - zeros).max(0)
    }

    /// The greatest common divisor, with the larger scale.
    pub fn greatest_common_divisor(&self, other: &Numeric) -> Numeric {
        let Some((mut a, mut b, scale)) = aligned(self, other) else {
            return Numeric::NaN;
        };
        while !b.is_zero() {
            (a, b) = (b.clone(), a % b);
        }
        Numeric::new(a.abs(), scale)
    }

    /// The least common multiple, with the larger scale.
    pub fn least_common_multiple(&self, other: &Numeric) -> Result<Numeric> {
        let Some((a, b, scale)) = aligned(self, other) else {
            return Ok(Numeric::NaN);
        };
        let divisor = self.greatest_common_divisor(other);
        match divisor.parts() {
            Some((divisor, _)) if !divisor.is_zero() => Numeric::checked((a / &*divisor * b).abs(), scale),
            _ => Ok(Numeric::new(BigInt::from(0), scale)),
        }
    }
}

/// The quotient, halves away from zero.
pub(super) fn divide_rounded(a: BigInt, b: &BigInt) -> BigInt {
    let negative = (a.sign() == Sign::Minus) != (b.sign() == Sign::Minus);
    let twice: BigInt = (&a % b).abs() * 2;
    let quotient = a / b;
    if twice < b.abs() {
        quotient
    } else if negative {
        quotient - 1
    } else {
        quotient + 1
    }
}

/// The position of the first digit in base 10000 and that digit: PostgreSQL chooses scales by them.
pub(super) fn weight_and_first_digit(number: &Numeric) -> (i64, i64) {
    let Some((digits, scale)) = number.parts().filter(|(digits, _)| !digits.is_zero()) else {
        return (0, 0);
    };
    let count = decimal_digits(&digits);
    let exponent = count - scale - 1;
    let leading = exponent.rem_euclid(4) + 1;
    let first = if count > leading {
        digits.abs() / power_of_ten(count - leading)
    } else {
        digits.abs() * power_of_ten(leading - count)
    };
    (exponent.div_euclid(4), i64::try_from(first).unwrap_or(9999))
}

/// PostgreSQL's `select_div_scale`.
fn quotient_scale(a: &Numeric, b: &Numeric) -> i64 {
    let ((a_weight, a_first), (b_weight, b_first)) = (weight_and_first_digit(a), weight_and_first_digit(b));
    let weight = a_weight - b_weight - i64::from(a_first <= b_first);
    result_scale(-weight * 4, &[a.scale(), b.scale()])
}

/// 16 significant digits of a result whose first digit is `extra` places behind the point, at least the scales of the
/// arguments, at most what PostgreSQL shows.
pub(super) fn result_scale(extra: i64, arguments: &[i64]) -> i64 {
    let largest = arguments.iter().copied().max().unwrap_or(0);
    (SIGNIFICANT_DIGITS_MIN + extra).max(largest).clamp(0, DISPLAY_SCALE_MAX)
}

/// n!; PostgreSQL refuses negative numbers and results beyond its format.
pub fn factorial(number: i64) -> Result<Numeric> {
    const ARGUMENT_MAX: i64 = 32_177;
    if number < 0 {
        let message = "factorial of a negative number is undefined";
        return Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message));
    }
    if number > ARGUMENT_MAX {
        return Err(overflow());
    }
    Numeric::checked((2..=number).fold(BigInt::from(1), |product, factor| product * factor), 0)
}
