//! Waiting until any descriptor can be read, with what glommio makes public: how a core sleeps.
//!
//! Making a glommio `TcpStream` from a descriptor queues one poll request on the ring, and its first `poll_read` only
//! registers the waker without receiving. So: duplicate the descriptor, make a stream of the copy, register a waker
//! of our own that raises a flag, and drop the stream when the flag is up. It never reads. The price is one
//! duplication per sleep, paid only where nothing was ready.

use futures_lite::AsyncRead;
use glommio::net::TcpStream;
use std::{
    future::Future,
    io,
    os::fd::{AsFd, BorrowedFd, FromRawFd, IntoRawFd},
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

struct Flag {
    raised: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Flag {
    fn remember(&self, waker: &Waker) {
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker.clone());
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.raised.store(true, Ordering::Release);
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Resolves when `descriptor` can be read (or has failed, which a read will tell).
pub(super) fn readable(descriptor: BorrowedFd<'_>) -> io::Result<Readable> {
    let copy = descriptor.as_fd().try_clone_to_owned()?.into_raw_fd();
    // SAFETY: `copy` is an open descriptor that nothing else owns; the stream closes it when dropped.
    let stream = unsafe { TcpStream::from_raw_fd(copy) };
    let flag = Arc::new(Flag { raised: AtomicBool::new(false), waker: Mutex::new(None) });
    Ok(Readable { stream, flag, armed: false })
}

/// See [`readable`].
pub(super) struct Readable {
    stream: TcpStream,
    flag: Arc<Flag>,
    armed: bool,
}

impl Future for Readable {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.flag.raised.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        self.flag.remember(context.waker());
        if !self.armed {
            self.armed = true;
            let waker = Waker::from(self.flag.clone());
            let mut nothing = [0u8; 1];
            // Pending by construction: the poll request was queued just now and the ring has not run since.
            let _ = Pin::new(&mut self.stream).poll_read(&mut Context::from_waker(&waker), &mut nothing);
        }
        Poll::Pending
    }
}
