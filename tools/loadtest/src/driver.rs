//! Runs clients against a target for a while and collects what happened.
//!
//! In a closed loop each client sends its next request when the last one was answered. In an open loop requests have
//! times at which they are meant to be sent, drawn from one schedule by all clients; a client that is late sends at once, and
//! the time it was late counts in the response latency. Every write ends in the ledger with its outcome. A request is
//! repeated only after an answer that says it was not done and may be tried again (SQLSTATE class 40).
//!
//! Start at [`run`].

use crate::{
    content::mix,
    ledger::{Ledger, Outcome},
    operation::{Answer, Effect, Failure, Kind, Operation, Transfer},
    statistics::{Interval, Statistics},
    target::{Session, Target},
    workload::Plan,
};
use rand::{SeedableRng, rngs::SmallRng};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// A request this near to its time is sent at once: timers are no finer.
const TIMER_GRAIN: Duration = Duration::from_millis(1);
/// Wrong answers that are kept as examples.
const EXAMPLES_MAX: usize = 20;
const RECONNECT_PAUSE_MIN: Duration = Duration::from_millis(20);
const RECONNECT_PAUSE_MAX: Duration = Duration::from_secs(1);

/// How to run.
#[derive(Clone, Debug)]
pub struct Options {
    pub clients: usize,
    pub warm_up: Duration,
    /// Measured time; None: until the workload is done.
    pub duration: Option<Duration>,
    /// Operations per second over all clients; None: closed loop.
    pub rate: Option<f64>,
    /// Tries of one request, the first included.
    pub tries_max: u32,
    /// An answer that takes longer counts as unknown.
    pub timeout: Duration,
    pub seed: u64,
}

/// What came of it.
pub struct Outcomes {
    pub statistics: Statistics,
    pub ledger: Ledger,
    pub series: Vec<Interval>,
    /// Measured time.
    pub elapsed: Duration,
    /// Answers that cannot be right, with some examples.
    pub wrong: (u64, Vec<String>),
    pub interrupted: bool,
}

/// What the clients share.
struct Shared {
    plan: Arc<Plan>,
    target: Arc<Target>,
    options: Options,
    statistics: Statistics,
    ledger: Ledger,
    stop: Arc<AtomicBool>,
    begin: Instant,
    ticket: AtomicU64,
    wrong: Mutex<(u64, Vec<String>)>,
}

impl Shared {
    fn now_ns(&self) -> u64 {
        self.begin.elapsed().as_nanos() as u64
    }

    fn stopped(&self) -> bool {
        let over = |duration| self.begin.elapsed() >= self.options.warm_up + duration;
        self.stop.load(Ordering::Relaxed) || self.options.duration.is_some_and(over)
    }

    /// Waits for the next request's time and returns it; None when the run is over.
    async fn pace(&self) -> Option<Instant> {
        if self.stopped() {
            return None;
        }
        let Some(rate) = self.options.rate else { return Some(Instant::now()) };
        let ticket = self.ticket.fetch_add(1, Ordering::Relaxed);
        let intended = self.begin + Duration::from_secs_f64(ticket as f64 / rate);
        while let Some(wait) = intended.checked_duration_since(Instant::now() + TIMER_GRAIN) {
            // Short naps, so that Ctrl-C is heard at low rates.
            tokio::time::sleep(wait.min(Duration::from_millis(200))).await;
            if self.stopped() {
                return None;
            }
        }
        Some(intended)
    }

    fn note_wrong(&self, what: String) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.0 += 1;
        if wrong.1.len() < EXAMPLES_MAX {
            wrong.1.push(what);
        }
    }
}

/// Runs the plan on a target that was set up. `watch` sees each interval as it ends, with the errors so far.
pub async fn run(
    plan: &Arc<Plan>,
    target: &Arc<Target>,
    options: &Options,
    stop: &Arc<AtomicBool>,
    watch: &mut dyn FnMut(&Interval, &Statistics),
) -> Result<Outcomes, Failure> {
    let mut sessions = Vec::with_capacity(options.clients);
    for _ in 0..options.clients {
        sessions.push(target.connect(plan).await?);
    }
    let shared = Arc::new(Shared {
        plan: plan.clone(),
        target: target.clone(),
        options: options.clone(),
        statistics: Statistics::new(),
        ledger: Ledger::new(plan.workload.loaded_before(plan.rows)),
        stop: stop.clone(),
        begin: Instant::now(),
        ticket: AtomicU64::new(0),
        wrong: Mutex::default(),
    });
    let clients: Vec<_> = sessions
        .into_iter()
        .enumerate()
        .map(|(number, session)| tokio::spawn(client(shared.clone(), number, session)))
        .collect();
    let (series, elapsed) = observe(&shared, &clients, watch).await;
    for client in clients {
        if let Err(panic) = client.await {
            return Err(Failure::new("panic", panic.to_string()));
        }
    }
    let interrupted = stop.load(Ordering::Relaxed);
    let Ok(shared) = Arc::try_unwrap(shared).map_err(|_| ()) else {
        return Err(Failure::new("panic", "a client outlived the run"));
    };
    let wrong = shared.wrong.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Outcomes { statistics: shared.statistics, ledger: shared.ledger, series, elapsed, wrong, interrupted })
}

/// Takes an interval from time to time until all clients have ended; returns them and the measured time.
async fn observe(
    shared: &Arc<Shared>,
    clients: &[tokio::task::JoinHandle<()>],
    watch: &mut dyn FnMut(&Interval, &Statistics),
) -> (Vec<Interval>, Duration) {
    let tick = match shared.options.duration {
        Some(duration) if duration >= Duration::from_secs(20) => Duration::from_secs(1),
        _ => Duration::from_millis(250),
    };
    let warm_up = shared.options.warm_up;
    let mut series = Vec::new();
    let mut last = (0, 0);
    let (mut began, mut before) = (shared.begin, shared.begin);
    let mut measuring = false;
    loop {
        if !measuring && shared.begin.elapsed() >= warm_up {
            (measuring, began) = (true, Instant::now());
            shared.statistics.begin_measuring();
        }
        let ended = clients.iter().all(tokio::task::JoinHandle::is_finished);
        let now = Instant::now();
        if ended || now - before >= tick {
            let at_s = (now - shared.begin).as_secs_f64() - warm_up.as_secs_f64();
            let interval = shared.statistics.take_interval(at_s, now - before, &mut last);
            watch(&interval, &shared.statistics);
            series.push(interval);
            before = now;
        }
        if ended {
            let elapsed = if measuring { now - began } else { Duration::ZERO };
            return (series, elapsed);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn client(shared: Arc<Shared>, number: usize, session: Session) {
    let mut rng = SmallRng::seed_from_u64(mix(shared.options.seed) ^ mix(number as u64));
    let mut session = Some(session);
    let mut sequence = 0;
    while let Some(intended) = shared.pace().await {
        if session.is_none() {
            session = reconnect(&shared).await;
        }
        let Some(connected) = &mut session else { return };
        let Some(operation) = shared.plan.next(&mut rng, number, sequence) else { return };
        sequence += 1;
        let (start, start_ns) = (Instant::now(), shared.now_ns());
        let result = attempt(&shared, connected, &operation).await;
        let end = Instant::now();
        note(&shared.ledger, &operation, &result, start_ns, shared.now_ns());
        match result {
            Ok(answer) => {
                let response = end - intended.min(start);
                shared.statistics.record(number, operation.kind(), end - start, response, answer.rows());
                if let Err(what) = shared.plan.check(&operation, &answer) {
                    shared.note_wrong(what);
                }
            }
            Err(failure) => {
                shared.statistics.record_failure(&failure);
                if failure.effect == Effect::Unknown && writes(&operation) {
                    shared.statistics.unknown.fetch_add(1, Ordering::Relaxed);
                }
                if failure.reconnect {
                    session = None;
                }
            }
        }
    }
}

/// Does an operation, again where the target says that this may help.
async fn attempt(shared: &Shared, session: &mut Session, operation: &Operation) -> Result<Answer, Failure> {
    for tried in 1.. {
        match session.execute_within(operation, shared.options.timeout).await {
            Err(failure) if failure.retry && tried < shared.options.tries_max && !failure.reconnect => {
                shared.statistics.retries.fetch_add(1, Ordering::Relaxed);
            }
            result => return result,
        }
    }
    Err(Failure::new("answer", "no try was made"))
}

/// Tries to get a session until the run is over.
async fn reconnect(shared: &Shared) -> Option<Session> {
    let mut pause = RECONNECT_PAUSE_MIN;
    while !shared.stopped() {
        match shared.target.connect(&shared.plan).await {
            Ok(session) => return Some(session),
            Err(failure) => shared.statistics.count_error(&failure.kind, &failure.message),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(RECONNECT_PAUSE_MAX);
    }
    None
}

fn writes(operation: &Operation) -> bool {
    !matches!(operation.kind(), Kind::Read | Kind::Scan | Kind::Aggregate | Kind::Sum)
}

/// Puts the outcome of a write into the ledger.
fn note(ledger: &Ledger, operation: &Operation, result: &Result<Answer, Failure>, start_ns: u64, end_ns: u64) {
    let outcome = match result {
        Ok(_) => Outcome::Acknowledged,
        Err(failure) => failure.effect.into(),
    };
    match operation {
        Operation::Insert { id } => ledger.note_insert(*id, outcome),
        Operation::Update { id, version } | Operation::ReadUpdate { id, version } => {
            ledger.note_update(*id, *version, start_ns, end_ns, outcome);
        }
        Operation::Load { from, to } => ledger.note_load(*from, *to, outcome),
        Operation::Transfer { id, source, destination, amount } => {
            let transfer = Transfer { id: *id, source: *source, destination: *destination, amount: *amount };
            ledger.note_transfer(transfer, outcome);
        }
        _ => {}
    }
}
