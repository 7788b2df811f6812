//! What a machine has verified once it does not verify again, as long as nobody else could have told it so.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use promote::ledger::checkpoint::Checkpoint;
use promote::ledger::merkle::{leaf_hash, root};
use promote::ledger::signer::Signer;
use promote::redact::Secret;

use crate::organisation::Organisation;
use crate::support::files_under;
use crate::variants::make_ready;

/// A ledger with one signature that is wrong, under a checkpoint that is right; whoever holds the log key could make it.
fn with_one_wrong_signature(organisation: &Organisation) -> Vec<u8> {
    let entries = organisation.path("ledger/ledger/entries/000.jsonl");
    let mut bytes = std::fs::read(&entries).unwrap();
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap();
    let line = std::str::from_utf8(&bytes[..end]).unwrap();
    let at = line.rfind("\"sig\":\"").unwrap() + 30;
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    std::fs::write(&entries, &bytes).unwrap();

    let leaves: Vec<_> = bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(leaf_hash)
        .collect();
    let path = organisation.path("ledger/ledger/checkpoint");
    let old = std::fs::read_to_string(&path).unwrap();
    let key =
        std::fs::read_to_string(organisation.repository().join(".git/promote/log.key")).unwrap();
    let signer = Signer::parse(&Secret::new(key)).unwrap();
    let checkpoint = Checkpoint {
        origin: old.lines().next().unwrap().to_owned(),
        size: leaves.len().try_into().unwrap(),
        root: root(&leaves),
    };
    let signed = checkpoint.sign(&signer).unwrap();
    std::fs::write(&path, &signed).unwrap();
    signed
}

fn memory(organisation: &Organisation) -> PathBuf {
    let whole = organisation.path("");
    let is_memory = |(path, _): &(String, Vec<u8>)| path.ends_with(".checkpoint");
    let (path, _) = files_under(&whole).into_iter().find(is_memory).unwrap();
    whole.join(path)
}

#[test]
fn only_what_this_machine_remembers_in_private_is_not_verified_again() {
    let organisation = Organisation::with_directory_ledger();
    make_ready(&organisation, "1.0.0");
    organisation.apply().expect_code(0);
    let memory = memory(&organisation);
    let forged = with_one_wrong_signature(&organisation);

    // It remembers another ledger.
    let refused = organisation.apply().expect_code(1);
    assert!(refused.stderr.contains("entry"), "{}", refused.all());
    // Somebody else tells it that it has seen this one.
    std::fs::write(&memory, &forged).unwrap();
    set_permissions(&memory, Permissions::from_mode(0o666)).unwrap();
    let refused = organisation.apply().expect_code(1);
    assert!(
        refused.stderr.contains("entry 0 is not to be believed"),
        "{}",
        refused.all()
    );
    // It says so itself. `verify` believes nobody.
    set_permissions(&memory, Permissions::from_mode(0o600)).unwrap();
    organisation.as_person("ada", &["plan"]).expect_code(0);
    let refused = organisation.as_person("ada", &["verify"]).expect_code(1);
    assert!(
        refused
            .stdout
            .contains("entry 0: no trusted key signed this envelope"),
        "{}",
        refused.all()
    );
}
