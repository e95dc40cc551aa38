//! For tests: a small language of typed calls, a subset of SQL, that becomes bound expressions.
//!
//! `name(arguments)`, `left operator right`, `operator operand`, `type 'literal'`, `'literal'::type`, `NULL::type`,
//! parentheses. Every operand's type is written down, so nothing needs a binder but the tables of this module.

use super::{Expr, convert, function, operator};
use crate::{
    base::{
        text,
        types::{DataType, TypeKind},
        value::Value,
    },
    error::{Error, Result},
};

/// An expression from its text. Literals are read at once, so a malformed one is an error here.
pub(crate) fn parse(text: &str) -> Result<Expr> {
    let mut parser = Parser { rest: text };
    let expr = parser.expression()?;
    match parser.rest.trim() {
        "" => Ok(expr),
        rest => panic!("cannot read {rest:?} of {text:?}"),
    }
}

/// What a client would see: the text form, `NULL`, or `ERROR` with its code.
pub(crate) fn shown(result: Result<Value>, data_type: DataType) -> String {
    match result {
        Ok(Value::Null) => "NULL".to_owned(),
        Ok(value) => convert::to_text(&value, data_type, &super::Context::default()),
        Err(error) => failure(&error),
    }
}

/// An error as the golden files have it.
pub(crate) fn failure(error: &Error) -> String {
    format!("ERROR {}: {}", error.state(), error.message())
}

/// The same expression over columns: each literal becomes a column of a batch. Returns the literals in order.
pub(crate) fn literals_to_columns(expr: &mut Expr, literals: &mut Vec<(Value, DataType)>) {
    if let Expr::Literal { value, data_type } = expr {
        literals.push((value.clone(), *data_type));
        *expr = Expr::Column { position: literals.len() - 1, data_type: *data_type };
        return;
    }
    for child in expr.children_mut() {
        literals_to_columns(child, literals);
    }
}

struct Parser<'a> {
    rest: &'a str,
}

const OPERATOR_CHARACTERS: &str = "+-*/%^|@&#~<>=!";

impl<'a> Parser<'a> {
    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, token: &str) -> bool {
        self.skip();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn operator(&mut self) -> Option<&'a str> {
        self.skip();
        let end = self.rest.find(|c| !OPERATOR_CHARACTERS.contains(c)).unwrap_or(self.rest.len());
        let (symbol, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!symbol.is_empty()).then_some(symbol)
    }

    fn expression(&mut self) -> Result<Expr> {
        if let Some(symbol) = self.operator() {
            let operand = self.operand()?;
            return apply(symbol, vec![operand]);
        }
        let left = self.operand()?;
        let Some(symbol) = self.operator() else { return Ok(left) };
        let right = self.operand()?;
        apply(symbol, vec![left, right])
    }

    fn operand(&mut self) -> Result<Expr> {
        let mut expr = self.primary()?;
        while self.take("::") {
            let to = self.type_name();
            expr = cast(expr, to, true);
            if let Expr::Cast { operand, .. } = &expr
                && let Expr::Literal { value, data_type } = operand.as_ref()
                && data_type.kind == TypeKind::Unknown
            {
                let value = convert::convert(value, *data_type, to, true, &super::Context::default())?;
                expr = Expr::Literal { value, data_type: to };
            }
        }
        Ok(expr)
    }

    fn primary(&mut self) -> Result<Expr> {
        if self.take("(") {
            let inner = self.expression()?;
            assert!(self.take(")"));
            return Ok(inner);
        }
        self.skip();
        if self.rest.starts_with('\'') {
            let value = Value::text(self.string());
            return Ok(Expr::Literal { value, data_type: DataType::of(TypeKind::Unknown) });
        }
        let name = self.name();
        if name == "null" {
            return Ok(Expr::Literal { value: Value::Null, data_type: DataType::of(TypeKind::Unknown) });
        }
        if self.take("(") {
            return self.call(&name);
        }
        let data_type = DataType::from_name(&name).unwrap_or_else(|| panic!("type {name}"));
        self.skip();
        let value = text::parse(&self.string(), data_type)?;
        Ok(Expr::Literal { value, data_type })
    }

    fn call(&mut self, name: &str) -> Result<Expr> {
        let mut arguments = Vec::new();
        while !self.take(")") {
            arguments.push(self.expression()?);
            self.take(",");
        }
        let types: Vec<DataType> = arguments.iter().map(Expr::data_type).collect();
        let resolved = function::resolve(name, &types)?;
        Ok(Expr::Call {
            function: resolved.function,
            arguments: arguments.into_iter().zip(&resolved.arguments).map(|(a, &to)| cast(a, to, false)).collect(),
            data_type: resolved.result,
        })
    }

    fn name(&mut self) -> String {
        self.skip();
        let quoted = self.take("\"");
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        if quoted {
            assert!(self.take("\""));
        }
        name.to_ascii_lowercase()
    }

    fn type_name(&mut self) -> DataType {
        let quoted = self.rest.starts_with('"');
        let name = self.name();
        let mut data_type = match quoted {
            true => DataType::of(TypeKind::Char),
            false => DataType::from_name(&name).unwrap_or_else(|| panic!("type {name}")),
        };
        if self.rest.starts_with('(') {
            let end = self.rest.find(')').expect("closing parenthesis");
            let numbers: Vec<i32> = self.rest[1..end].split(',').map(|n| n.trim().parse().unwrap()).collect();
            self.rest = &self.rest[end + 1..];
            data_type = match (data_type.kind, numbers.as_slice()) {
                (TypeKind::Numeric, [precision, scale]) => DataType::numeric(*precision, *scale),
                (TypeKind::Varchar | TypeKind::Bpchar, [length]) => DataType::with_length(data_type.kind, *length),
                (_, [digits, ..]) => data_type.with_modifier(*digits),
                _ => data_type,
            };
        }
        if self.rest.starts_with("[]") {
            self.rest = &self.rest[2..];
            data_type.array = true;
        }
        data_type
    }

    fn string(&mut self) -> String {
        assert!(self.rest.starts_with('\''), "a string at {:?}", self.rest);
        let mut text = String::new();
        let mut characters = self.rest[1..].char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            if character != '\'' {
                text.push(character);
            } else if characters.next_if(|(_, next)| *next == '\'').is_some() {
                text.push('\'');
            } else {
                self.rest = &self.rest[at + 2..];
                return text;
            }
        }
        panic!("unterminated string")
    }
}

fn cast(expr: Expr, to: DataType, explicit: bool) -> Expr {
    if expr.data_type() == to {
        return expr;
    }
    Expr::Cast { operand: Box::new(expr), to, explicit }
}

fn apply(symbol: &str, arguments: Vec<Expr>) -> Result<Expr> {
    let types: Vec<DataType> = arguments.iter().map(Expr::data_type).collect();
    if let (Some(comparison), [left, right]) = (operator::comparison_of(symbol), types.as_slice()) {
        let common = operator::comparison(symbol, *left, *right)?;
        let mut sides = arguments.into_iter().map(|side| Box::new(cast(side, common, false)));
        let (Some(left), Some(right)) = (sides.next(), sides.next()) else { unreachable!() };
        return Ok(Expr::Compare { operator: comparison, left, right });
    }
    let resolved = operator::resolve(symbol, &types)?;
    Ok(Expr::Call {
        function: resolved.function,
        arguments: arguments.into_iter().zip(&resolved.arguments).map(|(a, &to)| cast(a, to, false)).collect(),
        data_type: resolved.result,
    })
}
