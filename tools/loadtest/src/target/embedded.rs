//! The engine linked into this process: no network, no SQL; rows go through the library's key-value calls.

use crate::{
    operation::{Answer, Failure, Operation},
    workload::Plan,
};
use std::{path::PathBuf, sync::Arc};

/// A folder with a node of its own.
pub struct Embedded {
    folder: PathBuf,
}

/// A client of it.
pub struct Session {}

impl Embedded {
    pub fn new(folder: &str) -> Result<Embedded, String> {
        if folder.is_empty() {
            return Err("embedded: needs a folder, as embedded:/tmp/node".into());
        }
        Ok(Embedded { folder: folder.into() })
    }

    pub fn name(&self) -> String {
        format!("embedded:{}", self.folder.display())
    }

    pub fn version(&self) -> String {
        "distdb, embedded".into()
    }

    pub async fn set_up(&self, _plan: &Arc<Plan>, _loaded: &(dyn Fn(u64) + Sync)) -> Result<(), Failure> {
        Err(Failure::new("0A000", "this build has no embedded engine"))
    }

    pub async fn clean_up(&self) -> Result<(), Failure> {
        Ok(())
    }

    pub fn connect(&self, _plan: &Arc<Plan>) -> Result<Session, Failure> {
        Err(Failure::new("0A000", "this build has no embedded engine"))
    }
}

impl Session {
    pub async fn execute(&mut self, _operation: &Operation) -> Result<Answer, Failure> {
        Err(Failure::new("0A000", "this build has no embedded engine"))
    }
}
