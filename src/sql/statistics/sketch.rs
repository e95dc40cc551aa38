//! How many different values there are, counted in little memory: HyperLogLog.
//!
//! The estimator is the improved one of Otmar Ertl ("New cardinality estimation algorithms for HyperLogLog sketches", 2017,
//! algorithm 6): right over the whole range without tables of corrections.

/// Bits of the hash that choose a register.
const INDEX_BITS: u32 = 12;
/// Registers; the error is about 1.04 over the root of it, 1.6 %.
const REGISTERS: usize = 1 << INDEX_BITS;
/// Greatest value of a register.
const RANK_MAX: usize = 64 - INDEX_BITS as usize + 1;

/// A set of hashes, as far as its size goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sketch {
    registers: Box<[u8]>,
}

impl Default for Sketch {
    fn default() -> Sketch {
        Sketch { registers: vec![0; REGISTERS].into() }
    }
}

impl Sketch {
    /// Adds a value by its hash, whose bits must all be good.
    #[inline]
    pub fn add(&mut self, hash: u64) {
        let register = (hash >> (64 - INDEX_BITS)) as usize;
        // The marker bit bounds the rank.
        let rank = ((hash << INDEX_BITS) | (1 << (INDEX_BITS - 1))).leading_zeros() as u8 + 1;
        if self.registers[register] < rank {
            self.registers[register] = rank;
        }
    }

    /// Adds everything that the other one has seen.
    pub fn merge(&mut self, other: &Sketch) {
        for (own, other) in self.registers.iter_mut().zip(&other.registers) {
            *own = (*own).max(*other);
        }
    }

    /// About how many different hashes were added.
    pub fn estimate(&self) -> f64 {
        let mut counts = [0_u32; RANK_MAX + 1];
        for &rank in &self.registers {
            counts[usize::from(rank).min(RANK_MAX)] += 1;
        }
        let count = REGISTERS as f64;
        let mut sum = count * tau(1.0 - f64::from(counts[RANK_MAX]) / count);
        for &of_rank in counts[1..RANK_MAX].iter().rev() {
            sum = 0.5 * (sum + f64::from(of_rank));
        }
        sum += count * sigma(f64::from(counts[0]) / count);
        if sum == 0.0 {
            return f64::from(u32::MAX);
        }
        count * count / (2.0 * std::f64::consts::LN_2 * sum)
    }

    /// As bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.registers
    }

    /// From bytes; `None` if they are not those of a sketch.
    pub fn from_bytes(bytes: &[u8]) -> Option<Sketch> {
        let fits = bytes.len() == REGISTERS && bytes.iter().all(|&rank| usize::from(rank) <= RANK_MAX);
        fits.then(|| Sketch { registers: bytes.into() })
    }
}

/// Corrects for registers that nothing has reached; infinite when that is all of them.
fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

/// Corrects for registers that are full.
fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x).powi(2) * y;
        if z == before {
            return z / 3.0;
        }
    }
}
