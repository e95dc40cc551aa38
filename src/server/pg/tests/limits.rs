//! Sizes at and beyond their bounds, slow clients, many clients.

use super::harness::{Bench, message, show, startup};
use crate::{
    base::limits,
    server::pg::{
        connection::{Shared, Stopping},
        output::FLUSH_BYTES,
    },
};

fn bind(parameters: usize) -> Vec<u8> {
    let mut body = b"\0\0\0\0".to_vec();
    body.extend((parameters as u16).to_be_bytes());
    (0..parameters).for_each(|_| body.extend(b"\0\0\0\x01x"));
    body.extend([0, 0]);
    message(b'B', &body)
}

fn parse(text: &str) -> Vec<u8> {
    message(b'P', &[b"\0", text.as_bytes(), b"\0\0\0"].concat())
}

#[test]
fn as_many_parameters_as_the_protocol_can_count() {
    let mut bench = Bench::started();
    let text = format!("put{}", " text".repeat(limits::PARAMETERS_MAX));
    let sent = [parse(&text), bind(limits::PARAMETERS_MAX), message(b'E', b"\0\0\0\0\0"), message(b'S', b"")].concat();
    assert_eq!(show(&bench.exchange(&sent)), ["1", "2", "C INSERT 0 1", "Z I"]);
    // One more wraps the count to 0, so the body does not add up.
    let shown = show(&bench.exchange(&[bind(limits::PARAMETERS_MAX + 1), message(b'S', b"")].concat()));
    assert!(shown[0].starts_with("E S=ERROR C=08P01 M=invalid message format"), "{shown:?}");
}

#[test]
fn a_message_of_the_largest_size_passes_and_one_byte_more_does_not() {
    let mut bench = Bench::started();
    let mut body = b"insert".to_vec();
    body.resize(limits::MESSAGE_BYTES_MAX - 5, b' ');
    body.push(0);
    assert_eq!(show(&bench.exchange(&message(b'Q', &body))), ["C INSERT 0 1", "Z I"]);
    assert_eq!(bench.shared.budget().used_bytes(), 0);
    body.push(0);
    let shown = show(&bench.exchange(&message(b'Q', &body)));
    assert!(shown[0].starts_with("E S=FATAL C=08P01"), "{shown:?}");
    assert!(bench.ended);
}

#[test]
fn a_client_that_does_not_read_makes_the_server_wait_with_a_small_buffer() {
    let mut bench = Bench::started();
    bench.client_room(1000);
    let got = bench.exchange(&message(b'Q', b"rows 100000 1000\0"));
    assert_eq!(got.len(), 1000);
    // A message that is sent meanwhile is not even read.
    bench.exchange(&message(b'Q', b"insert\0"));
    assert!(bench.unread() > 0);
    bench.client_room(usize::MAX);
    let rest = bench.exchange(&[]);
    let shown = show(&[got, rest].concat());
    assert_eq!(shown.len(), 1 + 100_000 + 2 + 2);
}

#[test]
fn rows_are_written_in_pieces_and_bounded() {
    let mut bench = Bench::started();
    bench.client_room(1);
    bench.exchange(&message(b'Q', b"rows 1024 100000\0"));
    // Nothing to look into from outside but the pieces the client gets: each is a buffer of about a flush.
    bench.client_room(10 << 20);
    let piece = bench.exchange(&[]);
    assert!(piece.len() > FLUSH_BYTES);
}

#[test]
fn the_bytes_may_come_one_at_a_time() {
    let mut bench = Bench::new();
    bench.read_bytes_max(1);
    let sent =
        [startup(b"user\0a\0"), parse("echo text"), bind(1), message(b'E', b"\0\0\0\0\0"), message(b'S', b"")].concat();
    let shown = show(&bench.exchange(&sent));
    assert_eq!(shown[shown.len() - 5..], ["1", "2", "D 'x'", "C SELECT 1", "Z I"]);
}

#[test]
fn too_many_clients_are_told_so_and_places_are_given_back() {
    let shared = Shared::new(2, 0);
    let hello = startup(b"user\0a\0");
    let mut benches: Vec<Bench> = (0..2).map(|_| Bench::with(shared.clone())).collect();
    benches.iter_mut().for_each(|bench| assert!(!bench.exchange(&hello).is_empty()));
    let mut third = Bench::with(shared.clone());
    let shown = show(&third.exchange(&hello));
    assert!(shown[0].starts_with("E S=FATAL C=53300 M=sorry, too many clients already"), "{shown:?}");
    benches[0].hang_up();
    let mut fourth = Bench::with(shared.clone());
    assert!(show(&fourth.exchange(&hello)).last().unwrap().starts_with("Z I"));
    drop((benches, third, fourth));
    assert_eq!(shared.sessions(), 0);
}

#[test]
fn a_stopping_server_ends_all_sessions_that_wait() {
    let shared = Shared::new(100, 0);
    let mut benches: Vec<Bench> = (0..10).map(|_| Bench::with(shared.clone())).collect();
    benches.iter_mut().for_each(|bench| _ = bench.exchange(&startup(b"user\0a\0")));
    shared.stop(Stopping::Idle);
    for bench in &mut benches {
        let shown = show(&bench.exchange(&[]));
        assert!(shown[0].starts_with("E S=FATAL C=57P01"), "{shown:?}");
        assert!(bench.ended);
    }
    assert_eq!(shared.sessions(), 0);
}

#[test]
fn the_answer_before_a_statement_that_waits_is_sent_meanwhile() {
    let mut bench = Bench::started();
    bench.client_room(0);
    bench.exchange(&[message(b'Q', b"insert\0"), message(b'Q', b"wait\0")].concat());
    let started: Vec<String> =
        bench.database.log.borrow().iter().filter(|line| line.starts_with("start")).cloned().collect();
    assert_eq!(started, ["start insert", "start wait"]);
    bench.client_room(usize::MAX);
    assert_eq!(show(&bench.exchange(&[])), ["C INSERT 0 1", "Z I", "C WAIT", "Z I"]);
}
