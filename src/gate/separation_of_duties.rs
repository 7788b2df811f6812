//! `separation-of-duties`: who made a version or asks for it does not approve it.

use std::collections::BTreeSet;

use crate::gate::GateDef;
use crate::gate::bars::bars;
use crate::gate::evidence::Evidence;
use crate::gate::params::{NoParams, check as check_params, schema, validate};
use crate::model::approval::ApprovalDecision;
use crate::model::id::PrincipalName;
use crate::model::promotion::Promotion;
use crate::model::verdict::Verdict;

/// The gate's name.
pub const NAME: &str = "separation-of-duties";

/// The row of the table.
pub static GATE: GateDef = GateDef {
    name: NAME,
    summary: "nobody who made the version or asks for it approves it",
    docs: "\
## What it does

Bars from approving: the signers of every manifest of the digest, who signed the commit or the release that asks for the
promotion, and whose commits are in either file. It says who is barred and whose approvals are ignored for that. When a
manifest of the digest is not signed by a known producer, nobody can say who made it, so no approval can be counted.

It judges every promotion that needs approvals, listed in the policy or not, and takes no parameters.

## Why

An approval is a second pair of eyes. Registering the same bytes again under another name does not make its author a
second person.

## Example

```yaml
gates:
  - gate: separation-of-duties
  - gate: approvals
    quorum:
      risk: 1
```

## How to satisfy it

Have the version registered with its producer's signature (`promote register`), and let persons approve who took no part
in making it.
",
    is_invariant: true,
    is_overridable: false,
    since: 1,
    schema: schema::<NoParams>,
    validate: validate::<NoParams>,
    check: |promotion, evidence, params| check_params(promotion, evidence, params, check),
};

fn check(_: &Promotion, evidence: &Evidence, _: &NoParams) -> Verdict {
    if evidence.version.has_unknown_author {
        return Verdict::unavailable(
            "the manifest is not signed by a known producer, so its authors cannot be told",
        );
    }
    let bars = bars(evidence);
    if bars.is_empty() {
        return Verdict::pass("nobody is barred from approving");
    }
    let approvals = evidence.approvals.iter();
    let approvers: BTreeSet<&PrincipalName> = approvals
        .filter(|facts| facts.approval.decision == ApprovalDecision::Approve)
        .map(|facts| &facts.signer)
        .collect();
    let say = |principal: &PrincipalName, bar| {
        let ignored = if approvers.contains(principal) {
            ", whose approval is ignored"
        } else {
            ""
        };
        format!("`{principal}` {bar} and may not approve it{ignored}")
    };
    let observed = bars
        .iter()
        .map(|(principal, bar)| say(principal, bar))
        .collect();
    Verdict::Pass { observed }
}

#[cfg(test)]
mod tests {

    use serde_json::json;

    use super::*;
    use crate::gate::testing::{TestEvidence, names};
    use crate::model::verdict::DecisionResult::{Allow, Unavailable};

    #[test]
    fn it_says_who_is_barred_and_whose_approval_is_ignored() {
        let case = TestEvidence::new();
        let alice = "`alice` made this version and may not approve it";
        let erin = "`erin` asked for this promotion and may not approve it";
        case.expect(NAME, &json!({}), Allow, &[alice, erin]);
        let ignored = format!("{alice}, whose approval is ignored");
        case.clone().approve("alice").reject("erin").expect(
            NAME,
            &json!({}),
            Allow,
            &[&ignored, erin],
        );
        let nobody = case.clone().with(|_, evidence| {
            evidence.version.authors = names(&[]);
            evidence.request.commit_signature = crate::gate::evidence::SignatureFacts::Missing;
        });
        nobody.expect(
            NAME,
            &json!({}),
            Allow,
            &["nobody is barred from approving"],
        );
        case.with(|_, evidence| evidence.version.has_unknown_author = true)
            .expect(
                NAME,
                &json!({}),
                Unavailable,
                &["the manifest is not signed by a known producer, so its authors cannot be told"],
            );
    }
}
