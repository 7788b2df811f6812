//! Graphs as text: a tree for people, DOT for Graphviz, Mermaid for Markdown pages. Every node has its label, and every edge
//! the tags that it brought.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::label::Tag;
use crate::ops::lineage::{Edge, EdgeKind, LineageReport, Node, NodeKind, Way, version_key};
use crate::redact::printable;

/// The deepest branch that a tree shows.
const MAX_DEPTH: usize = 64;

impl NodeKind {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::UnknownVersion => "unregistered version",
            Self::Dataset => "dataset",
            Self::UnknownDataset => "undeclared dataset",
            Self::Code => "code",
            Self::Run => "run",
        }
    }
}

impl EdgeKind {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Dataset => "dataset",
            Self::Base => "base",
            Self::File => "shared file",
            Self::Code => "code",
            Self::Run => "run",
        }
    }
}

impl LineageReport {
    /// The lines of a tree that begins with the version. What was shown before is not shown again below.
    #[must_use]
    pub fn tree(&self) -> Vec<String> {
        let mut next: BTreeMap<&str, Vec<(&str, &Edge)>> = BTreeMap::new();
        for edge in &self.edges {
            let (here, there) = match self.way {
                Way::Up => (&edge.from, &edge.to),
                Way::Down => (&edge.to, &edge.from),
            };
            next.entry(here).or_default().push((there, edge));
        }
        let mut tree = Tree {
            report: self,
            next,
            shown: BTreeSet::new(),
            lines: Vec::new(),
        };
        tree.branch(&version_key(&self.version), None, "", "");
        tree.lines
    }

    /// The graph in Graphviz's language.
    #[must_use]
    pub fn dot(&self) -> String {
        let mut text = String::from("digraph lineage {\n  rankdir=LR;\n  node [shape=box];\n");
        for (key, node) in &self.nodes {
            let (key, label) = (quoted(key), quoted(&describe(node)));
            text.push_str(&format!("  {key} [label={label}];\n"));
        }
        for edge in &self.edges {
            let (to, from) = (quoted(&edge.to), quoted(&edge.from));
            let words = quoted(&edge_words(edge));
            text.push_str(&format!("  {to} -> {from} [label={words}];\n"));
        }
        text.push_str("}\n");
        text
    }

    /// The graph in Mermaid's language.
    #[must_use]
    pub fn mermaid(&self) -> String {
        let mut text = String::from("flowchart LR\n");
        let ids: BTreeMap<&String, usize> = self.nodes.keys().zip(0..).collect();
        for (key, node) in &self.nodes {
            let id = ids.get(key).copied().unwrap_or_default();
            let label = entities(&describe(node));
            text.push_str(&format!("  n{id}[\"{label}\"]\n"));
        }
        for edge in &self.edges {
            if let (Some(from), Some(to)) = (ids.get(&edge.from), ids.get(&edge.to)) {
                let words = entities(&edge_words(edge));
                text.push_str(&format!("  n{to} -->|\"{words}\"| n{from}\n"));
            }
        }
        text
    }
}

struct Tree<'a> {
    report: &'a LineageReport,
    next: BTreeMap<&'a str, Vec<(&'a str, &'a Edge)>>,
    shown: BTreeSet<String>,
    lines: Vec<String>,
}

impl Tree<'_> {
    /// Adds a node and what follows it. `first` stands before its own line, `rest` before those below.
    fn branch(&mut self, key: &str, edge: Option<&Edge>, first: &str, rest: &str) {
        let Some(node) = self.report.nodes.get(key) else {
            return;
        };
        let way = edge.map_or_else(String::new, |edge| format!("{}: ", edge.kind.word()));
        let is_new = self.shown.insert(key.to_owned());
        let more = if is_new { "" } else { " (see above)" };
        self.lines
            .push(format!("{first}{way}{}{more}", describe(node)));
        if !is_new {
            return;
        }
        let next = self.next.get(key).cloned().unwrap_or_default();
        let bar = if next.is_empty() { "  " } else { "│ " };
        for (tag, reasons) in &node.reasons {
            self.lines
                .push(format!("{rest}{bar}  {tag}: {}", reasons.join("; ")));
        }
        if rest.chars().count() / 3 >= MAX_DEPTH {
            self.lines.push(format!("{rest}└─ …"));
            return;
        }
        let count = next.len();
        for (number, (key, edge)) in (1..).zip(next) {
            let (branch, below) = if number == count {
                ("└─ ", "   ")
            } else {
                ("├─ ", "│  ")
            };
            self.branch(
                key,
                Some(edge),
                &format!("{rest}{branch}"),
                &format!("{rest}{below}"),
            );
        }
    }
}

/// In which way a thing came in, and the tags that it brought.
pub(super) fn edge_words(edge: &Edge) -> String {
    let tags: Vec<&str> = edge.tags.iter().map(Tag::as_str).collect();
    match tags.as_slice() {
        [] => edge.kind.word().to_owned(),
        tags => format!("{}: {}", edge.kind.word(), tags.join(", ")),
    }
}

/// What a node is, without its label.
pub(super) fn name_of(node: &Node) -> String {
    let kind = match node.kind {
        NodeKind::UnknownVersion | NodeKind::UnknownDataset => {
            format!(" ({})", node.kind.word())
        }
        NodeKind::Version | NodeKind::Dataset | NodeKind::Code | NodeKind::Run => String::new(),
    };
    format!("{}{kind}", node.name)
}

/// A node in a line.
fn describe(node: &Node) -> String {
    let label = node
        .label
        .as_ref()
        .map_or_else(String::new, |label| format!(" [{label}]"));
    format!("{}{label}", name_of(node))
}

/// Text in DOT's double quotes.
fn quoted(text: &str) -> String {
    let text = printable(text).replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", text.replace('\n', " "))
}

/// Text inside Mermaid's double quotes, where only entities are safe.
fn entities(text: &str) -> String {
    let mut safe = String::new();
    for character in printable(text).chars() {
        match character {
            '"' => safe.push_str("&quot;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '#' => safe.push_str("&num;"),
            '`' => safe.push_str("&#96;"),
            '\n' => safe.push(' '),
            other => safe.push(other),
        }
    }
    safe
}
