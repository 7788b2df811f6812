//! One entry as a line that people read.

use std::collections::BTreeMap;

use semver::Version;
use serde::Serialize;

use crate::manifest::layout::{TRUST_INDEX_PATH, TRUST_ROOT_PATH};
use crate::manifest::trust_root::TrustRootSpec;
use crate::model::act::Act;
use crate::model::approval::{Approval, ApprovalDecision};
use crate::model::artifact::ArtifactId;
use crate::model::digest::{Sha256, TreeDigest};
use crate::model::event::{Adoption, Entry, Event, Judgement, Outcome, Registration, Said};
use crate::model::id::{EnvironmentName, PrincipalName, WorkspaceName};
use crate::model::label::Tag;
use crate::model::principal::KeyFingerprint;
use crate::model::promotion::PromotionId;
use crate::model::verdict::{DecisionResult, Verdict};
use crate::ops::history::Promoted;

/// One entry, with what a table shows of it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryRow {
    /// Its index.
    pub index: u64,
    /// The word for what happened.
    pub word: &'static str,
    /// The environment that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<EnvironmentName>,
    /// The workspace that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace: Option<WorkspaceName>,
    /// The artifact that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact: Option<ArtifactId>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// The digest that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<TreeDigest>,
    /// The promotion that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promotion: Option<PromotionId>,
    /// The people who signed what it records.
    pub signers: Vec<Who>,
    /// What happened, in a line.
    pub what: String,
    /// The whole entry.
    #[serde(flatten)]
    pub entry: Entry,
    /// Every hash that the entry names something by.
    #[serde(skip)]
    pub(crate) hashes: Vec<Sha256>,
}

/// A person, by the id that counts and the name that is printed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Who {
    /// The principal.
    pub principal: PrincipalName,
    /// The name as it is printed: in tables of entries as the trust root in force now has it, in records of promotions as
    /// that in force then had it.
    pub name: String,
    /// The key that signed, when a signature is what is told of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyFingerprint>,
}

impl HistoryRow {
    fn new(index: u64, entry: &Entry, what: String) -> Self {
        Self {
            index,
            word: entry.event.word(),
            environment: entry.event.environment().cloned(),
            workspace: None,
            artifact: None,
            version: None,
            digest: None,
            promotion: None,
            signers: Vec::new(),
            what,
            entry: entry.clone(),
            hashes: Vec::new(),
        }
    }

    fn about(mut self, promotion: &PromotionId, known: Option<&Promoted>) -> Self {
        self.promotion = Some(promotion.clone());
        if let Some(known) = known {
            self.workspace = Some(known.slot.workspace.clone());
            self.artifact = Some(known.slot.artifact.clone());
            self.version = Some(known.version.clone());
            self.digest = Some(known.digest);
        }
        self
    }

    fn hashed(mut self, hashes: impl IntoIterator<Item = Sha256>) -> Self {
        self.hashes.extend(hashes);
        self
    }
}

/// Makes the line of an entry. `promotions` are those that entries up to this one name.
pub(super) fn row(
    index: u64,
    entry: &Entry,
    promotions: &BTreeMap<PromotionId, Promoted>,
    root: Option<&TrustRootSpec>,
) -> HistoryRow {
    let known = |promotion: &PromotionId| promotions.get(promotion);
    let new = |what: String| HistoryRow::new(index, entry, what);
    let mut signers: Vec<(PrincipalName, Option<KeyFingerprint>)> = Vec::new();
    let mut row = match &entry.event {
        Event::Adopted(adoption) => {
            signers.extend(signers_of(adoption));
            new(describe_adoption(adoption)).hashed([adoption.root, adoption.index])
        }
        Event::Registered(registration) => {
            let key = registration.signature.as_ref();
            let key = key.map(|signature| signature.key.clone());
            signers.extend(
                registration
                    .producer
                    .clone()
                    .map(|producer| (producer, key)),
            );
            of_registration(new(describe_registration(registration)), registration)
        }
        Event::Received(receipt) => {
            signers.push((receipt.signer.clone(), Some(receipt.key.clone())));
            let row = of_statement(&receipt.said, &new, &known);
            row.hashed([receipt.statement, receipt.signature])
        }
        Event::Refused {
            statement,
            signature,
            signer,
            reason,
            ..
        } => {
            signers.push((signer.clone(), None));
            new(format!("statement refused: {reason}")).hashed([*statement, *signature])
        }
        Event::Decided(judgement) => new(describe_judgement(judgement))
            .about(&judgement.promotion.id, known(&judgement.promotion.id))
            .hashed([judgement.inputs, judgement.policy]),
        Event::Intended(intent) => new(format!(
            "attempt {} begins, until {}",
            intent.attempt, intent.lease_until
        ))
        .about(&intent.promotion.id, known(&intent.promotion.id)),
        Event::TakenOver {
            promotion,
            superseded,
            attempt,
            ..
        } => new(format!("attempt {attempt} takes over from {superseded}"))
            .about(promotion, known(promotion)),
        Event::Ended(outcome) => new(describe_outcome(outcome))
            .about(&outcome.promotion.id, known(&outcome.promotion.id)),
    };
    row.signers = signers
        .into_iter()
        .map(|(principal, key)| who(&principal, key, root))
        .collect();
    row.hashes.extend(row.digest.map(|digest| digest.sha256()));
    row
}

fn who(
    principal: &PrincipalName,
    key: Option<KeyFingerprint>,
    root: Option<&TrustRootSpec>,
) -> Who {
    let known = root.and_then(|root| root.principals.get(principal));
    Who {
        principal: principal.clone(),
        name: known.map_or_else(|| principal.to_string(), |known| known.name.clone()),
        key,
    }
}

/// The people whose signature files were counted, each once.
fn signers_of(adoption: &Adoption) -> BTreeMap<PrincipalName, Option<KeyFingerprint>> {
    let of_path = |path: &str| {
        let rest = path
            .strip_prefix(TRUST_ROOT_PATH)
            .or_else(|| path.strip_prefix(TRUST_INDEX_PATH))?;
        let name = rest.strip_prefix('.')?.strip_suffix(".sig")?;
        name.parse().ok()
    };
    adoption
        .signatures
        .iter()
        .filter_map(|(path, signature)| {
            Some((of_path(path.as_str())?, Some(signature.key.clone())))
        })
        .collect()
}

fn describe_adoption(adoption: &Adoption) -> String {
    format!(
        "trust root {} and index {} in force, {} governed files",
        adoption.root_version,
        adoption.index_version,
        adoption.files.len()
    )
}

fn of_registration(row: HistoryRow, registration: &Registration) -> HistoryRow {
    HistoryRow {
        environment: Some(registration.environment.clone()),
        workspace: Some(registration.workspace.clone()),
        artifact: Some(registration.version.artifact.clone()),
        version: Some(registration.version.version.clone()),
        digest: Some(registration.digest),
        ..row
    }
    .hashed([registration.manifest])
}

fn describe_registration(registration: &Registration) -> String {
    let signed = match &registration.producer {
        Some(_) => "",
        None => ", signed by nobody known",
    };
    let violation = registration
        .violation
        .as_ref()
        .map_or_else(String::new, |violation| format!("; {violation}"));
    format!("label {}{signed}{violation}", registration.label)
}

fn of_statement<'k>(
    said: &Said,
    new: &dyn Fn(String) -> HistoryRow,
    known: &dyn Fn(&PromotionId) -> Option<&'k Promoted>,
) -> HistoryRow {
    match said {
        Said::Approval(approval) => {
            let binding = &approval.binding;
            let row = new(describe_approval(approval));
            let row = row.about(&binding.promotion, known(&binding.promotion));
            HistoryRow {
                environment: Some(binding.environment.clone()),
                workspace: Some(binding.to.workspace.clone()),
                artifact: Some(binding.to.artifact.clone()),
                digest: Some(binding.digest),
                ..row
            }
        }
        Said::MarkBad(mark) => HistoryRow {
            digest: Some(mark.digest),
            ..new(format!("marks the digest bad: {}", mark.reason))
        },
        Said::Act(act) => of_act(act, new, known),
    }
}

fn of_act<'k>(
    act: &Act,
    new: &dyn Fn(String) -> HistoryRow,
    known: &dyn Fn(&PromotionId) -> Option<&'k Promoted>,
) -> HistoryRow {
    let reason = &act.signing().reason;
    let row = HistoryRow {
        digest: act.digest(),
        ..new(format!("{}: {reason}", describe_act(act)))
    };
    match act {
        Act::Override(of) => {
            let binding = &of.binding;
            HistoryRow {
                environment: Some(binding.environment.clone()),
                workspace: Some(binding.to.workspace.clone()),
                artifact: Some(binding.to.artifact.clone()),
                ..row.about(&binding.promotion, known(&binding.promotion))
            }
        }
        Act::Review(of) | Act::Abort(of) | Act::Retry(of) => {
            row.about(&of.promotion, known(&of.promotion))
        }
        Act::Declassify(of) => HistoryRow {
            workspace: Some(of.workspace.clone()),
            ..row
        },
        Act::GrantAccess(of) => HistoryRow {
            environment: Some(of.terms.environment.clone()),
            workspace: of.terms.workspace.clone(),
            ..row
        },
        Act::RevokeAccess(_) | Act::ReviewAccess(_) => row,
        Act::Hold(of) | Act::Resume(of) => HistoryRow {
            environment: Some(of.environment.clone()),
            artifact: Some(of.artifact.clone()),
            ..row
        },
    }
}

fn describe_act(act: &Act) -> String {
    match act {
        Act::Declassify(of) if of.tags.is_empty() => "takes a declassification back".to_owned(),
        Act::Declassify(of) => {
            let tags: Vec<&str> = of.tags.iter().map(Tag::as_str).collect();
            format!("declassifies {} until {}", tags.join(", "), of.expires_at)
        }
        Act::Override(of) => {
            let gates: Vec<&str> = of.gates.iter().map(String::as_str).collect();
            format!("overrides {} until {}", gates.join(", "), of.expires_at)
        }
        Act::Review(_) => "reviewed the override".to_owned(),
        Act::Hold(_) => "holds it".to_owned(),
        Act::Resume(_) => "ends a hold".to_owned(),
        Act::Abort(_) => "aborts it".to_owned(),
        Act::Retry(_) => "asks to try again".to_owned(),
        Act::GrantAccess(of) => {
            let (terms, id) = (&of.terms, of.terms.id().to_string());
            let id: String = id.chars().take(10).collect();
            let (person, role, until) = (&terms.person, &terms.role, terms.expires_at);
            format!("gives `{person}` access as {role} until {until} ({id})")
        }
        Act::RevokeAccess(of) => format!("ends access {:.10}", of.access.to_string()),
        Act::ReviewAccess(of) => format!("reviewed access {:.10}", of.access.to_string()),
    }
}

fn describe_approval(approval: &Approval) -> String {
    let word = match approval.decision {
        ApprovalDecision::Approve => "approves",
        ApprovalDecision::Reject => "rejects",
        ApprovalDecision::Withdraw => "takes back what was said of",
    };
    format!(
        "{word} {}: {}",
        approval.binding.promotion.short(),
        approval.meaning
    )
}

fn describe_judgement(judgement: &Judgement) -> String {
    let decision = &judgement.decision;
    let fact = decision
        .gates
        .iter()
        .find(|gate| gate.verdict.result() == decision.result)
        .filter(|_| decision.result != DecisionResult::Allow)
        .and_then(|gate| Some(format!(": {}: {}", gate.gate, first_fact(&gate.verdict)?)));
    format!("{}{}", decision.result, fact.unwrap_or_default())
}

fn first_fact(verdict: &Verdict) -> Option<&str> {
    verdict.facts().first().map(String::as_str)
}

fn describe_outcome(outcome: &Outcome) -> String {
    match (&outcome.reason, outcome.promotion.replaces) {
        (Some(reason), _) => format!("{}: {reason}", outcome.outcome),
        (None, Some(replaced)) => format!("{}, replaces {}", outcome.outcome, replaced.short()),
        (None, None) => format!("{}, the first there", outcome.outcome),
    }
}
