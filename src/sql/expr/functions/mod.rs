//! Scalar functions by theme. Each file has a table of signatures for the binder and the code that computes them.
//!
//! Functions here work on single values; those worth a typed loop over a column have one in [`mod@super::evaluate`].
//! Arguments have the types of the signature that the binder chose; a value of another type is a bug of the server and
//! gives XX000. Results are bounded by [`RESULT_BYTES_MAX`].

pub mod arithmetic;
pub mod arrays;
pub mod bytes;
pub mod catalog;
pub mod datetime;
mod datetime_operators;
mod format;
pub mod math;
pub mod quote;
pub mod regexp;
pub mod session;
pub mod strings;

use super::{Context, function::Function};
use crate::{
    base::{limits, sqlstate::SqlState, types::DataType, value::Value},
    error::{Error, Result},
};

/// Longest string, bytea or array that a function makes.
pub const RESULT_BYTES_MAX: usize = limits::ROW_BYTES_MAX;

/// One call, without its argument values.
pub(crate) struct Call<'a> {
    pub function: Function,
    /// Types of the arguments.
    pub types: &'a [DataType],
    pub result: DataType,
    pub context: &'a Context,
    pub scratch: &'a Scratch,
}

/// What calls of one expression keep from row to row.
#[derive(Default)]
pub(crate) struct Scratch {
    pub regexp: regexp::Cache,
}

/// Computes a function. Strict functions do not get NULLs.
pub(crate) fn call(call: &Call<'_>, arguments: &[Value]) -> Result<Value> {
    let themes = [
        arithmetic::call,
        strings::call,
        math::call,
        datetime::call,
        datetime_operators::call,
        session::call,
        catalog::call,
        arrays::call,
        quote::call,
        bytes::call,
        regexp::call,
    ];
    for theme in themes {
        if let Some(value) = theme(call, arguments)? {
            return Ok(value);
        }
    }
    Err(Error::internal(format!("{:?} cannot be computed on {:?}", call.function, call.types)))
}

/// An argument that the signature says is text.
pub(crate) fn text(arguments: &[Value], position: usize) -> Result<&str> {
    match arguments.get(position) {
        Some(Value::Text(text)) => Ok(text),
        other => Err(mistyped("text", position, other)),
    }
}

/// An argument that the signature says is bytea.
pub(crate) fn bytea(arguments: &[Value], position: usize) -> Result<&[u8]> {
    match arguments.get(position) {
        Some(Value::Bytea(bytes)) => Ok(bytes),
        other => Err(mistyped("bytea", position, other)),
    }
}

/// An argument that the signature says is an integer of any width.
pub(crate) fn integer(arguments: &[Value], position: usize) -> Result<i64> {
    match arguments.get(position) {
        Some(value) => value.as_integer().ok_or_else(|| mistyped("an integer", position, Some(value))),
        None => Err(mistyped("an integer", position, None)),
    }
}

/// An argument that the signature says is bool.
pub(crate) fn boolean(arguments: &[Value], position: usize) -> Result<bool> {
    match arguments.get(position) {
        Some(Value::Bool(value)) => Ok(*value),
        other => Err(mistyped("bool", position, other)),
    }
}

fn mistyped(expected: &str, position: usize, found: Option<&Value>) -> Error {
    Error::internal(format!("argument {} of a function is not {expected} but {found:?}", position + 1))
}

/// The error for a result that would be too long.
pub(crate) fn too_long() -> Error {
    Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "requested length too large")
        .with_hint(format!("A value may have at most {RESULT_BYTES_MAX} bytes."))
}
