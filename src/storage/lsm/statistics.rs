//! Figures about a tree.

use super::compaction::pick::level_zero_depth;
use super::engine::Engine;
use super::throttle::Debt;

/// Figures for metrics and budgets; bytes are memory unless they say disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// All memtables, sealed ones among them.
    pub memtable_bytes: u64,
    pub sealed_memtables: u64,
    /// Blocks in the cache, and what is pinned on its account.
    pub cache_bytes: u64,
    pub cache_hits: u64,
    pub cache_misses: u64,
    /// Blocks that readers fetched ahead and hold.
    pub ahead_bytes: u64,
    /// Top indexes and key ranges of open tables.
    pub metadata_bytes: u64,
    /// For each level: tables, bytes on disk.
    pub levels: Vec<(u64, u64)>,
    pub level_zero_depth: u64,
    /// Versions in tables.
    pub entries: u64,
    pub tombstones: u64,
    pub flushes: u64,
    pub compactions: u64,
    /// Compactions that only changed the manifest.
    pub moves: u64,
    pub throttled_micros: u64,
    pub disk_bytes_read: u64,
    pub disk_bytes_written: u64,
}

impl Engine {
    /// What waits to be flushed and compacted.
    pub fn debt(&self) -> Debt {
        let snapshot = self.snapshot.borrow();
        Debt {
            memtable_bytes: snapshot.memtables().map(|memtable| memtable.bytes()).sum(),
            level_zero_depth: self.level_zero_depth.get(),
        }
    }

    /// See `Statistics`.
    pub fn statistics(&self) -> Statistics {
        let (debt, state, cache) = (self.debt(), self.state.borrow(), self.store.cache.counts());
        let tables = || state.levels.iter().flatten();
        let level = |tables: &Vec<super::manifest::edit::TableMeta>| {
            (tables.len() as u64, tables.iter().map(|table| table.file_bytes).sum())
        };
        Statistics {
            memtable_bytes: debt.memtable_bytes as u64,
            sealed_memtables: self.snapshot.borrow().sealed.len() as u64,
            cache_bytes: (cache.bytes + cache.reserved_bytes) as u64,
            cache_hits: cache.hits,
            cache_misses: cache.misses,
            ahead_bytes: self.store.ahead_bytes.get() as u64,
            metadata_bytes: self.store.metadata_bytes.get() as u64,
            levels: state.levels.iter().map(level).collect(),
            level_zero_depth: level_zero_depth(&state.levels[0]) as u64,
            entries: tables().map(|table| table.properties.entries).sum(),
            tombstones: tables().map(|table| table.properties.tombstones).sum(),
            flushes: self.counters.flushes.get(),
            compactions: self.counters.compactions.get(),
            moves: self.counters.moves.get(),
            throttled_micros: self.counters.throttled_micros.get(),
            disk_bytes_read: self.store.bytes_read.get(),
            disk_bytes_written: self.store.bytes_written.get(),
        }
    }
}
