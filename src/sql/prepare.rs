//! From a parsed statement to one that is ready to run.

use super::{
    bind::{self, BindContext, Bound, BoundStatement},
    expr::Expr,
    optimize,
    parse::Parsed,
    plan::{
        Body, Delete, Explain, Field, Insert, PointRead, Statement, Subplan, Update, estimate::Estimate,
        expressions::data_type, logical::Logical, statistics::Statistics,
    },
    utility::{Copy, CopySource, Utility},
};
use crate::{
    base::types::{DataType, TypeKind},
    error::{Error, Result},
};

/// Binds, optimizes and plans a statement. `parameter_types` are those that the client declared.
pub fn prepare(parsed: &Parsed, bind: &BindContext<'_>, parameter_types: &[Option<DataType>]) -> Result<Statement> {
    let BoundStatement { bound, parameters, subplans, dependencies } = bind::statement(parsed, bind, parameter_types)?;
    parsed.with_stack(|| {
        let known = bind.statistics;
        let plan = |(plan, kind)| {
            let (plan, estimate) = optimize::query(plan, known);
            Subplan { plan, kind, estimate }
        };
        let subplans: Vec<Subplan> = subplans.into_iter().map(plan).collect();
        let whole = Whole { parameters, subplans, dependencies };
        whole.statement(bound, known)
    })
}

/// What belongs to the statement and all statements inside it.
#[derive(Clone)]
struct Whole {
    parameters: Vec<DataType>,
    subplans: Vec<Subplan>,
    dependencies: Vec<(crate::base::ids::TableId, u32)>,
}

impl Whole {
    fn statement(self, bound: Bound, known: &dyn Statistics) -> Result<Statement> {
        let (body, fields, estimate) = self.body(bound, known)?;
        let Whole { parameters, subplans, dependencies } = self;
        Ok(Statement { body, parameters, fields, dependencies, subplans, estimate })
    }

    fn body(&self, bound: Bound, known: &dyn Statistics) -> Result<(Body, Vec<Field>, Estimate)> {
        let mut expected = Estimate::default();
        let (body, fields) = match bound {
            Bound::Query(query) => {
                let plan = optimize::logical(query.plan, known);
                let body = match point_read(&plan, known)? {
                    Some(read) => {
                        expected = Estimate::leaf(1.0, optimize::POINT_COST);
                        Body::PointRead(read)
                    }
                    None => {
                        let (node, estimate) = optimize::here(plan, known);
                        expected = estimate;
                        Body::Query(node)
                    }
                };
                (body, query.fields)
            }
            Bound::Insert { table, input, returning } => {
                let (input, estimate) = optimize::query(input, known);
                expected = estimate;
                let (returning, fields) = taken_apart(returning);
                (Body::Insert(Insert { table, input, returning }), fields)
            }
            Bound::Update { table, input, assignments, returning } => {
                let (input, estimate) = rows(input, known)?;
                expected = estimate;
                let (returning, fields) = taken_apart(returning);
                let assignments = assignments.into_iter().map(|(position, value)| (position, optimize::folded(value)));
                let assignments = assignments.collect();
                (Body::Update(Update { table, input, assignments, returning }), fields)
            }
            Bound::Delete { table, input, returning } => {
                let (input, estimate) = rows(input, known)?;
                expected = estimate;
                let (returning, fields) = taken_apart(returning);
                (Body::Delete(Delete { table, input, returning }), fields)
            }
            Bound::Explain { statement, shape } => {
                let statement = Box::new(self.clone().statement(*statement, known)?);
                (Body::Explain(Explain { statement, shape }), vec![text_field("QUERY PLAN")])
            }
            Bound::Define(define) => (Body::Define(define), Vec::new()),
            Bound::Utility(utility) => {
                let fields = fields_of(&utility);
                (Body::Utility(utility), fields)
            }
            Bound::CopyQuery(query, options) => {
                let statement = self.clone().statement(Bound::Query(query), known)?;
                let source = CopySource::Query(Box::new(statement));
                (Body::Utility(Utility::Copy(Copy { source, from: false, options })), Vec::new())
            }
        };
        Ok((body, fields, expected))
    }
}

fn rows(input: Logical, known: &dyn Statistics) -> Result<(super::plan::Gather, Estimate)> {
    let input = optimize::logical(input, known);
    optimize::fragment_of_rows(input, known).ok_or_else(|| Error::internal("a change of rows that are not scanned"))
}

fn taken_apart(returning: Option<bind::Returning>) -> (Option<Vec<Expr>>, Vec<Field>) {
    match returning {
        Some(returning) => (Some(returning.expressions), returning.fields),
        None => (None, Vec::new()),
    }
}

fn text_field(name: &str) -> Field {
    Field { name: name.to_owned(), data_type: DataType::of(TypeKind::Text), origin: None }
}

/// SHOW answers with rows.
fn fields_of(utility: &Utility) -> Vec<Field> {
    match utility {
        Utility::Show(Some(name)) => vec![text_field(shown_name(name))],
        Utility::Show(None) => ["name", "setting", "description"].map(text_field).into(),
        _ => Vec::new(),
    }
}

/// The name under which PostgreSQL shows a setting.
fn shown_name(name: &str) -> &str {
    match name {
        "timezone" => "TimeZone",
        "datestyle" => "DateStyle",
        "intervalstyle" => "IntervalStyle",
        name => name,
    }
}

/// The short path of a plan that reads one row by its whole primary key and does nothing else but project.
fn point_read(plan: &Logical, known: &dyn Statistics) -> Result<Option<PointRead>> {
    let mut plan = plan;
    let mut project = None;
    if let Logical::Project { input, expressions } = plan {
        project = Some(expressions.clone());
        plan = input;
    }
    if let Logical::Limit { input, limit: Some(limit), offset: None } = plan
        && (1.0..f64::INFINITY).contains(&optimize::estimate::literal_count(Some(limit)))
    {
        plan = input;
    }
    let Logical::Scan { table, columns, filter, with_key: false } = plan else { return Ok(None) };
    let access = optimize::access(table, columns, filter.clone(), optimize::Wanted::default(), known);
    let super::plan::Targets::PartitionOf(key) = access.targets else { return Ok(None) };
    if !access.point || !access.filter.is_empty() {
        return Ok(None);
    }
    let whole = project.is_none();
    let expressions = project.unwrap_or_default();
    let (positions, expressions) = if whole {
        (columns.clone(), expressions)
    } else {
        let (positions, _, expressions) = optimize::narrowed(columns, Vec::new(), expressions);
        (positions, expressions)
    };
    let mut stored = Vec::with_capacity(positions.len());
    for &position in &positions {
        let Some(column) = table.columns.get(position) else { return Ok(None) };
        stored.push((column.data_type, column.missing_value()?));
    }
    let in_order = expressions.len() == positions.len()
        && expressions
            .iter()
            .enumerate()
            .all(|(place, expr)| matches!(expr, Expr::Column { position, .. } if *position == place));
    let project = (!whole && !in_order).then_some(expressions);
    let types = match &project {
        Some(expressions) => expressions.iter().map(data_type).collect(),
        None => stored.iter().map(|(data_type, _)| *data_type).collect(),
    };
    Ok(Some(PointRead { table: table.clone(), key, positions, stored, project, types }))
}
