//! Transaction control, settings, SHOW, PREPARE and the other statements that are neither queries nor DDL.

use super::{
    prepared::Prepared,
    run::Run,
    session::{Session, Started},
    transaction::Savepoint,
};
use crate::{
    base::{
        batch::{Batch, Column},
        sqlstate::SqlState,
        types::{DataType, TypeKind},
        value::Value,
    },
    error::{Error, Result},
    shard::Request,
    sql::{
        self,
        utility::{Isolation, Utility},
    },
};
use std::{collections::VecDeque, rc::Rc};

/// Savepoints that one transaction may have open.
const SAVEPOINTS_MAX: usize = 10_000;

impl Session {
    pub(super) async fn run_utility(
        &mut self,
        utility: &Utility,
        values: Vec<Value>,
        prepared: &Prepared,
    ) -> Result<Started> {
        let done = |tag: &str| Ok(Started::Command(tag.to_string()));
        match utility {
            Utility::Empty => return Ok(Started::Empty),
            Utility::Begin { isolation, read_only } => return self.begin(*isolation, *read_only).await,
            Utility::Commit { chain } => return self.commit_block(*chain).await,
            Utility::Rollback { chain } => return self.roll_back_block(*chain).await,
            Utility::Savepoint(name) => self.savepoint(name)?,
            Utility::ReleaseSavepoint(name) => self.release_savepoint(name)?,
            Utility::RollbackTo(name) => self.roll_back_to(name).await?,
            Utility::SetTransaction { isolation, read_only } => self.set_transaction(*isolation, *read_only)?,
            Utility::Set { name, value, local } => self.set(name, value.as_deref(), *local)?,
            Utility::Reset(None) => self.settings.reset_all(),
            Utility::Reset(Some(name)) => self.settings.set(name, None, false)?,
            Utility::Show(name) => return self.show(name.as_deref(), prepared),
            Utility::Copy(copy) => return self.start_copy(copy, values).await,
            Utility::Prepare { name, types, statement } => {
                let oids: Vec<u32> = types.iter().map(|data_type| data_type.oid()).collect();
                self.prepare(name, statement, &oids)?;
            }
            Utility::Execute { name, arguments } => return self.execute_prepared(name, arguments).await,
            Utility::Declare { name, scroll, statement } => self.declare_cursor(name, *scroll, statement).await?,
            Utility::Fetch { name, travel, moves: false } => return self.start_fetch(name, *travel).await,
            Utility::Fetch { name, travel, moves: true } => {
                let moved = self.move_cursor(name, *travel).await?;
                self.finish_command().await?;
                return done(&format!("MOVE {moved}"));
            }
            Utility::Close(None) => self.portals.clear(),
            Utility::Close(Some(name)) => self.close_cursor(name)?,
            Utility::Deallocate(None) => self.prepared.clear(),
            Utility::Deallocate(Some(name)) => {
                self.statement(name)?;
                self.close_statement(name);
            }
            Utility::Discard => {
                self.prepared.clear();
                self.portals.clear();
                self.settings.reset_all();
            }
            // Old versions are collected by compaction.
            Utility::Vacuum { analyze: false, .. } | Utility::Accepted(_) => {}
            Utility::Vacuum { tables, analyze: true, verbose } | Utility::Analyze { tables, verbose } => {
                self.analyze(tables, *verbose).await?;
            }
        }
        self.finish_command().await?;
        done(tag_of(utility))
    }

    async fn begin(&mut self, isolation: Option<Isolation>, read_only: Option<bool>) -> Result<Started> {
        self.check_isolation(isolation)?;
        self.last_in_batch = false;
        if self.transaction.as_ref().is_some_and(|open| open.explicit) {
            let state = SqlState::ACTIVE_SQL_TRANSACTION;
            self.warning(Error::new(state, "there is already a transaction in progress"));
        }
        let transaction = self.open_transaction();
        transaction.explicit = true;
        if let Some(read_only) = read_only {
            transaction.read_only = read_only;
        }
        Ok(Started::Command("BEGIN".into()))
    }

    /// What isolation can be had today, honestly: weaker levels get the stronger one and are told, a stronger one is
    /// refused.
    fn check_isolation(&mut self, isolation: Option<Isolation>) -> Result<()> {
        match isolation {
            None | Some(Isolation::RepeatableRead) => Ok(()),
            Some(Isolation::ReadCommitted | Isolation::ReadUncommitted) => {
                let notice = Error::new(SqlState::SUCCESSFUL_COMPLETION, "the transaction runs as REPEATABLE READ");
                let detail = "READ COMMITTED is not supported yet; snapshot isolation is the weakest level there is.";
                self.notice(notice.with_detail(detail).with_hint("Retry transactions that fail with SQLSTATE 40001."));
                Ok(())
            }
            Some(Isolation::Serializable) => {
                let error = Error::unsupported("isolation level SERIALIZABLE");
                Err(error.with_hint("Use REPEATABLE READ, which is snapshot isolation."))
            }
        }
    }

    async fn commit_block(&mut self, chain: bool) -> Result<Started> {
        self.last_in_batch = false;
        let Some(transaction) = &self.transaction else { return self.no_transaction("COMMIT", chain) };
        if !transaction.explicit {
            let started = self.no_transaction("COMMIT", chain)?;
            self.commit().await?;
            return Ok(started);
        }
        let (failed, read_only) = (transaction.failed, transaction.read_only);
        if failed {
            self.roll_back().await;
        } else {
            self.commit().await?;
        }
        self.chain(chain, read_only);
        Ok(Started::Command(if failed { "ROLLBACK" } else { "COMMIT" }.into()))
    }

    async fn roll_back_block(&mut self, chain: bool) -> Result<Started> {
        self.last_in_batch = false;
        let read_only = match &self.transaction {
            Some(transaction) if transaction.explicit => transaction.read_only,
            _ => {
                let started = self.no_transaction("ROLLBACK", chain)?;
                self.roll_back().await;
                return Ok(started);
            }
        };
        self.roll_back().await;
        self.chain(chain, read_only);
        Ok(Started::Command("ROLLBACK".into()))
    }

    /// AND CHAIN: the next transaction begins at once.
    fn chain(&mut self, chain: bool, read_only: bool) {
        if chain {
            let transaction = self.open_transaction();
            transaction.explicit = true;
            transaction.read_only = read_only;
        }
    }

    fn no_transaction(&mut self, tag: &str, chain: bool) -> Result<Started> {
        let state = SqlState::NO_ACTIVE_SQL_TRANSACTION;
        if chain {
            let message = format!("{tag} AND CHAIN can only be used in transaction blocks");
            return Err(Error::new(state, message));
        }
        self.warning(Error::new(state, "there is no transaction in progress"));
        Ok(Started::Command(tag.into()))
    }

    pub(super) fn in_block(&self, what: &str) -> Result<()> {
        match &self.transaction {
            Some(transaction) if transaction.explicit => Ok(()),
            _ => Err(Error::new(
                SqlState::NO_ACTIVE_SQL_TRANSACTION,
                format!("{what} can only be used in transaction blocks"),
            )),
        }
    }

    fn savepoint(&mut self, name: &str) -> Result<()> {
        self.in_block("SAVEPOINT")?;
        let transaction = self.open_transaction();
        if transaction.savepoints.len() >= SAVEPOINTS_MAX {
            return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "too many savepoints in a transaction"));
        }
        let savepoint = Savepoint {
            name: name.to_string(),
            statement: transaction.statement + 1,
            definition: transaction.definition.clone(),
        };
        transaction.savepoints.push(savepoint);
        Ok(())
    }

    fn release_savepoint(&mut self, name: &str) -> Result<()> {
        self.in_block("RELEASE SAVEPOINT")?;
        let transaction = self.open_transaction();
        let position = transaction.savepoint(name).ok_or_else(|| no_savepoint(name))?;
        transaction.savepoints.truncate(position);
        Ok(())
    }

    async fn roll_back_to(&mut self, name: &str) -> Result<()> {
        self.in_block("ROLLBACK TO SAVEPOINT")?;
        let core = self.core.clone();
        let transaction = self.open_transaction();
        let position = transaction.savepoint(name).ok_or_else(|| no_savepoint(name))?;
        transaction.savepoints.truncate(position + 1);
        let savepoint = &transaction.savepoints[position];
        let (statement, definition) = (savepoint.statement, savepoint.definition.clone());
        let (id, statements) = (transaction.id, statement..=transaction.statement);
        let request = || Request::Rollback { transaction: id, statements: statements.clone(), keep_locks: false };
        let calls = transaction.known_at().into_iter().map(|shard| core.shard.call(shard, request())).collect();
        super::insert::all(calls).await?;
        // What was read under the locks that are given back may change from here on.
        transaction.reads.give_up();
        transaction.undo_definition(definition);
        transaction.failed = false;
        Ok(())
    }

    fn set_transaction(&mut self, isolation: Option<Isolation>, read_only: Option<bool>) -> Result<()> {
        self.check_isolation(isolation)?;
        let Some(transaction) = self.transaction.as_mut().filter(|open| open.explicit) else {
            let state = SqlState::NO_ACTIVE_SQL_TRANSACTION;
            self.warning(Error::new(state, "SET TRANSACTION can only be used in transaction blocks"));
            return Ok(());
        };
        match read_only {
            Some(false) if transaction.read_only && transaction.snapshot.is_some() => Err(Error::new(
                SqlState::ACTIVE_SQL_TRANSACTION,
                "transaction read-write mode must be set before any query",
            )),
            Some(read_only) => {
                transaction.read_only = read_only;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn set(&mut self, name: &str, value: Option<&str>, local: bool) -> Result<()> {
        let in_block = self.transaction.as_ref().is_some_and(|open| open.explicit);
        if local && !in_block {
            let state = SqlState::NO_ACTIVE_SQL_TRANSACTION;
            self.warning(Error::new(state, "SET LOCAL can only be used in transaction blocks"));
            return Ok(());
        }
        match (name.to_ascii_lowercase().as_str(), value) {
            ("transaction_isolation" | "default_transaction_isolation", Some(level)) => {
                let isolation = isolation_of(level);
                self.check_isolation(isolation)?;
            }
            ("transaction_read_only", Some(value)) => {
                return self.set_transaction(None, Some(matches!(value, "on" | "true" | "1" | "yes")));
            }
            _ => {}
        }
        self.settings.set(name, value, local)?;
        if !in_block {
            self.settings.end_transaction(true);
        }
        Ok(())
    }

    fn show(&mut self, name: Option<&str>, prepared: &Prepared) -> Result<Started> {
        let rows: Vec<Vec<String>> = match name {
            None => self.settings.all().into_iter().map(|(name, value)| vec![name, value, String::new()]).collect(),
            Some(name) if name.eq_ignore_ascii_case("transaction_read_only") => {
                let on = self.transaction.as_ref().is_some_and(|open| open.read_only);
                vec![vec![if on { "on" } else { "off" }.to_string()]]
            }
            Some(name) => vec![vec![self.settings.show(name)?]],
        };
        self.text_rows(rows, prepared.fields().len(), "SHOW");
        Ok(Started::Rows(prepared.shared_fields()))
    }

    /// Makes text rows the result.
    pub(super) fn text_rows(&mut self, rows: Vec<Vec<String>>, columns: usize, tag: &str) {
        let mut batch = Batch { rows: rows.len(), columns: Vec::new() };
        for position in 0..columns {
            let mut column = Column::new(DataType::of(TypeKind::Text));
            for row in &rows {
                column.push(Value::Text(row.get(position).map_or("", String::as_str).into()));
            }
            batch.columns.push(column);
        }
        let tag = tag.to_string();
        self.run = Run::Rows { batches: VecDeque::from([batch]), tag };
    }

    /// EXECUTE name (arguments).
    async fn execute_prepared(&mut self, name: &str, arguments: &[sql::expr::Expr]) -> Result<Started> {
        let prepared: Rc<Prepared> = self.statement(name)?;
        let expected = prepared.parameters().len();
        if arguments.len() != expected {
            let message = format!("wrong number of parameters for prepared statement \"{name}\"");
            let detail = format!("Expected {expected} parameters but got {}.", arguments.len());
            return Err(Error::new(SqlState::SYNTAX_ERROR, message).with_detail(detail));
        }
        let context = self.context(Vec::new());
        let mut values = Vec::with_capacity(expected);
        for (argument, data_type) in arguments.iter().zip(prepared.parameters()) {
            let value = sql::expr::constant(argument, &context)?;
            values.push(sql::expr::convert::convert(&value, argument.data_type(), *data_type, false, &context)?);
        }
        Box::pin(self.start(prepared, values)).await
    }
}

fn isolation_of(level: &str) -> Option<Isolation> {
    match level.to_ascii_lowercase().as_str() {
        "serializable" => Some(Isolation::Serializable),
        "read committed" => Some(Isolation::ReadCommitted),
        "read uncommitted" => Some(Isolation::ReadUncommitted),
        _ => None,
    }
}

fn no_savepoint(name: &str) -> Error {
    Error::new(SqlState::INVALID_SAVEPOINT_SPECIFICATION, format!("savepoint \"{name}\" does not exist"))
}

fn tag_of(utility: &Utility) -> &'static str {
    match utility {
        Utility::Savepoint(_) => "SAVEPOINT",
        Utility::ReleaseSavepoint(_) => "RELEASE",
        Utility::RollbackTo(_) => "ROLLBACK",
        Utility::SetTransaction { .. } | Utility::Set { .. } => "SET",
        Utility::Reset(_) => "RESET",
        Utility::Prepare { .. } => "PREPARE",
        Utility::Declare { .. } => "DECLARE CURSOR",
        Utility::Close(None) => "CLOSE CURSOR ALL",
        Utility::Close(Some(_)) => "CLOSE CURSOR",
        Utility::Deallocate(None) => "DEALLOCATE ALL",
        Utility::Deallocate(Some(_)) => "DEALLOCATE",
        Utility::Discard => "DISCARD ALL",
        Utility::Vacuum { .. } => "VACUUM",
        Utility::Analyze { .. } => "ANALYZE",
        Utility::Accepted(tag) => tag,
        _ => "",
    }
}
