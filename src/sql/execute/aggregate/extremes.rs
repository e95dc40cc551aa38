//! min and max.

use super::accumulator::{Argument, argument, bad_state};
use crate::{
    base::{
        batch::{Column, ColumnData, Strings},
        types::{DataType, TypeKind},
        value::Value,
    },
    error::Result,
    sql::expr::compare_values,
};

/// Of types whose vectors hold integers. NULL until a value was seen; then compared as 64 bits.
pub(super) struct WordExtremes {
    greatest: bool,
    data_type: DataType,
    values: Vec<i64>,
    seen: Vec<bool>,
}

impl WordExtremes {
    pub fn new(greatest: bool, data_type: DataType) -> WordExtremes {
        WordExtremes { greatest, data_type, values: Vec::new(), seen: Vec::new() }
    }

    pub fn resize(&mut self, count: usize) {
        // Worse than every value, so that the first one always wins.
        self.values.resize(count, if self.greatest { i64::MIN } else { i64::MAX });
        self.seen.resize(count, false);
    }

    fn take(&mut self, groups: &[u32], nulls: Option<&[bool]>, values: impl Iterator<Item = i64>) {
        let (best, seen) = (self.values.as_mut_slice(), self.seen.as_mut_slice());
        let greatest = self.greatest;
        let mut put = |group: u32, value: i64| {
            let best = &mut best[group as usize];
            *best = if greatest { value.max(*best) } else { value.min(*best) };
            seen[group as usize] = true;
        };
        match nulls {
            None => groups.iter().zip(values).for_each(|(&group, value)| put(group, value)),
            Some(nulls) => {
                for ((&group, value), &null) in groups.iter().zip(values).zip(nulls) {
                    if !null {
                        put(group, value);
                    }
                }
            }
        }
    }

    pub fn update(&mut self, groups: &[u32], arguments: &[Argument<'_>]) -> Result<()> {
        let column = argument(arguments)?;
        let nulls = column.nulls.as_deref();
        match &column.data {
            ColumnData::Int2(values) => self.take(groups, nulls, values.iter().map(|&value| i64::from(value))),
            ColumnData::Int4(values) | ColumnData::Date(values) => {
                self.take(groups, nulls, values.iter().map(|&value| i64::from(value)));
            }
            ColumnData::Int8(values) | ColumnData::Timestamp(values) | ColumnData::Timestamptz(values) => {
                self.take(groups, nulls, values.iter().copied());
            }
            _ => return Err(bad_state()),
        }
        Ok(())
    }

    pub fn merge(&mut self, groups: &[u32], states: &Column) -> Result<()> {
        self.update(groups, &[Argument::Borrowed(states)])
    }

    pub fn states(&self, start: usize, end: usize) -> Result<Column> {
        // Groups without a value hold the start value, which need not fit the type.
        let values =
            || self.values[start..end].iter().zip(&self.seen[start..end]).map(|(value, seen)| i64::from(*seen) * value);
        let data = match self.data_type.kind {
            TypeKind::Int2 => ColumnData::Int2(values().map(|value| value as i16).collect()),
            TypeKind::Int4 => ColumnData::Int4(values().map(|value| value as i32).collect()),
            TypeKind::Date => ColumnData::Date(values().map(|value| value as i32).collect()),
            TypeKind::Timestamp => ColumnData::Timestamp(values().collect()),
            TypeKind::Timestamptz => ColumnData::Timestamptz(values().collect()),
            _ => ColumnData::Int8(values().collect()),
        };
        let seen = &self.seen[start..end];
        let nulls = seen.contains(&false).then(|| seen.iter().map(|seen| !seen).collect());
        Ok(Column { data, nulls })
    }

    pub fn results(&self, start: usize, end: usize) -> Result<Column> {
        self.states(start, end)
    }

    pub fn bytes(&self) -> usize {
        self.values.capacity() * 8 + self.seen.capacity()
    }
}

/// Of text.
pub(super) struct TextExtremes {
    greatest: bool,
    values: Vec<Option<Box<str>>>,
    held: usize,
}

impl TextExtremes {
    pub fn new(greatest: bool) -> TextExtremes {
        TextExtremes { greatest, values: Vec::new(), held: 0 }
    }

    pub fn resize(&mut self, count: usize) {
        self.values.resize(count, None);
    }

    pub fn update(&mut self, groups: &[u32], arguments: &[Argument<'_>]) -> Result<()> {
        let column = argument(arguments)?;
        let ColumnData::Text(strings) = &column.data else { return Err(bad_state()) };
        for (row, &group) in groups.iter().enumerate() {
            if column.is_null(row) {
                continue;
            }
            let bytes = strings.get_bytes(row);
            let best = &mut self.values[group as usize];
            let better = match best {
                None => true,
                Some(best) if self.greatest => bytes > best.as_bytes(),
                Some(best) => bytes < best.as_bytes(),
            };
            if better {
                self.held = self.held + bytes.len() - best.as_ref().map_or(0, |best| best.len());
                *best = Some(Box::from(strings.get(row)));
            }
        }
        Ok(())
    }

    pub fn merge(&mut self, groups: &[u32], states: &Column) -> Result<()> {
        self.update(groups, &[Argument::Borrowed(states)])
    }

    pub fn states(&self, start: usize, end: usize) -> Result<Column> {
        let mut column = Column { data: ColumnData::Text(Strings::default()), nulls: None };
        for value in &self.values[start..end] {
            match value {
                Some(text) => column.push_text(text),
                None => column.push_null(),
            }
        }
        Ok(column)
    }

    pub fn results(&self, start: usize, end: usize) -> Result<Column> {
        self.states(start, end)
    }

    pub fn bytes(&self) -> usize {
        self.values.capacity() * 16 + self.held
    }
}

/// Of any other type.
pub(super) struct Extremes {
    greatest: bool,
    data_type: DataType,
    values: Vec<Value>,
}

impl Extremes {
    pub fn new(greatest: bool, data_type: DataType) -> Extremes {
        Extremes { greatest, data_type, values: Vec::new() }
    }

    pub fn resize(&mut self, count: usize) {
        self.values.resize(count, Value::Null);
    }

    pub fn update(&mut self, groups: &[u32], arguments: &[Argument<'_>]) -> Result<()> {
        let column = argument(arguments)?;
        let padded = self.data_type.kind == TypeKind::Bpchar && !self.data_type.array;
        for (row, &group) in groups.iter().enumerate() {
            let value = column.value(row);
            if value.is_null() {
                continue;
            }
            let best = &mut self.values[group as usize];
            let order = compare_values(&value, best, padded);
            if best.is_null() || if self.greatest { order.is_gt() } else { order.is_lt() } {
                *best = value;
            }
        }
        Ok(())
    }

    pub fn merge(&mut self, groups: &[u32], states: &Column) -> Result<()> {
        self.update(groups, &[Argument::Borrowed(states)])
    }

    pub fn states(&self, start: usize, end: usize) -> Result<Column> {
        let mut column = Column::with_capacity(self.data_type, end - start);
        self.values[start..end].iter().for_each(|value| column.push(value.clone()));
        Ok(column)
    }

    pub fn results(&self, start: usize, end: usize) -> Result<Column> {
        self.states(start, end)
    }

    pub fn bytes(&self) -> usize {
        self.values.capacity() * 2 * size_of::<Value>()
    }
}
