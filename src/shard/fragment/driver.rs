//! Runs one fragment: feeds the operators with what the scans read.

use super::{FragmentRequest, Summary};
use crate::{
    base::batch::Batch,
    error::{Error, Result},
    shard::Shard,
};

/// A fragment that runs on this core.
pub struct Driver {
    summary: Summary,
}

impl Driver {
    /// Makes the transaction it writes for known, and nothing else yet.
    pub fn new(_shard: Shard, _request: FragmentRequest) -> Result<Driver> {
        Err(Error::unsupported("fragments"))
    }

    /// The next batch; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Batch>> {
        Ok(None)
    }

    /// What was changed.
    pub fn take_summary(&mut self) -> Summary {
        std::mem::take(&mut self.summary)
    }
}
