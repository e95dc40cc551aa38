//! Row 0: the words everybody shares. Ids, time, types, values, batches, keys, codecs, limits. No I/O, no state.

pub mod batch;
pub mod binary;
pub mod convert;
pub mod datetime;
#[cfg(test)]
pub(crate) mod generate;
#[cfg(test)]
pub(crate) mod golden;
pub mod hash;
pub mod ids;
pub mod json;
pub mod key;
pub mod limits;
pub mod numeric;
pub mod pack;
pub mod row;
pub mod sqlstate;
pub mod text;
pub mod time;
pub mod types;
pub mod value;
pub mod write;
