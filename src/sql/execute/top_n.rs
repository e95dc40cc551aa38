//! The first rows of the order without sorting the rest.
//!
//! Rows are collected until there are well more than wanted, then the best are kept. From then on the worst of those
//! kept is a boundary that a new row must beat, so that nearly all rows cost one comparison.

use super::{
    Step,
    keys::SortColumns,
    limit::count,
    operator::{Environment, Operator},
    sort::key_columns,
};
use crate::{
    base::{
        batch::{Batch, Column},
        limits::BATCH_ROWS,
    },
    error::Result,
    sql::{
        expr::{Context, Expr},
        plan::SortKey,
    },
};

pub(crate) struct TopN {
    input: Box<Operator>,
    keys: Vec<SortKey>,
    limit: usize,
    rows: Batch,
    sort: Option<SortColumns>,
    /// Keys (as columns of one row) of the last of the rows that are kept, once there are enough.
    boundary: Option<Vec<Column>>,
    held: usize,
    ended: bool,
    emitted: usize,
}

impl TopN {
    pub fn new(input: Box<Operator>, keys: Vec<SortKey>, limit: &Expr, context: &Context) -> Result<TopN> {
        let limit = count(limit, context, "LIMIT")?.map_or(usize::MAX, |limit| limit.min(usize::MAX as u64) as usize);
        Ok(TopN {
            input,
            keys,
            limit,
            rows: Batch::default(),
            sort: None,
            boundary: None,
            held: 0,
            ended: false,
            emitted: 0,
        })
    }

    pub fn next(&mut self, environment: &mut Environment) -> Result<Step> {
        while !self.ended && self.limit > 0 {
            match self.input.next(environment)? {
                Step::Batch(batch) => {
                    self.take(batch, environment)?;
                    if environment.is_spent() {
                        return Ok(Step::Batch(Batch::default()));
                    }
                }
                Step::Need(source) => return Ok(Step::Need(source)),
                Step::Done => {
                    self.keep_best();
                    self.ended = true;
                }
            }
        }
        if self.emitted >= self.rows.rows {
            self.rows = Batch::default();
            environment.memory.change(&mut self.held, 0)?;
            return Ok(Step::Done);
        }
        let batch = self.rows.slice(self.emitted, BATCH_ROWS);
        self.emitted += batch.rows;
        Ok(Step::Batch(batch))
    }

    fn take(&mut self, mut batch: Batch, environment: &mut Environment) -> Result<()> {
        if batch.rows == 0 {
            return Ok(());
        }
        let mut columns = key_columns(&self.keys, &batch, &environment.context)?;
        if let (Some(boundary), true) = (&self.boundary, !columns.is_empty()) {
            let incoming = SortColumns::new(columns.clone(), &self.keys.iter().collect::<Vec<_>>());
            let better: Vec<u32> = (0..batch.rows as u32)
                .filter(|&row| incoming.compare_with(row as usize, boundary, 0).is_lt())
                .collect();
            if better.is_empty() {
                return Ok(());
            }
            columns = columns.iter().map(|column| column.take(&better)).collect();
            batch = batch.take(&better);
        }
        match &mut self.sort {
            Some(sort) => sort.append(&columns),
            None => self.sort = Some(SortColumns::new(columns, &self.keys.iter().collect::<Vec<_>>())),
        }
        self.rows.append(&batch);
        if self.rows.rows > self.limit.saturating_mul(2).max(2 * BATCH_ROWS) {
            self.keep_best();
        }
        let bytes = self.rows.bytes() + self.sort.as_ref().map_or(0, SortColumns::bytes);
        environment.memory.change(&mut self.held, bytes)
    }

    /// Sorts what was collected and drops what is beyond the limit.
    fn keep_best(&mut self) {
        let Some(sort) = &mut self.sort else { return };
        let mut order = sort.sorted();
        if order.is_empty() {
            // No keys at all: any rows will do.
            order = (0..self.rows.rows as u32).collect();
        }
        order.truncate(self.limit);
        self.rows = self.rows.take(&order);
        sort.take(&order);
        if self.rows.rows == self.limit {
            self.boundary = Some(sort.last_row());
        }
    }
}
