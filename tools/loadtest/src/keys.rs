//! Which row an operation touches.

use crate::content::mix;
use rand::Rng;
use rand_distr::{Distribution as _, Zipf};

/// Exponent of the skewed distributions, as in YCSB.
const ZIPF_EXPONENT: f64 = 0.99;

/// How rows are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// Every row equally often
    Uniform,
    /// Few rows often, scattered over the table (YCSB's scrambled zipfian, 0.99)
    Zipfian,
    /// The newest rows most often
    Latest,
}

/// Draws row numbers below a growing bound.
#[derive(Clone)]
pub struct Chooser {
    distribution: Distribution,
    zipf: Option<Zipf<f64>>,
}

impl Chooser {
    /// `rows` is the number of rows at the start; rows that come later are drawn by `latest` only.
    pub fn new(distribution: Distribution, rows: u64) -> Chooser {
        let skewed = distribution != Distribution::Uniform;
        Chooser { distribution, zipf: skewed.then(|| Zipf::new(rows.max(1) as f64, ZIPF_EXPONENT).ok()).flatten() }
    }

    /// A row below `rows`, which is at least 1.
    pub fn choose(&self, rng: &mut impl Rng, rows: u64) -> u64 {
        let rank = |rng: &mut _| self.zipf.map_or(0, |zipf| (zipf.sample(rng) as u64).saturating_sub(1));
        match self.distribution {
            Distribution::Uniform => rng.random_range(0..rows),
            Distribution::Zipfian => mix(rank(rng)) % rows,
            Distribution::Latest => rows - 1 - rank(rng).min(rows - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::SmallRng};

    fn counts(distribution: Distribution) -> Vec<u32> {
        let chooser = Chooser::new(distribution, 1000);
        let mut rng = SmallRng::seed_from_u64(1);
        let mut counts = vec![0; 1000];
        for _ in 0..100_000 {
            counts[chooser.choose(&mut rng, 1000) as usize] += 1;
        }
        counts
    }

    #[test]
    fn shapes() {
        let uniform = counts(Distribution::Uniform);
        assert!(uniform.iter().all(|count| (40..=180).contains(count)));
        let mut zipfian = counts(Distribution::Zipfian);
        assert!(zipfian.iter().take(10).sum::<u32>() < 40_000, "scattered, not at the front");
        zipfian.sort_unstable();
        assert!(zipfian[999] > 10_000, "the hottest of 1000 gets about an eighth: {}", zipfian[999]);
        let latest = counts(Distribution::Latest);
        assert!(latest[999] > latest[990] && latest[990] > latest[500]);
        let one = Chooser::new(Distribution::Latest, 1);
        assert_eq!(one.choose(&mut SmallRng::seed_from_u64(1), 1), 0);
    }
}
