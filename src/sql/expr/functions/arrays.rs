//! Functions on arrays, and those on any type.

use crate::sql::expr::{
    function::Function as F,
    kinds::{ANY, ARRAY, COMPATIBLE, ELEMENT, INT4, INT4_ARRAY, TEXT, TEXT_ARRAY},
    resolve::{Signature, signature},
};

/// Functions of this file.
pub const SIGNATURES: &[Signature<F>] = &[
    signature("nullif", F::NullIf, &[COMPATIBLE, COMPATIBLE], COMPATIBLE).nullable(),
    signature("num_nulls", F::NumNulls, &[ANY], INT4).variadic().nullable(),
    signature("num_nonnulls", F::NumNonNulls, &[ANY], INT4).variadic().nullable(),
    signature("array_position", F::ArrayPosition, &[ARRAY, ELEMENT, INT4], INT4).optional(1).nullable(),
    signature("array_positions", F::ArrayPositions, &[ARRAY, ELEMENT], INT4_ARRAY).nullable(),
    signature("array_length", F::ArrayLength, &[ARRAY, INT4], INT4),
    signature("array_upper", F::ArrayUpper, &[ARRAY, INT4], INT4),
    signature("array_lower", F::ArrayLower, &[ARRAY, INT4], INT4),
    signature("array_ndims", F::ArrayNdims, &[ARRAY], INT4),
    signature("array_dims", F::ArrayDims, &[ARRAY], TEXT),
    signature("cardinality", F::Cardinality, &[ARRAY], INT4),
    signature("array_append", F::ArrayAppend, &[ARRAY, ELEMENT], ARRAY).nullable(),
    signature("array_prepend", F::ArrayPrepend, &[ELEMENT, ARRAY], ARRAY).nullable(),
    signature("array_cat", F::ArrayConcatenate, &[ARRAY, ARRAY], ARRAY).nullable(),
    signature("array_remove", F::ArrayRemove, &[ARRAY, ELEMENT], ARRAY).nullable(),
    signature("array_replace", F::ArrayReplace, &[ARRAY, ELEMENT, ELEMENT], ARRAY).nullable(),
    signature("array_to_string", F::ArrayToString, &[ARRAY, TEXT, TEXT], TEXT).optional(1).nullable().stable(),
    signature("string_to_array", F::StringToArray, &[TEXT, TEXT, TEXT], TEXT_ARRAY).optional(1).nullable(),
    signature("array_fill", F::ArrayFill, &[ELEMENT, INT4_ARRAY, INT4_ARRAY], ARRAY).optional(1).nullable(),
    signature("trim_array", F::TrimArray, &[ARRAY, INT4], ARRAY),
];
