//! Uncorrelated subqueries: run one after the other before their statement, in its snapshot.

use super::session::Session;
use crate::{
    base::{sqlstate::SqlState, value::Value},
    error::{Error, Result},
    sql::{
        expr::Context,
        plan::{Statement, Subplan, SubplanKind},
    },
};
use std::sync::Arc;

impl Session {
    /// The context of a statement's run, with the values of its subqueries.
    pub(super) async fn statement_context(
        &mut self,
        statement: &Statement,
        parameters: Vec<Value>,
    ) -> Result<Arc<Context>> {
        let mut context = self.context(parameters);
        for subplan in &statement.subplans {
            let value = self.subplan_value(subplan, &context).await?;
            Arc::make_mut(&mut context).subplans.push(value);
        }
        Ok(context)
    }

    async fn subplan_value(&mut self, subplan: &Subplan, context: &Arc<Context>) -> Result<Value> {
        let mut query = self.query(&subplan.plan, context.clone()).await?;
        let cancel = self.cancel.clone();
        let core = self.core.clone();
        let mut values = Vec::new();
        let mut bytes = 0;
        while let Some(batch) = cancel.race(query.next(&core)).await? {
            match subplan.kind {
                SubplanKind::Exists if batch.rows > 0 => return Ok(Value::Bool(true)),
                SubplanKind::Exists => {}
                SubplanKind::Scalar | SubplanKind::Array => {
                    let Some(column) = batch.columns.first() else {
                        return Err(Error::internal("a subquery without a column"));
                    };
                    bytes += column.bytes();
                    values.extend(column.values());
                }
            }
            if subplan.kind == SubplanKind::Scalar && values.len() > 1 {
                let message = "more than one row returned by a subquery used as an expression";
                return Err(Error::new(SqlState::CARDINALITY_VIOLATION, message));
            }
            if bytes > context.memory_bytes_max {
                return Err(Error::new(SqlState::OUT_OF_MEMORY, "the result of a subquery does not fit in memory")
                    .with_hint("Use a join instead of a subquery."));
            }
        }
        Ok(match subplan.kind {
            SubplanKind::Exists => Value::Bool(false),
            SubplanKind::Scalar => values.pop().unwrap_or(Value::Null),
            SubplanKind::Array => Value::array(values),
        })
    }
}
