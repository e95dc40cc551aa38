//! Predicates that an index can serve, and the bounds that they become.

use super::key_value::{column_of, is_constant, key_value};
use crate::{
    base::{
        types::{DataType, TypeKind},
        value::Value,
    },
    sql::{
        expr::{Comparison, Expr, function::Function},
        plan::{Bound, expressions::BOOL},
    },
};

/// Values in a list that become single seeks.
pub const LIST_MAX: usize = 10_000;
/// Elements of an array that is not known yet.
pub const ARRAY_GUESS: f64 = 10.0;

/// A predicate that an index can serve.
pub struct Candidate<'f> {
    /// Which conjunct of the filter it is.
    pub conjunct: usize,
    /// Position in `table.columns`.
    pub column: usize,
    pub kind: Kind<'f>,
}

pub enum Kind<'f> {
    Equal(&'f Expr),
    In(Vec<Expr>),
    Less(&'f Expr, bool),
    Greater(&'f Expr, bool),
    /// A boolean column that must be this.
    Is(bool),
    /// A text that begins so.
    Begins(String),
    NotNull,
}

/// All predicates of a filter (over `columns`) that an index could serve.
pub fn candidates<'f>(filter: &'f [Expr], columns: &[usize]) -> Vec<Candidate<'f>> {
    let stored = |output: usize| columns.get(output).copied();
    let mut found = Vec::new();
    for (conjunct, part) in filter.iter().enumerate() {
        let place =
            |(output, kind): (usize, Kind<'f>)| stored(output).map(|column| Candidate { conjunct, column, kind });
        found.extend(servable(part).and_then(place));
    }
    found
}

/// The column and restriction of a predicate that an index can serve.
fn servable(part: &Expr) -> Option<(usize, Kind<'_>)> {
    match part {
        Expr::Compare { operator, left, right } => {
            let (column, value, operator) = match (column_of(left), column_of(right)) {
                (Some(column), _) if is_constant(right) => (column, &**right, *operator),
                (_, Some(column)) if is_constant(left) => (column, &**left, mirrored(*operator)),
                _ => return None,
            };
            let kind = match operator {
                Comparison::Equal => Kind::Equal(value),
                Comparison::Less => Kind::Less(value, false),
                Comparison::LessOrEqual => Kind::Less(value, true),
                Comparison::Greater => Kind::Greater(value, false),
                Comparison::GreaterOrEqual => Kind::Greater(value, true),
                _ => return None,
            };
            Some((column, kind))
        }
        Expr::InList { operand, list, negated: false } if list.len() <= LIST_MAX && list.iter().all(is_constant) => {
            Some((column_of(operand)?, Kind::In(list.clone())))
        }
        Expr::Call {
            function: Function::Quantified { comparison: Comparison::Equal, all: false }, arguments, ..
        } => match arguments.as_slice() {
            [operand, Expr::Array { elements, .. }] if elements.iter().all(is_constant) => {
                Some((column_of(operand)?, Kind::In(elements.clone())))
            }
            [operand, Expr::Literal { value: Value::Array(array), data_type }] if array.values.len() <= LIST_MAX => {
                let data_type = data_type.element();
                let element = |value: &Value| Expr::Literal { value: value.clone(), data_type };
                Some((column_of(operand)?, Kind::In(array.values.iter().map(element).collect())))
            }
            // An array that is known when the statement runs: a parameter or a subquery's rows.
            [operand @ Expr::Column { .. }, array] if is_constant(array) => {
                Some((column_of(operand)?, Kind::In(vec![array.clone()])))
            }
            _ => None,
        },
        Expr::Call { function: Function::Like, arguments, .. } => match arguments.as_slice() {
            [operand, Expr::Literal { value: Value::Text(pattern), .. }] => {
                let prefix = Some(beginning(pattern)).filter(|prefix| !prefix.is_empty());
                Some((super::selectivity::column_under_casts(operand)?, Kind::Begins(prefix?)))
            }
            _ => None,
        },
        Expr::IsNull { operand, negated: true } => Some((column_of(operand)?, Kind::NotNull)),
        Expr::Or(parts) => any_of_equals(parts),
        Expr::Column { position, data_type } if *data_type == BOOL => Some((*position, Kind::Is(true))),
        Expr::Not(operand) => match &**operand {
            Expr::Column { position, .. } => Some((*position, Kind::Is(false))),
            _ => None,
        },
        _ => None,
    }
}

/// `a = 1 OR a = 2 OR …` is `a IN (1, 2, …)`.
fn any_of_equals(parts: &[Expr]) -> Option<(usize, Kind<'_>)> {
    let mut values = Vec::with_capacity(parts.len());
    let mut chosen = None;
    for part in parts {
        let (column, kind) = servable(part)?;
        if *chosen.get_or_insert(column) != column {
            return None;
        }
        match kind {
            Kind::Equal(value) => values.push(value.clone()),
            Kind::In(list) => values.extend(list),
            _ => return None,
        }
    }
    Some((chosen?, Kind::In(values)))
}

pub fn mirrored(operator: Comparison) -> Comparison {
    match operator {
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        same => same,
    }
}

/// A bound made of predicates.
pub struct Served {
    pub bound: Bound,
    /// The conjuncts that it was made of.
    pub from: Vec<usize>,
    /// Those that need not be checked again.
    pub whole: Vec<usize>,
    /// Places to start reading at.
    pub seeks: f64,
}

/// A bound of one or several values on a column.
pub fn equality(key: usize, data_type: DataType, candidates: &[Candidate<'_>]) -> Option<Served> {
    let here = || candidates.iter().filter(|candidate| candidate.column == key);
    for candidate in here() {
        let value = match &candidate.kind {
            Kind::Equal(value) => key_value(value, data_type, true),
            Kind::Is(value) => key_value(&truth(*value), data_type, true),
            _ => None,
        };
        if let Some(value) = value {
            return Some(Served {
                bound: Bound::Equal(value.expression),
                from: vec![candidate.conjunct],
                whole: value.exact.then_some(candidate.conjunct).into_iter().collect(),
                seeks: 1.0,
            });
        }
    }
    for candidate in here() {
        let Kind::In(list) = &candidate.kind else { continue };
        let values: Option<Vec<_>> = list.iter().map(|value| key_value(value, data_type, true)).collect();
        let Some(values) = values else { continue };
        let exact = values.iter().all(|value| value.exact);
        let arrays = values.iter().any(|value| value.expression.data_type().array);
        let count = if arrays { ARRAY_GUESS } else { values.len() as f64 };
        let bound = Bound::In(values.into_iter().map(|value| value.expression).collect());
        let whole = exact.then_some(candidate.conjunct).into_iter().collect();
        return Some(Served { bound, from: vec![candidate.conjunct], whole, seeks: count });
    }
    None
}

/// Whether a bound has an array whose elements are known only when the statement runs.
pub fn has_array(bound: &Bound) -> bool {
    matches!(bound, Bound::In(list) if list.iter().any(|value| value.data_type().array))
}

fn truth(value: bool) -> Expr {
    Expr::Literal { value: Value::Bool(value), data_type: BOOL }
}

/// A lower and an upper limit on a column.
pub fn range(key: usize, data_type: DataType, candidates: &[Candidate<'_>]) -> Option<Served> {
    let (mut low, mut high, mut from, mut whole) = (None, None, Vec::new(), Vec::new());
    let mut not_null = false;
    for candidate in candidates.iter().filter(|candidate| candidate.column == key) {
        let (value, included, end) = match &candidate.kind {
            Kind::Less(value, included) => (value, *included, &mut high),
            Kind::Greater(value, included) => (value, *included, &mut low),
            Kind::Begins(prefix) if low.is_none() && high.is_none() && is_text(data_type) => {
                from.push(candidate.conjunct);
                low = Some((text(prefix), true));
                high = after(prefix).map(|after| (text(&after), false));
                continue;
            }
            // What lies within limits is not NULL anyway.
            Kind::NotNull => {
                not_null = true;
                from.push(candidate.conjunct);
                whole.push(candidate.conjunct);
                continue;
            }
            _ => continue,
        };
        // The first limit becomes the bound, further ones stay in the filter.
        if end.is_none()
            && let Some(value) = key_value(value, data_type, false)
        {
            *end = Some((value.expression, included));
            from.push(candidate.conjunct);
            whole.extend(value.exact.then_some(candidate.conjunct));
        }
    }
    (low.is_some() || high.is_some() || not_null).then_some(Served {
        bound: Bound::Range { low, high },
        from,
        whole,
        seeks: 1.0,
    })
}

fn is_text(data_type: DataType) -> bool {
    matches!(data_type.kind, TypeKind::Text | TypeKind::Varchar) && !data_type.array
}

fn text(text: &str) -> Expr {
    Expr::Literal { value: Value::text(text), data_type: DataType::of(TypeKind::Text) }
}

/// What a LIKE pattern begins with before its first wildcard.
fn beginning(pattern: &str) -> String {
    let mut prefix = String::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '%' | '_' => break,
            '\\' => prefix.extend(characters.next()),
            other => prefix.push(other),
        }
    }
    prefix
}

/// The least text that is greater than all that begin with a prefix, in byte order; none for a prefix of the greatest
/// characters only.
fn after(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        // Code points and UTF-8 have the same order; surrogates are no characters.
        if let Some(next) = (last as u32 + 1..=0x10FFFF).find_map(char::from_u32) {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}
