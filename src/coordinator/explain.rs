//! EXPLAIN: shows a plan; with ANALYZE the statement is run first, and what its operators did is shown beside.

use super::{
    prepared::Prepared,
    session::{Session, Started},
};
use crate::{
    base::value::Value,
    error::{Error, Result},
    sql::{
        self,
        execute::{Clock, Measured, Measurements},
        plan::{Body, Explain, ExplainFormat},
    },
};
use std::{rc::Rc, time::Duration};

impl Session {
    /// A row a line; one row for a document.
    pub(super) async fn run_explain(
        &mut self,
        explain: &Explain,
        values: Vec<Value>,
        prepared: &Prepared,
    ) -> Result<Started> {
        let shape = explain.shape;
        let mut options = sql::explain::Options { costs: shape.costs, ..sql::explain::Options::default() };
        let measured = if shape.analyze {
            let began = self.core.shard.env().now();
            let measured = self.run_to_the_end(explain, values).await?;
            let took = self.core.shard.env().now().saturating_sub(began);
            let rows = measured.operators.first().map_or(0, |first| first.rows);
            options.summary.push(("Rows", rows as f64));
            if shape.timing {
                options.summary.push(("Execution Time", took.as_secs_f64() * 1000.0));
            }
            Some(measured)
        } else {
            None
        };
        options.measured = measured.as_ref();
        let lines = match shape.format {
            ExplainFormat::Text => sql::explain::text(&explain.statement, &options),
            ExplainFormat::Json => vec![sql::explain::json(&explain.statement, &options)],
        };
        self.text_rows(lines.into_iter().map(|line| vec![line]).collect(), 1, "EXPLAIN");
        Ok(Started::Rows(prepared.shared_fields()))
    }

    /// Runs the statement; its rows are counted and dropped.
    async fn run_to_the_end(&mut self, explain: &Explain, values: Vec<Value>) -> Result<Measurements> {
        let context = self.statement_context(&explain.statement, values).await?;
        let env = self.core.shard.env().clone();
        let began = env.now();
        let whole = |rows: u64, took: Duration| Measurements {
            operators: vec![Measured { rows, busy_nanos: took.as_nanos() as u64, runs: 1 }],
            sources: Vec::new(),
        };
        let rows = match &explain.statement.body {
            Body::Query(node) => {
                let timing = explain.shape.timing;
                let clock_env = env.clone();
                let clock: Clock = Rc::new(move || if timing { clock_env.now() } else { Duration::ZERO });
                let mut query = self.query_watched(node, context, Some(clock))?;
                let cancel = self.cancel.clone();
                while cancel.race(query.next(&self.core)).await?.is_some() {}
                return Ok(query.measurements());
            }
            Body::PointRead(read) => self.point_read(read, &context).await?.rows as u64,
            Body::Insert(insert) => self.insert(insert, &context).await?.0,
            Body::Update(update) => self.update(update, &context).await?.0,
            Body::Delete(delete) => self.delete(delete, &context).await?.0,
            _ => return Err(Error::unsupported("EXPLAIN ANALYZE of this statement")),
        };
        Ok(whole(rows, env.now().saturating_sub(began)))
    }
}
