//! Calls of functions and operators: typed loops where there are some, else row by row.

use super::{
    Evaluator, arithmetic, like,
    operand::{Operand, TextSide, either_null, gather},
};
use crate::{
    base::{
        batch::{Column, ColumnData, Strings},
        types::{DataType, TypeKind},
        value::Value,
    },
    error::{Error, Result},
    sql::expr::{
        Expr,
        function::{Function, is_strict},
        functions::{self, Call, Scratch},
    },
};
use std::borrow::Cow;

impl<'a> Evaluator<'a> {
    pub(super) fn call(&self, function: Function, arguments: &[Expr], data_type: DataType) -> Result<Operand<'a>> {
        let operands = arguments.iter().map(|argument| self.operand(argument)).collect::<Result<Vec<_>>>()?;
        let types: Vec<DataType> = arguments.iter().map(Expr::data_type).collect();
        self.apply(function, &operands, &types, data_type)
    }

    /// One operator after the other, without recursion along the chain.
    pub(super) fn chain(&self, operands: &[Expr], links: &[(Function, DataType)]) -> Result<Operand<'a>> {
        let Some((first, rest)) = operands.split_first() else {
            return Err(Error::internal("a chain without operands"));
        };
        let (mut left, mut left_type) = (self.operand(first)?, first.data_type());
        for (operand, &(function, data_type)) in rest.iter().zip(links) {
            let sides = [left, self.operand(operand)?];
            left = self.apply(function, &sides, &[left_type, operand.data_type()], data_type)?;
            left_type = data_type;
        }
        Ok(left)
    }

    fn apply(
        &self,
        function: Function,
        operands: &[Operand<'a>],
        types: &[DataType],
        data_type: DataType,
    ) -> Result<Operand<'a>> {
        let strict = is_strict(function);
        if strict && operands.iter().any(Operand::is_always_null) {
            return Ok(Operand::Constant(Value::Null));
        }
        let rows = self.batch.rows;
        let constant = operands.iter().all(Operand::is_constant);
        if !constant && let Some(done) = typed(function, operands, types, data_type, rows) {
            return done;
        }
        let scratch = Scratch::default();
        let call = Call { function, types, result: data_type, context: self.context, scratch: &scratch };
        let mut values = vec![Value::Null; operands.len()];
        if constant && !changes_by_row(function) {
            gather(operands, 0, &mut values);
            return Ok(Operand::Constant(functions::call(&call, &values)?));
        }
        let mut column = Column::with_capacity(data_type, rows);
        for row in 0..rows {
            gather(operands, row, &mut values);
            if strict && values.iter().any(Value::is_null) {
                column.push_null();
            } else {
                column.push(functions::call(&call, &values)?);
            }
        }
        Ok(Operand::Column(Cow::Owned(column)))
    }
}

/// Functions that must be called for each row even if their arguments are the same.
pub(super) fn changes_by_row(function: Function) -> bool {
    matches!(function, Function::Random | Function::GenUuid | Function::ClockTimestamp | Function::SetConfig)
}

fn typed<'a>(
    function: Function,
    operands: &[Operand<'_>],
    types: &[DataType],
    data_type: DataType,
    rows: usize,
) -> Option<Result<Operand<'a>>> {
    let first = types.first().map_or(TypeKind::Void, |data_type| data_type.kind);
    match (function, operands) {
        (
            Function::Add
            | Function::Subtract
            | Function::Multiply
            | Function::Divide
            | Function::Remainder
            | Function::Modulo
            | Function::Negate,
            _,
        ) => arithmetic::typed(function, operands, data_type, rows),
        (
            Function::Like | Function::NotLike | Function::InsensitiveLike | Function::NotInsensitiveLike,
            [text, pattern],
        ) => like_column(function, text, pattern, rows),
        (Function::Length, [Operand::Column(column)]) if first != TypeKind::Bpchar => text_length(column),
        (Function::Lower, [Operand::Column(column)]) => map_bytes(column, |byte| byte.to_ascii_lowercase()),
        (Function::Upper, [Operand::Column(column)]) => map_bytes(column, |byte| byte.to_ascii_uppercase()),
        (Function::Concatenate, [left, right]) if data_type.kind == TypeKind::Text => concatenate(left, right, rows),
        _ => None,
    }
}

fn like_column<'a>(
    function: Function,
    text: &Operand<'_>,
    pattern: &Operand<'_>,
    rows: usize,
) -> Option<Result<Operand<'a>>> {
    let (Operand::Column(column), Operand::Constant(Value::Text(pattern))) = (text, pattern) else { return None };
    let ColumnData::Text(strings) = &column.data else { return None };
    let insensitive = matches!(function, Function::InsensitiveLike | Function::NotInsensitiveLike);
    let negated = matches!(function, Function::NotLike | Function::NotInsensitiveLike);
    let pattern = match like::Pattern::new(pattern, Some('\\'), insensitive) {
        Ok(pattern) => pattern,
        Err(error) => return Some(Err(error)),
    };
    let values = (0..rows).map(|row| pattern.matches(strings.get_bytes(row)) != negated).collect();
    Some(Ok(Operand::owned(ColumnData::Bool(values), column.nulls.clone())))
}

/// Characters of each string. `char(n)` does not come here: its blanks do not count.
fn text_length<'a>(column: &Column) -> Option<Result<Operand<'a>>> {
    let ColumnData::Text(strings) = &column.data else { return None };
    let count = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte & 0xC0 != 0x80).count() as i32;
    let values = (0..strings.len()).map(|row| count(strings.get_bytes(row))).collect();
    Some(Ok(Operand::owned(ColumnData::Int4(values), column.nulls.clone())))
}

/// Case changes of ASCII letters only, as the C collation has it: lengths stay.
fn map_bytes<'a>(column: &Column, map: impl Fn(u8) -> u8) -> Option<Result<Operand<'a>>> {
    let ColumnData::Text(strings) = &column.data else { return None };
    let bytes = strings.bytes.iter().map(|&byte| map(byte)).collect();
    let mapped = Strings { ends: strings.ends.clone(), bytes };
    Some(Ok(Operand::owned(ColumnData::Text(mapped), column.nulls.clone())))
}

fn concatenate<'a>(left: &Operand<'_>, right: &Operand<'_>, rows: usize) -> Option<Result<Operand<'a>>> {
    let (left_text, right_text) = (left.text()?, right.text()?);
    let total = |side: &TextSide| match side {
        TextSide::Same(bytes) => bytes.len().saturating_mul(rows),
        TextSide::Rows(strings) => strings.bytes.len(),
    };
    let bytes = total(&left_text).saturating_add(total(&right_text));
    u32::try_from(bytes).ok()?;
    let mut strings = Strings::with_capacity(rows, bytes);
    for row in 0..rows {
        strings.bytes.extend_from_slice(left_text.bytes(row));
        strings.bytes.extend_from_slice(right_text.bytes(row));
        strings.ends.push(strings.bytes.len() as u32);
    }
    Some(Ok(Operand::owned(ColumnData::Text(strings), either_null(left.nulls(), right.nulls()))))
}
