//! Another key for the ledger: the one before signs up to the entry that brings the new one, and neither signs what the
//! other may.

use super::*;
use crate::engine::audit::audit;
use crate::fs::durable;
use crate::ledger::checkpoint::Checkpoint;

const FIRST: &str = "wildlife/model/penguin-species@1.0.0";

/// A ledger in a directory, and its next key, which the trust root in force knows when `is_adopted`.
fn with_next_key(is_adopted: bool) -> (TestOrganisation, Secret<String>) {
    let organisation = TestOrganisation::with_ledger(LedgerAt::Directory);
    organisation.register("eve", FIRST, &Made::default());
    organisation.reconcile();
    let next = Signer::generate(ORIGIN).unwrap();
    organisation.change_root(&["ann", "ben"], |root| {
        root.ledger.key = next.verifier().to_string();
    });
    if is_adopted {
        let report = organisation.reconcile();
        assert_eq!(report.not_adopted, Vec::<String>::new());
    }
    (organisation, next.private_key())
}

fn signer(key: &Secret<String>) -> Signer {
    Signer::parse(key).unwrap()
}

fn checkpoint_path(organisation: &TestOrganisation) -> PathBuf {
    organisation.folder().join("ledger-store/ledger/checkpoint")
}

fn checkpoint(organisation: &TestOrganisation) -> Vec<u8> {
    durable::read_bounded(&checkpoint_path(organisation), 10_000).unwrap()
}

fn forget(organisation: &TestOrganisation) {
    let seen = organisation.folder().join("state/seen");
    for name in durable::read_dir_names(&seen, 10).unwrap() {
        durable::remove_file(&seen.join(name)).unwrap();
    }
}

/// What somebody says who reads the ledger for the first time, and believes nobody.
fn verify(organisation: &TestOrganisation) -> Result<Vec<String>, EngineError> {
    forget(organisation);
    let mut engine = organisation.observer().verifying_everything();
    let book = engine.open_ledger()?;
    let problems = audit(book).problems;
    Ok(problems.iter().map(ToString::to_string).collect())
}

fn why(error: &EngineError) -> String {
    error.to_string()
}

#[test]
fn the_old_key_signs_up_to_the_adoption_and_the_new_one_after_it() {
    let (organisation, next) = with_next_key(true);
    let old = signer(organisation.log_key());
    let last = Checkpoint::open(&checkpoint(&organisation), old.verifier()).unwrap();
    organisation.request("eve", FIRST, "qa");
    organisation.approve("bob", "qa");
    let error = run(organisation.engine()).unwrap_err();
    let expected = format!(
        "the private key belongs to `{}`, and the ledger's verifier key is `{}`",
        old.verifier(),
        signer(&next).verifier()
    );
    assert_eq!(why(&error), expected);
    assert_eq!(verify(&organisation).unwrap(), Vec::<String>::new());
    run(organisation.engine_with(&[&next])).unwrap();
    let newest = Checkpoint::open(&checkpoint(&organisation), signer(&next).verifier()).unwrap();
    assert!(newest.size > last.size);
    assert_eq!(verify(&organisation).unwrap(), Vec::<String>::new());
    // Who remembers goes on, too.
    run(organisation.engine_with(&[&next])).unwrap();
    run(organisation.engine_with(&[&next])).unwrap();
}

#[test]
fn an_engine_with_both_keys_goes_over_the_change_in_one_run() {
    let (organisation, next) = with_next_key(false);
    organisation.request("eve", FIRST, "qa");
    organisation.approve("bob", "qa");
    let report = run(organisation.engine_with(&[organisation.log_key(), &next])).unwrap();
    assert_eq!(report.not_adopted, Vec::<String>::new());
    assert!(Checkpoint::open(&checkpoint(&organisation), signer(&next).verifier()).is_ok());
    assert_eq!(verify(&organisation).unwrap(), Vec::<String>::new());
}

#[test]
fn an_old_log_key_signs_no_new_checkpoint() {
    let (organisation, next) = with_next_key(true);
    organisation.mark_bad("dan", digest(&organisation), "the labels were mixed up");
    run(organisation.engine_with(&[&next])).unwrap();
    let good = checkpoint(&organisation);
    let newest = Checkpoint::open(&good, signer(&next).verifier()).unwrap();
    let forged = newest.sign(&signer(organisation.log_key())).unwrap();
    durable::write_atomic(&checkpoint_path(&organisation), &forged).unwrap();
    let expected = format!(
        "`ledger/checkpoint` is not to be believed: it is not signed by `{ORIGIN}` with the key {}",
        signer(&next).verifier().id()
    );
    assert_eq!(why(&verify(&organisation).unwrap_err()), expected);
    // Nor does its signature beside the good one do any harm.
    let old = String::from_utf8(forged).unwrap();
    let line = old.lines().last().unwrap();
    let both = [good.as_slice(), line.as_bytes(), b"\n"].concat();
    durable::write_atomic(&checkpoint_path(&organisation), &both).unwrap();
    assert_eq!(verify(&organisation).unwrap(), Vec::<String>::new());
}

#[test]
fn a_new_log_key_signs_no_checkpoint_of_before() {
    let (organisation, next) = with_next_key(true);
    let old = signer(organisation.log_key());
    let pinned = checkpoint(&organisation);
    let last = Checkpoint::open(&pinned, old.verifier()).unwrap();
    let forged = last.sign(&signer(&next)).unwrap();
    durable::write_atomic(&checkpoint_path(&organisation), &forged).unwrap();
    let expected = format!(
        "`ledger/checkpoint` is not to be believed: it is not signed by `{ORIGIN}` with the key {}",
        old.verifier().id()
    );
    assert_eq!(why(&verify(&organisation).unwrap_err()), expected);
    durable::write_atomic(&checkpoint_path(&organisation), &pinned).unwrap();
    organisation.mark_bad("dan", digest(&organisation), "the labels were mixed up");
    run(organisation.engine_with(&[&next])).unwrap();
    // What was pinned before still holds the ledger, and what the new key makes of it does not.
    forget(&organisation);
    let mut engine = organisation.observer();
    let log = engine.open_ledger().unwrap().log();
    log.check_pinned(&log.keys().open(&pinned).unwrap())
        .unwrap();
    let refused = log.keys().open(&forged).unwrap_err().to_string();
    let id = old.verifier().id();
    assert_eq!(
        refused,
        format!("it is not signed by `{ORIGIN}` with the key {id}")
    );
}

#[test]
fn a_key_of_another_name_or_none_at_all_is_not_adopted() {
    let organisation = TestOrganisation::new();
    organisation.reconcile();
    let other = Signer::generate("ledger.test/other").unwrap();
    organisation.change_root(&["ann", "ben"], |root| {
        root.ledger.key = other.verifier().to_string();
    });
    let name = "`trust/root.yaml` names the ledger `ledger.test/other`; it is `ledger.test/wildlife`, and its keys keep that name";
    assert_eq!(organisation.reconcile().not_adopted, [name]);
    organisation.change_root(&["ann", "ben"], |root| {
        root.ledger.key = format!("{ORIGIN}+1+2");
    });
    let no_key = "`spec.ledger.key` in `trust/root.yaml` is not a verifier key: this is not a verifier key: its key id is not 8 lowercase hex digits; write `<name>+<8 hex digits>+<base64>`";
    assert_eq!(organisation.reconcile().not_adopted, [no_key]);
}

#[test]
fn a_key_that_the_ledger_never_had_signs_nothing() {
    let (organisation, next) = with_next_key(true);
    organisation.mark_bad("dan", digest(&organisation), "the labels were mixed up");
    let size = checkpoint(&organisation);
    let stranger = Signer::generate(ORIGIN).unwrap().private_key();
    let error = run(organisation.engine_with(&[&stranger])).unwrap_err();
    let expected = format!(
        "the private key belongs to `{}`, and the ledger's verifier key is `{}`",
        signer(&stranger).verifier(),
        signer(&next).verifier()
    );
    assert_eq!(why(&error), expected);
    assert_eq!(checkpoint(&organisation), size);
    assert_eq!(verify(&organisation).unwrap(), Vec::<String>::new());
}

fn digest(organisation: &TestOrganisation) -> TreeDigest {
    let world = organisation.observer().observe().unwrap();
    let version = world.manifests.versions.values().next().unwrap();
    version.document.value.spec.digest
}
