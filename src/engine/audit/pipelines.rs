//! Facts about pipelines, gathered again from the manifests that were kept and from the files that were in force.

use std::collections::BTreeMap;

use crate::engine::audit::Auditor;
use crate::engine::audit::decision::{Reasons, demand};
use crate::engine::evidence::Inputs;
use crate::engine::pipelines::{bindings, needed};
use crate::engine::record;
use crate::flow::closure::highest;
use crate::gate::pipelines::{PipelineFacts, SINCE};
use crate::manifest::artifact::{Artifact, ArtifactSpec};
use crate::manifest::layout::{Place, path_of};
use crate::manifest::parsed::parse_manifest;
use crate::model::artifact::{ArtifactId, ArtifactKind};
use crate::model::digest::Sha256;
use crate::model::id::DatasetName;
use crate::model::label::Label;

impl Auditor<'_> {
    /// What a pipeline reads in the target is what its manifest binds, with the labels in force.
    pub(super) fn check_pipeline(&mut self, index: u64, inputs: &Inputs) -> Reasons {
        let promotion = &inputs.promotion;
        let artifact = &promotion.slot.artifact;
        let expected = (artifact.kind == ArtifactKind::Pipeline)
            .then_some(())
            .and_then(|()| {
                let declaration = inputs.evidence.pipeline.as_ref()?.declaration;
                let spec = self.declared(index, artifact, declaration)?;
                let label = |name: &DatasetName| self.label_of_dataset(name);
                Some(PipelineFacts {
                    declaration,
                    inputs: bindings(&spec, &promotion.environment, &label),
                })
            });
        let mut reasons = Reasons::new();
        demand(
            &mut reasons,
            expected == inputs.evidence.pipeline,
            "what the pipeline reads is misstated",
        );
        reasons.extend(self.check_needs(inputs));
        reasons
    }

    /// What the version needs is what its lineage names, and it is where the ledger says.
    fn check_needs(&self, inputs: &Inputs) -> Reasons {
        let (version, promotion) = (&inputs.evidence.version, &inputs.promotion);
        let manifest = self.manifest_of(&version.id, version.manifest);
        let lineage = manifest
            .as_ref()
            .and_then(|manifest| manifest.lineage.as_ref());
        let nothing = BTreeMap::new();
        let targets = self
            .governed
            .last()
            .map_or(&nothing, |governed| &governed.workspaces);
        let needed = needed(&self.state, &self.people, targets, promotion, lineage);
        let mut reasons = Reasons::new();
        demand(
            &mut reasons,
            inputs.rules_version < SINCE || needed == inputs.evidence.needs,
            "what the version needs is misstated",
        );
        reasons
    }

    /// A manifest of an artifact, as it was kept with a decision.
    fn declared(
        &mut self,
        index: u64,
        artifact: &ArtifactId,
        declaration: Sha256,
    ) -> Option<ArtifactSpec> {
        let kept = record::evidence_path(declaration, "yaml");
        let bytes = self.evidence(index, declaration, &kept)?;
        let place = Place::Artifact(artifact.clone());
        let document = parse_manifest::<Artifact>(&place, &path_of(&place), &bytes).ok()?;
        Some(document.value.spec)
    }

    /// The label of a dataset that is in force: all that it ever was.
    fn label_of_dataset(&self, name: &DatasetName) -> Option<Label> {
        self.governed.last()?.datasets.get(name)?;
        let ever = self.governed.iter();
        highest(ever.filter_map(|governed| governed.datasets.get(name)))
    }
}
