//! SQL data types, with PostgreSQL's object ids and type modifiers.

use serde::{Deserialize, Serialize};

/// What kind of value, without its modifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TypeKind {
    /// A literal or parameter whose type is not decided yet (oid 705).
    Unknown,
    /// `void`: what a function without a result gives.
    Void,
    /// An anonymous row.
    Record,
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    /// Exact decimal, also NaN and infinities.
    Numeric,
    Text,
    Varchar,
    /// Blank-padded `char(n)`.
    Bpchar,
    /// The one-byte internal `"char"`.
    Char,
    /// An identifier, at most 63 bytes.
    Name,
    Bytea,
    Date,
    Time,
    Timetz,
    Timestamp,
    Timestamptz,
    Interval,
    Uuid,
    Json,
    Jsonb,
    Oid,
    Regclass,
    Regtype,
    Regproc,
    Regnamespace,
}

/// A type as a column or expression has it. Arrays of any depth are one type, as in PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DataType {
    /// The kind of the value, or of the array's elements.
    pub kind: TypeKind,
    /// Whether it is an array.
    pub array: bool,
    /// PostgreSQL's `atttypmod`: -1 for none, n+4 for varchar(n), ((p<<16)|s)+4 for numeric(p,s).
    pub modifier: i32,
}

impl DataType {
    /// The type without a modifier.
    pub const fn of(kind: TypeKind) -> DataType {
        DataType { kind, array: false, modifier: -1 }
    }

    /// An array of a kind.
    pub const fn array_of(kind: TypeKind) -> DataType {
        DataType { kind, array: true, modifier: -1 }
    }
}
