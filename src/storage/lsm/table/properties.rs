//! What is known of a table without reading it: counts, ranges, times. Kept in the file and in the manifest.

use super::block::Malformed;
use super::varint;
use crate::base::ids::StorageId;
use crate::base::limits;
use crate::base::time::Timestamp;

/// More provisional versions than this, or keys longer than allowed, are not believed.
const PROVISIONALS_MAX: usize = 1 << 20;
/// A table is cut before it holds more storages, so that the list of them is always whole.
pub const STORAGES_MAX: usize = 256;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Properties {
    /// Versions, tombstones among them.
    pub entries: u64,
    /// Versions that say the key is gone.
    pub tombstones: u64,
    /// Versions that have a newer one of the same key in this table.
    pub superseded: u64,
    /// Length of keys and values before compression.
    pub raw_bytes: u64,
    /// The oldest and the newest version.
    pub oldest: Timestamp,
    pub newest: Timestamp,
    /// The first and the last user key.
    pub smallest: Box<[u8]>,
    pub largest: Box<[u8]>,
    /// Versions whose transaction was not decided when the table was written, ascending.
    pub provisionals: Vec<Timestamp>,
    /// Storages that have keys here, ascending.
    pub storages: Vec<StorageId>,
    /// Versions whose key is too short to belong to a storage.
    pub homeless: u64,
}

impl Default for Properties {
    fn default() -> Properties {
        Properties {
            entries: 0,
            tombstones: 0,
            superseded: 0,
            raw_bytes: 0,
            oldest: Timestamp::MAX,
            newest: Timestamp::MIN,
            smallest: Box::default(),
            largest: Box::default(),
            provisionals: Vec::new(),
            storages: Vec::new(),
            homeless: 0,
        }
    }
}

impl Properties {
    /// Appends the coded form.
    pub fn encode(&self, out: &mut Vec<u8>) {
        for number in [self.entries, self.tombstones, self.superseded, self.raw_bytes, self.oldest.0, self.newest.0] {
            varint::write(out, number);
        }
        for key in [&self.smallest, &self.largest] {
            varint::write(out, key.len() as u64);
            out.extend_from_slice(key);
        }
        varint::write(out, self.provisionals.len() as u64);
        for version in &self.provisionals {
            varint::write(out, version.0);
        }
        varint::write(out, self.storages.len() as u64);
        for storage in &self.storages {
            varint::write(out, u64::from(storage.0));
        }
        varint::write(out, self.homeless);
    }

    /// Reads the coded form at `*at` and moves `*at` behind it.
    pub fn decode(bytes: &[u8], at: &mut usize) -> Result<Properties, Malformed> {
        Self::decode_parts(bytes, at).ok_or(Malformed("properties that end early or make no sense"))
    }

    fn decode_parts(bytes: &[u8], at: &mut usize) -> Option<Properties> {
        let mut numbers = [0; 6];
        for number in &mut numbers {
            *number = varint::read(bytes, at)?;
        }
        let [entries, tombstones, superseded, raw_bytes, oldest, newest] = numbers;
        let (smallest, largest) = (decode_key(bytes, at)?, decode_key(bytes, at)?);
        if smallest > largest {
            return None;
        }
        let provisionals = decode_numbers(bytes, at, PROVISIONALS_MAX)?.into_iter().map(Timestamp).collect();
        let storages = decode_numbers(bytes, at, STORAGES_MAX)?.into_iter();
        let storages =
            storages.map(|storage| u32::try_from(storage).ok().map(StorageId)).collect::<Option<Vec<_>>>()?;
        Some(Properties {
            entries,
            tombstones,
            superseded,
            raw_bytes,
            oldest: Timestamp(oldest),
            newest: Timestamp(newest),
            smallest,
            largest,
            provisionals,
            storages,
            homeless: varint::read(bytes, at)?,
        })
    }
}

fn decode_numbers(bytes: &[u8], at: &mut usize, count_max: usize) -> Option<Vec<u64>> {
    let count = usize::try_from(varint::read(bytes, at)?).ok()?;
    if count > count_max.min(bytes.len()) {
        return None;
    }
    (0..count).map(|_| varint::read(bytes, at)).collect()
}

fn decode_key(bytes: &[u8], at: &mut usize) -> Option<Box<[u8]>> {
    let len = usize::try_from(varint::read(bytes, at)?).ok().filter(|&len| len <= 2 * limits::KEY_BYTES_MAX)?;
    let key = bytes.get(*at..*at + len)?;
    *at += len;
    Some(key.into())
}
