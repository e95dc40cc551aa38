//! Calls from any thread into a core.

use crate::{
    base::sqlstate::SqlState,
    coordinator::Coordinator,
    env::queue::{Sender, TrySendError},
    error::{Effect, Error, Result},
};
use std::{
    future::Future,
    pin::Pin,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
};

/// Work for a core: makes a future there.
pub type Work = Box<dyn FnOnce(Coordinator) -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// What a core is told from outside.
pub enum Command {
    Run(Work),
    /// The catalog is there: open the doors.
    Serve,
    Stop,
}

/// Runs `body` on a core and waits for what it gives.
pub fn run_blocking<T, F>(commands: &Sender<Command>, body: impl FnOnce(Coordinator) -> F + Send + 'static) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = T> + 'static,
{
    let (answer, answered) = mpsc::sync_channel(1);
    let work: Work = Box::new(move |coordinator| {
        let future = body(coordinator);
        Box::pin(async move {
            // The caller may have gone; then nobody wants the answer.
            let _ = answer.send(future.await);
        })
    });
    commands.try_send(Command::Run(work)).map_err(|refused| match refused {
        TrySendError::Full(_) => Error::new(SqlState::INSUFFICIENT_RESOURCES, "too many calls wait for this core")
            .with_hint("Try again, or use fewer threads."),
        TrySendError::Closed(_) => Error::new(SqlState::ADMIN_SHUTDOWN, "the node has stopped"),
    })?;
    answered.recv().map_err(|_| {
        Error::new(SqlState::ADMIN_SHUTDOWN, "the node stopped during the call").with_effect(Effect::Unknown)
    })
}

/// Spreads calls over the cores.
pub fn next_core(cores: usize) -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed) % cores
}
