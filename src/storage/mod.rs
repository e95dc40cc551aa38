//! Row 2: what a core keeps on its disk. The log has every write once; see its opening. The LSM tree is where reads
//! find them, sorted.

pub mod log;
pub mod lsm;
