//! The wish to stop: SIGINT, SIGTERM, or [`request`], seen by every core.
//!
//! One process-wide flag and the wakers of whoever waits for it. The signal handler only writes a byte to a pipe; a
//! thread of its own reads it and does the rest. The first asks for an orderly stop; the second, for the impatient, ends
//! the process at once with the shell's code for that signal.

use std::{
    future::poll_fn,
    io::{self, Read},
    os::fd::IntoRawFd,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI32, Ordering},
    },
    task::{Poll, Waker},
};

static REQUESTED: AtomicBool = AtomicBool::new(false);
static WAKERS: Mutex<Vec<Waker>> = Mutex::new(Vec::new());

fn wakers() -> MutexGuard<'static, Vec<Waker>> {
    WAKERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks every core to stop in good order.
pub fn request() {
    REQUESTED.store(true, Ordering::SeqCst);
    let waiting = std::mem::take(&mut *wakers());
    waiting.into_iter().for_each(Waker::wake);
}

/// Whether a stop was asked for.
pub fn is_requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}

/// Resolves once a stop was asked for.
pub(super) async fn requested() {
    poll_fn(|context| {
        if is_requested() {
            return Poll::Ready(());
        }
        let mut waiting = wakers();
        if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            waiting.push(context.waker().clone());
        }
        drop(waiting);
        // A request between the check and the push would have woken nobody.
        if is_requested() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// The end of the pipe that the signal handler writes to.
static SIGNAL_PIPE: AtomicI32 = AtomicI32::new(-1);

/// From now on SIGINT and SIGTERM mean [`request`]. Call it once, in `main`.
pub fn install() -> io::Result<()> {
    let (reader, writer) = io::pipe()?;
    // Stays open for the life of the process: the handler may run at any moment.
    SIGNAL_PIPE.store(writer.into_raw_fd(), Ordering::SeqCst);
    std::thread::Builder::new().name("signals".into()).spawn(move || wait_for_signals(reader))?;
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: an all-zero sigaction is valid (no flags but those set below, an empty mask); the handler does
        // nothing but an atomic load and a write, which are safe in handlers. Covered by
        // `a_signal_asks_for_a_stop`.
        let result = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = pass_on as *const () as libc::sighandler_t;
            action.sa_flags = libc::SA_RESTART;
            libc::sigaction(signal, &raw const action, std::ptr::null_mut())
        };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// The signal handler.
extern "C" fn pass_on(signal: libc::c_int) {
    let byte = signal as u8;
    // SAFETY: the descriptor is the pipe's, open for ever; one byte is read from a live local. The result does not
    // matter: a full pipe means that signals are already waiting to be read.
    unsafe { libc::write(SIGNAL_PIPE.load(Ordering::SeqCst), (&raw const byte).cast(), 1) };
}

fn wait_for_signals(mut reader: io::PipeReader) {
    let mut signal = [0u8; 1];
    while reader.read_exact(&mut signal).is_ok() {
        let name = if i32::from(signal[0]) == libc::SIGINT { "SIGINT" } else { "SIGTERM" };
        if is_requested() {
            tracing::warn!("{name} again: stopping at once");
            std::process::exit(128 + i32::from(signal[0]));
        }
        tracing::info!("{name}: stopping");
        request();
    }
}
