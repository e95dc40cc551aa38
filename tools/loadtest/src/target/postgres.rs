//! A server that speaks the PostgreSQL protocol: prepared statements for everything, COPY for loading.

pub mod sql;

pub use sql::creations;

use crate::{
    operation::{Answer, Failure, Group, Operation, Row, Transfer},
    workload::{BALANCE_START, Plan, Tables},
};
use futures_util::SinkExt;
use std::{fmt::Write, pin::pin, str::FromStr, sync::Arc, time::Duration};
use tokio_postgres::{Client, Config, NoTls, Statement, error::SqlState};

/// Text collected before it is sent to a COPY.
const COPY_CHUNK_BYTES: usize = 64 << 10;
/// Rows of one COPY while setting up.
const SET_UP_ROWS: u64 = 100_000;
/// How long a connection attempt may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Where to connect.
pub struct Postgres {
    config: Config,
}

/// A connection with what it has prepared.
pub struct Session {
    client: Client,
    plan: Arc<Plan>,
    statements: Vec<(&'static str, Statement)>,
}

impl Postgres {
    pub fn new(url: &str) -> Result<Postgres, String> {
        let mut config =
            Config::from_str(url).map_err(|cause| format!("{}: {}", hide_password(url), reason(&cause)))?;
        config.application_name("loadtest").connect_timeout(CONNECT_TIMEOUT);
        if config.get_user().is_none() {
            config.user("postgres");
        }
        Ok(Postgres { config })
    }

    pub fn name(&self) -> String {
        let host = self.config.get_hosts().first().map_or("localhost".into(), |host| match host {
            tokio_postgres::config::Host::Tcp(name) => name.clone(),
            tokio_postgres::config::Host::Unix(path) => path.display().to_string(),
        });
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        format!("{host}:{port}/{}", self.config.get_dbname().unwrap_or("postgres"))
    }

    async fn open(&self) -> Result<Client, Failure> {
        let connecting = tokio::time::timeout(CONNECT_TIMEOUT, self.config.connect(NoTls)).await;
        let connected = connecting.map_err(|_| Failure::new("connect", "no answer").reconnect())?;
        let (client, connection) = connected.map_err(|cause| Failure::new("connect", reason(&cause)).reconnect())?;
        tokio::spawn(connection); // its error also reaches the client's next request
        Ok(client)
    }

    pub async fn version(&self) -> Result<String, Failure> {
        let client = self.open().await?;
        let row = client.query_one("SELECT version()", &[]).await.map_err(|cause| failure(&cause))?;
        let version: String = row.try_get(0).map_err(|cause| failure(&cause))?;
        Ok(version.split(" on ").next().unwrap_or_default().to_string())
    }

    pub async fn set_up(&self, plan: &Arc<Plan>, loaded: &(dyn Fn(u64) + Sync)) -> Result<(), Failure> {
        self.clean_up(plan).await?;
        let mut session = self.connect(plan).await?;
        for table in creations(plan.workload.tables()) {
            session.client.batch_execute(table).await.map_err(|cause| failure(&cause))?;
        }
        let rows = plan.workload.loaded_before(plan.rows);
        let mut from = 0;
        while from < rows {
            let to = (from + SET_UP_ROWS).min(rows);
            session.copy(sql::copy_statement(plan.workload.tables()), plan, from..to).await?;
            loaded(to);
            from = to;
        }
        // What was loaded gets statistics, so that no run is measured with the plans of an empty table.
        session.client.batch_execute(sql::analyze(plan.workload.tables())).await.map_err(|cause| failure(&cause))
    }

    pub async fn clean_up(&self, plan: &Arc<Plan>) -> Result<(), Failure> {
        let client = self.open().await?;
        for table in sql::table_names(plan.workload.tables()) {
            client.batch_execute(&format!("DROP TABLE IF EXISTS {table}")).await.map_err(|cause| failure(&cause))?;
        }
        Ok(())
    }

    pub async fn connect(&self, plan: &Arc<Plan>) -> Result<Session, Failure> {
        Ok(Session { client: self.open().await?, plan: plan.clone(), statements: Vec::new() })
    }
}

impl Session {
    pub async fn execute(&mut self, operation: &Operation) -> Result<Answer, Failure> {
        let (content, number) = (self.plan.content, |id: u64| id as i64);
        match operation {
            Operation::Read { id } => self.read(*id).await.map(Answer::Row),
            Operation::Insert { id } => {
                let payload = content.payload(*id, 0);
                let statement = self.prepared(sql::INSERT).await?;
                self.written(self.client.execute(&statement, &[&number(*id), &payload]).await)
            }
            Operation::Update { id, version } => self.update(*id, *version).await,
            Operation::ReadUpdate { id, version } => {
                let row = self.read(*id).await?;
                self.update(*id, *version).await?;
                Ok(Answer::Row(row))
            }
            Operation::Scan { from, rows } => {
                let statement = self.prepared(sql::SCAN).await?;
                let rows = self.client.query(&statement, &[&number(*from), &i64::from(*rows)]).await;
                let rows = rows.map_err(|cause| failure(&cause))?;
                rows.iter().map(row).collect::<Result<_, _>>().map(Answer::Rows)
            }
            Operation::Load { from, to } => {
                let plan = self.plan.clone();
                self.copy(sql::copy_statement(Tables::Rows), &plan, *from..*to).await.map(Answer::Written)
            }
            Operation::Aggregate => self.aggregate().await,
            Operation::Transfer { .. } => self.transfer(operation).await,
            Operation::Sum => self.sum().await,
            Operation::Accounts { from, rows } => {
                let statement = self.prepared(sql::ACCOUNTS).await?;
                let rows = self.client.query(&statement, &[&number(*from), &i64::from(*rows)]).await;
                let accounts = rows.map_err(|cause| failure(&cause))?;
                let account = |row: &tokio_postgres::Row| Ok((unsigned(row, 0)?, get(row, 1)?));
                accounts.iter().map(account).collect::<Result<_, _>>().map(Answer::Accounts)
            }
            Operation::Transfers { from, rows } => {
                let statement = self.prepared(sql::TRANSFERS).await?;
                let rows = self.client.query(&statement, &[&number(*from), &i64::from(*rows)]).await;
                let notes = rows.map_err(|cause| failure(&cause))?;
                notes.iter().map(transfer).collect::<Result<_, _>>().map(Answer::Transfers)
            }
        }
    }

    /// Prepares a statement the first time this session uses it.
    async fn prepared(&mut self, text: &'static str) -> Result<Statement, Failure> {
        if let Some((_, statement)) = self.statements.iter().find(|(known, _)| *known == text) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(text).await.map_err(|cause| failure(&cause))?;
        self.statements.push((text, statement.clone()));
        Ok(statement)
    }

    async fn read(&mut self, id: u64) -> Result<Option<Row>, Failure> {
        let statement = self.prepared(sql::SELECT).await?;
        let found = self.client.query_opt(&statement, &[&(id as i64)]).await.map_err(|cause| failure(&cause))?;
        found.as_ref().map(row).transpose()
    }

    async fn update(&mut self, id: u64, version: u64) -> Result<Answer, Failure> {
        let payload = self.plan.content.payload(id, version);
        let statement = self.prepared(sql::UPDATE).await?;
        self.written(self.client.execute(&statement, &[&(id as i64), &(version as i64), &payload]).await)
    }

    /// One row was written, or the row that should be there is not.
    fn written(&self, result: Result<u64, tokio_postgres::Error>) -> Result<Answer, Failure> {
        match result {
            Ok(1) => Ok(Answer::Written(1)),
            Ok(rows) => Err(Failure::new("answer", format!("{rows} rows were written instead of one"))),
            Err(cause) => Err(failure(&cause)),
        }
    }

    async fn aggregate(&mut self) -> Result<Answer, Failure> {
        let statement = self.prepared(sql::AGGREGATE).await?;
        let rows = self.client.query(&statement, &[]).await.map_err(|cause| failure(&cause))?;
        let group = |row: &tokio_postgres::Row| {
            let c: i32 = get(row, 0)?;
            Ok(Group { c: c.into(), count: get(row, 1)?, sum_a: get(row, 2)?, max_b: get(row, 3)? })
        };
        let mut groups: Vec<Group> = rows.iter().map(group).collect::<Result<_, Failure>>()?;
        groups.sort_unstable();
        Ok(Answer::Groups(groups))
    }

    async fn sum(&mut self) -> Result<Answer, Failure> {
        let messages = self.client.simple_query(sql::SUM).await.map_err(|cause| failure(&cause))?;
        let value = messages.iter().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        let sum = value.and_then(|text| text.parse().ok());
        sum.map(Answer::Sum).ok_or_else(|| Failure::new("answer", format!("the sum of all accounts is {value:?}")))
    }

    async fn transfer(&mut self, operation: &Operation) -> Result<Answer, Failure> {
        let result = self.try_transfer(operation).await;
        if let Err(failure) = &result
            && !failure.reconnect
        {
            // The server said no; the transaction block must end before the next one.
            self.client.batch_execute("ROLLBACK").await.map_err(|cause| self::failure(&cause))?;
        }
        result
    }

    async fn try_transfer(&mut self, operation: &Operation) -> Result<Answer, Failure> {
        let Operation::Transfer { id, source, destination, amount } = operation else {
            return Err(Failure::new("answer", "not a transfer"));
        };
        let (id, source, destination) = (*id as i64, *source as i64, *destination as i64);
        let (withdraw, deposit) = (self.prepared(sql::WITHDRAW).await?, self.prepared(sql::DEPOSIT).await?);
        let note = self.prepared(sql::NOTE).await?;
        // Nothing is done before COMMIT is sent, whatever happens on the way there.
        let before_commit = |cause: tokio_postgres::Error| {
            let failure = failure(&cause);
            Failure { effect: crate::operation::Effect::NotDone, ..failure }
        };
        self.client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ").await.map_err(before_commit)?;
        for (statement, account) in [(&withdraw, source), (&deposit, destination)] {
            let rows = self.client.execute(statement, &[&account, amount]).await.map_err(before_commit)?;
            if rows != 1 {
                return Err(Failure::new(
                    "answer",
                    format!("account {account}: {rows} rows were written instead of one"),
                ));
            }
        }
        self.client.execute(&note, &[&id, &source, &destination, amount]).await.map_err(before_commit)?;
        self.client.batch_execute("COMMIT").await.map_err(|cause| failure(&cause))?;
        Ok(Answer::Written(3))
    }

    /// Copies rows in as text; returns how many the server took.
    async fn copy(&mut self, statement: &str, plan: &Plan, rows: std::ops::Range<u64>) -> Result<u64, Failure> {
        let expected = rows.end - rows.start;
        let sink = self.client.copy_in::<_, bytes::Bytes>(statement).await.map_err(|cause| failure(&cause))?;
        let mut sink = pin!(sink);
        let mut chunk = String::with_capacity(COPY_CHUNK_BYTES + 4096);
        for id in rows {
            write_line(&mut chunk, plan, id);
            if chunk.len() >= COPY_CHUNK_BYTES {
                let full = std::mem::replace(&mut chunk, String::with_capacity(COPY_CHUNK_BYTES + 4096));
                sink.send(full.into()).await.map_err(|cause| failure(&cause))?;
            }
        }
        sink.send(chunk.into()).await.map_err(|cause| failure(&cause))?;
        match sink.finish().await {
            Ok(taken) if taken == expected => Ok(taken),
            Ok(taken) => Err(Failure::new("answer", format!("COPY took {taken} rows of {expected}")).unknown()),
            Err(cause) => Err(failure(&cause)),
        }
    }
}

fn write_line(chunk: &mut String, plan: &Plan, id: u64) {
    // Writing to a String cannot fail.
    let _ = match plan.workload.tables() {
        Tables::Rows => writeln!(chunk, "{id}\t0\t{}", plan.content.payload(id, 0)),
        Tables::Facts => {
            let (a, b, c) = plan.content.fact(id);
            writeln!(chunk, "{id}\t{a}\t{b}\t{c}")
        }
        Tables::Bank => writeln!(chunk, "{id}\t{BALANCE_START}"),
    };
}

fn get<'a, T: tokio_postgres::types::FromSql<'a>>(row: &'a tokio_postgres::Row, column: usize) -> Result<T, Failure> {
    row.try_get(column).map_err(|cause| Failure::new("answer", reason(&cause)))
}

fn unsigned(row: &tokio_postgres::Row, column: usize) -> Result<u64, Failure> {
    get::<i64>(row, column).map(|number| number as u64)
}

fn row(row: &tokio_postgres::Row) -> Result<Row, Failure> {
    Ok(Row { id: unsigned(row, 0)?, version: unsigned(row, 1)?, payload: get(row, 2)? })
}

fn transfer(row: &tokio_postgres::Row) -> Result<Transfer, Failure> {
    let (source, destination) = (unsigned(row, 1)?, unsigned(row, 2)?);
    Ok(Transfer { id: unsigned(row, 0)?, source, destination, amount: get(row, 3)? })
}

/// What a failed request means. Without an answer from the server a write may have been done.
fn failure(cause: &tokio_postgres::Error) -> Failure {
    let Some(code) = cause.code() else {
        return Failure::new("lost", reason(cause)).unknown().reconnect();
    };
    let mut failure = Failure::new(code.code(), reason(cause));
    failure.retry = code.code().starts_with("40") && *code != SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN;
    // The server ends the session, or says itself that it does not know.
    let ends = code.code().starts_with("57P") || code.code().starts_with("08");
    let doubtful = ends || code.code().starts_with("XX") || *code == SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN;
    failure.reconnect = ends;
    if doubtful { failure.unknown() } else { failure }
}

/// The error with what lies under it.
fn reason(cause: &tokio_postgres::Error) -> String {
    use std::error::Error as _;
    match (cause.as_db_error(), cause.source()) {
        (Some(error), _) => error.message().to_string(),
        (None, Some(source)) => format!("{cause}: {source}"),
        (None, None) => cause.to_string(),
    }
}

/// `postgresql://user:…@host` for messages.
fn hide_password(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 < at => {
            let user = url[scheme + 3..at].split(':').next().unwrap_or_default();
            format!("{}{user}{}", &url[..scheme + 3], &url[at..])
        }
        _ => url.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let target = Postgres::new("postgresql://me:secret@10.0.0.1:5433/db").expect("valid");
        assert_eq!(target.name(), "10.0.0.1:5433/db");
        assert_eq!(hide_password("postgresql://me:secret@h:1/db"), "postgresql://me@h:1/db");
        assert!(Postgres::new("postgresql://me:secret@h:port/db").is_err_and(|error| !error.contains("secret")));
    }
}
