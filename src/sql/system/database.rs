//! Databases, roles and settings.

use super::{
    OWNER_OID, Relation, View,
    words::{BOOL, CHAR, INT4, NAME, NO, NULL, OID, TEXT, TEXT_ARRAY, TIMESTAMPTZ, YES, ZERO, text},
};
use crate::base::value::Value;

/// UTF8, as PostgreSQL numbers encodings.
const ENCODING_UTF8: i32 = 6;
/// The oid of the tablespace `pg_default`.
const DEFAULT_TABLESPACE_OID: u32 = 1663;

pub(super) const ALL: &[Relation] = &[
    Relation {
        oid: 1262,
        schema: "pg_catalog",
        name: "pg_database",
        columns: &[
            ("oid", OID),
            ("datname", NAME),
            ("datdba", OID),
            ("encoding", INT4),
            ("datlocprovider", CHAR),
            ("datistemplate", BOOL),
            ("datallowconn", BOOL),
            ("datconnlimit", INT4),
            ("datfrozenxid", INT4),
            ("datminmxid", INT4),
            ("dattablespace", OID),
            ("datcollate", TEXT),
            ("datctype", TEXT),
            ("daticulocale", TEXT),
            ("datcollversion", TEXT),
            ("datacl", TEXT_ARRAY),
        ],
        rows: databases,
    },
    Relation {
        oid: 12_000,
        schema: "pg_catalog",
        name: "pg_roles",
        columns: &[
            ("rolname", NAME),
            ("rolsuper", BOOL),
            ("rolinherit", BOOL),
            ("rolcreaterole", BOOL),
            ("rolcreatedb", BOOL),
            ("rolcanlogin", BOOL),
            ("rolreplication", BOOL),
            ("rolconnlimit", INT4),
            ("rolpassword", TEXT),
            ("rolvaliduntil", TIMESTAMPTZ),
            ("rolbypassrls", BOOL),
            ("rolconfig", TEXT_ARRAY),
            ("oid", OID),
        ],
        rows: roles,
    },
    Relation {
        oid: 12_001,
        schema: "pg_catalog",
        name: "pg_user",
        columns: &[
            ("usename", NAME),
            ("usesysid", OID),
            ("usecreatedb", BOOL),
            ("usesuper", BOOL),
            ("userepl", BOOL),
            ("usebypassrls", BOOL),
            ("passwd", TEXT),
            ("valuntil", TIMESTAMPTZ),
            ("useconfig", TEXT_ARRAY),
        ],
        rows: users,
    },
    Relation {
        oid: 12_002,
        schema: "pg_catalog",
        name: "pg_settings",
        columns: &[
            ("name", TEXT),
            ("setting", TEXT),
            ("unit", TEXT),
            ("category", TEXT),
            ("short_desc", TEXT),
            ("extra_desc", TEXT),
            ("context", TEXT),
            ("vartype", TEXT),
            ("source", TEXT),
            ("min_val", TEXT),
            ("max_val", TEXT),
            ("enumvals", TEXT_ARRAY),
            ("boot_val", TEXT),
            ("reset_val", TEXT),
            ("sourcefile", TEXT),
            ("sourceline", INT4),
            ("pending_restart", BOOL),
        ],
        rows: settings,
    },
    Relation {
        oid: 1213,
        schema: "pg_catalog",
        name: "pg_tablespace",
        columns: &[
            ("oid", OID),
            ("spcname", NAME),
            ("spcowner", OID),
            ("spcacl", TEXT_ARRAY),
            ("spcoptions", TEXT_ARRAY),
        ],
        rows: tablespaces,
    },
];

fn databases(view: &View<'_>) -> Vec<Vec<Value>> {
    let row = |database: &std::sync::Arc<crate::catalog::Database>| {
        vec![
            Value::Oid(database.id.0),
            text(&database.name),
            Value::Oid(OWNER_OID),
            Value::Int4(ENCODING_UTF8),
            text("c"),
            NO,
            YES,
            Value::Int4(-1),
            ZERO,
            ZERO,
            Value::Oid(DEFAULT_TABLESPACE_OID),
            text("C"),
            text("C"),
            NULL,
            NULL,
            NULL,
        ]
    };
    view.catalog.databases().map(row).collect()
}

fn roles(view: &View<'_>) -> Vec<Vec<Value>> {
    let name = text(&view.context.session.user);
    let limit = Value::Int4(-1);
    let password = text("********");
    vec![vec![name, YES, YES, YES, YES, YES, YES, limit, password, NULL, YES, NULL, Value::Oid(OWNER_OID)]]
}

fn users(view: &View<'_>) -> Vec<Vec<Value>> {
    let name = text(&view.context.session.user);
    vec![vec![name, Value::Oid(OWNER_OID), YES, YES, YES, YES, text("********"), NULL, NULL]]
}

fn settings(view: &View<'_>) -> Vec<Vec<Value>> {
    let row = |(name, value): (&String, &String)| {
        vec![
            text(name),
            text(value),
            NULL,
            text("Settings"),
            text(""),
            NULL,
            text("user"),
            text("string"),
            text("session"),
            NULL,
            NULL,
            NULL,
            text(value),
            text(value),
            NULL,
            NULL,
            NO,
        ]
    };
    view.context.session.settings.iter().map(row).collect()
}

fn tablespaces(_: &View<'_>) -> Vec<Vec<Value>> {
    vec![vec![Value::Oid(DEFAULT_TABLESPACE_OID), text("pg_default"), Value::Oid(OWNER_OID), NULL, NULL]]
}
