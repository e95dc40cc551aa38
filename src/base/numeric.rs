//! PostgreSQL's `numeric`: exact decimals with a display scale, NaN and the infinities.

use bigdecimal::BigDecimal;

/// An exact decimal number. The scale of the finite kind is its display scale.
#[derive(Clone, Debug)]
pub enum Numeric {
    NegativeInfinity,
    Finite(BigDecimal),
    Infinity,
    /// Greater than everything and equal to itself, as PostgreSQL sorts it.
    NaN,
}
