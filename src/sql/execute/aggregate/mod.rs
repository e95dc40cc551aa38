//! Grouping and aggregation by hash.
//!
//! [`groups::Groups`] numbers the keys; an [`accumulator::Accumulator`] per aggregate keeps its state by group number.
//! Without group columns there is always exactly one group. Output: the group columns, then a column per aggregate,
//! groups in order of first appearance. In `Final` mode column `groups + i` of the input holds the states of aggregate i,
//! and the first columns are the groups, whatever the expressions say.
//!
//! DISTINCT and ORDER BY within an aggregate are here too: the one drops rows that a set has seen, the other keeps all
//! rows and feeds them sorted at the end.

mod accumulator;
mod collect;
mod extremes;
mod flags;
pub(super) mod groups;
mod moments;
mod sums;

use super::{
    Step,
    keys::SortColumns,
    operator::{Environment, Operator},
};
use crate::{
    base::{
        batch::{Batch, Column, ColumnData, selected},
        limits::BATCH_ROWS,
        types::{DataType, TypeKind},
    },
    error::{Error, Result},
    sql::{
        expr::{Aggregate, Context, Expr, evaluate, evaluate_borrowed, predicate},
        plan::{AggregateMode, SortKey},
    },
};
use accumulator::{Accumulator, Argument};
use groups::Groups;

/// The operator.
pub(crate) struct HashAggregate {
    input: Box<Operator>,
    mode: AggregateMode,
    group_expressions: Vec<Expr>,
    groups: Groups,
    states: Vec<State>,
    /// Group numbers of the batch at hand.
    numbers: Vec<u32>,
    held: usize,
    /// Where output has come to, once the input has ended.
    emitted: Option<usize>,
}

/// Whether there is an accumulator for an aggregate.
#[cfg(test)]
pub(super) fn can_compute(aggregate: &Aggregate) -> bool {
    Accumulator::new(aggregate).is_ok()
}

/// One aggregate at work.
struct State {
    aggregate: Aggregate,
    accumulator: Accumulator,
    /// Keys (group, arguments) that DISTINCT has seen.
    seen: Option<Groups>,
    /// Rows (group, arguments, sort keys) that wait to be sorted.
    waiting: Option<Batch>,
    waiting_bytes: usize,
}

const GROUP_NUMBER: DataType = DataType::of(TypeKind::Int8);

impl HashAggregate {
    pub fn new(
        input: Box<Operator>,
        input_types: Vec<DataType>,
        mode: AggregateMode,
        groups: &[Expr],
        aggregates: &[Aggregate],
    ) -> Result<HashAggregate> {
        let types = match mode {
            AggregateMode::Final => input_types.into_iter().take(groups.len()).collect(),
            _ => groups.iter().map(Expr::data_type).collect(),
        };
        let states = aggregates.iter().map(State::new).collect::<Result<Vec<_>>>()?;
        Ok(HashAggregate {
            input,
            mode,
            group_expressions: groups.to_vec(),
            groups: Groups::new(types),
            states,
            numbers: Vec::new(),
            held: 0,
            emitted: None,
        })
    }

    pub fn next(&mut self, environment: &mut Environment) -> Result<Step> {
        while self.emitted.is_none() {
            match self.input.next(environment)? {
                Step::Batch(batch) => {
                    self.take(&batch, environment)?;
                    if environment.is_spent() {
                        return Ok(Step::Batch(Batch::default()));
                    }
                }
                Step::Need(source) => return Ok(Step::Need(source)),
                Step::Done => self.finish()?,
            }
        }
        self.emit(environment)
    }

    fn take(&mut self, batch: &Batch, environment: &mut Environment) -> Result<()> {
        if batch.rows == 0 {
            return Ok(());
        }
        let context = environment.context.clone();
        let count = self.group_expressions.len();
        if self.mode == AggregateMode::Final {
            if batch.columns.len() < count + self.states.len() {
                return Err(Error::internal("an aggregation in its final step lacks columns of partial states"));
            }
            self.groups.assign(&batch.columns[..count], batch.rows, &mut self.numbers);
        } else {
            let keys = self.group_expressions.iter().map(|expr| evaluate_borrowed(expr, batch, &context));
            let keys = keys.collect::<Result<Vec<_>>>()?;
            self.groups.assign(&keys, batch.rows, &mut self.numbers);
        }
        for (number, state) in self.states.iter_mut().enumerate() {
            state.accumulator.resize(self.groups.len());
            if self.mode == AggregateMode::Final {
                state.accumulator.merge(&self.numbers, &batch.columns[count + number])?;
            } else {
                state.take(&self.numbers, batch, &context)?;
            }
        }
        let held = self.groups.bytes() + self.states.iter().map(State::bytes).sum::<usize>();
        environment.memory.change(&mut self.held, held)
    }

    fn finish(&mut self) -> Result<()> {
        for state in &mut self.states {
            state.accumulator.resize(self.groups.len());
            state.feed_sorted()?;
        }
        self.emitted = Some(0);
        Ok(())
    }

    fn emit(&mut self, environment: &mut Environment) -> Result<Step> {
        let start = self.emitted.unwrap_or(0);
        let end = (start + BATCH_ROWS).min(self.groups.len());
        if start >= end {
            environment.memory.change(&mut self.held, 0)?;
            return Ok(Step::Done);
        }
        self.emitted = Some(end);
        let mut columns = self.groups.keys(start, end - start);
        for state in &self.states {
            columns.push(match self.mode {
                AggregateMode::Partial => state.accumulator.states(start, end)?,
                _ => state.accumulator.results(start, end)?,
            });
        }
        Ok(Step::Batch(Batch { rows: end - start, columns }))
    }
}

impl State {
    fn new(aggregate: &Aggregate) -> Result<State> {
        let types = aggregate.arguments.iter().map(Expr::data_type);
        let keys = || std::iter::once(GROUP_NUMBER).chain(types.clone());
        let sort_types = aggregate.order_by.iter().map(|key| key.expression.data_type());
        Ok(State {
            accumulator: Accumulator::new(aggregate)?,
            seen: aggregate.distinct.then(|| Groups::new(keys().collect())),
            waiting: (!aggregate.order_by.is_empty()).then(|| Batch::new(keys().chain(sort_types))),
            waiting_bytes: 0,
            aggregate: aggregate.clone(),
        })
    }

    /// Takes rows of the input.
    fn take(&mut self, groups: &[u32], batch: &Batch, context: &Context) -> Result<()> {
        let filtered;
        let (batch, mut groups) = match &self.aggregate.filter {
            None => (batch, std::borrow::Cow::Borrowed(groups)),
            Some(filter) => {
                let mask = predicate(filter, batch, context)?;
                filtered = batch.filter(&mask);
                let kept = selected(&mask).iter().map(|&row| groups[row as usize]).collect::<Vec<_>>();
                (&filtered, std::borrow::Cow::Owned(kept))
            }
        };
        if batch.rows == 0 {
            return Ok(());
        }
        let arguments = self.aggregate.arguments.iter().map(|expr| evaluate_borrowed(expr, batch, context));
        let mut arguments = arguments.collect::<Result<Vec<_>>>()?;
        let keys = self.aggregate.order_by.iter().map(|key| evaluate(&key.expression, batch, context));
        let mut keys = keys.collect::<Result<Vec<_>>>()?;
        if let Some(seen) = &mut self.seen {
            let mut columns = vec![number_column(&groups)];
            columns.extend(arguments.iter().map(|column| Column::clone(column)));
            seen.assign(&columns, groups.len(), &mut Vec::new());
            let fresh = seen.fresh();
            if fresh.len() < groups.len() {
                arguments = arguments.iter().map(|column| Argument::Owned(column.take(fresh))).collect();
                keys = keys.iter().map(|column| column.take(fresh)).collect();
                groups = std::borrow::Cow::Owned(fresh.iter().map(|&row| groups[row as usize]).collect());
            }
        }
        match &mut self.waiting {
            None => self.accumulator.update(&groups, &arguments),
            Some(waiting) => {
                let mut columns = vec![number_column(&groups)];
                columns.extend(arguments.into_iter().map(Argument::into_owned));
                columns.extend(keys);
                let rows = Batch { rows: groups.len(), columns };
                self.waiting_bytes += rows.bytes();
                waiting.append(&rows);
                Ok(())
            }
        }
    }

    /// Gives the accumulator the rows that waited, in order.
    fn feed_sorted(&mut self) -> Result<()> {
        let Some(waiting) = self.waiting.take() else { return Ok(()) };
        let first_key = 1 + self.aggregate.arguments.len();
        let orders: Vec<&SortKey> = self.aggregate.order_by.iter().collect();
        let sort = SortColumns::new(waiting.columns[first_key..].to_vec(), &orders);
        for rows in sort.sorted().chunks(BATCH_ROWS) {
            let batch = waiting.take(rows);
            let ColumnData::Int8(groups) = &batch.columns[0].data else {
                return Err(Error::internal("group numbers are 64-bit integers"));
            };
            let groups: Vec<u32> = groups.iter().map(|&group| group as u32).collect();
            let arguments: Vec<_> = batch.columns[1..first_key].iter().map(Argument::Borrowed).collect();
            self.accumulator.update(&groups, &arguments)?;
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.accumulator.bytes() + self.seen.as_ref().map_or(0, Groups::bytes) + self.waiting_bytes
    }
}

fn number_column(groups: &[u32]) -> Column {
    Column { data: ColumnData::Int8(groups.iter().map(|&group| i64::from(group)).collect()), nulls: None }
}
