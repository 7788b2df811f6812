//! `approvals`: enough persons of each group said yes to exactly this promotion.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::gate::evidence::{Evidence, InboxFacts};
use crate::gate::params::{
    GateParams, ParamsError, check as check_params, parse, schema, validate,
};
use crate::gate::policy::asked_gates;
use crate::gate::quorum::{GroupTally, Quorum, Tally, check_quorum, count_approvals};
use crate::gate::{GateDef, one_line, or_list};
use crate::manifest::policy::GateSpec;
use crate::model::id::{GroupName, PrincipalName};
use crate::model::period::Period;
use crate::model::promotion::{Direction, Promotion};
use crate::model::verdict::Verdict;

/// The gate's name.
pub const NAME: &str = "approvals";
/// How long an approval holds when the policy does not say: a week.
const DEFAULT_VALIDITY_SECONDS: u64 = 168 * 3_600;
/// The longest that an approval may hold: thirty days.
const MAX_VALIDITY_SECONDS: u64 = 720 * 3_600;

/// The row of the table.
pub static GATE: GateDef = GateDef {
    name: NAME,
    summary: "enough persons of each group approved exactly this promotion",
    docs: "\
## What it does

Counts signed approvals by group. A person counts once for each group, whatever the number of keys or statements. An
approval counts only for what it names: promotion, digest, origin, slot, direction, the digest that is replaced, the
policy and the manifest. The signer must have been in the group when the ledger received it, must be in it now, and must
not be barred, as those are who made the version or asked for the promotion. A person's latest answer wins, and one
standing rejection by a member of an asked group stops the promotion.

A rollback needs the quorum of the policy's `rollback` instead, when it has one.

## Why

Nobody alone, and no stolen key alone, can bring something into an environment.

## Example

```yaml
gates:
  - gate: approvals
    quorum:
      risk: 2
      release-managers: 1
    validity: 168h
```

`validity` is how long an approval may hold: 168 hours unless given, at most 720.

## How to satisfy it

Ask the persons that the message names to run `promote approve ID`. Who rejected can approve later, which lifts the
rejection. When too few members may approve, another member must be added to the group.
",
    is_invariant: false,
    is_overridable: true,
    since: 1,
    schema: schema::<Params>,
    validate: validate::<Params>,
    check: |promotion, evidence, params| check_params(promotion, evidence, params, check),
};

/// The parameters of `approvals`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Params {
    /// How many persons of each group must approve.
    #[schemars(extend("minProperties" = 1))]
    pub quorum: BTreeMap<GroupName, NonZeroU32>,
    /// How long an approval may hold from when it is issued; at most 720 hours.
    #[serde(default = "default_validity")]
    pub validity: Period,
}

fn default_validity() -> Period {
    Period::from_seconds(DEFAULT_VALIDITY_SECONDS)
}

impl Params {
    fn quorum(&self) -> Quorum {
        let quorum = self.quorum.iter();
        quorum
            .map(|(group, needed)| (group.clone(), needed.get()))
            .collect()
    }
}

impl GateParams for Params {
    fn verify(&self) -> Result<(), ParamsError> {
        check_quorum(&self.quorum())?;
        if (1..=MAX_VALIDITY_SECONDS).contains(&self.validity.seconds()) {
            Ok(())
        } else {
            let message = format!("`{}` is not between `1s` and `720h`", self.validity);
            Err(ParamsError::at("validity", message))
        }
    }
}

/// The quorum of each `approvals` gate of a policy. One that cannot be read asks for nobody here, and lets nothing pass.
#[must_use]
pub fn quorums(gates: &[GateSpec]) -> Vec<Quorum> {
    let asked = asked_gates(&[gates]).into_iter();
    let asked = asked.filter(|(gate, _)| *gate == NAME);
    asked
        .filter_map(|(_, params)| Some(parse::<Params>(&params).ok()?.quorum()))
        .collect()
}

/// The quorum that a promotion asks for: going back may have its own.
fn quorum_of(promotion: &Promotion, evidence: &Evidence, params: &Params) -> Quorum {
    match (promotion.direction, &evidence.rollback) {
        (Direction::Rollback, Some(rollback)) => rollback.quorum.clone(),
        (Direction::Rollback, None) | (Direction::Forward, _) => params.quorum(),
    }
}

/// What the gate counts; `None` while the promotion has no source, so that nothing can be bound to it.
pub(crate) fn tally(promotion: &Promotion, evidence: &Evidence, params: &Params) -> Option<Tally> {
    let quorum = quorum_of(promotion, evidence, params);
    let binding = evidence.binding(promotion)?;
    Some(count_approvals(
        &binding,
        evidence,
        &quorum,
        params.validity,
    ))
}

fn check(promotion: &Promotion, evidence: &Evidence, params: &Params) -> Verdict {
    let quorum = quorum_of(promotion, evidence, params);
    if let Err(error) = check_quorum(&quorum) {
        return Verdict::unavailable(format!("the quorum cannot be read: {error}"));
    }
    let Some(tally) = tally(promotion, evidence, params) else {
        return Verdict::pending(format!(
            "a workspace to take it from, since approvals name it: none that `{}` accepts holds the digest",
            evidence.target.name
        ));
    };
    judge(evidence, &tally)
}

fn judge(evidence: &Evidence, tally: &Tally) -> Verdict {
    if !tally.rejections.is_empty() {
        let reasons = tally.rejections.iter();
        let reasons = reasons
            .map(|(principal, meaning)| format!("rejected by `{principal}`: {}", one_line(meaning)))
            .collect();
        return Verdict::Deny { reasons };
    }
    if let Some(what) = unknown(evidence, tally) {
        return Verdict::Unavailable { what };
    }
    let of_groups = |keep: fn(&GroupTally) -> bool, say: fn(&GroupName, &GroupTally) -> String| {
        let groups = tally.groups.iter().filter(|(_, count)| keep(count));
        groups
            .map(|(group, count)| say(group, count))
            .collect::<Vec<String>>()
    };
    let unreachable = of_groups(|count| !count.is_reachable(), say_unreachable);
    if !unreachable.is_empty() {
        return Verdict::Deny {
            reasons: with_uncounted(unreachable, tally),
        };
    }
    let needs = of_groups(|count| count.missing() > 0, say_missing);
    if needs.is_empty() {
        let observed = with_uncounted(of_groups(|_| true, say_met), tally);
        Verdict::Pass { observed }
    } else {
        let needs = with_uncounted(needs, tally);
        Verdict::Pending { needs, until: None }
    }
}

/// What must be known before approvals can be counted, and is not.
fn unknown(evidence: &Evidence, tally: &Tally) -> Option<Vec<String>> {
    let mut what = Vec::new();
    match evidence.inbox {
        InboxFacts::Intact => {}
        InboxFacts::Rewritten => what.push(
            "the history of the inbox was rewritten, so a rejection may have been taken away"
                .to_owned(),
        ),
        InboxFacts::Unknown => what.push(
            "the inbox could not be read, so there may be a rejection that is not known".to_owned(),
        ),
    }
    let groups = tally.groups.keys();
    let unknown = groups.filter(|group| !evidence.groups.contains_key(*group));
    what.extend(unknown.map(|group| format!("the members of group `{group}` are not known")));
    (!what.is_empty()).then_some(what)
}

fn say_unreachable(group: &GroupName, count: &GroupTally) -> String {
    let able: Vec<&PrincipalName> = count.approvers.iter().chain(&count.candidates).collect();
    let who = if able.is_empty() {
        "nobody".to_owned()
    } else {
        format!("only {}", or_list(&able))
    };
    format!(
        "{} of group `{group}` must approve and {who} may; add a member who neither made this version nor asked for it",
        count.needed
    )
}

fn say_missing(group: &GroupName, count: &GroupTally) -> String {
    let candidates: Vec<&PrincipalName> = count.candidates.iter().collect();
    format!(
        "{} more of group `{group}`: {}",
        count.missing(),
        or_list(&candidates)
    )
}

fn say_met(group: &GroupName, count: &GroupTally) -> String {
    let approvers: Vec<String> = count
        .approvers
        .iter()
        .map(|name| format!("`{name}`"))
        .collect();
    format!(
        "{} of {} of group `{group}` approved: {}",
        approvers.len(),
        count.needed,
        approvers.join(", ")
    )
}

fn with_uncounted(mut facts: Vec<String>, tally: &Tally) -> Vec<String> {
    facts.extend(tally.uncounted.iter().map(|(principal, uncounted)| {
        format!("approval of `{principal}` does not count: {uncounted}")
    }));
    facts
}

#[cfg(test)]
mod tests {

    use serde_json::{Value, json};

    use super::*;
    use crate::gate::evidence::ApprovalFacts;
    use crate::gate::testing::{TestEvidence, names};
    use crate::model::approval::ApprovalDecision::Approve;
    use crate::model::verdict::DecisionResult::{Allow, Deny, Unavailable, Wait};

    fn risk(needed: u32) -> Value {
        json!({"quorum": {"risk": needed}})
    }

    #[test]
    fn persons_are_counted_once_for_each_group() {
        let case = TestEvidence::new();
        let two = "2 more of group `risk`: `bob`, `carol` or `dave`";
        let one = "1 more of group `risk`: `carol` or `dave`";
        case.expect(NAME, &risk(2), Wait, &[two]);
        let case = case.approve("bob");
        case.expect(NAME, &risk(2), Wait, &[one]);
        let other_key = |facts: &mut ApprovalFacts| {
            facts.key = format!("SHA256:{}", "B".repeat(43)).parse().unwrap();
        };
        case.clone()
            .approve("bob")
            .say("bob", Approve, other_key)
            .expect(NAME, &risk(2), Wait, &[one]);
        let case = case.approve("dave");
        case.expect(
            NAME,
            &risk(2),
            Allow,
            &["2 of 2 of group `risk` approved: `bob`, `dave`"],
        );
        let both = json!({"quorum": {"risk": 2, "ops": 1}});
        case.expect(
            NAME,
            &both,
            Allow,
            &[
                "1 of 1 of group `ops` approved: `dave`",
                "2 of 2 of group `risk` approved: `bob`, `dave`",
            ],
        );
        case.with(|_, evidence| evidence.approvals.reverse())
            .expect(NAME, &risk(3), Wait, &["1 more of group `risk`: `carol`"]);
    }

    #[test]
    fn a_quorum_that_nobody_can_meet_is_a_denial() {
        let case = TestEvidence::new();
        case.expect(NAME, &risk(4), Deny, &[
            "4 of group `risk` must approve and only `bob`, `carol` or `dave` may; add a member who neither made this version nor asked for it",
        ]);
        let empty = case.with(|_, evidence| {
            evidence
                .groups
                .insert("risk".parse().unwrap(), names(&["alice"]));
        });
        empty.expect(NAME, &risk(1), Deny, &[
            "1 of group `risk` must approve and nobody may; add a member who neither made this version nor asked for it",
        ]);
    }

    #[test]
    fn what_is_not_known_never_passes() {
        let case = TestEvidence::new().approve("bob");
        let rewritten =
            "the history of the inbox was rewritten, so a rejection may have been taken away";
        let unread = "the inbox could not be read, so there may be a rejection that is not known";
        for (inbox, fact) in [
            (InboxFacts::Rewritten, rewritten),
            (InboxFacts::Unknown, unread),
        ] {
            let case = case.clone().with(|_, evidence| evidence.inbox = inbox);
            case.expect(NAME, &risk(1), Unavailable, &[fact]);
            case.reject("carol").expect(
                NAME,
                &risk(1),
                Deny,
                &["rejected by `carol`: I have read the report"],
            );
        }
        case.expect(
            NAME,
            &json!({"quorum": {"lost": 1}}),
            Unavailable,
            &["the members of group `lost` are not known"],
        );
        case.with(|promotion, _| promotion.from = None).expect(NAME, &risk(1), Wait, &[
            "a workspace to take it from, since approvals name it: none that `prod` accepts holds the digest",
        ]);
    }

    #[test]
    fn a_rollback_has_its_own_quorum() {
        let case = TestEvidence::new().rollback(Some(("ops", 1, false)));
        case.expect(NAME, &risk(3), Wait, &["1 more of group `ops`: `dave`"]);
        case.approve("dave").expect(
            NAME,
            &risk(3),
            Allow,
            &["1 of 1 of group `ops` approved: `dave`"],
        );
        let none = TestEvidence::new().rollback(Some(("ops", 0, false)));
        none.expect(NAME, &risk(1), Unavailable, &["the quorum cannot be read: ask for at least one person of group `ops`, or leave it out"]);
        // Approvals of going forward are none of going back.
        let turned = TestEvidence::new().approve("bob").rollback(None);
        turned.expect(NAME, &risk(1), Wait, &[
            "1 more of group `risk`: `bob`, `carol` or `dave`",
            "approval of `bob` does not count: it is bound to another `direction`; approve again",
        ]);
    }
}
