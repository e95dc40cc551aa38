//! What the transaction layer keeps outside the log: bytes stored with every edit of the LSM's manifest.
//!
//! ```text
//! +---------+-----------+---------------------+-------+------------------------------------------+
//! | version | clock u64 | first prepare u64   | count | each: version u64 · state u8 · at u64    |
//! |   u8    |           | (MAX: none)         |  u64  | state 0 open, 1 committed at, 2 aborted  |
//! +---------+-----------+---------------------+-------+------------------------------------------+
//! ```
//!
//! A flush lets go of the log before it. What must survive that is here: the clock (versions in tables may be newer than
//! any record that is left), the provisional versions that tables may hold, and from where on the log still has prepares
//! that some participant may ask for. The bytes are checksummed by the manifest.

use super::sequencer::Sequencer;
use crate::{
    base::{ids::TransactionId, time::Timestamp},
    error::{Error, Result},
    storage::{
        log::LogPosition,
        lsm::{Resolution, Retention},
    },
};
use std::{cell::RefCell, collections::BTreeMap, rc::Rc, sync::Arc};

const FORMAT: u8 = 1;
/// Bytes per provisional version.
const VERSION_BYTES: usize = 17;

/// The decoded bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attachment {
    /// Not below any timestamp drawn when the bytes were made.
    pub clock: Timestamp,
    /// The log is needed from here on, whatever was flushed.
    pub first_prepare: Option<LogPosition>,
    pub provisional: Vec<(Timestamp, Resolution)>,
}

impl Attachment {
    /// To bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(25 + self.provisional.len() * VERSION_BYTES);
        bytes.push(FORMAT);
        let first_prepare = self.first_prepare.map_or(u64::MAX, |position| position.0);
        for integer in [self.clock.0, first_prepare, self.provisional.len() as u64] {
            bytes.extend_from_slice(&integer.to_le_bytes());
        }
        for (version, resolution) in &self.provisional {
            let (state, at) = match resolution {
                Resolution::Open => (0, 0),
                Resolution::Committed(at) => (1, at.0),
                Resolution::Aborted => (2, 0),
            };
            bytes.extend_from_slice(&version.0.to_le_bytes());
            bytes.push(state);
            bytes.extend_from_slice(&at.to_le_bytes());
        }
        bytes
    }

    /// From bytes; none at all stand for a new tree.
    pub fn decode(bytes: &[u8]) -> Result<Attachment> {
        if bytes.is_empty() {
            return Ok(Attachment::default());
        }
        decode(bytes).ok_or_else(|| {
            Error::corrupt(format!("the manifest's transaction state, {} bytes, cannot be decoded", bytes.len()))
        })
    }
}

fn decode(bytes: &[u8]) -> Option<Attachment> {
    let integer = |place: usize| Some(u64::from_le_bytes(bytes.get(place..place + 8)?.try_into().ok()?));
    if *bytes.first()? != FORMAT {
        return None;
    }
    let count = usize::try_from(integer(17)?).ok()?;
    let versions = bytes.get(25..)?;
    if versions.len() != count.checked_mul(VERSION_BYTES)? {
        return None;
    }
    let mut provisional = Vec::with_capacity(count);
    for version in versions.chunks_exact(VERSION_BYTES) {
        let (at, rest) = version.split_at_checked(8)?;
        let (state, committed) = rest.split_first()?;
        let resolution = match state {
            0 => Resolution::Open,
            1 => Resolution::Committed(Timestamp(u64::from_le_bytes(committed.try_into().ok()?))),
            2 => Resolution::Aborted,
            _ => return None,
        };
        provisional.push((Timestamp(u64::from_le_bytes(at.try_into().ok()?)), resolution));
    }
    let first_prepare = Some(integer(9)?).filter(|position| *position != u64::MAX).map(LogPosition);
    Some(Attachment { clock: Timestamp(integer(1)?), first_prepare, provisional })
}

/// What the attachment is made from at any moment; shared with the callback that the LSM calls when it seals a memtable.
pub struct Retained {
    pub sequencer: Arc<Sequencer>,
    pub retention: Rc<Retention>,
    /// Prepares that a participant may still ask for, by a log position not after their record's start.
    pub prepares: RefCell<BTreeMap<(LogPosition, TransactionId), ()>>,
}

impl Retained {
    /// The attachment as of now.
    pub fn attachment(&self) -> Attachment {
        Attachment {
            clock: self.sequencer.last(),
            first_prepare: self.prepares.borrow().first_key_value().map(|((position, _), ())| *position),
            provisional: self.retention.provisional.borrow().iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_and_broken_ones_are_refused() {
        let attachment = Attachment {
            clock: Timestamp(77),
            first_prepare: Some(LogPosition(12)),
            provisional: vec![
                (Timestamp(5), Resolution::Open),
                (Timestamp(6), Resolution::Committed(Timestamp(9))),
                (Timestamp(7), Resolution::Aborted),
            ],
        };
        let bytes = attachment.encode();
        assert_eq!(Attachment::decode(&bytes).unwrap(), attachment);
        assert_eq!(Attachment::decode(&[]).unwrap(), Attachment::default());
        let empty = Attachment { clock: Timestamp(1), ..Attachment::default() };
        assert_eq!(Attachment::decode(&empty.encode()).unwrap(), empty);
        for end in 1..bytes.len() {
            assert!(Attachment::decode(&bytes[..end]).is_err(), "cut at {end}");
        }
        let mut huge = bytes.clone();
        huge[17..25].fill(0xFF);
        assert!(Attachment::decode(&huge).is_err());
    }
}
