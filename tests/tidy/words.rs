//! A list of words stands in one place. Two lists of the same words drift apart: one gets the new word, the other not.

use crate::source::{Finding, Source};
use std::collections::BTreeSet;

/// Shorter lists are coincidence.
const WORDS_MIN: usize = 6;

struct List<'a> {
    source: &'a Source,
    offset: usize,
    words: BTreeSet<String>,
}

pub fn check(sources: &[Source]) -> Vec<Finding> {
    let lists: Vec<List> = sources.iter().flat_map(lists).collect();
    let mut findings = Vec::new();
    for (number, list) in lists.iter().enumerate() {
        if let Some(earlier) = lists[..number].iter().find(|earlier| same(&earlier.words, &list.words)) {
            let place = format!("{}:{}", earlier.source.path, earlier.source.line(earlier.offset));
            let message = format!("nearly the same {} words stand in {place}: keep them once", list.words.len());
            findings.push(list.source.finding(list.offset, "words", message));
        }
    }
    findings
}

/// Four words of five in common.
fn same(a: &BTreeSet<String>, b: &BTreeSet<String>) -> bool {
    let common = a.intersection(b).count();
    let all = a.len() + b.len() - common;
    common * 5 >= all * 4
}

/// Runs of string literals with nothing but `,`, `|` or `&` between them, in live code.
fn lists(source: &Source) -> Vec<List<'_>> {
    let live = |at: usize| source.live.as_bytes().get(at).is_some_and(|byte| !byte.is_ascii_whitespace());
    let mut found: Vec<List> = Vec::new();
    let mut end = None;
    for (offset, word) in source.literals.iter().filter(|(offset, _)| live(*offset)) {
        let joins = end.is_some_and(|end: usize| {
            let between = source.code.get(end..*offset).unwrap_or(";");
            between.chars().all(|c| c.is_whitespace() || matches!(c, ',' | '|'))
        });
        if !joins {
            found.push(List { source, offset: *offset, words: BTreeSet::new() });
        }
        if let Some(list) = found.last_mut() {
            list.words.insert(word.to_ascii_lowercase());
        }
        end = Some(offset + word.len() + 2);
    }
    found.retain(|list| list.words.len() >= WORDS_MIN);
    found
}

#[test]
fn canaries() {
    let one = Source::new("src/sql/a.rs", r#"const A: &[&str] = &["a", "b", "c", "d", "e", "f"];"#);
    let two =
        Source::new("src/server/b.rs", r#"fn b(x: &str) -> bool { matches!(x, "A" | "B" | "C" | "D" | "F" | "E") }"#);
    let other = Source::new("src/server/c.rs", r#"const A: &[&str] = &["a", "b", "c", "x", "y", "z"];"#);
    let test = Source::new("src/server/tests.rs", r#"const A: &[&str] = &["a", "b", "c", "d", "e", "f"];"#);
    assert_eq!(check(&[one, two, other, test]).len(), 1);
}
