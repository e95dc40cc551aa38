//! Rows out of a stream of bytes.

use super::{ROW_BYTES_MAX, bad, binary, csv, text};
use crate::{
    error::Result,
    sql::utility::{CopyFormat, CopyOptions},
};

/// The fields of one row, decoded but not yet typed; reused from row to row.
#[derive(Debug, Default)]
pub struct Fields {
    pub(super) bytes: Vec<u8>,
    /// Start and end of each field in `bytes`; `None` for NULL.
    pub(super) spans: Vec<Option<(usize, usize)>>,
}

impl Fields {
    /// Number of fields.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The bytes of a field; `None` for NULL.
    pub fn get(&self, field: usize) -> Option<&[u8]> {
        self.spans[field].map(|(start, end)| &self.bytes[start..end])
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
    }

    /// Ends the field that began at `start`.
    pub(super) fn push(&mut self, start: usize) {
        self.spans.push(Some((start, self.bytes.len())));
    }

    pub(super) fn push_null(&mut self) {
        self.spans.push(None);
    }
}

/// What a format found at the start of the bytes it was shown.
pub(super) enum Found {
    /// A row that took so many bytes.
    Row(usize),
    /// Something that is no row took so many bytes (a header).
    Skip(usize),
    /// The end mark took so many bytes; whatever follows is ignored.
    End,
    /// The row is not complete.
    More,
}

/// Takes chunks, gives rows.
pub struct Reader {
    options: CopyOptions,
    pending: Vec<u8>,
    /// Bytes of `pending` that are used up.
    used: usize,
    /// Where the search for the end of the unfinished row goes on, after `used`: so that a long row is not searched anew
    /// with every chunk.
    searched: usize,
    /// Rows and other lines seen, for error messages.
    line: u64,
    header_pending: bool,
    ended: bool,
}

impl Reader {
    /// A reader of one stream.
    pub fn new(options: CopyOptions) -> Reader {
        let header_pending = options.header || options.format == CopyFormat::Binary;
        Reader { options, pending: Vec::new(), used: 0, searched: 0, line: 0, header_pending, ended: false }
    }

    /// Number of the line or row that was read last, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Takes a chunk. Call `next_row` until it gives `false` before the next one.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<()> {
        if self.ended {
            return Ok(());
        }
        if self.used > 0 {
            self.pending.drain(..self.used);
            self.used = 0;
        }
        if self.pending.len() + chunk.len() > 2 * ROW_BYTES_MAX {
            return Err(bad(format!("row of more than {ROW_BYTES_MAX} bytes")));
        }
        self.pending.extend_from_slice(chunk);
        Ok(())
    }

    /// The next complete row; `false` if there is none yet.
    pub fn next_row(&mut self, fields: &mut Fields) -> Result<bool> {
        self.take(fields, false)
    }

    /// The stream has ended: gives the row that has no line end, if there is one; `false` when all is read.
    pub fn finish(&mut self, fields: &mut Fields) -> Result<bool> {
        self.take(fields, true)
    }

    fn take(&mut self, fields: &mut Fields, last: bool) -> Result<bool> {
        loop {
            let rest = &self.pending[self.used..];
            if self.ended || (rest.is_empty() && !(last && self.header_pending)) {
                return Ok(false);
            }
            fields.clear();
            let found = match self.options.format {
                CopyFormat::Text => text::read(rest, &self.options, &mut self.searched, last, fields),
                CopyFormat::Csv => csv::read(rest, &self.options, &mut self.searched, last, fields),
                CopyFormat::Binary => binary::read(rest, self.header_pending, last, fields),
            };
            // A row that is wrong is counted: errors name its line.
            self.line += u64::from(!matches!(found, Ok(Found::More)));
            match found? {
                Found::Row(length) => {
                    self.advance(length);
                    if self.header_pending && self.options.format != CopyFormat::Binary {
                        self.header_pending = false;
                        continue;
                    }
                    return Ok(true);
                }
                Found::Skip(length) => {
                    self.advance(length);
                    self.header_pending = false;
                    self.line -= 1;
                }
                Found::End => self.ended = true,
                Found::More if last => return Err(bad("unexpected EOF in COPY data")),
                Found::More => return Ok(false),
            }
        }
    }

    /// The next line without its end, if it is complete and means what it says: no escape, quote or zero byte in it. Take
    /// anything else with [`Reader::next_row`].
    #[inline]
    pub fn plain_line(&mut self) -> Option<&[u8]> {
        if self.ended || self.header_pending || self.searched > 0 {
            return None;
        }
        let special = if self.options.format == CopyFormat::Text { b'\\' } else { self.options.quote };
        let rest = &self.pending[self.used..];
        let length = memchr::memchr3(b'\n', special, 0, rest)?;
        // The end mark of csv, and line ends of two bytes, are not plain.
        if rest[length] != b'\n' || rest[..length].ends_with(b"\r") || rest.starts_with(b"\\.") {
            return None;
        }
        let start = self.used;
        self.used += length + 1;
        self.line += 1;
        Some(&self.pending[start..start + length])
    }

    /// Takes back the line that was just given.
    pub fn put_line_back(&mut self, length: usize) {
        self.used -= length + 1;
        self.line -= 1;
    }

    fn advance(&mut self, length: usize) {
        self.used += length;
        self.searched = 0;
    }
}
