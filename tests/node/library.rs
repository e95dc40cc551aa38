//! The library: a node in this process.

use distdb::{base::value::Value, config::NodeConfig, node::Node};
use tempfile::TempDir;

fn config(folder: &TempDir) -> NodeConfig {
    NodeConfig {
        data_dir: folder.path().join("data"),
        wal_dir: folder.path().join("wal"),
        pg_port: crate::harness::free_port(),
        http_port: crate::harness::free_port(),
        cores: 2,
        memory_bytes: 128 << 20,
        ..NodeConfig::default()
    }
}

#[test]
fn sql_through_the_embedded_client_survives_a_restart() {
    let folder = TempDir::new().unwrap();
    let config = config(&folder);
    let node = Node::start(config.clone()).unwrap();
    let mut client = node.client().unwrap();
    assert_eq!(client.execute("CREATE TABLE users (id INT PRIMARY KEY, name STRING)").unwrap(), "CREATE TABLE");
    assert_eq!(client.execute("INSERT INTO users VALUES (1, 'Ann'), (2, 'Bob')").unwrap(), "INSERT 0 2");
    drop(client);
    node.stop().unwrap();

    let node = Node::start(config).unwrap();
    let rows = node.client().unwrap().query("SELECT name FROM users WHERE id = 2").unwrap();
    assert!(matches!(&rows[..], [row] if matches!(&row[..], [Value::Text(name)] if &**name == "Bob")), "{rows:?}");
    node.stop().unwrap();
}

#[test]
fn a_failed_statement_leaves_nothing_and_the_session_goes_on() {
    let folder = TempDir::new().unwrap();
    let node = Node::start(config(&folder)).unwrap();
    let mut client = node.client().unwrap();
    client.execute("CREATE TABLE t (a INT PRIMARY KEY)").unwrap();
    let error = client.execute("INSERT INTO t VALUES (1), (2), (1)").unwrap_err();
    assert_eq!(error.state().as_str(), "23505");
    assert!(client.query("SELECT * FROM t").unwrap().is_empty());
    node.stop().unwrap();
}
