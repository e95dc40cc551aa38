//! What a transaction does to one key.

/// One change of one user key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The user key: see [`super::key`].
    pub key: Vec<u8>,
    pub kind: WriteKind,
}

/// The kinds of change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteKind {
    /// Writes the value, whatever was there.
    Put(Vec<u8>),
    /// Writes the value where no live version may exist; otherwise a unique violation (23505).
    Insert(Vec<u8>),
    /// Leaves a tombstone.
    Delete,
}

impl Write {
    /// The value that will be there, `None` after a delete.
    pub fn value(&self) -> Option<&[u8]> {
        match &self.kind {
            WriteKind::Put(value) | WriteKind::Insert(value) => Some(value),
            WriteKind::Delete => None,
        }
    }
}
