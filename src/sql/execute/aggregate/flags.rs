//! bool_and, bool_or, bit_and, bit_or and bit_xor.

use super::accumulator::{Argument, argument, bad_state};
use crate::{
    base::{
        batch::{Column, ColumnData},
        types::DataType,
        value::Value,
    },
    error::Result,
    sql::expr::function::AggregateFunction as A,
    sql::expr::functions::arithmetic::narrow,
};

/// bool_and and bool_or.
pub(super) struct Flags {
    /// The value that decides: false for AND, true for OR.
    decisive: bool,
    values: Vec<Option<bool>>,
}

impl Flags {
    pub fn new(decisive: bool) -> Flags {
        Flags { decisive, values: Vec::new() }
    }

    pub fn resize(&mut self, count: usize) {
        self.values.resize(count, None);
    }

    pub fn update(&mut self, groups: &[u32], arguments: &[Argument<'_>]) -> Result<()> {
        let column = argument(arguments)?;
        let ColumnData::Bool(flags) = &column.data else { return Err(bad_state()) };
        for (row, (&group, &flag)) in groups.iter().zip(flags).enumerate() {
            if !column.is_null(row) {
                let value = &mut self.values[group as usize];
                *value = Some(if flag == self.decisive { flag } else { value.unwrap_or(flag) });
            }
        }
        Ok(())
    }

    pub fn merge(&mut self, groups: &[u32], states: &Column) -> Result<()> {
        self.update(groups, &[Argument::Borrowed(states)])
    }

    pub fn states(&self, start: usize, end: usize) -> Result<Column> {
        let values = &self.values[start..end];
        let nulls = values.contains(&None).then(|| values.iter().map(Option::is_none).collect());
        Ok(Column { data: ColumnData::Bool(values.iter().map(|value| value.unwrap_or(false)).collect()), nulls })
    }

    pub fn results(&self, start: usize, end: usize) -> Result<Column> {
        self.states(start, end)
    }

    pub fn bytes(&self) -> usize {
        self.values.capacity()
    }
}

/// Bitwise aggregates of integers.
pub(super) struct Bits {
    function: A,
    result: DataType,
    values: Vec<Option<i64>>,
}

impl Bits {
    pub fn new(function: A, result: DataType) -> Bits {
        Bits { function, result, values: Vec::new() }
    }

    pub fn resize(&mut self, count: usize) {
        self.values.resize(count, None);
    }

    pub fn update(&mut self, groups: &[u32], arguments: &[Argument<'_>]) -> Result<()> {
        let column = argument(arguments)?;
        for (row, &group) in groups.iter().enumerate() {
            let bits = match column.value(row) {
                Value::Null => continue,
                value => value.as_integer().ok_or_else(bad_state)?,
            };
            let value = &mut self.values[group as usize];
            *value = Some(match (*value, self.function) {
                (None, _) => bits,
                (Some(before), A::BitAnd) => before & bits,
                (Some(before), A::BitOr) => before | bits,
                (Some(before), _) => before ^ bits,
            });
        }
        Ok(())
    }

    pub fn merge(&mut self, groups: &[u32], states: &Column) -> Result<()> {
        self.update(groups, &[Argument::Borrowed(states)])
    }

    pub fn states(&self, start: usize, end: usize) -> Result<Column> {
        let mut column = Column::with_capacity(self.result, end - start);
        for value in &self.values[start..end] {
            match value {
                Some(bits) => column.push(narrow(*bits, self.result)?),
                None => column.push_null(),
            }
        }
        Ok(column)
    }

    pub fn results(&self, start: usize, end: usize) -> Result<Column> {
        self.states(start, end)
    }

    pub fn bytes(&self) -> usize {
        self.values.capacity() * 16
    }
}
