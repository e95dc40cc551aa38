//! Bound logical plans → physical plans, by rules.
//!
//! One rule a file, each from plan to plan and right on its own; [`logical`] gives their order. [`mod@access`] chooses the
//! key or index of each scan, [`physical`] places operators in fragments below exchanges. Costs come from
//! [`estimate`]; nothing here reads data.
//!
//! Invariant: every rule keeps the rows, the columns and their order that a plan puts out.

mod access;
mod candidates;
mod cost;
pub mod estimate;
mod fold;
mod join_order;
mod key_value;
mod limits;
mod merge_projects;
mod order;
mod physical;
mod prune;
mod push_down;
mod selectivity;

use super::{
    expr::{Context, Expr},
    plan::{Node, estimate::Estimate, logical::Logical, statistics::Statistics},
};

pub use access::{Access, Wanted, access};
pub use cost::POINT as POINT_COST;
pub use physical::{fragment_of_rows, here, narrowed};

/// The physical plan of a query, to be run by a coordinator.
pub fn query(plan: Logical, statistics: &dyn Statistics) -> (Node, Estimate) {
    physical::here(logical(plan, statistics), statistics)
}

/// An expression with its constant parts computed.
pub fn folded(mut expr: Expr) -> Expr {
    fold::one(&mut expr, &Context::default());
    expr
}

/// All rules that keep a plan logical.
pub fn logical(plan: Logical, statistics: &dyn Statistics) -> Logical {
    let plan = fold::rule(plan);
    let plan = merge_projects::rule(plan);
    let plan = push_down::rule(plan);
    let plan = join_order::rule(plan, statistics);
    let plan = push_down::rule(plan);
    let plan = prune::rule(plan);
    let plan = merge_projects::rule(plan);
    limits::rule(plan)
}

/// The direct inputs of a plan, each changed.
fn map_inputs(plan: Logical, change: &mut dyn FnMut(Logical) -> Logical) -> Logical {
    let mut each = |input: Box<Logical>| Box::new(change(*input));
    match plan {
        Logical::Scan { .. } | Logical::Virtual { .. } | Logical::Values { .. } | Logical::Generate { .. } => plan,
        Logical::Filter { input, predicate } => Logical::Filter { input: each(input), predicate },
        Logical::Project { input, expressions } => Logical::Project { input: each(input), expressions },
        Logical::Aggregate { input, groups, aggregates } => {
            Logical::Aggregate { input: each(input), groups, aggregates }
        }
        Logical::Sort { input, keys } => Logical::Sort { input: each(input), keys },
        Logical::Limit { input, limit, offset } => Logical::Limit { input: each(input), limit, offset },
        Logical::Distinct { input } => Logical::Distinct { input: each(input) },
        Logical::Join { left, right, kind, condition } => {
            let left = each(left);
            Logical::Join { left, right: each(right), kind, condition }
        }
        Logical::Append { inputs } => Logical::Append { inputs: inputs.into_iter().map(change).collect() },
    }
}
