//! Stopping a statement that runs: a cancel request, a statement timeout, or the node shutting down.
//!
//! Single-threaded. A statement awaits everything that may be given up through [`Cancel::race`]; commits are not raced,
//! because once a commit is under way its outcome must be known.

use crate::{
    base::sqlstate::SqlState,
    error::{Error, Result},
};
use std::{
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    pin::pin,
    task::{Poll, Waker},
};

/// Why a statement stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A cancel request of the user.
    User,
    /// `statement_timeout` ran out.
    Timeout,
    /// The node stops.
    Shutdown,
}

/// The flag of one session.
#[derive(Default)]
pub struct Cancel {
    reason: Cell<Option<Reason>>,
    waker: RefCell<Option<Waker>>,
    /// Grows with every statement, so that a late timeout does not hit the next statement.
    statement: Cell<u64>,
}

impl Cancel {
    /// Begins a statement: what was asked before is forgotten, but for the shutdown. Gives the statement's number.
    pub fn begin(&self) -> u64 {
        if self.reason.get() != Some(Reason::Shutdown) {
            self.reason.set(None);
        }
        self.statement.set(self.statement.get() + 1);
        self.statement.get()
    }

    /// Asks the running statement to stop.
    pub fn request(&self, reason: Reason) {
        self.reason.set(Some(reason));
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Asks a certain statement to stop, if it still runs.
    pub fn request_for(&self, statement: u64, reason: Reason) {
        if self.statement.get() == statement {
            self.request(reason);
        }
    }

    /// Fails if the statement is to stop.
    pub fn check(&self) -> Result<()> {
        match self.reason.get() {
            None => Ok(()),
            Some(reason) => Err(stopped(reason)),
        }
    }

    /// Awaits `future`, unless the statement is to stop: then it is dropped.
    pub async fn race<T>(&self, future: impl Future<Output = Result<T>>) -> Result<T> {
        let mut future = pin!(future);
        poll_fn(|context| {
            if let Err(error) = self.check() {
                return Poll::Ready(Err(error));
            }
            let result = future.as_mut().poll(context);
            if result.is_pending() {
                *self.waker.borrow_mut() = Some(context.waker().clone());
            }
            result
        })
        .await
    }
}

fn stopped(reason: Reason) -> Error {
    match reason {
        Reason::User => Error::new(SqlState::QUERY_CANCELED, "canceling statement due to user request"),
        Reason::Timeout => Error::new(SqlState::QUERY_CANCELED, "canceling statement due to statement timeout"),
        Reason::Shutdown => Error::new(SqlState::ADMIN_SHUTDOWN, "terminating connection due to administrator command"),
    }
}
