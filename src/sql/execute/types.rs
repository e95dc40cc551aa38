//! Types of the columns that a plan node puts out.

use crate::{
    base::types::{DataType, TypeKind},
    sql::{
        expr::Expr,
        plan::{AggregateMode, JoinKind, Node},
    },
};

/// Types of a node's output columns.
pub fn output_types(node: &Node) -> Vec<DataType> {
    match node {
        Node::Scan(scan) => {
            let columns = scan.columns.iter().map(|&position| match scan.table.columns.get(position) {
                Some(column) => column.data_type,
                None => DataType::of(TypeKind::Unknown),
            });
            columns.chain(scan.with_key.then_some(DataType::of(TypeKind::Bytea))).collect()
        }
        Node::Gather(gather) => gather.types.clone(),
        Node::Values { types, .. } | Node::Virtual { types, .. } | Node::Generate { types, .. } => types.clone(),
        Node::Filter { input, .. }
        | Node::Sort { input, .. }
        | Node::TopN { input, .. }
        | Node::Limit { input, .. }
        | Node::Distinct { input } => output_types(input),
        Node::Project { expressions, .. } => expressions.iter().map(Expr::data_type).collect(),
        Node::Aggregate { input, mode, groups, aggregates } => {
            let groups: Vec<DataType> = match mode {
                AggregateMode::Final => output_types(input).into_iter().take(groups.len()).collect(),
                _ => groups.iter().map(Expr::data_type).collect(),
            };
            let results = aggregates.iter().map(|aggregate| match mode {
                AggregateMode::Partial => aggregate.state_type(),
                _ => aggregate.data_type,
            });
            groups.into_iter().chain(results).collect()
        }
        Node::HashJoin { left, right, kind, .. } | Node::LoopJoin { left, right, kind, .. } => match kind {
            JoinKind::Semi | JoinKind::Anti => output_types(left),
            _ => [output_types(left), output_types(right)].concat(),
        },
        Node::Sample { input, .. } => crate::sql::statistics::Sample::batch_types(output_types(input).len()),
        Node::Append { inputs } => inputs.first().map(output_types).unwrap_or_default(),
    }
}
