//! What a client may ask of a target and what comes back: the vocabulary between workloads and targets.

/// One request. Rows are numbered; all their content follows from seed, number and version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Reads one row.
    Read { id: u64 },
    /// Creates a row at version 0.
    Insert { id: u64 },
    /// Overwrites a row.
    Update { id: u64, version: u64 },
    /// Reads a row, then overwrites it.
    ReadUpdate { id: u64, version: u64 },
    /// Reads up to `rows` rows from `from` on, in order.
    Scan { from: u64, rows: u32 },
    /// Creates the rows `from..to` in one bulk statement.
    Load { from: u64, to: u64 },
    /// Groups the whole table of facts.
    Aggregate,
    /// Moves money between two accounts and notes it, in one transaction.
    Transfer { id: u64, source: u64, destination: u64, amount: i64 },
    /// Adds up all accounts.
    Sum,
    /// Reads up to `rows` accounts from `from` on.
    Accounts { from: u64, rows: u32 },
    /// Reads up to `rows` notes of transfers from `from` on.
    Transfers { from: u64, rows: u32 },
}

/// Operations are measured by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Read,
    Insert,
    Update,
    ReadModifyWrite,
    Scan,
    Load,
    Aggregate,
    Transfer,
    Sum,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Read => "read",
            Kind::Insert => "insert",
            Kind::Update => "update",
            Kind::ReadModifyWrite => "read-modify-write",
            Kind::Scan => "scan",
            Kind::Load => "load",
            Kind::Aggregate => "aggregate",
            Kind::Transfer => "transfer",
            Kind::Sum => "sum",
        }
    }
}

impl Operation {
    pub fn kind(&self) -> Kind {
        match self {
            Operation::Read { .. } => Kind::Read,
            Operation::Insert { .. } => Kind::Insert,
            Operation::Update { .. } => Kind::Update,
            Operation::ReadUpdate { .. } => Kind::ReadModifyWrite,
            Operation::Scan { .. } | Operation::Accounts { .. } | Operation::Transfers { .. } => Kind::Scan,
            Operation::Load { .. } => Kind::Load,
            Operation::Aggregate => Kind::Aggregate,
            Operation::Transfer { .. } => Kind::Transfer,
            Operation::Sum => Kind::Sum,
        }
    }
}

/// A row as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub id: u64,
    pub version: u64,
    pub payload: String,
}

/// One group of the table of facts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    pub c: i64,
    pub count: i64,
    pub sum_a: i64,
    pub max_b: i64,
}

/// A note of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    pub id: u64,
    pub source: u64,
    pub destination: u64,
    pub amount: i64,
}

/// What a target answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// A write was acknowledged; so many rows.
    Written(u64),
    Row(Option<Row>),
    Rows(Vec<Row>),
    Groups(Vec<Group>),
    Sum(i64),
    Accounts(Vec<(u64, i64)>),
    Transfers(Vec<Transfer>),
}

impl Answer {
    /// Rows that were read or written, for throughput in rows.
    pub fn rows(&self) -> u64 {
        match self {
            Answer::Written(rows) => *rows,
            Answer::Row(row) => u64::from(row.is_some()),
            Answer::Rows(rows) => rows.len() as u64,
            Answer::Groups(groups) => groups.iter().map(|group| group.count.max(0) as u64).sum(),
            Answer::Sum(_) => 1,
            Answer::Accounts(accounts) => accounts.len() as u64,
            Answer::Transfers(transfers) => transfers.len() as u64,
        }
    }
}

/// Whether a failed write took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The target said no, or was never asked.
    NotDone,
    /// The answer never came: it may be there or not.
    Unknown,
}

/// Why there is no answer.
#[derive(Clone, Debug)]
pub struct Failure {
    /// SQLSTATE, or a word: `connect`, `lost`, `timeout`, `answer`.
    pub kind: String,
    pub message: String,
    pub effect: Effect,
    /// The same request may succeed when repeated (SQLSTATE class 40).
    pub retry: bool,
    /// The session cannot be used any more.
    pub reconnect: bool,
}

impl Failure {
    pub fn new(kind: impl Into<String>, message: impl Into<String>) -> Failure {
        Failure { kind: kind.into(), message: message.into(), effect: Effect::NotDone, retry: false, reconnect: false }
    }

    pub fn unknown(mut self) -> Failure {
        self.effect = Effect::Unknown;
        self
    }

    pub fn reconnect(mut self) -> Failure {
        self.reconnect = true;
        self
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}
