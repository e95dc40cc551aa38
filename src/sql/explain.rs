//! EXPLAIN: plans as text, in the shape of PostgreSQL's.
//!
//! What stands below a `Gather` runs in fragments on the cores that hold the rows; the gather says on which.

mod describe;

use super::{
    expr::{Aggregate, Expr},
    plan::{
        AggregateMode, Body, Bound, Gather, Generator, JoinKind, Node, PointRead, Scan, SortKey, Statement, Targets,
    },
};
use crate::{base::ids::IndexId, catalog::Table};
use describe::{aggregate_text, expression, list};

/// The plan of a statement, a line each.
pub fn text(statement: &Statement) -> Vec<String> {
    let mut printer = Printer { lines: Vec::new() };
    printer.body(&statement.body);
    for (number, subplan) in statement.subplans.iter().enumerate() {
        printer.lines.push(format!("SubPlan {} ({:?})", number + 1, subplan.kind));
        printer.node(&subplan.plan, 1);
    }
    printer.lines
}

/// A physical plan alone, for tests.
pub fn node_text(node: &Node) -> Vec<String> {
    let mut printer = Printer { lines: Vec::new() };
    printer.node(node, 0);
    printer.lines
}

struct Printer {
    lines: Vec<String>,
}

impl Printer {
    fn body(&mut self, body: &Body) {
        match body {
            Body::Query(node) => {
                self.node(node, 0);
            }
            Body::PointRead(read) => self.point_read(read),
            Body::Insert(insert) => {
                self.head(0, format!("Insert on {}", insert.table.name));
                self.node(&insert.input, 1);
            }
            Body::Update(update) => {
                self.head(0, format!("Update on {}", update.table.name));
                let names = column_names(&update.table);
                for (position, value) in &update.assignments {
                    let column = update.table.columns.get(*position).map_or("?", |column| &column.name);
                    self.detail(0, "Set", format!("{column} = {}", expression(value, &names)));
                }
                self.gather(&update.input, 1);
            }
            Body::Delete(delete) => {
                self.head(0, format!("Delete on {}", delete.table.name));
                self.gather(&delete.input, 1);
            }
            Body::Explain(explain) => self.body(&explain.statement.body),
            Body::Define(_) | Body::Utility(_) => self.head(0, "Utility Statement".to_owned()),
        }
    }

    fn head(&mut self, depth: usize, text: String) {
        let line = if depth == 0 { text } else { format!("{}->  {text}", " ".repeat(depth * 6 - 4)) };
        self.lines.push(line);
    }

    fn detail(&mut self, depth: usize, label: &str, text: String) {
        let indent = if depth == 0 { 2 } else { depth * 6 + 2 };
        self.lines.push(format!("{}{label}: {text}", " ".repeat(indent)));
    }

    fn point_read(&mut self, read: &PointRead) {
        let key = read.table.primary_key.as_ref().map_or("key", |key| &key.name);
        self.head(0, format!("Point Read using {key} on {}", read.table.name));
        let columns = read.table.key_positions().filter_map(|position| read.table.columns.get(position));
        let values =
            columns.zip(&read.key).map(|(column, value)| format!("({} = {})", column.name, expression(value, &[])));
        self.detail(0, "Key", values.collect::<Vec<_>>().join(" AND "));
    }

    fn gather(&mut self, gather: &Gather, depth: usize) -> Vec<String> {
        let kind = if gather.merge.is_some() { "Gather Merge" } else { "Gather" };
        let targets = match &gather.targets {
            Targets::All => "all shards".to_owned(),
            Targets::PartitionOf(key) => format!("shard of key ({})", list(key, &[])),
        };
        self.head(depth, format!("{kind} from {targets}"));
        let merge_at = self.lines.len();
        let names = self.node(&gather.input, depth + 1);
        if let Some(keys) = &gather.merge {
            let indent = if depth == 0 { 2 } else { depth * 6 + 2 };
            self.lines.insert(merge_at, format!("{}Merge Key: {}", " ".repeat(indent), sort_keys(keys, &names)));
        }
        names
    }

    /// Prints a node; gives the names of its output columns.
    fn node(&mut self, node: &Node, depth: usize) -> Vec<String> {
        match node {
            Node::Scan(scan) => self.scan(scan, depth),
            Node::Gather(gather) => self.gather(gather, depth),
            Node::Values { rows, types } => self.values(rows, types.len(), depth),
            Node::Virtual { relation, columns, .. } => {
                self.head(depth, format!("Virtual Scan on {relation}"));
                columns.iter().map(|column| format!("column{}", column + 1)).collect()
            }
            Node::Generate { generator, .. } => self.generate(generator, depth),
            Node::Filter { input, predicate } => {
                self.head(depth, "Filter".to_owned());
                self.unary(input, depth, |names| vec![("Filter", expression(predicate, names))])
            }
            Node::Project { input, expressions } => {
                self.head(depth, "Project".to_owned());
                let below = self.unary(input, depth, |names| vec![("Output", list(expressions, names))]);
                expressions.iter().map(|expr| expression(expr, &below)).collect()
            }
            Node::Aggregate { input, mode, groups, aggregates } => {
                self.aggregate(input, *mode, groups, aggregates, depth)
            }
            Node::Sort { input, keys } => {
                self.head(depth, "Sort".to_owned());
                self.unary(input, depth, |names| vec![("Sort Key", sort_keys(keys, names))])
            }
            Node::TopN { input, keys, limit } => {
                self.head(depth, format!("Top-N Sort (rows={})", expression(limit, &[])));
                self.unary(input, depth, |names| vec![("Sort Key", sort_keys(keys, names))])
            }
            Node::Limit { input, limit, offset } => {
                let shown = |label: &str, count: &Option<Expr>| {
                    count.as_ref().map(|count| format!("{label}={}", expression(count, &[])))
                };
                let counts: Vec<String> =
                    [shown("rows", limit), shown("offset", offset)].into_iter().flatten().collect();
                self.head(depth, format!("Limit ({})", counts.join(" ")));
                self.node(input, depth + 1)
            }
            Node::Distinct { input } => {
                self.head(depth, "Distinct".to_owned());
                self.node(input, depth + 1)
            }
            Node::HashJoin { left, right, kind, keys, residual } => {
                self.head(depth, format!("Hash {}", join_name(*kind)));
                self.hash_join(left, right, *kind, keys, residual.as_ref(), depth)
            }
            Node::LoopJoin { left, right, kind, condition } => {
                self.head(depth, format!("Nested Loop {}", join_name(*kind)).replace(" Join", ""));
                let at = self.lines.len();
                let names = self.sides(left, right, *kind, depth);
                if let Some(condition) = condition {
                    self.insert_detail(at, depth, "Join Filter", expression(condition, &names));
                }
                names
            }
            Node::Append { inputs } => {
                self.head(depth, "Append".to_owned());
                let names: Vec<Vec<String>> = inputs.iter().map(|input| self.node(input, depth + 1)).collect();
                names.into_iter().next().unwrap_or_default()
            }
        }
    }

    fn generate(&mut self, generator: &Generator, depth: usize) -> Vec<String> {
        let (name, text) = match generator {
            Generator::Series { start, stop, step } => {
                ("generate_series", list(&[start.clone(), stop.clone(), step.clone()], &[]))
            }
            Generator::Unnest(array) => ("unnest", expression(array, &[])),
        };
        self.head(depth, format!("Function Scan on {name}({text})"));
        vec![name.to_owned()]
    }

    fn aggregate(
        &mut self,
        input: &Node,
        mode: AggregateMode,
        groups: &[Expr],
        aggregates: &[Aggregate],
        depth: usize,
    ) -> Vec<String> {
        let method = if groups.is_empty() { "Aggregate" } else { "HashAggregate" };
        let stage = match mode {
            AggregateMode::Single => "",
            AggregateMode::Partial => "Partial ",
            AggregateMode::Final => "Finalize ",
        };
        self.head(depth, format!("{stage}{method}"));
        let below = self.unary(input, depth, |names| {
            let calls = shown_calls(aggregates, mode, groups.len(), names);
            let both = [("Group Key", list(groups, names)), ("Aggregates", calls.join(", "))];
            both.into_iter().filter(|(_, text)| !text.is_empty()).collect()
        });
        let count = groups.len();
        let groups = groups.iter().map(|group| expression(group, &below));
        groups.chain(shown_calls(aggregates, mode, count, &below)).collect()
    }

    /// Prints the input, and details about it above it.
    fn unary(
        &mut self,
        input: &Node,
        depth: usize,
        details: impl Fn(&[String]) -> Vec<(&'static str, String)>,
    ) -> Vec<String> {
        let at = self.lines.len();
        let names = self.node(input, depth + 1);
        for (place, (label, text)) in details(&names).into_iter().enumerate() {
            self.insert_detail(at + place, depth, label, text);
        }
        names
    }

    fn insert_detail(&mut self, at: usize, depth: usize, label: &str, text: String) {
        let indent = if depth == 0 { 2 } else { depth * 6 + 2 };
        self.lines.insert(at, format!("{}{label}: {text}", " ".repeat(indent)));
    }

    fn sides(&mut self, left: &Node, right: &Node, kind: JoinKind, depth: usize) -> Vec<String> {
        let mut names = self.node(left, depth + 1);
        let right = self.node(right, depth + 1);
        if !matches!(kind, JoinKind::Semi | JoinKind::Anti) {
            names.extend(right);
        }
        names
    }

    fn hash_join(
        &mut self,
        left: &Node,
        right: &Node,
        kind: JoinKind,
        keys: &[(Expr, Expr)],
        residual: Option<&Expr>,
        depth: usize,
    ) -> Vec<String> {
        let at = self.lines.len();
        let left_names = self.node(left, depth + 1);
        let right_names = self.node(right, depth + 1);
        let conditions = keys
            .iter()
            .map(|(left, right)| format!("({} = {})", expression(left, &left_names), expression(right, &right_names)));
        let condition = conditions.collect::<Vec<_>>().join(" AND ");
        let mut names = left_names;
        let all: Vec<String> = names.iter().cloned().chain(right_names.iter().cloned()).collect();
        if !matches!(kind, JoinKind::Semi | JoinKind::Anti) {
            names.extend(right_names);
        }
        self.insert_detail(at, depth, "Hash Cond", condition);
        if let Some(residual) = residual {
            self.insert_detail(at + 1, depth, "Join Filter", expression(residual, &all));
        }
        names
    }

    fn values(&mut self, rows: &[Vec<Expr>], width: usize, depth: usize) -> Vec<String> {
        if width == 0 {
            self.head(depth, "Result".to_owned());
        } else {
            self.head(depth, format!("Values Scan (rows={})", rows.len()));
        }
        if let [row] = rows
            && width > 0
        {
            self.detail(depth, "Output", list(row, &[]));
        }
        (0..width).map(|column| format!("column{}", column + 1)).collect()
    }

    fn scan(&mut self, scan: &Scan, depth: usize) -> Vec<String> {
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
        match index.filter(|_| !scan.bounds.is_empty()) {
            Some(index) => {
                self.head(depth, format!("Index Scan using {index} on {}", table.name));
                let bounds = scan.bounds.iter().zip(&key_names).map(|(bound, name)| bound_text(bound, name));
                self.detail(depth, "Index Cond", bounds.collect::<Vec<_>>().join(" AND "));
            }
            None => self.head(depth, format!("Seq Scan on {}", table.name)),
        }
        let mut names: Vec<String> = scan.columns.iter().map(|&position| column_name(table, position)).collect();
        if let Some(filter) = &scan.filter {
            self.detail(depth, "Filter", expression(filter, &names));
        }
        if scan.with_key {
            names.push("(key)".to_owned());
        }
        names
    }
}

/// Aggregate calls; final ones are called as the partial ones whose states they take.
fn shown_calls(aggregates: &[Aggregate], mode: AggregateMode, groups: usize, names: &[String]) -> Vec<String> {
    match mode {
        AggregateMode::Final => names.iter().skip(groups).take(aggregates.len()).cloned().collect(),
        AggregateMode::Single | AggregateMode::Partial => {
            aggregates.iter().map(|call| aggregate_text(call, names)).collect()
        }
    }
}

fn column_name(table: &Table, position: usize) -> String {
    table.columns.get(position).map_or_else(|| "?".to_owned(), |column| super::names::quote(&column.name))
}

fn column_names(table: &Table) -> Vec<String> {
    table.live_columns().map(|(_, column)| super::names::quote(&column.name)).collect()
}

fn bound_text(bound: &Bound, name: &str) -> String {
    match bound {
        Bound::Equal(value) => format!("({name} = {})", expression(value, &[])),
        Bound::In(values) if values.len() == 1 && values[0].data_type().array => {
            format!("({name} = ANY ({}))", expression(&values[0], &[]))
        }
        Bound::In(values) if values.len() > 16 => format!("({name} IN ({} values))", values.len()),
        Bound::In(values) => format!("({name} IN ({}))", list(values, &[])),
        Bound::Range { low, high } => {
            let low = low.as_ref().map(|(value, included)| {
                format!("({name} {} {})", if *included { ">=" } else { ">" }, expression(value, &[]))
            });
            let high = high.as_ref().map(|(value, included)| {
                format!("({name} {} {})", if *included { "<=" } else { "<" }, expression(value, &[]))
            });
            low.into_iter().chain(high).collect::<Vec<_>>().join(" AND ")
        }
    }
}

fn sort_keys(keys: &[SortKey], names: &[String]) -> String {
    let shown = keys.iter().map(|key| {
        let order = match (key.descending, key.nulls_first) {
            (false, false) => "",
            (false, true) => " NULLS FIRST",
            (true, true) => " DESC",
            (true, false) => " DESC NULLS LAST",
        };
        format!("{}{order}", expression(&key.expression, names))
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn join_name(kind: JoinKind) -> &'static str {
    match kind {
        JoinKind::Inner => "Join",
        JoinKind::Left => "Left Join",
        JoinKind::Right => "Right Join",
        JoinKind::Full => "Full Join",
        JoinKind::Semi => "Semi Join",
        JoinKind::Anti => "Anti Join",
    }
}
