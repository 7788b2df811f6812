//! Counting approvals: who counts for which group, who does not, and why.

use std::collections::{BTreeMap, BTreeSet};

use crate::gate::bars::{Bar, bars};
use crate::gate::evidence::{ApprovalFacts, Evidence};
use crate::gate::params::ParamsError;
use crate::gate::uncounted::Uncounted;
use crate::model::act::CLOCK_TOLERANCE;
use crate::model::approval::{ApprovalBinding, ApprovalDecision};
use crate::model::id::{GroupName, PrincipalName};
use crate::model::period::Period;
use crate::model::planted::planted;

/// How many persons of each group must approve.
pub type Quorum = BTreeMap<GroupName, u32>;

/// What was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// The count of each group that is asked.
    pub groups: BTreeMap<GroupName, GroupTally>,
    /// Who rejected, and stands by it, with the meaning in the person's words.
    pub rejections: BTreeMap<PrincipalName, String>,
    /// Whose approval counts for no group, and why. One reason for each person, of the latest approval.
    pub uncounted: BTreeMap<PrincipalName, Uncounted>,
}

/// The count of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupTally {
    /// How many persons must approve.
    pub needed: u32,
    /// Who counts.
    pub approvers: BTreeSet<PrincipalName>,
    /// Who could still approve: members who are not barred and do not count yet.
    pub candidates: BTreeSet<PrincipalName>,
}

impl GroupTally {
    /// How many persons are missing.
    #[must_use]
    pub fn missing(&self) -> usize {
        self.needed().saturating_sub(self.approvers.len())
    }

    /// Whether the quorum could still be met if every candidate approved.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        self.approvers.len().saturating_add(self.candidates.len()) >= self.needed()
    }

    fn needed(&self) -> usize {
        usize::try_from(self.needed).unwrap_or(usize::MAX)
    }
}

/// Who is in a group; `None` when there is no such group, so that nobody counts for it.
#[must_use]
pub fn members_of<'a>(
    groups: &'a BTreeMap<GroupName, BTreeSet<PrincipalName>>,
    group: &GroupName,
) -> Option<&'a BTreeSet<PrincipalName>> {
    groups.get(group)
}

/// Checks that a quorum asks for somebody: one of nobody would always be met.
///
/// # Errors
///
/// When it is empty or asks a group for nobody.
pub fn check_quorum(quorum: &Quorum) -> Result<(), ParamsError> {
    if quorum.is_empty() {
        let message = "name at least one group; a quorum of nobody would always be met";
        return Err(ParamsError::at("quorum", message));
    }
    match quorum.iter().find(|(_, needed)| **needed == 0) {
        Some((group, _)) => Err(ParamsError::at(
            format!("quorum.{group}"),
            format!("ask for at least one person of group `{group}`, or leave it out"),
        )),
        None => Ok(()),
    }
}

/// Counts the approvals of what `binding` says, a person once for each group whatever the number of keys and statements.
///
/// A person's latest answer wins, by position in the ledger. Statements about anything else are no answers, but a later
/// rejection of another form of the promotion withdraws an approval. A rejection stands when its signer was in an asked
/// group as it was received; leaving the group does not lift it. It is lifted by the same person's later approval,
/// provided that person may approve at all and the key is trusted.
#[must_use]
pub fn count_approvals(
    binding: &ApprovalBinding,
    evidence: &Evidence,
    quorum: &Quorum,
    validity: Period,
) -> Tally {
    let counter = Counter {
        binding,
        evidence,
        quorum,
        validity,
        bars: bars(evidence),
    };
    counter.count()
}

/// A person's answer so far.
#[derive(Debug, Default)]
struct Answer<'a> {
    standing: Option<&'a ApprovalFacts>,
    is_withdrawn: bool,
    refused: Option<Uncounted>,
}

struct Counter<'a> {
    binding: &'a ApprovalBinding,
    evidence: &'a Evidence,
    quorum: &'a Quorum,
    validity: Period,
    bars: BTreeMap<PrincipalName, Bar>,
}

impl<'a> Counter<'a> {
    fn count(&self) -> Tally {
        let mut answers: BTreeMap<&PrincipalName, Answer<'a>> = BTreeMap::new();
        for facts in &self.evidence.approvals {
            self.hear(answers.entry(&facts.signer).or_default(), facts);
        }
        let mut tally = Tally {
            groups: self
                .quorum
                .iter()
                .map(|(group, needed)| (group.clone(), self.group(group, *needed)))
                .collect(),
            rejections: BTreeMap::new(),
            uncounted: BTreeMap::new(),
        };
        for (principal, answer) in answers {
            self.enter(&mut tally, principal, answer);
        }
        tally
    }

    /// Takes one statement into its signer's answer.
    fn hear(&self, answer: &mut Answer<'a>, facts: &'a ApprovalFacts) {
        let differences = differences(&facts.approval.binding, self.binding);
        match facts.approval.decision {
            ApprovalDecision::Reject if differences.is_empty() => {
                *answer = Answer {
                    standing: Some(facts),
                    ..Answer::default()
                };
            }
            ApprovalDecision::Reject => answer.is_withdrawn = true,
            // Only one's own word can be taken back, so whoever signed this may.
            ApprovalDecision::Withdraw if differences.is_empty() => {
                *answer = Answer {
                    refused: Some(Uncounted::TakenBack),
                    ..Answer::default()
                };
            }
            ApprovalDecision::Withdraw => {}
            ApprovalDecision::Approve => match self.refusal(facts, differences) {
                // INVARIANT: an approval that is refused lifts nothing, so that neither a barred person nor a lost key
                // can take a rejection away.
                Some(refusal) => answer.refused = Some(refusal),
                None => {
                    *answer = Answer {
                        standing: Some(facts),
                        ..Answer::default()
                    };
                }
            },
        }
    }

    /// Why an approval is not the answer of a person who may give one to this promotion.
    fn refusal(&self, facts: &ApprovalFacts, differences: Vec<&'static str>) -> Option<Uncounted> {
        if let Some(bar) = self.bars.get(&facts.signer) {
            Some(Uncounted::Barred(*bar))
        } else if facts.approval.principal != facts.signer {
            Some(Uncounted::Principal(facts.approval.principal.clone()))
        } else if !facts.key_is_trusted {
            Some(Uncounted::Key)
        } else if differences.is_empty() {
            None
        } else {
            Some(Uncounted::Binding(differences))
        }
    }

    /// Enters a person's answer into the tally.
    fn enter(&self, tally: &mut Tally, principal: &PrincipalName, answer: Answer<'a>) {
        let Some(facts) = answer.standing else {
            let refused = answer.refused.map(|refused| (principal.clone(), refused));
            tally.uncounted.extend(refused);
            return;
        };
        match facts.approval.decision {
            ApprovalDecision::Reject => {
                let was_asked = |group: &&GroupName| facts.groups_at_receipt.contains(*group);
                if self.quorum.keys().any(|group| was_asked(&group)) {
                    let meaning = facts.approval.meaning.clone();
                    tally.rejections.insert(principal.clone(), meaning);
                }
            }
            ApprovalDecision::Withdraw => {}
            ApprovalDecision::Approve if answer.is_withdrawn => {
                tally
                    .uncounted
                    .insert(principal.clone(), Uncounted::Withdrawn);
            }
            ApprovalDecision::Approve => {
                let refusal = self
                    .fault(facts)
                    .or_else(|| self.enter_approval(tally, facts));
                tally
                    .uncounted
                    .extend(refusal.map(|refusal| (principal.clone(), refusal)));
            }
        }
    }

    /// Why an answer does not count, or no longer.
    fn fault(&self, facts: &ApprovalFacts) -> Option<Uncounted> {
        let approval = &facts.approval;
        if approval.issued_at.duration_since(facts.received_at) > CLOCK_TOLERANCE {
            Some(Uncounted::Postdated)
        } else if approval.expires_at.duration_since(approval.issued_at) > self.validity.duration()
        {
            Some(Uncounted::TooLong(self.validity))
        } else if approval.expires_at <= self.evidence.now && !planted!(ApprovalForever) {
            Some(Uncounted::Expired(approval.expires_at))
        } else {
            None
        }
    }

    /// Counts an approval for every group that its signer was in and is in; says why when there is none.
    fn enter_approval(&self, tally: &mut Tally, facts: &ApprovalFacts) -> Option<Uncounted> {
        let mut refusal = None;
        let mut counts = false;
        for (group, count) in &mut tally.groups {
            let was_member = facts.groups_at_receipt.contains(group);
            let is_member = self
                .members(group)
                .is_some_and(|members| members.contains(&facts.signer));
            match (was_member, is_member) {
                (true, true) => {
                    count.candidates.remove(&facts.signer);
                    count.approvers.insert(facts.signer.clone());
                    counts = true;
                }
                (false, true) => refusal = Some(Uncounted::JoinedLater(group.clone())),
                (true, false) => refusal = refusal.or_else(|| Some(Uncounted::Left(group.clone()))),
                (false, false) => {}
            }
        }
        if counts {
            None
        } else {
            refusal.or(Some(Uncounted::NoMember))
        }
    }

    fn group(&self, group: &GroupName, needed: u32) -> GroupTally {
        let members = self.members(group).into_iter().flatten();
        GroupTally {
            needed,
            approvers: BTreeSet::new(),
            candidates: members
                .filter(|member| !self.bars.contains_key(*member))
                .cloned()
                .collect(),
        }
    }

    fn members(&self, group: &GroupName) -> Option<&'a BTreeSet<PrincipalName>> {
        members_of(&self.evidence.groups, group)
    }
}

/// The fields in which two bindings differ, as they are written.
pub(super) fn differences(left: &ApprovalBinding, right: &ApprovalBinding) -> Vec<&'static str> {
    // Taken apart without `..`, so that a new field cannot be forgotten here.
    let ApprovalBinding {
        promotion,
        ledger,
        digest,
        from,
        environment,
        to,
        direction,
        replaces,
        policy,
        manifest,
    } = left;
    let fields = [
        ("promotion", *promotion == right.promotion),
        ("ledger", *ledger == right.ledger),
        ("digest", *digest == right.digest),
        ("from", *from == right.from),
        ("environment", *environment == right.environment),
        ("to", *to == right.to),
        ("direction", *direction == right.direction),
        ("replaces", *replaces == right.replaces),
        ("policy", *policy == right.policy),
        ("manifest", *manifest == right.manifest),
    ];
    fields
        .into_iter()
        .filter(|(_, is_same)| !is_same)
        .map(|(name, _)| name)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::gate::evidence::ApprovalFacts;
    use crate::gate::testing::{TestEvidence, names};
    use crate::model::approval::ApprovalDecision::{Approve, Reject};
    use crate::model::verdict::DecisionResult::{Allow, Deny, Wait};

    const NAME: &str = "approvals";

    fn risk(needed: u32) -> Value {
        json!({"quorum": {"risk": needed}})
    }

    #[test]
    fn the_latest_answer_of_a_person_wins() {
        let case = TestEvidence::new();
        let rejected = ["rejected by `bob`: I have read the report"];
        let approved = ["1 of 1 of group `risk` approved: `bob`"];
        case.clone()
            .approve("bob")
            .reject("bob")
            .expect(NAME, &risk(1), Deny, &rejected);
        case.clone()
            .reject("bob")
            .approve("carol")
            .expect(NAME, &risk(1), Deny, &rejected);
        case.clone()
            .reject("bob")
            .approve("bob")
            .expect(NAME, &risk(1), Allow, &approved);
        case.clone()
            .reject("frank")
            .approve("bob")
            .expect(NAME, &risk(1), Allow, &approved);
        // What lifts nothing: another's name, a lost key, another promotion.
        let spoils: [fn(&mut ApprovalFacts); 3] = [
            |facts| facts.approval.principal = "carol".parse().unwrap(),
            |facts| facts.key_is_trusted = false,
            |facts| facts.approval.binding.replaces = None,
        ];
        for spoil in spoils {
            case.clone()
                .reject("bob")
                .say("bob", Approve, spoil)
                .approve("carol")
                .expect(NAME, &risk(1), Deny, &rejected);
        }
        // Who left the group does not take the rejection along.
        let left = case
            .clone()
            .reject("bob")
            .approve("carol")
            .with(|_, evidence| {
                evidence
                    .groups
                    .insert("risk".parse().unwrap(), names(&["carol", "dave"]));
            });
        left.expect(NAME, &risk(1), Deny, &rejected);
        // A rejection of another form stops nothing, and takes the own approval back.
        let mut other = case.statement("bob", Reject);
        other.approval.binding.replaces = None;
        let withdrawn = case
            .approve("bob")
            .with(|_, evidence| evidence.approvals.push(other));
        withdrawn.expect(NAME, &risk(1), Wait, &[
            "1 more of group `risk`: `bob`, `carol` or `dave`",
            "approval of `bob` does not count: its signer has since rejected another form of this promotion",
        ]);
        withdrawn
            .approve("bob")
            .expect(NAME, &risk(1), Allow, &approved);
    }
}
