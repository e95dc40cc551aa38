//! Computes the output columns from the input columns.

use super::{
    Step,
    operator::{Environment, Operator},
};
use crate::{
    error::Result,
    sql::expr::{Expr, project},
};

pub(crate) struct Project {
    pub input: Box<Operator>,
    pub expressions: Vec<Expr>,
}

impl Project {
    pub fn next(&mut self, environment: &mut Environment) -> Result<Step> {
        match self.input.next(environment)? {
            // Work without rows, perhaps without columns too.
            Step::Batch(batch) if batch.rows == 0 => Ok(Step::Batch(batch)),
            Step::Batch(batch) => Ok(Step::Batch(project(&self.expressions, &batch, &environment.context)?)),
            other => Ok(other),
        }
    }
}
