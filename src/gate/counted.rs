//! Whose approvals counted, for people who read of a decision later. Decides nothing: the gate counts, with the same code.

use std::collections::{BTreeMap, BTreeSet};

use crate::gate::approvals::{self, Params, tally};
use crate::gate::decide::asked;
use crate::gate::evidence::Evidence;
use crate::gate::params::parse;
use crate::manifest::policy::GateSpec;
use crate::model::id::PrincipalName;
use crate::model::promotion::Promotion;

/// Whose approvals counted, and whose did not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// Who counted for a group that any of the policies asks.
    pub approvers: BTreeSet<PrincipalName>,
    /// Who counted for none, and why.
    pub uncounted: BTreeMap<PrincipalName, String>,
}

/// Counts again what the gates of some policies counted.
#[must_use]
pub fn counted(promotion: &Promotion, evidence: &Evidence, policies: &[&[GateSpec]]) -> Counted {
    let mut counted = Counted::default();
    let asked = asked(promotion, evidence, policies).into_iter();
    for (_, params) in asked.filter(|(gate, _)| *gate == approvals::NAME) {
        let params = parse::<Params>(&params).ok();
        let Some(tally) = params.and_then(|params| tally(promotion, evidence, &params)) else {
            continue;
        };
        let approvers = tally.groups.into_values().flat_map(|group| group.approvers);
        counted.approvers.extend(approvers);
        let uncounted = tally.uncounted.into_iter();
        counted
            .uncounted
            .extend(uncounted.map(|(who, why)| (who, why.to_string())));
    }
    let approvers = &counted.approvers;
    counted.uncounted.retain(|who, _| !approvers.contains(who));
    counted
}
