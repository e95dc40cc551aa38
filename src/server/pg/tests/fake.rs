//! A database of a few words, which keeps to the contract of [`Backend`] and asserts that the door does too.
//!
//! `rows N [bytes]` · `echo TYPE …` (prepared: its parameters) · `error CODE` · `insert` · `wait` · `begin` · `commit` ·
//! `rollback` · `conflict` (fails when its implicit transaction ends) · `copy in` · `copy out N` · `panic` · `set NAME VALUE` ·
//! `notice TEXT` · `hang` (until it is given up) · `patience SECONDS` (how long the client may keep silent). Statements are divided by `;`.

use crate::{
    base::{
        batch::{Batch, Column, ColumnData, Strings},
        limits,
        sqlstate::SqlState,
        text::Style,
        types::{DataType, TypeKind},
        value::Value,
    },
    coordinator::CopyRows,
    error::{Error, Result},
    server::pg::backend::{
        Backend, CopyFormat, Description, Fetch, Field, IdleLimit, Notice, Sessions, Started, Startup, Watcher,
    },
};
use futures_lite::future::{poll_fn, yield_now};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    task::Poll,
    time::Duration,
};

/// All sessions, and what was asked of them.
#[derive(Default)]
pub struct Database {
    pub log: Rc<RefCell<Vec<String>>>,
    pub watch: FakeWatcher,
}

/// Time as the test says it is, and whether a statement is to stop.
#[derive(Clone, Default)]
pub struct FakeWatcher {
    pub now: Rc<Cell<Duration>>,
    /// A timeout or a cancel request.
    pub stopping: Rc<Cell<bool>>,
    pub given_up: Rc<Cell<bool>>,
}

impl Watcher for FakeWatcher {
    fn give_up(&self) {
        self.given_up.set(true);
    }

    async fn stopped(&self) -> Error {
        poll_fn(|_| if self.stopping.get() { Poll::Ready(()) } else { Poll::Pending }).await;
        Error::new(SqlState::QUERY_CANCELED, "canceling statement due to statement timeout")
    }

    async fn sleep(&self, time: Duration) {
        let until = self.now.get() + time;
        poll_fn(|_| if self.now.get() >= until { Poll::Ready(()) } else { Poll::Pending }).await;
    }
}

pub struct FakeSession {
    log: Rc<RefCell<Vec<String>>>,
    watch: FakeWatcher,
    patience: Option<Duration>,
    status: u8,
    statements: BTreeMap<String, Rc<FakePrepared>>,
    portals: BTreeMap<String, Portal>,
    running: Running,
    notices: Vec<Notice>,
    changes: Vec<(String, String)>,
    /// The implicit transaction cannot be committed.
    conflict: bool,
    /// `fail` must be called next.
    must_fail: bool,
    closed: bool,
}

struct Portal {
    prepared: Rc<FakePrepared>,
    values: Vec<Value>,
    /// Rows given so far.
    given: usize,
}

#[derive(Default)]
enum Running {
    #[default]
    Nothing,
    Rows {
        portal: Option<String>,
        fields: Rc<[Field]>,
        rows: usize,
        /// Rows given before this start, and in all.
        first: usize,
        given: usize,
        bytes: usize,
        values: Vec<Value>,
    },
    CopyIn(usize),
    CopyOut(usize),
}

pub struct FakePrepared {
    words: Vec<String>,
    parameters: Vec<DataType>,
    fields: Rc<[Field]>,
}

impl Description for FakePrepared {
    fn parameters(&self) -> &[DataType] {
        &self.parameters
    }

    fn fields(&self) -> &[Field] {
        &self.fields
    }
}

impl Sessions for Database {
    type Session = FakeSession;

    fn open_session(&self, startup: Startup) -> Result<FakeSession> {
        self.log.borrow_mut().push(format!("open {} {} {:?}", startup.user, startup.database, startup.parameters));
        if startup.database == "nowhere" {
            return Err(Error::new(SqlState::INVALID_CATALOG_NAME, "database \"nowhere\" does not exist"));
        }
        Ok(FakeSession {
            log: self.log.clone(),
            watch: self.watch.clone(),
            patience: None,
            status: b'I',
            statements: BTreeMap::new(),
            portals: BTreeMap::new(),
            running: Running::Nothing,
            notices: Vec::new(),
            changes: Vec::new(),
            conflict: false,
            must_fail: false,
            closed: false,
        })
    }

    async fn cancel(&self, process_id: i32, secret: i32) {
        self.log.borrow_mut().push(format!("cancel {process_id} {secret}"));
    }
}

impl FakeSession {
    fn note(&self, what: impl Into<String>) {
        self.log.borrow_mut().push(what.into());
    }

    fn called(&self) {
        assert!(!self.must_fail, "an error was not reported to the session");
        assert!(!self.closed, "a closed session was used");
    }

    /// An error that the door must report back.
    fn error<T>(&mut self, state: SqlState, message: impl Into<String>) -> Result<T> {
        self.must_fail = true;
        Err(Error::new(state, message).with_hint("a hint"))
    }

    fn understand(&mut self, text: &str) -> Result<FakePrepared> {
        let words: Vec<String> = text.split_whitespace().map(str::to_string).collect();
        let field = |(name, kind): (&str, TypeKind)| Field {
            name: name.to_string(),
            data_type: DataType::of(kind),
            origin: None,
        };
        let kinds = |words: &[String]| -> Vec<TypeKind> { words.iter().map(|word| kind(word)).collect() };
        let (parameters, fields) = match words.first().map(String::as_str) {
            Some("rows") => (vec![], vec![field(("n", TypeKind::Int4)), field(("t", TypeKind::Text))]),
            Some("echo") => {
                let kinds = kinds(&words[1..]);
                (kinds.clone(), kinds.into_iter().map(|kind| field(("e", kind))).collect())
            }
            Some("put") => (kinds(&words[1..]), vec![]),
            Some(
                "insert" | "begin" | "commit" | "rollback" | "wait" | "conflict" | "copy" | "set" | "notice" | "error"
                | "panic" | "hang" | "patience",
            )
            | None => (vec![], vec![]),
            Some(word) => {
                let message = format!("syntax error at or near \"{word}\"");
                self.must_fail = true;
                return Err(Error::new(SqlState::SYNTAX_ERROR, message).with_position(1));
            }
        };
        Ok(FakePrepared {
            words,
            parameters: parameters.into_iter().map(DataType::of).collect(),
            fields: fields.into(),
        })
    }

    async fn start(
        &mut self,
        prepared: &FakePrepared,
        values: Vec<Value>,
        portal: Option<String>,
        given: usize,
    ) -> Result<Started> {
        self.note(format!("start {}", prepared.words.join(" ")));
        let words: Vec<&str> = prepared.words.iter().map(String::as_str).collect();
        let number = |at: usize| words.get(at).and_then(|word| word.parse().ok()).unwrap_or(0usize);
        if self.status == b'E' && !matches!(words.first(), Some(&"rollback" | &"commit")) {
            return self.error(SqlState::IN_FAILED_SQL_TRANSACTION, "current transaction is aborted");
        }
        let command = |tag: &str| Ok(Started::Command(tag.to_string()));
        match words.as_slice() {
            [] => Ok(Started::Empty),
            ["rows" | "echo", ..] => {
                let rows = if words[0] == "rows" { number(1) } else { 1 };
                let (fields, bytes) = (prepared.fields.clone(), number(2));
                self.running =
                    Running::Rows { portal, fields: fields.clone(), rows, first: given, given, bytes, values };
                Ok(Started::Rows(fields))
            }
            ["error", code, ..] => {
                let state = if *code == "57P01" { SqlState::ADMIN_SHUTDOWN } else { SqlState::DIVISION_BY_ZERO };
                self.error(state, "division by zero")
            }
            ["wait", ..] => {
                for _ in 0..3 {
                    yield_now().await;
                }
                command("WAIT")
            }
            ["hang"] => {
                poll_fn(|_| if self.watch.given_up.get() { Poll::Ready(()) } else { Poll::Pending }).await;
                self.note("given up");
                self.error(SqlState::CONNECTION_FAILURE, "connection to client lost")
            }
            ["patience", ..] => {
                self.patience = Some(Duration::from_secs(number(1) as u64));
                command("SET")
            }
            ["panic"] => panic!("a statement of the test panics"),
            ["begin"] => {
                self.status = b'T';
                command("BEGIN")
            }
            ["commit" | "rollback"] => {
                let tag = if self.status == b'E' { "ROLLBACK".to_string() } else { words[0].to_uppercase() };
                self.status = b'I';
                command(&tag)
            }
            ["conflict"] => {
                self.conflict = self.status == b'I';
                command("CONFLICT")
            }
            ["copy", "in"] => {
                self.running = Running::CopyIn(0);
                Ok(Started::CopyIn { format: CopyFormat::Text, columns: 2 })
            }
            ["copy", "out", ..] => {
                self.running = Running::CopyOut(number(2));
                Ok(Started::CopyOut { format: CopyFormat::Text, columns: 1 })
            }
            ["set", name, value] => {
                self.changes.push((name.to_string(), value.to_string()));
                command("SET")
            }
            ["notice", rest @ ..] => {
                let error = Error::new(SqlState::SUCCESSFUL_COMPLETION, rest.join(" "));
                self.notices.push(Notice { severity: "NOTICE", error });
                command("NOTICE")
            }
            _ => command("INSERT 0 1"),
        }
    }
}

impl Backend for FakeSession {
    type Parsed = FakePrepared;
    type Prepared = FakePrepared;
    type Watcher = FakeWatcher;

    fn process_id(&self) -> i32 {
        7
    }

    fn secret(&self) -> i32 {
        42
    }

    fn parameter_statuses(&self) -> Vec<(String, String)> {
        vec![("server_version".into(), "15.0".into())]
    }

    fn take_parameter_changes(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.changes)
    }

    fn style(&mut self) -> Style {
        Style::default()
    }

    fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    fn watcher(&self) -> FakeWatcher {
        self.watch.clone()
    }

    fn idle_limit(&self) -> Option<IdleLimit> {
        let error = Error::new(SqlState::IDLE_SESSION_TIMEOUT, "terminating connection due to idle-session timeout");
        self.patience.map(|time| IdleLimit { time, error })
    }

    fn transaction_status(&self) -> u8 {
        self.status
    }

    fn parse_script(&mut self, text: &str) -> Result<Vec<FakePrepared>> {
        self.called();
        self.portals.remove("");
        text.split(';').filter(|text| !text.trim().is_empty()).map(|text| self.understand(text)).collect()
    }

    async fn start_simple(&mut self, parsed: &FakePrepared, _: usize) -> Result<Started> {
        self.called();
        self.start(parsed, vec![], None, 0).await
    }

    fn prepare(&mut self, name: &str, text: &str, _: &[u32]) -> Result<()> {
        self.called();
        if !name.is_empty() && self.statements.contains_key(name) {
            return self.error(
                SqlState::DUPLICATE_PREPARED_STATEMENT,
                format!("prepared statement \"{name}\" already exists"),
            );
        }
        let prepared = self.understand(text)?;
        self.statements.insert(name.to_string(), Rc::new(prepared));
        Ok(())
    }

    fn statement(&mut self, name: &str) -> Result<Rc<FakePrepared>> {
        self.called();
        match self.statements.get(name) {
            Some(prepared) => Ok(prepared.clone()),
            None => self
                .error(SqlState::INVALID_SQL_STATEMENT_NAME, format!("prepared statement \"{name}\" does not exist")),
        }
    }

    fn bind(&mut self, portal: &str, statement: &str, values: Vec<Value>) -> Result<()> {
        let prepared = self.statement(statement)?;
        assert_eq!(values.len(), prepared.parameters.len());
        if !portal.is_empty() && self.portals.contains_key(portal) {
            return self.error(SqlState::DUPLICATE_CURSOR, format!("cursor \"{portal}\" already exists"));
        }
        self.portals.insert(portal.to_string(), Portal { prepared, values, given: 0 });
        Ok(())
    }

    fn portal_fields(&mut self, portal: &str) -> Result<Rc<[Field]>> {
        self.called();
        match self.portals.get(portal) {
            Some(portal) => Ok(portal.prepared.fields.clone()),
            None => self.error(SqlState::INVALID_CURSOR_NAME, format!("portal \"{portal}\" does not exist")),
        }
    }

    async fn start_portal(&mut self, portal: &str, sync_follows: bool) -> Result<Started> {
        self.portal_fields(portal)?;
        self.note(format!("sync follows: {sync_follows}"));
        let (prepared, values, given) = match self.portals.get(portal) {
            Some(found) => (found.prepared.clone(), found.values.clone(), found.given),
            None => unreachable!(),
        };
        self.start(&prepared, values, Some(portal.to_string()), given).await
    }

    fn close_statement(&mut self, name: &str) {
        self.statements.remove(name);
    }

    fn close_portal(&mut self, name: &str) {
        self.portals.remove(name);
    }

    async fn fetch(&mut self, rows_max: usize) -> Result<Fetch> {
        self.called();
        match &mut self.running {
            Running::Rows { portal, fields, rows, first, given, bytes, values } => {
                let count = (*rows - *given).min(limits::BATCH_ROWS);
                let count = if rows_max > 0 { count.min(rows_max + *first - *given) } else { count };
                if rows_max > 0 && *given - *first == rows_max {
                    self.running = Running::Nothing;
                    return Ok(Fetch::Suspended);
                }
                if count == 0 {
                    let tag = format!("SELECT {rows}");
                    self.running = Running::Nothing;
                    return Ok(Fetch::Complete(tag));
                }
                let batch = if values.is_empty() { numbered(*given, count, *bytes) } else { echoed(values, fields) };
                *given += count;
                if let Some(portal) = portal.as_ref().and_then(|portal| self.portals.get_mut(portal)) {
                    portal.given = *given;
                }
                Ok(Fetch::Batch(batch))
            }
            Running::CopyOut(0) => {
                self.running = Running::Nothing;
                Ok(Fetch::Complete("COPY".to_string()))
            }
            Running::CopyOut(rows) => {
                let count = (*rows).min(100);
                *rows -= count;
                let bytes = b"row\n".repeat(count);
                Ok(Fetch::CopyData(CopyRows { bytes, ends: (1..=count).map(|row| row * 4).collect() }))
            }
            _ => panic!("fetch of nothing"),
        }
    }

    async fn copy_data(&mut self, data: &[u8]) -> Result<()> {
        self.called();
        let Running::CopyIn(bytes) = &mut self.running else { panic!("copy data for nothing") };
        *bytes += data.len();
        if data.starts_with(b"bad") {
            return self.error(SqlState::BAD_COPY_FILE_FORMAT, "bad copy data");
        }
        Ok(())
    }

    async fn copy_done(&mut self) -> Result<String> {
        self.called();
        let Running::CopyIn(bytes) = std::mem::take(&mut self.running) else { panic!("copy done for nothing") };
        Ok(format!("COPY {bytes}"))
    }

    async fn copy_fail(&mut self, message: &str) -> Error {
        self.called();
        self.running = Running::Nothing;
        self.must_fail = true;
        Error::new(SqlState::QUERY_CANCELED, format!("COPY from stdin failed: {message}"))
    }

    async fn end_batch(&mut self) -> Result<()> {
        self.called();
        if self.status == b'I' {
            self.portals.clear();
        }
        if std::mem::take(&mut self.conflict) {
            return self.error(SqlState::SERIALIZATION_FAILURE, "could not serialize access");
        }
        Ok(())
    }

    async fn fail(&mut self, error: &Error) {
        self.note(format!("fail {}", error.state()));
        self.must_fail = false;
        self.conflict = false;
        self.running = Running::Nothing;
        if self.status == b'T' {
            self.status = b'E';
        }
    }

    async fn close(&mut self) {
        self.note("close");
        self.closed = true;
    }
}

fn kind(word: &str) -> TypeKind {
    match word {
        "int4" => TypeKind::Int4,
        "int8" => TypeKind::Int8,
        _ => TypeKind::Text,
    }
}

fn numbered(first: usize, count: usize, bytes: usize) -> Batch {
    let mut strings = Strings::default();
    for row in first..first + count {
        strings.bytes.extend_from_slice(format!("r{row}").as_bytes());
        strings.bytes.resize(strings.bytes.len() + bytes, b'.');
        strings.ends.push(strings.bytes.len() as u32);
    }
    let numbers = (first..first + count).map(|row| row as i32).collect();
    let nulls = (first..first + count).map(|row| row % 3 == 2).collect();
    let numbers = Column { data: ColumnData::Int4(numbers), nulls: None };
    let texts = Column { data: ColumnData::Text(strings), nulls: Some(nulls) };
    Batch { rows: count, columns: vec![numbers, texts] }
}

fn echoed(values: &[Value], fields: &[Field]) -> Batch {
    assert_eq!(values.len(), fields.len());
    let column = |(value, field): (&Value, &Field)| Column::constant(field.data_type, value, 1);
    Batch { rows: 1, columns: values.iter().zip(fields).map(column).collect() }
}
