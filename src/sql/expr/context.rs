//! What an expression may need beside its input rows.

use crate::{
    base::{
        datetime::{UNIX_EPOCH_MICROS, Zone},
        ids::DatabaseId,
        text::Style,
        value::Value,
    },
    catalog::Catalog,
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

/// What changes rarely: shared by all statements of a session until a setting changes.
#[derive(Clone, Debug, Default)]
pub struct SessionFacts {
    /// How values are read from and written as text; its zone is the session's. What `now` means comes from the context.
    pub style: Style,
    pub user: String,
    pub database: String,
    /// Effective search path: schemas that exist, without pg_catalog.
    pub search_path: Vec<String>,
    /// Every setting that `current_setting` can see, by lower-case name.
    pub settings: BTreeMap<String, String>,
    /// `pg_backend_pid()`.
    pub process_id: i32,
    /// What exists, as the session sees it: for the functions that describe it.
    pub catalog: Arc<Catalog>,
    /// Whose objects they are.
    pub database_id: DatabaseId,
}

/// A setting that `set_config` changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingChange {
    pub name: String,
    pub value: String,
    /// Only until the transaction ends.
    pub local: bool,
}

/// What evaluation leaves behind; shared by all copies of a context.
#[derive(Debug, Default)]
pub struct Effects {
    setting_changes: Mutex<Vec<SettingChange>>,
    /// How many random numbers were drawn, over all rows and cores.
    draws: AtomicU64,
}

/// Parameters, times, session facts and seeds of one statement's run. Made by the coordinator, sent to every core that
/// runs a fragment of it. Cheap to make.
#[derive(Clone, Debug)]
pub struct Context {
    pub session: Arc<SessionFacts>,
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
    /// Seed of `random()` and `gen_random_uuid()`.
    pub seed: u64,
    /// `txid_current()`.
    pub transaction_id: u64,
    /// Memory that one executor of the statement may hold, in bytes.
    pub memory_bytes_max: usize,
    /// What evaluation leaves behind. A new one for each statement.
    pub effects: Arc<Effects>,
}

/// Memory of one executor unless the coordinator says otherwise.
pub const MEMORY_BYTES_MAX: usize = 256 << 20;

/// The facts of a session that has said nothing.
static NO_FACTS: LazyLock<Arc<SessionFacts>> = LazyLock::new(Arc::default);

impl Default for Context {
    fn default() -> Context {
        Context {
            session: NO_FACTS.clone(),
            parameters: Vec::new(),
            subplans: Vec::new(),
            transaction_micros: UNIX_EPOCH_MICROS,
            statement_micros: UNIX_EPOCH_MICROS,
            clock_micros: UNIX_EPOCH_MICROS,
            seed: 0,
            transaction_id: 0,
            memory_bytes_max: MEMORY_BYTES_MAX,
            effects: Arc::default(),
        }
    }
}

impl Context {
    /// `now()` as a timestamptz value.
    pub fn transaction_timestamp(&self) -> i64 {
        since_2000(self.transaction_micros)
    }

    /// `statement_timestamp()`.
    pub fn statement_timestamp(&self) -> i64 {
        since_2000(self.statement_micros)
    }

    /// `clock_timestamp()`.
    pub fn clock_timestamp(&self) -> i64 {
        since_2000(self.clock_micros)
    }

    /// The session's time zone.
    pub fn zone(&self) -> &Zone {
        &self.session.style.zone
    }

    /// How values are read and written, with what `now` means.
    pub fn style(&self) -> Style {
        Style { now_micros: self.transaction_timestamp(), ..self.session.style.clone() }
    }

    /// Settings that `set_config` changed since the last call, in order. The coordinator applies them after the statement.
    pub fn take_setting_changes(&self) -> Vec<SettingChange> {
        match self.effects.setting_changes.lock() {
            Ok(mut changes) => std::mem::take(&mut *changes),
            Err(poisoned) => std::mem::take(&mut *poisoned.into_inner()),
        }
    }

    pub(super) fn change_setting(&self, change: SettingChange) {
        match self.effects.setting_changes.lock() {
            Ok(mut changes) => changes.push(change),
            Err(poisoned) => poisoned.into_inner().push(change),
        }
    }

    /// The next 128 random bits: a hash of the seed, the statement's times and a counter. Two statements meet only when
    /// all of these do.
    pub(super) fn draw(&self) -> u128 {
        let number = self.effects.draws.fetch_add(1, Ordering::Relaxed);
        let mut bytes = [0; 28];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.statement_micros.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.clock_micros.to_le_bytes());
        bytes[24..].copy_from_slice(&self.session.process_id.to_le_bytes());
        xxhash_rust::xxh3::xxh3_128_with_seed(&bytes, self.seed)
    }
}

/// Microseconds since the Unix epoch as PostgreSQL counts, since 2000.
fn since_2000(unix_micros: i64) -> i64 {
    unix_micros.saturating_sub(UNIX_EPOCH_MICROS)
}
