//! Rows of a table, drawn at random while all of them pass by, and what was counted on the way.
//!
//! Every row gets a random priority; the rows with the lowest priorities stay. So the sample of two parts of a table
//! brought together is the sample of the whole, and a sample that grows too large for its memory is halved and still is one.
//!
//! A sample travels as batches: a row for each row kept (its priority, and each column as key bytes), then a row without
//! a priority that has the counts.

use super::Sketch;
use crate::{
    base::{
        batch::{Batch, Column},
        hash, key,
        limits::{BATCH_ROWS, SAMPLE_BYTES_MAX, SAMPLE_ROWS},
        types::{DataType, TypeKind},
        value::Value,
    },
    error::{Error, Result},
};
use std::collections::BinaryHeap;

/// Longer key bytes of a value are counted, but no candidates for the most common values or the histogram, as in
/// PostgreSQL: they cost much and are nearly always unique.
const VALUE_BYTES_MAX: usize = 256;
/// Columns before those of the table: the priority and the number of rows seen.
const LEADING_COLUMNS: usize = 2;

/// See the module.
pub struct Sample {
    pub(super) types: Vec<DataType>,
    pub(super) columns: Vec<Seen>,
    pub(super) kept: BinaryHeap<Kept>,
    /// Rows that passed by.
    pub(super) rows: u64,
    seed: u64,
    rows_max: usize,
    bytes: usize,
    scratch: Vec<u8>,
}

/// What was counted of a column.
#[derive(Default)]
pub(super) struct Seen {
    pub nulls: u64,
    /// Key bytes of all values.
    pub bytes: u64,
    pub sketch: Sketch,
}

/// A row that stays for now; the one with the highest priority goes first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kept {
    priority: u64,
    pub values: Box<[Part]>,
}

/// A value in a sampled row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Null,
    Long,
    Value(Box<[u8]>),
}

impl Sample {
    /// Nothing seen yet of rows with columns of these types.
    pub fn new(types: &[DataType], seed: u64) -> Sample {
        Sample {
            types: types.to_vec(),
            columns: types.iter().map(|_| Seen::default()).collect(),
            kept: BinaryHeap::new(),
            rows: 0,
            seed,
            rows_max: SAMPLE_ROWS,
            bytes: 0,
            scratch: Vec::new(),
        }
    }

    /// Types of the batches that a sample of columns of these types travels as.
    pub fn batch_types(columns: usize) -> Vec<DataType> {
        let leading = [TypeKind::Int8; LEADING_COLUMNS].into_iter();
        leading.chain(std::iter::repeat_n(TypeKind::Bytea, columns)).map(DataType::of).collect()
    }

    /// About how many bytes it holds.
    pub fn bytes(&self) -> usize {
        self.bytes + self.columns.len() * Sketch::default().as_bytes().len()
    }

    /// Rows pass by.
    pub fn add(&mut self, batch: &Batch) {
        let mut hashes = vec![self.seed; batch.rows];
        for ((column, data_type), seen) in batch.columns.iter().zip(&self.types).zip(&mut self.columns) {
            for (row, of_row) in hashes.iter_mut().enumerate() {
                if column.is_null(row) {
                    seen.nulls += 1;
                    continue;
                }
                self.scratch.clear();
                key::encode_column_value(column, row, *data_type, false, false, &mut self.scratch);
                let hash = hash::bytes(&self.scratch);
                seen.bytes += self.scratch.len() as u64;
                seen.sketch.add(hash);
                *of_row = of_row.rotate_left(5) ^ hash;
            }
        }
        for (row, of_row) in hashes.into_iter().enumerate() {
            let number = self.rows + row as u64;
            let mut words = [0; 16];
            words[..8].copy_from_slice(&of_row.to_le_bytes());
            words[8..].copy_from_slice(&number.to_le_bytes());
            // The priority travels as a signed number.
            let priority = hash::bytes(&words) >> 1;
            if self.wants(priority) {
                let values =
                    batch.columns.iter().zip(&self.types).map(|(column, data_type)| part(column, row, *data_type));
                let values = values.collect();
                self.keep(Kept { priority, values });
            }
        }
        self.rows += batch.rows as u64;
    }

    fn wants(&self, priority: u64) -> bool {
        self.kept.len() < self.rows_max || self.kept.peek().is_some_and(|worst| priority < worst.priority)
    }

    fn keep(&mut self, row: Kept) {
        self.bytes += row.bytes();
        self.kept.push(row);
        if self.bytes > SAMPLE_BYTES_MAX && self.kept.len() > 1 {
            self.rows_max = self.kept.len() / 2;
        }
        while self.kept.len() > self.rows_max {
            self.bytes -= self.kept.pop().map_or(0, |row| row.bytes());
        }
    }

    /// What was seen, as batches.
    pub fn into_batches(self) -> Vec<Batch> {
        let types = Sample::batch_types(self.types.len());
        let mut batches = vec![Batch::new(types.iter().copied())];
        let mut push = |row: Vec<Value>| {
            if batches.last().is_none_or(|batch| batch.rows >= BATCH_ROWS) {
                batches.push(Batch::new(types.iter().copied()));
            }
            if let Some(batch) = batches.last_mut() {
                batch.push_row(row);
            }
        };
        for row in self.kept {
            let values = row.values.into_iter().map(|part| match part {
                Part::Null => Value::Null,
                Part::Long => Value::bytea([]),
                Part::Value(bytes) => Value::bytea(bytes),
            });
            push([Value::Int8(row.priority as i64), Value::Null].into_iter().chain(values).collect());
        }
        let counts = self.columns.iter().map(|seen| {
            let parts = [&seen.nulls.to_le_bytes()[..], &seen.bytes.to_le_bytes()[..], seen.sketch.as_bytes()];
            Value::bytea(parts.concat())
        });
        push([Value::Null, Value::Int8(self.rows as i64)].into_iter().chain(counts).collect());
        batches
    }

    /// Adds what another core saw.
    pub fn merge(&mut self, batch: &Batch) -> Result<()> {
        let broken = || Error::internal("a sample of rows is not one");
        for row in 0..batch.rows {
            let mut values = batch.row(row).into_iter();
            let (Some(priority), Some(rows)) = (values.next(), values.next()) else { return Err(broken()) };
            match (priority, rows) {
                (Value::Int8(priority), _) => {
                    let priority = priority as u64;
                    if self.wants(priority) {
                        let values = values.map(|value| match value {
                            Value::Bytea(bytes) if bytes.is_empty() => Part::Long,
                            Value::Bytea(bytes) => Part::Value(bytes[..].into()),
                            _ => Part::Null,
                        });
                        self.keep(Kept { priority, values: values.collect() });
                    }
                }
                (_, Value::Int8(rows)) => {
                    self.rows += rows as u64;
                    for (value, seen) in values.zip(&mut self.columns) {
                        let Value::Bytea(bytes) = value else { return Err(broken()) };
                        seen.merge(&bytes).ok_or_else(broken)?;
                    }
                }
                _ => return Err(broken()),
            }
        }
        Ok(())
    }
}

impl Seen {
    fn merge(&mut self, bytes: &[u8]) -> Option<()> {
        let (nulls, rest) = bytes.split_first_chunk()?;
        let (length, sketch) = rest.split_first_chunk()?;
        self.nulls += u64::from_le_bytes(*nulls);
        self.bytes += u64::from_le_bytes(*length);
        self.sketch.merge(&Sketch::from_bytes(sketch)?);
        Some(())
    }
}

impl Kept {
    fn bytes(&self) -> usize {
        let long = |part: &Part| match part {
            Part::Value(bytes) => bytes.len(),
            Part::Null | Part::Long => 0,
        };
        size_of::<Kept>() + self.values.iter().map(|part| size_of::<Part>() + long(part)).sum::<usize>()
    }
}

fn part(column: &Column, row: usize, data_type: DataType) -> Part {
    if column.is_null(row) {
        return Part::Null;
    }
    let mut bytes = Vec::new();
    key::encode_column_value(column, row, data_type, false, false, &mut bytes);
    if bytes.len() > VALUE_BYTES_MAX { Part::Long } else { Part::Value(bytes.into()) }
}
