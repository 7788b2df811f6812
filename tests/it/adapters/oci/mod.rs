//! `oci` and `oci-layout`: the suite, other tools, and what is particular to registries.

mod conformance;
mod fake;
mod faults;
mod foreign;
mod hostile;
mod support;
mod tokens;
mod tools;
mod writes;
