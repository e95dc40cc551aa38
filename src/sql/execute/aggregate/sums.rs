//! count, sum and avg.

use super::accumulator::{argument, bad_state};
use crate::{
    base::{
        batch::{Column, ColumnData},
        numeric::Numeric,
        types::{DataType, TypeKind},
        value::{Interval, Value},
    },
    error::Result,
    sql::expr::{float_overflow, out_of_range},
};
use num_bigint::BigInt;
use num_traits::ToPrimitive;
use std::sync::Arc;

/// count(*) and count(x).
#[derive(Default)]
pub(super) struct Counts {
    counts: Vec<i64>,
}

impl Counts {
    pub fn resize(&mut self, count: usize) {
        self.counts.resize(count, 0);
    }

    pub fn update(&mut self, groups: &[u32], arguments: &[Column]) -> Result<()> {
        let counts = self.counts.as_mut_slice();
        match arguments.first().and_then(|column| column.nulls.as_ref()) {
            None => groups.iter().for_each(|&group| counts[group as usize] += 1),
            Some(nulls) => {
                for (&group, &null) in groups.iter().zip(nulls) {
                    counts[group as usize] += i64::from(!null);
                }
            }
        }
        Ok(())
    }

    pub fn merge(&mut self, groups: &[u32], states: &Column) -> Result<()> {
        let ColumnData::Int8(counts) = &states.data else { return Err(bad_state()) };
        for (&group, count) in groups.iter().zip(counts) {
            self.counts[group as usize] += count;
        }
        Ok(())
    }

    pub fn states(&self, start: usize, end: usize) -> Result<Column> {
        Ok(Column { data: ColumnData::Int8(self.counts[start..end].to_vec()), nulls: None })
    }

    pub fn results(&self, start: usize, end: usize) -> Result<Column> {
        self.states(start, end)
    }

    pub fn bytes(&self) -> usize {
        self.counts.capacity() * 8
    }
}

/// sum and avg of integers. 64-bit sums are checked; sums of int8 and averages are kept in 128 bits, which no number
/// of rows can overflow.
pub(super) struct WholeSums {
    average: bool,
    result: DataType,
    sums: Vec<i128>,
    counts: Vec<i64>,
}

impl WholeSums {
    pub fn sum(result: DataType) -> WholeSums {
        WholeSums { average: false, result, sums: Vec::new(), counts: Vec::new() }
    }

    pub fn average() -> WholeSums {
        WholeSums { average: true, ..WholeSums::sum(DataType::of(TypeKind::Numeric)) }
    }

    pub fn resize(&mut self, count: usize) {
        self.sums.resize(count, 0);
        self.counts.resize(count, 0);
    }

    fn add(&mut self, groups: &[u32], nulls: Option<&[bool]>, values: impl Iterator<Item = i64>) {
        let (sums, counts) = (self.sums.as_mut_slice(), self.counts.as_mut_slice());
        match nulls {
            None => {
                for (&group, value) in groups.iter().zip(values) {
                    sums[group as usize] += i128::from(value);
                    counts[group as usize] += 1;
                }
            }
            Some(nulls) => {
                for ((&group, value), &null) in groups.iter().zip(values).zip(nulls) {
                    if !null {
                        sums[group as usize] += i128::from(value);
                        counts[group as usize] += 1;
                    }
                }
            }
        }
    }

    pub fn update(&mut self, groups: &[u32], arguments: &[Column]) -> Result<()> {
        let column = argument(arguments)?;
        let nulls = column.nulls.as_deref();
        match &column.data {
            ColumnData::Int2(values) => self.add(groups, nulls, values.iter().map(|&value| i64::from(value))),
            ColumnData::Int4(values) => self.add(groups, nulls, values.iter().map(|&value| i64::from(value))),
            ColumnData::Int8(values) => self.add(groups, nulls, values.iter().copied()),
            _ => return Err(bad_state()),
        }
        Ok(())
    }

    pub fn merge(&mut self, groups: &[u32], states: &Column) -> Result<()> {
        for (row, &group) in groups.iter().enumerate() {
            let (count, sum) = match states.value(row) {
                Value::Null => continue,
                Value::Int8(sum) => (1, i128::from(sum)),
                Value::Numeric(sum) => (1, whole(&sum)?),
                Value::Record(fields) => match &fields[..] {
                    [Value::Int8(count), Value::Numeric(sum)] => (*count, whole(sum)?),
                    _ => return Err(bad_state()),
                },
                _ => return Err(bad_state()),
            };
            self.sums[group as usize] += sum;
            self.counts[group as usize] += count;
        }
        Ok(())
    }

    pub fn states(&self, start: usize, end: usize) -> Result<Column> {
        if !self.average {
            return self.results(start, end);
        }
        let mut column = Column::new(DataType::of(TypeKind::Record));
        for group in start..end {
            let sum = Value::Numeric(Numeric::new(BigInt::from(self.sums[group]), 0));
            column.push(Value::Record(Arc::from([Value::Int8(self.counts[group]), sum])));
        }
        Ok(column)
    }

    pub fn results(&self, start: usize, end: usize) -> Result<Column> {
        let mut column = Column::with_capacity(self.result, end - start);
        for group in start..end {
            if self.counts[group] == 0 {
                column.push_null();
            } else if self.result.kind == TypeKind::Int8 {
                let sum = i64::try_from(self.sums[group]).map_err(|_| out_of_range(self.result))?;
                column.push(Value::Int8(sum));
            } else {
                let sum = Numeric::new(BigInt::from(self.sums[group]), 0);
                let result = if self.average { sum.divide(&Numeric::from(self.counts[group]))? } else { sum };
                column.push(Value::Numeric(result));
            }
        }
        Ok(column)
    }

    pub fn bytes(&self) -> usize {
        self.sums.capacity() * 16 + self.counts.capacity() * 8
    }
}

fn whole(sum: &Numeric) -> Result<i128> {
    let (digits, scale) = sum.parts().ok_or_else(bad_state)?;
    if scale != 0 {
        return Err(bad_state());
    }
    digits.to_i128().ok_or_else(bad_state)
}

/// sum of floats, each rounded to its type after each addition as PostgreSQL does.
pub(super) struct FloatSums {
    result: DataType,
    sums: Vec<f64>,
    seen: Vec<bool>,
}

impl FloatSums {
    pub fn new(result: DataType) -> FloatSums {
        FloatSums { result, sums: Vec::new(), seen: Vec::new() }
    }

    pub fn resize(&mut self, count: usize) {
        self.sums.resize(count, 0.0);
        self.seen.resize(count, false);
    }

    #[inline]
    fn add(&mut self, group: usize, value: f64) -> Result<()> {
        let before = self.sums[group];
        let mut sum = before + value;
        if self.result.kind == TypeKind::Float4 {
            sum = f64::from(sum as f32);
        }
        if sum.is_infinite() && before.is_finite() && value.is_finite() {
            return Err(float_overflow());
        }
        self.sums[group] = sum;
        self.seen[group] = true;
        Ok(())
    }

    pub fn update(&mut self, groups: &[u32], arguments: &[Column]) -> Result<()> {
        let column = argument(arguments)?;
        match (&column.data, &column.nulls) {
            (ColumnData::Float8(values), None) => {
                for (&group, &value) in groups.iter().zip(values) {
                    self.add(group as usize, value)?;
                }
            }
            (ColumnData::Float8(values), Some(nulls)) => {
                for ((&group, &value), &null) in groups.iter().zip(values).zip(nulls) {
                    if !null {
                        self.add(group as usize, value)?;
                    }
                }
            }
            _ => {
                for (row, &group) in groups.iter().enumerate() {
                    match column.value(row) {
                        Value::Null => {}
                        Value::Float4(value) => self.add(group as usize, f64::from(value))?,
                        _ => return Err(bad_state()),
                    }
                }
            }
        }
        Ok(())
    }

    pub fn merge(&mut self, groups: &[u32], states: &Column) -> Result<()> {
        self.update(groups, std::slice::from_ref(states))
    }

    pub fn states(&self, start: usize, end: usize) -> Result<Column> {
        let mut column = Column::with_capacity(self.result, end - start);
        for group in start..end {
            column.push(match (self.seen[group], self.result.kind) {
                (false, _) => Value::Null,
                (true, TypeKind::Float4) => Value::Float4(self.sums[group] as f32),
                (true, _) => Value::Float8(self.sums[group]),
            });
        }
        Ok(column)
    }

    pub fn results(&self, start: usize, end: usize) -> Result<Column> {
        self.states(start, end)
    }

    pub fn bytes(&self) -> usize {
        self.sums.capacity() * 8 + self.seen.capacity()
    }
}

/// A sum of numerics: in 128 bits at one scale as long as that goes, then in full.
#[derive(Clone, Debug, Default)]
pub(super) struct NumericSum {
    digits: i128,
    scale: i64,
    /// What did not fit.
    rest: Option<Numeric>,
}

/// Scales up to this are summed in 128 bits.
const FAST_SCALE_MAX: i64 = 18;

impl NumericSum {
    pub fn add(&mut self, number: &Numeric) -> Result<()> {
        if self.add_fast(number).is_none() {
            let rest = match &self.rest {
                Some(rest) => rest.add(number)?,
                None => number.clone(),
            };
            self.rest = Some(rest);
        }
        Ok(())
    }

    fn add_fast(&mut self, number: &Numeric) -> Option<()> {
        let (digits, scale) = number.parts()?;
        if !(0..=FAST_SCALE_MAX).contains(&scale) {
            return None;
        }
        let mut digits = digits.to_i128()?;
        let mut sum = self.digits;
        if scale > self.scale {
            sum = sum.checked_mul(10_i128.pow((scale - self.scale) as u32))?;
        } else if scale < self.scale {
            digits = digits.checked_mul(10_i128.pow((self.scale - scale) as u32))?;
        }
        self.digits = sum.checked_add(digits)?;
        self.scale = self.scale.max(scale);
        Some(())
    }

    pub fn total(&self) -> Result<Numeric> {
        let fast = Numeric::new(BigInt::from(self.digits), self.scale);
        match &self.rest {
            None => Ok(fast),
            Some(rest) => rest.add(&fast),
        }
    }
}

/// sum and avg of numerics.
pub(super) struct NumericSums {
    average: bool,
    sums: Vec<NumericSum>,
    counts: Vec<i64>,
}

impl NumericSums {
    pub fn new(average: bool) -> NumericSums {
        NumericSums { average, sums: Vec::new(), counts: Vec::new() }
    }

    pub fn resize(&mut self, count: usize) {
        self.sums.resize(count, NumericSum::default());
        self.counts.resize(count, 0);
    }

    pub fn update(&mut self, groups: &[u32], arguments: &[Column]) -> Result<()> {
        let column = argument(arguments)?;
        let ColumnData::Values(values) = &column.data else { return Err(bad_state()) };
        for (row, &group) in groups.iter().enumerate() {
            if !column.is_null(row) {
                let Value::Numeric(number) = &values[row] else { return Err(bad_state()) };
                self.sums[group as usize].add(number)?;
                self.counts[group as usize] += 1;
            }
        }
        Ok(())
    }

    pub fn merge(&mut self, groups: &[u32], states: &Column) -> Result<()> {
        for (row, &group) in groups.iter().enumerate() {
            let (count, sum) = match states.value(row) {
                Value::Null => continue,
                Value::Numeric(sum) => (1, sum),
                Value::Record(fields) => match &fields[..] {
                    [Value::Int8(0), _] => continue,
                    [Value::Int8(count), Value::Numeric(sum)] => (*count, sum.clone()),
                    _ => return Err(bad_state()),
                },
                _ => return Err(bad_state()),
            };
            self.sums[group as usize].add(&sum)?;
            self.counts[group as usize] += count;
        }
        Ok(())
    }

    pub fn states(&self, start: usize, end: usize) -> Result<Column> {
        if !self.average {
            return self.results(start, end);
        }
        let mut column = Column::new(DataType::of(TypeKind::Record));
        for group in start..end {
            let sum = Value::Numeric(self.sums[group].total()?);
            column.push(Value::Record(Arc::from([Value::Int8(self.counts[group]), sum])));
        }
        Ok(column)
    }

    pub fn results(&self, start: usize, end: usize) -> Result<Column> {
        let mut column = Column::new(DataType::of(TypeKind::Numeric));
        for group in start..end {
            if self.counts[group] == 0 {
                column.push_null();
                continue;
            }
            let sum = self.sums[group].total()?;
            let result = if self.average { sum.divide(&Numeric::from(self.counts[group]))? } else { sum };
            column.push(Value::Numeric(result));
        }
        Ok(column)
    }

    pub fn bytes(&self) -> usize {
        self.sums.capacity() * size_of::<NumericSum>() + self.counts.capacity() * 8
    }
}

/// sum and avg of intervals.
pub(super) struct IntervalSums {
    average: bool,
    sums: Vec<Interval>,
    counts: Vec<i64>,
}

impl IntervalSums {
    pub fn new(average: bool) -> IntervalSums {
        IntervalSums { average, sums: Vec::new(), counts: Vec::new() }
    }

    pub fn resize(&mut self, count: usize) {
        self.sums.resize(count, Interval::default());
        self.counts.resize(count, 0);
    }

    fn add(&mut self, group: u32, count: i64, interval: Interval) -> Result<()> {
        let sum = &mut self.sums[group as usize];
        *sum = sum.checked_add(&interval)?;
        self.counts[group as usize] += count;
        Ok(())
    }

    pub fn update(&mut self, groups: &[u32], arguments: &[Column]) -> Result<()> {
        let column = argument(arguments)?;
        for (row, &group) in groups.iter().enumerate() {
            match column.value(row) {
                Value::Null => {}
                Value::Interval(interval) => self.add(group, 1, interval)?,
                _ => return Err(bad_state()),
            }
        }
        Ok(())
    }

    pub fn merge(&mut self, groups: &[u32], states: &Column) -> Result<()> {
        for (row, &group) in groups.iter().enumerate() {
            match states.value(row) {
                Value::Null => {}
                Value::Interval(interval) => self.add(group, 1, interval)?,
                Value::Record(fields) => match &fields[..] {
                    [Value::Int8(count), Value::Interval(interval)] => self.add(group, *count, *interval)?,
                    _ => return Err(bad_state()),
                },
                _ => return Err(bad_state()),
            }
        }
        Ok(())
    }

    pub fn states(&self, start: usize, end: usize) -> Result<Column> {
        if !self.average {
            return self.results(start, end);
        }
        let mut column = Column::new(DataType::of(TypeKind::Record));
        for group in start..end {
            let fields = [Value::Int8(self.counts[group]), Value::Interval(self.sums[group])];
            column.push(Value::Record(Arc::from(fields)));
        }
        Ok(column)
    }

    pub fn results(&self, start: usize, end: usize) -> Result<Column> {
        let mut column = Column::new(DataType::of(TypeKind::Interval));
        for group in start..end {
            let (count, sum) = (self.counts[group], self.sums[group]);
            column.push(match count {
                0 => Value::Null,
                _ if self.average => Value::Interval(sum.divide(count as f64)?),
                _ => Value::Interval(sum),
            });
        }
        Ok(column)
    }

    pub fn bytes(&self) -> usize {
        self.sums.capacity() * size_of::<Interval>() + self.counts.capacity() * 8
    }
}
