//! Gathering statistics: from the rows of a table to [`TableStatistics`](crate::catalog::TableStatistics).
//!
//! Every core that holds rows reads all of its own once and keeps, per column, counts and a sketch of the different values
//! ([`Sketch`]), and beside these a sample of whole rows ([`Sample`]). Samples of cores are brought together into one of
//! the same size, as if one core had seen all rows; from it come the most common values and the histogram. Nothing ever
//! holds more than one sample's bound of rows.
//!
//! What it does not do: read rows (the fragment does), store what was found (the catalog does), or use it (the optimizer
//! does). Start with [`Sample::add`], then [`Sample::finish`].

mod finish;
mod sample;
mod sketch;
#[cfg(test)]
mod tests;

pub use sample::Sample;
pub use sketch::Sketch;
