//! Functions that describe what the catalog has: definitions, sizes, names.

use super::{Call, integer, text};
use crate::{
    base::{sqlstate::SqlState, value::Value},
    error::{Error, Result},
    sql::{
        expr::{
            function::Function as F,
            kinds::{BOOL, INT4, INT8, NAME, OID, REGCLASS, TEXT},
            resolve::{Signature, signature},
        },
        system::{
            describe::{self, Part},
            functions,
        },
    },
};

/// Functions of this file.
pub const SIGNATURES: &[Signature<F>] = &[
    signature("to_regclass", F::ToRegclass, &[TEXT], REGCLASS).stable(),
    signature("pg_relation_size", F::RelationSize(Part::Own), &[REGCLASS, TEXT], INT8).optional(1).stable(),
    signature("pg_table_size", F::RelationSize(Part::Own), &[REGCLASS], INT8).stable(),
    signature("pg_indexes_size", F::RelationSize(Part::Indexes), &[REGCLASS], INT8).stable(),
    signature("pg_total_relation_size", F::RelationSize(Part::All), &[REGCLASS], INT8).stable(),
    signature("pg_database_size", F::DatabaseSize, &[NAME], INT8).stable(),
    signature("pg_database_size", F::DatabaseSize, &[OID], INT8).stable(),
    signature("pg_get_indexdef", F::IndexDefinition, &[OID, INT4, BOOL], TEXT).optional(2).stable(),
    signature("pg_get_constraintdef", F::ConstraintDefinition, &[OID, BOOL], TEXT).optional(1).stable(),
    signature("pg_get_partkeydef", F::AlwaysNull, &[OID], TEXT).stable(),
    signature("pg_get_function_arguments", F::FunctionArguments, &[OID], TEXT).stable(),
    signature("pg_get_function_identity_arguments", F::FunctionArguments, &[OID], TEXT).stable(),
    signature("pg_get_function_result", F::FunctionResult, &[OID], TEXT).stable(),
];

/// Computes a function of this file.
pub(crate) fn call(call: &Call<'_>, arguments: &[Value]) -> Result<Option<Value>> {
    let context = call.context;
    let shown = |found: Option<String>| found.map_or(Value::Null, Value::text);
    let counted = |found: Option<i64>| found.map_or(Value::Null, Value::Int8);
    Ok(Some(match call.function {
        F::ToRegclass => describe::relation_oid(context, text(arguments, 0)?).map_or(Value::Null, Value::Oid),
        F::RelationSize(part) => counted(describe::relation_bytes(context, oid(arguments)?, part)),
        F::DatabaseSize => database_size(call, arguments)?,
        F::IndexDefinition => {
            let column = if arguments.len() > 1 { integer(arguments, 1)? } else { 0 };
            // PostgreSQL shows the whole for any column that cannot be.
            shown(describe::index_definition(context, oid(arguments)?, usize::try_from(column).unwrap_or(0)))
        }
        F::ConstraintDefinition => shown(describe::constraint_definition(context, oid(arguments)?)),
        F::FunctionArguments => shown(functions::arguments(oid(arguments)?)),
        F::FunctionResult => shown(functions::result(oid(arguments)?)),
        _ => return Ok(None),
    }))
}

fn oid(arguments: &[Value]) -> Result<u32> {
    Ok(integer(arguments, 0)? as u32)
}

fn database_size(call: &Call<'_>, arguments: &[Value]) -> Result<Value> {
    if let Some(Value::Text(name)) = arguments.first() {
        let Some(bytes) = describe::database_bytes(call.context, Some(name), 0) else {
            let message = format!("database \"{name}\" does not exist");
            return Err(Error::new(SqlState::INVALID_CATALOG_NAME, message));
        };
        return Ok(Value::Int8(bytes));
    }
    Ok(describe::database_bytes(call.context, None, oid(arguments)?).map_or(Value::Null, Value::Int8))
}
