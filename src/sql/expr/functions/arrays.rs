//! Functions on arrays, and those on any type.

use super::{Call, RESULT_BYTES_MAX, integer, too_long};
use crate::{
    base::{
        sqlstate::SqlState,
        types::TypeKind,
        value::{Array, Value},
    },
    error::{Error, Result},
    sql::expr::{
        Comparison,
        convert::to_text,
        evaluate::compare_values,
        function::Function as F,
        kinds::{ANY, ARRAY, COMPATIBLE, ELEMENT, INT4, INT4_ARRAY, TEXT, TEXT_ARRAY},
        resolve::{Signature, signature},
    },
};
use std::{collections::BTreeSet, sync::Arc};

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

/// Computes a function of this file.
pub(crate) fn call(call: &Call<'_>, arguments: &[Value]) -> Result<Option<Value>> {
    let value = match call.function {
        F::NullIf => {
            let padded = call.types.first().is_some_and(|data_type| data_type.kind == TypeKind::Bpchar);
            let [left, right] = arguments else { return Err(Error::internal("nullif wants two arguments")) };
            let same = !left.is_null() && !right.is_null() && compare_values(left, right, padded).is_eq();
            if same { Value::Null } else { left.clone() }
        }
        F::NumNulls => Value::Int4(arguments.iter().filter(|value| value.is_null()).count() as i32),
        F::NumNonNulls => Value::Int4(arguments.iter().filter(|value| !value.is_null()).count() as i32),
        F::Quantified { comparison, all } => quantified(comparison, all, arguments)?,
        F::Subscript => subscript(arguments)?,
        F::Slice => slice(arguments)?,
        F::ArrayContains => Value::Bool(contains(array(arguments, 0)?, array(arguments, 1)?)),
        F::ArrayContainedBy => Value::Bool(contains(array(arguments, 1)?, array(arguments, 0)?)),
        F::ArrayOverlaps => Value::Bool(overlaps(array(arguments, 0)?, array(arguments, 1)?)),
        F::ArrayPosition | F::ArrayPositions => positions(call.function, arguments)?,
        F::ArrayLength => dimension(arguments)?.map_or(Value::Null, |(length, _)| Value::Int4(length as i32)),
        F::ArrayLower => dimension(arguments)?.map_or(Value::Null, |(_, low)| Value::Int4(low)),
        F::ArrayUpper => dimension(arguments)?
            .map_or(Value::Null, |(length, low)| Value::Int4(low.wrapping_add(length as i32).wrapping_sub(1))),
        F::ArrayNdims => match array(arguments, 0)?.dimensions.len() {
            0 => Value::Null,
            count => Value::Int4(count as i32),
        },
        F::ArrayDims => dimensions_text(array(arguments, 0)?),
        F::Cardinality => Value::Int4(array(arguments, 0)?.values.len() as i32),
        F::ArrayAppend => add_element(&arguments[0], &arguments[1], false)?,
        F::ArrayPrepend => add_element(&arguments[1], &arguments[0], true)?,
        F::ArrayConcatenate => concatenate(&arguments[0], &arguments[1])?,
        F::ArrayRemove => remove(arguments)?,
        F::ArrayReplace => replace(arguments)?,
        F::ArrayToString => array_to_string(call, arguments)?,
        F::StringToArray => string_to_array(arguments)?,
        F::ArrayFill => fill(arguments)?,
        F::TrimArray => trim(arguments)?,
        _ => return Ok(None),
    };
    Ok(Some(value))
}

fn array(arguments: &[Value], position: usize) -> Result<&Array> {
    match arguments.get(position) {
        Some(Value::Array(array)) => Ok(array),
        other => Err(Error::internal(format!("argument {} of a function is not an array but {other:?}", position + 1))),
    }
}

fn one_dimension(values: Vec<Value>, low: i32) -> Result<Value> {
    if values.len() > RESULT_BYTES_MAX / size_of::<Value>() {
        return Err(too_long());
    }
    let dimensions = if values.is_empty() { Vec::new() } else { vec![(values.len() as u32, low)] };
    Ok(Value::Array(Arc::new(Array { dimensions, values })))
}

/// ANY and ALL with three-valued logic.
fn quantified(comparison: Comparison, all: bool, arguments: &[Value]) -> Result<Value> {
    let left = &arguments[0];
    if arguments[1].is_null() {
        return Ok(Value::Null);
    }
    let mut unknown = false;
    for member in &array(arguments, 1)?.values {
        if left.is_null() || member.is_null() {
            unknown = true;
        } else if comparison.holds(left.compare(member)) != all {
            return Ok(Value::Bool(!all));
        }
    }
    Ok(if unknown { Value::Null } else { Value::Bool(all) })
}

/// `a[i]…`: NULL outside the array.
fn subscript(arguments: &[Value]) -> Result<Value> {
    let array = array(arguments, 0)?;
    if array.dimensions.len() != arguments.len() - 1 {
        return Ok(Value::Null);
    }
    let mut at = 0;
    for (number, &(length, low)) in array.dimensions.iter().enumerate() {
        let offset = integer(arguments, number + 1)? - i64::from(low);
        if offset < 0 || offset >= i64::from(length) {
            return Ok(Value::Null);
        }
        at = at * length as usize + offset as usize;
    }
    Ok(array.values.get(at).cloned().unwrap_or(Value::Null))
}

/// `a[low:high]` of the first dimension. A NULL limit is the array's own.
fn slice(arguments: &[Value]) -> Result<Value> {
    if arguments[0].is_null() {
        return Ok(Value::Null);
    }
    let array = array(arguments, 0)?;
    let Some(&(length, low)) = array.dimensions.first() else { return one_dimension(Vec::new(), 1) };
    let limit = |position: usize, own: i64| arguments.get(position).and_then(Value::as_integer).unwrap_or(own);
    let (length, low) = (i64::from(length), i64::from(low));
    let start = (limit(1, low) - low).clamp(0, length);
    let end = (limit(2, low + length - 1).saturating_add(1) - low).clamp(start, length);
    let stride = array.values.len() / length.max(1) as usize;
    let values = array.values[start as usize * stride..end as usize * stride].to_vec();
    let mut dimensions: Vec<(u32, i32)> = array.dimensions.iter().map(|&(length, _)| (length, 1)).collect();
    if values.is_empty() {
        return one_dimension(values, 1);
    }
    dimensions[0].0 = (end - start) as u32;
    Ok(Value::Array(Arc::new(Array { dimensions, values })))
}

/// Whether all members of `part` are in `whole`; NULLs are in nothing.
fn contains(whole: &Array, part: &Array) -> bool {
    let present: BTreeSet<&Value> = whole.values.iter().filter(|value| !value.is_null()).collect();
    part.values.iter().all(|value| !value.is_null() && present.contains(value))
}

fn overlaps(left: &Array, right: &Array) -> bool {
    let present: BTreeSet<&Value> = left.values.iter().filter(|value| !value.is_null()).collect();
    right.values.iter().any(|value| present.contains(value))
}

fn positions(function: F, arguments: &[Value]) -> Result<Value> {
    if arguments[0].is_null() {
        return Ok(Value::Null);
    }
    let (array, wanted) = (array(arguments, 0)?, &arguments[1]);
    if array.dimensions.len() > 1 {
        return Err(Error::unsupported("searching for elements in multidimensional arrays"));
    }
    let low = array.dimensions.first().map_or(1, |dimension| dimension.1);
    let found = array.values.iter().enumerate().filter(|(_, value)| value.same(wanted));
    let mut numbers = found.map(|(at, _)| low.wrapping_add(at as i32));
    if function == F::ArrayPositions {
        return one_dimension(numbers.map(Value::Int4).collect(), 1);
    }
    let start = match arguments.get(2) {
        Some(Value::Null) => {
            return Err(Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, "initial position must not be null"));
        }
        Some(_) => integer(arguments, 2)?,
        None => i64::MIN,
    };
    Ok(numbers.find(|&number| i64::from(number) >= start).map_or(Value::Null, Value::Int4))
}

/// Length and lower bound of the dimension that argument 2 names.
fn dimension(arguments: &[Value]) -> Result<Option<(u32, i32)>> {
    let number = integer(arguments, 1)?;
    let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    Ok(place.and_then(|place| array(arguments, 0).ok()?.dimensions.get(place).copied()))
}

fn dimensions_text(array: &Array) -> Value {
    if array.dimensions.is_empty() {
        return Value::Null;
    }
    let each = array.dimensions.iter().map(|&(length, low)| {
        let high = i64::from(low) + i64::from(length) - 1;
        format!("[{low}:{high}]")
    });
    Value::text(each.collect::<String>())
}

fn not_one_dimension() -> Error {
    Error::new(SqlState::DATA_EXCEPTION, "argument must be empty or one-dimensional array")
}

fn add_element(to: &Value, element: &Value, first: bool) -> Result<Value> {
    let (mut values, low) = match to {
        Value::Null => (Vec::new(), 1),
        Value::Array(array) if array.dimensions.len() <= 1 => {
            (array.values.clone(), array.dimensions.first().map_or(1, |dimension| dimension.1))
        }
        _ => return Err(not_one_dimension()),
    };
    if first {
        values.insert(0, element.clone());
    } else {
        values.push(element.clone());
    }
    one_dimension(values, low)
}

fn concatenate(left: &Value, right: &Value) -> Result<Value> {
    let (left, right) = match (left, right) {
        (Value::Null, other) | (other, Value::Null) => return Ok(other.clone()),
        (Value::Array(left), Value::Array(right)) => (left, right),
        _ => return Err(Error::internal("arrays expected")),
    };
    if left.values.is_empty() {
        return Ok(Value::Array(right.clone()));
    }
    if right.values.is_empty() {
        return Ok(Value::Array(left.clone()));
    }
    let values = [left.values.as_slice(), right.values.as_slice()].concat();
    if values.len() > RESULT_BYTES_MAX / size_of::<Value>() {
        return Err(too_long());
    }
    let lengths = |array: &Array, from: usize| array.dimensions[from..].iter().map(|d| d.0).collect::<Vec<_>>();
    let (a, b) = (left.dimensions.len(), right.dimensions.len());
    let mut dimensions = if a >= b { left.dimensions.clone() } else { right.dimensions.clone() };
    // Of equal rank: end to end. Of ranks that differ by one: the smaller is one more member of the larger.
    let (fits, more) = match a as i64 - b as i64 {
        0 => (lengths(left, 1) == lengths(right, 1), right.dimensions[0].0),
        1 => (lengths(left, 1) == lengths(right, 0), 1),
        -1 => (lengths(right, 1) == lengths(left, 0), 1),
        _ => (false, 0),
    };
    if !fits {
        let message = "cannot concatenate incompatible arrays";
        return Err(Error::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message));
    }
    dimensions[0].0 += more;
    Ok(Value::Array(Arc::new(Array { dimensions, values })))
}

fn remove(arguments: &[Value]) -> Result<Value> {
    if arguments[0].is_null() {
        return Ok(Value::Null);
    }
    let from = array(arguments, 0)?;
    if from.dimensions.len() > 1 {
        return Err(Error::unsupported("removing elements from multidimensional arrays"));
    }
    let low = from.dimensions.first().map_or(1, |dimension| dimension.1);
    one_dimension(from.values.iter().filter(|value| !value.same(&arguments[1])).cloned().collect(), low)
}

fn replace(arguments: &[Value]) -> Result<Value> {
    if arguments[0].is_null() {
        return Ok(Value::Null);
    }
    let from = array(arguments, 0)?;
    let change = |value: &Value| if value.same(&arguments[1]) { arguments[2].clone() } else { value.clone() };
    let values = from.values.iter().map(change).collect();
    Ok(Value::Array(Arc::new(Array { dimensions: from.dimensions.clone(), values })))
}

fn array_to_string(call: &Call<'_>, arguments: &[Value]) -> Result<Value> {
    let (Value::Array(array), Value::Text(separator)) = (&arguments[0], &arguments[1]) else { return Ok(Value::Null) };
    let null_text = arguments.get(2).and_then(Value::as_text);
    let element = call.types[0].element();
    let mut out = String::new();
    let mut first = true;
    for value in &array.values {
        let shown = match value {
            Value::Null => match null_text {
                Some(text) => text.to_owned(),
                None => continue,
            },
            value => to_text(value, element, call.context),
        };
        if !first {
            out.push_str(separator);
        }
        first = false;
        out.push_str(&shown);
        if out.len() > RESULT_BYTES_MAX {
            return Err(too_long());
        }
    }
    Ok(Value::text(out))
}

/// A NULL delimiter splits between all characters, an empty one not at all.
fn string_to_array(arguments: &[Value]) -> Result<Value> {
    let Value::Text(whole) = &arguments[0] else { return Ok(Value::Null) };
    let null_text = arguments.get(2).and_then(Value::as_text);
    let element = |part: &str| if Some(part) == null_text { Value::Null } else { Value::text(part) };
    let values = match &arguments[1] {
        _ if whole.is_empty() => Vec::new(),
        Value::Text(delimiter) if delimiter.is_empty() => vec![element(whole)],
        Value::Text(delimiter) => whole.split(&**delimiter).map(element).collect(),
        _ => whole.chars().map(|character| element(character.encode_utf8(&mut [0; 4]))).collect(),
    };
    one_dimension(values, 1)
}

fn fill(arguments: &[Value]) -> Result<Value> {
    let null = || Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, "dimension array or low bound array cannot be null");
    let numbers = |position: usize| -> Result<Vec<i64>> {
        match &arguments[position] {
            Value::Array(array) => {
                let message = "dimension values cannot be null";
                let missing = || Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, message);
                array.values.iter().map(|value| value.as_integer().ok_or_else(missing)).collect()
            }
            _ => Err(null()),
        }
    };
    let lengths = numbers(1)?;
    let lows = if arguments.len() > 2 { numbers(2)? } else { vec![1; lengths.len()] };
    if lows.len() != lengths.len() {
        return Err(Error::new(SqlState::ARRAY_SUBSCRIPT_ERROR, "wrong number of array subscripts"));
    }
    let mut count: usize = 1;
    for &length in &lengths {
        count = count.saturating_mul(length.max(0) as usize);
    }
    if count > RESULT_BYTES_MAX / size_of::<Value>() {
        return Err(too_long());
    }
    if count == 0 || lengths.is_empty() {
        return one_dimension(Vec::new(), 1);
    }
    let dimensions = lengths.iter().zip(&lows).map(|(&length, &low)| (length as u32, low as i32)).collect();
    Ok(Value::Array(Arc::new(Array { dimensions, values: vec![arguments[0].clone(); count] })))
}

fn trim(arguments: &[Value]) -> Result<Value> {
    let (from, count) = (array(arguments, 0)?, integer(arguments, 1)?);
    let length = from.dimensions.first().map_or(0, |dimension| dimension.0);
    if count < 0 || count > i64::from(length) {
        let message = format!("number of elements to trim must be between 0 and {length}");
        return Err(Error::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message));
    }
    let stride = from.values.len() / (length.max(1) as usize);
    let keep = (i64::from(length) - count) as usize;
    let mut dimensions = from.dimensions.clone();
    match dimensions.first_mut() {
        Some(first) if keep > 0 => first.0 = keep as u32,
        _ => dimensions.clear(),
    }
    Ok(Value::Array(Arc::new(Array { dimensions, values: from.values[..keep * stride].to_vec() })))
}
