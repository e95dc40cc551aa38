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
    expr.data_type()
}

/// Calls `visit` for the expression and everything in it.
pub fn walk(expr: &Expr, visit: &mut dyn FnMut(&Expr)) {
    visit(expr);
    for child in expr.children() {
        walk(child, visit);
    }
}

/// Whether `test` holds for the expression or anything in it.
pub fn any(expr: &Expr, test: &dyn Fn(&Expr) -> bool) -> bool {
    test(expr) || expr.children().into_iter().any(|child| any(child, test))
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
    for child in expr.children_mut() {
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
    for child in expr.children_mut() {
        substitute(child, behind);
    }
}

/// Calls `change` for every part, the innermost first.
pub fn change(expr: &mut Expr, change_one: &mut dyn FnMut(&mut Expr)) {
    for child in expr.children_mut() {
        change(child, change_one);
    }
    change_one(expr);
}

/// The expressions of an aggregate call.
pub fn of_aggregate(aggregate: &Aggregate) -> impl Iterator<Item = &Expr> {
    let order = aggregate.order_by.iter().map(|key| &key.expression);
    aggregate.arguments.iter().chain(&aggregate.filter).chain(order)
}

/// The expressions of an aggregate call, to be changed.
pub fn of_aggregate_mut(aggregate: &mut Aggregate) -> impl Iterator<Item = &mut Expr> {
    let order = aggregate.order_by.iter_mut().map(|key| &mut key.expression);
    aggregate.arguments.iter_mut().chain(&mut aggregate.filter).chain(order)
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
