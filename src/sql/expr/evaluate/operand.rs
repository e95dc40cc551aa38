//! What an expression evaluates to before anybody needs a whole column of it.

use crate::base::{
    batch::{Column, ColumnData, Strings},
    types::DataType,
    value::Value,
};
use std::borrow::Cow;

/// A column, or one value that stands for all rows.
#[derive(Clone, Debug)]
pub(crate) enum Operand<'a> {
    Constant(Value),
    Column(Cow<'a, Column>),
}

impl<'a> Operand<'a> {
    pub(crate) fn owned(data: ColumnData, nulls: Option<Vec<bool>>) -> Operand<'a> {
        Operand::Column(Cow::Owned(Column { data, nulls }))
    }

    pub(crate) fn is_constant(&self) -> bool {
        matches!(self, Operand::Constant(_))
    }

    /// NULL in every row.
    pub(crate) fn is_always_null(&self) -> bool {
        matches!(self, Operand::Constant(Value::Null))
    }

    /// The value in a row.
    pub(crate) fn value(&self, row: usize) -> Value {
        match self {
            Operand::Constant(value) => value.clone(),
            Operand::Column(column) => column.value(row),
        }
    }

    /// Which rows are NULL; `None` when none is. Not for constants that are NULL.
    pub(crate) fn nulls(&self) -> Option<&[bool]> {
        match self {
            Operand::Constant(_) => None,
            Operand::Column(column) => column.nulls.as_deref(),
        }
    }

    pub(crate) fn into_column(self, data_type: DataType, rows: usize) -> Column {
        match self {
            Operand::Constant(value) => Column::constant(data_type, &value, rows),
            Operand::Column(column) => column.into_owned(),
        }
    }

    /// The operand as a typed vector or scalar, if it is of that kind.
    pub(crate) fn side<K: Kind>(&self) -> Option<Side<'_, K::Native>> {
        match self {
            Operand::Constant(value) => K::scalar(value).map(Side::Same),
            Operand::Column(column) => K::slice(&column.data).map(Side::Rows),
        }
    }

    /// Text in every row.
    pub(crate) fn text(&self) -> Option<TextSide<'_>> {
        match self {
            Operand::Constant(Value::Text(text)) => Some(TextSide::Same(text.as_bytes())),
            Operand::Constant(_) => None,
            Operand::Column(column) => match &column.data {
                ColumnData::Text(strings) => Some(TextSide::Rows(strings)),
                _ => None,
            },
        }
    }

    /// Integers of any width as 64 bits.
    pub(crate) fn integers(&self) -> Option<Integers<'_>> {
        Some(match self {
            Operand::Constant(Value::Int2(number)) => Integers::Same(i64::from(*number)),
            Operand::Constant(Value::Int4(number)) => Integers::Same(i64::from(*number)),
            Operand::Constant(Value::Int8(number)) => Integers::Same(*number),
            Operand::Constant(_) => return None,
            Operand::Column(column) => match &column.data {
                ColumnData::Int2(numbers) => Integers::Rows(numbers.iter().map(|&n| i64::from(n)).collect()),
                ColumnData::Int4(numbers) => Integers::Rows(numbers.iter().map(|&n| i64::from(n)).collect()),
                ColumnData::Int8(numbers) => Integers::Rows(Cow::Borrowed(numbers)),
                _ => return None,
            },
        })
    }
}

/// 64-bit integers, converted or borrowed.
pub(crate) enum Integers<'a> {
    Same(i64),
    Rows(Cow<'a, [i64]>),
}

impl Integers<'_> {
    pub(crate) fn side(&self) -> Side<'_, i64> {
        match self {
            Integers::Same(number) => Side::Same(*number),
            Integers::Rows(numbers) => Side::Rows(numbers),
        }
    }
}

/// Copies the operands' values in a row.
pub(crate) fn gather(operands: &[Operand<'_>], row: usize, values: &mut [Value]) {
    for (value, operand) in values.iter_mut().zip(operands) {
        if let Operand::Column(column) = operand {
            *value = column.value(row);
        } else if row == 0 || value.is_null() {
            *value = operand.value(row);
        }
    }
}

/// Rows that are NULL in either.
pub(crate) fn either_null(left: Option<&[bool]>, right: Option<&[bool]>) -> Option<Vec<bool>> {
    match (left, right) {
        (None, None) => None,
        (Some(nulls), None) | (None, Some(nulls)) => Some(nulls.to_vec()),
        (Some(left), Some(right)) => Some(left.iter().zip(right).map(|(a, b)| a | b).collect()),
    }
}

/// One side of a binary loop.
#[derive(Clone, Copy)]
pub(crate) enum Side<'a, T> {
    Same(T),
    Rows(&'a [T]),
}

/// Applies a function to each row's pair.
#[inline]
pub(crate) fn zip<T: Copy, U: Copy, R>(
    left: Side<'_, T>,
    right: Side<'_, U>,
    rows: usize,
    apply: impl Fn(T, U) -> R,
) -> Vec<R> {
    match (left, right) {
        (Side::Rows(left), Side::Rows(right)) => left.iter().zip(right).map(|(&a, &b)| apply(a, b)).collect(),
        (Side::Rows(left), Side::Same(right)) => left.iter().map(|&a| apply(a, right)).collect(),
        (Side::Same(left), Side::Rows(right)) => right.iter().map(|&b| apply(left, b)).collect(),
        (Side::Same(left), Side::Same(right)) => (0..rows).map(|_| apply(left, right)).collect(),
    }
}

/// One side of a loop over text.
#[derive(Clone, Copy)]
pub(crate) enum TextSide<'a> {
    Same(&'a [u8]),
    Rows(&'a Strings),
}

impl<'a> TextSide<'a> {
    #[inline]
    pub(crate) fn bytes(&self, row: usize) -> &'a [u8] {
        match self {
            TextSide::Same(bytes) => bytes,
            TextSide::Rows(strings) => strings.get_bytes(row),
        }
    }
}

/// A kind of column with a vector of its own.
pub(crate) trait Kind {
    type Native: Copy;
    fn slice(data: &ColumnData) -> Option<&[Self::Native]>;
    fn scalar(value: &Value) -> Option<Self::Native>;
    fn wrap(vector: Vec<Self::Native>) -> ColumnData;
}

macro_rules! kind {
    ($name:ident, $native:ty, $variant:ident) => {
        #[derive(Clone, Copy)]
        pub(crate) struct $name;

        impl Kind for $name {
            type Native = $native;

            fn slice(data: &ColumnData) -> Option<&[$native]> {
                match data {
                    ColumnData::$variant(vector) => Some(vector),
                    _ => None,
                }
            }

            fn scalar(value: &Value) -> Option<$native> {
                match value {
                    Value::$variant(native) => Some(*native),
                    _ => None,
                }
            }

            fn wrap(vector: Vec<$native>) -> ColumnData {
                ColumnData::$variant(vector)
            }
        }
    };
}

kind!(BoolKind, bool, Bool);
kind!(Int2Kind, i16, Int2);
kind!(Int4Kind, i32, Int4);
kind!(Int8Kind, i64, Int8);
kind!(Float8Kind, f64, Float8);
kind!(DateKind, i32, Date);
kind!(TimestampKind, i64, Timestamp);
kind!(TimestamptzKind, i64, Timestamptz);
