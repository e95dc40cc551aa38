//! The text format: lines of fields between delimiters, with backslash escapes; `\N` is NULL, `\.` the end.

use super::{
    bad,
    read::{Fields, Found},
};
use crate::{error::Result, sql::utility::CopyOptions};

pub(super) fn read(
    rest: &[u8],
    options: &CopyOptions,
    searched: &mut usize,
    last: bool,
    fields: &mut Fields,
) -> Result<Found> {
    let Some((mut line, length)) = take_line(rest, searched, last) else { return Ok(Found::More) };
    if let Some(stripped) = line.strip_suffix(b"\r") {
        line = stripped;
    }
    if line == b"\\." {
        return Ok(Found::End);
    }
    split(line, options, fields)?;
    Ok(Found::Row(length))
}

/// A line that ends with a newline no backslash stands before, or the rest of the stream.
fn take_line<'a>(rest: &'a [u8], searched: &mut usize, last: bool) -> Option<(&'a [u8], usize)> {
    while let Some(found) = memchr::memchr(b'\n', &rest[*searched..]) {
        let end = *searched + found;
        let backslashes = rest[..end].iter().rev().take_while(|&&byte| byte == b'\\').count();
        if backslashes % 2 == 0 {
            return Some((&rest[..end], end + 1));
        }
        *searched = end + 1;
    }
    *searched = rest.len();
    last.then_some((rest, rest.len()))
}

fn split(line: &[u8], options: &CopyOptions, fields: &mut Fields) -> Result<()> {
    let null = options.null.as_bytes();
    let mut at = 0;
    loop {
        let start = fields.bytes.len();
        let field_at = at;
        let mut delimited = false;
        while at < line.len() {
            let stop = memchr::memchr2(options.delimiter, b'\\', &line[at..]).map_or(line.len(), |found| at + found);
            fields.bytes.extend_from_slice(&line[at..stop]);
            at = stop;
            match line.get(at) {
                None => break,
                Some(&byte) if byte == options.delimiter => {
                    delimited = true;
                    break;
                }
                Some(_) => at = unescape(line, at + 1, &mut fields.bytes)?,
            }
        }
        // NULL is recognised before escapes are undone.
        if &line[field_at..at] == null {
            fields.bytes.truncate(start);
            fields.push_null();
        } else {
            fields.push(start);
        }
        if !delimited {
            return Ok(());
        }
        at += 1;
    }
}

/// Undoes the escape after a backslash; gives the place behind it.
fn unescape(line: &[u8], at: usize, out: &mut Vec<u8>) -> Result<usize> {
    let Some(&byte) = line.get(at) else {
        out.push(b'\\');
        return Ok(at);
    };
    let plain = match byte {
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 11,
        b'.' if line.len() == 2 => return Err(bad("end-of-copy marker corrupt")),
        b'0'..=b'7' => {
            let digits = line[at..].iter().take(3).take_while(|digit| (b'0'..=b'7').contains(digit)).count();
            let value = line[at..at + digits].iter().fold(0u32, |value, digit| value * 8 + u32::from(digit - b'0'));
            out.push(value as u8);
            return Ok(at + digits);
        }
        b'x' => {
            let digits = line[at + 1..].iter().take(2).take_while(|digit| digit.is_ascii_hexdigit()).count();
            if digits > 0 {
                let value = line[at + 1..at + 1 + digits]
                    .iter()
                    .fold(0u32, |value, &digit| value * 16 + char::from(digit).to_digit(16).unwrap_or(0));
                out.push(value as u8);
                return Ok(at + 1 + digits);
            }
            b'x'
        }
        other => other,
    };
    out.push(plain);
    Ok(at + 1)
}
