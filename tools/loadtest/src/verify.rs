//! After the clock has stopped: everything that was written is read back and compared.
//!
//! An acknowledged write must be there, a refused one must not, an unknown one may; nothing else may be there. Of a row
//! that was overwritten, the version that stayed must be one that could be the last. Transfers must be there as noted, and
//! every account must hold what its transfers leave.

use crate::{
    ledger::{Ledger, Outcome},
    operation::{Answer, Failure, Operation, Row, Transfer},
    target::{Session, Target},
    workload::{BALANCE_START, Plan, Tables},
};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// Rows read at once.
const PAGE_ROWS: u32 = 1000;
/// Findings that are described; all are counted.
const EXAMPLES_MAX: usize = 20;
/// How long a server may take to come back before verification gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// What verification found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verification {
    /// Rows, transfers and accounts compared.
    pub checked: u64,
    /// Acknowledged and not there.
    pub lost: u64,
    /// There, and refused or never written.
    pub phantom: u64,
    /// There with a content that nobody wrote, or with a version that was replaced.
    pub wrong: u64,
    /// Outcome unknown, and there.
    pub unknown_done: u64,
    /// Outcome unknown, and not there.
    pub unknown_not_done: u64,
    pub examples: Vec<String>,
    /// Why it could not be finished.
    pub failure: Option<String>,
    pub seconds: f64,
}

impl Verification {
    pub fn passed(&self) -> bool {
        self.lost == 0 && self.phantom == 0 && self.wrong == 0 && self.failure.is_none()
    }

    fn describe(&mut self, what: String) {
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(what);
        }
    }

    fn lost(&mut self, what: String) {
        self.lost += 1;
        self.describe(format!("{what} was acknowledged and is not there"));
    }

    fn phantom(&mut self, what: String) {
        self.phantom += 1;
        self.describe(format!("{what} is there and was never acknowledged"));
    }

    fn wrong(&mut self, what: String) {
        self.wrong += 1;
        self.describe(what);
    }

    /// One thing that was written (or not), against whether it is there.
    fn compare(&mut self, outcome: Option<Outcome>, there: bool, what: impl Fn() -> String) {
        self.checked += 1;
        match (outcome, there) {
            (Some(Outcome::Acknowledged), false) => self.lost(what()),
            (Some(Outcome::Refused) | None, true) => self.phantom(what()),
            (Some(Outcome::Unknown), true) => self.unknown_done += 1,
            (Some(Outcome::Unknown), false) => self.unknown_not_done += 1,
            (Some(Outcome::Acknowledged), true) | (Some(Outcome::Refused) | None, false) => {}
        }
    }
}

/// Reads everything back.
pub async fn verify(plan: &Arc<Plan>, target: &Target, ledger: &Ledger) -> Verification {
    let begin = Instant::now();
    let mut found = Verification::default();
    let mut reader = Reader { plan, target, session: None };
    let result = match plan.workload.tables() {
        Tables::Rows => verify_rows(&mut reader, ledger, &mut found).await,
        Tables::Bank => verify_bank(&mut reader, ledger, &mut found).await,
        Tables::Facts => Ok(()), // nothing is written; every answer was compared when it came
    };
    found.failure = result.err().map(|failure| failure.to_string());
    found.seconds = begin.elapsed().as_secs_f64();
    found
}

/// Reads pages and survives a server that goes away for a while.
struct Reader<'a> {
    plan: &'a Arc<Plan>,
    target: &'a Target,
    session: Option<Session>,
}

impl Reader<'_> {
    async fn read(&mut self, operation: Operation) -> Result<Answer, Failure> {
        let begin = Instant::now();
        loop {
            let result = self.try_read(&operation).await;
            match result {
                Err(failure) if (failure.reconnect || failure.retry) && begin.elapsed() < PATIENCE => {
                    self.session = None;
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                result => return result,
            }
        }
    }

    async fn try_read(&mut self, operation: &Operation) -> Result<Answer, Failure> {
        if self.session.is_none() {
            self.session = Some(self.target.connect(self.plan).await?);
        }
        match &mut self.session {
            Some(session) => session.execute_within(operation, PATIENCE).await,
            None => Err(Failure::new("connect", "no session")),
        }
    }
}

async fn verify_rows(reader: &mut Reader<'_>, ledger: &Ledger, found: &mut Verification) -> Result<(), Failure> {
    let inserted = ledger.inserted();
    let mut expected = (0..ledger.loaded).map(|id| (id, Outcome::Acknowledged)).chain(inserted).peekable();
    let mut from = 0;
    loop {
        let Answer::Rows(rows) = reader.read(Operation::Scan { from, rows: PAGE_ROWS }).await? else {
            return Err(Failure::new("answer", "a scan did not answer with rows"));
        };
        for row in &rows {
            // What is expected before this row is not there.
            while let Some((id, outcome)) = expected.next_if(|(id, _)| *id < row.id) {
                found.compare(Some(outcome), false, || format!("row {id}"));
            }
            let outcome = expected.next_if(|(id, _)| *id == row.id).map(|(_, outcome)| outcome);
            found.compare(outcome, true, || format!("row {}", row.id));
            check_content(reader.plan, ledger, row, found);
        }
        match rows.last() {
            Some(last) if rows.len() == PAGE_ROWS as usize => from = last.id + 1,
            _ => break,
        }
    }
    for (id, outcome) in expected {
        found.compare(Some(outcome), false, || format!("row {id}"));
    }
    Ok(())
}

fn check_content(plan: &Plan, ledger: &Ledger, row: &Row, found: &mut Verification) {
    if let Err(what) = plan.check_row(row) {
        return found.wrong(what);
    }
    let possible = ledger.candidates(row.id);
    let allowed = match &possible {
        None => row.version == 0,
        Some(candidates) => candidates.iter().any(|candidate| candidate.version == row.version),
    };
    if !allowed {
        let possible: Vec<u64> = possible.into_iter().flatten().map(|candidate| candidate.version).collect();
        found.lost += 1;
        found.describe(format!(
            "row {} is at version {}; an acknowledged write replaced it: {possible:?} are possible",
            row.id, row.version
        ));
    }
}

async fn verify_bank(reader: &mut Reader<'_>, ledger: &Ledger, found: &mut Verification) -> Result<(), Failure> {
    let noted: BTreeMap<u64, (Transfer, Outcome)> =
        ledger.transfers().into_iter().map(|(transfer, outcome)| (transfer.id, (transfer, outcome))).collect();
    let there = read_transfers(reader).await?;
    let mut balances: BTreeMap<u64, i64> = (0..reader.plan.rows).map(|id| (id, BALANCE_START)).collect();
    for transfer in there.values() {
        let expected = noted.get(&transfer.id);
        found.compare(expected.map(|(_, outcome)| *outcome), true, || format!("transfer {}", transfer.id));
        if expected.is_some_and(|(expected, _)| expected != transfer) {
            found.wrong(format!("transfer {} is not as it was sent: {transfer:?}", transfer.id));
        }
        *balances.entry(transfer.source).or_default() -= transfer.amount;
        *balances.entry(transfer.destination).or_default() += transfer.amount;
    }
    for (id, (_, outcome)) in noted.iter().filter(|(id, _)| !there.contains_key(id)) {
        found.compare(Some(*outcome), false, || format!("transfer {id}"));
    }
    let accounts = read_accounts(reader).await?;
    for (id, expected) in &balances {
        found.checked += 1;
        match accounts.get(id) {
            None => found.lost(format!("account {id}")),
            Some(balance) if balance != expected => {
                found.wrong(format!("account {id} holds {balance}; its transfers leave {expected}"));
            }
            Some(_) => {}
        }
    }
    let sum: i64 = accounts.values().sum();
    if sum != reader.plan.total() {
        found.wrong(format!("all accounts hold {sum}, they must hold {}", reader.plan.total()));
    }
    Ok(())
}

async fn read_transfers(reader: &mut Reader<'_>) -> Result<BTreeMap<u64, Transfer>, Failure> {
    let mut all = BTreeMap::new();
    loop {
        let from = all.last_key_value().map_or(0, |(id, _)| id + 1);
        let Answer::Transfers(page) = reader.read(Operation::Transfers { from, rows: PAGE_ROWS }).await? else {
            return Err(Failure::new("answer", "not transfers"));
        };
        let full = page.len() == PAGE_ROWS as usize;
        all.extend(page.into_iter().map(|transfer| (transfer.id, transfer)));
        if !full {
            return Ok(all);
        }
    }
}

async fn read_accounts(reader: &mut Reader<'_>) -> Result<BTreeMap<u64, i64>, Failure> {
    let mut all = BTreeMap::new();
    loop {
        let from = all.last_key_value().map_or(0, |(id, _)| id + 1);
        let Answer::Accounts(page) = reader.read(Operation::Accounts { from, rows: PAGE_ROWS }).await? else {
            return Err(Failure::new("answer", "not accounts"));
        };
        let full = page.len() == PAGE_ROWS as usize;
        all.extend(page);
        if !full {
            return Ok(all);
        }
    }
}
