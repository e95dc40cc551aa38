//! A value where it lies: in a memtable's arena or in a block. Holding it keeps that memory alive; nothing is copied.

use super::arena::Place;
use super::memtable::Memtable;
use super::table::block::{Block, Span};
use crate::base::time::Timestamp;
use std::ops::Deref;
use std::rc::Rc;

/// A version's value.
#[derive(Clone)]
pub struct ValueRef {
    home: Home,
    timestamp: Timestamp,
}

#[derive(Clone)]
enum Home {
    Memtable(Rc<Memtable>, Place),
    Block(Rc<Block>, Span),
}

impl ValueRef {
    pub(super) fn in_memtable(memtable: Rc<Memtable>, place: Place, timestamp: Timestamp) -> ValueRef {
        ValueRef { home: Home::Memtable(memtable, place), timestamp }
    }

    pub(super) fn in_block(block: Rc<Block>, span: Span, timestamp: Timestamp) -> ValueRef {
        ValueRef { home: Home::Block(block, span), timestamp }
    }

    /// When the version counts as written: its commit time, or for the reader's own undecided one the time it stands at.
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }
}

impl Deref for ValueRef {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.home {
            Home::Memtable(memtable, place) => memtable.entry(*place).value.unwrap_or_default(),
            Home::Block(block, span) => block.slice(span.start, span.end),
        }
    }
}

impl std::fmt::Debug for ValueRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes @ {}", self.len(), self.timestamp)
    }
}
