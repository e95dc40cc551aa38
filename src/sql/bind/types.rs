//! Type names in the syntax tree → types.

use crate::{
    base::{
        sqlstate::SqlState,
        types::{DataType, TypeKind},
    },
    error::{Error, Result},
    sql::names,
};
use sqlparser::ast::{self, ArrayElemTypeDef, CharacterLength, ExactNumberInfo, TimezoneInfo};

/// Longest varchar(n) and char(n).
const CHARACTERS_MAX: u64 = 10_485_760;
const NUMERIC_PRECISION_MAX: u64 = 1_000;
const NUMERIC_SCALE_MIN: i64 = -1_000;
const NUMERIC_SCALE_MAX: i64 = 1_000;
const FRACTION_DIGITS_MAX: u64 = 6;
/// What a type modifier of a length or precision is more than the number.
const MODIFIER_OFFSET: i32 = 4;

/// The type that a type name means.
pub fn data_type(tree: &ast::DataType) -> Result<DataType> {
    use ast::DataType as T;
    let kind = match tree {
        T::Array(element) => return array(element),
        T::Char(length) | T::Character(length) => return characters(TypeKind::Bpchar, length.as_ref(), Some(1)),
        T::Varchar(length) | T::CharacterVarying(length) | T::CharVarying(length) | T::Nvarchar(length) => {
            return characters(TypeKind::Varchar, length.as_ref(), None);
        }
        T::Numeric(info) | T::Decimal(info) | T::Dec(info) | T::BigNumeric(info) | T::BigDecimal(info) => {
            return numeric(*info);
        }
        T::Float(info) => return float(*info),
        T::Time(digits, zone) => return time(*digits, zone, TypeKind::Time, TypeKind::Timetz),
        T::Timestamp(digits, zone) => return time(*digits, zone, TypeKind::Timestamp, TypeKind::Timestamptz),
        T::TimestampNtz(digits) | T::Datetime(digits) => {
            return time(*digits, &TimezoneInfo::None, TypeKind::Timestamp, TypeKind::Timestamptz);
        }
        T::Interval { .. } => TypeKind::Interval,
        T::SmallInt(_) | T::Int2(_) | T::TinyInt(_) => TypeKind::Int2,
        T::Int(_) | T::Integer(_) | T::Int4(_) | T::MediumInt(_) => TypeKind::Int4,
        T::BigInt(_) | T::Int8(_) => TypeKind::Int8,
        T::Real | T::Float4 => TypeKind::Float4,
        T::Float8 | T::Double(_) | T::DoublePrecision => TypeKind::Float8,
        T::Bool | T::Boolean => TypeKind::Bool,
        T::Text | T::String(_) | T::Clob(_) | T::TinyText | T::MediumText | T::LongText => TypeKind::Text,
        T::Bytea | T::Blob(_) | T::Bytes(_) | T::Binary(_) | T::Varbinary(_) => TypeKind::Bytea,
        T::Date => TypeKind::Date,
        T::Uuid => TypeKind::Uuid,
        T::JSON => TypeKind::Json,
        T::JSONB => TypeKind::Jsonb,
        T::Regclass => TypeKind::Regclass,
        T::Custom(name, modifiers) => return custom(name, modifiers),
        other => return Err(unknown_type(&other.to_string().to_lowercase())),
    };
    Ok(DataType::of(kind))
}

fn unknown_type(name: &str) -> Error {
    Error::new(SqlState::UNDEFINED_OBJECT, format!("type \"{name}\" does not exist"))
}

fn array(element: &ArrayElemTypeDef) -> Result<DataType> {
    let element = match element {
        ArrayElemTypeDef::AngleBracket(element)
        | ArrayElemTypeDef::SquareBracket(element, _)
        | ArrayElemTypeDef::Parenthesis(element)
        | ArrayElemTypeDef::Qualified(element, _) => data_type(element)?,
        ArrayElemTypeDef::None => return Err(unknown_type("array")),
    };
    Ok(DataType { array: true, ..element })
}

fn characters(kind: TypeKind, length: Option<&CharacterLength>, default: Option<u64>) -> Result<DataType> {
    let length = match length {
        Some(CharacterLength::IntegerLength { length, .. }) => Some(*length),
        Some(CharacterLength::Max) => None,
        None => default,
    };
    let Some(length) = length else { return Ok(DataType::of(kind)) };
    let name = if kind == TypeKind::Varchar { "varchar" } else { "char" };
    if length == 0 {
        let message = format!("length for type {name} must be at least 1");
        return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
    }
    if length > CHARACTERS_MAX {
        let message = format!("length for type {name} cannot exceed {CHARACTERS_MAX}");
        return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
    }
    Ok(DataType { modifier: length as i32 + MODIFIER_OFFSET, ..DataType::of(kind) })
}

fn numeric(info: ExactNumberInfo) -> Result<DataType> {
    let (precision, scale) = match info {
        ExactNumberInfo::None => return Ok(DataType::of(TypeKind::Numeric)),
        ExactNumberInfo::Precision(precision) => (precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (precision, scale),
    };
    if precision == 0 || precision > NUMERIC_PRECISION_MAX {
        let message = format!("NUMERIC precision {precision} must be between 1 and {NUMERIC_PRECISION_MAX}");
        return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
    }
    if !(NUMERIC_SCALE_MIN..=NUMERIC_SCALE_MAX).contains(&scale) {
        let message = format!("NUMERIC scale {scale} must be between {NUMERIC_SCALE_MIN} and {NUMERIC_SCALE_MAX}");
        return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
    }
    // The scale has 11 bits, as in PostgreSQL 15, so that it can be negative.
    let modifier = ((precision as i32) << 16 | (scale as i32 & 0x7FF)) + MODIFIER_OFFSET;
    Ok(DataType { modifier, ..DataType::of(TypeKind::Numeric) })
}

fn float(info: ExactNumberInfo) -> Result<DataType> {
    let bits = match info {
        ExactNumberInfo::None => 53,
        ExactNumberInfo::Precision(bits) | ExactNumberInfo::PrecisionAndScale(bits, _) => bits,
    };
    match bits {
        0 => Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, "precision for type float must be at least 1 bit")),
        1..=24 => Ok(DataType::of(TypeKind::Float4)),
        25..=53 => Ok(DataType::of(TypeKind::Float8)),
        _ => Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, "precision for type float must be less than 54 bits")),
    }
}

fn time(digits: Option<u64>, zone: &TimezoneInfo, without: TypeKind, with: TypeKind) -> Result<DataType> {
    let kind = match zone {
        TimezoneInfo::None | TimezoneInfo::WithoutTimeZone => without,
        TimezoneInfo::WithTimeZone | TimezoneInfo::Tz => with,
    };
    let modifier = digits.map_or(-1, |digits| digits.min(FRACTION_DIGITS_MAX) as i32);
    Ok(DataType { modifier, ..DataType::of(kind) })
}

/// A type by a name that the grammar does not know.
fn custom(name: &ast::ObjectName, modifiers: &[String]) -> Result<DataType> {
    let parts: Vec<String> = name.0.iter().filter_map(|part| part.as_ident()).map(names::fold).collect();
    let (schema, name) = match parts.as_slice() {
        [name] => (None, name),
        [schema, name] => (Some(schema.as_str()), name),
        _ => return Err(unknown_type(&parts.join("."))),
    };
    if schema.is_some_and(|schema| schema != "pg_catalog") {
        return Err(unknown_type(&parts.join(".")));
    }
    if matches!(name.as_str(), "serial" | "bigserial" | "smallserial" | "serial4" | "serial8" | "serial2") {
        return Err(Error::unsupported(format_args!("type \"{name}\""))
            .with_hint("Use an integer column and give its values, or uuid DEFAULT gen_random_uuid()."));
    }
    let Some(found) = DataType::from_name(name) else { return Err(unknown_type(&parts.join("."))) };
    let numbers: Option<Vec<u64>> = modifiers.iter().map(|modifier| modifier.trim().parse().ok()).collect();
    match (found.kind, numbers.as_deref()) {
        (_, Some([])) => Ok(found),
        (TypeKind::Varchar | TypeKind::Bpchar, Some([length])) => {
            characters(found.kind, Some(&CharacterLength::IntegerLength { length: *length, unit: None }), None)
        }
        (TypeKind::Numeric, Some([precision])) => numeric(ExactNumberInfo::Precision(*precision)),
        (TypeKind::Numeric, Some([precision, scale])) => {
            numeric(ExactNumberInfo::PrecisionAndScale(*precision, i64::try_from(*scale).unwrap_or(i64::MAX)))
        }
        (TypeKind::Time | TypeKind::Timetz | TypeKind::Timestamp | TypeKind::Timestamptz, Some([digits])) => {
            Ok(DataType { modifier: (*digits).min(FRACTION_DIGITS_MAX) as i32, ..found })
        }
        _ => Err(Error::new(SqlState::SYNTAX_ERROR, format!("type modifier is not allowed for type \"{name}\""))),
    }
}
