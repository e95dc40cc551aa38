//! Row 8: the command line.
//!
//! One command a file. A command either starts a node or is a client of a running one; none opens the files of a node.
//! Arguments are refused early, with what to write instead; what a command prints for people is aligned text on standard
//! output, everything about its own course goes to standard error.
//!
//! Start at [`main`].

mod http;
mod start;
mod status;
pub mod table;
mod version;

use crate::{Error, base::sqlstate::SqlState};
use clap::{Parser, Subcommand};
use std::process::ExitCode;

const EXIT_STATUS: &str = "\
Exit status:
  0   done
  1   failed; the error says why
  2   the command line could not be understood
  69  no node answers there
  70  the node stopped itself: a disk failed or an invariant broke
  78  the configuration is refused, or the machine lacks something a node needs";

/// A distributed SQL database: one shard per core, PostgreSQL at the front door.
#[derive(Parser)]
#[command(name = "distdb", version, after_help = EXIT_STATUS, disable_help_subcommand = true, max_term_width = 110)]
#[command(arg_required_else_help = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start a node and serve until Ctrl-C or SIGTERM
    #[command(long_about = start::LONG_ABOUT)]
    Start(start::Start),
    /// Show what a running node says about itself
    Status(status::Status),
    /// Print the version
    Version,
}

/// Understands the arguments of the process, runs the command and reports how it ended.
pub fn main() -> ExitCode {
    let outcome = match CommandLine::parse().command {
        Command::Start(start) => start.run(),
        Command::Status(status) => status.run(),
        Command::Version => version::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("{}", report(&error));
            ExitCode::from(exit_code(&error))
        }
    }
}

/// Writes to standard output; a reader that has gone (`| head`) is no error.
fn show(text: &str) {
    use std::io::Write;
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// An error as people read it: what happened, then what to do.
fn report(error: &Error) -> String {
    let mut text = format!("error: {}\n", error.message());
    for (label, line) in [("detail", error.detail()), ("hint", error.hint())] {
        if let Some(line) = line {
            text.push_str(&format!("{label}: {line}\n"));
        }
    }
    text
}

fn exit_code(error: &Error) -> u8 {
    match error.state() {
        SqlState::CONFIG_FILE_ERROR | SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE => 78,
        SqlState::CONNECTION_FAILURE => 69,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn help_teaches() {
        let mut command = CommandLine::command();
        let start = command.find_subcommand_mut("start").expect("start").render_long_help().to_string();
        for word in ["--pg-port", "DISTDB_PG_PORT", "Examples:", "psql -h 127.0.0.1 -p 5433", "--wal-dir", "--config"] {
            assert!(start.contains(word), "{word} is missing in\n{start}");
        }
    }

    #[test]
    fn errors_say_what_to_do() {
        let error = Error::new(SqlState::CONFIG_FILE_ERROR, "--port: \"x\" is not a port").with_hint("Give a number.");
        assert_eq!(report(&error), "error: --port: \"x\" is not a port\nhint: Give a number.\n");
        assert_eq!(exit_code(&error), 78);
    }
}
