//! Operators against naive models over random rows with NULLs.

use super::{
    Step,
    merge::Merge,
    testing::{Row, batch_of, column, key, kinds, random_rows, run, run_with, sorted, source},
};
use crate::{
    base::{
        generate::Generator,
        limits::BATCH_ROWS,
        types::{DataType, TypeKind},
        value::Value,
    },
    sql::{
        expr::{Aggregate, Comparison, Context, Expr, aggregate},
        plan::{AggregateMode, JoinKind, Node, SortKey},
    },
};
use std::{cmp::Ordering, collections::BTreeMap, sync::Arc};

const INT8: DataType = DataType::of(TypeKind::Int8);

fn int8(number: i64) -> Expr {
    Expr::Literal { value: Value::Int8(number), data_type: INT8 }
}

/// The order that sort keys (column positions) ask for.
fn model_order(a: &Row, b: &Row, keys: &[SortKey]) -> Ordering {
    for key in keys {
        let Expr::Column { position, data_type } = key.expression else { unreachable!() };
        let (a, b) = (&a[position], &b[position]);
        let order = match (a.is_null(), b.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) => {
                if key.nulls_first {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
            (false, true) => {
                if key.nulls_first {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
            _ => {
                let order = crate::sql::expr::compare_values(a, b, data_type.kind == TypeKind::Bpchar);
                if key.descending { order.reverse() } else { order }
            }
        };
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

fn random_keys(random: &mut Generator, types: &[DataType]) -> Vec<SortKey> {
    (0..1 + random.below(3))
        .map(|_| {
            let position = random.below(types.len());
            key(position, types[position], random.below(2) == 0, random.below(2) == 0)
        })
        .collect()
}

#[test]
fn sort_top_n_and_limit_agree_with_a_stable_sort() {
    let mut random = Generator::new(11);
    let types = kinds(&[
        TypeKind::Int4,
        TypeKind::Text,
        TypeKind::Float8,
        TypeKind::Numeric,
        TypeKind::Bpchar,
        TypeKind::Int8,
        TypeKind::Timestamp,
    ]);
    for round in 0..30 {
        let count = [0, 1, 5, 200, 2_500][round % 5];
        let rows = random_rows(&mut random, &types, count);
        let keys = random_keys(&mut random, &types);
        let mut expected = rows.clone();
        expected.sort_by(|a, b| model_order(a, b, &keys));
        let sort = Node::Sort { input: Box::new(source(&types)), keys: keys.clone() };
        assert_eq!(run(&sort, &[(&types, &rows)], 700).unwrap(), expected);
        let (limit, offset) = (random.below(50), random.below(20));
        let limited =
            Node::Limit { input: Box::new(sort), limit: Some(int8(limit as i64)), offset: Some(int8(offset as i64)) };
        let window: Vec<Row> = expected.iter().skip(offset).take(limit).cloned().collect();
        assert_eq!(run(&limited, &[(&types, &rows)], 300).unwrap(), window);
        let top = Node::TopN { input: Box::new(source(&types)), keys: keys.clone(), limit: int8(limit as i64) };
        let found = run(&top, &[(&types, &rows)], 300).unwrap();
        // Among equal rows any may be kept: the keys must be right.
        assert_eq!(found.len(), limit.min(count));
        for (found, expected) in found.iter().zip(&expected) {
            assert!(model_order(found, expected, &keys).is_eq());
        }
    }
}

#[test]
fn merge_agrees_with_sort() {
    let mut random = Generator::new(12);
    let types = kinds(&[TypeKind::Int4, TypeKind::Text]);
    for _ in 0..40 {
        let keys = random_keys(&mut random, &types);
        let mut streams: Vec<Vec<Row>> = Vec::new();
        for _ in 0..1 + random.below(4) {
            let count = random.below(300);
            let mut rows = random_rows(&mut random, &types, count);
            rows.sort_by(|a, b| model_order(a, b, &keys));
            streams.push(rows);
        }
        let mut expected: Vec<Row> = streams.concat();
        expected.sort_by(|a, b| model_order(a, b, &keys));
        let mut merge = Merge::new(keys.clone(), streams.len(), Arc::new(Context::default()));
        let mut at = vec![0; streams.len()];
        let mut found: Vec<Row> = Vec::new();
        loop {
            match merge.next().unwrap() {
                Step::Done => break,
                Step::Batch(batch) => found.extend((0..batch.rows).map(|row| batch.row(row))),
                Step::Need(stream) => {
                    let (start, end) = (at[stream], (at[stream] + 7).min(streams[stream].len()));
                    at[stream] = end;
                    let batch = (start < end).then(|| batch_of(&types, &streams[stream][start..end]));
                    merge.feed(stream, batch).unwrap();
                }
            }
        }
        assert_eq!(found, expected);
    }
}

#[test]
fn distinct_keeps_first_rows() {
    let mut random = Generator::new(13);
    let types = kinds(&[TypeKind::Int4, TypeKind::Bpchar]);
    let rows = random_rows(&mut random, &types, 3_000);
    let found = run(&Node::Distinct { input: Box::new(source(&types)) }, &[(&types, &rows)], 100).unwrap();
    let mut expected: Vec<Row> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for row in &rows {
        let trimmed = match &row[1] {
            Value::Text(text) => Value::text(text.trim_end_matches(' ')),
            other => other.clone(),
        };
        if seen.insert((row[0].clone(), trimmed)) {
            expected.push(row.clone());
        }
    }
    assert_eq!(found, expected);
}

/// Pairs of rows for which the join condition is true, as SQL defines the kinds of join.
fn model_join(
    left: &[Row],
    right: &[Row],
    kind: JoinKind,
    widths: (usize, usize),
    on: impl Fn(&Row, &Row) -> bool,
) -> Vec<Row> {
    let mut out = Vec::new();
    let mut right_matched = vec![false; right.len()];
    for l in left {
        let mut matched = false;
        for (number, r) in right.iter().enumerate() {
            if on(l, r) {
                matched = true;
                right_matched[number] = true;
                if !matches!(kind, JoinKind::Semi | JoinKind::Anti) {
                    out.push([l.clone(), r.clone()].concat());
                }
            }
        }
        match kind {
            JoinKind::Semi if matched => out.push(l.clone()),
            JoinKind::Anti if !matched => out.push(l.clone()),
            JoinKind::Left | JoinKind::Full if !matched => out.push([l.clone(), vec![Value::Null; widths.1]].concat()),
            _ => {}
        }
    }
    if matches!(kind, JoinKind::Right | JoinKind::Full) {
        for (r, matched) in right.iter().zip(right_matched) {
            if !matched {
                out.push([vec![Value::Null; widths.0], r.clone()].concat());
            }
        }
    }
    out
}

const KINDS: [JoinKind; 6] =
    [JoinKind::Inner, JoinKind::Left, JoinKind::Right, JoinKind::Full, JoinKind::Semi, JoinKind::Anti];

#[test]
fn joins_agree_with_nested_loops() {
    let mut random = Generator::new(14);
    let shapes: &[&[TypeKind]] = &[
        &[TypeKind::Int4],
        &[TypeKind::Text],
        &[TypeKind::Int4, TypeKind::Date],
        &[TypeKind::Numeric, TypeKind::Text],
    ];
    for round in 0..96 {
        let shape = shapes[round % shapes.len()];
        let kind = KINDS[round / shapes.len() % KINDS.len()];
        let types = [kinds(shape), kinds(&[TypeKind::Int4])].concat();
        let width = types.len();
        let left_count = [0, 3, 60, 200][random.below(4)];
        let left = random_rows(&mut random, &types, left_count);
        let right_count = [0, 3, 60, 200][random.below(4)];
        let right = random_rows(&mut random, &types, right_count);
        // The residual compares the last columns.
        let with_residual = random.below(2) == 0;
        let residual = Expr::Compare {
            operator: Comparison::Less,
            left: Box::new(column(width - 1, types[width - 1])),
            right: Box::new(column(2 * width - 1, types[width - 1])),
        };
        let holds = |l: &Row, r: &Row| {
            !with_residual || (!l[width - 1].is_null() && !r[width - 1].is_null() && l[width - 1] < r[width - 1])
        };
        let equal = |l: &Row, r: &Row| (0..shape.len()).all(|k| !l[k].is_null() && !r[k].is_null() && l[k] == r[k]);
        let keys = (0..shape.len()).map(|k| (column(k, types[k]), column(k, types[k]))).collect();
        let hash = Node::HashJoin {
            left: Box::new(source(&types)),
            right: Box::new(source(&types)),
            kind,
            keys,
            residual: with_residual.then(|| residual.clone()),
        };
        let feeds: [(&[DataType], &[Row]); 2] = [(&types, &left), (&types, &right)];
        let expected = model_join(&left, &right, kind, (width, width), |l, r| equal(l, r) && holds(l, r));
        assert_eq!(sorted(run(&hash, &feeds, 37).unwrap()), sorted(expected), "{kind:?} {shape:?}");
        let looped = Node::LoopJoin {
            left: Box::new(source(&types)),
            right: Box::new(source(&types)),
            kind,
            condition: with_residual.then_some(residual),
        };
        let expected = model_join(&left, &right, kind, (width, width), holds);
        assert_eq!(sorted(run(&looped, &feeds, 37).unwrap()), sorted(expected), "{kind:?}");
    }
}

fn call(name: &str, argument: Option<(usize, DataType)>) -> Aggregate {
    let types: Vec<DataType> = argument.iter().map(|argument| argument.1).collect();
    let resolved = aggregate::resolve(name, &types).unwrap();
    let arguments = argument.iter().map(|&(position, data_type)| {
        let plain = column(position, data_type);
        match resolved.arguments[0] == data_type {
            true => plain,
            false => Expr::Cast { operand: Box::new(plain), to: resolved.arguments[0], explicit: false },
        }
    });
    Aggregate {
        function: resolved.function,
        arguments: arguments.collect(),
        distinct: false,
        filter: None,
        order_by: Vec::new(),
        data_type: resolved.result,
    }
}

/// Every aggregate of every type of column it takes.
fn all_aggregates(types: &[DataType]) -> Vec<Aggregate> {
    let mut all = vec![call("count", None)];
    let names = [
        "count",
        "sum",
        "avg",
        "min",
        "max",
        "bool_and",
        "bool_or",
        "bit_and",
        "bit_or",
        "bit_xor",
        "stddev_samp",
        "stddev_pop",
        "var_samp",
        "var_pop",
    ];
    for (position, &data_type) in types.iter().enumerate() {
        for name in names {
            if aggregate::resolve(name, &[data_type]).is_ok() {
                all.push(call(name, Some((position, data_type))));
            }
        }
    }
    all
}

fn aggregation(input: Node, mode: AggregateMode, groups: &[(usize, DataType)], aggregates: &[Aggregate]) -> Node {
    let groups = groups.iter().map(|&(position, data_type)| column(position, data_type)).collect();
    Node::Aggregate { input: Box::new(input), mode, groups, aggregates: aggregates.to_vec() }
}

/// Values that floats may round differently when sums are taken in another order.
fn nearly_same(a: &Row, b: &Row) -> bool {
    a.iter().zip(b).all(|pair| match pair {
        (Value::Float8(a), Value::Float8(b)) => (a - b).abs() <= 1e-9 * a.abs().max(1.0),
        (Value::Float4(a), Value::Float4(b)) => (a - b).abs() <= 1e-3 * a.abs().max(1.0),
        (a, b) => a == b,
    })
}

#[test]
fn partial_and_final_give_what_single_gives() {
    let mut random = Generator::new(15);
    let types = kinds(&[
        TypeKind::Int4,
        TypeKind::Text,
        TypeKind::Int2,
        TypeKind::Int8,
        TypeKind::Float8,
        TypeKind::Numeric,
        TypeKind::Bool,
        TypeKind::Date,
        TypeKind::Float4,
        TypeKind::Timestamptz,
    ]);
    let aggregates = all_aggregates(&types);
    for round in 0..40 {
        let groups: Vec<(usize, DataType)> =
            (0..round % 4).map(|_| random.below(types.len())).map(|g| (g, types[g])).collect();
        let count = random.below(400);
        let rows = random_rows(&mut random, &types, count);
        let single = aggregation(source(&types), AggregateMode::Single, &groups, &aggregates);
        let expected = sorted(run(&single, &[(&types, &rows)], 50).unwrap());
        let partial = aggregation(source(&types), AggregateMode::Partial, &groups, &aggregates);
        let mut states = Vec::new();
        let mut rest = rows.as_slice();
        while !rest.is_empty() || states.is_empty() {
            let part = random.below(rest.len() + 1).max(usize::from(!rest.is_empty()));
            states.extend(run(&partial, &[(&types, &rest[..part])], 50).unwrap());
            rest = &rest[part..];
        }
        let state_types = super::output_types(&partial);
        // The arguments of the final step may be as written, or the states.
        let over_states = |(place, aggregate): (usize, &Aggregate)| {
            let arguments = match round % 2 {
                0 => aggregate.arguments.clone(),
                _ => vec![column(groups.len() + place, aggregate.state_type())],
            };
            Aggregate { arguments, ..aggregate.clone() }
        };
        let over_states: Vec<Aggregate> = aggregates.iter().enumerate().map(over_states).collect();
        let finish = aggregation(source(&state_types), AggregateMode::Final, &groups, &over_states);
        let found = sorted(run(&finish, &[(&state_types, &states)], 3).unwrap());
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert!(nearly_same(found, expected), "{found:?}\n{expected:?}");
        }
        if groups.is_empty() {
            assert_eq!(found.len(), 1);
        }
    }
}

#[test]
fn sums_counts_and_extremes_agree_with_a_map() {
    let mut random = Generator::new(16);
    let types = kinds(&[TypeKind::Text, TypeKind::Int4]);
    let rows = random_rows(&mut random, &types, 5_000);
    let aggregates = [
        call("count", None),
        call("sum", Some((1, types[1]))),
        call("min", Some((1, types[1]))),
        call("max", Some((1, types[1]))),
    ];
    let plan = aggregation(source(&types), AggregateMode::Single, &[(0, types[0])], &aggregates);
    let found = sorted(run(&plan, &[(&types, &rows)], 1_000).unwrap());
    let mut model: BTreeMap<Value, Vec<Option<i64>>> = BTreeMap::new();
    for row in &rows {
        model.entry(row[0].clone()).or_default().push(row[1].as_integer());
    }
    let expected: Vec<Row> = model
        .into_iter()
        .map(|(key, values)| {
            let known: Vec<i64> = values.iter().flatten().copied().collect();
            let int4 = |value: Option<&i64>| value.map_or(Value::Null, |value| Value::Int4(*value as i32));
            let sum = if known.is_empty() { Value::Null } else { Value::Int8(known.iter().sum()) };
            vec![key, Value::Int8(values.len() as i64), sum, int4(known.iter().min()), int4(known.iter().max())]
        })
        .collect();
    assert_eq!(found, sorted(expected));
}

#[test]
fn distinct_filtered_and_ordered_aggregates() {
    let types = kinds(&[TypeKind::Int4, TypeKind::Text]);
    let row = |number: i32, text: &str| vec![Value::Int4(number), Value::text(text)];
    let rows = [row(1, "b"), row(1, "a"), row(2, "c"), row(1, "b"), row(2, "a")];
    let comma = Expr::Literal { value: Value::text(","), data_type: types[1] };
    let mut agg = Aggregate {
        function: aggregate::AggregateFunction::StringAgg,
        arguments: vec![column(1, types[1]), comma],
        distinct: false,
        filter: None,
        order_by: vec![key(1, types[1], false, false)],
        data_type: types[1],
    };
    let mut count = call("count", Some((1, types[1])));
    count.distinct = true;
    let mut filtered = call("count", None);
    filtered.filter = Some(Expr::Compare {
        operator: Comparison::Greater,
        left: Box::new(column(1, types[1])),
        right: Box::new(Expr::Literal { value: Value::text("a"), data_type: types[1] }),
    });
    let plan = |agg: &Aggregate| {
        let all = [agg.clone(), count.clone(), filtered.clone()];
        aggregation(source(&types), AggregateMode::Single, &[(0, types[0])], &all)
    };
    let shown = |rows: Vec<Row>| -> Vec<String> {
        rows.iter().map(|row| format!("{:?}", (row[1].as_text(), row[2].as_integer(), row[3].as_integer()))).collect()
    };
    let found = shown(run(&plan(&agg), &[(&types, &rows)], 2).unwrap());
    assert_eq!(found, ["(Some(\"a,b,b\"), Some(2), Some(2))", "(Some(\"a,c\"), Some(2), Some(1))"]);
    agg.distinct = true;
    let found = shown(run(&plan(&agg), &[(&types, &rows)], 2).unwrap());
    assert_eq!(found, ["(Some(\"a,b\"), Some(2), Some(2))", "(Some(\"a,c\"), Some(2), Some(1))"]);
}

#[test]
fn memory_is_limited() {
    let types = kinds(&[TypeKind::Int4, TypeKind::Text]);
    let rows: Vec<Row> = (0..20_000).map(|n| vec![Value::Int4(n), Value::text("x".repeat(20))]).collect();
    let sort = Node::Sort { input: Box::new(source(&types)), keys: vec![key(0, types[0], true, false)] };
    let distinct = Node::Distinct { input: Box::new(source(&types)) };
    let counted = aggregation(source(&types), AggregateMode::Single, &[(0, types[0])], &[call("count", None)]);
    for plan in [sort, distinct, counted] {
        let context = Context { memory_bytes_max: 100_000, ..Context::default() };
        let error = run_with(&plan, &[(&types, &rows)], BATCH_ROWS, context).unwrap_err();
        assert_eq!(error.state().as_str(), "53200");
        assert!(error.hint().is_some());
        assert_eq!(run(&plan, &[(&types, &rows)], BATCH_ROWS).unwrap().len(), 20_000);
    }
}

#[test]
fn limits_are_checked() {
    let types = kinds(&[TypeKind::Int4]);
    let limited =
        |limit: Option<Expr>, offset: Option<Expr>| Node::Limit { input: Box::new(source(&types)), limit, offset };
    let rows = [vec![Value::Int4(1)], vec![Value::Int4(2)]];
    let state = |plan: &Node| run(plan, &[(&types, &rows)], 1).unwrap_err().state().as_str().to_owned();
    assert_eq!(state(&limited(Some(int8(-1)), None)), "2201W");
    assert_eq!(state(&limited(None, Some(int8(-1)))), "2201X");
    let null = Expr::Literal { value: Value::Null, data_type: INT8 };
    assert_eq!(run(&limited(Some(null), None), &[(&types, &rows)], 1).unwrap().len(), 2);
}

#[test]
fn append_values_and_nothing_from_nowhere() {
    let types = kinds(&[TypeKind::Int4]);
    let literal = |n: i32| Expr::Literal { value: Value::Int4(n), data_type: types[0] };
    let values = Node::Values { rows: vec![vec![literal(1)], vec![literal(2)]], types: types.clone() };
    let append = Node::Append { inputs: vec![values.clone(), source(&types), values] };
    let found = run(&append, &[(&types, &[vec![Value::Int4(9)]])], 1).unwrap();
    assert_eq!(found.iter().map(|row| row[0].as_integer().unwrap()).collect::<Vec<_>>(), [1, 2, 9, 1, 2]);
    let one = Node::Values { rows: vec![vec![]], types: vec![] };
    let project = Node::Project { input: Box::new(one), expressions: vec![literal(7)] };
    assert_eq!(run(&project, &[], 1).unwrap(), [[Value::Int4(7)]]);
}

/// As PostgreSQL 15 answers `SELECT name(x) FROM unnest('{…}'::type[]) x`.
const ANSWERS: &[(&str, &str, &str, &str)] = &[
    ("sum", "int4", "1,2,4", "7"),
    ("avg", "int4", "1,2,4", "2.3333333333333333"),
    ("stddev", "int4", "1,2,4", "1.5275252316519467"),
    ("stddev_pop", "int4", "1,2,4", "1.2472191289246471"),
    ("variance", "int4", "1,2,4", "2.3333333333333333"),
    ("var_pop", "int4", "1,2,4", "1.5555555555555556"),
    ("sum", "int4", "10,20,35,7", "72"),
    ("avg", "int4", "10,20,35,7", "18.0000000000000000"),
    ("stddev", "int4", "10,20,35,7", "12.6227308191743253"),
    ("stddev_pop", "int4", "10,20,35,7", "10.9316055545377231"),
    ("variance", "int4", "10,20,35,7", "159.3333333333333333"),
    ("var_pop", "int4", "10,20,35,7", "119.5000000000000000"),
    ("sum", "int8", "9223372036854775807,9223372036854775807,1", "18446744073709551615"),
    ("avg", "int8", "9223372036854775807,9223372036854775807,1", "6148914691236517205"),
    ("stddev", "int8", "9223372036854775807,9223372036854775807,1", "5325116328314171699"),
    ("stddev_pop", "int8", "9223372036854775807,9223372036854775807,1", "4347939275110927403"),
    ("variance", "int8", "9223372036854775807,9223372036854775807,1", "28356863910078205276316721236840983212"),
    ("var_pop", "int8", "9223372036854775807,9223372036854775807,1", "18904575940052136850877814157893988808"),
    ("sum", "numeric", "1.1,2.22,3.333", "6.653"),
    ("avg", "numeric", "1.1,2.22,3.333", "2.2176666666666667"),
    ("stddev", "numeric", "1.1,2.22,3.333", "1.1165018286296415"),
    ("stddev_pop", "numeric", "1.1,2.22,3.333", "0.91161992567565617515"),
    ("variance", "numeric", "1.1,2.22,3.333", "1.2465763333333333"),
    ("var_pop", "numeric", "1.1,2.22,3.333", "0.83105088888888888889"),
    ("sum", "numeric", "0.001,1000000", "1000000.001"),
    ("avg", "numeric", "0.001,1000000", "500000.000500000000"),
    ("stddev", "numeric", "0.001,1000000", "707106.78047944"),
    ("stddev_pop", "numeric", "0.001,1000000", "499999.99950000"),
    ("variance", "numeric", "0.001,1000000", "499999999000.00000050"),
    ("var_pop", "numeric", "0.001,1000000", "249999999500.00000025"),
    ("sum", "numeric", "5", "5"),
    ("avg", "numeric", "5", "5.0000000000000000"),
    ("stddev", "numeric", "5", "NULL"),
    ("stddev_pop", "numeric", "5", "0"),
    ("variance", "numeric", "5", "NULL"),
    ("var_pop", "numeric", "5", "0"),
    ("sum", "float8", "1.5,2.25,-7", "-3.25"),
    ("avg", "float8", "1.5,2.25,-7", "-1.0833333333333333"),
    ("stddev", "float8", "1.5,2.25,-7", "5.137687547266117"),
    ("stddev_pop", "float8", "1.5,2.25,-7", "4.194904316217739"),
    ("variance", "float8", "1.5,2.25,-7", "26.395833333333332"),
    ("var_pop", "float8", "1.5,2.25,-7", "17.59722222222222"),
    ("sum", "float4", "1.5,2.25,-7", "-3.25"),
    ("avg", "float4", "1.5,2.25,-7", "-1.0833333333333333"),
    ("stddev", "float4", "1.5,2.25,-7", "5.137687547266117"),
    ("stddev_pop", "float4", "1.5,2.25,-7", "4.194904316217739"),
    ("variance", "float4", "1.5,2.25,-7", "26.395833333333332"),
    ("var_pop", "float4", "1.5,2.25,-7", "17.59722222222222"),
    ("sum", "int2", "3,4", "7"),
    ("avg", "int2", "3,4", "3.5000000000000000"),
    ("stddev", "int2", "3,4", "0.70710678118654752440"),
    ("stddev_pop", "int2", "3,4", "0.50000000000000000000"),
    ("variance", "int2", "3,4", "0.50000000000000000000"),
    ("var_pop", "int2", "3,4", "0.25000000000000000000"),
    ("sum", "interval", "1 day,2 hours", "1 day 02:00:00"),
    ("avg", "interval", "1 day,2 hours", "13:00:00"),
];

#[test]
fn aggregates_are_as_in_postgresql() {
    let context = Context::default();
    let mut wrong = Vec::new();
    for (name, type_name, values, expected) in ANSWERS {
        let data_type = DataType::from_name(type_name).unwrap();
        let parse = |text: &str| vec![crate::base::text::parse(text, data_type).unwrap()];
        let rows: Vec<Row> = values.split(',').map(parse).collect();
        let types = [data_type];
        let aggregate = call(name, Some((0, data_type)));
        let result = aggregate.data_type;
        let plan = aggregation(source(&types), AggregateMode::Single, &[], &[aggregate]);
        let found = run(&plan, &[(&types, &rows)], 2).unwrap();
        let shown = match &found[0][0] {
            Value::Null => "NULL".to_owned(),
            value => crate::sql::expr::convert::to_text(value, result, &context),
        };
        if shown != *expected {
            wrong.push(format!("{name}({type_name} {values}) = {expected}, found {shown}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
