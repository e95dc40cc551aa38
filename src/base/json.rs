//! JSON: reading with PostgreSQL's strictness, and writing as `jsonb` shows it.
//!
//! A `json` value is the text that came in, checked; a `jsonb` value is the text that [`Json::write`] makes: members
//! sorted by length and then bytes, the last of equal names kept, numbers as `numeric` writes them. So equal `jsonb`
//! values are equal texts.

use super::numeric::{self, Numeric};
use super::sqlstate::SqlState;
use super::text::shorten;
use crate::error::{Error, Result};

/// Nesting beyond this is refused, as it would use up the stack.
const DEPTH_MAX: usize = 1000;

/// A JSON value.
#[derive(Clone, Debug)]
pub enum Json {
    Null,
    Bool(bool),
    Number(Numeric),
    String(String),
    Array(Vec<Json>),
    /// Sorted as jsonb sorts, without duplicates.
    Object(Vec<(String, Json)>),
}

/// Reads a value for jsonb.
pub fn parse(text: &str) -> Result<Json> {
    let mut reader = Reader { text, rest: text };
    let value = reader.value(0)?;
    reader.end()?;
    Ok(value)
}

/// Checks text for json, which is kept as it is.
pub fn validate(text: &str) -> Result<()> {
    match parse(text) {
        // What json takes and jsonb refuses.
        Err(error) if error.state() == SqlState::UNTRANSLATABLE_CHARACTER => Ok(()),
        other => other.map(|_| ()),
    }
}

/// The text of jsonb for any JSON text.
pub fn canonical(text: &str) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    parse(text)?.write(&mut out);
    Ok(out)
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
}

fn broken(detail: String) -> Error {
    Error::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type json").with_detail(detail)
}

impl Reader<'_> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn error(&self, expected: &str) -> Error {
        let Some(first) = self.rest.chars().next() else {
            return broken("The input string ended unexpectedly.".into());
        };
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let end =
            if word(first) { self.rest.find(|c: char| !word(c)).unwrap_or(self.rest.len()) } else { first.len_utf8() };
        let found = shorten(&self.rest[..end]);
        let known = matches!(found, "true" | "false" | "null")
            || first.is_ascii_digit()
            || matches!(first, '"' | '{' | '}' | '[' | ']' | ',' | ':' | '-');
        if known && !expected.is_empty() {
            broken(format!("Expected {expected}, but found \"{found}\"."))
        } else {
            broken(format!("Token \"{found}\" is invalid."))
        }
    }

    fn end(&mut self) -> Result<()> {
        self.skip_space();
        if self.rest.is_empty() { Ok(()) } else { Err(self.error("end of input")) }
    }

    fn take(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self, depth: usize) -> Result<Json> {
        if depth > DEPTH_MAX {
            return Err(Error::new(SqlState::STATEMENT_TOO_COMPLEX, "JSON is nested too deeply")
                .with_hint(format!("Arrays and objects may be nested {DEPTH_MAX} times.")));
        }
        self.skip_space();
        match self.rest.as_bytes().first() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(Json::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'a'..=b'z') => self.word(),
            _ => Err(self.error("JSON value")),
        }
    }

    fn word(&mut self) -> Result<Json> {
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let value = match &self.rest[..end] {
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            "null" => Json::Null,
            _ => return Err(self.error("")),
        };
        self.rest = &self.rest[end..];
        Ok(value)
    }

    fn number(&mut self) -> Result<Json> {
        let word = |c: char| c.is_alphanumeric() || matches!(c, '.' | '+' | '-' | '_');
        let end = self.rest.find(|c: char| !word(c)).unwrap_or(self.rest.len());
        let text = &self.rest[..end];
        if !is_number(text) {
            return Err(broken(format!("Token \"{}\" is invalid.", shorten(text))));
        }
        self.rest = &self.rest[end..];
        numeric::parse(text).map(Json::Number)
    }

    fn string(&mut self) -> Result<String> {
        let start = self.rest;
        self.take("\"");
        let mut text = String::new();
        loop {
            let plain = self.rest.find(|c: char| c == '"' || c == '\\' || c < ' ').unwrap_or(self.rest.len());
            text.push_str(&self.rest[..plain]);
            self.rest = &self.rest[plain..];
            match self.rest.chars().next() {
                Some('"') => {
                    self.take("\"");
                    return Ok(text);
                }
                Some('\\') => {
                    self.take("\\");
                    text.push(self.escape()?);
                }
                Some(control) => {
                    return Err(broken(format!("Character with value 0x{:02x} must be escaped.", control as u32)));
                }
                None => return Err(broken(format!("Token \"{}\" is invalid.", shorten(start)))),
            }
        }
    }

    fn escape(&mut self) -> Result<char> {
        let Some(letter) = self.rest.chars().next() else {
            return Err(broken(format!("Token \"{}\" is invalid.", shorten(self.text))));
        };
        self.rest = &self.rest[letter.len_utf8()..];
        Ok(match letter {
            '"' | '\\' | '/' => letter,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => return self.unicode_escape(),
            other => return Err(broken(format!("Escape sequence \"\\{other}\" is invalid."))),
        })
    }

    fn unicode_escape(&mut self) -> Result<char> {
        let first = self.four_digits()?;
        let code = match first {
            0 => {
                let error = Error::new(SqlState::UNTRANSLATABLE_CHARACTER, "unsupported Unicode escape sequence");
                return Err(error.with_detail("\\u0000 cannot be converted to text."));
            }
            0xd800..0xdc00 => {
                let second = if self.take("\\u") { self.four_digits()? } else { 0 };
                if !(0xdc00..0xe000).contains(&second) {
                    return Err(broken("Unicode low surrogate must follow a high surrogate.".into()));
                }
                0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            code => code,
        };
        let lone = || broken("Unicode low surrogate must follow a high surrogate.".into());
        char::from_u32(code).ok_or_else(lone)
    }

    fn four_digits(&mut self) -> Result<u32> {
        let wrong = || broken("\"\\u\" must be followed by four hexadecimal digits.".into());
        let digits = self.rest.get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).ok_or_else(wrong)?;
        self.rest = &self.rest[4..];
        Ok(code)
    }

    fn array(&mut self, depth: usize) -> Result<Json> {
        self.take("[");
        self.skip_space();
        let mut values = Vec::new();
        if self.take("]") {
            return Ok(Json::Array(values));
        }
        loop {
            values.push(self.value(depth + 1)?);
            self.skip_space();
            if self.take("]") {
                return Ok(Json::Array(values));
            }
            if !self.take(",") {
                return Err(self.error("\",\" or \"]\""));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json> {
        self.take("{");
        self.skip_space();
        let mut members = Vec::new();
        if self.take("}") {
            return Ok(Json::Object(members));
        }
        loop {
            self.skip_space();
            if !self.rest.starts_with('"') {
                return Err(self.error(if members.is_empty() { "string or \"}\"" } else { "string" }));
            }
            let name = self.string()?;
            self.skip_space();
            if !self.take(":") {
                return Err(self.error("\":\""));
            }
            members.push((name, self.value(depth + 1)?));
            self.skip_space();
            if self.take("}") {
                return Ok(Json::object(members));
            }
            if !self.take(",") {
                return Err(self.error("\",\" or \"}\""));
            }
        }
    }
}

/// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.strip_prefix(['+', '-']).unwrap_or(exponent)),
        None => (unsigned, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole) && digits(fraction) && digits(exponent) && (whole == "0" || !whole.starts_with('0'))
}

impl Json {
    /// An object as jsonb keeps it: sorted, the last of equal names kept.
    pub fn object(mut members: Vec<(String, Json)>) -> Json {
        members.reverse();
        members.sort_by(|(a, _), (b, _)| (a.len(), a.as_bytes()).cmp(&(b.len(), b.as_bytes())));
        members.dedup_by(|(a, _), (b, _)| a == b);
        Json::Object(members)
    }

    /// Adds the text that jsonb shows.
    pub fn write(&self, out: &mut String) {
        match self {
            Json::Null => out.push_str("null"),
            Json::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
            Json::Number(number) => out.push_str(&number.to_string()),
            Json::String(text) => write_string(text, out),
            Json::Array(values) => {
                out.push('[');
                for (position, value) in values.iter().enumerate() {
                    out.push_str(if position > 0 { ", " } else { "" });
                    value.write(out);
                }
                out.push(']');
            }
            Json::Object(members) => {
                out.push('{');
                for (position, (name, value)) in members.iter().enumerate() {
                    out.push_str(if position > 0 { ", " } else { "" });
                    write_string(name, out);
                    out.push_str(": ");
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

/// Adds a string in quotes, escaped as PostgreSQL escapes it.
pub fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => out.push_str(&format!("\\u{:04x}", control as u32)),
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jsonb_is_canonical() {
        for (input, shown) in [
            (" {\"bb\":1,\"a\":[true,null,1.50,1e2],\"a\":{}} ", "{\"a\": {}, \"bb\": 1}"),
            ("[]", "[]"),
            ("\"\\u00e9\\n\\ud83d\\ude00\"", "\"é\\n😀\""),
            ("-0.0", "0.0"),
            ("[1,2 , 3]", "[1, 2, 3]"),
        ] {
            assert_eq!(canonical(input).unwrap(), shown, "{input}");
        }
    }

    #[test]
    fn broken_json() {
        for wrong in [
            "",
            "{",
            "[1,]",
            "{\"a\"}",
            "{a:1}",
            "01",
            "1.",
            "tru",
            "\"\\x\"",
            "\"\\ud800\"",
            "\"\n\"",
            "1 2",
            "nul\u{e9}",
        ] {
            assert_eq!(canonical(wrong).unwrap_err().message(), "invalid input syntax for type json", "{wrong}");
        }
        assert_eq!(canonical("\"\\u0000\"").unwrap_err().state(), SqlState::UNTRANSLATABLE_CHARACTER);
        assert!(validate("\"\\u0000\"").is_ok());
        let deep = "[".repeat(100_000);
        assert_eq!(canonical(&deep).unwrap_err().state(), SqlState::STATEMENT_TOO_COMPLEX);
    }
}
