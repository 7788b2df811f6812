use proptest::prelude::*;

use super::*;
use crate::ledger::merkle::{leaf_hash, root};
use crate::ledger::proof::consistency_proof;
use crate::ledger::signer::Signer;
use crate::redact::Secret;

const NAME: &str = "ledger.test/wildlife";

struct Case {
    folder: tempfile::TempDir,
    log: Signer,
    key: Secret<String>,
}

impl Case {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            log: Signer::generate(NAME).unwrap(),
            key: Cosigner::generate("w1").unwrap().private_key(),
        }
    }

    fn witness(&self) -> Witness {
        let key = Cosigner::parse(&self.key).unwrap();
        Witness::new(key, self.folder.path().join("witness"))
    }

    /// A request for so many entries of a ledger, from what was cosigned last.
    fn submission(&self, ledger: &str, old: u64, size: u64) -> Submission {
        submission(&self.log, NAME, ledger, old, size)
    }

    fn ask(&self, submission: &Submission) -> Result<Note, WitnessError> {
        self.witness()
            .cosign(submission, self.log.verifier(), at(12))
    }

    #[track_caller]
    fn refuses(&self, submission: &Submission, status: u16, reason: &str) {
        match self.ask(submission).unwrap_err() {
            WitnessError::Refused(refusal) => {
                assert_eq!(
                    (refusal.to_string().as_str(), refusal.status()),
                    (reason, status)
                );
            }
            other => panic!("{other}"),
        }
    }
}

fn at(hour: i8) -> Timestamp {
    format!("2026-06-01T{hour:02}:00:00Z").parse().unwrap()
}

fn submission(log: &Signer, origin: &str, ledger: &str, old: u64, size: u64) -> Submission {
    let leaves: Vec<Sha256> = (0..size)
        .map(|index| leaf_hash(format!("{ledger} {index}").as_bytes()))
        .collect();
    let checkpoint = Checkpoint {
        origin: origin.to_owned(),
        size,
        root: root(&leaves),
    };
    Submission {
        old,
        proof: consistency_proof(&leaves, old).unwrap_or_default(),
        checkpoint: log
            .sign(&checkpoint.to_string())
            .unwrap()
            .to_string()
            .into_bytes(),
    }
}

#[test]
fn what_continues_is_cosigned_and_kept_before_it_is_given_away() {
    let case = Case::new();
    for (old, size) in [(0, 3), (3, 3), (3, 8), (8, 9)] {
        let note = case.ask(&case.submission("a", old, size)).unwrap();
        let witness = case.witness();
        assert_eq!(witness.cosigner().key().verify(&note), Ok(at(12)));
        assert_eq!(witness.last(NAME).unwrap().unwrap().size, size);
    }
    // Where nothing can be kept, nothing is given away.
    let kept = case.witness().path(NAME, "note");
    durable::remove_file(&kept).unwrap();
    durable::create_dir_all(&kept).unwrap();
    let error = case.ask(&case.submission("a", 0, 9)).unwrap_err();
    assert!(matches!(error, WitnessError::State { .. }), "{error}");
}

#[test]
fn a_fork_that_is_shown_to_a_witness_is_refused() {
    let case = Case::new();
    case.ask(&case.submission("a", 0, 5)).unwrap();
    let other = "the ledger was forked: its first 5 entries are not those that were cosigned: ";
    for size in [6, 8, 100] {
        let submission = case.submission("b", 5, size);
        let refused = case.ask(&submission).unwrap_err().to_string();
        assert!(refused.starts_with(other), "{refused}");
        assert!(matches!(
            case.ask(&submission),
            Err(WitnessError::Refused(Refusal::Forked { .. }))
        ));
    }
    case.refuses(
        &case.submission("b", 5, 5),
        409,
        &format!("{other}{}", ProofError::Root { size: 5 }),
    );
    assert!(case.ask(&case.submission("a", 5, 6)).is_ok());
}

#[test]
fn a_ledger_that_shrank_or_is_shown_from_elsewhere_is_refused() {
    let case = Case::new();
    case.ask(&case.submission("a", 0, 5)).unwrap();
    let short = "the ledger was cut short: 5 entries were cosigned, and the checkpoint covers 4";
    case.refuses(&case.submission("a", 4, 4), 409, short);
    case.refuses(
        &case.submission("a", 0, 7),
        409,
        "the proof is from 0 entries, and 5 were cosigned last",
    );
    let mut bare = case.submission("a", 5, 7);
    bare.proof.clear();
    let refused = case.ask(&bare).unwrap_err();
    assert!(
        matches!(
            refused,
            WitnessError::Refused(Refusal::Forked { last: 5, .. })
        ),
        "{refused}"
    );
}

#[test]
fn what_another_key_signed_or_another_ledger_is_refused() {
    let case = Case::new();
    let stranger = Signer::generate(NAME).unwrap();
    let id = case.log.verifier().id();
    case.refuses(
        &submission(&stranger, NAME, "a", 0, 2),
        403,
        &format!(
            "the checkpoint is not to be believed: it is not signed by `{NAME}` with the key {id}"
        ),
    );
    case.refuses(
        &submission(&case.log, "ledger.test/other", "a", 0, 2),
        404,
        &format!("the checkpoint is not to be believed: it is the checkpoint of `ledger.test/other`, not of `{NAME}`"),
    );
}

#[test]
fn time_never_goes_back_and_what_was_kept_must_be_its_own() {
    let case = Case::new();
    let ask = |hour| {
        let submission = case.submission("a", if hour == 12 { 0 } else { 2 }, 2);
        let note = case
            .witness()
            .cosign(&submission, case.log.verifier(), at(hour));
        case.witness()
            .cosigner()
            .key()
            .verify(&note.unwrap())
            .unwrap()
    };
    assert_eq!([ask(12), ask(9), ask(13)], [at(12), at(12), at(13)]);
    let path = case.witness().path(NAME, "note");
    let text = String::from_utf8(durable::read_bounded(&path, 10_000).unwrap()).unwrap();
    durable::write_atomic(&path, text.replace("\n2\n", "\n1\n").as_bytes()).unwrap();
    let error = case.ask(&case.submission("a", 1, 2)).unwrap_err();
    let id = case.witness().cosigner().key().id();
    assert_eq!(
        error.to_string(),
        format!(
            "`{}` is not what this witness cosigned last: the cosignature of `w1` with the key {id} is not genuine",
            path.display()
        )
    );
}

#[test]
fn a_witness_that_lost_its_memory_recalls_what_it_published() {
    let case = Case::new();
    let published = case.ask(&case.submission("a", 0, 5)).unwrap().to_string();
    durable::remove_file(&case.witness().path(NAME, "note")).unwrap();
    case.witness().recall(NAME, b"nonsense").unwrap();
    case.witness()
        .recall("ledger.test/other", published.as_bytes())
        .unwrap();
    assert_eq!(case.witness().last(NAME).unwrap(), None);
    case.witness().recall(NAME, published.as_bytes()).unwrap();
    case.refuses(
        &case.submission("b", 0, 7),
        409,
        "the proof is from 0 entries, and 5 were cosigned last",
    );
    // What is kept is never set back.
    case.ask(&case.submission("a", 5, 6)).unwrap();
    case.witness().recall(NAME, published.as_bytes()).unwrap();
    assert_eq!(case.witness().last(NAME).unwrap().unwrap().size, 6);
}

#[test]
fn what_is_no_request_is_refused() {
    let hash = STANDARD.encode([7; 32]);
    for (bytes, reason) in [
        (
            "old 0\n".to_owned(),
            "it has no empty line before the checkpoint",
        ),
        (
            "new 0\n\nx".to_owned(),
            "its first line is not `old` and a size",
        ),
        (
            "old 01\n\nx".to_owned(),
            "its first line is not `old` and a size",
        ),
        (
            "old +1\n\nx".to_owned(),
            "its first line is not `old` and a size",
        ),
        (
            "old 1\nx\n\nx".to_owned(),
            "a line of its proof is not a hash in base64",
        ),
        (
            format!("old 1\n{}\nx", format!("{hash}\n").repeat(64)),
            "its proof has more than 63 lines",
        ),
    ] {
        let refused = Submission::parse(bytes.as_bytes()).unwrap_err();
        assert_eq!(refused, Refusal::Malformed(reason), "{bytes:?}");
    }
    assert_eq!(
        Submission::parse(&[0xff, 0xfe]).unwrap_err(),
        Refusal::Malformed("it is not UTF-8")
    );
}

proptest! {
    #[test]
    fn requests_survive_being_written(old: u64, proof in proptest::collection::vec(any::<[u8; 32]>(), 0..63)) {
        let log = Signer::generate(NAME).unwrap();
        let checkpoint = Checkpoint { origin: NAME.to_owned(), size: 9, root: Sha256::of(b"r") };
        let submission = Submission {
            old,
            proof: proof.into_iter().map(Sha256::from_bytes).collect(),
            checkpoint: checkpoint.sign(&log).unwrap(),
        };
        let bytes = submission.to_string();
        prop_assert_eq!(Submission::parse(bytes.as_bytes()).unwrap(), submission);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        drop(Submission::parse(&bytes));
    }
}
