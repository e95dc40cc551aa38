//! The text of a script, and where things stand in it.

use sqlparser::tokenizer::Location;
use std::sync::{Mutex, PoisonError};

/// A script's text with the offsets of its lines, to turn the grammar's lines and columns into offsets and positions.
#[derive(Debug)]
pub struct Source {
    text: String,
    /// Byte offset at which each line starts.
    lines: Vec<usize>,
    ascii: bool,
    /// The last location that was looked up, with its offset: look-ups mostly go forward in long lines.
    last: Mutex<(u64, u64, usize)>,
}

impl Source {
    pub fn new(text: &str) -> Source {
        let mut lines = vec![0];
        lines.extend(memchr::memchr_iter(b'\n', text.as_bytes()).map(|newline| newline + 1));
        Source { text: text.to_owned(), lines, ascii: text.is_ascii(), last: Mutex::new((1, 1, 0)) }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The byte offset of a location; the end of the text for one that lies behind it.
    pub fn offset(&self, location: Location) -> usize {
        let Some(&line) = usize::try_from(location.line.saturating_sub(1)).ok().and_then(|line| self.lines.get(line))
        else {
            return self.text.len();
        };
        let columns = usize::try_from(location.column.saturating_sub(1)).unwrap_or(usize::MAX);
        if self.ascii {
            return line.saturating_add(columns).min(self.text.len());
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (last_line, last_column, last_offset) = *last;
        let (from, skip) = if last_line == location.line && last_column <= location.column {
            (last_offset, usize::try_from(location.column - last_column).unwrap_or(usize::MAX))
        } else {
            (line, columns)
        };
        let rest = self.text.get(from..).unwrap_or_default();
        let offset = rest.char_indices().nth(skip).map_or(self.text.len(), |(index, _)| from + index);
        *last = (location.line, location.column, offset);
        offset
    }

    /// The position of a location as errors give it: characters of the text, from 1.
    pub fn position(&self, location: Location) -> u32 {
        self.position_of_offset(self.offset(location))
    }

    /// The position of a byte offset, in characters from 1.
    pub fn position_of_offset(&self, offset: usize) -> u32 {
        let before = self.text.get(..offset.min(self.text.len())).unwrap_or(&self.text);
        let characters = if self.ascii { before.len() } else { before.chars().count() };
        u32::try_from(characters + 1).unwrap_or(u32::MAX)
    }

    /// The position right behind the last character.
    pub fn end_position(&self) -> u32 {
        self.position_of_offset(self.text.len())
    }
}
