//! `commit-signature`: a member of a group signed the commit that asks for the promotion.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::gate::evidence::{Evidence, SignatureFacts};
use crate::gate::params::{GateParams, ParamsError, check as check_params, schema, validate};
use crate::gate::{GateDef, one_line, or_list};
use crate::model::id::{GroupName, PrincipalName};
use crate::model::promotion::Promotion;
use crate::model::verdict::Verdict;

/// The row of the table.
pub static GATE: GateDef = GateDef {
    name: "commit-signature",
    summary: "a member of a group signed the commit that asks for the promotion",
    docs: "\
## What it does

Asks whether the commit that last changed the release file has a good signature of somebody who is in one of the groups
now.

## Why

A merge alone should not be able to ask for a promotion in another person's name.

## Example

```yaml
gates:
  - gate: commit-signature
    groups: [release-managers]
```

## How to satisfy it

Sign the commit: `git commit -S` with `gpg.format` set to `ssh`, and with a key that `trust/root.yaml` lists. A release
that was merged unsigned can be asked for again with `promote request`.
",
    is_invariant: false,
    is_overridable: false,
    since: 1,
    schema: schema::<Params>,
    validate: validate::<Params>,
    check: |promotion, evidence, params| check_params(promotion, evidence, params, check),
};

/// The parameters of `commit-signature`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Params {
    /// The groups of whom one must have signed.
    #[schemars(length(min = 1))]
    pub groups: BTreeSet<GroupName>,
}

impl GateParams for Params {
    fn verify(&self) -> Result<(), ParamsError> {
        if self.groups.is_empty() {
            Err(ParamsError::at("groups", "name at least one group"))
        } else {
            Ok(())
        }
    }
}

fn check(_: &Promotion, evidence: &Evidence, params: &Params) -> Verdict {
    match &evidence.request.commit_signature {
        SignatureFacts::By(principal) => check_signer(evidence, params, principal),
        SignatureFacts::Missing => Verdict::deny(format!(
            "commit `{}` is not signed; ask again with a commit signed by a member of {} (`git commit -S`)",
            short(&evidence.request.commit),
            listed(params)
        )),
        SignatureFacts::Bad(why) => Verdict::deny(format!(
            "the signature of commit `{}` is not good: {}; ask again with a key that `trust/root.yaml` lists",
            short(&evidence.request.commit),
            one_line(why)
        )),
    }
}

fn check_signer(evidence: &Evidence, params: &Params, principal: &PrincipalName) -> Verdict {
    let members = |group: &GroupName| evidence.groups.get(group);
    let is_in = |group: &&GroupName| members(group).is_some_and(|all| all.contains(principal));
    if let Some(group) = params.groups.iter().find(is_in) {
        return Verdict::pass(format!("signed by `{principal}` of group `{group}`"));
    }
    match params.groups.iter().find(|group| members(group).is_none()) {
        Some(group) => {
            Verdict::unavailable(format!("the members of group `{group}` are not known"))
        }
        None => Verdict::deny(format!(
            "signed by `{principal}`, who is not in {}; let a member ask with a signed commit",
            listed(params)
        )),
    }
}

fn listed(params: &Params) -> String {
    let groups: Vec<&GroupName> = params.groups.iter().collect();
    format!("group {}", or_list(&groups))
}

fn short(commit: &str) -> String {
    commit.chars().take(12).collect()
}

#[cfg(test)]
mod tests {

    use serde_json::json;

    use super::*;
    use crate::gate::testing::TestEvidence;
    use crate::model::verdict::DecisionResult::{Allow, Deny, Unavailable};

    #[test]
    fn a_member_must_have_signed() {
        let by = |name: &str| SignatureFacts::By(name.parse().unwrap());
        for (signature, groups, result, fact) in [
            (
                by("erin"),
                json!(["ops", "risk"]),
                Allow,
                "signed by `erin` of group `ops`",
            ),
            (
                by("bob"),
                json!(["ops"]),
                Deny,
                "signed by `bob`, who is not in group `ops`; let a member ask with a signed commit",
            ),
            (
                by("bob"),
                json!(["lost", "ops"]),
                Unavailable,
                "the members of group `lost` are not known",
            ),
            (
                by("erin"),
                json!(["lost", "ops"]),
                Allow,
                "signed by `erin` of group `ops`",
            ),
            (
                SignatureFacts::Missing,
                json!(["ops", "risk"]),
                Deny,
                "commit `0123456789ab` is not signed; ask again with a commit signed by a member of group `ops` or `risk` (`git commit -S`)",
            ),
            (
                SignatureFacts::Bad("unknown key".to_owned()),
                json!(["ops"]),
                Deny,
                "the signature of commit `0123456789ab` is not good: unknown key; ask again with a key that `trust/root.yaml` lists",
            ),
        ] {
            let case = TestEvidence::new()
                .with(|_, evidence| evidence.request.commit_signature = signature);
            case.expect(GATE.name, &json!({"groups": groups}), result, &[fact]);
        }
    }
}
