//! Row 2: what a core keeps on its disk. The log has every write once; see its opening.

pub mod log;
