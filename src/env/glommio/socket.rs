//! Sockets of our own where glommio's are not sound.
//!
//! Its listener hands out descriptors without close-on-exec that leak when an accept is dropped half-way, and its
//! datagram send truncates when the socket is full. So listening and UDP are plain non-blocking calls with readiness
//! from `ready.rs`; streams are glommio's, which are fine.

use super::{Handle, ready::readable};
use glommio::net::TcpStream;
use std::{
    io,
    net::{SocketAddr, TcpListener, UdpSocket},
    os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
    time::Duration,
};

/// Connections that may wait to be accepted on one core.
const BACKLOG: i32 = 1024;

/// A listening socket.
pub struct Listener(TcpListener);

impl Listener {
    pub(in crate::env) async fn accept(&self) -> io::Result<TcpStream> {
        loop {
            match self.0.accept() {
                // SAFETY: the descriptor was just given up by its only owner.
                Ok((stream, _)) => return Ok(unsafe { TcpStream::from_raw_fd(into_raw(stream)) }),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => readable(self.0.as_fd()).await?,
                // The client hung up between the handshake and now; the next one may be fine.
                Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) => {
                }
                Err(error) => return Err(error),
            }
        }
    }

    pub(in crate::env) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

fn into_raw(stream: std::net::TcpStream) -> i32 {
    use std::os::fd::IntoRawFd;
    stream.into_raw_fd()
}

/// A datagram socket.
pub struct Udp(UdpSocket);

impl Udp {
    pub(in crate::env) async fn send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        loop {
            match self.0.send_to(bytes, to) {
                // The socket's buffer is full, which passes quickly; there is no write readiness to wait on.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    glommio::timer::sleep(Duration::from_micros(100)).await;
                }
                result => return result,
            }
        }
    }

    pub(in crate::env) async fn recv_from(&self, into: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        loop {
            match self.0.recv_from(into) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => readable(self.0.as_fd()).await?,
                result => return result,
            }
        }
    }

    pub(in crate::env) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
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
        Ok(Listener(TcpListener::from(socket)))
    }

    pub(in crate::env) async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(address).await.map_err(io::Error::from)
    }

    pub(in crate::env) fn bind_udp(&self, address: SocketAddr) -> io::Result<Udp> {
        let socket = UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        Ok(Udp(socket))
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
