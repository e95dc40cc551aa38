//! Tasks, their order, and virtual time.

use super::random::Random;
use std::{
    any::Any,
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

type BoxedFuture = Pin<Box<dyn Future<Output = ()>>>;
type Woken = Arc<Mutex<Vec<u64>>>;

/// Wakers must be `Send`, though all of this is one thread.
struct TaskWaker {
    id: u64,
    woken: Woken,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner).push(self.id);
    }
}

struct Entry {
    /// Taken out while it runs.
    future: Option<BoxedFuture>,
    node: u32,
    waker: Waker,
}

pub(super) struct Scheduler {
    random: RefCell<Random>,
    now: Cell<Duration>,
    tasks: RefCell<BTreeMap<u64, Entry>>,
    next_task: Cell<u64>,
    ready: RefCell<Vec<u64>>,
    woken: Woken,
    timers: RefCell<BTreeMap<(Duration, u64), Waker>>,
    next_timer: Cell<u64>,
    halted: RefCell<BTreeSet<u32>>,
    steps: Cell<u64>,
    hash: Cell<u64>,
}

impl Scheduler {
    pub(super) fn new(random: Random) -> Scheduler {
        Scheduler {
            random: RefCell::new(random),
            now: Cell::new(Duration::ZERO),
            tasks: RefCell::default(),
            next_task: Cell::new(0),
            ready: RefCell::default(),
            woken: Woken::default(),
            timers: RefCell::default(),
            next_timer: Cell::new(0),
            halted: RefCell::default(),
            steps: Cell::new(0),
            hash: Cell::new(0xCBF2_9CE4_8422_2325),
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.now.get()
    }

    pub(super) fn steps(&self) -> u64 {
        self.steps.get()
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash.get()
    }

    /// Takes something that happened into the digest.
    pub(super) fn note(&self, what: u64) {
        self.hash.set((self.hash.get() ^ what).wrapping_mul(0x0000_0100_0000_01B3).rotate_left(17));
    }

    /// A number below `bound` from the schedule's stream.
    pub(super) fn draw(&self, bound: u64) -> u64 {
        self.random.borrow_mut().below(bound)
    }

    pub(super) fn halt_node(&self, node: u32) {
        self.halted.borrow_mut().insert(node);
    }

    /// Drops all tasks of a node.
    pub(super) fn remove_node(&self, node: u32) {
        self.halt_node(node);
        let gone: Vec<u64> =
            self.tasks.borrow().iter().filter(|(_, entry)| entry.node == node).map(|(id, _)| *id).collect();
        for id in gone {
            let entry = self.tasks.borrow_mut().remove(&id);
            // Dropped outside the borrow: it may hold handles whose drop comes back here.
            drop(entry);
        }
    }

    /// Runs until `done`, for at most so many steps. True when it came to rest before either.
    pub(super) fn run(&self, steps_max: u64, done: impl Fn() -> bool) -> bool {
        let last = self.steps.get().saturating_add(steps_max);
        while !done() {
            self.collect_woken();
            if self.ready.borrow().is_empty() {
                if !self.advance_clock() {
                    return true;
                }
                continue;
            }
            if self.steps.get() >= last {
                return false;
            }
            self.step();
        }
        false
    }

    fn collect_woken(&self) {
        let woken = std::mem::take(&mut *self.woken.lock().unwrap_or_else(PoisonError::into_inner));
        let (tasks, halted) = (self.tasks.borrow(), self.halted.borrow());
        let mut ready = self.ready.borrow_mut();
        for id in woken {
            if tasks.get(&id).is_some_and(|entry| !halted.contains(&entry.node)) && !ready.contains(&id) {
                ready.push(id);
            }
        }
    }

    /// Jumps to the next timer; false when there is none.
    fn advance_clock(&self) -> bool {
        let Some(((at, _), waker)) = self.timers.borrow_mut().pop_first() else { return false };
        self.now.set(at.max(self.now.get()));
        waker.wake();
        true
    }

    fn step(&self) {
        let id = {
            let mut ready = self.ready.borrow_mut();
            let chosen = self.draw(ready.len() as u64) as usize;
            ready.swap_remove(chosen)
        };
        let (mut future, waker) = {
            let mut tasks = self.tasks.borrow_mut();
            let Some(entry) = tasks.get_mut(&id) else { return };
            if self.halted.borrow().contains(&entry.node) {
                return;
            }
            let Some(future) = entry.future.take() else { return };
            (future, entry.waker.clone())
        };
        self.steps.set(self.steps.get() + 1);
        self.note(id.wrapping_shl(32) ^ self.now.get().as_nanos() as u64);
        let ended = future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        let mut tasks = self.tasks.borrow_mut();
        if ended {
            let entry = tasks.remove(&id);
            drop(tasks);
            drop(entry);
        } else if let Some(entry) = tasks.get_mut(&id) {
            entry.future = Some(future);
        }
    }

    pub(super) fn spawn<T: 'static>(
        self: &Scheduler,
        node: u32,
        halted: bool,
        future: impl Future<Output = T> + 'static,
    ) -> Task<T> {
        let slot = Rc::new(RefCell::new(Slot::<T> { outcome: None, waiter: None, cancelled: false }));
        if halted {
            // Nothing of a halted node runs on; the task just never ends.
            return Task { slot: Some(slot), waker: None };
        }
        let id = self.next_task.get();
        self.next_task.set(id + 1);
        let waker = Waker::from(Arc::new(TaskWaker { id, woken: self.woken.clone() }));
        let body = Body { future: Some(Box::pin(future)), slot: slot.clone() };
        self.tasks.borrow_mut().insert(id, Entry { future: Some(Box::pin(body)), node, waker: waker.clone() });
        self.ready.borrow_mut().push(id);
        Task { slot: Some(slot), waker: Some(waker) }
    }

    pub(super) fn sleep(&self, duration: Duration) -> Sleep<'_> {
        Sleep { scheduler: self, at: self.now.get() + duration, timer: None }
    }
}

struct Slot<T> {
    /// `Some(None)` when it was cancelled.
    outcome: Option<Option<T>>,
    waiter: Option<Waker>,
    cancelled: bool,
}

/// The future of a task with the place its result goes to.
struct Body<T> {
    future: Option<Pin<Box<dyn Future<Output = T>>>>,
    slot: Rc<RefCell<Slot<T>>>,
}

impl<T> Body<T> {
    fn finish(&mut self, outcome: Option<T>) {
        self.future = None;
        let waiter = {
            let mut slot = self.slot.borrow_mut();
            slot.outcome = Some(outcome);
            slot.waiter.take()
        };
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }
}

impl<T> Future for Body<T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.slot.borrow().cancelled {
            self.finish(None);
            return Poll::Ready(());
        }
        let Some(future) = &mut self.future else { return Poll::Ready(()) };
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => {
                self.finish(Some(value));
                Poll::Ready(())
            }
            Err(panic) => self.panicked(panic),
        }
    }
}

impl<T> Body<T> {
    /// On glommio a panicking task is logged and gone. Here a panic is what a test looks for, so it goes on to it.
    fn panicked(&mut self, panic: Box<dyn Any + Send>) -> ! {
        self.future = None;
        resume_unwind(panic)
    }
}

/// A simulated task; see [`crate::env::Task`].
pub struct Task<T> {
    slot: Option<Rc<RefCell<Slot<T>>>>,
    waker: Option<Waker>,
}

impl<T> Task<T> {
    pub(in crate::env) fn detach(mut self) {
        self.slot = None;
    }

    pub(in crate::env) fn request_cancel(&self) {
        let Some(slot) = &self.slot else { return };
        if slot.borrow().outcome.is_none() {
            slot.borrow_mut().cancelled = true;
            if let Some(waker) = &self.waker {
                waker.wake_by_ref();
            }
        }
    }
}

impl<T> Future for Task<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let Some(slot) = self.slot.clone() else { return Poll::Ready(None) };
        let mut slot = slot.borrow_mut();
        if let Some(outcome) = slot.outcome.take() {
            self.slot = None;
            return Poll::Ready(outcome);
        }
        slot.waiter = Some(context.waker().clone());
        Poll::Pending
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.request_cancel();
    }
}

/// Waits until a point of virtual time.
pub struct Sleep<'a> {
    scheduler: &'a Scheduler,
    at: Duration,
    timer: Option<u64>,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let scheduler = self.scheduler;
        if scheduler.now() >= self.at && self.timer.is_some() {
            return Poll::Ready(());
        }
        let timer = *self.timer.get_or_insert_with(|| {
            let timer = scheduler.next_timer.get();
            scheduler.next_timer.set(timer + 1);
            timer
        });
        scheduler.timers.borrow_mut().insert((self.at, timer), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        if let Some(timer) = self.timer {
            self.scheduler.timers.borrow_mut().remove(&(self.at, timer));
        }
    }
}
