//! Which part of some rows a condition keeps, from most common values, histograms and numbers of different values.
//!
//! The ways are PostgreSQL's (`selfuncs.c`). All values are compared as key bytes. A condition over one column that has no
//! formula (LIKE, a regular expression, a computation) is tried on the column's most common values and on the bounds of
//! its histogram, which are a sample of the others.

use super::key_value::{is_constant, key_value};
use crate::{
    base::{
        batch::{Batch, Column},
        key,
        types::TypeKind,
        value::Value,
    },
    catalog::ColumnStatistics,
    sql::{
        expr::{
            self, Comparison, Context, Expr,
            function::{Function, Volatility},
            volatility,
        },
        plan::expressions::{any, columns_of, move_columns},
    },
};

/// Part of the rows that a condition with nothing known about it keeps, as in PostgreSQL.
const UNKNOWN: f64 = 1.0 / 3.0;
/// Part of the rows that a range with two ends keeps.
const RANGE: f64 = 0.005;
/// Part of the rows that LIKE and other calls keep.
const MATCH: f64 = 0.1;
/// Part of the rows that are NULL.
const NULLS: f64 = 0.01;
/// Bounds of a histogram that make it a sample to try conditions on.
const SAMPLE_BOUNDS_MIN: usize = 10;
/// A sample cannot tell less, or more, than this.
const SAMPLED_MIN: f64 = 0.0001;

/// What is known of a column that a condition names.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    pub found: Option<&'a ColumnStatistics>,
    /// Different values.
    pub distinct: f64,
    pub not_null: bool,
}

impl Facts<'_> {
    /// Part of the rows that are NULL here.
    pub fn nulls(&self) -> f64 {
        match self.found {
            _ if self.not_null => 0.0,
            Some(found) => found.null_fraction,
            None => NULLS,
        }
    }

    fn present(&self) -> f64 {
        self.found.map_or(1.0, |_| 1.0 - self.nulls())
    }
}

/// Tells the facts of a column by its position.
pub type Known<'f, 'k> = &'f (dyn Fn(usize) -> Option<Facts<'k>> + 'f);

/// Part of the rows for which all conditions hold. Two ends of a range on the same column are taken together.
pub fn of_all(parts: &[Expr], known: Known<'_, '_>) -> f64 {
    let mut selectivity = 1.0;
    let mut ends: Vec<End> = Vec::new();
    for part in parts {
        match end_of(part, known) {
            Some(end) => ends.push(end),
            None => selectivity *= of(part, known),
        }
    }
    while let Some(end) = ends.pop() {
        let mut of_range = end.selectivity;
        let others = ends.iter().position(|other| other.column == end.column && other.upper != end.upper);
        if let Some(other) = others.map(|place| ends.swap_remove(place)) {
            of_range = if end.guessed || other.guessed {
                RANGE
            } else {
                (end.selectivity + other.selectivity - end.present).max(SAMPLED_MIN)
            };
        }
        selectivity *= of_range;
    }
    selectivity.clamp(0.0, 1.0)
}

/// One end of a range.
struct End {
    column: usize,
    upper: bool,
    selectivity: f64,
    /// Part of the rows that are not NULL.
    present: f64,
    /// Nothing is known of the value or the column.
    guessed: bool,
}

fn end_of(part: &Expr, known: Known<'_, '_>) -> Option<End> {
    let Expr::Compare { operator, left, right } = part else { return None };
    let (column, value, operator) = sides(left, right, *operator)?;
    let (upper, inclusive) = match operator {
        Comparison::Less => (true, false),
        Comparison::LessOrEqual => (true, true),
        Comparison::Greater => (false, false),
        Comparison::GreaterOrEqual => (false, true),
        _ => return None,
    };
    let facts = known(column)?;
    let below = facts.found.and_then(|found| {
        let bytes = key_bytes(value, found)?;
        // Not above an excluded lower end are the values at it.
        Some(fraction_below(found, &bytes, if upper { inclusive } else { !inclusive }))
    });
    let present = facts.present();
    let selectivity = match below {
        Some(below) if upper => below,
        Some(below) => present - below,
        None => UNKNOWN,
    };
    Some(End { column, upper, selectivity: selectivity.clamp(0.0, 1.0), present, guessed: below.is_none() })
}

/// A column compared with a constant, the column on the left.
fn sides<'e>(left: &'e Expr, right: &'e Expr, operator: Comparison) -> Option<(usize, &'e Expr, Comparison)> {
    match (column_under_casts(left), column_under_casts(right)) {
        (Some(column), _) if is_constant(right) => Some((column, right, operator)),
        (_, Some(column)) if is_constant(left) => Some((column, left, super::candidates::mirrored(operator))),
        _ => None,
    }
}

/// The column that an expression is, but for casts that keep the order.
pub fn column_under_casts(expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Column { position, .. } => Some(*position),
        Expr::Cast { operand, to, .. } => {
            let from = operand.data_type();
            let integer = |kind| matches!(kind, TypeKind::Int2 | TypeKind::Int4 | TypeKind::Int8);
            let text = |kind| matches!(kind, TypeKind::Text | TypeKind::Varchar);
            let keeps = (integer(from.kind) && integer(to.kind)) || (text(from.kind) && text(to.kind));
            if keeps && !from.array { column_under_casts(operand) } else { None }
        }
        _ => None,
    }
}

/// Part of the rows for which a condition holds.
fn of(part: &Expr, known: Known<'_, '_>) -> f64 {
    match part {
        Expr::Literal { value: Value::Bool(truth), .. } => f64::from(u8::from(*truth)),
        Expr::Literal { value: Value::Null, .. } => 0.0,
        Expr::Compare { operator, left, right } => compared(part, *operator, left, right, known),
        Expr::InList { operand, list, negated } => {
            let Some(facts) = column_under_casts(operand).and_then(known) else { return UNKNOWN };
            let found: f64 = list.iter().map(|value| equal(&facts, value)).sum();
            if *negated { (facts.present() - found).max(0.0) } else { found.min(facts.present()) }
        }
        Expr::IsNull { operand, negated } => {
            let nulls = column_under_casts(operand).and_then(known).map_or(NULLS, |facts| facts.nulls());
            if *negated { 1.0 - nulls } else { nulls }
        }
        Expr::IsBool { operand, is, negated } => {
            let holds = match column_under_casts(operand).and_then(known) {
                Some(facts) => equal(&facts, &truth(*is)),
                None => 0.5,
            };
            if *negated { 1.0 - holds } else { holds }
        }
        Expr::Column { position, .. } => known(*position).map_or(0.5, |facts| equal(&facts, &truth(true))),
        Expr::And(parts) => of_all(parts, known),
        Expr::Or(parts) => {
            1.0 - parts.iter().map(|part| 1.0 - of_all(std::slice::from_ref(part), known)).product::<f64>()
        }
        Expr::Not(operand) => {
            let nulls =
                columns_of(operand).into_iter().filter_map(known).map(|facts| 1.0 - facts.present()).sum::<f64>();
            (1.0 - of_all(std::slice::from_ref(operand), known) - nulls).clamp(0.0, 1.0)
        }
        Expr::Call {
            function: Function::Quantified { comparison: Comparison::Equal, all: false }, arguments, ..
        } => any_of(arguments, known).unwrap_or(UNKNOWN),
        Expr::Call { .. } => tried(part, known).unwrap_or(MATCH),
        _ => tried(part, known).unwrap_or(UNKNOWN),
    }
}

fn truth(value: bool) -> Expr {
    Expr::Literal { value: Value::Bool(value), data_type: crate::sql::plan::expressions::BOOL }
}

fn compared(part: &Expr, operator: Comparison, left: &Expr, right: &Expr, known: Known<'_, '_>) -> f64 {
    let Some((column, value, operator)) = sides(left, right, operator) else {
        let both = (column_under_casts(left).and_then(known), column_under_casts(right).and_then(known));
        return match (operator, both) {
            (Comparison::Equal, (Some(left), Some(right))) => 1.0 / left.distinct.max(right.distinct).max(1.0),
            (Comparison::NotEqual, (Some(left), Some(right))) => 1.0 - 1.0 / left.distinct.max(right.distinct).max(1.0),
            _ => tried(part, known).unwrap_or(UNKNOWN),
        };
    };
    let Some(facts) = known(column) else { return UNKNOWN };
    let is_null = matches!(value, Expr::Literal { value: Value::Null, .. });
    match operator {
        Comparison::Equal => equal(&facts, value),
        Comparison::NotEqual if is_null => 0.0,
        Comparison::NotEqual => (facts.present() - equal(&facts, value)).max(0.0),
        Comparison::NotDistinctFrom if is_null => facts.nulls(),
        Comparison::NotDistinctFrom => equal(&facts, value),
        Comparison::DistinctFrom if is_null => 1.0 - facts.nulls(),
        Comparison::DistinctFrom => 1.0 - equal(&facts, value),
        _ => end_of(part, known).map_or(UNKNOWN, |end| end.selectivity),
    }
}

/// column = ANY (array).
fn any_of(arguments: &[Expr], known: Known<'_, '_>) -> Option<f64> {
    let [operand, array] = arguments else { return None };
    let facts = column_under_casts(operand).and_then(known)?;
    let found: f64 = match array {
        Expr::Array { elements, .. } => elements.iter().map(|value| equal(&facts, value)).sum(),
        Expr::Literal { value: Value::Array(array), data_type } => {
            let data_type = data_type.element();
            let each = array.values.iter().map(|value| Expr::Literal { value: value.clone(), data_type });
            each.map(|value| equal(&facts, &value)).sum()
        }
        _ => super::candidates::ARRAY_GUESS / facts.distinct.max(1.0),
    };
    Some(found.min(1.0))
}

/// Part of the rows that equal a constant.
pub fn equal(facts: &Facts<'_>, value: &Expr) -> f64 {
    if matches!(value, Expr::Literal { value: Value::Null, .. }) {
        return 0.0;
    }
    let Some(found) = facts.found else { return 1.0 / facts.distinct.max(1.0) };
    match key_bytes(value, found) {
        Some(bytes) => equal_bytes(found, facts.distinct, &bytes),
        // Some value that comes with the run: an average one.
        None => facts.present() / facts.distinct.max(1.0),
    }
}

fn equal_bytes(found: &ColumnStatistics, distinct: f64, bytes: &[u8]) -> f64 {
    if let Some((_, fraction)) = found.common.iter().find(|(common, _)| common == bytes) {
        return *fraction;
    }
    let others = distinct - found.common.len() as f64;
    if others < 1.0 {
        return 0.0;
    }
    // No other value is as common as the rarest of the common ones.
    let rarest = found.common.last().map_or(1.0, |(_, fraction)| *fraction);
    (found.other_fraction() / others).min(rarest)
}

/// Part of the rows that are less than a value, or equal to it if it is included.
pub fn fraction_below(found: &ColumnStatistics, bytes: &[u8], included: bool) -> f64 {
    let is_below = |common: &[u8]| common < bytes || (included && common == bytes);
    let common: f64 = found.common.iter().filter(|(value, _)| is_below(value)).map(|(_, fraction)| fraction).sum();
    common + found.other_fraction() * histogram_below(&found.histogram, bytes)
}

fn histogram_below(histogram: &[Vec<u8>], bytes: &[u8]) -> f64 {
    let (Some(first), Some(last)) = (histogram.first(), histogram.last()) else { return 0.5 };
    if bytes <= first.as_slice() {
        return 0.0;
    }
    if bytes >= last.as_slice() {
        return 1.0;
    }
    let above = histogram.partition_point(|bound| bound.as_slice() <= bytes).clamp(1, histogram.len() - 1);
    let within = position_between(&histogram[above - 1], &histogram[above], bytes);
    (above as f64 - 1.0 + within) / (histogram.len() as f64 - 1.0)
}

/// Where between two keys a third one stands, from 0 to 1: what they share is skipped, what follows is read as a number.
fn position_between(low: &[u8], high: &[u8], bytes: &[u8]) -> f64 {
    let shared = low.iter().zip(high).take_while(|(low, high)| low == high).count();
    let number = |key: &[u8]| {
        let mut word = [0; 8];
        let rest = key.get(shared..).unwrap_or_default();
        let taken = rest.len().min(8);
        word[..taken].copy_from_slice(&rest[..taken]);
        u64::from_be_bytes(word) as f64
    };
    let (low, high, bytes) = (number(low), number(high), number(bytes));
    if high <= low { 0.5 } else { ((bytes - low) / (high - low)).clamp(0.0, 1.0) }
}

/// A constant as key bytes of a column; `None` if it is not known yet or of another kind.
fn key_bytes(value: &Expr, column: &ColumnStatistics) -> Option<Vec<u8>> {
    let known_later = |part: &Expr| {
        matches!(part, Expr::Parameter { .. } | Expr::Subplan { .. } | Expr::Call { .. } | Expr::Column { .. })
    };
    if any(value, &known_later) {
        return None;
    }
    let value = key_value(value, column.data_type, false).or_else(|| key_value(value, column.data_type, true))?;
    let constant = expr::constant(&value.expression, &Context::default()).ok()?;
    if constant.is_null() {
        return None;
    }
    let mut bytes = Vec::new();
    key::encode_value(&constant, column.data_type, false, false, &mut bytes);
    Some(bytes)
}

/// The part of a column's sample that a condition over this column alone keeps.
fn tried(part: &Expr, known: Known<'_, '_>) -> Option<f64> {
    let columns = columns_of(part);
    let known_later = |part: &Expr| matches!(part, Expr::Parameter { .. } | Expr::Subplan { .. });
    if columns.len() != 1 || volatility(part) > Volatility::Immutable || any(part, &known_later) {
        return None;
    }
    let facts = known(columns.first().copied()?)?;
    let found = facts.found?;
    let sampled = if found.histogram.len() >= SAMPLE_BOUNDS_MIN { found.histogram.as_slice() } else { &[] };
    if sampled.is_empty() && found.common.is_empty() {
        return None;
    }
    let mut column = Column::new(found.data_type);
    for bytes in found.common.iter().map(|(value, _)| value).chain(sampled) {
        column.push(key::decode_value(&mut bytes.as_slice(), found.data_type, false).ok()?);
    }
    let mut over_sample = part.clone();
    move_columns(&mut over_sample, &|_| 0);
    let kept = expr::predicate(&over_sample, &Batch::from_columns(vec![column]), &Context::default()).ok()?;
    let (of_common, of_others) = kept.split_at(found.common.len().min(kept.len()));
    let common: f64 = found.common.iter().zip(of_common).filter(|(_, kept)| **kept).map(|((_, part), _)| part).sum();
    let others = match of_others.len() {
        0 => MATCH,
        count => of_others.iter().filter(|kept| **kept).count() as f64 / count as f64,
    };
    let others = others.clamp(SAMPLED_MIN, 1.0 - SAMPLED_MIN);
    Some((common + found.other_fraction() * others).clamp(0.0, 1.0))
}

/// Part of the pairs of rows of two inputs whose columns are equal: most common values meet each other, the others meet as
/// often as there are different ones.
pub fn joined(left: &Facts<'_>, right: &Facts<'_>) -> f64 {
    let by_count = || {
        let present = left.present() * right.present();
        present / left.distinct.max(right.distinct).max(1.0)
    };
    let (Some(of_left), Some(of_right)) = (left.found, right.found) else { return by_count() };
    let same_type = of_left.data_type.kind == of_right.data_type.kind && !of_left.data_type.array;
    if !same_type || of_left.common.is_empty() || of_right.common.is_empty() {
        return by_count();
    }
    let (mut together, mut left_met, mut right_met, mut met) = (0.0, 0.0, 0.0, 0.0);
    for (value, part) in &of_left.common {
        if let Some((_, other)) = of_right.common.iter().find(|(common, _)| common == value) {
            together += part * other;
            left_met += part;
            right_met += other;
            met += 1.0;
        }
    }
    let others = |facts: &Facts<'_>, found: &ColumnStatistics| (facts.distinct - found.common.len() as f64).max(0.0);
    let (left_others, right_others) = (others(left, of_left), others(right, of_right));
    let left_unmet = (of_left.common_fraction() - left_met).max(0.0);
    let right_unmet = (of_right.common_fraction() - right_met).max(0.0);
    let of_one_side = |unmet: f64, other: &ColumnStatistics, others: f64| {
        if others > 0.0 { unmet * other.other_fraction() / others } else { 0.0 }
    };
    together += of_one_side(left_unmet, of_right, right_others) + of_one_side(right_unmet, of_left, left_others);
    let most = left_others.max(right_others).max(1.0);
    together += of_left.other_fraction() * of_right.other_fraction() / most;
    if met == 0.0 && together == 0.0 { by_count() } else { together.clamp(0.0, 1.0) }
}
