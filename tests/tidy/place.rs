//! Where things lie: nothing at the top or in `src` that the design does not list, and a map that names all of it.

use crate::{ROWS, TOP, source::Finding};
use std::{fs, path::Path};

pub fn check_tree(root: &Path) -> Vec<Finding> {
    let ignored = fs::read_to_string(root.join(".gitignore")).unwrap_or_default();
    let map = fs::read_to_string(root.join("src/README.md")).unwrap_or_default();
    let mut findings = check_top(&names(root), &ignored);
    findings.extend(check_src(&names(&root.join("src")), &map));
    findings.extend(check_manifest(&fs::read_to_string(root.join("Cargo.toml")).unwrap_or_default()));
    findings
}

/// Without its default hasher, which is seeded at random, a hashbrown map must name the hasher it uses.
fn check_manifest(manifest: &str) -> Option<Finding> {
    let line = manifest.lines().position(|line| line.starts_with("hashbrown") && line.contains("default-hasher"))?;
    let message = "hashbrown's default hasher is seeded at random: leave the feature out and use base::hash".into();
    Some(Finding { path: "Cargo.toml".into(), line: line + 1, rule: "call", message })
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn check_top(names: &[String], ignored: &str) -> Vec<Finding> {
    let is_ignored =
        |name: &str| ignored.lines().any(|line| line.trim_matches('/') == name || matches_ending(line, name));
    let unknown =
        names.iter().filter(|name| !name.starts_with('.') && !TOP.contains(&name.as_str()) && !is_ignored(name));
    unknown.map(|name| finding(name, format!("the top of the repository holds only {}", TOP.join(", ")))).collect()
}

/// `*.ext` and `/name-*.ext` of .gitignore.
fn matches_ending(line: &str, name: &str) -> bool {
    let line = line.trim_start_matches('/');
    line.split_once('*').is_some_and(|(start, end)| name.starts_with(start) && name.ends_with(end))
}

fn check_src(names: &[String], map: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in names {
        let area = name.strip_suffix(".rs").unwrap_or(name);
        let listed = ROWS.iter().any(|(row, _)| *row == area) || ["lib", "testing", "README.md"].contains(&area);
        if !listed {
            findings.push(finding(
                &format!("src/{name}"),
                "it stands on no row: put it in the table of tests/tidy.rs, with a reason",
            ));
        } else if area != "README.md"
            && area != "lib"
            && !map.contains(&format!("`{area}`"))
            && !map.contains(&format!("`{name}`"))
        {
            findings.push(finding("src/README.md", format!("the map does not mention `{area}`")));
        }
    }
    findings
}

fn finding(path: &str, message: impl Into<String>) -> Finding {
    Finding { path: path.into(), line: 1, rule: "place", message: message.into() }
}

#[test]
fn canaries() {
    let names = |names: &[&str]| -> Vec<String> { names.iter().map(|name| name.to_string()).collect() };
    assert_eq!(check_top(&names(&["src", ".ci", "target", "a.profraw", "utils"]), "/target\n*.profraw\n").len(), 1);
    assert_eq!(check_src(&names(&["base", "main.rs", "helpers"]), "`base` `main.rs`").len(), 1, "an unlisted folder");
    assert!(check_manifest("[a]\nhashbrown = { features = [\"default-hasher\"] }").is_some());
    assert!(check_manifest("hashbrown = { default-features = false }").is_none());
    assert_eq!(check_src(&names(&["base", "sql"]), "`base`").len(), 1, "a folder that the map forgot");
}
