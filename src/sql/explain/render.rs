//! Plans as lines or as JSON.

use super::shown::Shown;
use crate::{base::json::write_string, sql::plan::SubplanKind};

/// An operator and those below it, indented.
pub fn lines(shown: &Shown, depth: usize) -> Vec<String> {
    let mut head = match depth {
        0 => shown.title.clone(),
        depth => format!("{}->  {}", " ".repeat(depth * 6 - 4), shown.title),
    };
    if let Some((cost, rows, width)) = shown.expected {
        head.push_str(&format!("  (cost=0.00..{cost:.2} rows={rows:.0} width={width})"));
    }
    if let Some(actual) = shown.actual {
        let millis = actual.busy_nanos as f64 / 1e6;
        head.push_str(&format!(" (actual time=0.000..{millis:.3} rows={} loops={})", actual.rows, actual.runs));
    }
    let indent = " ".repeat(if depth == 0 { 2 } else { depth * 6 + 2 });
    let details = shown.details.iter().map(|(label, text)| format!("{indent}{label}: {text}"));
    let below = shown.inputs.iter().flat_map(|input| lines(input, depth + 1));
    std::iter::once(head).chain(details).chain(below).collect()
}

/// A document with one object: the plan, and the figures of the run.
pub fn json(shown: &Shown, subplans: Vec<(SubplanKind, Shown)>, summary: &[(&'static str, f64)]) -> String {
    let mut plan = members(shown);
    let below = subplans.into_iter().enumerate().map(|(number, (kind, shown))| {
        let mut members = members(&shown);
        members.insert(0, ("Subplan Name".to_owned(), Item::Text(format!("SubPlan {} ({kind:?})", number + 1))));
        Item::Object(members)
    });
    let below: Vec<Item> = below.collect();
    if !below.is_empty() {
        plan.push(("Subplans".to_owned(), Item::Array(below)));
    }
    let mut document = vec![("Plan".to_owned(), Item::Object(plan))];
    document.extend(summary.iter().map(|(label, value)| ((*label).to_owned(), number(*value, 3))));
    let mut text = String::new();
    Item::Array(vec![Item::Object(document)]).write(0, &mut text);
    text
}

fn members(shown: &Shown) -> Vec<(String, Item)> {
    let mut members = vec![("Node Type".to_owned(), Item::Text(shown.title.clone()))];
    if let Some((cost, rows, width)) = shown.expected {
        members.push(("Startup Cost".to_owned(), number(0.0, 2)));
        members.push(("Total Cost".to_owned(), number(cost, 2)));
        members.push(("Plan Rows".to_owned(), number(rows, 0)));
        members.push(("Plan Width".to_owned(), number(width as f64, 0)));
    }
    if let Some(actual) = shown.actual {
        members.push(("Actual Startup Time".to_owned(), number(0.0, 3)));
        members.push(("Actual Total Time".to_owned(), number(actual.busy_nanos as f64 / 1e6, 3)));
        members.push(("Actual Rows".to_owned(), number(actual.rows as f64, 0)));
        members.push(("Actual Loops".to_owned(), number(f64::from(actual.runs), 0)));
    }
    members.extend(shown.details.iter().map(|(label, text)| ((*label).to_owned(), Item::Text(text.clone()))));
    if !shown.inputs.is_empty() {
        let below = shown.inputs.iter().map(|input| Item::Object(self::members(input)));
        members.push(("Plans".to_owned(), Item::Array(below.collect())));
    }
    members
}

fn number(value: f64, decimals: usize) -> Item {
    Item::Number(format!("{value:.decimals$}"))
}

/// A part of a document.
enum Item {
    Text(String),
    Number(String),
    Array(Vec<Item>),
    Object(Vec<(String, Item)>),
}

impl Item {
    /// Writes it over several lines, as PostgreSQL does.
    fn write(&self, depth: usize, out: &mut String) {
        match self {
            Item::Text(text) => write_string(text, out),
            Item::Number(number) => out.push_str(number),
            Item::Array(items) => {
                write_list('[', ']', items, depth, out, |item, out| item.write(depth + 1, out));
            }
            Item::Object(members) => write_list('{', '}', members, depth, out, |(name, item), out| {
                write_string(name, out);
                out.push_str(": ");
                item.write(depth + 1, out);
            }),
        }
    }
}

fn write_list<T>(open: char, close: char, items: &[T], depth: usize, out: &mut String, one: impl Fn(&T, &mut String)) {
    out.push(open);
    for (place, item) in items.iter().enumerate() {
        out.push_str(if place > 0 { ",\n" } else { "\n" });
        out.push_str(&"  ".repeat(depth + 1));
        one(item, out);
    }
    out.push('\n');
    out.push_str(&"  ".repeat(depth));
    out.push(close);
}
