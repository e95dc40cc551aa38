//! The writer task: one batch at a time to the device.

use super::{Inner, append::Batch, segment::Segment};
use crate::error::Error;
use std::rc::Rc;

/// Runs until the log is stopped and everything appended is durable.
pub(super) async fn run(inner: Rc<Inner>) {
    loop {
        let wanted = inner.stopping.get() || inner.wanted.get() > inner.durable.get();
        let batch = if wanted { inner.appender.borrow_mut().take() } else { None };
        match batch {
            Some(batch) => inner.write(batch).await,
            None if inner.stopping.get() => break,
            None => inner.write_wanted.wait().await,
        }
    }
    inner.writer_ended.set(true);
    inner.waiters.end();
    inner.progress.set();
    inner.prepare_wanted.set();
}

impl Inner {
    async fn write(&self, batch: Batch) {
        let segment = self.segment_for(batch.start).await;
        let (start, end) = (batch.start, batch.end());
        let buffer = batch.writer.finish();
        let bytes = buffer.len() as u64;
        // The segment is open for synchronous writes: when this returns, the bytes are on the device.
        match segment.file.write_at(start - segment.base, buffer).await {
            Ok(memory) => self.appender.borrow_mut().give_back(memory),
            Err(error) => {
                let doing = format!("cannot write the log segment {}", segment.path.display());
                self.env.halt(&Error::io(doing, error).to_string()).await;
            }
        }
        self.count(|statistics| {
            statistics.writes += 1;
            statistics.written_bytes += bytes;
        });
        self.durable.set(end);
        self.waiters.wake(end);
        self.progress.set();
    }

    /// The segment that holds a position, waiting until it is made if need be.
    async fn segment_for(&self, position: u64) -> Segment {
        loop {
            let found = self.segments.borrow().iter().rev().find(|segment| segment.contains(position)).cloned();
            match found {
                Some(segment) => return segment,
                None => {
                    self.prepare_wanted.set();
                    self.prepared.wait().await;
                }
            }
        }
    }
}
