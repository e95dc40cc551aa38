//! Segments ahead of need: found at the start, made or recycled in the background, released.

use super::{
    Inner, Options,
    append::Tail,
    segment::{self, Found, FreeFile, Segment},
};
use crate::{
    env::Env,
    error::{Error, Result},
};
use std::{collections::VecDeque, io, rc::Rc, time::Duration};

/// How long to wait before trying again when the device is full.
const FULL_RETRY: Duration = Duration::from_secs(1);

/// What is in the folder.
pub(super) struct Discovered {
    /// From the one that holds the byte before `from`, without gaps.
    pub segments: VecDeque<Segment>,
    pub free: Vec<FreeFile>,
    pub next_file: u64,
}

/// Opens every file in the folder and puts them in order.
pub(super) async fn discover(env: &Env, options: &Options, from: u64) -> Result<Discovered> {
    let doing = |error| Error::io(format!("cannot open the log in {}", options.dir.display()), error);
    env.create_dir_all(&options.dir).await.map_err(doing)?;
    let mut found = Discovered { segments: VecDeque::new(), free: Vec::new(), next_file: 0 };
    let mut segments = Vec::new();
    for name in env.list(&options.dir).await.map_err(doing)? {
        let Some(number) = segment::file_number(&name) else { continue };
        found.next_file = found.next_file.max(number + 1);
        match segment::inspect(env, options.dir.join(&name), options.segment_bytes).await? {
            Found::Segment(segment) => segments.push(segment),
            Found::Free(file) => found.free.push(file),
            Found::Unfinished(path) => env.remove(&path).await.map_err(doing)?,
        }
    }
    segments.sort_unstable_by_key(|segment| segment.number);
    for segment in segments {
        if segment.end() < from && segment.bytes == options.segment_bytes {
            found.free.push(FreeFile { path: segment.path, file: segment.file });
        } else if segment.end() < from {
            env.remove(&segment.path).await.map_err(doing)?;
        } else {
            found.segments.push_back(segment);
        }
    }
    check_order(options, &found.segments, from)?;
    Ok(found)
}

/// Segments must follow each other, belong together, and begin early enough.
fn check_order(options: &Options, segments: &VecDeque<Segment>, from: u64) -> Result<()> {
    let folder = options.dir.display();
    let hint = "A file was removed, or belongs to another folder. Put it back, or restore this node from its replicas or a backup.";
    let Some(first) = segments.front() else {
        if from == 0 {
            return Ok(());
        }
        return Err(Error::corrupt(format!("the log in {folder} is missing: the tables refer to its position {from}"))
            .with_hint(hint));
    };
    if first.base > from.saturating_sub(1) {
        let what = format!("the log in {folder} begins at position {}, but must be read from {from}", first.base);
        return Err(Error::corrupt(what).with_hint(hint));
    }
    for (before, after) in segments.iter().zip(segments.iter().skip(1)) {
        let path = after.path.display();
        if after.identity != before.identity {
            return Err(Error::corrupt(format!("log segment {path} belongs to another log")).with_hint(hint));
        }
        if after.number != before.number + 1 || after.base != before.end() {
            let (expected, found) = (before.number + 1, after.number);
            let what = format!("the log in {folder} has a gap: expected segment {expected}, found {found} in {path}");
            return Err(Error::corrupt(what).with_hint(hint));
        }
    }
    Ok(())
}

/// Spares made with another segment length cannot be used: removes them, last first, so that no gap appears.
pub(super) async fn keep_only_matching_spares(
    env: &Env,
    options: &Options,
    found: &mut Discovered,
    tail: &Tail,
) -> Result<()> {
    let is_spare = |segment: &Segment| segment.base >= tail.segment_end;
    if found.segments.iter().filter(|segment| is_spare(segment)).all(|spare| spare.bytes == options.segment_bytes) {
        return Ok(());
    }
    let doing = |error| Error::io(format!("cannot remove a log segment from {}", options.dir.display()), error);
    while let Some(spare) = found.segments.pop_back_if(|segment| is_spare(segment)) {
        env.remove(&spare.path).await.map_err(doing)?;
        env.sync_dir(&options.dir).await.map_err(doing)?;
    }
    Ok(())
}

impl Tail {
    /// Of a log without any segment: its first segment begins at position 0.
    pub(super) fn of_new_log(identity: u64) -> Tail {
        Tail { identity, epoch: 0, sequence: 0, chain: 0, end: 0, segment_end: 0 }
    }
}

/// Keeps spares ready and the number of free files bounded. Outlives the writer, which may still need a segment.
pub(super) async fn run(inner: Rc<Inner>) {
    while !inner.writer_ended.get() {
        if inner.wants_spare() {
            match inner.prepare_one().await {
                Ok(()) => inner.full.set(false),
                Err(error) if is_full(&error) => inner.wait_for_space(&error).await,
                Err(error) => {
                    let doing = format!("cannot prepare a log segment in {}", inner.options.dir.display());
                    inner.env.halt(&Error::io(doing, error).to_string()).await;
                }
            }
            inner.prepared.set();
        } else if !inner.remove_one_free().await {
            inner.prepare_wanted.wait().await;
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

impl Inner {
    /// Before anything is appended there must be a segment to append to.
    pub(super) async fn ensure_first_segment(&self) -> Result<()> {
        while self.segments.borrow().is_empty() {
            let doing = |error| Error::io(format!("cannot make the log in {}", self.options.dir.display()), error);
            self.prepare_one().await.map_err(doing)?;
        }
        Ok(())
    }

    fn wants_spare(&self) -> bool {
        let filling_end = self.appender.borrow().segment_end();
        let spares = self.segments.borrow().iter().filter(|segment| segment.base >= filling_end).count();
        spares < self.options.spare_segments || self.prepared_end() < filling_end
    }

    /// Makes the next segment from a free file, or from a new one.
    async fn prepare_one(&self) -> io::Result<()> {
        let free = self.free.borrow_mut().pop();
        let free = match free {
            Some(free) => free,
            None => self.create_file().await?,
        };
        let (number, base) = match self.segments.borrow().back() {
            Some(last) => (last.number + 1, last.end()),
            None => (0, 0),
        };
        let bytes = self.options.segment_bytes;
        let segment = Segment { path: free.path, file: free.file, identity: self.identity, number, base, bytes };
        segment.write_header().await?;
        self.segments.borrow_mut().push_back(segment);
        Ok(())
    }

    async fn create_file(&self) -> io::Result<FreeFile> {
        let directory = &self.options.dir;
        let path = segment::file_path(directory, self.next_file.get());
        let created = segment::create(&self.env, directory, path.clone(), self.options.segment_bytes).await;
        match created {
            Ok(file) => {
                self.next_file.set(self.next_file.get() + 1);
                Ok(file)
            }
            Err(error) => {
                // Half a file only takes room away. Its removal may fail for the same reason as its creation.
                let _ = self.env.remove(&path).await;
                Err(error)
            }
        }
    }

    async fn wait_for_space(&self, error: &io::Error) {
        if !self.full.replace(true) {
            tracing::error!("no space for the next log segment in {}: {error}", self.options.dir.display());
        }
        self.prepared.set();
        let wanted = self.prepare_wanted.wait();
        self.env.timeout(FULL_RETRY, wanted).await;
    }

    /// Removes a file too many; false when there is none.
    async fn remove_one_free(&self) -> bool {
        if self.free.borrow().len() <= self.options.free_segments_max {
            return false;
        }
        let Some(free) = self.free.borrow_mut().pop() else { return false };
        if let Err(error) = self.env.remove(&free.path).await {
            tracing::warn!("cannot remove the spare log file {}: {error}", free.path.display());
        }
        true
    }

    /// Frees segments that end before `up_to`. The one that holds the byte before it stays: reading begins there.
    pub(super) fn release(&self, up_to: u64) {
        debug_assert!(up_to <= self.durable.get(), "released what was not durable");
        let mut freed = false;
        let filling_end = self.appender.borrow().segment_end();
        let mut segments = self.segments.borrow_mut();
        while let Some(first) = segments.front()
            && first.end() < up_to
            && first.end() < filling_end
        {
            if let Some(Segment { path, file, bytes, .. }) = segments.pop_front()
                && bytes == self.options.segment_bytes
            {
                self.free.borrow_mut().push(FreeFile { path, file });
            }
            freed = true;
        }
        drop(segments);
        if freed {
            self.prepare_wanted.set();
        }
    }
}
