//! The one error of the system.
//!
//! It answers what a caller must know: which SQLSTATE it is, what the user can do about it, and whether the work was
//! done, not done, or is unknown. Messages follow PostgreSQL's style: lower case, no full stop; the hint is a sentence.

use crate::base::sqlstate::SqlState;
use std::{fmt, sync::Arc};

/// Every fallible call of the crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whether the effect of the failed request took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing was changed.
    NotDone,
    /// It may or may not have been done; the caller must find out.
    Unknown,
}

/// An error with all that a client may be told. Cheap to move: one pointer.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    state: SqlState,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
    /// Where it happened ("COPY t, line 3").
    context: Option<String>,
    /// Character (not byte) position in the statement, from 1.
    position: Option<u32>,
    schema: Option<String>,
    table: Option<String>,
    column: Option<String>,
    constraint: Option<String>,
    data_type: Option<String>,
    /// The encoded key it is about, while nobody has said what that means.
    key: Option<Box<[u8]>>,
    effect: Effect,
    stale_snapshot: bool,
    cause: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of which the message says all; nothing was changed.
    pub fn new(state: SqlState, message: impl Into<String>) -> Error {
        Error(Box::new(Inner {
            state,
            message: message.into(),
            detail: None,
            hint: None,
            context: None,
            position: None,
            schema: None,
            table: None,
            column: None,
            constraint: None,
            data_type: None,
            key: None,
            effect: Effect::NotDone,
            stale_snapshot: false,
            cause: None,
        }))
    }

    /// A broken invariant inside the server (XX000). Not for anything a client can cause.
    pub fn internal(message: impl Into<String>) -> Error {
        Error::new(SqlState::INTERNAL_ERROR, message)
    }

    /// Stored bytes that fail their checksum or cannot be decoded (XX001). Names the file and place in `message`.
    pub fn corrupt(message: impl Into<String>) -> Error {
        Error::new(SqlState::DATA_CORRUPTED, message)
    }

    /// A failed system call (58030, or 53100 when the disk is full).
    pub fn io(doing: impl fmt::Display, cause: std::io::Error) -> Error {
        let state = match cause.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => SqlState::DISK_FULL,
            _ => SqlState::IO_ERROR,
        };
        let error = Error::new(state, format!("{doing}: {cause}"));
        let error = match state {
            SqlState::DISK_FULL => {
                error.with_hint("Free some space there: writes go on by themselves once there is room.")
            }
            _ => error,
        };
        error.with_cause(cause)
    }

    /// The feature is known and not there (0A000).
    pub fn unsupported(what: impl fmt::Display) -> Error {
        Error::new(SqlState::FEATURE_NOT_SUPPORTED, format!("{what} is not supported yet"))
    }

    /// Adds the DETAIL line.
    pub fn with_detail(mut self, detail: impl Into<String>) -> Error {
        self.0.detail = Some(detail.into());
        self
    }

    /// Adds the HINT line: what to do next, as a sentence.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Error {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds the CONTEXT line: what was being done where it happened.
    pub fn with_context(mut self, context: impl Into<String>) -> Error {
        self.0.context = Some(context.into());
        self
    }

    /// Adds the position in the statement, in characters from 1.
    pub fn with_position(mut self, position: u32) -> Error {
        self.0.position = Some(position);
        self
    }

    /// Names the table the error is about.
    pub fn with_table(mut self, schema: impl Into<String>, table: impl Into<String>) -> Error {
        self.0.schema = Some(schema.into());
        self.0.table = Some(table.into());
        self
    }

    /// Names the column the error is about.
    pub fn with_column(mut self, column: impl Into<String>) -> Error {
        self.0.column = Some(column.into());
        self
    }

    /// Adds the encoded key, for a caller that knows its table.
    pub fn with_key(mut self, key: &[u8]) -> Error {
        self.0.key = Some(key.into());
        self
    }

    /// The encoded key it is about, if that is all that is known of it.
    pub fn key(&self) -> Option<&[u8]> {
        self.0.key.as_deref()
    }

    /// Names the constraint that was violated.
    pub fn with_constraint(mut self, constraint: impl Into<String>) -> Error {
        self.0.constraint = Some(constraint.into());
        self
    }

    /// Names the data type the error is about.
    pub fn with_data_type(mut self, data_type: impl Into<String>) -> Error {
        self.0.data_type = Some(data_type.into());
        self
    }

    /// Keeps what caused it.
    pub fn with_cause(mut self, cause: impl std::error::Error + Send + Sync + 'static) -> Error {
        self.0.cause = Some(Arc::new(cause));
        self
    }

    /// Marks that the work may have been done all the same.
    pub fn with_effect(mut self, effect: Effect) -> Error {
        self.0.effect = effect;
        self
    }

    /// Marks that nothing but the age of the transaction's snapshot was in the way.
    pub fn with_stale_snapshot(mut self) -> Error {
        self.0.stale_snapshot = true;
        self
    }

    /// The five-character code.
    pub fn state(&self) -> SqlState {
        self.0.state
    }

    /// The primary message.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The DETAIL line.
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// The HINT line.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The CONTEXT line.
    pub fn context(&self) -> Option<&str> {
        self.0.context.as_deref()
    }

    /// Character position in the statement, from 1.
    pub fn position(&self) -> Option<u32> {
        self.0.position
    }

    /// Schema of the table it is about.
    pub fn schema(&self) -> Option<&str> {
        self.0.schema.as_deref()
    }

    /// Table it is about.
    pub fn table(&self) -> Option<&str> {
        self.0.table.as_deref()
    }

    /// Column it is about.
    pub fn column(&self) -> Option<&str> {
        self.0.column.as_deref()
    }

    /// Constraint that was violated.
    pub fn constraint(&self) -> Option<&str> {
        self.0.constraint.as_deref()
    }

    /// Data type it is about.
    pub fn data_type(&self) -> Option<&str> {
        self.0.data_type.as_deref()
    }

    /// Whether the work was done.
    pub fn effect(&self) -> Effect {
        self.0.effect
    }

    /// Whether the same statement may succeed at a later snapshot of its transaction.
    pub fn is_stale_snapshot(&self) -> bool {
        self.0.stale_snapshot
    }

    /// Whether the same transaction may succeed when run again (SQLSTATE class 40, and nothing was done).
    pub fn is_retryable(&self) -> bool {
        self.0.state.as_str().starts_with("40") && self.0.effect == Effect::NotDone
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.state, self.0.message)?;
        if let Some(detail) = &self.0.detail {
            write!(f, " ({detail})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.cause.as_ref().map(|cause| cause.as_ref() as _)
    }
}
