//! Log lines: text on standard error.

use crate::{
    base::sqlstate::SqlState,
    error::{Error, Result},
};
use std::io::IsTerminal;
use tracing_subscriber::{EnvFilter, fmt};

/// What is logged when nothing else is asked for.
pub const DEFAULT_LEVEL: &str = "info";

/// Sends log lines of this level and above to standard error. `level` is error, warn, info, debug, trace or off, or
/// directives such as `info,distdb::storage=debug`. Later calls in the same process change nothing.
pub fn init(level: &str) -> Result<()> {
    let filter = parse(level)?;
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    // Fails only when somebody else, a test or the program around the library, has set one up.
    let _ = lines.with_target(false).try_init();
    Ok(())
}

fn parse(level: &str) -> Result<EnvFilter> {
    EnvFilter::builder().parse(level).map_err(|error| {
        Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("invalid log level \"{level}\": {error}"))
            .with_hint("Use error, warn, info, debug, trace or off, or directives such as info,distdb::storage=debug.")
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn levels_and_directives_are_understood_and_others_explained() {
        assert!(super::parse("info").is_ok());
        assert!(super::parse("warn,distdb::storage=debug").is_ok());
        let error = super::parse("distdb=loud").unwrap_err();
        assert!(error.message().contains("loud") && error.hint().is_some(), "{error}");
    }
}
