//! The lines that `strace` writes, read: which thread made which call on which path, and whether it was made to fail.

use std::collections::BTreeMap;

/// The calls that change files, or open them. A system that lacks one never makes it.
pub(super) const CALLS: [&str; 24] = [
    "openat",
    "open",
    "creat",
    "write",
    "pwrite64",
    "writev",
    "copy_file_range",
    "fsync",
    "fdatasync",
    "syncfs",
    "ftruncate",
    "fchmod",
    "mkdir",
    "mkdirat",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "unlink",
    "unlinkat",
    "rmdir",
];
/// Those of them that name their file by a descriptor alone.
const BY_DESCRIPTOR: [&str; 9] = [
    "write",
    "pwrite64",
    "writev",
    "copy_file_range",
    "fsync",
    "fdatasync",
    "syncfs",
    "ftruncate",
    "fchmod",
];

/// Those whose first path alone `strace` looks at.
const BY_FIRST: [&str; 3] = ["rename", "link", "symlink"];

/// What stands for the folder of the organisation in paths, so that those of two copies compare.
const FOLDER: &str = "@";

/// One call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) thread: u32,
    pub(super) name: String,
    /// The paths below a workspace, the staging areas in it, or the ledger.
    pub(super) paths: Vec<Named>,
    /// The files and folders behind the descriptors that it was given.
    pub(super) descriptors: Vec<String>,
    pub(super) is_injected: bool,
    pub(super) has_returned: bool,
}

/// A path as the call has it, and whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) given: String,
    whole: String,
}

impl Call {
    /// Whether `strace -P` lets the call pass for a path, which it is told as it is given and as it really is.
    pub(super) fn is_on(&self, path: &str) -> bool {
        let whole = whole(path);
        let is_it = |named: &Named| named.given == path || named.given == whole;
        self.paths.iter().any(is_it) || self.descriptors.contains(&whole)
    }

    /// The call and its path, with `*` for what is never the same twice; `None` when it is about other files.
    pub(super) fn shown(&self) -> Option<String> {
        let path = self.paths.first()?;
        let parts = path.whole.split('/').skip(1).map(without_chance);
        let parts: Vec<String> = parts.collect();
        Some(format!("{} {}", self.name, parts.join("/")))
    }
}

/// The path without the way over the repository that `promote.yaml` takes.
pub(super) fn whole(path: &str) -> String {
    path.replace("/repository/..", "")
}

/// Hashes, and the six letters of temporary names, are another each time.
fn without_chance(part: &str) -> String {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (stem, lock) = match part.strip_suffix(".lock") {
        Some(stem) => (stem, ".lock"),
        None => (part, ""),
    };
    let stem = match stem.rsplit_once('.') {
        Some((kept, chance)) if chance.len() == 6 && kept.len() != 1 && !is_known(chance) => {
            format!("{kept}.*")
        }
        _ => stem.to_owned(),
    };
    let hidden = stem.split('.').map(|word| match word.len() {
        2 | 64 if is_hex(word) => "#",
        _ => word,
    });
    format!("{}{lock}", hidden.collect::<Vec<_>>().join("."))
}

/// Endings of six letters that are no chance.
fn is_known(ending: &str) -> bool {
    ["jsonl", "record"].contains(&ending)
}

/// The calls of a log in the order in which they began. `folder` is where the organisation is.
pub(super) fn parse(log: &str, folder: &str) -> Vec<Call> {
    let log = log.replace(folder, FOLDER);
    let mut texts: Vec<(u32, String)> = Vec::new();
    let mut waiting = BTreeMap::new();
    for line in log.lines() {
        let Some((thread, rest)) = line.split_once(' ') else {
            continue;
        };
        let (thread, rest): (u32, _) = (thread.parse().unwrap(), rest.trim_start());
        if let Some(resumed) = rest.strip_prefix("<... ") {
            let (_, end) = resumed.split_once(" resumed>").unwrap();
            if let Some(index) = waiting.remove(&thread) {
                let (_, text): &mut (u32, String) = &mut texts[index];
                text.push_str(end);
            }
        } else if rest.starts_with(|c: char| c.is_ascii_lowercase()) {
            let text = rest.strip_suffix("<unfinished ...>");
            if text.is_some() {
                waiting.insert(thread, texts.len());
            }
            texts.push((thread, text.unwrap_or(rest).to_owned()));
        }
    }
    texts
        .iter()
        .map(|(thread, text)| call(*thread, text))
        .collect()
}

fn call(thread: u32, text: &str) -> Call {
    let (name, rest) = text.split_once('(').unwrap();
    let (arguments, result) = rest.rsplit_once(" = ").unwrap_or((rest, "?"));
    let arguments = arguments.trim_end().trim_end_matches(')').trim_end();
    let (mut paths, mut descriptors, mut folder) = (Vec::new(), Vec::new(), String::new());
    for argument in arguments.split(", ") {
        let quoted = argument
            .strip_prefix('"')
            .and_then(|text| text.split('"').next());
        let descriptor = argument
            .split_once('<')
            .and_then(|(number, path)| Some((number, path.strip_suffix('>')?)));
        match (quoted, descriptor) {
            (Some(given), _) if !BY_DESCRIPTOR.contains(&name) => {
                let whole = if given.starts_with(['/', '@']) {
                    whole(given)
                } else {
                    format!("{folder}/{given}")
                };
                let given = given.to_owned();
                paths.push(Named { given, whole });
            }
            (None, Some((number, path))) => {
                folder = path.to_owned();
                if number.bytes().all(|byte| byte.is_ascii_digit()) {
                    descriptors.push(path.to_owned());
                }
            }
            _ => {}
        }
    }
    if BY_DESCRIPTOR.contains(&name) {
        let named = descriptors.iter().map(|path| Named {
            given: path.clone(),
            whole: path.clone(),
        });
        paths.extend(named);
    }
    if BY_FIRST.contains(&name) {
        paths.truncate(1);
    }
    paths.retain(|named| {
        let below = named.whole.strip_prefix(FOLDER).unwrap_or_default();
        below.starts_with("/ledger") || below.starts_with("/workspaces")
    });
    Call {
        thread,
        name: name.to_owned(),
        paths,
        descriptors,
        is_injected: result.contains("(INJECTED)"),
        has_returned: !result.starts_with('?'),
    }
}
