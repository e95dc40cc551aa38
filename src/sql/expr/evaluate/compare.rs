//! Comparisons: typed loops for the types with vectors of their own, values for the rest.

use super::{
    Evaluator,
    logic::Truth,
    operand::{
        BoolKind, DateKind, Float8Kind, Int2Kind, Int4Kind, Int8Kind, Kind, Operand, Side, TextSide, TimestampKind,
        TimestamptzKind, either_null, zip,
    },
};
use crate::{
    base::{
        batch::ColumnData,
        types::TypeKind,
        value::{Value, compare_floats},
    },
    error::Result,
    sql::expr::{Comparison, Expr},
};
use std::cmp::Ordering;

impl Comparison {
    /// Whether an order of left against right fulfils it.
    #[inline]
    pub fn holds(self, order: Ordering) -> bool {
        match self {
            Comparison::Equal | Comparison::NotDistinctFrom => order.is_eq(),
            Comparison::NotEqual | Comparison::DistinctFrom => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterOrEqual => order.is_ge(),
        }
    }

    /// The comparison with its sides exchanged: `a < b` is `b > a`.
    pub fn mirrored(self) -> Comparison {
        match self {
            Comparison::Less => Comparison::Greater,
            Comparison::LessOrEqual => Comparison::GreaterOrEqual,
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterOrEqual => Comparison::LessOrEqual,
            same => same,
        }
    }

    /// The comparison that is true where this one is false.
    pub fn negated(self) -> Comparison {
        match self {
            Comparison::Equal => Comparison::NotEqual,
            Comparison::NotEqual => Comparison::Equal,
            Comparison::Less => Comparison::GreaterOrEqual,
            Comparison::LessOrEqual => Comparison::Greater,
            Comparison::Greater => Comparison::LessOrEqual,
            Comparison::GreaterOrEqual => Comparison::Less,
            Comparison::DistinctFrom => Comparison::NotDistinctFrom,
            Comparison::NotDistinctFrom => Comparison::DistinctFrom,
        }
    }
}

impl Evaluator<'_> {
    pub(super) fn compare(&self, operator: Comparison, left: &Expr, right: &Expr) -> Result<Truth> {
        let blank_padded = left.data_type().kind == TypeKind::Bpchar && !left.data_type().array;
        let (left, right) = (self.operand(left)?, self.operand(right)?);
        let rows = self.batch.rows;
        if matches!(operator, Comparison::DistinctFrom | Comparison::NotDistinctFrom) {
            return Ok(distinct(operator, &left, &right, rows, blank_padded));
        }
        if left.is_always_null() || right.is_always_null() {
            return Ok(Truth::unknown(rows));
        }
        let values = compare_columns(operator, &left, &right, rows, blank_padded);
        Ok(Truth { values, nulls: either_null(left.nulls(), right.nulls()) })
    }
}

/// IS \[NOT\] DISTINCT FROM: NULL is a value like any other.
fn distinct(operator: Comparison, left: &Operand, right: &Operand, rows: usize, blank_padded: bool) -> Truth {
    let negated = operator == Comparison::NotDistinctFrom;
    let null = |operand: &Operand, row: usize| match operand {
        Operand::Constant(value) => value.is_null(),
        Operand::Column(column) => column.is_null(row),
    };
    let known = !left.is_always_null() && !right.is_always_null();
    let differs = match known {
        true => compare_columns(Comparison::NotEqual, left, right, rows, blank_padded),
        false => vec![false; rows],
    };
    let values = (0..rows)
        .map(|row| {
            let (left, right) = (null(left, row), null(right, row));
            ((left != right) || (!left && !right && differs[row])) != negated
        })
        .collect();
    Truth { values, nulls: None }
}

/// The comparison per row; rows where a side is NULL get any value. Neither side is the constant NULL.
pub(super) fn compare_columns(
    operator: Comparison,
    left: &Operand,
    right: &Operand,
    rows: usize,
    blank_padded: bool,
) -> Vec<bool> {
    typed(operator, left, right, rows)
        .or_else(|| text(operator, left, right, rows, blank_padded))
        .unwrap_or_else(|| by_value(operator, left, right, rows, blank_padded))
}

fn typed(operator: Comparison, left: &Operand, right: &Operand, rows: usize) -> Option<Vec<bool>> {
    macro_rules! attempt {
        ($($kind:ident),*) => {
            $(if let (Some(left), Some(right)) = (left.side::<$kind>(), right.side::<$kind>()) {
                return Some(ordered(operator, left, right, rows));
            })*
        };
    }
    attempt!(Int4Kind, Int8Kind, Int2Kind, DateKind, TimestampKind, TimestamptzKind, BoolKind);
    if let (Some(left), Some(right)) = (left.side::<Float8Kind>(), right.side::<Float8Kind>()) {
        return Some(floats(operator, left, right, rows));
    }
    if let (Some(left), Some(right)) = (left.integers(), right.integers()) {
        return Some(ordered(operator, left.side(), right.side(), rows));
    }
    None
}

/// One loop per operator, so that each vectorises.
fn ordered<T: Copy + Ord>(operator: Comparison, left: Side<'_, T>, right: Side<'_, T>, rows: usize) -> Vec<bool> {
    match operator {
        Comparison::Equal | Comparison::NotDistinctFrom => zip(left, right, rows, |a, b| a == b),
        Comparison::NotEqual | Comparison::DistinctFrom => zip(left, right, rows, |a, b| a != b),
        Comparison::Less => zip(left, right, rows, |a, b| a < b),
        Comparison::LessOrEqual => zip(left, right, rows, |a, b| a <= b),
        Comparison::Greater => zip(left, right, rows, |a, b| a > b),
        Comparison::GreaterOrEqual => zip(left, right, rows, |a, b| a >= b),
    }
}

fn floats(
    operator: Comparison,
    left: Side<'_, <Float8Kind as Kind>::Native>,
    right: Side<'_, f64>,
    rows: usize,
) -> Vec<bool> {
    zip(left, right, rows, |a, b| operator.holds(compare_floats(a, b)))
}

fn text(operator: Comparison, left: &Operand, right: &Operand, rows: usize, blank_padded: bool) -> Option<Vec<bool>> {
    let (left, right) = (left.text()?, right.text()?);
    let equality = match operator {
        Comparison::Equal | Comparison::NotDistinctFrom => Some(true),
        Comparison::NotEqual | Comparison::DistinctFrom => Some(false),
        _ => None,
    };
    Some(match (equality, blank_padded) {
        (Some(equal), false) => each_text(left, right, rows, |a, b| (a == b) == equal),
        (None, false) => each_text(left, right, rows, |a, b| operator.holds(a.cmp(b))),
        (_, true) => each_text(left, right, rows, |a, b| operator.holds(trim_blanks(a).cmp(trim_blanks(b)))),
    })
}

fn each_text(left: TextSide, right: TextSide, rows: usize, apply: impl Fn(&[u8], &[u8]) -> bool) -> Vec<bool> {
    (0..rows).map(|row| apply(left.bytes(row), right.bytes(row))).collect()
}

/// `char(n)` compares without the blanks at its end.
pub(crate) fn trim_blanks(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|&byte| byte != b' ').map_or(0, |last| last + 1);
    &bytes[..end]
}

fn by_value(operator: Comparison, left: &Operand, right: &Operand, rows: usize, blank_padded: bool) -> Vec<bool> {
    let values = |operand: &Operand, row: usize, scratch: &mut Value, apply: &mut dyn FnMut(&Value)| match operand {
        Operand::Constant(value) => apply(value),
        Operand::Column(column) => match &column.data {
            ColumnData::Values(values) => apply(&values[row]),
            _ => {
                *scratch = column.value(row);
                apply(scratch);
            }
        },
    };
    let (mut left_scratch, mut right_scratch) = (Value::Null, Value::Null);
    let mut result = Vec::with_capacity(rows);
    for row in 0..rows {
        values(left, row, &mut left_scratch, &mut |left| {
            values(right, row, &mut right_scratch, &mut |right| {
                result.push(operator.holds(compare_values(left, right, blank_padded)));
            });
        });
    }
    result
}

/// Order of two values; `char(n)` without blanks at the end.
pub(crate) fn compare_values(left: &Value, right: &Value, blank_padded: bool) -> Ordering {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) if blank_padded => {
            trim_blanks(left.as_bytes()).cmp(trim_blanks(right.as_bytes()))
        }
        _ => left.compare(right),
    }
}
