//! Unfinished work, wildcard imports, ignored tests, and modules that do not say what they are.

use crate::{
    paths::named,
    source::{Finding, Source},
};

/// Words that mark unfinished work, also in comments. Split, so that a search for them does not stop here.
const UNFINISHED: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
const UNFINISHED_MACROS: &[&str] = &["todo!", "unimplemented!", "dbg!"];

pub fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for word in UNFINISHED {
        let places = source.text.match_indices(word).filter(|(at, _)| stands_alone(&source.text, *at, word.len()));
        findings.extend(
            places.map(|(at, _)| {
                source.finding(at, "unfinished", format!("`{word}`: finish it, or say what is missing"))
            }),
        );
    }
    for named in named(&source.code) {
        if UNFINISHED_MACROS.contains(&named.path.as_str()) {
            findings.push(source.finding(named.offset, "unfinished", format!("`{}` is not left behind", named.path)));
        }
    }
    for named in named(&source.live).iter().filter(|named| named.imported && named.path.ends_with("::*")) {
        findings.push(source.finding(named.offset, "wildcard", format!("`use {}`: name what you use", named.path)));
    }
    for (at, _) in source.code.match_indices("#[ignore") {
        let message = "no ignored tests: assert what happens today and say why";
        findings.push(source.finding(at, "ignored", message));
    }
    if !source.is_test() && !source.text.starts_with("//!") && !source.text.starts_with("#![doc") {
        findings.push(source.finding(
            0,
            "opening",
            "a module opens with `//!`: what it is, what it does not do, where to start",
        ));
    }
    findings
}

fn stands_alone(text: &str, at: usize, len: usize) -> bool {
    let is_word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    !is_word(text.as_bytes()[..at].last()) && !is_word(text.as_bytes().get(at + len))
}

#[test]
fn canaries() {
    let rules =
        |path: &str, text: &str| -> Vec<&str> { check(&Source::new(path, text)).iter().map(|f| f.rule).collect() };
    assert_eq!(rules("src/base/a.rs", "//! A.\n// TODO: later\n"), ["unfinished"]);
    assert_eq!(rules("src/base/a.rs", "//! A.\nfn a() { todo!() }"), ["unfinished"]);
    assert_eq!(rules("tests/a.rs", "fn a() { unimplemented!() }"), ["unfinished"]);
    assert_eq!(rules("src/base/a.rs", "//! A.\nuse super::{b::*, c};"), ["wildcard"]);
    assert_eq!(rules("src/base/a.rs", "//! A.\n#[cfg(test)]\nmod tests { use super::*; }"), [""; 0]);
    assert_eq!(rules("src/base/a.rs", "//! A.\n#[test]\n#[ignore]\nfn a() {}"), ["ignored"]);
    assert_eq!(rules("src/base/a.rs", "use std::fmt;"), ["opening"]);
}
