//! The protocol against a database that is not there: scripts of what goes over the wire, and noise.

mod fake;
mod fuzz;
mod harness;
mod limits;
mod scripts;
mod sockets;
mod waiting;
