//! The appending end: records become fragments, fragments fill batches. Pure: no I/O and no waiting.
//!
//! A batch is one write to the device. Its place is fixed when it is begun, so a record's position is known when it is
//! appended. A batch lies in one segment, begins at a block, and is sealed when it is full or when the writer is free
//! to take it, whichever is first. Payload bytes are copied once, into the batch.

use super::record::{self, FRAGMENT_ALIGNMENT, Fragment, HEADER_BYTES, Kind};
use super::segment::DATA_OFFSET;
use crate::{
    base::limits::LOG_WRITE_BYTES_MAX,
    env::{Buffer, BufferWriter, File},
};
use std::collections::VecDeque;

/// Batches begin with this much memory and grow when they prove too small.
const BATCH_BYTES_MIN: usize = 16 << 10;

const BLOCK: u64 = File::ALIGNMENT as u64;

/// Bytes that go to the device in one write.
pub(super) struct Batch {
    /// Log position of its first byte, a multiple of the block.
    pub start: u64,
    pub writer: BufferWriter,
    /// Fragments in it.
    fragments: u32,
}

impl Batch {
    /// Log position behind its last fragment.
    pub(super) fn end(&self) -> u64 {
        self.start + self.writer.len() as u64
    }

    fn room(&self) -> usize {
        self.writer.capacity() - self.writer.len()
    }
}

/// Where the next fragment goes and what it refers to.
pub(super) struct Appender {
    identity: u64,
    pub epoch: u32,
    /// Number of the next fragment.
    sequence: u64,
    /// Lower half of the last fragment's checksum.
    chain: u32,
    /// The batch being filled.
    current: Option<Batch>,
    /// Full ones, oldest first.
    sealed: VecDeque<Batch>,
    /// Position behind the last fragment.
    end: u64,
    /// Where the batch after `current` begins, if it fits in that segment.
    next_start: u64,
    /// End of the segment in which `next_start` lies.
    segment_end: u64,
    /// Length of segments made from now on.
    segment_bytes: u64,
    /// Memory for the next batch.
    batch_bytes: usize,
    /// The memory of a batch that was written.
    spare: Option<BufferWriter>,
}

/// What recovery tells about the end of the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tail {
    pub identity: u64,
    /// Of the last fragment; a new log has 0.
    pub epoch: u32,
    /// Number of the next fragment.
    pub sequence: u64,
    pub chain: u32,
    /// Position behind the last fragment.
    pub end: u64,
    /// End of the segment in which `end` lies.
    pub segment_end: u64,
}

impl Appender {
    pub(super) fn new(tail: Tail, segment_bytes: u64) -> Appender {
        Appender {
            identity: tail.identity,
            epoch: tail.epoch + 1,
            sequence: tail.sequence,
            chain: tail.chain,
            current: None,
            sealed: VecDeque::new(),
            end: tail.end,
            next_start: tail.end.next_multiple_of(BLOCK),
            segment_end: tail.segment_end,
            segment_bytes,
            batch_bytes: BATCH_BYTES_MIN,
            spare: None,
        }
    }

    /// Takes the memory of a batch that was written, for a later one.
    pub(super) fn give_back(&mut self, memory: Buffer) {
        self.spare = Some(BufferWriter::reusing(memory));
    }

    /// End of the segment that is being filled.
    pub(super) fn segment_end(&self) -> u64 {
        self.segment_end
    }

    /// Appends a record made of `parts` and returns the position behind it.
    pub(super) fn append(&mut self, parts: &[&[u8]]) -> u64 {
        let total: usize = parts.iter().map(|part| part.len()).sum();
        let mut parts = Parts { parts, offset: 0 };
        let mut remaining = total;
        loop {
            let room = self.make_room(remaining);
            let length = remaining.min(room - HEADER_BYTES);
            let kind = match (remaining == total, remaining == length) {
                (true, true) => Kind::Full,
                (true, false) => Kind::First,
                (false, false) => Kind::Middle,
                (false, true) => Kind::Last,
            };
            self.put(kind, length, &mut parts);
            remaining -= length;
            if remaining == 0 {
                break;
            }
        }
        self.end
    }

    /// Appends a mark.
    pub(super) fn append_mark(&mut self, salt: u64) -> u64 {
        let salt = salt.to_le_bytes();
        self.make_room(salt.len());
        self.put(Kind::Mark, salt.len(), &mut Parts { parts: &[&salt], offset: 0 });
        self.end
    }

    /// Position behind everything appended.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// The oldest batch that is not written yet, sealed now if need be.
    pub(super) fn take(&mut self) -> Option<Batch> {
        if let Some(batch) = self.sealed.pop_front() {
            return Some(batch);
        }
        let batch = self.current.take()?;
        self.next_start = batch.end().next_multiple_of(BLOCK);
        if batch.writer.len() < self.batch_bytes / 4 {
            self.batch_bytes = (self.batch_bytes / 2).max(BATCH_BYTES_MIN);
        }
        Some(batch)
    }

    /// A rough upper bound of the log that a record of this many bytes takes, ends of segments included.
    pub(super) fn space_needed(payload_bytes: usize) -> u64 {
        let payload = payload_bytes as u64;
        let writes = payload / (BATCH_BYTES_MIN as u64) + 2;
        payload + writes * (BLOCK + HEADER_BYTES as u64) + LOG_WRITE_BYTES_MAX as u64
    }

    /// Sees to it that the current batch has room for a header and some payload (all `wanted` bytes where one write
    /// can hold them), and returns that room.
    fn make_room(&mut self, wanted: usize) -> usize {
        let all = record::stored_bytes(wanted);
        if let Some(batch) = &self.current {
            let fits_in_a_fresh_one = all <= LOG_WRITE_BYTES_MAX;
            // Splitting costs a header and, at replay, a copy; a fresh batch costs part of a block.
            if batch.room() >= all || (!fits_in_a_fresh_one && batch.room() > 2 * HEADER_BYTES) {
                return batch.room();
            }
            self.seal();
        }
        self.begin(all);
        self.current.as_ref().map_or(0, Batch::room)
    }

    fn seal(&mut self) {
        if let Some(batch) = self.current.take() {
            self.next_start = batch.end().next_multiple_of(BLOCK);
            self.sealed.push_back(batch);
            self.batch_bytes = (self.batch_bytes * 2).min(LOG_WRITE_BYTES_MAX);
        }
    }

    fn begin(&mut self, wanted: usize) {
        let wanted = wanted.next_multiple_of(File::ALIGNMENT).min(LOG_WRITE_BYTES_MAX);
        let left = self.segment_end - self.next_start;
        if left < BLOCK || (left < wanted as u64 && self.segment_bytes - DATA_OFFSET >= wanted as u64) {
            self.next_start = self.segment_end + DATA_OFFSET;
            self.segment_end += self.segment_bytes;
        }
        let left = usize::try_from(self.segment_end - self.next_start).unwrap_or(usize::MAX);
        let capacity = wanted.max(self.batch_bytes).min(left);
        // One of another size is of no use, at the end of a segment or when batches have grown.
        let spare = self.spare.take().filter(|spare| spare.capacity() == capacity);
        let writer = spare.unwrap_or_else(|| BufferWriter::with_capacity(capacity));
        self.current = Some(Batch { start: self.next_start, writer, fragments: 0 });
    }

    fn put(&mut self, kind: Kind, length: usize, parts: &mut Parts<'_>) {
        let Some(batch) = &mut self.current else { return };
        let at = batch.writer.len();
        let seed = record::seed(self.identity, batch.start + at as u64);
        batch.writer.extend(&[0; HEADER_BYTES]);
        parts.copy(length, &mut batch.writer);
        let fragment = Fragment {
            sequence: self.sequence,
            chain: self.chain,
            epoch: self.epoch,
            index: batch.fragments,
            kind,
            length,
            checksum: 0,
        };
        let checksum = fragment.seal(&mut batch.writer.written_mut()[at..], seed);
        let len = batch.writer.len();
        batch.writer.extend_zeros(len.next_multiple_of(FRAGMENT_ALIGNMENT) - len);
        batch.fragments += 1;
        self.end = batch.end();
        self.sequence += 1;
        self.chain = checksum as u32;
    }
}

/// The payload, read from front to back across its parts.
struct Parts<'a> {
    parts: &'a [&'a [u8]],
    /// Bytes of the first part that are used up.
    offset: usize,
}

impl Parts<'_> {
    fn copy(&mut self, mut length: usize, into: &mut BufferWriter) {
        while length > 0
            && let Some((first, rest)) = self.parts.split_first()
        {
            let take = length.min(first.len() - self.offset);
            into.extend(&first[self.offset..self.offset + take]);
            length -= take;
            self.offset += take;
            if self.offset == first.len() {
                self.parts = rest;
                self.offset = 0;
            }
        }
    }
}
