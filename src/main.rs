//! The program: everything is in [`distdb::cli`].

use distdb::cli;

/// What one core allocates another one often frees, and sizes vary from bytes to batches; mimalloc does both cheaper than the
/// C library (measured with `benches/compare.sh`, inserts).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::main()
}
