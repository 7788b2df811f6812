//! Witnesses: what waits for them, and what they make visible.

use super::*;
use crate::engine::audit::audit;
use crate::engine::reconcile::SlotStatus;
use crate::engine::witness::{WITNESS_BRANCH, note_path};
use crate::fs::durable;
use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::cosignature::Cosigner;
use crate::ledger::proof::consistency_proof;
use crate::ledger::witness::{Submission, Witness};
use crate::model::verdict::Verdict;
use crate::plan::desired::Change;

const FIRST: &str = "wildlife/model/penguin-species@1.0.0";
const POLICY: &str = "policies/qa.yaml";

/// An organisation whose qa asks for one witness of two, and the keys of both.
struct Case {
    organisation: TestOrganisation,
    keys: [Secret<String>; 2],
}

impl Case {
    fn new() -> Self {
        let organisation = TestOrganisation::with_ledger(LedgerAt::Directory);
        let keys = ["w1", "w2"].map(|name| Cosigner::generate(name).unwrap().private_key());
        organisation.reconcile();
        organisation.change_root(&["ann", "ben"], |root| {
            let keys = keys.iter().map(|key| Cosigner::parse(key).unwrap());
            root.ledger.witnesses = keys.map(|key| key.key().to_string()).collect();
        });
        organisation.reconcile();
        let policy = organisation.head_files().remove(POLICY).unwrap();
        let policy = String::from_utf8(policy).unwrap();
        let gate = "  gates:\n    - gate: witnessed\n      threshold: 1\n      maxAge: 24h\n";
        let policy = policy.replace("  gates:\n", gate);
        organisation.govern(&["ann"], &[(POLICY, Some(&policy))]);
        assert_eq!(organisation.reconcile().not_adopted, Vec::<String>::new());
        organisation.register("eve", FIRST, &Made::default());
        organisation.request("eve", FIRST, "qa");
        organisation.approve("bob", "qa");
        Self { organisation, keys }
    }

    fn cosigner(&self, which: usize) -> Cosigner {
        Cosigner::parse(&self.keys[which]).unwrap()
    }

    fn log(&self) -> Signer {
        Signer::parse(self.organisation.log_key()).unwrap()
    }

    /// Lets a witness cosign what it is shown, and publish it.
    fn cosign(&self, which: usize) -> Vec<u8> {
        let mut engine = self.organisation.observer();
        let log = engine.open_ledger().unwrap().log();
        let folder = self.organisation.folder().join("witness");
        let witness = Witness::new(self.cosigner(which), folder);
        let old = witness.last(ORIGIN).unwrap().map_or(0, |last| last.size);
        let submission = Submission {
            old,
            proof: consistency_proof(log.leaves(), old).unwrap(),
            checkpoint: log.checkpoint_bytes().unwrap().to_vec(),
        };
        let now = self.organisation.clock_now();
        let note = witness.cosign(&submission, log.verifier(), now).unwrap();
        self.publish(which, note.to_string().as_bytes());
        note.to_string().into_bytes()
    }

    fn publish(&self, which: usize, note: &[u8]) {
        let path = note_path(self.cosigner(which).key());
        let changes = BTreeMap::from([(path, Some(note.to_vec()))]);
        self.organisation.commit("fay", WITNESS_BRANCH, &changes);
    }

    /// A note that the log and a witness really signed, over whatever.
    fn forge(&self, which: usize, checkpoint: &Checkpoint) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let witness = Witness::new(self.cosigner(which), folder.path().join("w"));
        let log = match checkpoint.origin.as_str() {
            ORIGIN => self.log(),
            other => Signer::generate(other).unwrap(),
        };
        let submission = Submission {
            old: 0,
            proof: Vec::new(),
            checkpoint: checkpoint.sign(&log).unwrap(),
        };
        let now = self.organisation.clock_now();
        let note = witness.cosign(&submission, log.verifier(), now).unwrap();
        note.to_string().into_bytes()
    }

    fn size(&self) -> u64 {
        let mut engine = self.organisation.observer();
        engine.open_ledger().unwrap().state().size
    }

    /// What the gate says of the promotion that waits.
    fn says(&self) -> Vec<String> {
        let mut engine = self.organisation.observer();
        let world = engine.observe().unwrap();
        let mut promotions = world
            .changes()
            .into_iter()
            .filter_map(|change| match change {
                Change::Promote(promotion) => Some(promotion),
                Change::UpToDate { .. } | Change::Failed(_) => None,
            });
        let judged = engine.judge(&world, promotions.next().unwrap()).unwrap();
        let gates = judged.decision.gates.into_iter();
        let gate = gates.filter(|gate| gate.gate == "witnessed");
        gate.flat_map(|gate| Verdict::facts(&gate.verdict).to_vec())
            .collect()
    }

    #[track_caller]
    fn expect(&self, status: SlotStatus) {
        let report = self.organisation.reconcile();
        assert_eq!(report.worst(), status, "{report:#?}");
    }

    #[track_caller]
    fn expect_whole(&self) {
        let mut engine = self.organisation.observer().verifying_everything();
        let problems = audit(engine.open_ledger().unwrap()).problems;
        assert_eq!(problems, [], "{problems:#?}");
    }
}

fn checkpoint_of(note: &[u8]) -> Checkpoint {
    let note = crate::ledger::note::Note::parse(note).unwrap();
    Checkpoint::parse(note.text()).unwrap()
}

#[test]
fn a_promotion_waits_for_a_witness_to_cosign_what_it_rests_on() {
    let case = Case::new();
    case.cosign(0);
    let before = case.size();
    case.expect(SlotStatus::Waiting);
    let size = case.size();
    let more = format!("1 more of the witnesses to cosign the first {size} entries");
    let early = format!(
        "`w1` cosigned {before} entries at 2026-09-01T08:00:00Z, and not yet what this rests on"
    );
    let nothing = "`w2` has cosigned nothing of this ledger".to_owned();
    assert_eq!(case.says(), [more, early, nothing]);
    case.cosign(0);
    case.expect(SlotStatus::Promoted);
    case.expect_whole();
}

#[test]
fn a_stale_cosignature_does_not_count_and_a_new_one_does() {
    let case = Case::new();
    case.expect(SlotStatus::Waiting);
    let old = case.cosign(1);
    case.organisation.wait(25);
    case.organisation.approve("bob", "qa");
    case.expect(SlotStatus::Waiting);
    let said = case.says();
    let stale = format!(
        "`w2` cosigned {} entries at 2026-09-01T08:00:00Z, longer ago than 1d",
        checkpoint_of(&old).size
    );
    assert!(said.contains(&stale), "{said:#?}");
    // The time of another line cannot be put into it.
    let new = case.cosign(1);
    let text = String::from_utf8(old).unwrap();
    let newer = String::from_utf8(new.clone()).unwrap();
    let mixed = text.replace(text.lines().last().unwrap(), newer.lines().last().unwrap());
    case.publish(1, mixed.as_bytes());
    let said = case.says();
    assert!(
        said.contains(&"`w2` has cosigned nothing of this ledger".to_owned()),
        "{said:#?}"
    );
    case.publish(1, &new);
    case.expect(SlotStatus::Promoted);
    case.expect_whole();
}

#[test]
fn a_cosignature_of_another_log_or_by_nobody_says_nothing() {
    let case = Case::new();
    case.expect(SlotStatus::Waiting);
    let other = Checkpoint {
        origin: "ledger.test/other".to_owned(),
        size: case.size(),
        root: crate::model::digest::Sha256::of(b"other"),
    };
    case.publish(0, &case.forge(0, &other));
    let nothing = |name: &str| format!("`{name}` has cosigned nothing of this ledger");
    assert_eq!(case.says()[1..], [nothing("w1"), nothing("w2")]);
    // A key that the trust root does not list, under the name of one that it does.
    let good = case.cosign(0);
    let stranger = Cosigner::generate("w1").unwrap();
    let checkpoint = checkpoint_of(&good);
    let log = case.log();
    let folder = tempfile::tempdir().unwrap();
    let witness = Witness::new(stranger, folder.path().join("w"));
    let submission = Submission {
        old: 0,
        proof: Vec::new(),
        checkpoint: checkpoint.sign(&log).unwrap(),
    };
    let note = witness
        .cosign(&submission, log.verifier(), case.organisation.clock_now())
        .unwrap();
    case.publish(0, note.to_string().as_bytes());
    assert_eq!(case.says()[1..], [nothing("w1"), nothing("w2")]);
    case.expect(SlotStatus::Waiting);
}

#[test]
fn a_fork_or_a_longer_ledger_that_a_witness_has_seen_stops_everything() {
    let case = Case::new();
    case.expect(SlotStatus::Waiting);
    let size = case.size();
    case.cosign(1);
    let checkpoint = |size| Checkpoint {
        origin: ORIGIN.to_owned(),
        size,
        root: crate::model::digest::Sha256::of(b"another"),
    };
    case.publish(0, &case.forge(0, &checkpoint(size)));
    let forked = format!(
        "witness `w1` has cosigned another history of this ledger: its first {size} entries are others"
    );
    assert_eq!(case.says(), [forked]);
    case.publish(0, &case.forge(0, &checkpoint(size + 1)));
    let longer = format!(
        "witness `w1` has cosigned {} entries, and the ledger has {size}: it was cut short, or this is an old copy",
        size + 1
    );
    assert_eq!(case.says(), [longer]);
    case.expect(SlotStatus::Denied);
    case.expect_whole();
}

#[test]
fn an_older_ledger_that_is_served_again_is_told_by_what_a_witness_saw() {
    let case = Case::new();
    case.expect(SlotStatus::Waiting);
    let ledger = case.organisation.folder().join("ledger-store/ledger");
    let paths = ["checkpoint", "entries/000.jsonl"].map(|path| ledger.join(path));
    let old: Vec<Vec<u8>> = paths
        .iter()
        .map(|path| durable::read_bounded(path, 1 << 24).unwrap())
        .collect();
    let size = case.size();
    // Somebody takes the approval back; a witness sees it; and the ledger from before is served again to an engine that
    // remembers nothing.
    case.organisation.reject("bob", "qa");
    case.expect(SlotStatus::Denied);
    case.cosign(0);
    let seen = case.size();
    for (path, bytes) in paths.iter().zip(&old) {
        durable::write_atomic(path, bytes).unwrap();
    }
    let memory = case.organisation.folder().join("state/seen");
    for name in durable::read_dir_names(&memory, 10).unwrap() {
        durable::remove_file(&memory.join(name)).unwrap();
    }
    let said = format!(
        "witness `w1` has cosigned {seen} entries, and the ledger has {size}: it was cut short, or this is an old copy"
    );
    assert_eq!(case.says(), [said]);
}

#[test]
fn a_decision_that_misstates_what_witnesses_said_is_noticed() {
    let case = Case::new();
    case.expect(SlotStatus::Waiting);
    case.cosign(0);
    let mut engine = case.organisation.engine();
    let mut world = engine.observe().unwrap();
    let Some(Change::Promote(promotion)) = world.changes().into_iter().next() else {
        panic!("nothing is to be promoted");
    };
    let mut judged = engine.judge(&world, promotion).unwrap();
    let facts = judged.evidence.witnessed.as_mut().unwrap();
    facts.needed -= 1;
    crate::engine::execute::push_judgement(&mut world, &judged).unwrap();
    assert!(engine.record(&mut world).unwrap());
    let problems = audit(engine.book().unwrap()).problems;
    let reasons: Vec<&str> = problems
        .iter()
        .map(|problem| problem.reason.as_str())
        .collect();
    assert_eq!(reasons, ["what witnesses had cosigned is misstated"]);
}
