//! Columns that nobody reads are not read.

use crate::sql::{
    expr::Expr,
    plan::{
        JoinKind,
        expressions::{add_columns, column, move_columns, of_aggregate, of_aggregate_mut},
        logical::{Logical, scan_types},
    },
};
use std::collections::BTreeSet;

/// Prunes a plan whose output is all needed.
pub fn rule(plan: Logical) -> Logical {
    let needed: BTreeSet<usize> = (0..plan.width()).collect();
    let kept: Vec<usize> = needed.iter().copied().collect();
    exactly(plan, &needed, &kept)
}

/// A pruned plan and where each old column stands now.
type Pruned = (Logical, Vec<Option<usize>>);

/// The plan with exactly the columns `kept`, in order.
fn exactly(plan: Logical, needed: &BTreeSet<usize>, kept: &[usize]) -> Logical {
    let types = plan.types();
    let (plan, places) = prune(plan, needed);
    let wanted: Vec<usize> = kept.iter().filter_map(|&old| places.get(old).copied().flatten()).collect();
    let same = plan.width() == wanted.len() && wanted.iter().enumerate().all(|(place, &position)| place == position);
    if same {
        return plan;
    }
    let moved = kept.iter().zip(&wanted);
    let expressions = moved.filter_map(|(&old, &new)| types.get(old).map(|&data_type| column(new, data_type)));
    plan.projected(expressions.collect())
}

fn moved(expr: &mut Expr, places: &[Option<usize>]) {
    move_columns(expr, &|position| places.get(position).copied().flatten().unwrap_or(position));
}

fn with(needed: &BTreeSet<usize>, exprs: &[Expr]) -> BTreeSet<usize> {
    let mut all = needed.clone();
    exprs.iter().for_each(|expr| add_columns(expr, &mut all));
    all
}

fn identity(width: usize) -> Vec<Option<usize>> {
    (0..width).map(Some).collect()
}

fn prune(plan: Logical, needed: &BTreeSet<usize>) -> Pruned {
    match plan {
        Logical::Scan { with_key: true, .. } => {
            let places = identity(plan.width());
            (plan, places)
        }
        Logical::Scan { table, columns, filter, with_key: false } => prune_scan(table, columns, filter, needed),
        Logical::Virtual { relation, columns, types } => {
            let (kept, places) = keep(columns.len(), needed);
            let columns = kept.iter().filter_map(|&place| columns.get(place).copied()).collect();
            (Logical::Virtual { relation, columns, types }, places)
        }
        Logical::Values { rows, types } => {
            let (kept, places) = keep(types.len(), needed);
            if kept.len() == types.len() {
                return (Logical::Values { rows, types }, places);
            }
            let rows = rows.into_iter().map(|row| pick(row, needed)).collect();
            (Logical::Values { rows, types: pick(types, needed) }, places)
        }
        Logical::Generate { .. } => {
            let places = identity(plan.width());
            (plan, places)
        }
        Logical::Filter { input, mut predicate } => {
            let (input, places) = prune(*input, &with(needed, &predicate));
            predicate.iter_mut().for_each(|part| moved(part, &places));
            (Logical::Filter { input: Box::new(input), predicate }, places)
        }
        Logical::Project { input, expressions } => {
            let (_, places) = keep(expressions.len(), needed);
            let mut expressions = pick(expressions, needed);
            let (input, below) = prune(*input, &with(&BTreeSet::new(), &expressions));
            expressions.iter_mut().for_each(|expr| moved(expr, &below));
            (input.projected(expressions), places)
        }
        Logical::Aggregate { .. } => prune_aggregate(plan, needed),
        Logical::Sort { input, mut keys } => {
            let mut all = needed.clone();
            keys.iter().for_each(|key| add_columns(&key.expression, &mut all));
            let (input, places) = prune(*input, &all);
            keys.iter_mut().for_each(|key| moved(&mut key.expression, &places));
            (Logical::Sort { input: Box::new(input), keys }, places)
        }
        Logical::Limit { input, limit, offset } => {
            let (input, places) = prune(*input, needed);
            (Logical::Limit { input: Box::new(input), limit, offset }, places)
        }
        Logical::Distinct { input } => {
            let places = identity(input.width());
            (Logical::Distinct { input: Box::new(rule(*input)) }, places)
        }
        Logical::Join { left, right, kind, condition } => prune_join(*left, *right, kind, condition, needed),
        Logical::Append { inputs } => {
            let (kept, places) = keep(inputs.first().map_or(0, Logical::width), needed);
            let inputs = inputs.into_iter().map(|input| exactly(input, needed, &kept)).collect();
            (Logical::Append { inputs }, places)
        }
    }
}

/// Old columns that stay, and where each old column stands after the others went.
fn keep(width: usize, needed: &BTreeSet<usize>) -> (Vec<usize>, Vec<Option<usize>>) {
    let kept: Vec<usize> = (0..width).filter(|place| needed.contains(place)).collect();
    let mut places = vec![None; width];
    for (new, &old) in kept.iter().enumerate() {
        places[old] = Some(new);
    }
    (kept, places)
}

fn pick<T>(items: Vec<T>, needed: &BTreeSet<usize>) -> Vec<T> {
    let kept = items.into_iter().enumerate().filter(|(place, _)| needed.contains(place));
    kept.map(|(_, item)| item).collect()
}

fn prune_scan(
    table: std::sync::Arc<crate::catalog::Table>,
    columns: Vec<usize>,
    mut filter: Vec<Expr>,
    needed: &BTreeSet<usize>,
) -> Pruned {
    let read = with(needed, &filter);
    let (kept, places) = keep(columns.len(), &read);
    let stored: Vec<usize> = kept.iter().filter_map(|&place| columns.get(place).copied()).collect();
    filter.iter_mut().for_each(|part| moved(part, &places));
    let types = scan_types(&table, &stored, false);
    let scan = Logical::Scan { table, columns: stored, filter, with_key: false };
    if read.len() == needed.len() {
        return (scan, places);
    }
    // Columns that only the filter reads end where the rows are.
    let (_, shown) = keep(columns.len(), needed);
    let expressions = needed.iter().filter_map(|&old| {
        let new = places.get(old).copied().flatten()?;
        types.get(new).map(|&data_type| column(new, data_type))
    });
    let expressions = expressions.collect();
    (scan.projected(expressions), shown)
}

fn prune_aggregate(plan: Logical, needed: &BTreeSet<usize>) -> Pruned {
    let Logical::Aggregate { input, mut groups, aggregates } = plan else {
        let places = identity(plan.width());
        return (plan, places);
    };
    let width = groups.len() + aggregates.len();
    let shown: BTreeSet<usize> = (0..groups.len()).chain(needed.iter().copied()).collect();
    let (_, places) = keep(width, &shown);
    let count = groups.len();
    let kept = aggregates.into_iter().enumerate().filter(|(place, _)| needed.contains(&(place + count)));
    let mut aggregates: Vec<_> = kept.map(|(_, aggregate)| aggregate).collect();
    let mut read = with(&BTreeSet::new(), &groups);
    aggregates.iter().flat_map(of_aggregate).for_each(|expr| add_columns(expr, &mut read));
    let (input, below) = prune(*input, &read);
    groups.iter_mut().for_each(|group| moved(group, &below));
    aggregates.iter_mut().flat_map(of_aggregate_mut).for_each(|expr| moved(expr, &below));
    (Logical::Aggregate { input: Box::new(input), groups, aggregates }, places)
}

fn prune_join(
    left: Logical,
    right: Logical,
    kind: JoinKind,
    mut condition: Vec<Expr>,
    needed: &BTreeSet<usize>,
) -> Pruned {
    let width = left.width();
    let all = with(needed, &condition);
    let of_left: BTreeSet<usize> = all.iter().copied().filter(|&column| column < width).collect();
    let of_right: BTreeSet<usize> =
        all.iter().filter(|&&column| column >= width).map(|column| column - width).collect();
    let (left, left_places) = prune(left, &of_left);
    let (right, right_places) = prune(right, &of_right);
    let shift = left.width();
    let moved_right = right_places.into_iter().map(|place| place.map(|place| place + shift));
    let places: Vec<Option<usize>> = left_places.into_iter().chain(moved_right).collect();
    condition.iter_mut().for_each(|part| moved(part, &places));
    (Logical::Join { left: Box::new(left), right: Box::new(right), kind, condition }, places)
}
