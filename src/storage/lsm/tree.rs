//! The order of a memtable: a B+ tree of places in its arena.
//!
//! A node keeps, beside each entry's place, the first eight bytes of its key that differ within the node (its *head*): most
//! comparisons are then of two integers that lie side by side, and a lookup costs a few cache misses instead of one per
//! comparison. Nodes only ever split; nothing is removed.
//!
//! ```text
//!          inner  [ head | place of the child's first entry | child ] …
//!         /     \
//!     leaf  <->  leaf   [ head | place ] …     shared_bytes: what all keys of the node begin with
//! ```
//!
//! Invariants: entries are ordered by (key, newest first); all leaves are at the same depth; the first child of an inner
//! node stands for everything below the second one's first entry, so its own head is never looked at.

use super::arena::Place;
use super::memtable::Memtable;
use crate::base::time::Timestamp;
use std::cmp::Ordering;

const FAN_OUT: usize = 64;
const NO_PLACE: u32 = u32::MAX;

/// The keys of a node, in order.
#[derive(Clone)]
struct Keys {
    len: usize,
    /// All keys of the node begin with the same bytes, this many.
    shared_bytes: usize,
    heads: [u64; FAN_OUT],
    places: [Option<Place>; FAN_OUT],
}

struct Leaf {
    keys: Keys,
    previous: u32,
    next: u32,
}

struct Inner {
    keys: Keys,
    children: [u32; FAN_OUT],
}

/// A place among the entries, valid for the tree's state it was taken from.
#[derive(Clone, Copy, Debug)]
pub struct Position {
    leaf: u32,
    slot: u32,
    generation: u64,
}

impl Default for Position {
    fn default() -> Position {
        Position { leaf: NO_PLACE, slot: 0, generation: u64::MAX }
    }
}

/// See the module.
#[derive(Default)]
#[expect(clippy::vec_box, reason = "nodes are large: a list that grows moves pointers only")]
pub struct Tree {
    leaves: Vec<Box<Leaf>>,
    inners: Vec<Box<Inner>>,
    /// Number of inner levels; with none the root is the only leaf.
    height: usize,
    root: u32,
    last_leaf: u32,
    generation: u64,
}

impl Tree {
    /// A tree of entries that come in order, all different, and their number.
    pub fn build(memtable: &Memtable, places: impl Iterator<Item = Place>) -> (Tree, usize) {
        let mut tree = Tree::default();
        let mut entries = 0;
        let mut keys = Keys::default();
        // The first entry and the number of each node of the level below the one being built.
        let mut below = Vec::new();
        for place in places {
            if keys.len == FAN_OUT {
                below.extend(tree.add_leaf(memtable, std::mem::take(&mut keys)));
            }
            keys.places[keys.len] = Some(place);
            keys.len += 1;
            entries += 1;
        }
        below.extend(tree.add_leaf(memtable, keys));
        tree.last_leaf = (tree.leaves.len() as u32).saturating_sub(1);
        while below.len() > 1 {
            below = below.chunks(FAN_OUT).map(|children| tree.add_inner(memtable, children)).collect();
            tree.height += 1;
        }
        tree.root = below.first().map_or(0, |(_, root)| *root);
        (tree, entries)
    }

    /// Adds a leaf behind the last one, unless it is empty.
    fn add_leaf(&mut self, memtable: &Memtable, mut keys: Keys) -> Option<(Place, u32)> {
        let first = keys.places[0]?;
        keys.narrow(memtable);
        let number = self.leaves.len() as u32;
        let previous = number.checked_sub(1).unwrap_or(NO_PLACE);
        if let Some(last) = self.leaves.last_mut() {
            last.next = number;
        }
        self.leaves.push(Box::new(Leaf { keys, previous, next: NO_PLACE }));
        Some((first, number))
    }

    /// Adds an inner node over children that come in order; there is one at least.
    fn add_inner(&mut self, memtable: &Memtable, children: &[(Place, u32)]) -> (Place, u32) {
        let mut inner = Inner { keys: Keys { len: children.len(), ..Keys::default() }, children: [0; FAN_OUT] };
        for (slot, (first, child)) in children.iter().enumerate() {
            inner.keys.places[slot] = Some(*first);
            inner.children[slot] = *child;
        }
        inner.keys.narrow(memtable);
        self.inners.push(Box::new(inner));
        (children[0].0, self.inners.len() as u32 - 1)
    }

    /// Puts an entry in its order; false if it replaced the same version.
    pub fn insert(&mut self, memtable: &Memtable, key: &[u8], timestamp: Timestamp, place: Place) -> bool {
        self.generation += 1;
        if self.leaves.is_empty() {
            self.leaves.push(Box::new(Leaf { keys: Keys::default(), previous: NO_PLACE, next: NO_PLACE }));
        }
        let mut path = Path::default();
        let leaf = self.descend(memtable, key, timestamp, Some(&mut path));
        let keys = &mut self.leaves[leaf as usize].keys;
        let slot = keys.lower_bound(memtable, key, timestamp);
        if keys.holds(memtable, slot, key, timestamp) {
            keys.places[slot] = Some(place);
            return false;
        }
        if keys.len < FAN_OUT {
            keys.insert(memtable, slot, key, place);
            return true;
        }
        let right = self.split_leaf(memtable, leaf, slot);
        let left_len = self.leaves[leaf as usize].keys.len;
        // At the border the new entry goes left, unless it goes behind everything: then it begins the new leaf.
        let (target, at) = match slot > left_len || left_len == FAN_OUT {
            true => (right, slot - left_len),
            false => (leaf, slot),
        };
        self.leaves[target as usize].keys.insert(memtable, at, key, place);
        let Some(first) = self.leaves[right as usize].keys.places[0] else { return true };
        self.add_child(memtable, &path, first, right);
        true
    }

    /// The leaf whose range holds (key, timestamp), noting the way there.
    #[inline]
    fn descend(&self, memtable: &Memtable, key: &[u8], timestamp: Timestamp, mut path: Option<&mut Path>) -> u32 {
        let mut node = self.root;
        for _ in 0..self.height {
            let inner = &self.inners[node as usize];
            let slot = inner.keys.child_for(memtable, key, timestamp);
            if let Some(path) = path.as_deref_mut() {
                path.push(node, slot);
            }
            node = inner.children[slot];
        }
        node
    }

    /// Moves the upper half to a new leaf; nothing when the new entry goes to the very end, so that sorted writes fill
    /// leaves up.
    fn split_leaf(&mut self, memtable: &Memtable, leaf: u32, slot: usize) -> u32 {
        let right = self.leaves.len() as u32;
        let left = &mut self.leaves[leaf as usize];
        let at = if slot == FAN_OUT { FAN_OUT } else { FAN_OUT / 2 };
        let keys = left.keys.split_off(memtable, at);
        let next = std::mem::replace(&mut left.next, right);
        self.leaves.push(Box::new(Leaf { keys, previous: leaf, next }));
        match self.leaves.get_mut(next as usize) {
            Some(next) => next.previous = right,
            None => self.last_leaf = right,
        }
        right
    }

    /// Tells the parents about a new node to the right of the one the path led to.
    fn add_child(&mut self, memtable: &Memtable, path: &Path, mut first: Place, mut child: u32) {
        for &(node, slot) in path.steps.iter().take(path.len).rev() {
            let inner = &mut self.inners[node as usize];
            let key = memtable.entry(first).key;
            let at = slot + 1;
            if inner.keys.len < FAN_OUT {
                inner.insert(memtable, at, key, first, child);
                return;
            }
            let half = if at == FAN_OUT { FAN_OUT - 1 } else { FAN_OUT / 2 };
            let mut right = Inner { keys: inner.keys.split_off(memtable, half), children: [0; FAN_OUT] };
            right.children[..FAN_OUT - half].copy_from_slice(&inner.children[half..]);
            match at > half {
                true => right.insert(memtable, at - half, key, first, child),
                false => inner.insert(memtable, at, key, first, child),
            }
            let Some(up) = right.keys.places[0] else { return };
            (first, child) = (up, self.inners.len() as u32);
            self.inners.push(Box::new(right));
        }
        self.grow_root(memtable, first, child);
    }

    fn grow_root(&mut self, memtable: &Memtable, first: Place, child: u32) {
        let mut root = Inner { keys: Keys::default(), children: [0; FAN_OUT] };
        // The first child's key is never compared; any key will do.
        root.insert(memtable, 0, memtable.entry(first).key, first, self.root);
        root.insert(memtable, 1, memtable.entry(first).key, first, child);
        self.root = self.inners.len() as u32;
        self.inners.push(Box::new(root));
        self.height += 1;
    }

    /// The first entry at or after (key, timestamp); maybe behind the last.
    #[inline]
    pub fn seek(&self, memtable: &Memtable, key: &[u8], timestamp: Timestamp) -> Position {
        if self.leaves.is_empty() {
            return Position { generation: self.generation, ..Position::default() };
        }
        let leaf = self.descend(memtable, key, timestamp, None);
        let slot = self.leaves[leaf as usize].keys.lower_bound(memtable, key, timestamp);
        self.normal(Position { leaf, slot: slot as u32, generation: self.generation })
    }

    /// The last entry.
    pub fn last(&self) -> Option<Position> {
        let leaf = self.leaves.get(self.last_leaf as usize)?;
        let slot = leaf.keys.len.checked_sub(1)? as u32;
        Some(Position { leaf: self.last_leaf, slot, generation: self.generation })
    }

    /// The entry after.
    #[inline]
    pub fn next(&self, position: Position) -> Position {
        self.normal(Position { slot: position.slot + 1, ..position })
    }

    /// The entry before; `position` may stand behind the last.
    pub fn previous(&self, position: Position) -> Option<Position> {
        let Some(leaf) = self.leaves.get(position.leaf as usize) else { return self.last() };
        if let Some(slot) = position.slot.checked_sub(1) {
            return Some(Position { slot, ..position });
        }
        let before = self.leaves.get(leaf.previous as usize)?;
        Some(Position { leaf: leaf.previous, slot: before.keys.len.checked_sub(1)? as u32, ..position })
    }

    /// Moves a position behind a leaf's last entry to the next leaf.
    #[inline]
    fn normal(&self, position: Position) -> Position {
        match self.leaves.get(position.leaf as usize) {
            Some(leaf) if position.slot as usize >= leaf.keys.len => Position { leaf: leaf.next, slot: 0, ..position },
            _ => position,
        }
    }

    /// The entry at a position of this generation.
    #[inline]
    pub fn place(&self, position: Position) -> Option<Place> {
        let leaf = self.leaves.get(position.leaf as usize)?;
        *leaf.keys.places.get(position.slot as usize)?
    }

    /// The entries behind a position of this generation that lie in the same node.
    #[inline]
    pub fn neighbours(&self, position: Position) -> impl Iterator<Item = (Position, Place)> {
        let places = self.leaves.get(position.leaf as usize).map_or(&[][..], |leaf| &leaf.keys.places[..leaf.keys.len]);
        let places = places.iter().enumerate().skip(position.slot as usize + 1);
        places.map_while(move |(slot, place)| Some((Position { slot: slot as u32, ..position }, (*place)?)))
    }

    /// The last entry in the node of a position of this generation.
    #[inline]
    pub fn last_neighbour(&self, position: Position) -> Option<Place> {
        let keys = &self.leaves.get(position.leaf as usize)?.keys;
        *keys.places.get(keys.len.checked_sub(1)?)?
    }

    /// Whether nothing was inserted since the position was taken.
    #[inline]
    pub fn is_current(&self, position: Position) -> bool {
        position.generation == self.generation
    }

    /// Memory of the nodes.
    pub fn bytes(&self) -> usize {
        self.leaves.len() * size_of::<Leaf>() + self.inners.len() * size_of::<Inner>()
    }
}

/// The inner nodes from the root down, with the slot taken in each. Deep enough for any memtable that fits 32-bit places.
#[derive(Default)]
struct Path {
    steps: [(u32, usize); 12],
    len: usize,
}

impl Path {
    fn push(&mut self, node: u32, slot: usize) {
        self.steps[self.len] = (node, slot);
        self.len += 1;
    }
}

impl Inner {
    fn insert(&mut self, memtable: &Memtable, at: usize, key: &[u8], first: Place, child: u32) {
        self.children.copy_within(at..self.keys.len, at + 1);
        self.children[at] = child;
        self.keys.insert(memtable, at, key, first);
        // The first child's key may be larger than what has since gone into it; keep the keys in order all the same.
        let first_key = self.keys.places[0].map(|place| memtable.entry(place).key);
        if at == 1 && first_key.is_some_and(|first_key| first_key > key) {
            self.keys.places[0] = self.keys.places[1];
            self.keys.heads[0] = self.keys.heads[1];
        }
    }
}

impl Default for Keys {
    fn default() -> Keys {
        Keys { len: 0, shared_bytes: 0, heads: [0; FAN_OUT], places: [None; FAN_OUT] }
    }
}

impl Keys {
    /// The first slot whose entry is at or after (key, timestamp).
    #[inline]
    fn lower_bound(&self, memtable: &Memtable, key: &[u8], timestamp: Timestamp) -> usize {
        self.partition(memtable, key, timestamp, false)
    }

    /// The child whose range holds (key, timestamp): the last one that begins at or before it.
    #[inline]
    fn child_for(&self, memtable: &Memtable, key: &[u8], timestamp: Timestamp) -> usize {
        self.partition(memtable, key, timestamp, true).saturating_sub(1)
    }

    /// The number of entries before (key, timestamp), or at or before it if `through`.
    #[inline]
    fn partition(&self, memtable: &Memtable, key: &[u8], timestamp: Timestamp, through: bool) -> usize {
        let Some(first) = self.places[0] else { return 0 };
        let shared = &memtable.entry(first).key[..self.shared_bytes];
        match compare_start(key, shared) {
            Ordering::Less => return 0,
            Ordering::Greater => return self.len,
            Ordering::Equal => {}
        }
        let head = head_of(key, self.shared_bytes);
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let middle = (low + high) / 2;
            let before = match self.heads[middle].cmp(&head) {
                Ordering::Equal => match self.compare(memtable, middle, key, timestamp) {
                    Ordering::Equal => through,
                    order => order.is_lt(),
                },
                order => order.is_lt(),
            };
            if before {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    fn compare(&self, memtable: &Memtable, slot: usize, key: &[u8], timestamp: Timestamp) -> Ordering {
        let Some(place) = self.places[slot] else { return Ordering::Greater };
        let entry = memtable.entry(place);
        entry.key.cmp(key).then(timestamp.cmp(&entry.timestamp))
    }

    fn holds(&self, memtable: &Memtable, slot: usize, key: &[u8], timestamp: Timestamp) -> bool {
        slot < self.len && self.compare(memtable, slot, key, timestamp).is_eq()
    }

    fn insert(&mut self, memtable: &Memtable, at: usize, key: &[u8], place: Place) {
        if self.len == 0 {
            self.shared_bytes = key.len();
        } else if let Some(first) = self.places[0] {
            let shared = common_bytes(memtable.entry(first).key, key);
            if shared < self.shared_bytes {
                self.shared_bytes = shared;
                self.refresh_heads(memtable);
            }
        }
        self.heads.copy_within(at..self.len, at + 1);
        self.places.copy_within(at..self.len, at + 1);
        self.heads[at] = head_of(key, self.shared_bytes);
        self.places[at] = Some(place);
        self.len += 1;
    }

    /// Keeps the first `at` entries and gives the rest.
    fn split_off(&mut self, memtable: &Memtable, at: usize) -> Keys {
        let mut right = Keys { len: self.len - at, ..Keys::default() };
        right.places[..right.len].copy_from_slice(&self.places[at..self.len]);
        self.places[at..].fill(None);
        self.len = at;
        self.narrow(memtable);
        right.narrow(memtable);
        right
    }

    /// Finds anew what all keys have in common.
    fn narrow(&mut self, memtable: &Memtable) {
        let Some(last) = self.len.checked_sub(1) else { return };
        let (Some(first), Some(last)) = (self.places[0], self.places[last]) else { return };
        self.shared_bytes = common_bytes(memtable.entry(first).key, memtable.entry(last).key);
        self.refresh_heads(memtable);
    }

    fn refresh_heads(&mut self, memtable: &Memtable) {
        for (head, place) in self.heads.iter_mut().zip(self.places.iter().flatten()) {
            *head = head_of(memtable.entry(*place).key, self.shared_bytes);
        }
    }
}

/// How `key` lies to all keys that start with `shared`.
#[inline]
fn compare_start(key: &[u8], shared: &[u8]) -> Ordering {
    key[..key.len().min(shared.len())].cmp(shared)
}

fn common_bytes(left: &[u8], right: &[u8]) -> usize {
    left.iter().zip(right).take_while(|(left, right)| left == right).count()
}

/// Eight bytes of a key from `skip` on as a number that orders like them; what is missing counts as zeros.
#[inline]
fn head_of(key: &[u8], skip: usize) -> u64 {
    let rest = key.get(skip..).unwrap_or_default();
    if let Some(eight) = rest.first_chunk::<8>() {
        return u64::from_be_bytes(*eight);
    }
    let mut bytes = [0; 8];
    bytes[..rest.len()].copy_from_slice(rest);
    u64::from_be_bytes(bytes)
}
