//! Expressions with a syntax of their own that mean calls: EXTRACT, SUBSTRING, TRIM and the like.

use super::{Binder, scope::Scope};
use crate::{
    base::{
        sqlstate::SqlState,
        types::{DataType, TypeKind},
        value::Value,
    },
    error::Result,
    sql::expr::Expr,
};
use sqlparser::{
    ast::{self, Spanned},
    tokenizer::Span,
};

impl Binder<'_> {
    /// The forms that [`Binder::expression`] leaves.
    pub(super) fn special(&mut self, tree: &ast::Expr, scope: Scope<'_>) -> Result<Expr> {
        use ast::Expr as E;
        let span = tree.span();
        match tree {
            E::Like { negated, any: false, expr, pattern, escape_char } => {
                let symbol = if *negated { "!~~" } else { "~~" };
                self.like(symbol, expr, pattern, escape_char.as_deref(), scope)
            }
            E::ILike { negated, any: false, expr, pattern, escape_char } => {
                let symbol = if *negated { "!~~*" } else { "~~*" };
                self.like(symbol, expr, pattern, escape_char.as_deref(), scope)
            }
            E::SimilarTo { negated, expr, pattern, escape_char } => {
                self.similar(*negated, expr, pattern, escape_char.as_deref(), scope)
            }
            E::Extract { field, expr, .. } => self.extract(&field.to_string(), expr, scope, span),
            E::Ceil { expr, field: ast::CeilFloorKind::DateTimeField(ast::DateTimeField::NoDateTime) } => {
                self.call("ceil", &[expr], scope, span)
            }
            E::Floor { expr, field: ast::CeilFloorKind::DateTimeField(ast::DateTimeField::NoDateTime) } => {
                self.call("floor", &[expr], scope, span)
            }
            E::Position { expr, r#in } => self.call("position", &[r#in, expr], scope, span),
            E::Substring { expr, substring_from, substring_for, .. } => {
                self.substring(expr, substring_from.as_deref(), substring_for.as_deref(), scope, span)
            }
            E::Trim { trim_where, trim_what, expr, trim_characters } => {
                let name = match trim_where {
                    None | Some(ast::TrimWhereField::Both) => "btrim",
                    Some(ast::TrimWhereField::Leading) => "ltrim",
                    Some(ast::TrimWhereField::Trailing) => "rtrim",
                };
                let what = trim_what.as_deref().into_iter().chain(trim_characters.iter().flatten());
                let arguments: Vec<&ast::Expr> = std::iter::once(&**expr).chain(what).collect();
                self.call(name, &arguments, scope, span)
            }
            E::Overlay { expr, overlay_what, overlay_from, overlay_for } => {
                let mut arguments: Vec<&ast::Expr> = vec![expr, overlay_what, overlay_from];
                arguments.extend(overlay_for.as_deref());
                self.call("overlay", &arguments, scope, span)
            }
            E::AtTimeZone { timestamp, time_zone } => self.call("timezone", &[time_zone, timestamp], scope, span),
            E::CompoundFieldAccess { root, access_chain } => self.access(root, access_chain, scope),
            E::Wildcard(_) | E::QualifiedWildcard(..) => {
                Err(self.error(SqlState::SYNTAX_ERROR, "syntax error at or near \"*\"", span))
            }
            E::Prefixed { .. } | E::Convert { .. } | E::RLike { .. } | E::MatchAgainst { .. } => {
                Err(self.error(SqlState::SYNTAX_ERROR, "this expression is not in PostgreSQL's language", span))
            }
            E::GroupingSets(_) | E::Cube(_) | E::Rollup(_) => Err(self.unsupported("GROUPING SETS", span)),
            _ => Err(self.unsupported("this kind of expression", span)),
        }
    }

    fn extract(&mut self, field: &str, operand: &ast::Expr, scope: Scope<'_>, span: Span) -> Result<Expr> {
        let name = field.trim_matches('\'').to_lowercase();
        let field = Expr::Literal { value: Value::Text(name.into()), data_type: DataType::of(TypeKind::Text) };
        let bound = self.expression(operand, scope)?;
        self.call_bound("extract", vec![(field, operand), (bound, operand)], span)
    }

    fn substring(
        &mut self,
        operand: &ast::Expr,
        from: Option<&ast::Expr>,
        count: Option<&ast::Expr>,
        scope: Scope<'_>,
        span: Span,
    ) -> Result<Expr> {
        let bound = self.expression(operand, scope)?;
        let mut arguments = vec![(bound, operand)];
        match from {
            Some(from) => arguments.push((self.expression(from, scope)?, from)),
            None => {
                let one = Expr::Literal { value: Value::Int4(1), data_type: DataType::of(TypeKind::Int4) };
                arguments.push((one, operand));
            }
        }
        if let Some(count) = count {
            arguments.push((self.expression(count, scope)?, count));
        }
        self.call_bound("substring", arguments, span)
    }

    /// SIMILAR TO is a regular expression match with a converted pattern.
    fn similar(
        &mut self,
        negated: bool,
        operand: &ast::Expr,
        pattern: &ast::Expr,
        escape: Option<&ast::Expr>,
        scope: Scope<'_>,
    ) -> Result<Expr> {
        let mut arguments = vec![pattern];
        arguments.extend(escape);
        let converted = self.call("similar_to_escape", &arguments, scope, pattern.span())?;
        let bound = self.expression(operand, scope)?;
        let symbol = if negated { "!~" } else { "~" };
        self.operator(symbol, vec![(bound, operand), (converted, pattern)], operand)
    }
}
