//! `dvc.lock`: what the stages of a DVC pipeline read and wrote (schema 2.0).

use std::collections::{BTreeMap, BTreeSet};

use super::Format;
use super::reader::{Reader, entries, field, items, text};
use super::told::{ForeignDigest, Placed, Role, StatedDigest};
use crate::manifest::yaml::Node;

/// The row of the table.
pub(super) const FORMAT: Format = Format {
    name: "dvc",
    summary: "`dvc.lock` of DVC",
    recognise: |name, root| {
        name == "dvc.lock" || field(root, "schema").is_some() && field(root, "stages").is_some()
    },
    read,
};

/// Endings of source code. A file below the lock's folder with one of them is code, unless a dataset claims it.
const SOURCE_ENDINGS: [&str; 8] = [".py", ".r", ".R", ".jl", ".sh", ".scala", ".java", ".sql"];

/// A file or folder of a stage.
struct Item<'a> {
    node: &'a Node,
    path: &'a str,
    /// Its digest as it is written; `None` when there is none.
    digest: Option<&'a str>,
    /// Whether the digest is of the bytes. Without `hash: md5` it is one of DVC 2, which changes line ends first.
    is_of_bytes: bool,
}

struct Stage<'a> {
    node: &'a Node,
    deps: Vec<Item<'a>>,
    outs: Vec<Item<'a>>,
}

fn read(reader: &mut Reader<'_>) {
    let root = reader.root;
    let schema = field(root, "schema");
    match schema.and_then(Node::scalar_text) {
        Some("2.0") => {}
        Some(_) => {
            let node = schema.unwrap_or(root);
            reader.problem(
                "unknown-format",
                node,
                "only the schema `2.0` of DVC is known",
            );
            return;
        }
        None => {
            reader.problem("missing-field", root, "the field `schema` is missing");
            return;
        }
    }
    let all = entries(field(root, "stages"));
    if all.is_empty() {
        let message = "there are no `stages`, so nothing is told";
        reader.problem("missing-field", root, message);
    }
    let stages: Vec<Stage<'_>> = all
        .iter()
        .map(|(_, stage)| read_stage(reader, stage))
        .collect();
    let wanted = wanted_stages(reader, &stages);
    let made: BTreeMap<&str, &Item<'_>> = outs(&stages).map(|out| (out.path, out)).collect();
    for dep in wanted
        .iter()
        .filter_map(|at| stages.get(*at))
        .flat_map(|stage| &stage.deps)
    {
        // What another stage wrote is what that one read, as long as it is the same.
        let is_made = made
            .get(dep.path)
            .is_some_and(|out| out.digest.is_some() && out.digest == dep.digest);
        if !is_made {
            let is_source = SOURCE_ENDINGS.iter().any(|end| dep.path.ends_with(end));
            let is_far = dep.path.contains("://") || dep.path.starts_with(['/', '.']);
            let role = if is_source && !is_far {
                Role::Tool
            } else {
                Role::Data
            };
            reader.input(role, dep.node, dep.path);
        }
    }
}

fn read_stage<'a>(reader: &mut Reader<'a>, stage: &'a Node) -> Stage<'a> {
    let mut side = |name: &str| -> Vec<Item<'a>> {
        let items = items(field(stage, name)).iter();
        items.filter_map(|item| read_item(reader, item)).collect()
    };
    Stage {
        node: stage,
        deps: side("deps"),
        outs: side("outs"),
    }
}

fn read_item<'a>(reader: &mut Reader<'a>, item: &'a Node) -> Option<Item<'a>> {
    let (node, path) = reader.required(item, "path")?;
    if let Some(digest) = field(item, "md5") {
        let hex = digest.scalar_text().unwrap_or("");
        let hex = hex.strip_suffix(".dir").unwrap_or(hex);
        if hex.len() != 32 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            reader.problem("not-a-digest", digest, "an MD5 has 32 digits of hex");
        }
    }
    let names = ["md5", "etag", "checksum"];
    Some(Item {
        node,
        path,
        digest: names.iter().find_map(|name| text(item, name)),
        is_of_bytes: text(item, "hash") == Some("md5"),
    })
}

fn outs<'s, 'a>(stages: &'s [Stage<'a>]) -> impl Iterator<Item = &'s Item<'a>> {
    stages.iter().flat_map(|stage| &stage.outs)
}

/// Whether one path is the other, or below it.
fn is_within(path: &str, folder: &str) -> bool {
    let rest = path.strip_prefix(folder.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The stages that made the artifact, with those that made what they read; all when none says that it did.
fn wanted_stages(reader: &mut Reader<'_>, stages: &[Stage<'_>]) -> BTreeSet<usize> {
    let everything = (0..stages.len()).collect();
    let Some(subject) = reader.subject else {
        return everything;
    };
    let mut waiting = Vec::new();
    for (index, stage) in stages.iter().enumerate() {
        for out in &stage.outs {
            if is_within(out.path, subject) || is_within(subject, out.path) {
                waiting.push(index);
                state(reader, out);
            }
        }
    }
    if waiting.is_empty() {
        // Then it cannot be told from one that was cut off between two of its inputs.
        for stage in stages.iter().filter(|stage| stage.outs.is_empty()) {
            let message = format!(
                "no stage writes `{subject}`, and this one names nothing that it wrote: the file may be cut short; if it is whole, say with `--input` what this was made from, and leave the file out"
            );
            reader.problem("no-outputs", stage.node, message);
        }
        let message =
            format!("no stage writes `{subject}`, so all stages count and no digest is compared");
        let loc = reader.loc(reader.root);
        reader.told.notes.push(Placed {
            value: message,
            loc,
        });
        return everything;
    }
    let mut makers: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, stage) in stages.iter().enumerate() {
        makers.extend(stage.outs.iter().map(|out| (out.path, index)));
    }
    let mut wanted = BTreeSet::new();
    while let Some(index) = waiting.pop() {
        if wanted.insert(index) {
            let deps = stages.get(index).into_iter().flat_map(|stage| &stage.deps);
            waiting.extend(deps.filter_map(|dep| makers.get(dep.path)));
        }
    }
    wanted
}

/// Takes down what the bytes of an output should be.
fn state(reader: &mut Reader<'_>, out: &Item<'_>) {
    let loc = reader.loc(out.node);
    let digest = match out
        .digest
        .filter(|_| out.is_of_bytes)
        .map(str::to_lowercase)
    {
        Some(digest) => match digest.strip_suffix(".dir") {
            Some(hex) => ForeignDigest::DvcFolder(hex.to_owned()),
            None => ForeignDigest::Md5(digest),
        },
        None => {
            let value = format!(
                "`{}` has no MD5 of its bytes, so nothing is compared",
                out.path
            );
            reader.told.notes.push(Placed { value, loc });
            return;
        }
    };
    reader.told.digests.push(StatedDigest {
        path: out.path.to_owned(),
        digest,
        loc,
    });
}
