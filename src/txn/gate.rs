//! A gate that opens once: tasks of one core wait for the end of something.

use std::{
    cell::RefCell,
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
};

/// Shared by those who wait and the one who opens it. Once open it stays open.
#[derive(Clone, Default)]
pub struct Gate(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    open: bool,
    /// One per waiting task.
    waiting: Vec<Waker>,
}

impl Gate {
    /// Lets everybody through, now and later.
    pub fn open(&self) {
        let waiting = {
            let mut state = self.0.borrow_mut();
            state.open = true;
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.0.borrow().open
    }

    /// Waits until it is open. May be dropped at any point.
    pub async fn wait(&self) {
        poll_fn(|context| {
            let mut state = self.0.borrow_mut();
            if state.open {
                return Poll::Ready(());
            }
            if !state.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                state.waiting.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await
    }
}
