//! A core's file operations: one io_uring, handed in and looked at by the pump.
//!
//! glommio has rings of its own, but hands in and collects only once per round of its executor; a log write would wait
//! for the round to begin and its completion for the next. Here an operation is handed in when the tasks at hand have had
//! their turn, all that came together in one system call, and completions are read from memory by every look of the pump
//! ([`super::network`]); the ring is also in the pump's set, so a sleeping core is woken by a completion.
//!
//! Invariants: an operation owns its memory and its file until the kernel is done with it, also when the future that
//! waits for it is dropped, and when the core ends; at most [`FILE_OPERATIONS_MAX`] are under way, so completions
//! always find room.

use crate::{base::limits::FILE_OPERATIONS_MAX, env::memory::Memory};
use io_uring::{IoUring, opcode, squeue, types};
use slab::Slab;
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    fs::File,
    future::poll_fn,
    io,
    os::fd::{AsRawFd, RawFd},
    rc::Rc,
    task::{Context, Poll, Waker},
};

/// Operations handed in by one system call.
const SUBMISSIONS_MAX: u32 = 256;

/// What the kernel is asked to do.
#[derive(Clone, Copy, Debug)]
pub(super) enum Request {
    /// Fill the memory from `done` bytes on, up to its capacity, from the file at `offset`.
    Read { offset: u64, done: usize },
    /// Write the memory's bytes from `done` on to the file at `offset`.
    Write { offset: u64, done: usize },
    /// fdatasync.
    Sync,
}

enum State {
    UnderWay(Option<Waker>),
    /// Nobody waits any more.
    Abandoned,
    Done(i32),
}

struct Operation {
    state: State,
    memory: Option<Memory>,
    /// Keeps the descriptor open.
    _file: Rc<File>,
}

/// One core's ring.
pub(super) struct Ring {
    ring: RefCell<IoUring>,
    operations: RefCell<Slab<Operation>>,
    /// Tasks that wait until fewer operations are under way.
    crowded: RefCell<VecDeque<Waker>>,
    /// There is something to hand in.
    unsubmitted: Cell<bool>,
}

impl Ring {
    pub(super) fn new() -> io::Result<Ring> {
        let mut builder = IoUring::builder();
        builder.setup_cqsize(FILE_OPERATIONS_MAX);
        // No interrupt for completions: the pump enters the kernel often enough. Kernels before 5.19 don't know it.
        let ring = match builder.clone().setup_coop_taskrun().build(SUBMISSIONS_MAX) {
            Ok(ring) => ring,
            Err(_) => builder.build(SUBMISSIONS_MAX)?,
        };
        Ok(Ring {
            ring: RefCell::new(ring),
            operations: RefCell::default(),
            crowded: RefCell::default(),
            unsubmitted: Cell::new(false),
        })
    }

    pub(super) fn descriptor(&self) -> RawFd {
        self.ring.borrow().as_raw_fd()
    }

    /// Does `request` and gives the count or the error, and the memory back. Reads and writes need memory.
    /// `wake_pump` is called when there is something to hand in.
    pub(super) async fn perform(
        &self,
        file: &Rc<File>,
        request: Request,
        memory: Option<Memory>,
        wake_pump: impl Fn(),
    ) -> (io::Result<usize>, Option<Memory>) {
        poll_fn(|context| self.poll_room(context)).await;
        let key = self.begin(file, request, memory);
        wake_pump();
        let guard = Waiting { ring: self, key };
        let result = poll_fn(|context| self.poll_done(key, context)).await;
        let memory = self.operations.borrow_mut()[key].memory.take();
        drop(guard);
        (result, memory)
    }

    fn poll_room(&self, context: &Context<'_>) -> Poll<()> {
        if self.operations.borrow().len() < FILE_OPERATIONS_MAX as usize {
            return Poll::Ready(());
        }
        self.crowded.borrow_mut().push_back(context.waker().clone());
        Poll::Pending
    }

    fn begin(&self, file: &Rc<File>, request: Request, mut memory: Option<Memory>) -> usize {
        let descriptor = types::Fd(file.as_raw_fd());
        let entry = match (request, &mut memory) {
            (Request::Read { offset, done }, Some(memory)) => {
                let room = length(memory.capacity() - done);
                opcode::Read::new(descriptor, memory.address(done), room).offset(offset).build()
            }
            (Request::Write { offset, done }, Some(memory)) => {
                let rest = length(memory.as_bytes().len() - done);
                opcode::Write::new(descriptor, memory.address(done), rest).offset(offset).build()
            }
            _ => opcode::Fsync::new(descriptor).flags(types::FsyncFlags::DATASYNC).build(),
        };
        let operation = Operation { state: State::UnderWay(None), memory, _file: file.clone() };
        let key = self.operations.borrow_mut().insert(operation);
        self.push(&entry.user_data(key as u64));
        key
    }

    fn push(&self, entry: &squeue::Entry) {
        self.unsubmitted.set(true);
        loop {
            // SAFETY: the entry refers to memory and a descriptor that `operations` keeps, at a fixed address, until its
            // completion has been read.
            if unsafe { self.ring.borrow_mut().submission().push(entry) }.is_ok() {
                return;
            }
            self.submit();
        }
    }

    fn poll_done(&self, key: usize, context: &Context<'_>) -> Poll<io::Result<usize>> {
        let mut operations = self.operations.borrow_mut();
        let state = &mut operations[key].state;
        match state {
            State::Done(result) => Poll::Ready(outcome(*result)),
            State::UnderWay(_) | State::Abandoned => {
                *state = State::UnderWay(Some(context.waker().clone()));
                Poll::Pending
            }
        }
    }

    /// Hands in what has come together.
    pub(super) fn submit(&self) {
        while self.unsubmitted.get() {
            match self.ring.borrow().submit() {
                Ok(_) => self.unsubmitted.set(false),
                Err(error) if matches!(error.raw_os_error(), Some(libc::EINTR)) => {}
                // Out of memory for requests, for now: the next look tries again.
                Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EBUSY)) => return,
                Err(error) => super::fatal(&format!("the kernel takes no file operations: {error}")),
            }
        }
    }

    /// Whether there is something to hand in.
    pub(super) fn is_wanted(&self) -> bool {
        self.unsubmitted.get()
    }

    /// Takes completions and wakes those who wait for them; whether there were any.
    pub(super) fn collect(&self) -> bool {
        let mut collected = false;
        let mut ring = self.ring.borrow_mut();
        let mut operations = self.operations.borrow_mut();
        for completion in ring.completion() {
            collected = true;
            let key = completion.user_data() as usize;
            let state = std::mem::replace(&mut operations[key].state, State::Done(completion.result()));
            match state {
                State::UnderWay(Some(waker)) => waker.wake(),
                State::UnderWay(None) | State::Done(_) => {}
                State::Abandoned => drop(operations.remove(key)),
            }
        }
        if collected {
            self.crowded.take().into_iter().for_each(Waker::wake);
        }
        collected
    }

    /// Operations the kernel has, or will be given.
    fn under_way(&self) -> usize {
        self.operations.borrow().iter().filter(|(_, operation)| !matches!(operation.state, State::Done(_))).count()
    }
}

impl Drop for Ring {
    /// The kernel may still write into memory that is ours.
    fn drop(&mut self) {
        self.submit();
        while self.under_way() > 0 {
            match self.ring.borrow().submit_and_wait(1) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => super::fatal(&format!("cannot wait for file operations: {error}")),
            }
            self.collect();
        }
    }
}

/// Takes the operation's entry away, or leaves it to its completion.
struct Waiting<'a> {
    ring: &'a Ring,
    key: usize,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut operations = self.ring.operations.borrow_mut();
        if matches!(operations[self.key].state, State::Done(_)) {
            drop(operations.remove(self.key));
        } else {
            operations[self.key].state = State::Abandoned;
        }
    }
}

/// A length for the kernel; what is longer is done in parts, as after any short read or write.
fn length(bytes: usize) -> u32 {
    const PART_BYTES_MAX: usize = 1 << 30;
    bytes.min(PART_BYTES_MAX) as u32
}

fn outcome(result: i32) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::from_raw_os_error(-result))
}
