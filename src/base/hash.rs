//! Hash maps whose order is the same in every run.
//!
//! The standard library seeds its maps from the system's random generator, which would make a run of the simulator
//! differ from the next. These hash with xxh3 under a fixed seed. They do not defend against keys that somebody chose
//! to collide; where strangers choose the keys of a large map, use a `BTreeMap`.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A hash map with a fixed seed. Made with `HashMap::default()`.
pub type HashMap<K, V> = hashbrown::HashMap<K, V, FixedState>;
/// A hash set with a fixed seed. Made with `HashSet::default()`.
pub type HashSet<T> = hashbrown::HashSet<T, FixedState>;

/// Builds [`Hasher`]s that all start alike.
#[derive(Clone, Copy, Debug, Default)]
pub struct FixedState;

impl std::hash::BuildHasher for FixedState {
    type Hasher = Hasher;

    fn build_hasher(&self) -> Hasher {
        Hasher::default()
    }
}

/// xxh3 for bytes, a multiplication for integers; each call's result seeds the next.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hasher {
    state: u64,
}

/// An odd number without pattern (the golden ratio in 64 bits).
const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

impl Hasher {
    fn mix(&mut self, word: u64) {
        let product = u128::from(self.state ^ word ^ MULTIPLIER) * u128::from(MULTIPLIER ^ self.state.rotate_left(32));
        self.state = (product as u64) ^ ((product >> 64) as u64);
    }
}

impl std::hash::Hasher for Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.state = xxh3_64_with_seed(bytes, self.state);
    }

    fn write_u8(&mut self, word: u8) {
        self.mix(u64::from(word));
    }

    fn write_u16(&mut self, word: u16) {
        self.mix(u64::from(word));
    }

    fn write_u32(&mut self, word: u32) {
        self.mix(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        self.mix(word);
    }

    fn write_usize(&mut self, word: usize) {
        self.mix(word as u64);
    }

    fn finish(&self) -> u64 {
        // hashbrown takes the bucket from the low bits and the tag from the high ones: both must depend on everything.
        self.state ^ (self.state >> 29)
    }
}

/// Hash of some bytes, the same for ever.
pub fn bytes(bytes: &[u8]) -> u64 {
    xxh3_64_with_seed(bytes, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_spread_and_order_is_fixed() {
        let mut set = HashSet::default();
        for number in 0..10_000_u64 {
            set.insert(number << 40);
        }
        assert_eq!(set.len(), 10_000);
        let mut again = HashSet::default();
        for number in 0..10_000_u64 {
            again.insert(number << 40);
        }
        assert!(set.iter().eq(again.iter()));
    }
}
