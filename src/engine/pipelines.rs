//! Facts about pipelines: what each environment binds to their inputs. The engine gathers them and an auditor gathers them
//! again; `check` says of all pipelines at once what the gates would refuse.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::engine::evidence::{Judged, marked_bad};
use crate::engine::people::People;
use crate::engine::record;
use crate::engine::world::{World, targets};
use crate::flow::declassification::Lowered;
use crate::flow::permit::check_label;
use crate::gate::pipelines::{BindingFacts, NeedFacts, PipelineFacts};
use crate::manifest::artifact::{Artifact, ArtifactSpec};
use crate::manifest::layout::ReleaseId;
use crate::manifest::release::Release;
use crate::manifest::repository::Repository;
use crate::manifest::yaml::Document;
use crate::model::artifact::{ArtifactId, ArtifactKind, VersionId};
use crate::model::digest::Sha256;
use crate::model::event::SourceKind;
use crate::model::id::{DatasetName, EnvironmentName, InputName, WorkspaceName};
use crate::model::label::Label;
use crate::model::lineage::{Base, Lineage};
use crate::model::promotion::Promotion;
use crate::model::workspace::Slot;
use crate::plan::desired::Target;
use crate::plan::needs::needs;
use crate::plan::state::State;

/// What is known of the pipeline that a promotion brings; `None` for other artifacts, and when its manifest is not there.
#[must_use]
pub fn facts(world: &World, promotion: &Promotion) -> Option<PipelineFacts> {
    let artifact = &promotion.slot.artifact;
    if artifact.kind != ArtifactKind::Pipeline {
        return None;
    }
    let document = world.manifests.artifacts.get(artifact)?;
    let label = |name: &DatasetName| {
        let dataset = world.manifests.datasets.get(name)?;
        Some(dataset.value.spec.label.clone())
    };
    Some(PipelineFacts {
        declaration: declaration(document),
        inputs: bindings(&document.value.spec, &promotion.environment, &label),
    })
}

/// The SHA-256 of the manifest that declares an artifact.
pub(crate) fn declaration(document: &Document<Artifact>) -> Sha256 {
    Sha256::of(document.source.text.as_bytes())
}

/// What a version needs in the environment of its promotion, and where that is.
#[must_use]
pub(crate) fn needed(
    state: &State,
    people: &People,
    targets: &BTreeMap<WorkspaceName, Target>,
    promotion: &Promotion,
    lineage: Option<&Lineage>,
) -> Vec<NeedFacts> {
    let need = |base: &Base| NeedFacts {
        version: base.version.clone(),
        digest: base.digest,
        held: promoted_into(state, targets, &promotion.environment, base),
        is_marked_bad: !marked_bad(state, people, base.digest).is_empty(),
    };
    needs(&promotion.slot.artifact, lineage).map(need).collect()
}

/// The workspaces of an environment that a version was promoted into, and not rolled back from.
fn promoted_into(
    state: &State,
    targets: &BTreeMap<WorkspaceName, Target>,
    environment: &EnvironmentName,
    base: &Base,
) -> BTreeSet<WorkspaceName> {
    let has = |name: &WorkspaceName| {
        let slot = state.slot(&Slot {
            workspace: name.clone(),
            artifact: base.version.artifact.clone(),
        });
        slot.ever_held.contains(&base.digest) && !slot.abandoned.contains_key(&base.digest)
    };
    let of_environment = targets
        .iter()
        .filter(|(name, target)| target.facts.environment == *environment && has(name));
    of_environment.map(|(name, _)| name.clone()).collect()
}

/// The manifests of pipelines that facts were gathered from, and where they are kept in the evidence.
pub(crate) fn evidence(world: &World, judged: &Judged) -> Vec<(String, Vec<u8>)> {
    let artifact = &judged.promotion.slot.artifact;
    let facts = judged.evidence.pipeline.iter();
    let document = facts.filter_map(|_| world.manifests.artifacts.get(artifact));
    let kept = |document: &Arc<Document<Artifact>>| {
        let path =
            record::evidence_path(declaration(document), SourceKind::Declaration.extension());
        (path, document.source.text.clone().into_bytes())
    };
    document.map(kept).collect()
}

/// The inputs of a pipeline, with what an environment binds to each.
#[must_use]
pub(crate) fn bindings(
    spec: &ArtifactSpec,
    environment: &EnvironmentName,
    label: &dyn Fn(&DatasetName) -> Option<Label>,
) -> BTreeMap<InputName, BindingFacts> {
    let binding = |bound: &BTreeMap<EnvironmentName, DatasetName>| {
        let dataset = bound.get(environment);
        BindingFacts {
            label: dataset.and_then(label),
            dataset: dataset.cloned(),
        }
    };
    let inputs = spec.inputs.iter();
    inputs
        .map(|(input, bound)| (input.clone(), binding(bound)))
        .collect()
}

/// What the gates would refuse of any pipeline: an input without a dataset where the pipeline is released, and a dataset
/// that the workspaces are not cleared for.
#[must_use]
pub fn check(manifests: &Repository) -> Vec<Diagnostic> {
    let targets = targets(manifests);
    let targets: Vec<&Target> = targets.values().collect();
    let pipelines = manifests.artifacts.iter();
    let pipelines = pipelines.filter(|(id, _)| id.kind == ArtifactKind::Pipeline);
    let mut found = Vec::new();
    for (id, document) in pipelines {
        for (input, bound) in &document.value.spec.inputs {
            for environment in &manifests.topology.value.spec.environments {
                let place = Place {
                    manifests,
                    id,
                    document,
                    environment,
                };
                found.extend(match bound.get(environment) {
                    Some(dataset) => place.uncleared(&targets, input, dataset),
                    None => place.unbound(input),
                });
            }
        }
    }
    found.extend(
        manifests
            .releases
            .values()
            .flat_map(|release| unreleased(manifests, release)),
    );
    found
}

/// What a released version needs and nobody asks for there, in any version. It may have been there before, so this only
/// warns; the gate `dependencies` knows.
fn unreleased(manifests: &Repository, release: &Document<Release>) -> Vec<Diagnostic> {
    let spec = &release.value.spec;
    let id = VersionId {
        artifact: spec.artifact.clone(),
        version: spec.version.clone(),
    };
    let version = manifests.versions.get(&id);
    let lineage = version.and_then(|version| version.document.value.spec.lineage.as_ref());
    let is_missing = |base: &&Base| {
        let id = ReleaseId {
            environment: spec.environment.clone(),
            artifact: base.version.artifact.clone(),
        };
        !manifests.releases.contains_key(&id)
    };
    let environment = &spec.environment;
    let problem = |base: &Base| {
        let needed = &base.version;
        let message =
            format!("`{id}` needs `{needed}`, and nothing asks for that in `{environment}`");
        let problem = Diagnostic::warning(
            "unreleased-dependency",
            release.at("/spec/version"),
            message,
        );
        problem.hint(format!("`promote request {needed} --to {environment}`"))
    };
    needs(&spec.artifact, lineage)
        .filter(is_missing)
        .map(problem)
        .collect()
}

/// A pipeline in an environment.
struct Place<'a> {
    manifests: &'a Repository,
    id: &'a ArtifactId,
    document: &'a Document<Artifact>,
    environment: &'a EnvironmentName,
}

impl Place<'_> {
    fn release(&self) -> ReleaseId {
        ReleaseId {
            environment: self.environment.clone(),
            artifact: self.id.clone(),
        }
    }

    fn unbound(&self, input: &InputName) -> Option<Diagnostic> {
        let (id, environment) = (self.id, self.environment);
        self.manifests.releases.get(&self.release())?;
        let message = format!(
            "input `{input}` has no dataset in `{environment}`, and `{id}` is released there"
        );
        let loc = self.document.entry("/spec/inputs", input);
        let problem = Diagnostic::error("unbound-input", loc, message);
        Some(problem.hint(format!("bind one: `{environment}: DATASET`")))
    }

    /// A release names the workspaces that are meant, and all must be cleared; before there is one, a single workspace of
    /// the environment is enough, since the release may yet name it.
    fn uncleared(
        &self,
        targets: &[&Target],
        input: &InputName,
        dataset: &DatasetName,
    ) -> Option<Diagnostic> {
        let environment = self.environment;
        let label = &self.manifests.datasets.get(dataset)?.value.spec.label;
        let release = self.manifests.releases.get(&self.release());
        let named = release.map(|release| &release.value.spec.workspaces);
        let is_meant = |target: &&&Target| {
            let facts = &target.facts;
            facts.environment == *environment
                && target.is_open_to(&self.id.project)
                && named.is_none_or(|named| named.is_empty() || named.contains(&facts.name))
        };
        let meant: Vec<&&Target> = targets.iter().filter(is_meant).collect();
        let denials: Vec<_> = meant
            .iter()
            .filter_map(|target| check_label(label, &Lowered::nothing(), &target.facts).err())
            .collect();
        if release.is_none() && denials.len() < meant.len() {
            return None;
        }
        let denial = denials.first()?;
        let message = format!("`{environment}` may not read `{dataset}`: {denial}");
        let loc = self
            .document
            .at(&format!("/spec/inputs/{input}/{environment}"));
        let problem = Diagnostic::error("binding-not-cleared", loc, message);
        Some(problem.hint(format!(
            "bind a dataset that `{environment}` is cleared for, or release the pipeline to other workspaces"
        )))
    }
}
