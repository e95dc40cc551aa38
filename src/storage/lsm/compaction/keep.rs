//! Which versions are still needed, decided one by one as a merge shows them: by user key, newest first.
//!
//! Pure. Rules, for the versions of one key:
//! 1. Data of a dropped storage goes.
//! 2. A provisional version stays as it is while its transaction is open, counts as written at its commit time when it has
//!    committed (and is rewritten so), and goes when it was aborted.
//! 3. Every version newer than the horizon stays: some snapshot may read below it.
//! 4. Of the others only the newest stays: every snapshot from the horizon on sees that one or a newer one.
//! 5. If that one is a tombstone, and no deeper level may hold the key, it goes as well: not finding says the same.

use crate::base::ids::StorageId;
use crate::base::key;
use crate::base::time::Timestamp;
use crate::storage::lsm::retention::{Provisional, Resolution};
use std::collections::BTreeSet;

/// What to do with a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Keep it, with this timestamp.
    Keep(Timestamp),
    /// Keep it, and note that it is undecided.
    KeepOpen(Timestamp),
    Drop,
}

/// See the module. Horizon and provisional versions are those of the moment the work began: what changes meanwhile must not
/// change the order of what was already written.
pub struct Keeper {
    horizon: Timestamp,
    provisional: Provisional,
    dropped: BTreeSet<StorageId>,
    key: Vec<u8>,
    /// The key's storage was dropped.
    key_is_dropped: bool,
    /// The last version kept or merged into another: what comes at the same time is a repetition.
    last: Option<Timestamp>,
    /// One version at or below the horizon was dealt with; what follows is not seen any more.
    settled: bool,
    started: bool,
}

impl Keeper {
    /// Decides by this horizon and these provisional and dropped things.
    pub fn new(horizon: Timestamp, provisional: Provisional, dropped: BTreeSet<StorageId>) -> Keeper {
        Keeper {
            horizon,
            provisional,
            dropped,
            key: Vec::new(),
            key_is_dropped: false,
            last: None,
            settled: false,
            started: false,
        }
    }

    /// Decides on the next version. `may_be_deeper` tells whether an older version may lie where this merge does not look.
    pub fn decide(
        &mut self,
        key: &[u8],
        at: Timestamp,
        live: bool,
        may_be_deeper: impl FnOnce(&[u8]) -> bool,
    ) -> Verdict {
        if !self.started || self.key != key {
            self.begin(key);
        }
        if self.key_is_dropped {
            return Verdict::Drop;
        }
        let counts = match self.provisional.get(at) {
            Some(Resolution::Open) => return self.keep_open(at),
            Some(Resolution::Aborted) => return Verdict::Drop,
            Some(Resolution::Committed(counts)) => counts,
            None => at,
        };
        // Merged sources repeat a version after a replay; and two provisional ones of a transaction count as one.
        if self.settled || self.last.is_some_and(|last| counts >= last) {
            return Verdict::Drop;
        }
        self.last = Some(counts);
        if counts > self.horizon {
            return Verdict::Keep(counts);
        }
        self.settled = true;
        if !live && !may_be_deeper(key) { Verdict::Drop } else { Verdict::Keep(counts) }
    }

    fn keep_open(&mut self, at: Timestamp) -> Verdict {
        if self.last == Some(at) {
            return Verdict::Drop;
        }
        self.last = Some(at);
        Verdict::KeepOpen(at)
    }

    fn begin(&mut self, key: &[u8]) {
        self.started = true;
        self.key.clear();
        self.key.extend_from_slice(key);
        let storage = key::split(key).map(|(storage, ..)| storage);
        self.key_is_dropped = storage.is_some_and(|storage| self.dropped.contains(&storage));
        self.last = None;
        self.settled = false;
    }
}
