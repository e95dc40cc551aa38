//! Which versions are seen, and which may be forgotten.
//!
//! The transaction layer decides; the tree only looks. Both meet in one `Retention` per core: the horizon (the oldest
//! snapshot anybody may still read at) and the *provisional* versions, written before their transaction was decided.
//!
//! Invariants kept by the transaction layer:
//! - No snapshot below the horizon is ever opened, and the horizon never goes back.
//! - A provisional version is registered before it is applied, and stays registered until `Lsm::provisionals` no longer
//!   lists it: flush and compaction give a committed one its commit time and drop an aborted one.
//! - Between a provisional version and its commit time no other transaction writes the same key, so ordering the versions
//!   of a key by the timestamp they were written at and by commit time is the same.

use crate::base::time::Timestamp;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// What became of the transaction that wrote a provisional version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Not decided: only the transaction itself sees it.
    Open,
    /// Counts as written at this time.
    Committed(Timestamp),
    /// Never happened.
    Aborted,
}

/// Provisional versions by the timestamp they were written at. Nearly always empty.
#[derive(Clone, Debug, Default)]
pub struct Provisional {
    map: BTreeMap<Timestamp, Resolution>,
}

impl Provisional {
    /// Registers a version, or tells what became of it.
    pub fn set(&mut self, at: Timestamp, resolution: Resolution) {
        self.map.insert(at, resolution);
    }

    /// Forgets a version that `Lsm::provisionals` no longer lists.
    pub fn remove(&mut self, at: Timestamp) {
        self.map.remove(&at);
    }

    /// The state of a version; `None` if it is an ordinary one.
    pub fn get(&self, at: Timestamp) -> Option<Resolution> {
        if self.map.is_empty() { None } else { self.map.get(&at).copied() }
    }

    /// Whether every version is an ordinary one.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Those from `oldest` to `newest`.
    #[inline]
    pub fn within(&self, oldest: Timestamp, newest: Timestamp) -> impl Iterator<Item = Timestamp> + '_ {
        let found = (!self.map.is_empty() && oldest <= newest).then(|| self.map.range(oldest..=newest));
        found.into_iter().flatten().map(|(&at, _)| at)
    }

    /// All of them, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (Timestamp, Resolution)> + '_ {
        self.map.iter().map(|(&at, &resolution)| (at, resolution))
    }
}

/// What may be forgotten, kept up to date by the transaction layer.
#[derive(Debug, Default)]
pub struct Retention {
    /// The oldest snapshot anybody may read at: of the versions up to it only the newest of a key is needed. Set it after
    /// the provisional versions of an earlier run are registered: compaction begins when it is no longer `MIN`.
    pub horizon: Cell<Timestamp>,
    /// Versions of undecided, or lately decided, transactions.
    pub provisional: RefCell<Provisional>,
}

/// The most provisional versions that [`View::sees_all`] looks at.
const PROVISIONALS_LOOKED_AT: usize = 16;

/// What a reader sees.
#[derive(Clone, Debug)]
pub struct View {
    /// Versions committed up to this time.
    pub snapshot: Timestamp,
    /// Provisional versions of the reader's own transaction, ascending, seen as well. Usually empty.
    pub own: Rc<[Timestamp]>,
}

impl View {
    /// The view of a reader without provisional writes of its own.
    pub fn at(snapshot: Timestamp) -> View {
        View { snapshot, own: Rc::new([]) }
    }

    /// Whether a version is seen, and the time it counts as written at.
    #[inline]
    pub fn sees(&self, version: Timestamp, provisional: &Provisional) -> Option<Timestamp> {
        match provisional.get(version) {
            None => (version <= self.snapshot).then_some(version),
            Some(Resolution::Open) => self.own.binary_search(&version).is_ok().then_some(version),
            Some(Resolution::Committed(at)) => {
                (at <= self.snapshot || self.own.binary_search(&version).is_ok()).then_some(at)
            }
            Some(Resolution::Aborted) => None,
        }
    }

    /// Whether surely every version from `oldest` to `newest` is seen. Says no rather than look at many.
    #[inline]
    pub fn sees_all(&self, oldest: Timestamp, newest: Timestamp, provisional: &Provisional) -> bool {
        let ordinary = newest <= self.snapshot || (oldest == newest && provisional.get(newest).is_some());
        let mut registered = provisional.within(oldest, newest);
        ordinary
            && registered.by_ref().take(PROVISIONALS_LOOKED_AT).all(|at| self.sees(at, provisional).is_some())
            && registered.next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_is_seen_by_those_who_may() {
        let mut provisional = Provisional::default();
        provisional.set(Timestamp(5), Resolution::Open);
        provisional.set(Timestamp(6), Resolution::Committed(Timestamp(9)));
        provisional.set(Timestamp(7), Resolution::Aborted);
        let seen =
            |view: &View| (4..=9).filter(|&at| view.sees(Timestamp(at), &provisional).is_some()).collect::<Vec<_>>();
        assert_eq!(seen(&View::at(Timestamp(8))), [4, 8]);
        assert_eq!(seen(&View::at(Timestamp(9))), [4, 6, 8, 9]);
        assert_eq!(seen(&View { snapshot: Timestamp(4), own: Rc::from([Timestamp(5)]) }), [4, 5]);
    }

    #[test]
    fn all_are_seen_only_if_each_is() {
        let mut provisional = Provisional::default();
        provisional.set(Timestamp(5), Resolution::Open);
        provisional.set(Timestamp(6), Resolution::Committed(Timestamp(9)));
        provisional.set(Timestamp(7), Resolution::Aborted);
        provisional.set(Timestamp(20), Resolution::Committed(Timestamp(21)));
        let views = [
            View::at(Timestamp(4)),
            View::at(Timestamp(9)),
            View::at(Timestamp(30)),
            View { snapshot: Timestamp(8), own: Rc::from([Timestamp(5), Timestamp(20)]) },
        ];
        for view in views {
            for oldest in 1..25 {
                for newest in oldest..25 {
                    let each = (oldest..=newest).all(|at| view.sees(Timestamp(at), &provisional).is_some());
                    let all = view.sees_all(Timestamp(oldest), Timestamp(newest), &provisional);
                    assert!(each || !all, "{view:?} {oldest} {newest}");
                    assert!(all || !each || newest > view.snapshot.0, "{view:?} {oldest} {newest}");
                }
            }
        }
        (100..100 + PROVISIONALS_LOOKED_AT as u64 + 1)
            .for_each(|at| provisional.set(Timestamp(at), Resolution::Committed(Timestamp(at))));
        let view = View::at(Timestamp(1000));
        assert!(view.sees_all(Timestamp(101), Timestamp(200), &provisional));
        assert!(!view.sees_all(Timestamp(100), Timestamp(200), &provisional), "too many to look at");
    }
}
