//! Proofs of one entry that need nothing but the log's verifier key, as <https://c2sp.org/tlog-proof> defines them.
//!
//! The first line names the format, then come `extra` with base64 of anything (or no such line), `index` with the entry's
//! index, the inclusion proof with one base64 hash a line, an empty line, and the checkpoint with all its signatures. What
//! follows `extra` is vouched for by nobody: we put the entry's own line there, which the proof then speaks about.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::ledger::checkpoint::{Checkpoint, CheckpointError};
use crate::ledger::key::Verifier;
use crate::ledger::merkle::leaf_hash;
use crate::ledger::note::MAX_NOTE_BYTES;
use crate::ledger::proof::{MAX_PROOF_HASHES, ProofError, verify_inclusion};
use crate::ledger::store::MAX_LINE_BYTES;
use crate::model::digest::Sha256;

/// The first line.
const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// The most bytes of `extra` that are read: an entry, and room for what others put there.
const MAX_EXTRA_BYTES: usize = 2 * MAX_LINE_BYTES;
/// The largest proof that is read, in bytes: `extra`, a checkpoint, and the hashes with their lines.
pub const MAX_TLOG_PROOF_BYTES: usize = 2 * MAX_EXTRA_BYTES + MAX_NOTE_BYTES + (1 << 14);

/// Why bytes are not a proof, or one that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// They do not have the form.
    #[error("it is not a tlog-proof: {0}")]
    Malformed(&'static str),
    /// The checkpoint in it is not to be believed.
    #[error("its checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The hashes do not lead from the entry to the checkpoint.
    #[error("the entry is not what it proves: {0}")]
    Proof(#[from] ProofError),
    /// No entry is in it, and none was given.
    #[error("it does not hold the entry that it is about")]
    NoEntry,
}

/// A proof that an entry is in a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// Anything; not to be trusted. Ours is the entry's line.
    pub extra: Option<Vec<u8>>,
    /// The entry's index, from 0.
    pub index: u64,
    /// The inclusion proof, from the leaf's sibling up.
    pub hashes: Vec<Sha256>,
    /// The bytes of the checkpoint, with all its signatures.
    pub checkpoint: Vec<u8>,
}

impl TlogProof {
    /// Reads a proof. Checks its form alone.
    ///
    /// # Errors
    ///
    /// When the bytes do not have the form.
    pub fn parse(bytes: &[u8]) -> Result<Self, TlogProofError> {
        use TlogProofError::Malformed;
        if bytes.len() > MAX_TLOG_PROOF_BYTES {
            return Err(Malformed("it is too large"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| Malformed("it is not UTF-8"))?;
        let cut = text.split_once("\n\n");
        let (head, checkpoint) = cut.ok_or(Malformed("it has no empty line"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(HEADER) {
            return Err(Malformed("its first line is not `c2sp.org/tlog-proof@v1`"));
        }
        let extra = lines.next_if(|line| line.starts_with("extra "));
        let extra = extra.map(parse_extra).transpose()?;
        let index = lines.next().and_then(|line| line.strip_prefix("index "));
        let index = index
            .and_then(parse_number)
            .ok_or(Malformed("it has no line `index` with a number"))?;
        let hashes: Vec<&str> = lines.collect();
        if hashes.len() > MAX_PROOF_HASHES {
            return Err(Malformed("it has more hashes than any tree is deep"));
        }
        let hashes: Option<Vec<Sha256>> = hashes.into_iter().map(parse_hash).collect();
        Ok(Self {
            extra,
            index,
            hashes: hashes.ok_or(Malformed("one of its lines is not a hash in base64"))?,
            checkpoint: checkpoint.as_bytes().to_vec(),
        })
    }

    /// The bytes of the proof.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("{HEADER}\n");
        if let Some(extra) = &self.extra {
            text.push_str(&format!("extra {}\n", STANDARD.encode(extra)));
        }
        text.push_str(&format!("index {}\n", self.index));
        for hash in &self.hashes {
            text.push_str(&STANDARD.encode(hash.as_bytes()));
            text.push('\n');
        }
        text.push('\n');
        [text.into_bytes(), self.checkpoint.clone()].concat()
    }

    /// Checks the checkpoint under the log's key, and that the entry is where the proof says. `line` is the entry without
    /// its newline; when left out, `extra` must be it.
    ///
    /// # Errors
    ///
    /// When the checkpoint is not to be believed, or the entry is not proved.
    pub fn check(
        &self,
        line: Option<&[u8]>,
        verifier: &Verifier,
    ) -> Result<Checkpoint, TlogProofError> {
        let line = line.or(self.extra.as_deref());
        let line = line.ok_or(TlogProofError::NoEntry)?;
        let checkpoint = Checkpoint::open(&self.checkpoint, verifier)?;
        verify_inclusion(
            &leaf_hash(line),
            self.index,
            checkpoint.size,
            &self.hashes,
            &checkpoint.root,
        )?;
        Ok(checkpoint)
    }
}

fn parse_extra(line: &str) -> Result<Vec<u8>, TlogProofError> {
    let encoded = line.strip_prefix("extra ").unwrap_or_default();
    let bytes = STANDARD.decode(encoded).ok();
    bytes
        .filter(|bytes| bytes.len() <= MAX_EXTRA_BYTES)
        .ok_or(TlogProofError::Malformed(
            "its line `extra` is not base64, or too long",
        ))
}

fn parse_number(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    // No sign, no leading zero.
    (number.to_string() == text).then_some(number)
}

fn parse_hash(line: &str) -> Option<Sha256> {
    let bytes = STANDARD.decode(line).ok()?;
    Some(Sha256::from_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::key::tests::signer;
    use crate::ledger::merkle::Tree;

    /// A ledger of so many entries, and the proof of one.
    fn proof(size: u64, index: u64) -> (TlogProof, Vec<u8>) {
        let line = |index: u64| format!("entry {index}").into_bytes();
        let leaves: Vec<Sha256> = (0..size).map(|index| leaf_hash(&line(index))).collect();
        let tree = Tree::of(&leaves);
        let signer = signer();
        let checkpoint = Checkpoint {
            origin: signer.verifier().name().to_owned(),
            size,
            root: tree.root_at(size).unwrap(),
        };
        let proof = TlogProof {
            extra: None,
            index,
            hashes: tree.inclusion_proof(index, size).unwrap(),
            checkpoint: checkpoint.sign(&signer).unwrap(),
        };
        (proof, line(index))
    }

    #[test]
    fn a_proof_has_the_lines_of_the_specification() {
        let (mut proof, line) = proof(3, 2);
        proof.extra = Some(line);
        let text = String::from_utf8(proof.to_bytes()).unwrap();
        let (head, checkpoint) = text.split_once("\n\n").unwrap();
        let hash = STANDARD.encode(proof.hashes[0].as_bytes());
        assert_eq!(
            head,
            format!("c2sp.org/tlog-proof@v1\nextra ZW50cnkgMg==\nindex 2\n{hash}")
        );
        assert_eq!(checkpoint.as_bytes(), proof.checkpoint);
        assert!(checkpoint.starts_with("PeterNeumann\n3\n"));
    }

    /// The example of the specification, whose signatures it leaves out.
    #[test]
    fn the_example_of_the_specification_is_read() {
        let text = "c2sp.org/tlog-proof@v1\nextra YWdl\nindex 73894\n\
            gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\n\
            B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=\n\n\
            example.com/fancylog\n109482\nsFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=\n\n\
            \u{2014} example.com/fancylog hI2DJw==\n";
        let proof = TlogProof::parse(text.as_bytes()).unwrap();
        assert_eq!((proof.index, proof.hashes.len()), (73_894, 2));
        assert_eq!(proof.extra.as_deref(), Some(&b"age"[..]));
        assert_eq!(proof.to_bytes(), text.as_bytes());
    }

    #[test]
    fn what_is_not_a_proof_is_refused() {
        let good = String::from_utf8(proof(3, 0).0.to_bytes()).unwrap();
        let cases = [
            ("", "it has no empty line"),
            ("x\n\n", "its first line"),
            ("c2sp.org/tlog-proof@v1\n\n", "it has no line `index`"),
            (
                "c2sp.org/tlog-proof@v1\nindex 01\n\nx",
                "it has no line `index`",
            ),
            (
                "c2sp.org/tlog-proof@v1\nindex +1\n\nx",
                "it has no line `index`",
            ),
            (
                "c2sp.org/tlog-proof@v1\nindex -1\n\nx",
                "it has no line `index`",
            ),
            (
                "c2sp.org/tlog-proof@v1\nextra !\nindex 1\n\nx",
                "its line `extra`",
            ),
            ("c2sp.org/tlog-proof@v1\nindex 1\nAAAA\n\nx", "not a hash"),
            (
                "c2sp.org/tlog-proof@v1\nindex 1\nextra AAAA\n\nx",
                "not a hash",
            ),
        ];
        let message = |text: &str| TlogProof::parse(text.as_bytes()).unwrap_err().to_string();
        for (text, expected) in cases {
            assert!(message(text).contains(expected), "{text:?}");
        }
        let hash = good.lines().nth(2).unwrap();
        let long = good.replace(hash, &[hash; MAX_PROOF_HASHES + 1].join("\n"));
        assert!(message(&long).contains("more hashes than any tree"));
        let large = format!("{good}{}", "x".repeat(MAX_TLOG_PROOF_BYTES));
        assert!(message(&large).contains("too large"));
        assert!(TlogProof::parse(b"\xff\n\n").is_err());
    }

    #[test]
    fn a_proof_without_its_entry_says_so() {
        let (mut proof, line) = proof(5, 3);
        let signer = signer();
        assert_eq!(
            proof.check(None, signer.verifier()),
            Err(TlogProofError::NoEntry)
        );
        proof.extra = Some(line.clone());
        assert_eq!(proof.check(None, signer.verifier()).unwrap().size, 5);
        // What is given counts, whatever is in the proof.
        assert!(proof.check(Some(b"entry 2"), signer.verifier()).is_err());
        proof.extra = Some(b"entry 2".to_vec());
        assert!(proof.check(None, signer.verifier()).is_err());
        assert_eq!(proof.check(Some(&line), signer.verifier()).unwrap().size, 5);
    }

    proptest! {
        #[test]
        fn a_proof_survives_being_written_and_no_changed_byte_of_it_does(
            (size, index) in (1_u64..40).prop_flat_map(|size| (Just(size), 0..size)),
            at in any::<prop::sample::Index>(), bit in 0_u8..8,
        ) {
            let (proof, line) = proof(size, index);
            let signer = signer();
            let bytes = proof.to_bytes();
            prop_assert_eq!(&TlogProof::parse(&bytes).unwrap(), &proof);
            prop_assert!(proof.check(Some(&line), signer.verifier()).is_ok());
            let mut changed = bytes.clone();
            changed[at.index(bytes.len())] ^= 1 << bit;
            let checked = TlogProof::parse(&changed).map(|proof| proof.check(Some(&line), signer.verifier()));
            prop_assert!(!matches!(checked, Ok(Ok(_))), "{}", String::from_utf8_lossy(&changed));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let text = [b"c2sp.org/tlog-proof@v1\nindex 1\n".as_slice(), &bytes].concat();
            drop(TlogProof::parse(&text));
            drop(TlogProof::parse(&bytes));
        }
    }
}
