//! Texts that try to break the parser: deep, long and random ones.

use super::script;
use crate::sql::tests::World;
use sqlparser::keywords::ALL_KEYWORDS;
use std::time::{Duration, Instant};

/// Runs on a stack as small as a busy server thread may have left.
fn on_small_stack(run: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap();
    thread.join().unwrap();
}

fn world() -> World {
    let mut world = World::new();
    world.run("CREATE TABLE t (id int primary key, a int, b text, c numeric, d timestamptz, e bool)");
    world.run("CREATE TABLE u (x bigint, y text, primary key (y, x))");
    world.run("CREATE INDEX t_a ON t (a, b)");
    world
}

/// The SQLSTATE of a text, or `ok`.
fn outcome(world: &World, text: &str) -> String {
    match world.prepare(text) {
        Ok(_) => "ok".to_owned(),
        Err(error) => error.state().as_str().to_owned(),
    }
}

#[test]
fn deep_statements_are_refused() {
    on_small_stack(|| {
        let world = world();
        let many = 100_000;
        let cases = [
            format!("SELECT {}1{}", "(".repeat(many), ")".repeat(many)),
            format!("SELECT {}", "(".repeat(many)),
            format!("SELECT {}true", "NOT ".repeat(250_000)),
            format!("SELECT {}1", "- ".repeat(many)),
            format!("SELECT 1{}", "+1".repeat(many)),
            format!("SELECT 1{}", "::int".repeat(many)),
            format!("SELECT {}1{}", "CASE WHEN true THEN ".repeat(many), " END".repeat(many)),
            format!("SELECT * FROM {}t{}", "(".repeat(many), ")".repeat(many)),
            format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(many)),
            format!("SELECT {}1{}", "(SELECT ".repeat(many), ")".repeat(many)),
            format!("SELECT true{}", " AND true".repeat(many)),
            format!("SELECT a{} FROM t", "[1]".repeat(many)),
            format!("SELECT {}1{}", "abs(".repeat(many), ")".repeat(many)),
            format!("{}SELECT 1", "EXPLAIN ".repeat(many)),
            format!("{}SELECT 1", "PREPARE p AS ".repeat(many)),
            format!("SELECT * FROM t{}", " JOIN t ON true".repeat(many)),
            format!("SELECT {}'1'", "INTERVAL ".repeat(many)),
            format!("SELECT NULL::{}int{}", "ARRAY<".repeat(many), ">".repeat(many)),
            format!("SELECT 'x'{}", " COLLATE \"C\"".repeat(many)),
            format!("SELECT 1{}", " IS NULL".repeat(many)),
            format!("SELECT {}1", "@ ".repeat(many)),
            format!("SELECT 1{}", " BETWEEN 1 AND 2".repeat(many)),
            format!("SELECT 'a'{}", "||'b'".repeat(many)),
            format!("SELECT a{} FROM t", "*a".repeat(many)),
            format!("SELECT 1{}", " < 1 + 1".repeat(many)),
            format!("SELECT 1{}", " = 1::int + 1".repeat(many)),
            format!("SELECT 1{}", " + - + -1".repeat(many)),
            format!("SELECT 1{}", " ^ 1 + 1".repeat(many)),
            format!("SELECT {}1{}", "1 + (".repeat(many), ")".repeat(many)),
            format!("SELECT a{} FROM t", ".a".repeat(many)),
            format!("SELECT {}1{}", "(".repeat(190), ")".repeat(190))
                .replace(")", &format!("){}", " OR true".repeat(5_000))),
        ];
        for text in cases {
            let found = outcome(&world, &text);
            assert!(["54001", "42601", "42712"].contains(&found.as_str()), "{found}: {}", &text[..40]);
        }
    });
}

#[test]
fn what_is_within_the_bounds_works() {
    on_small_stack(|| {
        let world = world();
        let cases = [
            format!("SELECT {}1{}", "(".repeat(150), ")".repeat(150)),
            format!("SELECT 1{}", "+1".repeat(500)),
            format!("SELECT 1{}", "+1".repeat(15_000)),
            format!("SELECT 1{} FROM t", " + a::int - 1 % 7 + abs(a) * t.a".repeat(4_000)),
            format!("SELECT a FROM t WHERE a = 1{}", " + a".repeat(15_000)),
            format!("SELECT b{} FROM t ORDER BY a{}", " || 'x' || a".repeat(5_000), "+1".repeat(10_000)),
            format!("SELECT a{}, count(*) FROM t GROUP BY 1", "+1".repeat(10_000)),
            format!("INSERT INTO t (id) VALUES (0{})", "+1".repeat(10_000)),
            format!("SELECT a FROM t WHERE a = 0{}", " OR a = 1".repeat(10_000)),
            format!("SELECT a FROM t WHERE a = 0{}", " AND b = 'x'".repeat(10_000)),
            format!("SELECT a FROM t WHERE a IN (0{})", ", 1".repeat(1_000_000)),
            format!("SELECT '{}'", "x".repeat(1 << 20)),
            format!("SELECT 1{}", ", 1".repeat(1_600)),
            format!("INSERT INTO t (id) VALUES (0){}", ", (1)".repeat(50_000)),
            format!("SELECT 1{}", "; SELECT 2".repeat(2_000)),
            format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(300)),
            format!("SELECT {}1{}", "CASE WHEN true THEN ".repeat(100), " END".repeat(100)),
            format!("SELECT CASE{} END", " WHEN true THEN 1".repeat(5_000)),
        ];
        for text in cases {
            let started = Instant::now();
            assert_eq!(outcome(&world, &text), "ok", "{}", &text[..40]);
            let took = started.elapsed();
            assert!(took < Duration::from_secs(60), "{took:?}: {}", &text[..40]);
        }
    });
}

#[test]
fn brackets_do_not_double_the_time() {
    on_small_stack(|| {
        for depth in [20, 60, 150] {
            for text in [
                format!("SELECT * FROM {}t{}", "(".repeat(depth), ")".repeat(depth)),
                format!("SELECT {}1{} + 1", "(".repeat(depth), ")".repeat(depth)),
                format!("{}SELECT 1{}", "(".repeat(depth), ")".repeat(depth)),
                format!("SELECT {}", "(".repeat(depth)),
                format!("SELECT * FROM {}", "(".repeat(depth)),
                format!("SELECT 1 IN {}1{}", "(".repeat(depth), ")".repeat(depth)),
                format!("CREATE TABLE t (a {}int{})", "ARRAY<".repeat(depth), ">".repeat(depth)),
            ] {
                let started = Instant::now();
                let _ = script(&text);
                assert!(started.elapsed() < Duration::from_secs(10), "{text}");
            }
        }
    });
}

#[test]
fn every_keyword_many_times() {
    on_small_stack(|| {
        for keyword in ALL_KEYWORDS {
            for start in ["", "SELECT ", "SELECT * FROM t ", "CREATE TABLE t (a ", "ALTER TABLE t "] {
                let text = format!("{start}{}", format!("{keyword} ").repeat(3_000));
                let _ = script(&text);
            }
        }
    });
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % limit.max(1)
    }
}

const WORDS: &[&str] = &[
    "SELECT",
    "FROM",
    "WHERE",
    "t",
    "u",
    "a",
    "b",
    "c",
    "d",
    "e",
    "id",
    "x",
    "y",
    "1",
    "2.5",
    "'x'",
    "NULL",
    "$1",
    "$2",
    "+",
    "-",
    "*",
    "/",
    "%",
    "=",
    "<",
    ">",
    "<>",
    "||",
    "(",
    ")",
    ",",
    ".",
    "::",
    "int",
    "text",
    "AND",
    "OR",
    "NOT",
    "IN",
    "BETWEEN",
    "LIKE",
    "IS",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "GROUP",
    "BY",
    "ORDER",
    "HAVING",
    "LIMIT",
    "OFFSET",
    "JOIN",
    "LEFT",
    "ON",
    "USING",
    "UNION",
    "ALL",
    "DISTINCT",
    "AS",
    "count",
    "sum",
    "max",
    "coalesce",
    "now",
    "upper",
    "INSERT",
    "INTO",
    "VALUES",
    "UPDATE",
    "SET",
    "DELETE",
    "CREATE",
    "TABLE",
    "INDEX",
    "PRIMARY",
    "KEY",
    "DEFAULT",
    "RETURNING",
    "EXISTS",
    "ANY",
    "ARRAY",
    "[",
    "]",
    "WITH",
    "COPY",
    "STDIN",
    "TO",
    "EXPLAIN",
    "BEGIN",
    ";",
    "INTERVAL",
    "CAST",
    "EXTRACT",
    "year",
    "DESC",
    "NULLS",
    "FIRST",
    "ROW",
    "~",
    "!",
    "\"b\"",
    "E'\\n'",
    "$$q$$",
    "--",
    "/*",
    "'",
];

const SEEDS: &[&str] = &[
    "SELECT a, count(*) FROM t WHERE b = 'x' AND a IN (1, 2) GROUP BY a HAVING count(*) > 1 ORDER BY a DESC LIMIT 5",
    "SELECT t.a, u.y FROM t LEFT JOIN u ON t.a = u.x WHERE t.id BETWEEN 1 AND 10 OR u.y LIKE 'a%'",
    "INSERT INTO t (id, a, b) VALUES (1, 2, 'x'), (2, DEFAULT, NULL) RETURNING *",
    "UPDATE t SET a = a + 1, (b, c) = ('x', 2) WHERE id = $1",
    "DELETE FROM u WHERE y = 'q' AND x = 5",
    "CREATE TABLE v (a int PRIMARY KEY, b text DEFAULT 'x' NOT NULL, UNIQUE (b))",
    "COPY t (a, b) FROM STDIN WITH (FORMAT csv, DELIMITER ';')",
    "SELECT CASE WHEN a > 1 THEN 'x' ELSE b END, extract(year FROM d), c::int, (SELECT max(x) FROM u) FROM t",
    "SELECT DISTINCT upper(b) || 'x' AS z FROM (SELECT b FROM t UNION ALL SELECT y FROM u) AS s ORDER BY z",
    "SET search_path TO a, b; SHOW ALL; BEGIN ISOLATION LEVEL SERIALIZABLE; ROLLBACK TO SAVEPOINT x",
];

/// Iterations of the random tests; more with `DISTDB_FUZZ_ITERATIONS`.
fn iterations() -> usize {
    std::env::var("DISTDB_FUZZ_ITERATIONS").ok().and_then(|count| count.parse().ok()).unwrap_or(10_000)
}

#[test]
fn random_words_never_panic() {
    on_small_stack(|| {
        let world = world();
        let mut random = Random(1);
        for _ in 0..iterations() {
            let length = 1 + random.below(24);
            let first = ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "COPY", "EXPLAIN"][random.below(8)];
            let mut text = first.to_owned();
            for _ in 0..length {
                text.push(' ');
                text.push_str(WORDS[random.below(WORDS.len())]);
            }
            let _ = world.prepare(&text);
        }
    });
}

#[test]
fn changed_statements_never_panic() {
    on_small_stack(|| {
        let world = world();
        let mut random = Random(2);
        for _ in 0..iterations() {
            let mut text = SEEDS[random.below(SEEDS.len())].to_owned();
            for _ in 0..1 + random.below(4) {
                change(&mut text, &mut random);
            }
            let _ = world.prepare(&text);
        }
    });
}

fn change(text: &mut String, random: &mut Random) {
    let mut place = random.below(text.len());
    while !text.is_char_boundary(place) {
        place -= 1;
    }
    match random.below(4) {
        0 => text.truncate(place),
        1 => text.insert_str(place, WORDS[random.below(WORDS.len())]),
        2 => text.insert(place, char::from_u32(random.below(0x3000) as u32).unwrap_or('\u{fffd}')),
        _ => {
            let mut words: Vec<&str> = text.split(' ').collect();
            let (from, to) = (random.below(words.len()), random.below(words.len()));
            words.swap(from, to);
            *text = words.join(" ");
        }
    }
}
