//! Text form of bool, strings, bytea and uuid.

use super::number::{invalid, shorten, trim};
use crate::base::limits::IDENTIFIER_BYTES_MAX;
use crate::base::sqlstate::SqlState;
use crate::base::types::{DataType, TypeKind};
use crate::error::{Error, Result};

/// Any beginning of true, false, yes, no, on and off that is unambiguous, 1 and 0.
pub(super) fn parse_bool(text: &str) -> Result<bool> {
    let word = trim(text).to_ascii_lowercase();
    let begins = |whole: &str, least: usize| word.len() >= least && whole.starts_with(&word);
    if begins("true", 1) || begins("yes", 1) || begins("on", 2) || word == "1" {
        Ok(true)
    } else if begins("false", 1) || begins("no", 1) || begins("off", 2) || word == "0" {
        Ok(false)
    } else {
        Err(invalid(TypeKind::Bool, text))
    }
}

/// Text that fits its type: no zero byte, `char(n)` padded, `varchar(n)` not longer than n but for blanks.
pub(super) fn parse_text(text: &str, data_type: DataType) -> Result<String> {
    if memchr::memchr(0, text.as_bytes()).is_some() {
        let message = "invalid byte sequence for encoding \"UTF8\": 0x00";
        return Err(Error::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, message));
    }
    match data_type.kind {
        TypeKind::Name => Ok(cut_to_bytes(text, IDENTIFIER_BYTES_MAX).to_owned()),
        TypeKind::Char => Ok(text.chars().take(1).collect()),
        _ => fit(text, data_type, false),
    }
}

/// The longest beginning of `text` of at most `bytes` bytes.
pub fn cut_to_bytes(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Applies the declared length of `varchar(n)` and `char(n)`. An explicit cast cuts what is too long.
pub(crate) fn fit(text: &str, data_type: DataType, cast: bool) -> Result<String> {
    let Some(length) = data_type.length() else {
        return Ok(text.to_owned());
    };
    let cut = text.char_indices().nth(length).map(|(at, _)| at);
    if let Some(at) = cut {
        if !cast && text[at..].bytes().any(|byte| byte != b' ') {
            let message = format!("value too long for type {data_type}");
            return Err(Error::new(SqlState::STRING_DATA_RIGHT_TRUNCATION, message));
        }
        return Ok(text[..at].to_owned());
    }
    let mut fitted = text.to_owned();
    if data_type.kind == TypeKind::Bpchar {
        let missing = length - text.chars().count();
        fitted.extend(std::iter::repeat_n(' ', missing));
    }
    Ok(fitted)
}

/// `\x` and hexadecimal digits, or the older escape form.
pub(super) fn parse_bytea(text: &str) -> Result<Vec<u8>> {
    match text.strip_prefix("\\x") {
        Some(digits) => parse_hexadecimal(digits),
        None => parse_escaped_bytes(text),
    }
}

fn parse_hexadecimal(digits: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(digits.len() / 2);
    let mut characters = digits.chars();
    while let Some(high) = characters.next() {
        if matches!(high, ' ' | '\n' | '\t' | '\r') {
            continue;
        }
        let high = hexadecimal(high)?;
        let low = characters.next().ok_or_else(|| {
            Error::new(SqlState::INVALID_PARAMETER_VALUE, "invalid hexadecimal data: odd number of digits")
        })?;
        bytes.push(high << 4 | hexadecimal(low)?);
    }
    Ok(bytes)
}

fn hexadecimal(digit: char) -> Result<u8> {
    digit
        .to_digit(16)
        .map(|value| value as u8)
        .ok_or_else(|| Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("invalid hexadecimal digit: \"{digit}\"")))
}

fn parse_escaped_bytes(text: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    loop {
        rest = match rest {
            [] => return Ok(bytes),
            [b'\\', b'\\', rest @ ..] => {
                bytes.push(b'\\');
                rest
            }
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', rest @ ..] => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest
            }
            [b'\\', ..] => {
                let message = "invalid input syntax for type bytea";
                return Err(Error::new(SqlState::INVALID_TEXT_REPRESENTATION, message));
            }
            [byte, rest @ ..] => {
                bytes.push(*byte);
                rest
            }
        };
    }
}

const HEXADECIMAL: &[u8; 16] = b"0123456789abcdef";

pub(super) fn write_bytea_hexadecimal(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(2 + bytes.len() * 2);
    out.extend_from_slice(b"\\x");
    write_hexadecimal(bytes, out);
}

fn write_hexadecimal(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        out.push(HEXADECIMAL[usize::from(byte >> 4)]);
        out.push(HEXADECIMAL[usize::from(byte & 15)]);
    }
}

pub(super) fn write_bytea_escaped(bytes: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x20..=0x7e => out.push(byte),
            _ => out.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
        }
    }
}

/// An oid: a 32-bit number; one below zero wraps around.
pub(super) fn parse_oid(text: &str) -> Result<u32> {
    let trimmed = trim(text);
    let digits = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid(TypeKind::Oid, text));
    }
    let in_range = |number: &i64| (i64::from(i32::MIN)..=i64::from(u32::MAX)).contains(number);
    match trimmed.parse::<i64>().ok().filter(in_range) {
        Some(number) => Ok(number as u32),
        None => {
            let message = format!("value \"{}\" is out of range for type oid", shorten(text));
            Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message))
        }
    }
}

/// A number in place of a name of a table, type or function; `-` is none. Names are for whoever has the catalog.
pub(super) fn parse_name_as_oid(text: &str, kind: TypeKind) -> Result<u32> {
    if text == "-" {
        return Ok(0);
    }
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        return parse_oid(text);
    }
    if kind == TypeKind::Regtype {
        return match DataType::from_name(text) {
            Some(found) => Ok(found.oid()),
            None => {
                let message = format!("type \"{}\" does not exist", shorten(text));
                Err(Error::new(SqlState::UNDEFINED_OBJECT, message))
            }
        };
    }
    Err(Error::unsupported(format!("a name as {} here", kind.shown())))
}

/// 32 hexadecimal digits, with an optional `-` after each group of four, optionally in braces.
pub(super) fn parse_uuid(text: &str) -> Result<[u8; 16]> {
    uuid_bytes(text).ok_or_else(|| invalid(TypeKind::Uuid, shorten(text)))
}

fn uuid_bytes(text: &str) -> Option<[u8; 16]> {
    let bare = match text.strip_prefix('{') {
        Some(inner) => inner.strip_suffix('}')?,
        None => text,
    };
    let mut bytes = [0; 16];
    let mut rest = bare.as_bytes();
    for (position, byte) in bytes.iter_mut().enumerate() {
        let (pair, after) = rest.split_first_chunk::<2>()?;
        let high = (pair[0] as char).to_digit(16)?;
        let low = (pair[1] as char).to_digit(16)?;
        *byte = (high << 4 | low) as u8;
        rest = after;
        let group_end = position % 2 == 1 && position < 15;
        if group_end && rest.first() == Some(&b'-') {
            rest = &rest[1..];
        }
    }
    rest.is_empty().then_some(bytes)
}

pub(super) fn write_uuid(bytes: &[u8; 16], out: &mut Vec<u8>) {
    for (position, byte) in bytes.iter().enumerate() {
        if matches!(position, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        write_hexadecimal(&[*byte], out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bools() {
        for yes in ["t", "TRUE", " y ", "on", "1", "yes", "tr"] {
            assert!(parse_bool(yes).unwrap(), "{yes}");
        }
        for no in ["f", "False", "n", "of", "off", "0"] {
            assert!(!parse_bool(no).unwrap(), "{no}");
        }
        for wrong in ["", "o", "2", "truee", "yess"] {
            assert!(parse_bool(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn lengths() {
        let varchar = DataType::with_length(TypeKind::Varchar, 3);
        assert_eq!(parse_text("äöü   ", varchar).unwrap(), "äöü");
        let error = parse_text("abcd", varchar).unwrap_err();
        assert_eq!(error.message(), "value too long for type character varying(3)");
        assert_eq!(fit("abcd", varchar, true).unwrap(), "abc");
        assert_eq!(parse_text("a", DataType::with_length(TypeKind::Bpchar, 3)).unwrap(), "a  ");
        assert_eq!(parse_text(&"é".repeat(40), DataType::of(TypeKind::Name)).unwrap().len(), 62);
    }

    #[test]
    fn bytes() {
        assert_eq!(parse_bytea("\\x00 fF").unwrap(), [0, 255]);
        assert_eq!(parse_bytea("a\\\\\\001").unwrap(), [b'a', b'\\', 1]);
        assert!(parse_bytea("\\x0").is_err() && parse_bytea("\\xgg").is_err() && parse_bytea("\\9").is_err());
        let mut out = Vec::new();
        write_bytea_hexadecimal(&[0, 0xab], &mut out);
        write_bytea_escaped(&[0, b'a', b'\\'], &mut out);
        assert_eq!(out, b"\\x00ab\\000a\\\\");
    }

    #[test]
    fn uuids() {
        let bytes = parse_uuid("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11").unwrap();
        assert_eq!(parse_uuid("{A0EEBC999C0B4EF8BB6D6BB9BD380A11}").unwrap(), bytes);
        assert_eq!(parse_uuid("a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11").unwrap(), bytes);
        let mut out = Vec::new();
        write_uuid(&bytes, &mut out);
        assert_eq!(out, b"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
        for wrong in
            ["", "{", "a0eebc99", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1g", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11-"]
        {
            assert!(parse_uuid(wrong).is_err(), "{wrong}");
        }
    }
}
