//! Functions and aggregates.

use super::{
    OWNER_OID, PG_CATALOG_OID, Relation, View,
    words::{BOOL, CHAR, FLOAT4, INT2, NAME, NO, NO_OID, NULL, OID, OID_ARRAY, REGPROC, TEXT, TEXT_ARRAY, int2, text},
};
use crate::{
    base::value::Value,
    sql::expr::{
        aggregate, function,
        resolve::{Signature, Slot, Volatility},
    },
};

/// What a function's row is numbered from; the numbers mean nothing outside of the running program.
const FUNCTION_OID_BASE: u32 = 1 << 28;
/// The language `internal`.
const INTERNAL_LANGUAGE_OID: u32 = 12;
/// `any`, `anyarray`, `anyelement` and `anycompatible`.
const ANY_OID: u32 = 2276;
const ANY_ARRAY_OID: u32 = 2277;
const ANY_ELEMENT_OID: u32 = 2283;
const ANY_COMPATIBLE_OID: u32 = 5077;

pub(super) const ALL: &[Relation] = &[Relation {
    oid: 1255,
    schema: "pg_catalog",
    name: "pg_proc",
    columns: &[
        ("oid", OID),
        ("proname", NAME),
        ("pronamespace", OID),
        ("proowner", OID),
        ("prolang", OID),
        ("procost", FLOAT4),
        ("prorows", FLOAT4),
        ("provariadic", OID),
        ("prosupport", REGPROC),
        ("prokind", CHAR),
        ("prosecdef", BOOL),
        ("proleakproof", BOOL),
        ("proisstrict", BOOL),
        ("proretset", BOOL),
        ("provolatile", CHAR),
        ("proparallel", CHAR),
        ("pronargs", INT2),
        ("pronargdefaults", INT2),
        ("prorettype", OID),
        ("proargtypes", OID_ARRAY),
        ("proallargtypes", OID_ARRAY),
        ("proargmodes", TEXT_ARRAY),
        ("proargnames", TEXT_ARRAY),
        ("proargdefaults", TEXT),
        ("prosrc", TEXT),
        ("probin", TEXT),
        ("prosqlbody", TEXT),
        ("proconfig", TEXT_ARRAY),
        ("proacl", TEXT_ARRAY),
    ],
    rows: functions,
}];

/// A function or aggregate without what it computes.
struct Described {
    name: &'static str,
    kind: &'static str,
    arguments: &'static [Slot],
    result: Slot,
    variadic: bool,
    strict: bool,
    volatility: Volatility,
}

fn described<F>(signature: &Signature<F>, kind: &'static str) -> Described {
    Described {
        name: signature.name,
        kind,
        arguments: signature.arguments,
        result: signature.result,
        variadic: signature.variadic,
        strict: signature.strict && kind == "f",
        volatility: signature.volatility,
    }
}

/// Every function with its oid.
fn all() -> impl Iterator<Item = (u32, Described)> {
    let plain = function::all().map(|signature| described(signature, "f"));
    let aggregates = aggregate::SIGNATURES.iter().map(|signature| described(signature, "a"));
    plain.chain(aggregates).zip(FUNCTION_OID_BASE..).map(|(found, oid)| (oid, found))
}

/// What a function with this oid takes, as `pg_get_function_arguments` shows it.
pub fn arguments(oid: u32) -> Option<String> {
    let (_, found) = all().find(|(number, _)| *number == oid)?;
    let last = found.arguments.len();
    let shown = found.arguments.iter().enumerate().map(|(place, &slot)| {
        let prefix = if found.variadic && place + 1 == last { "VARIADIC " } else { "" };
        format!("{prefix}{}", slot_name(slot))
    });
    Some(shown.collect::<Vec<_>>().join(", "))
}

/// What a function with this oid gives.
pub fn result(oid: u32) -> Option<String> {
    all().find(|(number, _)| *number == oid).map(|(_, found)| slot_name(found.result))
}

fn slot_name(slot: Slot) -> String {
    match slot {
        Slot::Exact(data_type) => function::type_name(data_type),
        Slot::Any | Slot::AsText => "\"any\"".to_owned(),
        Slot::AnyElement => "anyelement".to_owned(),
        Slot::AnyArray => "anyarray".to_owned(),
        Slot::AnyCompatible => "anycompatible".to_owned(),
    }
}

fn slot_oid(slot: Slot) -> u32 {
    match slot {
        Slot::Exact(data_type) => data_type.oid(),
        Slot::Any | Slot::AsText => ANY_OID,
        Slot::AnyElement => ANY_ELEMENT_OID,
        Slot::AnyArray => ANY_ARRAY_OID,
        Slot::AnyCompatible => ANY_COMPATIBLE_OID,
    }
}

fn functions(_: &View<'_>) -> Vec<Vec<Value>> {
    all().map(|(oid, found)| row(oid, &found)).collect()
}

fn row(oid: u32, found: &Described) -> Vec<Value> {
    let volatility = match found.volatility {
        Volatility::Immutable => "i",
        Volatility::Stable => "s",
        Volatility::Volatile => "v",
    };
    let variadic = found.arguments.last().filter(|_| found.variadic).map_or(0, |&slot| slot_oid(slot));
    vec![
        Value::Oid(oid),
        text(found.name),
        Value::Oid(PG_CATALOG_OID),
        Value::Oid(OWNER_OID),
        Value::Oid(INTERNAL_LANGUAGE_OID),
        Value::Float4(1.0),
        Value::Float4(0.0),
        Value::Oid(variadic),
        NO_OID,
        text(found.kind),
        NO,
        NO,
        Value::Bool(found.strict),
        NO,
        text(volatility),
        text("s"),
        int2(found.arguments.len()),
        int2(0),
        Value::Oid(slot_oid(found.result)),
        Value::array(found.arguments.iter().map(|&slot| Value::Oid(slot_oid(slot))).collect()),
        NULL,
        NULL,
        NULL,
        NULL,
        text(found.name),
        NULL,
        NULL,
        NULL,
        NULL,
    ]
}
