//! The page of Python that was written from the formats alone, on whole ledgers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Verdicts, flipped};
use crate::oracle::{add_attester, installed};
use crate::organisation::{Organisation, answer};
use crate::tampering::{Files, Kept, changes};
use crate::variants::make_ready;

/// What the page of Python says of a ledger; its reason when it finds one.
fn python_verifies(folder: &Path) -> Result<(), String> {
    let page = crate::support::root().join("tests/oracle/verify_ledger.py");
    let mut command = Command::new(installed("python"));
    let said = answer(command.arg("-B").arg(page).arg(folder));
    match said.code {
        0 => Ok(()),
        1 if said.stderr.starts_with("wrong: ") => Err(said.stderr),
        _ => panic!("{}", said.all()),
    }
}

/// A ledger of two promotions, with an adoption between, and the state that it had after the first.
fn ledger() -> (Organisation, Files, Files) {
    let organisation = Organisation::with_directory_ledger();
    let kept = Kept::Directory;
    make_ready(&organisation, "1.0.0");
    organisation.apply().expect_code(0);
    let older = kept.files(&organisation);
    add_attester(&organisation, "trainer");
    let sign = ["trust", "sign", "--commit"];
    organisation.as_person("ada", &sign).expect_code(0);
    organisation.apply().expect_code(0);
    make_ready(&organisation, "1.0.1");
    organisation.apply().expect_code(0);
    let good = kept.files(&organisation);
    (organisation, good, older)
}

/// Both verifiers say of each ledger what they should.
#[track_caller]
fn both_verify(organisation: &Organisation, good: &[(String, Files)], bad: &[(String, Files)]) {
    let folder = organisation.path("copy");
    let mut verdicts = Verdicts::default();
    for (what, files) in good.iter().chain(bad) {
        write_files(&folder, files);
        let arguments = ["verify", "--ledger", folder.to_str().unwrap()];
        let ours = organisation.as_person("rita", &arguments).code == 0;
        verdicts.add(what, python_verifies(&folder).is_ok(), ours);
    }
    verdicts.expect(good.len(), bad.len());
}

#[test]
fn a_page_of_python_agrees_on_entries_and_checkpoints() {
    let (organisation, good, older) = ledger();
    let bad = changes(&good, &older);
    assert!(bad.len() > 30, "{}", bad.len());
    let good = [
        ("good".to_owned(), good),
        ("good, and older".to_owned(), older),
    ];
    both_verify(&organisation, &good, &bad);
}

#[test]
fn a_page_of_python_agrees_on_evidence() {
    let (organisation, good, _) = ledger();
    let evidence = good.keys().filter(|path| path.starts_with("evidence/"));
    // Every file, in turn with a bit changed and taken away.
    let tampered = |(index, path): (usize, &String)| {
        let mut files = good.clone();
        let bytes = files.remove(path).unwrap();
        if index % 2 == 0 {
            files.insert(path.clone(), flipped(&bytes, bytes.len() / 2));
        }
        (format!("{path} changed"), files)
    };
    let bad: Vec<_> = evidence.enumerate().map(tampered).collect();
    assert!(bad.len() > 20, "{}", bad.len());
    both_verify(&organisation, &[], &bad);
}

#[test]
fn a_page_of_python_reads_a_plain_clone() {
    let organisation = Organisation::new();
    make_ready(&organisation, "1.0.0");
    organisation.apply().expect_code(0);
    let clone = organisation.path("clone");
    let (from, to) = (organisation.repository(), clone.to_str().unwrap());
    organisation.git("rita", &["clone", "-q", from.to_str().unwrap(), to]);
    assert_eq!(python_verifies(&clone), Ok(()));
    let nothing: PathBuf = organisation.path("keys");
    assert_eq!(
        python_verifies(&nothing),
        Err("wrong: there is no ledger\n".to_owned())
    );
}

fn write_files(folder: &Path, files: &BTreeMap<String, Vec<u8>>) {
    drop(std::fs::remove_dir_all(folder));
    for (path, bytes) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}
