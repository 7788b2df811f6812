//! From the tree to a typed value, going on after errors.
//!
//! Code that serde derives stops at the first error. So a value is read again and again: each time, what failed before
//! is masked, as if it were not there, and the next error comes to light. What fails only since something in it is
//! masked is not reported. Every run masks one more value, so it ends.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use serde::Deserialize;

use super::fault::Fault;
use super::node::{Node, Value};
use super::parse::MAX_PROBLEMS;
use super::reader::Reader;
use crate::diagnostic::{Diagnostic, Loc, SourceFile};

/// The fields that a struct must have, by the struct's name: serde tells which fields there are, but not which may be
/// left out.
#[derive(Debug, Clone, Default)]
pub struct RequiredFields(BTreeMap<String, BTreeSet<String>>);

impl RequiredFields {
    /// Takes them from a JSON Schema as schemars makes it: definitions are named like the structs.
    pub fn add_schema(&mut self, name: &str, schema: &serde_json::Value) {
        let required = schema.get("required").and_then(serde_json::Value::as_array);
        let fields = required
            .into_iter()
            .flatten()
            .filter_map(serde_json::Value::as_str);
        self.0
            .insert(name.to_owned(), fields.map(str::to_owned).collect());
        let definitions = schema.get("$defs").and_then(serde_json::Value::as_object);
        for (name, definition) in definitions.into_iter().flatten() {
            // Generic structs are `Metadata_for_ArtifactName` and the like.
            let name = name.split("_for_").next().unwrap_or(name);
            self.add_schema(name, definition);
        }
    }

    pub(crate) fn of(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.get(name).into_iter().flatten().map(String::as_str)
    }
}

/// Reads a value out of a tree.
///
/// The value may be there although there are diagnostics: unknown fields are reported and skipped.
pub fn deserialize<'a, T: Deserialize<'a>>(
    file: &'a Arc<SourceFile>,
    root: &'a Node,
    required: &'a RequiredFields,
) -> (Option<T>, Vec<Diagnostic>) {
    let state = State {
        file,
        required,
        progress: RefCell::default(),
    };
    loop {
        let reader = Reader {
            state: &state,
            node: root,
            owner: None,
        };
        match T::deserialize(reader) {
            Ok(value) if state.progress.borrow().masked.is_empty() => {
                return (
                    Some(value),
                    state.progress.into_inner().into_diagnostics(file),
                );
            }
            Ok(_) => break,
            Err(fault) => {
                state.mask(root, fault);
                if state.is_masked(root) || state.is_full() {
                    break;
                }
            }
        }
    }
    (None, state.progress.into_inner().into_diagnostics(file))
}

/// What all readers of one document share.
pub(super) struct State<'a> {
    file: &'a Arc<SourceFile>,
    pub(super) required: &'a RequiredFields,
    progress: RefCell<Progress>,
}

/// What the runs so far have found.
#[derive(Default)]
struct Progress {
    diagnostics: Vec<Diagnostic>,
    /// Values that failed.
    masked: BTreeSet<u32>,
    /// Mappings whose fields have been looked at.
    checked: BTreeSet<u32>,
    /// Mappings that lack a field, which has been reported.
    incomplete: BTreeSet<u32>,
    /// Where something stands that may be a secret.
    hidden: Vec<Range<usize>>,
}

impl Progress {
    /// The diagnostics, over a text in which nobody reads what may be a secret.
    fn into_diagnostics(self, file: &SourceFile) -> Vec<Diagnostic> {
        if self.hidden.is_empty() {
            return self.diagnostics;
        }
        let is_hidden = |at: usize| self.hidden.iter().any(|span| span.contains(&at));
        let shown = file.text.char_indices();
        // A character of the same length, so that places stay where they are.
        let shown = shown.map(|(at, character)| match character.len_utf8() {
            1 if is_hidden(at) && character != '\n' => '*',
            2 if is_hidden(at) => '¤',
            3 if is_hidden(at) => '…',
            4 if is_hidden(at) => '🔒',
            _ => character,
        });
        let file = Arc::new(SourceFile {
            path: file.path.clone(),
            text: shown.collect(),
        });
        let hide = |mut diagnostic: Diagnostic| {
            diagnostic.loc.file = Arc::clone(&file);
            diagnostic
        };
        self.diagnostics.into_iter().map(hide).collect()
    }
}

impl State<'_> {
    pub(super) fn is_masked(&self, node: &Node) -> bool {
        self.progress.borrow().masked.contains(&node.id)
    }

    /// Whether the fields of a mapping are looked at for the first time.
    pub(super) fn is_unchecked(&self, node: &Node) -> bool {
        self.progress.borrow_mut().checked.insert(node.id)
    }

    /// Remembers that a mapping lacks a field, which has been reported.
    pub(super) fn set_incomplete(&self, node: &Node) {
        self.progress.borrow_mut().incomplete.insert(node.id);
    }

    pub(super) fn is_full(&self) -> bool {
        self.progress.borrow().diagnostics.len() >= MAX_PROBLEMS
    }

    /// Masks the value that failed, and reports it unless it failed for what is masked in it.
    fn mask(&self, root: &Node, fault: Fault) {
        let mut path = Vec::new();
        find(root, fault.node.unwrap_or(root.id), &mut path);
        let mut progress = self.progress.borrow_mut();
        // What is masked and fails again is read by something that cannot skip it, so that fails. Each call masks more.
        let is_repeated = path
            .last()
            .is_some_and(|node| progress.masked.contains(&node.id));
        path.retain(|node| !progress.masked.contains(&node.id));
        let failed = path.last().copied().unwrap_or(root);
        let range = failed.id..failed.end.max(failed.id + 1);
        let is_consequence = is_repeated
            || progress.masked.range(range).next().is_some()
            || progress.incomplete.contains(&failed.id);
        progress.masked.insert(failed.id);
        drop(progress);
        if !is_consequence {
            self.report(fault, failed.head());
        }
    }

    pub(super) fn report(&self, fault: Fault, span: Range<usize>) {
        if fault.code == "pasted-secret" {
            self.progress.borrow_mut().hidden.push(span.clone());
        }
        let mut diagnostic = Diagnostic::error(fault.code, self.loc(span), fault.message);
        diagnostic.hints.extend(fault.hint);
        let mut progress = self.progress.borrow_mut();
        if progress.diagnostics.len() < MAX_PROBLEMS {
            progress.diagnostics.push(diagnostic);
        }
    }

    fn loc(&self, span: Range<usize>) -> Loc {
        Loc {
            file: Arc::clone(self.file),
            span,
        }
    }
}

/// The nodes from the root to the one of an id.
fn find<'a>(node: &'a Node, id: u32, path: &mut Vec<&'a Node>) {
    path.push(node);
    let holds = |node: &&Node| (node.id..node.end).contains(&id);
    let next = match &node.value {
        Value::List(items) => items.iter().find(holds),
        Value::Mapping(entries) => entries
            .iter()
            .flat_map(|(key, value)| [key, value])
            .find(holds),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::Ambiguous(_) => {
            None
        }
    };
    if let Some(next) = next.filter(|_| node.id != id) {
        find(next, id, path);
    }
}
