//! Clients that keep silent, and clients that leave while a statement runs.

use super::harness::{Bench, message, show};
use std::time::Duration;

fn shown(bench: &mut Bench, text: &str) -> Vec<String> {
    show(&bench.exchange(&message(b'Q', &[text.as_bytes(), b"\0"].concat())))
}

fn time_passes(bench: &mut Bench, seconds: u64) -> Vec<String> {
    bench.database.watch.now.set(bench.database.watch.now.get() + Duration::from_secs(seconds));
    show(&bench.exchange(&[]))
}

#[test]
fn a_client_that_keeps_silent_for_too_long_is_let_go() {
    let mut bench = Bench::started();
    shown(&mut bench, "patience 10");
    assert_eq!(time_passes(&mut bench, 9), [""; 0]);
    // Half a message is no sign of life.
    bench.exchange(b"Q\0\0");
    let last = time_passes(&mut bench, 1);
    assert!(last[0].starts_with("E S=FATAL C=57P05"), "{last:?}");
    assert!(bench.ended);
}

#[test]
fn every_message_starts_the_time_anew() {
    let mut bench = Bench::started();
    shown(&mut bench, "patience 10");
    for _ in 0..3 {
        assert_eq!(time_passes(&mut bench, 9), [""; 0]);
        assert_eq!(shown(&mut bench, "insert"), ["C INSERT 0 1", "Z I"]);
    }
}

#[test]
fn copy_from_a_silent_client_can_be_stopped() {
    let mut bench = Bench::started();
    assert!(shown(&mut bench, "copy in")[0].starts_with('G'));
    bench.database.watch.stopping.set(true);
    let told = show(&bench.exchange(&[]));
    assert!(told[0].starts_with("E S=ERROR C=57014"), "{told:?}");
    bench.database.watch.stopping.set(false);
    // What it still sends of its rows is passed over.
    bench.exchange(&[message(b'd', b"1\t2\n"), message(b'c', b"")].concat());
    assert_eq!(shown(&mut bench, "insert"), ["C INSERT 0 1", "Z I"]);
}

#[test]
fn work_for_a_client_that_is_gone_is_given_up() {
    let mut bench = Bench::started();
    assert_eq!(shown(&mut bench, "hang"), [""; 0]);
    bench.hang_up();
    // It may have ended its half only: a statement that is soon done still is.
    assert!(!bench.ended && !bench.database.watch.given_up.get());
    time_passes(&mut bench, 1);
    assert!(bench.ended && bench.database.log.borrow().iter().any(|line| line == "given up"));
}

#[test]
fn what_a_client_sends_ahead_is_kept_while_a_statement_runs() {
    let mut bench = Bench::started();
    let sent = [message(b'Q', b"wait\0"), message(b'Q', b"insert\0")].concat();
    bench.read_bytes_max(7);
    assert_eq!(show(&bench.exchange(&sent)), ["C WAIT", "Z I", "C INSERT 0 1", "Z I"]);
}

#[test]
fn statements_piped_in_before_the_end_of_the_stream_are_carried_out() {
    let mut bench = Bench::started();
    let sent = [message(b'Q', b"wait\0"), message(b'Q', b"wait; insert\0")].concat();
    assert_eq!(show(&bench.hang_up_after(&sent)), ["C WAIT", "Z I", "C WAIT", "C INSERT 0 1", "Z I"]);
}
