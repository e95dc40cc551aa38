//! SQL data types, with PostgreSQL's object ids and type modifiers.
//!
//! What users call a type, and what it is called when shown, is in [`names`]. Enums, domains and composite types are
//! not here yet: a type is a [`TypeKind`] and nothing else.

mod names;

pub use names::{format_modifier, kind_from_name};

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

/// What PostgreSQL's `pg_type` knows of a kind, in one row.
struct Facts {
    kind: TypeKind,
    oid: u32,
    /// 0 when there is no array of it.
    array_oid: u32,
    /// Bytes of a value; -1 when it varies.
    length: i16,
    /// `typcategory`.
    category: u8,
    preferred: bool,
    /// `typname`.
    name: &'static str,
    /// What `format_type` shows.
    shown: &'static str,
}

macro_rules! facts {
    ($($kind:ident $oid:literal $array:literal $length:literal $category:literal $preferred:literal $name:literal $shown:literal;)*) => {
        const FACTS: &[Facts] = &[$(Facts {
            kind: TypeKind::$kind, oid: $oid, array_oid: $array, length: $length, category: $category,
            preferred: $preferred == 1, name: $name, shown: $shown,
        }),*];

        /// Every kind there is.
        pub const KINDS: &[TypeKind] = &[$(TypeKind::$kind),*];
    };
}

// In the order of the declaration of `TypeKind`: `TypeKind::facts` indexes by it.
facts! {
    Unknown 705 0 -2 b'X' 0 "unknown" "unknown";
    Void 2278 0 4 b'P' 0 "void" "void";
    Record 2249 2287 -1 b'P' 0 "record" "record";
    Bool 16 1000 1 b'B' 1 "bool" "boolean";
    Int2 21 1005 2 b'N' 0 "int2" "smallint";
    Int4 23 1007 4 b'N' 0 "int4" "integer";
    Int8 20 1016 8 b'N' 0 "int8" "bigint";
    Float4 700 1021 4 b'N' 0 "float4" "real";
    Float8 701 1022 8 b'N' 1 "float8" "double precision";
    Numeric 1700 1231 -1 b'N' 0 "numeric" "numeric";
    Text 25 1009 -1 b'S' 1 "text" "text";
    Varchar 1043 1015 -1 b'S' 0 "varchar" "character varying";
    Bpchar 1042 1014 -1 b'S' 0 "bpchar" "character";
    Char 18 1002 1 b'Z' 0 "char" "\"char\"";
    Name 19 1003 64 b'S' 0 "name" "name";
    Bytea 17 1001 -1 b'U' 0 "bytea" "bytea";
    Date 1082 1182 4 b'D' 0 "date" "date";
    Time 1083 1183 8 b'D' 0 "time" "time without time zone";
    Timetz 1266 1270 12 b'D' 0 "timetz" "time with time zone";
    Timestamp 1114 1115 8 b'D' 0 "timestamp" "timestamp without time zone";
    Timestamptz 1184 1185 8 b'D' 1 "timestamptz" "timestamp with time zone";
    Interval 1186 1187 16 b'T' 1 "interval" "interval";
    Uuid 2950 2951 16 b'U' 0 "uuid" "uuid";
    Json 114 199 -1 b'U' 0 "json" "json";
    Jsonb 3802 3807 -1 b'U' 0 "jsonb" "jsonb";
    Oid 26 1028 4 b'N' 1 "oid" "oid";
    Regclass 2205 2210 4 b'N' 0 "regclass" "regclass";
    Regtype 2206 2211 4 b'N' 0 "regtype" "regtype";
    Regproc 24 1008 4 b'N' 0 "regproc" "regproc";
    Regnamespace 4089 4090 4 b'N' 0 "regnamespace" "regnamespace";
}

impl TypeKind {
    fn facts(self) -> &'static Facts {
        &FACTS[self as usize]
    }

    /// `typname`: `int4`.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// The name that messages and `format_type` use: `integer`.
    pub fn shown(self) -> &'static str {
        self.facts().shown
    }

    /// Object id of the type.
    pub fn oid(self) -> u32 {
        self.facts().oid
    }

    /// Object id of the array of it; 0 when there is none.
    pub fn array_oid(self) -> u32 {
        self.facts().array_oid
    }

    /// Integer types of any width.
    pub fn is_integer(self) -> bool {
        matches!(self, TypeKind::Int2 | TypeKind::Int4 | TypeKind::Int8)
    }

    /// Types that hold numbers to compute with.
    pub fn is_number(self) -> bool {
        self.is_integer() || matches!(self, TypeKind::Float4 | TypeKind::Float8 | TypeKind::Numeric)
    }

    /// Types whose values are [`Value::Text`](super::value::Value::Text).
    pub fn is_textual(self) -> bool {
        matches!(
            self,
            TypeKind::Unknown
                | TypeKind::Text
                | TypeKind::Varchar
                | TypeKind::Bpchar
                | TypeKind::Char
                | TypeKind::Name
                | TypeKind::Json
                | TypeKind::Jsonb
        )
    }

    /// oid and the reg* types: [`Value::Oid`](super::value::Value::Oid).
    pub fn is_oid(self) -> bool {
        matches!(
            self,
            TypeKind::Oid | TypeKind::Regclass | TypeKind::Regtype | TypeKind::Regproc | TypeKind::Regnamespace
        )
    }
}

/// PostgreSQL adds this to a length before it stores it as a modifier.
const MODIFIER_HEADER: i32 = 4;
/// Most digits that `numeric(p, s)` may ask for.
pub const NUMERIC_PRECISION_MAX: i32 = 1000;
/// Longest `varchar(n)` and `char(n)`.
pub const TEXT_LENGTH_MAX: i32 = 10_485_760;

impl DataType {
    /// The same type with another modifier.
    pub const fn with_modifier(self, modifier: i32) -> DataType {
        DataType { modifier, ..self }
    }

    /// `varchar(n)` or, for [`TypeKind::Bpchar`], `char(n)`.
    pub const fn with_length(kind: TypeKind, length: i32) -> DataType {
        DataType { kind, array: false, modifier: length + MODIFIER_HEADER }
    }

    /// `numeric(precision, scale)`.
    pub const fn numeric(precision: i32, scale: i32) -> DataType {
        let modifier = ((precision << 16) | (scale & 0x7ff)) + MODIFIER_HEADER;
        DataType { kind: TypeKind::Numeric, array: false, modifier }
    }

    /// The declared length of `varchar(n)` and `char(n)`, in characters.
    pub fn length(&self) -> Option<usize> {
        match self.kind {
            TypeKind::Varchar | TypeKind::Bpchar if self.modifier >= MODIFIER_HEADER => {
                usize::try_from(self.modifier - MODIFIER_HEADER).ok()
            }
            _ => None,
        }
    }

    /// The declared precision and scale of `numeric(p, s)`. The scale may be negative.
    pub fn precision_and_scale(&self) -> Option<(i32, i32)> {
        if self.kind != TypeKind::Numeric || self.modifier < MODIFIER_HEADER {
            return None;
        }
        let packed = self.modifier - MODIFIER_HEADER;
        Some(((packed >> 16) & 0xffff, ((packed & 0x7ff) ^ 1024) - 1024))
    }

    /// Declared digits after the second, for the types of time and day.
    pub fn fraction_digits(&self) -> Option<u32> {
        match self.kind {
            TypeKind::Time | TypeKind::Timetz | TypeKind::Timestamp | TypeKind::Timestamptz if self.modifier >= 0 => {
                Some((self.modifier as u32).min(6))
            }
            TypeKind::Interval if self.modifier >= 0 && self.modifier & 0xffff <= 6 => {
                Some((self.modifier & 0xffff) as u32)
            }
            _ => None,
        }
    }

    /// Object id of the type.
    pub fn oid(&self) -> u32 {
        if self.array { self.kind.array_oid() } else { self.kind.oid() }
    }

    /// The type of an object id, without a modifier.
    pub fn from_oid(oid: u32) -> Option<DataType> {
        FACTS.iter().find_map(|facts| match oid {
            0 => None,
            _ if facts.oid == oid => Some(DataType::of(facts.kind)),
            _ if facts.array_oid == oid => Some(DataType::array_of(facts.kind)),
            _ => None,
        })
    }

    /// `typlen`: bytes of a value, -1 when it varies.
    pub fn length_bytes(&self) -> i16 {
        if self.array { -1 } else { self.kind.facts().length }
    }

    /// `typcategory`, by which PostgreSQL chooses among candidates.
    pub fn category(&self) -> u8 {
        if self.array { b'A' } else { self.kind.facts().category }
    }

    /// Whether it is the type its category prefers.
    pub fn is_preferred(&self) -> bool {
        !self.array && self.kind.facts().preferred
    }

    /// The type of the elements of an array; of anything else, the type itself.
    pub fn element(&self) -> DataType {
        DataType { array: false, ..*self }
    }

    /// `typname`: `int4`, `_int4`.
    pub fn catalog_name(&self) -> String {
        if self.array { format!("_{}", self.kind.name()) } else { self.kind.name().to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_stand_in_order() {
        for (position, facts) in FACTS.iter().enumerate() {
            assert_eq!(facts.kind as usize, position);
        }
    }

    #[test]
    fn oids_lead_back() {
        for &kind in KINDS {
            assert_eq!(DataType::from_oid(kind.oid()), Some(DataType::of(kind)));
            if kind.array_oid() != 0 {
                assert_eq!(DataType::from_oid(kind.array_oid()), Some(DataType::array_of(kind)));
            }
        }
        assert_eq!(DataType::from_oid(0), None);
    }

    #[test]
    fn modifiers() {
        assert_eq!(DataType::numeric(20, 5).precision_and_scale(), Some((20, 5)));
        assert_eq!(DataType::numeric(3, -2).precision_and_scale(), Some((3, -2)));
        assert_eq!(DataType::with_length(TypeKind::Varchar, 40).length(), Some(40));
        assert_eq!(DataType::of(TypeKind::Varchar).length(), None);
    }
}
