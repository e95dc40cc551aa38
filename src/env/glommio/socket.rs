//! Sockets: non-blocking calls, with readiness from [`super::network`].
//!
//! glommio's own are not used: its listener hands out descriptors without close-on-exec that leak when an accept is
//! dropped half-way, its datagram send truncates when the socket is full, and its streams cost a ring request for every
//! read.

use super::{
    Handle,
    network::{Network, Registration},
};
use futures_lite::{AsyncRead, AsyncWrite};
use mio::Interest;
use std::{
    cell::Cell,
    future::poll_fn,
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr},
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

/// Connections that may wait to be accepted on one core.
const BACKLOG: i32 = 1024;

/// Calls `operation` until it does something else than ask to be called later; then waits in `waiters` for readiness.
fn attempt<T>(
    context: &Context<'_>,
    waiters: &Cell<Option<Waker>>,
    mut operation: impl FnMut() -> io::Result<T>,
) -> Poll<io::Result<T>> {
    loop {
        match operation() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                waiters.set(Some(context.waker().clone()));
                return Poll::Pending;
            }
            result => return Poll::Ready(result),
        }
    }
}

/// A TCP connection.
pub struct Stream {
    socket: mio::net::TcpStream,
    registration: Registration,
}

impl Stream {
    fn new(mut socket: mio::net::TcpStream, network: &Rc<Network>) -> io::Result<Stream> {
        let registration = network.register(&mut socket, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Stream { socket, registration })
    }

    pub(in crate::env) fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.peer_addr()
    }

    pub(in crate::env) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    pub(in crate::env) fn set_nodelay(&self, on: bool) -> io::Result<()> {
        self.socket.set_nodelay(on)
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let (mut socket, readiness) = (&self.socket, &self.registration.readiness);
        if !readiness.readable.get() {
            readiness.reader.set(Some(context.waker().clone()));
            return Poll::Pending;
        }
        let poll = attempt(context, &readiness.reader, || socket.read(into));
        // A read that was not filled has emptied the socket; what comes later is a new edge.
        let emptied = match &poll {
            Poll::Pending => true,
            Poll::Ready(Ok(count)) => *count < into.len() && !readiness.hung_up.get(),
            Poll::Ready(Err(_)) => false,
        };
        if emptied {
            readiness.readable.set(false);
        }
        poll
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let (mut socket, readiness) = (&self.socket, &self.registration.readiness);
        attempt(context, &readiness.writer, || socket.write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.socket.shutdown(Shutdown::Write) {
            // The other side was faster.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            result => Poll::Ready(result),
        }
    }
}

/// A listening socket.
pub struct Listener {
    socket: mio::net::TcpListener,
    registration: Registration,
    network: Rc<Network>,
}

impl Listener {
    pub(in crate::env) async fn accept(&self) -> io::Result<Stream> {
        loop {
            let waiters = &self.registration.readiness.reader;
            match poll_fn(|context| attempt(context, waiters, || self.socket.accept())).await {
                Ok((stream, _)) => return Stream::new(stream, &self.network),
                // The client hung up between the handshake and now; the next one may be fine.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(in crate::env) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

/// A datagram socket.
pub struct Udp {
    socket: mio::net::UdpSocket,
    registration: Registration,
}

impl Udp {
    pub(in crate::env) async fn send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        let waiters = &self.registration.readiness.writer;
        poll_fn(|context| attempt(context, waiters, || self.socket.send_to(bytes, to))).await
    }

    pub(in crate::env) async fn recv_from(&self, into: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let waiters = &self.registration.readiness.reader;
        poll_fn(|context| attempt(context, waiters, || self.socket.recv_from(into))).await
    }

    pub(in crate::env) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

impl Handle {
    pub(in crate::env) fn listen(&self, address: SocketAddr) -> io::Result<Listener> {
        let domain = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
        let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // SAFETY: plain integers in; a descriptor or -1 out.
        let descriptor = checked(unsafe { libc::socket(domain, kind, 0) })?;
        // SAFETY: the descriptor is open and nothing else owns it.
        let socket = unsafe { OwnedFd::from_raw_fd(descriptor) };
        switch_on(&socket, libc::SOL_SOCKET, libc::SO_REUSEADDR)?;
        switch_on(&socket, libc::SOL_SOCKET, libc::SO_REUSEPORT)?;
        if address.is_ipv6() {
            switch_on(&socket, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY)?;
        }
        bind(&socket, address)?;
        // SAFETY: an open descriptor and an integer.
        checked(unsafe { libc::listen(socket.as_raw_fd(), BACKLOG) })?;
        let mut socket = mio::net::TcpListener::from_std(socket.into());
        let network = self.0.network.clone();
        let registration = network.register(&mut socket, Interest::READABLE)?;
        Ok(Listener { socket, registration, network })
    }

    pub(in crate::env) async fn connect(&self, address: SocketAddr) -> io::Result<Stream> {
        let stream = Stream::new(mio::net::TcpStream::connect(address)?, &self.0.network)?;
        let waiters = &stream.registration.readiness.writer;
        poll_fn(|context| attempt(context, waiters, || connected(&stream.socket))).await?;
        Ok(stream)
    }

    pub(in crate::env) fn bind_udp(&self, address: SocketAddr) -> io::Result<Udp> {
        let mut socket = mio::net::UdpSocket::bind(address)?;
        let registration = self.0.network.register(&mut socket, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Udp { socket, registration })
    }
}

/// Whether a connection that was begun is there; `WouldBlock` while it is not known.
fn connected(socket: &mio::net::TcpStream) -> io::Result<()> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    match socket.peer_addr() {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Err(io::ErrorKind::WouldBlock.into()),
        Err(error) => Err(error),
    }
}

fn checked(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn switch_on(socket: &OwnedFd, level: i32, option: i32) -> io::Result<()> {
    let on: libc::c_int = 1;
    let len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the descriptor is open; pointer and length describe `on`, which lives through the call.
    checked(unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const on).cast(), len) })?;
    Ok(())
}

fn bind(socket: &OwnedFd, address: SocketAddr) -> io::Result<()> {
    let result = match address {
        SocketAddr::V4(v4) => {
            let raw = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(v4.ip().octets()) },
                sin_zero: [0; 8],
            };
            let len = size_of::<libc::sockaddr_in>() as libc::socklen_t;
            // SAFETY: the descriptor is open; pointer and length describe `raw`, a complete IPv4 address.
            unsafe { libc::bind(socket.as_raw_fd(), (&raw const raw).cast(), len) }
        }
        SocketAddr::V6(v6) => {
            let raw = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: v6.flowinfo(),
                sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                sin6_scope_id: v6.scope_id(),
            };
            let len = size_of::<libc::sockaddr_in6>() as libc::socklen_t;
            // SAFETY: the descriptor is open; pointer and length describe `raw`, a complete IPv6 address.
            unsafe { libc::bind(socket.as_raw_fd(), (&raw const raw).cast(), len) }
        }
    };
    checked(result).map(|_| ())
}
