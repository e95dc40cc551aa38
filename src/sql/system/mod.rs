//! The catalog as tables: `pg_catalog` and `information_schema`, made from the [`Catalog`](crate::catalog::Catalog).

use crate::base::types::DataType;

/// A relation of the system.
#[derive(Debug)]
pub struct Relation {
    pub oid: u32,
    pub schema: &'static str,
    pub name: &'static str,
    pub columns: &'static [(&'static str, DataType)],
}

/// The oid of `pg_catalog`.
pub const PG_CATALOG_OID: u32 = 11;
/// The oid of `information_schema`.
pub const INFORMATION_SCHEMA_OID: u32 = 13_000;

const RELATIONS: &[&[Relation]] = &[];

/// A system relation by name; without a schema those of `pg_catalog` are found.
pub fn relation(schema: Option<&str>, name: &str) -> Option<&'static Relation> {
    let schema = schema.unwrap_or("pg_catalog");
    RELATIONS.iter().copied().flatten().find(|relation| relation.schema == schema && relation.name == name)
}

/// The oid of a system schema.
pub fn namespace_oid(name: &str) -> Option<u32> {
    match name {
        "pg_catalog" => Some(PG_CATALOG_OID),
        "information_schema" => Some(INFORMATION_SCHEMA_OID),
        _ => None,
    }
}
