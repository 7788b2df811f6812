//! `attestation`: a trusted machine has signed a statement about exactly these files.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::gate::evidence::{AttestationFacts, AttestationFinding, Evidence};
use crate::gate::params::{GateParams, ParamsError, check as check_params, schema, validate};
use crate::gate::{GateDef, one_line, or_list};
use crate::model::id::AttesterName;
use crate::model::promotion::Promotion;
use crate::model::verdict::Verdict;

/// The longest predicate type, in bytes.
const MAX_TYPE_BYTES: usize = 256;

/// The row of the table.
pub static GATE: GateDef = GateDef {
    name: "attestation",
    summary: "a trusted machine has signed a statement about exactly these files",
    docs: "\
## What it does

Asks whether one of the attestations beside the version's manifest is of the predicate type, is signed by one of the
attesters, and is about exactly the files of the version: the same names with the same SHA-256, none left out and none
more. A statement may also name the version as a whole by its `dirHash1`. It holds for rollbacks too. What the predicate
itself says is not looked at.

## Why

A training pipeline or a scanner can say what no person can: that these bytes came out of it. Its key is not the key of
whoever registers, so stolen credentials of one do not do for the other.

## Example

```yaml
gates:
  - gate: attestation
    predicateType: https://model_signing/signature/v1.0
    signers: [training-pipeline]
```

## How to satisfy it

`promote register --sign KEY` writes an OpenSSF model signature, and `promote register --attestation FILE` takes a
Sigstore bundle that was made elsewhere, such as by `model_signing sign key`. Both can be done after the version was
registered, by registering the same bytes again. The public key must be one of `attesters` in `trust/root.yaml`, which
`promote trust add-attester` writes. Anyone checks it with `model_signing verify key`.
",
    is_invariant: false,
    is_overridable: false,
    since: 2,
    schema: schema::<Params>,
    validate: validate::<Params>,
    check: |promotion, evidence, params| check_params(promotion, evidence, params, check),
};

/// The parameters of `attestation`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Params {
    /// The type of the predicate, matched exactly.
    #[schemars(length(min = 1, max = 256))]
    pub predicate_type: String,
    /// The attesters of `trust/root.yaml` of whom one must have signed.
    #[schemars(length(min = 1))]
    pub signers: BTreeSet<AttesterName>,
}

impl GateParams for Params {
    fn verify(&self) -> Result<(), ParamsError> {
        let is_type = !self.predicate_type.is_empty()
            && self.predicate_type.len() <= MAX_TYPE_BYTES
            && self
                .predicate_type
                .bytes()
                .all(|byte| byte.is_ascii_graphic());
        if !is_type {
            return Err(ParamsError::at(
                "predicateType",
                "write the type as the statement has it, such as `https://model_signing/signature/v1.0`",
            ));
        }
        if self.signers.is_empty() {
            return Err(ParamsError::at("signers", "name at least one attester"));
        }
        Ok(())
    }
}

fn check(_: &Promotion, evidence: &Evidence, params: &Params) -> Verdict {
    let mut reasons = Vec::new();
    for attestation in &evidence.attestations {
        match judge(attestation, params) {
            Found::Good(signer) => {
                return Verdict::pass(format!(
                    "attestation `{}` is signed by `{signer}`",
                    attestation.name
                ));
            }
            Found::Other => {}
            Found::Bad(reason) => reasons.push(reason),
        }
    }
    let signers: Vec<&AttesterName> = params.signers.iter().collect();
    let needed = format!(
        "an attestation `{}` by {}",
        params.predicate_type,
        or_list(&signers)
    );
    if reasons.is_empty() {
        return Verdict::pending(format!(
            "{needed} is missing; attach one with `promote register --attestation FILE`"
        ));
    }
    reasons.push(format!("{needed} is needed"));
    Verdict::Deny { reasons }
}

/// What one attestation is to the gate.
enum Found<'a> {
    Good(&'a AttesterName),
    /// It is about something that this gate does not ask for.
    Other,
    Bad(String),
}

fn judge<'a>(attestation: &'a AttestationFacts, params: &Params) -> Found<'a> {
    let name = &attestation.name;
    match &attestation.found {
        AttestationFinding::Bad(why) => Found::Bad(format!(
            "attestation `{name}` is not good: {}",
            one_line(why)
        )),
        AttestationFinding::Good { predicate_type, .. }
            if *predicate_type != params.predicate_type =>
        {
            Found::Other
        }
        AttestationFinding::Good { signer, .. } if params.signers.contains(signer) => {
            Found::Good(signer)
        }
        AttestationFinding::Good { signer, .. } => Found::Bad(format!(
            "attestation `{name}` is signed by `{signer}`, who is not asked for"
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::gate::testing::TestEvidence;
    use crate::model::digest::Sha256;
    use crate::model::verdict::DecisionResult::{Allow, Deny, Wait};

    const TYPE: &str = "https://model_signing/signature/v1.0";
    const NEEDED: &str =
        "an attestation `https://model_signing/signature/v1.0` by `ci` or `trainer` is needed";

    fn good(predicate_type: &str, signer: &str) -> AttestationFinding {
        AttestationFinding::Good {
            predicate_type: predicate_type.to_owned(),
            signer: signer.parse().unwrap(),
        }
    }

    fn bad(why: &str) -> AttestationFinding {
        AttestationFinding::Bad(why.to_owned())
    }

    #[test]
    fn one_good_attestation_of_the_type_by_a_named_signer_is_needed() {
        let missing = "an attestation `https://model_signing/signature/v1.0` by `ci` or `trainer` is missing; attach one with `promote register --attestation FILE`";
        for (found, result, facts) in [
            (vec![], Wait, &[missing][..]),
            (
                vec![good(TYPE, "trainer")],
                Allow,
                &["attestation `a0` is signed by `trainer`"],
            ),
            (
                vec![bad("x"), good(TYPE, "eve"), good(TYPE, "ci")],
                Allow,
                &["attestation `a2` is signed by `ci`"],
            ),
            (vec![good("other", "trainer")], Wait, &[missing]),
            (
                vec![good(TYPE, "eve")],
                Deny,
                &[
                    "attestation `a0` is signed by `eve`, who is not asked for",
                    NEEDED,
                ],
            ),
            (
                vec![good("other", "ci"), bad("it was\nchanged")],
                Deny,
                &["attestation `a1` is not good: it was changed", NEEDED],
            ),
        ] {
            let case = TestEvidence::new().with(|_, evidence| {
                let facts = found.into_iter().enumerate();
                evidence.attestations = facts
                    .map(|(index, found)| AttestationFacts {
                        name: format!("a{index}").parse().unwrap(),
                        bundle: Some(Sha256::of(b"bundle")),
                        found,
                    })
                    .collect();
            });
            let params = json!({"predicateType": TYPE, "signers": ["trainer", "ci"]});
            case.expect(GATE.name, &params, result, facts);
        }
    }

    #[test]
    fn parameters_that_ask_for_nothing_are_refused() {
        for (params, path) in [
            (
                json!({"predicateType": "", "signers": ["ci"]}),
                "predicateType",
            ),
            (
                json!({"predicateType": "a b", "signers": ["ci"]}),
                "predicateType",
            ),
            (json!({"predicateType": TYPE, "signers": []}), "signers"),
        ] {
            assert_eq!((GATE.validate)(&params).unwrap_err().path, path);
        }
    }
}
