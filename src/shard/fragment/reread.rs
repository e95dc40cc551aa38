//! Whether what a transaction has read would be the same at a later snapshot.
//!
//! Both snapshots are read and compared, row by row and only in the columns that were read. That is dearer than a look at
//! versions and right in more cases: a row that was changed in other columns, or changed and changed back, is the same.
//! The transaction's own writes are left aside: they lie over both snapshots alike.

use super::source::Source;
use crate::{
    base::{batch::Batch, limits::REREAD_ROWS_MAX, row, time::Timestamp},
    error::Result,
    shard::{ReadView, Reread, Shard},
    sql::execute::{self, Executor},
};

impl Shard {
    /// Whether the reads give the same at both snapshots; `false` also when there is too much to compare.
    pub(in crate::shard) async fn reread(&self, reads: &[Reread], from: Timestamp, to: Timestamp) -> Result<bool> {
        let (before, after) = (ReadView::at(from), ReadView::at(to));
        let mut rows_left = REREAD_ROWS_MAX;
        for read in reads {
            let same = match read {
                Reread::Key(key) => {
                    rows_left = rows_left.saturating_sub(1);
                    let (before, after) = (self.value_at(&before, key).await?, self.value_at(&after, key).await?);
                    before == after
                }
                Reread::Scans { plan, context } => {
                    let executor = Executor::new(plan, context.clone())?;
                    let mut same = true;
                    for source in executor.sources() {
                        // Rows that were brought from other cores are not compared.
                        let execute::Source::Scan(scan) = source else { return Ok(false) };
                        let open = |view| Source::new(self.clone(), scan.clone(), context, view);
                        same = same && self.same_rows(open(before)?, open(after)?, &mut rows_left).await?;
                    }
                    same
                }
            };
            if !same || rows_left == 0 {
                return Ok(false);
            }
            self.env().yield_if_needed().await;
        }
        Ok(true)
    }

    async fn value_at(&self, view: &ReadView, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.transactions().get(view, key).await.map_err(|failure| self.error(failure))
    }

    async fn same_rows(&self, mut before: Source, mut after: Source, rows_left: &mut usize) -> Result<bool> {
        loop {
            match (before.next().await?, after.next().await?) {
                (None, None) => return Ok(true),
                (Some(before), Some(after)) if before.rows == after.rows && before.rows < *rows_left => {
                    *rows_left -= before.rows;
                    if encoded(&before) != encoded(&after) {
                        return Ok(false);
                    }
                }
                _ => return Ok(false),
            }
            self.env().yield_if_needed().await;
        }
    }
}

/// The rows of a batch as bytes; the same for the same values only.
fn encoded(batch: &Batch) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in 0..batch.rows {
        row::encode_batch_row(0, &batch.columns, number, &mut bytes);
    }
    bytes
}
