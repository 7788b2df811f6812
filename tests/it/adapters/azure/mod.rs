//! Azure Machine Learning. There is no server to run: Azure Resource Manager and Microsoft Entra are fakes on loopback,
//! the first held to the official specification, and the bytes are in a real Azurite.

mod blobs;
mod buckets;
mod certificates;
mod component_refusals;
mod components;
mod conformance;
mod entra;
mod environments;
mod faces;
pub(crate) mod fake;
mod faults;
mod http;
mod probe;
mod publish;
mod refusals;
mod registry;
mod routes;
mod schema;
mod spec;
mod spec_tests;
mod support;
mod workspace;
