//! What rows hold: a pure function of seed, row number and version, so that reading back needs no copy of what was written.

/// Where each row's content comes from.
#[derive(Clone, Copy, Debug)]
pub struct Content {
    pub seed: u64,
    pub value_bytes: usize,
}

/// Groups in the table of facts.
pub const GROUPS: u64 = 100;

impl Content {
    /// Printable text of `value_bytes` bytes; every version of every row differs.
    pub fn payload(&self, id: u64, version: u64) -> String {
        const LETTERS: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
        let mut state = mix(self.seed ^ mix(id) ^ mix(version).rotate_left(17));
        let mut payload = String::with_capacity(self.value_bytes + 10);
        while payload.len() < self.value_bytes {
            state = mix(state);
            for sextet in 0..10 {
                payload.push(char::from(LETTERS[(state >> (sextet * 6)) as usize & 63]));
            }
        }
        payload.truncate(self.value_bytes);
        payload
    }

    /// Columns `a`, `b` and `c` of a fact.
    pub fn fact(&self, id: u64) -> (i32, i64, i32) {
        let bits = mix(self.seed ^ id);
        ((bits % 1000) as i32, (bits >> 20) as i64, (id % GROUPS) as i32)
    }
}

/// A bijection that scatters (splitmix64's finisher).
pub fn mix(value: u64) -> u64 {
    let mut value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn payloads_are_repeatable_and_distinct() {
        let content = Content { seed: 1, value_bytes: 100 };
        assert_eq!(content.payload(5, 3), content.payload(5, 3));
        assert_eq!(content.payload(5, 3).len(), 100);
        let all: HashSet<String> = (0..50).flat_map(|id| (0..50).map(move |v| content.payload(id, v))).collect();
        assert_eq!(all.len(), 2500);
        assert_eq!(Content { seed: 1, value_bytes: 0 }.payload(1, 1), "");
    }
}
