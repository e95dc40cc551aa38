//! How long a writer waits when flush and compaction fall behind. Pure, and gradual: no debt, no wait; much debt, longer
//! waits, but never an endless one.

use super::options::Options;
use std::time::Duration;

/// The longest that one call waits.
pub const DELAY_MAX: Duration = Duration::from_millis(500);

/// How much is waiting.
#[derive(Clone, Copy, Debug, Default)]
pub struct Debt {
    /// Bytes of all memtables.
    pub memtable_bytes: usize,
    /// Tables of level 0 that overlap.
    pub level_zero_depth: usize,
}

/// The wait before the next write.
pub fn delay(debt: Debt, options: &Options) -> Duration {
    let full = options.memtable_bytes as f64;
    // One memtable may fill while another is flushed; beyond that the wait grows.
    let memory = share(debt.memtable_bytes as f64, full * 2.0, full * options.memtables_max as f64);
    let middle = (options.level_zero_depth + options.level_zero_depth_max) as f64 / 2.0;
    let depth = share(debt.level_zero_depth as f64, middle, options.level_zero_depth_max as f64);
    DELAY_MAX.mul_f64(memory.max(depth).powi(3))
}

/// Where `value` lies between `low` (0) and `high` (1).
fn share(value: f64, low: f64, high: f64) -> f64 {
    if value <= low { 0.0 } else { ((value - low) / (high - low).max(1.0)).min(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_with_the_debt_and_end() {
        let options = Options { memtable_bytes: 1000, memtables_max: 4, ..Options::new("/", 1 << 20) };
        let wait = |memtable_bytes, level_zero_depth| delay(Debt { memtable_bytes, level_zero_depth }, &options);
        assert_eq!(wait(2000, 4), Duration::ZERO);
        assert!(wait(2500, 4) > Duration::ZERO && wait(2500, 4) < wait(3000, 4));
        assert_eq!(wait(10_000, 4), DELAY_MAX);
        assert!(wait(0, 15) < wait(0, 18));
        assert_eq!(wait(0, 100), DELAY_MAX);
    }
}
