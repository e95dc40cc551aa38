//! Names of tables, indexes and schemas → what the catalog has.

use super::Binder;
use crate::{
    base::{sqlstate::SqlState, types::TypeKind},
    catalog::{Relation, Table},
    error::{Error, Result},
    sql::{
        names::{self, unquoted},
        system,
    },
};
use sqlparser::{
    ast::{self, Spanned},
    tokenizer::Span,
};
use std::sync::Arc;

/// A table's name as it was written.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pub schema: Option<String>,
    pub name: String,
    pub span: Span,
}

impl Name {
    pub fn shown(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{schema}.{}", self.name),
            None => self.name.clone(),
        }
    }
}

impl Binder<'_> {
    /// Takes a name apart: `[[database.]schema.]name`.
    pub(super) fn name(&self, tree: &ast::ObjectName) -> Result<Name> {
        let span = tree.span();
        let parts: Vec<String> = tree.0.iter().filter_map(|part| part.as_ident()).map(names::fold).collect();
        let (schema, name) = match parts.as_slice() {
            [name] => (None, name.clone()),
            [schema, name] => (Some(schema.clone()), name.clone()),
            [database, schema, name] => {
                let here = self.context.catalog.database(database).map(|database| database.id);
                if here != Some(self.context.database) {
                    let message = format!("cross-database references are not implemented: \"{}\"", parts.join("."));
                    return Err(self.error(SqlState::FEATURE_NOT_SUPPORTED, message, span));
                }
                (Some(schema.clone()), name.clone())
            }
            _ => {
                let message = format!("improper relation name (too many dotted names): {}", parts.join("."));
                return Err(self.error(SqlState::SYNTAX_ERROR, message, span));
            }
        };
        Ok(Name { schema, name, span })
    }

    /// The table of a name; 42P01 if there is none, 42809 if it is an index.
    pub(super) fn table(&mut self, name: &Name) -> Result<Arc<Table>> {
        match self.relation(name) {
            Some(Relation::Table(id)) => match self.context.catalog.table(id) {
                Some(table) => {
                    let table = table.clone();
                    self.depend(&table);
                    Ok(table)
                }
                None => Err(self.no_table(name)),
            },
            Some(Relation::Index(..)) => {
                Err(self.error(SqlState::WRONG_OBJECT_TYPE, format!("\"{}\" is an index", name.name), name.span))
            }
            None if system::relation(name.schema.as_deref(), &name.name).is_some() => {
                let message = format!("permission denied: \"{}\" is a system catalog", name.name);
                Err(self.error(SqlState::INSUFFICIENT_PRIVILEGE, message, name.span))
            }
            None => Err(self.no_table(name)),
        }
    }

    /// The table of a name, `None` if there is none.
    pub(super) fn table_if_exists(&mut self, name: &Name) -> Result<Option<Arc<Table>>> {
        match self.relation(name) {
            None => Ok(None),
            Some(_) => self.table(name).map(Some),
        }
    }

    /// What the catalog has by a name.
    pub(super) fn relation(&self, name: &Name) -> Option<Relation> {
        let context = self.context;
        context.catalog.resolve_relation(context.database, context.search_path, name.schema.as_deref(), &name.name)
    }

    /// 42P01, with the nearest name.
    pub(super) fn no_table(&self, name: &Name) -> Error {
        let error = Error::new(SqlState::UNDEFINED_TABLE, format!("relation \"{}\" does not exist", name.shown()));
        let catalog = self.context.catalog;
        let searched = |table: &&Arc<Table>| {
            let schema = catalog.schema(table.schema).filter(|schema| schema.database == self.context.database);
            schema.is_some_and(|schema| match &name.schema {
                Some(wanted) => schema.name == *wanted,
                None => self.context.search_path.contains(&schema.name),
            })
        };
        let tables = catalog.tables().filter(searched).map(|table| (None, table.name.as_str()));
        let error = match super::scope::nearest(&name.name, tables) {
            Some((_, near)) => error.with_hint(format!("Perhaps you meant the table \"{near}\".")),
            None => error,
        };
        self.at(error, name.span)
    }

    /// The object id that a literal of regclass, regtype or regnamespace names.
    pub(super) fn object_named(&self, written: &str, kind: TypeKind, span: Span) -> Result<u32> {
        let written = written.trim();
        if let Ok(oid) = written.parse::<u32>() {
            return Ok(oid);
        }
        if written == "-" {
            return Ok(0);
        }
        let found = match kind {
            TypeKind::Regtype => crate::base::types::DataType::from_name(written).map(|data_type| data_type.oid()),
            TypeKind::Regnamespace => self.namespace_oid(&unquoted(written)),
            TypeKind::Regclass => self.class_oid(written, span)?,
            _ => None,
        };
        let (what, state) = match kind {
            TypeKind::Regtype => ("type", SqlState::UNDEFINED_OBJECT),
            TypeKind::Regnamespace => ("schema", SqlState::INVALID_SCHEMA_NAME),
            TypeKind::Regclass => ("relation", SqlState::UNDEFINED_TABLE),
            _ => ("function", SqlState::UNDEFINED_FUNCTION),
        };
        found.ok_or_else(|| self.error(state, format!("{what} \"{written}\" does not exist"), span))
    }

    fn namespace_oid(&self, name: &str) -> Option<u32> {
        let schema = self.context.catalog.resolve_schema(self.context.database, name);
        schema.map(|schema| schema.id.0).or_else(|| system::namespace_oid(name))
    }

    fn class_oid(&self, written: &str, span: Span) -> Result<Option<u32>> {
        let parts: Vec<String> = written.split('.').map(unquoted).collect();
        let (schema, name) = match parts.as_slice() {
            [name] => (None, name.clone()),
            [schema, name] => (Some(schema.clone()), name.clone()),
            _ => return Ok(None),
        };
        let name = Name { schema, name, span };
        Ok(match self.relation(&name) {
            Some(Relation::Table(id)) => Some(id.0),
            Some(Relation::Index(id, index)) => self.context.catalog.table(id).and_then(|table| match index {
                Some(index) => table.index(index).map(|index| index.oid),
                None => table.primary_key.as_ref().map(|key| key.oid),
            }),
            None => system::relation(name.schema.as_deref(), &name.name).map(|relation| relation.oid),
        })
    }
}
