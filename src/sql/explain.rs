//! EXPLAIN: plans as text in the shape of PostgreSQL's, or as JSON.
//!
//! What stands below a `Gather` runs in fragments on the cores that hold the rows; the gather says on which. Beside each
//! operator stands what the optimizer expects of it, and after EXPLAIN ANALYZE what came of it: rows of all cores together,
//! and the longest time that a core spent in it and below.

mod describe;
mod render;
mod shown;
mod words;

use super::{
    execute::Measurements,
    plan::{Node, Statement},
};
use shown::Cursor;

/// What is to be shown.
#[derive(Clone, Debug, Default)]
pub struct Options<'a> {
    /// What the optimizer expects.
    pub costs: bool,
    /// What happened.
    pub measured: Option<&'a Measurements>,
    /// Figures of the whole run, as label and value.
    pub summary: Vec<(&'static str, f64)>,
}

/// The plan of a statement, a line each.
pub fn text(statement: &Statement, options: &Options<'_>) -> Vec<String> {
    let mut lines = render::lines(&shown::statement(statement, options), 0);
    for (number, subplan) in statement.subplans.iter().enumerate() {
        lines.push(format!("SubPlan {} ({:?})", number + 1, subplan.kind));
        let estimate = options.costs.then_some(&subplan.estimate);
        lines.extend(render::lines(&shown::node(&subplan.plan, estimate, &mut Cursor::default()), 1));
    }
    lines.extend(options.summary.iter().map(|(label, value)| match label.ends_with("Time") {
        true => format!("{label}: {value:.3} ms"),
        false => format!("{label}: {value}"),
    }));
    lines
}

/// The same as a JSON document.
pub fn json(statement: &Statement, options: &Options<'_>) -> String {
    let subplans = statement.subplans.iter().map(|subplan| {
        let estimate = options.costs.then_some(&subplan.estimate);
        (subplan.kind, shown::node(&subplan.plan, estimate, &mut Cursor::default()))
    });
    render::json(&shown::statement(statement, options), subplans.collect(), &options.summary)
}

/// A physical plan alone, for tests.
pub fn node_text(node: &Node) -> Vec<String> {
    render::lines(&shown::node(node, None, &mut Cursor::default()), 0)
}
