//! How a scan reaches its rows: all of the table, a part of the primary key, or an index, in the order of its keys or in
//! any; the cheapest by estimate.

use super::{
    candidates::{Candidate, LIST_MAX, Served, candidates, equality, has_array, range},
    cost, estimate,
    order::{KeyPart, Order, key_parts},
};
use crate::{
    base::ids::IndexId,
    catalog::Table,
    sql::{
        expr::Expr,
        plan::{
            Bound, Targets,
            expressions::columns_of,
            statistics::{self, Statistics},
        },
    },
};
use std::collections::BTreeSet;

/// A way to the rows.
pub struct Access {
    pub index: IndexId,
    pub bounds: Vec<Bound>,
    /// What the bounds do not say.
    pub filter: Vec<Expr>,
    pub targets: Targets,
    /// Whether at most one row is found, by its whole primary key.
    pub point: bool,
    /// The rows come in the wanted order; backwards if it says `true`.
    pub in_order: Option<bool>,
    /// The entries of the index have all that is read.
    pub covered: bool,
    /// Rows that come out, filtered.
    pub rows: f64,
    /// Of reading all there is, without what it takes to sort.
    pub cost: f64,
}

/// What is to be done with the rows, as far as the way to them may help.
#[derive(Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// Positions of the scan's output that are read above; all of them if it is not said.
    pub read: Option<&'a BTreeSet<usize>>,
    pub order: Option<Order<'a>>,
}

/// A table with what is asked of it.
struct Question<'a> {
    table: &'a Table,
    columns: &'a [usize],
    filter: &'a [Expr],
    wanted: Wanted<'a>,
    known: &'a dyn Statistics,
    /// Rows of the table, and those that the whole filter leaves.
    all: f64,
    kept: f64,
}

/// A way with the conjuncts that its bounds serve in full.
struct Way {
    access: Access,
    whole: Vec<usize>,
    /// With sorting, if that is needed after it.
    total: f64,
}

/// Chooses the way to the rows of a table for which `filter` holds (over `columns`).
pub fn access(
    table: &Table,
    columns: &[usize],
    filter: Vec<Expr>,
    wanted: Wanted<'_>,
    known: &dyn Statistics,
) -> Access {
    let candidates = candidates(&filter, columns);
    let all = statistics::rows(known, table);
    let mut question = Question { table, columns, filter: &filter, wanted, known, all, kept: 1.0 };
    let best = question.best(&candidates);
    drop(candidates);
    let Way { mut access, whole, .. } = best;
    let left = filter.into_iter().enumerate().filter(|(conjunct, _)| !whole.contains(conjunct));
    access.filter = left.map(|(_, part)| part).collect();
    access
}

/// What the bounds on a prefix of an index say.
#[derive(Default)]
struct Prefix {
    bounds: Vec<Bound>,
    from: Vec<usize>,
    whole: Vec<usize>,
    seeks: f64,
}

impl Question<'_> {
    /// The cheapest way. Nothing beats the whole primary key, so what else there is need not be looked at then.
    fn best(&mut self, candidates: &[Candidate<'_>]) -> Way {
        let primary = self.table.primary_key.as_ref().map(|_| key_parts(self.table, IndexId::PRIMARY));
        let by_key = |question: &Self, parts: &[KeyPart]| question.way(IndexId::PRIMARY, parts, true, candidates);
        if let Some(parts) = &primary {
            let way = by_key(self, parts);
            if way.access.point {
                return way;
            }
        }
        self.kept = (self.all * estimate::selectivity(self.filter, self.table, self.columns, self.known)).max(1.0);
        let mut best = self.way(IndexId::PRIMARY, &[], false, candidates);
        let mut consider = |way: Way| {
            if way.total < best.total {
                best = way;
            }
        };
        primary.iter().for_each(|parts| consider(by_key(self, parts)));
        for index in &self.table.indexes {
            consider(self.way(index.id, &key_parts(self.table, index.id), index.unique, candidates));
        }
        best
    }

    /// The way through an index, with the bounds that the candidates make on a prefix of its columns.
    fn way(&self, index: IndexId, parts: &[KeyPart], unique: bool, candidates: &[Candidate<'_>]) -> Way {
        let own = parts.iter().filter(|part| part.own).count();
        let Prefix { bounds, from, whole, seeks } = self.prefix(&parts[..own], candidates);
        let equals = bounds.iter().filter(|bound| matches!(bound, Bound::Equal(_))).count();
        let is_whole = own > 0 && equals == own;
        let bounded: Vec<Expr> = from.iter().filter_map(|&conjunct| self.filter.get(conjunct).cloned()).collect();
        let selectivity = estimate::selectivity(&bounded, self.table, self.columns, self.known);
        let found = if is_whole && unique { 1.0 } else { (self.all * selectivity).max(1.0) };
        let is_primary = index == IndexId::PRIMARY;
        let covered = !is_primary && self.is_covered(parts, &whole);
        let checks = (self.filter.len() - whole.len()) as f64 * cost::CHECK;
        let per_row = match (is_primary, covered) {
            (true, _) => cost::ROW,
            (false, true) => cost::ENTRY,
            (false, false) => cost::ENTRY + if unique { cost::LOOKUP_ELSEWHERE } else { cost::LOOKUP },
        };
        let rows = self.kept.min(found);
        let in_order = self.wanted.order.and_then(|order| order.served(parts, &bounds));
        let reading = cost::SEEK * seeks + found * (per_row + checks);
        let (cost, total) = match (self.wanted.order, in_order) {
            (None, _) => (reading, reading),
            (Some(order), None) => (reading, reading + cost::sort(rows, order.limit)),
            (Some(order), Some(_)) => {
                // Reading ends with the last row that is wanted.
                let part = (order.limit / rows).min(1.0);
                let all = reading + found * cost::MERGE;
                (all, cost::SEEK * seeks + (all - cost::SEEK * seeks) * part)
            }
        };
        let point = is_whole && is_primary;
        let targets = if point { Targets::PartitionOf(equal_values(&bounds)) } else { Targets::All };
        let access = Access { index, bounds, filter: Vec::new(), targets, point, in_order, covered, rows, cost };
        Way { access, whole, total }
    }

    fn prefix(&self, parts: &[KeyPart], candidates: &[Candidate<'_>]) -> Prefix {
        let mut prefix = Prefix { seeks: 1.0, ..Prefix::default() };
        for part in parts {
            let Some(data_type) = self.table.columns.get(part.column).map(|column| column.data_type) else { break };
            if let Some(Served { bound, from, whole, seeks }) = equality(part.column, data_type, candidates) {
                // Lists multiply: what would become too many seeks stays in the filter.
                let lists = !matches!(bound, Bound::Equal(_)) && prefix.seeks > 1.0;
                let arrays = has_array(&bound) || prefix.bounds.iter().any(has_array);
                if lists && (arrays || prefix.seeks * seeks > LIST_MAX as f64) {
                    break;
                }
                prefix.seeks *= seeks;
                prefix.bounds.push(bound);
                prefix.from.extend(from);
                prefix.whole.extend(whole);
                continue;
            }
            if let Some(Served { bound, from, whole, .. }) = range(part.column, data_type, candidates) {
                prefix.bounds.push(bound);
                prefix.from.extend(from);
                prefix.whole.extend(whole);
            }
            break;
        }
        prefix
    }

    /// Whether all that is read is in the keys of the index, in a form that gives the value back as it was.
    fn is_covered(&self, parts: &[KeyPart], whole: &[usize]) -> bool {
        let Some(read) = self.wanted.read else { return false };
        let left = self.filter.iter().enumerate().filter(|(conjunct, _)| !whole.contains(conjunct));
        let mut needed = read.clone();
        left.for_each(|(_, part)| needed.extend(columns_of(part)));
        needed.iter().all(|&position| {
            let stored = self.columns.get(position);
            stored.is_some_and(|stored| parts.iter().any(|part| part.column == *stored && part.readable))
        })
    }
}

fn equal_values(bounds: &[Bound]) -> Vec<Expr> {
    let values = bounds.iter().filter_map(|bound| match bound {
        Bound::Equal(value) => Some(value.clone()),
        _ => None,
    });
    values.collect()
}
