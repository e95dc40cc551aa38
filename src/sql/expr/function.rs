//! Scalar functions and operators: their names in code, and the binder's way from a call to one of them.
//!
//! A [`Function`] says what is computed, not on which type: `Add` adds whatever the argument columns hold. Which argument
//! types exist is in the tables of [`super::functions`] and [`super::operator`].

use super::{
    Comparison, functions,
    resolve::{Failure, Resolved, Signature, select},
};
use crate::{
    base::{sqlstate::SqlState, types::DataType},
    error::{Error, Result},
    sql::system::describe::Part,
};

pub use super::aggregate::AggregateFunction;
pub use super::resolve::{Slot, Volatility};

/// A scalar function or operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    // Operators.
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Negate,
    /// Unary plus.
    Identity,
    Power,
    SquareRoot,
    CubeRoot,
    Absolute,
    BitAnd,
    BitOr,
    BitXor,
    BitNot,
    ShiftLeft,
    ShiftRight,
    /// `||` on strings, bytea and arrays; text with anything.
    Concatenate,
    /// LIKE (`~~`) and its kin; the third argument, if any, is the ESCAPE character.
    Like,
    NotLike,
    InsensitiveLike,
    NotInsensitiveLike,
    /// `~` and its kin.
    Matches,
    NotMatches,
    InsensitiveMatches,
    NotInsensitiveMatches,
    StartsWith,
    ArrayContains,
    ArrayContainedBy,
    ArrayOverlaps,
    /// `left operator ANY | ALL (array)`.
    Quantified {
        comparison: Comparison,
        all: bool,
    },
    /// `a[i]`: array, then one index per dimension.
    Subscript,
    /// `a[low:high]`: array, low, high; NULL means the array's own limit.
    Slice,

    // Mathematics.
    Ceiling,
    Floor,
    Round,
    Truncate,
    Modulo,
    IntegerDivide,
    Exponential,
    NaturalLogarithm,
    /// log(x) base 10, or log(b, x).
    Logarithm,
    Sign,
    Pi,
    Degrees,
    Radians,
    Sine,
    Cosine,
    Tangent,
    Cotangent,
    ArcSine,
    ArcCosine,
    ArcTangent,
    ArcTangent2,
    HyperbolicSine,
    HyperbolicCosine,
    HyperbolicTangent,
    HyperbolicArcSine,
    HyperbolicArcCosine,
    HyperbolicArcTangent,
    Random,
    GreatestCommonDivisor,
    LeastCommonMultiple,
    Factorial,
    WidthBucket,
    Scale,
    MinimalScale,
    TrimScale,
    Greatest,
    Least,

    // Strings and bytea.
    Length,
    OctetLength,
    BitLength,
    Lower,
    Upper,
    InitialCapitals,
    /// substring(text, from [, count]).
    Substring,
    /// substring(text from pattern).
    SubstringPattern,
    TrimBoth,
    TrimLeft,
    TrimRight,
    Replace,
    /// position(string, part).
    Position,
    Concat,
    ConcatWithSeparator,
    Left,
    Right,
    PadLeft,
    PadRight,
    Repeat,
    Reverse,
    SplitPart,
    Character,
    CodePoint,
    Md5,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
    ToHex,
    Encode,
    Decode,
    ConvertFrom,
    ConvertTo,
    GetByte,
    SetByte,
    QuoteIdentifier,
    QuoteLiteral,
    QuoteNullable,
    Translate,
    Format,
    Overlay,
    RegexpReplace,
    RegexpMatch,
    RegexpLike,
    RegexpCount,
    RegexpInstr,
    RegexpSubstr,
    RegexpSplitToArray,
    SimilarToEscape,
    LikeEscape,
    ParseIdentifier,

    // Dates and times.
    Now,
    StatementTimestamp,
    ClockTimestamp,
    CurrentDate,
    CurrentTime,
    LocalTime,
    LocalTimestamp,
    TimeOfDay,
    /// extract(field FROM x): numeric.
    Extract,
    /// date_part(field, x): float8.
    DatePart,
    DateTrunc,
    DateBin,
    Age,
    MakeDate,
    MakeTime,
    MakeTimestamp,
    MakeTimestamptz,
    MakeInterval,
    ToChar,
    ToTimestamp,
    ToDate,
    ToNumber,
    JustifyDays,
    JustifyHours,
    JustifyInterval,
    IsFinite,
    /// `x AT TIME ZONE zone` as timezone(zone, x).
    AtTimeZone,
    Overlaps,

    // Session and catalog.
    GenUuid,
    CurrentDatabase,
    CurrentUser,
    Version,
    CurrentSchema,
    CurrentSchemas,
    TypeOf,
    CurrentSetting,
    SetConfig,
    BackendPid,
    CurrentTransactionId,
    FormatType,
    /// obj_description, col_description, shobj_description: there are no comments.
    Description,
    RoleName,
    /// pg_table_is_visible and its kin.
    IsVisible,
    /// has_table_privilege and its kin: everybody may do everything.
    HasPrivilege,
    EncodingName,
    ClientEncoding,
    IsInRecovery,
    SizePretty,
    /// pg_get_expr: stored expressions are SQL text already.
    StoredExpression,
    ToRegtype,
    ToRegclass,
    /// pg_relation_size and its kin.
    RelationSize(Part),
    DatabaseSize,
    IndexDefinition,
    ConstraintDefinition,
    FunctionArguments,
    FunctionResult,
    /// inet_server_addr, inet_client_addr and the like where there is nothing to say.
    AlwaysNull,
    ColumnSize,

    // Conditions and arrays.
    NullIf,
    NumNulls,
    NumNonNulls,
    ArrayPosition,
    ArrayPositions,
    ArrayLength,
    ArrayUpper,
    ArrayLower,
    ArrayNdims,
    ArrayDims,
    Cardinality,
    ArrayAppend,
    ArrayPrepend,
    ArrayConcatenate,
    ArrayRemove,
    ArrayReplace,
    ArrayToString,
    StringToArray,
    ArrayFill,
    TrimArray,
}

/// Every table of named functions.
fn tables() -> [&'static [Signature<Function>]; 6] {
    [
        functions::math::SIGNATURES,
        functions::strings::SIGNATURES,
        functions::datetime::SIGNATURES,
        functions::session::SIGNATURES,
        functions::catalog::SIGNATURES,
        functions::arrays::SIGNATURES,
    ]
}

/// Every overload of every function.
pub fn all() -> impl Iterator<Item = &'static Signature<Function>> {
    tables().into_iter().flatten()
}

/// Overloads of a function name (lower case, without a schema).
pub fn candidates(name: &str) -> impl Iterator<Item = Signature<Function>> {
    tables().into_iter().flatten().filter(move |signature| signature.name == name).copied()
}

/// Whether any function has this name; for the hint of an error, see [`names`].
pub fn exists(name: &str) -> bool {
    candidates(name).next().is_some()
}

/// All function names, for suggestions. Names with several overloads come several times.
pub fn names() -> impl Iterator<Item = &'static str> {
    tables().into_iter().flatten().map(|signature| signature.name)
}

/// How much a function depends on other things than its arguments: the most volatile of its overloads.
pub fn volatility(function: Function) -> Volatility {
    let all = tables().into_iter().flatten().chain(super::operator::SIGNATURES);
    all.filter(|signature| signature.function == function)
        .map(|signature| signature.volatility)
        .max()
        .unwrap_or(Volatility::Immutable)
}

/// Whether NULL in any argument gives NULL. Agrees with the tables, and is quick to ask.
pub fn is_strict(function: Function) -> bool {
    !matches!(
        function,
        Function::Concat
            | Function::ConcatWithSeparator
            | Function::Greatest
            | Function::Least
            | Function::QuoteNullable
            | Function::Format
            | Function::Overlaps
            | Function::TypeOf
            | Function::SetConfig
            | Function::FormatType
            | Function::NullIf
            | Function::NumNulls
            | Function::NumNonNulls
            | Function::ArrayPosition
            | Function::ArrayPositions
            | Function::ArrayAppend
            | Function::ArrayPrepend
            | Function::ArrayConcatenate
            | Function::ArrayRemove
            | Function::ArrayReplace
            | Function::ArrayToString
            | Function::StringToArray
            | Function::ArrayFill
            | Function::Quantified { .. }
            | Function::Slice
    )
}

/// The overload that a call by name means: 42883 if there is none, 42725 if there are several.
pub fn resolve(name: &str, arguments: &[DataType]) -> Result<Resolved<Function>> {
    select(candidates(name), arguments, false).map_err(|failure| unresolved(name, arguments, failure))
}

/// The error for a call of a function or aggregate that cannot be resolved.
pub fn unresolved(name: &str, arguments: &[DataType], failure: Failure) -> Error {
    let types: Vec<String> = arguments.iter().map(|&data_type| type_name(data_type)).collect();
    let call = format!("{name}({})", types.join(", "));
    match failure {
        Failure::None => Error::new(SqlState::UNDEFINED_FUNCTION, format!("function {call} does not exist")).with_hint(
            "No function matches the given name and argument types. You might need to add explicit type casts.",
        ),
        Failure::Ambiguous => Error::new(SqlState::AMBIGUOUS_FUNCTION, format!("function {call} is not unique"))
            .with_hint("Could not choose a best candidate function. You might need to add explicit type casts."),
    }
}

/// A type's name in messages, without its modifier.
pub fn type_name(data_type: DataType) -> String {
    super::kinds::name(DataType { modifier: -1, ..data_type })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strictness_agrees_with_the_tables() {
        for signature in tables().into_iter().flatten().chain(super::super::operator::SIGNATURES) {
            assert_eq!(signature.strict, is_strict(signature.function), "{}", signature.name);
        }
    }
}
