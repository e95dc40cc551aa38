//! Running a query plan: the coordinator's own operators over what the fragments send.
//!
//! The plan is cut at its exchanges: every `Gather` becomes one fragment per core that holds rows, all of them started at
//! once; the executor asks for a source when it needs one. A merging exchange holds the head of every stream and gives out
//! the smallest rows first.

use super::{Core, refresh::Reads, session::Session};
use crate::{
    base::{
        batch::Batch,
        ids::{DatabaseId, KeyspaceId, ShardId},
    },
    catalog::Catalog,
    error::{Error, Result},
    shard::{FragmentRequest, FragmentStream, ReadView, Snapshot},
    sql::{
        self,
        execute::{Executor, Source, Step, merge::Merge},
        expr::Context,
        plan::{Gather, Node, Targets},
    },
};
use std::{
    collections::{BTreeSet, VecDeque},
    rc::Rc,
    sync::Arc,
};

/// A query that is being run.
pub struct Query {
    executor: Executor,
    feeds: Vec<Feed>,
    context: Arc<Context>,
    view: ReadView,
    /// Rows that were made but not fetched.
    leftover: Option<Batch>,
    pub rows_sent: u64,
    /// Keeps what the query reads from being collected.
    _snapshot: Option<Rc<Snapshot>>,
    started: bool,
}

/// Where a source of the executor gets its batches.
enum Feed {
    /// Fragments that are not started yet.
    Waiting {
        plan: Arc<Node>,
        shards: Vec<ShardId>,
        merge: Option<Vec<sql::plan::SortKey>>,
    },
    /// One stream after the other.
    Streams {
        streams: Vec<FragmentStream>,
        at: usize,
    },
    Merge(Merging),
    /// Rows made from the catalog.
    Ready(VecDeque<Batch>),
}

impl Query {
    /// Sets up a plan; nothing runs before the first `next`.
    pub fn new(
        node: &Node,
        context: Arc<Context>,
        view: ReadView,
        snapshot: Option<Rc<Snapshot>>,
        catalog: &Catalog,
        database: DatabaseId,
    ) -> Result<Query> {
        let executor = Executor::new(node, context.clone())?;
        let mut feeds = Vec::new();
        for source in executor.sources() {
            feeds.push(match source {
                Source::Gather(gather) => Feed::Waiting {
                    shards: shards_of(gather, catalog, &context)?,
                    plan: gather.input.clone(),
                    merge: gather.merge.clone(),
                },
                Source::Virtual { relation, columns, types } => {
                    let rows = sql::system::rows(relation, catalog, database, &context)?;
                    Feed::Ready(sql::system::batches(rows, columns, types).into())
                }
                Source::Scan(_) => return Err(Error::internal("a scan outside of a fragment")),
            });
        }
        Ok(Query { executor, feeds, context, view, leftover: None, rows_sent: 0, _snapshot: snapshot, started: false })
    }

    /// Has a transaction remember what will be read.
    fn remember(&self, reads: &mut Reads) {
        for feed in &self.feeds {
            if let Feed::Waiting { plan, shards, .. } = feed {
                reads.scans(shards, plan, &self.context);
            }
        }
    }

    /// The next rows; `None` after the last.
    pub async fn next(&mut self, core: &Rc<Core>) -> Result<Option<Batch>> {
        if let Some(batch) = self.leftover.take() {
            return Ok(Some(batch));
        }
        if !std::mem::replace(&mut self.started, true) {
            self.start(core).await?;
        }
        loop {
            match self.executor.next()? {
                // Work without rows: others get their turn, and a cancel request is seen.
                Step::Batch(batch) if batch.rows == 0 => core.shard.env().yield_if_needed().await,
                Step::Batch(batch) => return Ok(Some(batch)),
                Step::Done => return Ok(None),
                Step::Need(source) => {
                    let batch = self.feeds[source].next().await?;
                    self.executor.feed(source, batch)?;
                    core.shard.env().yield_if_needed().await;
                }
            }
        }
    }

    /// Keeps rows for the next `next`.
    pub fn put_back(&mut self, batch: Option<Batch>) {
        self.leftover = batch;
    }

    /// Starts every fragment, so that all cores work at the same time.
    async fn start(&mut self, core: &Rc<Core>) -> Result<()> {
        for feed in &mut self.feeds {
            let Feed::Waiting { plan, shards, merge } = feed else { continue };
            let mut streams = Vec::with_capacity(shards.len());
            for &shard in shards.iter() {
                let request = FragmentRequest {
                    plan: plan.clone(),
                    context: self.context.clone(),
                    view: self.view,
                    modify: None,
                };
                streams.push(core.shard.fragment(shard, request).await?);
            }
            *feed = match merge.take() {
                Some(keys) if streams.len() > 1 => {
                    let merge = Merge::new(keys, streams.len(), self.context.clone());
                    Feed::Merge(Merging { merge, streams })
                }
                _ => Feed::Streams { streams, at: 0 },
            };
        }
        Ok(())
    }
}

impl Feed {
    async fn next(&mut self) -> Result<Option<Batch>> {
        match self {
            Feed::Waiting { .. } => Err(Error::internal("a source was read before it was started")),
            Feed::Ready(batches) => Ok(batches.pop_front()),
            Feed::Merge(merge) => merge.next().await,
            Feed::Streams { streams, at } => {
                while let Some(stream) = streams.get_mut(*at) {
                    if let Some(batch) = stream.next().await? {
                        return Ok(Some(batch));
                    }
                    *at += 1;
                }
                Ok(None)
            }
        }
    }
}

/// The cores that an exchange's fragments run on.
pub fn shards_of(gather: &Gather, catalog: &Catalog, context: &Context) -> Result<Vec<ShardId>> {
    let table = sql::plan::table_of(&gather.input).ok_or_else(|| Error::internal("a fragment without a table"))?;
    match &gather.targets {
        Targets::All => all_shards(catalog, table.keyspace),
        Targets::PartitionOf(key) => {
            let layout = super::insert::layout(catalog, table)?;
            let Some(key) = sql::point::encode_key(table, key, context)? else { return Ok(Vec::new()) };
            let user_key = layout.primary_key_from(&key)?;
            let shard = catalog.shard_of_key(&user_key);
            Ok(vec![shard.ok_or_else(|| Error::internal("a key without a shard"))?])
        }
    }
}

/// Every core that holds a partition of a keyspace.
pub fn all_shards(catalog: &Catalog, keyspace: KeyspaceId) -> Result<Vec<ShardId>> {
    let keyspace = catalog.keyspace(keyspace).ok_or_else(|| Error::internal("a table without a keyspace"))?;
    let shards: BTreeSet<ShardId> = keyspace.partitions.iter().copied().collect();
    Ok(shards.into_iter().collect())
}

/// Sorted streams and their merge.
struct Merging {
    merge: Merge,
    streams: Vec<FragmentStream>,
}

impl Merging {
    async fn next(&mut self) -> Result<Option<Batch>> {
        loop {
            match self.merge.next()? {
                Step::Batch(batch) => return Ok(Some(batch)),
                Step::Done => return Ok(None),
                Step::Need(stream) => {
                    let batch = self.streams[stream].next().await?;
                    self.merge.feed(stream, batch)?;
                }
            }
        }
    }
}

impl Session {
    /// What the next statement of this session reads, with a snapshot drawn if there is none. It sees the writes of its
    /// transaction's statements so far, not those that it is about to make.
    pub(super) fn read_view(&mut self) -> ReadView {
        if self.open_transaction().snapshot.is_none() {
            let snapshot = Rc::new(self.core.shard.begin_snapshot());
            self.open_transaction().snapshot = Some(snapshot);
        }
        let newest = self.core.shard.sequencer().now();
        let transaction = self.open_transaction();
        let snapshot = transaction.snapshot.as_ref().map_or(newest, |snapshot| snapshot.timestamp());
        let own = (!transaction.writers.is_empty()).then_some(transaction.id);
        ReadView { snapshot, transaction: own, statement: transaction.statement + 1 }
    }

    /// Sets up a plan to be fetched from, as a read of the session's transaction.
    pub(super) async fn query(&mut self, node: &Node, context: Arc<Context>) -> Result<Query> {
        let view = self.read_view();
        let snapshot = self.transaction.as_ref().and_then(|open| open.snapshot.clone());
        let query = Query::new(node, context, view, snapshot, &self.catalog(), self.database)?;
        query.remember(&mut self.open_transaction().reads);
        Ok(query)
    }
}
