//! Accepts HTTP connections on one core and drives hyper on each.
//!
//! hyper's own timers want clocks that may cross threads, so time is kept here: a watch beside each connection lets it
//! go when no request has been completed for too long, which covers a head that dribbles in, a client that says nothing,
//! and one that does not read its answer.

use super::{
    routes::{Answers, answer},
    stream::Stream,
};
use crate::{
    base::sqlstate::SqlState,
    env::{Env, Task, TaskClass, TcpStream},
    error::{Error, Result},
};
use bytes::Bytes;
use futures_lite::future::or;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    convert::Infallible,
    net::SocketAddr,
    rc::Rc,
    time::Duration,
};

/// Connections of one core; more are closed at once.
const CONNECTIONS_MAX: usize = 256;
/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 16 << 10;
const HEADERS_MAX: usize = 64;
/// How long a failing listener rests.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a door for HTTP needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    pub address: SocketAddr,
    /// How long a connection may take to send a request, and may rest between two.
    pub idle_time_max: Duration,
}

impl Options {
    /// The defaults for an address.
    pub fn at(address: SocketAddr) -> Options {
        Options { address, idle_time_max: Duration::from_secs(10) }
    }
}

/// The open door of one core.
pub struct Server {
    address: SocketAddr,
    accepting: Task<()>,
    connections: Rc<Connections>,
}

/// The tasks of all connections, by number.
#[derive(Default)]
struct Connections {
    next: Cell<u64>,
    tasks: RefCell<BTreeMap<u64, Task<()>>>,
}

impl Server {
    /// Opens the door.
    pub async fn open(env: &Env, answers: Answers, options: Options) -> Result<Server> {
        if !options.address.ip().is_loopback() {
            let message = format!("cannot listen on {}: there are no credentials yet", options.address);
            return Err(Error::new(SqlState::CONFIG_FILE_ERROR, message).with_hint("Use --host 127.0.0.1."));
        }
        let doing = format!("cannot listen for HTTP on {}", options.address);
        let listener = env.listen(options.address).await.map_err(|cause| Error::io(&doing, cause))?;
        let address = listener.local_addr().map_err(|cause| Error::io(&doing, cause))?;
        let (connections, answers) = (Rc::new(Connections::default()), Rc::new(answers));
        let accepting = {
            let (env, connections) = (env.clone(), connections.clone());
            env.clone().spawn(TaskClass::Query, async move {
                loop {
                    match listener.accept().await {
                        Ok(stream) => connections.start(&env, stream, answers.clone(), options.idle_time_max),
                        Err(error) => {
                            tracing::warn!(%error, "cannot accept an HTTP connection");
                            env.sleep(ACCEPT_PAUSE).await;
                        }
                    }
                }
            })
        };
        Ok(Server { address, accepting, connections })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections and ends those that are open: answers are short, and nobody loses anything.
    pub async fn stop(self) {
        self.accepting.cancel().await;
        let tasks = std::mem::take(&mut *self.connections.tasks.borrow_mut());
        for (_, task) in tasks {
            task.cancel().await;
        }
    }
}

impl Connections {
    fn start(self: &Rc<Self>, env: &Env, stream: TcpStream, answers: Rc<Answers>, idle_time_max: Duration) {
        if self.tasks.borrow().len() >= CONNECTIONS_MAX {
            return;
        }
        let number = self.next.get();
        self.next.set(number + 1);
        let place = Place { connections: self.clone(), number };
        let task = {
            let env = env.clone();
            env.clone().spawn(TaskClass::Query, async move {
                let _place = place;
                serve(&env, stream, &answers, idle_time_max).await;
            })
        };
        self.tasks.borrow_mut().insert(number, task);
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
    }
}

/// Whether a request is being worked on, or since when none is.
#[derive(Clone, Copy)]
enum Phase {
    Answering,
    Waiting(Duration),
}

async fn serve(env: &Env, stream: TcpStream, answers: &Answers, idle_time_max: Duration) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let phase = Cell::new(Phase::Waiting(env.now()));
    let service = service_fn(|request: Request<Incoming>| {
        let phase = &phase;
        async move {
            phase.set(Phase::Answering);
            let response = answer(answers, request.method(), request.uri().path()).await;
            phase.set(Phase::Waiting(env.now()));
            Ok::<Response<Full<Bytes>>, Infallible>(response)
        }
    });
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD_BYTES_MAX).max_headers(HEADERS_MAX).half_close(false);
    let connection = async {
        if let Err(error) = builder.serve_connection(Stream::new(stream), service).await {
            tracing::debug!(%error, "an HTTP connection failed");
        }
    };
    or(connection, watch(env, &phase, idle_time_max)).await;
}

/// Resolves when a connection has waited too long.
async fn watch(env: &Env, phase: &Cell<Phase>, idle_time_max: Duration) {
    loop {
        let left = match phase.get() {
            Phase::Answering => idle_time_max,
            Phase::Waiting(since) => (since + idle_time_max).saturating_sub(env.now()),
        };
        if left.is_zero() {
            return;
        }
        env.sleep(left).await;
    }
}
