//! Golden scripts: statements, then the plan or error that they give. `DISTDB_REWRITE=1` writes what is found.
//!
//! A script is made of blocks separated by empty lines: the statement, `----`, and what is expected. CREATE TABLE and
//! CREATE INDEX change the script's catalog; `statistics table rows=n column=distinct …` tells the optimizer.

use super::{
    BindContext,
    define::Define,
    explain, parse,
    plan::{Body, ExplainFormat, Statement, statistics::Statistics},
    prepare,
};
use crate::{
    base::ids::{ColumnId, IndexId, TableId},
    catalog::{
        Catalog, Column, ColumnStatistics, Index, IndexColumn, PrimaryKey, SQL_KEYSPACE, Table, TableStatistics,
    },
    error::{Error, Result},
};
use std::{collections::BTreeMap, fmt::Write, path::Path};

#[derive(Default)]
struct Known(BTreeMap<TableId, TableStatistics>);

impl Statistics for Known {
    fn rows(&self, table: &Table) -> Option<f64> {
        self.0.get(&table.id).map(|found| found.rows)
    }

    fn analyzed(&self, table: &Table) -> Option<&TableStatistics> {
        self.0.get(&table.id)
    }
}

pub(super) struct World {
    pub catalog: Catalog,
    known: Known,
    search_path: Vec<String>,
}

impl World {
    pub fn new() -> World {
        World { catalog: Catalog::bootstrap(2), known: Known::default(), search_path: vec!["public".into()] }
    }

    pub fn prepare(&self, sql: &str) -> Result<Vec<Statement>> {
        let database = self.catalog.database("distdb").map(|database| database.id).unwrap_or_default();
        let settings = |_: &str| None;
        let context = BindContext {
            catalog: &self.catalog,
            database,
            search_path: &self.search_path,
            user: "tester",
            settings: &settings,
            statistics: &self.known,
        };
        parse::script(sql)?.iter().map(|parsed| prepare(parsed, &context, &[])).collect()
    }

    pub fn run(&mut self, sql: &str) -> String {
        if let Some(line) = sql.strip_prefix("statistics ") {
            self.statistics(line);
            return "ok\n".to_owned();
        }
        match self.prepare(sql) {
            Ok(statements) => {
                let mut shown = String::new();
                for statement in &statements {
                    self.apply(statement);
                    shown.push_str(&show(statement));
                }
                shown
            }
            Err(error) => show_error(&error),
        }
    }

    /// `rows=n`, `column=distinct`, `column.nulls=part`, `column.common=value:part,…` and `column.histogram=value,…`.
    fn statistics(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap();
        let database = self.catalog.database("distdb").unwrap().id;
        let table = self.catalog.resolve_table(database, &self.search_path, None, name).unwrap().clone();
        let known = self.known.0.entry(table.id).or_insert_with(|| TableStatistics {
            table: table.id,
            storage: table.storage,
            version: 0,
            gathered_micros: 0,
            rows: 10_000.0,
            row_bytes: 100.0,
            columns: BTreeMap::new(),
        });
        for word in words {
            let (key, value) = word.split_once('=').unwrap();
            if key == "rows" {
                known.rows = value.parse().unwrap();
                continue;
            }
            let (column, figure) = key.split_once('.').unwrap_or((key, "distinct"));
            let (_, column) = table.column_by_name(column).unwrap();
            let data_type = column.data_type;
            let found = known.columns.entry(column.id).or_insert_with(|| ColumnStatistics {
                data_type,
                null_fraction: 0.0,
                distinct: 200.0,
                width_bytes: 8.0,
                common: Vec::new(),
                histogram: Vec::new(),
            });
            let bytes = |text: &str| {
                let mut bytes = Vec::new();
                let value = crate::base::text::parse(text, data_type).unwrap();
                crate::base::key::encode_value(&value, data_type, false, false, &mut bytes);
                bytes
            };
            match figure {
                "distinct" => found.distinct = value.parse().unwrap(),
                "nulls" => found.null_fraction = value.parse().unwrap(),
                "common" => {
                    let each = value.split(',').map(|pair| pair.rsplit_once(':').unwrap());
                    found.common = each.map(|(value, part)| (bytes(value), part.parse().unwrap())).collect();
                }
                "histogram" => found.histogram = value.split(',').map(bytes).collect(),
                other => panic!("{other}"),
            }
        }
    }

    fn apply(&mut self, statement: &Statement) {
        let Body::Define(define) = &statement.body else { return };
        match define {
            Define::CreateTable(create) => {
                let id = TableId(self.catalog.next_oid());
                let columns = create.columns.iter().enumerate().map(|(position, column)| Column {
                    id: ColumnId(position as u16),
                    name: column.name.clone(),
                    data_type: column.data_type,
                    not_null: column.not_null,
                    default: column.default.clone(),
                    missing: None,
                    dropped: false,
                });
                let primary_key = create.primary_key.as_ref().map(|(name, columns)| PrimaryKey {
                    name: name.clone().unwrap_or_else(|| format!("{}_pkey", create.name)),
                    oid: self.catalog.next_oid(),
                    columns: columns.iter().map(|&position| ColumnId(position as u16)).collect(),
                });
                let storage = self.catalog.next_storage();
                self.catalog.put_table(Table {
                    id,
                    schema: create.schema,
                    name: create.name.clone(),
                    keyspace: SQL_KEYSPACE,
                    storage,
                    version: 1,
                    columns: columns.collect(),
                    primary_key,
                    indexes: Vec::new(),
                    next_index: IndexId(1),
                });
                for (name, columns) in &create.unique {
                    let columns: Vec<IndexColumn> = columns.iter().map(|&position| key_part(position)).collect();
                    let name = name.clone().unwrap_or_else(|| format!("{}_{}_key", create.name, columns[0].column));
                    self.add_index(id, name, columns, true, true);
                }
            }
            Define::CreateIndex(create) => {
                let name = create.name.clone().unwrap_or_else(|| "unnamed_idx".to_owned());
                self.add_index(create.table, name, create.columns.clone(), create.unique, false);
            }
            _ => {}
        }
    }

    fn add_index(&mut self, id: TableId, name: String, columns: Vec<IndexColumn>, unique: bool, constraint: bool) {
        let mut table = (**self.catalog.table(id).unwrap()).clone();
        let index = IndexId(table.indexes.len() as u16 + 1);
        let oid = self.catalog.next_oid();
        table.indexes.push(Index { id: index, oid, name, columns, unique, constraint });
        self.catalog.put_table(table);
    }
}

fn key_part(position: usize) -> IndexColumn {
    IndexColumn { column: ColumnId(position as u16), descending: false, nulls_first: false }
}

fn show(statement: &Statement) -> String {
    let mut shown = String::new();
    if !statement.parameters.is_empty() {
        let types: Vec<String> = statement.parameters.iter().map(|data_type| data_type.name()).collect();
        writeln!(shown, "parameters: {}", types.join(", ")).unwrap();
    }
    if !statement.fields.is_empty() {
        let fields: Vec<String> =
            statement.fields.iter().map(|field| format!("{} {}", field.name, field.data_type.name())).collect();
        writeln!(shown, "fields: {}", fields.join(", ")).unwrap();
    }
    match &statement.body {
        Body::Define(define) => writeln!(shown, "{define:?}").unwrap(),
        Body::Utility(utility) => writeln!(shown, "{utility:?}").unwrap(),
        Body::Explain(explain) if explain.shape.format == ExplainFormat::Json => {
            let options = explain::Options { costs: explain.shape.costs, ..explain::Options::default() };
            writeln!(shown, "{}", explain::json(statement, &options)).unwrap();
        }
        body => {
            let costs = matches!(body, Body::Explain(explain) if explain.shape.costs);
            let options = explain::Options { costs, ..explain::Options::default() };
            explain::text(statement, &options).iter().for_each(|line| writeln!(shown, "{line}").unwrap());
        }
    }
    shown
}

fn show_error(error: &Error) -> String {
    let mut shown = format!("ERROR {}", error.state().as_str());
    if let Some(position) = error.position() {
        write!(shown, " at {position}").unwrap();
    }
    writeln!(shown, ": {}", error.message()).unwrap();
    if let Some(detail) = error.detail() {
        writeln!(shown, "DETAIL: {detail}").unwrap();
    }
    if let Some(hint) = error.hint() {
        writeln!(shown, "HINT: {hint}").unwrap();
    }
    shown
}

fn golden(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sql/testdata").join(name);
    let script = std::fs::read_to_string(&path).unwrap();
    let mut world = World::new();
    let mut found = String::new();
    for block in script.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
        let sql = block.split("\n----").next().unwrap().trim_end_matches("----").trim();
        let (comments, sql): (Vec<&str>, Vec<&str>) = sql.lines().partition(|line| line.starts_with("# "));
        let sql = sql.join("\n");
        comments.iter().for_each(|line| writeln!(found, "{line}").unwrap());
        if !sql.is_empty() {
            writeln!(found, "{sql}\n----\n{}", world.run(&sql)).unwrap();
        } else {
            found.push('\n');
        }
    }
    let found = format!("{}\n", found.trim_end());
    if std::env::var_os("DISTDB_REWRITE").is_some() {
        std::fs::write(&path, &found).unwrap();
        return;
    }
    for (number, (expected, found)) in script.lines().zip(found.lines()).enumerate() {
        assert_eq!(expected, found, "{name}:{}", number + 1);
    }
    assert_eq!(script, found, "{name}");
}

macro_rules! scripts {
    ($($name:ident),* $(,)?) => {
        $(#[test] fn $name() { golden(concat!(stringify!($name), ".txt")); })*
    };
}

scripts!(planner, single_table, expressions, errors, define, utility, aggregates, joins, indexes, inserts, subqueries);

#[test]
fn a_join_of_many_tables_is_planned_soon() {
    let mut world = World::new();
    let count = 64;
    for table in 0..count {
        world.run(&format!("CREATE TABLE t{table} (a{table} int primary key, b{table} int, x{table} text)"));
    }
    let tables: Vec<String> = (0..count).map(|table| format!("t{table}")).collect();
    let columns: Vec<String> = (0..count).map(|table| format!("x{table}")).collect();
    let mut conditions: Vec<String> = (1..count).map(|table| format!("a{} = b{table}", (table * 7) % table)).collect();
    conditions.push("b0 = 5".to_owned());
    let sql = format!("SELECT {} FROM {} WHERE {}", columns.join(","), tables.join(","), conditions.join(" AND "));
    let started = std::time::Instant::now();
    let shown = world.run(&sql);
    assert!(!shown.contains("Nested Loop"), "{shown}");
    assert!(started.elapsed() < std::time::Duration::from_secs(20), "{:?}", started.elapsed());
}
