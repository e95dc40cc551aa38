//! Strings laid end to end.

use super::Strings;

impl Strings {
    /// Room for `rows` strings of `bytes` bytes together.
    pub fn with_capacity(rows: usize, bytes: usize) -> Strings {
        Strings { ends: Vec::with_capacity(rows), bytes: Vec::with_capacity(bytes) }
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Whether `more` bytes still fit under the 32-bit ends.
    pub fn has_room(&self, more: usize) -> bool {
        self.bytes.len().checked_add(more).is_some_and(|bytes| u32::try_from(bytes).is_ok())
    }

    /// Adds a string. The caller knows that it fits ([`has_room`](Self::has_room)).
    pub fn push(&mut self, text: &str) {
        debug_assert!(self.has_room(text.len()));
        self.bytes.extend_from_slice(text.as_bytes());
        self.ends.push(self.bytes.len() as u32);
    }

    fn start(&self, row: usize) -> usize {
        if row == 0 { 0 } else { self.ends[row - 1] as usize }
    }

    /// The bytes of a string.
    #[inline]
    pub fn get_bytes(&self, row: usize) -> &[u8] {
        &self.bytes[self.start(row)..self.ends[row] as usize]
    }

    /// A string.
    #[inline]
    pub fn get(&self, row: usize) -> &str {
        // Checked, although only UTF-8 is ever pushed: both fields are public.
        std::str::from_utf8(self.get_bytes(row)).unwrap_or("")
    }

    /// All strings, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|row| self.get(row))
    }

    pub(super) fn append(&mut self, other: &Strings) {
        let before = self.bytes.len() as u32;
        self.bytes.extend_from_slice(&other.bytes);
        self.ends.extend(other.ends.iter().map(|end| end + before));
    }

    pub(super) fn slice(&self, start: usize, end: usize) -> Strings {
        if start >= end {
            return Strings::default();
        }
        let first = self.start(start);
        let ends = self.ends[start..end].iter().map(|end| end - first as u32).collect();
        Strings { ends, bytes: self.bytes[first..self.ends[end - 1] as usize].to_vec() }
    }

    /// The strings of some rows; `None` when together they are too long.
    pub(super) fn take(&self, rows: &[u32]) -> Option<Strings> {
        let bytes = rows.iter().map(|&row| self.get_bytes(row as usize).len()).sum();
        u32::try_from(bytes).ok()?;
        let mut taken = Strings::with_capacity(rows.len(), bytes);
        for &row in rows {
            taken.bytes.extend_from_slice(self.get_bytes(row as usize));
            taken.ends.push(taken.bytes.len() as u32);
        }
        Some(taken)
    }
}
