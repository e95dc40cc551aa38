//! The workloads: what a client does next, and what the answer must be.
//!
//! A workload neither talks to a target nor keeps what was written; [`crate::driver`] and [`crate::ledger`] do.

use crate::{
    content::{Content, GROUPS},
    keys::{Chooser, Distribution},
    operation::{Answer, Group, Operation},
};
use rand::{Rng, rngs::SmallRng};
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

/// What to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Workload {
    /// Read one row by primary key
    PointSelect,
    /// Insert one row, each a transaction of its own
    Insert,
    /// Half reads, half updates
    YcsbA,
    /// 95 % reads, 5 % updates
    YcsbB,
    /// Reads only
    YcsbC,
    /// 95 % reads of the newest rows, 5 % inserts
    YcsbD,
    /// 95 % short scans, 5 % inserts
    YcsbE,
    /// Half reads, half read-modify-writes
    YcsbF,
    /// COPY rows into an empty table
    BulkLoad,
    /// Group a whole table
    ScanAggregate,
    /// Move money between accounts in transactions
    Bank,
}

/// Money in each account at the start.
pub const BALANCE_START: i64 = 1000;
/// Every so often a bank client adds up all accounts instead.
const SUM_EVERY: u32 = 100;

/// Tables a workload needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tables {
    Rows,
    Facts,
    Bank,
}

impl Workload {
    pub fn name(self) -> &'static str {
        match self {
            Workload::PointSelect => "point-select",
            Workload::Insert => "insert",
            Workload::YcsbA => "ycsb-a",
            Workload::YcsbB => "ycsb-b",
            Workload::YcsbC => "ycsb-c",
            Workload::YcsbD => "ycsb-d",
            Workload::YcsbE => "ycsb-e",
            Workload::YcsbF => "ycsb-f",
            Workload::BulkLoad => "bulk-load",
            Workload::ScanAggregate => "scan-aggregate",
            Workload::Bank => "bank",
        }
    }

    pub fn tables(self) -> Tables {
        match self {
            Workload::ScanAggregate => Tables::Facts,
            Workload::Bank => Tables::Bank,
            _ => Tables::Rows,
        }
    }

    /// Rows unless the user says: what is loaded before, or by `bulk-load` itself.
    pub fn rows_default(self) -> u64 {
        match self {
            Workload::Insert => 0,
            Workload::BulkLoad | Workload::ScanAggregate => 1_000_000,
            Workload::Bank => 1000,
            _ => 100_000,
        }
    }

    /// Bytes of a row's payload unless the user says.
    pub fn value_bytes_default(self) -> usize {
        match self {
            Workload::PointSelect | Workload::Insert => 100,
            Workload::BulkLoad => 200,
            _ => 1000,
        }
    }

    fn distribution_default(self) -> Distribution {
        match self {
            Workload::PointSelect | Workload::Bank => Distribution::Uniform,
            Workload::YcsbD => Distribution::Latest,
            _ => Distribution::Zipfian,
        }
    }

    /// Rows that lie there before the run.
    pub fn loaded_before(self, rows: u64) -> u64 {
        if self == Workload::BulkLoad { 0 } else { rows }
    }
}

/// A workload with its sizes.
pub struct Plan {
    pub workload: Workload,
    pub content: Content,
    pub rows: u64,
    /// Rows of one COPY.
    pub load_rows: u64,
    /// Longest scan.
    pub scan_rows: u32,
    chooser: Chooser,
    /// The next row number to insert, or transfer to note.
    next_id: AtomicU64,
    expected_groups: Vec<Group>,
}

/// Sizes of a plan.
pub struct PlanOptions {
    pub rows: u64,
    pub load_rows: u64,
    pub scan_rows: u32,
    pub content: Content,
    pub distribution: Option<Distribution>,
}

impl Plan {
    pub fn new(workload: Workload, options: PlanOptions) -> Plan {
        let PlanOptions { rows, load_rows, scan_rows, content, distribution } = options;
        let distribution = distribution.unwrap_or(workload.distribution_default());
        let facts = workload.tables() == Tables::Facts;
        Plan {
            workload,
            content,
            rows,
            load_rows: load_rows.max(1),
            scan_rows: scan_rows.max(1),
            chooser: Chooser::new(distribution, rows),
            next_id: AtomicU64::new(if workload == Workload::Bank { 0 } else { workload.loaded_before(rows) }),
            expected_groups: if facts { expected_groups(&content, rows) } else { Vec::new() },
        }
    }

    /// What the client does next; None when the work is done.
    pub fn next(&self, rng: &mut SmallRng, client: usize, sequence: u64) -> Option<Operation> {
        // Versions are unique over all clients and never 0, which is the loaded one.
        let version = ((client as u64 + 1) << 40) | (sequence + 1);
        let existing = |rng: &mut SmallRng| self.chooser.choose(rng, self.rows.max(1));
        let percent = rng.random_range(0..100);
        Some(match self.workload {
            Workload::PointSelect | Workload::YcsbC => Operation::Read { id: existing(rng) },
            Workload::Insert => self.insert(),
            Workload::YcsbA if percent < 50 => Operation::Read { id: existing(rng) },
            Workload::YcsbB if percent < 95 => Operation::Read { id: existing(rng) },
            Workload::YcsbA | Workload::YcsbB => Operation::Update { id: existing(rng), version },
            Workload::YcsbD if percent < 95 => Operation::Read { id: self.chooser.choose(rng, self.inserted().max(1)) },
            Workload::YcsbE if percent < 95 => {
                Operation::Scan { from: existing(rng), rows: rng.random_range(1..=self.scan_rows) }
            }
            Workload::YcsbD | Workload::YcsbE => self.insert(),
            Workload::YcsbF if percent < 50 => Operation::Read { id: existing(rng) },
            Workload::YcsbF => Operation::ReadUpdate { id: existing(rng), version },
            Workload::BulkLoad => return self.load(),
            Workload::ScanAggregate => Operation::Aggregate,
            Workload::Bank if rng.random_range(0..SUM_EVERY) == 0 => Operation::Sum,
            Workload::Bank => self.transfer(rng),
        })
    }

    fn insert(&self) -> Operation {
        Operation::Insert { id: self.next_id.fetch_add(1, Ordering::Relaxed) }
    }

    fn inserted(&self) -> u64 {
        self.next_id.load(Ordering::Relaxed)
    }

    fn load(&self) -> Option<Operation> {
        let from = self.next_id.fetch_add(self.load_rows, Ordering::Relaxed);
        (from < self.rows).then(|| Operation::Load { from, to: (from + self.load_rows).min(self.rows) })
    }

    fn transfer(&self, rng: &mut SmallRng) -> Operation {
        let source = self.chooser.choose(rng, self.rows);
        let other = rng.random_range(0..self.rows - 1);
        let destination = if other >= source { other + 1 } else { other };
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        Operation::Transfer { id, source, destination, amount: rng.random_range(1..=10) }
    }

    /// Checks an answer as far as it can be known while others write; says what is wrong with it.
    pub fn check(&self, operation: &Operation, answer: &Answer) -> Result<(), String> {
        match (operation, answer) {
            (Operation::Read { id } | Operation::ReadUpdate { id, .. }, Answer::Row(None)) if *id < self.rows => {
                Err(format!("row {id} was loaded and is not there"))
            }
            (Operation::Read { id }, Answer::Row(Some(row))) if row.id != *id => {
                Err(format!("asked for row {id}, got {}", row.id))
            }
            (_, Answer::Row(Some(row))) => self.check_row(row),
            (Operation::Scan { from, .. }, Answer::Rows(rows)) => {
                let ordered = rows.windows(2).all(|pair| pair[0].id < pair[1].id);
                if !ordered || rows.first().is_some_and(|row| row.id < *from) {
                    return Err(format!("the scan from {from} is out of order"));
                }
                rows.iter().try_for_each(|row| self.check_row(row))
            }
            (Operation::Aggregate, Answer::Groups(groups)) if *groups != self.expected_groups => {
                Err(format!("{} groups differ from the {} expected", groups.len(), self.expected_groups.len()))
            }
            (Operation::Sum, Answer::Sum(sum)) if *sum != self.total() => {
                Err(format!("all accounts hold {sum}, they must hold {}", self.total()))
            }
            _ => Ok(()),
        }
    }

    /// Whether the payload is the one that belongs to the row's version.
    pub fn check_row(&self, row: &crate::operation::Row) -> Result<(), String> {
        if row.payload == self.content.payload(row.id, row.version) {
            Ok(())
        } else {
            Err(format!("row {} version {} holds something else than was written", row.id, row.version))
        }
    }

    /// What all accounts hold together.
    pub fn total(&self) -> i64 {
        self.rows as i64 * BALANCE_START
    }
}

fn expected_groups(content: &Content, rows: u64) -> Vec<Group> {
    let mut groups: BTreeMap<i64, Group> = BTreeMap::new();
    for id in 0..rows {
        let (a, b, c) = content.fact(id);
        let c = i64::from(c);
        let group = groups.entry(c).or_insert(Group { c, count: 0, sum_a: 0, max_b: i64::MIN });
        group.count += 1;
        group.sum_a += i64::from(a);
        group.max_b = group.max_b.max(b);
    }
    debug_assert!(groups.len() as u64 <= GROUPS);
    groups.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::{Kind, Row};
    use clap::ValueEnum;
    use rand::SeedableRng;

    fn plan(workload: Workload, rows: u64) -> Plan {
        let content = Content { seed: 7, value_bytes: 20 };
        Plan::new(workload, PlanOptions { rows, load_rows: 300, scan_rows: 10, content, distribution: None })
    }

    fn mix_of(workload: Workload) -> BTreeMap<Kind, u32> {
        let (plan, mut rng) = (plan(workload, 1000), SmallRng::seed_from_u64(3));
        let mut kinds = BTreeMap::new();
        for sequence in 0..10_000 {
            if let Some(operation) = plan.next(&mut rng, 0, sequence) {
                *kinds.entry(operation.kind()).or_default() += 1;
            }
        }
        kinds
    }

    #[test]
    fn mixes() {
        let share = |workload, kind| mix_of(workload).get(&kind).copied().unwrap_or(0) / 100;
        assert!((47..=53).contains(&share(Workload::YcsbA, Kind::Update)));
        assert!((93..=97).contains(&share(Workload::YcsbB, Kind::Read)));
        assert_eq!(share(Workload::YcsbC, Kind::Read), 100);
        assert!((3..=7).contains(&share(Workload::YcsbD, Kind::Insert)));
        assert!((93..=97).contains(&share(Workload::YcsbE, Kind::Scan)));
        assert!((47..=53).contains(&share(Workload::YcsbF, Kind::ReadModifyWrite)));
        assert_eq!(share(Workload::Insert, Kind::Insert), 100);
        assert!(share(Workload::Bank, Kind::Transfer) >= 98);
    }

    #[test]
    fn a_bulk_load_covers_every_row_once_and_ends() {
        let (plan, mut rng) = (plan(Workload::BulkLoad, 1000), SmallRng::seed_from_u64(3));
        let loads: Vec<Operation> = std::iter::from_fn(|| plan.next(&mut rng, 0, 0)).collect();
        let ranges: Vec<(u64, u64)> = loads
            .iter()
            .map(|load| match load {
                Operation::Load { from, to } => (*from, *to),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(ranges, [(0, 300), (300, 600), (600, 900), (900, 1000)]);
    }

    #[test]
    fn wrong_answers_are_seen() {
        let rows = plan(Workload::YcsbA, 10);
        let row = |id, version| Row { id, version, payload: rows.content.payload(id, version) };
        let read = Operation::Read { id: 3 };
        assert!(rows.check(&read, &Answer::Row(Some(row(3, 9)))).is_ok());
        assert!(rows.check(&read, &Answer::Row(Some(row(4, 9)))).is_err(), "another row");
        assert!(rows.check(&read, &Answer::Row(None)).is_err(), "gone");
        let torn = Row { version: 8, ..row(3, 9) };
        assert!(rows.check(&read, &Answer::Row(Some(torn))).is_err(), "payload of another version");
        let scan = Operation::Scan { from: 3, rows: 2 };
        assert!(rows.check(&scan, &Answer::Rows(vec![row(3, 0), row(4, 0)])).is_ok());
        assert!(rows.check(&scan, &Answer::Rows(vec![row(4, 0), row(3, 0)])).is_err(), "out of order");
        let bank = plan(Workload::Bank, 10);
        assert!(bank.check(&Operation::Sum, &Answer::Sum(10_000)).is_ok());
        assert!(bank.check(&Operation::Sum, &Answer::Sum(9_999)).is_err(), "money is gone");
        let facts = plan(Workload::ScanAggregate, 1000);
        assert!(facts.check(&Operation::Aggregate, &Answer::Groups(facts.expected_groups.clone())).is_ok());
        assert!(facts.check(&Operation::Aggregate, &Answer::Groups(facts.expected_groups[1..].to_vec())).is_err());
    }

    #[test]
    fn transfers_are_between_two_accounts() {
        let (plan, mut rng) = (plan(Workload::Bank, 2), SmallRng::seed_from_u64(3));
        for sequence in 0..1000 {
            if let Some(Operation::Transfer { source, destination, .. }) = plan.next(&mut rng, 0, sequence) {
                assert!(source != destination && source < 2 && destination < 2);
            }
        }
    }

    #[test]
    fn names_are_the_ones_of_the_command_line() {
        for workload in Workload::value_variants() {
            assert_eq!(workload.to_possible_value().expect("a name").get_name(), workload.name());
        }
    }
}
