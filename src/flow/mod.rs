//! The flow of labelled bytes: what may enter which workspace.
//!
//! Two independent defences, both checked every time: the label must be a subset of the clearance, and there must be
//! an edge, which the receiving workspace declares. This module is pure and knows only `model`, so that adapters can
//! demand its [`FlowPermit`](permit::FlowPermit).

pub mod closure;
pub mod declassification;
pub mod permit;
pub mod snapshots;
