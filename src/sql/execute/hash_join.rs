//! Equi-join: the right side is put in a hash table, the left side probes it. NULL keys match nothing.

use super::{
    aggregate::groups::{Groups, MISSING},
    joined::{Candidates, Join, Joiner, NONE},
    operator::{Environment, Operator},
};
use crate::{
    base::{
        batch::{Batch, Column},
        types::DataType,
    },
    error::Result,
    sql::{
        expr::{Context, Expr, evaluate},
        plan::JoinKind,
    },
};

pub(crate) type HashJoin = Join<Chains>;

/// The right rows of each key, found by hash.
pub(crate) struct Chains {
    left_keys: Vec<Expr>,
    right_keys: Vec<Expr>,
    keys: Groups,
    /// First and last right row of each key.
    ends: Vec<(u32, u32)>,
    successors: Vec<u32>,
    numbers: Vec<u32>,
}

impl HashJoin {
    pub fn new(
        left: (Box<Operator>, Vec<DataType>),
        right: (Box<Operator>, Vec<DataType>),
        kind: JoinKind,
        keys: &[(Expr, Expr)],
        residual: Option<Expr>,
    ) -> HashJoin {
        let (left_keys, right_keys): (Vec<Expr>, Vec<Expr>) = keys.iter().cloned().unzip();
        let types: Vec<DataType> = right_keys.iter().map(Expr::data_type).collect();
        let alike = left_keys.iter().zip(&types).all(|(left, right)| left.data_type().kind == right.kind);
        let chains = Chains {
            keys: if alike { Groups::new(types) } else { Groups::encoded(types) },
            left_keys,
            right_keys,
            ends: Vec::new(),
            successors: Vec::new(),
            numbers: Vec::new(),
        };
        Join::of(left, right, kind, residual, chains)
    }
}

impl Candidates for Chains {
    fn add(&mut self, joiner: &mut Joiner, batch: &Batch, environment: &mut Environment) -> Result<()> {
        let columns = keys(&self.right_keys, batch, &environment.context)?;
        let base = joiner.right.rows as u32;
        let before = self.keys.bytes();
        self.keys.assign(&columns, batch.rows, &mut self.numbers);
        self.ends.resize(self.keys.len(), (NONE, NONE));
        self.successors.resize(self.successors.len() + batch.rows, NONE);
        for (row, &number) in self.numbers.iter().enumerate() {
            if columns.iter().any(|column| column.is_null(row)) {
                continue;
            }
            let place = base + row as u32;
            let (first, last) = &mut self.ends[number as usize];
            if *first == NONE {
                *first = place;
            } else {
                self.successors[*last as usize] = place;
            }
            *last = place;
        }
        let grown = self.keys.bytes().saturating_sub(before);
        joiner.add_right(batch, grown, environment)
    }

    fn finish(&mut self, joiner: &mut Joiner) {
        joiner.successors = Some(std::mem::take(&mut self.successors));
    }

    fn starts(&mut self, _joiner: &Joiner, batch: &Batch, context: &Context) -> Result<Vec<u32>> {
        let columns = keys(&self.left_keys, batch, context)?;
        self.keys.find(&columns, batch.rows, &mut self.numbers);
        let start = |(row, &number): (usize, &u32)| match number {
            MISSING => NONE,
            _ if columns.iter().any(|column| column.is_null(row)) => NONE,
            _ => self.ends.get(number as usize).map_or(NONE, |ends| ends.0),
        };
        Ok(self.numbers.iter().enumerate().map(start).collect())
    }
}

fn keys(expressions: &[Expr], batch: &Batch, context: &Context) -> Result<Vec<Column>> {
    expressions.iter().map(|expression| evaluate(expression, batch, context)).collect()
}
