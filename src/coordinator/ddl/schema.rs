//! Databases and schemas.

use crate::{
    base::{
        ids::{DatabaseId, SchemaId, TableId},
        sqlstate::SqlState,
    },
    catalog::{Database, Schema},
    coordinator::session::Session,
    error::{Error, Result},
};

impl Session {
    pub(super) fn create_database(&mut self, name: &str) -> Result<()> {
        self.not_in_a_block("CREATE DATABASE")?;
        if self.catalog().database(name).is_some() {
            let message = format!("database \"{name}\" already exists");
            return Err(Error::new(SqlState::DUPLICATE_DATABASE, message));
        }
        let catalog = self.catalog_mut()?;
        let database = DatabaseId(catalog.next_oid());
        catalog.put_database(Database { id: database, name: name.to_string() });
        let id = SchemaId(catalog.next_oid());
        catalog.put_schema(Schema { id, database, name: "public".into() });
        Ok(())
    }

    pub(super) async fn drop_database(&mut self, name: &str, if_exists: bool) -> Result<()> {
        self.not_in_a_block("DROP DATABASE")?;
        let Some(database) = self.catalog().database(name).map(|database| database.id) else {
            let message = format!("database \"{name}\" does not exist");
            if if_exists {
                self.skipping(SqlState::SUCCESSFUL_COMPLETION, format!("{message}, skipping"));
                return Ok(());
            }
            return Err(Error::new(SqlState::INVALID_CATALOG_NAME, message));
        };
        if database == self.database {
            return Err(Error::new(SqlState::OBJECT_IN_USE, "cannot drop the currently open database"));
        }
        let schemas: Vec<SchemaId> = self.catalog().schemas(database).map(|schema| schema.id).collect();
        for schema in schemas {
            let tables = self.tables_of(schema);
            self.drop_tables(&tables, &[]).await?;
        }
        self.catalog_mut()?.remove_database(database);
        Ok(())
    }

    pub(super) fn create_schema(&mut self, name: &str, if_not_exists: bool) -> Result<()> {
        let database = self.database;
        if name.starts_with("pg_") {
            let message = format!("unacceptable schema name \"{name}\"");
            return Err(Error::new(SqlState::RESERVED_NAME, message)
                .with_detail("The prefix \"pg_\" is reserved for system schemas."));
        }
        if self.catalog().resolve_schema(database, name).is_some() {
            let message = format!("schema \"{name}\" already exists");
            if if_not_exists {
                self.skipping(SqlState::DUPLICATE_SCHEMA, format!("{message}, skipping"));
                return Ok(());
            }
            return Err(Error::new(SqlState::DUPLICATE_SCHEMA, message));
        }
        let catalog = self.catalog_mut()?;
        let id = SchemaId(catalog.next_oid());
        catalog.put_schema(Schema { id, database, name: name.to_string() });
        Ok(())
    }

    pub(super) async fn drop_schemas(&mut self, names: &[String], if_exists: bool, cascade: bool) -> Result<()> {
        for name in names {
            let Some(schema) = self.catalog().resolve_schema(self.database, name).map(|schema| schema.id) else {
                let message = format!("schema \"{name}\" does not exist");
                if if_exists {
                    self.skipping(SqlState::SUCCESSFUL_COMPLETION, format!("{message}, skipping"));
                    continue;
                }
                return Err(Error::new(SqlState::INVALID_SCHEMA_NAME, message));
            };
            let tables = self.tables_of(schema);
            if !tables.is_empty() && !cascade {
                let message = format!("cannot drop schema {name} because other objects depend on it");
                let error = Error::new(SqlState::DEPENDENT_OBJECTS_STILL_EXIST, message);
                return Err(error.with_hint("Use DROP ... CASCADE to drop the dependent objects too."));
            }
            self.drop_tables(&tables, &[]).await?;
            self.catalog_mut()?.remove_schema(schema);
        }
        Ok(())
    }

    fn tables_of(&self, schema: SchemaId) -> Vec<TableId> {
        let catalog = self.catalog();
        catalog.tables().filter(|table| table.schema == schema).map(|table| table.id).collect()
    }

    fn not_in_a_block(&self, what: &str) -> Result<()> {
        match &self.transaction {
            Some(transaction) if transaction.explicit => Err(Error::new(
                SqlState::ACTIVE_SQL_TRANSACTION,
                format!("{what} cannot run inside a transaction block"),
            )),
            _ => Ok(()),
        }
    }
}
