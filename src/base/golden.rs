//! Golden scripts for tests: commands, then the text they are expected to give.
//!
//! A script is made of blocks separated by empty lines: the command, `----`, the expected lines. Lines that begin with
//! `#` are comments. `DISTDB_REWRITE=1` writes what is found in place of what was expected.

/// Runs a script under `src/base/testdata`.
pub(crate) fn run(name: &str, command: impl FnMut(&str) -> String) {
    run_in("src/base/testdata", name, command);
}

/// Runs a script of another folder.
pub(crate) fn run_in(folder: &str, name: &str, mut command: impl FnMut(&str) -> String) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(name);
    let script = std::fs::read_to_string(&path).unwrap();
    let mut found = String::new();
    for block in script.trim_end().split("\n\n") {
        let (comments, rest): (Vec<&str>, Vec<&str>) = block.lines().partition(|line| line.starts_with('#'));
        for comment in comments {
            found += &format!("{comment}\n");
        }
        let commands: Vec<&str> = rest.into_iter().take_while(|line| *line != "----").collect();
        if !commands.is_empty() {
            let text = commands.join("\n");
            found += &format!("{text}\n----\n{}\n", command(&text).trim_end());
        }
        found.push('\n');
    }
    let found = format!("{}\n", found.trim_end());
    if std::env::var_os("DISTDB_REWRITE").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    for (number, (expected, found)) in script.lines().zip(found.lines()).enumerate() {
        assert!(expected == found || rewriting(), "{name}:{}: expected {expected}, found {found}", number + 1);
    }
    assert!(script == found || rewriting(), "{name}");
}

fn rewriting() -> bool {
    std::env::var_os("DISTDB_REWRITE").is_some()
}

/// Bytes as hexadecimal.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
