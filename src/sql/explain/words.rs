//! Parts of plans in words.

use super::describe::{aggregate_text, expression, list};
use crate::{
    catalog::Table,
    sql::{
        expr::Aggregate,
        plan::{AggregateMode, Bound, JoinKind, SortKey},
    },
};

/// Aggregate calls; final ones are called as the partial ones whose states they take.
pub(super) fn shown_calls(
    aggregates: &[Aggregate],
    mode: AggregateMode,
    groups: usize,
    names: &[String],
) -> Vec<String> {
    match mode {
        AggregateMode::Final => names.iter().skip(groups).take(aggregates.len()).cloned().collect(),
        AggregateMode::Single | AggregateMode::Partial => {
            aggregates.iter().map(|call| aggregate_text(call, names)).collect()
        }
    }
}

pub(super) fn column_name(table: &Table, position: usize) -> String {
    table.columns.get(position).map_or_else(|| "?".to_owned(), |column| crate::sql::names::quote(&column.name))
}

pub(super) fn column_names(table: &Table) -> Vec<String> {
    table.live_columns().map(|(_, column)| crate::sql::names::quote(&column.name)).collect()
}

pub(super) fn bound_text(bound: &Bound, name: &str) -> String {
    match bound {
        Bound::Equal(value) => format!("({name} = {})", expression(value, &[])),
        Bound::In(values) if values.len() == 1 && values[0].data_type().array => {
            format!("({name} = ANY ({}))", expression(&values[0], &[]))
        }
        Bound::In(values) if values.len() > 16 => format!("({name} IN ({} values))", values.len()),
        Bound::In(values) => format!("({name} IN ({}))", list(values, &[])),
        Bound::Range { low: None, high: None } => format!("({name} IS NOT NULL)"),
        Bound::Range { low, high } => {
            let low = low.as_ref().map(|(value, included)| {
                format!("({name} {} {})", if *included { ">=" } else { ">" }, expression(value, &[]))
            });
            let high = high.as_ref().map(|(value, included)| {
                format!("({name} {} {})", if *included { "<=" } else { "<" }, expression(value, &[]))
            });
            low.into_iter().chain(high).collect::<Vec<_>>().join(" AND ")
        }
    }
}

pub(super) fn sort_keys(keys: &[SortKey], names: &[String]) -> String {
    let shown = keys.iter().map(|key| {
        let order = match (key.descending, key.nulls_first) {
            (false, false) => "",
            (false, true) => " NULLS FIRST",
            (true, true) => " DESC",
            (true, false) => " DESC NULLS LAST",
        };
        format!("{}{order}", expression(&key.expression, names))
    });
    shown.collect::<Vec<_>>().join(", ")
}

pub(super) fn join_name(kind: JoinKind) -> &'static str {
    match kind {
        JoinKind::Inner => "Join",
        JoinKind::Left => "Left Join",
        JoinKind::Right => "Right Join",
        JoinKind::Full => "Full Join",
        JoinKind::Semi => "Semi Join",
        JoinKind::Anti => "Anti Join",
    }
}
