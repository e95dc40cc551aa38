//! A target in memory, right by default and wrong on request: the control for verification.

use crate::{
    operation::{Answer, Failure, Operation, Row, Transfer},
    workload::{BALANCE_START, Plan, Tables},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// What it does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Acknowledges the n-th write and forgets it.
    LoseWrite(u64),
    /// Answers the n-th write with "lost" although it was done.
    LoseAnswer(u64),
    /// Says no to the n-th write and does it all the same.
    DoRefused(u64),
    /// Fails every n-th request with 40001, having done nothing.
    Conflict(u64),
    /// Stores another payload at the n-th write.
    Corrupt(u64),
    /// Withdraws at the n-th transfer and does not deposit.
    HalfTransfer(u64),
}

#[derive(Default)]
struct State {
    rows: BTreeMap<u64, (u64, String)>,
    accounts: BTreeMap<u64, i64>,
    transfers: BTreeMap<u64, Transfer>,
    requests: u64,
    writes: u64,
}

#[derive(Clone)]
pub struct Fake {
    state: Arc<Mutex<State>>,
    plan: Arc<Plan>,
    fault: Fault,
}

impl Fake {
    pub fn new(plan: &Arc<Plan>, fault: Fault) -> Fake {
        Fake { state: Arc::default(), plan: plan.clone(), fault }
    }

    pub fn set_up(&self, plan: &Arc<Plan>, loaded: &(dyn Fn(u64) + Sync)) -> Result<(), Failure> {
        let mut state = self.state.lock().expect("no panic");
        for id in 0..plan.workload.loaded_before(plan.rows) {
            match plan.workload.tables() {
                Tables::Bank => drop(state.accounts.insert(id, BALANCE_START)),
                _ => drop(state.rows.insert(id, (0, plan.content.payload(id, 0)))),
            }
        }
        loaded(plan.rows);
        Ok(())
    }

    pub fn execute(&self, operation: &Operation) -> Result<Answer, Failure> {
        let mut state = self.state.lock().expect("no panic");
        state.requests += 1;
        if let Fault::Conflict(every) = self.fault
            && state.requests.is_multiple_of(every)
        {
            return Err(Failure { retry: true, ..Failure::new("40001", "again") });
        }
        self.read(&state, operation).map_or_else(|| self.write(&mut state, operation), Ok)
    }

    fn read(&self, state: &State, operation: &Operation) -> Option<Answer> {
        let row = |(id, (version, payload)): (&u64, &(u64, String))| Row {
            id: *id,
            version: *version,
            payload: payload.clone(),
        };
        Some(match operation {
            Operation::Read { id } => Answer::Row(state.rows.get_key_value(id).map(row)),
            Operation::Scan { from, rows } => {
                Answer::Rows(state.rows.range(from..).take(*rows as usize).map(row).collect())
            }
            Operation::Sum => Answer::Sum(state.accounts.values().sum()),
            Operation::Accounts { from, rows } => {
                let accounts = state.accounts.range(from..).take(*rows as usize);
                Answer::Accounts(accounts.map(|(id, balance)| (*id, *balance)).collect())
            }
            Operation::Transfers { from, rows } => {
                Answer::Transfers(state.transfers.range(from..).take(*rows as usize).map(|(_, note)| *note).collect())
            }
            _ => return None,
        })
    }

    fn write(&self, state: &mut State, operation: &Operation) -> Result<Answer, Failure> {
        state.writes += 1;
        let number = state.writes;
        if self.fault != Fault::LoseWrite(number) {
            self.apply(state, operation, number);
        }
        match self.fault {
            Fault::LoseAnswer(at) if at == number => Err(Failure::new("lost", "no answer").unknown().reconnect()),
            Fault::DoRefused(at) if at == number => Err(Failure::new("23514", "no")),
            _ => Ok(Answer::Written(1)),
        }
    }

    fn apply(&self, state: &mut State, operation: &Operation, number: u64) {
        let payload = |id, version| match self.fault {
            Fault::Corrupt(at) if at == number => "something else".to_string(),
            _ => self.plan.content.payload(id, version),
        };
        match operation {
            Operation::Insert { id } => drop(state.rows.insert(*id, (0, payload(*id, 0)))),
            Operation::Update { id, version } | Operation::ReadUpdate { id, version } => {
                state.rows.insert(*id, (*version, payload(*id, *version)));
            }
            Operation::Load { from, to } => state.rows.extend((*from..*to).map(|id| (id, (0, payload(id, 0))))),
            Operation::Transfer { id, source, destination, amount } => {
                *state.accounts.entry(*source).or_default() -= amount;
                if self.fault != Fault::HalfTransfer(number) {
                    *state.accounts.entry(*destination).or_default() += amount;
                }
                let (id, source, destination, amount) = (*id, *source, *destination, *amount);
                state.transfers.insert(id, Transfer { id, source, destination, amount });
            }
            other => panic!("{other:?} writes nothing"),
        }
    }
}
