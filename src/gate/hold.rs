//! `hold`: nobody stopped the promotion.

use std::collections::BTreeSet;

use crate::gate::evidence::{Evidence, HoldFacts};
use crate::gate::params::{NoParams, check as check_params, schema, validate};
use crate::gate::{GateDef, one_line};
use crate::model::act::{Heard, OfArtifact};
use crate::model::promotion::{Direction, Promotion};
use crate::model::verdict::Verdict;

/// The row of the table.
pub static GATE: GateDef = GateDef {
    name: "hold",
    summary: "nobody holds the artifact, the digest or this promotion back",
    docs: "\
## What it does

Waits while somebody holds the artifact in this environment (`promote hold`), or this digest of it. A digest that the slot
was rolled back from is held by that rollback. Refuses a promotion that somebody aborted (`promote abort`).

A hold of an artifact lets a rollback through, since that is what an incident needs; a hold of a digest does not. It ends
when whoever placed it, or somebody of a group that the policy asks for approvals, says so (`promote resume`); what a
rollback abandoned, by somebody of such a group. Where no group is asked, anyone in the trust root may.

It judges every promotion, listed in the policy or not, and takes no parameters. It cannot be overridden.

## Why

During an incident one command must stop everything at once, and a version that was just rolled back must not come back
because a file still asks for it.

## Example

```yaml
gates:
  - gate: hold
```

## How to satisfy it

`promote resume ARTIFACT --in ENVIRONMENT --reason TEXT`, with `--digest` for a digest. A promotion that was aborted needs
a new release.
",
    is_invariant: true,
    is_overridable: false,
    since: 2,
    schema: schema::<NoParams>,
    validate: validate::<NoParams>,
    check: |promotion, evidence, params| check_params(promotion, evidence, params, check),
};

fn check(promotion: &Promotion, evidence: &Evidence, _: &NoParams) -> Verdict {
    let aborts: Vec<String> = evidence
        .acts
        .aborts
        .iter()
        .map(|heard| {
            let reason = one_line(&heard.said.signing.reason);
            format!(
                "aborted by `{}`: {reason}; a new release asks again",
                heard.signer
            )
        })
        .collect();
    if !aborts.is_empty() {
        return Verdict::Deny { reasons: aborts };
    }
    let standing = standing_holds(evidence);
    let mut needs: Vec<String> = standing
        .into_iter()
        .filter(|hold| applies(hold, promotion))
        .map(|hold| {
            let reason = one_line(&hold.said.signing.reason);
            format!(
                "held by `{}`: {reason}; `promote resume` ends it",
                hold.signer
            )
        })
        .collect();
    if let Some(abandoned) = &evidence.acts.abandoned {
        let is_resumed = evidence.acts.holds.iter().any(|facts| match facts {
            HoldFacts::Hold(_) => false,
            HoldFacts::Resume(resume) => {
                resume.received_at >= abandoned.since
                    && resume
                        .said
                        .digest
                        .is_none_or(|digest| digest == promotion.digest)
                    && is_lifter(resume, evidence)
            }
        });
        if !is_resumed {
            needs.push(format!(
                "rolled back from on {}; `promote resume` with its digest lets it come back",
                abandoned.since
            ));
        }
    }
    if needs.is_empty() {
        Verdict::pass("nobody holds it back")
    } else {
        Verdict::Pending { needs, until: None }
    }
}

/// The holds that nobody has ended.
fn standing_holds(evidence: &Evidence) -> Vec<&Heard<OfArtifact>> {
    let mut standing: Vec<&Heard<OfArtifact>> = Vec::new();
    for facts in &evidence.acts.holds {
        match facts {
            HoldFacts::Hold(hold) => standing.push(hold),
            HoldFacts::Resume(resume) => standing.retain(|hold| {
                let is_same =
                    resume.said.digest.is_none() || resume.said.digest == hold.said.digest;
                let is_own =
                    resume.signer == hold.signer && resume.is_genuine(&resume.said.signing);
                !(is_same && (is_own || is_lifter(resume, evidence)))
            }),
        }
    }
    standing
}

fn applies(hold: &Heard<OfArtifact>, promotion: &Promotion) -> bool {
    match (hold.said.digest, promotion.direction) {
        (Some(digest), _) => digest == promotion.digest,
        (None, Direction::Forward) => true,
        (None, Direction::Rollback) => false,
    }
}

/// Whether somebody may end what others began.
fn is_lifter(resume: &Heard<OfArtifact>, evidence: &Evidence) -> bool {
    let nobody = BTreeSet::new();
    let speaks = |group| {
        let members = evidence.groups.get(group).unwrap_or(&nobody);
        resume.speaks_for(group, members)
    };
    resume.is_genuine(&resume.said.signing)
        && (evidence.lifters.is_empty() || evidence.lifters.iter().any(speaks))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::gate::evidence::AbandonedFacts;
    use crate::gate::testing::{TestEvidence, digest, names};
    use crate::model::verdict::DecisionResult::{Allow, Deny, Wait};

    const PASS: &str = "nobody holds it back";

    fn case() -> TestEvidence {
        TestEvidence::new().with(|_, evidence| evidence.lifters = names(&["risk"]))
    }

    fn hold(case: TestEvidence, who: &str, of: Option<char>) -> TestEvidence {
        case.with(|promotion, evidence| {
            let heard = evidence.heard(who, |signing| of_artifact(promotion, signing, of));
            evidence.acts.holds.push(HoldFacts::Hold(heard));
        })
    }

    fn resume(case: TestEvidence, who: &str, of: Option<char>) -> TestEvidence {
        case.with(|promotion, evidence| {
            let heard = evidence.heard(who, |signing| of_artifact(promotion, signing, of));
            evidence.acts.holds.push(HoldFacts::Resume(heard));
        })
    }

    fn of_artifact(
        promotion: &Promotion,
        signing: crate::model::act::Signing,
        of: Option<char>,
    ) -> OfArtifact {
        OfArtifact {
            signing,
            environment: promotion.environment.clone(),
            artifact: promotion.slot.artifact.clone(),
            digest: of.map(digest),
        }
    }

    #[track_caller]
    fn waits(case: &TestEvidence, fact: &str) {
        case.expect(GATE.name, &json!({}), Wait, &[fact]);
    }

    #[track_caller]
    fn passes(case: &TestEvidence) {
        case.expect(GATE.name, &json!({}), Allow, &[PASS]);
    }

    #[test]
    fn a_hold_stands_until_somebody_who_may_ends_it() {
        let held = "held by `erin`: because I say so; `promote resume` ends it";
        let case = hold(case(), "erin", None);
        waits(&case, held);
        // Of no group that is asked, and not who placed it.
        waits(&resume(case.clone(), "frank", None), held);
        // One digest of it only.
        waits(&resume(case.clone(), "bob", Some('a')), held);
        passes(&resume(case.clone(), "bob", None));
        passes(&resume(case.clone(), "erin", None));
        waits(&hold(resume(case.clone(), "bob", None), "erin", None), held);
        let lost = resume(case, "bob", None).with(|_, evidence| {
            for facts in &mut evidence.acts.holds {
                if let HoldFacts::Resume(heard) = facts {
                    heard.key_is_trusted = false;
                }
            }
        });
        waits(&lost, held);
    }

    #[test]
    fn a_rollback_passes_a_hold_of_the_artifact_and_not_one_of_the_digest() {
        passes(&hold(case(), "erin", None).rollback(None));
        passes(&hold(case(), "erin", Some('b')));
        waits(
            &hold(case(), "erin", Some('a')).rollback(None),
            "held by `erin`: because I say so; `promote resume` ends it",
        );
    }

    #[test]
    fn what_was_rolled_back_from_stays_away() {
        let abandoned = case().rollback(None).with(|promotion, evidence| {
            evidence.acts.abandoned = Some(AbandonedFacts {
                promotion: promotion.id.clone(),
                since: TestEvidence::now() - jiff::SignedDuration::from_hours(2),
            });
        });
        let fact = "rolled back from on 2026-06-01T10:00:00Z; `promote resume` with its digest lets it come back";
        waits(&abandoned, fact);
        waits(&resume(abandoned.clone(), "erin", Some('a')), fact);
        passes(&resume(abandoned.clone(), "bob", Some('a')));
        let before = resume(abandoned, "bob", Some('a')).with(|_, evidence| {
            if let Some(abandoned) = &mut evidence.acts.abandoned {
                abandoned.since = TestEvidence::now();
            }
        });
        waits(
            &before,
            "rolled back from on 2026-06-01T12:00:00Z; `promote resume` with its digest lets it come back",
        );
    }

    #[test]
    fn an_aborted_promotion_is_over() {
        let aborted = case().with(|promotion, evidence| {
            let of = |signing| crate::model::act::OfPromotion {
                signing,
                promotion: promotion.id.clone(),
                digest: promotion.digest,
            };
            let heard = evidence.heard("frank", of);
            evidence.acts.aborts.push(heard);
        });
        aborted.expect(
            GATE.name,
            &json!({}),
            Deny,
            &["aborted by `frank`: because I say so; a new release asks again"],
        );
    }
}
