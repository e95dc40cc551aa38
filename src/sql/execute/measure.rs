//! What operators did, for EXPLAIN ANALYZE.
//!
//! The clock comes from whoever drives the executor; it decides nothing.

use super::{
    Step,
    operator::{Environment, Operator},
};
use crate::error::Result;
use std::{rc::Rc, time::Duration};

/// Tells the time since some start.
pub type Clock = Rc<dyn Fn() -> Duration>;

/// What an operator did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Rows put out, of all cores together.
    pub rows: u64,
    /// Time spent in it and below; of several cores the longest.
    pub busy_nanos: u64,
    /// Cores that ran it.
    pub runs: u32,
}

/// What the operators of a plan did, in preorder, and those of what their sources read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measurements {
    pub operators: Vec<Measured>,
    pub sources: Vec<Measurements>,
}

impl Measurements {
    /// Adds what another core did for the same plan.
    pub fn add(&mut self, other: Measurements) {
        if self.operators.len() < other.operators.len() {
            self.operators.resize(other.operators.len(), Measured::default());
        }
        for (own, other) in self.operators.iter_mut().zip(other.operators) {
            own.rows += other.rows;
            own.busy_nanos = own.busy_nanos.max(other.busy_nanos);
            own.runs += other.runs;
        }
        if self.sources.len() < other.sources.len() {
            self.sources.resize(other.sources.len(), Measurements::default());
        }
        self.sources.iter_mut().zip(other.sources).for_each(|(own, other)| own.add(other));
    }
}

/// An operator that is watched.
pub(crate) struct Watched {
    pub operator: Box<Operator>,
    /// Its number in preorder.
    pub number: usize,
}

impl Watched {
    pub fn next(&mut self, environment: &mut Environment) -> Result<Step> {
        let clock = environment.clock.clone();
        let began = clock.as_ref().map(|clock| clock());
        let step = self.operator.next(environment);
        let took = clock.zip(began).map_or(Duration::ZERO, |(clock, began)| clock().saturating_sub(began));
        if let Some(measured) = environment.measured.get_mut(self.number) {
            measured.busy_nanos += took.as_nanos() as u64;
            if let Ok(Step::Batch(batch)) = &step {
                measured.rows += batch.rows as u64;
            }
        }
        step
    }
}
