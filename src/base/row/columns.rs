//! Rows straight into typed columns: the inner loop of scans.

use super::decode::{broken, head, value};
use super::marker::Cursor;
use crate::base::batch::{Column, ColumnData};
use crate::base::types::DataType;
use crate::base::value::Value;
use crate::error::Result;

/// Appends a stored row to `columns`: of each of `positions` (column places of the table, best ascending) the value to
/// the column of the same index. `wanted` has its type and the value that rows older than the column have.
///
/// After an error the columns may be of unequal length: the caller drops them.
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
