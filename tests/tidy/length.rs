//! Functions and files stay short enough to be read at once.

use crate::{
    ratchet::Measure,
    source::{Source, end_of_braces},
};

/// Lines of a function, signature to closing brace.
const FUNCTION_LINES_MAX: usize = 70;
/// Lines of a file without its tests.
const FILE_LINES_MAX: usize = 600;

pub fn measure(source: &Source) -> Vec<Measure> {
    let mut long: Vec<Measure> = functions(source)
        .into_iter()
        .filter(|(_, _, lines)| *lines > FUNCTION_LINES_MAX)
        .map(|(name, line, lines)| Measure {
            kind: "function",
            name: format!("{}::{name}", source.path),
            path: source.path.clone(),
            line,
            value: lines,
            limit: FUNCTION_LINES_MAX,
        })
        .collect();
    let lines = file_lines(source);
    if lines > FILE_LINES_MAX {
        let (name, path) = (source.path.clone(), source.path.clone());
        long.push(Measure { kind: "file", name, path, line: 1, value: lines, limit: FILE_LINES_MAX });
    }
    long
}

/// Lines up to the last live one, less the lines of test code among them.
fn file_lines(source: &Source) -> usize {
    let in_tests = |(code, live): &(&str, &str)| !code.trim().is_empty() && live.trim().is_empty();
    let tests = source.code.lines().zip(source.live.lines()).filter(in_tests).count();
    source.text.lines().count().saturating_sub(tests)
}

/// Name, first line and number of lines of each live function with a body.
fn functions(source: &Source) -> Vec<(String, usize, usize)> {
    let live = &source.live;
    let starts = live.match_indices("fn ").filter(|(at, _)| {
        let before = live.as_bytes()[..*at].last();
        !before.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    });
    let mut found = Vec::new();
    for (start, _) in starts {
        let name: String = live[start + 3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if let (false, Some(open)) = (name.is_empty(), body(live, start)) {
            let (first, last) = (source.line(start), source.line(end_of_braces(live, open).saturating_sub(1)));
            found.push((name, first, last + 1 - first));
        }
    }
    found
}

/// Where the body opens; None for a declaration without one and for function types.
fn body(live: &str, start: usize) -> Option<usize> {
    let mut nested = 0i32;
    for (at, byte) in live.bytes().enumerate().skip(start) {
        match byte {
            b'(' | b'[' => nested += 1,
            b')' | b']' => nested -= 1,
            b'{' if nested == 0 => return Some(at),
            b';' if nested == 0 => return None,
            _ => {}
        }
        if nested < 0 {
            return None;
        }
    }
    None
}

#[test]
fn canaries() {
    let long = format!("fn a(b: [u8; 4]) -> u8 {{\n{}}}\nfn short() {{}}\n", "    // c\n".repeat(70));
    let found = measure(&Source::new("src/base/a.rs", &long));
    assert_eq!((found.len(), found[0].name.as_str(), found[0].value), (1, "src/base/a.rs::a", 72));
    let file = "const A: u8 = 1;\n".repeat(FILE_LINES_MAX + 1);
    assert_eq!(measure(&Source::new("src/base/a.rs", &file))[0].value, FILE_LINES_MAX + 1);
    let tests = format!("fn a() {{}}\n#[cfg(test)]\nmod tests {{\n{}}}\n", "const A: u8 = 1;\n".repeat(FILE_LINES_MAX));
    assert!(measure(&Source::new("src/base/a.rs", &tests)).is_empty());
}
