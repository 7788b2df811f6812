//! Attestations judged again from the bundles in the evidence.

use std::collections::BTreeSet;

use crate::engine::attestations::{Attesters, EXTENSION};
use crate::engine::audit::Auditor;
use crate::engine::audit::decision::{Reasons, demand};
use crate::engine::evidence::Inputs;
use crate::engine::record;
use crate::gate::evidence::{AttestationFacts, AttestationFinding};
use crate::model::digest::Sha256;
use crate::model::event::Judgement;

impl Auditor<'_> {
    /// The entry names the bundles of the facts, and each is what the facts say, by the keys of the trust root in force.
    pub(super) fn check_attestations(
        &mut self,
        index: u64,
        judgement: &Judgement,
        inputs: &Inputs,
    ) -> Reasons {
        let mut reasons = Reasons::new();
        let facts = &inputs.evidence.attestations;
        let named: BTreeSet<Sha256> = facts.iter().filter_map(|facts| facts.bundle).collect();
        demand(
            &mut reasons,
            named == judgement.attestations,
            "the attestations are not those that the entry names",
        );
        for facts in facts {
            if !self.is_attested(index, inputs, facts) {
                reasons.push(format!(
                    "what attestation `{}` is was misstated",
                    facts.name
                ));
            }
        }
        reasons
    }

    /// Of one that is not good only that counts: the words for the reason may change with the program.
    fn is_attested(&mut self, index: u64, inputs: &Inputs, facts: &AttestationFacts) -> bool {
        let again = facts.bundle.and_then(|sha256| {
            let bytes = self.evidence(index, sha256, &record::evidence_path(sha256, EXTENSION))?;
            let digest = inputs.promotion.digest;
            let files = self.checksums_of(digest.sha256())?;
            let attesters = self.root.as_ref().map(Attesters::of).unwrap_or_default();
            Some(attesters.judge(&bytes, digest, files.entries()))
        });
        match (&facts.found, again) {
            (AttestationFinding::Bad(_), None | Some(AttestationFinding::Bad(_))) => true,
            (AttestationFinding::Bad(_), Some(AttestationFinding::Good { .. })) => false,
            (good @ AttestationFinding::Good { .. }, again) => again.as_ref() == Some(good),
        }
    }
}
