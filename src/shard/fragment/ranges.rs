//! From the bounds of a scan to ranges of stored keys on this core.
//!
//! A range never reaches over a partition. Bounds that no value can fulfil (a comparison with NULL, a number that the
//! column's type cannot hold) give no range.

use crate::{
    base::{
        ids::{IndexId, PartitionId, ShardId},
        key,
        types::{DataType, TypeKind},
        value::Value,
    },
    catalog::{Keyspace, Table},
    error::{Error, Result},
    sql::{
        expr::{self, Context, Expr},
        plan::{Bound as PlanBound, Scan},
    },
};
use std::ops::Bound;

/// A range of user keys.
pub type Range = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// The first byte of an encoded value that is not NULL; `key::encode_value` writes it.
const PRESENT: u8 = 0x01;

/// A column of the index that is scanned.
pub struct KeyColumn {
    pub data_type: DataType,
    pub descending: bool,
    nulls_first: bool,
}

/// The ranges of a scan in the partitions that `shard` holds, partition by partition, each in the scan's direction.
pub fn ranges(scan: &Scan, keyspace: &Keyspace, shard: ShardId, context: &Context) -> Result<Vec<Range>> {
    let columns = key_columns(&scan.table, scan.index)?;
    let Some(spans) = spans(&scan.bounds, &columns, context)? else { return Ok(Vec::new()) };
    let whole = hashed_columns(&scan.table, scan.index, &columns) == Some(scan.bounds.len())
        && scan.bounds.iter().all(|bound| !matches!(bound, PlanBound::Range { .. }));
    let mut ranges = Vec::new();
    for (number, owner) in keyspace.partitions.iter().enumerate() {
        if *owner != shard {
            continue;
        }
        let partition = PartitionId(number as u16);
        let prefix = key::prefix(scan.table.storage, scan.index, partition);
        let here = spans.iter().filter(|span| {
            // A key that is given as a whole lies in the partition that it hashes to.
            !whole || key::partition_of(&span.equal, keyspace.partitions.len() as u16) == partition
        });
        let start = ranges.len();
        ranges.extend(here.map(|span| span.range(&prefix)));
        if scan.reverse {
            ranges[start..].reverse();
        }
    }
    Ok(ranges)
}

/// Whether a scan's bounds give one whole primary key: its only range begins with that key.
pub fn is_point(scan: &Scan) -> Result<bool> {
    let equal = scan.bounds.iter().all(|bound| matches!(bound, PlanBound::Equal(_)));
    Ok(scan.index == IndexId::PRIMARY
        && equal
        && !scan.bounds.is_empty()
        && scan.bounds.len() == key_columns(&scan.table, scan.index)?.len())
}

/// The encoded values that a key begins with, and what is known of the column behind them.
struct Span {
    equal: Vec<u8>,
    /// Start and end of the next column's bytes.
    next: Option<(Bound<Vec<u8>>, Bound<Vec<u8>>)>,
}

impl Span {
    fn range(&self, prefix: &[u8]) -> Range {
        let start = [prefix, &self.equal].concat();
        let end = |bytes: &[u8]| key::prefix_end(bytes).map_or(Bound::Unbounded, Bound::Excluded);
        let Some((low, high)) = &self.next else { return (Bound::Included(start.clone()), end(&start)) };
        let low = match low {
            Bound::Included(bytes) => Bound::Included([&start[..], bytes].concat()),
            // Behind every key that has this value in the column.
            Bound::Excluded(bytes) => match key::prefix_end(&[&start[..], bytes].concat()) {
                Some(behind) => Bound::Included(behind),
                None => Bound::Excluded(start.clone()),
            },
            Bound::Unbounded => Bound::Included([&start[..], &[PRESENT]].concat()),
        };
        let high = match high {
            Bound::Included(bytes) => end(&[&start[..], bytes].concat()),
            Bound::Excluded(bytes) => Bound::Excluded([&start[..], bytes].concat()),
            Bound::Unbounded => Bound::Excluded([&start[..], &[PRESENT + 1]].concat()),
        };
        (low, high)
    }
}

/// All combinations of values that the bounds allow, in key order; `None` if there is none.
fn spans(bounds: &[PlanBound], columns: &[KeyColumn], context: &Context) -> Result<Option<Vec<Span>>> {
    let mut spans = vec![Span { equal: Vec::new(), next: None }];
    for (bound, column) in bounds.iter().zip(columns) {
        match bound {
            PlanBound::Equal(expression) => {
                let Some(bytes) = encode(expression, column, context)?.value() else { return Ok(None) };
                spans.iter_mut().for_each(|span| span.equal.extend_from_slice(&bytes));
            }
            PlanBound::In(list) => {
                let mut values = Vec::with_capacity(list.len());
                for expression in list {
                    if !expression.data_type().array || column.data_type.array {
                        values.extend(encode(expression, column, context)?.value());
                    } else if let Value::Array(array) = expr::constant(expression, context)? {
                        values.extend(array.values.iter().filter_map(|value| encode_value(value, column).value()));
                    }
                }
                values.sort_unstable();
                values.dedup();
                let with = |span: &Span, bytes: &Vec<u8>| Span { equal: [&span.equal[..], bytes].concat(), next: None };
                spans = spans.iter().flat_map(|span| values.iter().map(move |bytes| with(span, bytes))).collect();
            }
            PlanBound::Range { low, high } => {
                let Some(next) = range_of(low, high, column, context)? else { return Ok(None) };
                spans.iter_mut().for_each(|span| span.next = Some(next.clone()));
                break;
            }
        }
    }
    Ok((!spans.is_empty()).then_some(spans))
}

/// One end of a range in the plan.
type Limit = Option<(Expr, bool)>;

fn range_of(low: &Limit, high: &Limit, column: &KeyColumn, context: &Context) -> Result<Option<Range>> {
    let bound = |limit: &Limit, upper: bool| -> Result<Option<Bound<Vec<u8>>>> {
        let Some((expression, inclusive)) = limit else { return Ok(Some(Bound::Unbounded)) };
        Ok(match (encode(expression, column, context)?, upper) {
            (Encoded::Value(bytes), _) if *inclusive => Some(Bound::Included(bytes)),
            (Encoded::Value(bytes), _) => Some(Bound::Excluded(bytes)),
            (Encoded::AboveAll, true) | (Encoded::BelowAll, false) => Some(Bound::Unbounded),
            (Encoded::Null | Encoded::AboveAll | Encoded::BelowAll, _) => None,
        })
    };
    let (Some(low), Some(high)) = (bound(low, false)?, bound(high, true)?) else { return Ok(None) };
    Ok(Some(if column.descending { (high, low) } else { (low, high) }))
}

/// A bound's value in key bytes.
enum Encoded {
    Value(Vec<u8>),
    Null,
    /// Greater than everything the column can hold.
    AboveAll,
    BelowAll,
}

impl Encoded {
    fn value(self) -> Option<Vec<u8>> {
        match self {
            Encoded::Value(bytes) => Some(bytes),
            Encoded::Null | Encoded::AboveAll | Encoded::BelowAll => None,
        }
    }
}

fn encode(expression: &Expr, column: &KeyColumn, context: &Context) -> Result<Encoded> {
    Ok(encode_value(&expr::constant(expression, context)?, column))
}

fn encode_value(value: &Value, column: &KeyColumn) -> Encoded {
    if value.is_null() {
        return Encoded::Null;
    }
    if let Some(number) = value.as_integer() {
        let (low, high) = match column.data_type.kind {
            TypeKind::Int2 => (i64::from(i16::MIN), i64::from(i16::MAX)),
            TypeKind::Int4 => (i64::from(i32::MIN), i64::from(i32::MAX)),
            _ => (i64::MIN, i64::MAX),
        };
        if i128::from(number) > i128::from(high) {
            return Encoded::AboveAll;
        }
        if i128::from(number) < i128::from(low) {
            return Encoded::BelowAll;
        }
    }
    let mut bytes = Vec::new();
    key::encode_value(value, column.data_type, column.descending, column.nulls_first, &mut bytes);
    Encoded::Value(bytes)
}

/// The columns of an index of a table, as its keys are made.
pub fn key_columns(table: &Table, index: IndexId) -> Result<Vec<KeyColumn>> {
    let plain = |position: usize| KeyColumn {
        data_type: table.columns[position].data_type,
        descending: false,
        nulls_first: false,
    };
    if index == IndexId::PRIMARY {
        return Ok(match &table.primary_key {
            Some(_) => table.key_positions().map(plain).collect(),
            None => vec![KeyColumn { data_type: DataType::of(TypeKind::Int8), descending: false, nulls_first: false }],
        });
    }
    let index = table.index(index).ok_or_else(|| Error::internal("a scan of an index that the table lacks"))?;
    let part = |part: &crate::catalog::IndexColumn| KeyColumn {
        descending: part.descending,
        nulls_first: part.nulls_first,
        ..plain(usize::from(part.column.0))
    };
    Ok(index.columns.iter().map(part).collect())
}

/// How many leading columns decide on the partition, if they are the whole of the index's columns.
fn hashed_columns(table: &Table, index: IndexId, columns: &[KeyColumn]) -> Option<usize> {
    let decides = index == IndexId::PRIMARY || table.index(index).is_some_and(|index| index.unique);
    decides.then_some(columns.len())
}

/// The primary key's bytes behind the columns of a non-unique index entry (or of a unique one with a NULL).
pub fn primary_key_of_entry<'k>(table: &Table, index: IndexId, mut columns: &'k [u8]) -> Result<&'k [u8]> {
    for column in key_columns(table, index)? {
        key::decode_value(&mut columns, column.data_type, column.descending)?;
    }
    Ok(columns)
}
