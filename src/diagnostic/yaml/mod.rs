//! Text to values: a strict subset of YAML, read into a tree that knows where everything stands. What is wrong with a text
//! is said in diagnostics. Manifests are read with it, and so is YAML of other tools, by whoever has to.
//!
//! The events come from `granit-parser`, the parser under `serde_yaml`; its serde interface hides tags, and which
//! scalars were quoted, so the tree is built here. Typed values come out of the tree by a serde deserializer that goes
//! on after an error, so that one run reports all that is wrong with a document.

mod access;
mod deserialize;
mod document;
mod fault;
mod json;
mod node;
mod parse;
mod reader;
mod scalar;
mod source;
mod syntax;

pub use deserialize::{RequiredFields, deserialize};
pub use document::Document;
pub use json::parse_json;
pub use node::{Node, Value};
pub use parse::{Bounds, MAX_DEPTH, MAX_NODES, parse, parse_within};
pub(crate) use source::is_hidden;
pub use source::source_file;

/// The prefix of fields that are skipped everywhere: room for other tools.
pub const EXTENSION_PREFIX: &str = "x-";
/// The largest manifest, in bytes.
pub const MAX_MANIFEST_BYTES: usize = 1 << 20;
