//! Keys of single rows.

use super::expr::{Context, Expr, constant};
use crate::{
    base::{key, value::Value},
    catalog::Table,
    error::Result,
};

/// Encodes the values of a whole primary key, as they stand in a row's key; `None` if one is NULL, which no key is.
pub fn encode_key(table: &Table, values: &[Expr], context: &Context) -> Result<Option<Vec<u8>>> {
    let mut encoded = Vec::with_capacity(32);
    for (position, expression) in table.key_positions().zip(values) {
        let Some(column) = table.columns.get(position) else { return Ok(None) };
        let value = constant(expression, context)?;
        if matches!(value, Value::Null) {
            return Ok(None);
        }
        key::encode_value(&value, column.data_type, false, false, &mut encoded);
    }
    Ok(Some(encoded))
}
