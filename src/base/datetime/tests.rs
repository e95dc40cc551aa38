use super::*;
use crate::base::text::{self, Style};
use crate::base::types::{DataType, TypeKind};
use crate::base::value::{Interval, Value};
use crate::error::Result;

fn read_and_show(type_name: &str, input: &str) -> String {
    let data_type = DataType::from_name(type_name).unwrap();
    match text::parse_with(input, data_type, &Style::default()) {
        Ok(value) => text::to_text(&value, data_type),
        Err(error) => format!("!{}: {}", error.state(), error.message()),
    }
}

/// `testdata/datetime.txt` holds what PostgreSQL 15 reads and shows: type, text, answer.
#[test]
fn reading_is_that_of_postgresql() {
    let script = include_str!("../testdata/datetime.txt");
    let mut wrong = Vec::new();
    for line in script.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let [type_name, input, expected] = line.split('|').collect::<Vec<_>>().try_into().unwrap();
        let found = read_and_show(type_name, input);
        if found != expected {
            wrong.push(format!("{line}\n    found {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn read(text: &str, kind: TypeKind) -> Value {
    text::parse(text, DataType::of(kind)).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn micros(text: &str, kind: TypeKind) -> i64 {
    match read(text, kind) {
        Value::Timestamp(micros) | Value::Timestamptz(micros) | Value::Time(micros) => micros,
        other => panic!("{other:?}"),
    }
}

fn interval(text: &str) -> Interval {
    match read(text, TypeKind::Interval) {
        Value::Interval(interval) => interval,
        other => panic!("{other:?}"),
    }
}

fn style_of(name: &str) -> IntervalStyle {
    match name {
        "postgres_verbose" => IntervalStyle::PostgresVerbose,
        "sql_standard" => IntervalStyle::SqlStandard,
        "iso_8601" => IntervalStyle::Iso8601,
        _ => IntervalStyle::Postgres,
    }
}

fn extracted(name: &str, value: &Value, zone: &Zone) -> Result<Value> {
    Ok(extract::extract(name, value, zone)?.map_or(Value::Null, Value::Numeric))
}

fn of_extract(kind: &str, name: &str, text: &str, zone: &Zone) -> Result<Value> {
    let kind = crate::base::types::kind_from_name(kind).unwrap();
    extracted(name, &read(text, kind), zone)
}

fn of_trunc(kind: &str, name: &str, text: &str, zone: &Zone) -> Result<Value> {
    match kind {
        "timestamp" => truncate::timestamp(name, micros(text, TypeKind::Timestamp)).map(Value::Timestamp),
        "interval" => truncate::interval(name, &interval(text)).map(Value::Interval),
        _ => truncate::timestamptz(name, micros(text, TypeKind::Timestamptz), zone).map(Value::Timestamptz),
    }
}

fn compute(operation: &str, a: &str, b: &str, zone: &Zone) -> Result<Value> {
    use TypeKind::{Time, Timestamp, Timestamptz};
    let words: Vec<&str> = operation.split(' ').collect();
    match words[0] {
        "extract" => of_extract(words[1], a, b, zone),
        "trunc" => of_trunc(words[1], a, b, zone),
        "show" => Ok(Value::Interval(interval(a))),
        "timestamp+interval" => arithmetic::timestamp_add(micros(a, Timestamp), &interval(b)).map(Value::Timestamp),
        "timestamptz+interval" => {
            arithmetic::timestamptz_add(micros(a, Timestamptz), &interval(b), zone).map(Value::Timestamptz)
        }
        "timestamp-timestamp" => {
            arithmetic::timestamp_difference(micros(a, Timestamp), micros(b, Timestamp)).map(Value::Interval)
        }
        "age" => arithmetic::age(micros(a, Timestamp), micros(b, Timestamp)).map(Value::Interval),
        "interval+interval" => interval(a).checked_add(&interval(b)).map(Value::Interval),
        "interval*float" => interval(a).multiply(b.parse().unwrap()).map(Value::Interval),
        "interval/float" => interval(a).divide(b.parse().unwrap()).map(Value::Interval),
        "justify_hours" => interval(a).justify_hours().map(Value::Interval),
        "justify_days" => interval(a).justify_days().map(Value::Interval),
        "justify_interval" => interval(a).justify().map(Value::Interval),
        "time+interval" => Ok(Value::Time(arithmetic::time_add(micros(a, Time), &interval(b)))),
        "to_timestamp" => extract::timestamptz_from_epoch(a.parse().unwrap()).map(Value::Timestamptz),
        "bin" => {
            let origin = micros("2000-01-01 00:05:00", Timestamp);
            arithmetic::bin(&interval(a), micros(b, Timestamp), origin).map(Value::Timestamp)
        }
        "make_date" => {
            let numbers: Vec<i32> = a.split(',').map(|part| part.parse().unwrap()).collect();
            parse::make_date(numbers[0], numbers[1], numbers[2]).map(Value::Date)
        }
        other => panic!("unknown operation {other}"),
    }
}

/// `testdata/datetime_functions.txt` holds what PostgreSQL 15 answers: operation, arguments, answer.
#[test]
fn functions_are_those_of_postgresql() {
    let script = include_str!("../testdata/datetime_functions.txt");
    let mut wrong = Vec::new();
    for line in script.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let [operation, a, b, expected] = line.split('|').collect::<Vec<_>>().try_into().unwrap();
        let last = operation.rsplit(' ').next().unwrap();
        let mut style = Style { interval: style_of(last), ..Style::default() };
        style.zone = Zone::named(last).filter(|_| last.contains('/')).unwrap_or_default();
        let found = match compute(operation, a, b, &style.zone) {
            Ok(value) => {
                let mut out = Vec::new();
                text::write_with(&value, value.natural_type(), &style, &mut out);
                String::from_utf8(out).unwrap()
            }
            Err(error) => format!("!{}: {}", error.state(), error.message()),
        };
        if found != expected {
            wrong.push(format!("{line}\n    found {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
