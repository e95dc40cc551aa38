//! Functions on text and bytea.

use super::{Call, RESULT_BYTES_MAX, bytea, format, integer, text, too_long};
use crate::{
    base::{sqlstate::SqlState, types::TypeKind, value::Value},
    error::{Error, Result},
    sql::expr::{
        convert::to_text,
        evaluate::like::Pattern,
        function::Function as F,
        kinds::{ANY, BOOL, BPCHAR, BYTEA, INT4, INT8, NAME, TEXT, TEXT_ARRAY},
        resolve::{Signature, signature},
    },
};
use std::collections::BTreeMap;

/// Functions of this file.
pub const SIGNATURES: &[Signature<F>] = &[
    signature("length", F::Length, &[TEXT], INT4),
    signature("length", F::Length, &[BPCHAR], INT4),
    signature("length", F::OctetLength, &[BYTEA], INT4),
    signature("char_length", F::Length, &[TEXT], INT4),
    signature("char_length", F::Length, &[BPCHAR], INT4),
    signature("character_length", F::Length, &[TEXT], INT4),
    signature("character_length", F::Length, &[BPCHAR], INT4),
    signature("octet_length", F::OctetLength, &[TEXT], INT4),
    signature("octet_length", F::OctetLength, &[BPCHAR], INT4),
    signature("octet_length", F::OctetLength, &[BYTEA], INT4),
    signature("bit_length", F::BitLength, &[TEXT], INT4),
    signature("bit_length", F::BitLength, &[BYTEA], INT4),
    signature("lower", F::Lower, &[TEXT], TEXT),
    signature("upper", F::Upper, &[TEXT], TEXT),
    signature("initcap", F::InitialCapitals, &[TEXT], TEXT),
    signature("substr", F::Substring, &[TEXT, INT4, INT4], TEXT).optional(1),
    signature("substr", F::Substring, &[BYTEA, INT4, INT4], BYTEA).optional(1),
    signature("substring", F::Substring, &[TEXT, INT4, INT4], TEXT).optional(1),
    signature("substring", F::Substring, &[BYTEA, INT4, INT4], BYTEA).optional(1),
    signature("substring", F::SubstringPattern, &[TEXT, TEXT], TEXT),
    signature("btrim", F::TrimBoth, &[TEXT, TEXT], TEXT).optional(1),
    signature("btrim", F::TrimBoth, &[BYTEA, BYTEA], BYTEA),
    signature("ltrim", F::TrimLeft, &[TEXT, TEXT], TEXT).optional(1),
    signature("ltrim", F::TrimLeft, &[BYTEA, BYTEA], BYTEA),
    signature("rtrim", F::TrimRight, &[TEXT, TEXT], TEXT).optional(1),
    signature("rtrim", F::TrimRight, &[BYTEA, BYTEA], BYTEA),
    signature("replace", F::Replace, &[TEXT, TEXT, TEXT], TEXT),
    signature("position", F::Position, &[TEXT, TEXT], INT4),
    signature("position", F::Position, &[BYTEA, BYTEA], INT4),
    signature("strpos", F::Position, &[TEXT, TEXT], INT4),
    signature("concat", F::Concat, &[ANY], TEXT).variadic().nullable().stable(),
    signature("concat_ws", F::ConcatWithSeparator, &[TEXT, ANY], TEXT).variadic().nullable().stable(),
    signature("left", F::Left, &[TEXT, INT4], TEXT),
    signature("right", F::Right, &[TEXT, INT4], TEXT),
    signature("lpad", F::PadLeft, &[TEXT, INT4, TEXT], TEXT).optional(1),
    signature("rpad", F::PadRight, &[TEXT, INT4, TEXT], TEXT).optional(1),
    signature("repeat", F::Repeat, &[TEXT, INT4], TEXT),
    signature("reverse", F::Reverse, &[TEXT], TEXT),
    signature("split_part", F::SplitPart, &[TEXT, TEXT, INT4], TEXT),
    signature("chr", F::Character, &[INT4], TEXT),
    signature("ascii", F::CodePoint, &[TEXT], INT4),
    signature("md5", F::Md5, &[TEXT], TEXT),
    signature("md5", F::Md5, &[BYTEA], TEXT),
    signature("sha224", F::Sha224, &[BYTEA], BYTEA),
    signature("sha256", F::Sha256, &[BYTEA], BYTEA),
    signature("sha384", F::Sha384, &[BYTEA], BYTEA),
    signature("sha512", F::Sha512, &[BYTEA], BYTEA),
    signature("to_hex", F::ToHex, &[INT4], TEXT),
    signature("to_hex", F::ToHex, &[INT8], TEXT),
    signature("encode", F::Encode, &[BYTEA, TEXT], TEXT),
    signature("decode", F::Decode, &[TEXT, TEXT], BYTEA),
    signature("convert_from", F::ConvertFrom, &[BYTEA, NAME], TEXT).stable(),
    signature("convert_to", F::ConvertTo, &[TEXT, NAME], BYTEA).stable(),
    signature("get_byte", F::GetByte, &[BYTEA, INT4], INT4),
    signature("set_byte", F::SetByte, &[BYTEA, INT4, INT4], BYTEA),
    signature("quote_ident", F::QuoteIdentifier, &[TEXT], TEXT),
    signature("quote_literal", F::QuoteLiteral, &[TEXT], TEXT),
    signature("quote_literal", F::QuoteLiteral, &[ANY], TEXT).stable(),
    signature("quote_nullable", F::QuoteNullable, &[TEXT], TEXT).nullable(),
    signature("quote_nullable", F::QuoteNullable, &[ANY], TEXT).nullable().stable(),
    signature("starts_with", F::StartsWith, &[TEXT, TEXT], BOOL),
    signature("translate", F::Translate, &[TEXT, TEXT, TEXT], TEXT),
    signature("format", F::Format, &[TEXT], TEXT).nullable().stable(),
    signature("format", F::Format, &[TEXT, ANY], TEXT).variadic().nullable().stable(),
    signature("overlay", F::Overlay, &[TEXT, TEXT, INT4, INT4], TEXT).optional(1),
    signature("overlay", F::Overlay, &[BYTEA, BYTEA, INT4, INT4], BYTEA).optional(1),
    signature("like", F::Like, &[TEXT, TEXT], BOOL),
    signature("notlike", F::NotLike, &[TEXT, TEXT], BOOL),
    signature("regexp_replace", F::RegexpReplace, &[TEXT, TEXT, TEXT, TEXT], TEXT).optional(1),
    signature("regexp_match", F::RegexpMatch, &[TEXT, TEXT, TEXT], TEXT_ARRAY).optional(1),
    signature("regexp_like", F::RegexpLike, &[TEXT, TEXT, TEXT], BOOL).optional(1),
    signature("regexp_count", F::RegexpCount, &[TEXT, TEXT, INT4, TEXT], INT4).optional(2),
    signature("regexp_instr", F::RegexpInstr, &[TEXT, TEXT, INT4, INT4], INT4).optional(2),
    signature("regexp_substr", F::RegexpSubstr, &[TEXT, TEXT, INT4, INT4], TEXT).optional(2),
    signature("regexp_split_to_array", F::RegexpSplitToArray, &[TEXT, TEXT, TEXT], TEXT_ARRAY).optional(1),
    signature("similar_to_escape", F::SimilarToEscape, &[TEXT, TEXT], TEXT).optional(1),
    signature("like_escape", F::LikeEscape, &[TEXT, TEXT], TEXT),
    signature("parse_ident", F::ParseIdentifier, &[TEXT, BOOL], TEXT_ARRAY).optional(1),
];

/// Computes a function of this file.
pub(crate) fn call(call: &Call<'_>, arguments: &[Value]) -> Result<Option<Value>> {
    let value = match call.function {
        F::Length => Value::Int4(length(call, arguments)?),
        F::OctetLength => Value::Int4(octets(arguments)?),
        F::BitLength => Value::Int4(octets(arguments)?.saturating_mul(8)),
        F::Lower => Value::text(text(arguments, 0)?.to_ascii_lowercase()),
        F::Upper => Value::text(text(arguments, 0)?.to_ascii_uppercase()),
        F::InitialCapitals => Value::text(initial_capitals(text(arguments, 0)?)),
        F::Substring => substring(arguments)?,
        F::TrimBoth => trim(arguments, true, true)?,
        F::TrimLeft => trim(arguments, true, false)?,
        F::TrimRight => trim(arguments, false, true)?,
        F::Replace => replace(arguments)?,
        F::Position => position(arguments)?,
        F::Concatenate => concatenate(arguments)?,
        F::Concat => concat(call, arguments, None, 0)?,
        F::ConcatWithSeparator => match &arguments[0] {
            Value::Null => Value::Null,
            _ => concat(call, arguments, Some(text(arguments, 0)?), 1)?,
        },
        F::Left => Value::text(left(text(arguments, 0)?, integer(arguments, 1)?)),
        F::Right => Value::text(right(text(arguments, 0)?, integer(arguments, 1)?)),
        F::PadLeft => pad(arguments, true)?,
        F::PadRight => pad(arguments, false)?,
        F::Repeat => repeat(text(arguments, 0)?, integer(arguments, 1)?)?,
        F::Reverse => Value::text(text(arguments, 0)?.chars().rev().collect::<String>()),
        F::SplitPart => split_part(arguments)?,
        F::Character => character(integer(arguments, 0)?)?,
        F::CodePoint => Value::Int4(text(arguments, 0)?.chars().next().map_or(0, |first| first as i32)),
        F::StartsWith => Value::Bool(text(arguments, 0)?.starts_with(text(arguments, 1)?)),
        F::Translate => Value::text(translate(arguments)?),
        F::Format => format::format(call, arguments)?,
        F::Overlay => overlay(arguments)?,
        F::Like | F::NotLike | F::InsensitiveLike | F::NotInsensitiveLike => like(call.function, arguments)?,
        F::LikeEscape => Value::text(like_escape(text(arguments, 0)?, text(arguments, 1)?)?),
        _ => return Ok(None),
    };
    Ok(Some(value))
}

fn characters(text: &str) -> usize {
    text.chars().count()
}

/// Characters; the blanks at the end of `char(n)` do not count.
fn length(call: &Call<'_>, arguments: &[Value]) -> Result<i32> {
    let text = text(arguments, 0)?;
    let padded = call.types.first().is_some_and(|data_type| data_type.kind == TypeKind::Bpchar);
    Ok(characters(if padded { text.trim_end_matches(' ') } else { text }) as i32)
}

fn octets(arguments: &[Value]) -> Result<i32> {
    Ok(match &arguments[0] {
        Value::Bytea(bytes) => bytes.len() as i32,
        _ => text(arguments, 0)?.len() as i32,
    })
}

/// Words are runs of letters and digits.
fn initial_capitals(text: &str) -> String {
    let mut inside = false;
    let change = |character: char| {
        let changed = if inside { character.to_ascii_lowercase() } else { character.to_ascii_uppercase() };
        inside = character.is_ascii_alphanumeric();
        changed
    };
    text.chars().map(change).collect()
}

/// The window that SUBSTRING means, as how many units to skip and how many to take.
fn window(arguments: &[Value]) -> Result<(usize, usize)> {
    let start = integer(arguments, 1)?;
    let end = match arguments.get(2) {
        None => i64::MAX,
        Some(_) => {
            let count = integer(arguments, 2)?;
            if count < 0 {
                return Err(Error::new(SqlState::SUBSTRING_ERROR, "negative substring length not allowed"));
            }
            start.saturating_add(count)
        }
    };
    let first = start.max(1);
    Ok(((first - 1) as usize, (end.max(first) - first) as usize))
}

fn substring(arguments: &[Value]) -> Result<Value> {
    let (skip, take) = window(arguments)?;
    if let Value::Bytea(bytes) = &arguments[0] {
        let start = skip.min(bytes.len());
        return Ok(Value::bytea(&bytes[start..start.saturating_add(take).min(bytes.len())]));
    }
    Ok(Value::text(characters_between(text(arguments, 0)?, skip, take)))
}

/// `take` characters after the first `skip`.
fn characters_between(text: &str, skip: usize, take: usize) -> &str {
    let rest = &text[byte_of(text, skip)..];
    &rest[..byte_of(rest, take)]
}

/// The byte where character number `count` (from 0) starts; the end if there are not so many.
fn byte_of(text: &str, count: usize) -> usize {
    text.char_indices().nth(count).map_or(text.len(), |(at, _)| at)
}

fn trim(arguments: &[Value], start: bool, end: bool) -> Result<Value> {
    if let Value::Bytea(bytes) = &arguments[0] {
        let set = bytea(arguments, 1)?;
        let first = bytes.iter().position(|byte| !start || !set.contains(byte)).unwrap_or(bytes.len());
        let last = bytes.iter().rposition(|byte| !end || !set.contains(byte)).map_or(first, |last| last + 1);
        return Ok(Value::bytea(&bytes[first..last.max(first)]));
    }
    let mut trimmed = text(arguments, 0)?;
    let set: Vec<char> = if arguments.len() > 1 { text(arguments, 1)?.chars().collect() } else { vec![' '] };
    if start {
        trimmed = trimmed.trim_start_matches(set.as_slice());
    }
    if end {
        trimmed = trimmed.trim_end_matches(set.as_slice());
    }
    Ok(Value::text(trimmed))
}

fn replace(arguments: &[Value]) -> Result<Value> {
    let (whole, from, to) = (text(arguments, 0)?, text(arguments, 1)?, text(arguments, 2)?);
    if from.is_empty() {
        return Ok(arguments[0].clone());
    }
    let found = whole.matches(from).count();
    let bytes = whole.len().saturating_add(found.saturating_mul(to.len()));
    if bytes > RESULT_BYTES_MAX {
        return Err(too_long());
    }
    Ok(Value::text(whole.replace(from, to)))
}

fn position(arguments: &[Value]) -> Result<Value> {
    if let Value::Bytea(whole) = &arguments[0] {
        let found = memchr::memmem::find(whole, bytea(arguments, 1)?);
        return Ok(Value::Int4(found.map_or(0, |at| at as i32 + 1)));
    }
    let whole = text(arguments, 0)?;
    let found = whole.find(text(arguments, 1)?);
    Ok(Value::Int4(found.map_or(0, |at| characters(&whole[..at]) as i32 + 1)))
}

fn concatenate(arguments: &[Value]) -> Result<Value> {
    Ok(match arguments {
        [Value::Bytea(left), Value::Bytea(right)] => Value::bytea([&left[..], &right[..]].concat()),
        _ => Value::text([text(arguments, 0)?, text(arguments, 1)?].concat()),
    })
}

/// concat and concat_ws: NULLs are left out, other types written as clients see them.
fn concat(call: &Call<'_>, arguments: &[Value], separator: Option<&str>, from: usize) -> Result<Value> {
    let mut out = String::new();
    let mut first = true;
    for (position, value) in arguments.iter().enumerate().skip(from).filter(|(_, value)| !value.is_null()) {
        if !first {
            out.push_str(separator.unwrap_or(""));
        }
        first = false;
        out.push_str(&to_text(value, call.types[position], call.context));
        if out.len() > RESULT_BYTES_MAX {
            return Err(too_long());
        }
    }
    Ok(Value::text(out))
}

/// The first characters; a negative count leaves off that many at the end.
fn left(text: &str, count: i64) -> &str {
    let keep = match usize::try_from(count) {
        Ok(count) => count,
        Err(_) => characters(text).saturating_sub(count.unsigned_abs() as usize),
    };
    &text[..byte_of(text, keep)]
}

/// The last characters; a negative count leaves off that many at the start.
fn right(text: &str, count: i64) -> &str {
    let skip = match usize::try_from(count) {
        Ok(count) => characters(text).saturating_sub(count),
        Err(_) => count.unsigned_abs() as usize,
    };
    &text[byte_of(text, skip)..]
}

fn pad(arguments: &[Value], at_start: bool) -> Result<Value> {
    let whole = text(arguments, 0)?;
    let length = integer(arguments, 1)?.max(0) as usize;
    let fill: Vec<char> = if arguments.len() > 2 { text(arguments, 2)?.chars().collect() } else { vec![' '] };
    if length > RESULT_BYTES_MAX / 4 {
        return Err(too_long());
    }
    let present = characters(whole);
    if present >= length || fill.is_empty() {
        return Ok(Value::text(left(whole, length as i64)));
    }
    let padding: String = fill.iter().cycle().take(length - present).collect();
    Ok(Value::text(if at_start { padding + whole } else { whole.to_owned() + &padding }))
}

fn repeat(text: &str, count: i64) -> Result<Value> {
    let count = count.max(0) as usize;
    if text.len().saturating_mul(count) > RESULT_BYTES_MAX {
        return Err(too_long());
    }
    Ok(Value::text(text.repeat(count)))
}

fn split_part(arguments: &[Value]) -> Result<Value> {
    let (whole, delimiter, number) = (text(arguments, 0)?, text(arguments, 1)?, integer(arguments, 2)?);
    if number == 0 {
        return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, "field position must not be zero"));
    }
    if delimiter.is_empty() {
        return Ok(Value::text(if number == 1 || number == -1 { whole } else { "" }));
    }
    let distance = number.unsigned_abs() as usize - 1;
    let part = if number > 0 { whole.split(delimiter).nth(distance) } else { whole.rsplit(delimiter).nth(distance) };
    Ok(Value::text(part.unwrap_or("")))
}

fn character(code: i64) -> Result<Value> {
    if code == 0 {
        return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "null character not permitted"));
    }
    if code < 0 {
        return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, "character number must be positive"));
    }
    match u32::try_from(code).ok().and_then(char::from_u32) {
        Some(character) => Ok(Value::text(character.encode_utf8(&mut [0; 4]))),
        None => {
            let message = format!("requested character too large for encoding: {code}");
            Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message))
        }
    }
}

fn translate(arguments: &[Value]) -> Result<String> {
    let to: Vec<char> = text(arguments, 2)?.chars().collect();
    let mut map: BTreeMap<char, Option<char>> = BTreeMap::new();
    for (at, from) in text(arguments, 1)?.chars().enumerate() {
        map.entry(from).or_insert(to.get(at).copied());
    }
    let changed = text(arguments, 0)?.chars().filter_map(|character| match map.get(&character) {
        Some(replacement) => *replacement,
        None => Some(character),
    });
    Ok(changed.collect())
}

fn overlay(arguments: &[Value]) -> Result<Value> {
    let start = integer(arguments, 2)?;
    if start <= 0 {
        return Err(Error::new(SqlState::SUBSTRING_ERROR, "negative substring length not allowed"));
    }
    let skip = start as usize - 1;
    if let (Value::Bytea(whole), Value::Bytea(part)) = (&arguments[0], &arguments[1]) {
        let count = if arguments.len() > 3 { integer(arguments, 3)? } else { part.len() as i64 };
        let head = &whole[..skip.min(whole.len())];
        let resume = (start - 1).saturating_add(count).clamp(0, whole.len() as i64) as usize;
        return Ok(Value::bytea([head, &part[..], &whole[resume..]].concat()));
    }
    let (whole, part) = (text(arguments, 0)?, text(arguments, 1)?);
    let count = if arguments.len() > 3 { integer(arguments, 3)? } else { characters(part) as i64 };
    let resume = (start - 1).saturating_add(count).max(0) as usize;
    Ok(Value::text([&whole[..byte_of(whole, skip)], part, &whole[byte_of(whole, resume)..]].concat()))
}

fn like(function: F, arguments: &[Value]) -> Result<Value> {
    let insensitive = matches!(function, F::InsensitiveLike | F::NotInsensitiveLike);
    let negated = matches!(function, F::NotLike | F::NotInsensitiveLike);
    let escape = match arguments.get(2) {
        None => Some('\\'),
        Some(_) => escape_character(text(arguments, 2)?)?,
    };
    let (whole, pattern) = match (&arguments[0], &arguments[1]) {
        (Value::Bytea(whole), Value::Bytea(pattern)) => (latin(whole), latin(pattern)),
        _ => (text(arguments, 0)?.to_owned(), text(arguments, 1)?.to_owned()),
    };
    let pattern = Pattern::new(&pattern, escape, insensitive)?;
    Ok(Value::Bool(pattern.matches(whole.as_bytes()) != negated))
}

/// Bytes as characters of the same number, so that patterns go byte by byte.
fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

fn escape_character(escape: &str) -> Result<Option<char>> {
    let mut characters = escape.chars();
    let first = characters.next();
    if characters.next().is_some() {
        return Err(Error::new(SqlState::INVALID_ESCAPE_SEQUENCE, "invalid escape string")
            .with_hint("Escape string must be empty or one character."));
    }
    Ok(first)
}

/// Rewrites a LIKE pattern with another escape character to one with the backslash.
fn like_escape(pattern: &str, escape: &str) -> Result<String> {
    let escape = escape_character(escape)?;
    let mut out = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        if Some(character) == escape {
            out.push('\\');
            out.extend(characters.next());
        } else {
            if character == '\\' {
                out.push('\\');
            }
            out.push(character);
        }
    }
    Ok(out)
}
