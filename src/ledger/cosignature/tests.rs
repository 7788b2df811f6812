#![expect(
    clippy::disallowed_methods,
    reason = "the tests hand files to another program"
)]

use std::process::Command;

use super::*;
use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::key::Verifier;
use crate::ledger::key::tests::{PUBLIC, signer};
use crate::model::digest::Sha256;

fn note() -> Note {
    let checkpoint = Checkpoint {
        origin: "PeterNeumann".to_owned(),
        size: 7,
        root: Sha256::of(b"root"),
    };
    Note::parse(&checkpoint.sign(&signer()).unwrap()).unwrap()
}

fn noon() -> Timestamp {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

#[test]
fn a_cosignature_binds_the_text_the_time_and_the_key() {
    let witness = Cosigner::generate("witness.example/w1").unwrap();
    let cosigned = witness.cosign(&note(), noon()).unwrap();
    assert_eq!(witness.key().verify(&cosigned), Ok(noon()));
    assert!(cosigned.verify(signer().verifier()).is_ok());
    let id = witness.key().id();
    let missing = format!("it is not cosigned by `witness.example/w1` with the key {id}");
    let refused = witness.key().verify(&note()).unwrap_err();
    assert_eq!(refused.to_string(), missing);
    let forged =
        format!("the cosignature of `witness.example/w1` with the key {id} is not genuine");
    let change = |change: fn(&mut Vec<u8>)| {
        let mut signatures = cosigned.signatures().to_vec();
        change(&mut signatures.last_mut().unwrap().signature);
        Note::new(cosigned.text().to_owned(), signatures).unwrap()
    };
    let changes: [fn(&mut Vec<u8>); 4] = [
        |bytes| bytes[7] ^= 1,
        |bytes| bytes[8] ^= 1,
        |bytes| bytes.truncate(8),
        |bytes| bytes.truncate(3),
    ];
    for spoil in changes {
        let refused = witness.key().verify(&change(spoil)).unwrap_err();
        assert_eq!(refused.to_string(), forged);
    }
    let text = cosigned.text().replace("\n7\n", "\n8\n");
    let moved = Note::new(text, cosigned.signatures().to_vec()).unwrap();
    assert_eq!(
        witness.key().verify(&moved).unwrap_err().to_string(),
        forged
    );
}

#[test]
fn a_forged_line_takes_nothing_from_a_genuine_one() {
    let witness = Cosigner::generate("w").unwrap();
    let cosigned = witness.cosign(&note(), noon()).unwrap();
    let mut signatures = cosigned.signatures().to_vec();
    let mut forged = signatures.last().unwrap().clone();
    forged.signature[0] ^= 0x10;
    signatures.push(forged);
    let both = Note::new(cosigned.text().to_owned(), signatures).unwrap();
    assert_eq!(witness.key().verify(&both), Ok(noon()));
}

#[test]
fn keys_survive_being_stored_and_are_no_log_keys() {
    let witness = Cosigner::generate("w").unwrap();
    let again = Cosigner::parse(&witness.private_key()).unwrap();
    assert_eq!(again.key(), witness.key());
    let text = witness.key().to_string();
    assert_eq!(text.parse::<WitnessKey>().as_ref(), Ok(witness.key()));
    let error = text.parse::<Verifier>().unwrap_err().to_string();
    assert!(
        error.contains("it is not an Ed25519 key (type 0x01)"),
        "{error}"
    );
    let error = PUBLIC.parse::<WitnessKey>().unwrap_err().to_string();
    assert!(
        error.contains("it is not the key of a witness (type 0x04)"),
        "{error}"
    );
    let shown = format!("{witness:?}");
    assert_eq!(
        shown,
        format!("Cosigner {{ key: {text}, seed: Secret(…), pair: Secret(…) }}")
    );
}

#[test]
fn openssl_agrees_on_cosignatures() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let witness = Cosigner::generate("w").unwrap();
    let cosigned = witness.cosign(&note(), noon()).unwrap();
    // RFC 8410: the fixed beginning of an Ed25519 public key in DER.
    let begin = hex::decode("302a300506032b6570032100").unwrap();
    let public = [begin.as_slice(), witness.key().public_key()].concat();
    let signature = cosigned.signatures()[1].signature[8..].to_vec();
    std::fs::write(path("public"), public).unwrap();
    std::fs::write(path("signature"), signature).unwrap();
    let verify = |message: String| {
        std::fs::write(path("message"), message).unwrap();
        let (message, public, signature) = (path("message"), path("public"), path("signature"));
        let common = ["pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER"];
        let files = ["-in", &message, "-inkey", &public, "-sigfile", &signature];
        let output = Command::new("openssl").args(common).args(files).output();
        output.unwrap().status.success()
    };
    let text = cosigned.text();
    assert!(verify(format!("cosignature/v1\ntime 1780315200\n{text}")));
    assert!(!verify(format!("cosignature/v1\ntime 1780315201\n{text}")));
    assert!(!verify(text.to_owned()));
}

#[test]
fn the_example_of_the_specification_is_read() {
    let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
    let note = Note::parse(text.as_bytes()).unwrap();
    let line = &note.signatures()[1];
    let (time, signature) = line.signature.split_at(TIME_BYTES);
    let seconds = u64::from_be_bytes(time.try_into().unwrap());
    assert_eq!((seconds, signature.len()), (1_679_315_147, 64));
    assert!(
        message(note.text(), seconds).starts_with(
            "cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n"
        )
    );
}
