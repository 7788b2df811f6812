//! Programs that others wrote agree with us on what is good and on what is not.

mod models;
mod openssl;
mod python;
mod signatures;

use promote::manifest::layout::Place;
use promote::manifest::parsed::parse_manifest;
use promote::manifest::trust_root::{TrustRoot, TrustRootSpec};

use crate::organisation::Organisation;

/// Each verdict of theirs and of ours, by what was tried.
#[derive(Default)]
pub(super) struct Verdicts(Vec<(String, bool, bool)>);

impl Verdicts {
    /// Takes in one.
    pub(super) fn add(&mut self, what: impl Into<String>, theirs: bool, ours: bool) {
        self.0.push((what.into(), theirs, ours));
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// All agree; some are good, and as many as are told apart are not.
    #[track_caller]
    pub(super) fn expect(self, good: usize, bad: usize) {
        let differ = self.0.iter().filter(|(_, theirs, ours)| theirs != ours);
        let differ: Vec<_> = differ.collect();
        assert!(differ.is_empty(), "(what, theirs, ours): {differ:#?}");
        let accepted = self.0.iter().filter(|(_, _, ours)| *ours).count();
        assert_eq!((accepted, self.0.len() - accepted), (good, bad));
    }
}

pub(crate) fn root_of(organisation: &Organisation) -> TrustRootSpec {
    let text = std::fs::read(organisation.repository().join("trust/root.yaml")).unwrap();
    let document = parse_manifest::<TrustRoot>(&Place::TrustRoot, "trust/root.yaml", &text);
    document.unwrap().value.spec
}

/// The bytes with one bit of the byte at an index changed.
pub(super) fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1;
    bytes
}
