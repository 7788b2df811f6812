//! `promote lineage`: what a version was made from, or what was made from it, with the label of each thing and why it
//! carries it.

mod draw;
mod known;
pub mod path;
mod svg;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::Serialize;

use crate::context::Context;
use crate::engine::book::Book;
use crate::engine::world::World;
use crate::error::Result;
use crate::flow::closure::Reason;
use crate::model::artifact::VersionId;
use crate::model::digest::TreeDigest;
use crate::model::label::{Label, Tag};
use crate::ops::catalogue::find_version;
use crate::ops::lineage::known::Known;

/// The most nodes that a graph shows. Whoever needs more asks for a version further up.
pub const MAX_NODES: usize = 1_000;

/// Which way a graph goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// To what it was made from.
    Up,
    /// To what was made from it.
    Down,
}

/// A graph of things and what they were made from.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LineageReport {
    /// The version that was asked about.
    pub version: VersionId,
    /// Which way the graph goes from there.
    pub way: Way,
    /// The things by their keys.
    pub nodes: BTreeMap<String, Node>,
    /// The steps between them, always from a thing to what it was made from.
    pub edges: BTreeSet<Edge>,
    /// Whether there is more than [`MAX_NODES`] things.
    pub is_cut: bool,
}

/// A thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// What kind of thing.
    pub kind: NodeKind,
    /// What it is called.
    pub name: String,
    /// Its digest, if it is a version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<TreeDigest>,
    /// The tags that it carries; `None` when nothing is known of it, and for code and runs, which carry none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// Why it carries each tag: the last step of the way it came by.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub reasons: BTreeMap<Tag, Vec<String>>,
}

/// What kind of thing a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeKind {
    /// A registered version.
    Version,
    /// A version that nobody registered.
    UnknownVersion,
    /// A dataset.
    Dataset,
    /// A dataset that nobody declared.
    UnknownDataset,
    /// A commit of code.
    Code,
    /// A run of some platform.
    Run,
}

impl NodeKind {
    /// What the keys of such things begin with; the rest of a key is the thing's own name, in full.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Version | Self::UnknownVersion => "version:",
            Self::Dataset | Self::UnknownDataset => "dataset:",
            Self::Code => "code:",
            Self::Run => "run:",
        }
    }
}

/// A step from a thing to what it was made from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Edge {
    /// The key of what was made.
    pub from: String,
    /// The key of what it was made from.
    pub to: String,
    /// In which way.
    pub kind: EdgeKind,
    /// The tags that what was made carries because of it.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<Tag>,
}

/// In which way one thing is in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EdgeKind {
    /// It was read.
    Dataset,
    /// It was derived from.
    Base,
    /// It has a file that was known from there.
    File,
    /// It was made by this code.
    Code,
    /// It was made in this run.
    Run,
}

/// Follows the lineage of a version, written as people write it.
///
/// # Errors
///
/// When there is no such version, or something cannot be read or believed.
pub fn lineage(context: &Context, text: &str, way: Way) -> Result<LineageReport> {
    let mut engine = context.observer()?;
    let world = engine.observe()?;
    let known = Known::of(engine.book()?, &world)?;
    let version = find_version(text, known.versions())?;
    Ok(graph(&known, version, way))
}

/// Follows the lineage of versions.
///
/// # Errors
///
/// When evidence cannot be read.
pub(crate) fn follow<const N: usize>(
    book: &Book,
    world: &World,
    versions: [&VersionId; N],
    way: Way,
) -> Result<[LineageReport; N]> {
    let known = Known::of(book, world)?;
    Ok(versions.map(|version| graph(&known, version.clone(), way)))
}

fn graph(known: &Known, version: VersionId, way: Way) -> LineageReport {
    let mut graph = Graph {
        known,
        nodes: BTreeMap::new(),
        edges: BTreeSet::new(),
        waiting: VecDeque::new(),
        is_cut: false,
    };
    match way {
        Way::Up => graph.follow_up(&version),
        Way::Down => graph.follow_down(&version),
    }
    LineageReport {
        version,
        way,
        nodes: graph.nodes,
        edges: graph.edges,
        is_cut: graph.is_cut,
    }
}

/// A graph while it is built. Each thing is entered once, so that a circle ends.
struct Graph<'a> {
    known: &'a Known,
    nodes: BTreeMap<String, Node>,
    edges: BTreeSet<Edge>,
    waiting: VecDeque<VersionId>,
    is_cut: bool,
}

impl Graph<'_> {
    fn follow_up(&mut self, start: &VersionId) {
        self.enter_version(start);
        while let Some(version) = self.waiting.pop_front() {
            let from = version_key(&version);
            let brought = self.known.brought(&version);
            for (input, kind) in self.known.inputs(&version) {
                let to = match input {
                    known::Input::Version(id) => {
                        let is_in = self.enter_version(&id);
                        is_in.then(|| version_key(&id))
                    }
                    known::Input::Other(key, node) => self.enter(&key, node).then_some(key),
                };
                if let Some(to) = to {
                    let from = from.clone();
                    let tags = brought
                        .get(&(to.clone(), kind))
                        .cloned()
                        .unwrap_or_default();
                    self.edges.insert(Edge {
                        from,
                        to,
                        kind,
                        tags,
                    });
                }
            }
        }
    }

    fn follow_down(&mut self, start: &VersionId) {
        let made_from = self.known.made_from();
        self.enter_version(start);
        while let Some(version) = self.waiting.pop_front() {
            for (id, kind) in made_from.get(&version).into_iter().flatten() {
                if self.enter_version(id) {
                    let (from, to) = (version_key(id), version_key(&version));
                    let tags = self.known.brought(id).remove(&(to.clone(), *kind));
                    self.edges.insert(Edge {
                        from,
                        to,
                        kind: *kind,
                        tags: tags.unwrap_or_default(),
                    });
                }
            }
        }
    }

    /// Enters a version, to be followed when it is new; false when there is no room.
    fn enter_version(&mut self, id: &VersionId) -> bool {
        let key = version_key(id);
        let is_new = !self.nodes.contains_key(&key);
        let is_in = self.enter(&key, self.known.node(id));
        if is_new && is_in {
            self.waiting.push_back(id.clone());
        }
        is_in
    }

    fn enter(&mut self, key: &str, node: Node) -> bool {
        if self.nodes.contains_key(key) {
            return true;
        }
        if self.nodes.len() >= MAX_NODES {
            self.is_cut = true;
            return false;
        }
        self.nodes.insert(key.to_owned(), node);
        true
    }
}

/// The key of a version in a graph.
pub(crate) fn version_key(id: &VersionId) -> String {
    format!("{}{id}", NodeKind::Version.prefix())
}

/// Why a tag is on a label, in words.
fn words(reason: &Reason) -> String {
    match reason {
        Reason::Dataset(name) => format!("dataset `{name}` carries it"),
        Reason::UnknownDataset(name) => format!("nobody declared dataset `{name}`"),
        Reason::Snapshot(id) => format!("snapshot `{id}` carries it"),
        Reason::UnknownSnapshot(id) => {
            format!("nobody declared snapshot `{id}` with the digest that was read")
        }
        Reason::Base(version) => format!("base `{version}` carries it"),
        Reason::UnknownBase(version) => format!("nobody registered base `{version}`"),
        Reason::KnownFile { file, first } => {
            let file: String = file.to_string().chars().take(12).collect();
            format!("its file {file} is known from `{first}`")
        }
        Reason::UnknownLineage => {
            "what it was made from is not all known, or signed by nobody known, and its workspace may hold it".to_owned()
        }
        Reason::UnknownProducer => "nothing is known of where it was made".to_owned(),
        Reason::Recorded => "the ledger has recorded it, and labels only grow".to_owned(),
        Reason::Cycle => "its lineage leads back to itself".to_owned(),
    }
}

#[cfg(test)]
mod tests;
