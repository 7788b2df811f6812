//! `witnessed`: witnesses have cosigned the ledger lately, up to what the decision rests on.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::gate::GateDef;
use crate::gate::evidence::{CosignatureFacts, Evidence, WitnessFacts};
use crate::gate::params::{GateParams, ParamsError, check as check_params, schema, validate};
use crate::model::act::CLOCK_TOLERANCE;
use crate::model::period::Period;
use crate::model::promotion::Promotion;
use crate::model::verdict::Verdict;

/// The gate's name.
pub const NAME: &str = "witnessed";

/// The row of the table.
pub static GATE: GateDef = GateDef {
    name: NAME,
    summary: "witnesses have cosigned the ledger lately, up to what the decision rests on",
    docs: "\
## What it does

Counts the witnesses of the trust root whose newest cosigned checkpoint covers every entry that the decision rests on
(registration, approvals, the adoption in force, earlier outcomes), is of this very ledger, and is no older than `maxAge`.
A cosignature that is dated later than the ledger's time does not count. When a witness has cosigned another history of
the ledger, or a longer one, the answer is no, whatever the others say.

It judges rollbacks too.

## Why

Whoever holds the branches and the log key can show an engine an older ledger, or one of his own making, without the
rejection that came last. A witness that only others control has seen the true one.

## Example

```yaml
gates:
  - gate: witnessed
    threshold: 2
    maxAge: 24h
```

## How to satisfy it

Have the witnesses run `promote witness cosign` after the last statement was taken, by a schedule for example. List their
keys with `promote trust add-witness`.
",
    is_invariant: false,
    is_overridable: false,
    since: 2,
    schema: schema::<Params>,
    validate: validate::<Params>,
    check: |promotion, evidence, params| check_params(promotion, evidence, params, check),
};

/// The parameters of `witnessed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Params {
    /// How many witnesses.
    pub threshold: NonZeroU32,
    /// How old the cosignature of each may be.
    pub max_age: Period,
}

impl GateParams for Params {
    fn verify(&self) -> Result<(), ParamsError> {
        if self.max_age.seconds() == 0 {
            let message =
                "`0s` can never be met; write how old a cosignature may be, such as `24h`";
            Err(ParamsError::at("maxAge", message))
        } else {
            Ok(())
        }
    }
}

fn check(_: &Promotion, evidence: &Evidence, params: &Params) -> Verdict {
    let Some(facts) = &evidence.witnessed else {
        return Verdict::unavailable("what the witnesses have cosigned could not be read");
    };
    if !facts.conflicts.is_empty() {
        return Verdict::Deny {
            reasons: facts.conflicts.clone(),
        };
    }
    let needed = usize::try_from(params.threshold.get()).unwrap_or(usize::MAX);
    let listed = facts.witnesses.len();
    if listed < needed {
        return Verdict::deny(format!(
            "{needed} witnesses are asked for, and the trust root lists {listed}"
        ));
    }
    let mut observed = Vec::new();
    let mut missing = Vec::new();
    for (name, said) in &facts.witnesses {
        match judge(said.as_ref(), facts, evidence, params) {
            Ok(fact) => observed.push(format!("`{name}` {fact}")),
            Err(reason) => missing.push(format!("`{name}` {reason}")),
        }
    }
    if observed.len() >= needed {
        return Verdict::Pass { observed };
    }
    let more = needed - observed.len();
    let need = format!(
        "{more} more of the witnesses to cosign the first {} entries",
        facts.needed
    );
    Verdict::Pending {
        needs: std::iter::once(need).chain(missing).collect(),
        until: None,
    }
}

/// What a witness has said, when it counts; why it does not, when it does not.
fn judge(
    said: Option<&CosignatureFacts>,
    facts: &WitnessFacts,
    evidence: &Evidence,
    params: &Params,
) -> Result<String, String> {
    let Some(said) = said else {
        return Err("has cosigned nothing of this ledger".to_owned());
    };
    let fact = format!("cosigned {} entries at {}", said.size, said.at);
    let age = evidence.now.duration_since(said.at);
    if age < -CLOCK_TOLERANCE {
        Err(format!("{fact}, which is later than now; check its clock"))
    } else if age > params.max_age.duration() {
        Err(format!("{fact}, longer ago than {}", params.max_age))
    } else if said.size < facts.needed {
        Err(format!("{fact}, and not yet what this rests on"))
    } else {
        Ok(fact)
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::json;

    use super::*;
    use crate::gate::testing::TestEvidence;
    use crate::model::digest::Sha256;
    use crate::model::verdict::DecisionResult::{self, Allow, Deny, Unavailable, Wait};

    /// `w1` and `w2` have cosigned so many entries so many seconds ago; the decision rests on ten.
    fn case(said: [Option<(u64, i64)>; 2]) -> TestEvidence {
        TestEvidence::new().with(|_, evidence| {
            let facts = |(size, seconds)| CosignatureFacts {
                at: TestEvidence::now() - SignedDuration::from_secs(seconds),
                size,
                note: Sha256::of(b"note"),
            };
            let names = ["w1", "w2"].map(str::to_owned);
            let witnesses = names.into_iter().zip(said.map(|said| said.map(facts)));
            evidence.witnessed = Some(WitnessFacts {
                needed: 10,
                witnesses: witnesses.collect(),
                conflicts: Vec::new(),
            });
        })
    }

    #[track_caller]
    fn expect(case: &TestEvidence, threshold: u32, result: DecisionResult, facts: &[&str]) {
        let params = json!({"threshold": threshold, "maxAge": "24h"});
        case.expect(NAME, &params, result, facts);
    }

    #[test]
    fn witnesses_count_that_have_lately_cosigned_what_the_decision_rests_on() {
        let good = "`w1` cosigned 10 entries at 2026-05-31T12:00:00Z";
        let day = case([Some((10, 86_400)), None]);
        expect(&day, 1, Allow, &[good]);
        let nothing = "`w2` has cosigned nothing of this ledger";
        let more = "1 more of the witnesses to cosign the first 10 entries";
        expect(&day, 2, Wait, &[more, nothing]);
        let stale = "`w1` cosigned 10 entries at 2026-05-31T11:59:59Z, longer ago than 1d";
        expect(
            &case([Some((10, 86_401)), None]),
            1,
            Wait,
            &[more, stale, nothing],
        );
        let short =
            "`w1` cosigned 9 entries at 2026-06-01T12:00:00Z, and not yet what this rests on";
        expect(
            &case([Some((9, 0)), None]),
            1,
            Wait,
            &[more, short, nothing],
        );
    }

    #[test]
    fn a_cosignature_from_the_future_does_not_count() {
        let near = "`w1` cosigned 10 entries at 2026-06-01T12:05:00Z";
        expect(&case([Some((10, -300)), None]), 1, Allow, &[near]);
        let more = "1 more of the witnesses to cosign the first 10 entries";
        let far = "`w1` cosigned 10 entries at 2026-06-01T12:05:01Z, which is later than now; check its clock";
        let nothing = "`w2` has cosigned nothing of this ledger";
        expect(
            &case([Some((10, -301)), None]),
            1,
            Wait,
            &[more, far, nothing],
        );
    }

    #[test]
    fn what_is_not_known_or_in_conflict_never_passes() {
        let unknown = "what the witnesses have cosigned could not be read";
        expect(&TestEvidence::new(), 1, Unavailable, &[unknown]);
        let good = case([Some((10, 0)), Some((10, 0))]);
        let forked = "witness `w2` cosigned another history of this ledger";
        let conflict = good.clone().with(|_, evidence| {
            let facts = evidence.witnessed.as_mut().unwrap();
            facts.conflicts.push(forked.to_owned());
        });
        expect(&conflict, 1, Deny, &[forked]);
        let few = "3 witnesses are asked for, and the trust root lists 2";
        expect(&good, 3, Deny, &[few]);
    }
}
