//! What the door needs of the database, as one trait for a connection's session and one for opening them.
//!
//! The coordinator's `Session` is the inhabitant that matters. It is a trait so that the protocol can be tested, fuzzed
//! and timed without an engine. Calls are dispatched statically, and the type parameter stays inside this folder.
//!
//! Order of calls: `parse_script`, then for each statement `start_simple` and, when it gave rows or a copy, `fetch` or
//! `copy_*` to the end; or `prepare`, `bind`, `start_portal` and the same; and at the end of each simple query and at
//! each Sync, `end_batch`. After an error, from a call here or found by the door, `fail`, once.

use crate::{
    base::{text::Style, types::DataType, value::Value},
    error::{Error, Result},
};
use std::{rc::Rc, time::Duration};

pub use crate::coordinator::{CopyFormat, Fetch, Field, IdleLimit, Notice, Started, Startup};

/// A prepared statement, as far as the door must know it.
pub(super) trait Description {
    fn parameters(&self) -> &[DataType];
    /// Empty when it returns no rows.
    fn fields(&self) -> &[Field];
}

/// Opens sessions. One per core, shared by its connections.
pub(super) trait Sessions {
    type Session: Backend;
    fn open_session(&self, startup: Startup) -> Result<Self::Session>;
    /// Cancels what a session of any core is doing, if the secret is right. Says nothing about whether it was.
    async fn cancel(&self, process_id: i32, secret: i32);
}

/// What the door holds of a session while a call to it is under way.
pub(super) trait Watcher: Clone {
    /// The client is gone: the call is to end soon, with any result.
    fn give_up(&self);
    /// Resolves when what was started is to stop although the client has said nothing: a cancel request, a timeout.
    async fn stopped(&self) -> Error;
    async fn sleep(&self, time: Duration);
}

/// A connection's session.
pub(super) trait Backend {
    /// One statement of a script.
    type Parsed;
    type Prepared: Description;
    type Watcher: Watcher + 'static;

    fn process_id(&self) -> i32;
    fn secret(&self) -> i32;
    /// All settings that are reported at the start.
    fn parameter_statuses(&self) -> Vec<(String, String)>;
    /// Reported settings that changed since the last call.
    fn take_parameter_changes(&mut self) -> Vec<(String, String)>;
    /// How values are read and written as text.
    fn style(&mut self) -> Style;
    fn take_notices(&mut self) -> Vec<Notice>;
    fn watcher(&self) -> Self::Watcher;
    /// How long the client may keep silent from now on.
    fn idle_limit(&self) -> Option<IdleLimit>;
    /// `I`, `T` or `E`.
    fn transaction_status(&self) -> u8;

    fn parse_script(&mut self, text: &str) -> Result<Vec<Self::Parsed>>;
    async fn start_simple(&mut self, parsed: &Self::Parsed, statements_in_script: usize) -> Result<Started>;

    fn prepare(&mut self, name: &str, text: &str, parameter_oids: &[u32]) -> Result<()>;
    /// 26000 when there is none of that name.
    fn statement(&mut self, name: &str) -> Result<Rc<Self::Prepared>>;
    fn bind(&mut self, portal: &str, statement: &str, values: Vec<Value>) -> Result<()>;
    /// 34000 when there is none of that name.
    fn portal_fields(&mut self, portal: &str) -> Result<Rc<[Field]>>;
    /// Starts a portal or continues a suspended one. `sync_follows`: the client has already sent the Sync that ends the
    /// batch right behind, so nothing else can join this statement's implicit transaction.
    async fn start_portal(&mut self, portal: &str, sync_follows: bool) -> Result<Started>;
    fn close_statement(&mut self, name: &str);
    fn close_portal(&mut self, name: &str);

    /// The next part of what was started last. After `rows_max` rows since then (0 = no limit; the same in every call of
    /// a run) it is `Suspended`, whether or not there are more.
    async fn fetch(&mut self, rows_max: usize) -> Result<Fetch>;
    async fn copy_data(&mut self, bytes: &[u8]) -> Result<()>;
    /// The command tag.
    async fn copy_done(&mut self) -> Result<String>;
    /// The client gave up; the error to answer with.
    async fn copy_fail(&mut self, message: &str) -> Error;

    /// Ends the implicit transaction: at the end of a simple query and at Sync.
    async fn end_batch(&mut self) -> Result<()>;
    /// An error was met: rolls back what must be.
    async fn fail(&mut self, error: &Error);
    /// The connection is over: rolls back and forgets everything.
    async fn close(&mut self);
}
