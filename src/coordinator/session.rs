//! A session: one client's connection to a database, with its settings, prepared statements, portals and transaction.
//!
//! The doors drive it: `start_*` begins a statement, `fetch` brings its rows, `end_batch` ends the implicit transaction.
//! A session belongs to its core and is used by one task at a time.

use super::{
    Core,
    cancel::{Cancel, Reason, Timer},
    copy::CopyRows,
    prepared::Prepared,
    run::{Portal, Run},
    settings::Settings,
    transaction::Transaction,
};
use crate::{
    base::{batch::Batch, ids::DatabaseId, sqlstate::SqlState, value::Value},
    catalog::Catalog,
    env::Env,
    error::{Error, Result},
    sql::{
        expr::{Context, SessionFacts},
        parse::Parsed,
        plan::Field,
        utility::CopyFormat,
    },
};
use std::{collections::BTreeMap, rc::Rc, sync::Arc, time::Duration};

/// Prepared statements and portals a session may hold.
pub(super) const PREPARED_MAX: usize = 10_000;

/// What a client says when it connects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Startup {
    pub user: String,
    /// Empty means: named like the user.
    pub database: String,
    /// Settings, in the order given.
    pub parameters: Vec<(String, String)>,
    /// The client's address, for logs.
    pub remote: String,
}

/// What became of a statement that was started.
#[derive(Debug)]
pub enum Started {
    /// It returns rows: `fetch` them.
    Rows(Rc<[Field]>),
    /// It is done; the command tag.
    Command(String),
    /// There was nothing to do.
    Empty,
    /// It waits for `copy_data`, then `copy_done` or `copy_fail`.
    CopyIn { format: CopyFormat, columns: usize },
    /// `fetch` brings `CopyData`.
    CopyOut { format: CopyFormat, columns: usize },
}

/// The next part of a result.
#[derive(Debug)]
pub enum Fetch {
    Batch(Batch),
    /// Rows of a COPY TO.
    CopyData(CopyRows),
    /// The row limit is reached; start the portal again for more.
    Suspended,
    /// All is done; the command tag.
    Complete(String),
}

/// Something to tell the user beside the result.
#[derive(Clone, Debug)]
pub struct Notice {
    /// INFO, NOTICE or WARNING.
    pub severity: &'static str,
    pub error: Error,
}

/// How long a session may wait for its client, and what it is ended with.
#[derive(Clone, Debug)]
pub struct IdleLimit {
    pub time: Duration,
    pub error: Error,
}

/// What may be done about a session while its statement runs.
#[derive(Clone)]
pub struct Watcher {
    cancel: Rc<Cancel>,
    env: Env,
}

impl Watcher {
    /// The client is gone: what runs is given up, as far as it can be; a commit that is under way is not.
    pub fn give_up(&self) {
        self.cancel.request(Reason::ClientGone);
    }

    /// Resolves when what runs is to stop.
    pub async fn stopped(&self) -> Error {
        self.cancel.requested().await
    }

    /// Resolves after some time.
    pub async fn sleep(&self, time: Duration) {
        self.env.sleep(time).await;
    }
}

/// One client's session.
pub struct Session {
    pub(super) core: Rc<Core>,
    process_id: i32,
    secret: i32,
    /// Of the last statement's randomness.
    pub(super) seed: u64,
    pub(super) user: String,
    pub(super) database: DatabaseId,
    pub(super) database_name: String,
    pub(super) settings: Settings,
    /// What was last reported of the settings.
    reported: Vec<(String, String)>,
    /// The version of the settings at that time.
    reported_version: u64,
    pub(super) transaction: Option<Transaction>,
    pub(super) prepared: BTreeMap<String, Rc<Prepared>>,
    pub(super) portals: BTreeMap<String, Portal>,
    /// The statement that `fetch` continues.
    pub(super) run: Run,
    /// The named portal that `run` belongs to, so that a suspended one is put back.
    pub(super) running_portal: Option<String>,
    /// When the running statement began, on the core's clock.
    pub(super) began: Duration,
    /// Rows that `fetch` gave since the last start.
    pub(super) rows_in_run: usize,
    /// What expressions may know of the session, and what it was made for.
    pub(super) facts: Option<(u64, Arc<SessionFacts>)>,
    /// Of the statement that runs: what it leaves behind is taken from here.
    pub(super) context: Option<Arc<Context>>,
    pub(super) notices: Vec<Notice>,
    pub(super) cancel: Rc<Cancel>,
    /// Ends statements that take longer than `statement_timeout`.
    pub(super) timer: Timer,
    /// Its fragments run when nobody waits.
    pub(super) in_background: bool,
    /// The door says that nothing follows the next statement in its batch.
    pub(super) last_in_batch: bool,
}

impl Session {
    pub(super) fn open(core: Rc<Core>, startup: Startup) -> Result<Session> {
        let name = if startup.database.is_empty() { &startup.user } else { &startup.database };
        let catalog = core.shard.catalog();
        let Some(database) = catalog.database(name) else {
            let message = format!("database \"{name}\" does not exist");
            return Err(Error::new(SqlState::INVALID_CATALOG_NAME, message));
        };
        let settings = Settings::from_startup(&startup.parameters, &startup.user)?;
        let cancel = Rc::new(Cancel::default());
        let secret = core.shard.env().random_u64() as i32;
        let process_id = core.register(secret, &cancel);
        Ok(Session {
            process_id,
            secret,
            seed: core.shard.env().random_u64(),
            user: startup.user,
            database: database.id,
            database_name: database.name.clone(),
            reported: settings.reported(),
            reported_version: settings.version(),
            settings,
            transaction: None,
            prepared: BTreeMap::new(),
            portals: BTreeMap::new(),
            run: Run::None,
            running_portal: None,
            began: Duration::ZERO,
            rows_in_run: 0,
            facts: None,
            context: None,
            notices: Vec::new(),
            cancel,
            timer: Timer::default(),
            in_background: false,
            last_in_batch: false,
            core,
        })
    }

    /// Names this session in a cancel request.
    pub fn process_id(&self) -> i32 {
        self.process_id
    }

    /// Proves a cancel request.
    pub fn secret(&self) -> i32 {
        self.secret
    }

    /// The settings that are reported when a session begins.
    pub fn parameter_statuses(&self) -> Vec<(String, String)> {
        self.reported.clone()
    }

    /// Reported settings that changed since the last call.
    pub fn take_parameter_changes(&mut self) -> Vec<(String, String)> {
        if self.reported_version == self.settings.version() {
            return Vec::new();
        }
        self.reported_version = self.settings.version();
        let now = self.settings.reported();
        let changed = now.iter().zip(&self.reported).filter(|(new, old)| new != old).map(|(new, _)| new.clone());
        let changed: Vec<_> = changed.collect();
        if !changed.is_empty() {
            self.reported = now;
        }
        changed
    }

    /// What there is to tell beside the results.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// `I` outside a transaction, `T` in one, `E` in a failed one.
    pub fn transaction_status(&self) -> u8 {
        match &self.transaction {
            Some(transaction) if transaction.explicit && transaction.failed => b'E',
            Some(transaction) if transaction.explicit => b'T',
            _ => b'I',
        }
    }

    /// To be used while a statement runs.
    pub fn watcher(&self) -> Watcher {
        Watcher { cancel: self.cancel.clone(), env: self.core.shard.env().clone() }
    }

    /// How long the client may keep silent now: `idle_in_transaction_session_timeout` while a transaction is open, also
    /// an implicit one of which the batch has not ended, or `idle_session_timeout`.
    pub fn idle_limit(&self) -> Option<IdleLimit> {
        let limits = self.settings.limits();
        let (time, state, message) = match self.transaction {
            Some(_) => (
                limits.idle_in_transaction?,
                SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
                "terminating connection due to idle-in-transaction timeout",
            ),
            None => (
                limits.idle_session?,
                SqlState::IDLE_SESSION_TIMEOUT,
                "terminating connection due to idle-session timeout",
            ),
        };
        Some(IdleLimit { time, error: Error::new(state, message) })
    }

    /// The text of a simple query as statements.
    pub fn parse_script(&mut self, text: &str) -> Result<Vec<Parsed>> {
        crate::sql::parse::script(text)
    }

    /// Begins a statement of a simple query with this many statements.
    pub async fn start_simple(&mut self, parsed: &Parsed, statements_in_script: usize) -> Result<Started> {
        self.check_serving()?;
        self.check_not_failed(parsed)?;
        self.last_in_batch = statements_in_script == 1;
        let prepared = Rc::new(Prepared::new(self, parsed.clone(), &[])?);
        if !prepared.parameters().is_empty() {
            return Err(Error::new(SqlState::UNDEFINED_PARAMETER, "there is no parameter $1")
                .with_hint("Use the extended query protocol to pass parameters."));
        }
        self.running_portal = None;
        self.rows_in_run = 0;
        let started = self.start(prepared, Vec::new()).await?;
        self.count_if_ended(&started);
        Ok(started)
    }

    /// A statement without rows and data has ended when it was started.
    fn count_if_ended(&self, started: &Started) {
        if matches!(started, Started::Command(_)) {
            self.count_end();
        }
    }

    /// Tells whether the message after the next `start_portal` ends the batch (Sync), so that it may commit at once.
    pub fn expect_sync(&mut self, yes: bool) {
        self.last_in_batch = yes;
    }

    /// Prepares a statement; the empty name is replaced, others must be free (42P05).
    pub fn prepare(&mut self, name: &str, text: &str, parameter_oids: &[u32]) -> Result<()> {
        self.check_serving()?;
        if !name.is_empty() && self.prepared.contains_key(name) {
            let message = format!("prepared statement \"{name}\" already exists");
            return Err(Error::new(SqlState::DUPLICATE_PREPARED_STATEMENT, message));
        }
        if self.prepared.len() >= PREPARED_MAX {
            let error = Error::new(SqlState::CONFIGURATION_LIMIT_EXCEEDED, "too many prepared statements");
            return Err(error.with_hint("Close those that are not needed any more (DEALLOCATE)."));
        }
        let parsed = self.parse_one(text)?;
        self.check_not_failed(&parsed)?;
        let prepared = Prepared::new(self, parsed, parameter_oids)?;
        self.prepared.insert(name.to_string(), Rc::new(prepared));
        Ok(())
    }

    /// Parses text that may hold one statement or none.
    pub(super) fn parse_one(&self, text: &str) -> Result<Parsed> {
        let mut script = crate::sql::parse::script(text)?;
        if script.len() > 1 {
            let message = "cannot insert multiple commands into a prepared statement";
            return Err(Error::new(SqlState::SYNTAX_ERROR, message));
        }
        Ok(script.pop().unwrap_or_else(Parsed::empty))
    }

    /// A prepared statement (26000 if there is none).
    pub fn statement(&mut self, name: &str) -> Result<Rc<Prepared>> {
        match self.prepared.get(name) {
            Some(prepared) => Ok(prepared.clone()),
            None => {
                let message = match name {
                    "" => "unnamed prepared statement does not exist".to_string(),
                    name => format!("prepared statement \"{name}\" does not exist"),
                };
                Err(Error::new(SqlState::INVALID_SQL_STATEMENT_NAME, message))
            }
        }
    }

    /// Makes a portal of a statement and values for its parameters.
    pub fn bind(&mut self, portal: &str, statement: &str, values: Vec<Value>) -> Result<()> {
        let prepared = self.statement(statement)?;
        self.check_not_failed(prepared.parsed())?;
        if values.len() != prepared.parameters().len() {
            let message = format!(
                "bind message supplies {} parameters, but prepared statement \"{statement}\" requires {}",
                values.len(),
                prepared.parameters().len()
            );
            return Err(Error::new(SqlState::PROTOCOL_VIOLATION, message));
        }
        if !portal.is_empty() && self.portals.contains_key(portal) {
            let message = format!("cursor \"{portal}\" already exists");
            return Err(Error::new(SqlState::DUPLICATE_CURSOR, message));
        }
        if self.portals.len() >= PREPARED_MAX {
            return Err(Error::new(SqlState::CONFIGURATION_LIMIT_EXCEEDED, "too many portals"));
        }
        self.portals.insert(portal.to_string(), Portal::new(prepared, values));
        Ok(())
    }

    /// The columns a portal returns; empty for none (34000 if there is no such portal).
    pub fn portal_fields(&mut self, portal: &str) -> Result<Rc<[Field]>> {
        let found = self.portals.get(portal).ok_or_else(|| no_portal(portal))?;
        Ok(found.prepared.shared_fields())
    }

    /// Begins a portal, or continues one that was suspended.
    pub async fn start_portal(&mut self, portal: &str) -> Result<Started> {
        self.check_serving()?;
        self.rows_in_run = 0;
        let found = self.portals.get_mut(portal).ok_or_else(|| no_portal(portal))?;
        let prepared = found.prepared.clone();
        if let Some(run) = found.suspended.take() {
            self.run = run;
            self.running_portal = Some(portal.to_string());
            self.begin_running()?;
            return Ok(Started::Rows(prepared.shared_fields()));
        }
        let Some(values) = found.values.take() else {
            // Run to its end before: nothing more comes, as in PostgreSQL.
            self.run = Run::finished(&prepared);
            return Ok(if prepared.fields().is_empty() {
                Started::Empty
            } else {
                Started::Rows(prepared.shared_fields())
            });
        };
        self.check_not_failed(prepared.parsed())?;
        self.running_portal = Some(portal.to_string());
        let started = self.start(prepared, values).await?;
        self.count_if_ended(&started);
        Ok(started)
    }

    /// Forgets a prepared statement; it is no error if there is none.
    pub fn close_statement(&mut self, name: &str) {
        self.prepared.remove(name);
    }

    /// Forgets a portal; it is no error if there is none.
    pub fn close_portal(&mut self, name: &str) {
        self.portals.remove(name);
    }

    fn check_serving(&self) -> Result<()> {
        match self.core.stopping.get() {
            false => Ok(()),
            true => Err(Error::new(SqlState::ADMIN_SHUTDOWN, "terminating connection due to administrator command")),
        }
    }

    /// In a failed transaction only its end is taken (25P02).
    fn check_not_failed(&self, parsed: &Parsed) -> Result<()> {
        match &self.transaction {
            Some(transaction) if transaction.failed && !parsed.ends_transaction() => Err(Error::new(
                SqlState::IN_FAILED_SQL_TRANSACTION,
                "current transaction is aborted, commands ignored until end of transaction block",
            )),
            _ => Ok(()),
        }
    }

    /// The catalog as this session sees it now.
    pub(super) fn catalog(&self) -> Arc<Catalog> {
        match self.transaction.as_ref().and_then(Transaction::catalog) {
            Some(catalog) => catalog.clone(),
            None => self.core.shard.catalog(),
        }
    }

    pub(super) fn search_path(&self) -> Vec<String> {
        self.settings.search_path(&self.user)
    }

    pub(super) fn info(&mut self, error: Error) {
        self.notices.push(Notice { severity: "INFO", error });
    }

    pub(super) fn notice(&mut self, error: Error) {
        self.notices.push(Notice { severity: "NOTICE", error });
    }

    pub(super) fn warning(&mut self, error: Error) {
        self.notices.push(Notice { severity: "WARNING", error });
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.core.unregister(self.process_id);
        if let Some(transaction) = self.transaction.take() {
            super::commit::abandon(&self.core, transaction);
        }
    }
}

fn no_portal(name: &str) -> Error {
    Error::new(SqlState::INVALID_CURSOR_NAME, format!("portal \"{name}\" does not exist"))
}
