//! What was written, so that it can be compared with what is there in the end.
//!
//! Each write is noted when its outcome is known: acknowledged, refused, or unknown (the answer never came). For rows that
//! are overwritten, the ledger keeps per row the writes that may be the last one: a write falls out when another was
//! acknowledged that began after it had ended. An unknown write never falls out by itself, because the server may still
//! carry it out.

use crate::operation::{Effect, Transfer};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// How a write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Acknowledged,
    Unknown,
    Refused,
}

impl From<Effect> for Outcome {
    fn from(effect: Effect) -> Outcome {
        match effect {
            Effect::NotDone => Outcome::Refused,
            Effect::Unknown => Outcome::Unknown,
        }
    }
}

/// A version of a row that may be the one that stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub version: u64,
    /// When the answer came, in nanoseconds of the run; never, for an unknown one.
    pub end_ns: u64,
}

const SHARDS: usize = 64;

/// Notes of one run.
pub struct Ledger {
    updates: Vec<Mutex<HashMap<u64, Vec<Candidate>>>>,
    inserts: Vec<Mutex<Vec<(u64, Outcome)>>>,
    loads: Mutex<Vec<(u64, u64, Outcome)>>,
    transfers: Mutex<Vec<(Transfer, Outcome)>>,
    /// Rows that the set-up created at version 0: `0..loaded`.
    pub loaded: u64,
}

impl Ledger {
    pub fn new(loaded: u64) -> Ledger {
        Ledger {
            updates: (0..SHARDS).map(|_| Mutex::default()).collect(),
            inserts: (0..SHARDS).map(|_| Mutex::default()).collect(),
            loads: Mutex::default(),
            transfers: Mutex::default(),
            loaded,
        }
    }

    pub fn note_insert(&self, id: u64, outcome: Outcome) {
        lock(&self.inserts[id as usize % SHARDS]).push((id, outcome));
    }

    pub fn note_load(&self, from: u64, to: u64, outcome: Outcome) {
        lock(&self.loads).push((from, to, outcome));
    }

    pub fn note_transfer(&self, transfer: Transfer, outcome: Outcome) {
        if outcome != Outcome::Refused {
            lock(&self.transfers).push((transfer, outcome));
        }
    }

    pub fn note_update(&self, id: u64, version: u64, start_ns: u64, end_ns: u64, outcome: Outcome) {
        if outcome == Outcome::Refused {
            return;
        }
        let mut updates = lock(&self.updates[id as usize % SHARDS]);
        // What the set-up or an insert wrote ended before any update of it began.
        let candidates = updates.entry(id).or_insert_with(|| vec![Candidate { version: 0, end_ns: 0 }]);
        let end_ns = if outcome == Outcome::Unknown { u64::MAX } else { end_ns };
        if outcome == Outcome::Acknowledged {
            candidates.retain(|earlier| earlier.end_ns >= start_ns);
        }
        candidates.push(Candidate { version, end_ns });
    }

    /// The versions a row may have in the end; None when only its first one is possible.
    pub fn candidates(&self, id: u64) -> Option<Vec<Candidate>> {
        lock(&self.updates[id as usize % SHARDS]).get(&id).cloned()
    }

    /// What was inserted or loaded beyond the set-up, sorted by row.
    pub fn inserted(&self) -> Vec<(u64, Outcome)> {
        let mut all: Vec<(u64, Outcome)> = self.inserts.iter().flat_map(|shard| lock(shard).clone()).collect();
        for (from, to, outcome) in lock(&self.loads).iter() {
            all.extend((*from..*to).map(|id| (id, *outcome)));
        }
        all.sort_unstable_by_key(|(id, _)| *id);
        all
    }

    /// Acknowledged and unknown transfers.
    pub fn transfers(&self) -> Vec<(Transfer, Outcome)> {
        lock(&self.transfers).clone()
    }
}

/// A panic elsewhere ends the run anyway; the notes stay readable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(ledger: &Ledger, id: u64) -> Vec<u64> {
        ledger.candidates(id).into_iter().flatten().map(|candidate| candidate.version).collect()
    }

    #[test]
    fn later_writes_replace_earlier_ones() {
        let ledger = Ledger::new(1);
        assert_eq!(ledger.candidates(0), None);
        ledger.note_update(0, 1, 10, 20, Outcome::Acknowledged);
        assert_eq!(versions(&ledger, 0), [1], "the loaded version ended long before");
        ledger.note_update(0, 2, 15, 25, Outcome::Acknowledged);
        assert_eq!(versions(&ledger, 0), [1, 2], "they overlapped: either may be the last");
        ledger.note_update(0, 3, 21, 30, Outcome::Acknowledged);
        assert_eq!(versions(&ledger, 0), [2, 3]);
        ledger.note_update(0, 4, 40, 50, Outcome::Refused);
        assert_eq!(versions(&ledger, 0), [2, 3]);
    }

    #[test]
    fn unknown_writes_stay_possible() {
        let ledger = Ledger::new(1);
        ledger.note_update(0, 1, 10, 20, Outcome::Unknown);
        assert_eq!(versions(&ledger, 0), [0, 1]);
        ledger.note_update(0, 2, 30, 40, Outcome::Acknowledged);
        assert_eq!(versions(&ledger, 0), [1, 2]);
    }
}
