//! Inner joins in an order that keeps intermediate results small and avoids products where a condition connects.
//!
//! Up to [`EXACT_MAX`] relations every order is weighed, with joins of joins among them (`search.rs`); beyond it, greedily:
//! from the smallest relation on, always the connected relation that gives the fewest rows next. Outer joins are units that
//! are not taken apart.

mod search;

use super::{estimate, map_inputs};
use crate::sql::{
    expr::Expr,
    plan::{
        JoinKind,
        expressions::{column, columns_of, move_columns},
        logical::Logical,
        statistics::Statistics,
    },
};
use search::{Links, Tree};
use std::collections::BTreeSet;

/// Relations for which every order is weighed.
const EXACT_MAX: usize = 10;

/// Reorders every group of inner joins of three relations or more.
pub fn rule(plan: Logical, known: &dyn Statistics) -> Logical {
    match plan {
        Logical::Join { kind: JoinKind::Inner, .. } => {
            let mut group = Group::default();
            collect(plan, &mut group);
            let relations = std::mem::take(&mut group.relations);
            group.relations = relations.into_iter().map(|(start, plan)| (start, rule(plan, known))).collect();
            if group.relations.len() < 3 { group.unordered() } else { group.ordered(known) }
        }
        plan => map_inputs(plan, &mut |input| rule(input, known)),
    }
}

/// Relations that are joined with each other, and all conditions, over the columns as written.
#[derive(Default)]
struct Group {
    /// With the position at which each one's columns start as written.
    relations: Vec<(usize, Logical)>,
    conditions: Vec<Expr>,
    width: usize,
}

fn collect(plan: Logical, group: &mut Group) {
    match plan {
        Logical::Join { left, right, kind: JoinKind::Inner, condition } => {
            let start = group.width;
            collect(*left, group);
            collect(*right, group);
            group.conditions.extend(condition.into_iter().map(|mut part| {
                move_columns(&mut part, &|position| position + start);
                part
            }));
        }
        plan => {
            let width = plan.width();
            group.relations.push((group.width, plan));
            group.width += width;
        }
    }
}

impl Group {
    /// The joins in the order in which they were written.
    fn unordered(self) -> Logical {
        let order: Vec<usize> = (0..self.relations.len()).collect();
        self.in_order(&Tree::one_by_one(&order)).0
    }

    fn ordered(self, known: &dyn Statistics) -> Logical {
        let sizes: Vec<f64> = self.relations.iter().map(|(_, plan)| estimate::rows(plan, known)).collect();
        let tree = if sizes.len() <= EXACT_MAX {
            search::cheapest(&sizes, &self.links(known))
        } else {
            Tree::one_by_one(&Group::greedy(&sizes, &self.links(known)))
        };
        let types: Vec<_> = self.relations.iter().flat_map(|(_, plan)| plan.types()).collect();
        let (joined, places) = self.in_order(&tree);
        if places.iter().enumerate().all(|(old, &new)| old == new) {
            return joined;
        }
        let expressions = places.iter().zip(types).map(|(&place, data_type)| column(place, data_type));
        joined.projected(expressions.collect())
    }

    /// Which relations each condition connects, and the part of their pairs that it keeps.
    fn links(&self, known: &dyn Statistics) -> Vec<Links> {
        let link = |condition: &Expr| {
            let relations: BTreeSet<usize> =
                columns_of(condition).into_iter().filter_map(|place| self.owner(place)).collect();
            Links { relations, selectivity: self.condition_selectivity(condition, known) }
        };
        self.conditions.iter().map(link).collect()
    }

    fn greedy(sizes: &[f64], links: &[Links]) -> Vec<usize> {
        let smallest = |candidates: &mut dyn Iterator<Item = usize>| {
            candidates.min_by(|&left, &right| sizes[left].total_cmp(&sizes[right]))
        };
        let mut order: Vec<usize> = Vec::with_capacity(sizes.len());
        let mut joined_rows = 1.0;
        while order.len() < sizes.len() {
            let mut left = (0..sizes.len()).filter(|relation| !order.contains(relation));
            let next = if order.is_empty() {
                smallest(&mut left)
            } else {
                let connected = left.clone().filter_map(|relation| {
                    joined_with(&order, relation, joined_rows * sizes[relation], links).map(|rows| (relation, rows))
                });
                let best = connected.min_by(|left, right| left.1.total_cmp(&right.1));
                best.map(|(relation, _)| relation).or_else(|| smallest(&mut left))
            };
            let Some(next) = next else { break };
            let product = joined_rows * sizes[next];
            joined_rows = joined_with(&order, next, product, links).unwrap_or(product).max(1.0);
            order.push(next);
        }
        order
    }

    fn condition_selectivity(&self, condition: &Expr, known: &dyn Statistics) -> f64 {
        let side = |expr: &Expr| {
            let owner = columns_of(expr).first().and_then(|&place| self.owner(place))?;
            let (start, plan) = self.relations.get(owner)?;
            let mut moved = expr.clone();
            move_columns(&mut moved, &|position| position.saturating_sub(*start));
            Some((plan, moved))
        };
        if let Expr::Compare { operator: crate::sql::expr::Comparison::Equal, left, right } = condition
            && let (Some(left), Some(right)) = (side(left), side(right))
        {
            return estimate::equal_selectivity((left.0, &left.1), (right.0, &right.1), known);
        }
        let facts = |place: usize| {
            let (start, plan) = self.owner(place).and_then(|owner| self.relations.get(owner))?;
            estimate::facts(plan, place - start, known)
        };
        super::selectivity::of_all(std::slice::from_ref(condition), &facts)
    }

    /// The relation that a column as written belongs to.
    fn owner(&self, place: usize) -> Option<usize> {
        self.relations.iter().rposition(|(start, _)| *start <= place)
    }

    /// The joins of a tree, each condition at the first join that has all it reads; and for each column as written the
    /// place where it stands now.
    fn in_order(self, tree: &Tree) -> (Logical, Vec<usize>) {
        let mut places = vec![0; self.width];
        let mut next = 0;
        for relation in tree.leaves() {
            let Some((start, plan)) = self.relations.get(relation) else { continue };
            for offset in 0..plan.width() {
                if let Some(place) = places.get_mut(start + offset) {
                    *place = next + offset;
                }
            }
            next += plan.width();
        }
        let mut conditions: Vec<Expr> = self.conditions;
        conditions.iter_mut().for_each(|part| {
            move_columns(part, &|position| places.get(position).copied().unwrap_or(position));
        });
        let mut relations: Vec<Option<Logical>> = self.relations.into_iter().map(|(_, plan)| Some(plan)).collect();
        let joined = joined(tree, &mut relations, &mut conditions, 0);
        (joined.filtered(conditions), places)
    }
}

/// Rows after joining one more relation that would give `product` without a condition; `None` if none connects it.
fn joined_with(joined: &[usize], relation: usize, product: f64, links: &[Links]) -> Option<f64> {
    let ready = |other: &usize| *other == relation || joined.contains(other);
    let connecting = links.iter().filter(|link| {
        link.relations.len() > 1 && link.relations.contains(&relation) && link.relations.iter().all(ready)
    });
    let mut connecting = connecting.peekable();
    connecting.peek()?;
    Some(product * connecting.map(|link| link.selectivity).product::<f64>())
}

/// The joins of a tree whose first column stands at `start`; takes the conditions that read nothing else.
fn joined(tree: &Tree, relations: &mut [Option<Logical>], conditions: &mut Vec<Expr>, start: usize) -> Logical {
    match tree {
        Tree::Relation(relation) => {
            relations.get_mut(*relation).and_then(Option::take).unwrap_or_else(Logical::one_row)
        }
        Tree::Join(left, right) => {
            let left = joined(left, relations, conditions, start);
            let right = joined(right, relations, conditions, start + left.width());
            let end = start + left.width() + right.width();
            let ready = |part: &Expr| columns_of(part).iter().all(|place| (start..end).contains(place));
            let (mut condition, later): (Vec<Expr>, Vec<Expr>) =
                std::mem::take(conditions).into_iter().partition(ready);
            *conditions = later;
            condition.iter_mut().for_each(|part| move_columns(part, &|place| place - start));
            Logical::Join { left: Box::new(left), right: Box::new(right), kind: JoinKind::Inner, condition }
        }
    }
}
