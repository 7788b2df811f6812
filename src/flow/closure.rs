//! The label of everything.
