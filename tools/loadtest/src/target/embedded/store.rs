//! Rows as keys and values, each call on the core that owns the key.
//!
//! A key is the row's number, 8 bytes, big end first; a value is its version, 8 bytes, then the payload. Each core has a
//! task that takes calls from a bounded queue and answers each when it is done, so that many are under way at once and
//! syncs are shared.

use super::failure;
use crate::{
    operation::{Answer, Failure, Operation, Row},
    workload::Plan,
};
use distdb::{
    Error, Result as DistdbResult,
    base::{
        ids::{PartitionId, ShardId},
        key::partition_of,
    },
    catalog::KEY_VALUE_KEYSPACE,
    env::{
        TaskClass,
        queue::{self, Receiver, Sender},
    },
    node::Node,
    shard::Shard,
};
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::oneshot;

/// Calls that may wait for one core.
const CALLS_MAX: usize = 4096;
/// Rows of one atomic batch while loading.
const BATCH_ROWS: u64 = 200;

/// What a core is asked.
enum Call {
    Get(u64),
    Put(u64, Vec<u8>),
    Batch(Vec<(u64, Vec<u8>)>),
    /// The first rows from a number on, of one partition.
    Scan(PartitionId, u64, usize),
}

enum Reply {
    Value(Option<Row>),
    Done,
    Rows(Vec<Row>),
}

struct Envelope {
    call: Call,
    reply: oneshot::Sender<DistdbResult<Reply>>,
}

/// The way to all cores.
#[derive(Clone)]
pub struct Store {
    cores: Vec<Sender<Envelope>>,
    /// The core of each partition.
    owners: Arc<Vec<ShardId>>,
}

/// A client. Rows know where they lie, so any session reaches any core.
pub struct Session {
    store: Store,
    plan: Arc<Plan>,
}

impl Store {
    /// Starts a task on each core.
    pub fn open(node: &Node) -> DistdbResult<Store> {
        let owners = node.run_on(ShardId(0), |coordinator| async move {
            let catalog = coordinator.shard().catalog();
            catalog.keyspace(KEY_VALUE_KEYSPACE).map(|keyspace| keyspace.partitions.clone())
        })?;
        let owners = owners.ok_or_else(|| Error::internal("there is no key-value namespace"))?;
        let mut cores = Vec::new();
        for number in 0..node.shards() {
            let (sender, receiver) = queue::bounded(CALLS_MAX);
            node.run_on(ShardId(number), |coordinator| async move {
                let shard = coordinator.shard().clone();
                let serving = serve(shard.clone(), receiver);
                shard.env().spawn(TaskClass::Query, serving).detach();
            })?;
            cores.push(sender);
        }
        Ok(Store { cores, owners: Arc::new(owners) })
    }

    pub fn session(&self, plan: &Arc<Plan>) -> Session {
        Session { store: self.clone(), plan: plan.clone() }
    }

    fn partition(&self, id: u64) -> PartitionId {
        partition_of(&id.to_be_bytes(), self.owners.len() as u16)
    }

    fn owner(&self, partition: PartitionId) -> ShardId {
        self.owners[usize::from(partition.0)]
    }

    async fn call(&self, core: ShardId, call: Call) -> Result<Reply, Failure> {
        let lost = || Failure::new("lost", "the node has stopped").unknown();
        let (reply, replied) = oneshot::channel();
        self.cores[usize::from(core.0)].send(Envelope { call, reply }).await.map_err(|_| lost())?;
        replied.await.map_err(|_| lost())?.map_err(failure)
    }
}

/// Takes calls until nobody can send any more; each runs in a task of its own.
async fn serve(shard: Shard, mut receiver: Receiver<Envelope>) {
    let mut envelopes = Vec::new();
    while receiver.recv_many(&mut envelopes).await {
        for envelope in envelopes.drain(..) {
            let on = shard.clone();
            let answering = async move {
                let result = answer(&on, envelope.call).await;
                drop(envelope.reply.send(result)); // a client that gave up does not want it
            };
            shard.env().spawn(TaskClass::Query, answering).detach();
        }
    }
}

async fn answer(shard: &Shard, call: Call) -> DistdbResult<Reply> {
    match call {
        Call::Get(id) => {
            let found = shard.local_get_with(&id.to_be_bytes(), |value| decode(id, value)).await?;
            found.transpose().map(Reply::Value)
        }
        Call::Put(id, value) => shard.local_put(&id.to_be_bytes(), &value).await.map(|()| Reply::Done),
        Call::Batch(rows) => {
            let keys: Vec<[u8; 8]> = rows.iter().map(|(id, _)| id.to_be_bytes()).collect();
            let changes = keys.iter().zip(&rows).map(|(key, (_, value))| (key.as_slice(), Some(value.as_slice())));
            shard.local_batch(changes).await.map(|()| Reply::Done)
        }
        Call::Scan(partition, from, rows_max) => {
            let mut rows = Vec::new();
            let mut broken = None;
            let visit = |key: &[u8], value: &[u8]| {
                match key.try_into().map(u64::from_be_bytes).map_err(drop).map(|id| decode(id, value)) {
                    Ok(Ok(row)) => rows.push(row),
                    _ => broken = Some(Error::corrupt("a key or value that was never written")),
                }
                broken.is_none() && rows.len() < rows_max
            };
            shard.local_scan(partition, &from.to_be_bytes(), visit).await?;
            broken.map_or(Ok(Reply::Rows(rows)), Err)
        }
    }
}

fn encode(version: u64, payload: &str) -> Vec<u8> {
    [&version.to_be_bytes(), payload.as_bytes()].concat()
}

fn decode(id: u64, value: &[u8]) -> DistdbResult<Row> {
    let wrong = || Error::corrupt(format!("the value of row {id} was never written"));
    let (version, payload) = value.split_first_chunk::<8>().ok_or_else(wrong)?;
    let payload = std::str::from_utf8(payload).map_err(|_| wrong())?.to_string();
    Ok(Row { id, version: u64::from_be_bytes(*version), payload })
}

impl Session {
    pub async fn execute(&mut self, operation: &Operation) -> Result<Answer, Failure> {
        match *operation {
            Operation::Read { id } => self.get(id).await.map(Answer::Row),
            Operation::Insert { id } => self.put(id, 0).await,
            Operation::Update { id, version } => self.put(id, version).await,
            Operation::ReadUpdate { id, version } => {
                let row = self.get(id).await?;
                self.put(id, version).await?;
                Ok(Answer::Row(row))
            }
            Operation::Scan { from, rows } => self.scan(from, rows as usize).await.map(Answer::Rows),
            Operation::Load { from, to } => self.load(from, to, &|_| {}).await.map(|()| Answer::Written(to - from)),
            _ => Err(Failure::new("0A000", "rows have no such operation")),
        }
    }

    async fn get(&self, id: u64) -> Result<Option<Row>, Failure> {
        match self.store.call(self.store.owner(self.store.partition(id)), Call::Get(id)).await? {
            Reply::Value(row) => Ok(row),
            _ => Err(Failure::new("answer", "not a value")),
        }
    }

    async fn put(&self, id: u64, version: u64) -> Result<Answer, Failure> {
        let value = encode(version, &self.plan.content.payload(id, version));
        let owner = self.store.owner(self.store.partition(id));
        self.store.call(owner, Call::Put(id, value)).await.map(|_| Answer::Written(1))
    }

    /// Writes rows in batches of those that lie on one core, all cores at once.
    pub async fn load(&mut self, from: u64, to: u64, loaded: &(dyn Fn(u64) + Sync)) -> Result<(), Failure> {
        let mut next = from;
        while next < to {
            let end = (next + BATCH_ROWS * self.store.cores.len() as u64).min(to);
            let mut batches: BTreeMap<ShardId, Vec<(u64, Vec<u8>)>> = BTreeMap::new();
            for id in next..end {
                let owner = self.store.owner(self.store.partition(id));
                batches.entry(owner).or_default().push((id, encode(0, &self.plan.content.payload(id, 0))));
            }
            let calls = batches.into_iter().map(|(owner, batch)| self.store.call(owner, Call::Batch(batch)));
            for result in futures_util::future::join_all(calls).await {
                result?;
            }
            loaded(end);
            next = end;
        }
        Ok(())
    }

    /// The first rows from a number on. They are spread over all partitions, so each gives its first few; up to where the
    /// least one of those that gave all they may give ends, nothing can be missing.
    async fn scan(&self, from: u64, rows_max: usize) -> Result<Vec<Row>, Failure> {
        let partitions = self.store.owners.len();
        let share = rows_max * 2 / partitions + 8;
        let mut all: Vec<Row> = Vec::new();
        let mut from = Some(from);
        while let (Some(begin), true) = (from, all.len() < rows_max) {
            let calls = (0..partitions).map(|partition| {
                let partition = PartitionId(partition as u16);
                self.store.call(self.store.owner(partition), Call::Scan(partition, begin, share))
            });
            let mut found = Vec::new();
            let mut certain = u64::MAX;
            for reply in futures_util::future::join_all(calls).await {
                let Reply::Rows(rows) = reply? else { return Err(Failure::new("answer", "not rows")) };
                if let (true, Some(last)) = (rows.len() == share, rows.last()) {
                    certain = certain.min(last.id);
                }
                found.extend(rows);
            }
            found.retain(|row| row.id <= certain);
            found.sort_unstable_by_key(|row| row.id);
            all.extend(found);
            from = certain.checked_add(1);
        }
        all.truncate(rows_max);
        Ok(all)
    }
}
