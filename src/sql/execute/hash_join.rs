//! Equi-join: the right side is put in a hash table, the left side probes it. NULL keys match nothing.

use super::{
    Step,
    aggregate::groups::{Groups, MISSING},
    joined::{Joiner, NONE},
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

pub(crate) struct HashJoin {
    left: Box<Operator>,
    right: Box<Operator>,
    left_keys: Vec<Expr>,
    right_keys: Vec<Expr>,
    joiner: Joiner,
    keys: Groups,
    /// First and last right row of each key.
    chains: Vec<(u32, u32)>,
    successors: Vec<u32>,
    built: bool,
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
        HashJoin {
            left: left.0,
            right: right.0,
            joiner: Joiner::new(kind, residual, left.1, right.1),
            keys: if alike { Groups::new(types) } else { Groups::encoded(types) },
            left_keys,
            right_keys,
            chains: Vec::new(),
            successors: Vec::new(),
            built: false,
            numbers: Vec::new(),
        }
    }

    pub fn next(&mut self, environment: &mut Environment) -> Result<Step> {
        while !self.built {
            match self.right.next(environment)? {
                Step::Batch(batch) => {
                    self.build(&batch, environment)?;
                    if environment.is_spent() {
                        return Ok(Step::Batch(Batch::default()));
                    }
                }
                Step::Need(source) => return Ok(Step::Need(source)),
                Step::Done => {
                    self.joiner.successors = Some(std::mem::take(&mut self.successors));
                    self.joiner.finish_right();
                    self.built = true;
                }
            }
        }
        if self.joiner.is_fruitless() {
            return Ok(Step::Done);
        }
        let context = environment.context.clone();
        loop {
            if self.joiner.is_probing() {
                let batch = self.joiner.advance(&context)?;
                if batch.rows > 0 || environment.is_spent() {
                    return Ok(Step::Batch(batch));
                }
                continue;
            }
            match self.left.next(environment)? {
                Step::Batch(batch) if batch.rows == 0 => return Ok(Step::Batch(Batch::default())),
                Step::Batch(batch) => self.probe(batch, &context)?,
                Step::Need(source) => return Ok(Step::Need(source)),
                Step::Done => {
                    return match self.joiner.sweep() {
                        Some(batch) => Ok(Step::Batch(batch)),
                        None => {
                            self.joiner.release(environment)?;
                            Ok(Step::Done)
                        }
                    };
                }
            }
        }
    }

    fn build(&mut self, batch: &Batch, environment: &mut Environment) -> Result<()> {
        if batch.rows == 0 {
            return Ok(());
        }
        let columns = keys(&self.right_keys, batch, &environment.context)?;
        let base = self.joiner.right.rows as u32;
        let before = self.keys.bytes();
        self.keys.assign(&columns, batch.rows, &mut self.numbers);
        self.chains.resize(self.keys.len(), (NONE, NONE));
        self.successors.resize(self.successors.len() + batch.rows, NONE);
        for (row, &number) in self.numbers.iter().enumerate() {
            if columns.iter().any(|column| column.is_null(row)) {
                continue;
            }
            let place = base + row as u32;
            let (first, last) = &mut self.chains[number as usize];
            if *first == NONE {
                *first = place;
            } else {
                self.successors[*last as usize] = place;
            }
            *last = place;
        }
        let grown = self.keys.bytes().saturating_sub(before);
        self.joiner.add_right(batch, grown, environment)
    }

    fn probe(&mut self, batch: Batch, context: &Context) -> Result<()> {
        if batch.rows == 0 {
            return Ok(());
        }
        let columns = keys(&self.left_keys, &batch, context)?;
        self.keys.find(&columns, batch.rows, &mut self.numbers);
        let start = |(row, &number): (usize, &u32)| match number {
            MISSING => NONE,
            _ if columns.iter().any(|column| column.is_null(row)) => NONE,
            _ => self.chains.get(number as usize).map_or(NONE, |chain| chain.0),
        };
        let starts = self.numbers.iter().enumerate().map(start).collect();
        self.joiner.probe(batch, starts);
        Ok(())
    }
}

fn keys(expressions: &[Expr], batch: &Batch, context: &Context) -> Result<Vec<Column>> {
    expressions.iter().map(|expression| evaluate(expression, batch, context)).collect()
}
