//! Numbered places for what is under way with another core: so many and no more; whoever finds none free waits.

use crate::env::signal::Signal;
use std::cell::RefCell;

/// Places of one kind towards one core.
pub struct Slots<T> {
    places: RefCell<Places<T>>,
    freed: Signal,
    max: usize,
}

struct Places<T> {
    taken: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Slots<T> {
    /// At most `max` places; memory grows with use.
    pub fn new(max: usize) -> Slots<T> {
        Slots { places: RefCell::new(Places { taken: Vec::new(), free: Vec::new() }), freed: Signal::new(), max }
    }

    /// Takes a place for `value`, waiting for one to become free.
    pub async fn take(&self, value: T) -> u32 {
        self.take_within(value, self.max).await
    }

    /// The same, but waits as long as `max` places are taken.
    pub async fn take_within(&self, value: T, max: usize) -> u32 {
        let max = max.min(self.max);
        let mut value = Some(value);
        loop {
            let freed = {
                let places = &mut *self.places.borrow_mut();
                let taken = places.taken.len() - places.free.len();
                if taken < max
                    && let Some(number) = places.free.pop()
                {
                    places.taken[number as usize] = value.take();
                    return number;
                }
                if taken < max {
                    places.taken.push(value.take());
                    return (places.taken.len() - 1) as u32;
                }
                self.freed.wait()
            };
            freed.await;
        }
    }

    /// Works with what is at a place; `None` if nothing is.
    pub fn with<R>(&self, number: u32, work: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.places.borrow_mut().taken.get_mut(number as usize)?.as_mut().map(work)
    }

    /// Frees a place and gives what was there.
    pub fn free(&self, number: u32) -> Option<T> {
        let value = {
            let places = &mut *self.places.borrow_mut();
            let value = places.taken.get_mut(number as usize)?.take()?;
            places.free.push(number);
            value
        };
        self.freed.set();
        Some(value)
    }

    /// How many places are taken.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        let places = self.places.borrow();
        places.taken.len() - places.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_lite::future::{block_on, poll_once};

    #[test]
    fn the_last_place_is_waited_for() {
        let slots = Slots::new(2);
        assert_eq!((block_on(slots.take("a")), block_on(slots.take("b"))), (0, 1));
        let mut third = Box::pin(slots.take("c"));
        assert!(block_on(poll_once(&mut third)).is_none());
        assert_eq!(slots.free(0), Some("a"));
        assert_eq!(slots.free(0), None);
        assert_eq!(block_on(third), 0);
        assert_eq!(slots.with(0, |value| *value), Some("c"));
        assert_eq!((slots.with(9, |_| ()), slots.len()), (None, 2));
    }
}
