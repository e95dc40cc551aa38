//! Range reads: the tree's cursor with the transaction's own buffered writes laid over it.

use super::{Failure, ReadView, Transactions, buffer::Own};
use crate::{
    base::key,
    storage::lsm::{self, Cursor, Direction},
};
use std::{cmp::Ordering, ops::Bound};

/// A range of user keys.
pub type Range = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// What [`Scan::try_next`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The scan stands on the next entry.
    Entry,
    /// Await [`Scan::load`], then try again.
    Load,
    End,
}

/// Live entries of a range in key order, as a view sees them; stable while others commit, and while the view's own
/// transaction writes in later statements.
pub struct Scan {
    transactions: Transactions,
    view: ReadView,
    range: Range,
    direction: Direction,
    cursor: Cursor,
    /// Where the cursor stands.
    at: At,
    /// The transaction's own writes; `None` where it has none that this statement sees.
    overlay: Option<Overlay>,
    /// Whether the current entry is the overlay's.
    from_overlay: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// On an entry that was given out, or before the first.
    Behind,
    /// On an entry that was not given out yet.
    Ahead,
    End,
}

struct Overlay {
    /// The transaction's `spills` when the cursor was made: when it has changed, writes have moved into the tree.
    spills: u64,
    /// The next own write, not given out yet; `None` value: deleted.
    next: Option<(Vec<u8>, Option<Vec<u8>>)>,
    /// The own write given out last, whose key and value the scan stands on.
    current: (Vec<u8>, Vec<u8>),
    /// The last key of any kind that was passed.
    passed: Option<Vec<u8>>,
}

impl Transactions {
    /// Begins to read a range. Its keys lie in one storage, the one of its lower bound.
    pub async fn scan(&self, view: ReadView, range: Range, direction: Direction) -> Scan {
        let bound = match (&range.0, &range.1) {
            (Bound::Included(bound) | Bound::Excluded(bound), _) => Some(bound),
            (Bound::Unbounded, Bound::Included(bound) | Bound::Excluded(bound)) => Some(bound),
            _ => None,
        };
        if let Some((storage, ..)) = bound.and_then(|bound| key::split(bound)) {
            self.wait_for_commits(&view, storage).await;
        }
        let cursor = self.0.lsm.cursor(self.tree_view(&view), range.clone(), direction);
        let overlay = self.has_own_writes(&view).map(|spills| Overlay {
            spills,
            next: None,
            current: Default::default(),
            passed: None,
        });
        let mut scan = Scan {
            transactions: self.clone(),
            view,
            range,
            direction,
            cursor,
            at: At::Behind,
            overlay,
            from_overlay: false,
        };
        scan.advance_overlay();
        scan
    }

    /// `Some(spills)` if the view's transaction has buffered anything.
    fn has_own_writes(&self, view: &ReadView) -> Option<u64> {
        let state = self.0.state.borrow();
        let open = state.open.get(&view.transaction?)?;
        (!open.buffer.is_empty()).then_some(open.spills)
    }
}

impl Scan {
    /// Goes to the next entry, as far as that needs no I/O.
    pub fn try_next(&mut self) -> Result<Step, Failure> {
        if self.overlay.is_none() {
            self.from_overlay = false;
            return Ok(match self.cursor.try_next()? {
                lsm::Step::Entry => Step::Entry,
                lsm::Step::Load => Step::Load,
                lsm::Step::End => Step::End,
            });
        }
        self.reopen_after_spill();
        loop {
            if self.at == At::Behind {
                match self.cursor.try_next()? {
                    lsm::Step::Entry => self.at = At::Ahead,
                    lsm::Step::Load => return Ok(Step::Load),
                    lsm::Step::End => self.at = At::End,
                }
            }
            let Some(overlay) = &mut self.overlay else { return Ok(Step::End) };
            let order = match (self.at, &overlay.next) {
                (At::End, None) => return Ok(Step::End),
                (At::End, Some(_)) => Ordering::Greater,
                (_, None) => Ordering::Less,
                (_, Some((own, _))) => {
                    let order = self.cursor.key().cmp(own);
                    if self.direction == Direction::Forward { order } else { order.reverse() }
                }
            };
            if order == Ordering::Less {
                self.at = At::Behind;
                self.from_overlay = false;
                overlay.passed = Some(self.cursor.key().to_vec());
                return Ok(Step::Entry);
            }
            if order == Ordering::Equal {
                // Our own write hides what the tree has.
                self.at = At::Behind;
            }
            if self.take_own() {
                self.from_overlay = true;
                return Ok(Step::Entry);
            }
        }
    }

    /// Walks on over entries that lie side by side; see [`Cursor::drain`]. Gives nothing where the transaction has written.
    pub fn drain<'a>(&'a mut self, wanted: usize, values: &mut Vec<&'a [u8]>) -> Result<(), Failure> {
        match &self.overlay {
            None => Ok(self.cursor.drain(wanted, values)?),
            Some(_) => Ok(()),
        }
    }

    /// Does the I/O that `Step::Load` asked for.
    pub async fn load(&mut self) -> Result<(), Failure> {
        self.cursor.load().await?;
        Ok(())
    }

    /// Both together: false at the end.
    pub async fn next(&mut self) -> Result<bool, Failure> {
        loop {
            match self.try_next()? {
                Step::Entry => return Ok(true),
                Step::End => return Ok(false),
                Step::Load => self.load().await?,
            }
        }
    }

    /// The current user key.
    pub fn key(&self) -> &[u8] {
        match &self.overlay {
            Some(overlay) if self.from_overlay => &overlay.current.0,
            _ => self.cursor.key(),
        }
    }

    /// The current value.
    pub fn value(&self) -> &[u8] {
        match &self.overlay {
            Some(overlay) if self.from_overlay => &overlay.current.1,
            _ => self.cursor.value(),
        }
    }

    /// Moves on over the own write; true if it is a live entry, which is now the current one.
    fn take_own(&mut self) -> bool {
        let Some(overlay) = &mut self.overlay else { return false };
        let Some((key, value)) = overlay.next.take() else { return false };
        overlay.passed = Some(key.clone());
        let live = value.is_some();
        if let Some(value) = value {
            overlay.current = (key, value);
        }
        self.advance_overlay();
        live
    }

    /// Finds the next own write behind what was passed.
    fn advance_overlay(&mut self) {
        let Some(overlay) = &mut self.overlay else { return };
        let state = self.transactions.0.state.borrow();
        let open = self.view.transaction.and_then(|transaction| state.open.get(&transaction));
        let Some(open) = open else { return };
        let reverse = self.direction == Direction::Backward;
        let range = rest(&self.range, overlay.passed.as_deref(), reverse);
        overlay.next = open.buffer.next_in(range, self.view.statement, reverse).map(|(key, own)| match own {
            Own::Value(value) => (key.to_vec(), Some(value.to_vec())),
            Own::Deleted | Own::Nothing => (key.to_vec(), None),
        });
    }

    /// If the transaction's buffer has moved into the tree, what the overlay had is in the tree's newer view.
    fn reopen_after_spill(&mut self) {
        let Some(overlay) = &mut self.overlay else { return };
        let spills = {
            let state = self.transactions.0.state.borrow();
            self.view.transaction.and_then(|transaction| state.open.get(&transaction)).map(|open| open.spills)
        };
        let Some(spills) = spills.filter(|spills| *spills != overlay.spills) else { return };
        overlay.spills = spills;
        let (low, high) = rest(&self.range, overlay.passed.as_deref(), self.direction == Direction::Backward);
        let range = (low.map(<[u8]>::to_vec), high.map(<[u8]>::to_vec));
        self.cursor = self.transactions.0.lsm.cursor(self.transactions.tree_view(&self.view), range, self.direction);
        self.at = At::Behind;
        self.advance_overlay();
    }
}

/// What is left of a range when `passed` was the last key read.
fn rest<'a>(range: &'a Range, passed: Option<&'a [u8]>, reverse: bool) -> (Bound<&'a [u8]>, Bound<&'a [u8]>) {
    let (low, high) = (range.0.as_ref().map(Vec::as_slice), range.1.as_ref().map(Vec::as_slice));
    match passed {
        None => (low, high),
        Some(passed) if reverse => (low, Bound::Excluded(passed)),
        Some(passed) => (Bound::Excluded(passed), high),
    }
}
