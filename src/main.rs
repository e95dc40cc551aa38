//! The program: everything is in [`distdb::cli`].

use distdb::cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
