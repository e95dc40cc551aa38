//! PostgreSQL's `numeric`: exact decimals with a display scale, NaN and the infinities.
//!
//! Results have the scales that PostgreSQL gives them, so they print alike: a product has the digits of both factors,
//! a quotient at least 16 significant digits, and so on. Everything rounds half away from zero.
//!
//! Invariants of the finite kind: the scale is between 0 and [`SCALE_MAX`], and there are at most [`WHOLE_DIGITS_MAX`]
//! digits before the point; whatever could break them goes through [`Numeric::checked`].
//!
//! Start at [`arithmetic`]; roots, powers and logarithms are in [`functions`], text in [`text`].

pub mod arithmetic;
pub mod functions;
pub mod pattern;
mod text;

pub use text::parse;

use crate::base::sqlstate::SqlState;
use crate::base::types::DataType;
use crate::error::{Error, Result};
use bigdecimal::BigDecimal;
use num_bigint::{BigInt, Sign};
use num_traits::ToPrimitive;
use std::borrow::Cow;
use std::cmp::Ordering;

/// Most digits after the point.
pub const SCALE_MAX: i64 = 16_383;
/// Most digits before the point.
pub const WHOLE_DIGITS_MAX: i64 = 131_072;
/// Significant digits that PostgreSQL gives to results it must round, at least.
const SIGNIFICANT_DIGITS_MIN: i64 = 16;
/// Most digits after the point that PostgreSQL gives to such results.
const DISPLAY_SCALE_MAX: i64 = 1000;

/// An exact decimal number. The scale of the finite kind is its display scale.
#[derive(Clone, Debug)]
pub enum Numeric {
    NegativeInfinity,
    Finite(BigDecimal),
    Infinity,
    /// Greater than everything and equal to itself, as PostgreSQL sorts it.
    NaN,
}

impl Numeric {
    /// `digits × 10^-scale`.
    pub fn new(digits: BigInt, scale: i64) -> Numeric {
        Numeric::Finite(BigDecimal::from_bigint(digits, scale))
    }

    /// `digits × 10^-scale`, refused when it has too many digits.
    fn checked(digits: BigInt, scale: i64) -> Result<Numeric> {
        // A decimal digit has more than 3.32 bits; only numbers near the limit are counted exactly.
        let digits_most = (digits.bits() as f64 / std::f64::consts::LOG2_10) as i64 + 1;
        let fits = (0..=SCALE_MAX).contains(&scale)
            && (digits_most - scale <= WHOLE_DIGITS_MAX || decimal_digits(&digits) - scale <= WHOLE_DIGITS_MAX);
        if fits { Ok(Numeric::new(digits, scale)) } else { Err(overflow()) }
    }

    pub fn zero() -> Numeric {
        Numeric::from(0)
    }

    pub fn is_nan(&self) -> bool {
        matches!(self, Numeric::NaN)
    }

    pub fn is_infinite(&self) -> bool {
        matches!(self, Numeric::Infinity | Numeric::NegativeInfinity)
    }

    pub fn is_zero(&self) -> bool {
        self.sign() == 0 && !self.is_nan()
    }

    /// -1, 0 or 1; 0 for NaN.
    pub fn sign(&self) -> i32 {
        match self {
            Numeric::NegativeInfinity => -1,
            Numeric::Infinity => 1,
            Numeric::NaN => 0,
            Numeric::Finite(number) => match number.sign() {
                Sign::Minus => -1,
                Sign::NoSign => 0,
                Sign::Plus => 1,
            },
        }
    }

    /// Digits after the point; 0 for NaN and the infinities.
    pub fn scale(&self) -> i64 {
        match self {
            Numeric::Finite(number) => number.as_bigint_and_scale().1,
            _ => 0,
        }
    }

    /// The digits and the scale of a finite number.
    pub fn parts(&self) -> Option<(Cow<'_, BigInt>, i64)> {
        match self {
            Numeric::Finite(number) => Some(number.as_bigint_and_scale()),
            _ => None,
        }
    }

    /// PostgreSQL's order: -Infinity, finite, Infinity, NaN.
    pub fn compare(&self, other: &Numeric) -> Ordering {
        match (self, other) {
            (Numeric::Finite(a), Numeric::Finite(b)) => compare_finite(a, b),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Numeric::NegativeInfinity => 0,
            Numeric::Finite(_) => 1,
            Numeric::Infinity => 2,
            Numeric::NaN => 3,
        }
    }

    /// The same number as an integer, when it is one.
    pub fn to_i64_exact(&self) -> Option<i64> {
        let (digits, scale) = self.parts()?;
        if scale == 0 {
            return digits.to_i64();
        }
        match digits.to_i64() {
            Some(small) if scale <= 18 => {
                let power = 10_i64.pow(scale as u32);
                (small % power == 0).then_some(small / power)
            }
            Some(0) => Some(0),
            Some(_) => None,
            None => {
                let power = power_of_ten(scale);
                let whole = &*digits / &power;
                (&whole * power == *digits).then(|| whole.to_i64())?
            }
        }
    }

    /// The integer nearest to it, halves away from zero; `None` when it is out of range or not finite.
    pub fn to_i64_rounded(&self) -> Option<i64> {
        self.round(0).ok()?.to_i64_exact()
    }

    /// The nearest float.
    pub fn to_f64(&self) -> f64 {
        match self {
            Numeric::NegativeInfinity => f64::NEG_INFINITY,
            Numeric::Infinity => f64::INFINITY,
            Numeric::NaN => f64::NAN,
            // Going through decimal text is exact to the last bit, which arithmetic on floats would not be.
            Numeric::Finite(number) => match exact_float(number) {
                Some(float) => float,
                None => {
                    let (digits, scale) = number.as_bigint_and_scale();
                    format!("{digits}e{}", -scale).parse().unwrap_or(f64::NAN)
                }
            },
        }
    }

    /// Rounds to a declared `numeric(p, s)` and checks that it fits.
    pub fn fit(self, data_type: DataType) -> Result<Numeric> {
        let Some((precision, scale)) = data_type.precision_and_scale() else {
            return Ok(self);
        };
        if self.is_nan() {
            return Ok(self);
        }
        let error = |detail: String| {
            Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "numeric field overflow")
                .with_detail(format!("A field with precision {precision}, scale {scale} {detail}"))
        };
        if self.is_infinite() {
            return Err(error("cannot hold an infinite value.".into()));
        }
        let rounded = self.round(i64::from(scale))?;
        let whole_digits = rounded.parts().map_or(0, |(digits, scale)| match digits.sign() {
            Sign::NoSign => i64::MIN,
            _ => decimal_digits(&digits) - scale,
        });
        let allowed = i64::from(precision - scale);
        if whole_digits > allowed {
            let bound = if allowed == 0 { "1".to_owned() } else { format!("10^{allowed}") };
            return Err(error(format!("must round to an absolute value less than {bound}.")));
        }
        Ok(rounded)
    }
}

/// `value overflows numeric format`.
fn overflow() -> Error {
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value overflows numeric format")
}

fn compare_finite(a: &BigDecimal, b: &BigDecimal) -> Ordering {
    let (a_digits, a_scale) = a.as_bigint_and_scale();
    let (b_digits, b_scale) = b.as_bigint_and_scale();
    match a_scale.cmp(&b_scale) {
        Ordering::Equal => a_digits.cmp(&b_digits),
        Ordering::Less => (&*a_digits * power_of_ten(b_scale - a_scale)).cmp(&b_digits),
        Ordering::Greater => (*a_digits).cmp(&(&*b_digits * power_of_ten(a_scale - b_scale))),
    }
}

/// 10^exponent; 1 for a negative exponent.
fn power_of_ten(exponent: i64) -> BigInt {
    match exponent {
        ..=0 => BigInt::from(1),
        1..=18 => BigInt::from(10_i64.pow(exponent as u32)),
        _ => BigInt::from(10).pow(exponent as u32),
    }
}

/// How many decimal digits a number has; 1 for zero.
fn decimal_digits(number: &BigInt) -> i64 {
    if let Some(small) = number.to_i64() {
        return small.unsigned_abs().checked_ilog10().map_or(1, |log| i64::from(log) + 1);
    }
    // bits·log10(2) is one short at most.
    let least = ((number.bits() - 1) as f64 * std::f64::consts::LOG10_2) as i64;
    let (mut digits, magnitude) = (least.max(1), number.magnitude());
    while *magnitude >= *power_of_ten(digits).magnitude() {
        digits += 1;
    }
    digits
}

/// Numbers of up to 53 bits and up to 22 digits after the point convert with one correctly rounded division.
fn exact_float(number: &BigDecimal) -> Option<f64> {
    let (digits, scale) = number.as_bigint_and_scale();
    let digits = digits.to_i64()?;
    let small = digits.unsigned_abs() <= 1 << 53 && (0..=22).contains(&scale);
    small.then(|| digits as f64 / 10_f64.powi(scale as i32))
}

impl From<i64> for Numeric {
    fn from(number: i64) -> Numeric {
        Numeric::new(BigInt::from(number), 0)
    }
}

#[cfg(test)]
mod tests;
