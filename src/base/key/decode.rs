//! Memcomparable bytes back to values. Any bytes may come in: they give a value or an error.

use super::encode::{
    ESCAPED_ZERO, NULL_FIRST, NULL_LAST, NUMERIC_INFINITY, NUMERIC_NAN, NUMERIC_NEGATIVE, NUMERIC_NEGATIVE_INFINITY,
    NUMERIC_POSITIVE, NUMERIC_ZERO, PRESENT, SEQUENCE_END, TERMINATOR,
};
use crate::base::numeric::Numeric;
use crate::base::types::{DataType, TypeKind};
use crate::base::value::{Array, Interval, Value};
use crate::error::{Error, Result};
use bigdecimal::BigDecimal;
use num_bigint::{BigInt, BigUint, Sign};
use std::sync::Arc;

/// Most dimensions of an array.
const DIMENSIONS_MAX: u8 = 6;
/// Exponents beyond this are no numeric of PostgreSQL's range.
const EXPONENT_MAX: i32 = 1 << 20;

/// Takes one key column off the front of `input`.
///
/// The value equals the one that was encoded. A numeric without a declared scale and an interval may come back in
/// another form of the same worth (1 for 1.00, 30 days for 1 month).
pub fn decode_value(input: &mut &[u8], data_type: DataType, descending: bool) -> Result<Value> {
    let (marker, rest) = input.split_first().ok_or_else(|| broken(data_type))?;
    match *marker {
        NULL_FIRST | NULL_LAST => {
            *input = rest;
            return Ok(Value::Null);
        }
        PRESENT => {}
        _ => return Err(broken(data_type)),
    }
    let mut reader = Reader { bytes: rest, mask: if descending { 0xFF } else { 0x00 } };
    let value = if data_type.array { reader.array(data_type) } else { reader.value(data_type) };
    let value = value.ok_or_else(|| broken(data_type))?;
    *input = reader.bytes;
    Ok(value)
}

fn broken(data_type: DataType) -> Error {
    Error::corrupt(format!("key column of type {data_type} cannot be decoded"))
}

struct Reader<'a> {
    bytes: &'a [u8],
    /// 0xFF when bytes are stored inverted.
    mask: u8,
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(first ^ self.mask)
    }

    fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.bytes.split_first_chunk::<N>()?;
        self.bytes = rest;
        Some(first.map(|byte| byte ^ self.mask))
    }

    fn signed_32(&mut self) -> Option<i32> {
        self.fixed().map(|bytes| (u32::from_be_bytes(bytes) ^ (1 << 31)) as i32)
    }

    fn signed_64(&mut self) -> Option<i64> {
        self.fixed().map(|bytes| (u64::from_be_bytes(bytes) ^ (1 << 63)) as i64)
    }

    fn value(&mut self, data_type: DataType) -> Option<Value> {
        Some(match data_type.kind {
            TypeKind::Bool => match self.byte()? {
                0 => Value::Bool(false),
                1 => Value::Bool(true),
                _ => return None,
            },
            TypeKind::Int2 => Value::Int2((u16::from_be_bytes(self.fixed()?) ^ 0x8000) as i16),
            TypeKind::Int4 => Value::Int4(self.signed_32()?),
            TypeKind::Int8 => Value::Int8(self.signed_64()?),
            TypeKind::Float4 => Value::Float4(self.float_32()?),
            TypeKind::Float8 => Value::Float8(self.float_64()?),
            TypeKind::Numeric => Value::Numeric(self.numeric(data_type)?),
            kind if kind.is_textual() => {
                let bytes = self.escaped()?;
                Value::Text(Arc::from(std::str::from_utf8(&bytes).ok()?))
            }
            TypeKind::Bytea => Value::Bytea(Arc::from(self.escaped()?)),
            TypeKind::Date => Value::Date(self.signed_32()?),
            TypeKind::Time => Value::Time(self.signed_64()?),
            TypeKind::Timetz => {
                let (instant, zone) = (self.signed_64()?, self.signed_32()?);
                Value::Timetz(instant.checked_sub(i64::from(zone) * 1_000_000)?, zone)
            }
            TypeKind::Timestamp => Value::Timestamp(self.signed_64()?),
            TypeKind::Timestamptz => Value::Timestamptz(self.signed_64()?),
            TypeKind::Interval => Value::Interval(self.interval()?),
            TypeKind::Uuid => Value::Uuid(self.fixed()?),
            kind if kind.is_oid() => Value::Oid(u32::from_be_bytes(self.fixed()?)),
            // Anonymous rows carry no types to read them by, and stand in no key that is read back.
            _ => return None,
        })
    }

    fn float_64(&mut self) -> Option<f64> {
        let bits = u64::from_be_bytes(self.fixed()?);
        Some(f64::from_bits(if bits >> 63 == 1 { bits & !(1 << 63) } else { !bits }))
    }

    fn float_32(&mut self) -> Option<f32> {
        let bits = u32::from_be_bytes(self.fixed()?);
        Some(f32::from_bits(if bits >> 31 == 1 { bits & !(1 << 31) } else { !bits }))
    }

    fn escaped(&mut self) -> Option<Vec<u8>> {
        let mut found = Vec::new();
        loop {
            let zero = memchr::memchr(self.mask, self.bytes)?;
            let after = self.bytes.get(zero + 1)? ^ self.mask;
            found.extend_from_slice(&self.bytes[..zero]);
            self.bytes = &self.bytes[zero + 2..];
            match after {
                ESCAPED_ZERO => found.push(self.mask),
                byte if byte == TERMINATOR[1] => break,
                _ => return None,
            }
        }
        if self.mask != 0 {
            found.iter_mut().for_each(|byte| *byte = !*byte);
        }
        Some(found)
    }

    fn interval(&mut self) -> Option<Interval> {
        let mut wide = [0; 16];
        wide[6..].copy_from_slice(&self.fixed::<10>()?);
        let span = u128::from_be_bytes(wide) as i128 - (1 << 79);
        Interval::from_span_micros(span)
    }

    fn array(&mut self, data_type: DataType) -> Option<Value> {
        let mut values = Vec::new();
        loop {
            match self.byte()? {
                SEQUENCE_END => break,
                PRESENT => values.push(self.value(data_type)?),
                NULL_LAST => values.push(Value::Null),
                _ => return None,
            }
        }
        let count = self.byte()?;
        if count > DIMENSIONS_MAX {
            return None;
        }
        let lengths = (0..count).map(|_| self.fixed().map(u32::from_be_bytes)).collect::<Option<Vec<_>>>()?;
        let dimensions = lengths.into_iter().map(|length| Some((length, self.signed_32()?))).collect::<Option<_>>()?;
        let array = Array { dimensions, values };
        array.is_consistent().then(|| Value::Array(Arc::new(array)))
    }

    fn numeric(&mut self, data_type: DataType) -> Option<Numeric> {
        let number = match self.byte()? {
            NUMERIC_NEGATIVE_INFINITY => return Some(Numeric::NegativeInfinity),
            NUMERIC_INFINITY => return Some(Numeric::Infinity),
            NUMERIC_NAN => return Some(Numeric::NaN),
            NUMERIC_ZERO => BigDecimal::from_bigint(BigInt::from(0), 0),
            NUMERIC_POSITIVE => self.finite(Sign::Plus)?,
            NUMERIC_NEGATIVE => {
                self.mask = !self.mask;
                let number = self.finite(Sign::Minus)?;
                self.mask = !self.mask;
                number
            }
            _ => return None,
        };
        let scale = number.as_bigint_and_scale().1;
        let declared = data_type.precision_and_scale().map_or(0, |(_, scale)| i64::from(scale.max(0)));
        // A scale below the declared one came from zeros that the encoding left out.
        Some(Numeric::Finite(if scale < declared { number.with_scale(declared) } else { number }))
    }

    fn finite(&mut self, sign: Sign) -> Option<BigDecimal> {
        let exponent = match self.byte()? {
            0x00 | 0xFF => self.signed_32()?,
            short => i32::from(short) - 0x80,
        };
        if !(-EXPONENT_MAX..=EXPONENT_MAX).contains(&exponent) {
            return None;
        }
        let mut digits = Vec::new();
        loop {
            match self.byte()? {
                0 => break,
                pair @ 1..=100 => digits.extend([(pair - 1) / 10, (pair - 1) % 10]),
                _ => return None,
            }
        }
        if digits.last() == Some(&0) {
            digits.pop();
        }
        let scale = digits.len() as i64 - i64::from(exponent);
        let magnitude = BigUint::from_radix_be(&digits, 10)?;
        let number = BigDecimal::from_bigint(BigInt::from_biguint(sign, magnitude), scale);
        Some(if scale < 0 { number.with_scale(0) } else { number })
    }
}
