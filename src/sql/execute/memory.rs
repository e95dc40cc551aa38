//! How much memory the operators of one executor hold.

use crate::{
    base::sqlstate::SqlState,
    error::{Error, Result},
};

/// A count with a limit. Operators report what they hold; they are trusted to be about right.
#[derive(Debug)]
pub(crate) struct Memory {
    used: usize,
    limit: usize,
}

impl Memory {
    pub fn new(limit: usize) -> Memory {
        Memory { used: 0, limit }
    }

    pub fn used(&self) -> usize {
        self.used
    }

    /// Reports that an operator now holds more.
    pub fn grow(&mut self, bytes: usize) -> Result<()> {
        self.used = self.used.saturating_add(bytes);
        if self.used <= self.limit {
            return Ok(());
        }
        Err(Error::new(SqlState::OUT_OF_MEMORY, "out of memory")
            .with_detail(format!("The statement needs more than its limit of {} bytes.", self.limit))
            .with_hint("Add a LIMIT or a narrower WHERE, or give the node more memory."))
    }

    /// Reports that an operator let go.
    pub fn shrink(&mut self, bytes: usize) {
        self.used = self.used.saturating_sub(bytes);
    }

    /// Replaces what an operator reported before by what it holds now.
    pub fn change(&mut self, held: &mut usize, now: usize) -> Result<()> {
        self.shrink(*held);
        *held = now;
        self.grow(now)
    }
}
