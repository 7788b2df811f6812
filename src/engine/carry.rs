//! Bytes on their way into a target: from the staging area, or copied by the provider that has source and target.

use crate::adapter::content::LocalContent;
use crate::adapter::{Adapter, AdapterError, AdapterErrorKind, NativePlace, Record, transfer};
use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::execute::{Staged, version_of};
use crate::engine::world::World;
use crate::flow::permit::{FlowPermit, Origin, permit};
use crate::fs::staging::StagedTree;
use crate::model::artifact::VersionId;
use crate::model::id::WorkspaceName;
use crate::model::promotion::Promotion;

/// What became of the bytes.
#[derive(Debug)]
pub(crate) enum Carried {
    /// They are in the target already.
    Nothing,
    /// They are written; reading back is what proves them.
    Written,
    /// The flow rule says no.
    Denied(String),
    /// The workspace refused, or it could not be told.
    Failed(AdapterError),
}

/// The place of a version at its source, when the target's provider can copy from there by itself.
pub(crate) fn common_provider(
    source: &dyn Adapter,
    target: &dyn Adapter,
    version: &VersionId,
) -> Option<NativePlace> {
    let place = source.native(version)?;
    let own = target.native(version)?;
    (own.provider == place.provider).then_some(place)
}

impl Engine {
    /// Reads a version into the staging area of the workspace that it goes to, hashing what is read.
    ///
    /// # Errors
    ///
    /// When the workspace has no staging area. What the source says, and whether the area can be used, is in the answer: the
    /// next promotion may have another.
    pub(crate) async fn fetch(
        &self,
        world: &World,
        target: &WorkspaceName,
        source: &dyn Adapter,
        record: &Record,
    ) -> Result<Result<StagedTree, AdapterError>, EngineError> {
        let staging = match self.staging_for(world, target) {
            Err(EngineError::Staging(error)) => return Ok(Err(transfer::unstaged(source, error))),
            staging => staging?,
        };
        let size = record.files.total_size();
        self.progress
            .begin(&format!("staging {}", record.version), Some(size));
        let fetched = transfer::fetch(source, record, &staging).await;
        self.progress.end();
        Ok(fetched)
    }

    /// Brings the bytes of a promotion into its target.
    ///
    /// # Errors
    ///
    /// When staging itself cannot be used.
    pub(crate) async fn carry(
        &self,
        world: &World,
        promotion: &Promotion,
        target: &dyn Adapter,
        staged: &Staged,
    ) -> Result<Carried, EngineError> {
        if let Staged::OwnCopy(_) = staged {
            return Ok(Carried::Nothing);
        }
        // INVARIANT: the flow rule is asked again right before bytes move, and the permit is used at once.
        let permit = match leave(world, promotion) {
            Ok(permit) => permit,
            Err(reason) => return Ok(Carried::Denied(reason)),
        };
        let (version, workspace) = (version_of(promotion), &promotion.slot.workspace);
        let size = staged.record().files.total_size();
        let task = format!("writing {version} into {workspace}");
        self.progress.begin(&task, Some(size));
        let written = match staged {
            Staged::OwnCopy(_) => return Ok(Carried::Nothing),
            Staged::Bytes(tree, record) => {
                let content = LocalContent::staged_for_last(tree);
                target.write(&permit, record, &content).await
            }
            Staged::Native(place, record) => target.copy(&permit, record, place).await,
        };
        self.progress.end();
        let error = match (written, staged) {
            (Ok(_), _) => return Ok(Carried::Written),
            (Err(error), Staged::Native(_, record))
                if error.kind == AdapterErrorKind::Unsupported =>
            {
                return self.carry_by_hand(world, promotion, target, record).await;
            }
            (Err(error), _) => error,
        };
        Ok(Carried::Failed(error))
    }

    /// What the provider cannot copy after all is read and written like everything else.
    async fn carry_by_hand(
        &self,
        world: &World,
        promotion: &Promotion,
        target: &dyn Adapter,
        record: &Record,
    ) -> Result<Carried, EngineError> {
        let (Some(from), workspace) = (&promotion.from, &promotion.slot.workspace) else {
            return Ok(Carried::Denied("no workspace has the bytes".to_owned()));
        };
        let source = self.adapter(world, from)?;
        let fetched = self.fetch(world, workspace, source.as_ref(), record);
        let tree = match fetched.await? {
            Ok(tree) => tree,
            Err(error) => return Ok(Carried::Failed(error)),
        };
        let permit = match leave(world, promotion) {
            Ok(permit) => permit,
            Err(reason) => return Ok(Carried::Denied(reason)),
        };
        let content = LocalContent::staged_for_last(&tree);
        let written = target.write(&permit, record, &content).await;
        Ok(written.map_or_else(Carried::Failed, |_| Carried::Written))
    }
}

/// The flow rule's leave for a promotion, or why there is none.
fn leave(world: &World, promotion: &Promotion) -> Result<FlowPermit, String> {
    let label = world.labels.get(promotion.digest);
    let label = label.ok_or("the label of the digest is not known")?;
    let target = world.workspace(&promotion.slot.workspace);
    let (Some(facts), Some(from)) = (target, &promotion.from) else {
        return Err("the workspace is not known".to_owned());
    };
    let lowered = world.lowered(promotion.digest, facts);
    let origin = Origin::Workspace(from);
    let permit = permit(promotion.digest, &label.label, &lowered, &origin, facts);
    permit.map_err(|denial| denial.to_string())
}
