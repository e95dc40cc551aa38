//! The real binary in its own process: starting and refusing to start, statements through a PostgreSQL driver, bad bytes
//! on the wire, and `kill -9` under load.

mod bad_input;
mod harness;
mod kill;
mod library;
mod locks;
mod sql;
mod start;
