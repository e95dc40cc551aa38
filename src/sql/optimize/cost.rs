//! What the work of a plan costs. The unit is reading one row of a sequential scan.
//!
//! Costs are of all cores together: a plan that keeps more cores busy for the same work is not cheaper, so that statements
//! that run beside each other all gain.

/// Starting to read somewhere.
pub const SEEK: f64 = 4.0;
/// Reading one row by its key.
pub const POINT: f64 = SEEK + ROW;
/// Reading a row in the order of its key.
pub const ROW: f64 = 1.0;
/// Reading an entry of an index.
pub const ENTRY: f64 = 1.0;
/// Reading the row of an entry, on the same core.
pub const LOOKUP: f64 = 5.0;
/// The same on whichever core has it.
pub const LOOKUP_ELSEWHERE: f64 = 6.0;
/// A condition on a row.
pub const CHECK: f64 = 0.05;
/// Choosing the next row among partitions.
pub const MERGE: f64 = 0.2;
/// A fragment and its answer.
pub const FRAGMENT: f64 = 10.0;
/// A row on its way from a fragment.
pub const SENT: f64 = 0.3;
/// Comparing two rows in a sort.
const COMPARISON: f64 = 0.05;
/// A row kept by a sort.
const SORTED: f64 = 0.3;
/// A row that is put into a hash table.
pub const HASHED: f64 = 0.8;
/// A row that is looked up in one.
pub const PROBED: f64 = 0.4;
/// A pair of rows that a loop tries.
pub const PAIR: f64 = 0.05;
/// A row that an operator passes on.
pub const PASSED: f64 = 0.05;

/// Sorting rows of which only the first `limit` are wanted.
pub fn sort(rows: f64, limit: f64) -> f64 {
    let kept = rows.min(limit);
    rows * COMPARISON * (kept + 2.0).log2() + kept * SORTED
}
