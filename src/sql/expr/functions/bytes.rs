//! Digests and encodings. Their signatures stand with the other string functions.

use super::{Call, RESULT_BYTES_MAX, bytea, integer, text, too_long};
use crate::{
    base::{sqlstate::SqlState, value::Value},
    error::{Error, Result},
    sql::expr::function::Function as F,
};
use base64::{Engine, alphabet::STANDARD, engine::GeneralPurpose, engine::general_purpose::PAD};
use sha2::Digest;

/// Computes a function of this file.
pub(crate) fn call(call: &Call<'_>, arguments: &[Value]) -> Result<Option<Value>> {
    let value = match call.function {
        F::Md5 => Value::text(hexadecimal(&md5::Md5::digest(raw(arguments)?))),
        F::Sha224 => Value::bytea(sha2::Sha224::digest(bytea(arguments, 0)?)),
        F::Sha256 => Value::bytea(sha2::Sha256::digest(bytea(arguments, 0)?)),
        F::Sha384 => Value::bytea(sha2::Sha384::digest(bytea(arguments, 0)?)),
        F::Sha512 => Value::bytea(sha2::Sha512::digest(bytea(arguments, 0)?)),
        F::ToHex => Value::text(match &arguments[0] {
            Value::Int4(number) => format!("{:x}", *number as u32),
            _ => format!("{:x}", integer(arguments, 0)? as u64),
        }),
        F::Encode => encode(bytea(arguments, 0)?, text(arguments, 1)?)?,
        F::Decode => decode(text(arguments, 0)?, text(arguments, 1)?)?,
        F::ConvertFrom => {
            utf8_only(text(arguments, 1)?)?;
            match std::str::from_utf8(bytea(arguments, 0)?) {
                Ok(text) if !text.contains('\0') => Value::text(text),
                _ => {
                    let message = "invalid byte sequence for encoding \"UTF8\"";
                    return Err(Error::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, message));
                }
            }
        }
        F::ConvertTo => {
            utf8_only(text(arguments, 1)?)?;
            Value::bytea(text(arguments, 0)?)
        }
        F::GetByte => {
            let (bytes, at) = (bytea(arguments, 0)?, integer(arguments, 1)?);
            Value::Int4(i32::from(bytes[index(bytes, at)?]))
        }
        F::SetByte => {
            let mut bytes = bytea(arguments, 0)?.to_vec();
            let at = index(&bytes, integer(arguments, 1)?)?;
            bytes[at] = integer(arguments, 2)? as u8;
            Value::bytea(bytes)
        }
        _ => return Ok(None),
    };
    Ok(Some(value))
}

fn raw(arguments: &[Value]) -> Result<&[u8]> {
    match &arguments[0] {
        Value::Bytea(bytes) => Ok(bytes),
        _ => Ok(text(arguments, 0)?.as_bytes()),
    }
}

fn index(bytes: &[u8], at: i64) -> Result<usize> {
    usize::try_from(at).ok().filter(|&at| at < bytes.len()).ok_or_else(|| {
        let message = format!("index {at} out of valid range, 0..{}", bytes.len() as i64 - 1);
        Error::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message)
    })
}

fn utf8_only(encoding: &str) -> Result<()> {
    let name: String = encoding.chars().filter(char::is_ascii_alphanumeric).collect();
    match name.to_ascii_lowercase().as_str() {
        "utf8" | "unicode" => Ok(()),
        _ => Err(Error::unsupported(format!("conversion to or from encoding \"{encoding}\""))
            .with_hint("The database's encoding is UTF8.")),
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            out.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
    }
    out
}

/// Reads padded base64, as PostgreSQL demands it.
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, PAD);
/// PostgreSQL breaks base64 lines here, as MIME does.
const LINE_CHARACTERS: usize = 76;

fn encode(bytes: &[u8], format: &str) -> Result<Value> {
    if bytes.len() > RESULT_BYTES_MAX / 4 {
        return Err(too_long());
    }
    match format.to_ascii_lowercase().as_str() {
        "hex" => Ok(Value::text(hexadecimal(bytes))),
        "base64" => {
            let encoded = BASE64.encode(bytes);
            let lines: Vec<&str> =
                encoded.as_bytes().chunks(LINE_CHARACTERS).filter_map(|c| str::from_utf8(c).ok()).collect();
            Ok(Value::text(lines.join("\n")))
        }
        "escape" => {
            let mut out = String::new();
            for &byte in bytes {
                match byte {
                    b'\\' => out.push_str("\\\\"),
                    0 | 0x80.. => out.push_str(&format!("\\{byte:03o}")),
                    _ => out.push(char::from(byte)),
                }
            }
            Ok(Value::text(out))
        }
        _ => Err(unknown_format(format)),
    }
}

fn decode(text: &str, format: &str) -> Result<Value> {
    let invalid = |message: String| Error::new(SqlState::INVALID_PARAMETER_VALUE, message);
    match format.to_ascii_lowercase().as_str() {
        "hex" => {
            let digits: Vec<char> = text.chars().filter(|character| !character.is_ascii_whitespace()).collect();
            let digit = |character: char| {
                let value = character.to_digit(16).map(|digit| digit as u8);
                value.ok_or_else(|| invalid(format!("invalid hexadecimal digit: \"{character}\"")))
            };
            let mut bytes = Vec::with_capacity(digits.len() / 2);
            for pair in digits.chunks(2) {
                let [high, low] = pair else {
                    digit(pair[0])?;
                    return Err(invalid("invalid hexadecimal data: odd number of digits".to_owned()));
                };
                bytes.push(digit(*high)? << 4 | digit(*low)?);
            }
            Ok(Value::bytea(bytes))
        }
        "base64" => {
            let plain: String = text.chars().filter(|character| !character.is_ascii_whitespace()).collect();
            match BASE64.decode(&plain) {
                Ok(bytes) => Ok(Value::bytea(bytes)),
                Err(base64::DecodeError::InvalidByte(at, byte)) if byte != b'=' => {
                    let symbol = plain[at..].chars().next().unwrap_or(char::from(byte));
                    Err(invalid(format!("invalid symbol \"{symbol}\" found while decoding base64 sequence")))
                }
                Err(cause) => Err(invalid("invalid base64 end sequence".to_owned())
                    .with_hint("Input data is missing padding, is truncated, or is otherwise corrupted.")
                    .with_cause(cause)),
            }
        }
        "escape" => unescape(text.as_bytes())
            .map(Value::bytea)
            .ok_or_else(|| Error::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type bytea")),
        _ => Err(unknown_format(format)),
    }
}

fn unescape(mut text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    while let Some((&first, rest)) = text.split_first() {
        if first != b'\\' {
            bytes.push(first);
            text = rest;
        } else if let Some(after) = rest.strip_prefix(b"\\") {
            bytes.push(b'\\');
            text = after;
        } else {
            let digits = rest.get(..3)?;
            let [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7'] = *digits else { return None };
            bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
            text = &rest[3..];
        }
    }
    Some(bytes)
}

fn unknown_format(format: &str) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("unrecognized encoding: \"{format}\""))
        .with_hint("Encodings are base64, escape and hex.")
}
