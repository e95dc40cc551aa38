//! Messages from a client: the bodies of frames that [`super::input`] has cut out of the stream.
//!
//! Everything borrows from the input buffer and nothing is allocated, so a message cannot cost more memory than it
//! took to send. Each body must be used up exactly; one that is too short, too long or holds a count that does not fit
//! is an ordinary error (08P01), after which the stream is still in step because the frame's length was obeyed.
//!
//! Absent: encoding of these messages (clients do that; tests use the pgwire crate for it, which is also how this
//! file is checked against somebody else's reading of the protocol).

use crate::{
    base::sqlstate::SqlState,
    error::{Error, Result},
};

/// First bytes of the messages that a client may send after startup.
pub mod tag {
    pub const QUERY: u8 = b'Q';
    pub const PARSE: u8 = b'P';
    pub const BIND: u8 = b'B';
    pub const DESCRIBE: u8 = b'D';
    pub const EXECUTE: u8 = b'E';
    pub const CLOSE: u8 = b'C';
    pub const FLUSH: u8 = b'H';
    pub const SYNC: u8 = b'S';
    pub const TERMINATE: u8 = b'X';
    pub const FUNCTION_CALL: u8 = b'F';
    pub const COPY_DATA: u8 = b'd';
    pub const COPY_DONE: u8 = b'c';
    pub const COPY_FAIL: u8 = b'f';
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    Binary,
}

/// What Describe and Close name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    Statement(&'a str),
    Portal(&'a str),
}

/// Parse: name a statement and say what it is.
#[derive(Debug)]
pub struct Parse<'a> {
    /// Empty for the unnamed statement.
    pub name: &'a str,
    pub text: &'a str,
    pub parameter_oids: Oids<'a>,
}

/// Object ids, four bytes each.
#[derive(Clone, Copy, Debug)]
pub struct Oids<'a>(&'a [u8]);

impl Oids<'_> {
    /// In order; 0 is an undecided type.
    pub fn to_vec(self) -> Vec<u32> {
        let word = |bytes: &[u8]| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        self.0.chunks_exact(4).map(word).collect()
    }
}

/// Format codes as Bind carries them: none (all text), one (for all), or one each.
#[derive(Clone, Copy, Debug)]
pub struct Formats<'a>(&'a [u8]);

impl<'a> Formats<'a> {
    /// How many codes were sent.
    pub fn count(&self) -> usize {
        self.0.len() / 2
    }

    /// The format of a position; 22023 for a code that does not exist.
    pub fn get(&self, position: usize) -> Result<Format> {
        let position = if self.count() == 1 { 0 } else { position };
        match self.0.get(position * 2..position * 2 + 2) {
            None | Some([0, 0]) => Ok(Format::Text),
            Some([0, 1]) => Ok(Format::Binary),
            Some(code) => {
                let code = i16::from_be_bytes([code[0], code[1]]);
                let message = format!("unsupported format code: {code}");
                Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
                    .with_hint("Format codes are 0 (text) and 1 (binary)."))
            }
        }
    }
}

/// Bind: make a portal of a statement and its parameters.
#[derive(Debug)]
pub struct Bind<'a> {
    /// Empty for the unnamed portal.
    pub portal: &'a str,
    pub statement: &'a str,
    pub parameter_formats: Formats<'a>,
    pub parameter_count: usize,
    /// Lengths checked by [`bind`].
    parameters: &'a [u8],
    pub result_formats: Formats<'a>,
}

impl<'a> Bind<'a> {
    /// The parameters in order; `None` is NULL.
    pub fn parameters(&self) -> Parameters<'a> {
        Parameters(self.parameters)
    }
}

/// Iterates over parameter values whose lengths were checked.
pub struct Parameters<'a>(&'a [u8]);

impl<'a> Iterator for Parameters<'a> {
    type Item = Option<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let (length, rest) = self.0.split_first_chunk::<4>()?;
        let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
            self.0 = rest;
            return Some(None);
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(Some(value))
    }
}

/// Execute: run a portal.
#[derive(Debug)]
pub struct Execute<'a> {
    pub portal: &'a str,
    /// 0 = no limit.
    pub rows_max: usize,
}

/// Reads Query: the text of any number of statements.
pub fn query(body: &[u8]) -> Result<&str> {
    let mut reader = Reader(body);
    let text = reader.string()?;
    reader.end()?;
    Ok(text)
}

/// Reads Parse.
pub fn parse(body: &[u8]) -> Result<Parse<'_>> {
    let mut reader = Reader(body);
    let name = reader.string()?;
    let text = reader.string()?;
    let count = reader.count()?;
    let parameter_oids = Oids(reader.bytes(count * 4)?);
    reader.end()?;
    Ok(Parse { name, text, parameter_oids })
}

/// Reads Bind and checks every length in it.
pub fn bind(body: &[u8]) -> Result<Bind<'_>> {
    let mut reader = Reader(body);
    let portal = reader.string()?;
    let statement = reader.string()?;
    let format_count = reader.count()?;
    let parameter_formats = Formats(reader.bytes(format_count * 2)?);
    let parameter_count = reader.count()?;
    if format_count > 1 && format_count != parameter_count {
        return Err(violation(format!(
            "bind message has {format_count} parameter formats but {parameter_count} parameters"
        )));
    }
    let start = reader.0;
    for _ in 0..parameter_count {
        match reader.int()? {
            -1 => {}
            length => {
                let length = usize::try_from(length).map_err(|_| malformed())?;
                reader.bytes(length)?;
            }
        }
    }
    let parameters = &start[..start.len() - reader.0.len()];
    let result_count = reader.count()?;
    let result_formats = Formats(reader.bytes(result_count * 2)?);
    reader.end()?;
    Ok(Bind { portal, statement, parameter_formats, parameter_count, parameters, result_formats })
}

/// Reads Execute.
pub fn execute(body: &[u8]) -> Result<Execute<'_>> {
    let mut reader = Reader(body);
    let portal = reader.string()?;
    let rows_max = usize::try_from(reader.int()?).unwrap_or(0); // a negative limit is none, as in PostgreSQL
    reader.end()?;
    Ok(Execute { portal, rows_max })
}

/// Reads Describe or Close (`what` names which, for the error).
pub fn target<'a>(body: &'a [u8], what: &str) -> Result<Target<'a>> {
    let mut reader = Reader(body);
    let kind = reader.byte()?;
    let name = reader.string()?;
    reader.end()?;
    match kind {
        b'S' => Ok(Target::Statement(name)),
        b'P' => Ok(Target::Portal(name)),
        kind => Err(violation(format!("invalid {what} message subtype {kind}"))),
    }
}

/// Reads CopyFail: why the client gives up.
pub fn copy_fail(body: &[u8]) -> Result<&str> {
    query(body)
}

/// Checks a message without a body.
pub fn nothing(body: &[u8]) -> Result<()> {
    Reader(body).end()
}

/// A protocol violation by a client, with what it did.
pub fn violation(message: impl Into<String>) -> Error {
    Error::new(SqlState::PROTOCOL_VIOLATION, message)
}

/// What a body that ends too early or too late is answered with.
fn malformed() -> Error {
    violation("invalid message format")
        .with_hint("The lengths or counts inside the message do not add up to its length.")
}

/// Checks that outside bytes are UTF-8 without NUL, which is what every string of the database is.
pub fn utf8(bytes: &[u8]) -> Result<&str> {
    let bad = match std::str::from_utf8(bytes) {
        Ok(text) => match memchr::memchr(0, bytes) {
            None => return Ok(text),
            Some(position) => &bytes[position..=position],
        },
        Err(error) => {
            let start = error.valid_up_to();
            let length = error.error_len().unwrap_or(bytes.len() - start).min(4);
            &bytes[start..start + length]
        }
    };
    let hexadecimal: Vec<String> = bad.iter().map(|byte| format!("0x{byte:02x}")).collect();
    let message = format!("invalid byte sequence for encoding \"UTF8\": {}", hexadecimal.join(" "));
    Err(Error::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, message)
        .with_hint("Send text as UTF-8 without NUL characters."))
}

/// Takes a body apart from the front.
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// A NUL-terminated string.
    pub fn string(&mut self) -> Result<&'a str> {
        let end = memchr::memchr(0, self.0).ok_or_else(|| violation("invalid string in message"))?;
        let (text, rest) = self.0.split_at(end);
        self.0 = &rest[1..];
        utf8(text)
    }

    /// A number of elements.
    pub fn count(&mut self) -> Result<usize> {
        let (count, rest) = self.0.split_first_chunk::<2>().ok_or_else(malformed)?;
        self.0 = rest;
        Ok(usize::from(u16::from_be_bytes(*count)))
    }

    /// A four-byte number.
    pub fn int(&mut self) -> Result<i32> {
        let (int, rest) = self.0.split_first_chunk::<4>().ok_or_else(malformed)?;
        self.0 = rest;
        Ok(i32::from_be_bytes(*int))
    }

    fn byte(&mut self) -> Result<u8> {
        let (byte, rest) = self.0.split_first().ok_or_else(malformed)?;
        self.0 = rest;
        Ok(*byte)
    }

    fn bytes(&mut self, count: usize) -> Result<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or_else(malformed)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// Nothing may be left.
    pub fn end(&self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(malformed()) }
    }
}
