//! Promotes machine-learning artifacts from dev to prod.
//!
//! Git says what should be where. The ledger says what is where, and why that was allowed. `promote` moves an artifact only
//! when Git asks, the gates agree, the people approve and the data labels permit.
//!
//! A guide, from the bottom up. A module uses lower layers only; `ARCHITECTURE.md` has the table, the invariants and a
//! walkthrough of one promotion.
//!
//! - **Words.** [`model`] has the nouns: a [`TreeDigest`](model::digest::TreeDigest) is what a version's bytes are, a
//!   [`Label`](model::label::Label) is what data is behind them, a [`Slot`](model::workspace::Slot) is one artifact's place
//!   in one workspace, and a [`Promotion`](model::promotion::Promotion) is making it hold a version. What the ledger can
//!   say is an [`Event`](model::event::Event).
//! - **Small things that all need.** [`Diagnostic`](diagnostic::Diagnostic) points at text, [`Clock`](clock::Clock) tells
//!   the time, [`Secret`](redact::Secret) hides, [`Progress`](progress::Progress) listens. And the one rule that the
//!   compiler enforces: nothing is written into a workspace without a [`FlowPermit`](flow::permit::FlowPermit), which only
//!   [`flow::permit::permit`] makes.
//! - **What users write.** [`manifest`] reads a whole promotion repository into a
//!   [`Repository`](manifest::repository::Repository), or says everything that is wrong with it; [`topology`] knows the
//!   [patterns](topology::PATTERNS).
//! - **What is decided.** [`plan`] folds the ledger into a [`State`](plan::state::State) and compares it with what releases
//!   ask: [`plan_changes`](plan::desired::plan_changes). [`gate`] judges: [`GATES`](gate::GATES) are the rules,
//!   [`Evidence`](gate::evidence::Evidence) the facts, [`decide`](gate::decide()) the one place where verdicts become a
//!   [`Decision`](model::verdict::Decision).
//! - **The world.** [`fs`] hashes trees ([`hash_tree`](fs::tree::hash_tree)) and stages bytes; [`config`] holds the
//!   [`Environment`](config::Environment) and [references to secrets](model::secret::SecretRef). [`git`] reads
//!   [snapshots](git::snapshot::Snapshot) of a [`Repository`](git::repository::Repository); [`Adapter`](adapter::Adapter) is
//!   a workspace; [`ledger`] is a [`Log`](ledger::log::Log) over a [`Store`](ledger::store::Store); [`attest`] signs and
//!   verifies.
//! - **What is done.** An [`Engine`](engine::Engine) brings them together:
//!   [`observe`](engine::Engine::observe) looks and changes nothing, [`judge`](engine::Engine::judge) asks the gates, and
//!   [`reconcile`](engine::Engine::reconcile) makes workspaces hold what Git asks for.
//! - **Going on.** [`controller`] watches a repository until it is told to stop, and calls the engine when there is something
//!   to see.
//! - **Use cases.** [`ops`] has one file each, over a [`Context`](context::Context); they end in a report or a
//!   [`Failure`](error::Failure), whose [kind](error::FailureKind) decides the exit code. [`ui`] alone prints, and [`cli`]
//!   is one thin file a command.

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
pub mod net;
pub mod ops;
pub mod plan;
pub mod progress;
pub mod redact;
pub mod topology;
pub mod ui;
