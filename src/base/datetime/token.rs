//! Cuts date, time and interval text into fields by their shape.

use super::keywords::date_word;

/// What a field looks like; what it means depends on its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Digits, perhaps with a point.
    Number,
    /// Letters.
    Word,
    /// Anything with separators of dates inside, also zone names.
    Date,
    /// Digits with colons.
    Time,
    /// A sign and digits.
    Signed,
    /// A sign and letters.
    SignedWord,
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub shape: Shape,
    /// Lower case.
    pub text: String,
}

/// Bounds of PostgreSQL's parser.
const TOKENS_MAX: usize = 25;
const TEXT_BYTES_MAX: usize = 151;

struct Scanner<'a> {
    rest: &'a [u8],
    text: String,
}

impl Scanner<'_> {
    fn peek(&self) -> u8 {
        self.rest.first().copied().unwrap_or(0)
    }

    fn take(&mut self) {
        if let Some((first, rest)) = self.rest.split_first() {
            self.text.push(first.to_ascii_lowercase() as char);
            self.rest = rest;
        }
    }

    fn take_while(&mut self, wanted: impl Fn(u8) -> bool) {
        while !self.rest.is_empty() && wanted(self.peek()) {
            self.take();
        }
    }
}

/// The fields, or `None` when no date, time or interval looks like that.
pub(super) fn split(text: &str) -> Option<Vec<Token>> {
    let mut scanner = Scanner { rest: text.as_bytes(), text: String::new() };
    let (mut tokens, mut bytes) = (Vec::new(), 0);
    while !scanner.rest.is_empty() {
        let first = scanner.peek();
        if first.is_ascii_whitespace() || first == 0x0b {
            scanner.rest = &scanner.rest[1..];
            continue;
        }
        let shape = match first {
            b'0'..=b'9' => digits(&mut scanner),
            b'.' => {
                scanner.take();
                scanner.take_while(|byte| byte.is_ascii_digit());
                Shape::Number
            }
            b'+' | b'-' => signed(&mut scanner)?,
            _ if first.is_ascii_alphabetic() => letters(&mut scanner),
            _ if first.is_ascii_punctuation() => {
                scanner.rest = &scanner.rest[1..];
                continue;
            }
            _ => return None,
        };
        bytes += scanner.text.len() + 1;
        tokens.push(Token { shape, text: std::mem::take(&mut scanner.text) });
        if tokens.len() > TOKENS_MAX || bytes > TEXT_BYTES_MAX {
            return None;
        }
    }
    Some(tokens)
}

fn digits(scanner: &mut Scanner<'_>) -> Shape {
    scanner.take_while(|byte| byte.is_ascii_digit());
    let separator = scanner.peek();
    match separator {
        b':' => {
            scanner.take_while(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.'));
            Shape::Time
        }
        b'-' | b'/' | b'.' => {
            scanner.take();
            if !scanner.peek().is_ascii_digit() {
                scanner.take_while(|byte| byte.is_ascii_alphanumeric() || byte == separator);
                return Shape::Date;
            }
            scanner.take_while(|byte| byte.is_ascii_digit());
            if scanner.peek() == separator {
                scanner.take_while(|byte| byte.is_ascii_digit() || byte == separator);
                return Shape::Date;
            }
            if separator == b'.' { Shape::Number } else { Shape::Date }
        }
        _ => Shape::Number,
    }
}

fn letters(scanner: &mut Scanner<'_>) -> Shape {
    scanner.take_while(|byte| byte.is_ascii_alphabetic());
    let next = scanner.peek();
    let joined = match next {
        b'-' | b'/' | b'.' => true,
        b'+' | b'0'..=b'9' => date_word(&scanner.text).is_none(),
        _ => false,
    };
    if !joined {
        return Shape::Word;
    }
    scanner.take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'/' | b'_' | b'.' | b':'));
    Shape::Date
}

fn signed(scanner: &mut Scanner<'_>) -> Option<Shape> {
    scanner.take();
    while scanner.peek().is_ascii_whitespace() {
        scanner.rest = &scanner.rest[1..];
    }
    if scanner.peek().is_ascii_digit() {
        scanner.take_while(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b'-'));
        return Some(Shape::Signed);
    }
    scanner.peek().is_ascii_alphabetic().then(|| {
        scanner.take_while(|byte| byte.is_ascii_alphabetic());
        Shape::SignedWord
    })
}
