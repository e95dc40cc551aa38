//! Bound expressions as text that reads like SQL.

use crate::{
    base::{
        text,
        types::{DataType, TypeKind},
        value::Value,
    },
    sql::expr::{Aggregate, Comparison, Expr, function::Function},
};

/// Items of a list that are shown before it is cut.
const SHOWN_MAX: usize = 32;

/// An expression over named columns.
pub(super) fn expression(expr: &Expr, names: &[String]) -> String {
    match expr {
        Expr::Column { position, .. } => names.get(*position).cloned().unwrap_or_else(|| format!("#{position}")),
        Expr::Literal { value, data_type } => literal(value, *data_type),
        Expr::Parameter { number, .. } => format!("${}", number + 1),
        Expr::And(parts) => junction(parts, " AND ", names),
        Expr::Or(parts) => junction(parts, " OR ", names),
        Expr::Not(operand) => format!("(NOT {})", expression(operand, names)),
        Expr::IsNull { operand, negated } => {
            format!("({} IS {}NULL)", expression(operand, names), not(*negated))
        }
        Expr::IsBool { operand, is, negated } => {
            let truth = if *is { "TRUE" } else { "FALSE" };
            format!("({} IS {}{truth})", expression(operand, names), not(*negated))
        }
        Expr::Compare { operator, left, right } => {
            format!("({} {} {})", expression(left, names), comparison(*operator), expression(right, names))
        }
        Expr::InList { operand, list: items, negated } => {
            format!("({} {}IN ({}))", expression(operand, names), not(*negated), list(items, names))
        }
        Expr::Case { branches, otherwise, .. } => {
            let mut text = "CASE".to_owned();
            for (condition, result) in branches {
                text.push_str(&format!(" WHEN {} THEN {}", expression(condition, names), expression(result, names)));
            }
            if let Some(otherwise) = otherwise {
                text.push_str(&format!(" ELSE {}", expression(otherwise, names)));
            }
            text + " END"
        }
        Expr::Coalesce { operands, .. } => format!("COALESCE({})", list(operands, names)),
        Expr::Cast { operand, to, .. } => format!("({})::{}", expression(operand, names), to.name()),
        Expr::Call { function, arguments, .. } => call(*function, arguments, names),
        Expr::Chain { operands, links } => chain(operands, links, names),
        Expr::Array { elements, .. } => format!("ARRAY[{}]", list(elements, names)),
        Expr::Row(parts) => format!("ROW({})", list(parts, names)),
        Expr::Subplan { number, .. } => format!("(SubPlan {})", number + 1),
    }
}

/// Expressions, separated by commas.
pub(super) fn list(exprs: &[Expr], names: &[String]) -> String {
    let mut shown: Vec<String> = exprs.iter().take(SHOWN_MAX).map(|expr| expression(expr, names)).collect();
    if exprs.len() > SHOWN_MAX {
        shown.push(format!("… {} more", exprs.len() - SHOWN_MAX));
    }
    shown.join(", ")
}

/// An aggregate call.
pub(super) fn aggregate_text(call: &Aggregate, names: &[String]) -> String {
    let name = spoken(&format!("{:?}", call.function));
    let distinct = if call.distinct { "DISTINCT " } else { "" };
    let filter = match &call.filter {
        Some(filter) => format!(" FILTER (WHERE {})", expression(filter, names)),
        None => String::new(),
    };
    format!("{name}({distinct}{}){filter}", list(&call.arguments, names))
}

fn literal(value: &Value, data_type: DataType) -> String {
    let plain = matches!(value, Value::Null | Value::Bool(_) | Value::Int2(_) | Value::Int4(_) | Value::Int8(_))
        || (matches!(value, Value::Numeric(_)) && data_type.kind == TypeKind::Numeric);
    if matches!(value, Value::Null) {
        return "NULL".to_owned();
    }
    let written = text::to_text(value, data_type);
    match (value, plain) {
        (Value::Bool(value), _) => value.to_string(),
        (_, true) => written,
        _ => format!("'{}'::{}", written.replace('\'', "''"), data_type.name()),
    }
}

fn not(negated: bool) -> &'static str {
    if negated { "NOT " } else { "" }
}

fn junction(parts: &[Expr], word: &str, names: &[String]) -> String {
    let shown: Vec<String> = parts.iter().map(|part| expression(part, names)).collect();
    format!("({})", shown.join(word))
}

pub(super) fn comparison(operator: Comparison) -> &'static str {
    match operator {
        Comparison::Equal => "=",
        Comparison::NotEqual => "<>",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
        Comparison::DistinctFrom => "IS DISTINCT FROM",
        Comparison::NotDistinctFrom => "IS NOT DISTINCT FROM",
    }
}

/// A run of operators, cut when it is long.
fn chain(operands: &[Expr], links: &[(Function, DataType)], names: &[String]) -> String {
    let mut text = format!("({}", operands.first().map(|first| expression(first, names)).unwrap_or_default());
    for ((function, _), operand) in links.iter().zip(operands.iter().skip(1)).take(SHOWN_MAX) {
        text.push_str(&format!(" {} {}", symbol(*function), expression(operand, names)));
    }
    if links.len() > SHOWN_MAX {
        text.push_str(&format!(" … {} more", links.len() - SHOWN_MAX));
    }
    text + ")"
}

/// The operator that stands for a function, if there is one.
fn symbol(function: Function) -> &'static str {
    match function {
        Function::Add => "+",
        Function::Subtract | Function::Negate => "-",
        Function::Multiply => "*",
        Function::Divide => "/",
        Function::Remainder => "%",
        Function::Concatenate => "||",
        Function::Like => "~~",
        Function::NotLike => "!~~",
        Function::InsensitiveLike => "~~*",
        Function::NotInsensitiveLike => "!~~*",
        Function::Matches => "~",
        Function::NotMatches => "!~",
        _ => "",
    }
}

fn call(function: Function, arguments: &[Expr], names: &[String]) -> String {
    match (symbol(function), arguments) {
        ("", [left, right]) if let Function::Quantified { comparison: operator, all } = function => {
            let word = if all { "ALL" } else { "ANY" };
            format!("({} {} {word} ({}))", expression(left, names), comparison(operator), expression(right, names))
        }
        ("", arguments) => format!("{}({})", spoken(&format!("{function:?}")), list(arguments, names)),
        (symbol, [operand]) => format!("({symbol} {})", expression(operand, names)),
        (symbol, [left, right]) => format!("({} {symbol} {})", expression(left, names), expression(right, names)),
        (symbol, arguments) => format!("{symbol}({})", list(arguments, names)),
    }
}

/// `CountRows` → `count_rows`.
fn spoken(name: &str) -> String {
    let mut spoken = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_uppercase() && !spoken.is_empty() {
            spoken.push('_');
        }
        spoken.extend(c.to_lowercase());
    }
    spoken
}
