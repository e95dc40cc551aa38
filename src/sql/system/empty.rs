//! Relations of features that do not exist here: clients read them and find nothing.

use super::{
    Relation, View,
    words::{
        BOOL, CHAR, FLOAT4, INT2, INT2_ARRAY, INT4, INT8, NAME, OID, OID_ARRAY, REGPROC, TEXT, TEXT_ARRAY, TIMESTAMPTZ,
    },
};
use crate::base::{types::DataType, value::Value};

const fn empty(oid: u32, name: &'static str, columns: &'static [(&'static str, DataType)]) -> Relation {
    Relation { oid, schema: "pg_catalog", name, columns, rows: nothing }
}

fn nothing(_: &View<'_>) -> Vec<Vec<Value>> {
    Vec::new()
}

pub(super) const ALL: &[Relation] = &[
    empty(2609, "pg_description", &[("objoid", OID), ("classoid", OID), ("objsubid", INT4), ("description", TEXT)]),
    empty(2396, "pg_shdescription", &[("objoid", OID), ("classoid", OID), ("description", TEXT)]),
    empty(3501, "pg_enum", &[("oid", OID), ("enumtypid", OID), ("enumsortorder", FLOAT4), ("enumlabel", NAME)]),
    empty(
        3541,
        "pg_range",
        &[
            ("rngtypid", OID),
            ("rngsubtype", OID),
            ("rngmultitypid", OID),
            ("rngcollation", OID),
            ("rngsubopc", OID),
            ("rngcanonical", REGPROC),
            ("rngsubdiff", REGPROC),
        ],
    ),
    empty(
        2611,
        "pg_inherits",
        &[("inhrelid", OID), ("inhparent", OID), ("inhseqno", INT4), ("inhdetachpending", BOOL)],
    ),
    empty(
        2608,
        "pg_depend",
        &[
            ("classid", OID),
            ("objid", OID),
            ("objsubid", INT4),
            ("refclassid", OID),
            ("refobjid", OID),
            ("refobjsubid", INT4),
            ("deptype", CHAR),
        ],
    ),
    empty(
        2224,
        "pg_sequence",
        &[
            ("seqrelid", OID),
            ("seqtypid", OID),
            ("seqstart", INT8),
            ("seqincrement", INT8),
            ("seqmax", INT8),
            ("seqmin", INT8),
            ("seqcache", INT8),
            ("seqcycle", BOOL),
        ],
    ),
    empty(
        3079,
        "pg_extension",
        &[
            ("oid", OID),
            ("extname", NAME),
            ("extowner", OID),
            ("extnamespace", OID),
            ("extrelocatable", BOOL),
            ("extversion", TEXT),
        ],
    ),
    empty(
        2620,
        "pg_trigger",
        &[
            ("oid", OID),
            ("tgrelid", OID),
            ("tgparentid", OID),
            ("tgname", NAME),
            ("tgfoid", OID),
            ("tgtype", INT2),
            ("tgenabled", CHAR),
            ("tgisinternal", BOOL),
            ("tgconstraint", OID),
        ],
    ),
    empty(
        3350,
        "pg_partitioned_table",
        &[
            ("partrelid", OID),
            ("partstrat", CHAR),
            ("partnatts", INT2),
            ("partdefid", OID),
            ("partattrs", INT2_ARRAY),
            ("partexprs", TEXT),
        ],
    ),
    empty(
        3256,
        "pg_policy",
        &[
            ("oid", OID),
            ("polname", NAME),
            ("polrelid", OID),
            ("polcmd", CHAR),
            ("polpermissive", BOOL),
            ("polroles", OID_ARRAY),
            ("polqual", TEXT),
            ("polwithcheck", TEXT),
        ],
    ),
    empty(
        3381,
        "pg_statistic_ext",
        &[("oid", OID), ("stxrelid", OID), ("stxname", NAME), ("stxnamespace", OID), ("stxowner", OID)],
    ),
    empty(6104, "pg_publication", &[("oid", OID), ("pubname", NAME), ("pubowner", OID), ("puballtables", BOOL)]),
    empty(6106, "pg_publication_rel", &[("oid", OID), ("prpubid", OID), ("prrelid", OID)]),
    empty(6237, "pg_publication_namespace", &[("oid", OID), ("pnpubid", OID), ("pnnspid", OID)]),
    empty(
        2618,
        "pg_rewrite",
        &[("oid", OID), ("rulename", NAME), ("ev_class", OID), ("ev_type", CHAR), ("is_instead", BOOL)],
    ),
    empty(1261, "pg_auth_members", &[("roleid", OID), ("member", OID), ("grantor", OID), ("admin_option", BOOL)]),
    empty(
        2616,
        "pg_opclass",
        &[("oid", OID), ("opcmethod", OID), ("opcname", NAME), ("opcnamespace", OID), ("opcdefault", BOOL)],
    ),
    empty(3118, "pg_foreign_table", &[("ftrelid", OID), ("ftserver", OID), ("ftoptions", TEXT_ARRAY)]),
    empty(2612, "pg_language", &[("oid", OID), ("lanname", NAME), ("lanowner", OID), ("lanispl", BOOL)]),
    empty(12_020, "pg_views", &[("schemaname", NAME), ("viewname", NAME), ("viewowner", NAME), ("definition", TEXT)]),
    empty(
        12_021,
        "pg_matviews",
        &[("schemaname", NAME), ("matviewname", NAME), ("matviewowner", NAME), ("definition", TEXT)],
    ),
    empty(
        12_022,
        "pg_sequences",
        &[("schemaname", NAME), ("sequencename", NAME), ("sequenceowner", NAME), ("last_value", INT8)],
    ),
    empty(
        12_023,
        "pg_locks",
        &[("locktype", TEXT), ("database", OID), ("relation", OID), ("pid", INT4), ("mode", TEXT), ("granted", BOOL)],
    ),
    empty(
        12_025,
        "pg_stat_gssapi",
        &[("pid", INT4), ("gss_authenticated", BOOL), ("principal", TEXT), ("encrypted", BOOL)],
    ),
    empty(
        12_024,
        "pg_prepared_xacts",
        &[("transaction", INT4), ("gid", TEXT), ("prepared", TIMESTAMPTZ), ("owner", NAME), ("database", NAME)],
    ),
];
