//! The corpus of manifests: what is accepted, and every word of what is said about the rest.

use std::collections::BTreeMap;
use std::path::Path;

use promote::diagnostic::{Diagnostic, Severity};
use promote::manifest::layout::classify;
use promote::manifest::parsed::parse_file;
use promote::manifest::repository::Repository;
use promote::ui::diagnostics::{Colour, render_summary, render_text};

use proptest::prelude::*;

use crate::support::{assert_file, files_under, root};

/// The valid repository that the files of an invalid case replace and add to.
const BASE: &str = "tests/manifests/valid/multi-environment";

fn base() -> BTreeMap<String, Vec<u8>> {
    files_under(&root().join(BASE)).into_iter().collect()
}

/// The diagnostics of the valid repository with other files in it. An empty file takes one away.
fn diagnostics_with(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Vec<Diagnostic> {
    let mut repository = base();
    for (path, bytes) in files {
        if bytes.is_empty() {
            repository.remove(&path);
        } else {
            repository.insert(path, bytes);
        }
    }
    let (parsed, diagnostics) = Repository::parse(repository);
    assert_eq!(
        parsed.is_none(),
        diagnostics
            .iter()
            .any(|problem| problem.severity == Severity::Error),
        "there is a repository exactly when nothing is wrong"
    );
    diagnostics
}

fn rendered(diagnostics: &[Diagnostic]) -> String {
    let summary = render_summary(diagnostics).unwrap_or_default();
    format!("{}{summary}\n", render_text(diagnostics, Colour::Never))
}

fn check_case(name: &str, files: Vec<(String, Vec<u8>)>) {
    let diagnostics = diagnostics_with(files);
    assert!(!diagnostics.is_empty(), "{name} is accepted");
    let path = root()
        .join("tests/manifests/invalid")
        .join(name)
        .join("expected.txt");
    assert_file(&path, &rendered(&diagnostics));
}

/// Cases that are too large, or no text, to be kept as files.
fn generated_cases() -> BTreeMap<&'static str, (&'static str, Vec<u8>)> {
    let header =
        "apiVersion: promote.dev/v1alpha1\nkind: Dataset\nmetadata:\n  name: sales\nspec:\n";
    let dataset = |rest: String| {
        (
            "datasets/sales.yaml",
            format!("{header}{rest}").into_bytes(),
        )
    };
    let bomb: String = (1..9)
        .map(|n| {
            format!(
                "  x-{n}: &a{n} [{}]\n",
                vec![format!("*a{}", n - 1); 9].join(", ")
            )
        })
        .collect();
    let spaces = |depth: usize| " ".repeat(depth);
    let blocks: String = (1..1_000)
        .map(|depth| format!("{}a:\n", spaces(depth)))
        .collect();
    BTreeMap::from([
        (
            "over-one-mebibyte",
            dataset(format!("  # {}\n", "a".repeat(1 << 20))),
        ),
        (
            "not-utf8",
            (
                "datasets/sales.yaml",
                [header.as_bytes(), b"  location: \xff\xfe\n"].concat(),
            ),
        ),
        ("alias-bomb", dataset(format!("  x-0: &a0 [lol]\n{bomb}"))),
        (
            "nesting-flow-10000",
            dataset(format!("  x-deep: {}\n", "[".repeat(10_000))),
        ),
        ("nesting-block-1000", dataset(blocks)),
        (
            "too-many-nodes",
            dataset(format!("  x-long: [{}]\n", "a, ".repeat(20_000))),
        ),
    ])
}

#[test]
fn valid_repositories_are_accepted_without_a_word() {
    for folder in std::fs::read_dir(root().join("tests/manifests/valid")).unwrap() {
        let folder = folder.unwrap().path();
        let (repository, diagnostics) = Repository::parse(files_under(&folder));
        assert_eq!(rendered(&diagnostics), "\n", "{}", folder.display());
        assert!(repository.is_some());
    }
}

#[test]
fn every_invalid_case_is_explained_word_for_word() {
    let generated = generated_cases();
    for folder in std::fs::read_dir(root().join("tests/manifests/invalid")).unwrap() {
        let folder = folder.unwrap().path();
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        if !generated.contains_key(name.as_str()) {
            check_case(&name, case_files(&folder));
        }
    }
}

fn case_files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = files_under(folder);
    files.retain(|(path, _)| path != "expected.txt");
    files
}

#[test]
fn what_is_too_large_or_no_text_is_explained_word_for_word() {
    for (name, (path, bytes)) in generated_cases() {
        check_case(name, vec![(path.to_owned(), bytes)]);
    }
}

#[test]
fn a_byte_order_mark_and_windows_lines_change_nothing() {
    let text = String::from_utf8(base()["datasets/sales.yaml"].clone()).unwrap();
    let windows = format!("\u{FEFF}{}", text.replace('\n', "\r\n"));
    assert_eq!(
        diagnostics_with([("datasets/sales.yaml".to_owned(), windows.into_bytes())]),
        []
    );
}

#[test]
fn every_missing_file_of_a_repository_is_named() {
    let (repository, diagnostics) = Repository::parse([]);
    assert!(repository.is_none());
    assert_eq!(
        rendered(&diagnostics),
        "error[missing-file]: the repository has no `promote.yaml`\n--> promote.yaml\n = help: write a new repository with `promote init`\n\n\
         error[missing-file]: the repository has no `trust/root.yaml`\n--> trust/root.yaml\n = help: without it nobody may sign anything; `promote init` writes one\n\n\
         2 errors\n"
    );
}

/// Text that means something to YAML or to manifests.
fn fragment() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "[",
        "]",
        "{",
        "}",
        ": ",
        "- ",
        "\n",
        "\n  ",
        "\n    ",
        "&a ",
        "*a",
        "!!str ",
        "|\n",
        "\"",
        "'",
        "#",
        "~",
        "yes",
        "1.10",
        "? ",
        "---\n",
        "%",
        ",",
        "\t",
        "spec:",
        "kind: Freeze",
        "x-a: 1",
        "gate: ",
        "once: ",
        "[[[[[[",
        "\u{202e}",
        "\u{feff}",
        "\r\n",
        "name: a",
        "production",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_manifest_is_read_or_explained(
        file in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..12, prop::collection::vec(fragment(), 0..3)), 1..4),
    ) {
        let is_read = |(path, _): &(String, _)| !classify(path).unwrap().is_opaque();
        let files: Vec<_> = base().into_iter().filter(is_read).collect();
        let (path, bytes) = file.get(&files);
        let mut text: Vec<char> = String::from_utf8(bytes.clone()).unwrap().chars().collect();
        for (at, length, fragments) in edits {
            let start = at.index(text.len() + 1);
            let end = (start + length).min(text.len());
            text.splice(start..end, fragments.concat().chars());
        }
        let text: String = text.into_iter().collect();
        let parsed = parse_file(path, text.as_bytes()).unwrap();
        prop_assert!(parsed.content.is_some() || !parsed.diagnostics.is_empty());
        for diagnostic in &parsed.diagnostics {
            prop_assert!(diagnostic.loc.file.text.get(diagnostic.loc.span.clone()).is_some(), "{diagnostic:?}");
        }
        prop_assert_eq!(parsed.diagnostics.is_empty(), render_text(&parsed.diagnostics, Colour::Never).is_empty());
    }
}
