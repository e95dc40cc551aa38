//! Variable-length integers: seven bits a byte, lowest first, the top bit says that more follow.

/// Appends a number.
pub fn write(buffer: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        buffer.push(value as u8 | 0x80);
        value >>= 7;
    }
    buffer.push(value as u8);
}

/// Reads a number at `*at` and moves `*at` behind it; `None` if the bytes end or it does not fit.
#[inline]
pub fn read(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let first = *bytes.get(*at)?;
    *at += 1;
    if first < 0x80 { Some(u64::from(first)) } else { read_rest(bytes, at, first) }
}

#[inline]
fn read_rest(bytes: &[u8], at: &mut usize, first: u8) -> Option<u64> {
    // Most end within eight bytes, which are looked at together: find the end, cut off the rest, close the gaps.
    let start = *at - 1;
    if let Some(eight) = bytes.get(start..start + 8).and_then(|eight| <&[u8; 8]>::try_from(eight).ok()) {
        let mut bits = u64::from_le_bytes(*eight);
        let ends = !bits & 0x8080_8080_8080_8080;
        if ends != 0 {
            *at = start + ends.trailing_zeros() as usize / 8 + 1;
            bits &= ends ^ ends.wrapping_sub(1);
            bits = (bits & 0x007F_007F_007F_007F) | (bits & 0x7F00_7F00_7F00_7F00) >> 1;
            bits = (bits & 0x0000_3FFF_0000_3FFF) | (bits & 0x3FFF_0000_3FFF_0000) >> 2;
            return Some((bits & 0x0FFF_FFFF) | (bits & 0x0FFF_FFFF_0000_0000) >> 4);
        }
    }
    read_slowly(bytes, at, first)
}

#[cold]
fn read_slowly(bytes: &[u8], at: &mut usize, first: u8) -> Option<u64> {
    let mut value = u64::from(first & 0x7F);
    for shift in (7..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        let bits = u64::from(byte & 0x7F);
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// Small numbers of either sign as small numbers.
pub fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The way back.
#[inline]
pub fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_comes_back() {
        for shift in 0..64 {
            for value in [1u64 << shift, (1u64 << shift) - 1, u64::MAX >> shift] {
                let mut bytes = Vec::new();
                write(&mut bytes, value);
                let mut at = 0;
                assert_eq!((read(&bytes, &mut at), at), (Some(value), bytes.len()));
                // With more behind it, whatever that is.
                for more in [0x00, 0x7F, 0xFF] {
                    let (longer, mut at) = ([&bytes[..], &[more; 9]].concat(), 0);
                    assert_eq!((read(&longer, &mut at), at), (Some(value), bytes.len()));
                }
                assert_eq!(read(&bytes[..bytes.len() - 1], &mut 0), None);
                assert_eq!(unzigzag(zigzag(value as i64)), value as i64);
            }
        }
        assert_eq!(read(&[0xFF; 10], &mut 0), None);
    }
}
