//! PostgreSQL's `numeric`: exact decimals with a display scale, NaN and the infinities.

use bigdecimal::BigDecimal;
use num_bigint::BigInt;
use num_traits::ToPrimitive;
use std::cmp::Ordering;

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
    /// PostgreSQL's order: -Infinity, finite, Infinity, NaN.
    pub fn compare(&self, other: &Numeric) -> Ordering {
        match (self, other) {
            (Numeric::Finite(a), Numeric::Finite(b)) => a.cmp(b),
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
        match self {
            Numeric::Finite(number) if number.is_integer() => number.to_i64(),
            _ => None,
        }
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
                None => number.to_scientific_notation().parse().unwrap_or(f64::NAN),
            },
        }
    }
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
        Numeric::Finite(BigDecimal::from_bigint(BigInt::from(number), 0))
    }
}
