//! Which keys are about to change.
//!
//! A transaction that commits is *pending* from the moment its timestamp is drawn until its writes are applied: readers at
//! or after that timestamp, and writers of the same keys, wait for its gate.
//!
//! Keys are kept as 64-bit hashes. Two keys that collide make somebody wait, or fail with 40001, without need; nothing
//! is missed. Pure and of one core.

use super::gate::Gate;
use crate::base::{
    ids::{StorageId, TransactionId},
    key,
    time::Timestamp,
};
use std::{
    collections::BTreeMap,
    hash::{BuildHasherDefault, Hasher},
    rc::Rc,
};

/// The hash by which keys are kept here.
pub fn key_hash(key: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(key)
}

/// Hashes what is a hash already.
#[derive(Default)]
pub struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxhash_rust::xxh3::xxh3_64_with_seed(bytes, self.0);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// A map whose keys are hashes.
pub type HashedMap<V> = hashbrown::HashMap<u64, V, BuildHasherDefault<Identity>>;

/// A transaction that is committing.
pub struct Pending {
    /// Its commit timestamp is at least this; exactly this once it is final.
    pub proposed: Timestamp,
    /// Whether it may still abort: it waits for the decision over several shards.
    pub prepared: bool,
    /// Its id, if it has one: a reader within the transaction does not wait for it.
    pub transaction: Option<TransactionId>,
    /// The storages it writes, ascending: scans wait by storage.
    pub storages: Vec<StorageId>,
    /// Whether some of its keys are not in the table, because they were spilled: then point readers wait by storage, too.
    pub spilled: bool,
    /// Opens when its writes are applied, or dropped.
    pub done: Gate,
}

/// One or more holders of a key; nearly always one.
enum Holders<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> Holders<T> {
    fn iter(&self) -> impl Iterator<Item = &T> {
        match self {
            Holders::One(one) => std::slice::from_ref(one).iter(),
            Holders::Many(many) => many.iter(),
        }
    }

    fn push(&mut self, holder: T) {
        match self {
            Holders::Many(many) => many.push(holder),
            Holders::One(_) => {
                if let Holders::One(one) = std::mem::replace(self, Holders::Many(Vec::with_capacity(2))) {
                    *self = Holders::Many(vec![one, holder]);
                }
            }
        }
    }

    /// Removes what matches; true if nothing is left.
    fn remove(&mut self, matches: impl Fn(&T) -> bool) -> bool {
        match self {
            Holders::One(one) => matches(one),
            Holders::Many(many) => {
                many.retain(|holder| !matches(holder));
                many.is_empty()
            }
        }
    }
}

/// All pending transactions of a core.
#[derive(Default)]
pub struct PendingTable {
    keys: HashedMap<Holders<Rc<Pending>>>,
    /// By a running number.
    all: BTreeMap<u64, Rc<Pending>>,
    spilled: usize,
    next: u64,
}

/// Names a pending transaction when it is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingNumber(u64);

impl PendingTable {
    /// Marks the keys as changing.
    pub fn insert<'k>(&mut self, pending: Rc<Pending>, keys: impl Iterator<Item = &'k [u8]>) -> PendingNumber {
        for key in keys {
            match self.keys.entry(key_hash(key)) {
                hashbrown::hash_map::Entry::Occupied(mut holders) => holders.get_mut().push(pending.clone()),
                hashbrown::hash_map::Entry::Vacant(vacant) => {
                    vacant.insert(Holders::One(pending.clone()));
                }
            }
        }
        self.spilled += usize::from(pending.spilled);
        self.next += 1;
        self.all.insert(self.next, pending);
        PendingNumber(self.next)
    }

    /// Takes the marks away and lets the waiting through. Called when the writes are applied or dropped.
    pub fn remove<'k>(&mut self, number: PendingNumber, keys: impl Iterator<Item = &'k [u8]>) {
        let Some(pending) = self.all.remove(&number.0) else { return };
        for key in keys {
            if let hashbrown::hash_map::Entry::Occupied(mut holders) = self.keys.entry(key_hash(key))
                && holders.get_mut().remove(|holder| Rc::ptr_eq(holder, &pending))
            {
                holders.remove();
            }
        }
        self.spilled -= usize::from(pending.spilled);
        pending.done.open();
    }

    /// Whether nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How many transactions are pending.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// A pending transaction that touches `key` and fulfils `matters`.
    pub fn on_key(&self, key: &[u8], matters: impl Fn(&Pending) -> bool) -> Option<&Rc<Pending>> {
        if self.all.is_empty() {
            return None;
        }
        let holders = self.keys.get(&key_hash(key));
        let exact = holders.into_iter().flat_map(Holders::iter).find(|pending| matters(pending));
        if exact.is_some() || self.spilled == 0 {
            return exact;
        }
        let storage = key::split(key).map(|(storage, ..)| storage)?;
        let spilled = |pending: &&Rc<Pending>| pending.spilled && pending.storages.binary_search(&storage).is_ok();
        self.all.values().filter(spilled).find(|pending| matters(pending))
    }

    /// A pending transaction that touches `storage` and fulfils `matters`.
    pub fn on_storage(&self, storage: StorageId, matters: impl Fn(&Pending) -> bool) -> Option<&Rc<Pending>> {
        self.all.values().find(|pending| pending.storages.binary_search(&storage).is_ok() && matters(pending))
    }
}

/// The storages that some keys lie in, and those known already, ascending.
pub fn storages_of<'k>(keys: impl Iterator<Item = &'k [u8]>, known: &[StorageId]) -> Vec<StorageId> {
    let mut storages: Vec<StorageId> = known.to_vec();
    for (storage, ..) in keys.filter_map(key::split) {
        if let Err(place) = storages.binary_search(&storage) {
            storages.insert(place, storage);
        }
    }
    storages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::{IndexId, PartitionId};

    fn user_key(storage: u32, name: &str) -> Vec<u8> {
        let mut bytes = key::prefix(StorageId(storage), IndexId::PRIMARY, PartitionId(0)).to_vec();
        bytes.extend_from_slice(name.as_bytes());
        bytes
    }

    fn pending(proposed: u64, storages: &[u32], spilled: bool) -> Rc<Pending> {
        let storages = storages.iter().map(|storage| StorageId(*storage)).collect();
        let proposed = Timestamp(proposed);
        Rc::new(Pending { proposed, prepared: false, transaction: None, storages, spilled, done: Gate::default() })
    }

    #[test]
    fn keys_are_marked_until_the_last_holder_is_done() {
        let mut table = PendingTable::default();
        let (a, b) = (user_key(1, "a"), user_key(1, "b"));
        let first = pending(5, &[1], false);
        let one = table.insert(first.clone(), [a.as_slice(), &b].into_iter());
        let two = table.insert(pending(7, &[1], false), [a.as_slice()].into_iter());
        assert_eq!(table.on_key(&a, |pending| pending.proposed > Timestamp(5)).unwrap().proposed, Timestamp(7));
        table.remove(one, [a.as_slice(), &b].into_iter());
        assert!(first.done.is_open());
        assert!(table.on_key(&b, |_| true).is_none());
        assert!(table.on_key(&a, |_| true).is_some());
        assert!(table.on_storage(StorageId(2), |_| true).is_none());
        table.remove(two, [a.as_slice()].into_iter());
        assert!(table.is_empty() && table.keys.is_empty());
    }

    #[test]
    fn a_spilled_transaction_stands_for_its_whole_storages() {
        let mut table = PendingTable::default();
        let number = table.insert(pending(5, &[1, 4], true), std::iter::empty());
        assert!(table.on_key(&user_key(4, "any"), |_| true).is_some());
        assert!(table.on_key(&user_key(3, "any"), |_| true).is_none());
        table.remove(number, std::iter::empty());
        assert!(table.on_key(&user_key(4, "any"), |_| true).is_none());
    }

    #[test]
    fn storages_come_sorted_and_once() {
        let keys = [user_key(9, "a"), user_key(2, "b"), user_key(9, "c"), vec![1]];
        let known = [StorageId(4)];
        let storages = storages_of(keys.iter().map(Vec::as_slice), &known);
        assert_eq!(storages, [StorageId(2), StorageId(4), StorageId(9)]);
    }
}
