//! Keeping the tree in shape: `pick` chooses, `keep` decides which versions are still needed, `run` carries out.

pub mod keep;
pub mod pick;
pub mod run;
