//! The log of one core: every write, once, in order.
//!
//! What it is: an endless sequence of records in recycled segment files. [`Log::append`] puts a record into the batch
//! that is being filled; one writer task writes batches to the device, one at a time, each durable when the write
//! completes (O_DSYNC into blocks that were written before, so no metadata moves); [`Log::durable`] waits for that.
//! What arrives while a write is under way forms the next batch: group commit without a timer.
//!
//! What it does not do: it does not know what a record means, it never acknowledges before the device did, and it never
//! retries a failed write: that ends the node, for nobody knows what the device kept.
//!
//! # Format
//!
//! ```text
//! folder:   segment-000000  segment-000001  ...        (names say nothing about the order)
//!
//! segment:  0                4096                                             bytes
//!           +----------------+-----------+-----------+------ ~ ------+--------+
//!           | header | zeros | write     | write     |               | unused |
//!           +----------------+-----------+-----------+------ ~ ------+--------+
//!
//! header:   magic 8 | version 4 | zero 4 | identity 8 | number 8 | base 8 | bytes 8 | checksum 8
//!             identity: drawn when the log was made; a segment of another log is refused
//!             number, base: place of the segment, and log position of its first byte
//!             checksum: xxh3 of the header with this field zero; the header is in one sector, so it is never torn
//!
//! write:    starts at a block of 4096 bytes; fragments at multiples of 8; zeros to the end of the last block.
//!           A durable block is never written again until its segment is recycled.
//!
//! fragment: 0          8          16      20      24      28                32
//!           +----------+----------+-------+-------+-------+-----------------+-- ~ ----+- ~ --+
//!           | checksum | sequence | chain | epoch | index | length and kind | payload | zeros|
//!           +----------+----------+-------+-------+-------+-----------------+-- ~ ----+- ~ --+
//!             checksum: xxh3 of all behind it, mixed with the log's identity and the fragment's position, so bytes
//!                       of a recycled segment, or moved ones, never pass
//!             sequence: fragments before it in this log
//!             chain:    lower half of the checksum before it
//!             epoch:    how often the log was opened; what an earlier opening left behind the end never passes
//!             index:    fragments before it in the same write
//!             kind:     1 a whole record, 2 first, 3 middle, 4 last part of one, 5 a mark (log opened or closed)
//! ```
//!
//! # The end
//!
//! A fragment that fails its checks ends the log there, if it can be the torn end of the last write. It cannot be, if
//! any intact fragment behind it belongs to a write whose first sequence number is beyond the missing one (writes
//! follow each other, so what came before that write was durable), or if the tables say they hold later records. Then
//! opening fails and names file, offset, expected and found; nothing is cut off. Every opening writes a mark with a new
//! epoch and waits for it, so all that was recovered is under that proof, and leftovers behind the end are dead.
//!
//! # Invariants
//!
//! Positions only grow. A record is replayed if and only if all of it and all before it verify. Segments are recycled
//! only when they end before the released position. Memory is bounded by [`Options::unsynced_bytes_max`] plus one
//! record, if callers wait in [`Log::room`].
//!
//! Start reading at [`Log::open`], then `append.rs`, `write.rs`, `recovery.rs`, `prepare.rs`.

mod append;
#[cfg(test)]
mod crash;
mod prepare;
mod record;
mod recovery;
mod segment;
#[cfg(test)]
mod tests;
mod wait;
mod write;

use crate::{
    base::{limits, sqlstate::SqlState},
    env::{Env, Task, TaskClass, signal::Signal},
    error::{Error, Result},
};
use append::{Appender, Tail};
use recovery::Recovery;
use segment::{DATA_OFFSET, FreeFile, Segment};
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    path::PathBuf,
    rc::Rc,
};
use wait::Waiters;

/// A place in the log, in bytes since its beginning. Later records have greater positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogPosition(pub u64);

/// How a log is kept.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder of its segments; nothing else is in it.
    pub dir: PathBuf,
    /// Length of a segment: a multiple of 4096, at least [`limits::LOG_SEGMENT_BYTES_MIN`].
    pub segment_bytes: u64,
    /// Segments kept ready ahead of the one being filled.
    pub spare_segments: usize,
    /// Released segments kept for later use; more are removed.
    pub free_segments_max: usize,
    /// Bytes appended and not yet durable beyond which [`Log::room`] makes callers wait.
    pub unsynced_bytes_max: u64,
}

impl Options {
    /// Defaults for a folder.
    pub fn new(dir: PathBuf) -> Options {
        Options { dir, segment_bytes: 32 << 20, spare_segments: 1, free_segments_max: 4, unsynced_bytes_max: 8 << 20 }
    }

    fn check(&self) -> Result<()> {
        let bytes = self.segment_bytes;
        if bytes < limits::LOG_SEGMENT_BYTES_MIN || !bytes.is_multiple_of(DATA_OFFSET) {
            return Err(Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("a log segment cannot be {bytes} bytes long"),
            )
            .with_hint(format!("Choose a multiple of {DATA_OFFSET}, at least {}.", limits::LOG_SEGMENT_BYTES_MIN)));
        }
        Ok(())
    }
}

/// Counters since the log was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Records appended.
    pub records: u64,
    /// Payload bytes appended.
    pub payload_bytes: u64,
    /// Writes to the device, each a sync.
    pub writes: u64,
    /// Bytes written, with headers and padding.
    pub written_bytes: u64,
    /// Bytes appended and not yet durable.
    pub unsynced_bytes: u64,
    /// Segments that hold or will hold records.
    pub segments: usize,
    /// Files waiting for use.
    pub free_segments: usize,
    /// Bytes between the oldest kept segment and the end.
    pub kept_bytes: u64,
}

/// The log. Clones share it; when the last is dropped the writer finishes what was appended and stops.
#[derive(Clone)]
pub struct Log(Rc<Owner>);

struct Owner {
    inner: Rc<Inner>,
    /// The writer and the preparer, until they are awaited.
    tasks: RefCell<Vec<Task<()>>>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.inner.stop();
        self.tasks.take().into_iter().for_each(Task::detach);
    }
}

struct Inner {
    env: Env,
    options: Options,
    identity: u64,
    appender: RefCell<Appender>,
    durable: Cell<u64>,
    /// Position up to which there is something to write without delay.
    wanted: Cell<u64>,
    waiters: Waiters,
    /// Segments from the oldest kept one to the last spare, without gaps.
    segments: RefCell<VecDeque<Segment>>,
    free: RefCell<Vec<FreeFile>>,
    /// Number for the name of the next new file.
    next_file: Cell<u64>,
    /// The device is full: no spare segment could be made.
    full: Cell<bool>,
    stopping: Cell<bool>,
    writer_ended: Cell<bool>,
    /// There is something to write.
    write_wanted: Signal,
    /// A write is done.
    progress: Signal,
    /// A spare may be missing, or a segment is free.
    prepare_wanted: Signal,
    /// A spare is there, or cannot be made.
    prepared: Signal,
    statistics: Cell<Statistics>,
}

impl Log {
    /// Opens or creates the log and hands every record that ends behind `from` to `visit`, in order, with the position
    /// behind it. `from` is what was last given to [`Log::release`] or less, or 0 for all.
    pub async fn open(
        env: &Env,
        options: Options,
        from: LogPosition,
        mut visit: impl FnMut(LogPosition, &[u8]) -> Result<()>,
    ) -> Result<Log> {
        options.check()?;
        let mut found = prepare::discover(env, &options, from.0).await?;
        let (identity, tail) = match found.segments.front() {
            Some(first) => {
                let identity = first.identity;
                let segments = found.segments.make_contiguous();
                let visit = |end, payload: &[u8]| visit(LogPosition(end), payload);
                (identity, Recovery::new(env, segments, from.0, visit).run().await?)
            }
            None => {
                let identity = env.random_u64();
                (identity, Tail::of_new_log(identity))
            }
        };
        prepare::keep_only_matching_spares(env, &options, &mut found, &tail).await?;
        let inner = Rc::new(Inner {
            env: env.clone(),
            identity,
            appender: RefCell::new(Appender::new(tail, options.segment_bytes)),
            durable: Cell::new(tail.end),
            wanted: Cell::new(tail.end),
            waiters: Waiters::default(),
            segments: RefCell::new(found.segments),
            free: RefCell::new(found.free),
            next_file: Cell::new(found.next_file),
            full: Cell::new(false),
            stopping: Cell::new(false),
            writer_ended: Cell::new(false),
            write_wanted: Signal::new(),
            progress: Signal::new(),
            prepare_wanted: Signal::new(),
            prepared: Signal::new(),
            statistics: Cell::new(Statistics::default()),
            options,
        });
        inner.ensure_first_segment().await?;
        let writer = env.spawn(TaskClass::Log, write::run(inner.clone()));
        let preparer = env.spawn(TaskClass::Flush, prepare::run(inner.clone()));
        let log = Log(Rc::new(Owner { inner, tasks: RefCell::new(vec![writer, preparer]) }));
        log.mark().await?;
        Ok(log)
    }

    /// Appends a record whose payload is `parts` one after the other, and returns the position behind it. Neither waits
    /// nor makes it durable: see [`Log::durable`]. Call [`Log::room`] before, so that memory stays bounded.
    pub fn append(&self, payload: &[&[u8]]) -> Result<LogPosition> {
        let end = self.append_without_hurry(payload)?;
        self.0.inner.want(end.0);
        Ok(end)
    }

    /// The same for a record that nobody waits for: it goes to the device with the next one that somebody does wait for,
    /// or when [`Log::write_out`] is called.
    pub fn append_without_hurry(&self, payload: &[&[u8]]) -> Result<LogPosition> {
        let inner = &self.0.inner;
        let bytes: usize = payload.iter().map(|part| part.len()).sum();
        inner.check_append(bytes)?;
        inner.count(|statistics| {
            statistics.records += 1;
            statistics.payload_bytes += bytes as u64;
        });
        Ok(LogPosition(inner.append_with(|appender| appender.append(payload))))
    }

    /// Has everything appended so far written.
    pub fn write_out(&self) {
        self.0.inner.want(self.end().0);
    }

    /// Resolves when everything up to `position` is on the device.
    pub async fn durable(&self, position: LogPosition) -> Result<()> {
        let inner = &self.0.inner;
        debug_assert!(position <= self.end(), "waiting for what was never appended");
        inner.waiters.wait(position.0, &inner.durable).await
    }

    /// Position behind everything appended.
    pub fn end(&self) -> LogPosition {
        LogPosition(self.0.inner.appender.borrow().end())
    }

    /// Position up to which everything is on the device.
    pub fn durable_end(&self) -> LogPosition {
        LogPosition(self.0.inner.durable.get())
    }

    /// Waits while too much is appended and not yet durable, or while the next segment is being made.
    pub async fn room(&self) {
        let inner = &self.0.inner;
        loop {
            let (end, segment_end) = {
                let appender = inner.appender.borrow();
                (appender.end(), appender.segment_end())
            };
            if end.saturating_sub(inner.durable.get()) > inner.options.unsynced_bytes_max {
                inner.want(end);
                inner.progress.wait().await;
            } else if segment_end > inner.prepared_end() && !inner.full.get() {
                inner.prepared.wait().await;
            } else {
                return;
            }
        }
    }

    /// Nothing up to this position is needed any more: whole segments before it are recycled.
    pub fn release(&self, up_to: LogPosition) {
        self.0.inner.release(up_to.0);
    }

    /// Writes out what was appended, marks the end, and stops. Waiters get their answers first.
    pub async fn close(&self) -> Result<()> {
        if !self.0.inner.stopping.get() {
            self.mark().await?;
        }
        self.0.inner.stop();
        let tasks = self.0.tasks.take();
        for task in tasks {
            task.await;
        }
        Ok(())
    }

    /// Counters.
    pub fn statistics(&self) -> Statistics {
        let inner = &self.0.inner;
        let mut statistics = inner.statistics.get();
        let end = self.end().0;
        let segments = inner.segments.borrow();
        statistics.unsynced_bytes = end.saturating_sub(inner.durable.get());
        statistics.segments = segments.len();
        statistics.free_segments = inner.free.borrow().len();
        statistics.kept_bytes = segments.front().map_or(0, |first| end.saturating_sub(first.base));
        statistics
    }

    /// Writes a mark and waits for it.
    async fn mark(&self) -> Result<()> {
        let inner = &self.0.inner;
        let salt = inner.env.random_u64();
        let end = inner.append_with(|appender| appender.append_mark(salt));
        inner.want(end);
        self.durable(LogPosition(end)).await
    }
}

impl Inner {
    fn stop(&self) {
        self.stopping.set(true);
        self.write_wanted.set();
    }

    /// Appends something and tells the background tasks.
    fn append_with(&self, append: impl FnOnce(&mut Appender) -> u64) -> u64 {
        let mut appender = self.appender.borrow_mut();
        let segment_end = appender.segment_end();
        let end = append(&mut appender);
        let entered_another = appender.segment_end() != segment_end;
        drop(appender);
        if entered_another {
            self.prepare_wanted.set();
        }
        end
    }

    /// Has the writer write up to a position.
    fn want(&self, position: u64) {
        self.wanted.set(position.max(self.wanted.get()));
        self.write_wanted.set();
    }

    fn check_append(&self, bytes: usize) -> Result<()> {
        if self.stopping.get() {
            return Err(Error::new(SqlState::ADMIN_SHUTDOWN, "the log is closed"));
        }
        if bytes > limits::LOG_RECORD_BYTES_MAX {
            let limit = limits::LOG_RECORD_BYTES_MAX;
            return Err(Error::new(
                SqlState::PROGRAM_LIMIT_EXCEEDED,
                format!("a log record of {bytes} bytes is longer than {limit} bytes"),
            )
            .with_hint("Change fewer rows in one transaction."));
        }
        if self.full.get() && self.appender.borrow().end() + Appender::space_needed(bytes) > self.prepared_end() {
            let folder = self.options.dir.display();
            return Err(Error::new(SqlState::DISK_FULL, format!("no space left for the log in {folder}"))
                .with_hint("Free some disk space; the node goes on by itself then."));
        }
        Ok(())
    }

    /// End of the last segment that is ready to be written to.
    fn prepared_end(&self) -> u64 {
        self.segments.borrow().back().map_or(0, Segment::end)
    }

    fn count(&self, change: impl FnOnce(&mut Statistics)) {
        let mut statistics = self.statistics.get();
        change(&mut statistics);
        self.statistics.set(statistics);
    }
}
