//! Reads the rows of one scan into batches.
//!
//! Through the primary key rows come straight from the cursor. Through an index, entries are read until a batch is full,
//! then each entry's row: from this core, or from another one that a unique index points to.

use super::{
    covered::Covered,
    lanes::Lanes,
    ranges::{Range, is_point, primary_key_of_entry, ranges},
};
use crate::{
    base::{
        batch::{Batch, Column},
        ids::{IndexId, ShardId},
        key,
        limits::BATCH_ROWS,
        row,
        time::Timestamp,
        types::{DataType, TypeKind},
        value::Value,
    },
    catalog::Keyspace,
    error::{Error, Result},
    shard::{ReadView, Request, Response, Shard},
    sql::{expr::Context, plan},
    storage::lsm::Direction,
    txn::{Scan, Step},
};
use std::{collections::BTreeMap, ops::Bound, sync::Arc};

/// Rows between two looks at the clock.
const ROWS_BETWEEN_YIELDS: usize = 32;

/// Each batch may have so many times the rows of the one before: who wants few rows gets few, and who wants all is soon
/// given full batches.
const BATCH_GROWTH: usize = 4;

/// A scan under way.
pub struct Source {
    shard: Shard,
    plan: plan::Scan,
    keyspace: Arc<Keyspace>,
    view: ReadView,
    /// Ranges not begun, last one first.
    ranges: Vec<Range>,
    scan: Option<Scan>,
    /// The only range begins with the only key there is to read.
    is_point: bool,
    /// Instead of the two above, where the order of the keys is kept over all partitions.
    lanes: Option<Lanes>,
    /// Where in an entry of the index the columns put out are, if rows are not read at all.
    covered: Option<Covered>,
    /// Rows that the next batch may have.
    batch_rows: usize,
    /// Type of each column put out, and its value in rows that are older than the column.
    wanted: Vec<(DataType, Value)>,
    /// How many rows the next batch is likely to have.
    expected_rows: usize,
}

impl Source {
    /// Nothing is read yet.
    pub fn new(shard: Shard, plan: plan::Scan, context: &Context, view: ReadView) -> Result<Source> {
        let catalog = shard.catalog();
        let keyspace = catalog.keyspace(plan.table.keyspace).cloned();
        let keyspace = keyspace.ok_or_else(|| Error::internal("a table without a keyspace"))?;
        let mut ranges = ranges(&plan, &keyspace, shard.id(), context)?;
        let lanes = plan.ordered.then(|| Lanes::new(std::mem::take(&mut ranges), plan.reverse));
        ranges.reverse();
        let covered = if plan.covered { Some(Covered::new(&plan)?) } else { None };
        let batch_rows = plan.first_rows.clamp(1, BATCH_ROWS);
        let wanted = plan.columns.iter().map(|position| {
            let column = &plan.table.columns[*position];
            Ok((column.data_type, column.missing_value()?))
        });
        let wanted = wanted.collect::<Result<Vec<_>>>()?;
        let is_point = lanes.is_none() && is_point(&plan)?;
        let scan = None;
        Ok(Source {
            shard,
            plan,
            keyspace,
            view,
            ranges,
            scan,
            is_point,
            lanes,
            covered,
            batch_rows,
            wanted,
            expected_rows: 0,
        })
    }

    /// The only key that will be read, if the bounds give one.
    pub fn only_key(&self) -> Option<&[u8]> {
        match (self.is_point, &self.ranges[..]) {
            (true, [(Bound::Included(key), _)]) => Some(key),
            _ => None,
        }
    }

    /// Reads at another snapshot. Before the first read.
    pub fn move_to(&mut self, snapshot: Timestamp) {
        self.view.snapshot = snapshot;
    }

    /// The next rows within the bounds; `None` at the end. (The executor applies the filter.)
    pub async fn next(&mut self) -> Result<Option<Batch>> {
        let mut batch = self.empty();
        match self.plan.index {
            _ if self.is_point => self.read_row(&mut batch).await?,
            IndexId::PRIMARY => self.read_rows(&mut batch).await?,
            _ if self.covered.is_some() => self.read_entries(&mut batch).await?,
            _ => self.read_through_index(&mut batch).await?,
        }
        if batch.rows >= BATCH_ROWS {
            self.expected_rows = BATCH_ROWS + ROWS_BETWEEN_YIELDS;
        }
        self.batch_rows = (self.batch_rows * BATCH_GROWTH).min(BATCH_ROWS);
        Ok((batch.rows > 0).then_some(batch))
    }

    fn empty(&self) -> Batch {
        let types = self.wanted.iter().map(|(data_type, _)| *data_type);
        let keys = self.plan.with_key.then_some(DataType::of(TypeKind::Bytea));
        let columns = types.chain(keys).map(|data_type| Column::with_capacity(data_type, self.expected_rows));
        Batch { rows: 0, columns: columns.collect() }
    }

    /// Goes to the next entry of any range; false at the end of all.
    async fn advance(&mut self) -> Result<bool> {
        if let Some(lanes) = &mut self.lanes {
            return lanes.advance(&self.shard, self.view).await;
        }
        loop {
            if self.scan.is_none() {
                let Some(range) = self.ranges.pop() else { return Ok(false) };
                let direction = if self.plan.reverse { Direction::Backward } else { Direction::Forward };
                self.scan = Some(self.shard.transactions().scan(self.view, range, direction).await);
            }
            let Some(scan) = &mut self.scan else { continue };
            match scan.try_next().map_err(|failure| self.shard.error(failure))? {
                Step::Entry => return Ok(true),
                Step::Load => scan.load().await.map_err(|failure| self.shard.error(failure))?,
                Step::End => self.scan = None,
            }
        }
    }

    /// Reads the only row, if there is one.
    async fn read_row(&mut self, batch: &mut Batch) -> Result<()> {
        let Some((Bound::Included(key), _)) = self.ranges.pop() else { return Ok(()) };
        let (plan, wanted) = (&self.plan, &self.wanted);
        let read = |row: &[u8]| push_row(batch, plan, wanted, &key, row);
        let read = self.shard.transactions().get_with(&self.view, &key, read).await;
        read.map_err(|failure| self.shard.error(failure))?.unwrap_or(Ok(()))
    }

    /// Fills a batch with rows in key order; one that is not full is the last. (A full one may have a few rows more.)
    async fn read_rows(&mut self, batch: &mut Batch) -> Result<()> {
        let mut looked_at = 0;
        while batch.rows < self.batch_rows && self.advance().await? {
            self.take_rows(batch)?;
            if batch.rows - looked_at >= ROWS_BETWEEN_YIELDS {
                looked_at = batch.rows;
                self.shard.env().yield_if_needed().await;
            }
        }
        Ok(())
    }

    /// Takes the row that the scan stands on, and those behind it that can be had without looking at them one by one.
    fn take_rows(&mut self, batch: &mut Batch) -> Result<()> {
        let Some(scan) = self.current() else { return Ok(()) };
        push_row(batch, &self.plan, &self.wanted, scan.key(), scan.value())?;
        let Some(scan) = self.scan.as_mut().filter(|_| !self.plan.with_key) else { return Ok(()) };
        let mut rows = Vec::new();
        let drained = scan.drain(self.batch_rows.saturating_sub(batch.rows), &mut rows);
        drained.map_err(|failure| self.shard.error(failure))?;
        batch.rows += rows.len();
        row::decode_rows(&rows, &self.plan.columns, &self.wanted, &mut batch.columns)
    }

    /// The scan that stands on the current entry.
    fn current(&self) -> Option<&Scan> {
        match &self.lanes {
            Some(lanes) => lanes.current(),
            None => self.scan.as_ref(),
        }
    }

    /// Fills a batch from the entries of an index alone; one that is not full is the last.
    async fn read_entries(&mut self, batch: &mut Batch) -> Result<()> {
        for number in 0..self.batch_rows {
            if !self.advance().await? {
                break;
            }
            let (Some(scan), Some(covered)) = (self.current(), &self.covered) else { break };
            covered.push(scan.key(), batch)?;
            if number % ROWS_BETWEEN_YIELDS == 0 {
                self.shard.env().yield_if_needed().await;
            }
        }
        Ok(())
    }

    /// Fills a batch with the rows that index entries point to; one that is not full is the last.
    async fn read_through_index(&mut self, batch: &mut Batch) -> Result<()> {
        let mut keys = Vec::new();
        while keys.len() < self.batch_rows {
            if !self.advance().await? {
                break;
            }
            let Some(scan) = self.current() else { break };
            keys.push(self.row_key(scan.key(), scan.value())?);
            if keys.len() % ROWS_BETWEEN_YIELDS == 0 {
                self.shard.env().yield_if_needed().await;
            }
        }
        let rows = self.fetch(&keys).await?;
        for (key, row) in keys.iter().zip(rows) {
            // Entry and row are written by the same transaction, so one snapshot sees both or none.
            let Some(row) = row else {
                return Err(Error::corrupt(format!(
                    "index {} of table \"{}\" has an entry without a row",
                    self.plan.index, self.plan.table.name
                )));
            };
            push_row(batch, &self.plan, &self.wanted, key, &row)?;
        }
        Ok(())
    }

    /// The user key of the row that an index entry points to.
    fn row_key(&self, entry: &[u8], value: &[u8]) -> Result<Vec<u8>> {
        let Some((storage, index, partition, columns)) = key::split(entry) else {
            return Err(Error::corrupt("an index entry without a prefix"));
        };
        let unique = self.plan.table.index(index).is_some_and(|index| index.unique);
        let (primary_key, partition) = if unique {
            (value, key::partition_of(value, self.keyspace.partitions.len() as u16))
        } else {
            (primary_key_of_entry(&self.plan.table, index, columns)?, partition)
        };
        Ok([&key::prefix(storage, IndexId::PRIMARY, partition), primary_key].concat())
    }

    /// Rows by their keys, in the same order.
    async fn fetch(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>> {
        let mut by_shard: BTreeMap<ShardId, Vec<usize>> = BTreeMap::new();
        for (number, user_key) in keys.iter().enumerate() {
            let owner = key::split(user_key)
                .and_then(|(_, _, partition, _)| self.keyspace.partitions.get(usize::from(partition.0)).copied());
            let owner = owner.ok_or_else(|| Error::internal("a row key without a shard"))?;
            by_shard.entry(owner).or_default().push(number);
        }
        let calls = by_shard.iter().map(|(owner, numbers)| {
            let keys = numbers.iter().map(|number| keys[*number].clone()).collect();
            Box::pin(self.shard.call(*owner, Request::GetMany { view: self.view, keys }))
        });
        let answers = join_all(calls.collect()).await;
        let mut rows = vec![None; keys.len()];
        for (numbers, answer) in by_shard.values().zip(answers) {
            let Response::Values(values) = answer? else {
                return Err(Error::internal("a read was answered with something else"));
            };
            for (number, value) in numbers.iter().zip(values) {
                rows[*number] = value;
            }
        }
        Ok(rows)
    }
}

/// Awaits all at the same time.
pub(super) async fn join_all<F: Future + Unpin>(mut futures: Vec<F>) -> Vec<F::Output> {
    let mut outputs: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        let mut waiting = false;
        for (future, output) in futures.iter_mut().zip(&mut outputs).filter(|(_, output)| output.is_none()) {
            match std::pin::Pin::new(future).poll(context) {
                std::task::Poll::Ready(value) => *output = Some(value),
                std::task::Poll::Pending => waiting = true,
            }
        }
        if waiting { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
    })
    .await;
    outputs.into_iter().flatten().collect()
}

fn push_row(batch: &mut Batch, plan: &plan::Scan, wanted: &[(DataType, Value)], key: &[u8], row: &[u8]) -> Result<()> {
    row::decode_columns(row, &plan.columns, wanted, &mut batch.columns)?;
    if plan.with_key
        && let Some(keys) = batch.columns.last_mut()
    {
        keys.push(Value::Bytea(key.into()));
    }
    batch.rows += 1;
    Ok(())
}
