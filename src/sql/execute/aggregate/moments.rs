//! avg of floats, variance and standard deviation.
//!
//! Floats keep the count, the sum and the sum of squared differences from the mean (Youngs and Cramer), which PostgreSQL
//! keeps too and combines by the same formula. Exact numbers keep exact sums.

use super::{
    accumulator::{Argument, argument, bad_state},
    sums::NumericSum,
};
use crate::{
    base::{
        batch::{Column, ColumnData},
        convert::to_numeric,
        numeric::Numeric,
        types::{DataType, TypeKind},
        value::Value,
    },
    error::Result,
    sql::expr::{float_overflow, function::AggregateFunction as A},
};
use std::sync::Arc;

#[derive(Clone, Copy, Default)]
struct Moments {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f64) -> Result<()> {
        let before = *self;
        self.count += 1.0;
        self.sum += value;
        if before.count > 0.0 {
            let difference = value * self.count - self.sum;
            self.squares += difference * difference / (self.count * before.count);
            if self.sum.is_infinite() || self.squares.is_infinite() {
                if before.sum.is_finite() && value.is_finite() {
                    return Err(float_overflow());
                }
                self.squares = f64::NAN;
            }
        } else if !value.is_finite() {
            self.squares = f64::NAN;
        }
        Ok(())
    }

    fn merge(&mut self, other: Moments) -> Result<()> {
        if other.count == 0.0 {
            return Ok(());
        }
        if self.count == 0.0 {
            *self = other;
            return Ok(());
        }
        let count = self.count + other.count;
        let sum = self.sum + other.sum;
        if sum.is_infinite() && self.sum.is_finite() && other.sum.is_finite() {
            return Err(float_overflow());
        }
        let difference = self.sum / self.count - other.sum / other.count;
        let squares = self.squares + other.squares + self.count * other.count * difference * difference / count;
        if squares.is_infinite() && self.squares.is_finite() && other.squares.is_finite() {
            return Err(float_overflow());
        }
        *self = Moments { count, sum, squares };
        Ok(())
    }

    fn result(&self, function: A) -> Option<f64> {
        let sample = matches!(function, A::StddevSample | A::VarianceSample);
        if self.count == 0.0 || (sample && self.count <= 1.0) {
            return None;
        }
        let variance = self.squares / if sample { self.count - 1.0 } else { self.count };
        Some(match function {
            A::Average => self.sum / self.count,
            A::StddevSample | A::StddevPopulation => variance.sqrt(),
            _ => variance,
        })
    }
}

/// Of floats.
pub(super) struct FloatMoments {
    function: A,
    moments: Vec<Moments>,
}

impl FloatMoments {
    pub fn new(function: A) -> FloatMoments {
        FloatMoments { function, moments: Vec::new() }
    }

    pub fn resize(&mut self, count: usize) {
        self.moments.resize(count, Moments::default());
    }

    pub fn update(&mut self, groups: &[u32], arguments: &[Argument<'_>]) -> Result<()> {
        let column = argument(arguments)?;
        for (row, &group) in groups.iter().enumerate() {
            if column.is_null(row) {
                continue;
            }
            let value = match &column.data {
                ColumnData::Float8(values) => values[row],
                _ => match column.value(row) {
                    Value::Float4(value) => f64::from(value),
                    _ => return Err(bad_state()),
                },
            };
            self.moments[group as usize].add(value)?;
        }
        Ok(())
    }

    pub fn merge(&mut self, groups: &[u32], states: &Column) -> Result<()> {
        for (row, &group) in groups.iter().enumerate() {
            let Value::Record(fields) = states.value(row) else { return Err(bad_state()) };
            let [Value::Float8(count), Value::Float8(sum), Value::Float8(squares)] = fields[..] else {
                return Err(bad_state());
            };
            self.moments[group as usize].merge(Moments { count, sum, squares })?;
        }
        Ok(())
    }

    pub fn states(&self, start: usize, end: usize) -> Result<Column> {
        let mut column = Column::new(DataType::of(TypeKind::Record));
        for moments in &self.moments[start..end] {
            let fields = [moments.count, moments.sum, moments.squares].map(Value::Float8);
            column.push(Value::Record(Arc::from(fields)));
        }
        Ok(column)
    }

    pub fn results(&self, start: usize, end: usize) -> Result<Column> {
        let mut column = Column::new(DataType::of(TypeKind::Float8));
        for moments in &self.moments[start..end] {
            column.push(moments.result(self.function).map_or(Value::Null, Value::Float8));
        }
        Ok(column)
    }

    pub fn bytes(&self) -> usize {
        self.moments.capacity() * size_of::<Moments>()
    }
}

#[derive(Clone, Default)]
struct ExactMoments {
    count: i64,
    sum: NumericSum,
    squares: NumericSum,
}

impl ExactMoments {
    fn result(&self, function: A) -> Result<Option<Numeric>> {
        let sample = matches!(function, A::StddevSample | A::VarianceSample);
        if self.count == 0 || (sample && self.count <= 1) {
            return Ok(None);
        }
        let (count, sum) = (Numeric::from(self.count), self.sum.number()?);
        if sum.is_nan() || sum.is_infinite() {
            return Ok(Some(Numeric::NaN));
        }
        let numerator = count.multiply(&self.squares.number()?)?.subtract(&sum.multiply(&sum)?)?;
        if numerator.sign() <= 0 {
            return Ok(Some(Numeric::zero()));
        }
        let other = Numeric::from(if sample { self.count - 1 } else { self.count });
        let variance = numerator.divide(&count.multiply(&other)?)?;
        match function {
            // PostgreSQL shows the root with the digits of the quotient.
            A::StddevSample | A::StddevPopulation => variance.square_root()?.round(variance.scale()).map(Some),
            _ => Ok(Some(variance)),
        }
    }
}

/// Of integers and numerics.
pub(super) struct NumericMoments {
    function: A,
    moments: Vec<ExactMoments>,
}

impl NumericMoments {
    pub fn new(function: A) -> NumericMoments {
        NumericMoments { function, moments: Vec::new() }
    }

    pub fn resize(&mut self, count: usize) {
        self.moments.resize(count, ExactMoments::default());
    }

    pub fn update(&mut self, groups: &[u32], arguments: &[Argument<'_>]) -> Result<()> {
        let column = argument(arguments)?;
        for (row, &group) in groups.iter().enumerate() {
            if column.is_null(row) {
                continue;
            }
            let number = to_numeric(&column.value(row))?;
            let moments = &mut self.moments[group as usize];
            moments.count += 1;
            moments.sum.add_number(&number)?;
            moments.squares.add_number(&number.multiply(&number)?)?;
        }
        Ok(())
    }

    pub fn merge(&mut self, groups: &[u32], states: &Column) -> Result<()> {
        for (row, &group) in groups.iter().enumerate() {
            let Value::Record(fields) = states.value(row) else { return Err(bad_state()) };
            let [Value::Int8(count), Value::Numeric(sum), Value::Numeric(squares)] = &fields[..] else {
                return Err(bad_state());
            };
            let moments = &mut self.moments[group as usize];
            moments.count += count;
            moments.sum.add_number(sum)?;
            moments.squares.add_number(squares)?;
        }
        Ok(())
    }

    pub fn states(&self, start: usize, end: usize) -> Result<Column> {
        let mut column = Column::new(DataType::of(TypeKind::Record));
        for moments in &self.moments[start..end] {
            let (sum, squares) = (moments.sum.number()?, moments.squares.number()?);
            let fields = [Value::Int8(moments.count), Value::Numeric(sum), Value::Numeric(squares)];
            column.push(Value::Record(Arc::from(fields)));
        }
        Ok(column)
    }

    pub fn results(&self, start: usize, end: usize) -> Result<Column> {
        let mut column = Column::new(DataType::of(TypeKind::Numeric));
        for moments in &self.moments[start..end] {
            column.push(moments.result(self.function)?.map_or(Value::Null, Value::Numeric));
        }
        Ok(column)
    }

    pub fn bytes(&self) -> usize {
        self.moments.capacity() * size_of::<ExactMoments>()
    }
}
