//! The real inhabitant: glommio, a thread-per-core runtime on io_uring.
//!
//! What it is: the [`Handle`] behind `Env::Glommio`, and [`start_shard`], which starts a pinned thread with one. The
//! released glommio has sharp edges; each is worked around in the one place that meets it, and says so there:
//! sockets and files that cost a round of the executor (`network.rs`), waiting for a descriptor (`ready.rs`), a
//! preemption timer short enough for wakes from outside (`start.rs`), sleeping with work to do (`kick.rs`), panics that
//! would take the core with them ([`Handle::spawn`]). What is left to glommio: tasks, their classes and shares, timers, the
//! helper thread for slow system calls, and sleeping.
//!
//! Invariant: a handle is used only on the thread that made it; it is `Rc` inside, so the compiler sees to that.

pub(in crate::env) mod doorbell;
mod file;
mod kick;
mod network;
mod ready;
mod ring;
mod socket;
mod start;

pub use file::File;
pub use socket::{Listener, Stream, Udp};
pub use start::{ShardThread, block_on, start_shard};

use super::TaskClass;
use futures_lite::FutureExt;
use glommio::{Latency, Shares, SharesManager, TaskQueueHandle, executor};
use network::Network;
use std::{
    cell::Cell,
    future::Future,
    io,
    panic::AssertUnwindSafe,
    path::Path,
    rc::Rc,
    sync::OnceLock,
    time::{Duration, Instant, SystemTime},
};

/// One core's runtime.
#[derive(Clone)]
pub struct Handle(Rc<Core>);

struct Core {
    start: Instant,
    queues: [TaskQueueHandle; TaskClass::ALL.len()],
    shares: [Rc<AdjustableShares>; TaskClass::ALL.len()],
    network: Rc<Network>,
}

/// Shares that can be changed while the queue lives.
struct AdjustableShares(Cell<usize>);

impl SharesManager for AdjustableShares {
    fn shares(&self) -> usize {
        self.0.get()
    }

    fn adjustment_period(&self) -> Duration {
        Duration::from_millis(50)
    }
}

/// All cores count from the same instant, so their times can be compared.
fn process_start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

impl Handle {
    /// Must be called inside a running executor, once. Fails when there are no descriptors left.
    fn new() -> io::Result<Handle> {
        let network = Network::new()?;
        let shares = TaskClass::ALL.map(|class| Rc::new(AdjustableShares(Cell::new(class.default_shares()))));
        let queues = TaskClass::ALL.map(|class| {
            let manager: Rc<dyn SharesManager> = shares[class.index()].clone();
            executor().create_task_queue(Shares::Dynamic(manager), Latency::NotImportant, class.name())
        });
        let core = Core { start: process_start(), queues, shares, network: network.clone() };
        let handle = Handle(Rc::new(core));
        handle.spawn(TaskClass::Query, network.run()).detach();
        Ok(handle)
    }

    pub(super) fn now(&self) -> Duration {
        self.0.start.elapsed()
    }

    pub(super) fn wall_micros(&self) -> i64 {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
    }

    pub(super) async fn sleep(&self, duration: Duration) {
        glommio::timer::sleep(duration).await;
    }

    /// A panic in any task, even a detached one, would unwind the whole executor, so it is caught here.
    pub(super) fn spawn<T: 'static>(
        &self,
        class: TaskClass,
        future: impl Future<Output = T> + 'static,
    ) -> glommio::Task<Option<T>> {
        let guarded = async move {
            match AssertUnwindSafe(future).catch_unwind().await {
                Ok(value) => Some(value),
                Err(panic) => {
                    tracing::error!(task = class.name(), "a task panicked: {}", super::task::panic_text(&*panic));
                    None
                }
            }
        };
        match executor().spawn_local_into(guarded, self.0.queues[class.index()]) {
            Ok(task) => task,
            // The queues live as long as the executor; glommio's signature does not know that.
            Err(error) => self.fatal(&format!("the task queue {} is gone: {error}", class.name())),
        }
    }

    pub(super) fn set_shares(&self, class: TaskClass, shares: usize) {
        self.0.shares[class.index()].0.set(shares.clamp(1, 1000));
    }

    pub(super) async fn yield_if_needed(&self) {
        glommio::yield_if_needed().await;
    }

    pub(super) fn fill_random(&self, bytes: &mut [u8]) {
        let mut filled = 0;
        while filled < bytes.len() {
            let rest = &mut bytes[filled..];
            // SAFETY: the pointer and length describe a writable slice that lives through the call; the kernel writes
            // at most that many bytes. Covered by `randomness_differs`.
            let got = unsafe { libc::getrandom(rest.as_mut_ptr().cast(), rest.len(), 0) };
            match usize::try_from(got) {
                Ok(count) => filled += count,
                Err(_) => {
                    let error = io::Error::last_os_error();
                    if error.kind() != io::ErrorKind::Interrupted {
                        self.fatal(&format!("the kernel gives no random bytes: {error}"));
                    }
                }
            }
        }
    }

    pub(super) async fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.0.network.blocking(move || std::fs::rename(from, to)).await
    }

    pub(super) async fn remove(&self, path: &Path) -> io::Result<()> {
        let path = path.to_owned();
        self.0.network.blocking(move || std::fs::remove_file(path)).await
    }

    pub(super) async fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let path = path.to_owned();
        self.0.network.blocking(move || file::create_dir_all(&path)).await
    }

    pub(super) async fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let directory = directory.to_owned();
        self.0.network.blocking(move || file::list(&directory)).await
    }

    pub(super) async fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        let directory = directory.to_owned();
        self.0.network.blocking(move || std::fs::File::open(directory)?.sync_all()).await
    }

    pub(super) async fn file_len(&self, path: &Path) -> io::Result<Option<u64>> {
        match std::fs::metadata(path) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// See [`fatal`].
    pub(super) fn fatal(&self, message: &str) -> ! {
        fatal(message)
    }
}

/// Says why and ends the process. Buffers of others are not flushed: nothing may be made durable after this.
fn fatal(message: &str) -> ! {
    if tracing::enabled!(tracing::Level::ERROR) {
        tracing::error!("fatal: {message}");
    } else {
        eprintln!("fatal: {message}");
    }
    std::process::exit(super::FATAL_EXIT_CODE)
}
