//! Names for the things the system counts, as types, so that a shard number cannot stand where a table number is meant.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// One core's shard within a node, counted from 0.
    ShardId(u16)
);
id!(
    /// A partition of a keyspace, counted from 0. It stands in every stored key ("bucket").
    PartitionId(u16)
);
id!(
    /// A keyspace: a partition map shared by tables of equal options.
    KeyspaceId(u32)
);
id!(
    /// A database. Also its `oid` in the PostgreSQL catalog.
    DatabaseId(u32)
);
id!(
    /// A schema (namespace). Also its `oid`.
    SchemaId(u32)
);
id!(
    /// A table as users know it; constant for the life of the table. Also its `oid`.
    TableId(u32)
);
id!(
    /// Where a table's rows lie in the key space. TRUNCATE and rewrites give a table a new one; never used twice.
    StorageId(u32)
);
id!(
    /// An index within a storage: 0 is the primary key, which holds the rows themselves.
    IndexId(u16)
);
id!(
    /// A column within a table: its position in stored rows. Constant; a dropped column's place is not reused.
    ColumnId(u16)
);
id!(
    /// A transaction, unique on this node for ever: the timestamp it drew from the sequencer when it began.
    TransactionId(u64)
);

impl IndexId {
    /// The primary key: the rows themselves.
    pub const PRIMARY: IndexId = IndexId(0);
}
