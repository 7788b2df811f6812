//! Use cases, one file each. They know nothing of terminals: they take a context and a request, and answer with a report.

pub mod access;
pub mod act;
pub mod apply;
pub mod approve;
pub mod attach;
pub mod bundle;
pub mod catalogue;
pub mod check;
pub mod commit;
pub mod compare;
pub mod cost;
pub mod demo;
pub mod digest;
pub mod doctor;
pub mod export;
pub mod gto;
pub mod history;
pub mod init;
pub mod ledger;
pub mod lineage;
pub mod person;
pub mod plan;
pub mod project;
pub mod records;
pub mod register;
pub mod release;
pub mod scan;
pub mod search;
pub(crate) mod snapshot;
pub mod status;
#[cfg(test)]
pub(crate) mod testing;
pub mod topology;
pub mod trust;
pub mod verify;
pub mod witness;
