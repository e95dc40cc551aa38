//! The catalog as rows of the system keyspace.
//!
//! Key: `SYSTEM_STORAGE · primary · partition 0 · kind (1 byte) · id (4 bytes, big-endian)`. Value: the descriptor in
//! MessagePack with field names, so that later versions may add fields. The header row (kind 0) is written by every
//! change, so that of two concurrent changes the second one fails as a write conflict.

use super::{Catalog, Database, Keyspace, SYSTEM_STORAGE, Schema, Table, TableStatistics};
use crate::{
    base::{
        ids::{DatabaseId, IndexId, KeyspaceId, PartitionId, SchemaId, TableId},
        key,
    },
    error::{Error, Result},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{collections::BTreeMap, sync::Arc};

/// Counters of the catalog.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    pub version: u64,
    pub next_oid: u32,
    pub next_storage: u32,
}

/// The kinds of rows; the numbers are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Header = 0,
    Database = 1,
    Schema = 2,
    Keyspace = 3,
    Table = 4,
    /// With the number of its table.
    Statistics = 5,
}

/// Every key of the stored catalog starts with these bytes.
pub const SYSTEM_PREFIX: [u8; key::PREFIX_BYTES] = [0, 0, 0, SYSTEM_STORAGE.0 as u8, 0, 0, 0, 0];

/// The rows that turn `old` into `new`: user keys with the new value, or `None` where the row goes.
pub fn differences(old: Option<&Catalog>, new: &Catalog) -> Result<Vec<(Vec<u8>, Option<Vec<u8>>)>> {
    let empty = Catalog::default();
    let old = old.unwrap_or(&empty);
    let mut rows = Vec::new();
    if old.header != new.header {
        rows.push((row_key(Kind::Header, 0), Some(encode(&new.header)?)));
    }
    let ids = |id: &DatabaseId| id.0;
    compare(&mut rows, Kind::Database, &old.databases, &new.databases, ids)?;
    compare(&mut rows, Kind::Schema, &old.schemas, &new.schemas, |id: &SchemaId| id.0)?;
    compare(&mut rows, Kind::Keyspace, &old.keyspaces, &new.keyspaces, |id: &KeyspaceId| id.0)?;
    compare(&mut rows, Kind::Table, &old.tables, &new.tables, |id: &TableId| id.0)?;
    compare(&mut rows, Kind::Statistics, &old.statistics, &new.statistics, |id: &TableId| id.0)?;
    Ok(rows)
}

fn compare<Id: Ord, T: PartialEq + Serialize>(
    rows: &mut Vec<(Vec<u8>, Option<Vec<u8>>)>,
    kind: Kind,
    old: &BTreeMap<Id, Arc<T>>,
    new: &BTreeMap<Id, Arc<T>>,
    number: impl Fn(&Id) -> u32,
) -> Result<()> {
    for (id, object) in new {
        let same = old.get(id).is_some_and(|before| Arc::ptr_eq(before, object) || before == object);
        if !same {
            rows.push((row_key(kind, number(id)), Some(encode(object.as_ref())?)));
        }
    }
    for id in old.keys().filter(|id| !new.contains_key(id)) {
        rows.push((row_key(kind, number(id)), None));
    }
    Ok(())
}

/// Builds the catalog from all its rows, as (user key, value).
pub fn from_rows(rows: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Result<Catalog> {
    let mut catalog = Catalog::default();
    for (row_key, value) in rows {
        let Some((_, _, _, &[kind, _, _, _, _])) = key::split(&row_key) else {
            return Err(Error::corrupt(format!("catalog row has a key of {} bytes", row_key.len())));
        };
        match kind {
            kind if kind == Kind::Header as u8 => catalog.header = decode(&value)?,
            kind if kind == Kind::Database as u8 => catalog.put_database(decode::<Database>(&value)?),
            kind if kind == Kind::Schema as u8 => catalog.put_schema(decode::<Schema>(&value)?),
            kind if kind == Kind::Keyspace as u8 => catalog.put_keyspace(decode::<Keyspace>(&value)?),
            kind if kind == Kind::Table as u8 => catalog.put_table(decode::<Table>(&value)?),
            kind if kind == Kind::Statistics as u8 => catalog.put_statistics(decode::<TableStatistics>(&value)?),
            other => return Err(Error::corrupt(format!("catalog row of unknown kind {other}"))),
        }
    }
    Ok(catalog)
}

fn row_key(kind: Kind, id: u32) -> Vec<u8> {
    let mut bytes = key::prefix(SYSTEM_STORAGE, IndexId::PRIMARY, PartitionId(0)).to_vec();
    bytes.push(kind as u8);
    bytes.extend_from_slice(&id.to_be_bytes());
    bytes
}

fn encode<T: Serialize>(object: &T) -> Result<Vec<u8>> {
    rmp_serde::to_vec_named(object).map_err(|cause| Error::internal("catalog row cannot be encoded").with_cause(cause))
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    rmp_serde::from_slice(bytes).map_err(|cause| Error::corrupt(format!("catalog row cannot be decoded: {cause}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_give_back_the_catalog_and_changes_are_small() {
        let first = Catalog::bootstrap(2);
        let rows = differences(None, &first).unwrap();
        let read = from_rows(rows.into_iter().map(|(key, value)| (key, value.unwrap()))).unwrap();
        assert_eq!(read, first);

        let mut second = first.clone();
        second.advance();
        let id = SchemaId(second.next_oid());
        second.put_schema(Schema { id, database: DatabaseId(6), name: "s".into() });
        let changes = differences(Some(&first), &second).unwrap();
        assert_eq!(changes.len(), 2, "the header and the schema");
        let gone = differences(Some(&second), &first).unwrap();
        assert!(gone.iter().any(|(_, value)| value.is_none()));
    }

    #[test]
    fn broken_rows_are_refused() {
        assert!(from_rows([(vec![0; 3], vec![])]).is_err());
        assert!(from_rows([(row_key(Kind::Table, 1), vec![0xC1, 2, 3])]).is_err());
    }
}
