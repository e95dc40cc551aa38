//! Logical plans → physical ones: which operators run in fragments where the rows are, and which above the exchange.
//!
//! A fragment grows from a scan upwards as long as an operator can work on a part of the rows: filters, projections,
//! partial aggregates, sorts, limits, and joins whose other side is on the same core or is brought to every core. A
//! fragment that reads one partition only has all the rows, so whole operators stay in it.
//!
//! Every step notes what it expects, so that steps above can choose and EXPLAIN can show it.

mod aggregate;
mod join;
mod scan;
mod sort;

pub use scan::{fragment_of_rows, narrowed};

use super::{
    cost,
    estimate::{self, Rows},
};
use crate::{
    base::{ids::KeyspaceId, types::DataType},
    sql::{
        expr::Expr,
        plan::{
            Gather, Node, SortKey, Targets,
            estimate::Estimate,
            expressions::{conjunction, data_type, substitute},
            logical::Logical,
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
    estimate: Estimate,
}

enum Place {
    /// In fragments, whose rows have to be gathered.
    Fragment(Part),
    /// On the coordinator.
    Here,
}

/// Which rows a fragment has.
struct Part {
    targets: Targets,
    keyspace: KeyspaceId,
    /// The output columns whose values decide, as a primary key, on which core a row is; none if something else decides.
    hashed: Option<Vec<usize>>,
}

impl Placed {
    /// An operator over a plan, in the same place and of the same columns.
    fn over(self, rows: f64, own_cost: f64, make: impl FnOnce(Box<Node>) -> Node) -> Placed {
        let estimate = Estimate::over(vec![self.estimate], rows, own_cost);
        Placed { node: make(Box::new(self.node)), estimate, ..self }
    }

    fn rows(&self) -> f64 {
        self.estimate.rows
    }
}

/// The plan with its rows on the coordinator, and what is expected of it.
pub fn here(plan: Logical, known: &dyn Statistics) -> (Node, Estimate) {
    let expected = estimate::tree(&plan, known);
    let placed = gathered(placed(plan, expected, known), None);
    (placed.node, placed.estimate)
}

fn gathered(placed: Placed, merge: Option<Vec<SortKey>>) -> Placed {
    match placed.place {
        Place::Here => placed,
        Place::Fragment(part) => {
            let Placed { node, types, estimate, .. } = placed;
            let rows = estimate.rows;
            let merging = if merge.is_some() { rows * cost::MERGE } else { 0.0 };
            let estimate = Estimate::over(vec![estimate], rows, cost::FRAGMENT + rows * cost::SENT + merging);
            let gather = Gather { input: Arc::new(node), targets: part.targets, merge, types: types.clone() };
            Placed { node: Node::Gather(gather), types, place: Place::Here, estimate }
        }
    }
}

fn leaf(node: Node, types: Vec<DataType>, rows: f64) -> Placed {
    Placed { node, types, place: Place::Here, estimate: Estimate::leaf(rows, rows * cost::PASSED) }
}

/// Places a plan of whose operators so many rows are expected.
fn placed(plan: Logical, expected: Rows, known: &dyn Statistics) -> Placed {
    let Rows { rows, inputs } = expected;
    let mut below = inputs.into_iter();
    let mut next = || below.next().unwrap_or(Rows { rows: 1.0, inputs: Vec::new() });
    match plan {
        Logical::Scan { table, columns, filter, with_key } => scan::placed(table, columns, filter, with_key, known),
        Logical::Virtual { relation, columns, types } => {
            let output = columns.iter().filter_map(|&column| types.get(column).copied()).collect::<Vec<_>>();
            leaf(Node::Virtual { relation, columns, types: output.clone() }, output, rows)
        }
        Logical::Values { rows: values, types } => {
            leaf(Node::Values { rows: values, types: types.clone() }, types, rows)
        }
        Logical::Generate { generator, types } => leaf(Node::Generate { generator, types: types.clone() }, types, rows),
        Logical::Filter { input, predicate } => {
            let below = placed(*input, next(), known);
            let checks = below.rows() * predicate.len() as f64 * cost::CHECK;
            match conjunction(predicate) {
                None => below,
                Some(predicate) => below.over(rows, checks, |input| Node::Filter { input, predicate }),
            }
        }
        Logical::Project { input, expressions } => match *input {
            Logical::Scan { table, columns, filter, with_key: false } => {
                scan::projected(table, columns, filter, expressions, known)
            }
            input => project(placed(input, next(), known), expressions),
        },
        Logical::Aggregate { input, groups, aggregates } => {
            aggregate::placed(*input, next(), groups, aggregates, rows, known)
        }
        Logical::Sort { input, keys } => sort::sorted(*input, next(), keys, known),
        Logical::Limit { input, limit, offset } => sort::limited(*input, next(), limit, offset, rows, known),
        Logical::Distinct { input } => aggregate::distinct(placed(*input, next(), known), rows),
        Logical::Join { left, right, kind, condition } => {
            let left = placed(*left, next(), known);
            let right = placed(*right, next(), known);
            join::placed(left, right, kind, condition, rows, known)
        }
        Logical::Append { inputs } => {
            let inputs = inputs.into_iter().map(|input| gathered(placed(input, next(), known), None));
            let inputs: Vec<Placed> = inputs.collect();
            let types = inputs.first().map(|input| input.types.clone()).unwrap_or_default();
            let (inputs, estimates) = inputs.into_iter().map(|input| (input.node, input.estimate)).unzip();
            let estimate = Estimate::over(estimates, rows, rows * cost::PASSED);
            Placed { node: Node::Append { inputs }, types, place: Place::Here, estimate }
        }
    }
}

/// A projection; none where it would change nothing, and one where there would be two.
fn project(below: Placed, mut expressions: Vec<Expr>) -> Placed {
    let types: Vec<DataType> = expressions.iter().map(data_type).collect();
    let rows = below.rows();
    let place = match below.place {
        Place::Here => Place::Here,
        Place::Fragment(part) => Place::Fragment(Part { hashed: moved(part.hashed, &expressions), ..part }),
    };
    let (node, mut inputs) = match below.node {
        Node::Project { input, expressions: inner } if inner.iter().all(|expr| matches!(expr, Expr::Column { .. })) => {
            expressions.iter_mut().for_each(|expr| substitute(expr, &inner));
            (*input, below.estimate.inputs)
        }
        node => {
            let same = expressions.len() == below.types.len()
                && expressions
                    .iter()
                    .enumerate()
                    .all(|(place, expr)| matches!(expr, Expr::Column { position, .. } if *position == place));
            if same {
                return Placed { node, place, ..below };
            }
            (node, vec![below.estimate])
        }
    };
    inputs.truncate(1);
    let estimate = Estimate::over(inputs, rows, rows * cost::PASSED);
    Placed { node: Node::Project { input: Box::new(node), expressions }, types, place, estimate }
}

/// Where the columns that decide on the core stand after a projection.
fn moved(hashed: Option<Vec<usize>>, expressions: &[Expr]) -> Option<Vec<usize>> {
    let place = |column: &usize| {
        expressions.iter().position(|expr| matches!(expr, Expr::Column { position, .. } if position == column))
    };
    hashed?.iter().map(place).collect()
}

/// Whether each fragment has only a part of the rows.
fn is_partial(place: &Place) -> bool {
    matches!(place, Place::Fragment(Part { targets: Targets::All, .. }))
}
