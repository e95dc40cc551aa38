//! The beginning of a connection: encryption is declined, a cancel request is carried out, a startup packet is read.
//!
//! ```text
//! +------------+-----------------+-----------------------------+---+
//! | length i32 | major u16 minor | name NUL value NUL …        | 0 |   startup
//! |     8      | 1234.5679/5680  |                                     SSLRequest, GSSENCRequest: answered with N
//! |    16      | 1234.5678       | process id i32 · secret i32 |       CancelRequest: no answer, the connection closes
//! +------------+-----------------+-----------------------------+---+
//! ```
//!
//! Invariants: nobody is logged in yet, so little is held and nothing waits for long (the caller has a clock, the input
//! buffer a bound); bytes that come in the same packet as a request for encryption are refused, because somebody
//! between could have put them there.
//!
//! Absent: credentials. Until there are some, the node listens on loopback only, and every user name is let in.

use super::{
    backend::Startup,
    message::{Reader, violation},
};
use crate::{
    base::sqlstate::SqlState,
    error::{Error, Result},
};

/// The newest minor version of protocol 3 that is spoken.
pub const MINOR_VERSION: u16 = 2;
/// The same as one number, as NegotiateProtocolVersion carries it.
pub const VERSION: i32 = (3 << 16) | MINOR_VERSION as i32;

const SPECIAL_MAJOR: u16 = 1234;
const CANCEL_MINOR: u16 = 5678;
const SSL_MINOR: u16 = 5679;
const GSS_MINOR: u16 = 5680;

/// What a first packet asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum First {
    Encryption(Encryption),
    Cancel { process_id: i32, secret: i32 },
    Startup(Opening),
}

/// Kinds of encryption that can be asked for, each once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    Tls,
    Gss,
}

/// A startup packet, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub struct Opening {
    /// The client asked for a newer version, or for protocol options: it must be told what it gets.
    pub negotiate: bool,
    pub unknown_options: Vec<String>,
    pub startup: Startup,
}

/// Reads the body of a first packet. An error is fatal.
pub fn first(body: &[u8], remote: &str) -> Result<First> {
    let mut reader = Reader(body);
    let (major, minor) = (reader.count()? as u16, reader.count()? as u16);
    match (major, minor) {
        (SPECIAL_MAJOR, CANCEL_MINOR) => {
            let (process_id, secret) = (reader.int()?, reader.int()?);
            reader.end()?;
            Ok(First::Cancel { process_id, secret })
        }
        (SPECIAL_MAJOR, SSL_MINOR) if reader.0.is_empty() => Ok(First::Encryption(Encryption::Tls)),
        (SPECIAL_MAJOR, GSS_MINOR) if reader.0.is_empty() => Ok(First::Encryption(Encryption::Gss)),
        (3, minor) => opening(reader.0, minor, remote).map(First::Startup),
        (major, minor) => {
            let message =
                format!("unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.{MINOR_VERSION}");
            Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message))
        }
    }
}

fn opening(body: &[u8], minor: u16, remote: &str) -> Result<Opening> {
    let mut given = Given::default();
    let mut reader = Reader(body);
    loop {
        let name = reader.string().map_err(layout)?;
        if name.is_empty() {
            break;
        }
        let value = reader.string().map_err(layout)?;
        given.take(name, value)?;
    }
    if !reader.0.is_empty() {
        return Err(violation("invalid startup packet layout: expected terminator as last byte"));
    }
    let user = given.user.filter(|user| !user.is_empty()).ok_or_else(|| {
        let state = SqlState::INVALID_AUTHORIZATION_SPECIFICATION;
        Error::new(state, "no PostgreSQL user name specified in startup packet")
            .with_hint("Give a user name, any will do.")
    })?;
    let database = given.database.filter(|database| !database.is_empty()).unwrap_or_else(|| user.clone());
    let mut parameters = given.options;
    parameters.extend(given.settings);
    Ok(Opening {
        negotiate: minor > MINOR_VERSION || !given.protocol_options.is_empty(),
        unknown_options: given.protocol_options,
        startup: Startup { user, database, parameters, remote: remote.to_string() },
    })
}

/// A string that does not end is bad layout; one that is not UTF-8 keeps its own error.
fn layout(error: Error) -> Error {
    match error.state() {
        SqlState::PROTOCOL_VIOLATION => violation("invalid startup packet layout: expected terminator as last byte"),
        _ => error,
    }
}

/// What the pairs of a startup packet say.
#[derive(Default)]
struct Given {
    user: Option<String>,
    database: Option<String>,
    /// From `options`; they are made before `settings`.
    options: Vec<(String, String)>,
    settings: Vec<(String, String)>,
    protocol_options: Vec<String>,
}

impl Given {
    fn take(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "user" => self.user = Some(value.to_string()),
            "database" => self.database = Some(value.to_string()),
            "options" => self.options.extend(command_line(value)?),
            "replication" if matches!(value, "false" | "off" | "no" | "0") => {}
            "replication" => return Err(Error::unsupported("a replication connection")),
            _ if name.starts_with("_pq_.") => self.protocol_options.push(name.to_string()),
            _ => self.settings.push((name.to_string(), value.to_string())),
        }
        Ok(())
    }
}

/// Reads `-c name=value`, `-cname=value` and `--name=value`; a backslash makes the next character part of a word.
pub fn command_line(text: &str) -> Result<Vec<(String, String)>> {
    let mut settings = Vec::new();
    let mut words = words(text).into_iter();
    while let Some(word) = words.next() {
        let bad = || {
            let message = format!("invalid command-line argument for server process: {word}");
            Error::new(SqlState::SYNTAX_ERROR, message).with_hint("Write options as -c name=value.")
        };
        let setting = match (word.strip_prefix("--"), word.strip_prefix("-c")) {
            (Some(setting), _) => setting.to_string(),
            (None, Some("")) => words.next().ok_or_else(bad)?,
            (None, Some(setting)) => setting.to_string(),
            (None, None) => return Err(bad()),
        };
        let (name, value) = setting.split_once('=').ok_or_else(bad)?;
        if name.is_empty() {
            return Err(bad());
        }
        let name = if word.starts_with("--") { name.replace('-', "_") } else { name.to_string() };
        settings.push((name, value.to_string()));
    }
    Ok(settings)
}

fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => word.get_or_insert_default().extend(characters.next()),
            character if character.is_ascii_whitespace() => words.extend(word.take()),
            character => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(major: u16, minor: u16, rest: &[u8]) -> Vec<u8> {
        [&major.to_be_bytes()[..], &minor.to_be_bytes()[..], rest].concat()
    }

    #[test]
    fn options_are_read_as_a_command_line() {
        let parsed =
            command_line(r"-c search_path=a,public  -ctimezone=UTC --statement-timeout=5s -c x.y=a\ b\\c").unwrap();
        let shown: Vec<String> = parsed.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(shown, ["search_path=a,public", "timezone=UTC", "statement_timeout=5s", r"x.y=a b\c"]);
        for bad in ["-c", "-d 5", "word", "-c =1", "-c novalue", "--"] {
            assert_eq!(command_line(bad).unwrap_err().state(), SqlState::SYNTAX_ERROR, "{bad}");
        }
    }

    #[test]
    fn a_startup_packet_is_taken_apart() {
        let body = packet(3, 9999, b"user\0ann\0options\0-c a=1\0_pq_.new\0x\0TimeZone\0UTC\0\0");
        let First::Startup(opening) = first(&body, "r").unwrap() else { panic!() };
        assert!(opening.negotiate);
        assert_eq!(opening.unknown_options, ["_pq_.new"]);
        assert_eq!((opening.startup.user.as_str(), opening.startup.database.as_str()), ("ann", "ann"));
        assert_eq!(opening.startup.parameters, [("a".into(), "1".into()), ("TimeZone".into(), "UTC".into())]);
    }

    #[test]
    fn bad_startup_packets_have_their_own_errors() {
        let state = |body: &[u8]| first(body, "r").unwrap_err().state().to_string();
        assert_eq!(state(&packet(3, 0, b"user\0ann\0")), "08P01");
        assert_eq!(state(&packet(3, 0, b"user\0ann\0\0x")), "08P01");
        assert_eq!(state(&packet(3, 0, b"user\0ann")), "08P01");
        assert_eq!(state(&packet(3, 0, b"user\0\xff\0\0")), "22021");
        assert_eq!(state(&packet(3, 0, b"\0")), "28000");
        assert_eq!(state(&packet(2, 0, b"user\0ann\0\0")), "0A000");
        assert_eq!(state(&packet(1234, 5679, b"x")), "0A000");
        assert_eq!(state(&packet(3, 0, b"user\0a\0replication\0true\0\0")), "0A000");
        assert_eq!(state(b"\0"), "08P01");
    }

    #[test]
    fn a_cancel_request_is_recognised() {
        let body = packet(1234, 5678, &[0, 0, 0, 7, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(first(&body, "r").unwrap(), First::Cancel { process_id: 7, secret: -1 });
        assert!(first(&packet(1234, 5678, &[0; 7]), "r").is_err());
    }
}
