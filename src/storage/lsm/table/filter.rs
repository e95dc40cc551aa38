//! Which user keys are surely not in a part: a Bloom filter whose probes for one key all lie in one cache line.
//!
//! ```text
//! line*     64 bytes each; a key sets PROBES bits of one line
//! ```
//!
//! The line is chosen by the upper half of the key's xxh3, the bits by the lower half. The number of lines follows from
//! the length. An empty filter lets everything through.

use super::block::Malformed;

const LINE_BYTES: usize = 64;
const PROBES: u32 = 6;

/// The hash of a user key. It is on disk (in filters), so it never changes.
#[inline]
pub fn hash(key: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(key)
}

/// A filter over these keys' hashes.
pub fn build(hashes: &[u64], bits_per_key: usize) -> Vec<u8> {
    let lines = (hashes.len() * bits_per_key).div_ceil(LINE_BYTES * 8);
    let mut bytes = vec![0; lines * LINE_BYTES];
    for &hash in hashes.iter().filter(|_| lines > 0) {
        let line = line_of(hash, lines);
        for bit in bits_of(hash) {
            bytes[line + bit / 8] |= 1 << (bit % 8);
        }
    }
    bytes
}

#[inline]
fn line_of(hash: u64, lines: usize) -> usize {
    ((hash >> 32).wrapping_mul(lines as u64) >> 32) as usize * LINE_BYTES
}

#[inline]
fn bits_of(hash: u64) -> impl Iterator<Item = usize> {
    // Nine bits a probe of a product that mixes the lower half anew.
    let mixed = u64::from(hash as u32).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (0..PROBES).map(move |probe| (mixed >> (64 - 9 * (probe + 1))) as usize & 511)
}

/// A filter as read from a file.
pub struct Filter {
    bytes: Box<[u8]>,
}

impl Filter {
    /// Takes over a filter's contents.
    pub fn new(bytes: Box<[u8]>) -> Result<Filter, Malformed> {
        if bytes.len().is_multiple_of(LINE_BYTES) {
            Ok(Filter { bytes })
        } else {
            Err(Malformed("a filter of odd length"))
        }
    }

    /// False if no key with this hash is in the part.
    #[inline]
    pub fn may_contain(&self, hash: u64) -> bool {
        let lines = self.bytes.len() / LINE_BYTES;
        if lines == 0 {
            return true;
        }
        let start = line_of(hash, lines);
        let Some(line) = self.bytes.get(start..start + LINE_BYTES) else { return true };
        bits_of(hash).all(|bit| line[bit / 8] >> (bit % 8) & 1 == 1)
    }

    /// Memory held.
    pub fn bytes(&self) -> usize {
        self.bytes.len() + size_of::<Filter>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lets_all_members_and_few_others_through() {
        for count in [1u64, 100, 50_000] {
            let hashes: Vec<u64> = (0..count).map(|i| hash(&i.to_be_bytes())).collect();
            let filter = Filter::new(build(&hashes, 10).into()).unwrap();
            assert!(hashes.iter().all(|&hash| filter.may_contain(hash)));
            let wrong = (count..count + 20_000).filter(|i| filter.may_contain(hash(&i.to_be_bytes()))).count();
            assert!(wrong < 400, "{wrong} of 20,000 pass in vain with {count} keys");
        }
        assert!(Filter::new(Box::from([0; 63])).is_err());
        assert!(Filter::new(Box::from([])).unwrap().may_contain(7));
    }
}
