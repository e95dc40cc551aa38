//! The key-value namespace on the own core: the library's calls without a hop, and without a copy where it can be avoided.
//!
//! Keys lie in [`KEY_VALUE_STORAGE`], in the partition that the key hashes to. Every write is durable when its call returns.
//! Writes are blind: the last one wins; a batch is atomic.

use super::Shard;
use crate::{
    base::{
        ids::{IndexId, PartitionId},
        key::{self, PREFIX_BYTES},
        limits,
        sqlstate::SqlState,
        time::Timestamp,
        write::{Write, WriteKind},
    },
    catalog::{KEY_VALUE_KEYSPACE, KEY_VALUE_STORAGE},
    error::{Error, Result},
    storage::lsm::Direction,
    txn::{Look, ReadView},
};
use std::ops::Bound;

/// Keys up to this length are put together on the stack.
const SHORT_KEY_BYTES: usize = 120;

/// A user key, on the stack if it is short.
enum UserKey {
    Short([u8; SHORT_KEY_BYTES + PREFIX_BYTES], usize),
    Long(Vec<u8>),
}

impl UserKey {
    fn bytes(&self) -> &[u8] {
        match self {
            UserKey::Short(bytes, length) => &bytes[..*length],
            UserKey::Long(bytes) => bytes,
        }
    }
}

impl Shard {
    /// The partition of the key-value namespace that a key lies in.
    pub fn key_value_partition(&self, key: &[u8]) -> PartitionId {
        let catalog = self.catalog();
        let partitions = catalog.keyspace(KEY_VALUE_KEYSPACE).map_or(1, |keyspace| keyspace.partitions.len());
        key::partition_of(key, partitions as u16)
    }

    /// The user key of a key of the namespace, if this core owns it.
    fn own_key(&self, key: &[u8]) -> Result<UserKey> {
        if key.len() > limits::KEY_BYTES_MAX - PREFIX_BYTES {
            return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, format!("key has {} bytes", key.len()))
                .with_detail(format!("The maximum is {} bytes.", limits::KEY_BYTES_MAX - PREFIX_BYTES)));
        }
        let partition = self.0.transactions.with_catalog(|catalog| {
            let keyspace = catalog.keyspace(KEY_VALUE_KEYSPACE)?;
            let partition = key::partition_of(key, keyspace.partitions.len() as u16);
            let owner = *keyspace.partitions.get(usize::from(partition.0))?;
            Some((partition, owner))
        });
        let Some((partition, owner)) = partition else {
            return Err(Error::internal("the key-value namespace is not in the catalog"));
        };
        if owner != self.id() {
            return Err(Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, "the key is owned by another core")
                .with_detail(format!("This is shard {}; the owner is shard {owner}.", self.id()))
                .with_hint("Run the call on the core that owns the key."));
        }
        let prefix = key::prefix(KEY_VALUE_STORAGE, IndexId::PRIMARY, partition);
        Ok(if key.len() <= SHORT_KEY_BYTES {
            let mut bytes = [0; SHORT_KEY_BYTES + PREFIX_BYTES];
            bytes[..PREFIX_BYTES].copy_from_slice(&prefix);
            bytes[PREFIX_BYTES..][..key.len()].copy_from_slice(key);
            UserKey::Short(bytes, PREFIX_BYTES + key.len())
        } else {
            UserKey::Long([&prefix, key].concat())
        })
    }

    /// Gives the value of a key to `read` where it lies, without copying it.
    pub async fn local_get_with<R>(&self, key: &[u8], read: impl FnOnce(&[u8]) -> R) -> Result<Option<R>> {
        let user_key = self.own_key(key)?;
        let view = ReadView::at(self.0.clock.now());
        let mut read = Some(read);
        let once = |value: &[u8]| read.take().map(|read| read(value));
        match self.0.transactions.look_with(&view, user_key.bytes(), once) {
            Ok(Look::Value(value) | Look::Own(value)) => return Ok(value.flatten()),
            Ok(Look::Wait(_) | Look::Read) => {}
            Err(failure) => return Err(self.error(failure)),
        }
        let Some(read) = read else { return Ok(None) };
        // It takes longer, so what the snapshot needs must be kept.
        let snapshot = self.begin_snapshot();
        let view = ReadView::at(snapshot.timestamp());
        self.0.transactions.get_with(&view, user_key.bytes(), read).await.map_err(|failure| self.error(failure))
    }

    /// A copy of a key's value.
    pub async fn local_get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.local_get_with(key, <[u8]>::to_vec).await
    }

    /// Writes a value.
    pub async fn local_put(&self, key: &[u8], value: &[u8]) -> Result<()> {
        self.local_batch([(key, Some(value))]).await
    }

    /// Removes a key.
    pub async fn local_delete(&self, key: &[u8]) -> Result<()> {
        self.local_batch([(key, None)]).await
    }

    /// Writes values and removes keys (`None`), all or nothing. All keys must be this core's; of two changes of one key the
    /// last counts.
    pub async fn local_batch<'a>(&self, changes: impl IntoIterator<Item = (&'a [u8], Option<&'a [u8]>)>) -> Result<()> {
        let mut writes = Vec::new();
        for (key, value) in changes {
            let key = match self.own_key(key)? {
                UserKey::Long(bytes) => bytes,
                short => short.bytes().to_vec(),
            };
            if value.is_some_and(|value| value.len() > limits::ROW_BYTES_MAX) {
                return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "value is too long")
                    .with_detail(format!("The maximum is {} bytes.", limits::ROW_BYTES_MAX)));
            }
            let kind = value.map_or(WriteKind::Delete, |value| WriteKind::Put(value.to_vec()));
            writes.push(Write { key, kind });
        }
        let committed = self.0.transactions.commit_one(Timestamp::MAX, writes, &[]).await;
        committed.map(|_| ()).map_err(|failure| self.error(failure))
    }

    /// Calls `visit` for each key of one partition from `from` on, in key order, until it gives false.
    pub async fn local_scan(
        &self,
        partition: PartitionId,
        from: &[u8],
        mut visit: impl FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<()> {
        let prefix = key::prefix(KEY_VALUE_STORAGE, IndexId::PRIMARY, partition);
        let end = key::prefix_end(&prefix).map_or(Bound::Unbounded, Bound::Excluded);
        let snapshot = self.begin_snapshot();
        let view = ReadView::at(snapshot.timestamp());
        let range = (Bound::Included([&prefix, from].concat()), end);
        let mut scan = self.0.transactions.scan(view, range, Direction::Forward).await;
        while scan.next().await.map_err(|failure| self.error(failure))? {
            let user_key = scan.key().get(PREFIX_BYTES..).unwrap_or_default();
            if !visit(user_key, scan.value()) {
                return Ok(());
            }
            self.0.env.yield_if_needed().await;
        }
        Ok(())
    }
}
