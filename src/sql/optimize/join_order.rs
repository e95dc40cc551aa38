//! Inner joins in an order that keeps intermediate results small and avoids products where a condition connects.
//!
//! Greedy: from the smallest relation on, always the connected relation that gives the fewest rows next. Outer joins
//! are units that are not taken apart.

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
        self.in_order(&order).0
    }

    fn ordered(self, known: &dyn Statistics) -> Logical {
        let order = self.choose(known);
        let types: Vec<_> = self.relations.iter().flat_map(|(_, plan)| plan.types()).collect();
        let (joined, places) = self.in_order(&order);
        if places.iter().enumerate().all(|(old, &new)| old == new) {
            return joined;
        }
        let expressions = places.iter().zip(types).map(|(&place, data_type)| column(place, data_type));
        joined.projected(expressions.collect())
    }

    fn choose(&self, known: &dyn Statistics) -> Vec<usize> {
        let sizes: Vec<f64> = self.relations.iter().map(|(_, plan)| estimate::rows(plan, known)).collect();
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
                    self.joined_with(&order, relation, joined_rows, sizes[relation], known).map(|rows| (relation, rows))
                });
                let best = connected.min_by(|left, right| left.1.total_cmp(&right.1));
                best.map(|(relation, _)| relation).or_else(|| smallest(&mut left))
            };
            let Some(next) = next else { break };
            joined_rows = self
                .joined_with(&order, next, joined_rows, sizes[next], known)
                .unwrap_or(joined_rows * sizes[next])
                .max(1.0);
            order.push(next);
        }
        order
    }

    /// Rows after joining one more relation; `None` if no condition connects it.
    fn joined_with(
        &self,
        joined: &[usize],
        relation: usize,
        joined_rows: f64,
        rows: f64,
        known: &dyn Statistics,
    ) -> Option<f64> {
        let mut connected = false;
        let mut selectivity = 1.0;
        for condition in &self.conditions {
            let used: Vec<usize> = columns_of(condition).iter().filter_map(|&place| self.owner(place)).collect();
            let here = used.contains(&relation);
            let ready = used.iter().all(|other| *other == relation || joined.contains(other));
            if here && ready && used.iter().any(|other| *other != relation) {
                connected = true;
                selectivity *= self.condition_selectivity(condition, known);
            }
        }
        connected.then_some(joined_rows * rows * selectivity)
    }

    fn condition_selectivity(&self, condition: &Expr, known: &dyn Statistics) -> f64 {
        let Expr::Compare { operator: crate::sql::expr::Comparison::Equal, left, right } = condition else {
            return 1.0 / 3.0;
        };
        let distinct = |expr: &Expr| {
            let owner = columns_of(expr).first().and_then(|&place| self.owner(place));
            let Some((start, plan)) = owner.and_then(|owner| self.relations.get(owner)) else { return 1.0 };
            let mut moved = expr.clone();
            move_columns(&mut moved, &|position| position.saturating_sub(*start));
            estimate::distinct(plan, &moved, known)
        };
        1.0 / distinct(left).max(distinct(right))
    }

    /// The relation that a column as written belongs to.
    fn owner(&self, place: usize) -> Option<usize> {
        self.relations.iter().rposition(|(start, _)| *start <= place)
    }

    /// Left-deep joins in an order, each condition at the first join that has all it reads; and for each column as
    /// written the place where it stands now.
    fn in_order(self, order: &[usize]) -> (Logical, Vec<usize>) {
        let mut places = vec![0; self.width];
        let mut next = 0;
        for &relation in order {
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
        let mut joined: Option<Logical> = None;
        for &relation in order {
            let Some(plan) = relations.get_mut(relation).and_then(Option::take) else { continue };
            joined = Some(match joined {
                None => plan,
                Some(left) => {
                    let width = left.width() + plan.width();
                    let ready = |part: &Expr| columns_of(part).iter().all(|&place| place < width);
                    let (condition, later) = std::mem::take(&mut conditions).into_iter().partition(ready);
                    conditions = later;
                    Logical::Join { left: Box::new(left), right: Box::new(plan), kind: JoinKind::Inner, condition }
                }
            });
        }
        (joined.unwrap_or_else(Logical::one_row), places)
    }
}
