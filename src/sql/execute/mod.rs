//! Running a physical plan: operators that pull column batches from each other.
//!
//! An [`Executor`] does no I/O and waits for nothing. Its leaves are *sources*; when one runs dry, [`Executor::next`]
//! answers [`Step::Need`] with the source's number, and whoever drives it feeds a batch (or the end) and asks again.
//! A [`Step::Batch`] may be empty: then the executor worked for a while without a result, and the driver may yield.
//! Who wants a statement to stop simply does not ask again.
//!
//! Sources are numbered in preorder of the plan. The executor evaluates a scan's filter itself; the driver only reads
//! rows within the scan's bounds. The sorted streams of a gather with `merge` are brought together by a
//! [`merge::Merge`], which the driver feeds the same way, and whose output it feeds here.
//!
//! What operators hold (hash tables, sorted rows) is counted against [`Context::memory_bytes_max`]; beyond it the
//! statement ends with 53200. Batches have at most [`BATCH_ROWS`](crate::base::limits::BATCH_ROWS) rows, except those
//! that a driver fed larger.
//!
//! One operator a file; start at [`operator::Operator`].

mod aggregate;
mod append;
mod distinct;
mod filter;
mod generate;
mod hash_join;
mod joined;
mod keys;
mod limit;
mod loop_join;
mod measure;
mod memory;
pub mod merge;
mod operator;
mod project;
mod sample;
mod sort;
mod source;
mod top_n;
mod types;
mod values;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use keys::compare_keys;
pub use measure::{Clock, Measured, Measurements};
pub use types::output_types;
pub use values::values;

use crate::{
    base::{batch::Batch, types::DataType},
    error::{Error, Result},
    sql::{
        expr::Context,
        plan::{Gather, Node, Scan},
    },
};
use append::Append;
use memory::Memory;
use operator::{Environment, Leaves, Operator};
use std::{collections::VecDeque, sync::Arc, time::Duration};

/// A leaf of the plan that the driver feeds.
#[derive(Clone, Debug)]
pub enum Source {
    Scan(Scan),
    Gather(Gather),
    /// A catalog relation: its name, the columns wanted, and their types.
    Virtual {
        relation: String,
        columns: Vec<usize>,
        types: Vec<DataType>,
    },
}

/// What came of asking for more.
#[derive(Debug)]
pub enum Step {
    /// Some rows. None at all when there was only work to do: ask again.
    Batch(Batch),
    /// The source of this number must be fed before there is more.
    Need(usize),
    /// There are no more rows.
    Done,
}

/// Batches that operators may take in within one step.
const STEP_BATCHES_MAX: usize = 4;

/// A plan at work.
pub struct Executor {
    root: Operator,
    sources: Vec<Source>,
    environment: Environment,
    done: bool,
    /// By source: the operators that wait for it.
    paths: Vec<Vec<usize>>,
}

impl Executor {
    /// Prepares to run a plan.
    pub fn new(plan: &Node, context: Arc<Context>) -> Result<Executor> {
        Executor::watched(plan, context, None)
    }

    /// The same; with a clock, what each operator does is measured.
    pub fn watched(plan: &Node, context: Arc<Context>, clock: Option<Clock>) -> Result<Executor> {
        let mut leaves = Leaves { operators: clock.as_ref().map(|_| 0), ..Leaves::default() };
        let root = Operator::build(plan, &context, &mut leaves)?;
        let inputs = leaves.sources.iter().map(|_| Input::default()).collect();
        let memory = Memory::new(context.memory_bytes_max);
        let measured = vec![Measured { runs: 1, ..Measured::default() }; leaves.operators.unwrap_or(0)];
        let environment = Environment { context, inputs, memory, budget: 0, clock, measured };
        Ok(Executor { root, sources: leaves.sources, environment, done: false, paths: leaves.paths })
    }

    /// Whether what the operators do is measured.
    pub fn is_watched(&self) -> bool {
        self.environment.clock.is_some()
    }

    /// The driver has spent so long to get what a source must be fed: it counts for all who wait for it.
    pub fn add_time(&mut self, source: usize, took: Duration) {
        for &operator in self.paths.get(source).into_iter().flatten() {
            if let Some(measured) = self.environment.measured.get_mut(operator) {
                measured.busy_nanos += took.as_nanos() as u64;
            }
        }
    }

    /// What the operators did so far, if they are watched.
    pub fn measured(&self) -> &[Measured] {
        &self.environment.measured
    }

    /// What must be fed, by number.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// More rows, or what is needed for them.
    pub fn next(&mut self) -> Result<Step> {
        if self.done {
            return Ok(Step::Done);
        }
        self.environment.budget = STEP_BATCHES_MAX;
        let step = self.root.next(&mut self.environment)?;
        if matches!(step, Step::Done) {
            self.finish();
        }
        Ok(step)
    }

    /// Lets go of everything: a LIMIT may end the plan while operators below still hold rows.
    fn finish(&mut self) {
        self.done = true;
        self.root = Operator::Append(Append::new(Vec::new()));
        self.environment.inputs.iter_mut().for_each(|input| input.queue.clear());
        self.environment.memory = Memory::new(self.environment.context.memory_bytes_max);
    }

    /// Gives a source its next batch, or tells that it has ended (`None`).
    pub fn feed(&mut self, source: usize, batch: Option<Batch>) -> Result<()> {
        let Some(input) = self.environment.inputs.get_mut(source) else {
            return Err(Error::internal(format!("there is no source {source} to feed")));
        };
        match batch {
            Some(batch) => input.queue.push_back(batch),
            None => input.ended = true,
        }
        Ok(())
    }

    /// Bytes that operators hold now.
    pub fn memory_bytes(&self) -> usize {
        self.environment.memory.used()
    }
}

/// Whether an aggregate can be computed: the binder's table and the operators must agree.
#[cfg(test)]
pub(crate) fn can_aggregate(aggregate: &crate::sql::expr::Aggregate) -> bool {
    aggregate::can_compute(aggregate)
}

/// Batches that were fed and not taken yet.
#[derive(Debug, Default)]
pub(crate) struct Input {
    pub queue: VecDeque<Batch>,
    pub ended: bool,
}
