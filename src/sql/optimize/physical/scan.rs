//! Scans: the way to the rows, with no more columns than are needed.

use super::{Part, Place, Placed, project};
use crate::{
    catalog::Table,
    sql::{
        expr::Expr,
        optimize::access::{Access, Wanted, access},
        plan::{
            Gather, Node, Scan,
            estimate::Estimate,
            expressions::{add_columns, conjunction, move_columns},
            logical::{Logical, scan_types},
            statistics::Statistics,
        },
    },
};
use std::{collections::BTreeSet, sync::Arc};

/// The fragment of an UPDATE or DELETE: its scan with keys, and nothing above it.
pub fn fragment_of_rows(plan: Logical, known: &dyn Statistics) -> Option<(Gather, Estimate)> {
    let Logical::Scan { table, columns, filter, with_key } = plan else { return None };
    let Placed { node, types, place, estimate } = placed(table, columns, filter, with_key, known);
    let Place::Fragment(part) = place else { return None };
    let rows = estimate.rows;
    let estimate = Estimate::over(vec![estimate], rows, 0.0);
    Some((Gather { input: Arc::new(node), targets: part.targets, merge: None, types }, estimate))
}

/// A scan that puts out all its columns.
pub fn placed(
    table: Arc<Table>,
    columns: Vec<usize>,
    filter: Vec<Expr>,
    with_key: bool,
    known: &dyn Statistics,
) -> Placed {
    let read: BTreeSet<usize> = (0..columns.len()).collect();
    let wanted = Wanted { read: (!with_key).then_some(&read), order: None };
    let access = access(&table, &columns, filter, wanted, known);
    through(table, columns, with_key, access)
}

/// A scan that reads only what the projection and what is left of the filter need: columns that bounds take care of
/// are not read.
pub fn projected(
    table: Arc<Table>,
    columns: Vec<usize>,
    filter: Vec<Expr>,
    expressions: Vec<Expr>,
    known: &dyn Statistics,
) -> Placed {
    let mut read = BTreeSet::new();
    expressions.iter().for_each(|expr| add_columns(expr, &mut read));
    let mut access = access(&table, &columns, filter, Wanted { read: Some(&read), order: None }, known);
    let left = std::mem::take(&mut access.filter);
    let (columns, filter, expressions) = narrowed(&columns, left, expressions);
    project(through(table, columns, false, Access { filter, ..access }), expressions)
}

/// The scan of a way that was chosen.
pub fn through(table: Arc<Table>, columns: Vec<usize>, with_key: bool, access: Access) -> Placed {
    let types = scan_types(&table, &columns, with_key);
    let Access { index, bounds, filter, targets, in_order, covered, rows, cost, .. } = access;
    // Entries of a unique index lie where their own columns hash to.
    let at_home = table.index(index).is_none_or(|index| !index.unique);
    let place_of = |column: usize| columns.iter().position(|&stored| stored == column);
    let hashed: Option<Vec<usize>> = table.key_positions().map(place_of).collect();
    let hashed = hashed.filter(|key| at_home && !key.is_empty());
    let part = Part { targets, keyspace: table.keyspace, hashed };
    let scan = Scan {
        index,
        bounds,
        filter: conjunction(filter),
        reverse: in_order.unwrap_or(false),
        ordered: in_order.is_some(),
        covered,
        ..Scan::whole(table, columns, with_key)
    };
    Placed { node: Node::Scan(scan), types, place: Place::Fragment(part), estimate: Estimate::leaf(rows, cost) }
}

/// The columns that a filter and expressions need, and both over these.
pub fn narrowed(
    columns: &[usize],
    mut filter: Vec<Expr>,
    mut expressions: Vec<Expr>,
) -> (Vec<usize>, Vec<Expr>, Vec<Expr>) {
    let mut read = BTreeSet::new();
    filter.iter().chain(&expressions).for_each(|expr| add_columns(expr, &mut read));
    let read: Vec<usize> = read.into_iter().collect();
    let place = |position: usize| read.binary_search(&position).unwrap_or(position);
    filter.iter_mut().chain(&mut expressions).for_each(|expr| move_columns(expr, &place));
    let columns = read.iter().filter_map(|&position| columns.get(position).copied()).collect();
    (columns, filter, expressions)
}
