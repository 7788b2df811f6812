//! Promotes machine-learning artifacts from dev to prod.

pub mod adapter;
pub mod attest;
pub mod cli;
pub mod clock;
pub mod config;
pub mod context;
pub mod controller;
pub mod diagnostic;
pub mod engine;
pub mod error;
pub mod flow;
pub mod fs;
pub mod gate;
pub mod git;
pub mod ledger;
pub mod manifest;
pub mod model;
pub mod ops;
pub mod plan;
pub mod progress;
pub mod redact;
pub mod topology;
pub mod ui;
