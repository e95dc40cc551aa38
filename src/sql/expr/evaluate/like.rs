//! LIKE patterns, compiled once and matched in time proportional to text times pattern at worst.
//!
//! A pattern is cut at its `%` into pieces. The first piece stands at the start of the text and the last at its end;
//! those between are found one after the other, each at the first place it fits. That never goes back, so no pattern is
//! expensive. Letters without regard to case are ASCII ones, as the C collation has it.

use crate::{
    base::sqlstate::SqlState,
    error::{Error, Result},
};

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    insensitive: bool,
    /// The pieces between `%`; one piece means that there is no `%`.
    pieces: Vec<Piece>,
}

/// A run of the pattern without `%`.
#[derive(Clone, Debug, Default)]
struct Piece {
    /// Bytes to match, with [`ANY`] for each `_`.
    elements: Vec<u16>,
    /// The bytes, if there is no `_` among them.
    literal: Option<Vec<u8>>,
}

/// Stands for one whole character.
const ANY: u16 = 256;

impl Pattern {
    /// Compiles a pattern. Without an escape character every character stands for itself, except `%` and `_`.
    pub fn new(pattern: &str, escape: Option<char>, insensitive: bool) -> Result<Pattern> {
        let mut pieces = vec![Piece::default()];
        let mut characters = pattern.chars();
        while let Some(character) = characters.next() {
            let last = pieces.len() - 1;
            let elements = &mut pieces[last].elements;
            match character {
                _ if Some(character) == escape => match characters.next() {
                    Some(escaped) => push(elements, escaped, insensitive),
                    None => {
                        let message = "LIKE pattern must not end with escape character";
                        return Err(Error::new(SqlState::INVALID_ESCAPE_SEQUENCE, message));
                    }
                },
                '%' => pieces.push(Piece::default()),
                '_' => elements.push(ANY),
                _ => push(elements, character, insensitive),
            }
        }
        for piece in &mut pieces {
            let plain = piece.elements.iter().map(|&element| u8::try_from(element).ok()).collect();
            piece.literal = plain;
        }
        Ok(Pattern { insensitive, pieces })
    }

    /// The text that every match starts with: what an index can be searched by.
    pub fn prefix(&self) -> Option<String> {
        if self.insensitive {
            return None;
        }
        let first = self.pieces.first()?;
        let plain = first.elements.iter().map_while(|&element| u8::try_from(element).ok()).collect();
        String::from_utf8(plain).ok()
    }

    /// Whether the pattern has no wildcard at all.
    pub fn is_exact(&self) -> bool {
        self.pieces.len() == 1 && self.pieces[0].literal.is_some() && !self.insensitive
    }

    /// Whether the whole text matches.
    pub fn matches(&self, text: &[u8]) -> bool {
        let Some((first, rest)) = self.pieces.split_first() else { return text.is_empty() };
        let Some(mut at) = self.match_at(first, text, 0) else { return false };
        let Some((last, middle)) = rest.split_last() else { return at == text.len() };
        for piece in middle {
            match self.find(piece, text, at) {
                Some(end) => at = end,
                None => return false,
            }
        }
        self.ends_with(last, text, at)
    }

    #[inline]
    fn byte(&self, byte: u8) -> u8 {
        if self.insensitive { byte.to_ascii_lowercase() } else { byte }
    }

    /// Where the piece ends if it stands at `start`.
    fn match_at(&self, piece: &Piece, text: &[u8], start: usize) -> Option<usize> {
        if let (Some(literal), false) = (&piece.literal, self.insensitive) {
            return text[start..].starts_with(literal).then(|| start + literal.len());
        }
        let mut at = start;
        for &element in &piece.elements {
            let byte = *text.get(at)?;
            if element == ANY {
                at += character_length(text, at);
            } else {
                if u16::from(self.byte(byte)) != element {
                    return None;
                }
                at += 1;
            }
        }
        Some(at)
    }

    /// Where the piece ends at the first place it fits, from `start` on.
    fn find(&self, piece: &Piece, text: &[u8], start: usize) -> Option<usize> {
        if let (Some(literal), false) = (&piece.literal, self.insensitive) {
            return memchr::memmem::find(&text[start..], literal).map(|found| start + found + literal.len());
        }
        let mut at = start;
        loop {
            if let Some(end) = self.match_at(piece, text, at) {
                return Some(end);
            }
            if at >= text.len() {
                return None;
            }
            at += character_length(text, at);
        }
    }

    /// Whether the text ends with the piece, which may not start before `from`.
    fn ends_with(&self, piece: &Piece, text: &[u8], from: usize) -> bool {
        let characters = piece.elements.iter().filter(|&&element| element == ANY || element & 0xC0 != 0x80).count();
        let mut start = text.len();
        for _ in 0..characters {
            if start <= from {
                return false;
            }
            start -= 1;
            while start > from && text[start] & 0xC0 == 0x80 {
                start -= 1;
            }
        }
        self.match_at(piece, text, start) == Some(text.len())
    }
}

fn push(elements: &mut Vec<u16>, character: char, insensitive: bool) {
    let character = if insensitive { character.to_ascii_lowercase() } else { character };
    let mut buffer = [0; 4];
    elements.extend(character.encode_utf8(&mut buffer).bytes().map(u16::from));
}

/// Bytes of the character that starts at `at`.
fn character_length(text: &[u8], at: usize) -> usize {
    let rest = &text[at..];
    let continued = rest.iter().skip(1).take_while(|&&byte| byte & 0xC0 == 0x80).count();
    (1 + continued).min(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn like(text: &str, pattern: &str) -> bool {
        Pattern::new(pattern, Some('\\'), false).unwrap().matches(text.as_bytes())
    }

    #[test]
    fn patterns_match_as_in_postgresql() {
        for (text, pattern, expected) in [
            ("", "", true),
            ("", "%", true),
            ("a", "", false),
            ("abc", "abc", true),
            ("abc", "ab", false),
            ("abc", "a%", true),
            ("abc", "%c", true),
            ("abc", "%b%", true),
            ("abc", "_b_", true),
            ("abc", "__", false),
            ("abc", "a_%c", true),
            ("abc", "%_%_%_%", true),
            ("abc", "%_%_%_%_%", false),
            ("aab", "%ab", true),
            ("aXbXc", "a%b%c", true),
            ("a%c", "a\\%c", true),
            ("abc", "a\\%c", false),
            ("ärger", "_rger", true),
            ("groß", "%_", true),
            ("groß", "gro_", true),
            ("groß", "____", true),
            ("groß", "_____", false),
            ("aaa", "%aa%aa%", false),
            ("abab", "ab%ab", true),
            ("ab", "ab%ab", false),
        ] {
            assert_eq!(like(text, pattern), expected, "{text} LIKE {pattern}");
        }
        assert!(Pattern::new("AbC%", Some('\\'), true).unwrap().matches(b"aBcd"));
        assert!(Pattern::new("a\\", Some('\\'), false).is_err());
        assert!(Pattern::new("a!%", Some('!'), false).unwrap().matches(b"a%"));
    }

    #[test]
    fn hostile_patterns_are_cheap() {
        let text = "a".repeat(4_000);
        let pattern = format!("{}b", "%a".repeat(300));
        assert!(!like(&text, &pattern));
    }
}
