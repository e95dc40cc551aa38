//! Predicates sink to where their rows come from; outer joins whose missing side a predicate refuses become inner.

use super::{key_value::is_constant, map_inputs};
use crate::sql::{
    expr::{Comparison, Expr, function::Volatility, volatility},
    plan::{
        JoinKind,
        expressions::{columns_of, move_columns, same, substitute},
        logical::Logical,
    },
};

/// Pushes all predicates of a plan down.
pub fn rule(plan: Logical) -> Logical {
    push(plan, Vec::new())
}

/// The plan with predicates over its output on it, as far down as they go.
fn push(plan: Logical, predicates: Vec<Expr>) -> Logical {
    match plan {
        Logical::Filter { input, predicate } => push(*input, predicate.into_iter().chain(predicates).collect()),
        Logical::Scan { table, columns, mut filter, with_key } => {
            filter.extend(predicates);
            Logical::Scan { table, columns, filter, with_key }
        }
        Logical::Sort { input, keys } => Logical::Sort { input: Box::new(push(*input, predicates)), keys },
        Logical::Distinct { input } => Logical::Distinct { input: Box::new(push(*input, predicates)) },
        Logical::Append { inputs } => {
            let inputs = inputs.into_iter().map(|input| push(input, predicates.clone()));
            Logical::Append { inputs: inputs.collect() }
        }
        Logical::Project { input, expressions } => through_project(*input, expressions, predicates),
        Logical::Aggregate { input, groups, aggregates } => {
            let by_group = |predicate: &Expr| {
                !groups.is_empty() && columns_of(predicate).iter().all(|&column| column < groups.len())
            };
            let (mut below, above): (Vec<Expr>, Vec<Expr>) = predicates.into_iter().partition(by_group);
            below.iter_mut().for_each(|predicate| substitute(predicate, &groups));
            let input = Box::new(push(*input, below));
            Logical::Aggregate { input, groups, aggregates }.filtered(above)
        }
        Logical::Join { left, right, kind, condition } => into_join(*left, *right, kind, condition, predicates),
        plan => map_inputs(plan, &mut rule).filtered(predicates),
    }
}

fn through_project(input: Logical, expressions: Vec<Expr>, predicates: Vec<Expr>) -> Logical {
    let movable = |predicate: &Expr| {
        columns_of(predicate)
            .iter()
            .all(|&column| expressions.get(column).is_some_and(|expr| volatility(expr) < Volatility::Volatile))
    };
    let (mut below, above): (Vec<Expr>, Vec<Expr>) = predicates.into_iter().partition(movable);
    below.iter_mut().for_each(|predicate| substitute(predicate, &expressions));
    push(input, below).projected(expressions).filtered(above)
}

/// Which inputs of a join an expression reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reads {
    Nothing,
    Left,
    Right,
    Both,
}

fn reads(expr: &Expr, width: usize) -> Reads {
    let columns = columns_of(expr);
    let left = columns.iter().any(|&column| column < width);
    let right = columns.iter().any(|&column| column >= width);
    match (left, right) {
        (false, false) => Reads::Nothing,
        (true, false) => Reads::Left,
        (false, true) => Reads::Right,
        (true, true) => Reads::Both,
    }
}

fn into_join(left: Logical, right: Logical, kind: JoinKind, condition: Vec<Expr>, predicates: Vec<Expr>) -> Logical {
    let width = left.width();
    let kind = strengthen(kind, &predicates, width);
    let (mut to_left, mut to_right, mut stay, mut above) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for part in condition {
        match (kind, reads(&part, width)) {
            (JoinKind::Inner, Reads::Left | Reads::Nothing) | (JoinKind::Right | JoinKind::Semi, Reads::Left) => {
                to_left.push(part)
            }
            (JoinKind::Inner | JoinKind::Left | JoinKind::Semi | JoinKind::Anti, Reads::Right) => to_right.push(part),
            _ => stay.push(part),
        }
    }
    for part in predicates {
        if volatility(&part) == Volatility::Volatile {
            above.push(part);
            continue;
        }
        match (kind, reads(&part, width)) {
            (JoinKind::Inner, Reads::Left | Reads::Nothing)
            | (JoinKind::Left | JoinKind::Semi | JoinKind::Anti, Reads::Left | Reads::Nothing) => to_left.push(part),
            (JoinKind::Inner | JoinKind::Right, Reads::Right) => to_right.push(part),
            (JoinKind::Inner, Reads::Both) => stay.push(part),
            _ => above.push(part),
        }
    }
    match kind {
        JoinKind::Inner => {
            derive(&stay, &to_left, &mut to_right);
            derive(&stay, &to_right, &mut to_left);
        }
        JoinKind::Left | JoinKind::Semi | JoinKind::Anti => derive(&stay, &to_left, &mut to_right),
        JoinKind::Right | JoinKind::Full => {}
    }
    to_right.iter_mut().for_each(|part| move_columns(part, &|position| position.saturating_sub(width)));
    let left = Box::new(push(left, to_left));
    let right = Box::new(push(right, to_right));
    Logical::Join { left, right, kind, condition: stay }.filtered(above)
}

/// A column that is compared with a constant passes it on to the columns that the join compares it with: `a = b` and
/// `a = 1` make `b = 1`.
fn derive(joined: &[Expr], from: &[Expr], to: &mut Vec<Expr>) {
    let mut derived = Vec::new();
    for part in joined {
        let Expr::Compare { operator: Comparison::Equal, left, right } = part else { continue };
        for (one, other) in [(left, right), (right, left)] {
            let (Expr::Column { data_type, .. }, Expr::Column { data_type: of_other, .. }) = (&**one, &**other) else {
                continue;
            };
            let constants = from.iter().filter_map(|predicate| equal_constant(predicate, one));
            if data_type == of_other {
                derived.extend(constants.map(|constant| Expr::Compare {
                    operator: Comparison::Equal,
                    left: other.clone(),
                    right: Box::new(constant.clone()),
                }));
            }
        }
    }
    derived.retain(|part| !to.iter().any(|known| same(known, part)));
    to.extend(derived);
}

/// The constant that a predicate says a column equals.
fn equal_constant<'p>(predicate: &'p Expr, column: &Expr) -> Option<&'p Expr> {
    let Expr::Compare { operator: Comparison::Equal, left, right } = predicate else { return None };
    match (same(left, column), same(right, column)) {
        (true, _) if is_constant(right) => Some(right),
        (_, true) if is_constant(left) => Some(left),
        _ => None,
    }
}

/// An outer join turns into a stronger one when a predicate above is never true for the NULLs that it would make.
fn strengthen(kind: JoinKind, predicates: &[Expr], width: usize) -> JoinKind {
    let refuses =
        |right: bool| predicates.iter().any(|predicate| refuses_nulls(predicate, &|column| (column >= width) == right));
    match kind {
        JoinKind::Left if refuses(true) => JoinKind::Inner,
        JoinKind::Right if refuses(false) => JoinKind::Inner,
        JoinKind::Full => match (refuses(false), refuses(true)) {
            (true, true) => JoinKind::Inner,
            (true, false) => JoinKind::Left,
            (false, true) => JoinKind::Right,
            (false, false) => JoinKind::Full,
        },
        kind => kind,
    }
}

/// Whether a condition cannot be true when some column of a side is NULL.
fn refuses_nulls(predicate: &Expr, of_side: &dyn Fn(usize) -> bool) -> bool {
    let is_column = |expr: &Expr| matches!(expr, Expr::Column { position, .. } if of_side(*position));
    match predicate {
        Expr::Compare { operator, left, right } => {
            !matches!(operator, Comparison::DistinctFrom | Comparison::NotDistinctFrom)
                && (is_column(left) || is_column(right))
        }
        Expr::InList { operand, .. } => is_column(operand),
        Expr::IsNull { operand, negated: true } => is_column(operand),
        Expr::And(parts) => parts.iter().any(|part| refuses_nulls(part, of_side)),
        Expr::Or(parts) => parts.iter().all(|part| refuses_nulls(part, of_side)),
        Expr::Column { .. } => is_column(predicate),
        _ => false,
    }
}
