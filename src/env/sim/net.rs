//! Loopback streams between simulated cores and nodes: reliable, ordered, bounded.
//!
//! Faults of the network are simulated where messages are, above; this is for code that speaks a byte stream.

use super::Handle;
use futures_lite::{AsyncRead, AsyncWrite};
use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::Pin,
    rc::{Rc, Weak},
    task::{Context, Poll, Waker},
};

/// Bytes under way in one direction before the writer waits.
const PIPE_BYTES_MAX: usize = 64 << 10;
const FIRST_FREE_PORT: u16 = 40_000;

#[derive(Default)]
pub(super) struct Network {
    /// Several cores may listen on one address; connections go to them in turn.
    listeners: RefCell<BTreeMap<SocketAddr, Vec<Weak<RefCell<Backlog>>>>>,
    next_port: RefCell<u16>,
}

struct Backlog {
    node: u32,
    waiting: VecDeque<Stream>,
    waker: Option<Waker>,
}

impl Network {
    pub(super) fn remove_node(&self, node: u32) {
        for listeners in self.listeners.borrow_mut().values_mut() {
            listeners.retain(|listener| listener.upgrade().is_some_and(|backlog| backlog.borrow().node != node));
        }
    }

    fn free_port(&self) -> u16 {
        let mut next = self.next_port.borrow_mut();
        *next = next.checked_add(1).unwrap_or(1);
        FIRST_FREE_PORT + *next % 20_000
    }
}

#[derive(Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    /// The writer is done or gone.
    ended: bool,
    /// The reader is gone.
    broken: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

/// A simulated listener.
pub struct Listener {
    address: SocketAddr,
    backlog: Rc<RefCell<Backlog>>,
}

impl Listener {
    pub(in crate::env) async fn accept(&self) -> io::Result<Stream> {
        poll_fn(|context| {
            let mut backlog = self.backlog.borrow_mut();
            match backlog.waiting.pop_front() {
                Some(stream) => Poll::Ready(Ok(stream)),
                None => {
                    backlog.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    pub(in crate::env) fn local_addr(&self) -> SocketAddr {
        self.address
    }
}

/// One end of a simulated connection.
pub struct Stream {
    incoming: Rc<RefCell<Pipe>>,
    outgoing: Rc<RefCell<Pipe>>,
    local: SocketAddr,
    peer: SocketAddr,
}

impl Handle {
    pub(in crate::env) fn listen(&self, mut address: SocketAddr) -> io::Result<Listener> {
        let network = &self.world.network;
        if address.port() == 0 {
            address.set_port(network.free_port());
        }
        let backlog = Rc::new(RefCell::new(Backlog { node: self.node.number, waiting: VecDeque::new(), waker: None }));
        network.listeners.borrow_mut().entry(address).or_default().push(Rc::downgrade(&backlog));
        Ok(Listener { address, backlog })
    }

    pub(in crate::env) async fn connect(&self, address: SocketAddr) -> io::Result<Stream> {
        self.sleep(std::time::Duration::from_micros(50)).await;
        let network = &self.world.network;
        let mut listeners = network.listeners.borrow_mut();
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let listening = listeners.get_mut(&address).ok_or_else(refused)?;
        listening.retain(|listener| listener.strong_count() > 0);
        let chosen = self.world.scheduler.draw(listening.len() as u64) as usize;
        let backlog = listening.get(chosen).and_then(Weak::upgrade).ok_or_else(refused)?;
        let local = SocketAddr::new(address.ip(), network.free_port());
        let (there, back) = (Rc::<RefCell<Pipe>>::default(), Rc::<RefCell<Pipe>>::default());
        let accepted = Stream { incoming: there.clone(), outgoing: back.clone(), local: address, peer: local };
        let mut backlog = backlog.borrow_mut();
        backlog.waiting.push_back(accepted);
        wake(&mut backlog.waker);
        Ok(Stream { incoming: back, outgoing: there, local, peer: address })
    }
}

impl Stream {
    pub(in crate::env) fn peer_addr(&self) -> SocketAddr {
        self.peer
    }

    pub(in crate::env) fn local_addr(&self) -> SocketAddr {
        self.local
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut pipe = self.incoming.borrow_mut();
        if pipe.bytes.is_empty() {
            if pipe.ended || into.is_empty() {
                return Poll::Ready(Ok(0));
            }
            pipe.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        let count = into.len().min(pipe.bytes.len());
        for (place, byte) in into.iter_mut().zip(pipe.bytes.drain(..count)) {
            *place = byte;
        }
        wake(&mut pipe.writer);
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut pipe = self.outgoing.borrow_mut();
        if pipe.broken || pipe.ended {
            return Poll::Ready(Err(io::Error::from(io::ErrorKind::BrokenPipe)));
        }
        let count = bytes.len().min(PIPE_BYTES_MAX - pipe.bytes.len());
        if count == 0 && !bytes.is_empty() {
            pipe.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        pipe.bytes.extend(&bytes[..count]);
        wake(&mut pipe.reader);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut pipe = self.outgoing.borrow_mut();
        pipe.ended = true;
        wake(&mut pipe.reader);
        Poll::Ready(Ok(()))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut outgoing = self.outgoing.borrow_mut();
        outgoing.ended = true;
        wake(&mut outgoing.reader);
        drop(outgoing);
        let mut incoming = self.incoming.borrow_mut();
        incoming.broken = true;
        wake(&mut incoming.writer);
    }
}
