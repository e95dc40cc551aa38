//! What ANALYZE runs on the cores: takes all rows in, puts out a sample of them with counts.

use super::{
    Step,
    operator::{Environment, Operator},
};
use crate::{
    base::{batch::Batch, types::DataType},
    error::Result,
    sql::statistics,
};

pub(crate) struct Sample {
    input: Box<Operator>,
    /// Until the input has ended.
    sample: Option<statistics::Sample>,
    batches: std::vec::IntoIter<Batch>,
    held: usize,
}

impl Sample {
    pub fn new(input: Box<Operator>, types: &[DataType], seed: u64) -> Sample {
        let sample = Some(statistics::Sample::new(types, seed));
        Sample { input, sample, batches: Vec::new().into_iter(), held: 0 }
    }

    pub fn next(&mut self, environment: &mut Environment) -> Result<Step> {
        while let Some(sample) = &mut self.sample {
            match self.input.next(environment)? {
                Step::Batch(batch) => {
                    sample.add(&batch);
                    environment.memory.change(&mut self.held, sample.bytes())?;
                    if environment.is_spent() {
                        return Ok(Step::Batch(Batch::default()));
                    }
                }
                Step::Need(source) => return Ok(Step::Need(source)),
                Step::Done => {
                    let batches = self.sample.take().map(statistics::Sample::into_batches);
                    self.batches = batches.unwrap_or_default().into_iter();
                }
            }
        }
        match self.batches.next() {
            Some(batch) => Ok(Step::Batch(batch)),
            None => {
                environment.memory.change(&mut self.held, 0)?;
                Ok(Step::Done)
            }
        }
    }
}
