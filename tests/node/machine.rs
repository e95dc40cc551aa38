//! A machine that lacks something: the node says what, why and what to do, ends with a code of its own, and leaves nothing
//! half done.

use crate::harness::{Folder, free_port};
use std::{
    net::TcpListener,
    path::Path,
    process::{Command, Output},
};

/// Runs `distdb start` to its end, under limits as a shell sets them.
fn start_under(limits: &str, data: &Path, flags: &[&str]) -> Output {
    Command::new("sh")
        .args(["-c", &format!("{limits} exec \"$0\" start \"$@\""), env!("CARGO_BIN_EXE_distdb")])
        .args(["--cores", "2", "--memory", "256MiB", "--data-dir"])
        .arg(data)
        .args(["--pg-port", &free_port().to_string(), "--http-port", &free_port().to_string()])
        .args(["--port", &free_port().to_string()])
        .args(flags)
        .output()
        .expect("a shell")
}

fn told(output: &Output) -> String {
    assert!(output.status.code().is_some_and(|code| code > 0), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn too_few_descriptors_and_too_little_locked_memory_are_told_with_the_command_that_mends_it() {
    let folder = Folder::new();
    let few = told(&start_under("ulimit -n 200;", &folder.path().join("data"), &[]));
    assert!(few.contains("only 200 files may be open") && few.contains("ulimit -n 65536"), "{few}");
    let little = told(&start_under("ulimit -l 64;", &folder.path().join("data"), &[]));
    assert!(little.contains("64 KiB of memory may be locked") && little.contains("ulimit -l unlimited"), "{little}");
    assert!(!folder.path().join("data/NODE").exists(), "nothing was begun");
}

#[test]
fn a_folder_that_cannot_be_written_is_told() {
    let folder = Folder::new();
    let file = folder.path().join("file");
    std::fs::write(&file, "not a folder").unwrap();
    let refused = told(&start_under("", &file.join("data"), &[]));
    assert!(refused.contains("cannot create the data folder") && refused.contains("fix:"), "{refused}");
    let refused = told(&start_under("", Path::new("/proc/data"), &[]));
    assert!(refused.contains("/proc/data"), "{refused}");
}

#[test]
fn a_port_in_use_is_told() {
    let folder = Folder::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    for flag in ["--pg-port", "--http-port"] {
        let limits = "";
        let output = Command::new("sh")
            .args(["-c", &format!("{limits} exec \"$0\" start \"$@\""), env!("CARGO_BIN_EXE_distdb")])
            .args(["--cores", "1", "--memory", "256MiB", "--data-dir"])
            .arg(folder.path().join("data"))
            .args(if flag == "--pg-port" { ["--http-port"] } else { ["--pg-port"] })
            .arg(free_port().to_string())
            .args([flag, &port])
            .output()
            .unwrap();
        let refused = told(&output);
        assert!(refused.contains(&port) && refused.contains(flag), "{refused}");
    }
}

#[test]
fn settings_that_cannot_be_are_told() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    for (flags, expected) in [
        (["--memory", "1KiB"], "memory"),
        (["--memory", "lots"], "memory"),
        (["--cores", "0"], "cores"),
        (["--cores", "100000"], "cores"),
        (["--node-id", ""], "node"),
        (["--config", "/nowhere/distdb.toml"], "/nowhere/distdb.toml"),
    ] {
        let refused = told(&start_under("", &data, &flags));
        assert!(refused.contains(expected) && !refused.contains("panicked"), "{flags:?}: {refused}");
    }
    assert!(!data.exists(), "nothing was begun");
}
