//! The files of evidence: trust files, manifests, statements, facts, releases, and the signatures of all of them.

use std::collections::BTreeMap;

use promote::engine::audit::Problem;
use promote::engine::book::{Book, BookError};
use promote::ledger::store::directory::DirectoryStore;
use promote::model::digest::Sha256;
use promote::ops::verify::VerifyReport;

use super::past::{events, past};
use super::signatures::every_signature;
use super::{Spoilt, Tally, flipped};
use crate::support::files_under;

/// The ways to change a file, each with what is found of it.
const WAYS: [(&str, Way); 6] = [
    ("its first byte", |bytes| Some(flipped(bytes, 0, 1))),
    ("its last byte", |bytes| {
        Some(flipped(bytes, bytes.len() - 1, 1))
    }),
    ("cut by one byte", |bytes| {
        Some(bytes[..bytes.len() - 1].to_vec())
    }),
    ("with white space behind", |bytes| {
        Some([bytes, b" \n"].concat())
    }),
    ("emptied", |_| Some(Vec::new())),
    ("removed", |_| None),
];
/// What becomes of the bytes of a file; `None` when it is removed.
type Way = fn(&[u8]) -> Option<Vec<u8>>;
/// What is said of the signature of a statement that was refused.
const REFUSED: &str = "beside it is not there, or was changed";
/// Into how many groups the files are put that are changed at once. Each is named by itself.
const GROUPS: usize = 8;

fn files_of(spoilt: &Spoilt) -> BTreeMap<String, Vec<u8>> {
    let files = files_under(&spoilt.folder.path().join("evidence"));
    assert!(files.len() >= 200);
    files.into_iter().collect()
}

#[test]
fn every_byte_of_the_evidence_is_noticed() {
    let spoilt = Spoilt::new(past());
    let files = files_of(&spoilt);
    let recorded = serde_json::to_string(&events(&spoilt.organisation)).unwrap();
    let signatures = files.iter().filter(|(path, _)| path.ends_with(".sig"));
    for (path, bytes) in signatures {
        let digest = Sha256::of(bytes).to_string();
        assert!(recorded.contains(&digest), "no entry records {path}");
    }
    let bytes = files.values().map(Vec::len).sum();
    bytes_by_digest(&spoilt, &files).expect(bytes, &[]);
    every_signature(&spoilt, &files);
}

#[test]
fn every_file_of_evidence_is_needed_as_it_is() {
    let spoilt = Spoilt::new(past());
    let files = files_of(&spoilt);
    let (opening, rest): (Vec<_>, Vec<_>) = files
        .iter()
        .partition(|(path, _)| is_read_on_opening(&spoilt, path));
    trust_files(&spoilt, &opening).expect(6 * 4, &[]);
    all_others(&spoilt, &rest).expect(6 * 190, &[]);
    let mut tally = Tally::new("what no entry names, by verify");
    let beside = ["a file beside the evidence", "a file beside the ledger"];
    for (what, path) in beside
        .iter()
        .zip(["evidence/sha256/nobody.json", "notes.txt"])
    {
        spoilt.write(path, b"{}");
        tally.add(|| (*what).to_owned(), &spoilt.problems(), |_| false);
    }
    tally.expect(2, &beside);
}

/// Each byte of each file, held against the digest that an entry records of it.
fn bytes_by_digest(spoilt: &Spoilt, files: &BTreeMap<String, Vec<u8>>) -> Tally {
    let mut tally = Tally::new("bytes of evidence, by the recorded digest");
    let store = DirectoryStore::new(spoilt.folder.path().to_owned());
    let book = Book::open(Box::new(store), None, None).unwrap();
    for (path, bytes) in files {
        let digest = Sha256::of(bytes);
        assert_eq!(book.evidence(0, digest, path).unwrap(), *bytes);
        for at in 0..bytes.len() {
            spoilt.write(&format!("evidence/{path}"), &flipped(bytes, at, 1));
            let found = book.evidence(0, digest, path);
            let is_right = matches!(
                found,
                Err(BookError::Evidence {
                    what: "something else",
                    ..
                })
            );
            tally.count(is_right, || format!("{path}, byte {at}"));
        }
        spoilt.write(&format!("evidence/{path}"), bytes);
    }
    tally
}

/// Trust roots, indexes and their signatures: without them nothing else can be read.
fn is_read_on_opening(spoilt: &Spoilt, path: &str) -> bool {
    let mut adoptions = events(&spoilt.organisation);
    adoptions.retain(|event| event["type"] == "adopted");
    adoptions.iter().any(|adoption| {
        let names = |field: &str| path.contains(adoption[field].as_str().unwrap());
        names("root") || names("index")
    })
}

/// Whether it was changed, put back afterwards.
fn changed(spoilt: &Spoilt, files: &[(&String, &Vec<u8>)], way: Way) {
    for (path, bytes) in files {
        let path = format!("evidence/{path}");
        match way(bytes) {
            Some(bytes) => spoilt.write(&path, &bytes),
            None => spoilt.remove(&path),
        }
    }
}

fn put_back(spoilt: &Spoilt, files: &[(&String, &Vec<u8>)]) {
    changed(spoilt, files, |bytes| Some(bytes.to_vec()));
}

fn trust_files(spoilt: &Spoilt, files: &[(&String, &Vec<u8>)]) -> Tally {
    let mut tally = Tally::new("trust files and their signatures, by verify");
    for file in files {
        for (what, way) in WAYS {
            changed(spoilt, &[*file], way);
            let digest = Sha256::of(file.1);
            let found = if what == "removed" {
                "not there"
            } else {
                "something else"
            };
            let expected = format!("entry 0: its evidence {digest} is {found}");
            tally.add(
                || format!("{} {what}", file.0),
                &spoilt.problems(),
                |reason| reason == expected,
            );
            put_back(spoilt, &[*file]);
        }
    }
    tally
}

/// All others are looked at together, and each is named by itself. Where one hides another, such as a statement its
/// signature, the other is changed alone.
fn all_others(spoilt: &Spoilt, files: &[(&String, &Vec<u8>)]) -> Tally {
    let mut tally = Tally::new("files of evidence, by verify");
    for group in 0..GROUPS {
        let group: Vec<_> = files.iter().skip(group).step_by(GROUPS).copied().collect();
        for (what, way) in WAYS {
            changed(spoilt, &group, way);
            let together = spoilt.verify();
            put_back(spoilt, &group);
            for file in &group {
                let mut reasons = reasons_of(&together, file.0);
                if reasons.is_empty() {
                    changed(spoilt, &[*file], way);
                    reasons = reasons_of(&spoilt.verify(), file.0);
                    put_back(spoilt, &[*file]);
                }
                let expected = match what {
                    "removed" => "it is not there".to_owned(),
                    _ => format!("it was changed: its SHA-256 is not {}", Sha256::of(file.1)),
                };
                let is_right = |reason: &str| reason == expected || reason.contains(REFUSED);
                tally.add(|| format!("{} {what}", file.0), &reasons, is_right);
            }
            assert_no_other_is_damaged(&together, &group);
        }
    }
    tally
}

/// What is said of a file. The entry of a refusal does not name the key, so its signature is told of with the statement.
fn reasons_of(report: &VerifyReport, path: &str) -> Vec<String> {
    let path = format!("evidence/{path}");
    let is_of_it = |problem: &&Problem| {
        let file = problem.file.as_deref().unwrap_or_default();
        file == path || (problem.reason.contains(REFUSED) && path.starts_with(file))
    };
    let problems = report.audit.problems.iter().filter(is_of_it);
    problems.map(|problem| problem.reason.clone()).collect()
}

/// Others may be named for what they say of the changed ones, and never as changed.
fn assert_no_other_is_damaged(report: &VerifyReport, group: &[(&String, &Vec<u8>)]) {
    for problem in &report.audit.problems {
        let file = problem.file.as_deref().unwrap_or_default();
        let is_ours = group.iter().any(|(path, _)| file.ends_with(path.as_str()));
        let damaged = ["it was changed", "it is not there"];
        let is_damaged = damaged
            .iter()
            .any(|reason| problem.reason.starts_with(reason));
        assert!(is_ours || !is_damaged, "{problem} was not touched");
    }
}
