//! What transactions write to the log.
//!
//! ```text
//! +---------+------+---------------------------------------------+
//! | version | kind | fields of the kind                          |
//! |   u8    |  u8  | integers: u64 little-endian, counts: LEB128 |
//! +---------+------+---------------------------------------------+
//! 1 Commit       at · versions · writes
//! 2 Prepare      transaction · proposed · participants · versions · writes
//! 3 Decided      transaction · at (0: aborted)
//! 4 Provisional  transaction · at · writes
//!
//! versions       count, then each timestamp
//! participants   count, then each shard as LEB128
//! writes         count, then each: key length · key · value length + 1 (0: deleted) · value
//! ```
//!
//! Records are framed and checksummed by the log, so a record that cannot be decoded is a bug or a newer format: recovery
//! stops with an error and never skips it. Writes are decoded in place, without a copy.

use crate::{
    base::{
        ids::{ShardId, TransactionId},
        limits::SHARDS_MAX,
        time::Timestamp,
    },
    error::{Error, Result},
};

/// The version this code writes, and the only one it reads.
const FORMAT: u8 = 1;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// A whole transaction on this shard alone. `versions` are the provisional versions that it commits.
    Commit { at: Timestamp, versions: Vec<Timestamp>, writes: Writes<'a> },
    /// This shard's part of a transaction on several: a promise to commit if all participants made it.
    Prepare {
        transaction: TransactionId,
        proposed: Timestamp,
        participants: Vec<ShardId>,
        versions: Vec<Timestamp>,
        writes: Writes<'a>,
    },
    /// What became of a prepared transaction.
    Decided { transaction: TransactionId, decision: Decision },
    /// Writes of a transaction that is still open, stored as versions `at`, which nobody else sees.
    Provisional { transaction: TransactionId, at: Timestamp, writes: Writes<'a> },
}

/// The end of a prepared transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Commit(Timestamp),
    Abort,
}

/// The writes of a record: checked when the record is decoded, read in place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Writes<'a> {
    count: u64,
    bytes: &'a [u8],
}

const COMMIT: u8 = 1;
const PREPARE: u8 = 2;
const DECIDED: u8 = 3;
const PROVISIONAL: u8 = 4;

/// Writes records into a buffer that is used again and again.
pub struct Encoder<'a>(&'a mut Vec<u8>);

impl<'a> Encoder<'a> {
    /// Empties the buffer and starts a record in it.
    fn start(buffer: &'a mut Vec<u8>, kind: u8) -> Encoder<'a> {
        buffer.clear();
        buffer.extend_from_slice(&[FORMAT, kind]);
        Encoder(buffer)
    }

    /// Starts a [`Record::Commit`]; its writes follow with [`Encoder::writes`].
    pub fn commit(buffer: &'a mut Vec<u8>, at: Timestamp, versions: &[Timestamp]) -> Encoder<'a> {
        let mut encoder = Encoder::start(buffer, COMMIT);
        encoder.integer(at.0);
        encoder.versions(versions);
        encoder
    }

    /// Starts a [`Record::Prepare`]; its writes follow.
    pub fn prepare(
        buffer: &'a mut Vec<u8>,
        transaction: TransactionId,
        proposed: Timestamp,
        participants: &[ShardId],
        versions: &[Timestamp],
    ) -> Encoder<'a> {
        let mut encoder = Encoder::start(buffer, PREPARE);
        encoder.integer(transaction.0);
        encoder.integer(proposed.0);
        encoder.count(participants.len() as u64);
        participants.iter().for_each(|shard| encoder.count(u64::from(shard.0)));
        encoder.versions(versions);
        encoder
    }

    /// Writes a whole [`Record::Decided`].
    pub fn decided(buffer: &'a mut Vec<u8>, transaction: TransactionId, decision: Decision) {
        let mut encoder = Encoder::start(buffer, DECIDED);
        encoder.integer(transaction.0);
        encoder.integer(match decision {
            Decision::Commit(at) => at.0,
            Decision::Abort => 0,
        });
    }

    /// Starts a [`Record::Provisional`]; its writes follow.
    pub fn provisional(buffer: &'a mut Vec<u8>, transaction: TransactionId, at: Timestamp) -> Encoder<'a> {
        let mut encoder = Encoder::start(buffer, PROVISIONAL);
        encoder.integer(transaction.0);
        encoder.integer(at.0);
        encoder
    }

    /// Ends the record with its writes: user key and value (`None`: deleted).
    pub fn writes<'w>(mut self, writes: impl ExactSizeIterator<Item = (&'w [u8], Option<&'w [u8]>)>) {
        self.count(writes.len() as u64);
        for (key, value) in writes {
            self.count(key.len() as u64);
            self.0.extend_from_slice(key);
            match value {
                None => self.count(0),
                Some(value) => {
                    self.count(value.len() as u64 + 1);
                    self.0.extend_from_slice(value);
                }
            }
        }
    }

    fn integer(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn count(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn versions(&mut self, versions: &[Timestamp]) {
        self.count(versions.len() as u64);
        versions.iter().for_each(|version| self.integer(version.0));
    }
}

impl<'a> Record<'a> {
    /// Decodes a record. Never panics and never allocates more than a few times the input.
    pub fn decode(bytes: &'a [u8]) -> Result<Record<'a>> {
        decode(bytes).ok_or_else(|| {
            let what = match bytes.first() {
                Some(&version) if version != FORMAT => format!("log record of unknown format {version}"),
                _ => format!("log record of {} bytes cannot be decoded", bytes.len()),
            };
            Error::corrupt(what).with_hint("The log was written by a newer version, or by a broken one.")
        })
    }

    /// The latest timestamp that the record mentions.
    pub fn newest(&self) -> Timestamp {
        match self {
            Record::Commit { at, .. } => *at,
            Record::Prepare { transaction, proposed, .. } => Timestamp(transaction.0).max(*proposed),
            Record::Decided { transaction, decision: Decision::Commit(at) } => Timestamp(transaction.0).max(*at),
            Record::Decided { transaction, decision: Decision::Abort } => Timestamp(transaction.0),
            Record::Provisional { transaction, at, .. } => Timestamp(transaction.0).max(*at),
        }
    }
}

fn decode(bytes: &[u8]) -> Option<Record<'_>> {
    let mut input = Input(bytes);
    if input.byte()? != FORMAT {
        return None;
    }
    let record = match input.byte()? {
        COMMIT => Record::Commit { at: input.timestamp()?, versions: input.versions()?, writes: input.writes()? },
        PREPARE => Record::Prepare {
            transaction: TransactionId(input.integer()?),
            proposed: input.timestamp()?,
            participants: input.participants()?,
            versions: input.versions()?,
            writes: input.writes()?,
        },
        DECIDED => {
            let transaction = TransactionId(input.integer()?);
            let decision = match input.timestamp()? {
                Timestamp::MIN => Decision::Abort,
                at => Decision::Commit(at),
            };
            Record::Decided { transaction, decision }
        }
        PROVISIONAL => Record::Provisional {
            transaction: TransactionId(input.integer()?),
            at: input.timestamp()?,
            writes: input.writes()?,
        },
        _ => return None,
    };
    input.0.is_empty().then_some(record)
}

/// Reads fields off the front.
#[derive(Clone, Copy)]
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    fn bytes(&mut self, count: u64) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(usize::try_from(count).ok()?)?;
        self.0 = rest;
        Some(bytes)
    }

    fn integer(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.bytes(8)?.try_into().ok()?))
    }

    fn timestamp(&mut self) -> Option<Timestamp> {
        self.integer().map(Timestamp)
    }

    fn count(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7F);
            if part << shift >> shift != part {
                return None;
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn versions(&mut self) -> Option<Vec<Timestamp>> {
        let count = self.count()?;
        // Checked before anything is allocated for them.
        let bytes = self.bytes(count.checked_mul(8)?)?;
        Some(
            bytes
                .chunks_exact(8)
                .map(|chunk| Timestamp(u64::from_le_bytes(chunk.try_into().unwrap_or_default())))
                .collect(),
        )
    }

    fn participants(&mut self) -> Option<Vec<ShardId>> {
        let count = self.count()?;
        if count > SHARDS_MAX as u64 {
            return None;
        }
        (0..count).map(|_| Some(ShardId(u16::try_from(self.count()?).ok()?))).collect()
    }

    fn write(&mut self) -> Option<(&'a [u8], Option<&'a [u8]>)> {
        let length = self.count()?;
        let key = self.bytes(length)?;
        let value = match self.count()? {
            0 => None,
            length => Some(self.bytes(length - 1)?),
        };
        Some((key, value))
    }

    fn writes(&mut self) -> Option<Writes<'a>> {
        let count = self.count()?;
        let bytes = self.0;
        for _ in 0..count {
            self.write()?;
        }
        Some(Writes { count, bytes: &bytes[..bytes.len() - self.0.len()] })
    }
}

impl<'a> Writes<'a> {
    /// How many.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// User keys and values (`None`: deleted), as they were written.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        let mut input = Input(self.bytes);
        // The writes were walked when the record was decoded, so the iterator ends where they do.
        std::iter::from_fn(move || input.write())
    }
}

impl std::fmt::Debug for Writes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITES: [(&[u8], Option<&[u8]>); 3] = [(b"a", Some(b"one")), (b"", None), (&[0xFF; 200], Some(&[]))];

    fn samples() -> Vec<Vec<u8>> {
        let mut buffer = Vec::new();
        let mut all = Vec::new();
        let (transaction, at) = (TransactionId(77), Timestamp(u64::MAX - 1));
        Encoder::commit(&mut buffer, at, &[Timestamp(3), Timestamp(9)]).writes(WRITES.into_iter());
        all.push(buffer.clone());
        Encoder::commit(&mut buffer, at, &[]).writes(std::iter::empty());
        all.push(buffer.clone());
        Encoder::prepare(&mut buffer, transaction, at, &[ShardId(0), ShardId(700)], &[]).writes(WRITES.into_iter());
        all.push(buffer.clone());
        Encoder::decided(&mut buffer, transaction, Decision::Commit(at));
        all.push(buffer.clone());
        Encoder::decided(&mut buffer, transaction, Decision::Abort);
        all.push(buffer.clone());
        Encoder::provisional(&mut buffer, transaction, at).writes(WRITES.into_iter());
        all.push(buffer.clone());
        all
    }

    #[test]
    fn records_come_back_as_they_were() {
        let all = samples();
        let Record::Commit { at, versions, writes } = Record::decode(&all[0]).unwrap() else { panic!("not a commit") };
        assert_eq!((at.0, versions), (u64::MAX - 1, vec![Timestamp(3), Timestamp(9)]));
        assert_eq!(writes.iter().collect::<Vec<_>>(), WRITES);
        let Record::Prepare { participants, writes, .. } = Record::decode(&all[2]).unwrap() else {
            panic!("not a prepare")
        };
        assert_eq!(participants, [ShardId(0), ShardId(700)]);
        assert_eq!(writes.len(), 3);
        let aborted = Record::Decided { transaction: TransactionId(77), decision: Decision::Abort };
        assert_eq!(Record::decode(&all[4]).unwrap(), aborted);
    }

    /// Every prefix and every single changed byte is either refused or another valid record; nothing panics.
    #[test]
    fn broken_records_are_refused() {
        for sample in samples() {
            for end in 0..sample.len() {
                assert!(Record::decode(&sample[..end]).is_err(), "cut at {end}");
            }
            for place in 0..sample.len() {
                for flip in [0x01, 0x80, 0xFF] {
                    let mut broken = sample.clone();
                    broken[place] ^= flip;
                    if let Ok(Record::Commit { writes, .. }) = Record::decode(&broken) {
                        assert_eq!(writes.iter().count(), writes.len());
                    }
                }
            }
            let mut longer = sample.clone();
            longer.push(0);
            assert!(Record::decode(&longer).is_err());
        }
        // A count that promises more than there is allocates nothing.
        assert!(Record::decode(&[1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F]).is_err());
        let error = Record::decode(&[9, 1]).unwrap_err();
        assert!(error.message().contains("format 9"));
    }
}
