//! Running a statement: from a plan and values to rows or a tag.
//!
//! A statement runs in the session's transaction, or in one of its own that ends with it. `start` does all the work of
//! statements without rows; of those with rows it sets up a [`Run`] that `fetch` drives.

use super::{
    gather::Query,
    prepared::Prepared,
    scroll::Scroll,
    session::{Fetch, Session, Started},
};
use crate::{
    base::{batch::Batch, sqlstate::SqlState, value::Value},
    error::{Error, Result},
    sql::{expr::Context, plan::Body},
};
use std::{collections::VecDeque, rc::Rc, sync::Arc};

/// How often a statement is tried when others keep changing the same rows.
const CONFLICT_TRIES_MAX: u32 = 100;

/// A bound statement waiting to run, running, or suspended.
pub struct Portal {
    pub(super) prepared: Rc<Prepared>,
    /// Taken by the first run.
    pub(super) values: Option<Vec<Value>>,
    /// Where a row limit stopped it.
    pub(super) suspended: Option<Run>,
    /// Of a SCROLL cursor.
    pub(super) scroll: Option<Scroll>,
}

impl Portal {
    pub(super) fn new(prepared: Rc<Prepared>, values: Vec<Value>) -> Portal {
        Portal { prepared, values: Some(values), suspended: None, scroll: None }
    }
}

/// What `fetch` continues.
pub enum Run {
    None,
    /// Rows that a plan makes while they are fetched.
    Query(Box<Query>),
    /// Rows that are there already, and the tag that follows them.
    Rows {
        batches: VecDeque<Batch>,
        tag: String,
    },
    /// Rows of a cursor.
    Fetch(super::cursor::Fetching),
    CopyIn(Box<super::copy::CopyIn>),
    CopyOut(Box<super::copy::CopyOut>),
}

impl Run {
    /// The rest of a portal that has given all it had.
    pub(super) fn finished(prepared: &Prepared) -> Run {
        let tag = if prepared.fields().is_empty() { String::new() } else { "SELECT 0".into() };
        Run::Rows { batches: VecDeque::new(), tag }
    }
}

impl Session {
    /// Begins a statement with values for its parameters.
    pub(super) async fn start(&mut self, prepared: Rc<Prepared>, values: Vec<Value>) -> Result<Started> {
        self.began = self.core.shard.env().now();
        self.begin_running()?;
        self.run = Run::None;
        let statement = prepared.statement(self)?;
        match &statement.body {
            Body::PointRead(read) => {
                let context = self.statement_context(&statement, values).await?;
                let batch = self.point_read(read, &context).await?;
                let tag = format!("SELECT {}", batch.rows);
                let batches = if batch.rows == 0 { VecDeque::new() } else { VecDeque::from([batch]) };
                self.run = Run::Rows { batches, tag };
                Ok(Started::Rows(prepared.shared_fields()))
            }
            Body::Query(node) => {
                let context = self.statement_context(&statement, values).await?;
                let query = self.query(node, context).await?;
                self.run = Run::Query(Box::new(query));
                Ok(Started::Rows(prepared.shared_fields()))
            }
            Body::Utility(utility) => self.run_utility(utility, values, &prepared).await,
            Body::Explain(explain) => self.run_explain(explain, values, &prepared).await,
            Body::Define(define) => {
                let tag = self.run_define(define).await?;
                self.finish_command().await?;
                Ok(Started::Command(tag))
            }
            Body::Insert(_) | Body::Update(_) | Body::Delete(_) => self.run_change(&prepared, values).await,
        }
    }

    /// INSERT, UPDATE and DELETE. One that came too late for its snapshot is run again at a later one if the transaction
    /// allows it (`refresh.rs`); one that is a transaction of its own is also run again as a new transaction, for example
    /// after a deadlock. The client has seen nothing of it.
    async fn run_change(&mut self, prepared: &Prepared, values: Vec<Value>) -> Result<Started> {
        let alone = self.transaction.is_none() && self.last_in_batch;
        let mark = self.mark();
        for _ in 1..CONFLICT_TRIES_MAX {
            let error = match self.try_change(prepared, values.clone()).await {
                Err(error) if error.is_retryable() => error,
                outcome => return outcome,
            };
            self.cancel.check()?;
            if error.is_stale_snapshot() && self.refresh(mark).await? {
                continue;
            }
            if !alone {
                return Err(error);
            }
            self.fail(&error).await;
            self.last_in_batch = true;
        }
        self.try_change(prepared, values).await
    }

    /// All of the change happens here; RETURNING's rows are kept for `fetch`.
    async fn try_change(&mut self, prepared: &Prepared, values: Vec<Value>) -> Result<Started> {
        let statement = &prepared.statement(self)?;
        self.check_writable(statement_name(&statement.body))?;
        let context = self.statement_context(statement, values).await?;
        let (tag, batches) = match &statement.body {
            Body::Insert(insert) => {
                let (rows, batches) = self.insert(insert, &context).await?;
                (format!("INSERT 0 {rows}"), batches)
            }
            Body::Update(update) => {
                let (rows, batches) = self.update(update, &context).await?;
                (format!("UPDATE {rows}"), batches)
            }
            Body::Delete(delete) => {
                let (rows, batches) = self.delete(delete, &context).await?;
                (format!("DELETE {rows}"), batches)
            }
            _ => return Err(Error::internal("not a change")),
        };
        self.finish_command().await?;
        if statement.fields.is_empty() {
            return Ok(Started::Command(tag));
        }
        self.run = Run::Rows { batches: batches.into(), tag };
        Ok(Started::Rows(prepared.shared_fields()))
    }

    /// The next rows or bytes of the statement just started. With a row limit (`max_rows`, 0 for none, the same in every
    /// call of a run) the answer is `Suspended` once that many rows were given, whether or not there are more.
    pub async fn fetch(&mut self, max_rows: usize) -> Result<Fetch> {
        let left = match max_rows {
            0 => usize::MAX,
            limit if self.rows_in_run >= limit => return Ok(self.suspend()),
            limit => limit - self.rows_in_run,
        };
        let fetched = self.fetch_next(left).await?;
        if let Fetch::Batch(batch) = &fetched {
            self.rows_in_run += batch.rows;
        }
        Ok(fetched)
    }

    async fn fetch_next(&mut self, left: usize) -> Result<Fetch> {
        match std::mem::replace(&mut self.run, Run::None) {
            Run::None => Err(Error::new(SqlState::INVALID_CURSOR_STATE, "no statement is running")),
            Run::Rows { mut batches, tag } => match batches.pop_front() {
                None => self.complete(tag).await,
                Some(batch) => {
                    let (first, rest) = split(batch, left);
                    if let Some(rest) = rest {
                        batches.push_front(rest);
                    }
                    self.run = Run::Rows { batches, tag };
                    Ok(Fetch::Batch(first))
                }
            },
            Run::Query(mut query) => match self.next_of_query(&mut query).await? {
                None => {
                    let tag = format!("SELECT {}", query.rows_sent);
                    drop(query);
                    self.complete(tag).await
                }
                Some(batch) => {
                    let (first, rest) = split(batch, left);
                    query.put_back(rest);
                    query.rows_sent += first.rows as u64;
                    self.run = Run::Query(query);
                    Ok(Fetch::Batch(first))
                }
            },
            Run::Fetch(mut fetching) => match self.next_of_cursor(&mut fetching, left).await? {
                None => self.complete(fetching.tag()).await,
                Some(batch) => {
                    self.run = Run::Fetch(fetching);
                    Ok(Fetch::Batch(batch))
                }
            },
            Run::CopyOut(mut copy) => match self.next_of_copy(&mut copy).await? {
                None => {
                    let tag = copy.tag();
                    self.complete(tag).await
                }
                Some(bytes) => {
                    self.run = Run::CopyOut(copy);
                    Ok(Fetch::CopyData(bytes))
                }
            },
            copy @ Run::CopyIn(_) => {
                self.run = copy;
                Err(Error::new(SqlState::PROTOCOL_VIOLATION, "COPY FROM STDIN awaits data"))
            }
        }
    }

    /// Puts the running portal aside after its row limit was met.
    fn suspend(&mut self) -> Fetch {
        let run = std::mem::replace(&mut self.run, Run::None);
        if let Some(name) = self.running_portal.take()
            && let Some(portal) = self.portals.get_mut(&name)
        {
            portal.suspended = Some(run);
        }
        Fetch::Suspended
    }

    async fn complete(&mut self, tag: String) -> Result<Fetch> {
        self.running_portal = None;
        self.finish_command().await?;
        self.count_end();
        Ok(Fetch::Complete(tag))
    }

    /// Counts a statement that has come to its end.
    pub(super) fn count_end(&self) {
        let took = self.core.shard.env().now().saturating_sub(self.began);
        self.core.metrics.statement.observe_duration(took);
    }

    /// A statement is done: if it is the last of an implicit transaction, the transaction commits before the client is
    /// told of success.
    pub(super) async fn finish_command(&mut self) -> Result<()> {
        self.apply_setting_changes()?;
        if std::mem::take(&mut self.last_in_batch) {
            return self.end_batch().await;
        }
        Ok(())
    }

    pub(super) async fn next_of_query(&mut self, query: &mut Query) -> Result<Option<Batch>> {
        let cancel = self.cancel.clone();
        let core = self.core.clone();
        cancel.race(query.next(&core)).await
    }

    /// A statement begins to run, or goes on after it was suspended: `statement_timeout` counts from here.
    pub(super) fn begin_running(&mut self) -> Result<()> {
        self.cancel.begin();
        self.cancel.check()?;
        if let Some(time) = self.settings.limits().statement {
            self.timer.start(self.core.shard.env(), &self.cancel, time);
        }
        Ok(())
    }

    /// Refuses writes in a read-only transaction (25006).
    pub(super) fn check_writable(&self, name: &str) -> Result<()> {
        let read_only = match &self.transaction {
            Some(transaction) => transaction.read_only,
            None => self.settings.is_read_only(),
        };
        match read_only {
            false => Ok(()),
            true => Err(Error::new(
                SqlState::READ_ONLY_SQL_TRANSACTION,
                format!("cannot execute {name} in a read-only transaction"),
            )),
        }
    }

    /// Sets up a plan to be fetched from.
    pub(super) async fn query(&mut self, node: &crate::sql::plan::Node, context: Arc<Context>) -> Result<Query> {
        self.query_watched(node, context, None)
    }

    /// The same; with a clock, what its operators do is measured.
    pub(super) fn query_watched(
        &mut self,
        node: &crate::sql::plan::Node,
        context: Arc<Context>,
        clock: Option<crate::sql::execute::Clock>,
    ) -> Result<Query> {
        let view = self.read_view();
        self.query_at(node, context, view, clock)
    }

    /// The same, reading what the view shows.
    pub(super) fn query_at(
        &mut self,
        node: &crate::sql::plan::Node,
        context: Arc<Context>,
        view: crate::shard::ReadView,
        clock: Option<crate::sql::execute::Clock>,
    ) -> Result<Query> {
        let snapshot = self.transaction.as_ref().and_then(|open| open.snapshot.clone());
        let mut query = Query::new(node, context, view, snapshot, &self.catalog(), self.database, clock)?;
        query.in_background = self.in_background;
        query.remember(&mut self.open_transaction().reads);
        Ok(query)
    }
}

/// The name that error messages use for a statement.
fn statement_name(body: &Body) -> &'static str {
    match body {
        Body::Insert(_) => "INSERT",
        Body::Update(_) => "UPDATE",
        _ => "DELETE",
    }
}

/// The first `max_rows` rows and the rest.
pub(super) fn split(batch: Batch, max_rows: usize) -> (Batch, Option<Batch>) {
    if batch.rows <= max_rows {
        return (batch, None);
    }
    let rest = batch.slice(max_rows, batch.rows - max_rows);
    (batch.slice(0, max_rows), Some(rest))
}
