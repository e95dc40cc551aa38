//! Starting a core.

use super::{super::Env, Handle, fatal};
use glommio::{ExecutorJoinHandle, LocalExecutorBuilder, Placement};
use std::{future::Future, io, time::Duration};

/// How soon a busy core looks for timers and for wakes from threads that are no cores. glommio's own default of 100 ms would
/// let them wait that long.
const PREEMPT_TIMER: Duration = Duration::from_micros(500);
/// Memory registered with each of glommio's three rings, which do no file operations here. It counts against the
/// locked-memory limit.
const RING_MEMORY_BYTES: usize = 64 << 10;

/// A core's thread.
pub struct ShardThread<T: Send + 'static>(ExecutorJoinHandle<T>);

impl<T: Send + 'static> ShardThread<T> {
    /// Waits for its end.
    pub fn join(self) -> io::Result<T> {
        self.0.join().map_err(io::Error::from)
    }
}

/// Starts a thread on `cpu` (anywhere when `None`) with a runtime, and runs there the future that `body` makes. The
/// thread ends with that future; tasks left over are dropped.
pub fn start_shard<F, T>(
    cpu: Option<usize>,
    name: &str,
    body: impl FnOnce(Env) -> F + Send + 'static,
) -> io::Result<ShardThread<T>>
where
    F: Future<Output = T> + 'static,
    T: Send + 'static,
{
    let builder = LocalExecutorBuilder::new(Placement::Unbound)
        .name(name)
        .preempt_timer(PREEMPT_TIMER)
        .io_memory(RING_MEMORY_BYTES);
    let handle = builder
        .spawn(move || async move {
            // glommio reads the CPUs from sysfs and so ignores cgroups; the list in `cpu.rs` does not.
            if let Some(cpu) = cpu
                && let Err(error) = super::super::cpu::pin(cpu)
            {
                tracing::warn!(cpu, "the shard runs unpinned: {error}");
            }
            if let Err(error) = super::kick::watch() {
                tracing::warn!("the shard may pause at times: cannot start the kicker thread: {error}");
            }
            let handle = Handle::new().unwrap_or_else(|error| fatal(&format!("cannot watch sockets: {error}")));
            body(Env::Glommio(handle)).await
        })
        .map_err(io::Error::from)?;
    Ok(ShardThread(handle))
}

/// Runs a future on a core of its own and waits for it: for tools and tests. A panic inside goes on in the caller.
pub fn block_on<F, T>(body: impl FnOnce(Env) -> F + Send + 'static) -> T
where
    F: Future<Output = T> + 'static,
    T: Send + 'static,
{
    let (sender, receiver) = std::sync::mpsc::channel();
    let started = start_shard(None, "block-on", move |env| async move {
        use futures_lite::FutureExt;
        let outcome = std::panic::AssertUnwindSafe(body(env)).catch_unwind().await;
        // The receiver waits below.
        let _ = sender.send(outcome);
    });
    let thread = started.unwrap_or_else(|error| panic!("cannot start a runtime: {error}"));
    let outcome = receiver.recv();
    if let Err(error) = thread.join() {
        panic!("the runtime did not start: {error}");
    }
    match outcome {
        Ok(Ok(value)) => value,
        Ok(Err(panic)) => std::panic::resume_unwind(panic),
        Err(_) => panic!("the runtime ended without a result"),
    }
}
