//! Who may write which key: one transaction at a time, the others in the order they came.
//!
//! A transaction takes a key's lock with its first write of it, or ahead of the read that an UPDATE begins with, and keeps it
//! until its commit has its place in the log, until it rolls back, or until the write is rolled back to a savepoint. Waiters
//! queue; the lock is handed to the first of them directly, so nobody overtakes. Locks are kept by 64-bit hashes of keys: two
//! keys that collide make somebody wait without need.
//!
//! What it does not do: locks lie in memory and are lost in a crash, with all the transactions that held them. They spare
//! transactions a conflict; that none is missed rests on the versions in the tree, the pending commits and the dooming of
//! whoever was overtaken by a commit that takes no locks (`write.rs`, `commit.rs`). Waiting, its time limit and its end are
//! `obstacle.rs`'s; deadlocks are `waits.rs`'s.
//!
//! Invariants: a lock's waiters each have one edge in the graph of waits, to the next transaction other than themselves
//! ahead of them, in the end the holder; a transaction that is gone from the core neither holds nor waits.

use super::{gate::Gate, pending::HashedMap, sequencer::Sequencer};
use crate::base::{ids::TransactionId, limits::LOCK_WAITERS_MAX};
use std::{cell::Cell, collections::VecDeque, rc::Rc, sync::Arc};

/// One wait for a lock: opened when it is over, one way or the other.
pub struct Wait {
    transaction: TransactionId,
    pub statement: u32,
    /// Whom its edge in the graph leads to.
    behind: Cell<TransactionId>,
    pub over: Gate,
    pub granted: Cell<bool>,
}

struct Lock {
    holder: TransactionId,
    /// Nearly always nobody.
    queue: VecDeque<Rc<Wait>>,
}

/// How a lock was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// It was the transaction's before.
    Held,
    /// It is now.
    Taken,
    /// It is another's: queue for it.
    Busy,
}

/// Why a transaction may not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    Deadlock,
    /// Too many wait on this core already.
    Full,
}

/// The locks of a core.
pub struct Locks {
    sequencer: Arc<Sequencer>,
    held: HashedMap<Lock>,
    waiting: usize,
}

impl Locks {
    /// No locks; waits are entered in the graph of all cores.
    pub fn new(sequencer: Arc<Sequencer>) -> Locks {
        Locks { sequencer, held: HashedMap::default(), waiting: 0 }
    }

    /// Takes a lock if it is free.
    pub fn acquire(&mut self, key: u64, transaction: TransactionId) -> Acquired {
        match self.held.entry(key) {
            hashbrown::hash_map::Entry::Vacant(vacant) => {
                vacant.insert(Lock { holder: transaction, queue: VecDeque::new() });
                Acquired::Taken
            }
            hashbrown::hash_map::Entry::Occupied(lock) if lock.get().holder == transaction => Acquired::Held,
            hashbrown::hash_map::Entry::Occupied(_) => Acquired::Busy,
        }
    }

    /// Queues for a lock that was busy just now.
    pub fn queue(&mut self, key: u64, transaction: TransactionId, statement: u32) -> Result<Rc<Wait>, Refused> {
        if self.waiting >= LOCK_WAITERS_MAX {
            return Err(Refused::Full);
        }
        let Some(lock) = self.held.get_mut(&key) else { return Err(Refused::Full) };
        let queue = &mut lock.queue;
        // One that waits here already has its place; else it would wait for those who wait for it.
        let place = queue.iter().rposition(|wait| wait.transaction == transaction).map_or(queue.len(), |last| last + 1);
        let mut ahead = queue.range(..place).rev().map(|wait| wait.transaction);
        let behind = ahead.find(|other| *other != transaction).unwrap_or(lock.holder);
        if !self.sequencer.waits().enter(transaction, behind) {
            return Err(Refused::Deadlock);
        }
        let (over, granted) = (Gate::default(), Cell::new(false));
        let wait = Rc::new(Wait { transaction, statement, behind: Cell::new(behind), over, granted });
        queue.insert(place, wait.clone());
        self.waiting += 1;
        Ok(wait)
    }

    /// Ends a wait that was not granted.
    pub fn leave(&mut self, key: u64, wait: &Rc<Wait>) {
        let Some(lock) = self.held.get_mut(&key) else { return };
        let Some(place) = lock.queue.iter().position(|other| Rc::ptr_eq(other, wait)) else { return };
        lock.queue.remove(place);
        self.waiting -= 1;
        self.sequencer.waits().leave(wait.transaction, wait.behind.get());
        wait.over.open();
        straighten(lock, &self.sequencer);
    }

    /// Gives a lock back; gives the transaction that has it now, if somebody waited.
    pub fn release(&mut self, key: u64, transaction: TransactionId) -> Option<TransactionId> {
        let hashbrown::hash_map::Entry::Occupied(mut entry) = self.held.entry(key) else { return None };
        let lock = entry.get_mut();
        if lock.holder != transaction {
            return None;
        }
        let Some(next) = lock.queue.front().map(|wait| wait.transaction) else {
            entry.remove();
            return None;
        };
        lock.holder = next;
        // All that the transaction waits for here, should it wait in several places at once.
        let (waiting, sequencer) = (&mut self.waiting, &self.sequencer);
        lock.queue.retain(|wait| {
            if wait.transaction == next {
                *waiting -= 1;
                sequencer.waits().leave(next, wait.behind.get());
                wait.granted.set(true);
                wait.over.open();
            }
            wait.transaction != next
        });
        straighten(lock, &self.sequencer);
        Some(next)
    }

    /// Who holds a lock.
    pub fn holder(&self, key: u64) -> Option<TransactionId> {
        self.held.get(&key).map(|lock| lock.holder)
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// How many are held, and how many waits there are.
    pub fn counts(&self) -> (usize, usize) {
        (self.held.len(), self.waiting)
    }
}

/// Leads every waiter's edge to the one ahead of it again.
fn straighten(lock: &Lock, sequencer: &Sequencer) {
    // The last two different transactions on the way down: the nearest that is not the waiter itself is one of them.
    let (mut last, mut before) = (lock.holder, lock.holder);
    for wait in &lock.queue {
        let ahead = if last == wait.transaction { before } else { last };
        if wait.behind.get() != ahead {
            sequencer.waits().redirect(wait.transaction, wait.behind.get(), ahead);
            wait.behind.set(ahead);
        }
        if last != wait.transaction {
            (before, last) = (last, wait.transaction);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn id(number: u64) -> TransactionId {
        TransactionId(number)
    }

    fn locks() -> (Locks, Arc<Sequencer>) {
        let sequencer = Arc::new(Sequencer::new(1));
        (Locks::new(sequencer.clone()), sequencer)
    }

    #[test]
    fn a_lock_goes_to_those_who_wait_in_their_order() {
        let (mut locks, sequencer) = locks();
        assert_eq!(locks.acquire(7, id(1)), Acquired::Taken);
        assert_eq!(locks.acquire(7, id(1)), Acquired::Held);
        assert_eq!(locks.acquire(7, id(2)), Acquired::Busy);
        let (second, third) = (locks.queue(7, id(2), 1).unwrap(), locks.queue(7, id(3), 1).unwrap());
        let again = locks.queue(7, id(2), 1).unwrap();
        assert_eq!(locks.release(7, id(9)), None);
        assert_eq!(locks.release(7, id(1)), Some(id(2)));
        assert!(second.granted.get() && again.granted.get() && !third.over.is_open());
        assert_eq!(locks.acquire(7, id(3)), Acquired::Busy);
        assert_eq!(locks.release(7, id(2)), Some(id(3)));
        assert!(third.granted.get());
        assert_eq!(locks.release(7, id(3)), None);
        assert!(locks.is_empty());
        assert_eq!((locks.counts(), sequencer.waits().len()), ((0, 0), 0));
    }

    #[test]
    fn a_deadlock_is_refused_also_behind_others() {
        let (mut locks, sequencer) = locks();
        locks.acquire(1, id(1));
        locks.acquire(2, id(2));
        let first = locks.queue(1, id(2), 1).unwrap();
        let behind = locks.queue(1, id(3), 1).unwrap();
        assert_eq!(locks.queue(2, id(1), 1).err(), Some(Refused::Deadlock));
        // The one in between goes: whoever was behind it waits for the holder now.
        locks.leave(1, &first);
        assert!(first.over.is_open() && !first.granted.get());
        assert!(locks.queue(2, id(1), 1).is_ok());
        assert_eq!(behind.behind.get(), id(1));
        assert!(!sequencer.waits().enter(id(2), id(3)));
        assert_eq!(sequencer.waits().len(), 2);
    }

    #[test]
    fn the_queue_is_bounded() {
        let (mut locks, _) = locks();
        locks.acquire(1, id(1));
        let waits: Vec<_> =
            (0..LOCK_WAITERS_MAX as u64).map(|number| locks.queue(1, id(2 + number), 1).unwrap()).collect();
        assert_eq!(locks.queue(1, id(1 << 40), 1).err(), Some(Refused::Full));
        locks.leave(1, &waits[0]);
        assert!(locks.queue(1, id(1 << 40), 1).is_ok());
    }
}
