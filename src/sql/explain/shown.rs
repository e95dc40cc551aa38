//! Operators with all that is to be shown of them.

use super::{
    Options,
    describe::{expression, list},
    words::{bound_text, column_name, column_names, join_name, shown_calls, sort_keys},
};
use crate::{
    base::{ids::IndexId, types::DataType},
    sql::{
        execute::{Measured, Measurements, output_types},
        expr::{Aggregate, Expr},
        plan::{
            AggregateMode, Body, Gather, Generator, JoinKind, Node, PointRead, Scan, Statement, Targets,
            estimate::Estimate,
        },
    },
};

/// Length of a value of unknown length.
const WIDTH_GUESS: usize = 32;

/// An operator to be shown.
#[derive(Debug, Default)]
pub struct Shown {
    pub title: String,
    pub details: Vec<(&'static str, String)>,
    /// Work, rows, and bytes of a row.
    pub expected: Option<(f64, f64, usize)>,
    pub actual: Option<Measured>,
    pub inputs: Vec<Shown>,
    /// Names of the columns that come out.
    names: Vec<String>,
}

/// What was measured of the operators of one executor, taken in preorder.
#[derive(Default)]
pub struct Cursor<'m> {
    measured: Option<&'m Measurements>,
    operator: usize,
    source: usize,
}

impl<'m> Cursor<'m> {
    pub fn new(measured: Option<&'m Measurements>) -> Cursor<'m> {
        Cursor { measured, operator: 0, source: 0 }
    }

    fn next_operator(&mut self) -> Option<Measured> {
        let measured = self.measured?.operators.get(self.operator).copied();
        self.operator += 1;
        measured
    }

    /// What was measured below the next source.
    fn next_source(&mut self) -> Cursor<'m> {
        let below = self.measured.and_then(|measured| measured.sources.get(self.source));
        self.source += 1;
        Cursor::new(below)
    }
}

/// A statement's plan.
pub fn statement(statement: &Statement, options: &Options<'_>) -> Shown {
    let estimate = options.costs.then_some(&statement.estimate);
    let mut cursor = Cursor::new(options.measured);
    let over = |title: String, details, input: Shown| {
        let expected = input.expected;
        Shown { title, details, expected, inputs: vec![input], ..Shown::default() }
    };
    match &statement.body {
        Body::Query(node) => self::node(node, estimate, &mut cursor),
        Body::PointRead(read) => {
            let expected = estimate.map(|estimate| (estimate.cost, estimate.rows, width(&read.types)));
            Shown { expected, actual: cursor.next_operator(), ..point_read(read) }
        }
        Body::Insert(insert) => {
            let input = self::node(&insert.input, estimate, &mut cursor);
            over(format!("Insert on {}", insert.table.name), Vec::new(), input)
        }
        Body::Update(update) => {
            let names = column_names(&update.table);
            let set = |(position, value): &(usize, Expr)| {
                let column = update.table.columns.get(*position).map_or("?", |column| &column.name);
                ("Set", format!("{column} = {}", expression(value, &names)))
            };
            let details = update.assignments.iter().map(set).collect();
            over(format!("Update on {}", update.table.name), details, gather(&update.input, estimate, &mut cursor))
        }
        Body::Delete(delete) => {
            let input = gather(&delete.input, estimate, &mut cursor);
            over(format!("Delete on {}", delete.table.name), Vec::new(), input)
        }
        Body::Explain(explain) => self::statement(&explain.statement, options),
        Body::Define(_) | Body::Utility(_) => Shown { title: "Utility Statement".to_owned(), ..Shown::default() },
    }
}

fn point_read(read: &PointRead) -> Shown {
    let key = read.table.primary_key.as_ref().map_or("key", |key| &key.name);
    let columns = read.table.key_positions().filter_map(|position| read.table.columns.get(position));
    let values =
        columns.zip(&read.key).map(|(column, value)| format!("({} = {})", column.name, expression(value, &[])));
    let details = vec![("Key", values.collect::<Vec<_>>().join(" AND "))];
    Shown { title: format!("Point Read using {key} on {}", read.table.name), details, ..Shown::default() }
}

fn width(types: &[DataType]) -> usize {
    let each = types.iter().map(|data_type| usize::try_from(data_type.length_bytes()).ok().filter(|&bytes| bytes > 0));
    each.map(|bytes| bytes.unwrap_or(WIDTH_GUESS)).sum()
}

/// A plan's operators; the cursor stands before the first of them.
pub fn node(node: &Node, estimate: Option<&Estimate>, cursor: &mut Cursor<'_>) -> Shown {
    if let Node::Gather(gather) = node {
        return self::gather(gather, estimate, cursor);
    }
    let actual = cursor.next_operator();
    if matches!(node, Node::Scan(_) | Node::Virtual { .. }) {
        cursor.source += 1;
    }
    let expected = estimate.map(|estimate| (estimate.cost, estimate.rows, width(&output_types(node))));
    let mut builder = Builder { estimate, cursor, next: 0 };
    Shown { expected, actual, ..builder.shown(node) }
}

fn gather(gather: &Gather, estimate: Option<&Estimate>, cursor: &mut Cursor<'_>) -> Shown {
    let kind = if gather.merge.is_some() { "Gather Merge" } else { "Gather" };
    let targets = match &gather.targets {
        Targets::All => "all shards".to_owned(),
        Targets::PartitionOf(key) => format!("shard of key ({})", list(key, &[])),
    };
    let actual = cursor.next_operator();
    let input = node(&gather.input, estimate.and_then(|estimate| estimate.inputs.first()), &mut cursor.next_source());
    let names = input.names.clone();
    Shown {
        title: format!("{kind} from {targets}"),
        details: gather.merge.iter().map(|keys| ("Merge Key", sort_keys(keys, &names))).collect(),
        expected: estimate.map(|estimate| (estimate.cost, estimate.rows, width(&gather.types))),
        actual,
        inputs: vec![input],
        names,
    }
}

/// Builds what is shown of one operator, with its inputs.
struct Builder<'b, 'm> {
    estimate: Option<&'b Estimate>,
    cursor: &'b mut Cursor<'m>,
    /// Which input comes next.
    next: usize,
}

impl Builder<'_, '_> {
    fn input(&mut self, input: &Node) -> Shown {
        let estimate = self.estimate.and_then(|estimate| estimate.inputs.get(self.next));
        self.next += 1;
        node(input, estimate, self.cursor)
    }

    /// An operator that puts out what its input does.
    fn over(
        &mut self,
        title: String,
        input: &Node,
        details: impl Fn(&[String]) -> Vec<(&'static str, String)>,
    ) -> Shown {
        let input = self.input(input);
        let names = input.names.clone();
        Shown { title, details: details(&names), inputs: vec![input], names, ..Shown::default() }
    }

    fn shown(&mut self, node: &Node) -> Shown {
        match node {
            Node::Scan(scan) => self::scan(scan),
            Node::Gather(_) => Shown::default(),
            Node::Values { rows, types } => values(rows, types.len()),
            Node::Virtual { relation, columns, .. } => {
                let names = columns.iter().map(|column| format!("column{}", column + 1)).collect();
                Shown { title: format!("Virtual Scan on {relation}"), names, ..Shown::default() }
            }
            Node::Generate { generator, .. } => generate(generator),
            Node::Filter { input, predicate } => {
                self.over("Filter".to_owned(), input, |names| vec![("Filter", expression(predicate, names))])
            }
            Node::Project { input, expressions } => {
                let mut shown =
                    self.over("Project".to_owned(), input, |names| vec![("Output", list(expressions, names))]);
                shown.names = expressions.iter().map(|expr| expression(expr, &shown.names)).collect();
                shown
            }
            Node::Aggregate { input, mode, groups, aggregates } => self.aggregate(input, *mode, groups, aggregates),
            Node::Sort { input, keys } => {
                self.over("Sort".to_owned(), input, |names| vec![("Sort Key", sort_keys(keys, names))])
            }
            Node::TopN { input, keys, limit } => {
                let title = format!("Top-N Sort (rows={})", expression(limit, &[]));
                self.over(title, input, |names| vec![("Sort Key", sort_keys(keys, names))])
            }
            Node::Limit { input, limit, offset } => {
                let shown = |label: &str, count: &Option<Expr>| {
                    count.as_ref().map(|count| format!("{label}={}", expression(count, &[])))
                };
                let counts: Vec<String> =
                    [shown("rows", limit), shown("offset", offset)].into_iter().flatten().collect();
                self.over(format!("Limit ({})", counts.join(" ")), input, |_| Vec::new())
            }
            Node::Distinct { input } => self.over("Distinct".to_owned(), input, |_| Vec::new()),
            Node::Sample { input, .. } => self.over("Sample".to_owned(), input, |_| Vec::new()),
            Node::HashJoin { left, right, kind, keys, residual } => {
                self.hash_join((left, right), *kind, keys, residual)
            }
            Node::LoopJoin { left, right, kind, condition } => {
                let title = format!("Nested Loop {}", join_name(*kind)).replace(" Join", "");
                let (mut shown, all) = self.sides(title, left, right, *kind);
                shown.details.extend(condition.iter().map(|condition| ("Join Filter", expression(condition, &all))));
                shown
            }
            Node::Append { inputs } => {
                let inputs: Vec<Shown> = inputs.iter().map(|input| self.input(input)).collect();
                let names = inputs.first().map(|input| input.names.clone()).unwrap_or_default();
                Shown { title: "Append".to_owned(), inputs, names, ..Shown::default() }
            }
        }
    }

    fn aggregate(&mut self, input: &Node, mode: AggregateMode, groups: &[Expr], aggregates: &[Aggregate]) -> Shown {
        let method = if groups.is_empty() { "Aggregate" } else { "HashAggregate" };
        let stage = match mode {
            AggregateMode::Single => "",
            AggregateMode::Partial => "Partial ",
            AggregateMode::Final => "Finalize ",
        };
        let mut shown = self.over(format!("{stage}{method}"), input, |names| {
            let calls = shown_calls(aggregates, mode, groups.len(), names);
            let both = [("Group Key", list(groups, names)), ("Aggregates", calls.join(", "))];
            both.into_iter().filter(|(_, text)| !text.is_empty()).collect()
        });
        let calls = shown_calls(aggregates, mode, groups.len(), &shown.names);
        shown.names = groups.iter().map(|group| expression(group, &shown.names)).chain(calls).collect();
        shown
    }

    /// Two sides, and the names of the columns of both.
    fn sides(&mut self, title: String, left: &Node, right: &Node, kind: JoinKind) -> (Shown, Vec<String>) {
        let (left, right) = (self.input(left), self.input(right));
        let all = [&left.names[..], &right.names[..]].concat();
        let names = if matches!(kind, JoinKind::Semi | JoinKind::Anti) { left.names.clone() } else { all.clone() };
        (Shown { title, inputs: vec![left, right], names, ..Shown::default() }, all)
    }

    fn hash_join(
        &mut self,
        (left, right): (&Node, &Node),
        kind: JoinKind,
        keys: &[(Expr, Expr)],
        residual: &Option<Expr>,
    ) -> Shown {
        let (mut shown, all) = self.sides(format!("Hash {}", join_name(kind)), left, right, kind);
        let of_left = shown.inputs.first().map_or(0, |left| left.names.len());
        let (left_names, right_names) = all.split_at(of_left);
        let conditions = keys
            .iter()
            .map(|(left, right)| format!("({} = {})", expression(left, left_names), expression(right, right_names)));
        shown.details.push(("Hash Cond", conditions.collect::<Vec<_>>().join(" AND ")));
        shown.details.extend(residual.iter().map(|residual| ("Join Filter", expression(residual, &all))));
        shown
    }
}

fn generate(generator: &Generator) -> Shown {
    let (name, text) = match generator {
        Generator::Series { start, stop, step } => {
            ("generate_series", list(&[start.clone(), stop.clone(), step.clone()], &[]))
        }
        Generator::Unnest(array) => ("unnest", expression(array, &[])),
    };
    Shown { title: format!("Function Scan on {name}({text})"), names: vec![name.to_owned()], ..Shown::default() }
}

fn values(rows: &[Vec<Expr>], width: usize) -> Shown {
    let title = if width == 0 { "Result".to_owned() } else { format!("Values Scan (rows={})", rows.len()) };
    let details = match rows {
        [row] if width > 0 => vec![("Output", list(row, &[]))],
        _ => Vec::new(),
    };
    let names = (0..width).map(|column| format!("column{}", column + 1)).collect();
    Shown { title, details, names, ..Shown::default() }
}

fn scan(scan: &Scan) -> Shown {
    let table = &scan.table;
    let key_names: Vec<String> = match scan.index {
        IndexId::PRIMARY => table.key_positions().map(|position| column_name(table, position)).collect(),
        index => {
            let index = table.index(index);
            let parts = index.iter().flat_map(|index| &index.columns);
            parts.map(|part| column_name(table, usize::from(part.column.0))).collect()
        }
    };
    let index = match scan.index {
        IndexId::PRIMARY => table.primary_key.as_ref().map(|key| key.name.clone()),
        index => table.index(index).map(|index| index.name.clone()),
    };
    let by_index = !scan.bounds.is_empty() || scan.ordered || scan.index != IndexId::PRIMARY;
    let title = match index.filter(|_| by_index) {
        Some(index) => {
            let only = if scan.covered { "Only " } else { "" };
            let backward = if scan.reverse { "Backward " } else { "" };
            format!("Index {only}Scan {backward}using {index} on {}", table.name)
        }
        None => format!("Seq Scan on {}", table.name),
    };
    let mut details = Vec::new();
    if !scan.bounds.is_empty() {
        let bounds = scan.bounds.iter().zip(&key_names).map(|(bound, name)| bound_text(bound, name));
        details.push(("Index Cond", bounds.collect::<Vec<_>>().join(" AND ")));
    }
    let mut names: Vec<String> = scan.columns.iter().map(|&position| column_name(table, position)).collect();
    details.extend(scan.filter.iter().map(|filter| ("Filter", expression(filter, &names))));
    if scan.with_key {
        names.push("(key)".to_owned());
    }
    Shown { title, details, names, ..Shown::default() }
}
