//! Decisions made again: from facts that the ledger itself confirms, by the same rules.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::acts;
use crate::engine::audit::{Auditor, Replay};
use crate::engine::evidence::{
    Inputs, approvals, authors, card, held, is_foreseen, lineage_gaps, marked_bad, stricter,
};
use crate::engine::execute::version_of;
use crate::engine::record;
use crate::gate::RULES_VERSION;
use crate::gate::decide::decide_by;
use crate::gate::evidence::Evidence;
use crate::gate::policy::policy_digest;
use crate::manifest::policy::{GateSpec, PolicySpec};
use crate::model::digest::{Checksums, Sha256};
use crate::model::environment::EnvironmentOrder;
use crate::model::event::{Entry, Judgement};
use crate::model::label::Tag;
use crate::model::promotion::{Direction, Promotion};
use crate::model::verdict::{Decision, DecisionResult};
use crate::plan::desired::{Basis, Change, Wanted, plan_change};

/// The gate whose answer needs the bytes themselves, so that it cannot be asked again. It never says yes.
const DIGEST_GATE: &str = "digest";

/// What does not hold, in words.
pub(super) type Reasons = Vec<String>;

pub(super) fn demand(reasons: &mut Reasons, holds: bool, otherwise: &str) {
    if !holds {
        reasons.push(otherwise.to_owned());
    }
}

impl Auditor<'_> {
    /// Makes a decision again, and holds the facts that it was made from against the ledger.
    pub(super) fn check_decision(&mut self, index: u64, entry: &Entry, judgement: &Judgement) {
        self.audit.decisions += 1;
        let before = self.audit.problems.len();
        let again = self.decide_again(index, entry, judgement);
        self.audit.replays.push(Replay {
            entry: index,
            promotion: judgement.promotion.id.clone(),
            recorded: judgement.decision.result,
            again,
            sources: judgement.sources.len(),
            holds: self.audit.problems.len() == before,
        });
    }

    fn decide_again(
        &mut self,
        index: u64,
        entry: &Entry,
        judgement: &Judgement,
    ) -> Option<DecisionResult> {
        let path = record::evidence_path(judgement.inputs, "json");
        let bytes = self.evidence(index, judgement.inputs, &path)?;
        let inputs: Inputs = match serde_json::from_slice(&bytes) {
            Ok(inputs) => inputs,
            Err(error) => {
                let reason = format!("it is not the facts of a decision: {error}");
                self.problem(index, Some(&path), reason);
                return None;
            }
        };
        let (again, mut reasons) = replay(judgement, &inputs);
        // Whoever could choose older rules could choose those that ask for less.
        demand(
            &mut reasons,
            judgement.rules_version >= self.rules,
            "it was decided by older rules than a decision before it",
        );
        self.rules = self.rules.max(judgement.rules_version);
        demand(
            &mut reasons,
            inputs.evidence.now == entry.recorded_at,
            "the facts are of another time than the entry",
        );
        reasons.extend(self.check_people(&inputs));
        reasons.extend(self.check_rules(&inputs));
        reasons.extend(self.check_version(&inputs));
        reasons.extend(self.check_promotion(&inputs.promotion));
        reasons.extend(self.check_attestations(index, judgement, &inputs));
        reasons.extend(self.check_witnesses(index, &inputs));
        reasons.extend(self.check_pipeline(index, &inputs));
        reasons.extend(self.check_sources(index, judgement, &inputs));
        for reason in reasons {
            self.problem(index, Some(&path), reason);
        }
        again
    }

    /// Who said what, and who may.
    fn check_people(&self, inputs: &Inputs) -> Reasons {
        let (facts, promotion) = (&inputs.evidence, &inputs.promotion);
        let mut reasons = Reasons::new();
        let groups = self.root.as_ref().map(|root| &root.groups);
        demand(
            &mut reasons,
            facts.ledger == self.origin,
            "the facts are of another ledger",
        );
        demand(
            &mut reasons,
            groups == Some(&facts.groups),
            "the groups are not those of the trust root in force",
        );
        demand(
            &mut reasons,
            approvals(&self.state, &self.people, &promotion.id) == facts.approvals,
            "the approvals are not exactly those that the ledger had received",
        );
        demand(
            &mut reasons,
            marked_bad(&self.state, &self.people, promotion.digest) == facts.marked_bad,
            "what was said to be bad is not what the ledger had received",
        );
        let topology = self.governed.last().and_then(|all| all.topology.as_ref());
        let label = facts.version.label.as_ref();
        let said = topology.map(|topology| {
            acts::facts(
                &self.state,
                &self.people,
                topology,
                promotion,
                (label, &facts.target),
            )
        });
        demand(
            &mut reasons,
            said.as_ref() == Some(&facts.acts),
            "what people did about it is not exactly what the ledger had received",
        );
        let known = authors(&self.state, &self.people, promotion.digest);
        demand(
            &mut reasons,
            known.0 == facts.version.authors && known.1 == facts.version.has_unknown_author,
            "the authors are not those who registered the digest",
        );
        reasons
    }

    /// The governed files that were in force.
    fn check_rules(&self, inputs: &Inputs) -> Reasons {
        let (facts, environment) = (&inputs.evidence, &inputs.promotion.environment);
        let mut reasons = Reasons::new();
        let Some(governed) = self.governed.last() else {
            return vec!["nothing was adopted".to_owned()];
        };
        let target = governed.workspaces.get(&inputs.promotion.slot.workspace);
        demand(
            &mut reasons,
            target.is_some_and(|target| target.facts == facts.target),
            "the workspace is not as it was adopted",
        );
        demand(
            &mut reasons,
            facts.target.environment == *environment,
            "the workspace is of another environment than the promotion",
        );
        demand(
            &mut reasons,
            self.are_adopted(governed.policies.get(environment), inputs),
            "the gates, or the quorum of going back, are not those of the policy in force",
        );
        let freezes = governed
            .freezes
            .iter()
            .filter(|(_, freeze)| freeze.environments.contains(environment));
        let freezes: BTreeMap<_, _> = freezes
            .map(|(name, freeze)| (name.clone(), freeze.clone()))
            .collect();
        demand(
            &mut reasons,
            held(&self.state, &governed.workspaces, &inputs.promotion) == facts.held,
            "where the version is held is misstated",
        );
        demand(
            &mut reasons,
            freezes == facts.freezes,
            "the freezes are not those in force",
        );
        reasons
    }

    /// The policy in force judged first; one more may have: any that was adopted before. Of going back they say together
    /// what the facts have.
    fn are_adopted(&self, in_force: Option<&PolicySpec>, inputs: &Inputs) -> bool {
        let says = |policies: &[&PolicySpec]| {
            let all = || policies.iter().copied();
            let retrain = inputs.evidence.retrain.as_ref();
            let gates = policies
                .iter()
                .map(|policy| policy.gates_of(retrain.is_some()));
            let rollback = match inputs.promotion.direction {
                Direction::Rollback => {
                    stricter(policies.iter().map(|policy| policy.rollback.as_ref()))
                }
                Direction::Forward => None,
            };
            let foreseen = is_foreseen(all());
            gates.eq(inputs.policies.iter().map(Vec::as_slice))
                && retrain.is_none_or(|facts| facts.is_foreseen == foreseen)
                && rollback == inputs.evidence.rollback
                && acts::stricter_bypass(all()) == inputs.evidence.bypass
                && acts::lifters(all()) == inputs.evidence.lifters
        };
        let in_force: Vec<&PolicySpec> = in_force.into_iter().collect();
        // The one in force may be that which the release was committed under, and then judges twice.
        let earlier = self.governed.iter().rev();
        let mut earlier =
            earlier.filter_map(|governed| governed.policies.get(&inputs.promotion.environment));
        says(&in_force) || earlier.any(|before| says(&[in_force.as_slice(), &[before]].concat()))
    }

    /// What the version is.
    fn check_version(&self, inputs: &Inputs) -> Reasons {
        let (facts, promotion) = (&inputs.evidence.version, &inputs.promotion);
        let mut reasons = Reasons::new();
        let id = version_of(promotion);
        demand(
            &mut reasons,
            facts.id == id,
            "the facts are of another version",
        );
        let registrations = self.state.registrations.get(&id).into_iter().flatten();
        let is_registered = registrations
            .map(|(_, registration)| registration)
            .any(|known| known.digest == promotion.digest && known.manifest == facts.manifest);
        if !is_registered {
            reasons.push("the version was not registered with this digest and manifest".to_owned());
            return reasons;
        }
        let recorded = self.state.recorded_label(promotion.digest);
        let is_whole = match (&facts.label, recorded) {
            (Some(label), Some(recorded)) => recorded.tags().is_subset(label.tags()),
            (None, Some(_)) => false,
            (None, None) | (Some(_), None) => true,
        };
        demand(
            &mut reasons,
            is_whole,
            "the label leaves out what the ledger has recorded",
        );
        let owed = self.owed_now(promotion.digest, inputs.evidence.now);
        let holds = |owed: BTreeSet<Tag>| {
            let label = facts.label.as_ref();
            label.is_some_and(|label| owed.is_subset(label.tags()))
        };
        demand(
            &mut reasons,
            owed.is_some_and(holds),
            "the label leaves out what is behind the version",
        );
        reasons.extend(self.check_manifest(inputs));
        reasons
    }

    /// What its manifest says, which was registered.
    fn check_manifest(&self, inputs: &Inputs) -> Reasons {
        let facts = &inputs.evidence.version;
        let mut reasons = Reasons::new();
        let Some(manifest) = self.manifest_of(&facts.id, facts.manifest) else {
            return vec!["its manifest cannot be read".to_owned()];
        };
        demand(
            &mut reasons,
            manifest.metrics == facts.metrics,
            "the metrics are not those of the manifest",
        );
        let files = self.checksums_of(manifest.digest.sha256());
        let files = files.as_ref().map_or(&[][..], |files| files.entries());
        demand(
            &mut reasons,
            card(manifest.card.as_ref(), files) == facts.card,
            "whether there is a model card is misstated",
        );
        let is_declared = |name: &crate::model::id::DatasetName| {
            let governed = self.governed.last();
            governed.is_some_and(|governed| governed.datasets.contains_key(name))
        };
        let gaps = lineage_gaps(manifest.lineage.as_ref(), &is_declared, &|digest| {
            self.state.recorded_label(digest).is_some()
        });
        demand(
            &mut reasons,
            gaps == facts.lineage_gaps,
            "what is missing in the lineage is misstated",
        );
        demand(
            &mut reasons,
            self.is_champion(&inputs.evidence, &inputs.promotion),
            "what is to be replaced is misstated",
        );
        reasons
    }

    fn is_champion(&self, facts: &Evidence, promotion: &Promotion) -> bool {
        let Some(champion) = &facts.champion else {
            return promotion.replaces.is_none();
        };
        let Some(metrics) = &champion.metrics else {
            return promotion.replaces == Some(champion.digest);
        };
        let mut known = self
            .state
            .registrations_of(champion.digest)
            .filter_map(|(_, known)| self.manifest_of(&known.version, known.manifest));
        promotion.replaces == Some(champion.digest) && known.any(|known| known.metrics == *metrics)
    }

    pub(super) fn checksums_of(&self, digest: Sha256) -> Option<Checksums> {
        let path = record::evidence_path(digest, "sha256");
        let bytes = self.book.log().evidence(&path).ok().flatten()?;
        Checksums::parse(std::str::from_utf8(&bytes).ok()?).ok()
    }

    /// The promotion is the one that follows from the ledger: id, origin, direction and what it replaces.
    fn check_promotion(&self, promotion: &Promotion) -> Reasons {
        let Some(governed) = self.governed.last() else {
            return Reasons::new();
        };
        let order = governed.topology.as_ref();
        let order = order.and_then(|topology| EnvironmentOrder::new(topology.environments.clone()));
        let target = governed.workspaces.get(&promotion.slot.workspace);
        let (Some(environments), Some(target)) = (order, target) else {
            return vec!["its workspace or the order of environments is not known".to_owned()];
        };
        let basis = Basis {
            environments: &environments,
            workspaces: &governed.workspaces,
            state: &self.state,
        };
        let wanted = Wanted {
            release: promotion.release,
            environment: promotion.environment.clone(),
            artifact: promotion.slot.artifact.clone(),
            version: promotion.version.clone(),
            digest: promotion.digest,
            workspaces: BTreeSet::new(),
        };
        match plan_change(basis, &wanted, target) {
            Change::Promote(planned) if planned == *promotion => Reasons::new(),
            Change::Promote(planned) => vec![difference(&planned, promotion)],
            Change::UpToDate { .. } => vec!["the slot held the version already".to_owned()],
            Change::Failed(_) => vec!["the promotion had failed before, and was over".to_owned()],
        }
    }
}

/// Decides again.
fn replay(judgement: &Judgement, inputs: &Inputs) -> (Option<DecisionResult>, Reasons) {
    let mut reasons = Reasons::new();
    demand(
        &mut reasons,
        inputs.promotion == judgement.promotion,
        "the facts are of another promotion",
    );
    let policies: Vec<&[GateSpec]> = inputs.policies.iter().map(Vec::as_slice).collect();
    let policy = policy_digest(&policies, inputs.evidence.rollback.as_ref());
    demand(
        &mut reasons,
        policy == judgement.policy && policy == inputs.evidence.policy,
        "the policy's SHA-256 is another",
    );
    let rules = judgement.rules_version;
    if rules != inputs.rules_version || !(1..=RULES_VERSION).contains(&rules) {
        reasons.push(format!(
            "the decision was made by version {rules} of the rules, and this program has version {RULES_VERSION}"
        ));
        return (None, reasons);
    }
    let again = decide_by(rules, &inputs.promotion, &inputs.evidence, &policies);
    reasons.extend(compare(&judgement.decision, &again));
    (Some(again.result), reasons)
}

/// What differs between a decision and the same made again.
fn compare(recorded: &Decision, again: &Decision) -> Option<String> {
    let mut gates = recorded.gates.clone();
    if recorded.result != Decision::of(gates.clone()).result {
        return Some(format!(
            "it says `{}`, which does not follow from its own gates",
            recorded.result
        ));
    }
    let is_refusal = |result: DecisionResult| {
        matches!(result, DecisionResult::Deny | DecisionResult::Unavailable)
    };
    if gates.len() == again.gates.len() + 1 {
        let digest = gates.pop();
        let is_one = digest
            .is_some_and(|gate| gate.gate == DIGEST_GATE && is_refusal(gate.verdict.result()));
        if !is_one {
            return Some("it has an answer of a gate that was not asked".to_owned());
        }
    }
    if gates == again.gates {
        let is_misstated = recorded.overridden != again.overridden;
        return is_misstated.then(|| "which gates were overridden is misstated".to_owned());
    }
    let differing = gates
        .iter()
        .zip(&again.gates)
        .find(|(left, right)| left != right);
    Some(match differing {
        Some((recorded, again)) => format!(
            "gate `{}` says `{}` when it is asked again, and `{}` is recorded of gate `{}`",
            again.gate,
            again.verdict.result(),
            recorded.verdict.result(),
            recorded.gate
        ),
        None => "it has other gates than were asked".to_owned(),
    })
}

/// Which part of a promotion is another than follows from the ledger.
fn difference(planned: &Promotion, recorded: &Promotion) -> String {
    let part = if planned.replaces != recorded.replaces {
        "what it replaces"
    } else if planned.direction != recorded.direction {
        "its direction"
    } else if planned.from != recorded.from {
        "where it comes from"
    } else {
        "its id"
    };
    format!("{part} does not follow from the ledger")
}
