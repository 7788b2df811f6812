//! What people did about promotions besides answering them, by what it is about.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::model::act::Act;
use crate::model::artifact::ArtifactId;
use crate::model::digest::{Sha256, TreeDigest};
use crate::model::event::{Receipt, Said};
use crate::model::id::{EnvironmentName, WorkspaceName};
use crate::model::promotion::PromotionId;

/// Statements in the order of the ledger, each with the time of its receipt.
type Received = Vec<(Timestamp, Receipt)>;

/// What people did.
#[derive(Debug, Clone, Default)]
pub struct Acts {
    declassifications: BTreeMap<(TreeDigest, WorkspaceName), Received>,
    of_promotions: BTreeMap<PromotionId, Received>,
    of_artifacts: BTreeMap<(EnvironmentName, ArtifactId), Received>,
    of_access: BTreeMap<Sha256, Received>,
}

impl Acts {
    /// Takes in an act.
    pub(super) fn take(&mut self, time: Timestamp, act: &Act, receipt: &Receipt) {
        let list = match act {
            Act::Declassify(of) => self
                .declassifications
                .entry((of.digest, of.workspace.clone()))
                .or_default(),
            Act::Override(of) => self
                .of_promotions
                .entry(of.binding.promotion.clone())
                .or_default(),
            Act::Review(of) | Act::Abort(of) | Act::Retry(of) => {
                self.of_promotions.entry(of.promotion.clone()).or_default()
            }
            Act::Hold(of) | Act::Resume(of) => self
                .of_artifacts
                .entry((of.environment.clone(), of.artifact.clone()))
                .or_default(),
            Act::GrantAccess(of) => self.of_access.entry(of.terms.id()).or_default(),
            Act::RevokeAccess(of) | Act::ReviewAccess(of) => {
                self.of_access.entry(of.access).or_default()
            }
        };
        list.push((time, receipt.clone()));
    }

    /// What was said of letting a digest into a workspace.
    pub fn of_digest(
        &self,
        digest: TreeDigest,
        workspace: &WorkspaceName,
    ) -> impl Iterator<Item = (Timestamp, &Receipt, &Act)> {
        let list = self.declassifications.get(&(digest, workspace.clone()));
        acts(list)
    }

    /// What was said of one promotion: overrides, reviews, aborts, retries.
    pub fn of_promotion(
        &self,
        promotion: &PromotionId,
    ) -> impl Iterator<Item = (Timestamp, &Receipt, &Act)> {
        acts(self.of_promotions.get(promotion))
    }

    /// What was said of an artifact in an environment: holds, and their ends.
    pub fn of_artifact(
        &self,
        environment: &EnvironmentName,
        artifact: &ArtifactId,
    ) -> impl Iterator<Item = (Timestamp, &Receipt, &Act)> {
        let list = self
            .of_artifacts
            .get(&(environment.clone(), artifact.clone()));
        acts(list)
    }

    /// What was said of access for incidents, by the id of the terms.
    pub fn of_access(
        &self,
    ) -> impl Iterator<Item = (Sha256, impl Iterator<Item = (Timestamp, &Receipt, &Act)>)> {
        self.of_access
            .iter()
            .map(|(id, list)| (*id, acts(Some(list))))
    }

    /// Whether somebody let a promotion that failed at a time be tried again, since then.
    #[must_use]
    pub fn is_retried(&self, promotion: &PromotionId, failed_at: Timestamp) -> bool {
        self.of_promotion(promotion)
            .any(|(time, _, act)| time >= failed_at && matches!(act, Act::Retry(_)))
    }
}

fn acts(list: Option<&Received>) -> impl Iterator<Item = (Timestamp, &Receipt, &Act)> {
    list.into_iter()
        .flatten()
        .filter_map(|(time, receipt)| match &receipt.said {
            Said::Act(act) => Some((*time, receipt, act.as_ref())),
            Said::Approval(_) | Said::MarkBad(_) => None,
        })
}
