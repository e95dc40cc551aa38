//! `distdb status`: what a running node says about itself over HTTP, as aligned text.

use super::{http, show, start::Settings, table};
use crate::{Error, Result, base::sqlstate::SqlState, config};
use clap::Args;
use serde_json::Value;
use std::{collections::BTreeMap, net::SocketAddr};

const EXAMPLES: &str = "\
Examples:
  distdb status
  distdb status --http-port 18000
  distdb status --json
  distdb status --metrics                    every figure, as Prometheus reads it

Ends with 0 when the node serves statements, 1 when it is there and does not (yet), 69 when nobody answers.";

/// The arguments of `status`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Status {
    /// Where the node listens [default: 127.0.0.1] [env: DISTDB_HOST]
    #[arg(long, value_name = "ADDRESS")]
    host: Option<String>,
    /// Its HTTP port [default: 8000] [env: DISTDB_HTTP_PORT]
    #[arg(long, value_name = "PORT")]
    http_port: Option<String>,
    /// Print the answer as JSON
    #[arg(long, conflicts_with = "metrics")]
    json: bool,
    /// Print the metrics instead
    #[arg(long)]
    metrics: bool,
}

impl Status {
    /// Asks and prints.
    pub fn run(self) -> Result<()> {
        let flags = [("host", self.host), ("http_port", self.http_port)];
        let flags: BTreeMap<_, _> = flags.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        let (config, _) = config::load(Settings(flags).0, None)?;
        let address = SocketAddr::new(config.host, config.http_port);
        if self.metrics {
            show(&http::get(address, "/metrics")?.body);
            return Ok(());
        }
        let ready = http::get(address, "/ready")?;
        let health = http::get(address, "/health")?;
        match serde_json::from_str::<Value>(&health.body) {
            Ok(value) if self.json => show(&format!("{value}\n")),
            Ok(value) => show(&render(&value, ready.status == 200)),
            Err(_) => show(&format!("{}\n", health.body.trim_end())),
        }
        if ready.status != 200 {
            let message = format!("the node at {address} does not serve statements: {}", ready.body.trim());
            return Err(Error::new(SqlState::CANNOT_CONNECT_NOW, message)
                .with_hint("It may still be recovering; its log says what it is doing."));
        }
        Ok(())
    }
}

/// The plain members of an object as `name  value`, then each list of objects as a table of its own.
fn render(value: &Value, ready: bool) -> String {
    let Value::Object(members) = value else { return format!("{}\n", plain(value)) };
    let title = |key: &str| key.replace('_', " ");
    let mut rows = vec![vec!["serves statements".to_string(), if ready { "yes" } else { "no" }.to_string()]];
    let mut tables = String::new();
    for (key, value) in members {
        match value {
            Value::Array(items) if items.first().is_some_and(Value::is_object) => {
                tables.push_str(&format!("\n{}\n{}", title(key), table::render(&objects(items), true)));
            }
            Value::Object(inner) => {
                rows.extend(
                    inner.iter().map(|(name, value)| vec![format!("{} {}", title(key), title(name)), plain(value)]),
                );
            }
            value => rows.push(vec![title(key), plain(value)]),
        }
    }
    table::render(&rows, false) + &tables
}

/// A line of names, then the values of each object.
fn objects(items: &[Value]) -> Vec<Vec<String>> {
    let names: Vec<&String> =
        items.first().and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name).collect();
    let mut rows = vec![names.iter().map(|name| name.replace('_', " ")).collect()];
    rows.extend(items.iter().map(|item| names.iter().map(|name| plain(&item[name.as_str()])).collect()));
    rows
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".into(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_becomes_text() {
        let health = r#"{"node_id": "node1", "memory": {"used_bytes": 5}, "shards": [{"core": 0, "state": "up"}, {"core": 1, "state": "up"}]}"#;
        let text = render(&serde_json::from_str(health).expect("JSON"), true);
        let expected = "serves statements  yes\nmemory used bytes  5\nnode id            node1\n\nshards\ncore  state\n   0  up\n   1  up\n";
        assert_eq!(text, expected);
        assert_eq!(render(&Value::from("fine"), true), "fine\n");
    }
}
