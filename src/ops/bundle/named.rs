//! Which entries of a ledger belong to a version, and what they name by hash. Who makes a bundle and who reads one ask here.

use std::collections::BTreeSet;

use crate::engine::record::{evidence_path, signature_path};
use crate::model::digest::{Sha256, TreeDigest};
use crate::model::event::{Entry, Event, Registration, Said};
use crate::model::promotion::PromotionId;

/// A file of the evidence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Named {
    /// Its path below `evidence/`.
    pub(super) path: String,
    /// Its SHA-256.
    pub(super) sha256: Sha256,
}

/// What entries are chosen by.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    /// The digest of the version.
    pub(super) digest: TreeDigest,
    /// Those of everything that it was derived from.
    pub(super) bases: BTreeSet<TreeDigest>,
    /// Its promotions.
    promotions: BTreeSet<PromotionId>,
}

impl Subject {
    /// A version, with the promotions that entries tell of.
    pub(super) fn new<'a>(
        digest: TreeDigest,
        bases: BTreeSet<TreeDigest>,
        entries: impl Iterator<Item = &'a Entry>,
    ) -> Self {
        let promotions = entries.filter_map(|entry| match &entry.event {
            Event::Decided(judgement) => Some(&judgement.promotion),
            Event::Intended(intent) => Some(&intent.promotion),
            Event::Ended(outcome) => Some(&outcome.promotion),
            Event::Adopted(_)
            | Event::Registered(_)
            | Event::Received(_)
            | Event::Refused { .. }
            | Event::TakenOver { .. } => None,
        });
        let promotions = promotions
            .filter(|promotion| promotion.digest == digest)
            .map(|promotion| promotion.id.clone());
        Self {
            digest,
            bases,
            promotions: promotions.collect(),
        }
    }

    /// Whether an entry belongs to the version. Adoptions do: they say whose signatures count.
    pub(super) fn has(&self, event: &Event) -> bool {
        match event {
            Event::Adopted(_) => true,
            Event::Registered(registered) => {
                registered.digest == self.digest || self.bases.contains(&registered.digest)
            }
            Event::Received(receipt) => match &receipt.said {
                Said::Approval(approval) => approval.binding.digest == self.digest,
                Said::MarkBad(mark) => mark.digest == self.digest,
                Said::Act(act) => {
                    act.digest() == Some(self.digest)
                        || act
                            .promotion()
                            .is_some_and(|id| self.promotions.contains(id))
                }
            },
            // It names a statement by hash alone.
            Event::Refused { .. } => false,
            Event::Decided(judgement) => judgement.promotion.digest == self.digest,
            Event::Intended(intent) => intent.promotion.digest == self.digest,
            Event::TakenOver { promotion, .. } => self.promotions.contains(promotion),
            Event::Ended(outcome) => outcome.promotion.digest == self.digest,
        }
    }

    /// What an entry names that goes along.
    pub(super) fn named(&self, event: &Event) -> Vec<Named> {
        match event {
            Event::Adopted(adoption) => vec![file(adoption.root, "yaml")],
            Event::Registered(registered) => self.of_registration(registered),
            Event::Received(receipt) => vec![
                file(receipt.statement, "json"),
                Named {
                    path: signature_path(receipt.statement, "json", &receipt.key),
                    sha256: receipt.signature,
                },
            ],
            Event::Decided(judgement) => {
                let sources = judgement.sources.iter();
                let sources = sources.map(|source| file(source.sha256, source.what.extension()));
                let mut all: Vec<Named> = sources.collect();
                let facts = file(judgement.inputs, "json");
                if !all.contains(&facts) {
                    all.push(facts);
                }
                all
            }
            Event::Refused { .. }
            | Event::Intended(_)
            | Event::TakenOver { .. }
            | Event::Ended(_) => Vec::new(),
        }
    }

    fn of_registration(&self, registered: &Registration) -> Vec<Named> {
        let mut all = vec![file(registered.manifest, "yaml")];
        if let Some(signature) = &registered.signature {
            all.push(Named {
                path: signature_path(registered.manifest, "yaml", &signature.key),
                sha256: signature.sha256,
            });
        }
        if registered.digest == self.digest {
            all.push(file(registered.digest.sha256(), "sha256"));
        }
        all
    }
}

fn file(sha256: Sha256, extension: &str) -> Named {
    Named {
        path: evidence_path(sha256, extension),
        sha256,
    }
}
