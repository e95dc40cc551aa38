//! Random values for tests, from a seed. Values that sit on edges come often.

use super::numeric::Numeric;
use super::types::{DataType, KINDS, TypeKind};
use super::value::{Array, Interval, Value};
use bigdecimal::BigDecimal;
use num_bigint::BigInt;
use std::sync::Arc;

/// A small random generator (splitmix64).
pub(crate) struct Generator(u64);

impl Generator {
    pub fn new(seed: u64) -> Generator {
        Generator(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    pub fn bytes(&mut self, longest: usize) -> Vec<u8> {
        let length = self.below(longest + 1);
        (0..length).map(|_| [0, 1, 0xff, b'a', self.next() as u8][self.below(5)]).collect()
    }

    fn text(&mut self) -> String {
        const PIECES: [&str; 14] = ["a", "b", "\u{1}", " ", "é", "中", "😀", "\"", "\\", ",", "{", "}", "NULL", "zz"];
        (0..self.below(6)).map(|_| PIECES[self.below(PIECES.len())]).collect()
    }

    fn int(&mut self, edges: &[i64], min: i64, max: i64) -> i64 {
        match self.below(3) {
            0 => edges[self.below(edges.len())],
            1 => self.below(2000) as i64 - 1000,
            _ => (self.next() as i64).clamp(min, max),
        }
        .clamp(min, max)
    }

    fn float(&mut self) -> f64 {
        const EDGES: [f64; 9] = [0.0, -0.0, 1.5, -1.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, 5e-324];
        if self.below(2) == 0 { EDGES[self.below(EDGES.len())] } else { f64::from_bits(self.next()) }
    }

    fn numeric(&mut self) -> Numeric {
        match self.below(12) {
            0 => Numeric::NaN,
            1 => Numeric::Infinity,
            2 => Numeric::NegativeInfinity,
            3 => Numeric::Finite(BigDecimal::from_bigint(BigInt::from(0), self.below(4) as i64)),
            4..=6 => {
                let digits = BigInt::from(self.below(300) as i64 - 150);
                Numeric::Finite(BigDecimal::from_bigint(digits, self.below(5) as i64))
            }
            _ => {
                let digits = BigInt::from_signed_bytes_be(&self.bytes(20));
                Numeric::Finite(BigDecimal::from_bigint(digits, self.below(40) as i64))
            }
        }
    }

    fn interval(&mut self) -> Interval {
        const EDGES: [i64; 5] = [0, 1, -1, i64::MIN, i64::MAX];
        let (low, high) = (i64::from(i32::MIN), i64::from(i32::MAX));
        Interval {
            months: self.int(&EDGES, low, high) as i32,
            days: self.int(&EDGES, low, high) as i32,
            // PostgreSQL shows the least i64 as a time that it does not read.
            micros: self.int(&EDGES, -i64::MAX, i64::MAX),
        }
    }

    /// A value of a type that tables can have; not NULL.
    pub fn value(&mut self, data_type: DataType) -> Value {
        const DAY: i64 = 86_400_000_000;
        const EDGES: [i64; 8] = [0, 1, -1, i64::MIN, i64::MAX, 127, 128, -129];
        if data_type.array {
            return self.array(data_type);
        }
        match data_type.kind {
            TypeKind::Bool => Value::Bool(self.below(2) == 0),
            TypeKind::Int2 => Value::Int2(self.int(&EDGES, i16::MIN.into(), i16::MAX.into()) as i16),
            TypeKind::Int4 => Value::Int4(self.int(&EDGES, i32::MIN.into(), i32::MAX.into()) as i32),
            TypeKind::Int8 => Value::Int8(self.int(&EDGES, i64::MIN, i64::MAX)),
            TypeKind::Float4 => Value::Float4(self.float() as f32),
            TypeKind::Float8 => Value::Float8(self.float()),
            TypeKind::Numeric => Value::Numeric(self.numeric()),
            TypeKind::Bytea => Value::bytea(self.bytes(9)),
            TypeKind::Date => {
                Value::Date(self.int(&[0, -1, -2_451_545, 2_145_031_948], -2_451_545, 2_145_031_948) as i32)
            }
            TypeKind::Time => Value::Time(self.int(&[0, DAY, DAY - 1], 0, DAY)),
            TypeKind::Timetz => {
                Value::Timetz(self.int(&[0, DAY, DAY - 1], 0, DAY), self.int(&[0, -3600, 57599], -57599, 57599) as i32)
            }
            TypeKind::Timestamp => Value::Timestamp(self.micros()),
            TypeKind::Timestamptz => Value::Timestamptz(self.micros()),
            TypeKind::Interval => Value::Interval(self.interval()),
            TypeKind::Uuid => Value::Uuid(std::array::from_fn(|_| self.next() as u8)),
            TypeKind::Json | TypeKind::Jsonb => Value::text(format!("{{\"a\": {}}}", self.below(100))),
            TypeKind::Char => Value::text("x"),
            kind if kind.is_oid() => Value::Oid(self.next() as u32),
            _ => Value::text(self.text()),
        }
    }

    fn micros(&mut self) -> i64 {
        const START: i64 = -211_813_488_000_000_000;
        const END: i64 = 9_223_371_331_200_000_000;
        self.int(&[0, -1, i64::MIN, i64::MAX, START, END - 1], i64::MIN, i64::MAX).clamp(START, END - 1)
    }

    fn array(&mut self, data_type: DataType) -> Value {
        let shape: Vec<(u32, i32)> =
            (0..self.below(3)).map(|_| (1 + self.below(3) as u32, self.below(3) as i32)).collect();
        let count = if shape.is_empty() { 0 } else { shape.iter().map(|(length, _)| *length).product() };
        let element = data_type.element();
        let values = (0..count).map(|_| if self.below(5) == 0 { Value::Null } else { self.value(element) }).collect();
        Value::Array(Arc::new(Array { dimensions: shape, values }))
    }
}

/// Types that columns can have, and arrays of them.
pub(crate) fn column_types() -> Vec<DataType> {
    let kinds = KINDS.iter().filter(|kind| !matches!(kind, TypeKind::Unknown | TypeKind::Void | TypeKind::Record));
    kinds.flat_map(|kind| [DataType::of(*kind), DataType::array_of(*kind)]).collect()
}
