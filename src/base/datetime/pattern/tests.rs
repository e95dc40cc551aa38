use super::*;
use crate::base::datetime::{Zone, parse_interval};
use crate::base::text::{self, Style};
use crate::base::types::{DataType, TypeKind};
use crate::base::value::Value;
use crate::error::Result;

fn micros(literal: &str, kind: TypeKind) -> i64 {
    match text::parse(literal, DataType::of(kind)).unwrap() {
        Value::Timestamp(micros) | Value::Timestamptz(micros) => micros,
        other => panic!("{other:?}"),
    }
}

fn answer(operation: &str, argument: &str, pattern: &str) -> Result<Option<String>> {
    let berlin = Zone::named("Europe/Berlin").unwrap();
    let shown = |value: Value| {
        let mut out = Vec::new();
        let style = Style { zone: berlin, ..Style::default() };
        text::write_with(&value, value.natural_type(), &style, &mut out);
        Some(String::from_utf8(out).unwrap())
    };
    Ok(match operation {
        "timestamp" => timestamp_to_char(micros(argument, TypeKind::Timestamp), pattern),
        "timestamptz" => timestamptz_to_char(micros(argument, TypeKind::Timestamptz), &berlin, pattern),
        "interval" => interval_to_char(&parse_interval(argument, DataType::of(TypeKind::Interval))?, pattern)?,
        "to_date" => shown(Value::Date(to_date(argument, pattern)?)),
        _ => shown(Value::Timestamptz(to_timestamp(argument, pattern, &berlin)?)),
    })
}

/// `testdata/patterns.txt` holds what PostgreSQL 15 answers in zone Europe/Berlin: operation, text, pattern, answer.
#[test]
fn patterns_are_those_of_postgresql() {
    let script = include_str!("../../testdata/patterns.txt");
    let mut wrong = Vec::new();
    for line in script.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let [operation, argument, pattern, expected] = line.split('|').collect::<Vec<_>>().try_into().unwrap();
        let found = match answer(operation, argument, pattern) {
            Ok(shown) => shown.map_or("NULL".to_owned(), |shown| format!("<{shown}>")),
            Err(error) => format!("!{}: {}", error.state(), error.message()),
        };
        if found != expected {
            wrong.push(format!("{line}\n    found {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn any_pattern_gives_a_value_or_an_error() {
    const PIECES: [&str; 22] = [
        "1",
        "2024",
        "-",
        "99999999999",
        "2147483647",
        "-2147483648",
        ":",
        " ",
        "jan",
        "BC",
        "pm",
        "é",
        "\"",
        "\\",
        "FM",
        "TM",
        "th",
        "FX",
        "x",
        "XII",
        "+",
        ",",
    ];
    let mut random = crate::base::generate::Generator::new(32);
    for _ in 0..100_000 {
        let mut pieces = |most: usize| -> String {
            let piece = |random: &mut crate::base::generate::Generator| match random.below(2) {
                0 => FIELDS[random.below(FIELDS.len())].0,
                _ => PIECES[random.below(PIECES.len())],
            };
            (0..random.below(most)).map(|_| piece(&mut random)).collect()
        };
        let pattern = pieces(6);
        let text: String = (0..random.below(7)).map(|_| PIECES[random.below(PIECES.len())]).collect();
        let _ = to_date(&text, &pattern);
        let _ = to_timestamp(&text, &pattern, &Zone::Utc);
        if let Value::Timestamp(micros) = random.value(DataType::of(TypeKind::Timestamp)) {
            let _ = timestamp_to_char(micros, &pattern);
        }
        if let Value::Interval(interval) = random.value(DataType::of(TypeKind::Interval)) {
            let _ = interval_to_char(&interval, &pattern);
        }
    }
}
