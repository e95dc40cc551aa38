//! Queues between the cores of a node.
//!
//! Every core has two: one for requests, which is bounded so that a slow core makes its callers wait, and one for
//! answers. Answers never wait: a core may have only so many requests and fragments under way on each other core, and each
//! of them causes only so many answers, so the answer queue has room for all there can be. A core that waits for room in
//! somebody's request queue still takes requests and answers itself; so there is no circle of cores waiting for each other.
//!
//! ```text
//!   caller's core                                         owner's core
//!   call slot ──── requests: Ask(number, request) ───────▶ handler task
//!        ◀──────── answers:  Reply(number, response) ───── handler task
//!   stream ─────── requests: Open(number, fragment) ─────▶ driver task
//!        ◀──────── answers:  Batch · Batch · … · End ───── driver task   (at most a window of batches ahead)
//!        ───────── answers:  Credit ─────────────────────▶ driver task
//!        ───────── requests: Cancel ─────────────────────▶ driver task
//! ```

use super::{
    fragment::{FragmentRequest, Summary},
    request::{Request, Response},
};
use crate::{
    base::{batch::Batch, ids::ShardId, limits},
    env::queue::{self, Receiver, Sender},
    error::Result,
};

/// What travels in the request queue.
pub(super) enum Ask {
    Call {
        from: ShardId,
        number: u32,
        request: Request,
    },
    /// `number` is the reader's place for the stream, `serial` its name for good.
    Fragment {
        from: ShardId,
        number: u32,
        serial: u64,
        request: Box<FragmentRequest>,
    },
    /// The reader is gone. In this queue it cannot overtake its fragment.
    Cancel {
        from: ShardId,
        serial: u64,
    },
}

/// What travels in the answer queue.
pub(super) enum Answer {
    Reply {
        from: ShardId,
        number: u32,
        result: Result<Response>,
    },
    Batch {
        from: ShardId,
        number: u32,
        batch: Batch,
    },
    End {
        from: ShardId,
        number: u32,
        result: Result<Box<Summary>>,
    },
    /// The reader has taken this many batches.
    Credit {
        from: ShardId,
        serial: u64,
        batches: usize,
    },
}

/// One core's ends of all queues. Made for all cores at once by [`connect`], then moved to the cores.
pub struct Mailbox {
    pub(super) requests_to: Vec<Sender<Ask>>,
    pub(super) answers_to: Vec<Sender<Answer>>,
    pub(super) requests: Receiver<Ask>,
    pub(super) answers: Receiver<Answer>,
}

/// The most answers that can be on their way to a core, per other core.
const ANSWERS_PER_PEER: usize = limits::CALLS_PER_PEER_MAX
    // As a reader: a window of batches and the end of each stream. As a writer: credit for each batch.
    + limits::FRAGMENTS_PER_PEER_MAX * (2 * limits::FRAGMENT_BATCHES_MAX + 1);

/// The queues between `shards` cores.
pub fn connect(shards: u16) -> Vec<Mailbox> {
    let peers = usize::from(shards);
    let (requests_to, requests): (Vec<_>, Vec<_>) =
        (0..peers).map(|_| queue::bounded(limits::MAILBOX_REQUESTS_MAX)).unzip();
    let (answers_to, answers): (Vec<_>, Vec<_>) = (0..peers).map(|_| queue::bounded(peers * ANSWERS_PER_PEER)).unzip();
    let ends = requests.into_iter().zip(answers);
    ends.map(|(requests, answers)| Mailbox {
        requests_to: requests_to.clone(),
        answers_to: answers_to.clone(),
        requests,
        answers,
    })
    .collect()
}
