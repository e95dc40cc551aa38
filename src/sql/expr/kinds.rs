//! Short names for types in the signature tables, and type names in messages.

use super::resolve::Slot;
use crate::base::types::{DataType, TypeKind};

const fn of(kind: TypeKind) -> Slot {
    Slot::Exact(DataType::of(kind))
}

pub const BOOL: Slot = of(TypeKind::Bool);
pub const INT2: Slot = of(TypeKind::Int2);
pub const INT4: Slot = of(TypeKind::Int4);
pub const INT8: Slot = of(TypeKind::Int8);
pub const FLOAT4: Slot = of(TypeKind::Float4);
pub const FLOAT8: Slot = of(TypeKind::Float8);
pub const NUMERIC: Slot = of(TypeKind::Numeric);
pub const TEXT: Slot = of(TypeKind::Text);
pub const BPCHAR: Slot = of(TypeKind::Bpchar);
pub const CHAR: Slot = of(TypeKind::Char);
pub const NAME: Slot = of(TypeKind::Name);
pub const BYTEA: Slot = of(TypeKind::Bytea);
pub const DATE: Slot = of(TypeKind::Date);
pub const TIME: Slot = of(TypeKind::Time);
pub const TIMETZ: Slot = of(TypeKind::Timetz);
pub const TIMESTAMP: Slot = of(TypeKind::Timestamp);
pub const TIMESTAMPTZ: Slot = of(TypeKind::Timestamptz);
pub const INTERVAL: Slot = of(TypeKind::Interval);
pub const UUID: Slot = of(TypeKind::Uuid);
pub const OID: Slot = of(TypeKind::Oid);
pub const REGCLASS: Slot = of(TypeKind::Regclass);
pub const REGTYPE: Slot = of(TypeKind::Regtype);
pub const TEXT_ARRAY: Slot = Slot::Exact(DataType::array_of(TypeKind::Text));
pub const NAME_ARRAY: Slot = Slot::Exact(DataType::array_of(TypeKind::Name));
pub const INT4_ARRAY: Slot = Slot::Exact(DataType::array_of(TypeKind::Int4));
pub const ANY: Slot = Slot::Any;
pub const ELEMENT: Slot = Slot::AnyElement;
pub const ARRAY: Slot = Slot::AnyArray;
pub const COMPATIBLE: Slot = Slot::AnyCompatible;

/// A type's name as messages have it (`integer`, `character varying`, `text[]`).
pub fn name(data_type: DataType) -> String {
    let name = match data_type.kind {
        TypeKind::Unknown => "unknown",
        TypeKind::Void => "void",
        TypeKind::Record => "record",
        TypeKind::Bool => "boolean",
        TypeKind::Int2 => "smallint",
        TypeKind::Int4 => "integer",
        TypeKind::Int8 => "bigint",
        TypeKind::Float4 => "real",
        TypeKind::Float8 => "double precision",
        TypeKind::Numeric => "numeric",
        TypeKind::Text => "text",
        TypeKind::Varchar => "character varying",
        TypeKind::Bpchar => "character",
        TypeKind::Char => "\"char\"",
        TypeKind::Name => "name",
        TypeKind::Bytea => "bytea",
        TypeKind::Date => "date",
        TypeKind::Time => "time without time zone",
        TypeKind::Timetz => "time with time zone",
        TypeKind::Timestamp => "timestamp without time zone",
        TypeKind::Timestamptz => "timestamp with time zone",
        TypeKind::Interval => "interval",
        TypeKind::Uuid => "uuid",
        TypeKind::Json => "json",
        TypeKind::Jsonb => "jsonb",
        TypeKind::Oid => "oid",
        TypeKind::Regclass => "regclass",
        TypeKind::Regtype => "regtype",
        TypeKind::Regproc => "regproc",
        TypeKind::Regnamespace => "regnamespace",
    };
    if data_type.array { format!("{name}[]") } else { name.to_owned() }
}
