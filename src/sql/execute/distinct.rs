//! Rows that were not seen before; all columns form the key. Puts rows out as they come.

use super::{
    Step,
    aggregate::groups::Groups,
    operator::{Environment, Operator},
};
use crate::{base::types::DataType, error::Result};

pub(crate) struct Distinct {
    input: Box<Operator>,
    seen: Groups,
    numbers: Vec<u32>,
    held: usize,
}

impl Distinct {
    pub fn new(input: Box<Operator>, types: &[DataType]) -> Distinct {
        Distinct { input, seen: Groups::new(types.to_vec()), numbers: Vec::new(), held: 0 }
    }

    pub fn next(&mut self, environment: &mut Environment) -> Result<Step> {
        let batch = match self.input.next(environment)? {
            // Work without rows, perhaps without columns too.
            Step::Batch(batch) if batch.rows == 0 => return Ok(Step::Batch(batch)),
            Step::Batch(batch) => batch,
            Step::Done => {
                environment.memory.change(&mut self.held, 0)?;
                return Ok(Step::Done);
            }
            other => return Ok(other),
        };
        if batch.columns.is_empty() {
            // Rows without columns are all equal: the first one stands for them.
            let first = usize::from(batch.rows > 0 && self.numbers.is_empty());
            self.numbers.resize(self.numbers.len().max(first), 0);
            return Ok(Step::Batch(batch.slice(0, first)));
        }
        self.seen.assign(&batch.columns, batch.rows, &mut self.numbers);
        environment.memory.change(&mut self.held, self.seen.bytes())?;
        let fresh = self.seen.fresh();
        Ok(Step::Batch(if fresh.len() == batch.rows { batch } else { batch.take(fresh) }))
    }
}
