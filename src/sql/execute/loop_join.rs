//! Join on any condition: the right side is kept, and each left row meets all of it.

use super::{
    joined::{Candidates, Join, Joiner, NONE},
    operator::{Environment, Operator},
};
use crate::{
    base::{batch::Batch, types::DataType},
    error::Result,
    sql::{
        expr::{Context, Expr},
        plan::JoinKind,
    },
};

pub(crate) type LoopJoin = Join<All>;

/// Every right row is a candidate of every left one.
pub(crate) struct All;

impl LoopJoin {
    pub fn new(
        left: (Box<Operator>, Vec<DataType>),
        right: (Box<Operator>, Vec<DataType>),
        kind: JoinKind,
        condition: Option<Expr>,
    ) -> LoopJoin {
        Join::of(left, right, kind, condition, All)
    }
}

impl Candidates for All {
    fn add(&mut self, joiner: &mut Joiner, batch: &Batch, environment: &mut Environment) -> Result<()> {
        joiner.add_right(batch, 0, environment)
    }

    fn finish(&mut self, _joiner: &mut Joiner) {}

    fn starts(&mut self, joiner: &Joiner, batch: &Batch, _context: &Context) -> Result<Vec<u32>> {
        Ok(vec![if joiner.right.rows > 0 { 0 } else { NONE }; batch.rows])
    }
}
