//! How many rows come out of a plan, guessed from table sizes and numbers of distinct values.

use crate::{
    catalog::Table,
    sql::{
        expr::{Comparison, Expr},
        plan::{
            JoinKind,
            logical::Logical,
            statistics::{self, Statistics},
        },
    },
};

/// Part of the rows that a condition with nothing known about it keeps, as in PostgreSQL.
const UNKNOWN_SELECTIVITY: f64 = 1.0 / 3.0;
/// Part of the rows that a range with two ends keeps.
pub const RANGE_SELECTIVITY: f64 = 0.005;
/// Part of the rows that LIKE keeps.
const MATCH_SELECTIVITY: f64 = 0.1;
/// Rows of a catalog relation.
const VIRTUAL_ROWS: f64 = 100.0;

/// Different values of a computed expression.
const EXPRESSION_DISTINCT: f64 = 200.0;
/// Rows of a set-returning function.
const GENERATED_ROWS: f64 = 1000.0;

/// Rows that a plan puts out.
pub fn rows(plan: &Logical, known: &dyn Statistics) -> f64 {
    match plan {
        Logical::Scan { table, columns, filter, .. } => {
            let all = statistics::rows(known, table.id);
            (all * selectivity(filter, table, columns, known)).max(1.0)
        }
        Logical::Virtual { .. } => VIRTUAL_ROWS,
        Logical::Generate { .. } => GENERATED_ROWS,
        Logical::Values { rows, .. } => rows.len() as f64,
        Logical::Filter { input, predicate } => {
            (rows(input, known) * UNKNOWN_SELECTIVITY.powi(predicate.len().min(8) as i32)).max(1.0)
        }
        Logical::Project { input, .. } | Logical::Sort { input, .. } => rows(input, known),
        Logical::Aggregate { input, groups, .. } => groups_of(input, groups, known),
        Logical::Distinct { input } => rows(input, known),
        Logical::Limit { input, limit, .. } => rows(input, known).min(literal_count(limit.as_ref())),
        Logical::Join { left, right, kind, condition } => {
            let (left_rows, right_rows) = (rows(left, known), rows(right, known));
            let mut joined = left_rows * right_rows;
            for part in condition {
                joined *= join_selectivity(part, left, right, known);
            }
            match kind {
                JoinKind::Inner => joined.max(1.0),
                JoinKind::Left => joined.max(left_rows),
                JoinKind::Right => joined.max(right_rows),
                JoinKind::Full => joined.max(left_rows + right_rows),
                JoinKind::Semi | JoinKind::Anti => (left_rows / 2.0).max(1.0),
            }
        }
        Logical::Append { inputs } => inputs.iter().map(|input| rows(input, known)).sum(),
    }
}

/// The value of a literal LIMIT; no limit otherwise.
pub fn literal_count(limit: Option<&Expr>) -> f64 {
    match limit {
        Some(Expr::Literal { value: crate::base::value::Value::Int8(count), .. }) => *count as f64,
        _ => f64::INFINITY,
    }
}

fn groups_of(input: &Logical, groups: &[Expr], known: &dyn Statistics) -> f64 {
    let rows = rows(input, known);
    let combinations: f64 = groups.iter().map(|group| distinct(input, group, known)).product();
    combinations.min(rows).max(1.0)
}

/// Different values of an expression over a plan's output.
pub fn distinct(plan: &Logical, expr: &Expr, known: &dyn Statistics) -> f64 {
    match expr {
        Expr::Column { position, .. } => distinct_of_column(plan, *position, known),
        Expr::Cast { operand, .. } => distinct(plan, operand, known),
        Expr::Literal { .. } | Expr::Parameter { .. } => 1.0,
        _ => EXPRESSION_DISTINCT,
    }
}

/// Only leaves look at row counts: looking at every level would visit a plan as often as it has subplans.
fn distinct_of_column(plan: &Logical, position: usize, known: &dyn Statistics) -> f64 {
    match plan {
        Logical::Scan { table, columns, .. } => {
            let all = match columns.get(position) {
                Some(&stored) => statistics::distinct(known, table, stored),
                None => statistics::rows(known, table.id),
            };
            all.min(rows(plan, known)).max(1.0)
        }
        Logical::Filter { input, .. }
        | Logical::Sort { input, .. }
        | Logical::Limit { input, .. }
        | Logical::Distinct { input } => distinct_of_column(input, position, known),
        Logical::Project { input, expressions } => match expressions.get(position) {
            Some(expr) => distinct(input, expr, known),
            None => 1.0,
        },
        Logical::Aggregate { input, groups, .. } => match groups.get(position) {
            Some(group) => distinct(input, group, known),
            None => GENERATED_ROWS,
        },
        Logical::Join { left, right, .. } => {
            let width = left.width();
            if position < width {
                distinct_of_column(left, position, known)
            } else {
                distinct_of_column(right, position - width, known)
            }
        }
        Logical::Values { rows, .. } => (rows.len() as f64).max(1.0),
        Logical::Virtual { .. } => VIRTUAL_ROWS,
        Logical::Generate { .. } | Logical::Append { .. } => GENERATED_ROWS,
    }
}

fn join_selectivity(part: &Expr, left: &Logical, right: &Logical, known: &dyn Statistics) -> f64 {
    let width = left.width();
    let of_side = |expr: &Expr| match crate::sql::plan::expressions::columns_of(expr).first() {
        Some(&column) if column < width => distinct(left, expr, known),
        Some(_) => {
            let mut moved = expr.clone();
            crate::sql::plan::expressions::move_columns(&mut moved, &|position| position.saturating_sub(width));
            distinct(right, &moved, known)
        }
        None => 1.0,
    };
    match part {
        Expr::Compare { operator: Comparison::Equal, left, right } => 1.0 / of_side(left).max(of_side(right)),
        _ => UNKNOWN_SELECTIVITY,
    }
}

/// Part of a table's rows for which all conditions hold. `columns` are the positions that conditions name.
pub fn selectivity(filter: &[Expr], table: &Table, columns: &[usize], known: &dyn Statistics) -> f64 {
    filter.iter().map(|part| selectivity_of(part, table, columns, known)).product()
}

/// Part of a table's rows for which a condition holds.
pub fn selectivity_of(part: &Expr, table: &Table, columns: &[usize], known: &dyn Statistics) -> f64 {
    let distinct_of = |expr: &Expr| match expr {
        Expr::Column { position, .. } => {
            columns.get(*position).map(|&stored| statistics::distinct(known, table, stored))
        }
        Expr::Cast { operand, .. } => match &**operand {
            Expr::Column { position, .. } => {
                columns.get(*position).map(|&stored| statistics::distinct(known, table, stored))
            }
            _ => None,
        },
        _ => None,
    };
    match part {
        Expr::Compare { operator: Comparison::Equal, left, right } => {
            distinct_of(left).or_else(|| distinct_of(right)).map_or(UNKNOWN_SELECTIVITY, |distinct| 1.0 / distinct)
        }
        Expr::Compare { operator: Comparison::NotEqual, left, right } => distinct_of(left)
            .or_else(|| distinct_of(right))
            .map_or(UNKNOWN_SELECTIVITY, |distinct| 1.0 - 1.0 / distinct),
        Expr::InList { operand, list, negated } => {
            let found =
                distinct_of(operand).map_or(UNKNOWN_SELECTIVITY, |distinct| list.len() as f64 / distinct).min(1.0);
            if *negated { 1.0 - found } else { found }
        }
        Expr::IsNull { negated, .. } => {
            if *negated {
                0.99
            } else {
                0.01
            }
        }
        Expr::And(parts) => selectivity(parts, table, columns, known),
        Expr::Or(parts) => {
            let missed: f64 = parts.iter().map(|part| 1.0 - selectivity_of(part, table, columns, known)).product();
            1.0 - missed
        }
        Expr::Not(operand) => 1.0 - selectivity_of(operand, table, columns, known),
        Expr::Call { .. } => MATCH_SELECTIVITY,
        _ => UNKNOWN_SELECTIVITY,
    }
}
