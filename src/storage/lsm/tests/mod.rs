//! What the tree promises, seen from outside.

mod damage;
mod golden;
mod model;

use super::manifest::edit::TableMeta;
use super::table::properties::Properties;
use super::{Lsm, Options, Retention};
use crate::env::Env;
use std::path::Path;
use std::rc::Rc;

/// Small numbers from a seed.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }
}

/// Everything small, so that little data goes through all of the machinery.
pub fn tiny(dir: &Path, retention: Rc<Retention>, seed: u64) -> Options {
    let mut random = Random(seed);
    retention.horizon.set(retention.horizon.get().next());
    Options {
        memtable_bytes: 40 << 10,
        memtables_max: 3,
        cache_bytes: [0, 4 << 10, 64 << 10, 1 << 20][random.below(4) as usize],
        block_bytes: [64, 300, 1000, 4000][random.below(4) as usize],
        restart_interval: 1 + random.below(16) as usize,
        table_bytes: [4 << 10, 32 << 10][random.below(2) as usize],
        level_zero_depth: 2 + random.below(3) as usize,
        level_one_bytes: 16 << 10,
        level_ratio: 4,
        read_ahead_bytes: [0, 2000, 64 << 10][random.below(3) as usize],
        manifest_bytes_max: 64 << 10,
        retention,
        ..Options::new(dir, 1 << 20)
    }
}

pub async fn open(env: &Env, options: &Options) -> Lsm {
    Lsm::open(env, options.clone()).await.unwrap()
}

/// A table that is only known by its properties.
pub fn meta(number: u64, properties: Properties) -> TableMeta {
    TableMeta { number, file_bytes: 4096, identity: 0xABCD, properties: Rc::new(properties), stamp: None }
}
