//! The manifest: which tables the tree is made of. One file of edits; `CURRENT` names it.
//!
//! `edit` says what may change, `record` draws the bytes and the way back, `file` does the writing.
//!
//! Invariants: an edit takes effect in memory only after it is durable; a table is in a folder before an edit names it,
//! and stays until an edit that removes it is sealed. Whatever does not add up is an error, never guessed around.

pub mod edit;
pub mod file;
pub mod record;
