//! Graphs as one self-contained picture: no script, no font and no address in it.

use std::collections::BTreeMap;

use crate::ops::lineage::draw::{edge_words, name_of};
use crate::ops::lineage::{Edge, LineageReport, Node, NodeKind};
use crate::redact::printable;

/// Sizes in pixels.
const LETTER: usize = 7;
const BOX_HEIGHT: usize = 44;
const ROW: usize = 76;
const GAP: usize = 190;
const MARGIN: usize = 24;
/// The most letters of a line; the whole text is in the title that viewers show.
const MAX_LETTERS: usize = 56;
/// The most rounds in which columns are found: deeper lineages are drawn with their oldest parts in one column.
const MAX_COLUMNS: usize = 64;

/// Where a box is.
#[derive(Clone, Copy)]
struct Place {
    x: usize,
    y: usize,
    width: usize,
}

impl LineageReport {
    /// The graph as SVG: what things were made from on the left, each box with its label, each arrow with the tags that it
    /// brought.
    #[must_use]
    pub fn svg(&self) -> String {
        let (places, width, height) = self.places();
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             font-family=\"monospace\" font-size=\"12\">\n\
             <title>{}</title>\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
             <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\">\
             <path d=\"M0 0L8 4L0 8z\" fill=\"#555555\"/></marker></defs>\n",
            escaped(&format!("lineage of {}", self.version))
        );
        for edge in &self.edges {
            if let (Some(made), Some(input)) = (places.get(&edge.from), places.get(&edge.to)) {
                text.push_str(&arrow(edge, *input, *made));
            }
        }
        for (key, node) in &self.nodes {
            if let Some(place) = places.get(key) {
                text.push_str(&boxed(node, *place));
            }
        }
        text.push_str("</svg>\n");
        text
    }

    /// Places of the boxes, and the width and height of the whole.
    fn places(&self) -> (BTreeMap<&String, Place>, usize, usize) {
        let columns = self.columns();
        let last = columns.values().copied().max().unwrap_or_default();
        // Inputs are on the left, so the columns count from the right.
        let mut members: BTreeMap<usize, Vec<&String>> = BTreeMap::new();
        for (key, column) in &columns {
            members
                .entry(last.saturating_sub(*column))
                .or_default()
                .push(key);
        }
        let rows = members.values().map(Vec::len).max().unwrap_or_default();
        let height = MARGIN * 2 + rows.max(1) * ROW;
        let mut places = BTreeMap::new();
        let mut x = MARGIN;
        for keys in members.values() {
            let widths = keys
                .iter()
                .filter_map(|key| self.nodes.get(*key))
                .map(width_of);
            let widest = widths.max().unwrap_or_default();
            let top = (height - keys.len() * ROW) / 2;
            for (row, key) in keys.iter().enumerate() {
                let width = self.nodes.get(*key).map(width_of).unwrap_or_default();
                let y = top + row * ROW + (ROW - BOX_HEIGHT) / 2;
                places.insert(*key, Place { x, y, width });
            }
            x += widest + GAP;
        }
        (places, x.saturating_sub(GAP) + MARGIN, height)
    }

    /// The column of each thing: one further than the furthest of what was made from it. A circle ends with the rounds.
    fn columns(&self) -> BTreeMap<&String, usize> {
        let mut columns: BTreeMap<&String, usize> = self.nodes.keys().map(|key| (key, 0)).collect();
        for _ in 0..MAX_COLUMNS {
            let mut is_done = true;
            for edge in &self.edges {
                let next = columns.get(&edge.from).map_or(0, |column| column + 1);
                if let Some(column) = columns.get_mut(&edge.to)
                    && *column < next.min(MAX_COLUMNS)
                {
                    *column = next;
                    is_done = false;
                }
            }
            if is_done {
                break;
            }
        }
        columns
    }
}

fn arrow(edge: &Edge, from: Place, to: Place) -> String {
    let (x1, y1) = (from.x + from.width, from.y + BOX_HEIGHT / 2);
    let (x2, y2) = (to.x, to.y + BOX_HEIGHT / 2);
    let (x, y) = (usize::midpoint(x1, x2), usize::midpoint(y1, y2));
    // What puts tags on a label is drawn heavier than what does not.
    let width = if edge.tags.is_empty() { 1 } else { 2 };
    format!(
        "<path d=\"M{x1} {y1}C{x} {y1} {x} {y2} {x2} {y2}\" fill=\"none\" stroke=\"#555555\" stroke-width=\"{width}\" marker-end=\"url(#tip)\"/>\n\
         <text x=\"{x}\" y=\"{}\" text-anchor=\"middle\" fill=\"#333333\">{}</text>\n",
        y.saturating_sub(5),
        escaped(&cut(&edge_words(edge)))
    )
}

fn boxed(node: &Node, Place { x, y, width }: Place) -> String {
    let fill = match node.kind {
        NodeKind::Version => "#e8f0fe",
        NodeKind::Dataset => "#e6f4ea",
        NodeKind::UnknownVersion | NodeKind::UnknownDataset => "#fce8e6",
        NodeKind::Code | NodeKind::Run => "#f1f3f4",
    };
    let (name, label) = lines_of(node);
    let (title, name, label) = (escaped(&name_of(node)), escaped(&name), escaped(&label));
    let (left, first, second) = (x + 10, y + 18, y + 35);
    format!(
        "<g><title>{title}</title><rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{BOX_HEIGHT}\" rx=\"6\" fill=\"{fill}\" stroke=\"#555555\"/>\
         <text x=\"{left}\" y=\"{first}\">{name}</text><text x=\"{left}\" y=\"{second}\" fill=\"#a50e0e\">{label}</text></g>\n"
    )
}

/// The two lines in a box: what it is, and its label.
fn lines_of(node: &Node) -> (String, String) {
    let label = node.label.as_ref();
    (
        cut(&name_of(node)),
        label.map_or_else(String::new, |label| cut(&format!("[{label}]"))),
    )
}

fn width_of(node: &Node) -> usize {
    let (name, label) = lines_of(node);
    let letters = name.chars().count().max(label.chars().count());
    letters * (LETTER + 1) + 20
}

fn cut(text: &str) -> String {
    if text.chars().count() <= MAX_LETTERS {
        return text.to_owned();
    }
    let first: String = text.chars().take(MAX_LETTERS - 1).collect();
    format!("{first}…")
}

/// Text inside an element, with nothing in it that XML or a browser would take for more.
fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for character in printable(text).chars() {
        match character {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '"' => safe.push_str("&quot;"),
            '\n' => safe.push(' '),
            other => safe.push(other),
        }
    }
    safe
}
