//! What the entries say of a version, and whether the people whom they name have signed it.

use crate::adapter::Record;
use crate::engine::evidence::Inputs;
use crate::engine::inbox;
use crate::engine::record::{evidence_path, signature_path};
use crate::model::approval::{APPROVAL_NAMESPACE, MANIFEST_NAMESPACE};
use crate::model::digest::Sha256;
use crate::model::event::{Event, Judgement, Receipt, Registration, Said};
use crate::model::id::PrincipalName;
use crate::model::label::Label;
use crate::model::principal::KeyFingerprint;
use crate::ops::bundle::Refused;
use crate::ops::bundle::facts::{
    ActFacts, ApprovalFacts, DecisionFacts, PlaceFacts, RegisteredFacts,
};
use crate::ops::bundle::ledger::{Entries, Proved, Trust};
use crate::ops::history::Who;

/// What the entries say.
#[derive(Default)]
pub(super) struct Told {
    pub(super) registered: Option<RegisteredFacts>,
    pub(super) label: Option<Label>,
    pub(super) decisions: Vec<DecisionFacts>,
    pub(super) places: Vec<PlaceFacts>,
    pub(super) approvals: Vec<ApprovalFacts>,
    pub(super) acts: Vec<ActFacts>,
}

/// Reads the entries about a version. `manifest` is the SHA-256 of its manifest.
pub(super) fn read(
    entries: &Entries<'_>,
    record: &Record,
    manifest: Sha256,
) -> Result<Told, Refused> {
    let mut told = Told::default();
    for proved in &entries.proved {
        told.take(entries, proved, record, manifest)?;
    }
    Ok(told)
}

impl Told {
    fn take(
        &mut self,
        entries: &Entries<'_>,
        proved: &Proved,
        record: &Record,
        manifest: Sha256,
    ) -> Result<(), Refused> {
        let (entry, at) = (proved.index, proved.entry.recorded_at);
        match &proved.entry.event {
            Event::Registered(known) => {
                let producer = producer(entries, proved, known)?;
                if known.digest == record.digest {
                    self.join(&known.label);
                }
                let is_it = known.digest == record.digest && known.manifest == manifest;
                if is_it && known.version == record.version {
                    let facts = RegisteredFacts::new(entry, at, known, producer);
                    self.registered = Some(facts);
                }
            }
            Event::Received(receipt) => {
                check_statement(entries, proved, receipt)?;
                match answer(entries, proved, receipt) {
                    Some(answer) => self.approvals.push(answer),
                    None => self.acts.push(act(proved, receipt)),
                }
            }
            Event::Decided(judgement) => {
                if let Some(more) = label_of(entries, judgement)? {
                    self.join(&more);
                }
                self.decisions.push(DecisionFacts {
                    entry,
                    at,
                    environment: judgement.promotion.environment.clone(),
                    workspace: judgement.promotion.slot.workspace.clone(),
                    result: judgement.decision.result,
                });
            }
            Event::Ended(outcome) => self.places.push(PlaceFacts {
                entry,
                at,
                environment: outcome.promotion.environment.clone(),
                workspace: outcome.promotion.slot.workspace.clone(),
                outcome: outcome.outcome,
            }),
            Event::Adopted(_)
            | Event::Refused { .. }
            | Event::Intended(_)
            | Event::TakenOver { .. } => {}
        }
        Ok(())
    }

    fn join(&mut self, more: &Label) {
        let known = self.label.take();
        self.label = Some(known.map_or_else(|| more.clone(), |known| known.join(more)));
    }
}

fn who(trust: &Trust, principal: &PrincipalName, key: &KeyFingerprint) -> Who {
    let known = trust.root.principals.get(principal);
    Who {
        principal: principal.clone(),
        name: known.map_or_else(|| principal.to_string(), |known| known.name.clone()),
        key: Some(key.clone()),
    }
}

/// Who made a version, by the signature that its registration names.
fn producer(
    entries: &Entries<'_>,
    proved: &Proved,
    registered: &Registration,
) -> Result<Option<Who>, Refused> {
    let (Some(producer), Some(signature)) = (&registered.producer, &registered.signature) else {
        return Ok(None);
    };
    let manifest = entries.evidence(&evidence_path(registered.manifest, "yaml"))?;
    let path = signature_path(registered.manifest, "yaml", &signature.key);
    let signed = entries.evidence(&path)?;
    let people = &proved.trust.people;
    let by = people.verify(MANIFEST_NAMESPACE, manifest, signed, proved.index);
    match by {
        Ok(by) if by.principal == *producer && by.key == signature.key => {
            Ok(Some(who(&proved.trust, producer, &by.key)))
        }
        Ok(by) => Err(Refused(format!(
            "entry {} names `{producer}` as producer, and `{}` signed",
            proved.index, by.principal
        ))),
        Err(error) => Err(Refused(format!(
            "entry {}: the signature of the manifest: {error}",
            proved.index
        ))),
    }
}

/// A statement is what its entry says, and was signed by whom that names.
fn check_statement(
    entries: &Entries<'_>,
    proved: &Proved,
    receipt: &Receipt,
) -> Result<(), Refused> {
    let index = proved.index;
    let statement = entries.evidence(&evidence_path(receipt.statement, "json"))?;
    let path = signature_path(receipt.statement, "json", &receipt.key);
    let signature = entries.evidence(&path)?;
    let people = &proved.trust.people;
    let signer = people
        .verify(APPROVAL_NAMESPACE, statement, signature, index)
        .map_err(|error| Refused(format!("entry {index}: the statement: {error}")))?;
    if signer.principal != receipt.signer || signer.key != receipt.key {
        let (said, signed) = (&receipt.signer, &signer.principal);
        let message = format!("entry {index} names `{said}`, and `{signed}` signed");
        return Err(Refused(message));
    }
    let read = inbox::read(statement, &signer, &entries.checkpoint.origin)
        .map_err(|reason| Refused(format!("entry {index}: the statement: {reason}")))?;
    if read == receipt.said {
        Ok(())
    } else {
        Err(Refused(format!(
            "entry {index} says something else than the statement"
        )))
    }
}

fn answer(entries: &Entries<'_>, proved: &Proved, receipt: &Receipt) -> Option<ApprovalFacts> {
    let Said::Approval(approval) = &receipt.said else {
        return None;
    };
    Some(ApprovalFacts {
        entry: proved.index,
        at: proved.entry.recorded_at,
        who: who(&proved.trust, &receipt.signer, &receipt.key),
        groups: receipt.groups.clone(),
        decision: approval.decision,
        meaning: approval.meaning.clone(),
        environment: approval.binding.environment.clone(),
        workspace: approval.binding.to.workspace.clone(),
        is_revoked: entries.newest.people.is_revoked(&receipt.key, proved.index),
    })
}

fn act(proved: &Proved, receipt: &Receipt) -> ActFacts {
    let (word, reason) = match &receipt.said {
        Said::Approval(approval) => ("approve", &approval.meaning),
        Said::MarkBad(mark) => ("mark-bad", &mark.reason),
        Said::Act(act) => (act.word(), &act.signing().reason),
    };
    ActFacts {
        entry: proved.index,
        who: who(&proved.trust, &receipt.signer, &receipt.key),
        word: word.to_owned(),
        reason: reason.clone(),
    }
}

/// The label that a decision saw.
fn label_of(entries: &Entries<'_>, judgement: &Judgement) -> Result<Option<Label>, Refused> {
    let path = evidence_path(judgement.inputs, "json");
    let inputs: Inputs = serde_json::from_slice(entries.evidence(&path)?)
        .map_err(|error| Refused(format!("`evidence/{path}` holds no facts: {error}")))?;
    Ok(inputs.evidence.version.label)
}
