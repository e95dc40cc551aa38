//! Three-valued logic, and the expressions that choose what is evaluated: AND, OR, CASE, COALESCE.

use super::{Evaluator, operand::Operand};
use crate::{
    base::{
        batch::{Batch, Column, ColumnData},
        types::{DataType, TypeKind},
        value::Value,
    },
    error::{Error, Result},
    sql::expr::Expr,
};
use std::borrow::Cow;

/// A condition's value in each row. Where `nulls` says so it is unknown, and `values` means nothing.
#[derive(Debug)]
pub(super) struct Truth {
    pub values: Vec<bool>,
    pub nulls: Option<Vec<bool>>,
}

impl Truth {
    pub fn unknown(rows: usize) -> Truth {
        Truth { values: vec![false; rows], nulls: Some(vec![true; rows]) }
    }

    pub fn same(value: bool, rows: usize) -> Truth {
        Truth { values: vec![value; rows], nulls: None }
    }

    fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls[row])
    }
}

impl<'a> Evaluator<'a> {
    /// A condition as a column.
    pub(super) fn condition(&self, expr: &Expr) -> Result<Operand<'a>> {
        let truth = self.truth(expr)?;
        Ok(Operand::owned(ColumnData::Bool(truth.values), truth.nulls))
    }

    /// Any boolean expression.
    pub(super) fn truth(&self, expr: &Expr) -> Result<Truth> {
        let inner = self.deeper()?;
        match expr {
            Expr::And(list) => inner.junction(list, false),
            Expr::Or(list) => inner.junction(list, true),
            Expr::Not(operand) => {
                let truth = inner.truth(operand)?;
                Ok(Truth { values: truth.values.iter().map(|value| !value).collect(), nulls: truth.nulls })
            }
            Expr::IsNull { operand, negated } => {
                let rows = self.batch.rows;
                let values = match inner.operand(operand)? {
                    Operand::Constant(value) => vec![is_null_value(&value, *negated) != *negated; rows],
                    Operand::Column(column) => is_null_column(&column, *negated),
                };
                Ok(Truth { values, nulls: None })
            }
            Expr::IsBool { operand, is, negated } => {
                let truth = inner.truth(operand)?;
                let holds = |row: usize| (!truth.is_null(row) && truth.values[row] == *is) != *negated;
                Ok(Truth { values: (0..self.batch.rows).map(holds).collect(), nulls: None })
            }
            Expr::Compare { operator, left, right } => inner.compare(*operator, left, right),
            Expr::InList { operand, list, negated } => inner.in_list(operand, list, *negated),
            _ => self.truth_of_operand(inner.operand(expr)?),
        }
    }

    fn truth_of_operand(&self, operand: Operand<'a>) -> Result<Truth> {
        let rows = self.batch.rows;
        match operand {
            Operand::Constant(Value::Bool(value)) => Ok(Truth::same(value, rows)),
            Operand::Constant(Value::Null) => Ok(Truth::unknown(rows)),
            Operand::Constant(_) => Err(Error::internal("a condition is not boolean")),
            Operand::Column(column) => {
                let column = column.into_owned();
                match column.data {
                    ColumnData::Bool(values) => Ok(Truth { values, nulls: column.nulls }),
                    _ => Err(Error::internal("a condition is not boolean")),
                }
            }
        }
    }

    /// AND (`decisive` false) and OR (`decisive` true): an operand with the decisive value decides a row.
    ///
    /// An operand that may fail is evaluated only over rows that no earlier one decided.
    fn junction(&self, list: &[Expr], decisive: bool) -> Result<Truth> {
        let rows = self.batch.rows;
        let mut decided = vec![false; rows];
        let mut unknown: Option<Vec<bool>> = None;
        let mut any_decided = false;
        for (number, expr) in list.iter().enumerate() {
            let open: Option<Vec<u32>> = (any_decided && number > 0 && !is_infallible(expr))
                .then(|| (0..rows as u32).filter(|&row| !decided[row as usize]).collect());
            let truth = match &open {
                Some(open) if open.is_empty() => break,
                Some(open) => self.on_rows(expr, open, |inner| inner.truth(expr))?,
                None => self.truth(expr)?,
            };
            for at in 0..truth.values.len() {
                let row = open.as_ref().map_or(at, |open| open[at] as usize);
                if truth.is_null(at) {
                    unknown.get_or_insert_with(|| vec![false; rows])[row] = true;
                } else {
                    decided[row] |= truth.values[at] == decisive;
                }
            }
            any_decided = any_decided || decided.contains(&true);
        }
        let nulls = unknown.map(|unknown| unknown.iter().zip(&decided).map(|(u, d)| *u && !*d).collect());
        let values = decided.into_iter().map(|decided| decided == decisive).collect();
        Ok(Truth { values, nulls })
    }

    /// Evaluates over some rows of the batch only.
    fn on_rows<T>(&self, expr: &Expr, rows: &[u32], run: impl FnOnce(&Evaluator<'_>) -> Result<T>) -> Result<T> {
        if rows.len() == self.batch.rows {
            return run(self);
        }
        let batch = narrow(self.batch, &[expr], rows);
        run(&Evaluator { batch: &batch, ..*self })
    }

    /// CASE: each branch is evaluated over the rows that come to it.
    pub(super) fn case(
        &self,
        branches: &[(Expr, Expr)],
        otherwise: Option<&Expr>,
        data_type: DataType,
    ) -> Result<Operand<'a>> {
        let rows = self.batch.rows;
        let mut choice = Choice::new(data_type, rows);
        let mut open: Vec<u32> = (0..rows as u32).collect();
        for (condition, result) in branches {
            if open.is_empty() {
                break;
            }
            let truth = self.on_rows(condition, &open, |inner| inner.truth(condition))?;
            let (mut taken, mut left) = (Vec::new(), Vec::new());
            for (at, &row) in open.iter().enumerate() {
                if truth.values[at] && !truth.is_null(at) { taken.push(row) } else { left.push(row) }
            }
            self.choose(&mut choice, result, &taken)?;
            open = left;
        }
        if let Some(otherwise) = otherwise {
            self.choose(&mut choice, otherwise, &open)?;
        }
        Ok(choice.finish())
    }

    /// COALESCE: the next operand only for rows that are still NULL.
    pub(super) fn coalesce(&self, operands: &[Expr], data_type: DataType) -> Result<Operand<'a>> {
        let rows = self.batch.rows;
        let Some((first, rest)) = operands.split_first() else { return Ok(Operand::Constant(Value::Null)) };
        let first = self.operand(first)?;
        let no_nulls = match &first {
            Operand::Constant(value) => !value.is_null(),
            Operand::Column(column) => !column.has_nulls(),
        };
        if no_nulls || rest.is_empty() {
            return Ok(first);
        }
        let mut choice = Choice::new(data_type, rows);
        let mut open: Vec<u32> = (0..rows as u32).collect();
        choice.put(first.into_column(data_type, rows), &open);
        open.retain(|&row| choice.is_null(row));
        for operand in rest {
            if open.is_empty() {
                break;
            }
            self.choose(&mut choice, operand, &open)?;
            open.retain(|&row| choice.is_null(row));
        }
        Ok(choice.finish())
    }

    /// Evaluates a result for some rows and notes it as theirs.
    fn choose(&self, choice: &mut Choice, expr: &Expr, rows: &[u32]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let data_type = choice.data_type;
        let column = self.on_rows(expr, rows, |inner| {
            Ok(match inner.operand(expr)? {
                Operand::Constant(value) => Column::constant(data_type, &value, 1),
                Operand::Column(column) => column.into_owned(),
            })
        })?;
        choice.put(column, rows);
        Ok(())
    }
}

/// `IS NULL` of a single value. A row is NULL when all its fields are, and NOT NULL when none is.
fn is_null_value(value: &Value, negated: bool) -> bool {
    match value {
        Value::Null => true,
        Value::Record(fields) if negated => fields.iter().any(Value::is_null),
        Value::Record(fields) => fields.iter().all(Value::is_null),
        _ => false,
    }
}

fn is_null_column(column: &Column, negated: bool) -> Vec<bool> {
    match &column.data {
        ColumnData::Values(values) => (0..values.len())
            .map(|row| (column.is_null(row) || is_null_value(&values[row], negated)) != negated)
            .collect(),
        _ => (0..column.len()).map(|row| column.is_null(row) != negated).collect(),
    }
}

/// Puts a column together from pieces that were computed for different rows.
struct Choice {
    data_type: DataType,
    /// All results so far, end to end. Row 0 is NULL: for rows that nothing was chosen for.
    results: Column,
    /// For each row of the batch its place in `results`.
    places: Vec<u32>,
}

impl Choice {
    fn new(data_type: DataType, rows: usize) -> Choice {
        let mut results = Column::new(data_type);
        results.push_null();
        Choice { data_type, results, places: vec![0; rows] }
    }

    /// Notes results for rows: one each, or one for all.
    fn put(&mut self, column: Column, rows: &[u32]) {
        let start = self.results.len() as u32;
        let single = column.len() == 1;
        self.results.append(&column);
        for (at, &row) in rows.iter().enumerate() {
            self.places[row as usize] = start + if single { 0 } else { at as u32 };
        }
    }

    fn is_null(&self, row: u32) -> bool {
        self.results.is_null(self.places[row as usize] as usize)
    }

    fn finish<'a>(self) -> Operand<'a> {
        let mut column = self.results.take(&self.places);
        if !column.has_nulls() {
            column.nulls = None;
        }
        Operand::Column(Cow::Owned(column))
    }
}

/// The columns that some expressions read, with the given rows; other columns are left empty.
pub(super) fn narrow(batch: &Batch, expressions: &[&Expr], rows: &[u32]) -> Batch {
    let mut used = vec![false; batch.columns.len()];
    let mut open: Vec<&Expr> = expressions.to_vec();
    while let Some(expr) = open.pop() {
        if let Expr::Column { position, .. } = expr
            && let Some(used) = used.get_mut(*position)
        {
            *used = true;
        }
        open.extend(expr.children());
    }
    let empty = Column::new(DataType::of(TypeKind::Bool));
    let columns = batch.columns.iter().zip(used).map(|(column, used)| match used {
        true => column.take(rows),
        false => empty.clone(),
    });
    Batch { rows: rows.len(), columns: columns.collect() }
}

/// Whether evaluating can raise no error, whatever the rows hold: then it may run over rows that do not need it.
pub(super) fn is_infallible(expr: &Expr) -> bool {
    let mut open = vec![expr];
    while let Some(expr) = open.pop() {
        match expr {
            Expr::Call { .. } | Expr::Chain { .. } | Expr::Cast { .. } | Expr::Array { .. } => return false,
            _ => open.extend(expr.children()),
        }
    }
    true
}
