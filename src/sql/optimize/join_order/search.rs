//! The cheapest order of joins among all there are: dynamic programming over sets of relations.

use crate::sql::optimize::cost;
use std::collections::BTreeSet;

/// Relations that a condition connects, and the part of their pairs that it keeps.
pub struct Links {
    pub relations: BTreeSet<usize>,
    pub selectivity: f64,
}

/// Which joins are made of which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree {
    Relation(usize),
    Join(Box<Tree>, Box<Tree>),
}

impl Tree {
    /// Each relation joined with all before it.
    pub fn one_by_one(order: &[usize]) -> Tree {
        let mut leaves = order.iter().map(|&relation| Tree::Relation(relation));
        let first = leaves.next().unwrap_or(Tree::Relation(0));
        leaves.fold(first, |joined, next| Tree::Join(Box::new(joined), Box::new(next)))
    }

    /// Its relations from left to right.
    pub fn leaves(&self) -> Vec<usize> {
        match self {
            Tree::Relation(relation) => vec![*relation],
            Tree::Join(left, right) => [left.leaves(), right.leaves()].concat(),
        }
    }
}

/// The best that is known for a set of relations.
#[derive(Clone, Copy)]
struct Best {
    /// Pairs without a condition between them: as few as can be.
    products: u32,
    cost: f64,
    rows: f64,
    /// The left part, a set; the set itself for one relation.
    left: u32,
}

/// The cheapest tree over relations of these sizes, at most 20 of them.
pub fn cheapest(sizes: &[f64], links: &[Links]) -> Tree {
    let count = sizes.len().min(20);
    let bits = |link: &Links| link.relations.iter().fold(0, |set: u32, relation| set | 1 << relation);
    let links: Vec<(u32, f64)> = links.iter().map(|link| (bits(link), link.selectivity)).collect();
    let mut best: Vec<Option<Best>> = vec![None; 1 << count];
    for set in 1_u32..1 << count {
        if set.count_ones() == 1 {
            let rows = sizes[set.trailing_zeros() as usize].max(1.0);
            best[set as usize] = Some(Best { products: 0, cost: 0.0, rows, left: set });
            continue;
        }
        let rows = rows_of(set, sizes, &links);
        // Each split once: the part with the lowest relation stands left until costs are compared.
        let mut left = (set - 1) & set;
        while left != 0 {
            if left & set & set.wrapping_neg() != 0
                && let (Some(one), Some(two)) = (best[left as usize], best[(set ^ left) as usize])
            {
                let (large, small) = if one.rows >= two.rows { (one, two) } else { (two, one) };
                let product = !links.iter().any(|(of_link, _)| connects(*of_link, left, set ^ left));
                let own = if product {
                    large.rows * small.rows * cost::PAIR
                } else {
                    small.rows * cost::HASHED + large.rows * cost::PROBED
                };
                let found = Best {
                    products: one.products + two.products + u32::from(product),
                    cost: one.cost + two.cost + own + rows * (cost::PASSED + cost::SENT),
                    rows,
                    left: if one.rows >= two.rows { left } else { set ^ left },
                };
                let better = |known: &Best| (found.products, found.cost) < (known.products, known.cost);
                if best[set as usize].as_ref().is_none_or(better) {
                    best[set as usize] = Some(found);
                }
            }
            left = (left - 1) & set;
        }
    }
    tree(((1_u64 << count) - 1) as u32, &best)
}

fn connects(link: u32, left: u32, right: u32) -> bool {
    link & left != 0 && link & right != 0 && link & !(left | right) == 0
}

fn rows_of(set: u32, sizes: &[f64], links: &[(u32, f64)]) -> f64 {
    let all: f64 =
        sizes.iter().enumerate().filter(|(relation, _)| set & (1 << relation) != 0).map(|(_, size)| size).product();
    let inside = links.iter().filter(|(link, _)| link & !set == 0 && link.count_ones() > 1);
    (all * inside.map(|(_, selectivity)| selectivity).product::<f64>()).max(1.0)
}

fn tree(set: u32, best: &[Option<Best>]) -> Tree {
    match best.get(set as usize).copied().flatten() {
        Some(found) if found.left != set => {
            Tree::Join(Box::new(tree(found.left, best)), Box::new(tree(set ^ found.left, best)))
        }
        _ => Tree::Relation(set.trailing_zeros() as usize),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(one: usize, two: usize, selectivity: f64) -> Links {
        Links { relations: [one, two].into(), selectivity }
    }

    #[test]
    fn a_chain_begins_where_it_is_narrow_and_makes_no_products() {
        // 0 — 1 — 2 — 3, of which 3 is small.
        let sizes = [1e6, 1e6, 1e6, 10.0];
        let links = [link(0, 1, 1e-6), link(1, 2, 1e-6), link(2, 3, 1e-6)];
        let Tree::Join(left, right) = cheapest(&sizes, &links) else { panic!() };
        assert_eq!((*left, right.leaves()), (Tree::Relation(0), vec![1, 2, 3]));
    }

    #[test]
    fn the_small_sides_of_a_star_come_together_only_when_nothing_connects() {
        let sizes = [1e6, 10.0, 20.0];
        let star = [link(0, 1, 0.001), link(0, 2, 0.05)];
        assert_eq!(cheapest(&sizes, &star).leaves()[..2], [0, 1]);
        let Tree::Join(left, right) = cheapest(&sizes, &[]) else { panic!() };
        assert_eq!((left.leaves().len(), right.leaves().len()), (1, 2));
        assert_eq!(cheapest(&[5.0], &[]), Tree::Relation(0));
    }

    #[test]
    fn two_joins_are_joined_when_that_keeps_results_small() {
        let sizes = [1e5, 1e5, 1e5, 1e5];
        let links = [link(0, 1, 1e-9), link(2, 3, 1e-9), link(1, 2, 1.0)];
        let Tree::Join(left, right) = cheapest(&sizes, &links) else { panic!() };
        assert_eq!((left.leaves().len(), right.leaves().len()), (2, 2));
    }
}
