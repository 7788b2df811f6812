//! Paths inside a repository: `/` between parts, never leading out of it.

use crate::git::error::GitError;

/// The longest path, in bytes: what Linux accepts.
pub const MAX_BYTES: usize = 4096;
/// The deepest a file may be, in folders.
pub const MAX_DEPTH: usize = 32;

/// The parts of a file's path, checked.
///
/// # Errors
///
/// When the path is empty, absolute, too long or deep, or has a part that some system reads as something else.
pub fn parse_parts(path: &str) -> Result<Vec<&str>, GitError> {
    let refuse = |reason| {
        Err(GitError::Path {
            path: path.escape_debug().take(200).collect(),
            reason,
        })
    };
    if path.len() > MAX_BYTES {
        return refuse("it is longer than 4096 bytes");
    }
    let parts: Vec<&str> = path.split('/').collect();
    if parts.len() > MAX_DEPTH {
        return refuse("it is deeper than 32 folders");
    }
    match parts.iter().find_map(|part| part_problem(part)) {
        Some(reason) => refuse(reason),
        None => Ok(parts),
    }
}

/// The parts of a folder's path, checked; none for the root, which is the empty text.
///
/// # Errors
///
/// As [`parse_parts`].
pub fn parse_folder(path: &str) -> Result<Vec<&str>, GitError> {
    match path.strip_suffix('/').unwrap_or(path) {
        "" => Ok(Vec::new()),
        path => parse_parts(path),
    }
}

/// What is wrong with one part of a path that is written or asked for.
fn part_problem(part: &str) -> Option<&'static str> {
    if part.contains('\\') {
        return Some("it holds a backslash");
    }
    if part.chars().any(char::is_control) {
        return Some("it holds a control character");
    }
    name_problem(part)
}

/// What is wrong with a name in a tree, so wrong that Git itself would not have written it.
pub(super) fn name_problem(part: &str) -> Option<&'static str> {
    if part.is_empty() || part == "." || part == ".." || part.contains('/') {
        return Some("it has an empty part, `.` or `..`");
    }
    // `git~1` is what Windows calls `.git`; macOS ignores the characters of the second test.
    let plain: String = part.chars().filter(|c| !is_ignored(*c)).collect();
    let is_git = ["git~1", ".git"].iter().any(|name| {
        plain
            .trim_end_matches(['.', ' '])
            .eq_ignore_ascii_case(name)
    });
    is_git.then_some("a part of it would be read as a repository")
}

/// Characters that HFS+ leaves out when it compares names (Git's `utf8.c`, `next_hfs_char`).
fn is_ignored(character: char) -> bool {
    matches!(
        character,
        '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        let deep = ["a"; MAX_DEPTH + 1].join("/");
        for path in [
            "",
            "/a",
            "a//b",
            "a/",
            "./a",
            "a/../b",
            "a\\b",
            "a\nb",
            ".git/config",
            "a/.GIT/b",
            "git~1/x",
            ".git./x",
            ".g\u{200c}it/x",
            &deep,
        ] {
            assert!(parse_parts(path).is_err(), "{path:?}");
        }
        for path in ["a", "a/b.yaml", ".gitignore", ".github/x", "ä/ö ü", "..."] {
            assert!(parse_parts(path).is_ok(), "{path:?}");
        }
        assert_eq!(parse_folder("").unwrap(), Vec::<&str>::new());
        assert_eq!(parse_folder("a/b/").unwrap(), ["a", "b"]);
    }
}
