//! LIMIT and OFFSET.

use super::{
    Step,
    operator::{Environment, Operator},
};
use crate::{
    base::{batch::Batch, sqlstate::SqlState},
    error::{Error, Result},
    sql::expr::{Context, Expr, constant},
};

pub(crate) struct Limit {
    input: Box<Operator>,
    /// Rows still to pass over.
    skip: u64,
    /// Rows still to put out.
    left: u64,
}

impl Limit {
    pub fn new(input: Box<Operator>, limit: Option<&Expr>, offset: Option<&Expr>, context: &Context) -> Result<Limit> {
        let skip = offset.map(|offset| count(offset, context, "OFFSET")).transpose()?.flatten().unwrap_or(0);
        let left = limit.map(|limit| count(limit, context, "LIMIT")).transpose()?.flatten().unwrap_or(u64::MAX);
        Ok(Limit { input, skip, left })
    }

    pub fn next(&mut self, environment: &mut Environment) -> Result<Step> {
        if self.left == 0 {
            return Ok(Step::Done);
        }
        let batch = match self.input.next(environment)? {
            Step::Batch(batch) => batch,
            other => return Ok(other),
        };
        let skipped = self.skip.min(batch.rows as u64);
        self.skip -= skipped;
        let taken = self.left.min(batch.rows as u64 - skipped);
        self.left -= taken;
        Ok(Step::Batch(match taken {
            0 => Batch::default(),
            _ if taken < batch.rows as u64 => batch.slice(skipped as usize, taken as usize),
            _ => batch,
        }))
    }
}

/// How many rows a LIMIT or OFFSET says; `None` for NULL, which means no restriction.
pub(super) fn count(expr: &Expr, context: &Context, clause: &str) -> Result<Option<u64>> {
    let value = constant(expr, context)?;
    if value.is_null() {
        return Ok(None);
    }
    let number = value.as_integer().ok_or_else(|| Error::internal(format!("{clause} is not an integer")))?;
    let state =
        if clause == "LIMIT" { SqlState::INVALID_ROW_COUNT_IN_LIMIT } else { SqlState::INVALID_ROW_COUNT_IN_OFFSET };
    u64::try_from(number).map(Some).map_err(|_| Error::new(state, format!("{clause} must not be negative")))
}
