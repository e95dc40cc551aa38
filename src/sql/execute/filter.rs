//! Keeps the rows for which a condition is true.

use super::{
    Step,
    operator::{Environment, Operator},
};
use crate::{
    base::batch::Batch,
    error::Result,
    sql::expr::{Context, Expr, predicate},
};

pub(crate) struct Filter {
    pub input: Box<Operator>,
    pub predicate: Expr,
}

impl Filter {
    pub fn next(&mut self, environment: &mut Environment) -> Result<Step> {
        match self.input.next(environment)? {
            Step::Batch(batch) => Ok(Step::Batch(keep(batch, &self.predicate, &environment.context)?)),
            other => Ok(other),
        }
    }
}

/// The rows of a batch for which the condition is true.
pub(super) fn keep(batch: Batch, condition: &Expr, context: &Context) -> Result<Batch> {
    if batch.rows == 0 {
        return Ok(batch);
    }
    let mask = predicate(condition, &batch, context)?;
    if mask.contains(&false) { Ok(batch.filter(&mask)) } else { Ok(batch) }
}
