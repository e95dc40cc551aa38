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
    pub fn sorted(&self) -> Vec<u32> {
        if let Some(sorted) = self.sorted_words() {
            return sorted;
        }
        let mut rows: Vec<u32> = (0..self.rows() as u32).collect();
        rows.sort_by(|&a, &b| self.compare(a as usize, b as usize));
        rows
    }

    /// One integer key without NULLs: sorted as words, with the row's place to keep the order of equal ones.
    fn sorted_words(&self) -> Option<Vec<u32>> {
        let ([column], [direction]) = (self.columns.as_slice(), self.directions.as_slice()) else { return None };
        if column.has_nulls() {
            return None;
        }
        let words: Vec<i64> = match &column.data {
            ColumnData::Int2(values) => values.iter().map(|&value| i64::from(value)).collect(),
            ColumnData::Int4(values) | ColumnData::Date(values) => values.iter().map(|&v| i64::from(v)).collect(),
            ColumnData::Int8(values) | ColumnData::Timestamp(values) | ColumnData::Timestamptz(values) => {
                values.clone()
            }
            _ => return None,
        };
        // The complement turns the order around.
        let flip = if direction.descending { -1 } else { 0 };
        let mut keyed: Vec<(i64, u32)> =
            words.iter().enumerate().map(|(row, word)| (word ^ flip, row as u32)).collect();
        keyed.sort_unstable();
        Some(keyed.into_iter().map(|(_, row)| row).collect())
    }
}
