//! Set-returning functions: generate_series and unnest.

use super::{Step, operator::Environment};
use crate::{
    base::{
        batch::Batch,
        limits::BATCH_ROWS,
        sqlstate::SqlState,
        types::{DataType, TypeKind},
        value::{Interval, Value},
    },
    error::{Error, Result},
    sql::{
        expr::{Context, Expr, constant, function::Function},
        plan::Generator,
    },
};
use std::cmp::Ordering;

pub(crate) struct Generate {
    generator: Generator,
    types: Vec<DataType>,
    state: State,
}

enum State {
    New,
    Series(Series),
    Elements(std::vec::IntoIter<Value>),
    Done,
}

struct Series {
    next: Value,
    stop: Value,
    step: Value,
    step_type: DataType,
    up: bool,
}

impl Generate {
    pub fn new(generator: Generator, types: Vec<DataType>) -> Generate {
        Generate { generator, types, state: State::New }
    }

    pub fn next(&mut self, environment: &mut Environment) -> Result<Step> {
        let context = environment.context.clone();
        if matches!(self.state, State::New) {
            self.state = start(&self.generator, &context)?;
        }
        let Some(&data_type) = self.types.first() else { return Ok(Step::Done) };
        let mut batch = Batch::new([data_type]);
        while batch.rows < BATCH_ROWS {
            let value = match &mut self.state {
                State::Series(series) => series.take(data_type, &context)?,
                State::Elements(elements) => elements.next(),
                State::New | State::Done => None,
            };
            match value {
                Some(value) => batch.push_row([value]),
                None => {
                    self.state = State::Done;
                    break;
                }
            }
        }
        Ok(if batch.rows == 0 { Step::Done } else { Step::Batch(batch) })
    }
}

fn start(generator: &Generator, context: &Context) -> Result<State> {
    match generator {
        Generator::Unnest(array) => Ok(match constant(array, context)? {
            Value::Array(array) => State::Elements(array.values.clone().into_iter()),
            _ => State::Done,
        }),
        Generator::Series { start, stop, step } => {
            let step_type = step.data_type();
            let (next, stop) = (constant(start, context)?, constant(stop, context)?);
            let step = constant(step, context)?;
            if next.is_null() || stop.is_null() || step.is_null() {
                return Ok(State::Done);
            }
            let up = match step.compare(&zero(step_type)?) {
                Ordering::Equal => {
                    return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, "step size cannot equal zero"));
                }
                order => order == Ordering::Greater,
            };
            Ok(State::Series(Series { next, stop, step, step_type, up }))
        }
    }
}

fn zero(data_type: DataType) -> Result<Value> {
    Ok(match data_type.kind {
        TypeKind::Int4 => Value::Int4(0),
        TypeKind::Int8 => Value::Int8(0),
        TypeKind::Interval => Value::Interval(Interval::default()),
        _ => crate::base::text::parse("0", data_type)?,
    })
}

impl Series {
    fn take(&mut self, data_type: DataType, context: &Context) -> Result<Option<Value>> {
        let past = if self.up { Ordering::Greater } else { Ordering::Less };
        if self.next.is_null() || self.next.compare(&self.stop) == past {
            return Ok(None);
        }
        let after = self.after(data_type, context)?;
        Ok(Some(std::mem::replace(&mut self.next, after)))
    }

    /// The value after the next one; NULL when there is none in the type.
    fn after(&self, data_type: DataType, context: &Context) -> Result<Value> {
        match (&self.next, &self.step) {
            (Value::Int4(next), Value::Int4(step)) => Ok(next.checked_add(*step).map_or(Value::Null, Value::Int4)),
            (Value::Int8(next), Value::Int8(step)) => Ok(next.checked_add(*step).map_or(Value::Null, Value::Int8)),
            (next, step) => {
                let literal = |value: &Value, data_type| Expr::Literal { value: value.clone(), data_type };
                let arguments = vec![literal(next, data_type), literal(step, self.step_type)];
                constant(&Expr::Call { function: Function::Add, arguments, data_type }, context)
            }
        }
    }
}
