//! All operators behind one enum, and building them from a plan.

use super::{
    Input, Source, Step,
    aggregate::HashAggregate,
    append::Append,
    distinct::Distinct,
    filter::Filter,
    generate::Generate,
    hash_join::HashJoin,
    limit::Limit,
    loop_join::LoopJoin,
    measure::{Clock, Measured, Watched},
    memory::Memory,
    project::Project,
    sample::Sample,
    sort::Sort,
    source::Read,
    top_n::TopN,
    values::Values,
};
use crate::{
    error::Result,
    sql::{
        expr::Context,
        plan::{Node, Scan},
    },
};
use std::sync::Arc;

/// What operators share.
pub(crate) struct Environment {
    pub context: Arc<Context>,
    pub inputs: Vec<Input>,
    pub memory: Memory,
    /// Batches that operators may still take in before they let the driver breathe.
    pub budget: usize,
    /// Of a plan that is watched.
    pub clock: Option<Clock>,
    /// By operator, in preorder; empty for a plan that is not watched.
    pub measured: Vec<Measured>,
}

/// What building a plan comes upon.
#[derive(Default)]
pub(crate) struct Leaves {
    pub sources: Vec<Source>,
    /// How many operators there are, if they are watched.
    pub operators: Option<usize>,
    /// The operators above what is being built, and those above each source.
    pub path: Vec<usize>,
    pub paths: Vec<Vec<usize>>,
}

impl Environment {
    /// Counts a batch that an operator kept to itself. When it says `true` the operator answers with an empty batch, so
    /// that the driver can give others a turn and see a cancel request.
    pub fn is_spent(&mut self) -> bool {
        self.budget = self.budget.saturating_sub(1);
        self.budget == 0
    }
}

/// An operator with its inputs.
pub(crate) enum Operator {
    Read(Read),
    Values(Values),
    Generate(Box<Generate>),
    Filter(Filter),
    Project(Project),
    Aggregate(Box<HashAggregate>),
    Sort(Box<Sort>),
    TopN(Box<TopN>),
    Limit(Limit),
    Distinct(Box<Distinct>),
    HashJoin(Box<HashJoin>),
    LoopJoin(Box<LoopJoin>),
    Append(Append),
    Sample(Box<Sample>),
    Watched(Watched),
}

/// Runs a step of a walk that goes as deep as the plan, with more stack where there is little left.
fn on_stack<T>(step: impl FnOnce() -> T) -> T {
    const LEFT_BYTES_MIN: usize = 128 << 10;
    const MORE_BYTES: usize = 1 << 20;
    stacker::maybe_grow(LEFT_BYTES_MIN, MORE_BYTES, step)
}

impl Operator {
    /// Builds the operators of a plan; its leaves are added to `sources` in preorder.
    pub fn build(node: &Node, context: &Context, sources: &mut Leaves) -> Result<Operator> {
        let number = sources.operators;
        sources.operators = number.map(|number| number + 1);
        sources.path.extend(number);
        let operator = on_stack(|| Operator::build_one(node, context, sources))?;
        sources.path.pop();
        Ok(match number {
            None => operator,
            Some(number) => Operator::Watched(Watched { operator: Box::new(operator), number }),
        })
    }

    fn build_one(node: &Node, context: &Context, sources: &mut Leaves) -> Result<Operator> {
        let mut input = |node: &Node| Operator::build(node, context, sources).map(Box::new);
        Ok(match node {
            Node::Filter { input: below, predicate } => {
                Operator::Filter(Filter { input: input(below)?, predicate: predicate.clone() })
            }
            Node::Project { input: below, expressions } => {
                Operator::Project(Project { input: input(below)?, expressions: expressions.clone() })
            }
            Node::Aggregate { input: below, mode, groups, aggregates } => {
                let below = (input(below)?, super::output_types(below));
                Operator::Aggregate(Box::new(HashAggregate::new(below.0, below.1, *mode, groups, aggregates)?))
            }
            Node::Sort { input: below, keys } => Operator::Sort(Box::new(Sort::new(input(below)?, keys.clone()))),
            Node::TopN { input: below, keys, limit } => {
                Operator::TopN(Box::new(TopN::new(input(below)?, keys.clone(), limit, context)?))
            }
            Node::Limit { input: below, limit, offset } => {
                Operator::Limit(Limit::new(input(below)?, limit.as_ref(), offset.as_ref(), context)?)
            }
            Node::Distinct { input: below } => {
                Operator::Distinct(Box::new(Distinct::new(input(below)?, &super::output_types(below))))
            }
            Node::HashJoin { left, right, kind, keys, residual } => Operator::HashJoin(Box::new(HashJoin::new(
                (input(left)?, super::output_types(left)),
                (input(right)?, super::output_types(right)),
                *kind,
                keys,
                residual.clone(),
            ))),
            Node::LoopJoin { left, right, kind, condition } => Operator::LoopJoin(Box::new(LoopJoin::new(
                (input(left)?, super::output_types(left)),
                (input(right)?, super::output_types(right)),
                *kind,
                condition.clone(),
            ))),
            Node::Append { inputs } => {
                let operators = inputs.iter().map(|node| Operator::build(node, context, sources));
                Operator::Append(Append::new(operators.collect::<Result<Vec<_>>>()?))
            }
            Node::Sample { input: below, seed } => {
                Operator::Sample(Box::new(Sample::new(input(below)?, &super::output_types(below), *seed)))
            }
            Node::Values { rows, types } => Operator::Values(Values::new(rows.clone(), types.clone())),
            Node::Generate { generator, types } => {
                Operator::Generate(Box::new(Generate::new(generator.clone(), types.clone())))
            }
            Node::Scan(scan) => Operator::leaf(sources, Source::Scan(scan.clone()), Some(scan)),
            Node::Gather(gather) => Operator::leaf(sources, Source::Gather(gather.clone()), None),
            Node::Virtual { relation, columns, types } => {
                let (relation, columns, types) = (relation.clone(), columns.clone(), types.clone());
                Operator::leaf(sources, Source::Virtual { relation, columns, types }, None)
            }
        })
    }

    fn leaf(Leaves { sources, path, paths, .. }: &mut Leaves, source: Source, scan: Option<&Scan>) -> Operator {
        let number = sources.len();
        paths.push(path.clone());
        sources.push(source);
        Operator::Read(Read { number, filter: scan.and_then(|scan| scan.filter.clone()) })
    }

    /// The next rows, possibly none in a batch.
    pub fn next(&mut self, environment: &mut Environment) -> Result<Step> {
        on_stack(|| self.next_of(environment))
    }

    fn next_of(&mut self, environment: &mut Environment) -> Result<Step> {
        match self {
            Operator::Read(operator) => operator.next(environment),
            Operator::Values(operator) => operator.next(environment),
            Operator::Generate(operator) => operator.next(environment),
            Operator::Filter(operator) => operator.next(environment),
            Operator::Project(operator) => operator.next(environment),
            Operator::Aggregate(operator) => operator.next(environment),
            Operator::Sort(operator) => operator.next(environment),
            Operator::TopN(operator) => operator.next(environment),
            Operator::Limit(operator) => operator.next(environment),
            Operator::Distinct(operator) => operator.next(environment),
            Operator::HashJoin(operator) => operator.next(environment),
            Operator::LoopJoin(operator) => operator.next(environment),
            Operator::Append(operator) => operator.next(environment),
            Operator::Sample(operator) => operator.next(environment),
            Operator::Watched(operator) => operator.next(environment),
        }
    }
}
