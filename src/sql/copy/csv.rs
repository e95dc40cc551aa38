//! The csv format: fields may be quoted, and quoted fields may hold delimiters, quotes (escaped) and line ends.

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
    // An unfinished row is parsed again only when a line end has come, or the stream is at its end.
    if !last && memchr::memchr(b'\n', &rest[*searched..]).is_none() {
        *searched = rest.len();
        return Ok(Found::More);
    }
    if rest.starts_with(b"\\.\n") || rest.starts_with(b"\\.\r\n") || (last && rest == b"\\.") {
        return Ok(Found::End);
    }
    let mut at = 0;
    loop {
        match field(rest, at, options, last, fields)? {
            Ended::At(end, true) => return Ok(Found::Row(end)),
            Ended::At(next, false) => at = next,
            Ended::Unfinished => {
                *searched = rest.len();
                return Ok(Found::More);
            }
            Ended::UnfinishedQuote if last => return Err(bad("unterminated CSV quoted field")),
            Ended::UnfinishedQuote => {
                *searched = rest.len();
                return Ok(Found::More);
            }
        }
    }
}

/// Where a field ended.
enum Ended {
    /// The place behind it, and whether the row ended with it.
    At(usize, bool),
    Unfinished,
    UnfinishedQuote,
}

fn field(rest: &[u8], begin: usize, options: &CopyOptions, last: bool, fields: &mut Fields) -> Result<Ended> {
    let (start, position) = (fields.bytes.len(), fields.spans.len());
    let (mut at, mut quoted, mut was_quoted) = (begin, false, false);
    loop {
        let Some(&byte) = rest.get(at) else {
            return match (last, quoted) {
                (_, true) => Ok(Ended::UnfinishedQuote),
                (true, false) => {
                    finish(rest, begin, at, start, position, was_quoted, options, fields);
                    Ok(Ended::At(at, true))
                }
                (false, false) => Ok(Ended::Unfinished),
            };
        };
        if quoted {
            let escaped = byte == options.escape
                && rest.get(at + 1).is_some_and(|&next| next == options.quote || next == options.escape);
            if byte == options.escape && byte == options.quote && at + 1 == rest.len() && !last {
                return Ok(Ended::UnfinishedQuote);
            }
            if escaped {
                fields.bytes.push(rest[at + 1]);
                at += 2;
            } else if byte == options.quote {
                quoted = false;
                at += 1;
            } else {
                fields.bytes.push(byte);
                at += 1;
            }
            continue;
        }
        let line_end = byte == b'\n' || (byte == b'\r' && rest.get(at + 1) == Some(&b'\n'));
        if byte == options.quote {
            (quoted, was_quoted) = (true, true);
            at += 1;
        } else if byte == options.delimiter {
            finish(rest, begin, at, start, position, was_quoted, options, fields);
            return Ok(Ended::At(at + 1, false));
        } else if line_end {
            finish(rest, begin, at, start, position, was_quoted, options, fields);
            return Ok(Ended::At(at + if byte == b'\n' { 1 } else { 2 }, true));
        } else {
            fields.bytes.push(byte);
            at += 1;
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "the state of one field, used at its three ends")]
fn finish(
    rest: &[u8],
    begin: usize,
    end: usize,
    start: usize,
    position: usize,
    was_quoted: bool,
    options: &CopyOptions,
    fields: &mut Fields,
) {
    let is_null_text = &rest[begin..end] == options.null.as_bytes()
        || (was_quoted && options.force_null.contains(&position) && fields.bytes[start..] == *options.null.as_bytes());
    let null = is_null_text && (!was_quoted || options.force_null.contains(&position));
    if null && !options.force_not_null.contains(&position) {
        fields.bytes.truncate(start);
        fields.push_null();
    } else {
        fields.push(start);
    }
}
