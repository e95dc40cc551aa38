//! The handle of a spawned task.

use super::sim;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// A running task. Awaiting it gives `Some(output)`, or `None` when the task panicked (the panic was logged).
/// Dropping it cancels the task; [`Task::detach`] lets it run on.
#[must_use = "dropping a task cancels it: await it, keep it, or detach it"]
pub struct Task<T>(Inner<T>);

enum Inner<T> {
    Glommio(glommio::Task<Option<T>>),
    Sim(sim::Task<T>),
}

impl<T: 'static> Task<T> {
    pub(super) fn from_glommio(task: glommio::Task<Option<T>>) -> Task<T> {
        Task(Inner::Glommio(task))
    }

    pub(super) fn from_sim(task: sim::Task<T>) -> Task<T> {
        Task(Inner::Sim(task))
    }

    /// Lets the task run on by itself.
    pub fn detach(self) {
        match self.0 {
            Inner::Glommio(task) => drop(task.detach()),
            Inner::Sim(task) => task.detach(),
        }
    }

    /// Stops the task at the point where it waits, and waits until its future is dropped. Gives the output if it had
    /// already ended.
    pub async fn cancel(self) -> Option<T> {
        match self.0 {
            Inner::Glommio(task) => task.cancel().await.flatten(),
            Inner::Sim(task) => {
                task.request_cancel();
                task.await
            }
        }
    }
}

impl<T> Future for Task<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        match &mut self.0 {
            Inner::Glommio(task) => Pin::new(task).poll(context),
            Inner::Sim(task) => Pin::new(task).poll(context),
        }
    }
}

/// What a panic said.
pub(super) fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    if let Some(text) = panic.downcast_ref::<&str>() {
        text
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text
    } else {
        "(no message)"
    }
}
