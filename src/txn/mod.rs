//! Row 3: transactions.
pub mod buffer;
pub mod gate;
pub mod pending;
pub mod record;
pub mod sequencer;
