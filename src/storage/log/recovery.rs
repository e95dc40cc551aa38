//! Reading the log back, and judging its end.
//!
//! Fragments are followed from the start of the segment that holds `from`, each checked against its place, its
//! checksum and its predecessor. The log ends where none follows. Then the rest is searched: a fragment that proves
//! that something durable is missing turns the end into damage. See "the end" in the module opening.

use super::{
    append::Tail,
    record::{self, FRAGMENT_ALIGNMENT, Fragment, HEADER_BYTES, Kind},
    segment::{DATA_OFFSET, Segment},
};
use crate::{
    base::limits::LOG_RECORD_BYTES_MAX,
    env::{Buffer, Env, File},
    error::{Error, Result},
};

const BLOCK: u64 = File::ALIGNMENT as u64;
const WINDOW_BYTES: usize = 1 << 20;

/// A stretch of one segment in memory.
struct Window {
    buffer: Buffer,
    /// Number of the segment it is from.
    segment: u64,
    start: u64,
}

impl Window {
    fn empty() -> Window {
        Window { buffer: Buffer::zeroed(0), segment: 0, start: 0 }
    }

    /// The bytes of the segment from `offset` on, at least `len` of them; fewer when the segment ends before.
    async fn bytes(&mut self, segment: &Segment, offset: u64, len: usize) -> Result<&[u8]> {
        let end = (offset + len as u64).min(segment.bytes);
        let held = self.segment == segment.number && !self.buffer.is_empty();
        if !held || offset < self.start || end > self.start + self.buffer.len() as u64 {
            let start = offset - offset % BLOCK;
            let wanted = ((end - start) as usize).next_multiple_of(File::ALIGNMENT).max(WINDOW_BYTES);
            let wanted = wanted.min((segment.bytes - start) as usize);
            let doing = |error| Error::io(format!("cannot read the log segment {}", segment.path.display()), error);
            self.buffer = segment.file.read_at(start, wanted).await.map_err(doing)?;
            self.segment = segment.number;
            self.start = start;
        }
        let from = ((offset - self.start) as usize).min(self.buffer.len());
        Ok(&self.buffer[from..])
    }
}

/// What the next fragment must say.
#[derive(Clone, Copy)]
struct Expected {
    sequence: u64,
    chain: u32,
    epoch: u32,
}

impl Expected {
    fn accepts(&self, fragment: &Fragment) -> bool {
        let epoch_fits = match fragment.kind {
            Kind::Mark => fragment.epoch == self.epoch || fragment.epoch == self.epoch.wrapping_add(1),
            _ => fragment.epoch == self.epoch,
        };
        fragment.sequence == self.sequence && fragment.chain == self.chain && epoch_fits
    }
}

/// The reader of one log.
pub(super) struct Recovery<'a, V> {
    env: &'a Env,
    /// In order, without gaps; the first holds the byte before `from`.
    segments: &'a [Segment],
    from: u64,
    visit: V,
    window: Window,
    /// `None` until the first fragment was read, unless the log is read from its very start.
    expected: Option<Expected>,
    /// A record of which the last part is still to come.
    partial: Option<Vec<u8>>,
    /// Position behind the last fragment.
    end: u64,
}

impl<'a, V: FnMut(u64, &[u8]) -> Result<()>> Recovery<'a, V> {
    pub(super) fn new(env: &'a Env, segments: &'a [Segment], from: u64, visit: V) -> Recovery<'a, V> {
        let first = &segments[0];
        let at_start = first.number == 0 && first.base == 0;
        Recovery {
            env,
            segments,
            from,
            visit,
            window: Window::empty(),
            expected: at_start.then_some(Expected { sequence: 0, chain: 0, epoch: 0 }),
            partial: None,
            end: first.base + DATA_OFFSET,
        }
    }

    /// Hands every record that ends behind `from` to the visitor and finds the end.
    pub(super) async fn run(mut self) -> Result<Tail> {
        let (mut number, mut offset) = (0, DATA_OFFSET);
        while let Some((at_number, at_offset, fragment)) = self.next(number, offset).await? {
            (number, offset) = (at_number, at_offset + fragment.stored_bytes() as u64);
            self.take(number, at_offset, &fragment).await?;
            self.env.yield_if_needed().await;
        }
        let segment = &self.segments[number];
        if self.end < self.from || self.expected.is_none() {
            return Err(self.damage(number, offset, "the tables were written from records behind this place").await);
        }
        self.search(number, offset).await?;
        // What was read may so far be only in the device's cache: a write that a killed process left under way.
        let doing = |error| Error::io(format!("cannot sync the log segment {}", segment.path.display()), error);
        segment.file.sync().await.map_err(doing)?;
        let expected = self.expected.unwrap_or(Expected { sequence: 0, chain: 0, epoch: 0 });
        Ok(Tail {
            identity: segment.identity,
            epoch: expected.epoch,
            sequence: expected.sequence,
            chain: expected.chain,
            end: self.end,
            segment_end: segment.end(),
        })
    }

    /// The next fragment is here, or at the next block (the write before was padded), or at the start of the next
    /// segment (the next write did not fit in this one).
    async fn next(&mut self, number: usize, offset: u64) -> Result<Option<(usize, u64, Fragment)>> {
        let Some(expected) = self.expected else {
            // Nothing to compare with yet: only the very first place will do.
            return Ok(self.read(number, offset).await?.map(|fragment| (number, offset, fragment)));
        };
        let block = offset.next_multiple_of(BLOCK);
        for (number, offset) in [(number, offset), (number, block), (number + 1, DATA_OFFSET)] {
            if let Some(fragment) = self.read(number, offset).await?
                && expected.accepts(&fragment)
            {
                return Ok(Some((number, offset, fragment)));
            }
        }
        Ok(None)
    }

    /// The fragment at a place, if its checksum holds.
    async fn read(&mut self, number: usize, offset: u64) -> Result<Option<Fragment>> {
        let Some(segment) = self.segments.get(number) else { return Ok(None) };
        if offset + HEADER_BYTES as u64 > segment.bytes {
            return Ok(None);
        }
        let Some(fragment) = Fragment::parse(self.window.bytes(segment, offset, HEADER_BYTES).await?) else {
            return Ok(None);
        };
        let whole = HEADER_BYTES + fragment.length;
        if offset + whole as u64 > segment.bytes {
            return Ok(None);
        }
        let bytes = self.window.bytes(segment, offset, whole).await?;
        let seed = record::seed(segment.identity, segment.base + offset);
        let holds = bytes.len() >= whole && record::checksum(&bytes[..whole], seed) == fragment.checksum;
        Ok(holds.then_some(fragment))
    }

    async fn take(&mut self, number: usize, offset: u64, fragment: &Fragment) -> Result<()> {
        let segment = &self.segments[number];
        self.end = segment.base + offset + fragment.stored_bytes() as u64;
        self.expected =
            Some(Expected { sequence: fragment.sequence + 1, chain: fragment.checksum as u32, epoch: fragment.epoch });
        let whole = HEADER_BYTES + fragment.length;
        let bytes = self.window.bytes(segment, offset, whole).await?;
        let payload = &bytes[HEADER_BYTES..whole];
        let out_of_place = match (fragment.kind, &mut self.partial) {
            (Kind::Mark, partial) => {
                // The record before it never got its end: it was never acknowledged.
                *partial = None;
                return Ok(());
            }
            (Kind::Full, None) => {
                return if self.end > self.from { (self.visit)(self.end, payload) } else { Ok(()) };
            }
            (Kind::First, partial @ None) => {
                *partial = Some(payload.to_vec());
                return Ok(());
            }
            (Kind::Middle | Kind::Last, Some(partial)) => {
                partial.extend_from_slice(payload);
                partial.len() > LOG_RECORD_BYTES_MAX
            }
            // Reading began inside a record that ends before `from`.
            (Kind::Middle | Kind::Last, None) => self.end > self.from,
            (Kind::Full | Kind::First, Some(_)) => true,
        };
        if out_of_place {
            let what = format!("a fragment of kind {:?} has no place here", fragment.kind);
            return Err(self.damage(number, offset, &what).await);
        }
        if fragment.kind == Kind::Last
            && let Some(record) = self.partial.take()
            && self.end > self.from
        {
            (self.visit)(self.end, &record)?;
        }
        Ok(())
    }

    /// Looks behind the end for a fragment whose write began after one that is missing. Writes follow each other, so
    /// what is missing was durable and the disk lost it.
    async fn search(&mut self, number: usize, offset: u64) -> Result<()> {
        let Some(expected) = self.expected else { return Ok(()) };
        let (mut at, mut position) = (number, offset.next_multiple_of(FRAGMENT_ALIGNMENT as u64));
        while at < self.segments.len() {
            let segment = &self.segments[at];
            while position + HEADER_BYTES as u64 <= segment.bytes {
                let Some(found) = self.find_candidate(segment, position, expected).await? else { break };
                if let Some(fragment) = self.read(at, found).await? {
                    let place = segment.base + found;
                    let proof = format!("a later write is there at position {place}, number {}", fragment.sequence);
                    return Err(self.damage(number, offset, &proof).await);
                }
                position = found + FRAGMENT_ALIGNMENT as u64;
            }
            at += 1;
            position = DATA_OFFSET;
        }
        Ok(())
    }

    /// The next offset at which something looks like such a fragment, before its checksum is worked out.
    async fn find_candidate(&mut self, segment: &Segment, from: u64, expected: Expected) -> Result<Option<u64>> {
        let mut offset = from;
        while offset + HEADER_BYTES as u64 <= segment.bytes {
            let bytes = self.window.bytes(segment, offset, HEADER_BYTES).await?;
            let places = (bytes.len().saturating_sub(HEADER_BYTES) / FRAGMENT_ALIGNMENT) + 1;
            if bytes.len() < HEADER_BYTES {
                return Ok(None);
            }
            for place in 0..places {
                let at = place * FRAGMENT_ALIGNMENT;
                if Fragment::parse(&bytes[at..]).is_some_and(|fragment| proves_loss(&fragment, expected)) {
                    return Ok(Some(offset + at as u64));
                }
            }
            offset += (places * FRAGMENT_ALIGNMENT) as u64;
            self.env.yield_if_needed().await;
        }
        Ok(None)
    }

    async fn damage(&mut self, number: usize, offset: u64, proof: &str) -> Error {
        let segment = &self.segments[number];
        let path = segment.path.display().to_string();
        let mut found = "no fragment".to_owned();
        if let Ok(bytes) = self.window.bytes(segment, offset, HEADER_BYTES).await
            && let Some(fragment) = Fragment::parse(bytes)
        {
            let whole = HEADER_BYTES + fragment.length;
            let stored = fragment.checksum;
            let seed = record::seed(segment.identity, segment.base + offset);
            found = match self.window.bytes(segment, offset, whole).await {
                Ok(bytes) if bytes.len() >= whole => {
                    let actual = record::checksum(&bytes[..whole], seed);
                    format!(
                        "number {} with checksum {stored:016x} over bytes that give {actual:016x}",
                        fragment.sequence
                    )
                }
                _ => format!("number {} with an impossible length of {} bytes", fragment.sequence, fragment.length),
            };
        }
        let expected = match self.expected {
            Some(expected) => format!("fragment number {}", expected.sequence),
            None => "a fragment".to_owned(),
        };
        Error::corrupt(format!("log segment {path} is damaged at offset {offset}: expected {expected}, found {found}"))
            .with_detail(format!("This is not the torn end of the last write: {proof}."))
            .with_hint(
                "The disk returned other bytes than were written. Restore this node from its replicas or a backup.",
            )
    }
}

/// Whether the write that this fragment belongs to began after a fragment we have not seen.
fn proves_loss(fragment: &Fragment, expected: Expected) -> bool {
    fragment.epoch >= expected.epoch
        && fragment.epoch <= expected.epoch.saturating_add(1)
        && fragment.sequence.saturating_sub(u64::from(fragment.index)) > expected.sequence
}
