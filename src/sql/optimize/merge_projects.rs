//! A projection over a projection becomes one, and one that changes nothing goes.

use super::map_inputs;
use crate::sql::{
    expr::{Expr, function::Volatility, volatility},
    plan::{
        expressions::{substitute, walk},
        logical::Logical,
    },
};

/// Merges projections bottom-up.
pub fn rule(plan: Logical) -> Logical {
    let plan = map_inputs(plan, &mut rule);
    let Logical::Project { input, expressions } = plan else { return plan };
    match *input {
        Logical::Project { input: inner, expressions: below } if may_merge(&expressions, &below) => {
            let mut merged = expressions;
            merged.iter_mut().for_each(|expr| substitute(expr, &below));
            unless_same(*inner, merged)
        }
        input => unless_same(input, expressions),
    }
}

fn unless_same(input: Logical, expressions: Vec<Expr>) -> Logical {
    let same = expressions.len() == input.width()
        && expressions
            .iter()
            .enumerate()
            .all(|(place, expr)| matches!(expr, Expr::Column { position, .. } if *position == place));
    if same { input } else { input.projected(expressions) }
}

/// Nothing is computed twice by merging, and nothing volatile is moved.
fn may_merge(above: &[Expr], below: &[Expr]) -> bool {
    let mut uses = vec![0_usize; below.len()];
    for expr in above {
        walk(expr, &mut |part| {
            if let Expr::Column { position, .. } = part
                && let Some(count) = uses.get_mut(*position)
            {
                *count += 1;
            }
        });
    }
    below.iter().zip(uses).all(|(expr, uses)| {
        matches!(expr, Expr::Column { .. } | Expr::Literal { .. })
            || (uses <= 1 && volatility(expr) < Volatility::Volatile)
    })
}
