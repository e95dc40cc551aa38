//! How many rows come out of a plan, guessed from what is known of tables and columns.

use super::selectivity::{self, Facts};
use crate::{
    catalog::Table,
    sql::{
        expr::{Comparison, Expr},
        plan::{
            JoinKind,
            expressions::{columns_of, move_columns},
            logical::Logical,
            statistics::{self, Statistics},
        },
    },
};

/// Rows of a catalog relation.
const VIRTUAL_ROWS: f64 = 100.0;

/// Part of left rows that have a match on a condition about which nothing is known.
const SEMI_SELECTIVITY: f64 = 0.5;
/// See [`combinations`].
const CORRELATED_POWER: f64 = 0.75;
/// Different values of a computed expression.
const EXPRESSION_DISTINCT: f64 = 200.0;
/// Rows of a set-returning function.
const GENERATED_ROWS: f64 = 1000.0;

/// Rows that the operators of a plan put out: a tree of the same shape, made in one pass.
pub struct Rows {
    pub rows: f64,
    pub inputs: Vec<Rows>,
}

/// Rows that a plan puts out.
pub fn rows(plan: &Logical, known: &dyn Statistics) -> f64 {
    tree(plan, known).rows
}

/// Rows that each operator of a plan puts out.
pub fn tree(plan: &Logical, known: &dyn Statistics) -> Rows {
    let inputs: Vec<Rows> = match plan {
        Logical::Scan { .. } | Logical::Virtual { .. } | Logical::Values { .. } | Logical::Generate { .. } => {
            Vec::new()
        }
        Logical::Filter { input, .. }
        | Logical::Project { input, .. }
        | Logical::Aggregate { input, .. }
        | Logical::Sort { input, .. }
        | Logical::Limit { input, .. }
        | Logical::Distinct { input } => vec![tree(input, known)],
        Logical::Join { left, right, .. } => vec![tree(left, known), tree(right, known)],
        Logical::Append { inputs } => inputs.iter().map(|input| tree(input, known)).collect(),
    };
    let of_inputs: Vec<f64> = inputs.iter().map(|input| input.rows).collect();
    Rows { rows: rows_over(plan, &of_inputs, known), inputs }
}

/// Rows that an operator puts out over inputs of so many rows.
fn rows_over(plan: &Logical, inputs: &[f64], known: &dyn Statistics) -> f64 {
    let below = inputs.first().copied().unwrap_or(1.0);
    match plan {
        Logical::Scan { table, columns, filter, .. } => {
            let all = statistics::rows(known, table);
            (all * selectivity(filter, table, columns, known)).max(1.0)
        }
        Logical::Virtual { .. } => VIRTUAL_ROWS,
        Logical::Generate { .. } => GENERATED_ROWS,
        Logical::Values { rows, .. } => rows.len() as f64,
        Logical::Filter { input, predicate } => {
            let kept = selectivity::of_all(predicate, &|position| facts(input, position, known));
            (below * kept).max(1.0)
        }
        Logical::Project { .. } | Logical::Sort { .. } => below,
        Logical::Aggregate { input, groups, .. } => {
            combinations(groups.iter().map(|group| distinct(input, group, known)).collect(), below)
        }
        Logical::Distinct { input } => {
            let columns = (0..input.width()).map(|position| distinct_of_column(input, position, known));
            combinations(columns.collect(), below)
        }
        Logical::Limit { limit, .. } => below.min(literal_count(limit.as_ref())),
        Logical::Join { left, right, kind, condition } => {
            let (left_rows, right_rows) = (below, inputs.get(1).copied().unwrap_or(1.0));
            let of_pairs: f64 = condition.iter().map(|part| join_selectivity(part, left, right, known)).product();
            let joined = left_rows * right_rows * of_pairs;
            let matched = || matched(condition, left, right, left_rows, known);
            match kind {
                JoinKind::Inner => joined.max(1.0),
                JoinKind::Left => joined.max(left_rows),
                JoinKind::Right => joined.max(right_rows),
                JoinKind::Full => joined.max(left_rows + right_rows),
                JoinKind::Semi => matched(),
                JoinKind::Anti => (left_rows - matched()).max(1.0),
            }
        }
        Logical::Append { .. } => inputs.iter().sum(),
    }
}

/// The value of a literal LIMIT; no limit otherwise.
pub fn literal_count(limit: Option<&Expr>) -> f64 {
    match limit {
        Some(Expr::Literal { value: crate::base::value::Value::Int8(count), .. }) => *count as f64,
        _ => f64::INFINITY,
    }
}

/// Different combinations of columns with so many different values each. Columns are rarely independent of each other, so
/// each further one counts by its root only.
fn combinations(mut different: Vec<f64>, rows: f64) -> f64 {
    different.sort_by(|a, b| b.total_cmp(a));
    let mut power = 1.0;
    let mut all = 1.0;
    for of_column in different {
        all *= of_column.powf(power);
        power *= CORRELATED_POWER;
    }
    all.min(rows).max(1.0)
}

/// Left rows that have a match.
fn matched(condition: &[Expr], left: &Logical, right: &Logical, left_rows: f64, known: &dyn Statistics) -> f64 {
    let width = left.width();
    let of_part = |part: &Expr| {
        let Expr::Compare { operator: Comparison::Equal, left: a, right: b } = part else { return SEMI_SELECTIVITY };
        let Some((of_left, of_right)) = of_sides(a, b, width) else { return SEMI_SELECTIVITY };
        (distinct(right, &of_right, known) / distinct(left, &of_left, known)).min(1.0)
    };
    (left_rows * condition.iter().map(of_part).product::<f64>()).max(1.0)
}

/// An expression of each side of a join, the right one over the right side's columns.
fn of_sides(a: &Expr, b: &Expr, width: usize) -> Option<(Expr, Expr)> {
    let is_left = |expr: &Expr| columns_of(expr).iter().next_back().is_some_and(|&column| column < width);
    let is_right = |expr: &Expr| columns_of(expr).first().is_some_and(|&column| column >= width);
    let (of_left, of_right) = match (is_left(a) && is_right(b), is_left(b) && is_right(a)) {
        (true, _) => (a, b),
        (_, true) => (b, a),
        _ => return None,
    };
    let mut moved = of_right.clone();
    move_columns(&mut moved, &|position| position.saturating_sub(width));
    Some((of_left.clone(), moved))
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

/// Different values that are left of `all` when `kept` of `rows` rows are left, drawn at random.
fn left_of(all: f64, rows: f64, kept: f64) -> f64 {
    if kept >= rows || all <= 1.0 {
        return all.min(kept).max(1.0);
    }
    let per_value = (rows / all).max(1.0);
    (all * (1.0 - (1.0 - kept / rows).powf(per_value))).clamp(1.0, kept.max(1.0))
}

/// What is known of a column of a plan's output.
pub fn facts<'k>(plan: &Logical, position: usize, known: &'k dyn Statistics) -> Option<Facts<'k>> {
    match plan {
        Logical::Scan { table, columns, filter, .. } => {
            let mut facts = stored(table, *columns.get(position)?, known)?;
            if !filter.is_empty() {
                let rows = statistics::rows(known, table);
                facts.distinct = left_of(facts.distinct, rows, rows * selectivity(filter, table, columns, known));
                if filter.iter().any(|part| columns_of(part).contains(&position)) {
                    facts.found = None;
                }
            }
            Some(facts)
        }
        Logical::Filter { input, .. }
        | Logical::Sort { input, .. }
        | Logical::Limit { input, .. }
        | Logical::Distinct { input } => facts(input, position, known),
        Logical::Project { input, expressions } => {
            facts(input, selectivity::column_under_casts(expressions.get(position)?)?, known)
        }
        Logical::Aggregate { input, groups, .. } => {
            let of_group = facts(input, selectivity::column_under_casts(groups.get(position)?)?, known)?;
            // Every value comes as often as any other.
            Some(Facts { found: None, ..of_group })
        }
        Logical::Join { left, right, .. } => {
            let width = left.width();
            if position < width { facts(left, position, known) } else { facts(right, position - width, known) }
        }
        Logical::Values { .. } | Logical::Virtual { .. } | Logical::Generate { .. } | Logical::Append { .. } => None,
    }
}

/// What is known of a stored column.
pub fn stored<'k>(table: &Table, column: usize, known: &'k dyn Statistics) -> Option<Facts<'k>> {
    let not_null = table.columns.get(column)?.not_null || table.key_positions().any(|key| key == column);
    let found = statistics::column(known, table, column);
    Some(Facts { found, distinct: statistics::distinct(known, table, column), not_null })
}

/// Only leaves look at row counts: looking at every level would visit a plan as often as it has subplans.
fn distinct_of_column(plan: &Logical, position: usize, known: &dyn Statistics) -> f64 {
    match facts(plan, position, known) {
        Some(facts) => facts.distinct.max(1.0),
        None => match plan {
            Logical::Values { rows, .. } => (rows.len() as f64).max(1.0),
            Logical::Virtual { .. } => VIRTUAL_ROWS,
            Logical::Scan { table, .. } => statistics::rows(known, table),
            Logical::Filter { input, .. }
            | Logical::Sort { input, .. }
            | Logical::Limit { input, .. }
            | Logical::Distinct { input } => distinct_of_column(input, position, known),
            Logical::Project { input, expressions } => {
                expressions.get(position).map_or(1.0, |expr| distinct(input, expr, known))
            }
            Logical::Aggregate { input, groups, .. } => {
                groups.get(position).map_or(GENERATED_ROWS, |group| distinct(input, group, known))
            }
            Logical::Join { left, right, .. } => {
                let width = left.width();
                if position < width {
                    distinct_of_column(left, position, known)
                } else {
                    distinct_of_column(right, position - width, known)
                }
            }
            Logical::Generate { .. } | Logical::Append { .. } => GENERATED_ROWS,
        },
    }
}

fn join_selectivity(part: &Expr, left: &Logical, right: &Logical, known: &dyn Statistics) -> f64 {
    let width = left.width();
    if let Expr::Compare { operator: Comparison::Equal, left: a, right: b } = part
        && let Some((of_left, of_right)) = of_sides(a, b, width)
    {
        return equal_selectivity((left, &of_left), (right, &of_right), known);
    }
    let of_either = |position: usize| {
        if position < width { facts(left, position, known) } else { facts(right, position - width, known) }
    };
    selectivity::of_all(std::slice::from_ref(part), &of_either)
}

/// Part of the pairs of rows of two plans for which two expressions are equal.
pub fn equal_selectivity(left: (&Logical, &Expr), right: (&Logical, &Expr), known: &dyn Statistics) -> f64 {
    let of = |(plan, expr): (&Logical, &Expr)| {
        selectivity::column_under_casts(expr).and_then(|column| facts(plan, column, known))
    };
    match (of(left), of(right)) {
        (Some(of_left), Some(of_right)) => selectivity::joined(&of_left, &of_right),
        _ => 1.0 / distinct(left.0, left.1, known).max(distinct(right.0, right.1, known)),
    }
}

/// Part of a table's rows for which all conditions hold. `columns` are the positions that conditions name.
pub fn selectivity(filter: &[Expr], table: &Table, columns: &[usize], known: &dyn Statistics) -> f64 {
    selectivity::of_all(filter, &|position| stored(table, *columns.get(position)?, known))
}
