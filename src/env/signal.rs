//! Waiting within one core: an event and a one-value channel.
//!
//! Neither crosses threads (see [`super::queue`] for that) and neither does I/O, so they are the same in both
//! inhabitants. Both keep wakers of their own, one per waiting future, and forget a waiter that is dropped.

use hashbrown::HashMap;
use std::{
    cell::{Cell, RefCell},
    future::Future,
    hash::{BuildHasherDefault, Hasher},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

/// Wakers keyed by waiter number.
type Waiters = HashMap<u64, Waker, BuildHasherDefault<Numbers>>;

/// Waiter numbers are consecutive, so any cheap mixing will do; it must not be seeded by chance.
#[derive(Default)]
struct Numbers(u64);

impl Hasher for Numbers {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte) ^ self.0);
        }
    }
    fn write_u64(&mut self, number: u64) {
        self.0 = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
    }
}

/// An event that any number of tasks of this core wait for. `set` wakes all who wait now; it is not remembered, so
/// check the condition before waiting (nothing else runs between a check and the first poll of `wait`).
#[derive(Clone, Default)]
pub struct Signal(Rc<SignalState>);

#[derive(Default)]
struct SignalState {
    /// Counts `set` calls; a waiter is done when it has changed since it was made.
    generation: Cell<u64>,
    next_waiter: Cell<u64>,
    waiters: RefCell<Waiters>,
}

impl Signal {
    /// A signal nobody waits for.
    pub fn new() -> Signal {
        Signal::default()
    }

    /// Wakes everybody who waits.
    pub fn set(&self) {
        self.0.generation.set(self.0.generation.get() + 1);
        if self.0.waiters.borrow().is_empty() {
            return;
        }
        let mut woken: Vec<(u64, Waker)> = self.0.waiters.borrow_mut().drain().collect();
        // The order in which waiters run must not depend on a hash table.
        woken.sort_unstable_by_key(|(number, _)| *number);
        for (_, waker) in woken {
            waker.wake();
        }
    }

    /// Waits for the next `set` after this call.
    pub fn wait(&self) -> Wait {
        let number = self.0.next_waiter.get();
        self.0.next_waiter.set(number + 1);
        Wait { state: self.0.clone(), number, seen: self.0.generation.get(), registered: false }
    }
}

/// The future of [`Signal::wait`].
pub struct Wait {
    state: Rc<SignalState>,
    number: u64,
    seen: u64,
    registered: bool,
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.state.generation.get() != self.seen {
            self.registered = false;
            return Poll::Ready(());
        }
        self.state.waiters.borrow_mut().insert(self.number, context.waker().clone());
        self.registered = true;
        Poll::Pending
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if self.registered {
            self.state.waiters.borrow_mut().remove(&self.number);
        }
    }
}

/// A place for one value, between two tasks of a core.
pub fn oneshot<T>() -> (OneshotSender<T>, OneshotReceiver<T>) {
    let slot = Rc::new(RefCell::new(Slot { value: None, waker: None, sender_gone: false }));
    (OneshotSender(slot.clone()), OneshotReceiver(slot))
}

struct Slot<T> {
    value: Option<T>,
    waker: Option<Waker>,
    sender_gone: bool,
}

/// The side that gives the value.
pub struct OneshotSender<T>(Rc<RefCell<Slot<T>>>);

impl<T> OneshotSender<T> {
    /// Gives the value. It is dropped if nobody waits any more.
    pub fn send(self, value: T) {
        self.0.borrow_mut().value = Some(value);
        // Drop wakes the receiver.
    }

    /// Whether the receiver is gone.
    pub fn is_closed(&self) -> bool {
        Rc::strong_count(&self.0) == 1
    }
}

impl<T> Drop for OneshotSender<T> {
    fn drop(&mut self) {
        let waker = {
            let mut slot = self.0.borrow_mut();
            slot.sender_gone = true;
            slot.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The side that waits; `None` when the sender was dropped without a value.
pub struct OneshotReceiver<T>(Rc<RefCell<Slot<T>>>);

impl<T> Future for OneshotReceiver<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut slot = self.0.borrow_mut();
        if let Some(value) = slot.value.take() {
            return Poll::Ready(Some(value));
        }
        if slot.sender_gone {
            return Poll::Ready(None);
        }
        slot.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_lite::future::{block_on, poll_once};

    #[test]
    fn a_signal_wakes_all_and_is_not_remembered() {
        let signal = Signal::new();
        signal.set();
        let mut first = Box::pin(signal.wait());
        let mut second = Box::pin(signal.wait());
        assert!(block_on(poll_once(&mut first)).is_none());
        assert!(block_on(poll_once(&mut second)).is_none());
        let dropped = Box::pin(signal.wait());
        drop(dropped);
        signal.set();
        assert!(block_on(poll_once(&mut first)).is_some());
        assert!(block_on(poll_once(&mut second)).is_some());
        assert!(signal.0.waiters.borrow().is_empty());
    }

    #[test]
    fn a_oneshot_gives_its_value_or_tells_of_the_loss() {
        let (sender, receiver) = oneshot();
        sender.send(5);
        assert_eq!(block_on(receiver), Some(5));
        let (sender, receiver) = oneshot::<u8>();
        drop(sender);
        assert_eq!(block_on(receiver), None);
        let (sender, receiver) = oneshot::<u8>();
        drop(receiver);
        assert!(sender.is_closed());
    }
}
