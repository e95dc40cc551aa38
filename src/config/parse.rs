//! From text to values: the file's keys, then each setting's rules.

use super::{ClusterNode, Machine, NodeConfig, Origin, SETTINGS, Value, invalid};
use crate::{Result, base::limits::SHARDS_MAX};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, ToSocketAddrs},
    path::PathBuf,
};

/// Less than this on a core and memtables, cache and queries cannot all live.
pub const MEMORY_PER_CORE_BYTES_MIN: u64 = 64 << 20;
/// Most copies of a partition.
const REPLICATION_FACTOR_MAX: u16 = 9;
/// Longest name of a node, in bytes.
const NODE_ID_BYTES_MAX: usize = 63;

/// Puts what a TOML file says into `values`; a key that is no setting is an error, with the nearest one as the hint.
pub fn file(name: &str, text: &str, values: &mut BTreeMap<&'static str, Value>) -> Result<()> {
    let table: toml::Table = text.parse().map_err(|cause: toml::de::Error| {
        let message = format!("{name} is not valid TOML: {}", cause.message());
        let line = cause.span().map(|span| text[..span.start.min(text.len())].lines().count().max(1));
        let place = line.map_or(String::new(), |line| format!(" The trouble is at line {line}."));
        invalid(message).with_hint(format!("Write lines like pg_port = 5433 or data_dir = \"/var/lib/distdb\".{place}"))
    })?;
    for (key, value) in table {
        let Some(setting) = SETTINGS.iter().find(|setting| setting.key == key) else {
            let hint = nearest(&key, str::to_string)
                .map_or_else(|| format!("The settings are {}.", all_keys()), |near| format!("Did you mean {near}?"));
            return Err(invalid(format!("{name}: unknown setting \"{key}\"")).with_hint(hint));
        };
        let origin = Origin::File(name.to_string());
        let text = plain(&value).ok_or_else(|| {
            invalid(format!("{key} in {name}: a {} does not belong here", value.type_str()))
                .with_hint(format!("{}. Write text or a number.", setting.help))
        })?;
        values.insert(setting.key, Value { key: setting.key, text, origin });
    }
    Ok(())
}

/// Text, numbers and lists of text as the flags would give them.
fn plain(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Array(items) => {
            let items: Option<Vec<&str>> = items.iter().map(toml::Value::as_str).collect();
            items.map(|items| items.join(","))
        }
        _ => None,
    }
}

/// The setting that was probably meant, as it would be written.
pub fn nearest(name: &str, written: impl Fn(&str) -> String) -> Option<String> {
    let likeness = |key: &str| strsim::jaro_winkler(&name.to_lowercase(), &written(key).to_lowercase());
    let rated = SETTINGS.iter().map(|setting| (likeness(setting.key), setting.key));
    let (score, key) = rated.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (score > 0.85).then(|| written(key))
}

fn all_keys() -> String {
    SETTINGS.iter().map(|setting| setting.key).collect::<Vec<_>>().join(", ")
}

/// Checks each value once and fills in the defaults.
pub fn validate(values: &BTreeMap<&'static str, Value>, machine: &Machine) -> Result<NodeConfig> {
    let defaults = NodeConfig::default();
    let port = |key, default| values.get(key).map_or(Ok(default), port);
    let cores = values.get("cores").map_or(Ok(machine.cores), |value| cores(value, machine))?;
    let data_dir = values.get("data_dir").map_or(Ok(defaults.data_dir), folder)?;
    let config = NodeConfig {
        node_id: values.get("node_id").map_or(Ok(defaults.node_id), |value| node_id(value, &value.text))?,
        host: values.get("host").map_or(Ok(defaults.host), host)?,
        port: port("port", defaults.port)?,
        pg_port: port("pg_port", defaults.pg_port)?,
        http_port: port("http_port", defaults.http_port)?,
        wal_dir: values.get("wal_dir").map_or_else(|| Ok(data_dir.join("wal")), folder)?,
        data_dir,
        cores,
        memory_bytes: memory(values.get("memory"), cores, machine)?,
        replication_factor: values
            .get("replication_factor")
            .map_or(Ok(defaults.replication_factor), replication_factor)?,
        cluster_nodes: values.get("cluster_nodes").map_or(Ok(Vec::new()), cluster_nodes)?,
        log: values.get("log").map_or(Ok(defaults.log), log)?,
    };
    check_together(&config)?;
    Ok(config)
}

/// What no single value can tell.
fn check_together(config: &NodeConfig) -> Result<()> {
    if config.pg_port == config.http_port {
        return Err(invalid(format!("pg_port and http_port are both {}", config.pg_port))
            .with_hint("PostgreSQL clients and HTTP need a port each; change one of them."));
    }
    if usize::from(config.port) + config.cores > usize::from(u16::MAX) + 1 {
        return Err(invalid(format!("port {} leaves no room for {} cores above it", config.port, config.cores))
            .with_hint("Core n listens on port + n; choose a lower port."));
    }
    if !config.host.is_loopback() {
        return Err(invalid(format!(
            "host {} can be reached by others, and there are no credentials yet",
            config.host
        ))
        .with_hint("Listen on 127.0.0.1 or ::1; others may come in through a tunnel (ssh -L 5433:127.0.0.1:5433)."));
    }
    let others = config.cluster_nodes.iter().filter(|node| node.node_id != config.node_id).count();
    if others > 0 {
        return Err(invalid(format!("cluster_nodes names {others} other node(s), and this version runs a single one"))
            .with_hint("Leave cluster_nodes out, or name only this node in it."));
    }
    Ok(())
}

fn port(value: &Value) -> Result<u16> {
    match value.text.trim().parse() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(value.refuse(format!("\"{}\" is not a port", value.text), "Give a number from 1 to 65535.")),
    }
}

/// `localhost` is 127.0.0.1: its other meaning, ::1, is a frequent reason why a client finds nobody.
fn host(value: &Value) -> Result<IpAddr> {
    let text = value.text.trim().trim_start_matches('[').trim_end_matches(']');
    if text.eq_ignore_ascii_case("localhost") {
        return Ok(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let resolved = (text, 0).to_socket_addrs().ok().and_then(|mut found| found.next());
    let hint = "Give an address of this machine, as 127.0.0.1, or localhost.";
    resolved.map(|address| address.ip()).ok_or_else(|| value.refuse(format!("no address found for \"{text}\""), hint))
}

fn folder(value: &Value) -> Result<PathBuf> {
    if value.text.is_empty() {
        return Err(value.refuse("it is empty", "Give the path of a folder; it is created when it does not exist."));
    }
    Ok(PathBuf::from(&value.text))
}

/// More shards than processors are allowed: a data folder keeps its number of shards when it moves to a smaller machine.
fn cores(value: &Value, machine: &Machine) -> Result<usize> {
    let hint = format!("Give a number from 1 to {SHARDS_MAX}, at best {}: the processors there are.", machine.cores);
    match value.text.trim().parse() {
        Ok(cores) if (1..=SHARDS_MAX).contains(&cores) => Ok(cores),
        _ => Err(value.refuse(format!("\"{}\" is not a number of cores", value.text), hint)),
    }
}

fn memory(value: Option<&Value>, cores: usize, machine: &Machine) -> Result<u64> {
    let least = cores as u64 * MEMORY_PER_CORE_BYTES_MIN;
    let Some(value) = value else { return Ok((machine.memory_bytes / 2).max(least)) };
    let hint = "Give a size, as 512MiB, 4GiB or 536870912.";
    let bytes = bytes(&value.text).ok_or_else(|| value.refuse(format!("\"{}\" is not a size", value.text), hint))?;
    if bytes < least {
        let why = format!("{} is too little for {cores} core(s)", value.text);
        let hint = format!("Give at least {}MiB, that is {}MiB a core.", least >> 20, MEMORY_PER_CORE_BYTES_MIN >> 20);
        return Err(value.refuse(why, hint));
    }
    if bytes > machine.memory_bytes {
        let why = format!("{} is more than this machine has ({}MiB)", value.text, machine.memory_bytes >> 20);
        return Err(value.refuse(why, "Leave room for the operating system: at most three quarters of the memory."));
    }
    Ok(bytes)
}

/// Reads `512MiB`, `4 GiB`, `1.5g`, `500MB` (10^6) or plain bytes.
pub fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..end], text[end..].trim());
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return None,
    };
    match number.parse::<u64>() {
        Ok(number) => number.checked_mul(factor),
        Err(_) => {
            let bytes = number.parse::<f64>().ok()? * factor as f64;
            (bytes.is_finite() && bytes < 9e18).then_some(bytes as u64)
        }
    }
}

fn node_id(value: &Value, text: &str) -> Result<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.is_empty() || text.len() > NODE_ID_BYTES_MAX || !text.chars().all(allowed) {
        let hint = format!("Use 1 to {NODE_ID_BYTES_MAX} letters, digits, '-', '_' or '.', as node1.");
        return Err(value.refuse(format!("\"{text}\" is not a name for a node"), hint));
    }
    Ok(text.to_string())
}

fn replication_factor(value: &Value) -> Result<u16> {
    match value.text.trim().parse() {
        Ok(copies) if (1..=REPLICATION_FACTOR_MAX).contains(&copies) => Ok(copies),
        _ => {
            let hint = format!("Give a number from 1 to {REPLICATION_FACTOR_MAX}; 3 survives the loss of one node.");
            Err(value.refuse(format!("\"{}\" is not a number of copies", value.text), hint))
        }
    }
}

fn cluster_nodes(value: &Value) -> Result<Vec<ClusterNode>> {
    let entries = value.text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let mut nodes: Vec<ClusterNode> = Vec::new();
    for entry in entries {
        let parts = entry.split_once('@').and_then(|(id, address)| Some((id, address.rsplit_once(':')?)));
        let parsed = parts.and_then(|(id, (host, port))| Some((id, host, port.parse::<u16>().ok()?)));
        let Some((id, host, port)) = parsed.filter(|(_, host, port)| !host.is_empty() && *port > 0) else {
            let hint = "Write node_id@host:port with commas between, as node1@10.0.0.1:5000,node2@10.0.0.2:5000.";
            return Err(value.refuse(format!("\"{entry}\" is not a node"), hint));
        };
        let id = node_id(value, id)?;
        if nodes.iter().any(|node| node.node_id == id) {
            return Err(value.refuse(format!("{id} stands in it twice"), "Give each node a name of its own."));
        }
        nodes.push(ClusterNode { node_id: id, host: host.to_string(), port });
    }
    Ok(nodes)
}

fn log(value: &Value) -> Result<String> {
    match tracing_subscriber::EnvFilter::try_new(&value.text) {
        Ok(_) if !value.text.trim().is_empty() => Ok(value.text.clone()),
        _ => {
            let hint = "Use error, warn, info, debug or trace, or a filter as info,distdb::storage=debug.";
            Err(value.refuse(format!("\"{}\" is not a log filter", value.text), hint))
        }
    }
}
