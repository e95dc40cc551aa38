//! Puts a table file together from sorted versions, piece by piece: whoever drives it writes `take_output` away as it grows.
//!
//! It does no I/O and decides nothing about which versions are worth keeping.

use super::block::{BlockBuilder, ENTRY_OVERHEAD_BYTES_MAX};
use super::filter;
use super::format::{self, ALIGNMENT, FOOTER_BYTES, Footer, Handle};
use super::properties::{Properties, STORAGES_MAX};
use super::varint;
use crate::base::key;
use crate::base::time::Timestamp;
use crate::storage::lsm::options::{Compression, Options};
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U32, U64};

/// An index block of this size ends a part; with the default block size that is a few hundred data blocks.
const INDEX_BYTES: usize = 8 << 10;
/// Keys in an index block are short and looked up all the time, so more of them are stored in full.
const INDEX_RESTART_INTERVAL: usize = 2;

/// What the builder needs to know of `Options`.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub block_bytes: usize,
    pub restart_interval: usize,
    pub filter_bits_per_key: usize,
    pub compress: bool,
}

impl From<&Options> for Shape {
    fn from(options: &Options) -> Shape {
        Shape {
            block_bytes: options.block_bytes,
            restart_interval: options.restart_interval,
            filter_bits_per_key: options.filter_bits_per_key,
            compress: options.compression == Compression::Lz4,
        }
    }
}

/// A finished table, as the manifest needs to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    pub file_bytes: u64,
    /// The footer's checksum: it tells this table from any other of the same number.
    pub identity: u64,
    pub properties: Properties,
}

/// See the module.
pub struct TableBuilder {
    shape: Shape,
    number: u64,
    salt: u64,
    /// What was produced and not yet taken.
    output: Vec<u8>,
    /// Bytes taken so far.
    taken_bytes: u64,
    data: BlockBuilder,
    index: BlockBuilder,
    top: BlockBuilder,
    hashes: Vec<u64>,
    last_key: Vec<u8>,
    last_timestamp: Timestamp,
    properties: Properties,
}

impl TableBuilder {
    /// A table of this number. The salt makes its checksums its own.
    pub fn new(shape: Shape, number: u64, salt: u64) -> TableBuilder {
        TableBuilder {
            shape,
            number,
            salt,
            output: Vec::new(),
            taken_bytes: 0,
            data: BlockBuilder::new(shape.restart_interval),
            index: BlockBuilder::new(INDEX_RESTART_INTERVAL),
            top: BlockBuilder::new(1),
            hashes: Vec::new(),
            last_key: Vec::new(),
            last_timestamp: Timestamp::MAX,
            properties: Properties::default(),
        }
    }

    /// Adds a version; they come in order.
    pub fn add(&mut self, key: &[u8], timestamp: Timestamp, value: Option<&[u8]>) {
        let same_key = self.properties.entries > 0 && self.last_key == key;
        let entry_bytes = key.len() + value.map_or(0, <[u8]>::len) + ENTRY_OVERHEAD_BYTES_MAX;
        if !self.data.is_empty() && self.data.len() + entry_bytes > self.shape.block_bytes {
            self.cut_block(Some(key));
        }
        if !same_key || self.hashes.is_empty() {
            self.hashes.push(filter::hash(key));
        }
        self.data.add(key, timestamp, value);
        let properties = &mut self.properties;
        properties.entries += 1;
        properties.tombstones += u64::from(value.is_none());
        properties.superseded += u64::from(same_key);
        properties.raw_bytes += (key.len() + 8 + value.map_or(0, <[u8]>::len)) as u64;
        properties.oldest = properties.oldest.min(timestamp);
        properties.newest = properties.newest.max(timestamp);
        self.last_timestamp = timestamp;
        if !same_key {
            if properties.entries == 1 {
                properties.smallest = key.into();
            }
            self.last_key.clear();
            self.last_key.extend_from_slice(key);
            self.note_storage(key);
        }
    }

    fn note_storage(&mut self, key: &[u8]) {
        match key::split(key) {
            None => self.properties.homeless += 1,
            Some((storage, ..)) if self.properties.storages.last() != Some(&storage) => {
                self.properties.storages.push(storage);
            }
            Some(_) => {}
        }
    }

    /// Whether a key of a further storage must go into another table.
    pub fn is_full_of_storages(&self) -> bool {
        self.properties.storages.len() >= STORAGES_MAX
    }

    /// Notes that versions at this time are in here undecided.
    pub fn note_provisional(&mut self, at: Timestamp) {
        if let Err(place) = self.properties.provisionals.binary_search(&at) {
            self.properties.provisionals.insert(place, at);
        }
    }

    /// The user key added last.
    pub fn last_key(&self) -> &[u8] {
        &self.last_key
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.properties.entries == 0
    }

    /// Bytes of the file so far, about.
    pub fn file_bytes(&self) -> u64 {
        self.position() + self.data.len() as u64
    }

    /// What was produced since the last call. Its owner may be as slow as it likes; nothing is overwritten later.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Tells that the first bytes of `output` were written away and removed.
    pub fn note_taken(&mut self, bytes: usize) {
        self.taken_bytes += bytes as u64;
    }

    fn position(&self) -> u64 {
        self.taken_bytes + self.output.len() as u64
    }

    fn store(output: &mut Vec<u8>, taken_bytes: u64, raw: &[u8], compress: bool, salt: u64) -> Handle {
        let offset = taken_bytes + output.len() as u64;
        format::store(output, raw, compress, salt, offset)
    }

    /// Ends the data block; `next` is the key that will begin the one after.
    fn cut_block(&mut self, next: Option<&[u8]>) {
        let (output, taken, salt, compress) = (&mut self.output, self.taken_bytes, self.salt, self.shape.compress);
        let handle = self.data.finish(|raw| Self::store(output, taken, raw, compress, salt));
        let mut value = Vec::with_capacity(12);
        varint::write(&mut value, handle.offset);
        varint::write(&mut value, u64::from(handle.len));
        // A key that goes on in the next block needs its timestamp in the index; otherwise a short key between the two will do.
        match next {
            Some(next) if next == self.last_key => self.index.add(&self.last_key, self.last_timestamp, Some(&value)),
            _ => self.index.add(&separator(&self.last_key, next), Timestamp::MIN, Some(&value)),
        }
        if self.index.len() >= INDEX_BYTES {
            self.cut_part();
        }
    }

    /// Ends the part: its filter, its index block, and their entry in the top index.
    fn cut_part(&mut self) {
        let (output, taken, salt) = (&mut self.output, self.taken_bytes, self.salt);
        let bytes = filter::build(&self.hashes, self.shape.filter_bits_per_key);
        let filter = Self::store(output, taken, &bytes, false, salt);
        let (key, timestamp) = (self.index.last_key().to_vec(), self.index.last_timestamp());
        let index = self.index.finish(|raw| Self::store(output, taken, raw, false, salt));
        self.hashes.clear();
        let mut value = Vec::with_capacity(24);
        for handle in [filter, index] {
            varint::write(&mut value, handle.offset);
            varint::write(&mut value, u64::from(handle.len));
        }
        self.top.add(&key, timestamp, Some(&value));
    }

    /// Ends the file. The rest of it is then in `output`.
    pub fn finish(&mut self) -> Built {
        if !self.data.is_empty() {
            self.cut_block(None);
        }
        if !self.index.is_empty() {
            self.cut_part();
        }
        self.properties.largest = self.last_key.as_slice().into();
        let (output, taken, salt) = (&mut self.output, self.taken_bytes, self.salt);
        let top = self.top.finish(|raw| Self::store(output, taken, raw, false, salt));
        let mut raw = Vec::new();
        self.properties.encode(&mut raw);
        let properties = Self::store(output, taken, &raw, false, salt);
        let file_bytes = (properties.end() + FOOTER_BYTES as u64).next_multiple_of(ALIGNMENT as u64);
        let mut footer = Footer {
            number: U64::new(self.number),
            salt: U64::new(salt),
            top_offset: U64::new(top.offset),
            top_bytes: U64::new(u64::from(top.len)),
            properties_offset: U64::new(properties.offset),
            properties_bytes: U64::new(u64::from(properties.len)),
            file_bytes: U64::new(file_bytes),
            version: U32::ZERO,
            zeros: U32::ZERO,
            checksum: U64::ZERO,
            magic: [0; 8],
        };
        footer.seal();
        output.resize((file_bytes - taken) as usize - FOOTER_BYTES, 0);
        output.extend_from_slice(footer.as_bytes());
        Built { file_bytes, identity: footer.checksum.get(), properties: std::mem::take(&mut self.properties) }
    }
}

/// A short key that is at or after `last` and before `next`: where the two differ, `next`'s beginning would be after
/// `last`, but must be before `next` as well, so one byte of `last` is raised if there is room for it.
fn separator(last: &[u8], next: Option<&[u8]>) -> Vec<u8> {
    let Some(next) = next else { return last.to_vec() };
    let shared = last.iter().zip(next).take_while(|(left, right)| left == right).count();
    match (last.get(shared), next.get(shared)) {
        (Some(&low), Some(&high)) if low + 1 < high => [&last[..shared], &[low + 1]].concat(),
        _ => last.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::separator;

    #[test]
    fn separators_lie_between() {
        for (last, next, expected) in
            [("abcde", "abxyz", "abd"), ("abc", "abd", "abc"), ("ab", "abc", "ab"), ("a", "c", "b")]
        {
            assert_eq!(separator(last.as_bytes(), Some(next.as_bytes())), expected.as_bytes());
        }
        assert_eq!(separator(b"zz", None), b"zz");
    }
}
