//! Timestamps: a hybrid logical clock (Kulkarni et al., 2014) packed in 64 bits.
//!
//! The upper 48 bits are milliseconds since the Unix epoch, the lower 16 a counter. It orders versions of a key, is a
//! Lamport clock, and stays close to wall time. Reading a clock is not done here: see `env`.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A point in the order of all writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Before every write.
    pub const MIN: Timestamp = Timestamp(0);
    /// After every write.
    pub const MAX: Timestamp = Timestamp(u64::MAX);
    const COUNTER_BITS: u32 = 16;

    /// The first timestamp of a millisecond.
    pub fn from_millis(millis: u64) -> Timestamp {
        Timestamp(millis << Self::COUNTER_BITS)
    }

    /// Milliseconds since the Unix epoch.
    pub fn millis(self) -> u64 {
        self.0 >> Self::COUNTER_BITS
    }

    /// The logical part.
    pub fn counter(self) -> u16 {
        self.0 as u16
    }

    /// The next timestamp.
    pub fn next(self) -> Timestamp {
        Timestamp(self.0 + 1)
    }

    /// The timestamp before this one; `MIN` stays.
    pub fn previous(self) -> Timestamp {
        Timestamp(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.millis(), self.counter())
    }
}
