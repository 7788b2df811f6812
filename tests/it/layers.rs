//! The layers of the code: which module may name which. The table is also in `ARCHITECTURE.md`, word for word.

use std::fmt::Write as _;
use std::fs;

use crate::layer_checker::{problems_of, root_problems};
use crate::support::{files_under, root};

/// Modules at one height.
pub(crate) struct Layer {
    pub(crate) modules: &'static [&'static str],
    /// The layers that they may use.
    pub(crate) uses: &'static [usize],
    pub(crate) siblings: Siblings,
}

/// Whether the modules of one layer may use each other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Siblings {
    Used,
    Strangers,
}

const fn layer(
    modules: &'static [&'static str],
    uses: &'static [usize],
    siblings: Siblings,
) -> Layer {
    Layer {
        modules,
        uses,
        siblings,
    }
}

use Siblings::{Strangers, Used};

/// The index is the layer's number. Modules that are still to come have their place already.
pub(crate) const LAYERS: [Layer; 11] = [
    layer(&["model"], &[], Strangers),
    layer(
        &["diagnostic", "clock", "redact", "progress", "flow"],
        &[0],
        Strangers,
    ),
    layer(&["manifest", "topology"], &[0, 1], Used),
    layer(&["plan", "gate"], &[0, 1, 2], Strangers),
    layer(&["fs", "net", "config", "telemetry"], &[0, 1], Strangers),
    layer(
        &["git", "adapter", "ledger", "attest"],
        &[0, 1, 4],
        Strangers,
    ),
    layer(&["engine"], &[0, 1, 2, 3, 4, 5], Strangers),
    layer(&["ops", "error", "context"], &[0, 1, 2, 3, 4, 5, 6], Used),
    layer(&["controller"], &[0, 1, 2, 3, 4, 5, 6, 7], Strangers),
    layer(
        &["http", "web", "ui"],
        &[0, 1, 2, 3, 4, 5, 6, 7, 8],
        Strangers,
    ),
    layer(&["cli"], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], Strangers),
];

/// The layer that a module is in.
pub(crate) fn layer_of(module: &str) -> Option<usize> {
    LAYERS
        .iter()
        .position(|layer| layer.modules.contains(&module))
}

/// The names of the dependencies, as code writes them.
fn dependencies(manifest: &str) -> Vec<String> {
    let section = manifest
        .split("\n[dependencies]\n")
        .nth(1)
        .unwrap_or_default();
    section
        .lines()
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split_once(" = ")?.0.replace('-', "_")))
        .collect()
}

/// The table as `ARCHITECTURE.md` has it.
fn rendered_table() -> String {
    let list = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    let mut table = String::from("| layer | modules | may use |\n| --- | --- | --- |\n");
    for (number, layer) in LAYERS.iter().enumerate() {
        let mut uses = match layer.uses {
            [] => "nothing of ours".to_owned(),
            [only] => only.to_string(),
            [first, .., last] if last - first + 1 == layer.uses.len() => format!("{first}–{last}"),
            // The engine's tools skip the layers that decide.
            _ => "0–1, 4".to_owned(),
        };
        if layer.siblings == Used {
            uses.push_str(", each other");
        }
        writeln!(table, "| {number} | {} | {uses} |", list(layer.modules)).unwrap();
    }
    table
}

#[test]
fn no_module_uses_what_is_above_it() {
    let crates = dependencies(&fs::read_to_string(root().join("Cargo.toml")).unwrap());
    assert!(crates.contains(&"futures_util".to_owned()), "{crates:?}");
    let mut problems = Vec::new();
    let mut count = 0;
    for (path, bytes) in files_under(&root().join("src")) {
        if !path.ends_with(".rs") {
            continue;
        }
        count += 1;
        let source = String::from_utf8(bytes).unwrap();
        if path == "lib.rs" || path == "main.rs" {
            problems.extend(root_problems(&path, &source));
        } else {
            problems.extend(problems_of(&path, &source, &crates));
        }
    }
    assert!(count > 100, "only {count} sources were found");
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn the_architecture_page_has_the_table() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let table = rendered_table();
    assert!(
        page.contains(&table),
        "ARCHITECTURE.md should hold this table:\n{table}"
    );
}

#[test]
fn layers_use_lower_layers_alone() {
    for (number, layer) in LAYERS.iter().enumerate() {
        assert!(layer.uses.iter().all(|used| *used < number), "{number}");
        for module in layer.modules {
            assert_eq!(layer_of(module), Some(number), "`{module}` is in one layer");
        }
    }
}
