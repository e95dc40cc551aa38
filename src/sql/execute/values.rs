//! Literal rows.

use super::{Step, operator::Environment};
use crate::{
    base::{batch::Batch, limits::BATCH_ROWS, types::DataType},
    error::Result,
    sql::expr::{Context, Expr, constant},
};

pub(crate) struct Values {
    rows: Vec<Vec<Expr>>,
    types: Vec<DataType>,
    next: usize,
}

impl Values {
    pub fn new(rows: Vec<Vec<Expr>>, types: Vec<DataType>) -> Values {
        Values { rows, types, next: 0 }
    }

    pub fn next(&mut self, environment: &mut Environment) -> Result<Step> {
        if self.next >= self.rows.len() {
            return Ok(Step::Done);
        }
        let end = (self.next + BATCH_ROWS).min(self.rows.len());
        let batch = values(&self.rows[self.next..end], &self.types, &environment.context)?;
        self.next = end;
        Ok(Step::Batch(batch))
    }
}

/// Rows of constant expressions as a batch.
pub fn values(rows: &[Vec<Expr>], types: &[DataType], context: &Context) -> Result<Batch> {
    let mut batch = Batch::new(types.iter().copied());
    for row in rows {
        let values = row.iter().map(|expr| constant(expr, context)).collect::<Result<Vec<_>>>()?;
        batch.push_row(values);
    }
    Ok(batch)
}
