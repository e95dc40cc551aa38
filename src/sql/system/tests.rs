//! Every relation's rows have the columns that it says, in their types.

use super::{View, all, describe, functions};
use crate::{
    base::{types::DataType, value::Value},
    sql::{
        expr::{Context, SessionFacts},
        tests::World,
    },
};

fn fits(value: &Value, data_type: DataType) -> bool {
    if data_type.array {
        return matches!(value, Value::Null | Value::Array(_));
    }
    let kind = data_type.kind;
    match value {
        Value::Null => true,
        Value::Text(_) => kind.is_textual(),
        Value::Oid(_) => kind.is_oid(),
        Value::Bool(_) => data_type.name() == "boolean",
        Value::Int2(_) => data_type.name() == "smallint",
        Value::Int4(_) => data_type.name() == "integer",
        Value::Float4(_) => data_type.name() == "real",
        _ => false,
    }
}

#[test]
fn rows_fit_their_columns() {
    let mut world = World::new();
    world.run("CREATE TABLE t (a int primary key, b varchar(5) default 'x', c numeric(4,1), d text[], unique (b))");
    world.run("CREATE INDEX i ON t (c DESC)");
    let context = Context::default();
    let database = world.catalog.database("distdb").unwrap().id;
    let view = View { catalog: &world.catalog, database, context: &context };
    let mut oids = std::collections::BTreeSet::new();
    for relation in all() {
        assert!(oids.insert(relation.oid), "{} has an oid that another has", relation.name);
        for row in (relation.rows)(&view) {
            assert_eq!(row.len(), relation.columns.len(), "{}", relation.name);
            for (value, (name, data_type)) in row.iter().zip(relation.columns) {
                assert!(fits(value, *data_type), "{}.{name}: {value:?}", relation.name);
            }
        }
    }
}

#[test]
fn clients_read_it() {
    let mut world = World::new();
    world.run("CREATE TABLE t (a int primary key)");
    let psql = "SELECT n.nspname as \"Schema\", c.relname as \"Name\", \
        CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' END as \"Type\", \
        pg_catalog.pg_get_userbyid(c.relowner) as \"Owner\" \
        FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam \
        WHERE c.relkind IN ('r','p','') AND n.nspname <> 'pg_catalog' AND n.nspname !~ '^pg_toast' \
        AND n.nspname <> 'information_schema' AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 1,2";
    let pgbench = "select o.n, p.partstrat, pg_catalog.count(i.inhparent) from pg_catalog.pg_class as c \
        join pg_catalog.pg_namespace as n on (n.oid = c.relnamespace) cross join lateral \
        (select pg_catalog.array_position(pg_catalog.current_schemas(true), n.nspname)) as o(n) \
        left join pg_catalog.pg_partitioned_table as p on (p.partrelid = c.oid) \
        left join pg_catalog.pg_inherits as i on (c.oid = i.inhparent) \
        where c.relname = 'pgbench_accounts' and o.n is not null group by 1, 2 order by 1 asc limit 1";
    for sql in [psql, pgbench, "SELECT 't'::regclass::oid, typname FROM pg_type WHERE oid = 23"] {
        assert!(world.prepare(sql).is_ok(), "{sql}: {:?}", world.prepare(sql).err());
    }
}

#[test]
fn objects_are_described() {
    let mut world = World::new();
    world.run("CREATE TABLE t (a int, \"B\" text, c int, primary key (a, \"B\"), unique (c))");
    world.run("CREATE INDEX i ON t (c DESC, a NULLS FIRST)");
    let table = world.catalog.tables().find(|table| table.name == "t").unwrap().clone();
    let facts = SessionFacts {
        database_id: world.catalog.database("distdb").unwrap().id,
        catalog: std::sync::Arc::new(world.catalog.clone()),
        search_path: vec!["public".into()],
        ..SessionFacts::default()
    };
    let context = Context { session: facts.into(), ..Context::default() };
    let index = |name: &str| table.indexes.iter().find(|index| index.name == name).unwrap().oid;
    let primary = table.primary_key.as_ref().unwrap().oid;
    let definition = |oid, column| describe::index_definition(&context, oid, column);
    let whole = "CREATE UNIQUE INDEX t_pkey ON public.t USING btree (a, \"B\")";
    assert_eq!(definition(primary, 0).as_deref(), Some(whole));
    let whole = "CREATE INDEX i ON public.t USING btree (c DESC, a NULLS FIRST)";
    assert_eq!(definition(index("i"), 0).as_deref(), Some(whole));
    assert_eq!(definition(primary, 2).as_deref(), Some("\"B\""));
    assert_eq!(definition(primary, 3).as_deref(), Some(""));
    assert_eq!(definition(table.id.0, 0), None);
    let constraints: Vec<_> = super::constraints::keys(&table).iter().map(super::constraints::oid).collect();
    let constraints: Vec<_> =
        constraints.iter().filter_map(|&oid| describe::constraint_definition(&context, oid)).collect();
    assert_eq!(constraints, ["PRIMARY KEY (a, \"B\")", "UNIQUE (c)"]);
    assert_eq!(describe::relation_oid(&context, "PUBLIC.t"), Some(table.id.0));
    assert_eq!(describe::relation_oid(&context, "t_pkey"), Some(primary));
    assert_eq!(describe::relation_oid(&context, "pg_class"), Some(1259));
    assert_eq!(describe::relation_oid(&context, "a.b.t"), None);
    assert_eq!(describe::relation_oid(&context, ""), None);
    assert_eq!(describe::relation_bytes(&context, table.id.0, describe::Part::All), Some(0));
    assert_eq!(describe::relation_bytes(&context, 7, describe::Part::All), None);
    let lower =
        (functions::ALL[0].rows)(&View { catalog: &world.catalog, database: Default::default(), context: &context });
    let lower = lower.iter().find(|row| row[1] == Value::text("split_part")).unwrap()[0].as_integer().unwrap() as u32;
    assert_eq!(functions::arguments(lower).as_deref(), Some("text, text, integer"));
    assert_eq!(functions::result(lower).as_deref(), Some("text"));
}
