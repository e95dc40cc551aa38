//! What both joins share: pairing left rows with candidates on the right, checking conditions, and outer rows.
//!
//! The right side lies in memory. Each left row has a chain of candidates: for a hash join the right rows of its key,
//! for a loop join all of them. Pairs are made in chunks, checked against the rest of the condition, and put out; rows
//! that are wanted for having (or not having) a match follow when their left batch is done, right ones at the end.

use super::{
    Step,
    operator::{Environment, Operator},
};
use crate::{
    base::{
        batch::{Batch, Column, selected},
        limits::BATCH_ROWS,
        types::DataType,
        value::Value,
    },
    error::Result,
    sql::{
        expr::{Context, Expr, predicate},
        plan::JoinKind,
    },
};

/// The end of a chain.
pub(super) const NONE: u32 = u32::MAX;

/// How the candidates of a left row are found: what makes a kind of join.
pub(crate) trait Candidates {
    /// Takes rows of the right side, which go behind those that `joiner` has already.
    fn add(&mut self, joiner: &mut Joiner, batch: &Batch, environment: &mut Environment) -> Result<()>;

    /// The right side is complete.
    fn finish(&mut self, joiner: &mut Joiner);

    /// The first candidate of each row of a left batch.
    fn starts(&mut self, joiner: &Joiner, batch: &Batch, context: &Context) -> Result<Vec<u32>>;
}

/// A join: takes in the right side, then probes it with the left one.
pub(crate) struct Join<C> {
    left: Box<Operator>,
    right: Box<Operator>,
    joiner: Joiner,
    candidates: C,
    built: bool,
}

impl<C: Candidates> Join<C> {
    /// Of two inputs with the types of their columns, and a condition on the pairs that the candidates make.
    pub(super) fn of(
        left: (Box<Operator>, Vec<DataType>),
        right: (Box<Operator>, Vec<DataType>),
        kind: JoinKind,
        condition: Option<Expr>,
        candidates: C,
    ) -> Join<C> {
        let joiner = Joiner::new(kind, condition, left.1, right.1);
        Join { left: left.0, right: right.0, joiner, candidates, built: false }
    }

    pub fn next(&mut self, environment: &mut Environment) -> Result<Step> {
        while !self.built {
            match self.right.next(environment)? {
                Step::Batch(batch) => {
                    if batch.rows > 0 {
                        self.candidates.add(&mut self.joiner, &batch, environment)?;
                    }
                    if environment.is_spent() {
                        return Ok(Step::Batch(Batch::default()));
                    }
                }
                Step::Need(source) => return Ok(Step::Need(source)),
                Step::Done => {
                    self.candidates.finish(&mut self.joiner);
                    self.joiner.finish_right();
                    self.built = true;
                }
            }
        }
        if self.joiner.is_fruitless() { Ok(Step::Done) } else { self.probe(environment) }
    }

    fn probe(&mut self, environment: &mut Environment) -> Result<Step> {
        let context = environment.context.clone();
        loop {
            if self.joiner.is_probing() {
                let batch = self.joiner.advance(&context)?;
                // Pairs that fail the condition are work too: the driver may breathe between chunks of them.
                if batch.rows > 0 || environment.is_spent() {
                    return Ok(Step::Batch(batch));
                }
                continue;
            }
            match self.left.next(environment)? {
                Step::Batch(batch) if batch.rows == 0 => return Ok(Step::Batch(Batch::default())),
                Step::Batch(batch) => {
                    let starts = self.candidates.starts(&self.joiner, &batch, &context)?;
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

/// The join, without the way candidates are found.
pub(crate) struct Joiner {
    kind: JoinKind,
    condition: Option<Expr>,
    left_types: Vec<DataType>,
    right_types: Vec<DataType>,
    pub right: Batch,
    right_matched: Vec<bool>,
    /// The candidate after each right row; without it, simply the next row.
    pub successors: Option<Vec<u32>>,
    probe: Option<Probe>,
    /// How many right rows were looked at for want of a match.
    swept: usize,
    held: usize,
}

/// A left batch at work.
struct Probe {
    left: Batch,
    /// The first candidate of each row.
    starts: Vec<u32>,
    /// The row and its next candidate.
    row: usize,
    candidate: u32,
    matched: Vec<bool>,
}

impl Joiner {
    pub fn new(
        kind: JoinKind,
        condition: Option<Expr>,
        left_types: Vec<DataType>,
        right_types: Vec<DataType>,
    ) -> Joiner {
        Joiner {
            kind,
            condition,
            left_types,
            right_types,
            right: Batch::default(),
            right_matched: Vec::new(),
            successors: None,
            probe: None,
            swept: 0,
            held: 0,
        }
    }

    /// Adds rows of the right side; `extra` bytes are held beside them.
    pub fn add_right(&mut self, batch: &Batch, extra: usize, environment: &mut Environment) -> Result<()> {
        if batch.rows == 0 {
            return Ok(());
        }
        let bytes = batch.bytes() + batch.rows * 8 + extra;
        environment.memory.grow(bytes)?;
        self.held += bytes;
        self.right.append(batch);
        Ok(())
    }

    /// The right side is complete.
    pub fn finish_right(&mut self) {
        self.right_matched = vec![false; self.right.rows];
        if self.right.columns.is_empty() {
            self.right.columns = self.right_types.iter().map(|&data_type| Column::new(data_type)).collect();
        }
    }

    /// Whether no left row can bring out anything.
    pub fn is_fruitless(&self) -> bool {
        self.right.rows == 0 && matches!(self.kind, JoinKind::Inner | JoinKind::Semi | JoinKind::Right)
    }

    /// Whether only the existence of candidates matters, not which they are.
    pub fn only_existence(&self) -> bool {
        self.condition.is_none() && matches!(self.kind, JoinKind::Semi | JoinKind::Anti)
    }

    pub fn is_probing(&self) -> bool {
        self.probe.is_some()
    }

    /// Starts on a left batch, with the first candidate of each row.
    pub fn probe(&mut self, left: Batch, starts: Vec<u32>) {
        if self.only_existence() {
            let matched = starts.iter().map(|&start| start != NONE).collect();
            let row = left.rows;
            self.probe = Some(Probe { left, starts, row, candidate: NONE, matched });
            return;
        }
        let candidate = starts.first().copied().unwrap_or(NONE);
        let matched = vec![false; left.rows];
        self.probe = Some(Probe { left, starts, row: 0, candidate, matched });
    }

    /// The next rows from the left batch at work; after its last rows it is dropped.
    pub fn advance(&mut self, context: &Context) -> Result<Batch> {
        let Some(probe) = &mut self.probe else { return Ok(Batch::default()) };
        let (lefts, rights) = pairs(probe, self.successors.as_deref(), self.right.rows);
        if lefts.is_empty() {
            let done = self.probe.take();
            return Ok(done.map(|probe| self.trailing(probe)).unwrap_or_default());
        }
        let mut joined = beside(probe.left.take(&lefts), self.right.take(&rights));
        let kept: Vec<u32> = match &self.condition {
            None => (0..lefts.len() as u32).collect(),
            Some(condition) => selected(&predicate(condition, &joined, context)?),
        };
        for &pair in &kept {
            probe.matched[lefts[pair as usize] as usize] = true;
            self.right_matched[rights[pair as usize] as usize] = true;
        }
        if matches!(self.kind, JoinKind::Semi | JoinKind::Anti) {
            return Ok(Batch::default());
        }
        if kept.len() < lefts.len() {
            joined = joined.take(&kept);
        }
        Ok(joined)
    }

    /// Rows of a left batch that go out because they had, or had no match.
    fn trailing(&self, probe: Probe) -> Batch {
        let wanted = match self.kind {
            JoinKind::Semi => true,
            JoinKind::Left | JoinKind::Full | JoinKind::Anti => false,
            JoinKind::Inner | JoinKind::Right => return Batch::default(),
        };
        let mask: Vec<bool> = probe.matched.iter().map(|&matched| matched == wanted).collect();
        let rows = if mask.contains(&false) { probe.left.filter(&mask) } else { probe.left };
        if rows.rows == 0 {
            return Batch::default();
        }
        match self.kind {
            JoinKind::Semi | JoinKind::Anti => rows,
            _ => {
                let nulls = nulls(&self.right_types, rows.rows);
                beside(rows, nulls)
            }
        }
    }

    /// After all left rows: right rows without a match. `None` when there are no more.
    pub fn sweep(&mut self) -> Option<Batch> {
        if !matches!(self.kind, JoinKind::Right | JoinKind::Full) {
            return None;
        }
        let mut rows = Vec::new();
        while self.swept < self.right.rows && rows.len() < BATCH_ROWS {
            if !self.right_matched[self.swept] {
                rows.push(self.swept as u32);
            }
            self.swept += 1;
        }
        (!rows.is_empty()).then(|| beside(nulls(&self.left_types, rows.len()), self.right.take(&rows)))
    }

    /// Lets go of the right side.
    pub fn release(&mut self, environment: &mut Environment) -> Result<()> {
        self.right = Batch::default();
        environment.memory.change(&mut self.held, 0)
    }
}

/// The next pairs of a left row and a candidate, at most a batch of them.
fn pairs(probe: &mut Probe, successors: Option<&[u32]>, right_rows: usize) -> (Vec<u32>, Vec<u32>) {
    let (mut lefts, mut rights) = (Vec::new(), Vec::new());
    while probe.row < probe.left.rows && lefts.len() < BATCH_ROWS {
        if probe.candidate == NONE {
            probe.row += 1;
            probe.candidate = probe.starts.get(probe.row).copied().unwrap_or(NONE);
            continue;
        }
        lefts.push(probe.row as u32);
        rights.push(probe.candidate);
        probe.candidate = match successors {
            Some(successors) => successors[probe.candidate as usize],
            None if (probe.candidate as usize) + 1 < right_rows => probe.candidate + 1,
            None => NONE,
        };
    }
    (lefts, rights)
}

/// Columns of both, row by row.
fn beside(left: Batch, right: Batch) -> Batch {
    let rows = left.rows;
    Batch { rows, columns: left.columns.into_iter().chain(right.columns).collect() }
}

/// Rows of NULLs.
fn nulls(types: &[DataType], rows: usize) -> Batch {
    Batch { rows, columns: types.iter().map(|&data_type| Column::constant(data_type, &Value::Null, rows)).collect() }
}
