//! Moving a transaction's snapshot forward, so that a statement that came too late for it runs again instead of failing.
//!
//! A statement that is to write a key of which there is a version after the transaction's snapshot cannot: it would undo
//! what it has not seen (40001). But nobody outside can tell *when* a transaction took its snapshot. If all that the
//! transaction has read so far is the same at a later one, the transaction is as it would be had it begun there, and the
//! statement, of which the client has seen nothing, runs again at the later snapshot.
//!
//! Why that is snapshot isolation. Let the snapshot move from S to T.
//! - What was read outside of own writes reads the same at T: it is remembered here and read again at both (`Reread`). When
//!   more was read than is remembered, the snapshot stays.
//! - What was read under a lock (an UPDATE by key) has had no newer version when it was read, and none has come since:
//!   whoever writes it takes the lock first, and who takes none dooms the holder. A rollback to a savepoint gives locks
//!   back; after one the snapshot stays.
//! - Own writes lie over both snapshots alike. Each key written had no version after S when it was written, and none has
//!   come since, for the same reason. So none of them was written by anybody between S and the commit, and so not between T
//!   and the commit: the first committer wins as ever.
//! - Every snapshot is one of `Sequencer::last`; what is visible at T is decided when T is drawn, on every core.
//! - The old snapshot is let go only after the new one is registered, so that what either sees is kept meanwhile.
//!
//! The locks of the statement that failed are kept while it runs again. So it meets nobody on those keys the second time.
//! The short cut for an UPDATE of one row, which moves the snapshot on the row's core, is `Transactions::lock`.

use super::{insert::all, session::Session, transaction::Transaction};
use crate::{
    base::{ids::ShardId, limits::READS_REMEMBERED_MAX, time::Timestamp},
    error::Result,
    shard::{Request, Reread, Response},
    sql::{expr::Context, plan::Node},
};
use std::{collections::BTreeMap, rc::Rc, sync::Arc};

/// What a transaction has read that others may change meanwhile.
#[derive(Default)]
pub struct Reads {
    list: Vec<(ShardId, Reread)>,
    /// More was read than is remembered, or what was read cannot be watched.
    unknown: bool,
}

impl Reads {
    /// A row was read by its key.
    pub fn key(&mut self, shard: ShardId, key: Vec<u8>) {
        self.add(shard, Reread::Key(key));
    }

    /// A fragment has run on these shards.
    pub fn scans(&mut self, shards: &[ShardId], plan: &Arc<Node>, context: &Arc<Context>) {
        for shard in shards {
            self.add(*shard, Reread::Scans { plan: plan.clone(), context: context.clone() });
        }
    }

    fn add(&mut self, shard: ShardId, read: Reread) {
        if self.unknown || self.list.len() >= READS_REMEMBERED_MAX {
            return self.give_up();
        }
        self.list.push((shard, read));
    }

    /// From here on the snapshot stays.
    pub fn give_up(&mut self) {
        self.unknown = true;
        self.list = Vec::new();
    }

    /// Whether nothing was read.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && !self.unknown
    }
}

/// Where a transaction stood before a statement.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark {
    reads: usize,
    statement: u32,
}

impl Session {
    /// Where the transaction stands, if there is one.
    pub(super) fn mark(&self) -> Mark {
        let open = self.transaction.as_ref();
        open.map_or_else(Mark::default, |open| Mark { reads: open.reads.list.len(), statement: open.statement })
    }

    /// After a statement failed because of the snapshot's age: takes its writes back and moves the snapshot to now. False if
    /// the transaction has read something that is not the same now.
    pub(super) async fn refresh(&mut self, mark: Mark) -> Result<bool> {
        let core = self.core.clone();
        let Some(transaction) = self.transaction.as_mut().filter(|open| open.definition.is_none()) else {
            return Ok(false);
        };
        transaction.reads.list.truncate(mark.reads);
        if transaction.reads.unknown {
            return Ok(false);
        }
        let Some(old) = transaction.snapshot.clone() else { return Ok(true) };
        let (id, statements) = (transaction.id, mark.statement + 1..=transaction.statement);
        let request = || Request::Rollback { transaction: id, statements: statements.clone(), keep_locks: true };
        let calls = transaction.known_at().into_iter().map(|shard| core.shard.call(shard, request())).collect();
        let (from, new) = (old.timestamp(), core.shard.begin_snapshot());
        let mut by_shard: BTreeMap<ShardId, Vec<Reread>> = BTreeMap::new();
        for (shard, read) in &transaction.reads.list {
            by_shard.entry(*shard).or_default().push(read.clone());
        }
        let to = new.timestamp();
        let rereads = by_shard.into_iter();
        let rereads =
            rereads.map(|(shard, reads)| core.shard.call(shard, Request::Reread { reads, from, to })).collect();
        let cancel = self.cancel.clone();
        cancel.race(all(calls)).await?;
        let answers = cancel.race(all(rereads)).await?;
        let same = answers.iter().all(|answer| matches!(answer, Response::Unchanged(true)));
        if same && let Some(transaction) = &mut self.transaction {
            transaction.snapshot = Some(Rc::new(new));
        }
        Ok(same)
    }
}

impl Transaction {
    /// A statement has read at a later snapshot, which it could because nothing was read before.
    pub fn move_to(&mut self, shard: &crate::shard::Shard, moved: Timestamp) {
        if let Some(snapshot) = &self.snapshot {
            self.snapshot = Some(Rc::new(shard.move_snapshot(snapshot, moved)));
        }
    }
}
