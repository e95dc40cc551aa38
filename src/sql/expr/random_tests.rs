//! Random expressions over random rows: evaluation never panics, never calls a mistake of its own (XX000) on bound
//! expressions, and the row-by-row path agrees with the one over columns.

use super::{
    Comparison, Context, Expr, aggregate, evaluate,
    function::{self, Function},
    functions, operator,
    resolve::{Signature, Slot},
};
use crate::base::{
    batch::Batch,
    generate::Generator,
    types::{DataType, TypeKind},
    value::Value,
};

const KINDS: [TypeKind; 20] = [
    TypeKind::Bool,
    TypeKind::Int2,
    TypeKind::Int4,
    TypeKind::Int8,
    TypeKind::Float4,
    TypeKind::Float8,
    TypeKind::Numeric,
    TypeKind::Text,
    TypeKind::Varchar,
    TypeKind::Bpchar,
    TypeKind::Name,
    TypeKind::Bytea,
    TypeKind::Date,
    TypeKind::Time,
    TypeKind::Timetz,
    TypeKind::Timestamp,
    TypeKind::Timestamptz,
    TypeKind::Interval,
    TypeKind::Uuid,
    TypeKind::Oid,
];

fn signatures() -> Vec<Signature<Function>> {
    let tables = [
        functions::math::SIGNATURES,
        functions::strings::SIGNATURES,
        functions::datetime::SIGNATURES,
        functions::session::SIGNATURES,
        functions::arrays::SIGNATURES,
        operator::SIGNATURES,
    ];
    tables.concat()
}

struct Maker {
    random: Generator,
    signatures: Vec<Signature<Function>>,
    columns: Vec<DataType>,
}

impl Maker {
    fn kind(&mut self) -> DataType {
        DataType::of(KINDS[self.random.below(KINDS.len())])
    }

    fn literal(&mut self, data_type: DataType) -> Expr {
        Expr::Literal { value: value(&mut self.random, data_type), data_type }
    }

    fn leaf(&mut self, data_type: DataType) -> Expr {
        let places: Vec<usize> = (0..self.columns.len()).filter(|&at| self.columns[at] == data_type).collect();
        match places.as_slice() {
            [] => self.literal(data_type),
            _ if self.random.below(4) == 0 => self.literal(data_type),
            places => Expr::Column { position: places[self.random.below(places.len())], data_type },
        }
    }

    fn expression(&mut self, data_type: DataType, depth: usize) -> Expr {
        if depth == 0 {
            return self.leaf(data_type);
        }
        match self.random.below(10) {
            0 => self.leaf(data_type),
            1 => {
                let branches = (0..1 + self.random.below(2)).map(|_| {
                    (self.expression(DataType::of(TypeKind::Bool), depth - 1), self.expression(data_type, depth - 1))
                });
                let branches = branches.collect();
                let otherwise = (self.random.below(2) == 0).then(|| Box::new(self.expression(data_type, depth - 1)));
                Expr::Case { branches, otherwise, data_type }
            }
            2 => {
                let operands = (0..2).map(|_| self.expression(data_type, depth - 1)).collect();
                Expr::Coalesce { operands, data_type }
            }
            3 if !data_type.array => {
                let from = self.kind();
                match super::cast::cast_context(from, data_type) {
                    Some(_) => Expr::Cast {
                        operand: Box::new(self.expression(from, depth - 1)),
                        to: data_type,
                        explicit: self.random.below(2) == 0,
                    },
                    None => self.leaf(data_type),
                }
            }
            4..6 if data_type == DataType::of(TypeKind::Bool) => self.condition(depth - 1),
            _ => self.call(data_type, depth - 1),
        }
    }

    fn condition(&mut self, depth: usize) -> Expr {
        let bool = DataType::of(TypeKind::Bool);
        match self.random.below(6) {
            0 => Expr::And((0..3).map(|_| self.expression(bool, depth)).collect()),
            1 => Expr::Or((0..3).map(|_| self.expression(bool, depth)).collect()),
            2 => Expr::Not(Box::new(self.expression(bool, depth))),
            3 => {
                let kind = self.kind();
                Expr::IsNull { operand: Box::new(self.expression(kind, depth)), negated: self.random.below(2) == 0 }
            }
            4 => {
                let kind = self.kind();
                let list = (0..1 + self.random.below(12)).map(|_| self.literal(kind)).collect();
                Expr::InList {
                    operand: Box::new(self.expression(kind, depth)),
                    list,
                    negated: self.random.below(2) == 0,
                }
            }
            _ => {
                let kind = self.kind();
                let operators = [
                    Comparison::Equal,
                    Comparison::Less,
                    Comparison::GreaterOrEqual,
                    Comparison::DistinctFrom,
                    Comparison::NotDistinctFrom,
                ];
                Expr::Compare {
                    operator: operators[self.random.below(operators.len())],
                    left: Box::new(self.expression(kind, depth)),
                    right: Box::new(self.expression(kind, depth)),
                }
            }
        }
    }

    fn call(&mut self, data_type: DataType, depth: usize) -> Expr {
        let fits = |slot: Slot| match slot {
            Slot::Exact(result) => result == data_type,
            Slot::AnyElement | Slot::AnyCompatible => !data_type.array,
            Slot::AnyArray => data_type.array,
            Slot::Any | Slot::AsText => false,
        };
        let fitting: Vec<Signature<Function>> =
            self.signatures.iter().filter(|signature| fits(signature.result)).copied().collect();
        if fitting.is_empty() {
            return self.leaf(data_type);
        }
        let chosen = fitting[self.random.below(fitting.len())];
        let element = match chosen.result {
            Slot::AnyElement | Slot::AnyCompatible | Slot::AnyArray => data_type.element(),
            _ => DataType::of([TypeKind::Int4, TypeKind::Text][self.random.below(2)]),
        };
        let least = chosen.arguments.len() - chosen.optional;
        let mut count = least + self.random.below(chosen.optional + 1);
        if chosen.variadic {
            count += self.random.below(3);
        }
        let last = chosen.arguments.len().saturating_sub(1);
        let arguments = (0..count)
            .map(|at| {
                let argument = match chosen.arguments[at.min(last)] {
                    Slot::Exact(argument) => argument,
                    Slot::Any => self.kind(),
                    Slot::AsText => DataType::of(TypeKind::Text),
                    Slot::AnyElement | Slot::AnyCompatible => element,
                    Slot::AnyArray => DataType { array: true, ..element },
                };
                self.expression(argument, depth)
            })
            .collect();
        Expr::Call { function: chosen.function, arguments, data_type }
    }
}

/// Small values, edges, and NULL.
fn value(random: &mut Generator, data_type: DataType) -> Value {
    if random.below(8) == 0 {
        return Value::Null;
    }
    if data_type.array {
        let members = (0..random.below(4)).map(|_| value(random, data_type.element())).collect();
        return Value::array(members);
    }
    let mut whole = || [0, 1, -1, 2, 3, 7, 100, i64::from(i16::MAX), i64::from(i16::MIN)][random.below(9)];
    match data_type.kind {
        TypeKind::Int2 => Value::Int2(whole() as i16),
        TypeKind::Int4 => match random.below(8) {
            0 => Value::Int4(i32::MIN),
            1 => Value::Int4(i32::MAX),
            _ => Value::Int4(random.below(12) as i32 - 2),
        },
        TypeKind::Int8 => match random.below(8) {
            0 => Value::Int8(i64::MIN),
            1 => Value::Int8(i64::MAX),
            _ => Value::Int8(random.below(40) as i64 - 5),
        },
        TypeKind::Numeric => {
            let scale = random.below(4) as i64;
            let digits = random.below(100_000) as i64 - 50_000;
            Value::Numeric(crate::base::numeric::Numeric::new(digits.into(), scale))
        }
        TypeKind::Text | TypeKind::Varchar | TypeKind::Name | TypeKind::Bpchar => {
            const TEXTS: [&str; 20] = [
                "",
                "a",
                "abc",
                "é😀",
                "%b_",
                "(a|b)*",
                "[",
                "\\",
                "day",
                "year",
                "UTC",
                "2020-02-29",
                "12",
                "1.5",
                "true",
                "hex",
                "base64",
                "%s %I",
                "HH24:MI",
                "a.b",
            ];
            Value::text(TEXTS[random.below(TEXTS.len())])
        }
        _ => random.value(data_type),
    }
}

#[test]
fn random_expressions_neither_panic_nor_blame_the_server() {
    let columns: Vec<DataType> = KINDS.iter().map(|&kind| DataType::of(kind)).collect();
    let mut maker = Maker { random: Generator::new(99), signatures: signatures(), columns: columns.clone() };
    let mut wrong: Vec<String> = Vec::new();
    for round in 0..1_500 {
        let mut batch = Batch::new(columns.iter().copied());
        for _ in 0..6 {
            let row: Vec<Value> = columns.iter().map(|&data_type| value(&mut maker.random, data_type)).collect();
            batch.push_row(row);
        }
        let data_type = match maker.random.below(12) {
            0 => DataType::array_of(TypeKind::Int4),
            1 => DataType::array_of(TypeKind::Text),
            2..5 => DataType::of(TypeKind::Bool),
            _ => maker.kind(),
        };
        let expr = maker.expression(data_type, 1 + round % 4);
        let checked = std::panic::catch_unwind(|| check(&expr, &batch));
        match checked {
            Ok(Ok(())) => {}
            Ok(Err(message)) => wrong.push(format!("{message}\n   {expr:?}")),
            Err(_) => wrong.push(format!("panicked\n   {expr:?}")),
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Evaluates over the batch, and over each row alone: the values must be the same, and the batch fails exactly if some
/// row does.
fn check(expr: &Expr, batch: &Batch) -> Result<(), String> {
    let context = Context::default();
    let whole = evaluate(expr, batch, &context);
    match &whole {
        Ok(column) if column.len() != batch.rows => return Err(format!("{} rows came out", column.len())),
        Err(error) if error.state().as_str() == "XX000" => return Err(format!("{error:?}")),
        _ => {}
    }
    if super::volatility(expr) == function::Volatility::Volatile {
        return Ok(());
    }
    let mut failed = false;
    for row in 0..batch.rows {
        match (evaluate(expr, &batch.slice(row, 1), &context), &whole) {
            (Err(_), _) => failed = true,
            (Ok(single), Ok(column)) if single.value(0) != column.value(row) => {
                return Err(format!("row {row} gives {:?} alone, {:?} else", single.value(0), column.value(row)));
            }
            (Ok(_), _) => {}
        }
    }
    match whole {
        Ok(_) if failed => Err("a row fails alone, but not in the batch".to_owned()),
        Err(error) if !failed => Err(format!("the batch fails, but no row does: {error:?}")),
        _ => Ok(()),
    }
}

/// Every aggregate of the table has an accumulator.
#[test]
fn every_aggregate_can_be_computed() {
    for signature in aggregate::SIGNATURES {
        let place = |slot: &Slot| match slot {
            Slot::Exact(data_type) => *data_type,
            Slot::AnyArray => DataType::array_of(TypeKind::Int4),
            _ => DataType::of(TypeKind::Int4),
        };
        let argument = |(position, slot)| Expr::Column { position, data_type: place(slot) };
        let aggregate = super::Aggregate {
            function: signature.function,
            arguments: signature.arguments.iter().enumerate().map(argument).collect(),
            distinct: false,
            filter: None,
            order_by: Vec::new(),
            data_type: match signature.result {
                Slot::AnyArray => DataType::array_of(TypeKind::Int4),
                ref slot => place(slot),
            },
        };
        assert!(crate::sql::execute::can_aggregate(&aggregate), "{}", signature.name);
    }
}
