//! Plans follow what ANALYZE found.

use crate::harness::Folder;
use postgres::{Client, SimpleQueryMessage};

/// The rows of a simple query, columns joined with `|`.
fn rows(client: &mut Client, text: &str) -> Vec<String> {
    let messages = client.simple_query(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    let row = |message| match message {
        SimpleQueryMessage::Row(row) => {
            let values: Vec<&str> = (0..row.len()).map(|column| row.get(column).unwrap_or("NULL")).collect();
            Some(values.join("|"))
        }
        _ => None,
    };
    messages.into_iter().filter_map(row).collect()
}

fn plan(client: &mut Client, query: &str) -> String {
    rows(client, &format!("EXPLAIN {query}")).join("\n")
}

#[test]
fn analyze_changes_plans_and_survives_a_restart() {
    let folder = Folder::new();
    let node = folder.start();
    let mut client = node.connect();
    client.batch_execute("CREATE TABLE t (a int PRIMARY KEY, kind int, name text)").unwrap();
    client.batch_execute("CREATE INDEX t_kind ON t (kind)").unwrap();
    // Nearly all rows are of kind 0.
    client
        .batch_execute(
            "INSERT INTO t SELECT n, CASE WHEN n % 1000 = 0 THEN n ELSE 0 END, NULL FROM generate_series(1, 20000) n",
        )
        .unwrap();
    client.batch_execute("ANALYZE t").unwrap();
    let often = "SELECT count(name) FROM t WHERE kind = 0";
    let rare = "SELECT count(name) FROM t WHERE kind = 7000";
    for _ in 0..2 {
        assert!(plan(&mut client, often).contains("Seq Scan"), "{}", plan(&mut client, often));
        assert!(plan(&mut client, rare).contains("Index Scan using t_kind"), "{}", plan(&mut client, rare));
    }
    let shown = "SELECT attname, null_frac, avg_width, n_distinct, most_common_freqs FROM pg_stats WHERE tablename = 't' \
                 ORDER BY attname";
    let stats = rows(&mut client, shown);
    assert_eq!(stats[0], "a|0|4|-1|NULL");
    assert!(stats[1].starts_with("kind|0|4|21|{0.999"), "{stats:?}");
    assert_eq!(stats[2], "name|1|0|0|NULL");
    assert_eq!(rows(&mut client, "SELECT reltuples FROM pg_class WHERE relname = 't'"), ["20000"]);
    drop(client);
    node.kill();

    let node = folder.start();
    let mut client = node.connect();
    assert_eq!(rows(&mut client, shown), stats);
    assert!(plan(&mut client, often).contains("Seq Scan"));
    assert!(plan(&mut client, rare).contains("Index Scan using t_kind"));
    // One column anew, inside a transaction that is undone.
    client.batch_execute("BEGIN; DELETE FROM t WHERE a > 100; ANALYZE t (a); ROLLBACK").unwrap();
    assert_eq!(rows(&mut client, shown), stats);
    client.batch_execute("DELETE FROM t WHERE a > 100; VACUUM ANALYZE").unwrap();
    assert_eq!(rows(&mut client, "SELECT reltuples FROM pg_class WHERE relname = 't'"), ["100"]);
    client.batch_execute("TRUNCATE t").unwrap();
    assert_eq!(rows(&mut client, "SELECT reltuples FROM pg_class WHERE relname = 't'"), ["-1"]);
    client.batch_execute("DROP TABLE t").unwrap();
    assert!(rows(&mut client, "SELECT * FROM pg_stats").is_empty());
}

/// Every query gives the same rows over a table with indexes as over one without.
#[test]
fn indexes_change_no_answer() {
    let folder = Folder::new();
    let node = folder.start();
    let mut client = node.connect();
    let columns = "(a int PRIMARY KEY, b int, c text, d timestamp, e numeric)";
    client.batch_execute(&format!("CREATE TABLE plain {columns}; CREATE TABLE indexed {columns}")).unwrap();
    client
        .batch_execute(
            "CREATE INDEX i_b ON indexed (b); CREATE INDEX i_cb ON indexed (c DESC, b); \
             CREATE UNIQUE INDEX i_d ON indexed (d); CREATE INDEX i_e ON indexed (e, c)",
        )
        .unwrap();
    for table in ["plain", "indexed"] {
        let rows = "SELECT n, CASE WHEN n % 7 <> 0 THEN n * 37 % 501 END, \
                    CASE WHEN n % 11 <> 0 THEN 't' || (n % 40) END, \
                    CASE WHEN n % 13 <> 0 THEN timestamp '2020-01-01' + n * interval '1 minute' END, \
                    CASE WHEN n % 3 = 0 THEN 1.50 WHEN n % 3 = 1 THEN n / 8.0 END FROM generate_series(1, 5000) n";
        client.batch_execute(&format!("INSERT INTO {table} {rows}; DELETE FROM {table} WHERE a % 17 = 0")).unwrap();
        client.batch_execute(&format!("UPDATE {table} SET b = b + 1 WHERE a % 19 = 0")).unwrap();
    }
    client.batch_execute("ANALYZE").unwrap();
    let queries = [
        ("SELECT a, b FROM t ORDER BY a", "Index Scan using indexed_pkey"),
        ("SELECT a, b FROM t ORDER BY a DESC LIMIT 7 OFFSET 3", "Index Scan Backward using indexed_pkey"),
        ("SELECT b, a FROM t ORDER BY b, a LIMIT 20", "Index Only Scan using i_b"),
        ("SELECT b, a FROM t ORDER BY b DESC, a DESC LIMIT 1500", "Index Only Scan Backward using i_b"),
        ("SELECT c, b, a FROM t ORDER BY c DESC, b, a LIMIT 900", "Index Only Scan using i_cb"),
        ("SELECT c, b, a, e FROM t WHERE c = 't5' ORDER BY b, a LIMIT 9", "Index Scan using i_cb"),
        ("SELECT d FROM t ORDER BY d LIMIT 50", "Index Only Scan using i_d"),
        ("SELECT d FROM t ORDER BY d DESC LIMIT 500", "Index Only Scan Backward using i_d"),
        ("SELECT d, c FROM t WHERE d IS NOT NULL ORDER BY d DESC LIMIT 20", "Index Scan Backward using i_d"),
        ("SELECT a, e FROM t WHERE e = 1.50 ORDER BY c, a LIMIT 4", "Index Scan using i_e"),
        ("SELECT max(b), count(b) FROM t", ""),
        ("SELECT max(b) FROM t", "Index Only Scan Backward using i_b"),
        ("SELECT min(b) FROM t WHERE a > 10000", ""),
        ("SELECT min(d) FROM t", "Index Only Scan using i_d"),
        ("SELECT max(a), min(b), max(d), min(a) FROM t", "Index Scan Backward using i_d"),
        ("SELECT max(b), min(b) FROM t WHERE b > 100000", ""),
        ("SELECT count(*) FROM t WHERE b BETWEEN 3 AND 20", "Index Only Scan using i_b"),
        ("SELECT a FROM t WHERE c LIKE 't3%' ORDER BY a", ""),
        ("SELECT count(*) FROM t x JOIN t y ON x.a = y.a WHERE y.b < 100", ""),
        ("SELECT x.c, count(*), sum(y.b) FROM t x JOIN t y ON x.b = y.a GROUP BY x.c ORDER BY x.c", ""),
        ("SELECT count(*), count(y.a) FROM t x LEFT JOIN t y ON x.b = y.a AND y.c = 't4'", ""),
        ("SELECT count(*), count(x.a), count(y.a) FROM t x FULL JOIN t y ON x.a = y.a AND x.b > 100", ""),
        ("SELECT a FROM t WHERE b IN (SELECT a FROM t WHERE c = 't1') ORDER BY a", ""),
        ("SELECT a FROM t WHERE a NOT IN (SELECT a FROM t WHERE b > 10) ORDER BY a", ""),
        ("SELECT count(*) FROM t x, t y, t z WHERE x.a = y.b AND y.a = z.b AND z.c = 't7' AND x.c = 't3'", ""),
    ];
    for (query, way) in queries {
        // The table stands as a word of its own.
        let over = |table: &str| {
            let words = query.split(' ').map(|word| if word == "t" { table } else { word });
            words.collect::<Vec<_>>().join(" ")
        };
        let (plain, indexed) = (over("plain"), over("indexed"));
        let (expected, found) = (rows(&mut client, &plain), rows(&mut client, &indexed));
        let differ = expected.iter().zip(&found).position(|(expected, found)| expected != found);
        assert!(expected == found, "{query}: row {differ:?} of {} and {}", expected.len(), found.len());
        let shown = plan(&mut client, &indexed);
        assert!(shown.contains(way), "{query}:\n{shown}");
        let analyzed = rows(&mut client, &format!("EXPLAIN ANALYZE {indexed}")).join("\n");
        assert!(analyzed.contains("actual time="), "{analyzed}");
    }
}

#[test]
fn explain_analyze_counts_rows_of_all_cores() {
    let folder = Folder::new();
    let node = folder.start();
    let mut client = node.connect();
    client
        .batch_execute(
            "CREATE TABLE big (a int PRIMARY KEY, b int); INSERT INTO big SELECT n, n % 10 FROM generate_series(1, 3000) n; \
             CREATE TABLE small (a int PRIMARY KEY, c int); INSERT INTO small SELECT n, n FROM generate_series(0, 4) n; \
             ANALYZE",
        )
        .unwrap();
    let query = "SELECT count(*) FROM big JOIN small ON big.b = small.a";
    assert_eq!(rows(&mut client, query), ["1500"]);
    let shown = rows(&mut client, &format!("EXPLAIN (ANALYZE, COSTS OFF) {query}"));
    let line = |text: &str| shown.iter().find(|line| line.contains(text)).unwrap_or_else(|| panic!("{shown:#?}"));
    assert!(line("Seq Scan on big").contains("rows=3000 loops=2"), "{shown:#?}");
    assert!(line("Hash Join").contains("rows=1500 loops=2"), "{shown:#?}");
    // Each of two cores reads the small table from both.
    assert!(line("Seq Scan on small").contains("rows=10 loops=4"), "{shown:#?}");
    assert!(line("Finalize Aggregate").contains("rows=1 loops=1"), "{shown:#?}");
    assert!(shown.last().unwrap().starts_with("Execution Time: "));
    let document = rows(&mut client, &format!("EXPLAIN (ANALYZE, FORMAT JSON) {query}")).join("\n");
    assert!(document.contains("\"Actual Rows\": 3000") && document.contains("\"Execution Time\": "), "{document}");
}

#[test]
fn a_table_that_has_changed_much_is_analyzed_by_itself() {
    let folder = Folder::new();
    let node = folder.start();
    let mut client = node.connect();
    client.batch_execute("CREATE TABLE t (a int PRIMARY KEY, b int)").unwrap();
    client.batch_execute("INSERT INTO t SELECT n, n % 3 FROM generate_series(1, 4000) n").unwrap();
    let began = std::time::Instant::now();
    let distinct = "SELECT n_distinct FROM pg_stats WHERE tablename = 't' AND attname = 'b'";
    while rows(&mut client, distinct).is_empty() {
        assert!(began.elapsed() < std::time::Duration::from_secs(60), "nobody has analyzed the table");
    }
    assert_eq!(rows(&mut client, distinct), ["3"]);
    assert_eq!(rows(&mut client, "SELECT reltuples FROM pg_class WHERE relname = 't'"), ["4000"]);
}
