//! The order of all writes of a node, and which of the past somebody may still read.
//!
//! One [`Sequencer`] is shared by all cores: an atomic hybrid clock, a slot per core that says how old that core's
//! oldest open snapshot is, and the graph of who waits for whom. It never reads a clock; the caller passes the wall time in.
//!
//! Invariants:
//! - [`Sequencer::draw`] gives every timestamp once, in increasing order over all cores.
//! - [`Sequencer::horizon`] is never above a snapshot that is open, nor above one that will be taken later.

use super::waits::Waits;
use crate::base::{ids::ShardId, time::Timestamp};
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// What a slot holds while its core has no snapshot open.
const NO_SNAPSHOT: u64 = u64::MAX;

/// A value on a cache line of its own, so that cores do not slow each other down.
#[repr(align(128))]
struct Padded(AtomicU64);

/// The clock of a node's transactions, shared by its cores.
pub struct Sequencer {
    /// The last timestamp drawn.
    last: Padded,
    /// By core: a lower bound of its open snapshots, or [`NO_SNAPSHOT`].
    oldest: Box<[Padded]>,
    waits: Waits,
}

impl Sequencer {
    /// A sequencer for `shards` cores that starts at the beginning of time.
    pub fn new(shards: u16) -> Sequencer {
        let oldest = (0..shards).map(|_| Padded(AtomicU64::new(NO_SNAPSHOT))).collect();
        Sequencer { last: Padded(AtomicU64::new(0)), oldest, waits: Waits::default() }
    }

    /// Who waits for whom, on all cores.
    pub(super) fn waits(&self) -> &Waits {
        &self.waits
    }

    /// The next timestamp: after every one drawn before, and not before the wall clock.
    pub fn draw(&self, wall_micros: i64) -> Timestamp {
        self.draw_many(1, wall_micros)
    }

    /// Draws `count` timestamps in a row and gives the first.
    pub fn draw_many(&self, count: u64, wall_micros: i64) -> Timestamp {
        let wall = Timestamp::from_millis(u64::try_from(wall_micros / 1000).unwrap_or(0)).0;
        let next = |last: u64| Some((last + 1).max(wall) + count - 1);
        // SeqCst: a timestamp is drawn before a key is marked as pending, and a snapshot is read before the mark is looked
        // for, on whichever cores; with one order over both nobody can miss the other.
        let last = match self.last.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next) {
            Ok(last) | Err(last) => last,
        };
        Timestamp((last + 1).max(wall))
    }

    /// The last timestamp drawn: a snapshot here sees all that was acknowledged before.
    pub fn last(&self) -> Timestamp {
        Timestamp(self.last.0.load(Ordering::SeqCst))
    }

    /// Moves the clock up to at least `seen`; recovery does so with all that it finds.
    pub fn observe(&self, seen: Timestamp) {
        self.last.0.fetch_max(seen.0, Ordering::SeqCst);
    }

    /// Registers the core as reading from about now on and gives the snapshot.
    ///
    /// The slot is stored first, then comes a fence, then the snapshot is read; [`Sequencer::horizon`] reads `last`, fences,
    /// and then reads the slots. Of two fences one comes first. If ours does, the horizon sees our slot, which is not above
    /// our snapshot. If the other does, we read `last` after it did, so our snapshot is not below its `last`, which
    /// bounds its result. Either way the horizon is not above the snapshot.
    fn register(&self, shard: ShardId) -> Timestamp {
        let slot = &self.oldest[usize::from(shard.0)].0;
        slot.store(self.last.0.load(Ordering::Relaxed), Ordering::Relaxed);
        fence(Ordering::SeqCst);
        self.last()
    }

    /// Says what the oldest open snapshot of a core is now.
    fn set_oldest(&self, shard: ShardId, oldest: Option<Timestamp>) {
        // Release: reads done under the old value come before the store.
        self.oldest[usize::from(shard.0)].0.store(oldest.map_or(NO_SNAPSHOT, |oldest| oldest.0), Ordering::Release);
    }

    /// The oldest timestamp that anybody reads at or will read at: versions that were already replaced then may go.
    pub fn horizon(&self) -> Timestamp {
        let last = self.last.0.load(Ordering::SeqCst);
        fence(Ordering::SeqCst);
        let oldest = self.oldest.iter().map(|slot| slot.0.load(Ordering::Acquire)).min().unwrap_or(NO_SNAPSHOT);
        Timestamp(last.min(oldest))
    }
}

/// The snapshots that are open on one core.
pub struct Snapshots {
    sequencer: std::sync::Arc<Sequencer>,
    shard: ShardId,
    /// Open snapshots and how many guards share each.
    open: std::cell::RefCell<std::collections::BTreeMap<Timestamp, usize>>,
}

impl Snapshots {
    /// No snapshots, on the core `shard`.
    pub fn new(sequencer: std::sync::Arc<Sequencer>, shard: ShardId) -> std::rc::Rc<Snapshots> {
        std::rc::Rc::new(Snapshots { sequencer, shard, open: Default::default() })
    }

    /// Opens a snapshot of now.
    pub fn begin(self: &std::rc::Rc<Snapshots>) -> Snapshot {
        let mut open = self.open.borrow_mut();
        // While an older snapshot is open its slot value covers this one too.
        let timestamp = if open.is_empty() { self.sequencer.register(self.shard) } else { self.sequencer.last() };
        *open.entry(timestamp).or_insert(0) += 1;
        Snapshot { timestamp, registry: self.clone() }
    }

    /// Opens a snapshot of a later time than one that is open: what it sees is kept for the other's sake already.
    pub fn begin_later(self: &std::rc::Rc<Snapshots>, than: &Snapshot, timestamp: Timestamp) -> Snapshot {
        let timestamp = timestamp.max(than.timestamp);
        *self.open.borrow_mut().entry(timestamp).or_insert(0) += 1;
        Snapshot { timestamp, registry: self.clone() }
    }

    /// How many snapshots are open.
    pub fn count(&self) -> usize {
        self.open.borrow().values().sum()
    }

    /// The oldest open one.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.open.borrow().first_key_value().map(|(timestamp, _)| *timestamp)
    }
}

/// An open snapshot: while it lives, all that it sees is kept.
pub struct Snapshot {
    timestamp: Timestamp,
    registry: std::rc::Rc<Snapshots>,
}

impl Snapshot {
    /// Everything committed up to here is seen.
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }
}

impl Clone for Snapshot {
    fn clone(&self) -> Snapshot {
        *self.registry.open.borrow_mut().entry(self.timestamp).or_insert(0) += 1;
        Snapshot { timestamp: self.timestamp, registry: self.registry.clone() }
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        let mut open = self.registry.open.borrow_mut();
        let Some(count) = open.get_mut(&self.timestamp) else { return };
        *count -= 1;
        if *count > 0 {
            return;
        }
        let was_oldest = open.first_key_value().is_some_and(|(oldest, _)| *oldest == self.timestamp);
        open.remove(&self.timestamp);
        if was_oldest {
            let oldest = open.first_key_value().map(|(oldest, _)| *oldest);
            self.registry.sequencer.set_oldest(self.registry.shard, oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn timestamps_rise_also_when_the_wall_clock_falls() {
        let sequencer = Sequencer::new(1);
        let first = sequencer.draw(5_000);
        assert_eq!(first, Timestamp::from_millis(5));
        assert_eq!(sequencer.draw(1_000), first.next());
        assert_eq!(sequencer.draw_many(10, 1_000), first.next().next());
        assert_eq!(sequencer.draw(-7), Timestamp(first.0 + 12));
        sequencer.observe(Timestamp::from_millis(9));
        assert!(sequencer.draw(1_000) > Timestamp::from_millis(9));
    }

    #[test]
    fn the_horizon_follows_the_oldest_snapshot_of_all_cores() {
        let sequencer = Arc::new(Sequencer::new(2));
        let (left, right) =
            (Snapshots::new(sequencer.clone(), ShardId(0)), Snapshots::new(sequencer.clone(), ShardId(1)));
        sequencer.draw(1_000);
        let first = left.begin();
        sequencer.draw(1_000);
        let second = right.begin();
        let again = left.begin();
        sequencer.draw(1_000);
        assert_eq!(sequencer.horizon(), first.timestamp());
        let copy = first.clone();
        drop(first);
        assert_eq!(sequencer.horizon(), copy.timestamp());
        let moved = left.begin_later(&copy, again.timestamp().next());
        assert_eq!(sequencer.horizon(), copy.timestamp());
        drop(copy);
        assert_eq!(sequencer.horizon(), second.timestamp());
        assert_eq!(left.count(), 2);
        drop(moved);
        drop(second);
        drop(again);
        assert_eq!(sequencer.horizon(), sequencer.last());
    }

    #[test]
    fn a_snapshot_is_never_below_a_horizon_seen_before_it() {
        let sequencer = Arc::new(Sequencer::new(3));
        let seen = Arc::new(AtomicU64::new(0));
        std::thread::scope(|scope| {
            for shard in 0..2 {
                let (sequencer, seen) = (sequencer.clone(), seen.clone());
                scope.spawn(move || {
                    let snapshots = Snapshots::new(sequencer.clone(), ShardId(shard));
                    for _ in 0..20_000 {
                        sequencer.draw(0);
                        let snapshot = snapshots.begin();
                        let collected = seen.load(Ordering::SeqCst);
                        assert!(collected <= snapshot.timestamp().0);
                        let horizon = sequencer.horizon();
                        assert!(horizon <= snapshot.timestamp());
                    }
                });
            }
            let (sequencer, seen) = (sequencer.clone(), seen.clone());
            scope.spawn(move || {
                for _ in 0..20_000 {
                    seen.fetch_max(sequencer.horizon().0, Ordering::SeqCst);
                }
            });
        });
    }
}
