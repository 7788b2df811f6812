//! Ledgers that somebody has changed, and the reasons that are given for it.
#![expect(
    clippy::disallowed_methods,
    reason = "tests change files of their own copies"
)]

use std::process::Command;
use std::sync::OnceLock;

use super::*;
use crate::engine::testing::{LedgerAt, TestOrganisation};
use crate::ops::testing::context_of;

const FIRST: &str = "wildlife/model/penguin-species@1.0.0";
const SECOND: &str = "wildlife/model/penguin-species@1.1.0";
const LINES: &str = "ledger/entries/000.jsonl";

/// An organisation with a past: two versions went to prod, and a rollback was refused. With the checkpoint it had half way.
struct Past {
    organisation: TestOrganisation,
    old_checkpoint: PathBuf,
    old_size: usize,
}

/// Made once; every test works on a copy of the ledger.
fn past() -> &'static Past {
    static PAST: OnceLock<Past> = OnceLock::new();
    PAST.get_or_init(|| {
        let organisation = TestOrganisation::with_ledger(LedgerAt::Directory);
        let first = organisation.promote_to_prod(FIRST, "weights");
        let old_size = usize::try_from(organisation.reconcile().ledger_size).unwrap();
        let old_checkpoint = organisation.folder().join("old-checkpoint");
        let store = organisation.folder().join("ledger-store");
        std::fs::copy(store.join("ledger/checkpoint"), &old_checkpoint).unwrap();
        std::fs::create_dir(organisation.folder().join("old")).unwrap();
        copy(&store, &organisation.folder().join("old"));
        organisation.promote_to_prod(SECOND, "better weights");
        organisation.mark_bad("sue", first, "the labels were mixed up");
        organisation.say_bytes("eve", b"{}");
        organisation.request("eve", FIRST, "prod");
        organisation.reconcile();
        Past {
            organisation,
            old_checkpoint,
            old_size,
        }
    })
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp")
        .arg("-r")
        .arg(from.join("."))
        .arg(to)
        .status()
        .unwrap();
    assert!(status.success());
}

/// A copy of the ledger to spoil.
struct Copy(tempfile::TempDir);

impl Copy {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(
            &past().organisation.folder().join("ledger-store"),
            folder.path(),
        );
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    fn lines(&self) -> Vec<Vec<u8>> {
        let bytes = self.read(LINES);
        let lines = bytes
            .strip_suffix(b"\n")
            .unwrap()
            .split(|byte| *byte == b'\n');
        lines.map(<[u8]>::to_vec).collect()
    }

    fn write_lines(&self, lines: &[Vec<u8>]) {
        let bytes: Vec<u8> = lines
            .iter()
            .flat_map(|line| line.iter().copied().chain([b'\n']))
            .collect();
        std::fs::write(self.path(LINES), bytes).unwrap();
    }

    fn verify(&self) -> VerifyReport {
        self.verify_against(VerifyRequest::default())
    }

    fn verify_against(&self, request: VerifyRequest) -> VerifyReport {
        let context = context_of(&past().organisation, "fay");
        let ledger = Some(self.0.path().to_owned());
        verify(&context, &VerifyRequest { ledger, ..request }).unwrap()
    }

    /// The files of evidence, sorted.
    fn evidence(&self) -> Vec<String> {
        let mut found = Vec::new();
        for folder in std::fs::read_dir(self.path("evidence/sha256")).unwrap() {
            for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
                let path = file.unwrap().path();
                let path = path.strip_prefix(self.0.path()).unwrap();
                found.push(path.display().to_string());
            }
        }
        found.sort();
        found
    }
}

fn reasons(report: &VerifyReport) -> Vec<String> {
    report
        .audit
        .problems
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[track_caller]
fn assert_failed(report: &VerifyReport, expected: &str) {
    assert_eq!(report.verdict, Verification::Failed, "{expected}");
    let reasons = reasons(report);
    let is_there = reasons.iter().any(|reason| reason.contains(expected));
    assert!(is_there, "{expected:?} is not in {reasons:#?}");
}

#[test]
fn an_honest_ledger_passes_and_everything_in_it_was_looked_at() {
    let copy = Copy::new();
    let report = copy.verify();
    assert_eq!(reasons(&report), Vec::<String>::new());
    assert_eq!(report.verdict, Verification::Passed);
    assert_eq!(report.freshness, Freshness::NotChecked);
    assert_eq!(report.warnings, Vec::<String>::new());
    let entries = u64::try_from(copy.lines().len()).unwrap();
    assert_eq!(report.audit.entries, entries);
    assert_eq!(report.checkpoint.as_ref().unwrap().size, entries);
    let evidence = u64::try_from(copy.evidence().len()).unwrap();
    assert_eq!(
        report.audit.evidence, evidence,
        "no file is there without a reason"
    );
    assert_eq!(report.audit.statements, 8);
    assert_eq!(report.audit.decisions, 5);
    // Four of trust files, two of manifests, eight of statements.
    assert_eq!(report.audit.signatures, 4 + 2 + 8);
}

#[test]
fn the_ledger_on_the_branch_passes_and_so_does_a_clone_that_asks_nobody() {
    let organisation = TestOrganisation::new();
    organisation.promote_to_prod(FIRST, "weights");
    let context = context_of(&organisation, "fay");
    let report = verify(&context, &VerifyRequest::default()).unwrap();
    assert_eq!(reasons(&report), Vec::<String>::new());
    assert_eq!(report.audit.decisions, 2);
    let clone = organisation.folder().join("clone");
    let mut git = organisation.environment().command("git");
    git.args(["clone", "--quiet"])
        .arg(organisation.repository_path())
        .arg(&clone);
    assert!(git.status().unwrap().success());
    let gone = organisation.folder().join("gone");
    std::fs::rename(organisation.repository_path(), &gone).unwrap();
    let mut context = context_of(&organisation, "fay");
    context.settings.repository = clone.display().to_string();
    context.settings.remote = None;
    assert_eq!(
        verify(&context, &VerifyRequest::default())
            .unwrap_err()
            .kind,
        FailureKind::Unavailable
    );
    let request = VerifyRequest {
        is_offline: true,
        ..VerifyRequest::default()
    };
    let report = verify(&context, &request).unwrap();
    assert_eq!(reasons(&report), Vec::<String>::new());
    assert_eq!(report.audit.decisions, 2);
}

#[test]
fn a_changed_byte_of_an_entry_is_noticed() {
    let copy = Copy::new();
    let honest = copy.lines();
    for index in 0..honest.len() {
        for part in 1..6 {
            let mut lines = honest.clone();
            let place = lines[index].len() * part / 6;
            lines[index][place] ^= 1;
            copy.write_lines(&lines);
            let report = copy.verify();
            assert_eq!(
                report.verdict,
                Verification::Failed,
                "entry {index}, byte {place}"
            );
        }
    }
    let mut lines = honest.clone();
    let place = lines[3].len() / 2;
    lines[3][place] ^= 1;
    copy.write_lines(&lines);
    assert_failed(
        &copy.verify(),
        "are not those that `ledger/checkpoint` was signed for",
    );
    // Where an older checkpoint leaves a tail, the entry itself is named.
    std::fs::copy(&past().old_checkpoint, copy.path("ledger/checkpoint")).unwrap();
    for index in past().old_size..honest.len() {
        let mut lines = honest.clone();
        let place = lines[index].len() / 2;
        lines[index][place] ^= 1;
        copy.write_lines(&lines);
        assert_failed(&copy.verify(), &format!("entry {index}: "));
    }
    copy.write_lines(&honest);
    std::fs::remove_file(copy.path("ledger/checkpoint")).unwrap();
    assert_failed(&copy.verify(), "no `ledger/checkpoint`");
}

#[test]
fn lines_that_are_gone_doubled_or_in_another_order_are_noticed() {
    let copy = Copy::new();
    let honest = copy.lines();
    for index in 0..honest.len() {
        let mut lines = honest.clone();
        lines.remove(index);
        copy.write_lines(&lines);
        let expected = match index {
            0 => "a ledger begins with the adoption of a trust root",
            _ => "the ledger was cut short",
        };
        assert_failed(&copy.verify(), expected);
        lines = honest.clone();
        lines.insert(index, honest[index].clone());
        copy.write_lines(&lines);
        let report = copy.verify();
        // Behind the last signed entry anything that an engine has signed may stand for a while; it is told.
        let is_told = report.verdict == Verification::Failed
            || index + 1 == honest.len() && !report.warnings.is_empty();
        assert!(is_told, "entry {index} twice");
        lines = honest.clone();
        lines.swap(index, (index + 1) % honest.len());
        copy.write_lines(&lines);
        assert_eq!(copy.verify().verdict, Verification::Failed);
    }
    for keep in 1..honest.len() {
        copy.write_lines(&honest[..keep]);
        let expected = format!(
            "the ledger was cut short: `ledger/checkpoint` covers {} entries",
            honest.len()
        );
        assert_failed(&copy.verify(), &expected);
    }
    std::fs::remove_dir_all(copy.path("ledger")).unwrap();
    assert_failed(&copy.verify(), "nothing that could be verified");
}

#[test]
fn an_old_copy_is_noticed_only_with_a_checkpoint_that_was_kept() {
    let past = past();
    let kept = Copy::new();
    let request = VerifyRequest {
        write_checkpoint: Some(kept.path("kept")),
        ..VerifyRequest::default()
    };
    assert_eq!(kept.verify_against(request).verdict, Verification::Passed);
    assert_eq!(kept.read("kept"), kept.read("ledger/checkpoint"));

    let old = Copy(tempfile::tempdir().unwrap());
    copy(&past.organisation.folder().join("old"), old.0.path());
    let report = old.verify();
    assert_eq!(report.verdict, Verification::Passed);
    assert_eq!(report.freshness, Freshness::NotChecked);
    let pinned = |path: PathBuf| VerifyRequest {
        pinned: Some(path),
        ..VerifyRequest::default()
    };
    let report = old.verify_against(pinned(kept.path("kept")));
    assert_failed(&report, "does not go on from the checkpoint");
    assert_eq!(report.freshness, Freshness::Broken);
    // The other way round is how it should be.
    let report = kept.verify_against(pinned(past.old_checkpoint.clone()));
    assert_eq!(report.verdict, Verification::Passed);
    assert!(matches!(report.freshness, Freshness::Continues { .. }));
    // What was kept is not overwritten by something older.
    let request = VerifyRequest {
        write_checkpoint: Some(kept.path("kept")),
        ..VerifyRequest::default()
    };
    assert_failed(&old.verify_against(request), "does not go on from");
    assert_eq!(kept.read("kept"), kept.read("ledger/checkpoint"));
    // An older checkpoint alone leaves a tail.
    std::fs::copy(&past.old_checkpoint, kept.path("ledger/checkpoint")).unwrap();
    let report = kept.verify();
    assert_eq!(report.verdict, Verification::Passed);
    assert!(report.warnings[0].contains("not covered by the checkpoint"));
}

#[test]
fn another_organisations_ledger_is_noticed() {
    let other = TestOrganisation::with_ledger(LedgerAt::Directory);
    other.reconcile();
    let spoilt = Copy(tempfile::tempdir().unwrap());
    copy(&other.folder().join("ledger-store"), spoilt.0.path());
    assert_eq!(spoilt.verify().verdict, Verification::Passed);
    let honest = Copy::new().verify();
    let request = VerifyRequest {
        root: honest.root,
        ..VerifyRequest::default()
    };
    assert_failed(
        &spoilt.verify_against(request),
        "does not begin with the trust root",
    );
    let request = VerifyRequest {
        pinned: Some(past().old_checkpoint.clone()),
        ..VerifyRequest::default()
    };
    assert_failed(&spoilt.verify_against(request), "it is not of this ledger");
}

#[test]
fn every_piece_of_evidence_is_needed_as_it_is() {
    let copy = Copy::new();
    for path in copy.evidence() {
        let honest = copy.read(&path);
        let mut changed = honest.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        std::fs::write(copy.path(&path), changed).unwrap();
        let report = copy.verify();
        assert_eq!(report.verdict, Verification::Failed, "{path} was changed");
        assert!(
            report.audit.problems[0].entry.is_some(),
            "{:?}",
            reasons(&report)
        );
        std::fs::remove_file(copy.path(&path)).unwrap();
        let report = copy.verify();
        assert_eq!(report.verdict, Verification::Failed, "{path} is gone");
        assert!(
            report.audit.problems[0].entry.is_some(),
            "{:?}",
            reasons(&report)
        );
        std::fs::write(copy.path(&path), honest).unwrap();
    }
    assert_eq!(copy.verify().verdict, Verification::Passed);
}
