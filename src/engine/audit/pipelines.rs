//! Facts about pipelines, gathered again from the manifests that were kept and from the files that were in force.

use std::collections::BTreeMap;

use crate::engine::audit::Auditor;
use crate::engine::audit::decision::{Reasons, demand};
use crate::engine::evidence::Inputs;
use crate::engine::pipelines::{Made, bindings, needed};
use crate::engine::record;
use crate::gate::pipelines::{PipelineFacts, SINCE};
use crate::manifest::artifact::{Artifact, ArtifactSpec};
use crate::manifest::layout::{Place, path_of};
use crate::manifest::parsed::parse_manifest;
use crate::model::artifact::{ArtifactId, ArtifactKind, VersionId};
use crate::model::digest::Sha256;
use crate::model::label::Label;
use crate::model::snapshot::DataRef;

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
                let label = |data: &DataRef| self.label_of(inputs, data);
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
        reasons.extend(self.check_retrain(index, inputs));
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

    /// How a model was made in the target is what its lineage and the manifest of its pipeline say. Whether the policies
    /// foresee it is looked at with the policies.
    fn check_retrain(&mut self, index: u64, inputs: &Inputs) -> Reasons {
        let (version, promotion) = (&inputs.evidence.version, &inputs.promotion);
        let recorded = inputs.evidence.retrain.as_ref();
        let manifest = self.manifest_of(&version.id, version.manifest);
        let lineage = manifest.and_then(|manifest| manifest.lineage);
        let pipelines = || recorded.into_iter().flat_map(|facts| &facts.pipelines);
        let declared: BTreeMap<VersionId, (Sha256, ArtifactSpec)> = pipelines()
            .filter_map(|pipeline| {
                let declaration = pipeline.declaration?;
                let spec = self.declared(index, &pipeline.version.artifact, declaration)?;
                Some((pipeline.version.clone(), (declaration, spec)))
            })
            .collect();
        let nothing = BTreeMap::new();
        let targets = self
            .governed
            .last()
            .map_or(&nothing, |governed| &governed.workspaces);
        let again = lineage.as_ref().and_then(|lineage| {
            let made = Made {
                state: &self.state,
                targets,
                promotion,
                lineage,
                is_foreseen: recorded.is_some_and(|facts| facts.is_foreseen),
                label: &|data| self.label_of(inputs, data),
            };
            made.facts(&mut |version| declared.get(version).cloned())
        });
        let mut reasons = Reasons::new();
        // Earlier rules let nothing in that was made where it is released.
        let again = again.filter(|_| inputs.rules_version >= SINCE);
        demand(
            &mut reasons,
            again.as_ref() == recorded,
            "how the version was made is misstated",
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

    /// The label of data as it counts in the target: of all that its dataset ever was, what owners had not let through.
    fn label_of(&self, inputs: &Inputs, data: &DataRef) -> Option<Label> {
        let leave = self.leave(inputs.evidence.now)?;
        leave.label(&self.data()?.snapshots, data, &inputs.evidence.target)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::engine::audit::audit;
    use crate::engine::audit::changed::{VERSION, approved, decided_from, judged};
    use crate::gate::evidence::Evidence;
    use crate::gate::pipelines::{NeedFacts, RetrainFacts};
    use crate::model::event::Event;

    /// What nobody wrote down cannot be said of a version: that it needs something, reads something, or was made in the target.
    #[test]
    fn what_is_said_of_pipelines_is_held_against_manifests() {
        let organisation = approved();
        let mut engine = organisation.engine();
        let (mut world, judged) = judged(&mut engine);
        for (path, bytes) in judged.release.evidence() {
            world.pending.add_evidence(path, bytes);
        }
        let first = world.pending.state().size;
        let digest = judged.promotion.digest;
        let changes: [&dyn Fn(&mut Evidence); 3] = [
            &|evidence| {
                evidence.needs.push(NeedFacts {
                    version: VERSION.parse().unwrap(),
                    digest,
                    held: BTreeSet::new(),
                    is_marked_bad: false,
                });
            },
            &|evidence| {
                evidence.pipeline = Some(PipelineFacts {
                    declaration: Sha256::of(b"nothing"),
                    inputs: BTreeMap::new(),
                });
            },
            &|evidence| {
                evidence.retrain = Some(RetrainFacts {
                    is_foreseen: false,
                    has_unknown_data: false,
                    read: BTreeSet::new(),
                    pipelines: Vec::new(),
                });
            },
        ];
        for change in changes {
            let mut inputs = judged.inputs();
            change(&mut inputs.evidence);
            let (judgement, bytes) = decided_from(&world, &inputs);
            let path = record::evidence_path(judgement.inputs, "json");
            world.pending.add_evidence(path, bytes);
            world.pending.push(Event::Decided(judgement)).unwrap();
        }
        assert!(engine.record(&mut world).unwrap());
        let problems = audit(engine.book().unwrap()).problems.into_iter();
        let said: Vec<(u64, String)> = problems
            .filter(|problem| problem.reason.ends_with("misstated"))
            .filter_map(|problem| Some((problem.entry? - first, problem.reason)))
            .collect();
        let expected = [
            "what the version needs is misstated",
            "what the pipeline reads is misstated",
            "how the version was made is misstated",
        ];
        let expected = (0..).zip(expected.map(str::to_owned));
        assert_eq!(said, expected.collect::<Vec<_>>());
    }
}
