//! Fragments over a table on two cores.

use super::*;
use crate::{
    base::{
        batch::Batch,
        ids::{ColumnId, IndexId, SchemaId, StorageId, TableId},
        time::Timestamp,
        types::{DataType, TypeKind},
        value::Value,
    },
    catalog::{Catalog, Column, Index, IndexColumn, PrimaryKey, SQL_KEYSPACE},
    shard::{Request, Response, Shard, tests::together},
    sql::{
        modify::Layout,
        plan::{Bound, Scan},
    },
};

fn column(number: u16, name: &str, kind: TypeKind) -> Column {
    let data_type = DataType::of(kind);
    Column {
        id: ColumnId(number),
        name: name.into(),
        data_type,
        not_null: number == 0,
        default: None,
        missing: None,
        dropped: false,
    }
}

/// `t (id int8 primary key, name text unique, n int4)`, with an index on `n` in falling order.
pub fn table() -> Table {
    let part = |column, descending| IndexColumn { column: ColumnId(column), descending, nulls_first: descending };
    let index = |id, name: &str, part, unique| Index {
        id: IndexId(id),
        oid: 20_000 + u32::from(id),
        name: name.into(),
        columns: vec![part],
        unique,
        constraint: unique,
    };
    Table {
        id: TableId(20_000),
        schema: SchemaId(2201),
        name: "t".into(),
        keyspace: SQL_KEYSPACE,
        storage: StorageId(200),
        version: 1,
        columns: vec![
            column(0, "id", TypeKind::Int8),
            column(1, "name", TypeKind::Text),
            column(2, "n", TypeKind::Int4),
        ],
        primary_key: Some(PrimaryKey { name: "t_pkey".into(), oid: 20_001, columns: vec![ColumnId(0)] }),
        next_index: IndexId(3),
        indexes: vec![index(1, "t_name_key", part(1, false), true), index(2, "t_n_idx", part(2, true), false)],
    }
}

fn literal(value: Value, kind: TypeKind) -> Expr {
    Expr::Literal { value, data_type: DataType::of(kind) }
}

/// No rows.
const NONE: [i64; 0] = [];

fn int8(value: i64) -> Expr {
    literal(Value::Int8(value), TypeKind::Int8)
}

fn int4(value: i32) -> Expr {
    literal(Value::Int4(value), TypeKind::Int4)
}

fn scan(index: u16, bounds: Vec<Bound>, reverse: bool) -> Scan {
    let whole = Scan::whole(Arc::new(table()), vec![0, 1, 2], false);
    Scan { index: IndexId(index), bounds, reverse, ..whole }
}

/// Rows 0 to 499: name `name-<id>`, n = id / 10; every 50th row has NULL for both.
async fn fill(shard: &Shard) -> Timestamp {
    let mut catalog = Catalog::bootstrap(shard.count());
    catalog.put_table(table());
    catalog.advance();
    let catalog = Arc::new(catalog);
    for target in (0..shard.count()).map(ShardId) {
        shard.call(target, Request::InstallCatalog(catalog.clone())).await.unwrap();
    }
    let (table, keyspace) = (table(), catalog.keyspace(SQL_KEYSPACE).unwrap().clone());
    let layout = Layout::new(&table, &keyspace);
    let mut by_shard: std::collections::BTreeMap<ShardId, Vec<Write>> = Default::default();
    for id in 0..500 {
        let null = id % 50 == 0;
        let name = if null { Value::Null } else { Value::Text(format!("name-{id}").into()) };
        let number = if null { Value::Null } else { Value::Int4(id / 10) };
        for write in layout.insert(&[Value::Int8(i64::from(id)), name, number], 0).unwrap() {
            by_shard.entry(catalog.shard_of_key(&write.key).unwrap()).or_default().push(write);
        }
    }
    for (target, writes) in by_shard {
        let tables = vec![TableUse { table: table.id, version: 1 }];
        let request = Request::CommitOne { snapshot: Timestamp::MAX, writes, tables };
        shard.call(target, request).await.unwrap();
    }
    shard.sequencer().now()
}

/// What a fragment puts out on both cores, core by core.
async fn run(shard: &Shard, request: FragmentRequest) -> Vec<(Vec<Batch>, Summary)> {
    let mut outputs = Vec::new();
    for target in (0..shard.count()).map(ShardId) {
        let mut stream = shard.fragment(target, request.clone()).await.unwrap();
        let mut batches = Vec::new();
        while let Some(batch) = stream.next().await.unwrap() {
            batches.push(batch);
        }
        outputs.push((batches, stream.summary()));
    }
    outputs
}

async fn ids(shard: &Shard, scan: Scan, view: ReadView) -> Vec<i64> {
    let request = FragmentRequest {
        plan: Arc::new(Node::Scan(scan)),
        context: Arc::default(),
        view,
        modify: None,
        watched: false,
        in_background: false,
    };
    let mut ids = Vec::new();
    for (batches, _) in run(shard, request).await {
        for batch in batches {
            assert!(batch.columns.iter().all(|column| column.len() == batch.rows));
            ids.extend(batch.columns[0].values().filter_map(|value| value.as_integer()));
        }
    }
    ids.sort_unstable();
    ids
}

#[test]
fn scans_find_rows_by_key_and_by_index() {
    let dir = tempfile::tempdir().unwrap();
    together(dir.path().into(), 2, |shard| async move {
        let view = ReadView::at(fill(&shard).await);
        let by = |index, bounds| ids(&shard, scan(index, bounds, false), view);
        assert_eq!(by(0, vec![]).await, (0..500).collect::<Vec<_>>());
        assert_eq!(ids(&shard, scan(0, vec![], true), view).await.len(), 500);
        assert_eq!(by(0, vec![Bound::Equal(int8(77))]).await, [77]);
        assert_eq!(by(0, vec![Bound::Equal(literal(Value::Null, TypeKind::Int8))]).await, NONE);
        assert_eq!(by(0, vec![Bound::In(vec![int8(5), int8(900), int8(3), int8(5)])]).await, [3, 5]);
        let range = |low, high| vec![Bound::Range { low, high }];
        assert_eq!(by(0, range(Some((int8(495), false)), None)).await, [496, 497, 498, 499]);
        assert_eq!(by(0, range(Some((int8(3), true)), Some((int8(5), false)))).await, [3, 4]);
        assert_eq!(by(1, vec![Bound::Equal(literal(Value::Text("name-42".into()), TypeKind::Text))]).await, [42]);
        assert_eq!(by(2, vec![Bound::Equal(int4(3))]).await, (30..40).collect::<Vec<_>>());
        // In falling order, and NULL stays out of every comparison.
        assert_eq!(by(2, range(None, Some((int4(0), true)))).await, (1..10).collect::<Vec<_>>());
        assert_eq!(by(2, range(Some((int4(49), true)), None)).await, (490..500).collect::<Vec<_>>());
        assert_eq!(by(2, range(None, None)).await.len(), 490);
        assert_eq!(by(2, vec![]).await.len(), 500);
        assert_eq!(by(1, vec![]).await.len(), 500);
        // More than the column can hold.
        assert_eq!(by(2, range(None, Some((int8(1 << 40), true)))).await.len(), 490);
        assert_eq!(by(2, range(Some((int8(1 << 40), true)), None)).await, NONE);
    });
}

#[test]
fn changes_write_rows_and_index_entries_and_do_not_see_themselves() {
    let dir = tempfile::tempdir().unwrap();
    together(dir.path().into(), 2, |shard| async move {
        fill(&shard).await;
        let snapshot = shard.begin_snapshot();
        let transaction = TransactionId(shard.sequencer().next().0);
        let view = |statement| ReadView { snapshot: snapshot.timestamp(), transaction: Some(transaction), statement };
        let change = |kind, statement, scan: Scan| FragmentRequest {
            plan: Arc::new(Node::Scan(Scan { with_key: true, ..scan })),
            context: Arc::default(),
            view: view(statement),
            watched: false,
            in_background: false,
            modify: Some(Modify {
                table: Arc::new(table()),
                kind,
                transaction,
                statement,
                tables: vec![TableUse { table: TableId(20_000), version: 1 }],
                patience: None,
                may_move: false,
                returning: Some(vec![Expr::Column { position: 0, data_type: DataType::of(TypeKind::Int8) }]),
            }),
        };
        // n := 7 for all; the index on n is changed while nothing of it is read through.
        let update = ModifyKind::Update { assignments: vec![(2, int4(7))] };
        let done = run(&shard, change(update, 1, scan(0, vec![], false))).await;
        assert_eq!(done.iter().map(|(_, summary)| summary.rows).sum::<u64>(), 500);
        assert_eq!(done.iter().flat_map(|(batches, _)| batches).map(|batch| batch.rows).sum::<usize>(), 500);
        assert!(done.iter().all(|(_, summary)| summary.wrote && summary.remote.is_empty()));
        assert_eq!(ids(&shard, scan(2, vec![Bound::Equal(int4(7))], false), view(2)).await.len(), 500);
        assert_eq!(ids(&shard, scan(2, vec![Bound::Equal(int4(7))], false), view(1)).await.len(), 10);
        // Through the index that is changed.
        let update = ModifyKind::Update { assignments: vec![(2, int4(8))] };
        let done = run(&shard, change(update, 2, scan(2, vec![Bound::Equal(int4(7))], false))).await;
        assert_eq!(done.iter().map(|(_, summary)| summary.rows).sum::<u64>(), 500);
        // Rows that are deleted leave entries of the unique index on other cores.
        let done = run(&shard, change(ModifyKind::Delete, 3, scan(0, vec![], false))).await;
        for (_, summary) in done {
            for write in summary.remote {
                let target = shard.catalog().shard_of_key(&write.key).unwrap();
                let snapshot = snapshot.timestamp();
                let writes = vec![write];
                let request =
                    Request::Write { transaction, snapshot, statement: 3, writes, tables: vec![], patience: None };
                shard.call(target, request).await.unwrap();
            }
        }
        for index in 0..3 {
            assert_eq!(ids(&shard, scan(index, vec![], false), view(4)).await, NONE);
            assert_eq!(ids(&shard, scan(index, vec![], false), ReadView::at(snapshot.timestamp())).await.len(), 500);
        }
    });
}

#[test]
fn a_reader_that_goes_away_stops_the_fragment() {
    let dir = tempfile::tempdir().unwrap();
    together(dir.path().into(), 2, |shard| async move {
        let view = ReadView::at(fill(&shard).await);
        let plan = Arc::new(Node::Scan(scan(0, vec![], false)));
        for round in 0..200 {
            let request = FragmentRequest {
                plan: plan.clone(),
                context: Arc::default(),
                view,
                modify: None,
                watched: false,
                in_background: false,
            };
            let mut stream = shard.fragment(ShardId(1), request).await.unwrap();
            if round % 2 == 0 {
                stream.next().await.unwrap();
            }
        }
        let Response::Status(status) = shard.call(ShardId(1), Request::Status).await.unwrap() else { panic!() };
        assert_eq!(status.fragments, 200);
        while shard.peer(ShardId(1)).unwrap().streams.len() > 0 {
            shard.env().sleep(std::time::Duration::from_millis(1)).await;
        }
    });
}
