//! For tests: plans over rows that are at hand, and naive models of what they should give.

use super::{Executor, Step};
use crate::{
    base::{
        batch::Batch,
        generate::Generator,
        types::{DataType, TypeKind},
        value::Value,
    },
    error::Result,
    sql::{
        expr::{Context, Expr},
        plan::{Node, SortKey},
    },
};
use std::sync::Arc;

pub(crate) type Row = Vec<Value>;

/// A leaf that a test feeds.
pub(crate) fn source(types: &[DataType]) -> Node {
    let columns = (0..types.len()).collect();
    Node::Virtual { relation: "test".to_owned(), columns, types: types.to_vec() }
}

pub(crate) fn column(position: usize, data_type: DataType) -> Expr {
    Expr::Column { position, data_type }
}

pub(crate) fn key(position: usize, data_type: DataType, descending: bool, nulls_first: bool) -> SortKey {
    SortKey { expression: column(position, data_type), descending, nulls_first }
}

pub(crate) fn kinds(kinds: &[TypeKind]) -> Vec<DataType> {
    kinds.iter().map(|&kind| DataType::of(kind)).collect()
}

/// Runs a plan over the rows of its sources, fed in pieces of `piece` rows.
pub(crate) fn run(plan: &Node, sources: &[(&[DataType], &[Row])], piece: usize) -> Result<Vec<Row>> {
    run_with(plan, sources, piece, Context::default())
}

pub(crate) fn run_with(
    plan: &Node,
    sources: &[(&[DataType], &[Row])],
    piece: usize,
    context: Context,
) -> Result<Vec<Row>> {
    let mut executor = Executor::new(plan, Arc::new(context))?;
    assert_eq!(executor.sources().len(), sources.len());
    let mut fed = vec![0; sources.len()];
    let mut out = Vec::new();
    loop {
        match executor.next()? {
            Step::Done => break,
            Step::Batch(batch) => {
                for column in &batch.columns {
                    assert!(batch.rows == 0 || column.len() == batch.rows, "a column of another length");
                }
                out.extend((0..batch.rows).map(|row| batch.row(row)));
            }
            Step::Need(number) => {
                let (types, rows) = sources[number];
                let start = fed[number];
                let end = (start + piece).min(rows.len());
                fed[number] = end;
                executor.feed(number, (start < end).then(|| batch_of(types, &rows[start..end])))?;
            }
        }
    }
    assert_eq!(executor.memory_bytes(), 0, "memory was not given back");
    Ok(out)
}

pub(crate) fn batch_of(types: &[DataType], rows: &[Row]) -> Batch {
    let mut batch = Batch::new(types.iter().copied());
    rows.iter().for_each(|row| batch.push_row(row.clone()));
    batch
}

/// A value of a small domain, so that equal ones meet; NULL now and then.
pub(crate) fn small_value(random: &mut Generator, kind: TypeKind) -> Value {
    if random.below(7) == 0 {
        return Value::Null;
    }
    let number = random.below(9) as i64 - 4;
    match kind {
        TypeKind::Bool => Value::Bool(number > 0),
        TypeKind::Int2 => Value::Int2(number as i16),
        TypeKind::Int4 => Value::Int4(number as i32),
        TypeKind::Int8 => Value::Int8(number * 1_000_000_007),
        TypeKind::Float4 => Value::Float4(number as f32 / 2.0),
        TypeKind::Float8 => [Value::Float8(number as f64 / 4.0), Value::Float8(-0.0)][random.below(2)].clone(),
        TypeKind::Numeric => {
            let scale = random.below(3) as i64;
            Value::Numeric(crate::base::numeric::Numeric::new((number * 10_i64.pow(scale as u32)).into(), scale))
        }
        TypeKind::Date => Value::Date(number as i32),
        TypeKind::Timestamp => Value::Timestamp(number * 1_000),
        TypeKind::Timestamptz => Value::Timestamptz(number * 1_000),
        TypeKind::Bpchar => Value::text(["a", "a ", "b", "b  "][random.below(4)]),
        TypeKind::Uuid => Value::Uuid([number as u8; 16]),
        _ => Value::text(["", "a", "b", "ab", "é"][random.below(5)]),
    }
}

pub(crate) fn random_rows(random: &mut Generator, types: &[DataType], count: usize) -> Vec<Row> {
    (0..count).map(|_| types.iter().map(|data_type| small_value(random, data_type.kind)).collect()).collect()
}

/// Rows in an order of their own, to compare results whose order is left open.
pub(crate) fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort();
    rows
}
