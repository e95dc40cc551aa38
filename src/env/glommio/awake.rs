//! Wakes a core that fell asleep with work to do.
//!
//! glommio's loop collects events, arms the preemption timer and then runs tasks, unless that timer has already fired. In
//! that case the released version takes "ran nothing" for "there is nothing to run" and sleeps until the next event from
//! outside, although tasks are ready; when those tasks are what everybody waits for, there is no next event. It takes a
//! thread that is descheduled at that point for as long as the timer runs, which on shared processors happens every few
//! seconds. (Upstream repaired it after the release that we build on.)
//!
//! The remedy: timers of our own, of which one is always pending, because each ends the sleep and gives the loop another
//! chance. The chance may be missed too, and a timer that has fired is armed again only when its task runs, so there are
//! several with different periods: all of them would have to hit that moment one after the other. They are short while
//! the core is busy, so that a stall ends after some milliseconds, and long on an idle core, which they wake some fifteen
//! times a second.

use std::time::Duration;

/// Periods on a busy core. They have no small common multiples, so they seldom fire together.
const PERIODS_MILLIS: [u64; 6] = [7, 9, 11, 13, 17, 23];
/// On an idle core they are this many times as long.
const IDLE_FACTOR: u32 = 32;
/// A core that ran more tasks than this since one of the timers looked is busy; the timers themselves run fewer.
const IDLE_TASKS_MAX: u64 = 4;

/// Starts the timers. Call it once in an executor; they end with it.
pub(super) fn watch() {
    for millis in PERIODS_MILLIS {
        glommio::spawn_local(keep_firing(Duration::from_millis(millis))).detach();
    }
}

async fn keep_firing(period: Duration) {
    let mut pause = period;
    loop {
        glommio::timer::sleep(pause).await;
        // Counts since the last call, whichever timer made it.
        let busy = glommio::executor().executor_stats().tasks_executed() > IDLE_TASKS_MAX;
        pause = if busy { period } else { (pause * 2).min(period * IDLE_FACTOR) };
    }
}
