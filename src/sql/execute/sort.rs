//! ORDER BY: keeps all rows, then puts them out in order. Stable.

use super::{
    Step,
    keys::SortColumns,
    operator::{Environment, Operator},
};
use crate::{
    base::{
        batch::{Batch, Column},
        limits::BATCH_ROWS,
    },
    error::Result,
    sql::{
        expr::{Context, evaluate},
        plan::SortKey,
    },
};

pub(crate) struct Sort {
    input: Box<Operator>,
    keys: Vec<SortKey>,
    rows: Batch,
    sort: Option<SortColumns>,
    held: usize,
    /// The order, once the input has ended, and how much of it was put out.
    order: Option<Vec<u32>>,
    emitted: usize,
}

impl Sort {
    pub fn new(input: Box<Operator>, keys: Vec<SortKey>) -> Sort {
        Sort { input, keys, rows: Batch::default(), sort: None, held: 0, order: None, emitted: 0 }
    }

    pub fn next(&mut self, environment: &mut Environment) -> Result<Step> {
        while self.order.is_none() {
            match self.input.next(environment)? {
                Step::Batch(batch) => {
                    self.take(&batch, environment)?;
                    if environment.is_spent() {
                        return Ok(Step::Batch(Batch::default()));
                    }
                }
                Step::Need(source) => return Ok(Step::Need(source)),
                Step::Done => {
                    let sorted = self.sort.take().map(|sort| sort.sorted()).filter(|order| !order.is_empty());
                    // Without keys the rows stay as they came.
                    self.order = Some(sorted.unwrap_or_else(|| (0..self.rows.rows as u32).collect()));
                }
            }
        }
        let order = self.order.as_deref().unwrap_or_default();
        let end = (self.emitted + BATCH_ROWS).min(order.len());
        if self.emitted >= end {
            self.rows = Batch::default();
            environment.memory.change(&mut self.held, 0)?;
            return Ok(Step::Done);
        }
        let batch = self.rows.take(&order[self.emitted..end]);
        self.emitted = end;
        Ok(Step::Batch(batch))
    }

    fn take(&mut self, batch: &Batch, environment: &mut Environment) -> Result<()> {
        if batch.rows == 0 {
            return Ok(());
        }
        let columns = key_columns(&self.keys, batch, &environment.context)?;
        // A sort key and the row's number come with each row.
        let bytes = batch.bytes() + columns.iter().map(Column::bytes).sum::<usize>() + batch.rows * 16;
        environment.memory.grow(bytes)?;
        self.held += bytes;
        match &mut self.sort {
            Some(sort) => sort.append(&columns),
            None => self.sort = Some(SortColumns::new(columns, &self.keys.iter().collect::<Vec<_>>())),
        }
        self.rows.append(batch);
        Ok(())
    }
}

/// The values of the keys for each row.
pub(super) fn key_columns(keys: &[SortKey], batch: &Batch, context: &Context) -> Result<Vec<Column>> {
    keys.iter().map(|key| evaluate(&key.expression, batch, context)).collect()
}
