//! Bulk loads: many writes of one statement that go past the ordered buffer and the log, straight into tables.
//!
//! ```text
//! pack → (little so far) kept as it is → (more) bulk → (full, or the statement ends) sorted, checked, installed
//!                 └ the statement ends: ordinary writes                                   └ commit: saved, then decided
//! ```
//!
//! An installed bulk is a provisional version like those of a spill (`spill.rs`), which only the transaction itself sees; a
//! statement's bulks are taken back by calling their versions aborted. What a write checks one by one is checked for the
//! whole bulk before it is installed, so a statement that loads must end its loads before it is done.
//!
//! Invariants: bulks of a transaction are installed one at a time and in the order of their versions; nothing waits between
//! the last check of a bulk and its installation; a transaction prepares or commits only when its bulks are saved.

use super::{
    Failure, TableUse, Transactions,
    failure::gone,
    gate::Gate,
    pending::Pending,
    state::{Counters, Open},
    write::{Obstacle, Tried, Writer},
};
use crate::{
    base::{ids::TransactionId, pack::Pack, time::Timestamp},
    error::Error,
    storage::lsm::{Bulk, Look, Resolution},
};
use std::rc::Rc;

/// What a statement has loaded and not installed.
#[derive(Default)]
pub struct Load {
    statement: u32,
    /// Few writes so far: perhaps not worth a table.
    packs: Vec<Pack>,
    bulk: Option<Bulk>,
    /// Bytes of both.
    bytes: usize,
}

impl Load {
    /// Memory in use.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Names the bulk that is being checked.
pub struct Installing {
    at: Timestamp,
    statement: u32,
    done: Gate,
}

/// A bulk on its way into the tree. Lets the next one in when it is dropped, however that came.
struct Turn {
    transactions: Transactions,
    at: Timestamp,
    bytes: usize,
    done: Gate,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.transactions.0.state.borrow_mut().buffered_bytes -= self.bytes;
        self.done.open();
    }
}

/// How the installation of what is loaded begins.
enum Begun {
    Nothing,
    /// Another bulk of the transaction goes before.
    Wait(Gate),
    Bulk(Bulk, Turn),
}

impl Open {
    /// Forgets what statement `statement` and later ones have loaded and not installed; gives the bytes freed.
    pub fn drop_load(&mut self, statement: u32) -> usize {
        if self.installing.as_ref().is_some_and(|installing| installing.statement >= statement) {
            self.installing = None;
        }
        if self.load.statement < statement {
            return 0;
        }
        std::mem::take(&mut self.load).bytes
    }
}

impl Transactions {
    /// Takes writes of different keys that a statement makes in bulk; with `last`, which comes after all others were
    /// answered, also checks and keeps them. The statement is one that [`Transactions::begin`] made known.
    pub async fn load(&self, writer: &Writer, pack: Pack, tables: &[TableUse], last: bool) -> Result<(), Failure> {
        let transaction = writer.transaction;
        self.check_space()?;
        self.admit(writer, tables).await?;
        writer.open(&mut self.0.state.borrow_mut())?.use_tables(tables);
        self.0.lsm.throttle().await;
        if self.is_worth_a_table(transaction, pack.bytes()) {
            // What the transaction wrote before comes before it in the tree as well.
            self.spill(transaction).await?;
        }
        self.take_pack(writer, pack)?;
        if last {
            return self.end_load(writer).await;
        }
        while self.is_full(transaction) {
            self.install(transaction).await?;
        }
        Ok(())
    }

    /// Whether more than a few bytes were loaded with these.
    fn is_worth_a_table(&self, transaction: TransactionId, more_bytes: usize) -> bool {
        let state = self.0.state.borrow();
        let loaded = state.open.get(&transaction).map_or(0, |open| open.load.bytes);
        loaded + more_bytes > self.0.options.load_bytes_min
    }

    fn take_pack(&self, writer: &Writer, pack: Pack) -> Result<(), Failure> {
        let mut state = self.0.state.borrow_mut();
        let state = &mut *state;
        let open = writer.open(state)?;
        self.check_doom(open)?;
        let load = &mut open.load;
        if load.bytes == 0 {
            load.statement = writer.statement;
        }
        let before = load.bytes;
        load.bytes += pack.bytes();
        load.packs.push(pack);
        if load.bytes > self.0.options.load_bytes_min && open.buffer.is_empty() {
            let bulk = load.bulk.get_or_insert_with(|| Bulk::new(self.draw()));
            for pack in load.packs.drain(..) {
                bulk.take(pack)?;
            }
            load.bytes = bulk.bytes();
        }
        let after = load.bytes;
        state.buffered_bytes = state.buffered_bytes + after - before;
        Ok(())
    }

    fn is_full(&self, transaction: TransactionId) -> bool {
        let (state, options) = (self.0.state.borrow(), &self.0.options);
        let Some(bytes) = state.open.get(&transaction).map(|open| open.load.bytes) else { return false };
        let enough = options.load_bytes_max;
        bytes > enough || (state.buffered_bytes > options.buffers_bytes_max && bytes > enough / 16)
    }

    /// The statement is over: what it loaded is checked and can be seen by later ones.
    async fn end_load(&self, writer: &Writer) -> Result<(), Failure> {
        let packs = {
            let mut state = self.0.state.borrow_mut();
            let state = &mut *state;
            let load = &mut writer.open(state)?.load;
            let packs = std::mem::take(&mut load.packs);
            let bytes: usize = packs.iter().map(Pack::bytes).sum();
            load.bytes -= bytes;
            state.buffered_bytes -= bytes;
            packs
        };
        // These are few, or others of the transaction's writes lie in the buffer still.
        for pack in packs {
            self.write(writer, pack.writes().collect(), &[]).await?;
        }
        self.install(writer.transaction).await
    }

    /// Installs what is loaded by now, after whatever is being installed.
    async fn install(&self, transaction: TransactionId) -> Result<(), Failure> {
        let (mut bulk, turn) = loop {
            match self.begin_install(transaction)? {
                Begun::Nothing => return Ok(()),
                Begun::Wait(gate) => gate.wait().await,
                Begun::Bulk(bulk, turn) => break (bulk, turn),
            }
        };
        if let Some(key) = bulk.sort() {
            return Err(self.conflicts(Failure::Duplicate(key)));
        }
        self.0.env.yield_if_needed().await;
        let mut look = self.look(transaction, &bulk).await?;
        loop {
            match self.check_again(transaction, &bulk, &look)? {
                Tried::Done(()) => break,
                Tried::Wait(obstacle) => self.wait(obstacle).await?,
                Tried::Read => look = self.look(transaction, &bulk).await?,
            }
        }
        debug_assert!(bulk.at() == turn.at, "a bulk is installed under its own name");
        self.install_now(transaction, bulk)
    }

    fn begin_install(&self, transaction: TransactionId) -> Result<Begun, Failure> {
        let mut state = self.0.state.borrow_mut();
        let open = state.open.get_mut(&transaction).ok_or_else(gone)?;
        if let Some(installing) = open.installing.as_ref().filter(|installing| !installing.done.is_open()) {
            return Ok(Begun::Wait(installing.done.clone()));
        }
        let Some(bulk) = open.load.bulk.take() else { return Ok(Begun::Nothing) };
        let load = std::mem::take(&mut open.load);
        // What came while the transaction's buffer was in use goes into the next one.
        let left: usize = load.packs.iter().map(Pack::bytes).sum();
        open.load = Load { statement: load.statement, packs: load.packs, bulk: None, bytes: left };
        let (at, done) = (bulk.at(), Gate::default());
        open.installing = Some(Installing { at, statement: load.statement, done: done.clone() });
        let bytes = load.bytes - left;
        Ok(Begun::Bulk(bulk, Turn { transactions: self.clone(), at, bytes, done }))
    }

    /// Checks all keys against the tree, which may take a while.
    async fn look(&self, transaction: TransactionId, bulk: &Bulk) -> Result<Look, Failure> {
        let (snapshot, own) = self.seen_by(transaction)?;
        let mut check = |key: &[u8], insert, newest| self.check(key, newest, snapshot, insert, &own);
        self.0.lsm.look(bulk, &mut check).await
    }

    /// Checks what may have changed since. After `Done` nothing is in the way as long as nobody waits.
    fn check_again(&self, transaction: TransactionId, bulk: &Bulk, look: &Look) -> Result<Tried<()>, Failure> {
        let (snapshot, own) = self.seen_by(transaction)?;
        {
            let state = self.0.state.borrow();
            let open = state.open.get(&transaction).ok_or_else(gone)?;
            self.check_doom(open)?;
            if open.installing.as_ref().is_none_or(|installing| installing.at != bulk.at()) {
                // The statement was rolled back meanwhile.
                return Err(gone());
            }
            let others = |pending: &Pending| pending.transaction != Some(transaction);
            if bulk.storages().into_iter().any(|storage| state.pending.on_storage(storage, others).is_some())
                && let Some(pending) = bulk.keys().find_map(|key| state.pending.on_key(key, others))
            {
                return Ok(Tried::Wait(Obstacle::Commit(pending.done.clone())));
            }
        }
        let mut check = |key: &[u8], insert, newest| self.check(key, newest, snapshot, insert, &own);
        Ok(if self.0.lsm.look_again(bulk, look, &mut check)? { Tried::Done(()) } else { Tried::Read })
    }

    fn install_now(&self, transaction: TransactionId, bulk: Bulk) -> Result<(), Failure> {
        let mut state = self.0.state.borrow_mut();
        let state = &mut *state;
        let at = bulk.at();
        state.doom_holders(bulk.keys().map(|key| (key, true)), Some(transaction));
        let open = state.open.get_mut(&transaction).ok_or_else(gone)?;
        let Some(installing) = open.installing.take() else { return Err(gone()) };
        for storage in bulk.storages() {
            if let Err(place) = open.spilled_storages.binary_search(&storage) {
                open.spilled_storages.insert(place, storage);
            }
        }
        open.spilled.push((installing.statement, at));
        open.own = open.spilled.iter().map(|(_, version)| *version).collect();
        open.spills += 1;
        self.0.retained.retention.provisional.borrow_mut().set(at, Resolution::Open);
        open.installed.push(self.0.lsm.install(bulk));
        Counters::count(&self.0.statistics.spills);
        Ok(())
    }

    /// The snapshot and the versions of a transaction.
    fn seen_by(&self, transaction: TransactionId) -> Result<(Timestamp, Rc<[Timestamp]>), Failure> {
        let state = self.0.state.borrow();
        state.open.get(&transaction).map(|open| (open.snapshot, open.own.clone())).ok_or_else(gone)
    }

    /// Waits until all that a transaction has installed is in tables; it may commit then. If that fails, the transaction is
    /// rolled back.
    pub(super) async fn save_loads(&self, transaction: TransactionId) -> Result<(), Failure> {
        let installed = match self.0.state.borrow_mut().open.get_mut(&transaction) {
            Some(open) if open.load.bytes > 0 => Err(Error::internal("a bulk load was not ended")),
            Some(open) => Ok(std::mem::take(&mut open.installed)),
            // Whoever goes on finds that out.
            None => Ok(Vec::new()),
        };
        let saved = async {
            for installed in installed? {
                self.0.lsm.saved(&installed).await?;
            }
            Ok::<(), Error>(())
        };
        saved.await.map_err(Failure::from).inspect_err(|_| self.abort_open(transaction))
    }
}
