//! Row 2: what exists. Databases, schemas, tables, indexes, keyspaces and their partition maps, as pure data.
//!
//! A [`Catalog`] is an immutable, versioned picture. Every core holds the newest one. A transaction that changes it works
//! on a copy; its commit writes what differs as rows of the system keyspace ([`stored`]) and then hands the new picture to
//! every core. Nothing here reads a disk, a clock or a network, and nothing here checks privileges.
//!
//! Invariants: names are unique within their schema (tables and indexes share one name space); ids and storages are never
//! used twice; every table's keyspace and schema exist. Start with [`Catalog::bootstrap`], then `stored.rs`.

mod descriptor;
mod statistics;
mod stored;

pub use descriptor::{Column, Database, Index, IndexColumn, Keyspace, PrimaryKey, Schema, Table};
pub use statistics::{ColumnStatistics, TableStatistics};
pub use stored::{SYSTEM_PREFIX, differences, from_rows};

use stored::Header;

use crate::{
    base::ids::{DatabaseId, IndexId, KeyspaceId, PartitionId, SchemaId, ShardId, StorageId, TableId},
    base::key,
};
use std::{collections::BTreeMap, sync::Arc};

/// The system keyspace: one partition, on the first shard.
pub const SYSTEM_KEYSPACE: KeyspaceId = KeyspaceId(1);
/// The keyspace of SQL tables made without options.
pub const SQL_KEYSPACE: KeyspaceId = KeyspaceId(2);
/// The keyspace of the key-value namespace.
pub const KEY_VALUE_KEYSPACE: KeyspaceId = KeyspaceId(3);
/// Where the catalog's own rows lie.
pub const SYSTEM_STORAGE: StorageId = StorageId(1);
/// Where the key-value namespace lies.
pub const KEY_VALUE_STORAGE: StorageId = StorageId(2);

/// Partitions per core that a SQL keyspace starts with.
const SQL_PARTITIONS_PER_SHARD: u16 = 4;
/// Partitions of the key-value namespace.
const KEY_VALUE_PARTITIONS: u16 = 128;
/// The first id that users' objects get, as in PostgreSQL.
const FIRST_USER_OID: u32 = 16_384;
/// The first storage of users' tables; those below are the system's own.
const FIRST_USER_STORAGE: u32 = 100;

/// Everything that exists, at one version.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalog {
    /// Counters and version, stored as a row of its own, so that two changes at once collide there.
    header: Header,
    databases: BTreeMap<DatabaseId, Arc<Database>>,
    schemas: BTreeMap<SchemaId, Arc<Schema>>,
    keyspaces: BTreeMap<KeyspaceId, Arc<Keyspace>>,
    tables: BTreeMap<TableId, Arc<Table>>,
    /// Of tables that were analyzed.
    statistics: BTreeMap<TableId, Arc<TableStatistics>>,
    /// Derived: tables and their indexes by name.
    relations: BTreeMap<SchemaId, BTreeMap<String, Relation>>,
    /// Derived: which table a storage belongs to.
    storages: BTreeMap<StorageId, TableId>,
}

/// What a relation name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    Table(TableId),
    /// An index of a table, by its position in `Table::indexes`; `None` is the primary key's.
    Index(TableId, Option<IndexId>),
}

impl Catalog {
    /// The catalog of a new node with `shards` cores: the databases `distdb` and `postgres`, each with a schema `public`.
    pub fn bootstrap(shards: u16) -> Catalog {
        let mut catalog = Catalog {
            header: Header { version: 1, next_oid: FIRST_USER_OID, next_storage: FIRST_USER_STORAGE },
            ..Catalog::default()
        };
        let spread = |partitions: u16| (0..partitions).map(|partition| ShardId(partition % shards)).collect();
        for (id, name, partitions) in [
            (SYSTEM_KEYSPACE, "system", vec![ShardId(0)]),
            (SQL_KEYSPACE, "sql", spread(SQL_PARTITIONS_PER_SHARD * shards)),
            (KEY_VALUE_KEYSPACE, "key_value", spread(KEY_VALUE_PARTITIONS)),
        ] {
            catalog.keyspaces.insert(id, Arc::new(Keyspace { id, name: name.into(), partitions }));
        }
        for (database, name, schema) in [(5, "postgres", 2200), (6, "distdb", 2201)] {
            let (id, schema) = (DatabaseId(database), SchemaId(schema));
            catalog.databases.insert(id, Arc::new(Database { id, name: name.into() }));
            catalog.schemas.insert(schema, Arc::new(Schema { id: schema, database: id, name: "public".into() }));
        }
        catalog
    }

    /// Grows with every change.
    pub fn version(&self) -> u64 {
        self.header.version
    }

    /// Marks this copy as the successor of the catalog it was made from.
    pub fn advance(&mut self) {
        self.header.version += 1;
    }

    /// A new id for a database, schema, table or index.
    pub fn next_oid(&mut self) -> u32 {
        self.header.next_oid += 1;
        self.header.next_oid - 1
    }

    /// A new place for rows.
    pub fn next_storage(&mut self) -> StorageId {
        self.header.next_storage += 1;
        StorageId(self.header.next_storage - 1)
    }

    /// Storages from this one on do not exist yet.
    pub fn storages_end(&self) -> StorageId {
        StorageId(self.header.next_storage)
    }

    /// All databases.
    pub fn databases(&self) -> impl Iterator<Item = &Arc<Database>> {
        self.databases.values()
    }

    /// A database by name.
    pub fn database(&self, name: &str) -> Option<&Arc<Database>> {
        self.databases.values().find(|database| database.name == name)
    }

    /// All schemas of a database.
    pub fn schemas(&self, database: DatabaseId) -> impl Iterator<Item = &Arc<Schema>> {
        self.schemas.values().filter(move |schema| schema.database == database)
    }

    /// A schema by id.
    pub fn schema(&self, id: SchemaId) -> Option<&Arc<Schema>> {
        self.schemas.get(&id)
    }

    /// A schema by name.
    pub fn resolve_schema(&self, database: DatabaseId, name: &str) -> Option<&Arc<Schema>> {
        self.schemas(database).find(|schema| schema.name == name)
    }

    /// A keyspace by id.
    pub fn keyspace(&self, id: KeyspaceId) -> Option<&Arc<Keyspace>> {
        self.keyspaces.get(&id)
    }

    /// All keyspaces.
    pub fn keyspaces(&self) -> impl Iterator<Item = &Arc<Keyspace>> {
        self.keyspaces.values()
    }

    /// A table by id.
    pub fn table(&self, id: TableId) -> Option<&Arc<Table>> {
        self.tables.get(&id)
    }

    /// All tables, of every database.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.tables.values()
    }

    /// The table whose rows lie in a storage.
    pub fn table_of_storage(&self, storage: StorageId) -> Option<&Arc<Table>> {
        self.tables.get(self.storages.get(&storage)?)
    }

    /// What a name in a schema stands for.
    pub fn relation(&self, schema: SchemaId, name: &str) -> Option<Relation> {
        self.relations.get(&schema)?.get(name).copied()
    }

    /// What a name means for a session: in the schema given, or in the first schema of the search path that has it.
    pub fn resolve_relation(
        &self,
        database: DatabaseId,
        search_path: &[String],
        schema: Option<&str>,
        name: &str,
    ) -> Option<Relation> {
        let find = |schema: &str| self.relation(self.resolve_schema(database, schema)?.id, name);
        match schema {
            Some(schema) => find(schema),
            None => search_path.iter().find_map(|schema| find(schema)),
        }
    }

    /// A table by name, as [`Catalog::resolve_relation`].
    pub fn resolve_table(
        &self,
        database: DatabaseId,
        search_path: &[String],
        schema: Option<&str>,
        name: &str,
    ) -> Option<&Arc<Table>> {
        match self.resolve_relation(database, search_path, schema, name)? {
            Relation::Table(id) => self.table(id),
            Relation::Index(..) => None,
        }
    }

    /// The shard that holds a partition of a keyspace.
    pub fn shard_of(&self, keyspace: KeyspaceId, partition: PartitionId) -> Option<ShardId> {
        self.keyspaces.get(&keyspace)?.partitions.get(usize::from(partition.0)).copied()
    }

    /// The shard that holds a user key.
    pub fn shard_of_key(&self, key: &[u8]) -> Option<ShardId> {
        let (storage, _, partition, _) = key::split(key)?;
        let keyspace = match storage {
            SYSTEM_STORAGE => SYSTEM_KEYSPACE,
            KEY_VALUE_STORAGE => KEY_VALUE_KEYSPACE,
            _ => self.table_of_storage(storage)?.keyspace,
        };
        self.shard_of(keyspace, partition)
    }

    /// Adds or replaces a database.
    pub fn put_database(&mut self, database: Database) {
        self.databases.insert(database.id, Arc::new(database));
    }

    /// Removes a database, its schemas and their tables.
    pub fn remove_database(&mut self, id: DatabaseId) {
        let schemas: Vec<SchemaId> = self.schemas(id).map(|schema| schema.id).collect();
        schemas.into_iter().for_each(|schema| self.remove_schema(schema));
        self.databases.remove(&id);
    }

    /// Adds or replaces a schema.
    pub fn put_schema(&mut self, schema: Schema) {
        self.schemas.insert(schema.id, Arc::new(schema));
    }

    /// Removes a schema and its tables.
    pub fn remove_schema(&mut self, id: SchemaId) {
        let tables: Vec<TableId> =
            self.tables.values().filter(|table| table.schema == id).map(|table| table.id).collect();
        tables.into_iter().for_each(|table| self.remove_table(table));
        self.schemas.remove(&id);
    }

    /// Adds or replaces a keyspace.
    pub fn put_keyspace(&mut self, keyspace: Keyspace) {
        self.keyspaces.insert(keyspace.id, Arc::new(keyspace));
    }

    /// Adds a table, or replaces the one with its id. The caller has seen to it that its names are free.
    pub fn put_table(&mut self, table: Table) {
        self.forget_table(table.id);
        let names = self.relations.entry(table.schema).or_default();
        for (name, relation) in relations_of(&table) {
            names.insert(name, relation);
        }
        self.storages.insert(table.storage, table.id);
        self.tables.insert(table.id, Arc::new(table));
    }

    /// Removes a table with its indexes and statistics.
    pub fn remove_table(&mut self, id: TableId) {
        self.forget_table(id);
        self.statistics.remove(&id);
    }

    /// What was found out about a table, if its rows are still those that were looked at.
    pub fn statistics(&self, table: &Table) -> Option<&Arc<TableStatistics>> {
        self.statistics.get(&table.id).filter(|found| found.storage == table.storage)
    }

    /// Adds or replaces the statistics of a table.
    pub fn put_statistics(&mut self, statistics: TableStatistics) {
        self.statistics.insert(statistics.table, Arc::new(statistics));
    }

    fn forget_table(&mut self, id: TableId) {
        let Some(table) = self.tables.remove(&id) else { return };
        if let Some(names) = self.relations.get_mut(&table.schema) {
            relations_of(&table).for_each(|(name, _)| {
                names.remove(&name);
            });
        }
        self.storages.remove(&table.storage);
    }
}

/// The names a table takes in its schema.
fn relations_of(table: &Table) -> impl Iterator<Item = (String, Relation)> + '_ {
    let primary = table.primary_key.iter().map(|key| (key.name.clone(), Relation::Index(table.id, None)));
    let indexes = table.indexes.iter().map(|index| (index.name.clone(), Relation::Index(table.id, Some(index.id))));
    std::iter::once((table.name.clone(), Relation::Table(table.id))).chain(primary).chain(indexes)
}
