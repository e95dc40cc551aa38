//! A source file as the rules see it: comments and literals blanked, test code told from live code.
//!
//! Blanking keeps every byte's place, so that line numbers stay right. It is not a parser: it knows comments, strings,
//! characters against lifetimes, and braces.

use std::{fmt, fs, path::Path};

/// One broken rule at one place.
pub struct Finding {
    pub path: String,
    pub line: usize,
    pub rule: &'static str,
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: [{}] {}", self.path, self.line, self.rule, self.message)
    }
}

/// A file, with its path from the top of the repository.
pub struct Source {
    pub path: String,
    pub text: String,
    /// Comments and the insides of literals are blanks.
    pub code: String,
    /// As `code`, and test code is blank too.
    pub live: String,
    /// String literals with where they start in `text`.
    pub literals: Vec<(usize, String)>,
    /// Modules that this file declares for tests only.
    test_modules: Vec<String>,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Source {
        let (code, literals) = blank_comments_and_literals(text);
        let mut live = code.clone().into_bytes();
        let mut test_modules = Vec::new();
        for (start, end) in test_items(&code) {
            if let Some(name) = declared_module(&code[start..end]) {
                test_modules.push(name.to_string());
            }
            blank(&mut live, start, end);
        }
        let live =
            if is_test_path(path) { " ".repeat(code.len()) } else { String::from_utf8_lossy(&live).into_owned() };
        let (path, text) = (path.to_string(), text.to_string());
        Source { path, text, code, live, literals, test_modules }
    }

    /// Whether the file holds nothing but tests (or helpers for tests).
    pub fn is_test(&self) -> bool {
        self.live.trim().is_empty() && !self.code.trim().is_empty()
    }

    /// The name that stands in the table of rows, when the file is part of `src`.
    pub fn area(&self) -> Option<&str> {
        let rest = self.path.strip_prefix("src/")?;
        let first = rest.split('/').next()?;
        Some(first.strip_suffix(".rs").unwrap_or(first))
    }

    /// Line number, from 1, of a byte.
    pub fn line(&self, offset: usize) -> usize {
        self.text.as_bytes()[..offset.min(self.text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
    }

    pub fn finding(&self, offset: usize, rule: &'static str, message: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line: self.line(offset), rule, message: message.into() }
    }
}

/// Every Rust file of the project except tidy itself, whose canaries break all the rules.
pub fn load(root: &Path) -> Vec<Source> {
    let mut files = Vec::new();
    for folder in ["src", "tools", "tests", "benches"] {
        walk(&root.join(folder), &mut files);
    }
    files.sort();
    let mut sources: Vec<Source> = files
        .iter()
        .filter_map(|file| {
            let path = file.strip_prefix(root).ok()?.to_string_lossy().replace('\\', "/");
            let tidy = path == "tests/tidy.rs" || path.starts_with("tests/tidy/");
            (!tidy).then(|| Source::new(&path, &fs::read_to_string(file).unwrap_or_default()))
        })
        .collect();
    let below_tests: Vec<String> = sources.iter().flat_map(test_module_prefixes).collect();
    for source in &mut sources {
        let stem = source.path.trim_end_matches(".rs");
        if below_tests.iter().any(|prefix| stem == prefix || stem.starts_with(&format!("{prefix}/"))) {
            source.live = " ".repeat(source.code.len());
        }
    }
    sources
}

fn walk(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() && entry.file_name() != "target" {
            walk(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Where the files of a file's test-only modules lie, without `.rs`.
fn test_module_prefixes(source: &Source) -> Vec<String> {
    let stem = source.path.trim_end_matches(".rs");
    let folder = match stem.rsplit_once('/') {
        Some((folder, "mod" | "lib" | "main")) => folder,
        _ => stem,
    };
    source.test_modules.iter().map(|name| format!("{folder}/{name}")).collect()
}

fn is_test_path(path: &str) -> bool {
    path.starts_with("tests/")
        || path.starts_with("src/testing")
        || path.ends_with("/tests.rs")
        || path.contains("/tests/")
}

fn blank(bytes: &mut [u8], start: usize, end: usize) {
    for byte in &mut bytes[start..end] {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
}

fn blank_comments_and_literals(text: &str) -> (String, Vec<(usize, String)>) {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut literals = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => find(bytes, at, b"\n").unwrap_or(bytes.len()),
            b'/' if bytes.get(at + 1) == Some(&b'*') => end_of_block_comment(bytes, at),
            b'"' => {
                let hashes = hashes_of_raw_string(bytes, at);
                let end = end_of_string(bytes, at, hashes);
                let inside =
                    (at + 1).min(end)..end.saturating_sub(1 + hashes.unwrap_or(0)).max(at + 1).min(bytes.len());
                literals.push((at, String::from_utf8_lossy(&bytes[inside.clone()]).into_owned()));
                blank(&mut out, inside.start, inside.end);
                at = end;
                continue;
            }
            b'\'' => {
                let end = end_of_character(bytes, at);
                if end > at + 1 {
                    blank(&mut out, at + 1, end - 1);
                }
                at = end;
                continue;
            }
            _ => {
                at += 1;
                continue;
            }
        };
        blank(&mut out, at, end);
        at = end;
    }
    (String::from_utf8_lossy(&out).into_owned(), literals)
}

fn find(bytes: &[u8], from: usize, what: &[u8]) -> Option<usize> {
    bytes[from..].windows(what.len()).position(|window| window == what).map(|at| at + from)
}

fn end_of_block_comment(bytes: &[u8], start: usize) -> usize {
    let (mut depth, mut at) = (0, start);
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

/// Some(number of `#`) when the quote at `quote` opens a raw string.
fn hashes_of_raw_string(bytes: &[u8], quote: usize) -> Option<usize> {
    let hashes = bytes[..quote].iter().rev().take_while(|byte| **byte == b'#').count();
    let r = quote.checked_sub(hashes + 1)?;
    let before = r.checked_sub(1).map(|at| bytes[at]);
    let opens =
        bytes[r] == b'r' && !before.is_some_and(|b| (b.is_ascii_alphanumeric() && b != b'b' && b != b'c') || b == b'_');
    opens.then_some(hashes)
}

fn end_of_string(bytes: &[u8], quote: usize, raw: Option<usize>) -> usize {
    if let Some(hashes) = raw {
        let close = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
        return find(bytes, quote + 1, &close).map_or(bytes.len(), |at| at + close.len());
    }
    let mut at = quote + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The end of a character literal, or just behind the quote of a lifetime.
fn end_of_character(bytes: &[u8], quote: usize) -> usize {
    if bytes.get(quote + 1) == Some(&b'\\') {
        return find(bytes, quote + 3, b"'").map_or(bytes.len(), |at| at + 1);
    }
    let rest = String::from_utf8_lossy(&bytes[quote + 1..(quote + 9).min(bytes.len())]).into_owned();
    match rest.chars().next() {
        Some(c) if bytes.get(quote + 1 + c.len_utf8()) == Some(&b'\'') => quote + 2 + c.len_utf8(),
        _ => quote + 1,
    }
}

/// Byte ranges of items under `#[cfg(test)]`, attribute included.
fn test_items(code: &str) -> Vec<(usize, usize)> {
    let mut items = Vec::new();
    for marker in ["#[cfg(test)]", "#[cfg(all(test"] {
        for (start, _) in code.match_indices(marker) {
            items.push((start, end_of_item(code, start + marker.len())));
        }
    }
    items
}

fn end_of_item(code: &str, from: usize) -> usize {
    let mut nested = 0i32;
    for (at, byte) in code.bytes().enumerate().skip(from) {
        match byte {
            b'(' | b'[' => nested += 1,
            b')' | b']' => nested -= 1,
            b';' if nested <= 0 => return at + 1,
            b'{' if nested <= 0 => return end_of_braces(code, at),
            _ => {}
        }
    }
    code.len()
}

/// Just behind the brace that closes the one at `open`.
pub fn end_of_braces(code: &str, open: usize) -> usize {
    let mut depth = 0i32;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

fn declared_module(item: &str) -> Option<&str> {
    let name = item.strip_suffix(';')?.rsplit_once("mod ")?.1.trim();
    name.chars().all(|c| c.is_alphanumeric() || c == '_').then_some(name)
}

#[test]
fn comments_and_literals_are_blanked_in_place() {
    let text = "a // b\n/* c /* d */ */ \"e\\\"f\" r#\"g\"h\"# 'i' '\\'' &'static j b\"k\"";
    let source = Source::new("src/x/y.rs", text);
    assert_eq!(source.code.len(), text.len());
    let words: Vec<&str> = source.code.split_whitespace().collect();
    assert_eq!(words, ["a", "\"", "\"", "r#\"", "\"#", "'", "'", "'", "'", "&'static", "j", "b\"", "\""]);
    let literals: Vec<&str> = source.literals.iter().map(|(_, literal)| literal.as_str()).collect();
    assert_eq!(literals, ["e\\\"f", "g\"h", "k"]);
}

#[test]
fn test_code_is_not_live() {
    let source = Source::new(
        "src/x/y.rs",
        "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() {}\n}\n#[cfg(test)] mod c;\nfn d() {}",
    );
    assert!(source.live.contains("fn a") && source.live.contains("fn d") && !source.live.contains("fn b"));
    assert_eq!(source.test_modules, ["c"]);
    assert_eq!(test_module_prefixes(&source), ["src/x/y/c"]);
    assert!(!source.is_test() && Source::new("src/x/tests.rs", "fn a() {}").is_test());
}
