//! A prepared statement: its text, its syntax tree, and its plan, which is made again when a table it uses has changed.

use super::{live::Live, session::Session};
use crate::{
    base::{
        ids::DatabaseId,
        types::{DataType, TypeKind},
    },
    catalog::{Catalog, Table, TableStatistics},
    error::Result,
    sql::{
        self,
        expr::Expr,
        parse::Parsed,
        plan::{Body, Field, Statement, statistics::Statistics},
        utility::Utility,
    },
};
use std::{cell::RefCell, rc::Rc, sync::Arc};

/// A statement ready to run any number of times.
pub struct Prepared {
    parsed: Parsed,
    /// Parameter types and result columns as told to the client; a new plan must not change them.
    parameters: Vec<DataType>,
    fields: Rc<[Field]>,
    plan: RefCell<Plan>,
}

struct Plan {
    statement: Arc<Statement>,
    /// What it was planned for.
    database: DatabaseId,
    search_path: String,
    catalog_version: u64,
}

impl Prepared {
    /// Binds and plans a statement in a session. Parameter types of oid 0 are left to inference.
    pub(super) fn new(session: &Session, parsed: Parsed, parameter_oids: &[u32]) -> Result<Prepared> {
        let types: Vec<Option<DataType>> = parameter_oids.iter().map(|&oid| declared_type(oid)).collect();
        let catalog = session.catalog();
        let statement = plan(session, &catalog, &parsed, &types)?;
        Ok(Prepared {
            parameters: statement.parameters.clone(),
            fields: statement.fields.as_slice().into(),
            plan: RefCell::new(Plan {
                statement: Arc::new(statement),
                database: session.database,
                search_path: session.settings.get("search_path").unwrap_or_default(),
                catalog_version: catalog.version(),
            }),
            parsed,
        })
    }

    /// The statement as parsed.
    pub fn parsed(&self) -> &Parsed {
        &self.parsed
    }

    /// Types of its parameters.
    pub fn parameters(&self) -> &[DataType] {
        &self.parameters
    }

    /// Columns it returns; empty for none.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The same, to keep.
    pub(super) fn shared_fields(&self) -> Rc<[Field]> {
        self.fields.clone()
    }

    /// The plan, made anew if what it depends on has changed.
    pub(super) fn statement(&self, session: &Session) -> Result<Arc<Statement>> {
        let catalog = session.catalog();
        let in_definition = session.transaction.as_ref().is_some_and(|open| open.definition.is_some());
        {
            let mut plan = self.plan.borrow_mut();
            if plan.catalog_version == catalog.version() && !in_definition {
                return Ok(plan.statement.clone());
            }
            let same = plan.database == session.database
                && session.settings.get("search_path").as_deref() == Some(plan.search_path.as_str())
                && !plan.statement.dependencies.is_empty()
                && matches!(plan.statement.body, Body::Query(_) | Body::Insert { .. } | Body::PointRead { .. })
                && is_current(&plan, &catalog);
            if same {
                plan.catalog_version = catalog.version();
                return Ok(plan.statement.clone());
            }
        }
        let types: Vec<Option<DataType>> = self.parameters.iter().copied().map(Some).collect();
        let statement = Arc::new(plan(session, &catalog, &self.parsed, &types)?);
        if statement.fields.iter().map(|field| field.data_type).ne(self.fields.iter().map(|field| field.data_type)) {
            let message = "cached plan must not change result type";
            return Err(crate::Error::new(crate::base::sqlstate::SqlState::FEATURE_NOT_SUPPORTED, message)
                .with_hint("Prepare the statement again."));
        }
        *self.plan.borrow_mut() = Plan {
            statement: statement.clone(),
            database: session.database,
            search_path: session.settings.get("search_path").unwrap_or_default(),
            catalog_version: catalog.version(),
        };
        Ok(statement)
    }
}

/// Whether every table the statement was planned with is as it was then, and no more is known about it.
fn is_current(plan: &Plan, catalog: &Catalog) -> bool {
    let current = |&(table, version): &(_, u32)| {
        catalog.table(table).is_some_and(|table| {
            let known = catalog.statistics(table).map_or(0, |found| found.version);
            table.version == version && known <= plan.catalog_version
        })
    };
    plan.statement.dependencies.iter().all(current)
}

fn declared_type(oid: u32) -> Option<DataType> {
    DataType::from_oid(oid).filter(|data_type| data_type.kind != TypeKind::Unknown)
}

/// Binds and plans.
fn plan(session: &Session, catalog: &Catalog, parsed: &Parsed, types: &[Option<DataType>]) -> Result<Statement> {
    let mut statement = session.with_bind_context(catalog, |bind| sql::prepare(parsed, bind, types))?;
    // Only the session knows its cursors.
    if let Body::Utility(Utility::Fetch { name, moves: false, .. }) = &statement.body {
        statement.fields = session.cursor_fields(name)?.to_vec();
    }
    Ok(statement)
}

/// What the optimizer may know of the tables of a catalog.
struct Known<'a> {
    catalog: &'a Catalog,
    live: &'a Live,
    cores: usize,
}

impl Statistics for Known<'_> {
    fn rows(&self, table: &Table) -> Option<f64> {
        self.live.rows(self.catalog, table)
    }

    fn analyzed(&self, table: &Table) -> Option<&TableStatistics> {
        self.catalog.statistics(table).map(Arc::as_ref)
    }

    fn cores(&self) -> usize {
        self.cores
    }
}

impl Session {
    /// The DEFAULT of a column as an expression of its type.
    pub(super) fn bind_default(&self, text: &str, data_type: DataType) -> Result<Expr> {
        self.with_bind_context(&self.catalog(), |bind| sql::bind::default_value(text, data_type, bind))
    }

    fn with_bind_context<T>(&self, catalog: &Catalog, body: impl FnOnce(&sql::BindContext) -> Result<T>) -> Result<T> {
        let search_path = self.search_path();
        let settings = |name: &str| self.settings.get(name);
        let statistics = Known { catalog, live: &self.core.live, cores: usize::from(self.core.shard.count()) };
        body(&sql::BindContext {
            catalog,
            database: self.database,
            search_path: &search_path,
            user: &self.user,
            settings: &settings,
            statistics: &statistics,
        })
    }
}
