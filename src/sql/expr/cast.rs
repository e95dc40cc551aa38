//! Which casts exist, and how freely each may be used.
//!
//! The table is PostgreSQL's `pg_cast` for the types that are here, plus the conversions through text form that
//! PostgreSQL allows between any type and the string types. Carrying a cast out is [`super::convert`]'s work.

use crate::base::types::{DataType, TypeKind};

/// The least explicit place where a cast may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CastContext {
    /// Anywhere in an expression.
    Implicit,
    /// In INSERT, UPDATE and DEFAULT.
    Assignment,
    /// Only as CAST or `::`.
    Explicit,
}

/// How freely `from` converts to `to`; `None` if there is no cast. Modifiers do not matter.
pub fn cast_context(from: DataType, to: DataType) -> Option<CastContext> {
    if from.kind == to.kind && from.array == to.array {
        return Some(CastContext::Implicit);
    }
    if !from.array && from.kind == TypeKind::Unknown {
        return Some(CastContext::Implicit);
    }
    match (from.array, to.array) {
        (false, false) => kind_context(from.kind, to.kind),
        (true, true) => kind_context(from.kind, to.kind),
        (true, false) => is_string(to.kind).then_some(CastContext::Assignment),
        (false, true) => is_string(from.kind).then_some(CastContext::Explicit),
    }
}

/// Whether a value of `from` may stand where `to` is wanted, without a word.
pub fn is_implicit(from: DataType, to: DataType) -> bool {
    cast_context(from, to) == Some(CastContext::Implicit)
}

/// Whether an INSERT or UPDATE may convert `from` to `to`.
pub fn is_assignable(from: DataType, to: DataType) -> bool {
    cast_context(from, to).is_some_and(|context| context <= CastContext::Assignment)
}

fn is_string(kind: TypeKind) -> bool {
    matches!(kind, TypeKind::Text | TypeKind::Varchar | TypeKind::Bpchar | TypeKind::Name | TypeKind::Char)
}

fn kind_context(from: TypeKind, to: TypeKind) -> Option<CastContext> {
    let listed = listed_context(from, to);
    if listed.is_some() {
        return listed;
    }
    if from == TypeKind::Void || to == TypeKind::Void || to == TypeKind::Record || to == TypeKind::Unknown {
        return None;
    }
    if is_string(to) {
        return Some(CastContext::Assignment);
    }
    if is_string(from) {
        return Some(CastContext::Explicit);
    }
    None
}

/// PostgreSQL's `pg_cast`.
fn listed_context(from: TypeKind, to: TypeKind) -> Option<CastContext> {
    use CastContext::{Assignment, Explicit, Implicit};
    use TypeKind as K;
    let context = match (from, to) {
        (K::Int2, K::Int4 | K::Int8 | K::Float4 | K::Float8 | K::Numeric) => Implicit,
        (K::Int4, K::Int8 | K::Float4 | K::Float8 | K::Numeric) => Implicit,
        (K::Int8, K::Float4 | K::Float8 | K::Numeric) => Implicit,
        (K::Int2 | K::Int4 | K::Int8, K::Oid | K::Regclass | K::Regtype | K::Regproc | K::Regnamespace) => Implicit,
        (K::Int4, K::Int2) | (K::Int8, K::Int2 | K::Int4) => Assignment,
        (K::Int4, K::Bool | K::Char) | (K::Bool, K::Int4) | (K::Char, K::Int4) => Explicit,
        (K::Numeric, K::Float4 | K::Float8) | (K::Float4, K::Float8) => Implicit,
        (K::Numeric | K::Float4 | K::Float8, K::Int2 | K::Int4 | K::Int8) => Assignment,
        (K::Float4 | K::Float8, K::Numeric) | (K::Float8, K::Float4) => Assignment,
        (K::Oid, K::Regclass | K::Regtype | K::Regproc | K::Regnamespace) => Implicit,
        (K::Regclass | K::Regtype | K::Regproc | K::Regnamespace, K::Oid) => Implicit,
        (K::Oid | K::Regclass | K::Regtype | K::Regproc | K::Regnamespace, K::Int4 | K::Int8) => Assignment,
        (K::Text | K::Varchar, K::Regclass) => Implicit,
        (K::Text, K::Varchar | K::Bpchar | K::Name) => Implicit,
        (K::Varchar, K::Text | K::Bpchar | K::Name) => Implicit,
        (K::Bpchar, K::Text | K::Varchar | K::Name) => Implicit,
        (K::Name | K::Char, K::Text) => Implicit,
        (K::Name | K::Char, K::Varchar | K::Bpchar) => Assignment,
        (K::Text | K::Varchar | K::Bpchar, K::Char) => Assignment,
        (K::Bool, K::Text | K::Varchar | K::Bpchar) => Assignment,
        (K::Date, K::Timestamp | K::Timestamptz) | (K::Timestamp, K::Timestamptz) => Implicit,
        (K::Timestamp, K::Date | K::Time) | (K::Timestamptz, K::Date | K::Time | K::Timestamp | K::Timetz) => {
            Assignment
        }
        (K::Time, K::Interval | K::Timetz) => Implicit,
        (K::Interval, K::Time) | (K::Timetz, K::Time) => Assignment,
        (K::Json, K::Jsonb) | (K::Jsonb, K::Json) => Assignment,
        (K::Jsonb, K::Bool | K::Int2 | K::Int4 | K::Int8 | K::Float4 | K::Float8 | K::Numeric) => Explicit,
        _ => return None,
    };
    Some(context)
}

/// PostgreSQL's `typcategory`.
pub fn category(data_type: DataType) -> char {
    if data_type.array {
        return 'A';
    }
    match data_type.kind {
        TypeKind::Bool => 'B',
        TypeKind::Int2 | TypeKind::Int4 | TypeKind::Int8 | TypeKind::Float4 | TypeKind::Float8 | TypeKind::Numeric => {
            'N'
        }
        TypeKind::Oid | TypeKind::Regclass | TypeKind::Regtype | TypeKind::Regproc | TypeKind::Regnamespace => 'N',
        TypeKind::Text | TypeKind::Varchar | TypeKind::Bpchar | TypeKind::Name => 'S',
        TypeKind::Char => 'Z',
        TypeKind::Date | TypeKind::Time | TypeKind::Timetz | TypeKind::Timestamp | TypeKind::Timestamptz => 'D',
        TypeKind::Interval => 'T',
        TypeKind::Bytea | TypeKind::Uuid | TypeKind::Json | TypeKind::Jsonb => 'U',
        TypeKind::Unknown => 'X',
        TypeKind::Void | TypeKind::Record => 'P',
    }
}

/// PostgreSQL's `typispreferred`.
pub fn is_preferred(data_type: DataType) -> bool {
    let preferred = matches!(
        data_type.kind,
        TypeKind::Bool | TypeKind::Float8 | TypeKind::Oid | TypeKind::Text | TypeKind::Timestamptz | TypeKind::Interval
    );
    preferred && !data_type.array
}

/// Whether values of the two types are the same bytes, so that a cast without a modifier changes nothing.
pub fn is_relabel(from: DataType, to: DataType) -> bool {
    if from.array != to.array {
        return false;
    }
    let plain = |kind| matches!(kind, TypeKind::Text | TypeKind::Varchar | TypeKind::Unknown);
    let object = |kind| {
        matches!(
            kind,
            TypeKind::Oid | TypeKind::Regclass | TypeKind::Regtype | TypeKind::Regproc | TypeKind::Regnamespace
        )
    };
    let same = from.kind == to.kind
        || (plain(from.kind) && plain(to.kind) && to.kind != TypeKind::Unknown && from.kind != TypeKind::Unknown)
        || (from.kind == TypeKind::Name && to.kind == TypeKind::Text)
        || (object(from.kind) && object(to.kind));
    same && (to.modifier == -1 || to.modifier == from.modifier)
}
