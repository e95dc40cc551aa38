//! Row 7: the configuration of a node, from flags, environment, file and defaults.
//!
//! This is the only place that reads any of them. Each setting is text with an origin until [`resolve`] turns all of them
//! into a [`NodeConfig`], so that every value is checked once and every complaint says where the value came from and what
//! to write instead. Later wins: default, file, `DISTDB_*`, flag. Folders further down never see this type: `node` hands
//! each its own `Options`.
//!
//! Invariant: a [`NodeConfig`] made by [`load`] is valid, with one exception left to the node: whether the folders can be
//! used is known only when they are opened.
//!
//! Start at [`SETTINGS`], the list of all there is, then [`load`].

#![cfg_attr(not(test), expect(clippy::disallowed_methods, reason = "reads files, the environment and the machine"))]

mod machine;
mod parse;
#[cfg(test)]
mod tests;

use crate::{Error, Result, base::sqlstate::SqlState};
use std::{collections::BTreeMap, net::IpAddr, path::PathBuf};

pub use machine::Machine;

/// One setting and its three names; the variable is the key in capitals (`DISTDB_PG_PORT`).
pub struct Setting {
    /// Its TOML key, `pg_port`.
    pub key: &'static str,
    /// Its flag without the dashes in front, `pg-port`.
    pub flag: &'static str,
    /// What stands for its value in `--help`.
    pub value: &'static str,
    /// What it means, for `--help`.
    pub help: &'static str,
    /// What it is when nobody says, in words.
    pub default: &'static str,
}

/// Every setting of a node.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "node_id",
        flag: "node-id",
        value: "NAME",
        help: "Name of this node, unique in its cluster; kept in the data folder",
        default: "node1",
    },
    Setting { key: "host", flag: "host", value: "ADDRESS", help: "Address to listen on", default: "127.0.0.1" },
    Setting {
        key: "port",
        flag: "port",
        value: "PORT",
        help: "First UDP port for peers and drivers; each core takes the next",
        default: "5000",
    },
    Setting {
        key: "pg_port",
        flag: "pg-port",
        value: "PORT",
        help: "TCP port for PostgreSQL clients",
        default: "5433",
    },
    Setting {
        key: "http_port",
        flag: "http-port",
        value: "PORT",
        help: "TCP port for HTTP: /health, /ready, /metrics",
        default: "8000",
    },
    Setting {
        key: "data_dir",
        flag: "data-dir",
        value: "FOLDER",
        help: "Folder that holds everything the node stores",
        default: "./data",
    },
    Setting {
        key: "wal_dir",
        flag: "wal-dir",
        value: "FOLDER",
        help: "Folder for the logs, if they shall lie on another device",
        default: "DATA_DIR/wal",
    },
    Setting {
        key: "cores",
        flag: "cores",
        value: "NUMBER",
        help: "Cores to use, one shard on each",
        default: "all this process may run on",
    },
    Setting {
        key: "memory",
        flag: "memory",
        value: "SIZE",
        help: "Memory for the whole node, as 512MiB or 4GiB",
        default: "half of the machine's",
    },
    Setting {
        key: "replication_factor",
        flag: "replication-factor",
        value: "NUMBER",
        help: "Copies of each partition, as far as there are nodes",
        default: "3",
    },
    Setting {
        key: "cluster_nodes",
        flag: "cluster-nodes",
        value: "NODES",
        help: "The nodes of the cluster: node_id@host:port, with commas",
        default: "this node",
    },
    Setting {
        key: "log",
        flag: "log",
        value: "FILTER",
        help: "What to log: error, warn, info, debug, trace, or a filter",
        default: "info",
    },
];

/// Everything a node must be told. Built by [`load`], or by an embedding program field by field from the default.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeConfig {
    /// Name of this node: 1 to 63 letters, digits, `-`, `_` or `.`.
    pub node_id: String,
    /// Address of all listeners.
    pub host: IpAddr,
    /// First UDP port of peers and drivers; core n listens on `port + n`.
    pub port: u16,
    /// TCP port of the PostgreSQL protocol. In a program that embeds a node, 0 leaves this door shut.
    pub pg_port: u16,
    /// TCP port of HTTP; 0 as above.
    pub http_port: u16,
    /// Where everything is stored.
    pub data_dir: PathBuf,
    /// Where the logs lie.
    pub wal_dir: PathBuf,
    /// Number of shards, each pinned on its own core.
    pub cores: usize,
    /// Budget of the whole node.
    pub memory_bytes: u64,
    /// Copies of each partition that are wanted; a node alone keeps one.
    pub replication_factor: u16,
    /// The nodes of the cluster, this one included; empty: this one alone.
    pub cluster_nodes: Vec<ClusterNode>,
    /// Filter for the log, as `tracing_subscriber::EnvFilter` reads it.
    pub log: String,
}

/// A node of the cluster as `DISTDB_CLUSTER_NODES` names it: `node_id@host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterNode {
    /// Its name.
    pub node_id: String,
    /// Its host, a name or an address.
    pub host: String,
    /// Its first UDP port.
    pub port: u16,
}

/// Where a value was found, as an error names it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Origin {
    Flag,
    Variable,
    File(String),
}

/// A setting as text.
#[derive(Clone, Debug)]
struct Value {
    key: &'static str,
    text: String,
    origin: Origin,
}

impl Value {
    /// How the user wrote it: `--pg-port`, `DISTDB_PG_PORT` or ``pg_port in distdb.toml``.
    fn written(&self) -> String {
        match &self.origin {
            Origin::Flag => format!("--{}", self.key.replace('_', "-")),
            Origin::Variable => variable(self.key),
            Origin::File(file) => format!("{} in {file}", self.key),
        }
    }

    fn refuse(&self, why: impl std::fmt::Display, hint: impl Into<String>) -> Error {
        invalid(format!("{}: {why}", self.written())).with_hint(hint)
    }
}

impl NodeConfig {
    /// A node inside another program: everything in one folder, no ports, the rest as by default.
    pub fn embedded(folder: impl Into<PathBuf>) -> NodeConfig {
        let data_dir = folder.into();
        NodeConfig { wal_dir: data_dir.join("wal"), data_dir, pg_port: 0, http_port: 0, ..NodeConfig::default() }
    }
}

impl Default for NodeConfig {
    /// What a node is when nobody says anything, on a machine of this size.
    fn default() -> NodeConfig {
        let machine = Machine::read();
        NodeConfig {
            node_id: "node1".into(),
            host: IpAddr::from([127, 0, 0, 1]),
            port: 5000,
            pg_port: 5433,
            http_port: 8000,
            data_dir: "./data".into(),
            wal_dir: "./data/wal".into(),
            cores: machine.cores,
            memory_bytes: (machine.memory_bytes / 2).max(machine.cores as u64 * parse::MEMORY_PER_CORE_BYTES_MIN),
            replication_factor: 3,
            cluster_nodes: Vec::new(),
            log: "info".into(),
        }
    }
}

/// Reads the file named by `--config` or `DISTDB_CONFIG`, the environment and the machine, and validates it all.
///
/// `flags` holds what the command line gave, by key. Also returns notes: things that look like mistakes but are none for
/// certain, as a `DISTDB_*` variable that means nothing.
pub fn load(flags: BTreeMap<&'static str, String>, file: Option<PathBuf>) -> Result<(NodeConfig, Vec<String>)> {
    let variables: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with("DISTDB_"))
        .collect();
    let named = variables.iter().find(|(name, _)| name == "DISTDB_CONFIG").map(|(_, file)| PathBuf::from(file));
    let file = match file.or(named) {
        Some(path) => Some((path.display().to_string(), read(&path)?)),
        None => None,
    };
    resolve(flags, &variables, file, Machine::read())
}

fn read(path: &std::path::Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|cause| {
        invalid(format!("cannot read the configuration file {}: {cause}", path.display()))
            .with_hint(
                "Give an existing file to --config (or DISTDB_CONFIG), or leave it out: every setting has a default.",
            )
            .with_cause(cause)
    })
}

/// The layers on top of each other, then each value checked once.
fn resolve(
    flags: BTreeMap<&'static str, String>,
    variables: &[(String, String)],
    file: Option<(String, String)>,
    machine: Machine,
) -> Result<(NodeConfig, Vec<String>)> {
    let mut values = BTreeMap::new();
    if let Some((name, text)) = file {
        parse::file(&name, &text, &mut values)?;
    }
    let mut notes = Vec::new();
    for (name, text) in variables.iter().filter(|(name, _)| name != "DISTDB_CONFIG") {
        match SETTINGS.iter().find(|setting| variable(setting.key) == *name) {
            Some(Setting { key, .. }) => {
                values.insert(*key, Value { key, text: text.clone(), origin: Origin::Variable });
            }
            None => notes.push(format!(
                "{name} is set and means nothing to distdb{}",
                parse::nearest(name, variable).map_or(String::new(), |near| format!("; did you mean {near}?"))
            )),
        }
    }
    for (key, text) in flags {
        values.insert(key, Value { key, text, origin: Origin::Flag });
    }
    let config = parse::validate(&values, &machine)?;
    if config.cores > machine.cores {
        notes.push(format!("{} shards share {} processors: expect less speed", config.cores, machine.cores));
    }
    Ok((config, notes))
}

fn variable(key: &str) -> String {
    format!("DISTDB_{}", key.to_uppercase())
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(SqlState::CONFIG_FILE_ERROR, message)
}
