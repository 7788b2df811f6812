//! The tree as a whole: formatting, sizes, words that do not belong here, and lists that nobody keeps by hand.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::long::{LONG_FILES, LONG_FUNCTIONS};
use crate::rust_text::{code_of, functions, tokens};
use crate::support::root;

/// The lines that a source may have.
const MAX_FILE_LINES: usize = 400;
/// The lines of code that a function may have.
const MAX_FUNCTION_LINES: usize = 60;

/// The files of the project: what Git has, and what is new and not ignored.
pub(crate) fn project_files() -> Vec<String> {
    let mut git = Command::new("git");
    // A hook sets these for the repository that it runs in; containers check out as somebody else.
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        git.env_remove(variable);
    }
    git.args(["-c", "safe.directory=*", "ls-files", "-z"]);
    git.args(["--cached", "--others", "--exclude-standard"]);
    let output = git.current_dir(root()).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let files: BTreeSet<&str> = text.split_terminator('\0').collect();
    files
        .into_iter()
        .filter(|path| root().join(path).is_file())
        .map(str::to_owned)
        .collect()
}

fn sources() -> Vec<(String, String)> {
    let is_source = |path: &String| path.ends_with(".rs");
    let files = project_files().into_iter().filter(is_source);
    files
        .map(|path| {
            let text = fs::read_to_string(root().join(&path)).unwrap();
            (path, text)
        })
        .collect()
}

fn no_problems(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

/// What a text says that no file of the project may say.
fn strange_words(path: &str, text: &str) -> Vec<String> {
    // Written in halves, so that this file does not name them either.
    let places = [["/wo", "rk"], ["../sha", "red"], ["/.libr", "ary"]];
    let hosts = [
        ["crates.io", "-index"],
        ["index.", "crates.io"],
        ["static.", "crates.io"],
        ["pypi.", "org"],
        ["files.python", "hosted.org"],
        ["registry.np", "mjs.org"],
        ["deb.deb", "ian.org"],
        ["ftp.deb", "ian.org"],
        ["security.deb", "ian.org"],
        ["proxy.gol", "ang.org"],
    ];
    // Cargo itself writes the registry's address into the lock file.
    let hosts = if path == "Cargo.lock" {
        &[][..]
    } else {
        &hosts
    };
    let needles = places.iter().chain(hosts).map(|halves| halves.concat());
    needles
        .filter_map(|needle| {
            let at = find_whole(text, &needle)?;
            let line = text[..at].matches('\n').count() + 1;
            Some(format!("{path}:{line}: names `{needle}`"))
        })
        .collect()
}

/// Where a text has the needle, with no letter, digit, `-` or `_` on either side.
fn find_whole(text: &str, needle: &str) -> Option<usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    text.match_indices(needle).map(|(at, _)| at).find(|at| {
        let before = text[..*at].chars().next_back();
        let after = text[at + needle.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// Tests that are skipped and code that is not written.
fn unfinished(path: &str, source: &str) -> Vec<String> {
    let code = tokens(&code_of(source));
    let next = |at: usize| code.get(at + 1).map_or("", |(_, text)| text.as_str());
    let before = |at: usize| at.checked_sub(1).map_or("", |at| code[at].1.as_str());
    let found = code
        .iter()
        .enumerate()
        .filter(|(at, (_, text))| match text.as_str() {
            "ignore" => matches!(before(*at), "[" | ",") && matches!(next(*at), "]" | "="),
            "todo" | "unimplemented" => next(*at) == "!",
            _ => false,
        });
    found
        .map(|(_, (line, text))| format!("{path}:{line}: `{text}`"))
        .collect()
}

/// Whether the parent of a source declares it: as a module, or as a row of a table that declares modules.
fn is_declared(parent: &str, name: &str) -> bool {
    let code = tokens(&code_of(parent));
    code.windows(2).any(|pair| {
        let (first, second) = (pair[0].1.as_str(), pair[1].1.as_str());
        (first == "mod" && second == name) || (first == name && matches!(second, "," | "="))
    })
}

/// The file that should declare a source, and the name that it should have there; `None` for roots.
fn parent_of(path: &str, all: &BTreeSet<&str>) -> Option<(String, String)> {
    let (folder, file) = path.rsplit_once('/')?;
    let stem = file.strip_suffix(".rs")?;
    let (folder, name) = match stem {
        "lib" | "main" => return None,
        "mod" => folder.rsplit_once('/')?,
        _ => (folder, stem),
    };
    let candidates = ["mod.rs", "lib.rs", "main.rs"].map(|file| format!("{folder}/{file}"));
    let parent = candidates
        .into_iter()
        .find(|candidate| candidate != path && all.contains(candidate.as_str()))?;
    Some((parent, name.to_owned()))
}

#[test]
fn every_source_is_formatted() {
    let files: Vec<String> = sources().into_iter().map(|(path, _)| path).collect();
    assert!(files.len() > 100, "only {} sources", files.len());
    // Over the list of files: modules that a macro declares are hidden from `cargo fmt`.
    let output = Command::new("rustfmt")
        .args(["--edition", "2024", "--check"])
        .args(&files)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "run `just fmt`\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn no_file_names_a_place_outside_the_project() {
    let mut problems = Vec::new();
    for path in project_files() {
        let bytes = fs::read(root().join(&path)).unwrap();
        problems.extend(strange_words(&path, &String::from_utf8_lossy(&bytes)));
    }
    no_problems(&problems);
}

#[test]
fn long_files_and_functions_have_a_reason() {
    let mut problems = Vec::new();
    let mut long_files = BTreeSet::new();
    let mut long_functions = BTreeSet::new();
    for (path, text) in sources() {
        let lines = text.lines().count();
        if lines > MAX_FILE_LINES {
            if !LONG_FILES.iter().any(|(known, _)| *known == path) {
                problems.push(format!("{path} has {lines} lines"));
            }
            long_files.insert(path.clone());
        }
        for function in functions(&text) {
            if function.code_lines > MAX_FUNCTION_LINES {
                let (name, line, lines) = (function.name, function.line, function.code_lines);
                let is_known = |row: &&(&str, &str, &str)| row.0 == path && row.1 == name;
                if LONG_FUNCTIONS.iter().find(is_known).is_none() {
                    problems.push(format!("{path}:{line}: `{name}` has {lines} lines"));
                }
                long_functions.insert((path.clone(), name));
            }
        }
    }
    let stale = LONG_FILES.iter().filter(|row| !long_files.contains(row.0));
    problems.extend(stale.map(|row| format!("{} needs no row any more", row.0)));
    let stale = LONG_FUNCTIONS
        .iter()
        .filter(|row| !long_functions.contains(&(row.0.to_owned(), row.1.to_owned())));
    problems.extend(stale.map(|row| format!("{} `{}` needs no row any more", row.0, row.1)));
    no_problems(&problems);
}

#[test]
fn nothing_is_skipped_or_left_for_later() {
    let problems: Vec<String> = sources()
        .iter()
        .flat_map(|(path, text)| unfinished(path, text))
        .collect();
    no_problems(&problems);
}

#[test]
fn every_source_is_declared_by_its_parent() {
    let sources = sources();
    let all: BTreeSet<&str> = sources.iter().map(|(path, _)| path.as_str()).collect();
    let mut problems = Vec::new();
    for (path, _) in &sources {
        let Some((parent, name)) = parent_of(path, &all) else {
            continue;
        };
        let parent_text = &sources.iter().find(|(path, _)| *path == parent).unwrap().1;
        if !is_declared(parent_text, &name) {
            problems.push(format!(
                "{path} is not declared in {parent}, so nothing compiles it"
            ));
        }
    }
    no_problems(&problems);
}

#[test]
fn the_architecture_page_maps_every_module() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let library = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let modules = library
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let missing: Vec<String> = modules
        .filter(|module| !page.contains(&format!("\n| `{module}` |")))
        .map(|module| format!("ARCHITECTURE.md has no row for `{module}` in its code map"))
        .collect();
    no_problems(&missing);
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut problems = Vec::new();
    for path in project_files() {
        if !path.ends_with(".md") {
            continue;
        }
        let text = fs::read_to_string(root().join(&path)).unwrap();
        let folder = root().join(&path).parent().unwrap().to_path_buf();
        for target in link_targets(&text) {
            if !folder.join(&target).exists() {
                problems.push(format!("{path} links to `{target}`, which is not there"));
            }
        }
    }
    no_problems(&problems);
}

/// The files that a page links to, without anchors; addresses elsewhere are not looked at.
fn link_targets(page: &str) -> Vec<String> {
    let links = page.split("](").skip(1);
    let targets = links.filter_map(|rest| rest.split([')', ' ', '#']).next());
    targets
        .filter(|target| !target.is_empty() && !target.contains("://") && !target.contains(':'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn decisions_are_numbered_and_have_every_part() {
    let parts = [
        "## Context",
        "## Decision",
        "## Rejected",
        "## Consequences",
    ];
    let mut numbers = BTreeSet::new();
    let mut problems = Vec::new();
    for path in project_files() {
        let Some(name) = path.strip_prefix("docs/decisions/") else {
            continue;
        };
        let text = fs::read_to_string(root().join(&path)).unwrap();
        let number = name.split('-').next().unwrap_or_default();
        if number.len() != 4 || !numbers.insert(number.parse::<usize>().unwrap()) {
            problems.push(format!("{path} has no number of its own"));
        }
        let missing = parts.iter().filter(|part| !text.contains(**part));
        problems.extend(missing.map(|part| format!("{path} has no `{part}`")));
    }
    if numbers.is_empty() || numbers.iter().copied().ne(0..numbers.len()) {
        problems.push(format!("a number is missing: {numbers:?}"));
    }
    no_problems(&problems);
}

#[test]
fn the_checks_can_fail() {
    let lines = |text: &str| {
        let found = strange_words("a.md", text);
        found
            .into_iter()
            .map(|found| found.split_once(": ").unwrap().0.to_owned())
            .collect::<Vec<_>>()
    };
    let named = |halves: [&str; 2]| halves.concat();
    assert_eq!(
        lines(&format!("a\nb {}/c", named(["/wo", "rk"]))),
        ["a.md:2"]
    );
    assert_eq!(lines(&named(["https://index.", "crates.io/x"])), ["a.md:1"]);
    assert!(lines("/workspaces a/worked crates.io").is_empty());
    assert!(strange_words("Cargo.lock", &named(["crates.io", "-index"])).is_empty());

    let skipped =
        "#[test]\n#[ignore = \"slow\"]\nfn a() { todo!() }\n#[ignore]\nfn b() {} // todo!()";
    assert_eq!(
        unfinished("a.rs", skipped),
        ["a.rs:2: `ignore`", "a.rs:3: `todo`", "a.rs:4: `ignore`"]
    );

    assert!(is_declared("gates! { a, b, }", "b") && is_declared("mod b;", "b"));
    assert!(!is_declared("// mod b;\nuse a::b;", "b"));
    let all = BTreeSet::from(["src/lib.rs", "src/a/mod.rs"]);
    let parent = |path| parent_of(path, &all).map(|(parent, name)| format!("{parent} {name}"));
    assert_eq!(parent("src/a/b.rs").as_deref(), Some("src/a/mod.rs b"));
    assert_eq!(parent("src/a/mod.rs").as_deref(), Some("src/lib.rs a"));
    assert_eq!(parent("src/lib.rs"), None);
    assert_eq!(link_targets("[a](b.md#c) [d](https://e) [f](#g)"), ["b.md"]);
}
