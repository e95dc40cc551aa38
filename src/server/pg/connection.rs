//! A connection's stream and buffers, and how the node tells connections to end.
//!
//! Invariants: what is buffered for the client goes out before the connection waits for the client; a connection that
//! waits can be woken to end; while the session works, the client's stream is watched, and work for a client that is gone
//! is given up.
//!
//! Absent: any meaning of what is read. That is [`super::handshake`] and [`super::session`].

use super::{
    backend::Watcher,
    input::{Budget, Frame, Input},
    output::Output,
};
use crate::{base::sqlstate::SqlState, error::Error};
use futures_lite::{
    AsyncRead, AsyncWrite,
    future::{poll_fn, poll_once, yield_now},
};
use std::{
    cell::{Cell, RefCell},
    future::Future,
    io,
    pin::{Pin, pin},
    rc::{Rc, Weak},
    task::{Context, Poll, Waker},
    time::Duration,
};

/// Messages handled in a row before other connections of the core get their turn.
const MESSAGES_PER_TURN: u32 = 16;
/// How long a statement may go on for a client that has ended its half of the connection. A client that is gone cannot be
/// told from one that only has nothing more to say and waits for the answers (a script piped into `nc`).
const HALF_CLOSED_TIME_MAX: Duration = Duration::from_secs(1);

/// Why something did not go on.
#[derive(Debug)]
pub enum Failure {
    /// A statement failed; the session lives.
    Statement(Error),
    /// The connection cannot go on; the client is told why.
    Fatal(Error),
    /// The client is gone, or has said good-bye.
    Gone,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match error.state() {
            SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN | SqlState::CANNOT_CONNECT_NOW => Failure::Fatal(error),
            _ => Failure::Statement(error),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(_: io::Error) -> Failure {
        Failure::Gone
    }
}

/// How far a node is with stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stopping {
    No,
    /// Connections outside a transaction end when they next wait for their client.
    Idle,
    /// Every connection ends when it next waits for its client.
    All,
}

/// What all connections of a core share.
pub struct Shared {
    stopping: Cell<Stopping>,
    budget: Rc<Budget>,
    sessions: Cell<usize>,
    sessions_max: usize,
    waiting: RefCell<Vec<Weak<Slot>>>,
}

/// Where a connection that waits leaves its waker.
#[derive(Default)]
struct Slot(RefCell<Option<Waker>>);

impl Shared {
    /// `sessions_max` logged-in sessions, `message_bytes_max` bytes of large messages being received.
    pub fn new(sessions_max: usize, message_bytes_max: usize) -> Rc<Shared> {
        Rc::new(Shared {
            stopping: Cell::new(Stopping::No),
            budget: Rc::new(Budget::new(message_bytes_max)),
            sessions: Cell::new(0),
            sessions_max,
            waiting: RefCell::new(Vec::new()),
        })
    }

    /// Tells all connections.
    pub fn stop(&self, stopping: Stopping) {
        self.stopping.set(stopping);
        let slots = std::mem::take(&mut *self.waiting.borrow_mut());
        for slot in slots.iter().filter_map(Weak::upgrade) {
            if let Some(waker) = slot.0.borrow_mut().take() {
                waker.wake();
            }
        }
        self.waiting.borrow_mut().extend(slots.into_iter().filter(|slot| slot.strong_count() > 0));
    }

    /// Logged-in sessions.
    pub fn sessions(&self) -> usize {
        self.sessions.get()
    }

    /// What connections hold in large messages.
    #[cfg(test)]
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Lets one more session in; 53300 when there are enough.
    pub fn admit(self: &Rc<Shared>) -> Result<Admission, Error> {
        if self.sessions.get() >= self.sessions_max {
            return Err(Error::new(SqlState::TOO_MANY_CONNECTIONS, "sorry, too many clients already")
                .with_detail(format!("This core serves {} sessions at most.", self.sessions_max))
                .with_hint("Close connections that are not used, or put a connection pool in front."));
        }
        self.sessions.set(self.sessions.get() + 1);
        Ok(Admission(self.clone()))
    }

    fn register(&self) -> Rc<Slot> {
        let slot = Rc::new(Slot::default());
        let mut waiting = self.waiting.borrow_mut();
        if waiting.len() == waiting.capacity() {
            waiting.retain(|slot| slot.strong_count() > 0);
        }
        waiting.push(Rc::downgrade(&slot));
        slot
    }
}

/// A session's place among those that are let in; given back when dropped, however the session ends.
pub struct Admission(Rc<Shared>);

impl Drop for Admission {
    fn drop(&mut self) {
        self.0.sessions.set(self.0.sessions.get() - 1);
    }
}

/// A stream with its buffers.
pub struct Connection<S> {
    pub stream: S,
    pub input: Input,
    pub output: Output,
    pub shared: Rc<Shared>,
    slot: Rc<Slot>,
    /// Messages handled since this task last gave way.
    turn: u32,
    /// Once the client has ended its half: until when the statement that runs may go on.
    grace: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// A fresh connection.
    pub fn new(stream: S, shared: Rc<Shared>) -> Connection<S> {
        let (input, slot) = (Input::new(shared.budget.clone()), shared.register());
        Connection { stream, input, output: Output::default(), shared, slot, turn: 0, grace: None }
    }

    /// Sends what is buffered.
    pub async fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.output.flush(&mut self.stream).await?)
    }

    /// The next message, sending what is buffered before waiting for it. `idle`: this is a good moment to end.
    /// `interrupted` ends the wait.
    pub async fn next_frame(
        &mut self,
        idle: bool,
        interrupted: impl Future<Output = Failure>,
    ) -> Result<Frame, Failure> {
        self.grace = None;
        let mut interrupted = pin!(interrupted);
        loop {
            if let Some(frame) = self.input.take_frame().map_err(Failure::Fatal)? {
                self.give_way().await;
                return Ok(frame);
            }
            self.flush().await?;
            self.read(idle && self.input.is_empty(), interrupted.as_mut()).await?;
        }
    }

    /// Whether the next message can be had without waiting.
    pub fn has_frame(&self) -> bool {
        self.input.next_tag().is_some()
    }

    /// A client that sends without end must not keep the core for itself.
    async fn give_way(&mut self) {
        self.turn += 1;
        if self.turn >= MESSAGES_PER_TURN {
            self.turn = 0;
            yield_now().await;
        }
    }

    /// Waits for bytes. Ends when the client is gone, the node stops, or `interrupted` says so.
    pub async fn read(
        &mut self,
        idle: bool,
        mut interrupted: impl Future<Output = Failure> + Unpin,
    ) -> Result<(), Failure> {
        let (stream, shared, slot) = (&mut self.stream, &self.shared, &self.slot);
        let space = self.input.space().map_err(Failure::Fatal)?;
        let count = poll_fn(|context| {
            if shared.stopping.get() >= if idle { Stopping::Idle } else { Stopping::All } {
                return Poll::Ready(Err(Failure::Fatal(stopped())));
            }
            let poll = Pin::new(&mut *stream).poll_read(context, space);
            if poll.is_pending() {
                if let Poll::Ready(failure) = Pin::new(&mut interrupted).poll(context) {
                    return Poll::Ready(Err(failure));
                }
                *slot.0.borrow_mut() = Some(context.waker().clone());
            }
            poll.map_err(Failure::from)
        })
        .await?;
        if count == 0 {
            return Err(Failure::Gone);
        }
        self.turn = 0;
        self.input.filled(count);
        Ok(())
    }

    /// Lets the session work. When that takes a while, a whole answer that is buffered is sent meanwhile (the answer of a
    /// pipelined statement thus never waits for the next statement, and still costs no write of its own when that is
    /// quick), and the client is watched: when it is gone the work is given up. Nothing of an earlier message may be
    /// needed any more.
    pub async fn attend<T, W: Watcher + 'static>(
        &mut self,
        watcher: &W,
        work: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        let mut work = pin!(work);
        if let Some(done) = poll_once(work.as_mut()).await {
            return Ok(done);
        }
        let mut gone = false;
        let done = poll_fn(|context| {
            // First the client: what it makes of the watcher is for the work to see.
            if !gone && self.poll_client(watcher, context).is_err() {
                gone = true;
                watcher.give_up();
            }
            work.as_mut().poll(context)
        })
        .await;
        if gone {
            return Err(Failure::Gone);
        }
        if self.output.has_answer() {
            self.flush().await?;
        }
        Ok(done)
    }

    /// Sends what the client waits for, takes what it sends into the room that is there, and fails when it is gone.
    fn poll_client<W: Watcher + 'static>(&mut self, watcher: &W, context: &mut Context<'_>) -> io::Result<()> {
        if self.output.has_answer()
            && let Poll::Ready(Err(error)) = self.output.poll_flush(&mut self.stream, context)
        {
            return Err(error);
        }
        while self.grace.is_none() {
            let spare = self.input.spare();
            if spare.is_empty() {
                break; // it sends ahead of what it is owed: then it is there
            }
            match Pin::new(&mut self.stream).poll_read(context, spare) {
                Poll::Pending => break,
                Poll::Ready(Ok(0)) => {
                    let watcher = watcher.clone();
                    self.grace = Some(Box::pin(async move { watcher.sleep(HALF_CLOSED_TIME_MAX).await }));
                }
                Poll::Ready(Ok(count)) => self.input.filled(count),
                Poll::Ready(Err(error)) => return Err(error),
            }
        }
        let over = self.grace.as_mut().is_some_and(|grace| grace.as_mut().poll(context).is_ready());
        if over { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    }
}

/// What a session is told when the node stops.
pub fn stopped() -> Error {
    Error::new(SqlState::ADMIN_SHUTDOWN, "terminating connection due to administrator command")
        .with_hint("The node is stopping. Connect again when it is back.")
}
