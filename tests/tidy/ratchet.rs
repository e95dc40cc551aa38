//! Limits with exceptions that only shrink.
//!
//! A line of `exceptions.txt` is `kind name limit reason`. What is over its general limit must be listed; what became
//! smaller than its listed limit makes the limit follow, so that it cannot grow back.

use crate::source::Finding;
use std::{fs, path::Path};

/// Something counted that has a limit.
pub struct Measure {
    pub kind: &'static str,
    pub name: String,
    pub path: String,
    pub line: usize,
    pub value: usize,
    /// The limit for what is not listed.
    pub limit: usize,
}

#[derive(Clone)]
struct Exception {
    kind: String,
    name: String,
    limit: usize,
    reason: String,
}

const FILE: &str = "tests/tidy/exceptions.txt";

pub fn check(root: &Path, measures: &[Measure]) -> Vec<Finding> {
    let text = fs::read_to_string(root.join(FILE)).unwrap_or_default();
    let (exceptions, mut findings) = parse(&text);
    if std::env::var_os("TIDY_UPDATE").is_some() {
        let _ = fs::write(root.join(FILE), lowered(&text, &exceptions, measures));
        return findings;
    }
    findings.extend(compare(&exceptions, measures));
    findings
}

fn parse(text: &str) -> (Vec<Exception>, Vec<Finding>) {
    let (mut exceptions, mut findings) = (Vec::new(), Vec::new());
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        match parse_line(line) {
            Some(exception) => exceptions.push(exception),
            None => findings.push(Finding {
                path: FILE.into(),
                line: number + 1,
                rule: "exception",
                message: "write `kind name limit reason`, the reason in words".into(),
            }),
        }
    }
    (exceptions, findings)
}

fn parse_line(line: &str) -> Option<Exception> {
    let mut parts = line.splitn(4, ' ');
    let (kind, name) = (parts.next()?.to_string(), parts.next()?.to_string());
    let limit = parts.next()?.parse().ok()?;
    let reason = parts.next().filter(|reason| reason.split_whitespace().count() >= 3)?.to_string();
    Some(Exception { kind, name, limit, reason })
}

fn compare(exceptions: &[Exception], measures: &[Measure]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for measure in measures {
        let listed = exceptions.iter().find(|e| e.kind == measure.kind && e.name == measure.name);
        let limit = listed.map_or(measure.limit, |exception| exception.limit);
        if measure.value > limit {
            let message = format!(
                "{} has {}, at most {limit} allowed: split it (or, where that reads worse, list it in {FILE}: `{} {} {} why`)",
                measure.name, measure.value, measure.kind, measure.name, measure.value
            );
            findings.push(Finding { path: measure.path.clone(), line: measure.line, rule: "ratchet", message });
        }
    }
    for exception in exceptions {
        let value =
            measures.iter().filter(|m| m.kind == exception.kind && m.name == exception.name).map(|m| m.value).max();
        if value.unwrap_or(0) < exception.limit {
            let now = value.map_or("within the general limit".into(), |value| value.to_string());
            let message = format!(
                "{} {} is {now}, its limit {}: let the limit follow (TIDY_UPDATE=1 cargo test --test tidy)",
                exception.kind, exception.name, exception.limit
            );
            findings.push(Finding { path: FILE.into(), line: 1, rule: "ratchet", message });
        }
    }
    findings
}

/// The file with limits lowered to what is measured, and without exceptions nobody needs. It never raises or adds.
fn lowered(text: &str, exceptions: &[Exception], measures: &[Measure]) -> String {
    let mut out: String =
        text.lines().take_while(|line| line.starts_with('#')).map(|line| format!("{line}\n")).collect();
    for exception in exceptions {
        let value =
            measures.iter().filter(|m| m.kind == exception.kind && m.name == exception.name).map(|m| m.value).max();
        if let Some(value) = value {
            let limit = value.min(exception.limit);
            out.push_str(&format!("{} {} {limit} {}\n", exception.kind, exception.name, exception.reason));
        }
    }
    out
}

#[test]
fn canaries() {
    let measure =
        |value| Measure { kind: "function", name: "a::b".into(), path: "a".into(), line: 1, value, limit: 70 };
    assert_eq!(compare(&[], &[measure(71)]).len(), 1, "too long and not listed");
    let (listed, wrong) = parse("# head\nfunction a::b 80 one flat table\n");
    assert!(wrong.is_empty());
    assert_eq!(compare(&listed, &[measure(81)]).len(), 1, "grew");
    assert_eq!(compare(&listed, &[measure(80)]).len(), 0);
    assert_eq!(compare(&listed, &[measure(75)]).len(), 1, "shrank, and the limit did not follow");
    assert_eq!(compare(&listed, &[]).len(), 1, "gone, and still listed");
    assert_eq!(lowered("# head\n", &listed, &[measure(75)]), "# head\nfunction a::b 75 one flat table\n");
    assert_eq!(lowered("# head\n", &listed, &[measure(99)]), "# head\nfunction a::b 80 one flat table\n");
    assert_eq!(parse("function a::b 80\n").1.len(), 1, "no reason");
}
