//! Conversions: giving an expression the type that its place wants.

use super::Binder;
use crate::{
    base::{
        sqlstate::SqlState,
        text,
        types::{DataType, TypeKind},
        value::Value,
    },
    error::Result,
    sql::{
        expr::{
            Expr,
            cast::{CastContext, cast_context, is_relabel},
            function::type_name,
            resolve::{common_type, is_unknown},
        },
        plan::expressions::data_type,
    },
};
use sqlparser::tokenizer::Span;

const TEXT: DataType = DataType::of(TypeKind::Text);

impl Binder<'_> {
    /// Converts to a type that a cast is known to lead to.
    pub(super) fn convert(&mut self, expr: Expr, to: DataType, explicit: bool, span: Span) -> Result<Expr> {
        let from = data_type(&expr);
        if from == to {
            return Ok(expr);
        }
        match expr {
            Expr::Literal { value: Value::Null, .. } => Ok(Expr::Literal { value: Value::Null, data_type: to }),
            Expr::Literal { value: Value::Text(written), .. } if is_unknown(from) => {
                self.literal_of(&written, to, explicit, span)
            }
            Expr::Parameter { number, .. } if is_unknown(from) => {
                let decided = self.decide_parameter(number, to, span)?;
                self.convert(decided, to, explicit, span)
            }
            Expr::Row(_) => Err(self.no_cast(from, to, span)),
            Expr::Array { elements, data_type } if data_type.array && is_unknown(data_type.element()) && to.array => {
                self.array_of(elements, to, explicit, span)
            }
            expr if same_type(from, to) && to.modifier == -1 => Ok(expr),
            expr if is_relabel(from, to) && !explicit && to.modifier == -1 && is_column(&expr) => Ok(expr),
            expr => Ok(Expr::Cast { operand: Box::new(expr), to, explicit }),
        }
    }

    fn array_of(&mut self, elements: Vec<Expr>, to: DataType, explicit: bool, span: Span) -> Result<Expr> {
        let element = to.element();
        let elements: Result<Vec<Expr>> =
            elements.into_iter().map(|expr| self.convert(expr, element, explicit, span)).collect();
        Ok(Expr::Array { elements: elements?, data_type: to })
    }

    /// Decides the type of a parameter, or finds that it was decided.
    fn decide_parameter(&mut self, number: usize, to: DataType, span: Span) -> Result<Expr> {
        let wanted = DataType { modifier: -1, ..to };
        let decided = match self.parameters.get(number).copied().flatten().filter(|&known| !is_unknown(known)) {
            Some(known) if cast_context(known, wanted).is_some_and(|context| context <= CastContext::Assignment) => {
                known
            }
            Some(known) => {
                let message = format!("inconsistent types deduced for parameter ${}", number + 1);
                let detail = format!("{} versus {}", type_name(known), type_name(wanted));
                return Err(self.error(SqlState::AMBIGUOUS_PARAMETER, message, span).with_detail(detail));
            }
            None => wanted,
        };
        if let Some(place) = self.parameters.get_mut(number) {
            *place = Some(decided);
        }
        Ok(Expr::Parameter { number, data_type: decided })
    }

    /// A literal of a type from what was written between the quotes.
    fn literal_of(&mut self, written: &str, to: DataType, explicit: bool, span: Span) -> Result<Expr> {
        let bare = DataType { modifier: -1, ..to };
        let literal = |value: Value, data_type: DataType| Expr::Literal { value, data_type };
        let expr = match (to.kind, to.array) {
            (TypeKind::Unknown, _) => return Ok(literal(Value::Text(written.into()), to)),
            (TypeKind::Regclass | TypeKind::Regtype | TypeKind::Regnamespace | TypeKind::Regproc, false) => {
                literal(Value::Oid(self.object_named(written, to.kind, span)?), bare)
            }
            _ => {
                let value = text::parse(written, bare).map_err(|error| self.at(error, span))?;
                // What these mean depends on the session's time zone, which is known when the statement runs.
                if matches!(to.kind, TypeKind::Timestamptz | TypeKind::Timetz) && !to.array {
                    let operand = Box::new(literal(Value::Text(written.into()), TEXT));
                    Expr::Cast { operand, to: bare, explicit: true }
                } else {
                    literal(value, bare)
                }
            }
        };
        Ok(if to.modifier == -1 { expr } else { Expr::Cast { operand: Box::new(expr), to, explicit } })
    }

    /// Converts where an implicit cast is wanted and resolution has found that there is one.
    pub(super) fn implicit(&mut self, expr: Expr, to: DataType, span: Span) -> Result<Expr> {
        let from = data_type(&expr);
        if cast_context(from, to).is_none() {
            return Err(self.no_cast(from, to, span));
        }
        self.convert(expr, to, false, span)
    }

    /// CAST and `::`.
    pub(super) fn explicit(&mut self, expr: Expr, to: DataType, span: Span) -> Result<Expr> {
        let from = data_type(&expr);
        let empty_array = from.array && is_unknown(from.element()) && to.array;
        if cast_context(from, to).is_none() && !empty_array {
            return Err(self.no_cast(from, to, span));
        }
        self.convert(expr, to, true, span)
    }

    /// Converts a value to the type of the column that it is stored in.
    pub(super) fn assign(&mut self, expr: Expr, column: &str, to: DataType, span: Span) -> Result<Expr> {
        let from = data_type(&expr);
        match cast_context(from, to) {
            Some(CastContext::Implicit | CastContext::Assignment) => self.convert(expr, to, false, span),
            _ => {
                let message = format!(
                    "column \"{column}\" is of type {} but expression is of type {}",
                    type_name(to),
                    type_name(from)
                );
                Err(self
                    .error(SqlState::DATATYPE_MISMATCH, message, span)
                    .with_hint("You will need to rewrite or cast the expression."))
            }
        }
    }

    /// Converts a condition to boolean.
    pub(super) fn boolean(&mut self, expr: Expr, place: &str, span: Span) -> Result<Expr> {
        let from = data_type(&expr);
        if from.kind == TypeKind::Bool && !from.array {
            return Ok(expr);
        }
        if is_unknown(from) {
            return self.convert(expr, DataType::of(TypeKind::Bool), false, span);
        }
        Err(self.wrong_type(place, "boolean", from, span))
    }

    /// Gives a literal or parameter that nothing decided the type text.
    pub(super) fn settle(&mut self, expr: Expr, span: Span) -> Result<Expr> {
        let from = data_type(&expr);
        if is_unknown(from) {
            return self.convert(expr, TEXT, false, span);
        }
        if let Expr::Array { .. } = &expr
            && from.array
            && from.kind == TypeKind::Unknown
        {
            let message = "cannot determine type of empty array";
            return Err(self
                .error(SqlState::INDETERMINATE_DATATYPE, message, span)
                .with_hint("Explicitly cast to the desired type, for example ARRAY[]::integer[]."));
        }
        Ok(expr)
    }

    /// Converts all to their common type.
    pub(super) fn unify(&mut self, exprs: Vec<(Expr, Span)>, place: &str) -> Result<(Vec<Expr>, DataType)> {
        let types: Vec<DataType> = exprs.iter().map(|(expr, _)| data_type(expr)).collect();
        let Some(common) = common_type(&types) else {
            let first = types.iter().copied().find(|&data_type| !is_unknown(data_type)).unwrap_or(TEXT);
            let clash = types.iter().position(|&data_type| common_type(&[first, data_type]).is_none());
            let clash = clash.unwrap_or(types.len().saturating_sub(1));
            let span = exprs.get(clash).map_or(Span::empty(), |(_, span)| *span);
            let second = types.get(clash).copied().unwrap_or(TEXT);
            return Err(self.no_common_type(place, first, second, span));
        };
        let converted: Result<Vec<Expr>> =
            exprs.into_iter().map(|(expr, span)| self.implicit(expr, common, span)).collect();
        Ok((converted?, common))
    }

    /// A parameter by its name in the text, `$1`.
    pub(super) fn parameter(&mut self, name: &str, span: Span) -> Result<Expr> {
        let number = name.strip_prefix('$').and_then(|digits| digits.parse::<usize>().ok());
        let Some(number) = number.filter(|number| (1..=crate::base::limits::PARAMETERS_MAX).contains(number)) else {
            return Err(self.error(SqlState::UNDEFINED_PARAMETER, format!("there is no parameter {name}"), span));
        };
        if self.parameters.len() < number {
            self.parameters.resize(number, None);
        }
        let data_type = self.parameters[number - 1].unwrap_or(DataType::of(TypeKind::Unknown));
        Ok(Expr::Parameter { number: number - 1, data_type })
    }

    /// An expression that must be an integer, as LIMIT wants it.
    pub(super) fn count(&mut self, expr: Expr, place: &str, span: Span) -> Result<Expr> {
        let wanted = DataType::of(TypeKind::Int8);
        let from = data_type(&expr);
        match cast_context(from, wanted) {
            Some(CastContext::Implicit | CastContext::Assignment) => self.convert(expr, wanted, false, span),
            _ => Err(self.wrong_type(place, "bigint", from, span)),
        }
    }
}

fn same_type(from: DataType, to: DataType) -> bool {
    from.kind == to.kind && from.array == to.array
}

fn is_column(expr: &Expr) -> bool {
    matches!(expr, Expr::Column { .. } | Expr::Parameter { .. } | Expr::Literal { .. })
}
