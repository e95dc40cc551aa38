//! The only door to the outside: clock, randomness, tasks, files, sockets, threads.
//!
//! What it is: [`Env`], a closed enum with two inhabitants. [`glommio`] runs on io_uring with a pinned thread per core;
//! [`sim`] runs any number of cores and nodes in one thread from a seed. Everything above takes an `Env` value and
//! cannot tell which one it has, so the code that is tested is the code that runs.
//!
//! What it does not do: no policy. It does not know what a log, a shard or a session is, it never retries, and nothing
//! outside this folder names glommio or the simulator except to start them.
//!
//! Invariants: an `Env`, its files, sockets and tasks belong to one core and never leave its thread; only
//! [`queue`] crosses. Dropping any future given out here, at any moment, is legal. A failed write or sync is reported
//! once and never retried: callers go to [`Env::halt`].
//!
//! Start reading at [`Env`], then `file.rs`, then `glommio/mod.rs` and `sim/mod.rs` for how each promise is kept.

#![cfg_attr(not(test), expect(clippy::disallowed_methods, reason = "this is where they may be called"))]

pub mod cpu;
mod file;
pub mod glommio;
pub mod lock;
mod memory;
mod net;
pub mod probe;
pub mod queue;
pub mod shutdown;
pub mod signal;
pub mod sim;
mod task;
#[cfg(test)]
pub(crate) mod tests;

pub use file::{Buffer, BufferWriter, File, OpenOptions};
pub use net::{TcpListener, TcpStream, UdpSocket, port_is_free};
pub use task::Task;

use std::{future::Future, io, net::SocketAddr, path::Path, pin::pin, task::Poll, time::Duration};

/// What a task is for. Each class has its own queue on a core; when the core is busy its time is divided by shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaskClass {
    /// Sessions, statements and fragments; everything a client waits for.
    Query,
    /// The log's writer: short, and everybody waits for it.
    Log,
    /// Writing memtables out.
    Flush,
    /// Merging tables.
    Compaction,
    /// Talking to other nodes.
    Replication,
    /// Statistics, clean-up, whatever may wait.
    Background,
}

impl TaskClass {
    /// All classes, in the order of [`TaskClass::index`].
    pub const ALL: [TaskClass; 6] = [
        TaskClass::Query,
        TaskClass::Log,
        TaskClass::Flush,
        TaskClass::Compaction,
        TaskClass::Replication,
        TaskClass::Background,
    ];

    /// Its place in [`TaskClass::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// Shares at the start, of at most 1000. Compaction and flush are raised by their owners as they fall behind.
    pub fn default_shares(self) -> usize {
        match self {
            TaskClass::Query | TaskClass::Log => 1000,
            TaskClass::Replication => 600,
            TaskClass::Flush => 400,
            TaskClass::Compaction => 200,
            TaskClass::Background => 100,
        }
    }

    /// For logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            TaskClass::Query => "query",
            TaskClass::Log => "log",
            TaskClass::Flush => "flush",
            TaskClass::Compaction => "compaction",
            TaskClass::Replication => "replication",
            TaskClass::Background => "background",
        }
    }
}

/// The exit code of a process that stopped because its disk failed it (EX_SOFTWARE).
pub const FATAL_EXIT_CODE: i32 = 70;

/// One core's view of the outside. Cheap to clone; never leaves its thread.
#[derive(Clone)]
pub enum Env {
    /// The real thing: io_uring, a pinned thread.
    Glommio(glommio::Handle),
    /// The simulator: seeded, in one thread with all the others.
    Sim(sim::Handle),
}

impl Env {
    /// Monotonic time since an arbitrary start that all cores of the process share.
    pub fn now(&self) -> Duration {
        match self {
            Env::Glommio(handle) => handle.now(),
            Env::Sim(handle) => handle.now(),
        }
    }

    /// Wall clock: microseconds since the Unix epoch. May jump.
    pub fn wall_micros(&self) -> i64 {
        match self {
            Env::Glommio(handle) => handle.wall_micros(),
            Env::Sim(handle) => handle.wall_micros(),
        }
    }

    /// Waits for at least `duration`.
    pub async fn sleep(&self, duration: Duration) {
        match self {
            Env::Glommio(handle) => handle.sleep(duration).await,
            Env::Sim(handle) => handle.sleep(duration).await,
        }
    }

    /// Runs `future` for at most `duration`; `None` when the time is up (the future is dropped then).
    pub async fn timeout<T>(&self, duration: Duration, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        let mut sleep = pin!(self.sleep(duration));
        std::future::poll_fn(|context| {
            if let Poll::Ready(value) = future.as_mut().poll(context) {
                return Poll::Ready(Some(value));
            }
            sleep.as_mut().poll(context).map(|()| None)
        })
        .await
    }

    /// Starts a task on this core. A panic inside is caught and logged, and the task then yields `None`.
    pub fn spawn<T: 'static>(&self, class: TaskClass, future: impl Future<Output = T> + 'static) -> Task<T> {
        match self {
            Env::Glommio(handle) => Task::from_glommio(handle.spawn(class, future)),
            Env::Sim(handle) => Task::from_sim(handle.spawn(future)),
        }
    }

    /// Changes how much of a busy core a class gets (1 to 1000). The simulator ignores it.
    pub fn set_shares(&self, class: TaskClass, shares: usize) {
        match self {
            Env::Glommio(handle) => handle.set_shares(class, shares),
            Env::Sim(_) => {}
        }
    }

    /// Gives other tasks a turn if this one has run long enough. Cheap; call it at least every 50 us of work.
    pub async fn yield_if_needed(&self) {
        match self {
            Env::Glommio(handle) => handle.yield_if_needed().await,
            Env::Sim(handle) => handle.yield_if_needed().await,
        }
    }

    /// Fills `bytes` with randomness: fit for keys and secrets on glommio, drawn from the seed in the simulator.
    pub fn fill_random(&self, bytes: &mut [u8]) {
        match self {
            Env::Glommio(handle) => handle.fill_random(bytes),
            Env::Sim(handle) => handle.fill_random(bytes),
        }
    }

    /// A random number, as good as [`Env::fill_random`].
    pub fn random_u64(&self) -> u64 {
        let mut bytes = [0u8; 8];
        self.fill_random(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// Opens a file for direct I/O.
    pub async fn open(&self, path: &Path, options: OpenOptions) -> io::Result<File> {
        match self {
            Env::Glommio(handle) => Ok(File::from_glommio(handle.open(path, options).await?)),
            Env::Sim(handle) => Ok(File::from_sim(handle.open(path, options).await?)),
        }
    }

    /// Renames a file; durable after [`Env::sync_dir`].
    pub async fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        match self {
            Env::Glommio(handle) => handle.rename(from, to).await,
            Env::Sim(handle) => handle.rename(from, to).await,
        }
    }

    /// Removes a file; durable after [`Env::sync_dir`].
    pub async fn remove(&self, path: &Path) -> io::Result<()> {
        match self {
            Env::Glommio(handle) => handle.remove(path).await,
            Env::Sim(handle) => handle.remove(path).await,
        }
    }

    /// Creates a folder and its parents. Each new folder's parent is synced, so the folder itself is durable.
    pub async fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        match self {
            Env::Glommio(handle) => handle.create_dir_all(path).await,
            Env::Sim(handle) => handle.create_dir_all(path).await,
        }
    }

    /// The names in a folder, sorted.
    pub async fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        match self {
            Env::Glommio(handle) => handle.list(directory).await,
            Env::Sim(handle) => handle.list(directory).await,
        }
    }

    /// Makes creations, renames and removals in a folder durable.
    pub async fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        match self {
            Env::Glommio(handle) => handle.sync_dir(directory).await,
            Env::Sim(handle) => handle.sync_dir(directory).await,
        }
    }

    /// The length of a file, or `None` where there is none.
    pub async fn file_len(&self, path: &Path) -> io::Result<Option<u64>> {
        match self {
            Env::Glommio(handle) => handle.file_len(path).await,
            Env::Sim(handle) => handle.file_len(path).await,
        }
    }

    /// Whether there is a file or folder of that name.
    pub async fn exists(&self, path: &Path) -> io::Result<bool> {
        Ok(self.file_len(path).await?.is_some())
    }

    /// A zeroed buffer for file I/O.
    pub fn buffer(&self, len: usize) -> Buffer {
        Buffer::zeroed(len)
    }

    /// Listens for TCP connections. Several cores may listen on one address; the kernel spreads connections.
    pub async fn listen(&self, address: SocketAddr) -> io::Result<TcpListener> {
        match self {
            Env::Glommio(handle) => Ok(TcpListener::from_glommio(handle.listen(address)?)),
            Env::Sim(handle) => Ok(TcpListener::from_sim(handle.listen(address)?)),
        }
    }

    /// Opens a TCP connection.
    pub async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        match self {
            Env::Glommio(handle) => Ok(TcpStream::from_glommio(handle.connect(address).await?)),
            Env::Sim(handle) => Ok(TcpStream::from_sim(handle.connect(address).await?)),
        }
    }

    /// Opens a UDP socket.
    pub async fn bind_udp(&self, address: SocketAddr) -> io::Result<UdpSocket> {
        match self {
            Env::Glommio(handle) => Ok(UdpSocket::from_glommio(handle.bind_udp(address)?)),
            Env::Sim(_) => Err(io::Error::new(io::ErrorKind::Unsupported, "the simulator has no datagrams")),
        }
    }

    /// Resolves when the process was asked to stop (SIGINT, SIGTERM or [`shutdown::request`]); never in the simulator,
    /// where nodes are crashed or killed.
    pub async fn shutdown_requested(&self) {
        match self {
            Env::Glommio(_) => shutdown::requested().await,
            Env::Sim(_) => std::future::pending().await,
        }
    }

    /// Ends the process at once with [`FATAL_EXIT_CODE`]; in the simulator, the node. For what must never be
    /// survived: a failed write or sync of data that others were or will be told is safe.
    pub async fn halt(&self, message: &str) -> ! {
        match self {
            Env::Glommio(handle) => handle.fatal(message),
            Env::Sim(handle) => handle.halt(message).await,
        }
    }
}
