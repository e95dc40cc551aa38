//! Facts and the bank through the embedded client: SQL as text, values as the engine holds them.

use super::{blocking, failure};
use crate::{
    operation::{Answer, Failure, Group, Operation, Transfer},
    target::postgres::{creations, sql},
    workload::{BALANCE_START, Plan, Tables},
};
use distdb::{base::value::Value, node::Client};
use std::{fmt::Write, sync::Arc};

/// Rows of one INSERT while setting up.
const INSERT_ROWS: u64 = 500;

/// A client; it is away while a call is under way.
pub struct Session {
    client: Option<Client>,
    plan: Arc<Plan>,
}

impl Session {
    pub fn new(client: Client, plan: &Arc<Plan>) -> Session {
        Session { client: Some(client), plan: plan.clone() }
    }

    /// Makes the tables and fills them.
    pub async fn set_up(&mut self, loaded: &(dyn Fn(u64) + Sync)) -> Result<(), Failure> {
        for table in creations(self.plan.workload.tables()) {
            self.query(table.to_string()).await?;
        }
        let rows = self.plan.workload.loaded_before(self.plan.rows);
        let mut from = 0;
        while from < rows {
            let to = (from + INSERT_ROWS).min(rows);
            self.query(self.insertion(from, to)).await?;
            loaded(to);
            from = to;
        }
        Ok(())
    }

    fn insertion(&self, from: u64, to: u64) -> String {
        let facts = self.plan.workload.tables() == Tables::Facts;
        let mut text = format!("INSERT INTO {} VALUES", if facts { "loadtest_facts" } else { "loadtest_accounts" });
        for id in from..to {
            let comma = if id == from { "" } else { "," };
            // Writing to a String cannot fail.
            let _ = if facts {
                let (a, b, c) = self.plan.content.fact(id);
                write!(text, "{comma} ({id}, {a}, {b}, {c})")
            } else {
                write!(text, "{comma} ({id}, {BALANCE_START})")
            };
        }
        text
    }

    pub async fn execute(&mut self, operation: &Operation) -> Result<Answer, Failure> {
        match operation {
            Operation::Aggregate => {
                let mut groups: Vec<Group> =
                    decode(self.query(sql::AGGREGATE.into()).await?, |[c, count, sum_a, max_b]| Group {
                        c,
                        count,
                        sum_a,
                        max_b,
                    })?;
                groups.sort_unstable();
                Ok(Answer::Groups(groups))
            }
            Operation::Sum => {
                // An integer again: a numeric would need arithmetic of its own here.
                let text = sql::SUM.replace("sum(balance)", "sum(balance)::bigint");
                let sums = decode(self.query(text).await?, |[sum]: [i64; 1]| sum)?;
                sums.first().copied().map(Answer::Sum).ok_or_else(|| Failure::new("answer", "no sum"))
            }
            Operation::Accounts { from, rows } => {
                let rows = self.query(page(sql::ACCOUNTS, *from, *rows)).await?;
                decode(rows, |[id, balance]| (id as u64, balance)).map(Answer::Accounts)
            }
            Operation::Transfers { from, rows } => {
                let rows = self.query(page(sql::TRANSFERS, *from, *rows)).await?;
                let transfer = |[id, source, destination, amount]: [i64; 4]| Transfer {
                    id: id as u64,
                    source: source as u64,
                    destination: destination as u64,
                    amount,
                };
                decode(rows, transfer).map(Answer::Transfers)
            }
            Operation::Transfer { id, source, destination, amount } => {
                self.transfer(*id, *source, *destination, *amount).await
            }
            _ => Err(Failure::new("0A000", "tables of SQL have no such operation here")),
        }
    }

    async fn transfer(&mut self, id: u64, source: u64, destination: u64, amount: i64) -> Result<Answer, Failure> {
        let text = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ;
             UPDATE loadtest_accounts SET balance = balance - {amount} WHERE id = {source};
             UPDATE loadtest_accounts SET balance = balance + {amount} WHERE id = {destination};
             INSERT INTO loadtest_transfers VALUES ({id}, {source}, {destination}, {amount});
             COMMIT"
        );
        match self.query(text).await {
            Ok(_) => Ok(Answer::Written(3)),
            Err(failure) => {
                self.query("ROLLBACK".into()).await?;
                Err(failure)
            }
        }
    }

    async fn query(&mut self, text: String) -> Result<Vec<Vec<Value>>, Failure> {
        let gone = || Failure::new("lost", "the client was given up during a call").reconnect();
        let mut client = self.client.take().ok_or_else(gone)?;
        let (client, rows) = blocking(move || {
            let rows = client.query(&text);
            Ok((client, rows))
        })
        .await?;
        self.client = Some(client);
        rows.map_err(failure)
    }
}

/// A paged statement with its parameters in place.
fn page(statement: &str, from: u64, rows: u32) -> String {
    statement.replace("$1", &from.to_string()).replace("$2", &rows.to_string())
}

/// Rows of `N` integers each.
fn decode<const N: usize, T>(rows: Vec<Vec<Value>>, make: impl Fn([i64; N]) -> T) -> Result<Vec<T>, Failure> {
    let wrong = || Failure::new("answer", "a row is not made of integers");
    rows.into_iter()
        .map(|row| {
            let integers: Option<Vec<i64>> = row.iter().map(integer).collect();
            integers.and_then(|integers| integers.try_into().ok()).map(&make).ok_or_else(wrong)
        })
        .collect()
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Int2(number) => Some((*number).into()),
        Value::Int4(number) => Some((*number).into()),
        Value::Int8(number) => Some(*number),
        _ => None,
    }
}
