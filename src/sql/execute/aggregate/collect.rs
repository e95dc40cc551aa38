//! string_agg and array_agg: they keep all their input, in the order it comes.

use super::accumulator::{Argument, argument, bad_state};
use crate::{
    base::{
        batch::Column,
        sqlstate::SqlState,
        types::{DataType, TypeKind},
        value::{Array, Value},
    },
    error::{Error, Result},
    sql::expr::functions::RESULT_BYTES_MAX,
};
use std::sync::Arc;

/// string_agg of text and bytea.
pub(super) struct StringAgg {
    result: DataType,
    values: Vec<Option<Vec<u8>>>,
    held: usize,
}

impl StringAgg {
    pub fn new(result: DataType) -> StringAgg {
        StringAgg { result, values: Vec::new(), held: 0 }
    }

    pub fn resize(&mut self, count: usize) {
        self.values.resize(count, None);
    }

    fn add(&mut self, group: u32, value: &Value, delimiter: &Value) -> Result<()> {
        let bytes = |value: &Value| match value {
            Value::Text(text) => text.as_bytes().to_vec(),
            Value::Bytea(bytes) => bytes.to_vec(),
            _ => Vec::new(),
        };
        let value = bytes(value);
        match &mut self.values[group as usize] {
            Some(all) => {
                let delimiter = bytes(delimiter);
                self.held += delimiter.len() + value.len();
                all.extend(delimiter);
                all.extend(value);
                if all.len() > RESULT_BYTES_MAX {
                    return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "result of string_agg is too long")
                        .with_hint(format!("A value may have at most {RESULT_BYTES_MAX} bytes.")));
                }
            }
            none => {
                self.held += value.len();
                *none = Some(value);
            }
        }
        Ok(())
    }

    pub fn update(&mut self, groups: &[u32], arguments: &[Argument<'_>]) -> Result<()> {
        let [values, delimiters] = arguments else { return Err(bad_state()) };
        for (row, &group) in groups.iter().enumerate() {
            let value = values.value(row);
            if !value.is_null() {
                self.add(group, &value, &delimiters.value(row))?;
            }
        }
        Ok(())
    }

    /// Parts of one group are put end to end; a plan splits this aggregate only if that is what it wants.
    pub fn merge(&mut self, groups: &[u32], states: &Column) -> Result<()> {
        for (row, &group) in groups.iter().enumerate() {
            let value = states.value(row);
            if !value.is_null() {
                self.add(group, &value, &Value::Null)?;
            }
        }
        Ok(())
    }

    pub fn states(&self, start: usize, end: usize) -> Result<Column> {
        let mut column = Column::new(self.result);
        for value in &self.values[start..end] {
            column.push(match value {
                None => Value::Null,
                Some(bytes) if self.result.kind == TypeKind::Bytea => Value::bytea(bytes),
                Some(bytes) => Value::text(String::from_utf8_lossy(bytes)),
            });
        }
        Ok(column)
    }

    pub fn results(&self, start: usize, end: usize) -> Result<Column> {
        self.states(start, end)
    }

    pub fn bytes(&self) -> usize {
        self.values.capacity() * size_of::<Option<Vec<u8>>>() + self.held
    }
}

/// array_agg. NULLs are members like any other.
#[derive(Default)]
pub(super) struct ArrayAgg {
    values: Vec<Vec<Value>>,
    held: usize,
}

impl ArrayAgg {
    pub fn resize(&mut self, count: usize) {
        self.values.resize(count, Vec::new());
    }

    pub fn update(&mut self, groups: &[u32], arguments: &[Argument<'_>]) -> Result<()> {
        let column = argument(arguments)?;
        for (row, &group) in groups.iter().enumerate() {
            self.values[group as usize].push(column.value(row));
        }
        self.held += groups.len() * size_of::<Value>() + column.bytes();
        Ok(())
    }

    pub fn merge(&mut self, groups: &[u32], states: &Column) -> Result<()> {
        for (row, &group) in groups.iter().enumerate() {
            match states.value(row) {
                Value::Null => {}
                Value::Array(array) => {
                    self.held += array.values.len() * size_of::<Value>();
                    self.values[group as usize].extend_from_slice(&array.values);
                }
                _ => return Err(bad_state()),
            }
        }
        Ok(())
    }

    pub fn states(&self, start: usize, end: usize) -> Result<Column> {
        let mut column = Column::new(DataType::array_of(TypeKind::Text));
        for values in &self.values[start..end] {
            column.push(array(values)?);
        }
        Ok(column)
    }

    pub fn results(&self, start: usize, end: usize) -> Result<Column> {
        self.states(start, end)
    }

    pub fn bytes(&self) -> usize {
        self.values.capacity() * size_of::<Vec<Value>>() + self.held
    }
}

/// An array of plain values, or one with a dimension more of arrays of equal shape; NULL of no values.
fn array(values: &[Value]) -> Result<Value> {
    let Some(first) = values.first() else { return Ok(Value::Null) };
    let Value::Array(shape) = first else { return Ok(Value::array(values.to_vec())) };
    let mut members = Vec::new();
    for value in values {
        match value {
            Value::Array(inner) if inner.dimensions == shape.dimensions && !inner.values.is_empty() => {
                members.extend_from_slice(&inner.values);
            }
            _ => {
                let message = "cannot accumulate arrays of different dimensionality";
                return Err(Error::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message));
            }
        }
    }
    let mut dimensions = vec![(values.len() as u32, 1)];
    dimensions.extend_from_slice(&shape.dimensions);
    Ok(Value::Array(Arc::new(Array { dimensions, values: members })))
}
