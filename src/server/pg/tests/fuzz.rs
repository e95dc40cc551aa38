//! Noise on the wire: random and damaged streams. Whatever comes, the server does not panic, does not hang, holds little
//! memory, frames its answers correctly, and serves the next client.
//!
//! The fake database asserts on its side that calls come in the order that the contract asks for.

use super::harness::{Bench, message, show, startup};

/// A small generator of its own (xorshift64*), so that a seed means the same stream for ever.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 33) as usize % bound.max(1)
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

const TEXTS: [&str; 14] = [
    "rows 3",
    "rows 2000",
    "insert",
    "begin",
    "commit",
    "rollback",
    "error 1",
    "wait",
    "conflict",
    "copy in",
    "copy out 5",
    "set a b",
    "insert; rows 1; error 1",
    "echo int4 text",
];
const NAMES: [&str; 3] = ["", "a", "b"];

fn bind(random: &mut Random) -> Vec<u8> {
    let codes = |random: &mut Random| -> Vec<u8> {
        let count = random.below(3) as u16;
        let codes: Vec<u8> = (0..count).flat_map(|_| (random.below(2) as u16).to_be_bytes()).collect();
        [&count.to_be_bytes()[..], &codes].concat()
    };
    let mut body = [random.pick(&NAMES).as_bytes(), b"\0", random.pick(&NAMES).as_bytes(), b"\0"].concat();
    body.extend(codes(random));
    let count = random.below(4) as u16;
    body.extend(count.to_be_bytes());
    for _ in 0..count {
        let value = random.pick(&[&b"5"[..], b"\0\0\0\x01", b"\xff\xff", b""]);
        body.extend((value.len() as i32).to_be_bytes());
        body.extend(value);
    }
    body.extend(codes(random));
    message(b'B', &body)
}

/// A well-formed message of any kind.
fn any_message(random: &mut Random) -> Vec<u8> {
    let text = random.pick(&TEXTS).as_bytes();
    let name = random.pick(&NAMES).as_bytes();
    let target = random.pick(&[&b"S"[..], b"P"]);
    match random.below(14) {
        0 | 1 => message(b'Q', &[text, b"\0"].concat()),
        2 | 3 => message(b'P', &[name, b"\0", text, b"\0\0\0"].concat()),
        4 | 5 => bind(random),
        6 => message(b'D', &[target, name, b"\0"].concat()),
        7 => message(b'E', &[name, b"\0", &(random.below(4) as i32).to_be_bytes()].concat()),
        8 => message(b'C', &[target, name, b"\0"].concat()),
        9 => message(b'H', b""),
        10 => message(b'd', b"1\t2\n"),
        11 => random.pick(&[message_ref(b'c'), message_ref(b'f'), message_ref(b'F')]).to_vec(),
        _ => message(b'S', b""),
    }
}

fn message_ref(tag: u8) -> &'static [u8] {
    match tag {
        b'c' => b"c\0\0\0\x04",
        b'f' => b"f\0\0\0\x06x\0",
        _ => b"F\0\0\0\x04",
    }
}

fn damage(random: &mut Random, bytes: &mut Vec<u8>) {
    for _ in 0..1 + random.below(3) {
        let at = random.below(bytes.len());
        match random.below(6) {
            0 => bytes[at] = random.next() as u8,
            1 => bytes[at] = random.pick(&[0, 1, 0x7f, 0x80, 0xff]),
            2 => bytes.truncate(at),
            3 => bytes.insert(at, random.next() as u8),
            4 => _ = bytes.remove(at),
            _ => bytes.extend_from_within(at..),
        }
        if bytes.is_empty() {
            return;
        }
    }
}

/// Sends a stream in pieces; checks each answer.
fn send(random: &mut Random, bench: &mut Bench, bytes: &[u8]) {
    let mut rest = bytes;
    while !rest.is_empty() && !bench.ended {
        let (piece, after) = rest.split_at(1 + random.below(rest.len()));
        show(&bench.exchange(piece));
        rest = after;
    }
    assert!(bench.shared.budget().used_bytes() <= 2 * bytes.len() + 1024);
}

fn rounds(default: u64) -> u64 {
    std::env::var("FUZZ_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(default)
}

#[test]
fn well_formed_messages_in_any_order_keep_the_connection() {
    for seed in 1..=rounds(300) {
        let mut random = Random::new(seed);
        let mut bench = Bench::started();
        let bytes: Vec<u8> = (0..30).flat_map(|_| any_message(&mut random)).collect();
        send(&mut random, &mut bench, &bytes);
        assert!(!bench.ended, "seed {seed}");
        // Whatever state it is in, these bring it back.
        bench.exchange(&[message(b'f', b"x\0"), message(b'S', b"")].concat());
        let shown = show(&bench.exchange(&message(b'Q', b"rollback\0")));
        assert_eq!(shown, ["C ROLLBACK", "Z I"], "seed {seed}");
        bench.hang_up();
        assert!(bench.ended && bench.shared.sessions() == 0, "seed {seed}");
    }
}

#[test]
fn damaged_streams_end_at_most_their_connection() {
    for seed in 1..=rounds(1500) {
        let mut random = Random::new(seed + 1_000_000);
        let mut bench = Bench::started();
        let mut bytes: Vec<u8> = (0..12).flat_map(|_| any_message(&mut random)).collect();
        damage(&mut random, &mut bytes);
        send(&mut random, &mut bench, &bytes);
        bench.hang_up();
        assert!(bench.ended && bench.shared.sessions() == 0, "seed {seed}");
        assert_eq!(bench.shared.budget().used_bytes(), 0, "seed {seed}");
    }
}

#[test]
fn noise_at_startup_and_after_ends_at_most_its_connection() {
    for seed in 1..=rounds(1500) {
        let mut random = Random::new(seed + 2_000_000);
        let mut bench = Bench::new();
        let mut bytes = match random.below(3) {
            0 => startup(b"user\0ann\0options\0-c a=b\0_pq_.x\0y\0"),
            1 => b"\0\0\0\x08\x04\xd2\x16\x2f".to_vec(),
            _ => b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x01\0\0\0\x02".to_vec(),
        };
        damage(&mut random, &mut bytes);
        let noise = random.below(200);
        bytes.extend((0..noise).map(|_| random.next() as u8));
        let answer = bench.exchange(&bytes);
        if !answer.starts_with(b"N") {
            show(&answer);
        }
        bench.hang_up();
        assert!(bench.ended && bench.shared.sessions() == 0, "seed {seed}");
    }
}
