//! Rows straight into typed columns: the inner loop of scans.

use super::decode::{broken, head, value};
use super::marker::{Cursor, integer_of, length_of};
use crate::base::batch::{Column, ColumnData};
use crate::base::types::DataType;
use crate::base::value::Value;
use crate::error::Result;

/// Appends a stored row to `columns`: of each of `positions` (column places of the table, best ascending) the value to
/// the column of the same index. `wanted` has its type and the value that rows older than the column have.
///
/// After an error the columns may be of unequal length: the caller drops them.
#[inline]
pub fn decode_columns(
    bytes: &[u8],
    positions: &[usize],
    wanted: &[(DataType, Value)],
    columns: &mut [Column],
) -> Result<()> {
    let (first, stored, _) = head(bytes).ok_or_else(broken)?;
    let mut cursor = first;
    let mut at = 0;
    for ((&position, (data_type, missing)), column) in positions.iter().zip(wanted).zip(columns) {
        if position >= stored {
            column.push(missing.clone());
            continue;
        }
        if position < at {
            (cursor, at) = (first, 0);
        }
        while at < position {
            cursor.skip().ok_or_else(broken)?;
            at += 1;
        }
        push(&mut cursor, *data_type, column).ok_or_else(broken)?;
        at += 1;
    }
    Ok(())
}

/// Appends many rows, as [`decode_columns`] does one.
pub fn decode_rows(
    rows: &[&[u8]],
    positions: &[usize],
    wanted: &[(DataType, Value)],
    columns: &mut [Column],
) -> Result<()> {
    let is_like_others = same_head(rows).is_some_and(|stored| positions.iter().all(|&position| position < stored));
    if !is_like_others || !positions.is_sorted_by(|one, next| one < next) {
        return rows.iter().try_for_each(|row| decode_columns(row, positions, wanted, columns));
    }
    // Column by column, so that each loop does one thing and rows do not wait for each other.
    let mut places = vec![HEAD_BYTES as u32; rows.len()];
    let mut at = 0;
    for ((&position, (data_type, _)), column) in positions.iter().zip(wanted).zip(columns) {
        for _ in at..position {
            skip(rows, &mut places).ok_or_else(broken)?;
        }
        push_all(rows, &mut places, *data_type, column).ok_or_else(broken)?;
        at = position + 1;
    }
    Ok(())
}

/// A row of a table with few columns that was seldom altered begins so: the array's length and the schema version.
const HEAD_BYTES: usize = 2;

/// The number of columns, if all rows begin with the same short head.
fn same_head(rows: &[&[u8]]) -> Option<usize> {
    let [count @ 0x91..=0x9f, version @ 0..=0x7f, ..] = *rows.first()? else { return None };
    let head = [*count, *version];
    rows.iter().all(|row| row.first_chunk() == Some(&head)).then(|| usize::from(count & 0x0f) - 1)
}

/// Passes a column of all rows.
fn skip(rows: &[&[u8]], places: &mut [u32]) -> Option<()> {
    for (row, place) in rows.iter().zip(places) {
        let length = length_of(*row.get(*place as usize)?);
        if length > 0 {
            *place += u32::from(length);
            continue;
        }
        let mut cursor = Cursor { bytes: row, at: *place as usize };
        cursor.skip()?;
        *place = u32::try_from(cursor.at).ok()?;
    }
    Some(())
}

/// Appends a column of all rows.
fn push_all(rows: &[&[u8]], places: &mut [u32], data_type: DataType, column: &mut Column) -> Option<()> {
    let mut done = 0;
    while done < rows.len() {
        let (rest, rest_places) = (&rows[done..], &mut places[done..]);
        let quick = match &mut column.data {
            ColumnData::Int8(vector) | ColumnData::Timestamp(vector) | ColumnData::Timestamptz(vector) => {
                integers(rest, rest_places, vector, Some)
            }
            ColumnData::Int4(vector) | ColumnData::Date(vector) => {
                integers(rest, rest_places, vector, |number| i32::try_from(number).ok())
            }
            ColumnData::Int2(vector) => integers(rest, rest_places, vector, |number| i16::try_from(number).ok()),
            _ => 0,
        };
        if let Some(nulls) = &mut column.nulls {
            nulls.resize(nulls.len() + quick, false);
        }
        done += quick;
        let (Some(row), Some(place)) = (rows.get(done), places.get_mut(done)) else { break };
        let mut cursor = Cursor { bytes: row, at: *place as usize };
        push(&mut cursor, data_type, column)?;
        *place = u32::try_from(cursor.at).ok()?;
        done += 1;
    }
    Some(())
}

/// Appends integers up to the first row that has something else here: NULL, a very large one, one at the row's end, or
/// one that does not fit. How many they were.
fn integers<T>(rows: &[&[u8]], places: &mut [u32], vector: &mut Vec<T>, fit: impl Fn(i64) -> Option<T>) -> usize {
    vector.reserve(rows.len());
    for (done, (row, place)) in rows.iter().zip(places).enumerate() {
        let Some(eight) = row.get(*place as usize..).and_then(<[u8]>::first_chunk) else { return done };
        let (number, length) = integer_of(*eight);
        let Some(number) = fit(number).filter(|_| length > 0) else { return done };
        vector.push(number);
        *place += u32::from(length);
    }
    rows.len()
}

#[inline]
fn push(cursor: &mut Cursor<'_>, data_type: DataType, column: &mut Column) -> Option<()> {
    if cursor.nil() {
        column.push_null();
        return Some(());
    }
    match &mut column.data {
        ColumnData::Int8(vector) => vector.push(cursor.integer()?),
        ColumnData::Int4(vector) | ColumnData::Date(vector) => vector.push(i32::try_from(cursor.integer()?).ok()?),
        ColumnData::Timestamp(vector) | ColumnData::Timestamptz(vector) => vector.push(cursor.integer()?),
        ColumnData::Float8(vector) => vector.push(cursor.float_64()?),
        ColumnData::Int2(vector) => vector.push(i16::try_from(cursor.integer()?).ok()?),
        ColumnData::Bool(vector) => vector.push(cursor.boolean()?),
        ColumnData::Text(_) => {
            column.push_text(cursor.string()?);
            return Some(());
        }
        ColumnData::Values(values) => values.push(value(cursor, data_type)?),
    }
    column.mark_valid();
    Some(())
}
