//! Functions about the session, and those that tools ask the catalog with.
//!
//! Those that describe objects are in `catalog.rs`.

use super::{Call, boolean, integer, text};
use crate::{
    base::{sqlstate::SqlState, types::DataType, value::Value},
    error::{Error, Result},
    sql::expr::{
        context::SettingChange,
        convert::to_text,
        function::Function as F,
        kinds::{ANY, BOOL, INT4, INT8, NAME, NAME_ARRAY, NUMERIC, OID, REGTYPE, TEXT, UUID},
        resolve::{Signature, signature},
    },
};

/// Functions of this file.
pub const SIGNATURES: &[Signature<F>] = &[
    signature("gen_random_uuid", F::GenUuid, &[], UUID).volatile(),
    signature("uuid_generate_v4", F::GenUuid, &[], UUID).volatile(),
    signature("current_database", F::CurrentDatabase, &[], NAME).stable(),
    signature("current_catalog", F::CurrentDatabase, &[], NAME).stable(),
    signature("current_user", F::CurrentUser, &[], NAME).stable(),
    signature("current_role", F::CurrentUser, &[], NAME).stable(),
    signature("session_user", F::CurrentUser, &[], NAME).stable(),
    signature("user", F::CurrentUser, &[], NAME).stable(),
    signature("version", F::Version, &[], TEXT).stable(),
    signature("current_schema", F::CurrentSchema, &[], NAME).stable(),
    signature("current_schemas", F::CurrentSchemas, &[BOOL], NAME_ARRAY).stable(),
    signature("pg_typeof", F::TypeOf, &[ANY], REGTYPE).nullable().stable(),
    signature("current_setting", F::CurrentSetting, &[TEXT, BOOL], TEXT).optional(1).stable(),
    signature("set_config", F::SetConfig, &[TEXT, TEXT, BOOL], TEXT).nullable().volatile(),
    signature("pg_backend_pid", F::BackendPid, &[], INT4).stable(),
    signature("txid_current", F::CurrentTransactionId, &[], INT8).stable(),
    signature("format_type", F::FormatType, &[OID, INT4], TEXT).nullable().stable(),
    signature("obj_description", F::Description, &[OID, NAME], TEXT).optional(1).stable(),
    signature("shobj_description", F::Description, &[OID, NAME], TEXT).stable(),
    signature("col_description", F::Description, &[OID, INT4], TEXT).stable(),
    signature("pg_get_userbyid", F::RoleName, &[OID], NAME).stable(),
    signature("pg_table_is_visible", F::IsVisible, &[OID], BOOL).stable(),
    signature("pg_type_is_visible", F::IsVisible, &[OID], BOOL).stable(),
    signature("pg_function_is_visible", F::IsVisible, &[OID], BOOL).stable(),
    signature("pg_operator_is_visible", F::IsVisible, &[OID], BOOL).stable(),
    signature("has_table_privilege", F::HasPrivilege, &[ANY, TEXT], BOOL).stable(),
    signature("has_table_privilege", F::HasPrivilege, &[ANY, ANY, TEXT], BOOL).stable(),
    signature("has_schema_privilege", F::HasPrivilege, &[ANY, TEXT], BOOL).stable(),
    signature("has_schema_privilege", F::HasPrivilege, &[ANY, ANY, TEXT], BOOL).stable(),
    signature("has_database_privilege", F::HasPrivilege, &[ANY, TEXT], BOOL).stable(),
    signature("has_database_privilege", F::HasPrivilege, &[ANY, ANY, TEXT], BOOL).stable(),
    signature("has_column_privilege", F::HasPrivilege, &[ANY, ANY, TEXT], BOOL).stable(),
    signature("has_any_column_privilege", F::HasPrivilege, &[ANY, TEXT], BOOL).stable(),
    signature("pg_has_role", F::HasPrivilege, &[ANY, TEXT], BOOL).stable(),
    signature("pg_has_role", F::HasPrivilege, &[ANY, ANY, TEXT], BOOL).stable(),
    signature("pg_encoding_to_char", F::EncodingName, &[INT4], NAME).stable(),
    signature("pg_client_encoding", F::ClientEncoding, &[], NAME).stable(),
    signature("pg_is_in_recovery", F::IsInRecovery, &[], BOOL).stable(),
    signature("pg_is_other_temp_schema", F::IsInRecovery, &[OID], BOOL).stable(),
    signature("pg_size_pretty", F::SizePretty, &[INT8], TEXT),
    signature("pg_size_pretty", F::SizePretty, &[NUMERIC], TEXT),
    signature("pg_get_expr", F::StoredExpression, &[TEXT, OID, BOOL], TEXT).optional(1).stable(),
    signature("to_regtype", F::ToRegtype, &[TEXT], REGTYPE).stable(),
    signature("inet_server_addr", F::AlwaysNull, &[], TEXT).stable(),
    signature("inet_client_addr", F::AlwaysNull, &[], TEXT).stable(),
    signature("inet_server_port", F::AlwaysNull, &[], INT4).stable(),
    signature("inet_client_port", F::AlwaysNull, &[], INT4).stable(),
    signature("pg_column_size", F::ColumnSize, &[ANY], INT4).stable(),
];

/// What `version()` and `server_version` say: the PostgreSQL release whose behaviour is followed.
pub const SERVER_VERSION: &str = "15.0";

/// Computes a function of this file.
pub(crate) fn call(call: &Call<'_>, arguments: &[Value]) -> Result<Option<Value>> {
    let context = call.context;
    let session = &context.session;
    let value = match call.function {
        F::GenUuid => Value::Uuid(random_uuid(context.draw())),
        F::CurrentDatabase => Value::text(&session.database),
        F::CurrentUser => Value::text(&session.user),
        F::Version => Value::text(format!(
            "PostgreSQL {SERVER_VERSION} (distdb {}) on {}-{}, 64-bit",
            env!("CARGO_PKG_VERSION"),
            std::env::consts::ARCH,
            std::env::consts::OS
        )),
        F::CurrentSchema => session.search_path.first().map_or(Value::Null, Value::text),
        F::CurrentSchemas => {
            let implicit = boolean(arguments, 0)?.then(|| Value::text("pg_catalog"));
            Value::array(implicit.into_iter().chain(session.search_path.iter().map(Value::text)).collect())
        }
        F::TypeOf => Value::Oid(call.types.first().map_or(0, DataType::oid)),
        F::CurrentSetting => current_setting(call, arguments)?,
        F::SetConfig => set_config(call, arguments)?,
        F::BackendPid => Value::Int4(session.process_id),
        F::CurrentTransactionId => Value::Int8(context.transaction_id as i64),
        F::FormatType => format_type(arguments)?,
        F::Description | F::AlwaysNull => Value::Null,
        F::RoleName => Value::text(&session.user),
        F::IsVisible | F::HasPrivilege => Value::Bool(true),
        F::EncodingName => Value::text(if integer(arguments, 0)? == UTF8_ENCODING { "UTF8" } else { "" }),
        F::ClientEncoding => Value::text("UTF8"),
        F::IsInRecovery => Value::Bool(false),
        F::SizePretty => size_pretty(&arguments[0])?,
        F::StoredExpression => arguments[0].clone(),
        F::ToRegtype => {
            DataType::from_name(text(arguments, 0)?.trim()).map_or(Value::Null, |found| Value::Oid(found.oid()))
        }
        F::ColumnSize => {
            Value::Int4(to_text(&arguments[0], call.types[0], context).len().min(i32::MAX as usize) as i32)
        }
        _ => return Ok(None),
    };
    Ok(Some(value))
}

/// PostgreSQL's number for UTF8.
const UTF8_ENCODING: i64 = 6;

/// Version 4, variant 1: all other bits random.
fn random_uuid(bits: u128) -> [u8; 16] {
    let mut bytes = bits.to_be_bytes();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    bytes
}

fn current_setting(call: &Call<'_>, arguments: &[Value]) -> Result<Value> {
    let name = text(arguments, 0)?;
    let missing_ok = arguments.len() > 1 && boolean(arguments, 1)?;
    match call.context.session.settings.get(&name.to_ascii_lowercase()) {
        Some(value) => Ok(Value::text(value)),
        None if missing_ok => Ok(Value::Null),
        None => {
            let message = format!("unrecognized configuration parameter \"{name}\"");
            Err(Error::new(SqlState::UNDEFINED_OBJECT, message).with_hint("SHOW ALL lists the parameters that exist."))
        }
    }
}

/// Leaves the change in the context: whoever runs the statement applies it.
fn set_config(call: &Call<'_>, arguments: &[Value]) -> Result<Value> {
    let [name, value, local] = arguments else { return Err(Error::internal("set_config wants three arguments")) };
    let Value::Text(name) = name else {
        return Err(Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, "SET requires parameter name"));
    };
    let value = value.as_text().unwrap_or("").to_owned();
    let local = local.as_bool().unwrap_or(false);
    call.context.change_setting(SettingChange { name: name.to_string(), value: value.clone(), local });
    Ok(Value::text(value))
}

fn format_type(arguments: &[Value]) -> Result<Value> {
    let Some(oid) = arguments[0].as_integer() else { return Ok(Value::Null) };
    let modifier = arguments.get(1).and_then(Value::as_integer).unwrap_or(-1) as i32;
    Ok(Value::text(match DataType::from_oid(oid as u32) {
        _ if oid == 0 => "-".to_owned(),
        Some(found) => found.with_modifier(modifier).name(),
        None => "???".to_owned(),
    }))
}

fn size_pretty(size: &Value) -> Result<Value> {
    let mut bytes = match size {
        Value::Numeric(number) => i128::from(super::arithmetic::small_whole(number)?),
        other => i128::from(other.as_integer().unwrap_or(0)),
    };
    const UNITS: [&str; 6] = ["bytes", "kB", "MB", "GB", "TB", "PB"];
    const STEP_AT: i128 = 10 * 1024;
    let mut unit = 0;
    // PostgreSQL halves last, so that the shown number is rounded.
    if bytes.abs() < STEP_AT {
        return Ok(Value::text(format!("{bytes} bytes")));
    }
    bytes /= 512;
    unit += 1;
    while bytes.abs() >= 2 * STEP_AT - 1 && unit + 1 < UNITS.len() {
        bytes /= 1024;
        unit += 1;
    }
    let rounded = (bytes + bytes.signum()) / 2;
    Ok(Value::text(format!("{rounded} {}", UNITS[unit])))
}
