//! `distdb start`: a node, until it is told to stop.

use crate::{
    Result,
    config::{self, SETTINGS},
};
use clap::{Arg, ArgMatches, Args, FromArgMatches, parser::ValueSource};
use std::{collections::BTreeMap, path::PathBuf};

/// What `distdb start --help` says first.
pub const LONG_ABOUT: &str = "\
Start a node and serve until Ctrl-C or SIGTERM.

A node runs one shard per core. Each setting can be given as a flag (--pg-port 5433), as a variable \
(DISTDB_PG_PORT=5433) or in a TOML file (pg_port = 5433); a flag wins over a variable, a variable over the file. Until there are credentials a node listens on loopback addresses only and takes \
every user name as superuser.";

const EXAMPLES: &str = "\
Examples:
  distdb start                                          all cores, ./data, ports 5433 and 8000
  distdb start --data-dir /srv/distdb --memory 4GiB
  distdb start --cores 2 --pg-port 15433 --http-port 18000 --port 15000
  DISTDB_DATA_DIR=/srv/distdb distdb start
  distdb start --config distdb.toml                     with lines as: pg_port = 5433

Then:
  psql -h 127.0.0.1 -p 5433 distdb
  distdb status";

/// The arguments of `start`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Start {
    #[command(flatten)]
    settings: Settings,
    /// TOML file with settings [env: DISTDB_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Start {
    /// Ends when the node has stopped.
    pub fn run(self) -> Result<()> {
        let (config, notes) = config::load(self.settings.0, self.config)?;
        crate::observe::logging::init(&config.log)?;
        for note in notes {
            tracing::warn!("{note}");
        }
        crate::node::run(config)
    }
}

/// The flags of [`SETTINGS`], by key, as text: `config` gives them their meaning.
pub struct Settings(pub BTreeMap<&'static str, String>);

impl Args for Settings {
    fn augment_args(command: clap::Command) -> clap::Command {
        command.args(SETTINGS.iter().map(|setting| {
            Arg::new(setting.key)
                .long(setting.flag)
                .value_name(setting.value)
                .allow_hyphen_values(true)
                .help(format!("{} [default: {}]", setting.help, setting.default))
        }))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Settings::augment_args(command)
    }
}

impl FromArgMatches for Settings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Settings, clap::Error> {
        let given = SETTINGS.iter().filter(|s| matches.value_source(s.key) == Some(ValueSource::CommandLine));
        Ok(Settings(given.filter_map(|s| Some((s.key, matches.get_one::<String>(s.key)?.clone()))).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.extend(Settings::from_arg_matches(matches)?.0);
        Ok(())
    }
}
