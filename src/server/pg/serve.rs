//! Accepts connections on one core and runs each in a task of its own.
//!
//! Invariants: an address that is not loopback is refused, since nobody is asked for credentials; a connection has a few
//! seconds and few bytes until it is logged in, and there are at most [`GREETING_MAX`] of those, however many log-ins
//! there are already, so that a cancel request and an honest refusal get through; further ones wait in the kernel's queue;
//! a panic in a session ends that
//! connection only (the task catches it, and everything it held is given back by `Drop`).
//!
//! Stopping: [`Server::stop`] closes the listener, tells sessions that wait outside a transaction at once, the others
//! when the grace is over, and last drops whatever still runs.

use super::{
    backend::Sessions,
    connection::{Connection, Shared, Stopping},
    converse::converse,
};
use crate::{
    base::sqlstate::SqlState,
    env::{Env, Task, TaskClass, TcpStream, signal::Signal},
    error::{Error, Result},
};
use futures_lite::{AsyncReadExt, AsyncWriteExt, future::or};
use std::{
    cell::{Cell, RefCell},
    io,
    net::SocketAddr,
    rc::Rc,
    time::Duration,
};

/// Connections of a core that are not logged in (yet).
const GREETING_MAX: usize = 512;
/// How long a failing listener rests: it fails when file descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long the rest of what a client sends is read after its connection failed, so that the error reaches it.
const LINGER_TIME_MAX: Duration = Duration::from_millis(500);
const LINGER_BYTES_MAX: usize = 4 << 20;

/// What a door for PostgreSQL's protocol needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    pub address: SocketAddr,
    /// Sessions of one core.
    pub sessions_max: usize,
    /// Connections of one core, logged in or not: what descriptors there are for. Further ones wait in the kernel's queue.
    pub connections_max: usize,
    /// Memory of one core for large messages that are being received.
    pub message_bytes_max: usize,
    /// Time a client has to log in.
    pub login_time_max: Duration,
}

impl Options {
    /// The defaults for an address.
    pub fn at(address: SocketAddr) -> Options {
        Options {
            address,
            sessions_max: 1000,
            connections_max: 1000 + GREETING_MAX,
            message_bytes_max: 256 << 20,
            login_time_max: Duration::from_secs(5),
        }
    }
}

/// The open door of one core.
pub struct Server {
    env: Env,
    shared: Rc<Shared>,
    address: SocketAddr,
    accepting: Task<()>,
    connections: Rc<Connections>,
}

/// The tasks of all connections, by number.
#[derive(Default)]
struct Connections {
    login_time_max: Duration,
    connections_max: usize,
    next: Cell<u64>,
    tasks: RefCell<std::collections::BTreeMap<u64, Task<()>>>,
    greeting: Cell<usize>,
    /// Set when a client has logged in or has not.
    greeted: Signal,
    /// Set when a connection ends.
    ended: Signal,
}

impl Server {
    /// Opens the door to a coordinator.
    pub async fn open(env: &Env, coordinator: crate::coordinator::Coordinator, options: Options) -> Result<Server> {
        Server::open_with(env, coordinator, options).await
    }

    /// Opens the door to any sessions.
    pub(super) async fn open_with<C: Sessions + 'static>(env: &Env, sessions: C, options: Options) -> Result<Server> {
        check_loopback(options.address)?;
        let doing = format!("cannot listen for PostgreSQL clients on {}", options.address);
        let listener = env.listen(options.address).await.map_err(|cause| Error::io(&doing, cause))?;
        let address = listener.local_addr().map_err(|cause| Error::io(&doing, cause))?;
        let shared = Shared::new(options.sessions_max, options.message_bytes_max);
        let connections = Rc::new(Connections {
            login_time_max: options.login_time_max,
            connections_max: options.connections_max,
            ..Connections::default()
        });
        let accepting = {
            let (env, shared, connections, sessions) =
                (env.clone(), shared.clone(), connections.clone(), Rc::new(sessions));
            env.clone().spawn(TaskClass::Query, async move {
                loop {
                    connections.room().await;
                    match listener.accept().await {
                        Ok(stream) => connections.start(&env, stream, &shared, &sessions),
                        Err(error) => {
                            tracing::warn!(%error, "cannot accept a connection from a PostgreSQL client");
                            env.sleep(ACCEPT_PAUSE).await;
                        }
                    }
                }
            })
        };
        Ok(Server { env: env.clone(), shared, address, accepting, connections })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Logged-in sessions.
    pub fn sessions(&self) -> usize {
        self.shared.sessions()
    }

    /// Takes no more connections, lets open ones finish what they do for `grace`, then ends them.
    pub async fn stop(self, grace: Duration) {
        self.accepting.cancel().await;
        self.shared.stop(Stopping::Idle);
        let moment = (grace / 20).max(Duration::from_millis(1));
        let finished = self.env.timeout(moment, self.connections.all_ended()).await.is_some() || {
            let sessions = self.shared.sessions();
            tracing::info!(sessions, "waiting up to {grace:?} for what clients have under way");
            self.env.timeout(grace.saturating_sub(moment), self.connections.all_ended()).await.is_some()
        };
        if !finished {
            self.shared.stop(Stopping::All);
            self.env.timeout(LINGER_TIME_MAX * 2, self.connections.all_ended()).await;
        }
        let left = std::mem::take(&mut *self.connections.tasks.borrow_mut());
        for (_, task) in left {
            task.cancel().await;
        }
    }
}

impl Connections {
    /// Waits while too many clients have not logged in, or there are too many in all.
    async fn room(&self) {
        while self.greeting.get() >= GREETING_MAX || self.tasks.borrow().len() >= self.connections_max {
            or(self.greeted.wait(), self.ended.wait()).await;
        }
    }

    /// Starts a task for a connection.
    fn start<C: Sessions + 'static>(
        self: &Rc<Self>,
        env: &Env,
        stream: TcpStream,
        shared: &Rc<Shared>,
        sessions: &Rc<C>,
    ) {
        let number = self.next.get();
        self.next.set(number + 1);
        let place = Place { connections: self.clone(), number };
        let greeting = Greeting::new(self);
        let task = {
            let (env, shared, sessions) = (env.clone(), shared.clone(), sessions.clone());
            env.clone().spawn(TaskClass::Query, async move {
                let _place = place;
                run(&env, stream, shared, &*sessions, greeting).await;
            })
        };
        self.tasks.borrow_mut().insert(number, task);
    }

    async fn all_ended(&self) {
        while !self.tasks.borrow().is_empty() {
            self.ended.wait().await;
        }
    }
}

/// Counts a connection that is not logged in, until it is or ends.
struct Greeting(Rc<Connections>);

impl Greeting {
    fn new(connections: &Rc<Connections>) -> Greeting {
        connections.greeting.set(connections.greeting.get() + 1);
        Greeting(connections.clone())
    }
}

impl Drop for Greeting {
    fn drop(&mut self) {
        self.0.greeting.set(self.0.greeting.get() - 1);
        self.0.greeted.set();
    }
}

/// A connection's place among the tasks, given back however it ends.
struct Place {
    connections: Rc<Connections>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        // The task is ending by itself: there is nothing to cancel.
        if let Ok(mut tasks) = self.connections.tasks.try_borrow_mut()
            && let Some(task) = tasks.remove(&self.number)
        {
            task.detach();
        }
        self.connections.ended.set();
    }
}

async fn run<C: Sessions>(env: &Env, stream: TcpStream, shared: Rc<Shared>, sessions: &C, greeting: Greeting) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let remote = stream.peer_addr().map_or_else(|_| "unknown".to_string(), |address| address.to_string());
    let deadline = env.sleep(greeting.0.login_time_max);
    let (connection, failure) = converse(stream, shared, sessions, &remote, deadline, greeting).await;
    tracing::debug!(%remote, ?failure, "a PostgreSQL client's connection is over");
    linger(env, connection).await;
}

/// Says the last words, ends our half and reads what the client still sends: to close with bytes unread would reset the connection, and the
/// client would lose the error that was just sent.
async fn linger(env: &Env, mut connection: Connection<TcpStream>) {
    let rest = async {
        let stream = &mut connection.stream;
        connection.output.flush(stream).await?;
        stream.close().await?;
        let mut scratch = vec![0; 16 << 10];
        let mut left = LINGER_BYTES_MAX;
        while left > 0 {
            match stream.read(&mut scratch).await? {
                0 => break,
                count => left = left.saturating_sub(count),
            }
        }
        io::Result::Ok(())
    };
    let late = async {
        env.sleep(LINGER_TIME_MAX).await;
        Ok(())
    };
    if let Err(error) = or(rest, late).await {
        tracing::trace!(%error, "closing a connection");
    }
}

/// Nobody is asked for credentials yet, so nobody beyond this machine may knock.
fn check_loopback(address: SocketAddr) -> Result<()> {
    if address.ip().is_loopback() {
        return Ok(());
    }
    let message =
        format!("cannot listen on {address}: there are no credentials yet, so only loopback addresses are allowed");
    Err(Error::new(SqlState::CONFIG_FILE_ERROR, message).with_hint("Use --host 127.0.0.1."))
}
