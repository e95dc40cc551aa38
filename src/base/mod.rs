//! Row 0: the words everybody shares. Ids, time, types, values, batches, keys, codecs, limits. No I/O, no state.

pub mod batch;
pub mod ids;
pub mod key;
pub mod limits;
pub mod numeric;
pub mod sqlstate;
pub mod time;
pub mod types;
pub mod value;
pub mod write;
