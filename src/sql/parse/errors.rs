//! Syntax errors in PostgreSQL's words.

use super::source::Source;
use crate::{
    base::sqlstate::SqlState,
    error::{Error, Result},
};
use sqlparser::{
    parser::{Parser, ParserError},
    tokenizer::{Location, Token, TokenWithSpan, TokenizerError},
};

/// `syntax error at or near "token"`, or at the end of input.
pub fn at_token(source: &Source, token: &TokenWithSpan) -> Error {
    match token.token {
        Token::EOF => at_end(source),
        _ => at_location(source, token.span.start, Some(token.span.end)),
    }
}

/// `syntax error at or near` the token that the parser would read next.
pub fn here<T>(source: &Source, parser: &Parser<'_>) -> Result<T> {
    Err(at_token(source, &parser.peek_token()))
}

/// Rewords an error of the grammar.
pub fn syntax(source: &Source, parser: &Parser<'_>, error: ParserError) -> Error {
    match error {
        ParserError::RecursionLimitExceeded => {
            Error::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded")
                .with_hint("Rewrite the statement with less nesting.")
        }
        ParserError::TokenizerError(message) => Error::new(SqlState::SYNTAX_ERROR, message),
        ParserError::ParserError(message) => match location_in(&message) {
            Some(location) => at_location(source, location, None),
            None if message.contains("found: EOF") => at_end(source),
            None => at_token(source, &parser.peek_token()),
        },
    }
}

/// Rewords an error of the tokenizer.
pub fn tokenizer(source: &Source, error: &TokenizerError) -> Error {
    let offset = source.offset(error.location);
    let rest: String = source.text().get(offset..).unwrap_or_default().chars().take(40).collect();
    let message = error.message.to_ascii_lowercase();
    let what = if message.contains("comment") {
        "unterminated /* comment"
    } else if message.contains("dollar") {
        "unterminated dollar-quoted string"
    } else if message.contains("close delimiter") {
        "unterminated quoted identifier"
    } else if message.contains("unterminated") {
        "unterminated quoted string"
    } else {
        "syntax error"
    };
    let text =
        if rest.is_empty() { format!("{what} at end of input") } else { format!("{what} at or near \"{rest}\"") };
    Error::new(SqlState::SYNTAX_ERROR, text).with_position(source.position_of_offset(offset))
}

fn at_end(source: &Source) -> Error {
    Error::new(SqlState::SYNTAX_ERROR, "syntax error at end of input").with_position(source.end_position())
}

fn at_location(source: &Source, start: Location, end: Option<Location>) -> Error {
    let from = source.offset(start);
    let text = source.text();
    let near = match end.map(|end| source.offset(end)) {
        Some(to) if to > from => text.get(from..to).unwrap_or_default(),
        _ => token_at(text, from),
    };
    if near.is_empty() {
        return at_end(source);
    }
    Error::new(SqlState::SYNTAX_ERROR, format!("syntax error at or near \"{}\"", shorten(near)))
        .with_position(source.position_of_offset(from))
}

fn shorten(near: &str) -> String {
    near.chars().take(200).collect()
}

/// The token that starts at an offset, as far as a message needs it.
fn token_at(text: &str, from: usize) -> &str {
    let rest = text.get(from..).unwrap_or_default();
    let Some(first) = rest.chars().next() else { return "" };
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let end = if is_word(first) {
        rest.find(|c: char| !is_word(c))
    } else if first == '\'' || first == '"' {
        rest.char_indices().skip(1).find(|&(_, c)| c == first).map(|(index, c)| index + c.len_utf8())
    } else {
        Some(first.len_utf8())
    };
    &rest[..end.unwrap_or(rest.len())]
}

/// `… at Line: 3, Column: 14` at the end of a message.
fn location_in(message: &str) -> Option<Location> {
    let (_, tail) = message.rsplit_once(" at Line: ")?;
    let (line, column) = tail.split_once(", Column: ")?;
    Some(Location::new(line.trim().parse().ok()?, column.trim().parse().ok()?))
}
