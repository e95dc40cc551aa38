//! Comparing rows by sort keys.

use crate::{
    base::{
        batch::{Column, ColumnData},
        types::{DataType, TypeKind},
        value::compare_floats,
    },
    sql::{
        expr::{compare_values, trim_blanks},
        plan::SortKey,
    },
};
use std::cmp::Ordering;

/// How one key column is ordered.
#[derive(Clone, Copy, Debug)]
struct Direction {
    descending: bool,
    nulls_first: bool,
    blank_padded: bool,
}

impl Direction {
    fn of(key: &SortKey) -> Direction {
        Direction {
            descending: key.descending,
            nulls_first: key.nulls_first,
            blank_padded: is_blank_padded(key.expression.data_type()),
        }
    }

    #[inline]
    fn apply(self, a_null: bool, b_null: bool, order: impl FnOnce() -> Ordering) -> Ordering {
        match (a_null, b_null) {
            (true, true) => Ordering::Equal,
            (true, false) if self.nulls_first => Ordering::Less,
            (true, false) => Ordering::Greater,
            (false, true) if self.nulls_first => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) if self.descending => order().reverse(),
            (false, false) => order(),
        }
    }
}

fn is_blank_padded(data_type: DataType) -> bool {
    data_type.kind == TypeKind::Bpchar && !data_type.array
}

/// The order of two rows by one key, whose values stand in the columns.
pub fn compare_keys(a: &Column, a_row: usize, b: &Column, b_row: usize, key: &SortKey) -> Ordering {
    compare_cells(a, a_row, b, b_row, Direction::of(key))
}

#[inline]
fn compare_cells(a: &Column, a_row: usize, b: &Column, b_row: usize, direction: Direction) -> Ordering {
    direction.apply(a.is_null(a_row), b.is_null(b_row), || match (&a.data, &b.data) {
        (ColumnData::Int4(a), ColumnData::Int4(b)) | (ColumnData::Date(a), ColumnData::Date(b)) => {
            a[a_row].cmp(&b[b_row])
        }
        (ColumnData::Int8(a), ColumnData::Int8(b))
        | (ColumnData::Timestamp(a), ColumnData::Timestamp(b))
        | (ColumnData::Timestamptz(a), ColumnData::Timestamptz(b)) => a[a_row].cmp(&b[b_row]),
        (ColumnData::Int2(a), ColumnData::Int2(b)) => a[a_row].cmp(&b[b_row]),
        (ColumnData::Bool(a), ColumnData::Bool(b)) => a[a_row].cmp(&b[b_row]),
        (ColumnData::Float8(a), ColumnData::Float8(b)) => compare_floats(a[a_row], b[b_row]),
        (ColumnData::Text(a), ColumnData::Text(b)) => {
            let (a, b) = (a.get_bytes(a_row), b.get_bytes(b_row));
            if direction.blank_padded { trim_blanks(a).cmp(trim_blanks(b)) } else { a.cmp(b) }
        }
        (ColumnData::Values(a), ColumnData::Values(b)) => compare_values(&a[a_row], &b[b_row], direction.blank_padded),
        _ => compare_values(&a.value(a_row), &b.value(b_row), direction.blank_padded),
    })
}

/// Key columns of rows that are to be sorted.
pub(super) struct SortColumns {
    columns: Vec<Column>,
    directions: Vec<Direction>,
}

impl SortColumns {
    pub fn new(columns: Vec<Column>, keys: &[&SortKey]) -> SortColumns {
        SortColumns { columns, directions: keys.iter().map(|key| Direction::of(key)).collect() }
    }

    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, Column::len)
    }

    pub fn append(&mut self, columns: &[Column]) {
        for (to, from) in self.columns.iter_mut().zip(columns) {
            to.append(from);
        }
    }

    pub fn take(&mut self, rows: &[u32]) {
        self.columns = self.columns.iter().map(|column| column.take(rows)).collect();
    }

    /// The keys of the last row.
    pub fn last_row(&self) -> Vec<Column> {
        let last = self.rows().saturating_sub(1);
        self.columns.iter().map(|column| column.slice(last, 1)).collect()
    }

    pub fn bytes(&self) -> usize {
        self.columns.iter().map(Column::bytes).sum()
    }

    /// The order of two rows.
    #[inline]
    pub fn compare(&self, a: usize, b: usize) -> Ordering {
        self.compare_with(a, &self.columns, b)
    }

    /// The order of one of these rows and one of another set with the same keys.
    pub fn compare_with(&self, row: usize, others: &[Column], other: usize) -> Ordering {
        for ((a, b), &direction) in self.columns.iter().zip(others).zip(&self.directions) {
            let order = compare_cells(a, row, b, other, direction);
            if order.is_ne() {
                return order;
            }
        }
        Ordering::Equal
    }

    /// All rows in order; rows that are equal stay as they stand.
    ///
    /// Rows are sorted by the first eight bytes of their first key, which lie together in memory; the columns are only
    /// looked at where these are equal.
    pub fn sorted(&self) -> Vec<u32> {
        let (Some(first), Some(&direction)) = (self.columns.first(), self.directions.first()) else {
            return Vec::new();
        };
        let mut keyed: Vec<(u64, u32)> =
            (0..self.rows()).map(|row| (prefix(first, row, direction), row as u32)).collect();
        keyed.sort_unstable_by(|a, b| {
            let order = a.0.cmp(&b.0).then_with(|| self.compare(a.1 as usize, b.1 as usize));
            order.then(a.1.cmp(&b.1))
        });
        keyed.into_iter().map(|(_, row)| row).collect()
    }
}

/// A number that never orders two keys the wrong way round, though it may be equal for different ones.
#[inline]
fn prefix(column: &Column, row: usize, direction: Direction) -> u64 {
    if column.is_null(row) {
        return if direction.nulls_first { 0 } else { u64::MAX };
    }
    const SIGN: u64 = 1 << 63;
    let whole = |number: i64| number as u64 ^ SIGN;
    let prefix = match &column.data {
        ColumnData::Bool(values) => u64::from(values[row]),
        ColumnData::Int2(values) => whole(i64::from(values[row])),
        ColumnData::Int4(values) | ColumnData::Date(values) => whole(i64::from(values[row])),
        ColumnData::Int8(values) | ColumnData::Timestamp(values) | ColumnData::Timestamptz(values) => {
            whole(values[row])
        }
        ColumnData::Float8(values) => float_prefix(values[row]),
        ColumnData::Text(strings) => text_prefix(strings.get_bytes(row), direction.blank_padded),
        ColumnData::Values(_) => 0,
    };
    if direction.descending { !prefix } else { prefix }
}

fn float_prefix(number: f64) -> u64 {
    if number.is_nan() {
        return u64::MAX;
    }
    // Adding zero makes one of the two zeros.
    let bits = (number + 0.0).to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

fn text_prefix(bytes: &[u8], blank_padded: bool) -> u64 {
    let bytes = if blank_padded { trim_blanks(bytes) } else { bytes };
    let mut first = [0; 8];
    let length = bytes.len().min(8);
    first[..length].copy_from_slice(&bytes[..length]);
    u64::from_be_bytes(first)
}
