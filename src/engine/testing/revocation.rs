//! Keys that were lost: what they signed counts up to an entry of the ledger, and nothing after it.

use super::*;
use crate::attest::ssh::sign::read_public_key;
use crate::engine::audit::audit;
use crate::engine::inbox;
use crate::engine::people::Signer;
use crate::engine::reconcile::SlotStatus;
use crate::engine::record;
use crate::manifest::trust_root::RevocationSpec;
use crate::model::digest::Sha256;
use crate::model::event::Receipt;
use crate::model::principal::KeyFingerprint;
use crate::model::verdict::Verdict;
use crate::plan::desired::Change;

const FIRST: &str = "wildlife/model/penguin-species@1.0.0";

fn key(organisation: &TestOrganisation, who: &str) -> KeyFingerprint {
    let key = read_public_key(&organisation.key_path(&format!("{who}.pub")));
    key.unwrap().fingerprint()
}

fn revoke(organisation: &TestOrganisation, who: &str, from: u64) {
    let key = key(organisation, who);
    organisation.change_root(&["ann", "ben"], |root| {
        let reason = "lost on a train".to_owned();
        root.revoked.insert(key, RevocationSpec { from, reason });
    });
}

/// A version waits for prod: bob's yes is in the ledger at the returned index, dan's is missing.
fn waiting_for_dan() -> (TestOrganisation, u64) {
    let organisation = TestOrganisation::new();
    organisation.register("eve", FIRST, &Made::default());
    organisation.request("eve", FIRST, "qa");
    organisation.approve("dan", "qa");
    organisation.reconcile();
    organisation.wait(25);
    organisation.request("eve", FIRST, "prod");
    organisation.approve("bob", "prod");
    assert_eq!(organisation.reconcile().worst(), SlotStatus::Waiting);
    let index = index_of(&organisation, |receipt| receipt.signer.as_str() == "bob");
    (organisation, index)
}

fn index_of(organisation: &TestOrganisation, is_it: impl Fn(&Receipt) -> bool) -> u64 {
    let mut engine = organisation.observer();
    engine.observe().unwrap();
    let mut all = (0..).zip(engine.book().unwrap().entries());
    let found =
        all.find(|(_, entry)| matches!(&entry.event, Event::Received(receipt) if is_it(receipt)));
    found.unwrap().0
}

/// What a gate says of the only promotion that is to be done.
fn says(organisation: &TestOrganisation, gate: &str) -> Vec<String> {
    let mut engine = organisation.observer();
    let world = engine.observe().unwrap();
    let Some(Change::Promote(promotion)) = world
        .changes()
        .into_iter()
        .find(|change| matches!(change, Change::Promote(_)))
    else {
        panic!("nothing is to be promoted");
    };
    let judged = engine.judge(&world, promotion).unwrap();
    let found = judged.decision.gates.into_iter();
    let facts = found
        .filter(|found| found.gate == gate)
        .flat_map(|found| Verdict::facts(&found.verdict).to_vec());
    facts.collect()
}

#[track_caller]
fn expect_whole(organisation: &TestOrganisation) {
    let mut engine = organisation.observer().verifying_everything();
    engine.observe().unwrap();
    let problems = audit(engine.book().unwrap()).problems;
    assert_eq!(problems, [], "{problems:#?}");
}

const LOST: &str =
    "approval of `bob` does not count: its key is no longer trusted; approve with another";

#[test]
fn what_a_lost_key_said_from_that_entry_on_does_not_count_and_the_ledger_stays_whole() {
    let (organisation, index) = waiting_for_dan();
    revoke(&organisation, "bob", index);
    let said = says(&organisation, "approvals");
    assert!(said.contains(&LOST.to_owned()), "{said:#?}");
    organisation.approve("dan", "prod");
    // The decision is made, and made again by the audit, without bob.
    assert_eq!(organisation.reconcile().worst(), SlotStatus::Waiting);
    let said = says(&organisation, "approvals");
    assert!(said.contains(&LOST.to_owned()), "{said:#?}");
    expect_whole(&organisation);
}

#[test]
fn what_a_lost_key_said_before_that_entry_stays_valid() {
    let (organisation, index) = waiting_for_dan();
    revoke(&organisation, "bob", index + 1);
    organisation.approve("dan", "prod");
    let report = organisation.reconcile();
    assert_eq!(report.worst(), SlotStatus::Promoted, "{report:#?}");
    expect_whole(&organisation);
}

#[test]
fn a_lost_key_says_nothing_any_more_and_leaves_no_trace() {
    let (organisation, index) = waiting_for_dan();
    revoke(&organisation, "dan", index + 1);
    let size = organisation.reconcile().ledger_size;
    organisation.approve("dan", "prod");
    let report = organisation.reconcile();
    assert_eq!(report.worst(), SlotStatus::Waiting, "{report:#?}");
    assert_eq!(report.ledger_size, size);
    expect_whole(&organisation);
}

#[test]
fn a_bad_mark_and_a_rejection_by_a_lost_key_stop_nothing() {
    let (organisation, index) = waiting_for_dan();
    let world = organisation.observer().observe().unwrap();
    let digest = world.manifests.versions.values().next().unwrap();
    let digest = digest.document.value.spec.digest;
    organisation.mark_bad("fay", digest, "nothing but harm");
    organisation.reject("dan", "prod");
    assert_eq!(organisation.reconcile().worst(), SlotStatus::Denied);
    revoke(&organisation, "fay", index);
    assert_eq!(organisation.reconcile().worst(), SlotStatus::Denied);
    let said = says(&organisation, "deny-list");
    assert_eq!(said, ["nobody marked the digest as bad"]);
    revoke(&organisation, "dan", index);
    let report = organisation.reconcile();
    assert_eq!(report.worst(), SlotStatus::Waiting, "{report:#?}");
    expect_whole(&organisation);
}

#[test]
fn nobody_vouches_for_what_a_lost_key_registered() {
    let organisation = TestOrganisation::new();
    organisation.reconcile();
    organisation.register("eve", FIRST, &Made::default());
    organisation.request("eve", FIRST, "qa");
    organisation.reconcile();
    revoke(&organisation, "eve", 1);
    assert_eq!(organisation.reconcile().worst(), SlotStatus::Unavailable);
    let unknown = "the manifest is not signed by a known producer, so its authors cannot be told";
    assert_eq!(says(&organisation, "separation-of-duties"), [unknown]);
    expect_whole(&organisation);
}

#[test]
fn a_revocation_is_never_taken_back_nor_made_later() {
    let (organisation, index) = waiting_for_dan();
    revoke(&organisation, "bob", index);
    organisation.reconcile();
    let taken_back = format!(
        "`trust/root.yaml` takes back that key {} is revoked; a revocation stays as it is",
        key(&organisation, "bob")
    );
    revoke(&organisation, "bob", index + 1);
    let all = std::slice::from_ref(&taken_back);
    assert_eq!(organisation.reconcile().not_adopted, all);
    organisation.change_root(&["ann", "ben"], |root| root.revoked.clear());
    assert_eq!(organisation.reconcile().not_adopted, [taken_back]);
    // Earlier is better: the theft was noticed late.
    revoke(&organisation, "bob", 0);
    assert_eq!(organisation.reconcile().not_adopted, Vec::<String>::new());
}

#[test]
fn a_lost_key_of_the_root_role_does_not_sign_its_own_revocation() {
    let organisation = TestOrganisation::new();
    organisation.reconcile();
    revoke(&organisation, "ben", 1);
    let missing = [
        "`trust/index.yaml` needs 2 of role `root` to sign, 1 have: `ann`",
        "`trust/root.yaml` needs 2 of role `root` to sign, 1 have: `ann`",
    ];
    assert_eq!(organisation.reconcile().not_adopted, missing);
}

#[test]
fn an_engine_that_takes_a_statement_of_a_lost_key_is_noticed() {
    let (organisation, index) = waiting_for_dan();
    revoke(&organisation, "dan", index + 1);
    organisation.reconcile();
    organisation.approve("dan", "prod");
    let (receipt, evidence) = receipt_of(&organisation, "dan");
    let mut engine = organisation.engine();
    engine.observe().unwrap();
    let state = engine.book().unwrap().state().clone();
    let (at, time) = (state.size, state.time.unwrap());
    let commit = state.commit.clone().unwrap();
    let mut pending = Pending::new(state, time, commit, "local".parse().unwrap());
    pending.push(Event::Received(receipt)).unwrap();
    for (path, bytes) in evidence {
        pending.add_evidence(path, bytes);
    }
    engine.append(pending).unwrap();
    let problems = audit(engine.book().unwrap()).problems;
    let [problem] = problems.as_slice() else {
        panic!("{problems:#?}");
    };
    let reason = format!(
        "the key {} is revoked from entry {} of the ledger on",
        key(&organisation, "dan"),
        index + 1
    );
    assert_eq!((problem.entry, &problem.reason), (Some(at), &reason));
}

/// What an engine that looks at no revocation would record of a person's newest statement in the inbox.
fn receipt_of(organisation: &TestOrganisation, who: &str) -> (Receipt, BTreeMap<String, Vec<u8>>) {
    let key = key(organisation, who);
    let inbox = organisation.files(inbox::INBOX_BRANCH);
    let suffix = format!(".{}.sig", key.file_name());
    let known = organisation.observer().observe().unwrap();
    let is_new = |path: &&String| {
        let name = inbox::name_of(path).unwrap();
        path.ends_with(&suffix) && !known.state().knows_statement(name)
    };
    let path = inbox.keys().find(is_new).unwrap();
    let (signature, name) = (&inbox[path], inbox::name_of(path).unwrap());
    let statement = &inbox[path.strip_suffix(&suffix).unwrap()];
    let signer = Signer {
        principal: who.parse().unwrap(),
        key: key.clone(),
    };
    let receipt = Receipt {
        statement: name,
        signature: Sha256::of(signature),
        groups: known.people.groups_of(&signer.principal),
        said: inbox::read(statement, &signer, ORIGIN).unwrap(),
        signer: signer.principal,
        inbox: known.state().inbox.clone().unwrap(),
        key: key.clone(),
    };
    let evidence = BTreeMap::from([
        (record::evidence_path(name, "json"), statement.clone()),
        (
            record::signature_path(name, "json", &key),
            signature.clone(),
        ),
    ]);
    (receipt, evidence)
}
