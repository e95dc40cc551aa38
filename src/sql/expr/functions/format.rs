//! `format()`: PostgreSQL's printf.

use super::{Call, RESULT_BYTES_MAX, quote, text, too_long};
use crate::{
    base::{sqlstate::SqlState, value::Value},
    error::{Error, Result},
    sql::expr::convert::to_text,
};
use std::{iter::Peekable, str::Chars};

/// `%[position$][-][width]type`.
struct Directive {
    position: Option<usize>,
    left: bool,
    width: Option<Width>,
    kind: char,
}

enum Width {
    Fixed(i64),
    /// `*` or `*n$`: from an argument.
    Argument(Option<usize>),
}

pub(super) fn format(call: &Call<'_>, arguments: &[Value]) -> Result<Value> {
    if arguments[0].is_null() {
        return Ok(Value::Null);
    }
    let mut out = String::new();
    let mut next = 1;
    let mut characters = text(arguments, 0)?.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '%' {
            out.push(character);
        } else if characters.next_if_eq(&'%').is_some() {
            out.push('%');
        } else {
            directive(call, arguments, &parse(&mut characters)?, &mut next, &mut out)?;
        }
        if out.len() > RESULT_BYTES_MAX {
            return Err(too_long());
        }
    }
    Ok(Value::text(out))
}

fn invalid(message: &str) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

fn number(characters: &mut Peekable<Chars<'_>>) -> Result<Option<i64>> {
    let mut value: Option<i64> = None;
    while let Some(digit) = characters.peek().and_then(|character| character.to_digit(10)) {
        characters.next();
        let larger = value.unwrap_or(0) * 10 + i64::from(digit);
        if larger > i64::from(i32::MAX) {
            return Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "number is out of range"));
        }
        value = Some(larger);
    }
    Ok(value)
}

fn parse(characters: &mut Peekable<Chars<'_>>) -> Result<Directive> {
    let mut directive = Directive { position: None, left: false, width: None, kind: ' ' };
    let mut leading = number(characters)?;
    if let Some(position) = leading
        && characters.next_if_eq(&'$').is_some()
    {
        if position == 0 {
            return Err(invalid("format specifies argument 0, but arguments are numbered from 1"));
        }
        directive.position = Some(position as usize);
        leading = None;
    }
    while leading.is_none() && characters.next_if_eq(&'-').is_some() {
        directive.left = true;
    }
    if characters.next_if_eq(&'*').is_some() {
        let position = number(characters)?;
        if position.is_some() && characters.next_if_eq(&'$').is_none() {
            return Err(invalid("width argument position must be ended by \"$\""));
        }
        directive.width = Some(Width::Argument(position.map(|position| position as usize)));
    } else if let Some(width) = leading.map_or_else(|| number(characters), |width| Ok(Some(width)))? {
        directive.width = Some(Width::Fixed(width));
    }
    directive.kind = characters
        .next()
        .ok_or_else(|| invalid("unterminated format() type specifier").with_hint("For a single \"%\" use \"%%\"."))?;
    Ok(directive)
}

fn directive(
    call: &Call<'_>,
    arguments: &[Value],
    directive: &Directive,
    next: &mut usize,
    out: &mut String,
) -> Result<()> {
    if !matches!(directive.kind, 's' | 'I' | 'L') {
        let message = format!("unrecognized format() type specifier \"{}\"", directive.kind);
        return Err(invalid(&message).with_hint("For a single \"%\" use \"%%\"."));
    }
    let mut take = |position: Option<usize>| -> Result<usize> {
        let position = position.unwrap_or(*next);
        if position >= arguments.len() {
            return Err(invalid("too few arguments for format()"));
        }
        *next = position + 1;
        Ok(position)
    };
    let mut left = directive.left;
    let width = match directive.width {
        None => 0,
        Some(Width::Fixed(width)) => width,
        Some(Width::Argument(position)) => arguments[take(position)?].as_integer().unwrap_or(0),
    };
    left |= width < 0;
    let at = take(directive.position)?;
    let value = &arguments[at];
    let written = || to_text(value, call.types[at], call.context);
    let shown = match (directive.kind, value.is_null()) {
        ('I', true) => {
            return Err(Error::new(
                SqlState::NULL_VALUE_NOT_ALLOWED,
                "null values cannot be formatted as an SQL identifier",
            ));
        }
        ('L', true) => "NULL".to_owned(),
        (_, true) => String::new(),
        ('I', false) => quote::identifier(&written()),
        ('L', false) => quote::literal(&written()),
        (_, false) => written(),
    };
    let missing = (width.unsigned_abs() as usize).saturating_sub(shown.chars().count());
    if missing > RESULT_BYTES_MAX {
        return Err(too_long());
    }
    let padding = " ".repeat(missing);
    out.push_str(&if left { shown + &padding } else { padding + &shown });
    Ok(())
}
