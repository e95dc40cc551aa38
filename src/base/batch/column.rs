//! One column: pushing, reading, taking apart and putting together.

use super::{Column, ColumnData, Strings};
use crate::base::types::{DataType, TypeKind};
use crate::base::value::Value;
use std::sync::Arc;

/// Runs the same expression over whichever typed vector a column has.
macro_rules! each {
    ($data:expr, $vector:ident => $plain:expr, $strings:ident => $text:expr) => {
        match $data {
            ColumnData::Bool($vector) => $plain,
            ColumnData::Int2($vector) => $plain,
            ColumnData::Int4($vector) => $plain,
            ColumnData::Int8($vector) => $plain,
            ColumnData::Float8($vector) => $plain,
            ColumnData::Date($vector) => $plain,
            ColumnData::Timestamp($vector) => $plain,
            ColumnData::Timestamptz($vector) => $plain,
            ColumnData::Values($vector) => $plain,
            ColumnData::Text($strings) => $text,
        }
    };
}

/// The same, keeping the kind of vector.
macro_rules! map_data {
    ($data:expr, $vector:ident => $plain:expr, $strings:ident => $text:expr) => {
        match $data {
            ColumnData::Bool($vector) => ColumnData::Bool($plain),
            ColumnData::Int2($vector) => ColumnData::Int2($plain),
            ColumnData::Int4($vector) => ColumnData::Int4($plain),
            ColumnData::Int8($vector) => ColumnData::Int8($plain),
            ColumnData::Float8($vector) => ColumnData::Float8($plain),
            ColumnData::Date($vector) => ColumnData::Date($plain),
            ColumnData::Timestamp($vector) => ColumnData::Timestamp($plain),
            ColumnData::Timestamptz($vector) => ColumnData::Timestamptz($plain),
            ColumnData::Values($vector) => ColumnData::Values($plain),
            ColumnData::Text($strings) => $text,
        }
    };
}

impl Column {
    /// An empty column for values of a type. All textual types, also json, go to [`ColumnData::Text`].
    pub fn new(data_type: DataType) -> Column {
        Column::with_capacity(data_type, 0)
    }

    /// An empty column with room for `rows` rows.
    pub fn with_capacity(data_type: DataType, rows: usize) -> Column {
        let data = match data_type.kind {
            _ if data_type.array => ColumnData::Values(Vec::with_capacity(rows)),
            TypeKind::Bool => ColumnData::Bool(Vec::with_capacity(rows)),
            TypeKind::Int2 => ColumnData::Int2(Vec::with_capacity(rows)),
            TypeKind::Int4 => ColumnData::Int4(Vec::with_capacity(rows)),
            TypeKind::Int8 => ColumnData::Int8(Vec::with_capacity(rows)),
            TypeKind::Float8 => ColumnData::Float8(Vec::with_capacity(rows)),
            TypeKind::Date => ColumnData::Date(Vec::with_capacity(rows)),
            TypeKind::Timestamp => ColumnData::Timestamp(Vec::with_capacity(rows)),
            TypeKind::Timestamptz => ColumnData::Timestamptz(Vec::with_capacity(rows)),
            kind if kind.is_textual() => ColumnData::Text(Strings::with_capacity(rows, 0)),
            _ => ColumnData::Values(Vec::with_capacity(rows)),
        };
        Column { data, nulls: None }
    }

    /// A column of the same value in every row.
    pub fn constant(data_type: DataType, value: &Value, rows: usize) -> Column {
        let mut column = Column::with_capacity(data_type, rows);
        for _ in 0..rows {
            column.push(value.clone());
        }
        column
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        each!(&self.data, vector => vector.len(), strings => strings.len())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    pub fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls[row])
    }

    /// Whether any row is NULL.
    pub fn has_nulls(&self) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.contains(&true))
    }

    /// About how many bytes the column holds.
    pub fn bytes(&self) -> usize {
        let data = match &self.data {
            ColumnData::Bool(vector) => vector.len(),
            ColumnData::Int2(vector) => vector.len() * 2,
            ColumnData::Int4(vector) | ColumnData::Date(vector) => vector.len() * 4,
            ColumnData::Int8(vector) | ColumnData::Timestamp(vector) | ColumnData::Timestamptz(vector) => {
                vector.len() * 8
            }
            ColumnData::Float8(vector) => vector.len() * 8,
            ColumnData::Text(strings) => strings.bytes.len() + strings.ends.len() * 4,
            ColumnData::Values(values) => values.iter().map(value_bytes).sum(),
        };
        data + self.nulls.as_ref().map_or(0, Vec::len)
    }

    /// Adds a NULL row.
    pub fn push_null(&mut self) {
        let rows = self.len();
        self.nulls.get_or_insert_with(|| vec![false; rows]).push(true);
        self.push_default();
    }

    fn push_default(&mut self) {
        match &mut self.data {
            ColumnData::Bool(vector) => vector.push(false),
            ColumnData::Int2(vector) => vector.push(0),
            ColumnData::Int4(vector) | ColumnData::Date(vector) => vector.push(0),
            ColumnData::Int8(vector) | ColumnData::Timestamp(vector) | ColumnData::Timestamptz(vector) => {
                vector.push(0);
            }
            ColumnData::Float8(vector) => vector.push(0.0),
            ColumnData::Text(strings) => strings.push(""),
            ColumnData::Values(values) => values.push(Value::Null),
        }
    }

    /// Notes that the row just pushed is not NULL.
    #[inline]
    pub(crate) fn mark_valid(&mut self) {
        if let Some(nulls) = &mut self.nulls {
            nulls.push(false);
        }
    }

    /// Adds a row. A value of another type than the column's turns the whole column into [`ColumnData::Values`]:
    /// nothing is lost, but it is slow and a mistake of the caller (debug builds stop).
    pub fn push(&mut self, value: Value) {
        match (&mut self.data, value) {
            (ColumnData::Bool(vector), Value::Bool(truth)) => vector.push(truth),
            (ColumnData::Int2(vector), Value::Int2(number)) => vector.push(number),
            (ColumnData::Int4(vector), Value::Int4(number)) => vector.push(number),
            (ColumnData::Int8(vector), Value::Int8(number)) => vector.push(number),
            (ColumnData::Float8(vector), Value::Float8(number)) => vector.push(number),
            (ColumnData::Date(vector), Value::Date(days)) => vector.push(days),
            (ColumnData::Timestamp(vector), Value::Timestamp(micros)) => vector.push(micros),
            (ColumnData::Timestamptz(vector), Value::Timestamptz(micros)) => vector.push(micros),
            (_, Value::Null) => return self.push_null(),
            (ColumnData::Text(_), Value::Text(text)) => return self.push_text(&text),
            (ColumnData::Values(values), value) => values.push(value),
            (data, value) => {
                debug_assert!(false, "{value:?} pushed to {:?}", std::mem::discriminant(data));
                self.generalize().push(value);
            }
        }
        self.mark_valid();
    }

    /// Adds a string to a text column.
    pub fn push_text(&mut self, text: &str) {
        match &mut self.data {
            ColumnData::Text(strings) if strings.has_room(text.len()) => strings.push(text),
            // Over 4 GiB of text in a batch: single allocations carry it from here on.
            _ => self.generalize().push(Value::text(text)),
        }
        self.mark_valid();
    }

    /// Turns the typed vector into one of values.
    fn generalize(&mut self) -> &mut Vec<Value> {
        if !matches!(self.data, ColumnData::Values(_)) {
            self.data = ColumnData::Values((0..self.len()).map(|row| self.value(row)).collect());
        }
        match &mut self.data {
            ColumnData::Values(values) => values,
            _ => unreachable!("set two lines above"),
        }
    }

    /// A row's value.
    pub fn value(&self, row: usize) -> Value {
        if self.is_null(row) {
            return Value::Null;
        }
        match &self.data {
            ColumnData::Bool(vector) => Value::Bool(vector[row]),
            ColumnData::Int2(vector) => Value::Int2(vector[row]),
            ColumnData::Int4(vector) => Value::Int4(vector[row]),
            ColumnData::Int8(vector) => Value::Int8(vector[row]),
            ColumnData::Float8(vector) => Value::Float8(vector[row]),
            ColumnData::Text(strings) => Value::Text(Arc::from(strings.get(row))),
            ColumnData::Date(vector) => Value::Date(vector[row]),
            ColumnData::Timestamp(vector) => Value::Timestamp(vector[row]),
            ColumnData::Timestamptz(vector) => Value::Timestamptz(vector[row]),
            ColumnData::Values(values) => values[row].clone(),
        }
    }

    /// All rows' values.
    pub fn values(&self) -> impl Iterator<Item = Value> {
        (0..self.len()).map(|row| self.value(row))
    }

    /// Adds the rows of another column of the same type.
    pub fn append(&mut self, other: &Column) {
        let (before, more) = (self.len(), other.len());
        let appended = match (&mut self.data, &other.data) {
            (ColumnData::Bool(to), ColumnData::Bool(from)) => extend(to, from),
            (ColumnData::Int2(to), ColumnData::Int2(from)) => extend(to, from),
            (ColumnData::Int4(to), ColumnData::Int4(from)) => extend(to, from),
            (ColumnData::Int8(to), ColumnData::Int8(from)) => extend(to, from),
            (ColumnData::Float8(to), ColumnData::Float8(from)) => extend(to, from),
            (ColumnData::Date(to), ColumnData::Date(from)) => extend(to, from),
            (ColumnData::Timestamp(to), ColumnData::Timestamp(from)) => extend(to, from),
            (ColumnData::Timestamptz(to), ColumnData::Timestamptz(from)) => extend(to, from),
            (ColumnData::Values(to), ColumnData::Values(from)) => extend(to, from),
            (ColumnData::Text(to), ColumnData::Text(from)) if to.has_room(from.bytes.len()) => {
                to.append(from);
                true
            }
            _ => false,
        };
        if !appended {
            let values = self.generalize();
            values.extend(other.values());
        }
        match (&mut self.nulls, &other.nulls) {
            (None, None) => {}
            (Some(to), Some(from)) => to.extend_from_slice(from),
            (Some(to), None) => to.resize(before + more, false),
            (to @ None, Some(from)) => {
                let mut nulls = vec![false; before];
                nulls.extend_from_slice(from);
                *to = Some(nulls);
            }
        }
    }

    /// The columns one after the other. Of none, an empty column of values.
    pub fn concat(columns: &[Column]) -> Column {
        let Some((first, rest)) = columns.split_first() else {
            return Column { data: ColumnData::Values(Vec::new()), nulls: None };
        };
        let mut all = first.clone();
        for column in rest {
            all.append(column);
        }
        all
    }

    /// The given rows, in the given order, also repeatedly.
    pub fn take(&self, rows: &[u32]) -> Column {
        let data = map_data!(&self.data,
            vector => pick(vector, rows),
            strings => match strings.take(rows) {
                Some(taken) => ColumnData::Text(taken),
                None => ColumnData::Values(rows.iter().map(|&row| self.value(row as usize)).collect()),
            }
        );
        let nulls = self.nulls.as_ref().map(|nulls| rows.iter().map(|&row| nulls[row as usize]).collect());
        Column { data, nulls }
    }

    /// The rows for which `mask` is true.
    pub fn filter(&self, mask: &[bool]) -> Column {
        self.take(&selected(mask))
    }

    /// `count` rows from `start` on, or as many as there are.
    pub fn slice(&self, start: usize, count: usize) -> Column {
        let end = start.saturating_add(count).min(self.len());
        let start = start.min(end);
        let data = map_data!(&self.data,
            vector => vector[start..end].to_vec(),
            strings => ColumnData::Text(strings.slice(start, end))
        );
        Column { data, nulls: self.nulls.as_ref().map(|nulls| nulls[start..end].to_vec()) }
    }

    /// Empties the column, keeping its memory.
    pub fn clear(&mut self) {
        self.nulls = None;
        each!(&mut self.data, vector => vector.clear(), strings => {
            strings.ends.clear();
            strings.bytes.clear();
        });
    }

    /// Cuts the column to its first `rows` rows.
    pub fn truncate(&mut self, rows: usize) {
        if let Some(nulls) = &mut self.nulls {
            nulls.truncate(rows);
        }
        each!(&mut self.data, vector => vector.truncate(rows), strings => {
            strings.ends.truncate(rows);
            strings.bytes.truncate(strings.ends.last().map_or(0, |end| *end as usize));
        });
    }
}

/// The numbers of the rows for which `mask` is true.
pub fn selected(mask: &[bool]) -> Vec<u32> {
    let mut rows = Vec::with_capacity(mask.len());
    for (row, &keep) in mask.iter().enumerate() {
        if keep {
            rows.push(row as u32);
        }
    }
    rows
}

fn pick<T: Clone>(from: &[T], rows: &[u32]) -> Vec<T> {
    rows.iter().map(|&row| from[row as usize].clone()).collect()
}

fn extend<T: Clone>(to: &mut Vec<T>, from: &[T]) -> bool {
    to.extend_from_slice(from);
    true
}

fn value_bytes(value: &Value) -> usize {
    let outside = match value {
        Value::Text(text) => text.len(),
        Value::Bytea(bytes) => bytes.len(),
        Value::Array(array) => array.values.iter().map(value_bytes).sum(),
        Value::Record(values) => values.iter().map(value_bytes).sum(),
        Value::Numeric(_) => 32,
        _ => 0,
    };
    size_of::<Value>() + outside
}
