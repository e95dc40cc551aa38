//! What a core waits for, outside of itself: its sockets, its file operations and the messages of other cores, all looked
//! at by one task, the pump.
//!
//! glommio would handle each socket and each file operation by a request on its rings, seen once per round of its
//! executor, and such a round (three rings, two timers, a memory barrier before sleeping) costs more than a point read.
//! So sockets are non-blocking ones in an edge-triggered epoll set, file operations have a ring of their own
//! ([`super::ring`]), and messages come by a [`Doorbell`]. The pump runs among the tasks of its core: it looks what is ready,
//! wakes those tasks, lets them run, and looks again, all within one round of the executor. When nothing is ready it
//! offers the processor to others and looks again for a moment ([`LINGER`]), because a client that was answered often asks
//! again at once. Then it sleeps, waiting for the set (which holds the ring too) through glommio, and with it the core.
//!
//! Invariants: an edge is never lost: readiness stays set until a call on the socket says otherwise, and a task waits only
//! after such a call; the pump never sleeps on a file operation that was not handed in, nor on an unanswered doorbell.
//! Absent: any meaning of the bytes. Start at [`Network::run`].

use super::{
    doorbell::Doorbell,
    ready::{Readable, readable},
    ring::{Request, Ring},
};
use crate::env::memory::Memory;
use glommio::executor;
use mio::{Events, Interest, Poll, Registry, Token, event::Source, unix::SourceFd};
use std::{
    cell::{Cell, RefCell},
    fs::File,
    future::{Future, poll_fn},
    io,
    os::fd::{AsRawFd, BorrowedFd},
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{self, Waker},
    time::{Duration, Instant},
};

/// Events taken by one look.
const EVENTS_PER_LOOK: usize = 256;
/// File operations are handed in when there is nothing else to do, and at the latest after this many rounds of tasks: what
/// comes together goes to the device together.
const ROUNDS_PER_SUBMISSION: u32 = 4;
/// The ring's place in the set.
const RING: Token = Token(usize::MAX);
/// How long a core that ran out of work goes on looking before it sleeps.
const LINGER: Duration = Duration::from_micros(30);

/// One socket's state.
#[derive(Default)]
pub(super) struct Readiness {
    /// Reading may give something. Cleared by a read that had to stop.
    pub readable: Cell<bool>,
    /// The other side has ended its half, or the socket has failed: reading tells, and goes on telling.
    pub hung_up: Cell<bool>,
    pub reader: Cell<Option<Waker>>,
    pub writer: Cell<Option<Waker>>,
}

impl Readiness {
    fn mark(&self, event: &mio::event::Event) {
        if event.is_read_closed() || event.is_error() {
            self.hung_up.set(true);
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            self.readable.set(true);
            if let Some(waker) = self.reader.take() {
                waker.wake();
            }
        }
        if (event.is_writable() || event.is_write_closed() || event.is_error())
            && let Some(waker) = self.writer.take()
        {
            waker.wake();
        }
    }
}

/// The set and all that the pump looks at.
pub(super) struct Network {
    poll: RefCell<Poll>,
    registry: Registry,
    events: RefCell<Events>,
    entries: RefCell<Entries>,
    doorbell: Arc<Doorbell>,
    ring: Ring,
    /// The pump, when it sleeps.
    sleeper: Cell<Option<Waker>>,
    /// There was no descriptor to wait with, and it was said.
    deaf: Cell<bool>,
    /// Calls under way on the helper thread: their results are seen by the executor's rounds only.
    helper_calls: Cell<usize>,
}

#[derive(Default)]
struct Entries {
    slots: Vec<Option<Rc<Readiness>>>,
    free: Vec<usize>,
}

/// A socket's place in the set; leaves it when dropped.
pub(super) struct Registration {
    pub readiness: Rc<Readiness>,
    network: Rc<Network>,
    slot: usize,
}

impl Drop for Registration {
    /// The kernel takes the descriptor out of the set when it is closed. An event that was already taken for a socket
    /// that is gone finds nobody, or wakes the next owner of the place in vain.
    fn drop(&mut self) {
        let mut entries = self.network.entries.borrow_mut();
        entries.slots[self.slot] = None;
        entries.free.push(self.slot);
    }
}

/// A call under way on the executor's helper thread.
struct HelperCall<'a>(&'a Network);

impl Drop for HelperCall<'_> {
    fn drop(&mut self) {
        self.0.helper_calls.set(self.0.helper_calls.get() - 1);
    }
}

impl Network {
    pub(super) fn new() -> io::Result<Rc<Network>> {
        let poll = Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let ring = Ring::new()?;
        registry.register(&mut SourceFd(&ring.descriptor()), RING, Interest::READABLE)?;
        Ok(Rc::new(Network {
            poll: RefCell::new(poll),
            registry,
            events: RefCell::new(Events::with_capacity(EVENTS_PER_LOOK)),
            entries: RefCell::default(),
            doorbell: Doorbell::install(),
            ring,
            sleeper: Cell::new(None),
            deaf: Cell::new(false),
            helper_calls: Cell::new(0),
        }))
    }

    /// Puts a socket into the set.
    pub(super) fn register(
        self: &Rc<Network>,
        socket: &mut impl Source,
        interest: Interest,
    ) -> io::Result<Registration> {
        let slot = {
            let mut entries = self.entries.borrow_mut();
            entries.free.pop().unwrap_or_else(|| {
                entries.slots.push(None);
                entries.slots.len() - 1
            })
        };
        let readiness = Rc::new(Readiness::default());
        self.entries.borrow_mut().slots[slot] = Some(readiness.clone());
        let registration = Registration { readiness, network: self.clone(), slot };
        self.registry.register(socket, Token(slot), interest)?;
        Ok(registration)
    }

    /// Runs a system call for which there is no ring operation (here) on the executor's helper thread.
    pub(super) async fn blocking<T: Send + 'static>(&self, call: impl FnOnce() -> T + Send + 'static) -> T {
        self.helper_calls.set(self.helper_calls.get() + 1);
        let _under_way = HelperCall(self);
        executor().spawn_blocking(call).await
    }

    /// A file operation on the ring; see [`Ring::perform`].
    pub(super) async fn perform(
        &self,
        file: &Rc<File>,
        request: Request,
        memory: Option<Memory>,
    ) -> (io::Result<usize>, Option<Memory>) {
        self.ring.perform(file, request, memory, || self.wake_pump()).await
    }

    fn wake_pump(&self) {
        if let Some(waker) = self.sleeper.take() {
            waker.wake();
        }
    }

    /// Looks what is ready and wakes those who wait for it; whether there was anything.
    fn look(&self) -> bool {
        let rung = self.doorbell.answer();
        let mut events = self.events.borrow_mut();
        match self.poll.borrow_mut().poll(&mut events, Some(Duration::ZERO)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return true,
            Err(error) => {
                // Only a bad descriptor or memory could be the cause; the waiting below would report it again and again.
                tracing::error!("cannot look at the sockets: {error}");
                return rung;
            }
        }
        let collected = self.ring.collect();
        let entries = self.entries.borrow();
        let mut ready = false;
        for event in events.iter() {
            // The ring has no entry: it has been looked at.
            if let Some(Some(readiness)) = entries.slots.get(event.token().0) {
                readiness.mark(event);
                ready = true;
            }
        }
        rung || collected || ready
    }

    /// The pump; runs as long as the core.
    pub(super) async fn run(self: Rc<Network>) {
        let mut idle_since = None;
        let mut waiting = None;
        let mut rounds = 0;
        loop {
            let found = self.look();
            let tired = self.helper_calls.get() > 0 || !found && !lingers(&mut idle_since);
            rounds = if found && !tired && rounds < ROUNDS_PER_SUBMISSION { rounds + 1 } else { 0 };
            if rounds == 0 {
                self.ring.submit();
            }
            if tired {
                self.sleep(&mut waiting).await;
                idle_since = None;
                continue;
            }
            if found {
                idle_since = None;
            } else {
                std::thread::yield_now();
            }
            executor().yield_task_queue_now().await;
        }
    }

    /// Waits until something in the set is ready or the doorbell rings. `waiting` is kept from one sleep to the next when it
    /// was not the set that ended it.
    async fn sleep(&self, waiting: &mut Option<Readable>) {
        poll_fn(|context| {
            if self.ring.is_wanted() || !self.doorbell.may_sleep(context.waker()) {
                return task::Poll::Ready(());
            }
            self.sleeper.set(Some(context.waker().clone()));
            if waiting.is_none() {
                *waiting = self.watch();
            }
            let Some(readable) = waiting else {
                // Out of descriptors: looking again and again is better than being deaf.
                context.waker().wake_by_ref();
                return task::Poll::Ready(());
            };
            let ready = Pin::new(readable).poll(context);
            if ready.is_ready() {
                *waiting = None;
            }
            ready
        })
        .await
    }

    fn watch(&self) -> Option<Readable> {
        let descriptor = self.poll.borrow().as_raw_fd();
        // SAFETY: the descriptor is open as long as `self.poll` lives, which is longer than this borrow.
        let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
        match readable(descriptor) {
            Ok(readable) => {
                self.deaf.set(false);
                Some(readable)
            }
            Err(error) => {
                // Said once: it is tried again and again.
                if !self.deaf.replace(true) {
                    tracing::error!("cannot wait for the sockets: {error}");
                }
                None
            }
        }
    }
}

/// Whether a core that has found nothing since a moment (now, if none is noted yet) should look again.
fn lingers(idle_since: &mut Option<Instant>) -> bool {
    idle_since.get_or_insert_with(Instant::now).elapsed() < LINGER
}
