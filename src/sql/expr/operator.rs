//! Operators: which exist for which types, and the common type of a comparison.
//!
//! Comparison operators are not functions: they become [`Expr::Compare`](super::Expr::Compare) over two sides of one
//! type, which [`comparison`] decides. All others are in [`SIGNATURES`], unary ones with one argument.

use super::{
    Comparison,
    cast::is_implicit,
    function::{Function, type_name},
    kinds::{
        ARRAY, BOOL, BPCHAR, BYTEA, CHAR, DATE, ELEMENT, FLOAT4, FLOAT8, INT2, INT4, INT8, INTERVAL, NAME, NUMERIC,
        OID, TEXT, TIME, TIMESTAMP, TIMESTAMPTZ, TIMETZ, UUID,
    },
    resolve::{Failure, Resolved, Signature, Slot, is_unknown, select, signature},
};
use crate::{
    base::{
        sqlstate::SqlState,
        types::{DataType, TypeKind},
    },
    error::{Error, Result},
};

/// Shorter to read in a table.
const fn op(name: &'static str, function: Function, arguments: &'static [Slot], result: Slot) -> Signature<Function> {
    signature(name, function, arguments, result)
}

/// Every operator except comparisons.
pub const SIGNATURES: &[Signature<Function>] = &[
    op("+", Function::Add, &[INT2, INT2], INT2),
    op("+", Function::Add, &[INT4, INT4], INT4),
    op("+", Function::Add, &[INT8, INT8], INT8),
    op("+", Function::Add, &[INT2, INT4], INT4),
    op("+", Function::Add, &[INT4, INT2], INT4),
    op("+", Function::Add, &[INT2, INT8], INT8),
    op("+", Function::Add, &[INT8, INT2], INT8),
    op("+", Function::Add, &[INT4, INT8], INT8),
    op("+", Function::Add, &[INT8, INT4], INT8),
    op("+", Function::Add, &[FLOAT4, FLOAT4], FLOAT4),
    op("+", Function::Add, &[FLOAT8, FLOAT8], FLOAT8),
    op("+", Function::Add, &[FLOAT4, FLOAT8], FLOAT8),
    op("+", Function::Add, &[FLOAT8, FLOAT4], FLOAT8),
    op("+", Function::Add, &[NUMERIC, NUMERIC], NUMERIC),
    op("+", Function::Add, &[DATE, INT4], DATE),
    op("+", Function::Add, &[INT4, DATE], DATE),
    op("+", Function::Add, &[DATE, INTERVAL], TIMESTAMP),
    op("+", Function::Add, &[INTERVAL, DATE], TIMESTAMP),
    op("+", Function::Add, &[DATE, TIME], TIMESTAMP),
    op("+", Function::Add, &[TIME, DATE], TIMESTAMP),
    op("+", Function::Add, &[DATE, TIMETZ], TIMESTAMPTZ),
    op("+", Function::Add, &[TIMETZ, DATE], TIMESTAMPTZ),
    op("+", Function::Add, &[TIME, INTERVAL], TIME),
    op("+", Function::Add, &[INTERVAL, TIME], TIME),
    op("+", Function::Add, &[TIMETZ, INTERVAL], TIMETZ),
    op("+", Function::Add, &[INTERVAL, TIMETZ], TIMETZ),
    op("+", Function::Add, &[TIMESTAMP, INTERVAL], TIMESTAMP),
    op("+", Function::Add, &[INTERVAL, TIMESTAMP], TIMESTAMP),
    op("+", Function::Add, &[TIMESTAMPTZ, INTERVAL], TIMESTAMPTZ).stable(),
    op("+", Function::Add, &[INTERVAL, TIMESTAMPTZ], TIMESTAMPTZ).stable(),
    op("+", Function::Add, &[INTERVAL, INTERVAL], INTERVAL),
    op("+", Function::Identity, &[INT2], INT2),
    op("+", Function::Identity, &[INT4], INT4),
    op("+", Function::Identity, &[INT8], INT8),
    op("+", Function::Identity, &[FLOAT4], FLOAT4),
    op("+", Function::Identity, &[FLOAT8], FLOAT8),
    op("+", Function::Identity, &[NUMERIC], NUMERIC),
    op("-", Function::Subtract, &[INT2, INT2], INT2),
    op("-", Function::Subtract, &[INT4, INT4], INT4),
    op("-", Function::Subtract, &[INT8, INT8], INT8),
    op("-", Function::Subtract, &[INT2, INT4], INT4),
    op("-", Function::Subtract, &[INT4, INT2], INT4),
    op("-", Function::Subtract, &[INT2, INT8], INT8),
    op("-", Function::Subtract, &[INT8, INT2], INT8),
    op("-", Function::Subtract, &[INT4, INT8], INT8),
    op("-", Function::Subtract, &[INT8, INT4], INT8),
    op("-", Function::Subtract, &[FLOAT4, FLOAT4], FLOAT4),
    op("-", Function::Subtract, &[FLOAT8, FLOAT8], FLOAT8),
    op("-", Function::Subtract, &[FLOAT4, FLOAT8], FLOAT8),
    op("-", Function::Subtract, &[FLOAT8, FLOAT4], FLOAT8),
    op("-", Function::Subtract, &[NUMERIC, NUMERIC], NUMERIC),
    op("-", Function::Subtract, &[DATE, INT4], DATE),
    op("-", Function::Subtract, &[DATE, DATE], INT4),
    op("-", Function::Subtract, &[DATE, INTERVAL], TIMESTAMP),
    op("-", Function::Subtract, &[TIME, TIME], INTERVAL),
    op("-", Function::Subtract, &[TIME, INTERVAL], TIME),
    op("-", Function::Subtract, &[TIMETZ, INTERVAL], TIMETZ),
    op("-", Function::Subtract, &[TIMESTAMP, TIMESTAMP], INTERVAL),
    op("-", Function::Subtract, &[TIMESTAMP, INTERVAL], TIMESTAMP),
    op("-", Function::Subtract, &[TIMESTAMPTZ, TIMESTAMPTZ], INTERVAL),
    op("-", Function::Subtract, &[TIMESTAMPTZ, INTERVAL], TIMESTAMPTZ).stable(),
    op("-", Function::Subtract, &[INTERVAL, INTERVAL], INTERVAL),
    op("-", Function::Negate, &[INT2], INT2),
    op("-", Function::Negate, &[INT4], INT4),
    op("-", Function::Negate, &[INT8], INT8),
    op("-", Function::Negate, &[FLOAT4], FLOAT4),
    op("-", Function::Negate, &[FLOAT8], FLOAT8),
    op("-", Function::Negate, &[NUMERIC], NUMERIC),
    op("-", Function::Negate, &[INTERVAL], INTERVAL),
    op("*", Function::Multiply, &[INT2, INT2], INT2),
    op("*", Function::Multiply, &[INT4, INT4], INT4),
    op("*", Function::Multiply, &[INT8, INT8], INT8),
    op("*", Function::Multiply, &[INT2, INT4], INT4),
    op("*", Function::Multiply, &[INT4, INT2], INT4),
    op("*", Function::Multiply, &[INT2, INT8], INT8),
    op("*", Function::Multiply, &[INT8, INT2], INT8),
    op("*", Function::Multiply, &[INT4, INT8], INT8),
    op("*", Function::Multiply, &[INT8, INT4], INT8),
    op("*", Function::Multiply, &[FLOAT4, FLOAT4], FLOAT4),
    op("*", Function::Multiply, &[FLOAT8, FLOAT8], FLOAT8),
    op("*", Function::Multiply, &[FLOAT4, FLOAT8], FLOAT8),
    op("*", Function::Multiply, &[FLOAT8, FLOAT4], FLOAT8),
    op("*", Function::Multiply, &[NUMERIC, NUMERIC], NUMERIC),
    op("*", Function::Multiply, &[INTERVAL, FLOAT8], INTERVAL),
    op("*", Function::Multiply, &[FLOAT8, INTERVAL], INTERVAL),
    op("/", Function::Divide, &[INT2, INT2], INT2),
    op("/", Function::Divide, &[INT4, INT4], INT4),
    op("/", Function::Divide, &[INT8, INT8], INT8),
    op("/", Function::Divide, &[INT2, INT4], INT4),
    op("/", Function::Divide, &[INT4, INT2], INT4),
    op("/", Function::Divide, &[INT2, INT8], INT8),
    op("/", Function::Divide, &[INT8, INT2], INT8),
    op("/", Function::Divide, &[INT4, INT8], INT8),
    op("/", Function::Divide, &[INT8, INT4], INT8),
    op("/", Function::Divide, &[FLOAT4, FLOAT4], FLOAT4),
    op("/", Function::Divide, &[FLOAT8, FLOAT8], FLOAT8),
    op("/", Function::Divide, &[FLOAT4, FLOAT8], FLOAT8),
    op("/", Function::Divide, &[FLOAT8, FLOAT4], FLOAT8),
    op("/", Function::Divide, &[NUMERIC, NUMERIC], NUMERIC),
    op("/", Function::Divide, &[INTERVAL, FLOAT8], INTERVAL),
    op("%", Function::Remainder, &[INT2, INT2], INT2),
    op("%", Function::Remainder, &[INT4, INT4], INT4),
    op("%", Function::Remainder, &[INT8, INT8], INT8),
    op("%", Function::Remainder, &[NUMERIC, NUMERIC], NUMERIC),
    op("^", Function::Power, &[FLOAT8, FLOAT8], FLOAT8),
    op("^", Function::Power, &[NUMERIC, NUMERIC], NUMERIC),
    op("|/", Function::SquareRoot, &[FLOAT8], FLOAT8),
    op("||/", Function::CubeRoot, &[FLOAT8], FLOAT8),
    op("@", Function::Absolute, &[INT2], INT2),
    op("@", Function::Absolute, &[INT4], INT4),
    op("@", Function::Absolute, &[INT8], INT8),
    op("@", Function::Absolute, &[FLOAT4], FLOAT4),
    op("@", Function::Absolute, &[FLOAT8], FLOAT8),
    op("@", Function::Absolute, &[NUMERIC], NUMERIC),
    op("&", Function::BitAnd, &[INT2, INT2], INT2),
    op("&", Function::BitAnd, &[INT4, INT4], INT4),
    op("&", Function::BitAnd, &[INT8, INT8], INT8),
    op("|", Function::BitOr, &[INT2, INT2], INT2),
    op("|", Function::BitOr, &[INT4, INT4], INT4),
    op("|", Function::BitOr, &[INT8, INT8], INT8),
    op("#", Function::BitXor, &[INT2, INT2], INT2),
    op("#", Function::BitXor, &[INT4, INT4], INT4),
    op("#", Function::BitXor, &[INT8, INT8], INT8),
    op("~", Function::BitNot, &[INT2], INT2),
    op("~", Function::BitNot, &[INT4], INT4),
    op("~", Function::BitNot, &[INT8], INT8),
    op("<<", Function::ShiftLeft, &[INT2, INT4], INT2),
    op("<<", Function::ShiftLeft, &[INT4, INT4], INT4),
    op("<<", Function::ShiftLeft, &[INT8, INT4], INT8),
    op(">>", Function::ShiftRight, &[INT2, INT4], INT2),
    op(">>", Function::ShiftRight, &[INT4, INT4], INT4),
    op(">>", Function::ShiftRight, &[INT8, INT4], INT8),
    op("||", Function::Concatenate, &[TEXT, TEXT], TEXT),
    op("||", Function::Concatenate, &[TEXT, Slot::AsText], TEXT).stable(),
    op("||", Function::Concatenate, &[Slot::AsText, TEXT], TEXT).stable(),
    op("||", Function::Concatenate, &[BYTEA, BYTEA], BYTEA),
    op("||", Function::ArrayConcatenate, &[ARRAY, ARRAY], ARRAY).nullable(),
    op("||", Function::ArrayAppend, &[ARRAY, ELEMENT], ARRAY).nullable(),
    op("||", Function::ArrayPrepend, &[ELEMENT, ARRAY], ARRAY).nullable(),
    op("~~", Function::Like, &[TEXT, TEXT], BOOL),
    op("~~", Function::Like, &[BPCHAR, TEXT], BOOL),
    op("~~", Function::Like, &[NAME, TEXT], BOOL),
    op("~~", Function::Like, &[BYTEA, BYTEA], BOOL),
    op("!~~", Function::NotLike, &[TEXT, TEXT], BOOL),
    op("!~~", Function::NotLike, &[BPCHAR, TEXT], BOOL),
    op("!~~", Function::NotLike, &[NAME, TEXT], BOOL),
    op("!~~", Function::NotLike, &[BYTEA, BYTEA], BOOL),
    op("~~*", Function::InsensitiveLike, &[TEXT, TEXT], BOOL),
    op("~~*", Function::InsensitiveLike, &[BPCHAR, TEXT], BOOL),
    op("~~*", Function::InsensitiveLike, &[NAME, TEXT], BOOL),
    op("!~~*", Function::NotInsensitiveLike, &[TEXT, TEXT], BOOL),
    op("!~~*", Function::NotInsensitiveLike, &[BPCHAR, TEXT], BOOL),
    op("!~~*", Function::NotInsensitiveLike, &[NAME, TEXT], BOOL),
    op("~", Function::Matches, &[TEXT, TEXT], BOOL),
    op("~", Function::Matches, &[BPCHAR, TEXT], BOOL),
    op("~", Function::Matches, &[NAME, TEXT], BOOL),
    op("!~", Function::NotMatches, &[TEXT, TEXT], BOOL),
    op("!~", Function::NotMatches, &[BPCHAR, TEXT], BOOL),
    op("!~", Function::NotMatches, &[NAME, TEXT], BOOL),
    op("~*", Function::InsensitiveMatches, &[TEXT, TEXT], BOOL),
    op("~*", Function::InsensitiveMatches, &[BPCHAR, TEXT], BOOL),
    op("~*", Function::InsensitiveMatches, &[NAME, TEXT], BOOL),
    op("!~*", Function::NotInsensitiveMatches, &[TEXT, TEXT], BOOL),
    op("!~*", Function::NotInsensitiveMatches, &[BPCHAR, TEXT], BOOL),
    op("!~*", Function::NotInsensitiveMatches, &[NAME, TEXT], BOOL),
    op("^@", Function::StartsWith, &[TEXT, TEXT], BOOL),
    op("@>", Function::ArrayContains, &[ARRAY, ARRAY], BOOL),
    op("<@", Function::ArrayContainedBy, &[ARRAY, ARRAY], BOOL),
    op("&&", Function::ArrayOverlaps, &[ARRAY, ARRAY], BOOL),
];

/// Overloads of an operator.
pub fn candidates(name: &str) -> impl Iterator<Item = Signature<Function>> {
    SIGNATURES.iter().filter(move |signature| signature.name == name).copied()
}

/// The overload that an operator means; one argument for a prefix operator. Not for comparisons: see [`comparison`].
pub fn resolve(name: &str, arguments: &[DataType]) -> Result<Resolved<Function>> {
    select(candidates(name), arguments, true).map_err(|failure| unresolved(name, arguments, failure))
}

/// Comparable types, each with all six operators; cross-type ones follow by implicit casts.
const COMPARABLE: &[Slot] = &[
    BOOL,
    INT2,
    INT4,
    INT8,
    FLOAT4,
    FLOAT8,
    NUMERIC,
    TEXT,
    BPCHAR,
    CHAR,
    NAME,
    BYTEA,
    DATE,
    TIME,
    TIMETZ,
    TIMESTAMP,
    TIMESTAMPTZ,
    INTERVAL,
    UUID,
    OID,
];

/// The operator of a comparison's symbol.
pub fn comparison_of(symbol: &str) -> Option<Comparison> {
    Some(match symbol {
        "=" => Comparison::Equal,
        "<>" | "!=" => Comparison::NotEqual,
        "<" => Comparison::Less,
        "<=" => Comparison::LessOrEqual,
        ">" => Comparison::Greater,
        ">=" => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

/// The type that both sides of a comparison are cast to. `symbol` is for the message.
pub fn comparison(symbol: &str, left: DataType, right: DataType) -> Result<DataType> {
    let failed = |failure| unresolved(symbol, &[left, right], failure);
    let (left, right) = (DataType { modifier: -1, ..left }, DataType { modifier: -1, ..right });
    let same = |data_type: DataType| {
        COMPARABLE.contains(&Slot::Exact(data_type))
            || data_type.array
            || data_type.kind == TypeKind::Record
            || data_type.kind == TypeKind::Jsonb
    };
    match (is_unknown(left), is_unknown(right)) {
        (true, true) => return Ok(DataType::of(TypeKind::Text)),
        (true, false) if same(right) => return Ok(right),
        (false, true) if same(left) => return Ok(left),
        _ => {}
    }
    if left == right && same(left) {
        return Ok(left);
    }
    if left.array || right.array {
        return array_comparison(left, right).ok_or_else(|| failed(Failure::None));
    }
    if let Some(between) = family_comparison(left, right) {
        return Ok(between);
    }
    let pairs = COMPARABLE.iter().map(|slot| match slot {
        Slot::Exact(kind) => comparison_signature(*kind),
        _ => comparison_signature(DataType::of(TypeKind::Text)),
    });
    let resolved = select(pairs.flatten(), &[left, right], true).map_err(failed)?;
    Ok(resolved.function)
}

/// The signature of `T = T`; its "function" is the type itself.
fn comparison_signature(data_type: DataType) -> Option<Signature<DataType>> {
    macro_rules! pairs {
        ($($kind:ident),*) => {
            match data_type.kind {
                $(TypeKind::$kind => {
                    const PAIR: &[Slot] = &[
                        Slot::Exact(DataType::of(TypeKind::$kind)),
                        Slot::Exact(DataType::of(TypeKind::$kind)),
                    ];
                    Some(signature("=", data_type, PAIR, BOOL))
                })*
                _ => None,
            }
        };
    }
    pairs!(
        Bool,
        Int2,
        Int4,
        Int8,
        Float4,
        Float8,
        Numeric,
        Text,
        Bpchar,
        Char,
        Name,
        Bytea,
        Date,
        Time,
        Timetz,
        Timestamp,
        Timestamptz,
        Interval,
        Uuid,
        Oid
    )
}

fn array_comparison(left: DataType, right: DataType) -> Option<DataType> {
    let both = left.array && right.array;
    if !both {
        return None;
    }
    if is_implicit(left, right) { Some(right) } else { is_implicit(right, left).then_some(left) }
}

/// Types of one family compare by the wider one: PostgreSQL has operators across them.
fn family_comparison(left: DataType, right: DataType) -> Option<DataType> {
    let rank = |data_type: DataType| match data_type.kind {
        TypeKind::Date => Some((0, 0)),
        TypeKind::Timestamp => Some((0, 1)),
        TypeKind::Timestamptz => Some((0, 2)),
        TypeKind::Int2 => Some((1, 0)),
        TypeKind::Int4 => Some((1, 1)),
        TypeKind::Int8 => Some((1, 2)),
        TypeKind::Float4 => Some((2, 0)),
        TypeKind::Float8 => Some((2, 1)),
        // name with text and varchar compares as text.
        TypeKind::Name => Some((3, 0)),
        TypeKind::Varchar | TypeKind::Text => Some((3, 1)),
        TypeKind::Regclass | TypeKind::Regtype | TypeKind::Regproc | TypeKind::Regnamespace => Some((4, 0)),
        TypeKind::Oid => Some((4, 1)),
        _ => None,
    };
    let ((left_family, left_rank), (right_family, right_rank)) = (rank(left)?, rank(right)?);
    if left_family != right_family {
        let mixed = matches!((left_family, right_family), (1, 2) | (2, 1));
        return mixed.then_some(DataType::of(TypeKind::Float8));
    }
    let wider = if left_rank >= right_rank { left } else { right };
    Some(match left_family {
        3 => DataType::of(TypeKind::Text),
        4 => DataType::of(TypeKind::Oid),
        _ => wider,
    })
}

/// The error for an operator that cannot be resolved.
fn unresolved(name: &str, arguments: &[DataType], failure: Failure) -> Error {
    let call = match arguments {
        [operand] => format!("{name} {}", type_name(*operand)),
        [left, right] => format!("{} {name} {}", type_name(*left), type_name(*right)),
        _ => name.to_owned(),
    };
    match failure {
        Failure::None => Error::new(SqlState::UNDEFINED_FUNCTION, format!("operator does not exist: {call}"))
            .with_hint(
                "No operator matches the given name and argument types. You might need to add explicit type casts.",
            ),
        Failure::Ambiguous => Error::new(SqlState::AMBIGUOUS_FUNCTION, format!("operator is not unique: {call}"))
            .with_hint("Could not choose a best candidate operator. You might need to add explicit type casts."),
    }
}
