//! The embedded client: SQL in this process, without a socket, from any thread.

use super::call::{Command, run_blocking};
use crate::{
    base::{sqlstate::SqlState, value::Value},
    coordinator::{Fetch, Session, Started, Startup},
    env::queue::Sender,
    error::{Error, Result},
};
use std::{
    cell::RefCell,
    collections::BTreeMap,
    rc::Rc,
    sync::atomic::{AtomicU64, Ordering},
};

/// Rows that one `query` may bring; more are an error, since all of them are held in memory.
const ROWS_MAX: usize = 10_000_000;

/// A session with a node in the same process. Its calls wait for their results.
pub struct Client {
    commands: Sender<Command>,
    session: u64,
}

/// Rows of a query, as values.
pub type Rows = Vec<Vec<Value>>;

thread_local! {
    /// Sessions of embedded clients on this core. They cannot leave it, so clients name them by number.
    static SESSIONS: RefCell<BTreeMap<u64, Rc<RefCell<Option<Session>>>>> = const { RefCell::new(BTreeMap::new()) };
}

static NEXT_SESSION: AtomicU64 = AtomicU64::new(1);

impl Client {
    pub(super) fn open(commands: Sender<Command>, database: &str) -> Result<Client> {
        let session = NEXT_SESSION.fetch_add(1, Ordering::Relaxed);
        let startup = Startup {
            user: "distdb".into(),
            database: database.into(),
            parameters: Vec::new(),
            remote: "embedded".into(),
        };
        run_blocking(&commands, move |coordinator| async move {
            let opened = coordinator.open_session(startup)?;
            SESSIONS.with_borrow_mut(|sessions| sessions.insert(session, Rc::new(RefCell::new(Some(opened)))));
            Ok::<(), Error>(())
        })??;
        Ok(Client { commands, session })
    }

    /// Runs statements and gives the command tag of the last.
    pub fn execute(&mut self, text: &str) -> Result<String> {
        self.run(text).map(|(_, tag)| tag)
    }

    /// Runs a query and gives all its rows.
    pub fn query(&mut self, text: &str) -> Result<Rows> {
        self.run(text).map(|(rows, _)| rows)
    }

    fn run(&mut self, text: &str) -> Result<(Rows, String)> {
        let (number, text) = (self.session, text.to_string());
        run_blocking(&self.commands, move |_| async move {
            let slot = SESSIONS.with_borrow(|sessions| sessions.get(&number).cloned());
            let gone = || Error::new(SqlState::CONNECTION_FAILURE, "the session has ended");
            let slot = slot.ok_or_else(gone)?;
            // Taken out while it runs; `&mut self` keeps a second call from coming in between.
            let mut session = slot.borrow_mut().take().ok_or_else(gone)?;
            let outcome = run_script(&mut session, &text).await;
            if let Err(error) = &outcome {
                session.fail(error).await;
            }
            *slot.borrow_mut() = Some(session);
            outcome
        })?
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let number = self.session;
        let closing = run_blocking(&self.commands, move |_| async move {
            SESSIONS.with_borrow_mut(|sessions| sessions.remove(&number));
        });
        // The node may have stopped first, and the session with it.
        drop(closing);
    }
}

async fn run_script(session: &mut Session, text: &str) -> Result<(Rows, String)> {
    let script = session.parse_script(text)?;
    let (mut rows, mut tag) = (Vec::new(), String::new());
    for statement in &script {
        rows.clear();
        match session.start_simple(statement, script.len()).await? {
            Started::Command(done) => tag = done,
            Started::Empty => {}
            Started::Rows(_) => tag = fetch_all(session, &mut rows).await?,
            Started::CopyIn { .. } | Started::CopyOut { .. } => {
                let error = Error::unsupported("COPY through the embedded client");
                return Err(error.with_hint("Use INSERT, or COPY through the PostgreSQL port."));
            }
        }
    }
    session.end_batch().await?;
    Ok((rows, tag))
}

async fn fetch_all(session: &mut Session, rows: &mut Rows) -> Result<String> {
    loop {
        match session.fetch(0).await? {
            Fetch::Batch(batch) => {
                if rows.len() + batch.rows > ROWS_MAX {
                    let error = Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "the result has too many rows");
                    return Err(error.with_hint("Use LIMIT, or aggregate in the query."));
                }
                rows.extend((0..batch.rows).map(|row| batch.row(row)));
            }
            Fetch::Complete(tag) => return Ok(tag),
            Fetch::Suspended | Fetch::CopyData(_) => return Err(Error::internal("an unasked part of a result")),
        }
    }
}
