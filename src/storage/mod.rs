//! Row 2: what survives a restart. The log (every write, once) and the LSM tree (where reads find them).

pub mod log;
pub mod lsm;
