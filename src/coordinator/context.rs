//! What expressions may ask of the session: parameters, times, names, settings.

use super::session::Session;
use crate::{
    base::value::Value,
    sql::expr::{Context, SessionFacts},
};
use std::sync::Arc;

impl Session {
    /// The context of a statement with these parameters.
    pub(super) fn context(&mut self, parameters: Vec<Value>) -> Arc<Context> {
        let env = self.core.shard.env();
        let now = env.wall_micros();
        Arc::new(Context {
            parameters,
            transaction_micros: self.transaction.as_ref().map_or(now, |transaction| transaction.started_micros),
            statement_micros: now,
            clock_micros: now,
            seed: env.random_u64(),
            transaction_id: self.transaction.as_ref().map_or(0, |transaction| transaction.id.0),
            session: self.facts(),
            ..Context::default()
        })
    }

    /// The part of the context that changes only with settings; made anew when one did.
    fn facts(&mut self) -> Arc<SessionFacts> {
        let version = (self.settings.version(), self.core.shard.catalog().version());
        if let Some((made_for, facts)) = &self.facts
            && *made_for == version
        {
            return facts.clone();
        }
        let catalog = self.catalog();
        let exists = |schema: &String| catalog.resolve_schema(self.database, schema).is_some();
        let facts = Arc::new(SessionFacts {
            time_zone: self.settings.get("TimeZone").unwrap_or_default(),
            user: self.user.clone(),
            database: self.database_name.clone(),
            search_path: self.search_path().into_iter().filter(exists).collect(),
            settings: self.settings.all().into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect(),
            process_id: self.process_id(),
        });
        self.facts = Some((version, facts.clone()));
        facts
    }
}
