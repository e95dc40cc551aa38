//! A leaf: takes what the driver fed, and filters it if it is a scan.

use super::{Step, filter, operator::Environment};
use crate::{error::Result, sql::expr::Expr};

pub(crate) struct Read {
    pub number: usize,
    pub filter: Option<Expr>,
}

impl Read {
    pub fn next(&mut self, environment: &mut Environment) -> Result<Step> {
        let input = &mut environment.inputs[self.number];
        match input.queue.pop_front() {
            Some(batch) => Ok(Step::Batch(match &self.filter {
                Some(predicate) => filter::keep(batch, predicate, &environment.context)?,
                None => batch,
            })),
            None if input.ended => Ok(Step::Done),
            None => Ok(Step::Need(self.number)),
        }
    }
}
