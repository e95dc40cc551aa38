//! Sockets: TCP streams and listeners, UDP.

use super::{glommio as real, sim};
use futures_lite::{AsyncRead, AsyncWrite};
use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

/// Accepts connections on one core.
pub struct TcpListener(ListenerInner);

enum ListenerInner {
    Glommio(real::Listener),
    Sim(sim::Listener),
}

impl TcpListener {
    pub(super) fn from_glommio(listener: real::Listener) -> TcpListener {
        TcpListener(ListenerInner::Glommio(listener))
    }

    pub(super) fn from_sim(listener: sim::Listener) -> TcpListener {
        TcpListener(ListenerInner::Sim(listener))
    }

    /// Waits for a connection. Dropping the future loses none.
    pub async fn accept(&self) -> io::Result<TcpStream> {
        match &self.0 {
            ListenerInner::Glommio(listener) => Ok(TcpStream::from_glommio(listener.accept().await?)),
            ListenerInner::Sim(listener) => Ok(TcpStream::from_sim(listener.accept().await?)),
        }
    }

    /// Where it listens: the port is known when 0 was asked for.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            ListenerInner::Glommio(listener) => listener.local_addr(),
            ListenerInner::Sim(listener) => Ok(listener.local_addr()),
        }
    }
}

/// A TCP connection of one core: `AsyncRead` and `AsyncWrite` (closing the writer ends our half).
pub struct TcpStream(StreamInner);

enum StreamInner {
    Glommio(real::Stream),
    Sim(sim::Stream),
}

impl TcpStream {
    pub(super) fn from_glommio(stream: real::Stream) -> TcpStream {
        TcpStream(StreamInner::Glommio(stream))
    }

    pub(super) fn from_sim(stream: sim::Stream) -> TcpStream {
        TcpStream(StreamInner::Sim(stream))
    }

    /// Who is at the other end.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            StreamInner::Glommio(stream) => stream.peer_addr(),
            StreamInner::Sim(stream) => Ok(stream.peer_addr()),
        }
    }

    /// Our own end.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            StreamInner::Glommio(stream) => stream.local_addr(),
            StreamInner::Sim(stream) => Ok(stream.local_addr()),
        }
    }

    /// Sends small writes at once instead of gathering them (TCP_NODELAY).
    pub fn set_nodelay(&self, on: bool) -> io::Result<()> {
        match &self.0 {
            StreamInner::Glommio(stream) => stream.set_nodelay(on),
            StreamInner::Sim(_) => Ok(()),
        }
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            StreamInner::Glommio(stream) => Pin::new(stream).poll_read(context, into),
            StreamInner::Sim(stream) => Pin::new(stream).poll_read(context, into),
        }
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            StreamInner::Glommio(stream) => Pin::new(stream).poll_write(context, bytes),
            StreamInner::Sim(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            StreamInner::Glommio(stream) => Pin::new(stream).poll_flush(context),
            StreamInner::Sim(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            StreamInner::Glommio(stream) => Pin::new(stream).poll_close(context),
            StreamInner::Sim(stream) => Pin::new(stream).poll_close(context),
        }
    }
}

/// A UDP socket of one core.
pub struct UdpSocket(UdpInner);

enum UdpInner {
    Glommio(real::Udp),
}

impl UdpSocket {
    pub(super) fn from_glommio(socket: real::Udp) -> UdpSocket {
        UdpSocket(UdpInner::Glommio(socket))
    }

    /// Sends one datagram.
    pub async fn send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        match &self.0 {
            UdpInner::Glommio(socket) => socket.send_to(bytes, to).await,
        }
    }

    /// Waits for one datagram; what does not fit in `into` is lost.
    pub async fn recv_from(&self, into: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        match &self.0 {
            UdpInner::Glommio(socket) => socket.recv_from(into).await,
        }
    }

    /// Our own end.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            UdpInner::Glommio(socket) => socket.local_addr(),
        }
    }
}

/// Whether a process may listen on an address now. With SO_REUSEPORT, which every core's listener sets, a second process
/// would share the port without an error.
pub fn port_is_free(address: SocketAddr) -> io::Result<()> {
    std::net::TcpListener::bind(address).map(drop)
}
