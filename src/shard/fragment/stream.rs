//! Streams of batches between a fragment and its reader.

use super::{FragmentRequest, Summary, driver::Driver};
use crate::{
    base::{
        batch::Batch,
        hash::HashMap,
        ids::ShardId,
        limits::{FRAGMENT_BATCHES_MAX, FRAGMENTS_PER_PEER_MAX, STATEMENT_FRAGMENTS_PER_PEER_MAX},
    },
    env::{TaskClass, queue::TrySendError, signal::Signal},
    error::{Effect, Error, Result},
    shard::{
        Shard,
        call::{Peer, stopping},
        handle::count,
        mailbox::{Answer, Ask},
    },
};
use std::{
    cell::Cell,
    collections::VecDeque,
    future::poll_fn,
    mem,
    rc::Rc,
    task::{Context, Poll, Waker},
};

/// The batches that a fragment puts out. Dropping it stops the fragment.
pub struct FragmentStream {
    source: Source,
    summary: Summary,
}

enum Source {
    /// The rows are on this core: the driver runs in the reader's task.
    Local(Box<Driver>),
    Remote(Remote),
    Ended,
}

/// A stream from another core.
struct Remote {
    shard: Shard,
    target: ShardId,
    number: u32,
    serial: u64,
    /// Batches taken for which no credit was given yet.
    taken: usize,
    ended: bool,
}

/// The reader's end of a stream from another core.
#[derive(Default)]
pub(in crate::shard) struct Stream {
    batches: VecDeque<Batch>,
    end: Option<Result<Box<Summary>>>,
    waker: Option<Waker>,
    /// The reader is gone; the place is freed when the end comes.
    abandoned: bool,
}

impl Shard {
    /// Starts a fragment on the shard that holds its rows.
    pub async fn fragment(&self, target: ShardId, request: FragmentRequest) -> Result<FragmentStream> {
        self.fragment_within(target, request, STATEMENT_FRAGMENTS_PER_PEER_MAX).await
    }

    /// Starts a fragment for another one that runs here.
    pub(super) async fn fragment_for_fragment(
        &self,
        target: ShardId,
        request: FragmentRequest,
    ) -> Result<FragmentStream> {
        self.fragment_within(target, request, FRAGMENTS_PER_PEER_MAX).await
    }

    async fn fragment_within(&self, target: ShardId, request: FragmentRequest, max: usize) -> Result<FragmentStream> {
        if target == self.id() {
            count(&self.0.fragments, 1);
            let driver = Driver::new(self.clone(), request)?;
            return Ok(FragmentStream { source: Source::Local(Box::new(driver)), summary: Summary::default() });
        }
        let peer = self.peer(target)?;
        let number = peer.streams.take_within(Stream::default(), max).await;
        count(&self.0.next_serial, 1);
        let serial = self.0.next_serial.get();
        let mut unsent = Unsent { peer, number: Some(number) };
        let ask = Ask::Fragment { from: self.id(), number, serial, request: Box::new(request) };
        peer.requests.send(ask).await.map_err(|_| stopping())?;
        unsent.number = None;
        let remote = Remote { shard: self.clone(), target, number, serial, taken: 0, ended: false };
        Ok(FragmentStream { source: Source::Remote(remote), summary: Summary::default() })
    }

    /// Runs a fragment here for a reader on another core.
    pub(in crate::shard) fn produce(&self, from: ShardId, number: u32, serial: u64, request: FragmentRequest) {
        count(&self.0.fragments, 1);
        let producer = self.0.producers.borrow_mut().start(from, serial);
        let class = if request.in_background { TaskClass::Background } else { TaskClass::Query };
        // Made here, so that a transaction it writes for is known before anything that is sent later arrives.
        let driver = Driver::new(self.clone(), request);
        let mut end = End { shard: self.clone(), from, number, serial, result: None };
        let work = async move {
            let shard = end.shard.clone();
            end.result = Some(match driver {
                Ok(driver) => drive(&shard, driver, from, number, &producer).await,
                Err(error) => Err(error),
            });
            drop(end);
        };
        self.0.env.spawn(class, work).detach();
    }
}

/// Frees the place of a stream whose fragment was not sent.
struct Unsent<'a> {
    peer: &'a Peer,
    number: Option<u32>,
}

impl Drop for Unsent<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.peer.streams.free(number);
        }
    }
}

impl FragmentStream {
    /// The next batch; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Batch>> {
        let next = match &mut self.source {
            Source::Ended => return Ok(None),
            Source::Local(driver) => match driver.next().await {
                Ok(Some(batch)) => Next::Batch(batch),
                Ok(None) => Next::End(Ok(Box::new(driver.take_summary()))),
                Err(error) => Next::End(Err(error)),
            },
            Source::Remote(remote) => poll_fn(|context| remote.poll_next(context)).await,
        };
        self.take(next)
    }

    /// The next batch of whichever stream has one; `None` when all have ended. What other cores have sent comes first, so
    /// that they go on; then this core works on its own rows; only then it waits.
    pub async fn next_of(streams: &mut [FragmentStream]) -> Result<Option<Batch>> {
        loop {
            if let Some(ready) = streams.iter_mut().find(|stream| stream.is_ready()) {
                if let Some(batch) = ready.next().await? {
                    return Ok(Some(batch));
                }
            } else if let Some(local) = streams.iter_mut().find(|stream| stream.is_local()) {
                if let Some(batch) = local.next().await? {
                    return Ok(Some(batch));
                }
            } else if streams.iter().all(|stream| matches!(stream.source, Source::Ended)) {
                return Ok(None);
            } else if let Some(batch) = poll_fn(|context| FragmentStream::poll_remote(streams, context)).await? {
                return Ok(Some(batch));
            }
        }
    }

    /// The next of any stream from another core; `None` when one has ended.
    fn poll_remote(streams: &mut [FragmentStream], context: &mut Context<'_>) -> Poll<Result<Option<Batch>>> {
        for stream in streams {
            if let Source::Remote(remote) = &mut stream.source
                && let Poll::Ready(next) = remote.poll_next(context)
            {
                return Poll::Ready(stream.take(next));
            }
        }
        Poll::Pending
    }

    fn take(&mut self, next: Next) -> Result<Option<Batch>> {
        match next {
            Next::Batch(batch) => Ok(Some(batch)),
            Next::End(end) => {
                self.source = Source::Ended;
                self.summary = *end?;
                Ok(None)
            }
        }
    }

    /// Whether the rows are on this core, which reads them only while `next` is awaited.
    pub fn is_local(&self) -> bool {
        matches!(self.source, Source::Local(_))
    }

    /// Whether something from another core is here already.
    pub fn is_ready(&self) -> bool {
        let Source::Remote(remote) = &self.source else { return false };
        let Ok(peer) = remote.shard.peer(remote.target) else { return true };
        peer.streams.with(remote.number, |stream| !stream.batches.is_empty() || stream.end.is_some()).unwrap_or(true)
    }

    /// What was changed, once `next` has given `None`.
    pub fn summary(&mut self) -> Summary {
        mem::take(&mut self.summary)
    }
}

enum Next {
    Batch(Batch),
    End(Result<Box<Summary>>),
}

impl Remote {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Next> {
        let Ok(peer) = self.shard.peer(self.target) else { return Poll::Ready(Next::End(Err(stopping()))) };
        let next = peer.streams.with(self.number, |stream| match (stream.batches.pop_front(), stream.end.take()) {
            (Some(batch), end) => {
                stream.end = end;
                Some(Next::Batch(batch))
            }
            (None, Some(end)) => Some(Next::End(end)),
            (None, None) => {
                stream.waker = Some(context.waker().clone());
                None
            }
        });
        let next = match next {
            Some(Some(next)) => next,
            Some(None) => return Poll::Pending,
            None => Next::End(Err(stopping())),
        };
        match &next {
            Next::Batch(_) => {
                self.taken += 1;
                if self.taken >= FRAGMENT_BATCHES_MAX / 2 {
                    let batches = mem::take(&mut self.taken);
                    peer.answer(Answer::Credit { from: self.shard.id(), serial: self.serial, batches });
                }
            }
            Next::End(_) => {
                self.ended = true;
                peer.streams.free(self.number);
            }
        }
        Poll::Ready(next)
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let Ok(peer) = self.shard.peer(self.target) else { return };
        let over = peer.streams.with(self.number, |stream| {
            stream.batches.clear();
            stream.waker = None;
            stream.abandoned = true;
            stream.end.is_some()
        });
        if over == Some(true) {
            peer.streams.free(self.number);
            return;
        }
        let cancel = Ask::Cancel { from: self.shard.id(), serial: self.serial };
        if let Err(TrySendError::Full(cancel)) = peer.requests.try_send(cancel) {
            let requests = peer.requests.clone();
            let sending = async move {
                // A core that is gone needs no cancel.
                let _ = requests.send(cancel).await;
            };
            self.shard.env().spawn(TaskClass::Query, sending).detach();
        }
    }
}

impl Stream {
    /// A batch has arrived.
    pub fn take_batch(peer: &Peer, number: u32, batch: Batch) {
        let waker = peer.streams.with(number, |stream| {
            if !stream.abandoned {
                stream.batches.push_back(batch);
            }
            stream.waker.take()
        });
        if let Some(Some(waker)) = waker {
            waker.wake();
        }
    }

    /// The fragment has ended.
    pub fn take_end(peer: &Peer, number: u32, result: Result<Box<Summary>>) {
        let state = peer.streams.with(number, |stream| {
            stream.end = Some(result);
            (stream.abandoned, stream.waker.take())
        });
        match state {
            Some((true, _)) => {
                peer.streams.free(number);
            }
            Some((false, Some(waker))) => waker.wake(),
            _ => {}
        }
    }
}

/// Runs a driver to its end, as fast as the reader takes batches.
async fn drive(
    shard: &Shard,
    mut driver: Driver,
    from: ShardId,
    number: u32,
    producer: &Producer,
) -> Result<Box<Summary>> {
    let peer = shard.peer(from)?;
    loop {
        while producer.credit.get() == 0 && !producer.cancelled.get() {
            producer.changed.wait().await;
        }
        if producer.cancelled.get() {
            return Ok(Box::default());
        }
        let cancelled = async {
            while !producer.cancelled.get() {
                producer.changed.wait().await;
            }
            Ok(None)
        };
        match futures_lite::future::or(driver.next(), cancelled).await? {
            None if producer.cancelled.get() => return Ok(Box::default()),
            None => return Ok(Box::new(driver.take_summary())),
            Some(batch) => {
                producer.credit.set(producer.credit.get() - 1);
                peer.answer(Answer::Batch { from: shard.id(), number, batch });
            }
        }
    }
}

/// Sends the end of a stream when it is dropped, so that the reader gets one also when the driver panicked.
struct End {
    shard: Shard,
    from: ShardId,
    number: u32,
    serial: u64,
    result: Option<Result<Box<Summary>>>,
}

impl Drop for End {
    fn drop(&mut self) {
        self.shard.0.producers.borrow_mut().finish(self.from, self.serial);
        let result = self.result.take().unwrap_or_else(|| {
            Err(Error::internal("a part of the query failed inside the server").with_effect(Effect::Unknown))
        });
        if let Ok(peer) = self.shard.peer(self.from) {
            peer.answer(Answer::End { from: self.shard.id(), number: self.number, result });
        }
    }
}

/// Fragments that run here for readers on other cores, by reader and serial.
#[derive(Default)]
pub(in crate::shard) struct Producers(HashMap<(ShardId, u64), Rc<Producer>>);

pub(in crate::shard) struct Producer {
    /// Batches that may be sent now.
    credit: Cell<usize>,
    cancelled: Cell<bool>,
    changed: Signal,
}

impl Producers {
    fn start(&mut self, from: ShardId, serial: u64) -> Rc<Producer> {
        let credit = Cell::new(FRAGMENT_BATCHES_MAX);
        let producer = Rc::new(Producer { credit, cancelled: Cell::new(false), changed: Signal::new() });
        self.0.insert((from, serial), producer.clone());
        producer
    }

    fn finish(&mut self, from: ShardId, serial: u64) {
        self.0.remove(&(from, serial));
    }

    /// The reader has taken batches.
    pub fn credit(&self, from: ShardId, serial: u64, batches: usize) {
        if let Some(producer) = self.0.get(&(from, serial)) {
            producer.credit.set(producer.credit.get() + batches);
            producer.changed.set();
        }
    }

    /// The reader is gone; it may have ended before.
    pub fn cancel(&self, from: ShardId, serial: u64) {
        if let Some(producer) = self.0.get(&(from, serial)) {
            producer.cancelled.set(true);
            producer.changed.set();
        }
    }
}
