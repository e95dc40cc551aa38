//! Starting, stopping, and the reasons not to start.

use crate::harness::Folder;

#[test]
fn a_node_serves_says_so_over_http_and_stops_cleanly() {
    let folder = Folder::new();
    let node = folder.start();
    assert_eq!(node.http("GET", "/health").0, "HTTP/1.1 200 OK");
    assert_eq!(node.http("GET", "/ready").0, "HTTP/1.1 200 OK");
    let (status, metrics) = node.http("GET", "/metrics");
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert!(metrics.contains("# TYPE distdb_"), "{metrics}");
    assert!(node.http("GET", "/nowhere").0.contains("404"));
    assert!(node.http("DELETE", "/health").0.contains("405"));
    let mut client = node.connect();
    client.batch_execute("CREATE TABLE t (a int primary key); INSERT INTO t VALUES (1)").unwrap();
    let (code, log) = node.terminate();
    assert_eq!(code, Some(0), "{log}");
    let node = folder.start();
    let rows = node.connect().query("SELECT a FROM t", &[]).unwrap();
    assert_eq!(rows.len(), 1);
}

#[test]
fn a_folder_in_use_is_refused_by_name() {
    let folder = Folder::new();
    let _first = folder.start();
    let second = folder.start_with(&[]).err().expect("the second is refused");
    assert!(second.contains(&folder.path().join("data").display().to_string()), "{second}");
}

#[test]
fn a_folder_of_another_node_or_shape_is_refused() {
    let folder = Folder::new();
    drop(folder.start());
    let other = folder.start_with(&["--node-id", "other"]).err().expect("another node's folder is refused");
    assert!(other.contains("belongs to node"), "{other}");
    let shape = folder.start_with(&["--cores", "1"]).err().expect("another number of shards is refused");
    assert!(shape.contains("--cores 2"), "{shape}");
}

#[test]
fn a_newer_format_is_refused() {
    let folder = Folder::new();
    drop(folder.start());
    let path = folder.path().join("data/NODE");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("format = 1"), "{text}");
    std::fs::write(&path, text.replace("format = 1", "format = 9")).unwrap();
    let newer = folder.start_with(&[]).err().expect("a newer format is refused");
    assert!(newer.contains("format 9"), "{newer}");
}

#[test]
fn an_address_beyond_loopback_is_refused_without_credentials() {
    let folder = Folder::new();
    let refused = folder.start_with(&["--host", "0.0.0.0"]).err().expect("it is refused");
    assert!(refused.contains("no credentials"), "{refused}");
}
