//! `distdb version`: what this is, for a bug report.

use crate::Result;

/// Prints name, version and target.
pub fn run() -> Result<()> {
    let build = if cfg!(debug_assertions) { "debug build" } else { "release build" };
    let target = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
    super::show(&format!("distdb {} ({target}, {build})\n", env!("CARGO_PKG_VERSION")));
    Ok(())
}
