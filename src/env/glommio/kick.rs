//! Kicks a core that went to sleep with work to do.
//!
//! glommio's executor parks when a round of its queues ran nothing. It also ran nothing when the preemption timer (or a
//! wake from another core) was already due as the round began, which happens whenever the thread loses its processor
//! at that moment; then it sleeps although tasks are ready, until something from outside wakes it. Nothing inside the
//! core can notice, so one thread per process wakes a small task on every core: every few milliseconds while the core
//! is active, less often when it idles. A kick that meets the same accident is followed by the next.
//!
//! The cost on an idle core is a fraction of a percent; see `an_idle_core_sleeps`.

use glommio::executor;
use std::{
    future::poll_fn,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Poll, Waker},
    thread,
    time::Duration,
};

/// Between kicks of an active core: the longest that the accident can cost.
const ACTIVE: Duration = Duration::from_millis(4);
/// A core that ran no more tasks than this between two looks idles: the beat itself is one, housekeeping a few.
const IDLE_TASKS_MAX: u64 = 16;
/// Ticks without activity after which a core counts as idle, and how many ticks then pass between kicks.
const IDLE: (u32, u32) = (25, 6);
/// The same for one that has been idle for a while.
const LONG_IDLE: (u32, u32) = (500, 18);

/// What a core tells the thread.
#[derive(Default)]
struct Pulse {
    /// Tasks the executor has run.
    executed: AtomicU64,
    ended: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

/// A core as the thread sees it.
struct Watched {
    pulse: Arc<Pulse>,
    executed: u64,
    quiet_ticks: u32,
}

#[derive(Default)]
struct Kicker {
    cores: Vec<Watched>,
    running: bool,
}

static KICKER: Mutex<Kicker> = Mutex::new(Kicker { cores: Vec::new(), running: false });

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells the thread when the core is gone, whichever way it ends.
struct EndGuard(Arc<Pulse>);

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Release);
    }
}

/// Puts this core under watch. Called once on each, inside its executor.
pub(super) fn watch() -> std::io::Result<()> {
    let pulse = Arc::new(Pulse::default());
    let guard = EndGuard(pulse.clone());
    let beat = poll_fn(move |context| {
        let pulse = &guard.0;
        // The executor counts from one look at its statistics to the next.
        pulse.executed.fetch_add(executor().executor_stats().tasks_executed(), Ordering::Relaxed);
        let mut waker = lock(&pulse.waker);
        if waker.is_none() {
            *waker = Some(context.waker().clone());
        }
        Poll::<()>::Pending
    });
    glommio::spawn_local(beat).detach();
    let mut kicker = lock(&KICKER);
    kicker.cores.push(Watched { pulse, executed: 0, quiet_ticks: 0 });
    if !kicker.running {
        thread::Builder::new().name("kicker".into()).spawn(run)?;
        kicker.running = true;
    }
    Ok(())
}

fn run() {
    loop {
        thread::sleep(ACTIVE);
        let mut kicker = lock(&KICKER);
        kicker.cores.retain(|core| !core.pulse.ended.load(Ordering::Acquire));
        if kicker.cores.is_empty() {
            kicker.running = false;
            return;
        }
        kicker.cores.iter_mut().for_each(Watched::tick);
        // Straight to the tick before the one at which the first of them is kicked again.
        let skipped = kicker.cores.iter().map(|core| core.pause() - 1 - core.quiet_ticks % core.pause()).min();
        if let Some(skipped) = skipped.filter(|skipped| *skipped > 0) {
            kicker.cores.iter_mut().for_each(|core| core.quiet_ticks = core.quiet_ticks.saturating_add(skipped));
            drop(kicker);
            thread::sleep(ACTIVE * skipped);
        }
    }
}

impl Watched {
    /// Ticks from one kick to the next.
    fn pause(&self) -> u32 {
        match self.quiet_ticks {
            quiet if quiet > LONG_IDLE.0 => LONG_IDLE.1,
            quiet if quiet > IDLE.0 => IDLE.1,
            _ => 1,
        }
    }

    fn tick(&mut self) {
        let executed = self.pulse.executed.load(Ordering::Relaxed);
        let active = executed.wrapping_sub(self.executed) > IDLE_TASKS_MAX;
        self.executed = executed;
        // Wraps within the long-idle range, so that a core idle for months is still kicked.
        self.quiet_ticks = match self.quiet_ticks {
            _ if active => 0,
            quiet if quiet > 1_000_000 => LONG_IDLE.0 + 1,
            quiet => quiet + 1,
        };
        if !self.quiet_ticks.is_multiple_of(self.pause()) {
            return;
        }
        if let Some(waker) = &*lock(&self.pulse.waker) {
            waker.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::env::{OpenOptions, glommio::block_on, tests::scratch};

    /// Without the kicks this stops for good after a few hundred rounds on a busy machine.
    #[test]
    fn a_core_never_sleeps_with_work_to_do() {
        let folder = scratch();
        let path = folder.path().join("file");
        block_on(move |env| async move {
            for _ in 0..600 {
                let file = env.open(&path, OpenOptions::replacing()).await.unwrap();
                file.zero_fill(4096).await.unwrap();
                file.close().await.unwrap();
            }
        });
    }
}
