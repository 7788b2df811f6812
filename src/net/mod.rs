//! The network: clients that wait for nobody for ever and take no more than they asked for.

pub mod http;
