//! Messages that several parts of binding share.

use super::Binder;
use crate::{
    base::{sqlstate::SqlState, types::DataType},
    error::Error,
    sql::expr::function::type_name,
};
use sqlparser::tokenizer::Span;

impl Binder<'_> {
    /// A place where only one type will do.
    pub(super) fn wrong_type(&self, place: &str, wanted: &str, found: DataType, span: Span) -> Error {
        let message = format!("argument of {place} must be type {wanted}, not type {}", type_name(found));
        self.error(SqlState::DATATYPE_MISMATCH, message, span)
    }

    /// No cast between two types.
    pub(super) fn no_cast(&self, from: DataType, to: DataType, span: Span) -> Error {
        let message = format!("cannot cast type {} to {}", type_name(from), type_name(to));
        self.error(SqlState::CANNOT_COERCE, message, span)
    }

    /// A feature that is known and not there, at its place.
    pub(super) fn unsupported(&self, what: &str, span: Span) -> Error {
        self.at(Error::unsupported(what), span)
    }

    /// Types that have no common one, as in CASE or UNION.
    pub(super) fn no_common_type(&self, place: &str, first: DataType, second: DataType, span: Span) -> Error {
        let message = format!("{place} types {} and {} cannot be matched", type_name(first), type_name(second));
        self.error(SqlState::DATATYPE_MISMATCH, message, span)
    }
}
