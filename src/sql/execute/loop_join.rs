//! Join on any condition: the right side is kept, and each left row meets all of it.

use super::{
    Step,
    joined::{Joiner, NONE},
    operator::{Environment, Operator},
};
use crate::{
    base::{batch::Batch, types::DataType},
    error::Result,
    sql::{expr::Expr, plan::JoinKind},
};

pub(crate) struct LoopJoin {
    left: Box<Operator>,
    right: Box<Operator>,
    joiner: Joiner,
    built: bool,
}

impl LoopJoin {
    pub fn new(
        left: (Box<Operator>, Vec<DataType>),
        right: (Box<Operator>, Vec<DataType>),
        kind: JoinKind,
        condition: Option<Expr>,
    ) -> LoopJoin {
        LoopJoin { left: left.0, right: right.0, joiner: Joiner::new(kind, condition, left.1, right.1), built: false }
    }

    pub fn next(&mut self, environment: &mut Environment) -> Result<Step> {
        while !self.built {
            match self.right.next(environment)? {
                Step::Batch(batch) => {
                    if batch.rows > 0 {
                        self.joiner.add_right(&batch, 0, environment)?;
                    }
                    if environment.is_spent() {
                        return Ok(Step::Batch(Batch::default()));
                    }
                }
                Step::Need(source) => return Ok(Step::Need(source)),
                Step::Done => {
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
                if batch.rows > 0 {
                    return Ok(Step::Batch(batch));
                }
                // Pairs that fail the condition are work too: let the driver breathe between chunks of them.
                if self.joiner.is_probing() {
                    return Ok(Step::Batch(batch));
                }
                continue;
            }
            match self.left.next(environment)? {
                Step::Batch(batch) if batch.rows == 0 => return Ok(Step::Batch(Batch::default())),
                Step::Batch(batch) => {
                    let first = if self.joiner.right.rows > 0 { 0 } else { NONE };
                    let starts = vec![first; batch.rows];
                    self.joiner.probe(batch, starts);
                }
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
}
