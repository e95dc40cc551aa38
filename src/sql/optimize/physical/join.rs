//! Joins: which side is built, how rows meet, and where.
//!
//! A join runs in the fragments of its left side when the right side's rows are where the left ones are (both are spread by
//! primary keys that the join compares), or when the right side is small enough to be brought to every core. Otherwise
//! both sides are gathered.

use super::{Part, Place, Placed, gathered, is_partial};
use crate::sql::{
    expr::{Comparison, Expr},
    optimize::cost,
    plan::{
        JoinKind, Node, Targets,
        estimate::Estimate,
        expressions::{column, columns_of, conjunction, move_columns},
        statistics::Statistics,
    },
};

/// A join; `rows` come out.
pub fn placed(
    left: Placed,
    right: Placed,
    kind: JoinKind,
    mut condition: Vec<Expr>,
    rows: f64,
    known: &dyn Statistics,
) -> Placed {
    let (left_width, right_width) = (left.types.len(), right.types.len());
    // The right side is built: it should be the smaller one.
    let swap = left.rows() < right.rows() && !matches!(kind, JoinKind::Semi | JoinKind::Anti);
    if !swap {
        return joined(left, right, kind, condition, rows, known);
    }
    condition.iter_mut().for_each(|part| {
        move_columns(part, &|place| if place < left_width { place + right_width } else { place - left_width });
    });
    let kind = match kind {
        JoinKind::Left => JoinKind::Right,
        JoinKind::Right => JoinKind::Left,
        same => same,
    };
    let of_left = left.types.iter().enumerate().map(|(place, &data_type)| column(place + right_width, data_type));
    let of_right = right.types.iter().enumerate().map(|(place, &data_type)| column(place, data_type));
    let back: Vec<Expr> = of_left.chain(of_right).collect();
    super::project(joined(right, left, kind, condition, rows, known), back)
}

fn joined(
    left: Placed,
    right: Placed,
    kind: JoinKind,
    condition: Vec<Expr>,
    rows: f64,
    known: &dyn Statistics,
) -> Placed {
    let width = left.types.len();
    let (mut keys, mut rest) = (Vec::new(), Vec::new());
    for part in condition {
        match equi_key(part, width) {
            Ok(key) => keys.push(key),
            Err(part) => rest.push(part),
        }
    }
    let (left, right) = meet(left, right, kind, &keys, rows, known);
    let mut types = left.types;
    if !matches!(kind, JoinKind::Semi | JoinKind::Anti) {
        types.extend(right.types);
    }
    let (left_rows, right_rows) = (left.estimate.rows, right.estimate.rows);
    let own_cost = if keys.is_empty() {
        left_rows * right_rows * cost::PAIR
    } else {
        right_rows * cost::HASHED + left_rows * cost::PROBED
    };
    let estimate = Estimate::over(vec![left.estimate, right.estimate], rows, own_cost + rows * cost::PASSED);
    let place = left.place;
    let (left, right) = (Box::new(left.node), Box::new(right.node));
    let node = if keys.is_empty() {
        Node::LoopJoin { left, right, kind, condition: conjunction(rest) }
    } else {
        Node::HashJoin { left, right, kind, keys, residual: conjunction(rest) }
    };
    Placed { node, types, place, estimate }
}

/// Both sides where they are joined: that is the place of the left one then.
fn meet(
    left: Placed,
    right: Placed,
    kind: JoinKind,
    keys: &[(Expr, Expr)],
    rows: f64,
    known: &dyn Statistics,
) -> (Placed, Placed) {
    if is_partial(&left.place) && is_partial(&right.place) {
        if are_together(&left, &right, keys) {
            return (left, right);
        }
        let cores = known.cores() as f64;
        let brought = right.estimate.cost + right.rows() * (cost::SENT + cost::HASHED) + cost::FRAGMENT * cores;
        let again = (cores - 1.0) * brought;
        // A join that makes more rows than it reads is better done where the rows end.
        let saved = (left.rows() - rows.min(left.rows() * EXPANDING_MAX)) * cost::SENT + left.rows() * SPREAD_GAIN;
        let splits = matches!(kind, JoinKind::Inner | JoinKind::Left | JoinKind::Semi | JoinKind::Anti);
        let flat = !holds_gather(&right.node);
        if splits && flat && again < saved && right.rows() <= BROUGHT_ROWS_MAX {
            let mut right = gathered(right, None);
            // Every core does the work below.
            right.estimate.cost += again;
            return (left, right);
        }
    }
    (gathered(left, None), gathered(right, None))
}

/// Whether something is brought to a plan already: what is brought in turn would make cores wait for each other.
fn holds_gather(node: &Node) -> bool {
    matches!(node, Node::Gather(_)) || node.inputs().into_iter().any(holds_gather)
}

/// Rows of a side that may be brought to every core.
const BROUGHT_ROWS_MAX: f64 = 100_000.0;
/// Rows that a join may make of each left row before it is counted as one that expands.
const EXPANDING_MAX: f64 = 4.0;
/// What it is worth that all cores probe instead of one, for each row.
const SPREAD_GAIN: f64 = 0.2;

/// Whether rows that meet are on the same core already: both sides are spread by their primary keys over the same map, and
/// the join compares these, column by column.
fn are_together(left: &Placed, right: &Placed, keys: &[(Expr, Expr)]) -> bool {
    let (Place::Fragment(of_left), Place::Fragment(of_right)) = (&left.place, &right.place) else { return false };
    let Part { targets: Targets::All, keyspace, hashed: Some(left_key) } = of_left else { return false };
    let Part { targets: Targets::All, keyspace: other, hashed: Some(right_key) } = of_right else { return false };
    let compared = |(&of_left, &of_right): (&usize, &usize)| {
        let (Some(one), Some(two)) = (left.types.get(of_left), right.types.get(of_right)) else { return false };
        // Equal values must have equal key bytes.
        one.kind == two.kind
            && one.array == two.array
            && keys.iter().any(|(left, right)| {
                matches!(left, Expr::Column { position, .. } if *position == of_left)
                    && matches!(right, Expr::Column { position, .. } if *position == of_right)
            })
    };
    keyspace == other && left_key.len() == right_key.len() && left_key.iter().zip(right_key).all(compared)
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
