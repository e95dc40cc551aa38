//! A gate that opens once: tasks of one core wait for the end of something.

use crate::env::signal::Signal;
use std::{cell::Cell, rc::Rc};

/// Shared by those who wait and the one who opens it. Once open it stays open.
#[derive(Clone, Default)]
pub struct Gate(Rc<State>);

#[derive(Default)]
struct State {
    open: Cell<bool>,
    opened: Signal,
}

impl Gate {
    /// Lets everybody through, now and later.
    pub fn open(&self) {
        self.0.open.set(true);
        self.0.opened.set();
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.0.open.get()
    }

    /// Waits until it is open. May be dropped at any point.
    pub async fn wait(&self) {
        while !self.is_open() {
            self.0.opened.wait().await;
        }
    }
}
