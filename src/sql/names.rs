//! Identifiers as PostgreSQL reads them: unquoted ones are lower-cased, long ones cut.

use crate::base::limits::IDENTIFIER_BYTES_MAX;
use sqlparser::ast::Ident;

/// The name that an identifier means.
pub fn fold(identifier: &Ident) -> String {
    let name = match identifier.quote_style {
        Some(_) => identifier.value.clone(),
        None => identifier.value.to_lowercase(),
    };
    cut(name)
}

/// Cuts a name to the length that identifiers may have.
pub fn cut(mut name: String) -> String {
    if name.len() > IDENTIFIER_BYTES_MAX {
        let mut end = IDENTIFIER_BYTES_MAX;
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        name.truncate(end);
    }
    name
}

/// The identifier as it must be written in SQL: quoted only where needed.
pub fn quote(name: &str) -> String {
    let mut characters = name.chars();
    let plain_start = characters.next().is_some_and(|c| c.is_ascii_lowercase() || c == '_');
    let plain = plain_start && characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '$');
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// An identifier inside a string: lower-cased unless quoted.
pub fn unquoted(part: &str) -> String {
    let part = part.trim();
    match part.strip_prefix('"').and_then(|part| part.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => part.to_lowercase(),
    }
}
