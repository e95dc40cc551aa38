//! A bank on several shards: the workload and the checker of the crash tests.
//!
//! Every transaction leaves rows by which it can be recognised, so the checker can tell from the data alone which
//! transactions took place, and compare that with what their clients were told:
//!
//! ```text
//! a · account            balance                    moved by transfers
//! r · transaction        from, to, amount           receipt of a transfer, on the shard of `from`
//! u · number             transaction                inserted by several at once; one may win
//! l · transaction, row   filler                     a large transaction over all shards, spilled or loaded in bulk: all
//!                                                   rows or none
//! j · transaction, …     filler                     written or loaded and rolled back to a savepoint: never there
//! ```
//!
//! Rules: acknowledged → there. Refused → not there. Neither (the node stopped first) → there as a whole or not at all.
//! Every balance is what the receipts say; so the sum never changes, at no snapshot.

use super::random::Random;
use crate::{
    base::{
        ids::{IndexId, PartitionId, ShardId, StorageId, TransactionId},
        key,
        pack::Pack,
        write::{Write, WriteKind},
    },
    error::{Effect, Error, Result},
    shard::{Decision, ReadView, Request, Response, Shard, Snapshot},
    storage::lsm::Direction,
    txn::Failure,
};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    rc::Rc,
};

/// Where the bank's rows lie.
const STORAGE: StorageId = StorageId(100);
/// What every account begins with.
const OPENING_BALANCE: i64 = 1000;
/// Rows of a large transaction on each shard.
const LARGE_ROWS: u64 = 24;
/// Bytes of filler.
const FILLER_BYTES: usize = 300;

/// Sizes of the workload.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub accounts: u64,
    /// Clients on each shard.
    pub clients: u64,
    /// Transactions of each client.
    pub transactions: u64,
    /// Whether clients die now and then in the middle of a commit.
    pub abandon: bool,
}

/// What clients were told.
#[derive(Debug, Default)]
pub struct Told {
    acknowledged: BTreeSet<u64>,
    refused: BTreeSet<u64>,
    /// Began, and nothing is known of the end.
    begun: BTreeSet<u64>,
    /// A snapshot that did not add up, or an error that should not be.
    pub violations: Vec<String>,
    /// How many lives of the node all clients have come through.
    pub lives_ended: u64,
}

/// What clients were told, shared by the clients of all shards (which run in one thread).
pub type Ledger = Rc<RefCell<Told>>;

/// The accounts' first rows. Call once, on a new node, and wait for it before anything is crashed.
pub async fn open_accounts(shard: &Shard, options: Options) -> Result<()> {
    for target in (0..shard.count()).map(ShardId) {
        let accounts = (0..options.accounts).filter(|account| owner(shard.count(), *account) == target);
        let writes = accounts.map(|account| Write {
            key: row_key(target, b'a', &account.to_be_bytes()),
            kind: WriteKind::Insert(OPENING_BALANCE.to_be_bytes().to_vec()),
        });
        let snapshot = shard.begin_snapshot();
        let request =
            Request::CommitOne { snapshot: snapshot.timestamp(), writes: writes.collect(), tables: Vec::new() };
        shard.call(target, request).await?;
    }
    Ok(())
}

/// One client: transactions one after the other, told about in the ledger.
pub async fn client(shard: Shard, options: Options, mut random: Random, ledger: Ledger) {
    for _ in 0..options.transactions {
        let mut bank = Teller::begin(&shard, &ledger, options);
        match random.below(16) {
            0 => bank.check_sum().await,
            1 => {
                let everywhere = shard.count();
                let (loads, detour) = (random.one_in(2), random.one_in(3));
                bank.large(everywhere, loads, detour).await;
            }
            2 => bank.contend(random.below(40)).await,
            3 if random.one_in(4) => {
                let target = ShardId(random.below(u64::from(shard.count())) as u16);
                // It fails when the disk does; that is no concern of the bank.
                let _ = shard.call(target, Request::Flush).await;
            }
            _ => {
                let (from, to) = (random.below(options.accounts), random.below(options.accounts));
                let dies = random.one_in(25) && options.abandon;
                bank.abandon_at = dies.then_some(random.below(3) as usize);
                bank.transfer(from, to, 1 + random.below(20) as i64, random.one_in(3)).await;
            }
        }
    }
}

/// One transaction of a client.
struct Teller<'a> {
    shard: &'a Shard,
    ledger: &'a Ledger,
    options: Options,
    snapshot: Snapshot,
    transaction: TransactionId,
    statement: u32,
    writers: BTreeSet<ShardId>,
    /// The client dies when it has prepared on this many shards.
    abandon_at: Option<usize>,
}

impl<'a> Teller<'a> {
    fn begin(shard: &'a Shard, ledger: &'a Ledger, options: Options) -> Teller<'a> {
        let (snapshot, transaction) = (shard.begin_snapshot(), TransactionId(shard.sequencer().next().0));
        Teller {
            shard,
            ledger,
            options,
            snapshot,
            transaction,
            statement: 0,
            writers: BTreeSet::new(),
            abandon_at: None,
        }
    }

    fn view(&self) -> ReadView {
        let (snapshot, transaction) = (self.snapshot.timestamp(), Some(self.transaction));
        ReadView { snapshot, transaction, statement: u32::MAX }
    }

    /// Notes how a transaction ended for its client.
    async fn tell(mut self, done: Result<()>) {
        if self.note(done) {
            self.abort().await;
        }
    }

    /// Whether the transaction must be aborted: it was refused.
    fn note(&self, done: Result<()>) -> bool {
        let mut told = self.ledger.borrow_mut();
        told.begun.remove(&self.transaction.0);
        match done {
            Ok(()) => {
                told.acknowledged.insert(self.transaction.0);
                false
            }
            Err(error) if error.effect() == Effect::Unknown => {
                told.begun.insert(self.transaction.0);
                false
            }
            Err(error) => {
                told.refused.insert(self.transaction.0);
                if !is_expected(&error) {
                    told.violations.push(format!("a transaction failed with {error:?}"));
                }
                true
            }
        }
    }

    async fn abort(&mut self) {
        for target in std::mem::take(&mut self.writers) {
            let request = Request::Decide { transaction: self.transaction, decision: Decision::Abort, hurry: false };
            // Nobody is told; if it fails, the node is stopping.
            let _ = self.shard.call(target, request).await;
        }
    }

    /// Moves money, sometimes after a detour that a savepoint takes back.
    async fn transfer(mut self, from: u64, to: u64, amount: i64, detour: bool) {
        self.ledger.borrow_mut().begun.insert(self.transaction.0);
        let done = self.try_transfer(from, to, amount, detour).await;
        self.tell(done).await;
    }

    async fn try_transfer(&mut self, from: u64, to: u64, amount: i64, detour: bool) -> Result<()> {
        let count = self.shard.count();
        let name = self.transaction.0.to_be_bytes();
        if detour {
            self.write(owner(count, to), b'j', &name, WriteKind::Insert(vec![7; FILLER_BYTES])).await?;
            self.write(owner(count, from), b'a', &from.to_be_bytes(), WriteKind::Put(vec![0; 8])).await?;
            for target in self.writers.clone() {
                let statements = 1..=self.statement;
                let request = Request::Rollback { transaction: self.transaction, statements, keep_locks: false };
                self.shard.call(target, request).await?;
            }
        }
        if from != to {
            let balance = self.balance(from).await?;
            let taken = (balance - amount).to_be_bytes().to_vec();
            self.write(owner(count, from), b'a', &from.to_be_bytes(), WriteKind::Put(taken)).await?;
            let balance = self.balance(to).await?;
            let given = (balance + amount).to_be_bytes().to_vec();
            self.write(owner(count, to), b'a', &to.to_be_bytes(), WriteKind::Put(given)).await?;
        }
        let receipt = [from.to_be_bytes(), to.to_be_bytes(), amount.to_be_bytes()].concat();
        self.write(owner(count, from), b'r', &name, WriteKind::Insert(receipt)).await?;
        self.commit().await
    }

    async fn balance(&self, account: u64) -> Result<i64> {
        let target = owner(self.shard.count(), account);
        let key = row_key(target, b'a', &account.to_be_bytes());
        match self.shard.call(target, Request::Get { view: self.view(), key }).await? {
            Response::Value(Some(value)) | Response::OwnValue(Some(value)) => Ok(number(&value)),
            _ => Err(Error::internal(format!("account {account} is gone"))),
        }
    }

    /// A transaction that is larger than buffers are.
    async fn large(mut self, shards: u16, loads: bool, detour: bool) {
        self.ledger.borrow_mut().begun.insert(self.transaction.0);
        let done = match loads {
            false => self.try_large(shards).await,
            true => self.try_load(shards, detour).await,
        };
        self.tell(done).await;
    }

    /// The same rows in bulk, sometimes after a load that a savepoint takes back.
    async fn try_load(&mut self, shards: u16, detour: bool) -> Result<()> {
        if detour {
            for target in (0..shards).map(ShardId) {
                // The last pack of it is missing now and then: the statement failed before.
                let ends = target.0 == 0;
                self.load(target, b'j', ends).await?;
            }
            for target in self.writers.clone() {
                let statements = 1..=self.statement;
                let request = Request::Rollback { transaction: self.transaction, statements, keep_locks: false };
                self.shard.call(target, request).await?;
            }
        }
        for target in (0..shards).map(ShardId) {
            self.load(target, b'l', true).await?;
        }
        self.commit().await
    }

    /// One statement that loads as many rows as a large transaction has on a shard, in no order.
    async fn load(&mut self, target: ShardId, kind: u8, ends: bool) -> Result<()> {
        const PACKS: u64 = 4;
        self.statement += 1;
        self.writers.insert(target);
        for number in 0..PACKS {
            let mut pack = Pack::default();
            for row in (0..LARGE_ROWS).rev().filter(|row| row % PACKS == number) {
                let name = [self.transaction.0.to_be_bytes(), row.to_be_bytes()].concat();
                pack.push(&row_key(target, kind, &name), Some(&vec![row as u8; FILLER_BYTES]), true);
            }
            let request = Request::Load {
                transaction: self.transaction,
                snapshot: self.snapshot.timestamp(),
                statement: self.statement,
                writes: pack,
                tables: Vec::new(),
                last: ends && number + 1 == PACKS,
                patience: None,
            };
            self.shard.call(target, request).await?;
        }
        Ok(())
    }

    async fn try_large(&mut self, shards: u16) -> Result<()> {
        for target in (0..shards).map(ShardId) {
            for row in 0..LARGE_ROWS {
                let name = [self.transaction.0.to_be_bytes(), row.to_be_bytes()].concat();
                self.write(target, b'l', &name, WriteKind::Insert(vec![row as u8; FILLER_BYTES])).await?;
            }
        }
        self.commit().await
    }

    /// Inserts a row that others insert, too.
    async fn contend(mut self, row: u64) {
        self.ledger.borrow_mut().begun.insert(self.transaction.0);
        let target = owner(self.shard.count(), row);
        let kind = WriteKind::Insert(self.transaction.0.to_be_bytes().to_vec());
        let writes = vec![Write { key: row_key(target, b'u', &row.to_be_bytes()), kind }];
        let request = Request::CommitOne { snapshot: self.snapshot.timestamp(), writes, tables: Vec::new() };
        let done = match self.shard.call(target, request).await {
            Ok(Response::Locked(writes)) => self.write_locked(target, writes).await,
            done => done.map(|_| ()),
        };
        self.tell(done).await;
    }

    /// Waits for the locks of writes and commits them.
    async fn write_locked(&mut self, target: ShardId, writes: Vec<Write>) -> Result<()> {
        self.statement += 1;
        self.writers.insert(target);
        let (transaction, snapshot) = (self.transaction, self.snapshot.timestamp());
        let (statement, tables) = (self.statement, Vec::new());
        let request = Request::Write { transaction, snapshot, statement, writes, tables, patience: None };
        self.shard.call(target, request).await?;
        self.commit().await
    }

    /// Reads all accounts at one snapshot, across the shards.
    async fn check_sum(self) {
        let mut sum = 0;
        for target in (0..self.shard.count()).map(ShardId) {
            match read_rows(self.shard, target, b'a', self.view()).await {
                Ok(rows) => sum += rows.iter().map(|(_, value)| number(value)).sum::<i64>(),
                Err(error) if is_expected(&error) => return,
                Err(error) => return self.ledger.borrow_mut().violations.push(format!("a scan failed with {error:?}")),
            }
        }
        let expected = OPENING_BALANCE * self.options.accounts as i64;
        if sum != expected {
            let complaint = format!("at {} the accounts held {sum}, not {expected}", self.snapshot.timestamp());
            self.ledger.borrow_mut().violations.push(complaint);
        }
    }

    async fn write(&mut self, target: ShardId, kind: u8, name: &[u8], change: WriteKind) -> Result<()> {
        self.statement += 1;
        self.writers.insert(target);
        let request = Request::Write {
            transaction: self.transaction,
            snapshot: self.snapshot.timestamp(),
            statement: self.statement,
            writes: vec![Write { key: row_key(target, kind, name), kind: change }],
            tables: Vec::new(),
            patience: None,
        };
        self.shard.call(target, request).await.map(|_| ())
    }

    /// As the coordinator does it.
    async fn commit(&mut self) -> Result<()> {
        let participants: Vec<ShardId> = self.writers.iter().copied().collect();
        let transaction = self.transaction;
        if let [only] = participants[..] {
            self.shard.call(only, Request::CommitTransaction { transaction }).await?;
            self.writers.clear();
            return Ok(());
        }
        let mut at = Default::default();
        for (number, target) in participants.iter().enumerate() {
            if self.abandon_at == Some(number) {
                if number == 0 {
                    // Its session rolls it back; nobody else could know of it.
                    self.abort().await;
                }
                return Err(Error::internal("the client died").with_effect(Effect::Unknown));
            }
            let request = Request::Prepare { transaction, participants: participants.clone() };
            let Response::Prepared(proposed) = self.shard.call(*target, request).await? else {
                return Err(Error::internal("a prepare was answered with something else"));
            };
            at = proposed.max(at);
        }
        if self.abandon_at.is_some() {
            return Err(Error::internal("the client died").with_effect(Effect::Unknown));
        }
        // Committed: what follows is nobody's wait.
        self.writers.clear();
        let shard = self.shard.clone();
        let telling = async move {
            for target in &participants {
                let request = Request::Decide { transaction, decision: Decision::Commit(at), hurry: false };
                if shard.call(*target, request).await.is_err() {
                    return;
                }
            }
            for target in &participants {
                let _ = shard.call(*target, Request::Forget { transactions: vec![transaction] }).await;
            }
        };
        self.shard.env().spawn(crate::env::TaskClass::Query, telling).detach();
        Ok(())
    }
}

/// Reads everything back and compares it with what clients were told. Gives the violations.
pub async fn check(shard: &Shard, options: Options, ledger: &Ledger) -> Result<Vec<String>> {
    let snapshot = shard.begin_snapshot();
    let view = ReadView::at(snapshot.timestamp());
    let mut rows: BTreeMap<u8, Vec<(Vec<u8>, Vec<u8>)>> = BTreeMap::new();
    for target in (0..shard.count()).map(ShardId) {
        for kind in [b'a', b'r', b'u', b'l', b'j'] {
            rows.entry(kind).or_default().extend(read_rows(shard, target, kind, view).await?);
        }
    }
    let told = ledger.borrow();
    let of = |kind: u8| rows.get(&kind).map_or(&[][..], Vec::as_slice);
    let mut violations = told.violations.clone();
    let mut balances: BTreeMap<u64, i64> = (0..options.accounts).map(|account| (account, OPENING_BALANCE)).collect();
    let mut present = BTreeSet::new();
    for (name, receipt) in of(b'r') {
        present.insert(number(name) as u64);
        let (from, to, amount) = (number(&receipt[..8]) as u64, number(&receipt[8..16]) as u64, number(&receipt[16..]));
        *balances.entry(from).or_default() -= amount;
        *balances.entry(to).or_default() += amount;
    }
    let found: BTreeMap<u64, i64> = of(b'a').iter().map(|(name, value)| (number(name) as u64, number(value))).collect();
    if found != balances {
        violations.push(format!("balances are {found:?}, receipts say {balances:?}"));
    }
    present.extend(of(b'u').iter().map(|(_, transaction)| number(transaction) as u64));
    let mut large: BTreeMap<u64, u64> = BTreeMap::new();
    for (name, _) in of(b'l') {
        *large.entry(number(&name[..8]) as u64).or_default() += 1;
    }
    for (transaction, rows) in large {
        present.insert(transaction);
        if rows != LARGE_ROWS * u64::from(shard.count()) {
            violations.push(format!("{rows} rows of the large transaction {transaction} are there"));
        }
    }
    if !of(b'j').is_empty() {
        violations.push("what was rolled back to a savepoint is there".into());
    }
    let lost = told.acknowledged.difference(&present);
    violations.extend(lost.map(|transaction| format!("transaction {transaction} was acknowledged and is lost")));
    let phantoms = told.refused.intersection(&present);
    violations.extend(phantoms.map(|transaction| format!("transaction {transaction} was refused and is there")));
    let unknown = present.difference(&told.acknowledged).filter(|transaction| !told.begun.contains(transaction));
    violations.extend(unknown.map(|transaction| format!("transaction {transaction} is there and never began")));
    Ok(violations)
}

impl Told {
    /// How many transactions were acknowledged and refused, and of how many nothing is known.
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.acknowledged.len(), self.refused.len(), self.begun.len())
    }
}

/// Rows of one kind on a shard: name and value.
async fn read_rows(shard: &Shard, target: ShardId, kind: u8, view: ReadView) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let (sender, mut receiver) = crate::env::queue::bounded(1);
    let closure = move |shard: &Shard| {
        let transactions = shard.transactions().clone();
        let scanning = async move {
            let prefix = row_key(target, kind, &[]);
            let end = key::prefix_end(&prefix).map_or(Bound::Unbounded, Bound::Excluded);
            let mut scan = transactions.scan(view, (Bound::Included(prefix.clone()), end), Direction::Forward).await;
            let mut rows = Vec::new();
            let done = loop {
                match scan.next().await {
                    Ok(true) => rows.push((scan.key()[prefix.len()..].to_vec(), scan.value().to_vec())),
                    Ok(false) => break Ok(rows),
                    Err(Failure::Error(error)) => break Err(error),
                    Err(failure) => break Err(Error::internal(format!("scan failed: {failure:?}"))),
                }
            };
            // The asker may be gone.
            let _ = sender.try_send(done);
        };
        Box::pin(scanning) as std::pin::Pin<Box<dyn Future<Output = ()>>>
    };
    shard.call(target, Request::Run(Box::new(closure))).await?;
    let mut rows = Vec::new();
    receiver.try_recv_many(&mut rows);
    rows.pop().unwrap_or_else(|| Err(Error::internal("a scan gave no answer")))
}

/// The shard of an account or contended row.
fn owner(shards: u16, number: u64) -> ShardId {
    ShardId((number % u64::from(shards)) as u16)
}

/// The key of a row: its partition is its shard's number, as good as any here.
fn row_key(shard: ShardId, kind: u8, name: &[u8]) -> Vec<u8> {
    [&key::prefix(STORAGE, IndexId::PRIMARY, PartitionId(shard.0)), &[kind][..], name].concat()
}

fn number(bytes: &[u8]) -> i64 {
    bytes.try_into().map_or(i64::MIN, i64::from_be_bytes)
}

/// Conflicts, duplicates and a node that stops or lacks space are part of life.
fn is_expected(error: &Error) -> bool {
    matches!(error.state().as_str(), "40001" | "40P01" | "23505" | "57P01" | "53100" | "58030")
}
