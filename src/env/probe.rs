//! What a node needs from its machine, checked before anything starts. See `check`.
