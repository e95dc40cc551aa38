//! Which transaction waits for which, over all cores of a node: by this a deadlock is known the moment it comes about.
//!
//! Pure but for a mutex, which is held for a few steps through the map and only by those who are about to wait.
//!
//! A transaction enters an edge to the one it waits for before it waits, and takes it away when it waits no longer. It
//! needs the end of every wait it has, so a circle of edges is a deadlock. All edges pass through the mutex, so one of them
//! is the last of its circle: whoever enters it is told, and gives up. An edge can outlive the end of the transaction that
//! it leads to by the time that its lock takes to be handed on; that transaction has no edges of its own any more, so no
//! circle is seen where none is.

use crate::base::ids::TransactionId;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The waits-for graph of a node.
#[derive(Default)]
pub struct Waits(Mutex<Edges>);

#[derive(Default)]
struct Edges {
    /// By waiter: whom it waits for, once for every wait.
    waits: BTreeMap<TransactionId, Vec<TransactionId>>,
    /// By holder: how many wait for it. Most who begin to wait are waited for by nobody and so close no circle.
    waited_for: BTreeMap<TransactionId, usize>,
}

impl Waits {
    /// Enters a wait; false, and nothing entered, if that closes a circle.
    pub fn enter(&self, waiter: TransactionId, holder: TransactionId) -> bool {
        let mut edges = self.lock();
        let closes = waiter == holder || (edges.waited_for.contains_key(&waiter) && edges.reach(holder, waiter));
        if !closes {
            edges.add(waiter, holder);
        }
        !closes
    }

    /// Takes a wait away.
    pub fn leave(&self, waiter: TransactionId, holder: TransactionId) {
        self.lock().remove(waiter, holder);
    }

    /// A waiter has got another one ahead of it, for whom it waited already by way of `from`: no circle can come of it.
    pub fn redirect(&self, waiter: TransactionId, from: TransactionId, to: TransactionId) {
        let mut edges = self.lock();
        edges.remove(waiter, from);
        edges.add(waiter, to);
    }

    /// How many waits there are.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        let edges = self.lock();
        let waits: usize = edges.waits.values().map(Vec::len).sum();
        assert_eq!(waits, edges.waited_for.values().sum::<usize>());
        waits
    }

    fn lock(&self) -> MutexGuard<'_, Edges> {
        // Nothing below panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Edges {
    fn add(&mut self, waiter: TransactionId, holder: TransactionId) {
        self.waits.entry(waiter).or_default().push(holder);
        *self.waited_for.entry(holder).or_default() += 1;
    }

    fn remove(&mut self, waiter: TransactionId, holder: TransactionId) {
        let Some(holders) = self.waits.get_mut(&waiter) else { return };
        let Some(place) = holders.iter().position(|other| *other == holder) else { return };
        holders.swap_remove(place);
        if holders.is_empty() {
            self.waits.remove(&waiter);
        }
        if let Some(count) = self.waited_for.get_mut(&holder) {
            *count -= 1;
            if *count == 0 {
                self.waited_for.remove(&holder);
            }
        }
    }

    /// Whether the edges lead from one transaction to another.
    fn reach(&self, from: TransactionId, to: TransactionId) -> bool {
        let (mut seen, mut left) = (BTreeSet::from([from]), vec![from]);
        while let Some(transaction) = left.pop() {
            if transaction == to {
                return true;
            }
            let next = self.waits.get(&transaction).into_iter().flatten().copied();
            left.extend(next.filter(|next| seen.insert(*next)));
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn id(number: u64) -> TransactionId {
        TransactionId(number)
    }

    #[test]
    fn the_wait_that_closes_a_circle_is_refused() {
        let waits = Waits::default();
        assert!(waits.enter(id(1), id(2)));
        assert!(waits.enter(id(2), id(3)));
        assert!(waits.enter(id(2), id(4)));
        assert!(!waits.enter(id(4), id(1)));
        assert!(!waits.enter(id(1), id(1)));
        waits.leave(id(2), id(4));
        assert!(waits.enter(id(4), id(1)));
        assert!(!waits.enter(id(3), id(4)));
        assert_eq!(waits.len(), 3);
    }

    #[test]
    fn two_waits_for_the_same_transaction_are_two() {
        let waits = Waits::default();
        assert!(waits.enter(id(1), id(2)) && waits.enter(id(1), id(2)));
        waits.leave(id(1), id(2));
        assert!(!waits.enter(id(2), id(1)));
        waits.redirect(id(1), id(2), id(3));
        assert!(waits.enter(id(2), id(1)));
        assert!(!waits.enter(id(3), id(2)));
        waits.leave(id(1), id(3));
        waits.leave(id(2), id(1));
        assert_eq!(waits.len(), 0);
    }
}
