//! Casts of whole columns: nothing to do where bytes are the same, loops between numbers, values for the rest.

use super::{
    Evaluator,
    operand::{Int4Kind, Int8Kind, Kind, Operand},
};
use crate::{
    base::{
        batch::{Column, ColumnData},
        types::{DataType, TypeKind},
        value::Value,
    },
    error::Result,
    sql::expr::{Expr, cast::is_relabel, convert::convert},
};
use std::borrow::Cow;

impl<'a> Evaluator<'a> {
    pub(super) fn cast(&self, operand: &Expr, to: DataType, explicit: bool) -> Result<Operand<'a>> {
        let from = operand.data_type();
        let operand = self.operand(operand)?;
        if is_relabel(from, to) {
            return Ok(operand);
        }
        match operand {
            Operand::Constant(value) => Ok(Operand::Constant(convert(&value, from, to, explicit, self.context)?)),
            Operand::Column(column) => match widened(&column, to) {
                Some(done) => Ok(done),
                None => {
                    let mut converted = Column::with_capacity(to, column.len());
                    for row in 0..column.len() {
                        match column.value(row) {
                            Value::Null => converted.push_null(),
                            value => converted.push(convert(&value, from, to, explicit, self.context)?),
                        }
                    }
                    Ok(Operand::Column(Cow::Owned(converted)))
                }
            },
        }
    }
}

/// Conversions between numbers that cannot fail.
fn widened<'a>(column: &Column, to: DataType) -> Option<Operand<'a>> {
    if to.array {
        return None;
    }
    let data = match (&column.data, to.kind) {
        (ColumnData::Int2(numbers), TypeKind::Int4) => Int4Kind::wrap(numbers.iter().map(|&n| n.into()).collect()),
        (ColumnData::Int2(numbers), TypeKind::Int8) => Int8Kind::wrap(numbers.iter().map(|&n| n.into()).collect()),
        (ColumnData::Int4(numbers), TypeKind::Int8) => Int8Kind::wrap(numbers.iter().map(|&n| n.into()).collect()),
        (ColumnData::Int2(numbers), TypeKind::Float8) => {
            ColumnData::Float8(numbers.iter().map(|&n| f64::from(n)).collect())
        }
        (ColumnData::Int4(numbers), TypeKind::Float8) => {
            ColumnData::Float8(numbers.iter().map(|&n| f64::from(n)).collect())
        }
        (ColumnData::Int8(numbers), TypeKind::Float8) => {
            ColumnData::Float8(numbers.iter().map(|&n| n as f64).collect())
        }
        _ => return None,
    };
    Some(Operand::owned(data, column.nulls.clone()))
}
