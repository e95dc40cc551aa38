//! Regular expressions: PostgreSQL's syntax on the `regex` crate.
//!
//! The crate matches in linear time, so no pattern is dangerous; compiled size is bounded. What PostgreSQL has and the
//! crate has not (back references, look-around) is refused by name. One difference stays: among alternatives PostgreSQL
//! prefers the longest match, the crate the first.
//!
//! Signatures stand with the other string functions.

use super::{Call, RESULT_BYTES_MAX, integer, text, too_long};
use crate::{
    base::{sqlstate::SqlState, value::Value},
    error::{Error, Result},
    sql::expr::function::Function as F,
};
use regex::{Regex, RegexBuilder};
use std::cell::RefCell;

/// The expression compiled last: patterns are nearly always the same for all rows.
pub(crate) type Cache = RefCell<Option<(String, String, Regex)>>;

/// Bytes of a compiled expression.
const COMPILED_BYTES_MAX: usize = 4 << 20;
/// Groups within groups.
const NEST_MAX: u32 = 100;

/// Computes a function of this file.
pub(crate) fn call(call: &Call<'_>, arguments: &[Value]) -> Result<Option<Value>> {
    let matches = |insensitive: bool| -> Result<bool> {
        let flags = if insensitive { "i" } else { "" };
        Ok(compile(call, text(arguments, 1)?, flags)?.is_match(text(arguments, 0)?))
    };
    let value = match call.function {
        F::Matches => Value::Bool(matches(false)?),
        F::NotMatches => Value::Bool(!matches(false)?),
        F::InsensitiveMatches => Value::Bool(matches(true)?),
        F::NotInsensitiveMatches => Value::Bool(!matches(true)?),
        F::RegexpLike => {
            let flags = flags(arguments, 2)?;
            Value::Bool(compile(call, text(arguments, 1)?, flags)?.is_match(text(arguments, 0)?))
        }
        F::SubstringPattern => {
            let regex = compile(call, text(arguments, 1)?, "")?;
            let found = regex.captures(text(arguments, 0)?);
            let group = found.and_then(|found| if regex.captures_len() > 1 { found.get(1) } else { found.get(0) });
            group.map_or(Value::Null, |group| Value::text(group.as_str()))
        }
        F::RegexpReplace => replace(call, arguments)?,
        F::RegexpMatch => regexp_match(call, arguments)?,
        F::RegexpCount => {
            let regex = compile(call, text(arguments, 1)?, flags(arguments, 3)?)?;
            Value::Int4(regex.find_iter(from_start(arguments)?).count() as i32)
        }
        F::RegexpSubstr => {
            let regex = compile(call, text(arguments, 1)?, "")?;
            let number = occurrence(arguments)?;
            let found = regex.find_iter(from_start(arguments)?).nth(number);
            found.map_or(Value::Null, |found| Value::text(found.as_str()))
        }
        F::RegexpInstr => {
            let regex = compile(call, text(arguments, 1)?, "")?;
            let (whole, rest, number) = (text(arguments, 0)?, from_start(arguments)?, occurrence(arguments)?);
            let found = regex.find_iter(rest).nth(number);
            Value::Int4(found.map_or(0, |found| {
                let at = whole.len() - rest.len() + found.start();
                whole[..at].chars().count() as i32 + 1
            }))
        }
        F::RegexpSplitToArray => {
            let regex = compile(call, text(arguments, 1)?, flags(arguments, 2)?)?;
            Value::array(split(&regex, text(arguments, 0)?).into_iter().map(Value::text).collect())
        }
        F::SimilarToEscape => {
            let escape = if arguments.len() > 1 { text(arguments, 1)? } else { "\\" };
            Value::text(similar_to(text(arguments, 0)?, escape)?)
        }
        _ => return Ok(None),
    };
    Ok(Some(value))
}

fn flags(arguments: &[Value], position: usize) -> Result<&str> {
    if arguments.len() > position { text(arguments, position) } else { Ok("") }
}

/// The text from the start position (in characters, from 1) that argument 3 gives.
fn from_start(arguments: &[Value]) -> Result<&str> {
    let whole = text(arguments, 0)?;
    let start = if arguments.len() > 2 { integer(arguments, 2)? } else { 1 };
    if start <= 0 {
        return Err(bad_parameter("start", start));
    }
    let at = whole.char_indices().nth(start as usize - 1).map_or(whole.len(), |(at, _)| at);
    Ok(&whole[at..])
}

/// Which match, from 0.
fn occurrence(arguments: &[Value]) -> Result<usize> {
    let number = if arguments.len() > 3 { integer(arguments, 3)? } else { 1 };
    if number <= 0 { Err(bad_parameter("n", number)) } else { Ok(number as usize - 1) }
}

fn bad_parameter(name: &str, value: i64) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("invalid value for parameter \"{name}\": {value}"))
}

/// The compiled expression, from the cache if it is the last one again.
fn compile(call: &Call<'_>, pattern: &str, flags: &str) -> Result<Regex> {
    let mut cache = call.scratch.regexp.borrow_mut();
    if let Some((known_pattern, known_flags, regex)) = cache.as_ref()
        && known_pattern == pattern
        && known_flags == flags
    {
        return Ok(regex.clone());
    }
    let regex = build(pattern, flags)?;
    *cache = Some((pattern.to_owned(), flags.to_owned(), regex.clone()));
    Ok(regex)
}

fn build(pattern: &str, flags: &str) -> Result<Regex> {
    let mut translated = translate(pattern)?;
    let (mut insensitive, mut newline, mut dot, mut expanded) = (false, false, true, false);
    for flag in flags.chars() {
        match flag {
            'i' => insensitive = true,
            'c' => insensitive = false,
            'n' | 'm' => (newline, dot) = (true, false),
            'p' => dot = false,
            'w' => newline = true,
            's' => (newline, dot) = (false, true),
            'x' => expanded = true,
            'q' => translated = regex::escape(pattern),
            // "g" is the caller's; the others choose PostgreSQL's usual syntax.
            'g' | 'e' | 't' | 'b' => {}
            _ => {
                let message = format!("invalid regular expression option: \"{flag}\"");
                return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
            }
        }
    }
    RegexBuilder::new(&translated)
        .case_insensitive(insensitive)
        .multi_line(newline)
        .dot_matches_new_line(dot)
        .ignore_whitespace(expanded)
        .size_limit(COMPILED_BYTES_MAX)
        .nest_limit(NEST_MAX)
        .build()
        .map_err(|cause| match cause {
            regex::Error::CompiledTooBig(_) => {
                Error::new(SqlState::INVALID_REGULAR_EXPRESSION, "invalid regular expression: too complex")
                    .with_cause(cause)
            }
            _ => {
                let reason = cause.to_string();
                let last = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
                let message = format!("invalid regular expression: {}", in_words_of_postgresql(last));
                Error::new(SqlState::INVALID_REGULAR_EXPRESSION, message).with_cause(cause)
            }
        })
}

/// The crate's complaint as PostgreSQL would have it, for the commonest.
fn in_words_of_postgresql(reason: &str) -> &str {
    match reason {
        "unclosed group" | "unopened group" => "parentheses () not balanced",
        "unclosed character class" => "brackets [] not balanced",
        "repetition operator missing expression" => "quantifier operand invalid",
        "invalid character class range, the start must be <= the end" => "invalid character range",
        _ if reason.contains("repetition quantifier") => "invalid repetition count(s)",
        _ => reason,
    }
}

/// PostgreSQL's advanced regular expressions in the crate's syntax, where they differ.
fn translate(pattern: &str) -> Result<String> {
    let pattern = pattern.strip_prefix("***:").unwrap_or(pattern);
    if let Some(literal) = pattern.strip_prefix("***=") {
        return Ok(regex::escape(literal));
    }
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut characters = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(character) = characters.next() {
        match character {
            '\\' => escape(characters.next(), in_class, &mut out)?,
            '[' if !in_class => {
                in_class = true;
                out.push('[');
                if characters.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                if characters.next_if_eq(&']').is_some() {
                    out.push_str("\\]");
                }
            }
            '[' if characters.peek() == Some(&':') => {
                out.push('[');
                for inner in characters.by_ref() {
                    out.push(inner);
                    if inner == ']' {
                        break;
                    }
                }
            }
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            '[' | '&' | '~' if in_class => {
                out.push('\\');
                out.push(character);
            }
            '(' if !in_class && characters.peek() == Some(&'?') => {
                out.push('(');
                let mut ahead = characters.clone();
                ahead.next();
                if matches!(ahead.next(), Some('=' | '!' | '<')) {
                    return Err(Error::unsupported("look-around in regular expressions"));
                }
            }
            _ => out.push(character),
        }
    }
    Ok(out)
}

fn escape(escaped: Option<char>, in_class: bool, out: &mut String) -> Result<()> {
    match escaped {
        None => {
            let message = "invalid regular expression: invalid escape \\ sequence";
            return Err(Error::new(SqlState::INVALID_REGULAR_EXPRESSION, message));
        }
        Some('y') if !in_class => out.push_str("\\b"),
        Some('Y') if !in_class => out.push_str("\\B"),
        Some('m') if !in_class => out.push_str("\\b{start}"),
        Some('M') if !in_class => out.push_str("\\b{end}"),
        Some('Z') if !in_class => out.push_str("\\z"),
        Some('1'..='9') if !in_class => return Err(Error::unsupported("back references in regular expressions")),
        Some('e') => out.push_str("\\x1B"),
        Some(
            letter @ ('d' | 'D' | 's' | 'S' | 'w' | 'W' | 'A' | 'n' | 'r' | 't' | 'f' | 'v' | 'a' | 'x' | 'u' | 'U'),
        ) => {
            out.push('\\');
            out.push(letter);
        }
        Some(other) if other.is_ascii_alphanumeric() => {
            let message = "invalid regular expression: invalid escape \\ sequence";
            return Err(Error::new(SqlState::INVALID_REGULAR_EXPRESSION, message));
        }
        Some(other) => out.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
    }
    Ok(())
}

/// `regexp_replace(text, pattern, replacement [, flags])`; `\1` to `\9` and `\&` stand for what was matched.
fn replace(call: &Call<'_>, arguments: &[Value]) -> Result<Value> {
    let (whole, replacement, flags) = (text(arguments, 0)?, text(arguments, 2)?, flags(arguments, 3)?);
    let regex = compile(call, text(arguments, 1)?, flags)?;
    let limit = if flags.contains('g') { usize::MAX } else { 1 };
    let mut out = String::new();
    let mut copied = 0;
    for found in regex.captures_iter(whole).take(limit) {
        let Some(all) = found.get(0) else { continue };
        out.push_str(&whole[copied..all.start()]);
        expand(replacement, &found, &mut out);
        copied = all.end();
        if out.len() > RESULT_BYTES_MAX {
            return Err(too_long());
        }
    }
    out.push_str(&whole[copied..]);
    Ok(Value::text(out))
}

fn expand(replacement: &str, found: &regex::Captures<'_>, out: &mut String) {
    let mut characters = replacement.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        match characters.next() {
            Some('&') => out.push_str(&found[0]),
            Some(digit @ '1'..='9') => {
                let group = found.get(digit as usize - '0' as usize);
                out.push_str(group.map_or("", |group| group.as_str()));
            }
            Some('\\') | None => out.push('\\'),
            Some(other) => {
                out.push('\\');
                out.push(other);
            }
        }
    }
}

fn regexp_match(call: &Call<'_>, arguments: &[Value]) -> Result<Value> {
    let flags = flags(arguments, 2)?;
    if flags.contains('g') {
        return Err(Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            "regexp_match() does not support the \"global\" option",
        )
        .with_hint("Use the regexp_matches function instead."));
    }
    let regex = compile(call, text(arguments, 1)?, flags)?;
    let Some(found) = regex.captures(text(arguments, 0)?) else { return Ok(Value::Null) };
    let first = usize::from(regex.captures_len() > 1);
    let groups = found.iter().skip(first).map(|group| group.map_or(Value::Null, |group| Value::text(group.as_str())));
    Ok(Value::array(groups.collect()))
}

/// Pieces between matches; an empty match splits between two characters, but not at the ends.
fn split<'a>(regex: &Regex, whole: &'a str) -> Vec<&'a str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for found in regex.find_iter(whole) {
        if found.is_empty() && (found.start() == start || found.start() == whole.len()) {
            continue;
        }
        pieces.push(&whole[start..found.start()]);
        start = found.end();
    }
    pieces.push(&whole[start..]);
    pieces
}

/// A SIMILAR TO pattern as a regular expression over the whole text.
fn similar_to(pattern: &str, escape: &str) -> Result<String> {
    let escape_character = escape.chars().next();
    let mut out = String::from("^(?:");
    let mut characters = pattern.chars();
    let mut in_class = false;
    while let Some(character) = characters.next() {
        if Some(character) == escape_character {
            let Some(escaped) = characters.next() else { break };
            out.push_str(&regex::escape(escaped.encode_utf8(&mut [0; 4])));
            continue;
        }
        match character {
            _ if in_class => {
                in_class = character != ']';
                out.push(character);
            }
            '%' => out.push_str(".*"),
            '_' => out.push('.'),
            '.' | '^' | '$' | '\\' => {
                out.push('\\');
                out.push(character);
            }
            '(' => out.push_str("(?:"),
            _ => {
                in_class = character == '[';
                out.push(character);
            }
        }
    }
    out.push_str(")$");
    Ok(out)
}
