//! The life of a logged-in connection: take a message, do what it says, answer, until the client leaves.
//!
//! This file has the loop, the simple query protocol and what both protocols share; [`super::extended`] and
//! [`super::copy`] have the rest.
//!
//! Invariants: messages are carried out strictly in order; after an error in the extended protocol nothing is carried
//! out before the next Sync; a statement's CommandComplete is not sent before its implicit transaction is committed when
//! the end of that transaction is already known; every error is told to the session exactly once (`Backend::fail`).

use super::{
    backend::{Backend, Fetch, Field, IdleLimit, Started, Watcher},
    connection::{Connection, Failure},
    input::Frame,
    message::{self, Format, tag},
    values::{Columns, ResultFormats, write_rows},
};
use crate::error::Error;
use futures_lite::{AsyncRead, AsyncWrite, future::pending};
use std::collections::BTreeMap;

/// How a statement ended, still to be told.
#[derive(Debug)]
pub(super) enum Done {
    /// With this command tag.
    Command(String),
    Empty,
    /// There are more rows to ask for.
    Suspended,
}

/// A connection after its handshake.
pub(super) struct Session<'a, S, B: Backend> {
    pub(super) connection: &'a mut Connection<S>,
    pub(super) backend: B,
    pub(super) watcher: B::Watcher,
    /// Result formats of portals; the session has all else about them. The unnamed portal has the empty name.
    pub(super) formats: BTreeMap<String, ResultFormats>,
    /// After an error in the extended protocol: everything up to Sync is passed over.
    pub(super) skipping: bool,
    /// The tag of a statement that ran but of which the transaction may end with the next message.
    pub(super) unsaid: Option<String>,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin, B: Backend> Session<'a, S, B> {
    /// Wraps a connection and the session opened for it.
    pub(super) fn new(connection: &'a mut Connection<S>, backend: B) -> Session<'a, S, B> {
        let watcher = backend.watcher();
        Session { connection, backend, watcher, formats: BTreeMap::new(), skipping: false, unsaid: None }
    }

    /// Serves until the connection is over; gives the reason (never [`Failure::Statement`]).
    pub(super) async fn serve(&mut self) -> Failure {
        loop {
            let failure = match self.step().await {
                Ok(()) => continue,
                Err(Failure::Statement(error)) => {
                    self.skipping = true;
                    match self.fail(error).await {
                        Ok(()) => continue,
                        Err(failure) => failure,
                    }
                }
                Err(failure) => failure,
            };
            self.backend.close().await;
            return failure;
        }
    }

    /// One message.
    async fn step(&mut self) -> Result<(), Failure> {
        if !self.connection.has_frame() {
            self.say();
        }
        let idle = self.backend.transaction_status() == b'I';
        let too_long = async {
            match self.backend.idle_limit() {
                None => pending().await,
                Some(IdleLimit { time, error }) => {
                    self.watcher.sleep(time).await;
                    Failure::Fatal(error)
                }
            }
        };
        let frame = self.connection.next_frame(idle, too_long).await?;
        if frame.tag != tag::SYNC {
            self.say();
        }
        if self.skipping && !matches!(frame.tag, tag::SYNC | tag::TERMINATE) {
            return Ok(());
        }
        match frame.tag {
            tag::QUERY => self.simple_query(&frame).await,
            tag::PARSE => self.parse(&frame),
            tag::BIND => self.bind(&frame),
            tag::DESCRIBE => self.describe(&frame),
            tag::EXECUTE => self.execute(&frame).await,
            tag::CLOSE => self.close(&frame),
            tag::SYNC => self.sync(&frame).await,
            tag::FLUSH => self.connection.flush().await,
            tag::FUNCTION_CALL => self.function_call().await,
            tag::TERMINATE => Err(Failure::Gone),
            // Rest of a COPY that failed: the client had not heard of it yet.
            _ => Ok(()),
        }
    }

    /// Query: any number of statements; they are one transaction unless they say otherwise.
    async fn simple_query(&mut self, frame: &Frame) -> Result<(), Failure> {
        match self.run_script(frame).await {
            Ok(()) => {}
            Err(Failure::Statement(error)) => {
                self.fail(error).await?;
                self.end_batch().await.or_else(ended)?;
            }
            Err(failure) => return Err(failure),
        }
        self.ready();
        Ok(())
    }

    async fn run_script(&mut self, frame: &Frame) -> Result<(), Failure> {
        let text = message::query(self.connection.input.body(frame))?;
        let script = self.backend.parse_script(text)?;
        let mut last = Done::Empty;
        for (position, parsed) in script.iter().enumerate() {
            if position > 0 {
                self.tell(last);
            }
            let starting = self.backend.start_simple(parsed, script.len());
            let started = self.connection.attend(&self.watcher, starting).await??;
            last = self.run(started, true, &ResultFormats::All(Format::Text), 0).await?;
        }
        self.end_batch().await?;
        self.tell(last);
        Ok(())
    }

    /// Runs what was started to its end, or to its limit of rows. `describe`: the client has not been told the columns.
    pub(super) async fn run(
        &mut self,
        started: Started,
        describe: bool,
        formats: &ResultFormats,
        rows_max: usize,
    ) -> Result<Done, Failure> {
        self.put_notices();
        match started {
            Started::Rows(fields) => {
                if describe {
                    self.connection.output.row_description(&fields, |column| formats.get(column));
                }
                self.send_rows(&fields, formats, rows_max).await
            }
            Started::Command(tag) => Ok(Done::Command(tag)),
            Started::Empty => Ok(Done::Empty),
            Started::CopyIn { format, columns } => self.copy_in(format, columns).await,
            Started::CopyOut { format, columns } => self.copy_out(format, columns).await,
        }
    }

    async fn send_rows(&mut self, fields: &[Field], formats: &ResultFormats, rows_max: usize) -> Result<Done, Failure> {
        let columns = Columns { fields, formats, style: &self.backend.style() };
        loop {
            let fetched = self.connection.attend(&self.watcher, self.backend.fetch(rows_max)).await??;
            self.put_notices();
            match fetched {
                Fetch::Batch(batch) => {
                    let mut row = 0;
                    while row < batch.rows {
                        row = write_rows(&mut self.connection.output, &batch, row, &columns)?;
                        if self.connection.output.is_full() {
                            self.connection.flush().await?;
                        }
                    }
                }
                Fetch::Suspended => return Ok(Done::Suspended),
                Fetch::Complete(tag) => return Ok(Done::Command(tag)),
                Fetch::CopyData(_) => return Err(Error::internal("copy data where rows were announced").into()),
            }
        }
    }

    /// FunctionCall: a message of its own, answered like a query.
    async fn function_call(&mut self) -> Result<(), Failure> {
        let error = Error::unsupported("the function call message").with_hint("Call the function with SELECT.");
        self.fail(error).await?;
        self.end_batch().await.or_else(ended)?;
        self.ready();
        Ok(())
    }

    /// Ends the implicit transaction.
    pub(super) async fn end_batch(&mut self) -> Result<(), Failure> {
        self.connection.attend(&self.watcher, self.backend.end_batch()).await??;
        self.put_notices();
        Ok(())
    }

    /// Tells the client and the session of an error.
    pub(super) async fn fail(&mut self, error: Error) -> Result<(), Failure> {
        self.unsaid = None;
        self.put_notices();
        self.connection.output.error("ERROR", &error);
        self.connection.attend(&self.watcher, self.backend.fail(&error)).await
    }

    /// ReadyForQuery, with what must be told before it.
    pub(super) fn ready(&mut self) {
        self.put_notices();
        for (name, value) in self.backend.take_parameter_changes() {
            self.connection.output.parameter_status(&name, &value);
        }
        let status = self.backend.transaction_status();
        if status == b'I' && !self.formats.is_empty() {
            self.formats.clear(); // portals end with their transaction
        }
        self.connection.output.ready_for_query(status);
    }

    /// Says how a statement ended.
    pub(super) fn tell(&mut self, done: Done) {
        match done {
            Done::Command(tag) => self.connection.output.command_complete(&tag),
            Done::Empty => self.connection.output.empty_query(),
            Done::Suspended => self.connection.output.portal_suspended(),
        }
    }

    /// Says what was held back.
    pub(super) fn say(&mut self) {
        if let Some(tag) = self.unsaid.take() {
            self.connection.output.command_complete(&tag);
        }
    }

    pub(super) fn put_notices(&mut self) {
        for notice in self.backend.take_notices() {
            self.connection.output.notice(&notice);
        }
    }
}

/// An error of ending a batch that failed already has nothing new to say; the end of the connection has.
fn ended(failure: Failure) -> Result<(), Failure> {
    match failure {
        Failure::Statement(error) => {
            tracing::debug!(%error, "ending a failed batch");
            Ok(())
        }
        failure => Err(failure),
    }
}
