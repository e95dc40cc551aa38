//! The small side of a join, brought to a core that holds a part of the large side.
//!
//! The fragment reads it from all cores by itself, one after the other, before it reads anything else. These streams depend
//! on no others (what is brought holds nothing that is brought) and have places of their own, so cores never wait for each
//! other.

use super::{FragmentRequest, FragmentStream};
use crate::{
    base::{batch::Batch, ids::ShardId},
    error::{Error, Result},
    shard::{ReadView, Shard},
    sql::{
        execute::Measurements,
        expr::Context,
        plan::{Gather, Node, Targets, table_of},
    },
};
use std::{collections::BTreeSet, sync::Arc};

/// See the module.
pub struct Brought {
    shard: Shard,
    plan: Arc<Node>,
    context: Arc<Context>,
    view: ReadView,
    /// Those that were not asked yet.
    shards: Vec<ShardId>,
    stream: Option<FragmentStream>,
    watched: bool,
    measured: Measurements,
}

impl Brought {
    /// Nothing is asked for yet.
    pub fn new(shard: Shard, gather: &Gather, context: Arc<Context>, view: ReadView, watched: bool) -> Result<Brought> {
        if gather.merge.is_some() || !matches!(gather.targets, Targets::All) {
            return Err(Error::internal("rows that cannot be brought to a core"));
        }
        let catalog = shard.catalog();
        let keyspace = table_of(&gather.input).and_then(|table| catalog.keyspace(table.keyspace));
        let keyspace = keyspace.ok_or_else(|| Error::internal("a table without a keyspace"))?;
        let shards: BTreeSet<ShardId> = keyspace.partitions.iter().copied().collect();
        // Each core begins with itself, so that not all of them ask the same one.
        let (before, after): (Vec<ShardId>, Vec<ShardId>) = shards.into_iter().partition(|other| *other < shard.id());
        let mut shards = [after, before].concat();
        shards.reverse();
        let (plan, measured) = (gather.input.clone(), Measurements::default());
        Ok(Brought { shard, plan, context, view, shards, stream: None, watched, measured })
    }

    /// What the fragments did, after the end.
    pub fn measured(self) -> Measurements {
        self.measured
    }

    /// The next rows; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Batch>> {
        loop {
            if self.stream.is_none() {
                let Some(target) = self.shards.pop() else { return Ok(None) };
                let (plan, context) = (self.plan.clone(), self.context.clone());
                let request = FragmentRequest {
                    plan,
                    context,
                    view: self.view,
                    modify: None,
                    watched: self.watched,
                    in_background: false,
                };
                // A stream of this core holds a driver, and so, in turn, could hold one of these.
                self.stream = Some(Box::pin(self.shard.fragment_for_fragment(target, request)).await?);
            }
            let Some(stream) = &mut self.stream else { continue };
            match Box::pin(stream.next()).await? {
                Some(batch) => return Ok(Some(batch)),
                None => {
                    self.measured.add(stream.summary().measured);
                    self.stream = None;
                }
            }
        }
    }
}
