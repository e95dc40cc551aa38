//! How a scan reaches its rows: all of the table, a part of the primary key, or an index; the cheapest by estimate.

use super::{
    estimate,
    key_value::{column_of, is_constant, key_value},
};
use crate::{
    base::{ids::IndexId, types::DataType, value::Value},
    catalog::Table,
    sql::{
        expr::{Comparison, Expr, function::Function},
        plan::{
            Bound, Targets,
            expressions::BOOL,
            statistics::{self, Statistics},
        },
    },
};

/// A way to the rows.
pub struct Access {
    pub index: IndexId,
    pub bounds: Vec<Bound>,
    /// What the bounds do not say.
    pub filter: Vec<Expr>,
    pub targets: Targets,
    /// Whether at most one row is found, by its whole primary key.
    pub point: bool,
    cost: f64,
}

/// Cost of reading one row through an index and then the row itself, where reading a row of a scan costs 1.
const INDEX_ROW_COST: f64 = 6.0;
/// Cost of starting to read somewhere.
const SEEK_COST: f64 = 4.0;
/// Values in a list that become single seeks.
const LIST_MAX: usize = 10_000;

/// Elements of an array that is not known yet.
const ARRAY_GUESS: f64 = 10.0;

/// A predicate that an index can serve.
struct Candidate<'f> {
    /// Which conjunct of the filter it is.
    conjunct: usize,
    /// Position in `table.columns`.
    column: usize,
    kind: Kind<'f>,
}

enum Kind<'f> {
    Equal(&'f Expr),
    In(Vec<Expr>),
    Less(&'f Expr, bool),
    Greater(&'f Expr, bool),
    /// A boolean column that must be this.
    Is(bool),
}

/// Chooses the way to the rows of a table for which `filter` holds (over `columns`).
pub fn access(table: &Table, columns: &[usize], filter: Vec<Expr>, known: &dyn Statistics) -> Access {
    let rows = statistics::rows(known, table.id);
    let candidates = candidates(&filter, columns);
    let mut best = Access {
        index: IndexId::PRIMARY,
        bounds: Vec::new(),
        filter: Vec::new(),
        targets: Targets::All,
        point: false,
        cost: SEEK_COST + rows,
    };
    let mut used: Vec<usize> = Vec::new();
    let primary =
        table.primary_key.as_ref().map(|_| (IndexId::PRIMARY, table.key_positions().collect::<Vec<_>>(), true));
    let secondary = table.indexes.iter().map(|index| {
        let columns = index.columns.iter().map(|part| usize::from(part.column.0)).collect();
        (index.id, columns, index.unique)
    });
    for (index, keys, unique) in primary.into_iter().chain(secondary) {
        let Some((found, served)) = through(table, index, &keys, unique, &candidates, rows, known) else { continue };
        if found.cost < best.cost {
            best = found;
            used = served;
        }
    }
    drop(candidates);
    let left = filter.into_iter().enumerate().filter(|(conjunct, _)| !used.contains(conjunct));
    best.filter = left.map(|(_, part)| part).collect();
    best
}

fn candidates<'f>(filter: &'f [Expr], columns: &[usize]) -> Vec<Candidate<'f>> {
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

fn mirrored(operator: Comparison) -> Comparison {
    match operator {
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        same => same,
    }
}

/// What the bounds on a prefix of an index find, and the conjuncts that they serve in full.
fn through(
    table: &Table,
    index: IndexId,
    keys: &[usize],
    unique: bool,
    candidates: &[Candidate<'_>],
    rows: f64,
    known: &dyn Statistics,
) -> Option<(Access, Vec<usize>)> {
    let (mut bounds, mut served) = (Vec::new(), Vec::new());
    let (mut found, mut seeks, mut equals) = (rows, 1.0, 0);
    for &key in keys {
        let data_type = table.columns.get(key)?.data_type;
        let distinct = statistics::distinct(known, table, key);
        if let Some((bound, conjunct, values)) = equality(key, data_type, candidates) {
            // Lists multiply: what would become too many seeks stays in the filter.
            let lists = !matches!(bound, Bound::Equal(_)) && seeks > 1.0;
            if lists && (has_array(&bound) || bounds.iter().any(has_array) || seeks * values > LIST_MAX as f64) {
                break;
            }
            equals += usize::from(matches!(bound, Bound::Equal(_)));
            found *= (values / distinct).min(1.0);
            seeks *= values;
            bounds.push(bound);
            served.extend(conjunct);
            continue;
        }
        if let Some((bound, conjuncts)) = range(key, data_type, candidates) {
            let two_ends = matches!(&bound, Bound::Range { low: Some(_), high: Some(_) });
            found *= if two_ends { estimate::RANGE_SELECTIVITY } else { 1.0 / 3.0 };
            bounds.push(bound);
            served.extend(conjuncts);
        }
        break;
    }
    if bounds.is_empty() {
        return None;
    }
    let whole = equals == keys.len();
    if whole && unique {
        found = 1.0;
    }
    let found = found.max(1.0);
    let is_primary = index == IndexId::PRIMARY;
    let cost = SEEK_COST * seeks + if is_primary { found } else { found * INDEX_ROW_COST };
    let point = whole && is_primary;
    let targets = if point {
        Targets::PartitionOf(
            bounds
                .iter()
                .filter_map(|bound| match bound {
                    Bound::Equal(value) => Some(value.clone()),
                    _ => None,
                })
                .collect(),
        )
    } else {
        Targets::All
    };
    Some((Access { index, bounds, filter: Vec::new(), targets, point, cost }, served))
}

/// A bound of one or several values on a column, the conjunct that it serves in full, and the number of values.
fn equality(key: usize, data_type: DataType, candidates: &[Candidate<'_>]) -> Option<(Bound, Option<usize>, f64)> {
    let here = || candidates.iter().filter(|candidate| candidate.column == key);
    for candidate in here() {
        let value = match &candidate.kind {
            Kind::Equal(value) => key_value(value, data_type, true),
            Kind::Is(value) => key_value(&truth(*value), data_type, true),
            _ => None,
        };
        if let Some(value) = value {
            return Some((Bound::Equal(value.expression), value.exact.then_some(candidate.conjunct), 1.0));
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
        return Some((bound, exact.then_some(candidate.conjunct), count));
    }
    None
}

/// Whether a bound has an array whose elements are known only when the statement runs.
fn has_array(bound: &Bound) -> bool {
    matches!(bound, Bound::In(list) if list.iter().any(|value| value.data_type().array))
}

fn truth(value: bool) -> Expr {
    Expr::Literal { value: Value::Bool(value), data_type: BOOL }
}

/// A lower and an upper limit on a column, with the conjuncts that they serve in full.
fn range(key: usize, data_type: DataType, candidates: &[Candidate<'_>]) -> Option<(Bound, Vec<usize>)> {
    let (mut low, mut high, mut served) = (None, None, Vec::new());
    for candidate in candidates.iter().filter(|candidate| candidate.column == key) {
        let (value, included, end) = match &candidate.kind {
            Kind::Less(value, included) => (value, *included, &mut high),
            Kind::Greater(value, included) => (value, *included, &mut low),
            _ => continue,
        };
        // The first limit becomes the bound, further ones stay in the filter.
        if end.is_none()
            && let Some(value) = key_value(value, data_type, false)
        {
            *end = Some((value.expression, included));
            served.extend(value.exact.then_some(candidate.conjunct));
        }
    }
    (low.is_some() || high.is_some()).then_some((Bound::Range { low, high }, served))
}
