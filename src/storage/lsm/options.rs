//! What the tree is told when it is opened. Nothing here is on disk but `block_bytes`' and `compression`'s effects, so all
//! of it may change between two runs.

use super::retention::Retention;
use std::path::PathBuf;
use std::rc::Rc;

/// How blocks are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// As they are.
    None,
    /// LZ4, where that saves at least an eighth.
    Lz4,
}

/// Settings of one core's tree.
#[derive(Clone)]
pub struct Options {
    /// The folder that holds the tables and the manifest; made when missing.
    pub dir: PathBuf,
    /// A memtable of this size is sealed and flushed.
    pub memtable_bytes: usize,
    /// Memtables, the active one among them, at which writers are slowed the most.
    pub memtables_max: usize,
    /// Uncompressed blocks, index parts and filters kept in memory.
    pub cache_bytes: usize,
    /// Size of a data block before compression.
    pub block_bytes: usize,
    /// Entries between two full keys in a block.
    pub restart_interval: usize,
    /// Filter size; 10 lets about one lookup in a hundred through in vain.
    pub filter_bits_per_key: usize,
    /// How blocks are stored.
    pub compression: Compression,
    /// Size at which compaction begins a new table.
    pub table_bytes: u64,
    /// Overlapping tables in level 0 that start a compaction.
    pub level_zero_depth: usize,
    /// Overlapping tables in level 0 at which writers are slowed the most. Slowing begins half-way from `level_zero_depth`.
    pub level_zero_depth_max: usize,
    /// What level 1 may hold before it spills into level 2.
    pub level_one_bytes: u64,
    /// How much more each further level may hold.
    pub level_ratio: u64,
    /// The most a sequential reader fetches ahead.
    pub read_ahead_bytes: usize,
    /// A manifest file larger than this is written anew.
    pub manifest_bytes_max: u64,
    /// What may be forgotten; the transaction layer keeps it up to date.
    pub retention: Rc<Retention>,
}

impl Options {
    /// Sensible settings for a folder and a memory budget of which 3/8 go to memtables and the rest to the cache.
    pub fn new(dir: impl Into<PathBuf>, memory_bytes: usize) -> Options {
        let memtables_max = 3;
        let memtable_bytes = (memory_bytes * 3 / 8 / memtables_max).clamp(256 << 10, 64 << 20);
        let table_bytes = 32 << 20;
        Options {
            dir: dir.into(),
            memtable_bytes,
            memtables_max,
            cache_bytes: memory_bytes.saturating_sub(memtable_bytes * memtables_max).max(256 << 10),
            block_bytes: 16 << 10,
            restart_interval: 16,
            filter_bits_per_key: 10,
            compression: Compression::Lz4,
            table_bytes,
            level_zero_depth: 4,
            level_zero_depth_max: 20,
            level_one_bytes: 4 * table_bytes,
            level_ratio: 10,
            read_ahead_bytes: 256 << 10,
            manifest_bytes_max: 1 << 20,
            retention: Rc::new(Retention::default()),
        }
    }

    /// How a level's target size grows: level 1 is `level_one_bytes`, each further one `level_ratio` times more.
    pub fn level_bytes_max(&self, level: usize) -> u64 {
        let steps = u32::try_from(level.saturating_sub(1)).unwrap_or(u32::MAX);
        self.level_one_bytes.saturating_mul(self.level_ratio.saturating_pow(steps))
    }
}
