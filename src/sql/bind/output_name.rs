//! The name that PostgreSQL gives a column of output that has no alias.

use crate::sql::names;
use sqlparser::ast::{self, SetExpr};

/// What a column without a better name is called.
pub(super) const ANONYMOUS: &str = "?column?";

/// The name of an output column.
pub(super) fn of(tree: &ast::Expr) -> String {
    find(tree).map_or_else(|| ANONYMOUS.to_owned(), |(name, _)| name)
}

/// A name and whether it is a strong one: a column's or function's, rather than a type's or CASE's.
fn find(tree: &ast::Expr) -> Option<(String, bool)> {
    use ast::Expr as E;
    let strong = |name: &str| Some((name.to_owned(), true));
    let weak = |name: &str| Some((name.to_owned(), false));
    match tree {
        E::Nested(inner) => find(inner),
        E::Identifier(name) => Some((names::fold(name), true)),
        E::CompoundIdentifier(parts) => parts.last().map(|name| (names::fold(name), true)),
        E::CompoundFieldAccess { root, .. } => find(root),
        E::Collate { expr, .. } => find(expr),
        E::Function(call) => {
            let name = call.name.0.last()?.as_ident()?;
            Some((names::fold(name), true))
        }
        E::Cast { expr, data_type, .. } => match find(expr) {
            Some((name, true)) => Some((name, true)),
            _ => Some((type_name(data_type), false)),
        },
        E::TypedString(typed) => Some((type_name(&typed.data_type), false)),
        E::Interval(_) => weak("interval"),
        E::Value(ast::ValueWithSpan { value: ast::Value::Boolean(_), .. }) => weak("bool"),
        E::Case { else_result, .. } => match else_result.as_deref().and_then(find) {
            Some((name, true)) => Some((name, true)),
            _ => weak("case"),
        },
        E::Array(_) => strong("array"),
        E::Tuple(_) => strong("row"),
        E::Exists { negated: false, .. } => strong("exists"),
        E::Subquery(query) => of_query(query),
        E::Extract { .. } => strong("extract"),
        E::Position { .. } => strong("position"),
        E::Substring { .. } => strong("substring"),
        E::Overlay { .. } => strong("overlay"),
        E::Ceil { .. } => strong("ceil"),
        E::Floor { .. } => strong("floor"),
        E::AtTimeZone { .. } => strong("timezone"),
        E::Trim { trim_where, .. } => strong(match trim_where {
            None | Some(ast::TrimWhereField::Both) => "btrim",
            Some(ast::TrimWhereField::Leading) => "ltrim",
            Some(ast::TrimWhereField::Trailing) => "rtrim",
        }),
        _ => None,
    }
}

fn of_query(query: &ast::Query) -> Option<(String, bool)> {
    let SetExpr::Select(select) = &*query.body else { return None };
    match select.projection.first()? {
        ast::SelectItem::UnnamedExpr(tree) => find(tree),
        ast::SelectItem::ExprWithAlias { alias, .. } => Some((names::fold(alias), true)),
        _ => None,
    }
}

fn type_name(tree: &ast::DataType) -> String {
    match super::types::data_type(tree) {
        Ok(data_type) => data_type.element().catalog_name(),
        Err(_) => ANONYMOUS.to_owned(),
    }
}
