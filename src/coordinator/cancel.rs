//! Stopping a statement that runs: a cancel request, a statement timeout, a client that is gone, or the node shutting
//! down.
//!
//! Single-threaded. A statement awaits everything that may be given up through [`Cancel::race`]; commits are not raced,
//! because once a commit is under way its outcome must be known.

use crate::{
    base::sqlstate::SqlState,
    env::{Env, Task, TaskClass},
    error::{Error, Result},
};
use std::{
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    pin::pin,
    rc::{Rc, Weak},
    task::{Poll, Waker},
    time::Duration,
};

/// Why a statement stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A cancel request of the user.
    User,
    /// `statement_timeout` ran out.
    Timeout,
    /// Nobody is there to be answered.
    ClientGone,
    /// The node stops.
    Shutdown,
}

impl Reason {
    /// Whether it holds for the statements that follow as well.
    fn is_final(self) -> bool {
        matches!(self, Reason::ClientGone | Reason::Shutdown)
    }
}

/// The flag of one session.
#[derive(Default)]
pub struct Cancel {
    reason: Cell<Option<Reason>>,
    waker: RefCell<Option<Waker>>,
    /// When the running statement has had its time, on the core's clock.
    deadline: Cell<Option<Duration>>,
}

impl Cancel {
    /// Begins a statement: what was asked of those before is forgotten.
    pub fn begin(&self) {
        if !self.reason.get().is_some_and(Reason::is_final) {
            self.reason.set(None);
        }
        self.deadline.set(None);
    }

    /// Asks the running statement to stop.
    pub fn request(&self, reason: Reason) {
        if !self.reason.get().is_some_and(Reason::is_final) {
            self.reason.set(Some(reason));
        }
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Fails if the statement is to stop.
    pub fn check(&self) -> Result<()> {
        match self.reason.get() {
            None => Ok(()),
            Some(reason) => Err(stopped(reason)),
        }
    }

    /// Resolves when the statement is to stop.
    pub async fn requested(&self) -> Error {
        poll_fn(|context| match self.check() {
            Err(error) => Poll::Ready(error),
            Ok(()) => {
                *self.waker.borrow_mut() = Some(context.waker().clone());
                Poll::Pending
            }
        })
        .await
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
        Reason::ClientGone => Error::new(SqlState::CONNECTION_FAILURE, "connection to client lost"),
        Reason::Shutdown => Error::new(SqlState::ADMIN_SHUTDOWN, "terminating connection due to administrator command"),
    }
}

/// The timer of a session's statements: one task at most, however many statements there are. A statement only says when it
/// has had its time; the task sleeps until the earliest time that was said, and looks anew.
#[derive(Default)]
pub struct Timer {
    /// The task, and when it wakes. Dropped, and so stopped, with the session.
    task: Option<(Task<()>, Rc<Cell<Option<Duration>>>)>,
}

impl Timer {
    /// The statement that just began is to stop when `time` is over.
    pub fn start(&mut self, env: &Env, cancel: &Rc<Cancel>, time: Duration) {
        let deadline = env.now() + time;
        cancel.deadline.set(Some(deadline));
        if let Some((_, wakes)) = &self.task
            && wakes.get().is_some_and(|at| at <= deadline)
        {
            return;
        }
        let wakes = Rc::new(Cell::new(Some(deadline)));
        let task = env.spawn(TaskClass::Query, watch(env.clone(), Rc::downgrade(cancel), wakes.clone()));
        self.task = Some((task, wakes));
    }
}

/// Stops the statement that runs at its deadline; ends when none has one.
async fn watch(env: Env, cancel: Weak<Cancel>, wakes: Rc<Cell<Option<Duration>>>) {
    while let Some(deadline) = cancel.upgrade().and_then(|cancel| cancel.deadline.get()) {
        let now = env.now();
        if now < deadline {
            wakes.set(Some(deadline));
            env.sleep(deadline - now).await;
        } else if let Some(cancel) = cancel.upgrade() {
            cancel.deadline.set(None);
            cancel.request(Reason::Timeout);
        }
    }
    wakes.set(None);
}
