//! Waiters for durability: one list, ordered by position, however many tasks wait.

use crate::{
    base::sqlstate::SqlState,
    error::{Error, Result},
};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

/// Whoever waits for a position.
#[derive(Default)]
pub(super) struct Waiters {
    /// By position, then by a number that tells waiters of one position apart.
    wakers: RefCell<BTreeMap<(u64, u64), Waker>>,
    next_number: Cell<u64>,
    /// The writer has stopped: what is not durable now never will be.
    ended: Cell<bool>,
}

impl Waiters {
    /// Waits until `durable` reaches `position`.
    pub(super) fn wait<'a>(&'a self, position: u64, durable: &'a Cell<u64>) -> Wait<'a> {
        Wait { waiters: self, durable, position, number: None }
    }

    /// Wakes all who wait for `durable` or less, in order of their positions.
    pub(super) fn wake(&self, durable: u64) {
        let woken = {
            let mut wakers = self.wakers.borrow_mut();
            let later = wakers.split_off(&(durable + 1, 0));
            std::mem::replace(&mut *wakers, later)
        };
        woken.into_values().for_each(Waker::wake);
    }

    /// Tells everybody that nothing more becomes durable.
    pub(super) fn end(&self) {
        self.ended.set(true);
        let woken = std::mem::take(&mut *self.wakers.borrow_mut());
        woken.into_values().for_each(Waker::wake);
    }
}

pub(super) struct Wait<'a> {
    waiters: &'a Waiters,
    durable: &'a Cell<u64>,
    position: u64,
    /// Its number in the list, once it is there.
    number: Option<u64>,
}

impl Future for Wait<'_> {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        if self.durable.get() >= self.position {
            return Poll::Ready(Ok(()));
        }
        if self.waiters.ended.get() {
            let error = Error::new(SqlState::ADMIN_SHUTDOWN, "the log was closed before the record was durable");
            return Poll::Ready(Err(error.with_effect(crate::error::Effect::Unknown)));
        }
        let waiters = self.waiters;
        let number = *self.number.get_or_insert_with(|| {
            let number = waiters.next_number.get();
            waiters.next_number.set(number + 1);
            number
        });
        waiters.wakers.borrow_mut().insert((self.position, number), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.waiters.wakers.borrow_mut().remove(&(self.position, number));
        }
    }
}
