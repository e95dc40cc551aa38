//! ORDER BY and LIMIT: by sorting, or by reading an index that has the order already.

use super::{Place, Placed, gathered, project, scan};
use crate::{
    base::{
        limits::BATCH_ROWS,
        types::{DataType, TypeKind},
        value::Value,
    },
    sql::{
        expr::{Expr, function::Function},
        optimize::{
            access::{Wanted, access},
            cost,
            estimate::{self, Rows},
            order::{Order, order_keys},
        },
        plan::{
            Node, SortKey,
            expressions::{add_columns, substitute},
            logical::Logical,
            statistics::Statistics,
        },
    },
};
use std::collections::BTreeSet;

/// Rows of a LIMIT whose count is not known yet.
const LIMIT_GUESS: f64 = 100.0;

/// All rows of a plan in order.
pub fn sorted(input: Logical, expected: Rows, keys: Vec<SortKey>, known: &dyn Statistics) -> Placed {
    if let Some(in_order) = by_index(&input, &keys, f64::INFINITY, known) {
        return gathered(in_order, Some(keys));
    }
    let below = super::placed(input, expected, known);
    let (rows, own_cost) = (below.rows(), cost::sort(below.rows(), f64::INFINITY));
    let sorted = below.over(rows, own_cost, |input| Node::Sort { input, keys: keys.clone() });
    gathered(sorted, Some(keys))
}

/// LIMIT and OFFSET over a plan; `rows` of it come out.
pub fn limited(
    input: Logical,
    mut expected: Rows,
    limit: Option<Expr>,
    offset: Option<Expr>,
    rows: f64,
    known: &dyn Statistics,
) -> Placed {
    let Some(most) = sum_of_limits(limit.as_ref(), offset.as_ref()) else {
        let below = gathered(super::placed(input, expected, known), None);
        return below.over(rows, 0.0, |input| Node::Limit { input, limit, offset });
    };
    let count = match estimate::literal_count(Some(&most)) {
        count if count.is_finite() => count.max(1.0),
        _ => LIMIT_GUESS,
    };
    let above = match input {
        Logical::Sort { input, keys } => {
            let expected = expected.inputs.pop().unwrap_or(expected);
            let (top, was_here) = first(*input, expected, keys, &most, count, known);
            if was_here && offset.is_none() {
                return top;
            }
            top
        }
        input => {
            let below = super::placed(input, expected, known);
            match below.place {
                Place::Here => below,
                Place::Fragment(_) => gathered(at_most(below, &most, count), None),
            }
        }
    };
    above.over(rows, 0.0, |input| Node::Limit { input, limit, offset })
}

/// The first rows of an order; and whether they were put together on the coordinator, so that they are just these.
fn first(
    input: Logical,
    expected: Rows,
    keys: Vec<SortKey>,
    most: &Expr,
    count: f64,
    known: &dyn Statistics,
) -> (Placed, bool) {
    if let Some(in_order) = by_index(&input, &keys, count, known) {
        return (gathered(at_most(in_order, most, count), Some(keys)), false);
    }
    let below = super::placed(input, expected, known);
    let was_here = matches!(below.place, Place::Here);
    let (rows, own_cost) = (below.rows().min(count), cost::sort(below.rows(), count));
    let limit = most.clone();
    let top = below.over(rows, own_cost, |input| Node::TopN { input, keys: keys.clone(), limit });
    (gathered(top, Some(keys)), was_here)
}

/// At most so many rows of each fragment.
fn at_most(below: Placed, most: &Expr, count: f64) -> Placed {
    let rows = below.rows().min(count);
    // What is not asked for is not computed.
    let part = (count / below.rows().max(1.0)).min(1.0);
    let limit = Some(most.clone());
    let mut limited = below.over(rows, 0.0, |input| Node::Limit { input, limit, offset: None });
    limited.estimate.cost *= part;
    hint(&mut limited.node, count);
    limited
}

/// Tells a scan that few rows are wanted of it.
fn hint(node: &mut Node, count: f64) {
    match node {
        Node::Scan(scan) => scan.first_rows = (count.max(1.0) as usize).min(BATCH_ROWS),
        Node::Limit { input, .. } | Node::Project { input, .. } | Node::Filter { input, .. } => hint(input, count),
        _ => {}
    }
}

/// The first rows of an order, if an index has it and that is cheaper than sorting.
pub fn first_by_index(input: Logical, keys: &[SortKey], count: u32, known: &dyn Statistics) -> Option<Placed> {
    let in_order = by_index(&input, keys, f64::from(count), known)?;
    let most = Expr::Literal { value: Value::Int8(i64::from(count)), data_type: DataType::of(TypeKind::Int8) };
    Some(at_most(in_order, &most, f64::from(count)))
}

/// A scan (with a projection) whose way has the order already; none if sorting is cheaper.
fn by_index(input: &Logical, keys: &[SortKey], limit: f64, known: &dyn Statistics) -> Option<Placed> {
    let (scan, expressions) = match input {
        Logical::Project { input, expressions } => (&**input, Some(expressions)),
        scan => (scan, None),
    };
    let Logical::Scan { table, columns, filter, with_key: false } = scan else { return None };
    let mut below = keys.to_vec();
    if let Some(expressions) = expressions {
        below.iter_mut().for_each(|key| substitute(&mut key.expression, expressions));
    }
    let order = order_keys(&below, columns)?;
    let mut read: BTreeSet<usize> = BTreeSet::new();
    match expressions {
        Some(expressions) => expressions.iter().for_each(|expr| add_columns(expr, &mut read)),
        None => read.extend(0..columns.len()),
    }
    let wanted = Wanted { read: Some(&read), order: Some(Order { keys: &order, limit }) };
    let mut access = access(table, columns, filter.clone(), wanted, known);
    access.in_order?;
    let Some(expressions) = expressions else {
        return Some(scan::through(table.clone(), columns.clone(), false, access));
    };
    let left = std::mem::take(&mut access.filter);
    let (columns, filter, expressions) = scan::narrowed(columns, left, expressions.clone());
    access.filter = filter;
    Some(project(scan::through(table.clone(), columns, false, access), expressions))
}

/// LIMIT and OFFSET together: how many rows a fragment has to put out at most.
fn sum_of_limits(limit: Option<&Expr>, offset: Option<&Expr>) -> Option<Expr> {
    let limit = limit?;
    let Some(offset) = offset else { return Some(limit.clone()) };
    let int8 = DataType::of(TypeKind::Int8);
    if let (Expr::Literal { value: Value::Int8(limit), .. }, Expr::Literal { value: Value::Int8(offset), .. }) =
        (limit, offset)
    {
        // A negative one is an error, which the LIMIT above the exchange gives.
        let value = Value::Int8(limit.saturating_add(*offset).max(0));
        return Some(Expr::Literal { value, data_type: int8 });
    }
    let arguments = vec![limit.clone(), offset.clone()];
    Some(Expr::Call { function: Function::Add, arguments, data_type: int8 })
}
