//! Quoting for SQL text. Their signatures stand with the other string functions.

use super::{Call, boolean, text};
use crate::{
    base::{sqlstate::SqlState, value::Value},
    error::{Error, Result},
    sql::expr::{convert::to_text, function::Function as F},
};

/// Computes a function of this file.
pub(crate) fn call(call: &Call<'_>, arguments: &[Value]) -> Result<Option<Value>> {
    let value = match call.function {
        F::QuoteIdentifier => Value::text(identifier(text(arguments, 0)?)),
        F::QuoteLiteral => Value::text(literal(&to_text(&arguments[0], call.types[0], call.context))),
        F::QuoteNullable => match &arguments[0] {
            Value::Null => Value::text("NULL"),
            value => Value::text(literal(&to_text(value, call.types[0], call.context))),
        },
        F::ParseIdentifier => {
            let strict = if arguments.len() > 1 { boolean(arguments, 1)? } else { true };
            Value::array(parse_identifier(text(arguments, 0)?, strict)?.into_iter().map(Value::text).collect())
        }
        _ => return Ok(None),
    };
    Ok(Some(value))
}

/// Words that must be quoted to be identifiers (PostgreSQL's keywords that are not "unreserved"), sorted.
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "bigint",
    "binary",
    "bit",
    "boolean",
    "both",
    "case",
    "cast",
    "char",
    "character",
    "check",
    "coalesce",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "dec",
    "decimal",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exists",
    "extract",
    "false",
    "fetch",
    "float",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "greatest",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "inout",
    "int",
    "integer",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "least",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "national",
    "natural",
    "nchar",
    "none",
    "normalize",
    "not",
    "notnull",
    "null",
    "nullif",
    "numeric",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "out",
    "outer",
    "overlaps",
    "overlay",
    "placing",
    "position",
    "precision",
    "primary",
    "real",
    "references",
    "returning",
    "right",
    "row",
    "select",
    "session_user",
    "setof",
    "similar",
    "smallint",
    "some",
    "substring",
    "symmetric",
    "table",
    "tablesample",
    "then",
    "time",
    "timestamp",
    "to",
    "trailing",
    "treat",
    "trim",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "values",
    "varchar",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
];

/// A name as SQL text: quoted if it must be.
pub fn identifier(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    let safe = name.bytes().next().is_some_and(plain)
        && name.bytes().all(|byte| plain(byte) || byte.is_ascii_digit())
        && RESERVED.binary_search(&name).is_err();
    if safe { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// A string as SQL text.
pub fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    match text.contains('\\') {
        true => format!("E'{}'", quoted.replace('\\', "\\\\")),
        false => format!("'{quoted}'"),
    }
}

/// A qualified name taken apart; names without quotes become lower case.
fn parse_identifier(name: &str, strict: bool) -> Result<Vec<String>> {
    let invalid = |reason: &str| {
        let error =
            Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("string is not a valid identifier: \"{name}\""));
        if reason.is_empty() { error } else { error.with_detail(reason) }
    };
    let mut parts = Vec::new();
    let mut rest = name.trim_start();
    loop {
        let part;
        if let Some(quoted) = rest.strip_prefix('"') {
            let (inner, after) = quoted_part(quoted).ok_or_else(|| invalid("String has unclosed double quotes."))?;
            if inner.is_empty() {
                return Err(invalid("Quoted identifier must not be empty."));
            }
            (part, rest) = (inner, after);
        } else {
            let inside = |(at, c): (usize, char)| {
                c.is_ascii_alphabetic() || c == '_' || !c.is_ascii() || (at > 0 && (c.is_ascii_digit() || c == '$'))
            };
            let end = rest.char_indices().find(|&item| !inside(item)).map_or(rest.len(), |(at, _)| at);
            if end == 0 {
                return Err(invalid(match (parts.is_empty(), rest.starts_with('.')) {
                    (_, true) => "No valid identifier before \".\".",
                    (false, false) => "No valid identifier after \".\".",
                    (true, false) => "",
                }));
            }
            (part, rest) = (rest[..end].to_ascii_lowercase(), &rest[end..]);
        }
        parts.push(part);
        rest = rest.trim_start();
        match rest.strip_prefix('.') {
            Some(after) => rest = after.trim_start(),
            None if rest.is_empty() || !strict => return Ok(parts),
            None => return Err(invalid("")),
        }
    }
}

/// The text up to the closing quote, and what follows it.
fn quoted_part(text: &str) -> Option<(String, &str)> {
    let mut inner = String::new();
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        if character != '"' {
            inner.push(character);
        } else if characters.next_if(|(_, next)| *next == '"').is_some() {
            inner.push('"');
        } else {
            return Some((inner, &text[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_words_are_sorted() {
        assert!(RESERVED.is_sorted());
    }

    #[test]
    fn quoting() {
        assert_eq!(identifier("abc_1"), "abc_1");
        assert_eq!(identifier("Abc"), "\"Abc\"");
        assert_eq!(identifier("select"), "\"select\"");
        assert_eq!(identifier(""), "\"\"");
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\b"), "E'a\\\\b'");
        assert_eq!(parse_identifier("\"A b\".Cd", true).unwrap(), ["A b", "cd"]);
        assert!(parse_identifier("a.", true).is_err());
        assert!(parse_identifier("a b", true).is_err());
        assert_eq!(parse_identifier("a b", false).unwrap(), ["a"]);
    }
}
