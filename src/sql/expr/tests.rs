//! Functions, operators and casts against a golden file of what PostgreSQL 15 answers.

use super::{Context, constant, evaluate, testing};
use crate::base::{batch::Batch, types::DataType, value::Value};

const GOLDEN: &str = include_str!("testdata/functions.txt");

fn cases() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = GOLDEN.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_once(" => ").unwrap_or_else(|| (line.trim_end_matches(" =>"), "")))
}

/// The value of a constant expression is PostgreSQL's.
#[test]
fn constants_are_as_in_postgresql() {
    let context = Context::default();
    let mut wrong = Vec::new();
    for (text, expected) in cases() {
        let shown = match testing::parse(text) {
            Ok(expr) => testing::shown(constant(&expr, &context), expr.data_type()),
            Err(error) => testing::failure(&error),
        };
        if shown != expected {
            wrong.push(format!("{text}\n   expected {expected}\n   found    {shown}"));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Over columns the same comes out, beside rows that are NULL.
#[test]
fn columns_give_what_constants_give() {
    let context = Context::default();
    for (text, expected) in cases() {
        let Ok(mut expr) = testing::parse(text) else { continue };
        let mut literals = Vec::new();
        testing::literals_to_columns(&mut expr, &mut literals);
        let types: Vec<DataType> = literals.iter().map(|(_, data_type)| *data_type).collect();
        let mut batch = Batch::new(types);
        let row: Vec<Value> = literals.iter().map(|(value, _)| value.clone()).collect();
        batch.push_row(row.iter().map(|_| Value::Null));
        batch.push_row(row.clone());
        batch.push_row(row);
        let shown = match evaluate(&expr, &batch, &context) {
            Ok(column) => {
                assert_eq!(column.len(), 3, "{text}");
                testing::shown(Ok(column.value(2)), expr.data_type())
            }
            Err(error) => testing::failure(&error),
        };
        // Functions that want a value where NULL came complain about the first row instead.
        if !shown.starts_with("ERROR 22004") {
            assert_eq!(shown, expected, "{text}");
        }
    }
}
