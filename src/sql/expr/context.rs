//! What an expression may need beside its input rows.

use crate::base::value::Value;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

/// Parameters, times, session facts and seeds of one statement's run. Made by the coordinator, sent to every core that
/// runs a fragment of it.
#[derive(Clone, Debug)]
pub struct Context {
    /// `$1` … of the statement, already of the types it was planned with.
    pub parameters: Vec<Value>,
    /// Results of uncorrelated subqueries, by number.
    pub subplans: Vec<Value>,
    /// When the transaction began, in microseconds since the Unix epoch: `now()`.
    pub transaction_micros: i64,
    /// When the statement came, likewise.
    pub statement_micros: i64,
    /// When this context was made, likewise: `clock_timestamp()`.
    pub clock_micros: i64,
    /// Name of the session's time zone.
    pub time_zone: String,
    pub user: String,
    pub database: String,
    /// Effective search path: schemas that exist, without pg_catalog.
    pub search_path: Vec<String>,
    /// Every setting that `current_setting` can see, by lower-case name.
    pub settings: BTreeMap<String, String>,
    /// Seed of `random()` and `gen_random_uuid()`.
    pub seed: u64,
    /// `pg_backend_pid()`.
    pub process_id: i32,
    /// `txid_current()`.
    pub transaction_id: u64,
    /// Memory that one executor of the statement may hold, in bytes.
    pub memory_bytes_max: usize,
    /// Settings that `set_config` changed: name, value, whether only for the transaction. The coordinator takes them
    /// after the statement.
    pub setting_changes: Arc<Mutex<Vec<(String, String, bool)>>>,
    /// How many random numbers were drawn, over all rows and cores.
    draws: Arc<AtomicU64>,
}

/// Memory of one executor unless the coordinator says otherwise.
pub const MEMORY_BYTES_MAX: usize = 256 << 20;

impl Default for Context {
    fn default() -> Context {
        Context {
            parameters: Vec::new(),
            subplans: Vec::new(),
            transaction_micros: 0,
            statement_micros: 0,
            clock_micros: 0,
            time_zone: "UTC".to_owned(),
            user: String::new(),
            database: String::new(),
            search_path: Vec::new(),
            settings: BTreeMap::new(),
            seed: 0,
            process_id: 0,
            transaction_id: 0,
            memory_bytes_max: MEMORY_BYTES_MAX,
            setting_changes: Arc::default(),
            draws: Arc::default(),
        }
    }
}

impl Context {
    /// The next 128 random bits: a hash of the seed, the statement's times and a counter. Two statements meet only when
    /// all of these do.
    pub(super) fn draw(&self) -> u128 {
        let number = self.draws.fetch_add(1, Ordering::Relaxed);
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.statement_micros.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.clock_micros.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.process_id.to_le_bytes());
        xxhash_rust::xxh3::xxh3_128_with_seed(&bytes, self.seed)
    }
}
