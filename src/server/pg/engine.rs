//! The database behind the door: the coordinator's sessions as [`Backend`]s.
//!
//! Only names meet here; whatever needs a thought belongs on one of the two sides.

use super::backend::{Backend, Description, Fetch, Field, IdleLimit, Notice, Sessions, Started, Startup, Watcher};
use crate::{
    base::{text::Style, types::DataType, value::Value},
    coordinator::{self, Coordinator, Parsed, Prepared, Session},
    error::{Error, Result},
};
use std::{rc::Rc, time::Duration};

impl Sessions for Coordinator {
    type Session = Session;

    fn open_session(&self, startup: Startup) -> Result<Session> {
        Coordinator::open_session(self, startup)
    }

    async fn cancel(&self, process_id: i32, secret: i32) {
        Coordinator::cancel(self, process_id, secret).await;
    }
}

impl Description for Prepared {
    fn parameters(&self) -> &[DataType] {
        Prepared::parameters(self)
    }

    fn fields(&self) -> &[Field] {
        Prepared::fields(self)
    }
}

impl Watcher for coordinator::Watcher {
    fn give_up(&self) {
        coordinator::Watcher::give_up(self);
    }

    async fn stopped(&self) -> Error {
        coordinator::Watcher::stopped(self).await
    }

    async fn sleep(&self, time: Duration) {
        coordinator::Watcher::sleep(self, time).await;
    }
}

impl Backend for Session {
    type Parsed = Parsed;
    type Prepared = Prepared;
    type Watcher = coordinator::Watcher;

    fn process_id(&self) -> i32 {
        Session::process_id(self)
    }

    fn secret(&self) -> i32 {
        Session::secret(self)
    }

    fn parameter_statuses(&self) -> Vec<(String, String)> {
        Session::parameter_statuses(self)
    }

    fn take_parameter_changes(&mut self) -> Vec<(String, String)> {
        Session::take_parameter_changes(self)
    }

    fn style(&mut self) -> Style {
        Session::style(self)
    }

    fn take_notices(&mut self) -> Vec<Notice> {
        Session::take_notices(self)
    }

    fn watcher(&self) -> coordinator::Watcher {
        Session::watcher(self)
    }

    fn idle_limit(&self) -> Option<IdleLimit> {
        Session::idle_limit(self)
    }

    fn transaction_status(&self) -> u8 {
        Session::transaction_status(self)
    }

    fn parse_script(&mut self, text: &str) -> Result<Vec<Parsed>> {
        Session::parse_script(self, text)
    }

    async fn start_simple(&mut self, parsed: &Parsed, statements_in_script: usize) -> Result<Started> {
        Session::start_simple(self, parsed, statements_in_script).await
    }

    fn prepare(&mut self, name: &str, text: &str, parameter_oids: &[u32]) -> Result<()> {
        Session::prepare(self, name, text, parameter_oids)
    }

    fn statement(&mut self, name: &str) -> Result<Rc<Prepared>> {
        Session::statement(self, name)
    }

    fn bind(&mut self, portal: &str, statement: &str, values: Vec<Value>) -> Result<()> {
        Session::bind(self, portal, statement, values)
    }

    fn portal_fields(&mut self, portal: &str) -> Result<Rc<[Field]>> {
        Session::portal_fields(self, portal)
    }

    async fn start_portal(&mut self, portal: &str, sync_follows: bool) -> Result<Started> {
        self.expect_sync(sync_follows);
        Session::start_portal(self, portal).await
    }

    fn close_statement(&mut self, name: &str) {
        Session::close_statement(self, name);
    }

    fn close_portal(&mut self, name: &str) {
        Session::close_portal(self, name);
    }

    async fn fetch(&mut self, rows_max: usize) -> Result<Fetch> {
        Session::fetch(self, rows_max).await
    }

    async fn copy_data(&mut self, bytes: &[u8]) -> Result<()> {
        Session::copy_data(self, bytes).await
    }

    async fn copy_done(&mut self) -> Result<String> {
        Session::copy_done(self).await
    }

    async fn copy_fail(&mut self, message: &str) -> Error {
        Session::copy_fail(self, message).await
    }

    async fn end_batch(&mut self) -> Result<()> {
        Session::end_batch(self).await
    }

    async fn fail(&mut self, error: &Error) {
        Session::fail(self, error).await;
    }

    /// Dropping the session, which follows, gives its transaction up.
    async fn close(&mut self) {}
}
