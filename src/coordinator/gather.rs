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
        execute::{Clock, Executor, Measurements, Source, Step, merge::Merge},
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
    pub in_background: bool,
    /// What fragments did, by source; empty unless the query is watched.
    fragments: Vec<Measurements>,
}

/// Where a source of the executor gets its batches.
enum Feed {
    /// Fragments that are not started yet.
    Waiting {
        plan: Arc<Node>,
        shards: Vec<ShardId>,
        merge: Option<Vec<sql::plan::SortKey>>,
    },
    /// In whatever order rows come.
    Streams(Vec<FragmentStream>),
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
        clock: Option<Clock>,
    ) -> Result<Query> {
        let watched = clock.is_some();
        let executor = Executor::watched(node, context.clone(), clock)?;
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
        let fragments = if watched { vec![Measurements::default(); feeds.len()] } else { Vec::new() };
        Ok(Query {
            executor,
            feeds,
            context,
            view,
            leftover: None,
            rows_sent: 0,
            _snapshot: snapshot,
            started: false,
            in_background: false,
            fragments,
        })
    }

    /// Has a transaction remember what will be read.
    pub(super) fn remember(&self, reads: &mut Reads) {
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
                    let began = self.executor.is_watched().then(|| core.shard.env().now());
                    let batch = self.feeds[source].next(self.fragments.get_mut(source)).await?;
                    if let Some(began) = began {
                        self.executor.add_time(source, core.shard.env().now().saturating_sub(began));
                    }
                    self.executor.feed(source, batch)?;
                    core.shard.env().yield_if_needed().await;
                }
            }
        }
    }

    /// What every operator did, after the end of a query that is watched.
    pub fn measurements(self) -> Measurements {
        Measurements { operators: self.executor.measured().to_vec(), sources: self.fragments }
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
                    watched: !self.fragments.is_empty(),
                    in_background: self.in_background,
                };
                streams.push(core.shard.fragment(shard, request).await?);
            }
            *feed = match merge.take() {
                Some(keys) if streams.len() > 1 => {
                    let merge = Merge::new(keys, streams.len(), self.context.clone());
                    Feed::Merge(Merging { merge, streams, ahead: None })
                }
                _ => Feed::Streams(streams),
            };
        }
        Ok(())
    }
}

impl Feed {
    /// The next rows; notes in `measured` what the fragments did that have ended.
    async fn next(&mut self, measured: Option<&mut Measurements>) -> Result<Option<Batch>> {
        match self {
            Feed::Waiting { .. } => Err(Error::internal("a source was read before it was started")),
            Feed::Ready(batches) => Ok(batches.pop_front()),
            Feed::Merge(merge) => merge.next(measured).await,
            Feed::Streams(streams) => {
                let batch = FragmentStream::next_of(streams).await?;
                if batch.is_none() {
                    let mut measured = measured;
                    streams.drain(..).for_each(|mut ended| note(&mut ended, measured.as_deref_mut()));
                }
                Ok(batch)
            }
        }
    }
}

/// Adds what an ended fragment did.
fn note(stream: &mut FragmentStream, measured: Option<&mut Measurements>) {
    if let Some(measured) = measured {
        measured.add(stream.summary().measured);
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
    /// A batch of this core's own stream, by number, that was read while another one was waited for.
    ahead: Option<(usize, Option<Batch>)>,
}

impl Merging {
    async fn next(&mut self, mut measured: Option<&mut Measurements>) -> Result<Option<Batch>> {
        loop {
            match self.merge.next()? {
                Step::Batch(batch) => return Ok(Some(batch)),
                Step::Done => return Ok(None),
                Step::Need(stream) => {
                    let batch = self.next_of(stream).await?;
                    if batch.is_none() {
                        note(&mut self.streams[stream], measured.as_deref_mut());
                    }
                    self.merge.feed(stream, batch)?;
                }
            }
        }
    }

    /// The next batch of a stream. This core works on its own rows before it waits for another one.
    async fn next_of(&mut self, number: usize) -> Result<Option<Batch>> {
        if let Some((_, batch)) = self.ahead.take_if(|(ahead, _)| *ahead == number) {
            return Ok(batch);
        }
        let local = self.streams.iter().position(FragmentStream::is_local).filter(|&local| local != number);
        if let Some(local) = local
            && self.ahead.is_none()
            && !self.streams[number].is_ready()
        {
            self.ahead = Some((local, self.streams[local].next().await?));
        }
        self.streams[number].next().await
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
}
