//! Aggregates and DISTINCT, in two steps where the rows are spread; and min and max that an index knows.

use super::{Place, Placed, gathered, is_partial, sort};
use crate::{
    base::types::DataType,
    sql::{
        expr::{Aggregate, Expr, function::AggregateFunction},
        optimize::{cost, estimate::Rows},
        plan::{
            AggregateMode, JoinKind, Node, SortKey,
            estimate::Estimate,
            expressions::{column, data_type},
            logical::Logical,
            statistics::Statistics,
        },
    },
};

/// An aggregate over a plan; `rows` of it come out.
pub fn placed(
    input: Logical,
    expected: Rows,
    groups: Vec<Expr>,
    aggregates: Vec<Aggregate>,
    rows: f64,
    known: &dyn Statistics,
) -> Placed {
    let ends = if groups.is_empty() { ends(&input, &aggregates, known) } else { None };
    let straight = super::placed(input, expected, known);
    match ends {
        Some(ends) if ends.estimate.cost < straight.estimate.cost => ends,
        _ => of_rows(straight, groups, aggregates, rows),
    }
}

/// Least and greatest values, each read from its end of an index, side by side in one row; none if no index has one.
fn ends(input: &Logical, aggregates: &[Aggregate], known: &dyn Statistics) -> Option<Placed> {
    let each = aggregates.iter().map(|aggregate| {
        let first = first_in_order(input, aggregate, known)?;
        Some(gathered(of_rows(first, Vec::new(), vec![aggregate.clone()], 1.0), None))
    });
    let each: Option<Vec<Placed>> = each.collect();
    each?.into_iter().reduce(|left, right| {
        let types = [left.types, right.types].concat();
        let estimate = Estimate::over(vec![left.estimate, right.estimate], 1.0, cost::PAIR);
        let (left, right) = (Box::new(left.node), Box::new(right.node));
        let node = Node::LoopJoin { left, right, kind: JoinKind::Inner, condition: None };
        Placed { node, types, place: Place::Here, estimate }
    })
}

/// The one row that has the least or greatest value, by an index.
fn first_in_order(input: &Logical, aggregate: &Aggregate, known: &dyn Statistics) -> Option<Placed> {
    let descending = match aggregate.function {
        AggregateFunction::Minimum => false,
        AggregateFunction::Maximum => true,
        _ => return None,
    };
    let [argument] = aggregate.arguments.as_slice() else { return None };
    if aggregate.filter.is_some() || !matches!(argument, Expr::Column { .. }) {
        return None;
    }
    let not_null = Expr::IsNull { operand: Box::new(argument.clone()), negated: true };
    let Logical::Scan { table, columns, filter, with_key } = input else { return None };
    let filter = filter.iter().cloned().chain([not_null]).collect();
    let input = Logical::Scan { table: table.clone(), columns: columns.clone(), filter, with_key: *with_key };
    let key = SortKey { expression: argument.clone(), descending, nulls_first: descending };
    sort::first_by_index(input, &[key], 1, known)
}

fn of_rows(below: Placed, groups: Vec<Expr>, aggregates: Vec<Aggregate>, rows: f64) -> Placed {
    let types: Vec<DataType> =
        groups.iter().map(data_type).chain(aggregates.iter().map(|call| call.data_type)).collect();
    let work = |rows: f64| rows * (cost::PROBED + aggregates.len() as f64 * cost::PASSED);
    let splittable = aggregates.iter().all(Aggregate::is_splittable);
    if !is_partial(&below.place) || !splittable {
        // One fragment over one partition may find no partition (a NULL key): a result without groups must come all
        // the same, so it is made above.
        let below = if groups.is_empty() || is_partial(&below.place) { gathered(below, None) } else { below };
        let own_cost = work(below.rows());
        let mode = AggregateMode::Single;
        let placed = below.over(rows, own_cost, |input| Node::Aggregate { input, mode, groups, aggregates });
        return nowhere_hashed(Placed { types, ..placed });
    }
    let states = groups.iter().map(data_type).chain(aggregates.iter().map(Aggregate::state_type)).collect();
    let over_groups = groups.iter().enumerate().map(|(place, group)| column(place, data_type(group)));
    let over_groups: Vec<Expr> = over_groups.collect();
    // The final step takes the states by their place; the calls themselves say what they are states of.
    let over_states = aggregates.clone();
    let own_cost = work(below.rows());
    let partial_rows = (rows * CORES_GUESS).min(below.rows()).max(1.0);
    let mode = AggregateMode::Partial;
    let partial = below.over(partial_rows, own_cost, |input| Node::Aggregate { input, mode, groups, aggregates });
    let gathered = gathered(Placed { types: states, ..partial }, None);
    let own_cost = gathered.rows() * cost::PROBED;
    let mode = AggregateMode::Final;
    let whole = gathered.over(rows, own_cost, |input| Node::Aggregate {
        input,
        mode,
        groups: over_groups,
        aggregates: over_states,
    });
    Placed { types, ..whole }
}

/// Every core may have rows of each group.
const CORES_GUESS: f64 = 2.0;

/// Without duplicates.
pub fn distinct(below: Placed, rows: f64) -> Placed {
    let partial = is_partial(&below.place);
    let own_cost = below.rows() * cost::PROBED;
    let partial_rows = if partial { (rows * CORES_GUESS).min(below.rows()) } else { rows };
    let once = below.over(partial_rows, own_cost, |input| Node::Distinct { input });
    if !partial {
        return once;
    }
    let all = gathered(once, None);
    let own_cost = all.rows() * cost::PROBED;
    all.over(rows, own_cost, |input| Node::Distinct { input })
}

fn nowhere_hashed(placed: Placed) -> Placed {
    let place = match placed.place {
        Place::Here => Place::Here,
        Place::Fragment(part) => Place::Fragment(super::Part { hashed: None, ..part }),
    };
    let Estimate { rows, cost, inputs } = placed.estimate;
    Placed { place, estimate: Estimate { rows, cost, inputs }, ..placed }
}
