//! The stream from a client, cut into frames.
//!
//! ```text
//! after startup:   +--------+-----------+---------------+      startup packets have no tag:   +-----------+------+
//!                  | tag u8 | length i32| body          |                                     | length i32| body |
//!                  +--------+-----------+---------------+                                     +-----------+------+
//!                             counts itself and the body
//! ```
//!
//! Invariants: a length is checked as soon as its header is there, before a byte of the body is waited for; the buffer
//! grows as bytes arrive and not as a header promises; what a connection holds above its small share is taken from a
//! budget that all connections of the core have together, so that many large half-sent messages are refused and do not
//! exhaust memory. A wrong length or tag cannot be recovered from and ends the connection.
//!
//! Absent: what is in a body. That is [`super::message`].

use super::message::{tag, violation};
use crate::{
    base::{limits, sqlstate::SqlState},
    error::{Error, Result},
};
use std::{cell::Cell, ops::Range, rc::Rc};

/// A buffer's first size; most clients never need more.
const SMALL_BYTES: usize = 8 << 10;
/// A buffer may be this large without asking the budget, and is cut back to it when it is empty.
const FREE_BYTES: usize = 64 << 10;
/// Longest message of the kinds that carry only a name or nothing, as in PostgreSQL.
const SHORT_MESSAGE_BYTES_MAX: usize = 10_000;
/// Bytes of a frame's tag and length.
const HEADER_BYTES: usize = 5;

/// What all connections of a core may hold in large messages.
#[derive(Debug)]
pub struct Budget {
    used_bytes: Cell<usize>,
    bytes_max: usize,
}

impl Budget {
    /// A budget; at least one message of the largest size always fits.
    pub fn new(bytes_max: usize) -> Budget {
        Budget { used_bytes: Cell::new(0), bytes_max: bytes_max.max(2 * limits::MESSAGE_BYTES_MAX) }
    }

    /// Bytes taken now.
    pub fn used_bytes(&self) -> usize {
        self.used_bytes.get()
    }

    fn change(&self, from: usize, to: usize) -> bool {
        let used = self.used_bytes.get() - from + to;
        if to > from && used > self.bytes_max {
            return false;
        }
        self.used_bytes.set(used);
        true
    }
}

/// A whole message in the buffer. Good until the next call of `Input::space` or `Input::spare`.
#[derive(Clone, Debug)]
pub struct Frame {
    pub tag: u8,
    body: Range<usize>,
}

/// Bytes that came and are not used yet: `buffer[start..end]`.
pub struct Input {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// How much of `budget` this buffer holds.
    charged_bytes: usize,
    budget: Rc<Budget>,
}

impl Input {
    /// An empty buffer.
    pub fn new(budget: Rc<Budget>) -> Input {
        Input { buffer: vec![0; SMALL_BYTES], start: 0, end: 0, charged_bytes: 0, budget }
    }

    /// Whether nothing is buffered, not even part of a message.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// The bytes that a startup packet is read from.
    fn pending(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// The body of a frame just taken.
    pub fn body(&self, frame: &Frame) -> &[u8] {
        &self.buffer[frame.body.clone()]
    }

    /// Tag and full size of the next message, once its header is there. An error is fatal.
    fn header(&self) -> Result<Option<(u8, usize)>> {
        let Some((header, _)) = self.pending().split_first_chunk::<HEADER_BYTES>() else {
            return match self.pending().first() {
                Some(&tag) => message_bytes_max(tag).map(|_| None),
                None => Ok(None),
            };
        };
        let [tag, length @ ..] = *header;
        let bytes_max = message_bytes_max(tag)?;
        let length = i32::from_be_bytes(length);
        match usize::try_from(length) {
            Ok(bytes) if (4..=bytes_max).contains(&bytes) => Ok(Some((tag, bytes + 1))),
            _ => Err(violation(format!("invalid message length {length} for message type {:?}", char::from(tag)))
                .with_hint(format!("Messages of this type have 4 to {bytes_max} bytes."))),
        }
    }

    /// Takes the next message if all of it is here. An error is fatal.
    pub fn take_frame(&mut self) -> Result<Option<Frame>> {
        match self.header()? {
            Some((tag, bytes)) if self.end - self.start >= bytes => {
                let body = self.start + HEADER_BYTES..self.start + bytes;
                self.start += bytes;
                Ok(Some(Frame { tag, body }))
            }
            _ => Ok(None),
        }
    }

    /// The tag of the next message, if all of it is here.
    pub fn next_tag(&self) -> Option<u8> {
        let (tag, bytes) = self.header().ok()??;
        (self.end - self.start >= bytes).then_some(tag)
    }

    /// Takes the messages that follow `frame` and have its tag, and joins their bodies to its body, in place.
    pub fn join(&mut self, mut frame: Frame) -> Result<Frame> {
        while let Some((tag, bytes)) = self.header()? {
            if tag != frame.tag || self.end - self.start < bytes {
                break;
            }
            let body = self.start + HEADER_BYTES..self.start + bytes;
            let length = body.len();
            self.start = body.end;
            self.buffer.copy_within(body, frame.body.end);
            frame.body.end += length;
        }
        Ok(frame)
    }

    /// Takes a startup packet's body if all of it is here. An error is fatal.
    pub fn take_startup(&mut self) -> Result<Option<&[u8]>> {
        let Some((length, _)) = self.pending().split_first_chunk::<4>() else { return Ok(None) };
        let length = i32::from_be_bytes(*length);
        let bytes = match usize::try_from(length) {
            Ok(bytes) if (8..=limits::STARTUP_BYTES_MAX).contains(&bytes) => bytes,
            _ => {
                return Err(violation(format!("invalid length of startup packet: {length}"))
                    .with_hint("This port speaks PostgreSQL's frontend/backend protocol, version 3."));
            }
        };
        if self.end - self.start < bytes {
            return Ok(None);
        }
        let body = self.start + 4..self.start + bytes;
        self.start += bytes;
        Ok(Some(&self.buffer[body]))
    }

    /// Room that is there anyway, perhaps none. What was taken before is gone.
    pub fn spare(&mut self) -> &mut [u8] {
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        }
        &mut self.buffer[self.end..]
    }

    /// Room for the next read, never empty. What was taken before is gone. Fails (fatally) when the budget is used up.
    pub fn space(&mut self) -> Result<&mut [u8]> {
        if self.start == self.end {
            let was_full = self.end == self.buffer.len();
            (self.start, self.end) = (0, 0);
            if self.buffer.len() > FREE_BYTES {
                self.resize(FREE_BYTES)?;
                self.buffer.shrink_to_fit();
            } else if was_full && self.buffer.len() < FREE_BYTES {
                self.resize(FREE_BYTES)?;
            }
        } else if self.buffer.len() - self.end < SMALL_BYTES / 2 {
            self.make_room()?;
        }
        Ok(&mut self.buffer[self.end..])
    }

    /// Moves what is there to the front, or doubles the buffer up to what the message needs.
    fn make_room(&mut self) -> Result<()> {
        let held = self.end - self.start;
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, held);
        if self.buffer.len() - held < self.buffer.len() / 2 {
            let needed = self.header().ok().flatten().map_or(0, |(_, bytes)| bytes);
            let bytes =
                if needed > self.buffer.len() { (self.buffer.len() * 2).min(needed) } else { self.buffer.len() };
            self.resize(bytes.max(held + SMALL_BYTES))?;
        }
        Ok(())
    }

    fn resize(&mut self, bytes: usize) -> Result<()> {
        let charge = bytes.saturating_sub(FREE_BYTES);
        if !self.budget.change(self.charged_bytes, charge) {
            return Err(Error::new(SqlState::OUT_OF_MEMORY, "out of memory for messages from clients")
                .with_detail(format!(
                    "{} bytes are held by messages that are being received.",
                    self.budget.used_bytes()
                ))
                .with_hint("Send smaller messages, fewer at a time, or give the node more memory."));
        }
        self.charged_bytes = charge;
        self.buffer.resize(bytes, 0);
        Ok(())
    }

    /// Says how much of [`Input::space`] was filled.
    pub fn filled(&mut self, bytes: usize) {
        self.end = (self.end + bytes).min(self.buffer.len());
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.budget.change(self.charged_bytes, 0);
    }
}

/// The longest length that a message of a type may have; an unknown type is a fatal error.
fn message_bytes_max(tag: u8) -> Result<usize> {
    match tag {
        tag::QUERY | tag::PARSE | tag::BIND | tag::COPY_DATA | tag::FUNCTION_CALL => Ok(limits::MESSAGE_BYTES_MAX),
        tag::DESCRIBE | tag::EXECUTE | tag::CLOSE | tag::FLUSH | tag::SYNC | tag::TERMINATE => {
            Ok(SHORT_MESSAGE_BYTES_MAX)
        }
        tag::COPY_DONE | tag::COPY_FAIL => Ok(SHORT_MESSAGE_BYTES_MAX),
        tag => Err(violation(format!("invalid frontend message type {tag}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(input: &mut Input, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let space = input.space().unwrap();
            let count = space.len().min(bytes.len());
            space[..count].copy_from_slice(&bytes[..count]);
            input.filled(count);
            bytes = &bytes[count..];
        }
    }

    #[test]
    fn a_promised_length_allocates_nothing_and_a_large_message_is_given_back() {
        let budget = Rc::new(Budget::new(0));
        let mut input = Input::new(budget.clone());
        let length = 32 << 20;
        push(&mut input, b"Q");
        push(&mut input, &i32::to_be_bytes(length));
        assert!(input.take_frame().unwrap().is_none());
        assert!(input.buffer.len() <= FREE_BYTES);
        push(&mut input, &vec![b'x'; length as usize - 4]);
        let frame = input.take_frame().unwrap().unwrap();
        assert_eq!(input.body(&frame).len(), length as usize - 4);
        assert!(budget.used_bytes() > 0 && budget.used_bytes() <= length as usize + SMALL_BYTES);
        input.space().unwrap();
        assert_eq!((budget.used_bytes(), input.buffer.len()), (0, FREE_BYTES));
    }

    #[test]
    fn lengths_and_tags_that_cannot_be_are_refused_before_the_body_comes() {
        let cases: [(u8, i32); 8] =
            [(b'Q', 0), (b'Q', 3), (b'Q', -1), (b'Q', i32::MIN), (b'P', i32::MAX), (b'S', 10_001), (b'p', 8), (0, 4)];
        for (tag, length) in cases {
            let mut input = Input::new(Rc::new(Budget::new(0)));
            push(&mut input, &[tag]);
            push(&mut input, &length.to_be_bytes());
            assert_eq!(input.take_frame().unwrap_err().state(), SqlState::PROTOCOL_VIOLATION, "{tag} {length}");
        }
    }

    #[test]
    fn the_budget_is_shared_and_given_back() {
        let budget = Rc::new(Budget::new(0));
        let mut inputs: Vec<Input> = Vec::new();
        let refused = loop {
            let mut input = Input::new(budget.clone());
            push(&mut input, b"Q");
            push(&mut input, &i32::to_be_bytes(limits::MESSAGE_BYTES_MAX as i32));
            let mut sent = 0;
            let outcome = loop {
                match input.space() {
                    Ok(space) if sent < 40 << 20 => {
                        sent += space.len();
                        let count = space.len();
                        input.filled(count);
                    }
                    Ok(_) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            match outcome {
                Ok(()) => inputs.push(input),
                Err(error) => break error,
            }
        };
        assert_eq!(refused.state(), SqlState::OUT_OF_MEMORY);
        assert!(inputs.len() >= 2);
        drop(inputs);
        assert_eq!(budget.used_bytes(), 0);
    }

    #[test]
    fn copy_data_in_a_row_is_joined() {
        let mut input = Input::new(Rc::new(Budget::new(0)));
        push(&mut input, b"d\0\0\0\x06abd\0\0\0\x04d\0\0\0\x07cdec\0\0\0\x04");
        let frame = input.take_frame().unwrap().unwrap();
        let frame = input.join(frame).unwrap();
        assert_eq!(input.body(&frame), b"abcde");
        assert_eq!(input.next_tag(), Some(b'c'));
    }
}
