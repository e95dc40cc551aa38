//! What is measured: a PostgreSQL server of any make, or the engine linked in.
//!
//! A closed set, so an enum. Nothing here counts, retries or verifies; a session does one operation and says how it ended.

pub mod embedded;
#[cfg(test)]
pub mod fake;
pub mod postgres;

use crate::{
    operation::{Answer, Failure, Operation},
    workload::Plan,
};
use std::{sync::Arc, time::Duration};

/// Something to drive.
pub enum Target {
    Postgres(postgres::Postgres),
    Embedded(embedded::Embedded),
    #[cfg(test)]
    Fake(fake::Fake),
}

/// One client's connection.
pub enum Session {
    Postgres(Box<postgres::Session>),
    Embedded(embedded::Session),
    #[cfg(test)]
    Fake(fake::Fake),
}

impl Target {
    /// Understands `postgresql://…` and `embedded:FOLDER`.
    pub fn parse(url: &str) -> Result<Target, String> {
        if let Some(folder) = url.strip_prefix("embedded:") {
            return embedded::Embedded::new(folder).map(Target::Embedded);
        }
        if url.starts_with("postgresql://") || url.starts_with("postgres://") {
            return postgres::Postgres::new(url).map(Target::Postgres);
        }
        Err(format!("\"{url}\" is no target: give postgresql://user@host:port/database or embedded:FOLDER"))
    }

    /// How it is called in reports, without its password.
    pub fn name(&self) -> String {
        match self {
            Target::Postgres(postgres) => postgres.name(),
            Target::Embedded(embedded) => embedded.name(),
            #[cfg(test)]
            Target::Fake(_) => "fake".into(),
        }
    }

    /// What it says it is.
    pub async fn version(&self) -> Result<String, Failure> {
        match self {
            Target::Postgres(postgres) => postgres.version().await,
            Target::Embedded(embedded) => Ok(embedded.version()),
            #[cfg(test)]
            Target::Fake(_) => Ok("fake".into()),
        }
    }

    /// Makes the tables anew and loads what must be there before the run. `loaded` is told about rows as they are in.
    pub async fn set_up(&self, plan: &Arc<Plan>, loaded: &(dyn Fn(u64) + Sync)) -> Result<(), Failure> {
        match self {
            Target::Postgres(postgres) => postgres.set_up(plan, loaded).await,
            Target::Embedded(embedded) => embedded.set_up(plan, loaded).await,
            #[cfg(test)]
            Target::Fake(fake) => fake.set_up(plan, loaded),
        }
    }

    /// Drops the tables.
    pub async fn clean_up(&self, plan: &Arc<Plan>) -> Result<(), Failure> {
        match self {
            Target::Postgres(postgres) => postgres.clean_up(plan).await,
            Target::Embedded(embedded) => embedded.clean_up().await,
            #[cfg(test)]
            Target::Fake(_) => Ok(()),
        }
    }

    /// Connects a client.
    pub async fn connect(&self, plan: &Arc<Plan>) -> Result<Session, Failure> {
        match self {
            Target::Postgres(postgres) => Ok(Session::Postgres(Box::new(postgres.connect(plan).await?))),
            Target::Embedded(embedded) => Ok(Session::Embedded(embedded.connect(plan)?)),
            #[cfg(test)]
            Target::Fake(fake) => Ok(Session::Fake(fake.clone())),
        }
    }
}

impl Session {
    /// Does one operation. A write that failed says whether it may have been done all the same.
    pub async fn execute(&mut self, operation: &Operation) -> Result<Answer, Failure> {
        match self {
            Session::Postgres(session) => session.execute(operation).await,
            Session::Embedded(session) => session.execute(operation).await,
            #[cfg(test)]
            Session::Fake(fake) => fake.execute(operation),
        }
    }

    /// As [`Session::execute`], and gives up after `limit`: the outcome is unknown then and the session of no use.
    pub async fn execute_within(&mut self, operation: &Operation, limit: Duration) -> Result<Answer, Failure> {
        match tokio::time::timeout(limit, self.execute(operation)).await {
            Ok(answer) => answer,
            Err(_) => Err(Failure::new("timeout", format!("no answer within {limit:?}")).unknown().reconnect()),
        }
    }
}
