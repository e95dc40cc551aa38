//! Row 2: what survives a restart. The log (every write, once) and the LSM tree (where reads find them).

pub mod log;
pub mod lsm;
//! Row 2: what a core keeps on its disk. The log has every write once; see its opening.

pub mod log;
