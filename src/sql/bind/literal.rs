//! Literals, parameters and INTERVAL.

use super::Binder;
use crate::{
    base::{
        sqlstate::SqlState,
        text,
        types::{DataType, TypeKind},
        value::Value,
    },
    error::Result,
    sql::{expr::Expr, plan::expressions::BOOL},
};
use sqlparser::{ast, tokenizer::Span};

const UNKNOWN: DataType = DataType::of(TypeKind::Unknown);

impl Binder<'_> {
    pub(super) fn literal(&mut self, tree: &ast::ValueWithSpan) -> Result<Expr> {
        use ast::Value as V;
        let span = tree.span;
        let text = match &tree.value {
            V::Number(digits, _) => return self.number(digits, false, span),
            V::Boolean(value) => return Ok(Expr::Literal { value: Value::Bool(*value), data_type: BOOL }),
            V::Null => return Ok(Expr::Literal { value: Value::Null, data_type: UNKNOWN }),
            V::Placeholder(name) => return self.parameter(name, span),
            V::SingleQuotedString(text)
            | V::EscapedStringLiteral(text)
            | V::UnicodeStringLiteral(text)
            | V::NationalStringLiteral(text) => text,
            V::DollarQuotedString(quoted) => &quoted.value,
            other => return Err(self.unsupported(&format!("the literal {other}"), span)),
        };
        if text.contains('\0') {
            let message = "invalid byte sequence for encoding \"UTF8\": 0x00";
            return Err(self.error(SqlState::CHARACTER_NOT_IN_REPERTOIRE, message, span));
        }
        Ok(Expr::Literal { value: Value::Text(text.as_str().into()), data_type: UNKNOWN })
    }

    /// An integer if it fits, else numeric. The sign belongs to the literal, so that -2147483648 is an integer.
    pub(super) fn number(&mut self, digits: &str, negative: bool, span: Span) -> Result<Expr> {
        let written = if negative { format!("-{digits}") } else { digits.to_owned() };
        if let Ok(value) = written.parse::<i32>() {
            return Ok(Expr::Literal { value: Value::Int4(value), data_type: DataType::of(TypeKind::Int4) });
        }
        if let Ok(value) = written.parse::<i64>() {
            return Ok(Expr::Literal { value: Value::Int8(value), data_type: DataType::of(TypeKind::Int8) });
        }
        let data_type = DataType::of(TypeKind::Numeric);
        let value = text::parse(&written, data_type).map_err(|error| self.at(error, span))?;
        Ok(Expr::Literal { value, data_type })
    }

    /// INTERVAL '1' DAY, INTERVAL '1 day'.
    pub(super) fn interval(&mut self, interval: &ast::Interval, span: Span) -> Result<Expr> {
        let data_type = DataType::of(TypeKind::Interval);
        let ast::Expr::Value(ast::ValueWithSpan { value, span: value_span }) = &*interval.value else {
            return Err(self.error(SqlState::SYNTAX_ERROR, "INTERVAL takes a string literal", span));
        };
        let (ast::Value::SingleQuotedString(written) | ast::Value::EscapedStringLiteral(written)) = value else {
            return Err(self.error(SqlState::SYNTAX_ERROR, "INTERVAL takes a string literal", span));
        };
        // A number alone counts in the unit that follows, the last one of a range.
        let unit = interval.last_field.as_ref().or(interval.leading_field.as_ref());
        let text = match unit {
            Some(unit) if written.trim().parse::<f64>().is_ok() => format!("{written} {unit}"),
            _ => written.clone(),
        };
        let value = text::parse(&text, data_type).map_err(|error| self.at(error, *value_span))?;
        Ok(Expr::Literal { value, data_type })
    }
}
