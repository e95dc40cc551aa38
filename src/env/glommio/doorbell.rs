//! A core's doorbell: how another core's message reaches a core that is awake, without a system call.
//!
//! A waker used on a foreign thread goes through glommio's queue of foreign wakes, which a busy core reads once per
//! scheduling round. So wakers for a core are left at its doorbell instead, which its pump ([`super::network`]) looks at all
//! the time while it is awake; only a pump that sleeps is woken from outside.
//!
//! Invariant: a pump that goes to sleep leaves its own waker in the step that finds no other left here. So no wake is lost.

use std::{
    cell::RefCell,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Waker,
};

#[derive(Default)]
struct State {
    wakers: Vec<Waker>,
    /// The sleeping pump.
    pump: Option<Waker>,
}

/// Shared between a core and all that send to it.
#[derive(Default)]
pub(in crate::env) struct Doorbell {
    state: Mutex<State>,
    /// Whether there are wakers, for a look without the lock.
    rung: AtomicBool,
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<Doorbell>>> = const { RefCell::new(None) };
}

/// The doorbell of the core this thread runs; `None` elsewhere and in the simulator.
pub(in crate::env) fn current() -> Option<Arc<Doorbell>> {
    CURRENT.with(|current| current.borrow().clone())
}

impl Doorbell {
    /// The doorbell of this thread's core from now on.
    pub(super) fn install() -> Arc<Doorbell> {
        let doorbell = Arc::new(Doorbell::default());
        CURRENT.with(|current| *current.borrow_mut() = Some(doorbell.clone()));
        doorbell
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes a task of the core, from any thread.
    pub(in crate::env) fn wake(&self, waker: Waker) {
        let pump = {
            let mut state = self.lock();
            state.wakers.push(waker);
            self.rung.store(true, Ordering::Release);
            state.pump.take()
        };
        if let Some(pump) = pump {
            pump.wake();
        }
    }

    /// On the core: uses the wakers left here; whether there were any.
    pub(super) fn answer(&self) -> bool {
        if !self.rung.load(Ordering::Acquire) {
            return false;
        }
        let wakers = {
            let mut state = self.lock();
            self.rung.store(false, Ordering::Release);
            std::mem::take(&mut state.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
        true
    }

    /// On the core: leaves the pump's waker. False when there is a waker to use first.
    pub(super) fn may_sleep(&self, pump: &Waker) -> bool {
        let mut state = self.lock();
        let nothing = state.wakers.is_empty();
        state.pump = nothing.then(|| pump.clone());
        nothing
    }
}
