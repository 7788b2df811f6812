//! The words of the project as types. Pure values: no I/O, no clock.

pub mod act;
pub mod approval;
pub mod artifact;
pub mod attestation;
pub mod digest;
pub mod environment;
pub mod event;
pub mod gto;
pub mod id;
pub mod incident;
pub mod label;
pub mod lineage;
pub mod period;
pub(crate) mod planted;
pub mod platform;
pub mod principal;
pub mod promotion;
pub mod secret;
pub mod shared_map;
pub mod snapshot;
pub mod verdict;
pub mod workspace;
