//! Files: the only module, with the ledger's and adapters' own, that touches them.

pub mod versioned;
