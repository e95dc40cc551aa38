//! The real binary in its own process: starting and refusing to start, statements through a PostgreSQL driver, bad bytes
//! on the wire, and `kill -9` under load.

mod bad_input;
mod full_disk;
mod harness;
mod kill;
mod library;
mod locks;
mod machine;
mod plans;
mod sql;
mod start;
mod waiting;
