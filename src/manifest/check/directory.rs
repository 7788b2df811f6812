//! Directories of two workspaces are apart: one inside the other would be a way round the flow rule.

use super::Facts;
use crate::diagnostic::Diagnostic;

pub(super) fn check(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let mut directories = Vec::new();
    for (name, document) in &facts.repository.workspaces {
        if let Some(path) = document.value.spec.adapter.local_path() {
            directories.push((parts(path), name, document));
        }
    }
    // Sorted, what lies inside a directory follows it.
    directories.sort_by(|left, right| left.0.cmp(&right.0));
    let mut found = Vec::new();
    let mut around: Vec<&(Vec<&str>, _, _)> = Vec::new();
    for directory in &directories {
        let (parts, name, document) = directory;
        while around
            .pop_if(|(outer, ..)| !parts.starts_with(outer))
            .is_some()
        {}
        if let Some((outer, outer_name, _)) = around.last() {
            let how = if parts.len() == outer.len() {
                "the same as"
            } else {
                "inside"
            };
            let message = format!("the directory of `{name}` is {how} that of `{outer_name}`");
            let kind = document.value.spec.adapter.kind();
            let loc = document.at(&format!("/spec/adapter/{kind}/path"));
            let problem = Diagnostic::error("overlapping-directories", loc, message);
            found.push(problem.hint("what is written to one workspace would appear in the other; give each a directory of its own"));
        }
        around.push(directory);
    }
    found
}

/// The parts of a path without `.` and with `..` taken out where a part precedes it. Links are not followed here.
fn parts(path: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    if path.starts_with('/') {
        parts.push("/");
    }
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts
                .last()
                .is_some_and(|last| !matches!(*last, ".." | "/")) =>
            {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_directory_are_one() {
        for path in ["a/b", "./a/b/", "a//b", "a/c/../b", "x/../a/./b"] {
            assert_eq!(parts(path), ["a", "b"], "{path}");
        }
        assert_eq!(parts("../a"), ["..", "a"]);
        assert_eq!(parts("/a"), ["/", "a"]);
    }
}
