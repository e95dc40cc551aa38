//! All rows of all inputs, one input after the other.

use super::{
    Step,
    operator::{Environment, Operator},
};
use crate::error::Result;

pub(crate) struct Append {
    inputs: Vec<Operator>,
    current: usize,
}

impl Append {
    pub fn new(inputs: Vec<Operator>) -> Append {
        Append { inputs, current: 0 }
    }

    pub fn next(&mut self, environment: &mut Environment) -> Result<Step> {
        while let Some(input) = self.inputs.get_mut(self.current) {
            match input.next(environment)? {
                Step::Done => self.current += 1,
                step => return Ok(step),
            }
        }
        Ok(Step::Done)
    }
}
