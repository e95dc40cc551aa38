//! `operand [NOT] IN (list)`.

use super::{
    Evaluator,
    compare::{compare_columns, trim_blanks},
    logic::Truth,
    operand::{Operand, TextSide, either_null},
};
use crate::{
    base::{hash::HashSet, types::TypeKind, value::Value},
    error::Result,
    sql::expr::{Comparison, Expr},
};

/// Lists up to this long are compared one by one.
const LINEAR_MAX: usize = 6;

impl Evaluator<'_> {
    pub(super) fn in_list(&self, operand: &Expr, list: &[Expr], negated: bool) -> Result<Truth> {
        let rows = self.batch.rows;
        let data_type = operand.data_type();
        let blank_padded = data_type.kind == TypeKind::Bpchar && !data_type.array;
        let operand = self.operand(operand)?;
        let members = list.iter().map(|member| self.operand(member)).collect::<Result<Vec<_>>>()?;
        if operand.is_always_null() {
            return Ok(if members.is_empty() { Truth::same(negated, rows) } else { Truth::unknown(rows) });
        }
        let has_null = members.iter().any(Operand::is_always_null);
        let constant = members.iter().all(Operand::is_constant);
        let found = if constant && members.len() > LINEAR_MAX {
            let values = members.iter().map(|member| member.value(0)).filter(|value| !value.is_null());
            by_hash(&operand, values.collect(), rows, blank_padded)
        } else {
            return Ok(one_by_one(&operand, &members, rows, negated, blank_padded));
        };
        let unknown = has_null.then(|| found.iter().map(|found| !found).collect::<Vec<bool>>());
        let nulls = either_null(operand.nulls(), unknown.as_deref());
        Ok(Truth { values: found.into_iter().map(|found| found != negated).collect(), nulls })
    }
}

fn one_by_one(operand: &Operand, members: &[Operand], rows: usize, negated: bool, blank_padded: bool) -> Truth {
    let mut found = vec![false; rows];
    let mut unknown = operand.nulls().map(<[bool]>::to_vec);
    for member in members {
        if member.is_always_null() {
            unknown = Some(vec![true; rows]);
            continue;
        }
        let equal = compare_columns(Comparison::Equal, operand, member, rows, blank_padded);
        let nulls = either_null(operand.nulls(), member.nulls());
        for row in 0..rows {
            match &nulls {
                Some(nulls) if nulls[row] => unknown.get_or_insert_with(|| vec![false; rows])[row] = true,
                _ => found[row] |= equal[row],
            }
        }
    }
    let nulls = unknown.map(|unknown| unknown.iter().zip(&found).map(|(u, f)| *u && !*f).collect());
    Truth { values: found.into_iter().map(|found| found != negated).collect(), nulls }
}

fn by_hash(operand: &Operand, members: Vec<Value>, rows: usize, blank_padded: bool) -> Vec<bool> {
    if let (Some(integers), Some(set)) = (operand.integers(), integer_set(&members)) {
        let side = integers.side();
        return super::operand::zip(side, super::operand::Side::Same(()), rows, |number, ()| set.contains(&number));
    }
    if let (Some(text), true) = (operand.text(), members.iter().all(|member| member.as_text().is_some())) {
        let key = |bytes| if blank_padded { trim_blanks(bytes) } else { bytes };
        let set: HashSet<&[u8]> = members.iter().filter_map(Value::as_text).map(|text| key(text.as_bytes())).collect();
        return match text {
            TextSide::Same(bytes) => vec![set.contains(key(bytes)); rows],
            TextSide::Rows(strings) => (0..rows).map(|row| set.contains(key(strings.get_bytes(row)))).collect(),
        };
    }
    let set: HashSet<Value> = members.into_iter().collect();
    (0..rows).map(|row| set.contains(&operand.value(row))).collect()
}

fn integer_set(members: &[Value]) -> Option<HashSet<i64>> {
    members
        .iter()
        .map(|member| match member {
            Value::Int2(_) | Value::Int4(_) | Value::Int8(_) => member.as_integer(),
            _ => None,
        })
        .collect()
}
