//! Values that a predicate compares a column with, as values of the column's own type, so that they can be keys.

use crate::{
    base::{
        types::{DataType, TypeKind},
        value::Value,
    },
    sql::{
        expr::{Comparison, Expr, function::Volatility, volatility},
        plan::expressions::{data_type, is_free_of_columns},
    },
};

/// A value for a key.
pub struct KeyValue {
    pub expression: Expr,
    /// The bound says all that the predicate says, so the predicate need not be checked again.
    pub exact: bool,
}

/// Whether an expression has one value for the whole statement.
pub fn is_constant(expr: &Expr) -> bool {
    is_free_of_columns(expr) && volatility(expr) < Volatility::Volatile
}

/// The column that an expression is, or an integer column that it widens.
pub fn column_of(expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Column { position, .. } => Some(*position),
        Expr::Cast { operand, to, .. } if is_integer(*to) => match &**operand {
            Expr::Column { position, data_type } if is_integer(*data_type) => Some(*position),
            _ => None,
        },
        _ => None,
    }
}

fn is_integer(data_type: DataType) -> bool {
    matches!(data_type.kind, TypeKind::Int2 | TypeKind::Int4 | TypeKind::Int8) && !data_type.array
}

fn width(data_type: DataType) -> u8 {
    match data_type.kind {
        TypeKind::Int2 => 2,
        TypeKind::Int4 => 4,
        _ => 8,
    }
}

/// A constant as a key of a column. `equality`: it is compared with `=` (a value that does not fit then finds nothing).
pub fn key_value(value: &Expr, column: DataType, equality: bool) -> Option<KeyValue> {
    let from = data_type(value);
    if column.array {
        return None;
    }
    if from.array {
        // Elements are taken as they are, so they must be of the column's kind.
        let text = |kind| matches!(kind, TypeKind::Text | TypeKind::Varchar);
        let same =
            (from.kind == column.kind && from.kind != TypeKind::Bpchar) || (text(from.kind) && text(column.kind));
        return (same && equality).then(|| KeyValue { expression: value.clone(), exact: true });
    }
    let as_is = |exact| Some(KeyValue { expression: value.clone(), exact });
    match (from.kind, column.kind) {
        // Stored blank-padded to the column's length.
        (TypeKind::Bpchar, TypeKind::Bpchar) => {
            let operand = Box::new(value.clone());
            let expression = Expr::Cast { operand, to: column, explicit: true };
            Some(KeyValue { expression, exact: false }).filter(|_| equality)
        }
        (from, to) if from == to => as_is(true),
        (TypeKind::Text | TypeKind::Varchar, TypeKind::Text | TypeKind::Varchar) => as_is(true),
        _ if is_integer(from) && is_integer(column) => integer(value, from, column, equality),
        _ => None,
    }
}

fn integer(value: &Expr, from: DataType, column: DataType, equality: bool) -> Option<KeyValue> {
    let cast = |operand: &Expr| Expr::Cast { operand: Box::new(operand.clone()), to: column, explicit: false };
    if width(from) <= width(column) {
        return Some(KeyValue { expression: cast(value), exact: true });
    }
    if let Expr::Literal { value: literal, .. } = value {
        let number = match literal {
            Value::Int8(number) => *number,
            Value::Int4(number) => i64::from(*number),
            Value::Null => return Some(KeyValue { expression: null(column), exact: true }),
            _ => return None,
        };
        let fitting = match column.kind {
            TypeKind::Int2 => i16::try_from(number).ok().map(Value::Int2),
            _ => i32::try_from(number).ok().map(Value::Int4),
        };
        return match fitting {
            Some(value) => Some(KeyValue { expression: Expr::Literal { value, data_type: column }, exact: true }),
            None => equality.then(|| KeyValue { expression: null(column), exact: true }),
        };
    }
    if !equality {
        return None;
    }
    // A parameter of a wider type: one that does not fit becomes NULL, which equals nothing.
    let (low, high) = match column.kind {
        TypeKind::Int2 => (i64::from(i16::MIN), i64::from(i16::MAX)),
        _ => (i64::from(i32::MIN), i64::from(i32::MAX)),
    };
    let limit = |operator: Comparison, bound: i64| Expr::Compare {
        operator,
        left: Box::new(Expr::Cast {
            operand: Box::new(value.clone()),
            to: DataType::of(TypeKind::Int8),
            explicit: false,
        }),
        right: Box::new(Expr::Literal { value: Value::Int8(bound), data_type: DataType::of(TypeKind::Int8) }),
    };
    let fits = Expr::And(vec![limit(Comparison::GreaterOrEqual, low), limit(Comparison::LessOrEqual, high)]);
    let expression = Expr::Case { branches: vec![(fits, cast(value))], otherwise: None, data_type: column };
    Some(KeyValue { expression, exact: true })
}

fn null(data_type: DataType) -> Expr {
    Expr::Literal { value: Value::Null, data_type }
}
