//! Brings sorted streams together into one sorted stream.
//!
//! Like an executor it does no I/O: [`Merge::next`] says which stream must be fed. Equal rows come in the order of the
//! streams. Rows go out in batches that are as large as the batches at hand allow.

use super::{Step, keys::SortColumns, sort::key_columns};
use crate::{
    base::{batch::Batch, limits::BATCH_ROWS},
    error::{Error, Result},
    sql::{expr::Context, plan::SortKey},
};
use std::{cmp::Ordering, collections::VecDeque, sync::Arc};

/// The merge of some streams.
pub struct Merge {
    keys: Vec<SortKey>,
    context: Arc<Context>,
    streams: Vec<Stream>,
}

#[derive(Default)]
struct Stream {
    /// The batch being read, with its keys.
    current: Option<(Batch, SortColumns)>,
    /// The next row of it.
    row: usize,
    waiting: VecDeque<Batch>,
    ended: bool,
}

impl Merge {
    /// Prepares to merge `streams` streams that are each sorted by `keys`.
    pub fn new(keys: Vec<SortKey>, streams: usize, context: Arc<Context>) -> Merge {
        Merge { keys, context, streams: (0..streams).map(|_| Stream::default()).collect() }
    }

    /// Gives a stream its next batch, or tells that it has ended (`None`).
    pub fn feed(&mut self, stream: usize, batch: Option<Batch>) -> Result<()> {
        let Some(stream) = self.streams.get_mut(stream) else {
            return Err(Error::internal(format!("there is no stream {stream} to feed")));
        };
        match batch {
            Some(batch) if batch.rows > 0 => stream.waiting.push_back(batch),
            Some(_) => {}
            None => stream.ended = true,
        }
        Ok(())
    }

    /// More rows, or the stream that must be fed first.
    pub fn next(&mut self) -> Result<Step> {
        let keys: Vec<&SortKey> = self.keys.iter().collect();
        for (number, stream) in self.streams.iter_mut().enumerate() {
            if stream.current.is_none() {
                match stream.waiting.pop_front() {
                    Some(batch) => {
                        let columns = key_columns(&self.keys, &batch, &self.context)?;
                        stream.current = Some((batch, SortColumns::new(columns, &keys)));
                        stream.row = 0;
                    }
                    None if !stream.ended => return Ok(Step::Need(number)),
                    None => {}
                }
            }
        }
        let rows = self.choose();
        Ok(if rows.is_empty() { Step::Done } else { Step::Batch(self.collect(&rows)) })
    }

    /// Picks rows in order until a stream's batch is used up: after that, its next row is unknown.
    fn choose(&mut self) -> Vec<(usize, u32)> {
        let mut chosen = Vec::new();
        while chosen.len() < BATCH_ROWS {
            let mut best: Option<usize> = None;
            for (number, stream) in self.streams.iter().enumerate() {
                if stream.current.is_some() && best.is_none_or(|best| self.order(number, best).is_lt()) {
                    best = Some(number);
                }
            }
            let Some(number) = best else { break };
            let stream = &mut self.streams[number];
            chosen.push((number, stream.row as u32));
            stream.row += 1;
            if stream.current.as_ref().is_some_and(|(batch, _)| stream.row >= batch.rows) {
                break;
            }
        }
        chosen
    }

    /// The order of the next rows of two streams.
    fn order(&self, a: usize, b: usize) -> Ordering {
        let (a, b) = (&self.streams[a], &self.streams[b]);
        match (&a.current, &b.current) {
            (Some((_, a_keys)), Some((_, b_keys))) => a_keys.compare_with(a.row, b_keys.columns(), b.row),
            _ => Ordering::Equal,
        }
    }

    /// Copies the chosen rows, run by run, and lets go of batches that are used up.
    fn collect(&mut self, rows: &[(usize, u32)]) -> Batch {
        let mut out = Batch::default();
        for run in rows.chunk_by(|a, b| a.0 == b.0) {
            if let Some((batch, _)) = &self.streams[run[0].0].current {
                out.append(&batch.slice(run[0].1 as usize, run.len()));
            }
        }
        for stream in &mut self.streams {
            if stream.current.as_ref().is_some_and(|(batch, _)| stream.row >= batch.rows) {
                stream.current = None;
            }
        }
        out
    }
}
