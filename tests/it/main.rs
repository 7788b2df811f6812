//! The integration tests: one binary, one module a subject.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::too_many_lines,
    reason = "tests panic to fail, read and write the files that they compare, and tell a story to its end"
)]

mod access;
mod acts;
mod adapters;
mod approvals;
mod attestations;
mod audit;
mod bad_input;
mod bundle;
mod clones;
mod compare;
mod concurrency;
mod cost;
mod crashes;
mod faults;
mod flow;
mod fuzz;
mod generated;
mod gto;
mod hand;
mod incident;
mod large;
mod layer_checker;
mod layers;
mod lineage_files;
mod long;
mod manifests;
mod matrix;
mod oracle;
mod oracles;
mod organisation;
mod pattern_rules;
mod pattern_stories;
mod patterns;
mod pipelines;
mod platforms;
mod projects;
mod readme;
mod records;
mod remembered;
mod remotes;
mod retrain;
mod role_assignments;
mod rust_text;
mod scan;
mod search;
mod servers;
mod snapshots;
mod story;
mod support;
mod tamper_matrix;
mod tampering;
mod tidy;
mod topology_diff;
mod topology_export;
mod trust;
mod trust_keys;
mod variants;
mod watch;
mod waves;
mod witness;
