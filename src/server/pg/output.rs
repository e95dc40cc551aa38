//! Messages to a client, written one after the other into one buffer that goes out with one write per flush.
//!
//! ```text
//! +--------+------------+------+
//! | tag u8 | length i32 | body |      the length counts itself and the body; it is filled in when the body is there
//! +--------+------------+------+
//! ```
//!
//! Invariants: a buffer above [`FLUSH_BYTES`] is flushed and waited for before more is produced; a message is never
//! half written, whoever writes its body takes it back when the body cannot be finished.

use super::{
    backend::{CopyFormat, Field, Notice},
    message::Format,
};
use crate::{
    base::{sqlstate::SqlState, types::DataType},
    error::{Error, Result},
};
use futures_lite::{AsyncWrite, future::poll_fn, ready};
use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

/// More than this waits for the client to read.
pub const FLUSH_BYTES: usize = 64 << 10;
/// A buffer that grew beyond this for one large row is given back after the flush.
const KEEP_BYTES: usize = 2 * FLUSH_BYTES;

/// What the client has not been sent yet.
#[derive(Default)]
pub struct Output {
    bytes: Vec<u8>,
    /// How many of `bytes` are sent.
    sent: usize,
    /// Whether a whole answer (up to ReadyForQuery) is in `bytes`: its client may already be waiting for it.
    answered: bool,
}

impl Output {
    /// Whether it is time to flush.
    pub fn is_full(&self) -> bool {
        self.bytes.len() >= FLUSH_BYTES
    }

    /// Whether somebody may be waiting for what is buffered.
    pub fn has_answer(&self) -> bool {
        self.answered
    }

    /// Sends everything, waiting for the client to read.
    pub async fn flush(&mut self, stream: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        poll_fn(|context| self.poll_flush(stream, context)).await
    }

    /// Sends as much as the client takes; ready when that was everything.
    pub fn poll_flush(
        &mut self,
        stream: &mut (impl AsyncWrite + Unpin),
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.bytes.is_empty() {
            return Poll::Ready(Ok(()));
        }
        while self.sent < self.bytes.len() {
            match ready!(Pin::new(&mut *stream).poll_write(context, &self.bytes[self.sent..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.sent += count,
            }
        }
        ready!(Pin::new(stream).poll_flush(context))?;
        self.bytes.clear();
        (self.sent, self.answered) = (0, false);
        if self.bytes.capacity() > KEEP_BYTES {
            self.bytes = Vec::new();
        }
        Poll::Ready(Ok(()))
    }

    /// Starts a message; hand the result to [`Output::finish`] or [`Output::undo`].
    pub fn start(&mut self, tag: u8) -> usize {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[tag, 0, 0, 0, 0]);
        start
    }

    /// Fills in the length of the message that began at `start`; takes it back when it is too long for the protocol.
    pub fn finish(&mut self, start: usize) -> Result<()> {
        match i32::try_from(self.bytes.len() - start - 1) {
            Ok(length) => {
                self.bytes[start + 1..start + 5].copy_from_slice(&length.to_be_bytes());
                Ok(())
            }
            Err(_) => {
                self.undo(start);
                Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "a message to the client would be longer than 2 GiB")
                    .with_hint("Ask for fewer or shorter columns at a time."))
            }
        }
    }

    /// Takes back the message that began at `start`.
    pub fn undo(&mut self, start: usize) {
        self.bytes.truncate(start);
    }

    /// For bodies that are written in place.
    pub fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// One byte without a frame: the answer to a request for encryption.
    pub fn raw(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// A message of which the body is short enough that it cannot fail.
    fn message(&mut self, tag: u8, body: impl FnOnce(&mut Vec<u8>)) {
        let start = self.start(tag);
        body(&mut self.bytes);
        debug_assert!(i32::try_from(self.bytes.len() - start).is_ok());
        let _ = self.finish(start); // a name or text of 2 GiB cannot come in, so it cannot go out
    }

    pub fn authentication_ok(&mut self) {
        self.message(b'R', |bytes| bytes.extend_from_slice(&0i32.to_be_bytes()));
    }

    /// The newest minor version that is spoken, and the protocol options that are not understood.
    pub fn negotiate_protocol_version(&mut self, version: i32, unknown_options: &[String]) {
        self.message(b'v', |bytes| {
            bytes.extend_from_slice(&version.to_be_bytes());
            bytes.extend_from_slice(&(unknown_options.len() as i32).to_be_bytes());
            unknown_options.iter().for_each(|option| put_string(bytes, option));
        });
    }

    pub fn parameter_status(&mut self, name: &str, value: &str) {
        self.message(b'S', |bytes| {
            put_string(bytes, name);
            put_string(bytes, value);
        });
    }

    pub fn backend_key_data(&mut self, process_id: i32, secret: i32) {
        self.message(b'K', |bytes| {
            bytes.extend_from_slice(&process_id.to_be_bytes());
            bytes.extend_from_slice(&secret.to_be_bytes());
        });
    }

    /// `status`: `I` idle, `T` in a transaction, `E` in a failed one.
    pub fn ready_for_query(&mut self, status: u8) {
        self.bytes.extend_from_slice(&[b'Z', 0, 0, 0, 5, status]);
        self.answered = true;
    }

    pub fn parse_complete(&mut self) {
        self.bytes.extend_from_slice(&[b'1', 0, 0, 0, 4]);
    }

    pub fn bind_complete(&mut self) {
        self.bytes.extend_from_slice(&[b'2', 0, 0, 0, 4]);
    }

    pub fn close_complete(&mut self) {
        self.bytes.extend_from_slice(&[b'3', 0, 0, 0, 4]);
    }

    pub fn no_data(&mut self) {
        self.bytes.extend_from_slice(&[b'n', 0, 0, 0, 4]);
    }

    pub fn portal_suspended(&mut self) {
        self.bytes.extend_from_slice(&[b's', 0, 0, 0, 4]);
    }

    pub fn empty_query(&mut self) {
        self.bytes.extend_from_slice(&[b'I', 0, 0, 0, 4]);
    }

    pub fn command_complete(&mut self, tag: &str) {
        self.message(b'C', |bytes| put_string(bytes, tag));
    }

    pub fn parameter_description(&mut self, types: &[DataType]) {
        self.message(b't', |bytes| {
            bytes.extend_from_slice(&(types.len() as u16).to_be_bytes());
            types.iter().for_each(|data_type| bytes.extend_from_slice(&data_type.oid().to_be_bytes()));
        });
    }

    /// `format` says how each column will be written.
    pub fn row_description(&mut self, fields: &[Field], format: impl Fn(usize) -> Format) {
        self.message(b'T', |bytes| {
            bytes.extend_from_slice(&(fields.len() as u16).to_be_bytes());
            for (position, field) in fields.iter().enumerate() {
                let (table, column) = field.origin.unwrap_or((0, 0));
                put_string(bytes, &field.name);
                bytes.extend_from_slice(&table.to_be_bytes());
                bytes.extend_from_slice(&column.to_be_bytes());
                bytes.extend_from_slice(&field.data_type.oid().to_be_bytes());
                bytes.extend_from_slice(&field.data_type.length_bytes().to_be_bytes());
                bytes.extend_from_slice(&field.data_type.modifier.to_be_bytes());
                bytes.extend_from_slice(&format_code(format(position)));
            }
        });
    }

    /// CopyInResponse (`in_`) or CopyOutResponse.
    pub fn copy_response(&mut self, in_: bool, format: CopyFormat, columns: usize) {
        let binary = matches!(format, CopyFormat::Binary);
        self.message(if in_ { b'G' } else { b'H' }, |bytes| {
            bytes.push(u8::from(binary));
            bytes.extend_from_slice(&(columns as u16).to_be_bytes());
            (0..columns).for_each(|_| bytes.extend_from_slice(&[0, u8::from(binary)]));
        });
    }

    pub fn copy_data(&mut self, data: &[u8]) -> Result<()> {
        let start = self.start(b'd');
        self.bytes.extend_from_slice(data);
        self.finish(start)
    }

    pub fn copy_done(&mut self) {
        self.bytes.extend_from_slice(&[b'c', 0, 0, 0, 4]);
    }

    /// ErrorResponse. `severity` is ERROR, FATAL or PANIC.
    pub fn error(&mut self, severity: &str, error: &Error) {
        self.report(b'E', severity, error);
    }

    /// NoticeResponse.
    pub fn notice(&mut self, notice: &Notice) {
        self.report(b'N', notice.severity, &notice.error);
    }

    fn report(&mut self, tag: u8, severity: &str, error: &Error) {
        self.message(tag, |bytes| {
            put_field(bytes, b'S', severity);
            put_field(bytes, b'V', severity);
            put_field(bytes, b'C', error.state().as_str());
            put_field(bytes, b'M', error.message());
            let position = error.position().map(|position| position.to_string());
            let optional = [
                (b'D', error.detail()),
                (b'H', error.hint()),
                (b'P', position.as_deref()),
                (b'W', error.context()),
                (b's', error.schema()),
                (b't', error.table()),
                (b'c', error.column()),
                (b'd', error.data_type()),
                (b'n', error.constraint()),
            ];
            for (kind, text) in optional {
                if let Some(text) = text {
                    put_field(bytes, kind, text);
                }
            }
            bytes.push(0);
        });
    }
}

/// A format's code in RowDescription.
fn format_code(format: Format) -> [u8; 2] {
    match format {
        Format::Text => [0, 0],
        Format::Binary => [0, 1],
    }
}

fn put_field(bytes: &mut Vec<u8>, kind: u8, text: &str) {
    bytes.push(kind);
    put_string(bytes, text);
}

/// A NUL-terminated string. A NUL inside would forge the end, so what follows one is left out.
fn put_string(bytes: &mut Vec<u8>, text: &str) {
    let text = text.as_bytes();
    let end = memchr::memchr(0, text).unwrap_or(text.len());
    bytes.extend_from_slice(&text[..end]);
    bytes.push(0);
}
