//! Every bound of the system in one place, with the relations between them checked at compile time.

/// Rows in a column batch.
pub const BATCH_ROWS: usize = 1024;
/// Longest encoded key, in bytes. A longer primary or index key is refused with 54000.
pub const KEY_BYTES_MAX: usize = 16 << 10;
/// Longest encoded row, in bytes.
pub const ROW_BYTES_MAX: usize = 64 << 20;
/// Columns in a table.
pub const TABLE_COLUMNS_MAX: usize = 1600;
/// Bytes in an identifier; longer ones are cut, as PostgreSQL does.
pub const IDENTIFIER_BYTES_MAX: usize = 63;
/// Bytes in a protocol message from a client, and so in a statement or value.
pub const MESSAGE_BYTES_MAX: usize = 64 << 20;
/// Bytes in a startup packet.
pub const STARTUP_BYTES_MAX: usize = 16 << 10;
/// Parameters of a prepared statement.
pub const PARAMETERS_MAX: usize = 65_535;
/// Nesting of expressions and queries in a statement.
pub const STATEMENT_DEPTH_MAX: usize = 200;
/// File operations that one core may have under way; further ones wait.
pub const FILE_OPERATIONS_MAX: u32 = 1024;
/// Requests that wait in one core's mailbox before senders wait.
pub const MAILBOX_REQUESTS_MAX: usize = 16_384;
/// Requests of one core that another core may have unanswered; further callers wait.
pub const CALLS_PER_PEER_MAX: usize = 4096;
/// Fragments that one core may have under way on another; further ones wait.
pub const FRAGMENTS_PER_PEER_MAX: usize = 1024;
/// Those of them that statements may have. The others are for fragments that read rows of other cores themselves: these
/// must not wait for statements that wait for them.
pub const STATEMENT_FRAGMENTS_PER_PEER_MAX: usize = 768;
/// Batches a fragment may have under way to its reader.
pub const FRAGMENT_BATCHES_MAX: usize = 8;
/// Bytes of buffered writes of one transaction on one shard; beyond it they go to the LSM as provisional versions.
/// They are applied in one go, so this also bounds how long a core is busy with one commit.
pub const TRANSACTION_BUFFER_BYTES_MAX: usize = 1 << 20;
/// Waits for locks that one core lets begin; further writers are refused with 53000.
pub const LOCK_WAITERS_MAX: usize = 16_384;
/// Aborted transactions that a core remembers, so that writes of theirs that are still under way come too late.
pub const ABORTED_REMEMBERED_MAX: usize = 4096;
/// Reads that a transaction remembers so as to move its snapshot later; one that has read more keeps its snapshot.
pub const READS_REMEMBERED_MAX: usize = 256;
/// Rows on one core that are compared to see whether a snapshot may move; if there are more, it may not.
pub const REREAD_ROWS_MAX: usize = 4096;
/// Bytes of a bulk load that are sent to a shard at once, about.
pub const LOAD_PACK_BYTES: usize = 256 << 10;
/// Packs of one bulk load that may be under way to their shards; it waits before it sends more.
pub const LOAD_PACKS_MAX: usize = 8;
/// Rows that ANALYZE looks at closely, drawn at random from a table.
pub const SAMPLE_ROWS: usize = 30_000;
/// Bytes of such rows that one core, or whoever brings them together, holds.
pub const SAMPLE_BYTES_MAX: usize = 16 << 20;
/// Partitions of a keyspace.
pub const PARTITIONS_MAX: usize = 4096;
/// Bytes in one record of the log: a whole transaction of one shard with what surrounds it.
pub const LOG_RECORD_BYTES_MAX: usize = 80 << 20;
/// Bytes of the smallest log segment.
pub const LOG_SEGMENT_BYTES_MIN: u64 = 64 << 10;
/// Bytes of one write to the log.
pub const LOG_WRITE_BYTES_MAX: usize = 256 << 10;
/// Shards (cores) of a node.
pub const SHARDS_MAX: usize = 1024;

const _: () = assert!(ROW_BYTES_MAX <= MESSAGE_BYTES_MAX);
const _: () = assert!(CALLS_PER_PEER_MAX + FRAGMENTS_PER_PEER_MAX <= MAILBOX_REQUESTS_MAX);
const _: () = assert!(STATEMENT_FRAGMENTS_PER_PEER_MAX < FRAGMENTS_PER_PEER_MAX);
const _: () = assert!(MESSAGE_BYTES_MAX < LOG_RECORD_BYTES_MAX);
const _: () = assert!(KEY_BYTES_MAX <= TRANSACTION_BUFFER_BYTES_MAX);
