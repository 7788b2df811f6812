//! The files of the promotion repository, changed by somebody who can write to main: each change is seen in the plan, or
//! means nothing. What the ledger recorded holds either way, for its evidence has the bytes.

use super::past::{past, request_all};
use super::{Tally, flipped};
use crate::organisation::Organisation;
use crate::variants::{MODEL, register};

/// What means nothing when a byte of it is changed.
const INERT: [&str; 5] = [
    "a signature of a manifest that is registered",
    "a signature of a release, which permits nothing: it bars who made it from approving",
    "a signature of what is in force",
    "the purpose of a model",
    "the readme",
];

#[test]
fn every_file_of_the_repository_is_seen_in_the_plan_or_means_nothing() {
    let organisation = past();
    request_all(&organisation, "1.1.0", "prod");
    // Registered in Git, and not yet in the ledger.
    register(&organisation, "3.0.0");
    organisation
        .request(&format!("{MODEL}@3.0.0"), "qa")
        .expect_code(0);
    let good = plan(&organisation);
    let listed = organisation.git("ada", &["ls-files"]);
    let mut tally = Tally::new("files of the repository, by plan");
    for (number, path) in listed.lines().enumerate() {
        let bytes = std::fs::read(organisation.repository().join(path)).unwrap();
        // In the middle, or in the last value.
        let at = if number % 2 == 0 {
            bytes.len() / 2
        } else {
            bytes.len() - 2
        };
        commit(&organisation, path, &flipped(&bytes, at, 1));
        let found = plan(&organisation);
        let reasons: Vec<String> = (found != good).then_some(found).into_iter().collect();
        let what = || match meaning(path) {
            Some(inert) => inert.to_owned(),
            None => format!("{path}, byte {at}"),
        };
        tally.add(what, &reasons, |found| is_right(path, found));
        commit(&organisation, path, &bytes);
    }
    tally.expect(90, &INERT);

    let mut tally = Tally::new("commits, by plan");
    let signature = format!("models/{MODEL}/3.0.0.yaml.sig");
    let bytes = std::fs::read(organisation.repository().join(&signature)).unwrap();
    commit(
        &organisation,
        &signature,
        &[b"\n ", bytes.as_slice(), b"\n"].concat(),
    );
    let mut later = |what: &str| {
        let found = plan(&organisation);
        let reasons: Vec<String> = (found != good).then_some(found).into_iter().collect();
        tally.add(|| what.to_owned(), &reasons, |_| false);
    };
    later("white space around a signature that nothing has recorded");
    organisation.git(
        "omar",
        &["commit", "--quiet", "--allow-empty", "-m", "nothing"],
    );
    later("an empty commit");
    std::fs::write(organisation.repository().join("notes.md"), "# Notes\n").unwrap();
    organisation.commit_all("omar", "notes");
    later("a commit with a file that is none of ours");
    tally.expect(
        3,
        &[
            "a commit with a file that is none of ours",
            "an empty commit",
            "white space around a signature that nothing has recorded",
        ],
    );
    organisation.as_person("dana", &["verify"]).expect_code(0);
}

/// All that the plan says.
fn plan(organisation: &Organisation) -> String {
    let answer = organisation.as_person("dana", &["plan"]);
    answer.stdout + &answer.stderr
}

fn commit(organisation: &Organisation, path: &str, bytes: &[u8]) {
    std::fs::write(organisation.repository().join(path), bytes).unwrap();
    organisation.git(
        "ada",
        &[
            "commit",
            "--quiet",
            "--all",
            "--allow-empty",
            "-m",
            "a change",
        ],
    );
}

/// Why a change of a file may mean nothing; `None` when it must not.
fn meaning(path: &str) -> Option<&'static str> {
    let is_signature = path.ends_with(".sig");
    if path == "README.md" {
        Some("the readme")
    } else if path.ends_with("/model.yaml") {
        Some("the purpose of a model")
    } else if path.starts_with("trust/") && is_signature {
        Some("a signature of what is in force")
    } else if path.starts_with("releases/") && is_signature {
        Some("a signature of a release, which permits nothing: it bars who made it from approving")
    } else if path.starts_with("models/") && is_signature && !path.contains("/3.0.0.") {
        Some("a signature of a manifest that is registered")
    } else {
        None
    }
}

/// Whether the plan tells of the change what it is.
fn is_right(path: &str, found: &str) -> bool {
    let is_named = |words: &str| found.contains(&format!("{words}{path}"));
    if path.starts_with("models/") || path.starts_with("releases/") {
        let is_unsigned = found.contains("the manifest is not signed by a known producer");
        is_named("passed over: ") || is_named("listed in ") || is_unsigned
    } else {
        // Another place of the ledger is another ledger.
        let is_elsewhere =
            path == "promote.yaml" && found.contains("error: the ledger is not the one");
        is_named("not in force: `") || is_elsewhere
    }
}
