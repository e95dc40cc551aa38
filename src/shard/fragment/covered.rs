//! Rows from the entries of an index alone: the columns are in its keys.

use super::ranges::{KeyColumn, key_columns};
use crate::{
    base::{batch::Batch, ids::IndexId, key},
    error::{Error, Result},
    sql::plan::Scan,
};

/// See the module.
pub struct Covered {
    /// The columns of a key, and where in the output each one goes.
    parts: Vec<(KeyColumn, Vec<usize>)>,
}

impl Covered {
    /// For a scan whose columns are all in the keys of its index.
    pub fn new(scan: &Scan) -> Result<Covered> {
        let lacking = || Error::internal("an index lacks a column that is read from it");
        let index = scan.table.index(scan.index).ok_or_else(lacking)?;
        let mut stored: Vec<usize> = index.columns.iter().map(|part| usize::from(part.column.0)).collect();
        let mut columns = key_columns(&scan.table, scan.index)?;
        if !index.unique {
            stored.extend(scan.table.key_positions());
            columns.extend(key_columns(&scan.table, IndexId::PRIMARY)?);
        }
        let mut parts: Vec<(KeyColumn, Vec<usize>)> = columns.into_iter().map(|column| (column, Vec::new())).collect();
        for (place, column) in scan.columns.iter().enumerate() {
            let of_key = stored.iter().position(|stored| stored == column).ok_or_else(lacking)?;
            parts.get_mut(of_key).ok_or_else(lacking)?.1.push(place);
        }
        // What comes behind the last column that is read need not be decoded.
        let read = parts.iter().rposition(|(_, places)| !places.is_empty()).map_or(0, |last| last + 1);
        parts.truncate(read);
        Ok(Covered { parts })
    }

    /// Adds the row of an entry.
    pub fn push(&self, entry: &[u8], batch: &mut Batch) -> Result<()> {
        let Some((_, _, _, mut rest)) = key::split(entry) else {
            return Err(Error::corrupt("an index entry without a prefix"));
        };
        for (column, places) in &self.parts {
            let value = key::decode_value(&mut rest, column.data_type, column.descending)?;
            for &place in places {
                if let Some(column) = batch.columns.get_mut(place) {
                    column.push(value.clone());
                }
            }
        }
        batch.rows += 1;
        Ok(())
    }
}
