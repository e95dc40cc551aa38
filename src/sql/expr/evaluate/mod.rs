//! Evaluating expressions over column batches.
//!
//! [`evaluate`] gives a column, [`predicate`] the rows for which a condition is true, [`constant`] a single value and
//! [`fold()`] simplifies an expression ahead of time. Common types have loops over typed vectors; everything else goes row
//! by row through [`super::functions::call`].
//!
//! Invariants: an operand that SQL does not evaluate for a row (later parts of AND and OR, branches of CASE, operands of
//! COALESCE) raises no error for that row: it is computed only over the rows that still need it, unless it cannot fail.
//! Data under a NULL means nothing and raises nothing. Nesting beyond [`DEPTH_MAX`] is refused with 54001.
//!
//! Start at [`Evaluator::operand`].

mod arithmetic;
mod call;
mod cast;
mod compare;
mod fold;
mod in_list;
pub mod like;
mod logic;
mod operand;

pub(crate) use arithmetic::{check_float, float_overflow, float_underflow, out_of_range, whole_values};
pub(crate) use compare::{compare_values, trim_blanks};
pub use fold::{constant, fold, volatility};
pub(crate) use operand::Operand;

use super::{Context, Expr};
use crate::{
    base::{
        batch::{Batch, Column},
        limits::STATEMENT_DEPTH_MAX,
        sqlstate::SqlState,
        value::{Array, Value},
    },
    error::{Error, Result},
};
use std::{borrow::Cow, sync::Arc};

/// Deepest expression that is evaluated. Binding adds casts between the levels that the parser allows.
const DEPTH_MAX: usize = 4 * STATEMENT_DEPTH_MAX;

/// The value of an expression for each row of a batch.
pub fn evaluate(expr: &Expr, batch: &Batch, context: &Context) -> Result<Column> {
    let evaluator = Evaluator { batch, context, depth: 0 };
    Ok(evaluator.operand(expr)?.into_column(expr.data_type(), batch.rows))
}

/// The same, without a copy if the expression only names a column of the batch.
pub fn evaluate_borrowed<'a>(expr: &Expr, batch: &'a Batch, context: &'a Context) -> Result<Cow<'a, Column>> {
    let evaluator = Evaluator { batch, context, depth: 0 };
    Ok(match evaluator.operand(expr)? {
        Operand::Column(column) => column,
        constant => Cow::Owned(constant.into_column(expr.data_type(), batch.rows)),
    })
}

/// The values of some expressions: a batch with a column for each.
pub fn project(expressions: &[Expr], batch: &Batch, context: &Context) -> Result<Batch> {
    // Over no rows nothing is evaluated, not even constants: they may fail.
    if batch.rows == 0 {
        return Ok(Batch::new(expressions.iter().map(Expr::data_type)));
    }
    let columns = expressions.iter().map(|expression| evaluate(expression, batch, context));
    Ok(Batch { rows: batch.rows, columns: columns.collect::<Result<Vec<_>>>()? })
}

/// For each row whether the condition is true (neither false nor NULL).
pub fn predicate(expr: &Expr, batch: &Batch, context: &Context) -> Result<Vec<bool>> {
    let evaluator = Evaluator { batch, context, depth: 0 };
    let truth = evaluator.truth(expr)?;
    Ok(match truth.nulls {
        None => truth.values,
        Some(nulls) => truth.values.iter().zip(&nulls).map(|(value, null)| *value && !null).collect(),
    })
}

/// One expression over one batch.
#[derive(Clone, Copy)]
pub(crate) struct Evaluator<'a> {
    pub batch: &'a Batch,
    pub context: &'a Context,
    pub depth: usize,
}

impl<'a> Evaluator<'a> {
    /// The value of an expression: a column of the batch, a computed one, or one value for all rows.
    pub(crate) fn operand(&self, expr: &Expr) -> Result<Operand<'a>> {
        let inner = self.deeper()?;
        match expr {
            Expr::Column { position, .. } => match self.batch.columns.get(*position) {
                Some(column) => Ok(Operand::Column(Cow::Borrowed(column))),
                None => Err(Error::internal(format!("expression names input column {position}, which is not there"))),
            },
            Expr::Literal { value, .. } => Ok(Operand::Constant(value.clone())),
            Expr::Parameter { number, .. } => match self.context.parameters.get(*number) {
                Some(value) => Ok(Operand::Constant(value.clone())),
                None => {
                    let message = format!("there is no parameter ${}", number + 1);
                    Err(Error::new(SqlState::UNDEFINED_PARAMETER, message))
                }
            },
            Expr::Subplan { number, .. } => match self.context.subplans.get(*number) {
                Some(value) => Ok(Operand::Constant(value.clone())),
                None => Err(Error::internal(format!("subquery {number} was not run before its statement"))),
            },
            Expr::And(_)
            | Expr::Or(_)
            | Expr::Not(_)
            | Expr::IsNull { .. }
            | Expr::IsBool { .. }
            | Expr::Compare { .. }
            | Expr::InList { .. } => inner.condition(expr),
            Expr::Case { branches, otherwise, data_type } => inner.case(branches, otherwise.as_deref(), *data_type),
            Expr::Coalesce { operands, data_type } => inner.coalesce(operands, *data_type),
            Expr::Cast { operand, to, explicit } => inner.cast(operand, *to, *explicit),
            Expr::Call { function, arguments, data_type } => inner.call(*function, arguments, *data_type),
            Expr::Chain { operands, links } => inner.chain(operands, links),
            Expr::Array { elements, data_type } => {
                inner.by_row(elements, *data_type, |values| Ok(Value::Array(Arc::new(stack(values)?))))
            }
            Expr::Row(fields) => inner.by_row(fields, expr.data_type(), |values| Ok(Value::Record(Arc::from(values)))),
        }
    }

    /// One level down, if that is not too deep.
    fn deeper(&self) -> Result<Evaluator<'a>> {
        if self.depth >= DEPTH_MAX {
            return Err(Error::new(SqlState::STATEMENT_TOO_COMPLEX, "expression is nested too deeply")
                .with_hint("Split the expression, or move parts of it into a subquery."));
        }
        Ok(Evaluator { depth: self.depth + 1, ..*self })
    }

    /// A column computed from the values of some expressions, row by row; one value if all of them are constant.
    fn by_row(
        &self,
        parts: &[Expr],
        data_type: crate::base::types::DataType,
        compute: impl Fn(&[Value]) -> Result<Value>,
    ) -> Result<Operand<'a>> {
        let operands = parts.iter().map(|part| self.operand(part)).collect::<Result<Vec<_>>>()?;
        let mut values = vec![Value::Null; operands.len()];
        if operands.iter().all(Operand::is_constant) {
            operand::gather(&operands, 0, &mut values);
            return Ok(Operand::Constant(compute(&values)?));
        }
        let mut column = Column::with_capacity(data_type, self.batch.rows);
        for row in 0..self.batch.rows {
            operand::gather(&operands, row, &mut values);
            column.push(compute(&values)?);
        }
        Ok(Operand::Column(Cow::Owned(column)))
    }
}

/// ARRAY[…]: one dimension of plain values, or one more around arrays of equal shape.
fn stack(values: &[Value]) -> Result<Array> {
    let Some(Value::Array(first)) = values.first() else {
        let dimensions = if values.is_empty() { Vec::new() } else { vec![(values.len() as u32, 1)] };
        return Ok(Array { dimensions, values: values.to_vec() });
    };
    let mut inner = Vec::new();
    for value in values {
        match value {
            Value::Array(array) if array.dimensions == first.dimensions => inner.extend_from_slice(&array.values),
            _ => {
                let message = "multidimensional arrays must have array expressions with matching dimensions";
                return Err(Error::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message));
            }
        }
    }
    let mut dimensions = vec![(values.len() as u32, 1)];
    dimensions.extend_from_slice(&first.dimensions);
    Ok(Array { dimensions: if inner.is_empty() { Vec::new() } else { dimensions }, values: inner })
}
