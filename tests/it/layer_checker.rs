//! What a single source does against the table of layers. Works on text, so that it can be tried on small bad ones.

use crate::layers::{LAYERS, Siblings, layer_of};
use crate::rust_text::{Named, code_of, named, tokens};

/// The last layer that touches nothing outside: facts come in as arguments.
const LAST_PURE: usize = 3;
/// What pure layers never name.
const IMPURE: [&[&str]; 8] = [
    &["tokio"],
    &["std", "fs"],
    &["std", "env"],
    &["std", "net"],
    &["std", "process"],
    &["SystemTime"],
    &["Timestamp", "now"],
    &["Zoned", "now"],
];
/// The exceptions, each with the module and the name: the clock tells the time.
const IMPURE_EXCEPTIONS: [(&str, &[&str]); 1] = [("clock", &["Timestamp", "now"])];
/// What only `ui` names.
const PRINTING: [&[&str]; 9] = [
    &["print!"],
    &["println!"],
    &["eprint!"],
    &["eprintln!"],
    &["dbg!"],
    &["io", "stdout"],
    &["io", "stderr"],
    &["anstream"],
    &["indicatif"],
];
/// The crates that words may be made of: they have values and no effects.
const VALUE_CRATES: [&str; 8] = [
    "base64",
    "hex",
    "jiff",
    "schemars",
    "semver",
    "serde",
    "sha2",
    "thiserror",
];

/// The module of a path below `src`.
fn module_of(path: &str) -> &str {
    path.split('/')
        .next()
        .unwrap_or(path)
        .trim_end_matches(".rs")
}

/// Everything that one source does against the table. `crates` are the dependencies of the package.
pub(crate) fn problems_of(path: &str, source: &str, crates: &[String]) -> Vec<String> {
    let module = module_of(path);
    let Some(number) = layer_of(module) else {
        return vec![format!("src/{path}: `{module}` is in no layer")];
    };
    let tests_begin = tests_begin(source);
    let mut problems = Vec::new();
    for named in named(source) {
        let place = format!("src/{path}:{}", named.line);
        let text = named.parts.join("::");
        if let Some(reason) = wrong_use(path, module, number, &named) {
            problems.push(format!("{place}: `{text}`: {reason}"));
        }
        let is_excepted = IMPURE_EXCEPTIONS
            .iter()
            .any(|(excepted, needle)| *excepted == module && has(&named, needle));
        if number <= LAST_PURE && !is_excepted && IMPURE.iter().any(|needle| has(&named, needle)) {
            problems.push(format!("{place}: `{text}`: `{module}` is pure"));
        }
        if module != "ui" && PRINTING.iter().any(|needle| has(&named, needle)) {
            problems.push(format!("{place}: `{text}`: only `ui` prints"));
        }
        let first = named.parts.first().map_or("", String::as_str);
        let is_tested_code = number == 0 && named.line < tests_begin;
        if is_tested_code
            && crates.iter().any(|name| name == first)
            && !VALUE_CRATES.contains(&first)
        {
            problems.push(format!(
                "{place}: `{text}`: `{first}` is no crate of values"
            ));
        }
    }
    problems.extend(hidden_root(path, source));
    problems
}

/// The line where the unit tests of a source begin, which may use more crates.
fn tests_begin(source: &str) -> usize {
    let tests = source.lines().position(|line| line == "#[cfg(test)]");
    tests.map_or(usize::MAX, |index| index + 1)
}

/// Why a module may not name a path; `None` when it may.
fn wrong_use(path: &str, module: &str, number: usize, named: &Named) -> Option<String> {
    let parts: Vec<&str> = named.parts.iter().map(String::as_str).collect();
    let is_root_file = path == format!("{module}.rs") || path == format!("{module}/mod.rs");
    let used = match parts.as_slice() {
        ["super", "super", ..] => return Some("paths that climb begin with `crate`".to_owned()),
        ["super", used, ..] if is_root_file && layer_of(used).is_some() => *used,
        ["crate", used, ..] => *used,
        _ => return None,
    };
    if used == module {
        return None;
    }
    let Some(other) = layer_of(used) else {
        return Some(format!("`{used}` is in no layer"));
    };
    let layer = &LAYERS[number];
    let may = layer.uses.contains(&other) || (other == number && layer.siblings == Siblings::Used);
    (!may).then(|| format!("`{module}` (layer {number}) may not use `{used}` (layer {other})"))
}

/// Whether a path holds the parts next to each other. A single word must be the beginning, or the name of a type.
fn has(named: &Named, needle: &[&str]) -> bool {
    let is_type = |word: &str| word.starts_with(char::is_uppercase);
    match needle {
        [word] if !is_type(word) && !word.ends_with('!') => {
            named.parts.first().is_some_and(|first| first == word)
        }
        _ => named
            .parts
            .windows(needle.len())
            .any(|parts| parts == needle),
    }
}

/// Other names for the root of the crate would hide what is used.
fn hidden_root(path: &str, source: &str) -> Vec<String> {
    let tokens = tokens(&code_of(source));
    let hides = |pair: &[(usize, String)]| {
        let is_renamed = pair[0].1 == "crate" && pair[1].1 == "as";
        is_renamed || (pair[0].1 == "extern" && pair[1].1 == "crate")
    };
    tokens
        .windows(2)
        .filter(|pair| hides(pair))
        .map(|pair| {
            format!(
                "src/{path}:{}: the root of the crate has one name",
                pair[0].0
            )
        })
        .collect()
}

/// What is wrong with the roots: `lib.rs` only declares modules, the program only calls `cli`.
pub(crate) fn root_problems(path: &str, source: &str) -> Vec<String> {
    let code = code_of(source);
    let wrong = |line: &str| match path {
        "lib.rs" => {
            let name = line
                .strip_prefix("pub mod ")
                .and_then(|rest| rest.strip_suffix(';'));
            name.is_none_or(|name| layer_of(name).is_none())
        }
        _ => named(line).iter().any(|named| {
            let is_other = named.parts.first().is_some_and(|first| first == "promote")
                && named.parts.get(1).is_none_or(|module| module != "cli");
            is_other || PRINTING.iter().any(|needle| has(named, needle))
        }),
    };
    (1..)
        .zip(code.lines())
        .filter(|(_, line)| !line.trim().is_empty() && wrong(line.trim_end()))
        .map(|(number, line)| format!("src/{path}:{number}: `{}` has no place here", line.trim()))
        .collect()
}

/// What the checker says of a source, without the place.
fn check(path: &str, source: &str, expected: &[&str]) {
    let crates = ["tokio".to_owned(), "git2".to_owned(), "serde".to_owned()];
    let found: Vec<String> = problems_of(path, source, &crates)
        .into_iter()
        .map(|problem| problem.split_once(": ").unwrap().1.to_owned())
        .collect();
    assert_eq!(found, expected, "{path}: {source}");
}

#[test]
fn uses_upwards_are_found_wherever_they_are_written() {
    let upwards = "`crate::engine::Engine`: `gate` (layer 3) may not use `engine` (layer 6)";
    for source in [
        "use crate::engine::Engine;",
        "use crate::{model::id, engine::{Engine}};",
        "fn a() -> crate::engine::Engine { todo() }",
        "#[cfg(test)]\nmod tests {\n    use crate::engine::Engine as _;\n}",
        "macro_rules! a { () => { $crate::engine::Engine } }",
        "#[serde(with = \"crate::engine::Engine\")]\nstruct A;",
    ] {
        check("gate/edge.rs", source, &[upwards]);
    }
    for source in [
        "// crate::engine::Engine",
        "/// See [`Engine`](crate::engine::Engine).\nstruct A;",
        "use crate::gate::quorum; use crate::manifest::policy; use crate::model::id;",
        "const TEXT: &str = \"use crate::engine::Engine;\";",
    ] {
        check("gate/edge.rs", source, &[]);
    }
}

#[test]
fn neighbours_and_strangers_are_found() {
    check(
        "adapter/pump.rs",
        "use crate::flow::permit; use crate::fs::tree; use crate::git::path;",
        &["`crate::git::path`: `adapter` (layer 5) may not use `git` (layer 5)"],
    );
    check(
        "ledger/log.rs",
        "use crate::manifest::yaml;",
        &["`crate::manifest::yaml`: `ledger` (layer 5) may not use `manifest` (layer 2)"],
    );
    check("topology/mod.rs", "use crate::manifest::yaml;", &[]);
    check("ops/plan.rs", "use crate::context::Context;", &[]);
    check("helpers/mod.rs", "", &["`helpers` is in no layer"]);
    check(
        "gate/mod.rs",
        "use crate::helpers::a; use super::engine::b; use super::super::c;",
        &[
            "`crate::helpers::a`: `helpers` is in no layer",
            "`super::engine::b`: `gate` (layer 3) may not use `engine` (layer 6)",
            "`super::super::c`: paths that climb begin with `crate`",
        ],
    );
    check(
        "gate/edge.rs",
        "use crate::*; use crate as all;",
        &[
            "`crate::*`: `*` is in no layer",
            "the root of the crate has one name",
        ],
    );
}

#[test]
fn pure_layers_and_silent_ones_are_held_to_it() {
    check(
        "plan/desired.rs",
        "use std::{fs, fmt}; use tokio::time::sleep; fn a() { jiff::Timestamp::now(); std::time::SystemTime::UNIX_EPOCH; }",
        &[
            "`std::fs`: `plan` is pure",
            "`tokio::time::sleep`: `plan` is pure",
            "`jiff::Timestamp::now`: `plan` is pure",
            "`std::time::SystemTime::UNIX_EPOCH`: `plan` is pure",
        ],
    );
    check("clock.rs", "fn now() { Timestamp::now() }", &[]);
    check("fs/tree.rs", "use std::fs; use tokio::task;", &[]);
    check(
        "model/id.rs",
        "use git2::Oid; use serde::Serialize;\n#[cfg(test)]\nmod tests { use tokio_test::a; use git2::b; }",
        &["`git2::Oid`: `git2` is no crate of values"],
    );
    check(
        "ops/plan.rs",
        "fn a() { println!(\"b\"); std::io::stdout().lock(); c.stdout(Stdio::piped()) }",
        &[
            "`println!`: only `ui` prints",
            "`std::io::stdout`: only `ui` prints",
        ],
    );
    check("ui/mod.rs", "fn a() { anstream::println!(\"b\") }", &[]);
}

#[test]
fn the_roots_hold_nothing_else() {
    assert!(root_problems("lib.rs", "//! Docs of [`a`](crate::cli).\npub mod cli;\n").is_empty());
    assert_eq!(
        root_problems(
            "lib.rs",
            "pub mod cli;\npub mod helpers;\npub use cli::A;\nfn a() {}"
        )
        .len(),
        3
    );
    assert!(
        root_problems(
            "main.rs",
            "fn main() -> ExitCode {\n    promote::cli::main()\n}\n"
        )
        .is_empty()
    );
    assert_eq!(
        root_problems(
            "main.rs",
            "fn main() { promote::engine::run() }\nfn a() { println!() }"
        )
        .len(),
        2
    );
}
