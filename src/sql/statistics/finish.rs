//! From a sample to statistics.

use super::sample::{Part, Sample, Seen};
use crate::{base::types::DataType, catalog::ColumnStatistics};

/// Most common values that are kept of a column, and ranges of its histogram; PostgreSQL's default target.
const TARGET: usize = 100;
/// All of these that a table may have: they are one row of the catalog.
const TABLE_TARGET: usize = 10_000;
/// A value is common when it comes so much oftener in the sample than the average value does.
const COMMON_FACTOR: f64 = 1.25;
/// A column with this part of its values different, by a sketch that errs a little, is taken as unique.
const UNIQUE_FRACTION: f64 = 0.95;

impl Sample {
    /// Rows that the cores have seen, and the statistics of each column.
    pub fn finish(self) -> (u64, Vec<ColumnStatistics>) {
        let Sample { types, columns, kept, rows, .. } = self;
        let sampled = kept.len();
        let mut values: Vec<Vec<Part>> = types.iter().map(|_| Vec::with_capacity(sampled)).collect();
        for row in kept {
            row.values.into_iter().zip(&mut values).for_each(|(part, column)| column.push(part));
        }
        let target = TARGET.min(TABLE_TARGET / types.len().max(1));
        let each = types.into_iter().zip(&columns).zip(values);
        (rows, each.map(|((data_type, seen), values)| column(data_type, seen, values, rows, target)).collect())
    }
}

/// A value with how often the sample has it.
type Counted = (Box<[u8]>, usize);

fn column(data_type: DataType, seen: &Seen, parts: Vec<Part>, rows: u64, target: usize) -> ColumnStatistics {
    let sampled = parts.len();
    let complete = sampled as u64 == rows;
    let any_long = parts.contains(&Part::Long);
    let mut values: Vec<Box<[u8]>> = parts
        .into_iter()
        .filter_map(|part| match part {
            Part::Value(bytes) => Some(bytes),
            Part::Null | Part::Long => None,
        })
        .collect();
    values.sort_unstable();
    let present = rows.saturating_sub(seen.nulls) as f64;
    let counted = counted(values);
    // When every value in the sample is there more than once, hardly any is missing.
    let repeated = !counted.is_empty() && counted.iter().all(|(_, count)| *count > 1);
    let complete = (complete || repeated) && !any_long;
    let distinct = if complete {
        counted.len() as f64
    } else {
        let estimate = seen.sketch.estimate().max(counted.len() as f64);
        if estimate >= present * UNIQUE_FRACTION { present } else { estimate.round() }
    };
    let (common, others) = split(counted, distinct, complete, target);
    let fraction = |count: usize| count as f64 / sampled.max(1) as f64;
    ColumnStatistics {
        data_type,
        null_fraction: if rows == 0 { 0.0 } else { seen.nulls as f64 / rows as f64 },
        distinct,
        width_bytes: width(data_type, seen, present),
        common: common.into_iter().map(|(value, count)| (value.into(), fraction(count))).collect(),
        histogram: histogram(&others, target),
    }
}

fn width(data_type: DataType, seen: &Seen, present: f64) -> f64 {
    match usize::try_from(data_type.length_bytes()) {
        Ok(fixed) if fixed > 0 => fixed as f64,
        _ if present == 0.0 => 0.0,
        _ => (seen.bytes as f64 / present).round(),
    }
}

/// Sorted values, each once.
fn counted(values: Vec<Box<[u8]>>) -> Vec<Counted> {
    let mut counted: Vec<Counted> = Vec::new();
    for value in values {
        match counted.last_mut() {
            Some((last, count)) if *last == value => *count += 1,
            _ => counted.push((value, 1)),
        }
    }
    counted
}

/// The most common values, and the others in order. When everything was seen and fits, all values are common.
fn split(counted: Vec<Counted>, distinct: f64, complete: bool, target: usize) -> (Vec<Counted>, Vec<Counted>) {
    let all: usize = counted.iter().map(|(_, count)| count).sum();
    let least = if complete && counted.len() <= target {
        1
    } else {
        ((all as f64 / distinct.max(1.0) * COMMON_FACTOR) as usize + 1).max(2)
    };
    let mut counts: Vec<usize> = counted.iter().map(|(_, count)| *count).filter(|&count| count >= least).collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let least = counts.get(target).map_or(least, |beyond| beyond + 1);
    let (mut common, others): (Vec<Counted>, Vec<Counted>) =
        counted.into_iter().partition(|(_, count)| *count >= least);
    common.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    (common, others)
}

/// Bounds at equal distances in the sorted values.
fn histogram(values: &[Counted], target: usize) -> Vec<Vec<u8>> {
    if values.len() < 2 {
        return Vec::new();
    }
    let total: usize = values.iter().map(|(_, count)| count).sum();
    let bounds = target.min(values.len() - 1);
    let mut histogram = Vec::with_capacity(bounds + 1);
    let (mut passed, mut values) = (0, values.iter().peekable());
    for bound in 0..=bounds {
        let place = bound * (total - 1) / bounds;
        while let Some((_, count)) = values.peek() {
            if passed + count > place {
                break;
            }
            passed += count;
            values.next();
        }
        histogram.extend(values.peek().map(|(value, _)| value.to_vec()));
    }
    histogram
}
