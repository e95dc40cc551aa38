//! Fragments: the framing of records in the log. Pure: bytes in, bytes out. The drawing is in the module opening.

use xxhash_rust::xxh3::xxh3_64;
use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    little_endian::{U32, U64},
};

/// Bytes before a fragment's payload.
pub(super) const HEADER_BYTES: usize = size_of::<Header>();
/// Fragments start at multiples of this.
pub(super) const FRAGMENT_ALIGNMENT: usize = 8;
/// The longest payload of one fragment.
pub(super) const PAYLOAD_BYTES_MAX: usize = (1 << LENGTH_BITS) - 1;

const LENGTH_BITS: u32 = 28;
/// The checksum does not cover itself.
const CHECKSUM_BYTES: usize = 8;

/// Which part of a record a fragment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A whole record.
    Full,
    /// The first part.
    First,
    /// Neither the first nor the last part.
    Middle,
    /// The last part.
    Last,
    /// No record: the log was opened or closed here, and what was written before was durable.
    Mark,
}

impl Kind {
    fn to_bits(self) -> u32 {
        match self {
            Kind::Full => 1,
            Kind::First => 2,
            Kind::Middle => 3,
            Kind::Last => 4,
            Kind::Mark => 5,
        }
    }

    fn from_bits(bits: u32) -> Option<Kind> {
        Some(match bits {
            1 => Kind::Full,
            2 => Kind::First,
            3 => Kind::Middle,
            4 => Kind::Last,
            5 => Kind::Mark,
            _ => return None,
        })
    }
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    checksum: U64,
    sequence: U64,
    chain: U32,
    epoch: U32,
    index: U32,
    length_and_kind: U32,
}

/// What a fragment's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fragment {
    /// How many fragments precede it in this log.
    pub sequence: u64,
    /// The lower half of its predecessor's checksum.
    pub chain: u32,
    /// How often the log had been opened when it was written.
    pub epoch: u32,
    /// How many fragments precede it in the same write to the device.
    pub index: u32,
    /// Which part of a record it is.
    pub kind: Kind,
    /// Payload bytes.
    pub length: usize,
    /// As stored.
    pub checksum: u64,
}

impl Fragment {
    /// Reads a header; `None` when these bytes cannot be one (zeros cannot).
    pub(super) fn parse(bytes: &[u8]) -> Option<Fragment> {
        let (header, _) = Header::ref_from_prefix(bytes).ok()?;
        let length_and_kind = header.length_and_kind.get();
        Some(Fragment {
            kind: Kind::from_bits(length_and_kind >> LENGTH_BITS)?,
            length: (length_and_kind & PAYLOAD_BYTES_MAX as u32) as usize,
            sequence: header.sequence.get(),
            chain: header.chain.get(),
            epoch: header.epoch.get(),
            index: header.index.get(),
            checksum: header.checksum.get(),
        })
    }

    /// Writes the header over the start of `bytes`, which is the header's place followed by the payload and nothing
    /// else, and returns the checksum it put there.
    pub(super) fn seal(&self, bytes: &mut [u8], seed: u64) -> u64 {
        debug_assert_eq!(bytes.len(), HEADER_BYTES + self.length);
        let mut header = Header {
            checksum: U64::ZERO,
            sequence: U64::new(self.sequence),
            chain: U32::new(self.chain),
            epoch: U32::new(self.epoch),
            index: U32::new(self.index),
            length_and_kind: U32::new(self.length as u32 | self.kind.to_bits() << LENGTH_BITS),
        };
        bytes[..HEADER_BYTES].copy_from_slice(header.as_bytes());
        let sum = checksum(bytes, seed);
        header.checksum = U64::new(sum);
        bytes[..HEADER_BYTES].copy_from_slice(header.as_bytes());
        sum
    }

    /// Bytes it takes in the log, with the padding behind it.
    pub(super) fn stored_bytes(&self) -> usize {
        stored_bytes(self.length)
    }
}

/// Bytes that a payload of this length takes in the log as one fragment.
pub(super) fn stored_bytes(length: usize) -> usize {
    (HEADER_BYTES + length).next_multiple_of(FRAGMENT_ALIGNMENT)
}

/// The checksum that a fragment (header and payload) must carry.
pub(super) fn checksum(bytes: &[u8], seed: u64) -> u64 {
    xxh3_64(&bytes[CHECKSUM_BYTES..]) ^ seed
}

/// Ties a checksum to one log and one place in it, so that no byte moved or left over is ever taken for a record.
pub(super) fn seed(identity: u64, position: u64) -> u64 {
    let mut mixed = identity ^ position.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Fragment, Vec<u8>) {
        let mut bytes = vec![0; HEADER_BYTES];
        bytes.extend_from_slice(b"hello, log");
        let mut fragment = Fragment {
            sequence: 0x0102_0304_0506_0708,
            chain: 0x1122_3344,
            epoch: 7,
            index: 3,
            kind: Kind::Full,
            length: 10,
            checksum: 0,
        };
        fragment.checksum = fragment.seal(&mut bytes, seed(42, 4096));
        (fragment, bytes)
    }

    #[test]
    fn framing_is_what_it_was() {
        let (_, bytes) = sample();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        // checksum, sequence, chain, epoch, index, length and kind, payload
        let golden = concat!(
            "5c77863ea1cf4310",
            "0807060504030201",
            "44332211",
            "07000000",
            "03000000",
            "0a000010",
            "68656c6c6f2c206c6f67"
        );
        assert_eq!(hex, golden);
    }

    #[test]
    fn every_bit_counts() {
        let (fragment, bytes) = sample();
        assert_eq!(Fragment::parse(&bytes), Some(fragment));
        assert_eq!(checksum(&bytes, seed(42, 4096)), fragment.checksum);
        assert_ne!(checksum(&bytes, seed(42, 8192)), fragment.checksum);
        assert_ne!(checksum(&bytes, seed(43, 4096)), fragment.checksum);
        for bit in CHECKSUM_BYTES * 8..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(checksum(&flipped, seed(42, 4096)), fragment.checksum, "bit {bit}");
        }
    }

    #[test]
    fn zeros_and_short_bytes_are_no_header() {
        assert_eq!(Fragment::parse(&[0; HEADER_BYTES]), None);
        assert_eq!(Fragment::parse(&[0xFF; HEADER_BYTES]), None);
        assert_eq!(Fragment::parse(&[1; HEADER_BYTES - 1]), None);
    }
}
