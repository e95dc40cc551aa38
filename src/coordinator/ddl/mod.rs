//! Changes of the catalog.
//!
//! A statement changes a copy of the catalog that belongs to its transaction; the commit makes it everybody's (see
//! `commit.rs`). The first change of a transaction takes the catalog's fence, so one transaction at a time changes the
//! catalog; each existing table that is changed is fenced on every core, so that writers with the old description wait,
//! and are sent back with 40001 if they had begun. New storages are filled under the same transaction: a crash or a
//! rollback leaves nothing behind.

mod alter;
mod fill;
mod index;
mod schema;
mod table;

use super::{commit::every_shard, insert::all, session::Session, transaction::Definition};
use crate::{
    base::{
        ids::{SchemaId, ShardId, StorageId, TableId},
        sqlstate::SqlState,
    },
    catalog::{Catalog, Table},
    error::{Error, Result},
    shard::Request,
    sql::define::Define,
};
use std::{collections::BTreeSet, sync::Arc};

/// The fence that serialises changes of the catalog: no table has this id.
const CATALOG_FENCE: TableId = TableId(0);

impl Session {
    /// Carries out a DDL statement; gives the command tag.
    pub(super) async fn run_define(&mut self, define: &Define) -> Result<String> {
        let tag = tag_of(define);
        self.check_writable(tag)?;
        self.begin_definition().await?;
        match define {
            Define::CreateDatabase { name } => self.create_database(name)?,
            Define::DropDatabase { name, if_exists } => self.drop_database(name, *if_exists).await?,
            Define::CreateSchema { name, if_not_exists } => self.create_schema(name, *if_not_exists)?,
            Define::DropSchema { names, if_exists, cascade } => self.drop_schemas(names, *if_exists, *cascade).await?,
            Define::CreateTable(create) => self.create_table(create)?,
            Define::DropTable { tables, missing } => self.drop_tables(tables, missing).await?,
            Define::Truncate { tables } => self.truncate(tables).await?,
            Define::CreateIndex(create) => self.create_index(create).await?,
            Define::DropIndex { indexes, missing } => self.drop_indexes(indexes, missing).await?,
            Define::AlterTable { table, actions } => self.alter_table(*table, actions).await?,
        }
        Ok(tag.to_string())
    }

    /// Makes the transaction one that changes the catalog.
    pub(super) async fn begin_definition(&mut self) -> Result<()> {
        self.begin_statement();
        let core = self.core.clone();
        let transaction = self.open_transaction();
        if transaction.definition.is_some() {
            return Ok(());
        }
        let request = Request::Fence { table: CATALOG_FENCE, transaction: transaction.id };
        // From here on shard 0 must be told of the transaction's end, whatever becomes of the fence.
        transaction.writers.insert(ShardId(0));
        let cancel = self.cancel.clone();
        cancel.race(core.shard.call(ShardId(0), request)).await?;
        let base = core.shard.catalog();
        let read_at = core.shard.sequencer().now();
        let definition = Definition {
            current: base.clone(),
            base,
            read_at,
            fenced: BTreeSet::new(),
            dropped: Vec::new(),
            made: Vec::new(),
        };
        self.open_transaction().definition = Some(definition);
        Ok(())
    }

    fn definition(&mut self) -> Result<&mut Definition> {
        let definition = self.transaction.as_mut().and_then(|transaction| transaction.definition.as_mut());
        definition.ok_or_else(|| Error::internal("the catalog is changed outside of a transaction"))
    }

    /// The transaction's own copy of the catalog.
    pub(super) fn catalog_mut(&mut self) -> Result<&mut Catalog> {
        Ok(Arc::make_mut(&mut self.definition()?.current))
    }

    /// Keeps other transactions from writing a table until this one ends.
    async fn fence(&mut self, table: TableId) -> Result<()> {
        let core = self.core.clone();
        let id = self.open_transaction().id;
        if !self.definition()?.fenced.insert(table) {
            return Ok(());
        }
        let request = || Request::Fence { table, transaction: id };
        let calls = every_shard(&core).into_iter().map(|shard| core.shard.call(shard, request())).collect();
        let cancel = self.cancel.clone();
        cancel.race(all(calls)).await?;
        Ok(())
    }

    /// A storage that goes if the transaction rolls back.
    fn new_storage(&mut self) -> Result<StorageId> {
        let storage = self.catalog_mut()?.next_storage();
        self.definition()?.made.push(storage);
        Ok(storage)
    }

    /// A storage that goes when the transaction commits.
    fn drop_storage(&mut self, storage: StorageId) -> Result<()> {
        self.definition()?.dropped.push(storage);
        Ok(())
    }

    fn table(&self, id: TableId) -> Result<Arc<Table>> {
        let catalog = self.catalog();
        let table = catalog.table(id).cloned();
        table.ok_or_else(|| Error::new(SqlState::UNDEFINED_TABLE, "the table does not exist any more"))
    }

    /// A free relation name: the wish itself, or with a number behind it.
    fn free_name(&self, schema: SchemaId, wish: &str) -> String {
        let catalog = self.catalog();
        let longest = crate::base::limits::IDENTIFIER_BYTES_MAX;
        let cut = |keep: usize| {
            let keep = (0..=keep.min(wish.len())).rev().find(|&end| wish.is_char_boundary(end)).unwrap_or(0);
            &wish[..keep]
        };
        let plain = cut(longest).to_string();
        if catalog.relation(schema, &plain).is_none() {
            return plain;
        }
        let mut number = 1;
        loop {
            let name = format!("{}{number}", cut(longest - 6));
            if catalog.relation(schema, &name).is_none() {
                return name;
            }
            number += 1;
        }
    }

    fn skipping(&mut self, state: SqlState, message: String) {
        self.notice(Error::new(state, message));
    }
}

fn relation_exists(name: &str) -> Error {
    Error::new(SqlState::DUPLICATE_TABLE, format!("relation \"{name}\" already exists"))
}

fn tag_of(define: &Define) -> &'static str {
    match define {
        Define::CreateDatabase { .. } => "CREATE DATABASE",
        Define::DropDatabase { .. } => "DROP DATABASE",
        Define::CreateSchema { .. } => "CREATE SCHEMA",
        Define::DropSchema { .. } => "DROP SCHEMA",
        Define::CreateTable(_) => "CREATE TABLE",
        Define::DropTable { .. } => "DROP TABLE",
        Define::Truncate { .. } => "TRUNCATE TABLE",
        Define::CreateIndex(_) => "CREATE INDEX",
        Define::DropIndex { .. } => "DROP INDEX",
        Define::AlterTable { .. } => "ALTER TABLE",
    }
}
