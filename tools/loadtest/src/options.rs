//! The command line of the load tester.

use crate::{
    content::Content,
    driver,
    keys::Distribution,
    workload::{Plan, PlanOptions, Workload},
};
use clap::Parser;
use std::{path::PathBuf, time::Duration};

const EXAMPLES: &str = "\
Examples:
  loadtest point-select postgresql://postgres@127.0.0.1:5433/distdb
  loadtest insert postgresql://postgres@127.0.0.1:5433/distdb --clients 64 --duration 60
  loadtest ycsb-a postgresql://postgres@127.0.0.1:5433/distdb --rate 5000      open loop
  loadtest bank postgresql://postgres@127.0.0.1:5433/distdb --html bank.html
  loadtest bulk-load postgresql://postgres@127.0.0.1:5433/distdb --rows 1000000 --clients 1
  loadtest point-select embedded:/tmp/node
  loadtest insert postgresql://postgres@127.0.0.1:5433/distdb --compare postgresql://postgres@127.0.0.1:5432/postgres

Closed loop (default): each of --clients sends its next request when the last one is answered; this finds the highest
throughput. Open loop (--rate): requests have times at which they are due, whatever the server does; latency is then
given from the time a request was due (response) and from the time it was sent (service). A server that stalls looks
good in service latency and bad in response latency; the latter is what users feel.

A write whose answer never came is counted as unknown, not as an error or success. At the end everything is read back:
each acknowledged row must be there as written, refused ones must not, unknown ones may. Ctrl-C ends the run early and
shows and verifies what there is; a second one quits at once.

Exit status: 0 all well; 1 it could not run; 2 wrong usage; 3 answers or stored data were wrong.";

/// Load tester for distdb and any PostgreSQL server. It verifies what it wrote.
#[derive(Parser)]
#[command(name = "loadtest", version, after_help = EXAMPLES, max_term_width = 110)]
pub struct Options {
    /// What to do
    #[arg(value_enum)]
    pub workload: Workload,
    /// postgresql://user@host:port/database or embedded:FOLDER
    pub target: String,
    /// Run the same on this target afterwards and print the ratios
    #[arg(long, value_name = "TARGET")]
    pub compare: Option<String>,
    /// Clients (connections)
    #[arg(long, short, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    clients: u16,
    /// Threads of the load tester [default: one, or two from four cores on]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// Seconds to measure
    #[arg(long, short, default_value_t = 30.0, value_parser = seconds)]
    duration: f64,
    /// Seconds before that are run and not measured
    #[arg(long, default_value_t = 5.0, value_parser = seconds)]
    warm_up: f64,
    /// Open loop: requests per second over all clients
    #[arg(long, value_parser = rate)]
    rate: Option<f64>,
    /// Rows loaded before the run (bank: accounts; bulk-load: rows to load) [default: depends on the workload]
    #[arg(long)]
    rows: Option<u64>,
    /// Bytes of a row's payload [default: 100; 200 for bulk-load; 1000 for YCSB]
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=10_000_000))]
    value_bytes: Option<u32>,
    /// How rows are chosen [default: depends on the workload]
    #[arg(long, value_enum)]
    distribution: Option<Distribution>,
    /// Longest scan of ycsb-e, in rows
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    scan_rows: u32,
    /// Rows of one COPY of bulk-load [default: each client one COPY]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    copy_rows: Option<u64>,
    /// Tries of a request that fails with a SQLSTATE of class 40
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    max_tries: u32,
    /// Seconds after which an answer counts as unknown
    #[arg(long, default_value_t = 30.0, value_parser = seconds)]
    timeout: f64,
    /// Makes content and choices repeatable
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Do not read back what was written
    #[arg(long)]
    pub no_verify: bool,
    /// Keep the tables
    #[arg(long)]
    pub keep: bool,
    /// Write the results here as JSON (- for standard output, instead of text)
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write a report with plots here
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

impl Options {
    /// The workload with its sizes; says what does not fit together.
    pub fn plan(&self) -> Result<Plan, String> {
        let rows = self.rows.unwrap_or(self.workload.rows_default());
        match self.workload {
            Workload::Bank if rows < 2 => return Err("--rows: a bank needs two accounts at least".into()),
            Workload::Insert => {}
            _ if rows == 0 => return Err("--rows: this workload needs a row at least".into()),
            _ => {}
        }
        let value_bytes = self.value_bytes.map_or(self.workload.value_bytes_default(), |bytes| bytes as usize);
        Ok(Plan::new(
            self.workload,
            PlanOptions {
                rows,
                load_rows: self.copy_rows.unwrap_or(rows.div_ceil(u64::from(self.clients))),
                scan_rows: self.scan_rows,
                content: Content { seed: self.seed, value_bytes },
                distribution: self.distribution,
            },
        ))
    }

    pub fn driver(&self) -> driver::Options {
        let whole = self.workload == Workload::BulkLoad;
        let duration = |seconds: f64| Duration::from_secs_f64(seconds);
        driver::Options {
            clients: usize::from(self.clients),
            warm_up: if whole { Duration::ZERO } else { duration(self.warm_up) },
            duration: (!whole).then(|| duration(self.duration)),
            rate: self.rate,
            tries_max: self.max_tries,
            timeout: if whole { Duration::from_secs(24 * 3600) } else { duration(self.timeout) },
            seed: self.seed,
        }
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    let value: f64 = text.trim_end_matches('s').parse().map_err(|_| "give a number of seconds, as 30 or 0.5")?;
    if (0.0..=1e7).contains(&value) { Ok(value) } else { Err("give between 0 and 10000000 seconds".into()) }
}

fn rate(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "give requests per second, as 5000")?;
    if (0.001..=1e8).contains(&value) { Ok(value) } else { Err("give between 0.001 and 100000000 a second".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Options::command().debug_assert();
        let parse = |line: &str| Options::try_parse_from(line.split(' ').map(String::from));
        let options = parse("loadtest ycsb-a postgresql://h/d --rate 100 -c 3").expect("valid");
        assert_eq!((options.driver().clients, options.driver().rate), (3, Some(100.0)));
        for wrong in ["loadtest ycsb-g x", "loadtest bank x --rate 0", "loadtest bank x -c 0", "loadtest bank x -d -1"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(parse("loadtest bank x --rows 1").expect("parses").plan().is_err());
    }
}
