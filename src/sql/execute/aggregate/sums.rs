//! count, sum and avg.

use super::accumulator::{Argument, argument, bad_state};
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

    pub fn update(&mut self, groups: &[u32], arguments: &[Argument<'_>]) -> Result<()> {
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

/// What sum and avg add values up in. Averages put out their state as a record of the count and the sum.
pub(super) trait Sum: Clone + Default {
    /// Adds a value, or a sum that another one put out.
    fn add(&mut self, value: &Value) -> Result<()>;

    /// The sum as a value of the result's type.
    fn total(&self, result: DataType) -> Result<Value>;

    /// The sum divided by the number of values.
    fn average(&self, count: i64) -> Result<Value>;

    /// Adds all rows of a vector at once, if there is a way.
    fn add_vector(_sums: &mut Sums<Self>, _groups: &[u32], _column: &Column) -> bool {
        false
    }
}

/// sum and avg of anything but floats, which are rounded on the way.
pub(super) struct Sums<S> {
    average: bool,
    result: DataType,
    sums: Vec<S>,
    counts: Vec<i64>,
}

/// Of integers: in 128 bits, which no number of rows can overflow.
pub(super) type WholeSums = Sums<i128>;
pub(super) type NumericSums = Sums<NumericSum>;
pub(super) type IntervalSums = Sums<Interval>;

impl<S: Sum> Sums<S> {
    pub fn sum(result: DataType) -> Sums<S> {
        Sums { average: false, result, sums: Vec::new(), counts: Vec::new() }
    }

    pub fn average(result: DataType) -> Sums<S> {
        Sums { average: true, ..Sums::sum(result) }
    }

    pub fn resize(&mut self, count: usize) {
        self.sums.resize(count, S::default());
        self.counts.resize(count, 0);
    }

    pub fn update(&mut self, groups: &[u32], arguments: &[Argument<'_>]) -> Result<()> {
        let column = argument(arguments)?;
        if S::add_vector(self, groups, column) { Ok(()) } else { self.merge(groups, column) }
    }

    /// Also takes plain values, which are sums of one.
    pub fn merge(&mut self, groups: &[u32], states: &Column) -> Result<()> {
        for (row, &group) in groups.iter().enumerate() {
            if states.is_null(row) {
                continue;
            }
            let made;
            let value = match &states.data {
                ColumnData::Values(values) => &values[row],
                _ => {
                    made = states.value(row);
                    &made
                }
            };
            let (count, sum) = match value {
                Value::Record(fields) => match &fields[..] {
                    [Value::Int8(0), _] => continue,
                    [Value::Int8(count), sum] => (*count, sum),
                    _ => return Err(bad_state()),
                },
                value => (1, value),
            };
            self.sums[group as usize].add(sum)?;
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
            let sum = self.sums[group].total(self.result)?;
            column.push(Value::Record(Arc::from([Value::Int8(self.counts[group]), sum])));
        }
        Ok(column)
    }

    pub fn results(&self, start: usize, end: usize) -> Result<Column> {
        let mut column = Column::with_capacity(self.result, end - start);
        for (sum, &count) in self.sums[start..end].iter().zip(&self.counts[start..end]) {
            column.push(match count {
                0 => Value::Null,
                _ if self.average => sum.average(count)?,
                _ => sum.total(self.result)?,
            });
        }
        Ok(column)
    }

    pub fn bytes(&self) -> usize {
        self.sums.capacity() * size_of::<S>() + self.counts.capacity() * 8
    }
}

impl Sum for i128 {
    fn add(&mut self, value: &Value) -> Result<()> {
        *self += match value {
            Value::Int8(sum) => i128::from(*sum),
            Value::Numeric(sum) => whole(sum)?,
            _ => return Err(bad_state()),
        };
        Ok(())
    }

    fn total(&self, result: DataType) -> Result<Value> {
        match result.kind {
            TypeKind::Int8 => i64::try_from(*self).map(Value::Int8).map_err(|_| out_of_range(result)),
            _ => Ok(Value::Numeric(Numeric::new(BigInt::from(*self), 0))),
        }
    }

    fn average(&self, count: i64) -> Result<Value> {
        Ok(Value::Numeric(Numeric::new(BigInt::from(*self), 0).divide(&Numeric::from(count))?))
    }

    fn add_vector(sums: &mut WholeSums, groups: &[u32], column: &Column) -> bool {
        let nulls = column.nulls.as_deref();
        match &column.data {
            ColumnData::Int2(values) => sums.add_whole(groups, nulls, values.iter().map(|&value| i64::from(value))),
            ColumnData::Int4(values) => sums.add_whole(groups, nulls, values.iter().map(|&value| i64::from(value))),
            ColumnData::Int8(values) => sums.add_whole(groups, nulls, values.iter().copied()),
            _ => return false,
        }
        true
    }
}

impl WholeSums {
    fn add_whole(&mut self, groups: &[u32], nulls: Option<&[bool]>, values: impl Iterator<Item = i64>) {
        let (sums, counts) = (self.sums.as_mut_slice(), self.counts.as_mut_slice());
        let mut put = |group: u32, value: i64| {
            sums[group as usize] += i128::from(value);
            counts[group as usize] += 1;
        };
        match nulls {
            None => groups.iter().zip(values).for_each(|(&group, value)| put(group, value)),
            Some(nulls) => {
                let present = groups.iter().zip(values).zip(nulls).filter(|(_, null)| !**null);
                present.for_each(|((&group, value), _)| put(group, value));
            }
        }
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

    pub fn update(&mut self, groups: &[u32], arguments: &[Argument<'_>]) -> Result<()> {
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
        self.update(groups, &[Argument::Borrowed(states)])
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
    pub fn add_number(&mut self, number: &Numeric) -> Result<()> {
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

    pub fn number(&self) -> Result<Numeric> {
        let fast = Numeric::new(BigInt::from(self.digits), self.scale);
        match &self.rest {
            None => Ok(fast),
            Some(rest) => rest.add(&fast),
        }
    }
}

impl Sum for NumericSum {
    fn add(&mut self, value: &Value) -> Result<()> {
        let Value::Numeric(number) = value else { return Err(bad_state()) };
        self.add_number(number)
    }

    fn total(&self, _result: DataType) -> Result<Value> {
        Ok(Value::Numeric(self.number()?))
    }

    fn average(&self, count: i64) -> Result<Value> {
        Ok(Value::Numeric(self.number()?.divide(&Numeric::from(count))?))
    }
}

impl Sum for Interval {
    fn add(&mut self, value: &Value) -> Result<()> {
        let Value::Interval(interval) = value else { return Err(bad_state()) };
        *self = self.checked_add(interval)?;
        Ok(())
    }

    fn total(&self, _result: DataType) -> Result<Value> {
        Ok(Value::Interval(*self))
    }

    fn average(&self, count: i64) -> Result<Value> {
        Ok(Value::Interval(self.divide(count as f64)?))
    }
}
