//! `oci` and `oci-layout`: the suite, other tools, and what is particular to registries.

mod conformance;
mod support;
