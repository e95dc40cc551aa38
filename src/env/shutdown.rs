//! The wish to stop: SIGINT, SIGTERM, or [`request`], seen by every core.
//!
//! One process-wide flag and the wakers of whoever waits for it. Signals arrive on a thread of their own by `sigwait`,
//! so nothing runs inside a signal handler. The first asks for an orderly stop; the second, for the impatient, ends
//! the process at once with the shell's code for that signal.

use std::{
    future::poll_fn,
    io,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
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

/// From now on SIGINT and SIGTERM mean [`request`]. Call it once, in `main`, before any thread is started: threads
/// inherit the blocked signals.
pub fn install() -> io::Result<()> {
    // SAFETY: the set is initialised by sigemptyset before use and outlives the calls; the signal numbers are valid.
    let set = unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGINT);
        libc::sigaddset(&raw mut set, libc::SIGTERM);
        let result = libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
        if result != 0 {
            return Err(io::Error::from_raw_os_error(result));
        }
        set
    };
    std::thread::Builder::new().name("signals".into()).spawn(move || wait_for_signals(&set))?;
    Ok(())
}

fn wait_for_signals(set: &libc::sigset_t) {
    loop {
        let mut signal = 0;
        // SAFETY: both pointers are to live values; the set was initialised by `install`.
        if unsafe { libc::sigwait(set, &raw mut signal) } != 0 {
            return;
        }
        let name = if signal == libc::SIGINT { "SIGINT" } else { "SIGTERM" };
        if is_requested() {
            tracing::warn!("{name} again: stopping at once");
            std::process::exit(128 + signal);
        }
        tracing::info!("{name}: stopping");
        request();
    }
}
