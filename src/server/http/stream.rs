//! hyper's reading and writing, over any stream of `futures_lite`.
//!
//! hyper lends memory that may be uninitialised; streams want it initialised. Bytes go through a small buffer of our
//! own, which costs a copy of each request and spares an `unsafe` block.

use futures_lite::{AsyncRead, AsyncWrite};
use hyper::rt::ReadBufCursor;
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

const SCRATCH_BYTES: usize = 4 << 10;

/// A stream that hyper can drive.
pub(super) struct Stream<S> {
    inner: S,
    scratch: Box<[u8]>,
}

impl<S> Stream<S> {
    pub(super) fn new(inner: S) -> Stream<S> {
        Stream { inner, scratch: vec![0; SCRATCH_BYTES].into_boxed_slice() }
    }
}

impl<S: AsyncRead + Unpin> hyper::rt::Read for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let Stream { inner, scratch } = &mut *self;
        let room = into.remaining().min(scratch.len());
        let count = ready!(Pin::new(inner).poll_read(context, &mut scratch[..room]))?;
        into.put_slice(&scratch[..count]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> hyper::rt::Write for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(context)
    }
}
