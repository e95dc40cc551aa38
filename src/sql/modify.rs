//! From rows to writes: which keys a changed row touches, its index entries included.
//!
//! Pure: it neither reads what is there nor decides conflicts; that is done by the shard that owns each key. NOT NULL is
//! checked here, because it needs nothing but the row.
//!
//! A row's key is its primary key (or a hidden 64-bit row id); the partition is the hash of that key. A unique index is
//! global: its entry lies where its own columns hash to. Any other index is local: its entry lies in the row's partition.
//! Start with [`Layout::insert`].

use crate::{
    base::{
        ids::{IndexId, PartitionId},
        key, row,
        sqlstate::SqlState,
        types::{DataType, TypeKind},
        value::Value,
        write::{Write, WriteKind},
    },
    catalog::{Catalog, Index, Keyspace, Table},
    error::{Error, Result},
};

/// A table with what turning rows into writes needs at hand.
pub struct Layout<'a> {
    table: &'a Table,
    /// Number of partitions of the table's keyspace.
    partitions: u16,
    /// Types by stored position.
    types: Vec<DataType>,
}

impl<'a> Layout<'a> {
    /// The layout of a table in its keyspace.
    pub fn new(table: &'a Table, keyspace: &Keyspace) -> Layout<'a> {
        let types = table.columns.iter().map(|column| column.data_type).collect();
        Layout { table, partitions: keyspace.partitions.len() as u16, types }
    }

    /// The writes of a new row. `values` has one value per stored position (NULL for dropped columns); `row_id` is used by
    /// tables without a primary key.
    pub fn insert(&self, values: &[Value], row_id: i64) -> Result<Vec<Write>> {
        self.check_not_null(values)?;
        let key = self.row_key(values, row_id)?;
        let mut writes = Vec::with_capacity(1 + self.table.indexes.len());
        self.index_entries(&key, values, |entry, value| writes.push(Write { key: entry, kind: value }))?;
        writes.insert(0, Write { key, kind: WriteKind::Insert(self.encode(values)) });
        Ok(writes)
    }

    /// The writes that remove the row at `key`, which holds `old`.
    pub fn delete(&self, key: &[u8], old: &[Value]) -> Result<Vec<Write>> {
        let mut writes = vec![Write { key: key.to_vec(), kind: WriteKind::Delete }];
        self.index_entries(key, old, |entry, _| writes.push(Write { key: entry, kind: WriteKind::Delete }))?;
        Ok(writes)
    }

    /// The writes that turn the row at `key` from `old` into `new`.
    pub fn update(&self, key: &[u8], old: &[Value], new: &[Value]) -> Result<Vec<Write>> {
        self.check_not_null(new)?;
        let moved = self.table.key_positions().any(|position| !same(&old[position], &new[position]));
        if moved {
            let mut writes = self.delete(key, old)?;
            writes.extend(self.insert(new, 0)?);
            return Ok(merge_same_key(writes));
        }
        let mut writes = vec![Write { key: key.to_vec(), kind: WriteKind::Put(self.encode(new)) }];
        for index in &self.table.indexes {
            let unchanged = index.columns.iter().all(|part| {
                let position = usize::from(part.column.0);
                same(&old[position], &new[position])
            });
            if unchanged {
                continue;
            }
            let (before, _) = self.index_entry(index, key, old)?;
            let (after, kind) = self.index_entry(index, key, new)?;
            writes.push(Write { key: before, kind: WriteKind::Delete });
            writes.push(Write { key: after, kind });
        }
        Ok(merge_same_key(writes))
    }

    /// The user key of a row.
    pub fn row_key(&self, values: &[Value], row_id: i64) -> Result<Vec<u8>> {
        let mut columns = Vec::with_capacity(32);
        match &self.table.primary_key {
            None => encode_part(&Value::Int8(row_id), DataType::of(TypeKind::Int8), &mut columns),
            Some(_) => {
                for position in self.table.key_positions() {
                    encode_part(&values[position], self.types[position], &mut columns);
                }
            }
        }
        self.primary_key_from(&columns)
    }

    /// The user key of the row whose encoded key columns are given.
    pub fn primary_key_from(&self, columns: &[u8]) -> Result<Vec<u8>> {
        let partition = key::partition_of(columns, self.partitions);
        self.assemble(IndexId::PRIMARY, partition, columns)
    }

    /// The stored form of a row.
    pub fn encode(&self, values: &[Value]) -> Vec<u8> {
        row::encode(self.table.version, values, &self.types)
    }

    /// One entry per index for a row that lies at `row_key`.
    pub fn index_entries(
        &self,
        row_key: &[u8],
        values: &[Value],
        mut entry: impl FnMut(Vec<u8>, WriteKind),
    ) -> Result<()> {
        for index in &self.table.indexes {
            let (key, kind) = self.index_entry(index, row_key, values)?;
            entry(key, kind);
        }
        Ok(())
    }

    /// The entry of one index for a row that lies at `row_key`.
    pub fn index_entry(&self, index: &Index, row_key: &[u8], values: &[Value]) -> Result<(Vec<u8>, WriteKind)> {
        let Some((_, _, row_partition, primary_key)) = key::split(row_key) else {
            return Err(Error::internal("row key without a prefix"));
        };
        let mut columns = Vec::with_capacity(48);
        let mut null = false;
        for part in &index.columns {
            let position = usize::from(part.column.0);
            null |= matches!(values[position], Value::Null);
            let data_type = self.types[position];
            key::encode_value(&values[position], data_type, part.descending, part.nulls_first, &mut columns);
        }
        if index.unique && !null {
            let partition = key::partition_of(&columns, self.partitions);
            let key = self.assemble(index.id, partition, &columns)?;
            return Ok((key, WriteKind::Insert(primary_key.to_vec())));
        }
        let partition = if index.unique { key::partition_of(&columns, self.partitions) } else { row_partition };
        columns.extend_from_slice(primary_key);
        // The primary key is the value of every unique entry, so that readers treat them alike.
        let value = if index.unique { primary_key.to_vec() } else { Vec::new() };
        Ok((self.assemble(index.id, partition, &columns)?, WriteKind::Put(value)))
    }

    fn assemble(&self, index: IndexId, partition: PartitionId, columns: &[u8]) -> Result<Vec<u8>> {
        let length = key::PREFIX_BYTES + columns.len();
        if length > crate::base::limits::KEY_BYTES_MAX {
            return Err(Error::new(
                SqlState::PROGRAM_LIMIT_EXCEEDED,
                format!("key of table \"{}\" has {length} bytes", self.table.name),
            )
            .with_detail(format!("The maximum is {} bytes.", crate::base::limits::KEY_BYTES_MAX))
            .with_hint("Index a shorter column, or a hash of the value."));
        }
        let mut bytes = Vec::with_capacity(length);
        bytes.extend_from_slice(&key::prefix(self.table.storage, index, partition));
        bytes.extend_from_slice(columns);
        Ok(bytes)
    }

    fn check_not_null(&self, values: &[Value]) -> Result<()> {
        for (position, column) in self.table.live_columns() {
            if column.not_null && matches!(values[position], Value::Null) {
                let message = format!(
                    "null value in column \"{}\" of relation \"{}\" violates not-null constraint",
                    column.name, self.table.name
                );
                return Err(Error::new(SqlState::NOT_NULL_VIOLATION, message)
                    .with_detail(format!("Failing row contains ({}).", self.show(values)))
                    .with_table("public", &self.table.name)
                    .with_column(&column.name));
            }
        }
        Ok(())
    }

    fn show(&self, values: &[Value]) -> String {
        let shown = self.table.live_columns().map(|(position, column)| show(&values[position], column.data_type));
        shown.collect::<Vec<_>>().join(", ")
    }
}

fn encode_part(value: &Value, data_type: DataType, out: &mut Vec<u8>) {
    key::encode_value(value, data_type, false, false, out);
}

/// A value as error details show it, shortened as PostgreSQL does.
fn show(value: &Value, data_type: DataType) -> String {
    const SHOWN_CHARACTERS_MAX: usize = 64;
    if matches!(value, Value::Null) {
        return "null".into();
    }
    let mut bytes = Vec::new();
    crate::base::text::write(value, data_type, &mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    match text.char_indices().nth(SHOWN_CHARACTERS_MAX) {
        None => text.into_owned(),
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}

/// Equality in which NULL equals NULL and values that print differently (1.0 and 1.00) are different.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Null, _) | (_, Value::Null) => false,
        _ => left.compare(right).is_eq(),
    }
}

/// Where a key is deleted and written again, the write alone remains, as a put: the old version is the row's own.
fn merge_same_key(writes: Vec<Write>) -> Vec<Write> {
    let mut merged: Vec<Write> = Vec::with_capacity(writes.len());
    for write in writes {
        match merged.iter_mut().find(|before| before.key == write.key) {
            Some(before) => {
                before.kind = match write.kind {
                    WriteKind::Insert(value) | WriteKind::Put(value) => WriteKind::Put(value),
                    WriteKind::Delete => WriteKind::Delete,
                };
            }
            None => merged.push(write),
        }
    }
    merged
}

/// The error for a key that exists already (23505), with the constraint's name and the values; with the key alone where
/// this catalog does not have the constraint (yet).
pub fn duplicate_key(catalog: &Catalog, user_key: &[u8]) -> Error {
    let fallback =
        || Error::new(SqlState::UNIQUE_VIOLATION, "duplicate key value violates unique constraint").with_key(user_key);
    let Some((storage, index, _, columns)) = key::split(user_key) else { return fallback() };
    let Some(table) = catalog.table_of_storage(storage) else { return fallback() };
    let (name, parts): (&str, Vec<(usize, bool)>) = match (index, &table.primary_key) {
        (IndexId::PRIMARY, Some(primary)) => {
            (&primary.name, table.key_positions().map(|position| (position, false)).collect())
        }
        _ => match table.index(index) {
            Some(index) => {
                let parts = index.columns.iter();
                let parts = parts.map(|part| (usize::from(part.column.0), part.descending));
                (&index.name, parts.collect())
            }
            None => return fallback(),
        },
    };
    let schema = catalog.schema(table.schema).map_or("public", |schema| schema.name.as_str());
    let message = format!("duplicate key value violates unique constraint \"{name}\"");
    let error = Error::new(SqlState::UNIQUE_VIOLATION, message).with_table(schema, &table.name).with_constraint(name);
    match decode_parts(table, &parts, columns) {
        Some((names, values)) => error.with_detail(format!("Key ({names})=({values}) already exists.")),
        None => error,
    }
}

fn decode_parts(table: &Table, parts: &[(usize, bool)], mut bytes: &[u8]) -> Option<(String, String)> {
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for &(position, descending) in parts {
        let column = &table.columns[position];
        let value = key::decode_value(&mut bytes, column.data_type, descending).ok()?;
        names.push(column.name.clone());
        values.push(show(&value, column.data_type));
    }
    Some((names.join(", "), values.join(", ")))
}
