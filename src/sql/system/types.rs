//! Types and collations.

use super::{
    OWNER_OID, PG_CATALOG_OID, Relation, View,
    words::{BOOL, CHAR, INT2, INT4, NAME, NO, NO_OID, NULL, OID, REGPROC, TEXT, TEXT_ARRAY, YES, ZERO, text},
};
use crate::base::{
    types::{DataType, TypeKind},
    value::Value,
};

/// The collation `default`, which is C here.
pub(super) const DEFAULT_COLLATION_OID: u32 = 100;

/// Every kind that has a row.
const KINDS: &[TypeKind] = &[
    TypeKind::Bool,
    TypeKind::Bytea,
    TypeKind::Char,
    TypeKind::Name,
    TypeKind::Int8,
    TypeKind::Int2,
    TypeKind::Int4,
    TypeKind::Regproc,
    TypeKind::Text,
    TypeKind::Oid,
    TypeKind::Json,
    TypeKind::Float4,
    TypeKind::Float8,
    TypeKind::Unknown,
    TypeKind::Bpchar,
    TypeKind::Varchar,
    TypeKind::Date,
    TypeKind::Time,
    TypeKind::Timestamp,
    TypeKind::Timestamptz,
    TypeKind::Interval,
    TypeKind::Timetz,
    TypeKind::Numeric,
    TypeKind::Regclass,
    TypeKind::Regtype,
    TypeKind::Record,
    TypeKind::Void,
    TypeKind::Uuid,
    TypeKind::Jsonb,
    TypeKind::Regnamespace,
];

pub(super) const ALL: &[Relation] = &[
    Relation {
        oid: 1247,
        schema: "pg_catalog",
        name: "pg_type",
        columns: &[
            ("oid", OID),
            ("typname", NAME),
            ("typnamespace", OID),
            ("typowner", OID),
            ("typlen", INT2),
            ("typbyval", BOOL),
            ("typtype", CHAR),
            ("typcategory", CHAR),
            ("typispreferred", BOOL),
            ("typisdefined", BOOL),
            ("typdelim", CHAR),
            ("typrelid", OID),
            ("typsubscript", REGPROC),
            ("typelem", OID),
            ("typarray", OID),
            ("typinput", REGPROC),
            ("typoutput", REGPROC),
            ("typreceive", REGPROC),
            ("typsend", REGPROC),
            ("typmodin", REGPROC),
            ("typmodout", REGPROC),
            ("typanalyze", REGPROC),
            ("typalign", CHAR),
            ("typstorage", CHAR),
            ("typnotnull", BOOL),
            ("typbasetype", OID),
            ("typtypmod", INT4),
            ("typndims", INT4),
            ("typcollation", OID),
            ("typdefaultbin", TEXT),
            ("typdefault", TEXT),
            ("typacl", TEXT_ARRAY),
        ],
        rows: types,
    },
    Relation {
        oid: 3456,
        schema: "pg_catalog",
        name: "pg_collation",
        columns: &[
            ("oid", OID),
            ("collname", NAME),
            ("collnamespace", OID),
            ("collowner", OID),
            ("collprovider", CHAR),
            ("collisdeterministic", BOOL),
            ("collencoding", INT4),
            ("collcollate", TEXT),
            ("collctype", TEXT),
            ("colliculocale", TEXT),
            ("collversion", TEXT),
        ],
        rows: collations,
    },
];

fn types(_: &View<'_>) -> Vec<Vec<Value>> {
    let plain = KINDS.iter().map(|&kind| DataType::of(kind));
    let arrays = KINDS.iter().filter(|kind| kind.array_oid() != 0).map(|&kind| DataType::array_of(kind));
    plain.chain(arrays).map(type_row).collect()
}

fn type_row(data_type: DataType) -> Vec<Value> {
    let kind = data_type.kind;
    let pseudo = matches!(kind, TypeKind::Unknown | TypeKind::Void | TypeKind::Record);
    let length = data_type.length_bytes();
    let category = char::from(data_type.category()).to_string();
    let collation = if data_type.category() == b'S' { DEFAULT_COLLATION_OID } else { 0 };
    let (element, array) = if data_type.array { (kind.oid(), 0) } else { (0, kind.array_oid()) };
    vec![
        Value::Oid(data_type.oid()),
        text(data_type.catalog_name()),
        Value::Oid(PG_CATALOG_OID),
        Value::Oid(OWNER_OID),
        Value::Int2(length),
        Value::Bool((1..=8).contains(&length)),
        text(if pseudo && !data_type.array { "p" } else { "b" }),
        text(category),
        Value::Bool(data_type.is_preferred()),
        YES,
        text(","),
        NO_OID,
        NO_OID,
        Value::Oid(element),
        Value::Oid(array),
        NO_OID,
        NO_OID,
        NO_OID,
        NO_OID,
        NO_OID,
        NO_OID,
        NO_OID,
        text(if length == 8 { "d" } else { "i" }),
        text(if length < 0 { "x" } else { "p" }),
        NO,
        NO_OID,
        Value::Int4(-1),
        ZERO,
        Value::Oid(collation),
        NULL,
        NULL,
        NULL,
    ]
}

fn collations(_: &View<'_>) -> Vec<Vec<Value>> {
    let collation = |oid: u32, name: &str, provider: &str| {
        vec![
            Value::Oid(oid),
            text(name),
            Value::Oid(PG_CATALOG_OID),
            Value::Oid(OWNER_OID),
            text(provider),
            YES,
            Value::Int4(-1),
            text("C"),
            text("C"),
            NULL,
            NULL,
        ]
    };
    vec![collation(DEFAULT_COLLATION_OID, "default", "d"), collation(950, "C", "c"), collation(951, "POSIX", "c")]
}
