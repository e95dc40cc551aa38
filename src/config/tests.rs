//! A configuration goes in as flags, variables and a file; the values or the complaint come out.

use super::*;

const MACHINE: Machine = Machine { cores: 4, memory_bytes: 8 << 30 };

fn with(flags: &[(&'static str, &str)], variables: &[(&str, &str)], file: &str) -> Result<(NodeConfig, Vec<String>)> {
    let flags = flags.iter().map(|(key, value)| (*key, value.to_string())).collect();
    let variables: Vec<(String, String)> = variables.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    let file = (!file.is_empty()).then(|| ("distdb.toml".to_string(), file.to_string()));
    resolve(flags, &variables, file, MACHINE)
}

/// The complaint about one flag: message, then hint.
fn complaint(key: &'static str, value: &str) -> String {
    let error = with(&[(key, value)], &[], "").expect_err(value);
    format!("{error} | {}", error.hint().unwrap_or("no hint"))
}

#[test]
fn defaults() {
    let (config, notes) = with(&[], &[], "").unwrap();
    assert_eq!((config.port, config.pg_port, config.http_port), (5000, 5433, 8000));
    assert_eq!((config.data_dir, config.wal_dir), ("./data".into(), "./data/wal".into()));
    assert_eq!((config.cores, config.memory_bytes, config.replication_factor), (4, 4 << 30, 3));
    assert_eq!((config.node_id.as_str(), config.log.as_str(), notes.len()), ("node1", "info", 0));
}

#[test]
fn later_layers_win() {
    let file = "pg_port = 1111\nhttp_port = 1112\nport = 1113\nmemory = \"1GiB\"";
    let variables = [("DISTDB_PG_PORT", "2222"), ("DISTDB_HTTP_PORT", "2223")];
    let (config, _) = with(&[("pg_port", "3333")], &variables, file).unwrap();
    assert_eq!((config.pg_port, config.http_port, config.port, config.memory_bytes), (3333, 2223, 1113, 1 << 30));
}

#[test]
fn the_names_of_the_mission() {
    let variables = [
        ("DISTDB_NODE_ID", "a"),
        ("DISTDB_HOST", "localhost"),
        ("DISTDB_PORT", "6000"),
        ("DISTDB_CLUSTER_NODES", "a@127.0.0.1:6000"),
        ("DISTDB_REPLICATION_FACTOR", "1"),
        ("DISTDB_DATA_DIR", "/d"),
        ("DISTDB_WAL_DIR", "/w"),
    ];
    let (config, notes) = with(&[], &variables, "").unwrap();
    assert_eq!((config.host.to_string(), config.port, config.replication_factor), ("127.0.0.1".into(), 6000, 1));
    assert_eq!((config.data_dir, config.wal_dir, notes.len()), ("/d".into(), "/w".into(), 0));
    assert_eq!(config.cluster_nodes[0], ClusterNode { node_id: "a".into(), host: "127.0.0.1".into(), port: 6000 });
}

#[test]
fn the_log_follows_the_data_unless_it_is_sent_elsewhere() {
    assert_eq!(with(&[("data_dir", "/d")], &[], "").unwrap().0.wal_dir, PathBuf::from("/d/wal"));
    assert_eq!(with(&[("data_dir", "/d"), ("wal_dir", "/w")], &[], "").unwrap().0.wal_dir, PathBuf::from("/w"));
}

#[test]
fn every_complaint_says_what_to_do() {
    let cases = [
        ("port", "0", "--port: \"0\" is not a port | Give a number from 1 to 65535."),
        ("pg_port", "65536", "--pg-port: \"65536\" is not a port | Give a number from 1 to 65535."),
        ("http_port", "5433", "pg_port and http_port are both 5433 | PostgreSQL clients and HTTP need a port each"),
        ("port", "65534", "port 65534 leaves no room for 4 cores above it | Core n listens on port + n"),
        (
            "host",
            "0.0.0.0",
            "host 0.0.0.0 can be reached by others, and there are no credentials yet | Listen on 127.0.0.1",
        ),
        (
            "cores",
            "0",
            "--cores: \"0\" is not a number of cores | Give a number from 1 to 1024, at best 4: the processors",
        ),
        ("memory", "lots", "--memory: \"lots\" is not a size | Give a size, as 512MiB"),
        (
            "memory",
            "100MiB",
            "--memory: 100MiB is too little for 4 core(s) | Give at least 256MiB, that is 64MiB a core.",
        ),
        ("memory", "9GiB", "--memory: 9GiB is more than this machine has (8192MiB) | Leave room"),
        ("node_id", "a b", "--node-id: \"a b\" is not a name for a node | Use 1 to 63 letters"),
        ("data_dir", "", "--data-dir: it is empty | Give the path of a folder"),
        (
            "replication_factor",
            "0",
            "--replication-factor: \"0\" is not a number of copies | Give a number from 1 to 9",
        ),
        ("cluster_nodes", "a:1", "--cluster-nodes: \"a:1\" is not a node | Write node_id@host:port"),
        ("cluster_nodes", "a@h:1,a@h:2", "--cluster-nodes: a stands in it twice | Give each node a name"),
        ("cluster_nodes", "b@h:1", "cluster_nodes names 1 other node(s), and this version runs a single one | Leave"),
        ("log", "dist=loud", "--log: \"dist=loud\" is not a log filter | Use error, warn, info"),
    ];
    for (key, value, expected) in cases {
        let complaint = complaint(key, value);
        assert!(complaint.starts_with(expected), "{complaint}\n{expected}");
    }
}

#[test]
fn the_origin_is_named() {
    let text = |result: Result<(NodeConfig, Vec<String>)>| result.expect_err("refused").to_string();
    assert_eq!(text(with(&[], &[("DISTDB_PORT", "x")], "")), "DISTDB_PORT: \"x\" is not a port");
    assert_eq!(text(with(&[], &[], "port = \"x\"")), "port in distdb.toml: \"x\" is not a port");
}

#[test]
fn unknown_names_get_the_nearest_one() {
    let error = with(&[], &[], "pgport = 1").expect_err("unknown");
    assert_eq!(error.to_string(), "distdb.toml: unknown setting \"pgport\"");
    assert_eq!(error.hint(), Some("Did you mean pg_port?"));
    let error = with(&[], &[], "colour = 1").expect_err("unknown");
    assert!(error.hint().is_some_and(|hint| hint.starts_with("The settings are node_id, host, port")));
    let (_, notes) = with(&[], &[("DISTDB_PG_PROT", "1")], "").unwrap();
    assert_eq!(notes, ["DISTDB_PG_PROT is set and means nothing to distdb; did you mean DISTDB_PG_PORT?"]);
}

#[test]
fn broken_files_are_refused_with_their_place() {
    let error = with(&[], &[], "port = 1\npg_port 5").expect_err("no TOML");
    assert!(error.to_string().starts_with("distdb.toml is not valid TOML"), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("line 2")), "{:?}", error.hint());
    let error = with(&[], &[], "[port]\na = 1").expect_err("a table");
    assert_eq!(error.to_string(), "port in distdb.toml: a table does not belong here");
    assert!(with(&[], &[], "cluster_nodes = [\"node1@127.0.0.1:5000\"]").is_ok());
}

#[test]
fn sizes() {
    let cases = [
        ("512MiB", Some(512 << 20)),
        ("4 GiB", Some(4 << 30)),
        ("1.5g", Some(3 << 29)),
        ("500MB", Some(500_000_000)),
        ("12", Some(12)),
        ("-1", None),
        ("1XB", None),
        ("99999999999TiB", None),
        ("", None),
        (".", None),
    ];
    for (text, bytes) in cases {
        assert_eq!(parse::bytes(text), bytes, "{text}");
    }
}
