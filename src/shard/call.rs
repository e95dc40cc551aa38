//! The caller's side: requests to other cores, and what comes back.

use super::{
    Shard,
    fragment::Stream,
    mailbox::{Answer, Ask},
    request::{Request, Response},
    slots::Slots,
};
use crate::{
    base::{ids::ShardId, limits, sqlstate::SqlState},
    env::queue::Sender,
    error::{Effect, Error, Result},
};
use std::{
    future::poll_fn,
    task::{Poll, Waker},
};

/// Another core, as this one sees it.
pub(super) struct Peer {
    pub requests: Sender<Ask>,
    pub answers: Sender<Answer>,
    /// Requests that wait for their answer.
    pub calls: Slots<Call>,
    /// Fragments that run there for a reader here.
    pub streams: Slots<Stream>,
}

impl Peer {
    pub fn new(requests: Sender<Ask>, answers: Sender<Answer>) -> Peer {
        Peer {
            requests,
            answers,
            calls: Slots::new(limits::CALLS_PER_PEER_MAX),
            streams: Slots::new(limits::FRAGMENTS_PER_PEER_MAX),
        }
    }

    /// Puts an answer into the peer's queue, which has room for all there can be.
    pub fn answer(&self, answer: Answer) {
        if let Err(crate::env::queue::TrySendError::Full(_)) = self.answers.try_send(answer) {
            // The bound in `mailbox.rs` is wrong: a bug that must not pass unseen.
            tracing::error!("the answer queue of a core is full; an answer is lost");
            debug_assert!(false, "the answer queue has room for every answer");
        }
    }
}

/// A request under way.
#[derive(Default)]
pub(super) struct Call {
    answer: Option<Result<Response>>,
    waker: Option<Waker>,
    /// Nobody waits any more; the place is freed when the answer comes.
    abandoned: bool,
}

impl Shard {
    /// Asks a shard. On the own core it is a plain call; to another one the request goes through its bounded queue.
    ///
    /// Dropping the future does not take the request back: what it does is done all the same, or not.
    pub async fn call(&self, target: ShardId, request: Request) -> Result<Response> {
        if target == self.id() {
            return self.handle(request).await;
        }
        let peer = self.peer(target)?;
        let number = peer.calls.take(Call::default()).await;
        let mut place = Place { peer, number, sent: false };
        let ask = Ask::Call { from: self.id(), number, request };
        peer.requests.send(ask).await.map_err(|_| stopping())?;
        place.sent = true;
        let answer = poll_fn(|context| {
            let answered = peer.calls.with(number, |call| {
                if call.answer.is_none() {
                    call.waker = Some(context.waker().clone());
                }
                call.answer.take()
            });
            match answered {
                Some(None) => Poll::Pending,
                Some(Some(answer)) => Poll::Ready(answer),
                None => Poll::Ready(Err(stopping())),
            }
        })
        .await;
        place.sent = false;
        answer
    }

    /// What this core knows of another one.
    pub(super) fn peer(&self, target: ShardId) -> Result<&Peer> {
        self.0.peers.get(usize::from(target.0)).ok_or_else(|| Error::internal(format!("there is no shard {target}")))
    }

    /// An answer has arrived.
    pub(super) fn take_answer(&self, answer: Answer) -> Result<()> {
        match answer {
            Answer::Reply { from, number, result } => self.take_reply(self.peer(from)?, number, result),
            Answer::Batch { from, number, batch } => Stream::take_batch(self.peer(from)?, number, batch),
            Answer::End { from, number, result } => Stream::take_end(self.peer(from)?, number, result),
            Answer::Credit { from, serial, batches } => self.0.producers.borrow().credit(from, serial, batches),
        }
        Ok(())
    }

    fn take_reply(&self, peer: &Peer, number: u32, result: Result<Response>) {
        let waker = peer.calls.with(number, |call| {
            call.answer = Some(result);
            (call.abandoned, call.waker.take())
        });
        match waker {
            Some((true, _)) => {
                peer.calls.free(number);
            }
            Some((false, Some(waker))) => waker.wake(),
            _ => {}
        }
    }
}

/// Frees the place of a call whose caller goes away.
struct Place<'a> {
    peer: &'a Peer,
    number: u32,
    /// The request is on its way: an answer will come to this place.
    sent: bool,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let answered = self.peer.calls.with(self.number, |call| {
            call.abandoned = true;
            call.waker = None;
            call.answer.is_some()
        });
        if !self.sent || answered == Some(true) {
            self.peer.calls.free(self.number);
        }
    }
}

/// The other core takes no requests any more.
pub(super) fn stopping() -> Error {
    Error::new(SqlState::ADMIN_SHUTDOWN, "the node is stopping").with_effect(Effect::Unknown)
}
