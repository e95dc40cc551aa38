//! Many writes in one piece of memory, as bulk loads pass them on: made by one core, kept by another where they lie.
//!
//! ```text
//! entry*     key length u32 | value length + 1 u32 (0: deleted) | mark u64 | key | value
//! ```
//!
//! Numbers are little-endian. The layout is that of a memtable's entries, so that a pack becomes part of one without being
//! copied; the mark is where the timestamp will be, and says until then whether nothing may live at the key. It never
//! leaves the process.

use super::write::{Write, WriteKind};

/// Bytes before an entry's key.
pub const HEADER_BYTES: usize = 16;
/// Where the mark lies in an entry.
pub const MARK: std::ops::Range<usize> = 8..16;

const PUT: u64 = 0;
const INSERT: u64 = 1;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Pack {
    bytes: Vec<u8>,
    entries: usize,
}

/// One write of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    pub key: &'a [u8],
    /// `None`: deleted.
    pub value: Option<&'a [u8]>,
    /// Nothing may live at the key.
    pub insert: bool,
}

impl Pack {
    /// An empty pack that will hold about so many bytes.
    pub fn with_capacity(bytes: usize) -> Pack {
        Pack { bytes: Vec::with_capacity(bytes), entries: 0 }
    }

    /// Adds a write.
    #[inline]
    pub fn push(&mut self, key: &[u8], value: Option<&[u8]>, insert: bool) {
        self.bytes.reserve(HEADER_BYTES + key.len() + value.map_or(0, <[u8]>::len));
        let mut header = [0; HEADER_BYTES];
        header[..4].copy_from_slice(&(key.len() as u32).to_le_bytes());
        header[4..8].copy_from_slice(&value.map_or(0, |value| value.len() as u32 + 1).to_le_bytes());
        header[MARK].copy_from_slice(&if insert { INSERT } else { PUT }.to_le_bytes());
        self.bytes.extend_from_slice(&header);
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value.unwrap_or_default());
        self.entries += 1;
    }

    /// Adds a write that stands alone.
    pub fn push_write(&mut self, write: &Write) {
        self.push(&write.key, write.value(), matches!(write.kind, WriteKind::Insert(_)));
    }

    /// Number of writes.
    pub fn len(&self) -> usize {
        self.entries
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Memory of the writes.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The memory itself.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The writes in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let (entry, length) = entry_at(&self.bytes, at)?;
            at += length;
            Some(entry)
        })
    }

    /// The writes, each alone.
    pub fn writes(&self) -> impl Iterator<Item = Write> {
        self.iter().map(|entry| Write {
            key: entry.key.to_vec(),
            kind: match (entry.value, entry.insert) {
                (None, _) => WriteKind::Delete,
                (Some(value), true) => WriteKind::Insert(value.to_vec()),
                (Some(value), false) => WriteKind::Put(value.to_vec()),
            },
        })
    }
}

/// The entry at a place of a pack's memory and the bytes it takes; `None` behind the last.
#[inline]
pub fn entry_at(bytes: &[u8], at: usize) -> Option<(Entry<'_>, usize)> {
    let (header, rest) = bytes.get(at..)?.split_first_chunk::<HEADER_BYTES>()?;
    let [k0, k1, k2, k3, v0, v1, v2, v3, mark @ ..] = header;
    let key_len = u32::from_le_bytes([*k0, *k1, *k2, *k3]) as usize;
    let value_len = u32::from_le_bytes([*v0, *v1, *v2, *v3]) as usize;
    let body_len = key_len + value_len.saturating_sub(1);
    let (key, value) = rest.get(..body_len)?.split_at(key_len);
    let value = (value_len > 0).then_some(value);
    Some((Entry { key, value, insert: u64::from_le_bytes(*mark) == INSERT }, HEADER_BYTES + body_len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_come_back() {
        let writes = [
            Write { key: b"a".to_vec(), kind: WriteKind::Insert(b"one".to_vec()) },
            Write { key: b"".to_vec(), kind: WriteKind::Put(Vec::new()) },
            Write { key: b"bb".to_vec(), kind: WriteKind::Delete },
        ];
        let mut pack = Pack::default();
        writes.iter().for_each(|write| pack.push_write(write));
        assert_eq!(pack.writes().collect::<Vec<_>>(), writes);
        assert_eq!((pack.len(), pack.bytes()), (3, 3 * HEADER_BYTES + 4 + 2));
        let cut = &pack.into_bytes()[..HEADER_BYTES + 3];
        assert_eq!(entry_at(cut, 0), None);
    }
}
