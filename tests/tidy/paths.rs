//! The paths that a source names: `use` trees taken apart, and paths in expressions and types.

use crate::source::Source;

/// A path as written, `a::b::c`, with where it stands. A macro call ends in `!`; a wildcard import in `*`.
pub struct Named {
    pub offset: usize,
    pub path: String,
    /// It stands in a `use` declaration.
    pub imported: bool,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Token<'a> {
    Word(&'a str),
    Separator,
    Punctuation(u8),
}

/// Every path in `code`, which is one of the source's blanked texts.
pub fn named(code: &str) -> Vec<Named> {
    let tokens = tokenize(code);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at].1 {
            Token::Word("use") if begins_use(&tokens, at) => at = use_tree(&tokens, at + 1, "", &mut found),
            Token::Word(_) => at = expression_path(&tokens, at, &mut found),
            _ => at += 1,
        }
    }
    found
}

/// Resolves `crate::x::y` and `super::…` to the name directly below the crate's root, if it is one.
pub fn area_named<'a>(source: &Source, path: &'a str) -> Option<&'a str> {
    let mut parts = path.split("::").peekable();
    match parts.peek()? {
        &"crate" | &"$crate" => return parts.nth(1),
        &"distdb" if source.path == "src/main.rs" => return parts.nth(1),
        &"super" | &"self" => {}
        _ => return None,
    }
    let stem = source.path.strip_prefix("src/")?.trim_end_matches(".rs");
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    let depth = if stem == "lib" { 0 } else { stem.split('/').count() };
    let climbs = path.split("::").filter(|part| *part == "super").count();
    (climbs == depth && climbs > 0).then(|| parts.find(|part| !matches!(*part, "super" | "self"))).flatten()
}

fn tokenize(code: &str) -> Vec<(usize, Token<'_>)> {
    let bytes = code.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        if is_word(bytes[at]) {
            while at < bytes.len() && is_word(bytes[at]) {
                at += 1;
            }
            tokens.push((start, Token::Word(&code[start..at])));
        } else if bytes[at] == b':' && bytes.get(at + 1) == Some(&b':') {
            at += 2;
            tokens.push((start, Token::Separator));
        } else {
            at += 1;
            if !bytes[start].is_ascii_whitespace() {
                tokens.push((start, Token::Punctuation(bytes[start])));
            }
        }
    }
    tokens
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn begins_use(tokens: &[(usize, Token)], at: usize) -> bool {
    let follows_item = match at.checked_sub(1).map(|before| tokens[before].1) {
        None => true,
        Some(Token::Punctuation(byte)) => matches!(byte, b';' | b'}' | b'{' | b']' | b')'),
        Some(Token::Word(word)) => word == "pub",
        Some(Token::Separator) => false,
    };
    follows_item && tokens.get(at + 1).is_some_and(|next| next.1 != Token::Punctuation(b'<'))
}

/// Reads one tree of a `use`; returns where it ends: behind `;`, or at the `,` or `}` that ends it in a group.
fn use_tree(tokens: &[(usize, Token)], mut at: usize, prefix: &str, found: &mut Vec<Named>) -> usize {
    let mut path = prefix.to_string();
    let mut offset = tokens.get(at).map_or(0, |token| token.0);
    let mut grouped = false;
    while let Some((start, token)) = tokens.get(at) {
        match token {
            Token::Word("as") => at += 1, // the new name follows; it is no part of the path
            Token::Word(word) => {
                (path, offset) = (join(&path, word), *start);
            }
            Token::Separator => {}
            Token::Punctuation(b'*') => path = join(&path, "*"),
            Token::Punctuation(b'{') => {
                grouped = true;
                at = use_group(tokens, at + 1, &path, found);
                continue;
            }
            _ => break,
        }
        at += 1;
    }
    if !grouped && !path.is_empty() {
        found.push(Named { offset, path, imported: true });
    }
    at
}

/// Reads trees up to the `}` that ends the group; returns what is behind it.
fn use_group(tokens: &[(usize, Token)], mut at: usize, prefix: &str, found: &mut Vec<Named>) -> usize {
    while let Some((_, token)) = tokens.get(at) {
        at = match token {
            Token::Punctuation(b'}') => return at + 1,
            Token::Punctuation(b',') => at + 1,
            Token::Word(_) | Token::Separator | Token::Punctuation(b'*') => use_tree(tokens, at, prefix, found),
            Token::Punctuation(_) => at + 1,
        };
    }
    at
}

fn expression_path(tokens: &[(usize, Token)], start: usize, found: &mut Vec<Named>) -> usize {
    let Token::Word(first) = tokens[start].1 else { return start + 1 };
    let (mut path, mut at) = (first.to_string(), start + 1);
    while let (Some((_, Token::Separator)), Some((_, Token::Word(word)))) = (tokens.get(at), tokens.get(at + 1)) {
        path = join(&path, word);
        at += 2;
    }
    let called = tokens.get(at).map(|token| token.1) == Some(Token::Punctuation(b'!'));
    let equals = tokens.get(at + 1).map(|token| token.1) == Some(Token::Punctuation(b'='));
    if called && !equals {
        path.push('!');
    }
    found.push(Named { offset: tokens[start].0, path, imported: false });
    at
}

fn join(path: &str, word: &str) -> String {
    if path.is_empty() { word.to_string() } else { format!("{path}::{word}") }
}

#[test]
fn use_trees_come_apart() {
    let code =
        "pub use std::{fs, time::{Duration, Instant as Clock}, io::*}; use a; x::y(z != 1); p::q!(); impl A + use<'a>";
    let paths: Vec<String> =
        named(code).into_iter().filter(|named| named.path.contains("::")).map(|n| n.path).collect();
    assert_eq!(paths, ["std::fs", "std::time::Duration", "std::time::Instant", "std::io::*", "x::y", "p::q!"]);
}

#[test]
fn super_is_resolved_at_the_root_only() {
    let source = Source::new("src/sql/plan/mod.rs", "");
    assert_eq!(area_named(&source, "super::super::env::Env"), Some("env"));
    assert_eq!(area_named(&source, "super::expr::Expr"), None);
    assert_eq!(area_named(&source, "crate::shard::Shard"), Some("shard"));
    assert_eq!(area_named(&Source::new("src/sql/mod.rs", ""), "super::env"), Some("env"));
}
