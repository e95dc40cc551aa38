//! Row 2: what exists. Databases, schemas, tables, indexes, keyspaces and their partition maps, as pure data.
//!
//! A [`Catalog`] is an immutable, versioned picture. Every core holds the newest one; a transaction that changes it works
//! on a copy, and its commit writes the changed descriptors as rows of the system keyspace and then hands the new picture
//! to every core. Nothing here reads a disk, a clock or a network.

pub mod descriptor;

pub use descriptor::{Column, Database, Index, IndexColumn, Keyspace, PrimaryKey, Schema, Table};
