//! Session settings: names, defaults, and which values they take.
//!
//! Settings that PostgreSQL has and that mean nothing here are accepted and remembered, because drivers set them on every
//! connection. Settings that would promise something this server does not do are refused with the reason.

use crate::{
    base::{datetime, sqlstate::SqlState},
    error::{Error, Result},
};
use std::{cell::Cell, collections::BTreeMap, time::Duration};

/// How a value is checked and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Any text.
    Text,
    /// on/off, true/false, yes/no, 1/0; shown as on or off.
    Bool,
    /// A whole number within limits.
    Integer(i64, i64),
    /// Milliseconds, with units ms, s, min, h, d; shown with the largest unit that is exact.
    Duration,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Cannot be set.
    ReadOnly,
}

/// One setting as it is defined.
struct Definition {
    name: &'static str,
    default: &'static str,
    kind: Kind,
    /// Whether clients are told of changes (ParameterStatus).
    reported: bool,
}

const fn setting(name: &'static str, default: &'static str, kind: Kind) -> Definition {
    Definition { name, default, kind, reported: false }
}

const fn reported(name: &'static str, default: &'static str, kind: Kind) -> Definition {
    Definition { name, default, kind, reported: true }
}

const ISOLATION_LEVELS: &[&str] = &["serializable", "repeatable read", "read committed", "read uncommitted"];
const MESSAGE_LEVELS: &[&str] =
    &["debug5", "debug4", "debug3", "debug2", "debug1", "debug", "log", "info", "notice", "warning", "error"];

/// The version of PostgreSQL whose behaviour clients may expect.
pub const SERVER_VERSION: &str = "15.0 (distdb)";

/// Every setting that has a name of its own; any name with a dot in it may be set too.
const DEFINITIONS: &[Definition] = &[
    reported("DateStyle", "ISO, MDY", Kind::Text),
    reported("IntervalStyle", "postgres", Kind::Word(&["postgres", "postgres_verbose", "sql_standard", "iso_8601"])),
    reported("TimeZone", "UTC", Kind::Text),
    reported("application_name", "", Kind::Text),
    setting("array_nulls", "on", Kind::Bool),
    setting("backslash_quote", "safe_encoding", Kind::Text),
    setting("bytea_output", "hex", Kind::Word(&["hex", "escape"])),
    setting("check_function_bodies", "on", Kind::Bool),
    reported("client_encoding", "UTF8", Kind::Text),
    setting("client_min_messages", "notice", Kind::Word(MESSAGE_LEVELS)),
    setting("client_connection_check_interval", "0", Kind::Duration),
    setting("constraint_exclusion", "partition", Kind::Text),
    setting("cursor_tuple_fraction", "0.1", Kind::Text),
    setting("default_table_access_method", "heap", Kind::Text),
    setting("default_tablespace", "", Kind::Text),
    setting("default_transaction_deferrable", "off", Kind::Bool),
    setting("default_transaction_isolation", "repeatable read", Kind::Word(ISOLATION_LEVELS)),
    reported("default_transaction_read_only", "off", Kind::Bool),
    setting("enable_hashagg", "on", Kind::Bool),
    setting("enable_hashjoin", "on", Kind::Bool),
    setting("enable_indexscan", "on", Kind::Bool),
    setting("enable_mergejoin", "on", Kind::Bool),
    setting("enable_nestloop", "on", Kind::Bool),
    setting("enable_seqscan", "on", Kind::Bool),
    setting("enable_sort", "on", Kind::Bool),
    setting("extra_float_digits", "1", Kind::Integer(-15, 3)),
    setting("idle_in_transaction_session_timeout", "0", Kind::Duration),
    setting("idle_session_timeout", "0", Kind::Duration),
    reported("in_hot_standby", "off", Kind::ReadOnly),
    reported("integer_datetimes", "on", Kind::ReadOnly),
    reported("is_superuser", "on", Kind::ReadOnly),
    setting("jit", "off", Kind::Bool),
    setting("lc_collate", "C", Kind::ReadOnly),
    setting("lc_ctype", "C", Kind::ReadOnly),
    setting("lc_messages", "C", Kind::Text),
    setting("lc_monetary", "C", Kind::Text),
    setting("lc_numeric", "C", Kind::Text),
    setting("lc_time", "C", Kind::Text),
    setting("lock_timeout", "0", Kind::Duration),
    setting("maintenance_work_mem", "64MB", Kind::Text),
    setting("max_connections", "1000", Kind::ReadOnly),
    setting("max_identifier_length", "63", Kind::ReadOnly),
    setting("max_index_keys", "32", Kind::ReadOnly),
    setting("max_parallel_workers_per_gather", "2", Kind::Integer(0, 1024)),
    setting("password_encryption", "scram-sha-256", Kind::Text),
    setting("quote_all_identifiers", "off", Kind::Bool),
    setting("random_page_cost", "4", Kind::Text),
    setting("row_security", "on", Kind::Bool),
    setting("search_path", "\"$user\", public", Kind::Text),
    reported("server_encoding", "UTF8", Kind::ReadOnly),
    reported("server_version", SERVER_VERSION, Kind::ReadOnly),
    setting("server_version_num", "150000", Kind::ReadOnly),
    reported("session_authorization", "", Kind::Text),
    reported("standard_conforming_strings", "on", Kind::Word(&["on"])),
    setting("statement_timeout", "0", Kind::Duration),
    setting("synchronize_seqscans", "on", Kind::Bool),
    setting("synchronous_commit", "on", Kind::Word(&["on", "local", "remote_write", "remote_apply"])),
    setting("timezone_abbreviations", "Default", Kind::Text),
    setting("transaction_deferrable", "off", Kind::Bool),
    setting("transaction_isolation", "repeatable read", Kind::Word(ISOLATION_LEVELS)),
    setting("transaction_read_only", "off", Kind::Bool),
    setting("work_mem", "4MB", Kind::Text),
    setting("xmloption", "content", Kind::Text),
];

/// The values of one session.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// What RESET goes back to: the startup packet's values over the defaults.
    initial: BTreeMap<String, String>,
    /// What differs from `initial`.
    current: BTreeMap<String, String>,
    /// Values before SET LOCAL or before the transaction, by name; `None` where there was none.
    saved: BTreeMap<String, Option<String>>,
    /// Grows with every change.
    version: u64,
    /// What every statement asks, read from the texts once after a change.
    derived: Cell<Option<Derived>>,
}

/// Settings as values.
#[derive(Clone, Copy, Debug)]
struct Derived {
    limits: Limits,
    read_only: bool,
}

/// How long things may take; `None` is for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `statement_timeout`: from a statement's start to its end.
    pub statement: Option<Duration>,
    /// `lock_timeout`: waiting for a lock of another transaction.
    pub lock: Option<Duration>,
    /// `idle_in_transaction_session_timeout`: waiting for the client in an open transaction.
    pub idle_in_transaction: Option<Duration>,
    /// `idle_session_timeout`: waiting for the client outside of one.
    pub idle_session: Option<Duration>,
}

impl Settings {
    /// Takes the startup packet's parameters; what it cannot take is an error as for SET.
    pub fn from_startup(parameters: &[(String, String)], user: &str) -> Result<Settings> {
        let mut settings = Settings::default();
        settings.initial.insert("session_authorization".into(), user.into());
        for (name, value) in parameters {
            let (name, value) = checked(name, value)?;
            settings.initial.insert(name, value);
        }
        Ok(settings)
    }

    /// The value of a setting in its own spelling, or 42704.
    pub fn show(&self, name: &str) -> Result<String> {
        let name = canonical(name);
        self.get(&name).ok_or_else(|| unknown(&name))
    }

    /// The value of a setting, if it is known.
    pub fn get(&self, name: &str) -> Option<String> {
        let name = canonical(name);
        let set = self.current.get(&name).or_else(|| self.initial.get(&name));
        set.cloned().or_else(|| definition(&name).map(|definition| definition.default.to_string()))
    }

    /// Whether a boolean setting is on.
    pub fn is_on(&self, name: &str) -> bool {
        self.get(name).as_deref() == Some("on")
    }

    /// A duration; 0 means none.
    fn duration(&self, name: &str) -> Option<Duration> {
        let millis = self.get(name).and_then(|value| duration_millis(&value))?;
        (millis > 0).then(|| Duration::from_millis(millis))
    }

    /// Sets a value; `None` goes back to the session's initial one. In a transaction the old value comes back when it
    /// rolls back, and after it ends in any way if `local`.
    pub fn set(&mut self, name: &str, value: Option<&str>, local: bool) -> Result<()> {
        let (name, value) = match value {
            Some(value) => {
                let (name, value) = checked(name, value)?;
                (name, Some(value))
            }
            None => {
                let name = canonical(name);
                match definition(&name) {
                    None if !name.contains('.') => return Err(unknown(&name)),
                    Some(Definition { kind: Kind::ReadOnly, .. }) => return Err(read_only(&name)),
                    _ => (name, None),
                }
            }
        };
        self.changed();
        let before = self.current.get(&name).cloned();
        let key = if local { format!("local {name}") } else { name.clone() };
        self.saved.entry(key).or_insert(before);
        match value {
            Some(value) => self.current.insert(name, value),
            None => self.current.remove(&name),
        };
        Ok(())
    }

    /// The session's timeouts.
    pub fn limits(&self) -> Limits {
        self.derived().limits
    }

    /// `default_transaction_read_only`.
    pub fn is_read_only(&self) -> bool {
        self.derived().read_only
    }

    fn derived(&self) -> Derived {
        if let Some(derived) = self.derived.get() {
            return derived;
        }
        let derived = Derived {
            limits: Limits {
                statement: self.duration("statement_timeout"),
                lock: self.duration("lock_timeout"),
                idle_in_transaction: self.duration("idle_in_transaction_session_timeout"),
                idle_session: self.duration("idle_session_timeout"),
            },
            read_only: self.is_on("default_transaction_read_only"),
        };
        self.derived.set(Some(derived));
        derived
    }

    fn changed(&mut self) {
        self.version += 1;
        self.derived.set(None);
    }

    /// Grows with every change of a value.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// RESET ALL.
    pub fn reset_all(&mut self) {
        self.changed();
        self.current.clear();
    }

    /// The transaction ended: local values go, and after a rollback all values go back.
    pub fn end_transaction(&mut self, committed: bool) {
        if self.saved.is_empty() {
            return;
        }
        self.changed();
        for (key, before) in std::mem::take(&mut self.saved) {
            let (local, name) = match key.strip_prefix("local ") {
                Some(name) => (true, name.to_string()),
                None => (false, key),
            };
            if local || !committed {
                match before {
                    Some(value) => self.current.insert(name, value),
                    None => self.current.remove(&name),
                };
            }
        }
    }

    /// Every setting with its value, for SHOW ALL, sorted by name.
    pub fn all(&self) -> Vec<(String, String)> {
        let mut names: BTreeMap<String, String> = DEFINITIONS
            .iter()
            .map(|definition| (definition.name.to_string(), definition.default.to_string()))
            .collect();
        names.extend(self.initial.clone());
        names.extend(self.current.clone());
        names.into_iter().collect()
    }

    /// Those that clients are told of.
    pub fn reported(&self) -> Vec<(String, String)> {
        let reported = DEFINITIONS.iter().filter(|definition| definition.reported);
        reported
            .map(|definition| (definition.name.to_string(), self.get(definition.name).unwrap_or_default()))
            .collect()
    }

    /// The schemas that unqualified names are looked up in, `"$user"` resolved.
    pub fn search_path(&self, user: &str) -> Vec<String> {
        let path = self.get("search_path").unwrap_or_default();
        let names = path.split(',').map(|part| part.trim().trim_matches('"')).filter(|part| !part.is_empty());
        names.map(|name| if name == "$user" { user.to_string() } else { name.to_string() }).collect()
    }
}

fn definition(name: &str) -> Option<&'static Definition> {
    DEFINITIONS.iter().find(|definition| definition.name.eq_ignore_ascii_case(name))
}

/// The name as it is defined; names with a dot are lower case.
fn canonical(name: &str) -> String {
    match definition(name) {
        Some(definition) => definition.name.to_string(),
        None => name.to_ascii_lowercase(),
    }
}

fn unknown(name: &str) -> Error {
    let error = Error::new(SqlState::UNDEFINED_OBJECT, format!("unrecognized configuration parameter \"{name}\""));
    let near = DEFINITIONS.iter().map(|definition| (strsim::levenshtein(name, definition.name), definition.name)).min();
    match near {
        Some((distance, name)) if distance <= 3 => error.with_hint(format!("Perhaps you meant \"{name}\".")),
        _ => error,
    }
}

fn read_only(name: &str) -> Error {
    Error::new(SqlState::CANT_CHANGE_RUNTIME_PARAM, format!("parameter \"{name}\" cannot be changed"))
}

/// Name and value as they are kept, or why not.
fn checked(name: &str, value: &str) -> Result<(String, String)> {
    let Some(definition) = definition(name) else {
        return match name.contains('.') {
            true => Ok((name.to_ascii_lowercase(), value.to_string())),
            false => Err(unknown(name)),
        };
    };
    let invalid = || {
        let message = format!("invalid value for parameter \"{}\": \"{value}\"", definition.name);
        Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
    };
    let value = match definition.kind {
        Kind::Text => text_value(definition.name, value).ok_or_else(invalid)?,
        Kind::ReadOnly => return Err(read_only(definition.name)),
        Kind::Bool => bool_value(value).ok_or_else(|| {
            Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("parameter \"{}\" requires a Boolean value", definition.name),
            )
        })?,
        Kind::Integer(low, high) => {
            let number: i64 = value.trim().parse().map_err(|_| invalid())?;
            if !(low..=high).contains(&number) {
                let message = format!(
                    "{number} is outside the valid range for parameter \"{}\" ({low} .. {high})",
                    definition.name
                );
                return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
            }
            number.to_string()
        }
        Kind::Duration => shown_duration(duration_millis(value).ok_or_else(invalid)?),
        Kind::Word(words) => {
            let word = words.iter().find(|word| word.eq_ignore_ascii_case(value.trim()));
            let word = word.ok_or_else(|| invalid().with_hint(format!("Available values: {}.", words.join(", "))))?;
            word.to_string()
        }
    };
    Ok((definition.name.to_string(), value))
}

/// Text settings whose values this server must be able to honour.
fn text_value(name: &str, value: &str) -> Option<String> {
    match name {
        "client_encoding" => {
            let plain: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
            ["utf8", "unicode", "sqlascii"].iter().any(|known| plain.eq_ignore_ascii_case(known)).then(|| "UTF8".into())
        }
        "TimeZone" => datetime::Zone::from_setting(value).map(|zone| zone.to_string()),
        "DateStyle" => date_style(value),
        _ => Some(value.to_string()),
    }
}

/// ISO is the only output style; the input order may be any.
fn date_style(value: &str) -> Option<String> {
    let mut order = "MDY";
    for part in value.split(',').map(str::trim) {
        match part.to_ascii_uppercase().as_str() {
            "ISO" | "DEFAULT" => {}
            "YMD" => order = "YMD",
            "DMY" | "EURO" | "EUROPEAN" => order = "DMY",
            "MDY" | "US" | "NONEURO" | "NONEUROPEAN" => order = "MDY",
            _ => return None,
        }
    }
    Some(format!("ISO, {order}"))
}

fn bool_value(value: &str) -> Option<String> {
    let value = value.trim().to_ascii_lowercase();
    let on = match value.as_str() {
        "on" | "true" | "t" | "yes" | "y" | "1" => true,
        "off" | "false" | "f" | "no" | "n" | "0" => false,
        _ => return None,
    };
    Some(if on { "on" } else { "off" }.to_string())
}

fn duration_millis(value: &str) -> Option<u64> {
    let value = value.trim();
    let digits = value.find(|character: char| !character.is_ascii_digit()).unwrap_or(value.len());
    let number: u64 = value[..digits].parse().ok()?;
    let unit = match value[digits..].trim() {
        "" | "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(unit).filter(|&millis| millis <= i32::MAX as u64)
}

fn shown_duration(millis: u64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s"), (1, "ms")];
    match units.iter().find(|(unit, _)| millis != 0 && millis.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{}{name}", millis / unit),
        None => "0".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked_and_shown_as_postgresql_does() {
        let mut settings = Settings::from_startup(&[("application_name".into(), "t".into())], "ann").unwrap();
        settings.set("STATEMENT_TIMEOUT", Some("90s"), false).unwrap();
        assert_eq!(settings.show("statement_timeout").unwrap(), "90s");
        assert_eq!(settings.limits().statement, Some(Duration::from_secs(90)));
        settings.set("statement_timeout", None, false).unwrap();
        assert_eq!(settings.limits().statement, None);
        settings.set("jit", Some("TRUE"), false).unwrap();
        assert_eq!(settings.show("jit").unwrap(), "on");
        assert_eq!(settings.search_path("ann"), ["ann", "public"]);
        assert_eq!(settings.show("nope").unwrap_err().state(), SqlState::UNDEFINED_OBJECT);
        assert_eq!(settings.set("server_version", Some("1"), false).unwrap_err().state().as_str(), "55P02");
        assert!(settings.set("synchronous_commit", Some("off"), false).is_err(), "durability is not for sale");
    }

    #[test]
    fn a_rollback_gives_back_what_was_set() {
        let mut settings = Settings::default();
        settings.set("jit", Some("on"), false).unwrap();
        settings.end_transaction(true);
        settings.set("jit", Some("off"), false).unwrap();
        settings.set("application_name", Some("x"), true).unwrap();
        settings.end_transaction(false);
        assert_eq!(settings.show("jit").unwrap(), "on");
        assert_eq!(settings.show("application_name").unwrap(), "");
    }
}
