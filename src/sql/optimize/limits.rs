//! LIMIT moves below projections, next to the sort that it shortens.

use super::map_inputs;
use crate::sql::plan::logical::Logical;

/// Swaps each limit with the projection below it.
pub fn rule(plan: Logical) -> Logical {
    let plan = match plan {
        Logical::Limit { input, limit, offset } => match *input {
            Logical::Project { input, expressions } => Logical::Limit { input, limit, offset }.projected(expressions),
            input => Logical::Limit { input: Box::new(input), limit, offset },
        },
        plan => plan,
    };
    map_inputs(plan, &mut rule)
}
