//! A connection without a network or a clock: bytes in, bytes out, one step at a time.

use super::fake::Database;
use crate::server::pg::{
    connection::{Failure, Shared, Stopping},
    converse::converse,
};
use futures_lite::{AsyncRead, AsyncWrite};
use std::{
    cell::RefCell,
    collections::VecDeque,
    future::Future,
    io,
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

/// Polls in one exchange after which a server is taken to hang.
const POLLS_MAX: usize = 1_000_000;

/// The server's end of an in-memory stream.
#[derive(Clone)]
pub struct Pipe(Rc<RefCell<Ends>>);

struct Ends {
    to_server: VecDeque<u8>,
    to_client: Vec<u8>,
    /// Bytes the client takes before it has to be asked again.
    client_room: usize,
    /// Most bytes the server reads at once.
    read_bytes_max: usize,
    client_closed: bool,
}

impl AsyncRead for Pipe {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut ends = self.0.borrow_mut();
        let count = buffer.len().min(ends.to_server.len()).min(ends.read_bytes_max);
        if count == 0 {
            return if ends.client_closed { Poll::Ready(Ok(0)) } else { Poll::Pending };
        }
        for (to, from) in buffer.iter_mut().zip(ends.to_server.drain(..count)) {
            *to = from;
        }
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut ends = self.0.borrow_mut();
        let count = bytes.len().min(ends.client_room);
        if count == 0 {
            return if ends.client_closed { Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())) } else { Poll::Pending };
        }
        ends.client_room -= count;
        ends.to_client.extend_from_slice(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A server with one client.
pub struct Bench {
    pub database: Rc<Database>,
    pub shared: Rc<Shared>,
    pipe: Pipe,
    server: Pin<Box<dyn Future<Output = ()>>>,
    flag: Arc<Flag>,
    pub ended: bool,
}

impl Bench {
    /// A fresh connection; nothing was sent.
    pub fn new() -> Bench {
        Bench::with(Shared::new(4, 0))
    }

    /// A connection to a server that others may be connected to.
    pub fn with(shared: Rc<Shared>) -> Bench {
        let database = Rc::new(Database::default());
        let ends = Ends {
            to_server: VecDeque::new(),
            to_client: Vec::new(),
            client_room: usize::MAX,
            read_bytes_max: usize::MAX,
            client_closed: false,
        };
        let pipe = Pipe(Rc::new(RefCell::new(ends)));
        let server = {
            let (pipe, database, shared) = (pipe.clone(), database.clone(), shared.clone());
            async move {
                let (mut connection, failure) =
                    converse(pipe, shared, &*database, "memory", std::future::pending(), ()).await;
                let _ = connection.flush().await;
                failure
            }
        };
        let server = Box::pin(async move {
            let failure: Failure = server.await;
            assert!(!matches!(failure, Failure::Statement(_)), "a statement's error ended a connection: {failure:?}");
        });
        Bench { database, shared, pipe, server, flag: Arc::new(Flag(AtomicBool::new(true))), ended: false }
    }

    /// A connection that has been greeted.
    pub fn started() -> Bench {
        let mut bench = Bench::new();
        bench.exchange(&startup(b"user\0ann\0database\0distdb\0"));
        bench
    }

    /// Sends bytes, lets the server run until it has nothing to do, and gives what it answered.
    pub fn exchange(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.pipe.0.borrow_mut().to_server.extend(bytes);
        self.flag.0.store(true, Ordering::Relaxed);
        self.run();
        std::mem::take(&mut self.pipe.0.borrow_mut().to_client)
    }

    /// Lets the client read only this much from now on.
    pub fn client_room(&mut self, bytes: usize) {
        self.pipe.0.borrow_mut().client_room = bytes;
        self.flag.0.store(true, Ordering::Relaxed);
    }

    /// Lets the server read only this much at once.
    pub fn read_bytes_max(&mut self, bytes: usize) {
        self.pipe.0.borrow_mut().read_bytes_max = bytes;
    }

    /// The client goes away.
    pub fn hang_up(&mut self) -> Vec<u8> {
        self.pipe.0.borrow_mut().client_closed = true;
        self.exchange(&[])
    }

    /// The client sends bytes and ends its half of the connection.
    pub fn hang_up_after(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.pipe.0.borrow_mut().client_closed = true;
        self.exchange(bytes)
    }

    /// The node stops.
    pub fn stop(&mut self, stopping: Stopping) -> Vec<u8> {
        self.shared.stop(stopping);
        self.run();
        std::mem::take(&mut self.pipe.0.borrow_mut().to_client)
    }

    /// Bytes the server has not read.
    pub fn unread(&self) -> usize {
        self.pipe.0.borrow().to_server.len()
    }

    fn run(&mut self) {
        let waker = Waker::from(self.flag.clone());
        let mut polls = 0;
        while !self.ended && self.flag.0.swap(false, Ordering::Relaxed) {
            self.ended = self.server.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
            polls += 1;
            assert!(polls < POLLS_MAX, "the server hangs");
        }
    }
}

/// A startup packet of protocol 3.0.
pub fn startup(parameters: &[u8]) -> Vec<u8> {
    let body = [&196_608i32.to_be_bytes()[..], parameters, b"\0"].concat();
    [&(body.len() as i32 + 4).to_be_bytes()[..], &body].concat()
}

/// A message with its right length.
pub fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[tag][..], &(body.len() as i32 + 4).to_be_bytes(), body].concat()
}

/// Shows what a server sent, a line per message. Checks each frame, and that another implementation can read it.
pub fn show(mut bytes: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    if bytes == b"N" {
        return vec!["N".to_string()];
    }
    while !bytes.is_empty() {
        let length = i32::from_be_bytes(bytes[1..5].try_into().unwrap()) as usize;
        assert!(bytes.len() > length, "half a message: {bytes:?}");
        let (frame, rest) = bytes.split_at(length + 1);
        let mut copy = bytes::BytesMut::from(frame);
        let mut context = pgwire::messages::DecodeContext::default();
        (context.awaiting_frontend_ssl, context.awaiting_frontend_startup) = (false, false);
        let decoded = pgwire::messages::PgWireBackendMessage::decode(&mut copy, &context).unwrap();
        assert!(decoded.is_some() && copy.is_empty(), "{frame:?}");
        lines.push(show_message(frame[0], &frame[5..]));
        bytes = rest;
    }
    lines
}

fn show_message(tag: u8, body: &[u8]) -> String {
    let mut shown = String::from(char::from(tag));
    match tag {
        b'D' => show_row(body, &mut shown),
        b'T' => show_columns(body, &mut shown),
        b'E' | b'N' => {
            for field in body.split(|&byte| byte == 0).filter(|field| field.len() > 1 && field[0] != b'V') {
                shown += &format!(" {}={}", char::from(field[0]), text(&field[1..]));
            }
        }
        _ if !body.is_empty() => shown += &format!(" {}", text(body.strip_suffix(b"\0").unwrap_or(body))),
        _ => {}
    }
    shown
}

fn show_row(body: &[u8], shown: &mut String) {
    let mut rest = &body[2..];
    while !rest.is_empty() {
        let length = i32::from_be_bytes(rest[..4].try_into().unwrap());
        let value = &rest[4..4 + length.max(0) as usize];
        *shown += &if length < 0 { " NULL".to_string() } else { format!(" '{}'", text(value)) };
        rest = &rest[4 + value.len()..];
    }
}

fn show_columns(body: &[u8], shown: &mut String) {
    let mut rest = &body[2..];
    while let Some(end) = rest.iter().position(|&byte| byte == 0) {
        let (name, fixed) = (text(&rest[..end]), &rest[end + 1..end + 19]);
        let word = |at: usize| i32::from_be_bytes(fixed[at..at + 4].try_into().unwrap());
        let format = if fixed[17] == 1 { "binary" } else { "text" };
        *shown += &format!(" {name}:{}:{format}", word(6));
        rest = &rest[end + 19..];
    }
}

/// Printable characters as they are, the rest as \xNN.
fn text(bytes: &[u8]) -> String {
    let show = |&byte: &u8| match byte {
        b' '..=b'~' => char::from(byte).to_string(),
        b'\n' => "\\n".to_string(),
        byte => format!("\\x{byte:02x}"),
    };
    bytes.iter().map(show).collect()
}
