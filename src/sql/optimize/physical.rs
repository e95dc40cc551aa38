//! Logical plans → physical ones: which operators run in fragments where the rows are, and which above the exchange.
//!
//! A fragment grows from a scan upwards as long as an operator can work on a part of the rows: filters, projections,
//! partial aggregates, sorts and limits. A fragment that reads one partition only has all the rows, so whole
//! operators stay in it.

use super::{
    access::{Access, access},
    estimate,
};
use crate::{
    base::{
        types::{DataType, TypeKind},
        value::Value,
    },
    sql::{
        expr::{Aggregate, Comparison, Expr, function::Function},
        plan::{
            AggregateMode, Gather, JoinKind, Node, Scan, SortKey, Targets,
            expressions::{add_columns, column, columns_of, conjunction, data_type, move_columns, substitute},
            logical::{Logical, scan_types},
            statistics::Statistics,
        },
    },
};
use std::sync::Arc;

/// A physical plan and where it runs.
struct Placed {
    node: Node,
    types: Vec<DataType>,
    place: Place,
}

enum Place {
    /// In fragments, whose rows have to be gathered.
    Fragment(Targets),
    /// On the coordinator.
    Here,
}

/// The plan with its rows on the coordinator.
pub fn here(plan: Logical, known: &dyn Statistics) -> Node {
    gathered(placed(plan, known), None).node
}

/// The fragment of an UPDATE or DELETE: its scan with keys, and nothing above it.
pub fn fragment_of_rows(plan: Logical, known: &dyn Statistics) -> Option<Gather> {
    let Logical::Scan { table, columns, filter, with_key } = plan else { return None };
    let types = scan_types(&table, &columns, with_key);
    let (scan, targets) = scan(table, columns, filter, with_key, known);
    Some(Gather { input: Arc::new(scan), targets, merge: None, types })
}

fn gathered(placed: Placed, merge: Option<Vec<SortKey>>) -> Placed {
    match placed.place {
        Place::Here => placed,
        Place::Fragment(targets) => {
            let Placed { node, types, .. } = placed;
            let gather = Gather { input: Arc::new(node), targets, merge, types: types.clone() };
            Placed { node: Node::Gather(gather), types, place: Place::Here }
        }
    }
}

fn scan(
    table: Arc<crate::catalog::Table>,
    columns: Vec<usize>,
    filter: Vec<Expr>,
    with_key: bool,
    known: &dyn Statistics,
) -> (Node, Targets) {
    let Access { index, bounds, filter, targets, .. } = access(&table, &columns, filter, known);
    let scan = Scan { table, index, bounds, columns, filter: conjunction(filter), with_key, reverse: false };
    (Node::Scan(scan), targets)
}

fn placed(plan: Logical, known: &dyn Statistics) -> Placed {
    match plan {
        Logical::Scan { table, columns, filter, with_key } => {
            let types = scan_types(&table, &columns, with_key);
            let (node, targets) = scan(table, columns, filter, with_key, known);
            Placed { node, types, place: Place::Fragment(targets) }
        }
        Logical::Virtual { relation, columns, types } => {
            let output = columns.iter().filter_map(|&column| types.get(column).copied()).collect::<Vec<_>>();
            let node = Node::Virtual { relation, columns, types: output.clone() };
            Placed { node, types: output, place: Place::Here }
        }
        Logical::Values { rows, types } => {
            Placed { node: Node::Values { rows, types: types.clone() }, types, place: Place::Here }
        }
        Logical::Generate { generator, types } => {
            Placed { node: Node::Generate { generator, types: types.clone() }, types, place: Place::Here }
        }
        Logical::Filter { input, predicate } => {
            let below = placed(*input, known);
            match conjunction(predicate) {
                None => below,
                Some(predicate) => Placed { node: Node::Filter { input: Box::new(below.node), predicate }, ..below },
            }
        }
        Logical::Project { input, expressions } => match *input {
            Logical::Scan { table, columns, filter, with_key: false } => {
                projected_scan(table, columns, filter, expressions, known)
            }
            input => project(placed(input, known), expressions),
        },
        Logical::Aggregate { input, groups, aggregates } => aggregate(placed(*input, known), groups, aggregates),
        Logical::Sort { input, keys } => sort(placed(*input, known), keys),
        Logical::Limit { input, limit, offset } => limited(*input, limit, offset, known),
        Logical::Distinct { input } => distinct(placed(*input, known)),
        Logical::Join { left, right, kind, condition } => join(*left, *right, kind, condition, known),
        Logical::Append { inputs } => {
            let inputs: Vec<Placed> = inputs.into_iter().map(|input| gathered(placed(input, known), None)).collect();
            let types = inputs.first().map(|input| input.types.clone()).unwrap_or_default();
            let inputs = inputs.into_iter().map(|input| input.node).collect();
            Placed { node: Node::Append { inputs }, types, place: Place::Here }
        }
    }
}

/// A scan that reads only what the projection and what is left of the filter need: columns that bounds take care of
/// are not read.
fn projected_scan(
    table: Arc<crate::catalog::Table>,
    columns: Vec<usize>,
    filter: Vec<Expr>,
    expressions: Vec<Expr>,
    known: &dyn Statistics,
) -> Placed {
    let access = access(&table, &columns, filter, known);
    let (columns, filter, expressions) = narrowed(&columns, access.filter, expressions);
    let types = scan_types(&table, &columns, false);
    let Access { index, bounds, targets, .. } = access;
    let scan = Scan { table, index, bounds, columns, filter: conjunction(filter), with_key: false, reverse: false };
    project(Placed { node: Node::Scan(scan), types, place: Place::Fragment(targets) }, expressions)
}

/// The columns that a filter and expressions need, and both over these.
pub fn narrowed(
    columns: &[usize],
    mut filter: Vec<Expr>,
    mut expressions: Vec<Expr>,
) -> (Vec<usize>, Vec<Expr>, Vec<Expr>) {
    let mut read = std::collections::BTreeSet::new();
    filter.iter().chain(&expressions).for_each(|expr| add_columns(expr, &mut read));
    let read: Vec<usize> = read.into_iter().collect();
    let place = |position: usize| read.binary_search(&position).unwrap_or(position);
    filter.iter_mut().chain(&mut expressions).for_each(|expr| move_columns(expr, &place));
    let columns = read.iter().filter_map(|&position| columns.get(position).copied()).collect();
    (columns, filter, expressions)
}

/// A projection; none where it would change nothing, and one where there would be two.
fn project(below: Placed, mut expressions: Vec<Expr>) -> Placed {
    let types: Vec<DataType> = expressions.iter().map(data_type).collect();
    let node = match below.node {
        Node::Project { input, expressions: inner } if inner.iter().all(|expr| matches!(expr, Expr::Column { .. })) => {
            expressions.iter_mut().for_each(|expr| substitute(expr, &inner));
            *input
        }
        node => {
            let same = expressions.len() == below.types.len()
                && expressions
                    .iter()
                    .enumerate()
                    .all(|(place, expr)| matches!(expr, Expr::Column { position, .. } if *position == place));
            if same {
                return Placed { node, ..below };
            }
            node
        }
    };
    Placed { node: Node::Project { input: Box::new(node), expressions }, types, place: below.place }
}

/// Whether each fragment has only a part of the rows.
fn is_partial(place: &Place) -> bool {
    matches!(place, Place::Fragment(Targets::All))
}

fn aggregate(below: Placed, groups: Vec<Expr>, aggregates: Vec<Aggregate>) -> Placed {
    let types: Vec<DataType> =
        groups.iter().map(data_type).chain(aggregates.iter().map(|call| call.data_type)).collect();
    let splittable = aggregates.iter().all(Aggregate::is_splittable);
    if !is_partial(&below.place) || !splittable {
        // One fragment over one partition may find no partition (a NULL key): a result without groups must come all
        // the same, so it is made above.
        let below = if groups.is_empty() || is_partial(&below.place) { gathered(below, None) } else { below };
        let input = Box::new(below.node);
        let node = Node::Aggregate { input, mode: AggregateMode::Single, groups, aggregates };
        return Placed { node, types, place: below.place };
    }
    let states = groups.iter().map(data_type).chain(aggregates.iter().map(Aggregate::state_type)).collect();
    let over_groups = groups.iter().enumerate().map(|(place, group)| column(place, data_type(group)));
    let over_groups: Vec<Expr> = over_groups.collect();
    // The final step takes the states by their place; the calls themselves say what they are states of.
    let over_states = aggregates.clone();
    let input = Box::new(below.node);
    let partial = Node::Aggregate { input, mode: AggregateMode::Partial, groups, aggregates };
    let gathered = gathered(Placed { node: partial, types: states, place: below.place }, None);
    let input = Box::new(gathered.node);
    let node = Node::Aggregate { input, mode: AggregateMode::Final, groups: over_groups, aggregates: over_states };
    Placed { node, types, place: Place::Here }
}

fn sort(below: Placed, keys: Vec<SortKey>) -> Placed {
    let sorted = Placed { node: Node::Sort { input: Box::new(below.node), keys: keys.clone() }, ..below };
    gathered(sorted, Some(keys))
}

fn distinct(below: Placed) -> Placed {
    let partial = is_partial(&below.place);
    let once = Placed { node: Node::Distinct { input: Box::new(below.node) }, ..below };
    if !partial {
        return once;
    }
    let all = gathered(once, None);
    Placed { node: Node::Distinct { input: Box::new(all.node) }, ..all }
}

fn limited(input: Logical, limit: Option<Expr>, offset: Option<Expr>, known: &dyn Statistics) -> Placed {
    let Some(most) = sum_of_limits(limit.as_ref(), offset.as_ref()) else {
        let below = gathered_sorted(input, known);
        return Placed { node: Node::Limit { input: Box::new(below.node), limit, offset }, ..below };
    };
    let above = match input {
        Logical::Sort { input, keys } => {
            let below = placed(*input, known);
            let top = Node::TopN { input: Box::new(below.node), keys: keys.clone(), limit: most };
            let was_here = matches!(below.place, Place::Here);
            let top = gathered(Placed { node: top, ..below }, Some(keys));
            if was_here && offset.is_none() {
                return top;
            }
            top
        }
        input => {
            let below = placed(input, known);
            match below.place {
                Place::Here => below,
                Place::Fragment(_) => {
                    let first = Node::Limit { input: Box::new(below.node), limit: Some(most), offset: None };
                    gathered(Placed { node: first, ..below }, None)
                }
            }
        }
    };
    Placed { node: Node::Limit { input: Box::new(above.node), limit, offset }, ..above }
}

/// The input of an OFFSET without LIMIT.
fn gathered_sorted(input: Logical, known: &dyn Statistics) -> Placed {
    gathered(placed(input, known), None)
}

/// LIMIT and OFFSET together: how many rows a fragment has to put out at most.
pub fn sum_of_limits(limit: Option<&Expr>, offset: Option<&Expr>) -> Option<Expr> {
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

fn join(left: Logical, right: Logical, kind: JoinKind, condition: Vec<Expr>, known: &dyn Statistics) -> Placed {
    let (left_rows, right_rows) = (estimate::rows(&left, known), estimate::rows(&right, known));
    // The right side is built: it should be the smaller one.
    let swap = left_rows < right_rows && !matches!(kind, JoinKind::Semi | JoinKind::Anti);
    let (left_width, right_width) = (left.width(), right.width());
    let left = gathered(placed(left, known), None);
    let right = gathered(placed(right, known), None);
    if !swap {
        return joined(left, right, kind, condition);
    }
    let mut condition = condition;
    condition.iter_mut().for_each(|part| {
        move_columns(part, &|place| if place < left_width { place + right_width } else { place - left_width });
    });
    let kind = match kind {
        JoinKind::Left => JoinKind::Right,
        JoinKind::Right => JoinKind::Left,
        same => same,
    };
    let back: Vec<Expr> = left
        .types
        .iter()
        .enumerate()
        .map(|(place, &data_type)| column(place + right_width, data_type))
        .chain(right.types.iter().enumerate().map(|(place, &data_type)| column(place, data_type)))
        .collect();
    let types = back.iter().map(data_type).collect();
    let swapped = joined(right, left, kind, condition);
    let node = Node::Project { input: Box::new(swapped.node), expressions: back };
    Placed { node, types, place: Place::Here }
}

fn joined(left: Placed, right: Placed, kind: JoinKind, condition: Vec<Expr>) -> Placed {
    let width = left.types.len();
    let mut types = left.types;
    if !matches!(kind, JoinKind::Semi | JoinKind::Anti) {
        types.extend(right.types);
    }
    let (mut keys, mut rest) = (Vec::new(), Vec::new());
    for part in condition {
        match equi_key(part, width) {
            Ok(key) => keys.push(key),
            Err(part) => rest.push(part),
        }
    }
    let (left, right) = (Box::new(left.node), Box::new(right.node));
    let node = if keys.is_empty() {
        Node::LoopJoin { left, right, kind, condition: conjunction(rest) }
    } else {
        Node::HashJoin { left, right, kind, keys, residual: conjunction(rest) }
    };
    Placed { node, types, place: Place::Here }
}

/// An equality between the two sides as a key of each, or the condition back.
fn equi_key(part: Expr, width: usize) -> Result<(Expr, Expr), Expr> {
    let Expr::Compare { operator: Comparison::Equal, left, right } = part else { return Err(part) };
    let is_left = |expr: &Expr| {
        let columns = columns_of(expr);
        !columns.is_empty() && columns.iter().all(|&place| place < width)
    };
    let is_right = |expr: &Expr| {
        let columns = columns_of(expr);
        !columns.is_empty() && columns.iter().all(|&place| place >= width)
    };
    let (of_left, mut of_right) = match (is_left(&left), is_right(&right), is_right(&left), is_left(&right)) {
        (true, true, _, _) => (*left, *right),
        (_, _, true, true) => (*right, *left),
        _ => return Err(Expr::Compare { operator: Comparison::Equal, left, right }),
    };
    move_columns(&mut of_right, &|place| place.saturating_sub(width));
    Ok((of_left, of_right))
}
