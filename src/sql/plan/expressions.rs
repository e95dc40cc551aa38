//! Looking at and rebuilding bound expressions: types, columns, children.

use crate::{
    base::types::{DataType, TypeKind},
    sql::expr::{Aggregate, Expr},
};
use std::collections::BTreeSet;

/// boolean.
pub const BOOL: DataType = DataType::of(TypeKind::Bool);

/// The type of an expression's result.
pub fn data_type(expr: &Expr) -> DataType {
    match expr {
        Expr::Column { data_type, .. }
        | Expr::Literal { data_type, .. }
        | Expr::Parameter { data_type, .. }
        | Expr::Case { data_type, .. }
        | Expr::Coalesce { data_type, .. }
        | Expr::Call { data_type, .. }
        | Expr::Array { data_type, .. }
        | Expr::Subplan { data_type, .. }
        | Expr::Cast { to: data_type, .. } => *data_type,
        Expr::Row(_) => DataType::of(TypeKind::Record),
        Expr::And(_)
        | Expr::Or(_)
        | Expr::Not(_)
        | Expr::IsNull { .. }
        | Expr::IsBool { .. }
        | Expr::Compare { .. }
        | Expr::InList { .. } => BOOL,
    }
}

/// The direct parts of an expression.
pub fn children(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Column { .. } | Expr::Literal { .. } | Expr::Parameter { .. } | Expr::Subplan { .. } => Vec::new(),
        Expr::And(parts) | Expr::Or(parts) | Expr::Row(parts) => parts.iter().collect(),
        Expr::Not(operand)
        | Expr::IsNull { operand, .. }
        | Expr::IsBool { operand, .. }
        | Expr::Cast { operand, .. } => vec![operand],
        Expr::Compare { left, right, .. } => vec![left, right],
        Expr::InList { operand, list, .. } => std::iter::once(&**operand).chain(list).collect(),
        Expr::Case { branches, otherwise, .. } => {
            let branches = branches.iter().flat_map(|(condition, result)| [condition, result]);
            branches.chain(otherwise.as_deref()).collect()
        }
        Expr::Coalesce { operands, .. } => operands.iter().collect(),
        Expr::Call { arguments, .. } => arguments.iter().collect(),
        Expr::Array { elements, .. } => elements.iter().collect(),
    }
}

/// The direct parts of an expression, to be changed.
pub fn children_mut(expr: &mut Expr) -> Vec<&mut Expr> {
    match expr {
        Expr::Column { .. } | Expr::Literal { .. } | Expr::Parameter { .. } | Expr::Subplan { .. } => Vec::new(),
        Expr::And(parts) | Expr::Or(parts) | Expr::Row(parts) => parts.iter_mut().collect(),
        Expr::Not(operand)
        | Expr::IsNull { operand, .. }
        | Expr::IsBool { operand, .. }
        | Expr::Cast { operand, .. } => vec![operand],
        Expr::Compare { left, right, .. } => vec![left, right],
        Expr::InList { operand, list, .. } => std::iter::once(&mut **operand).chain(list).collect(),
        Expr::Case { branches, otherwise, .. } => {
            let branches = branches.iter_mut().flat_map(|(condition, result)| [condition, result]);
            branches.chain(otherwise.as_deref_mut()).collect()
        }
        Expr::Coalesce { operands, .. } => operands.iter_mut().collect(),
        Expr::Call { arguments, .. } => arguments.iter_mut().collect(),
        Expr::Array { elements, .. } => elements.iter_mut().collect(),
    }
}

/// Calls `visit` for the expression and everything in it.
pub fn walk(expr: &Expr, visit: &mut dyn FnMut(&Expr)) {
    visit(expr);
    for child in children(expr) {
        walk(child, visit);
    }
}

/// Whether `test` holds for the expression or anything in it.
pub fn any(expr: &Expr, test: &dyn Fn(&Expr) -> bool) -> bool {
    test(expr) || children(expr).into_iter().any(|child| any(child, test))
}

/// The columns that an expression reads.
pub fn columns_of(expr: &Expr) -> BTreeSet<usize> {
    let mut columns = BTreeSet::new();
    add_columns(expr, &mut columns);
    columns
}

/// Adds the columns that an expression reads.
pub fn add_columns(expr: &Expr, columns: &mut BTreeSet<usize>) {
    walk(expr, &mut |part| {
        if let Expr::Column { position, .. } = part {
            columns.insert(*position);
        }
    });
}

/// Whether an expression reads no column, so that it has one value for the whole statement (unless it is volatile).
pub fn is_free_of_columns(expr: &Expr) -> bool {
    !any(expr, &|part| matches!(part, Expr::Column { .. }))
}

/// Gives every column the position that `place` tells.
pub fn move_columns(expr: &mut Expr, place: &dyn Fn(usize) -> usize) {
    if let Expr::Column { position, .. } = expr {
        *position = place(*position);
    }
    for child in children_mut(expr) {
        move_columns(child, place);
    }
}

/// Puts the expression that stands behind each column in its place.
pub fn substitute(expr: &mut Expr, behind: &[Expr]) {
    if let Expr::Column { position, .. } = expr {
        if let Some(replacement) = behind.get(*position) {
            *expr = replacement.clone();
        }
        return;
    }
    for child in children_mut(expr) {
        substitute(child, behind);
    }
}

/// Calls `change` for every part, the innermost first.
pub fn change(expr: &mut Expr, change_one: &mut dyn FnMut(&mut Expr)) {
    for child in children_mut(expr) {
        change(child, change_one);
    }
    change_one(expr);
}

/// The expressions of an aggregate call.
pub fn of_aggregate(aggregate: &Aggregate) -> impl Iterator<Item = &Expr> {
    aggregate.arguments.iter().chain(&aggregate.filter)
}

/// The expressions of an aggregate call, to be changed.
pub fn of_aggregate_mut(aggregate: &mut Aggregate) -> impl Iterator<Item = &mut Expr> {
    aggregate.arguments.iter_mut().chain(&mut aggregate.filter)
}

/// Whether two expressions are written the same.
pub fn same(left: &Expr, right: &Expr) -> bool {
    format!("{left:?}") == format!("{right:?}")
}

/// The parts of a condition that must all hold.
pub fn conjuncts(predicate: Expr) -> Vec<Expr> {
    match predicate {
        Expr::And(parts) => parts.into_iter().flat_map(conjuncts).collect(),
        other => vec![other],
    }
}

/// The condition that all parts hold; `None` for no part.
pub fn conjunction(mut parts: Vec<Expr>) -> Option<Expr> {
    match parts.len() {
        0 => None,
        1 => parts.pop(),
        _ => Some(Expr::And(parts)),
    }
}

/// A column of the input.
pub fn column(position: usize, data_type: DataType) -> Expr {
    Expr::Column { position, data_type }
}
