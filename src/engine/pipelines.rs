//! Facts about pipelines: what each environment binds to their inputs. The engine gathers them and an auditor gathers them
//! again; `check` says of all pipelines at once what the gates would refuse.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::engine::evidence::{Judged, marked_bad};
use crate::engine::people::People;
use crate::engine::record;
use crate::engine::snapshots::{Leave, of_repository};
use crate::engine::sources::lineage_of;
use crate::engine::world::{World, targets};
use crate::flow::declassification::Lowered;
use crate::flow::permit::check_label;
use crate::gate::pipelines::{BindingFacts, MadeByFacts, NeedFacts, PipelineFacts, RetrainFacts};
use crate::manifest::artifact::{Artifact, ArtifactSpec, PromotionMode};
use crate::manifest::layout::ReleaseId;
use crate::manifest::release::Release;
use crate::manifest::repository::Repository;
use crate::manifest::yaml::Document;
use crate::model::artifact::{ArtifactId, ArtifactKind, VersionId};
use crate::model::digest::Sha256;
use crate::model::event::SourceKind;
use crate::model::id::{EnvironmentName, InputName, WorkspaceName};
use crate::model::label::Label;
use crate::model::lineage::{Base, Lineage};
use crate::model::promotion::{Direction, Promotion};
use crate::model::snapshot::DataRef;
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
    let label = |data: &DataRef| label_of(world, promotion, data);
    Some(PipelineFacts {
        declaration: declaration(document),
        inputs: bindings(&document.value.spec, &promotion.environment, &label),
    })
}

/// What is known of how a model was made; `None` unless it is to be released where a pipeline made it.
#[must_use]
pub fn retrained(world: &World, promotion: &Promotion, is_foreseen: bool) -> Option<RetrainFacts> {
    let made = Made {
        state: world.state(),
        targets: &world.targets,
        promotion,
        lineage: lineage_of(world, promotion)?,
        is_foreseen,
        label: &|data| label_of(world, promotion, data),
    };
    made.facts(&mut |pipeline| {
        let document = world.manifests.artifacts.get(&pipeline.artifact)?;
        Some((declaration(document), document.value.spec.clone()))
    })
}

/// The label of data as it counts in the workspace that a promotion is to.
fn label_of(world: &World, promotion: &Promotion, data: &DataRef) -> Option<Label> {
    let snapshots = of_repository(&world.manifests)?;
    let target = world.workspace(&promotion.slot.workspace)?;
    Leave::of(world).label(&snapshots, data, target)
}

/// A version, and what is known of where it was made.
pub(crate) struct Made<'a> {
    pub(crate) state: &'a State,
    pub(crate) targets: &'a BTreeMap<WorkspaceName, Target>,
    pub(crate) promotion: &'a Promotion,
    pub(crate) lineage: &'a Lineage,
    pub(crate) is_foreseen: bool,
    pub(crate) label: &'a dyn Fn(&DataRef) -> Option<Label>,
}

impl Made<'_> {
    /// What is known of the pipelines that made it; `None` unless it is a model that is to be released where it was made,
    /// and names one. `declared` finds the manifest of a pipeline, and its SHA-256.
    pub(crate) fn facts(
        &self,
        declared: &mut dyn FnMut(&VersionId) -> Option<(Sha256, ArtifactSpec)>,
    ) -> Option<RetrainFacts> {
        let promotion = self.promotion;
        let is_made_here = promotion.direction == Direction::Forward
            && promotion.from.as_ref() == Some(&promotion.slot.workspace)
            && promotion.slot.artifact.kind == ArtifactKind::Model;
        let bases = self.lineage.bases.iter();
        let pipelines: Vec<MadeByFacts> = bases
            .filter(|base| is_made_here && base.version.artifact.kind == ArtifactKind::Pipeline)
            .map(|base| self.made_by(base, declared(&base.version).as_ref()))
            .collect();
        let datasets = self.lineage.datasets.iter().cloned().map(DataRef::Dataset);
        let snapshots = self.lineage.snapshots.iter();
        let snapshots = snapshots.map(|read| DataRef::Snapshot(read.snapshot.clone()));
        (!pipelines.is_empty()).then(|| RetrainFacts {
            is_foreseen: self.is_foreseen,
            has_unknown_data: !self.lineage.unknown.is_empty(),
            read: datasets.chain(snapshots).collect(),
            pipelines,
        })
    }

    fn made_by(&self, base: &Base, declared: Option<&(Sha256, ArtifactSpec)>) -> MadeByFacts {
        let environment = &self.promotion.environment;
        let spec = declared.map(|(_, spec)| spec);
        let holds_now = |name: &WorkspaceName, target: &Target| {
            let held = self.state.slot(&slot_of(name, base)).held;
            target.facts.environment == *environment
                && held.is_some_and(|held| held.digest == base.digest)
        };
        let held = self
            .targets
            .iter()
            .filter(|(name, target)| holds_now(name, target));
        MadeByFacts {
            version: base.version.clone(),
            digest: base.digest,
            declaration: declared.map(|(sha256, _)| *sha256),
            is_retrain: spec.and_then(|spec| spec.mode) == Some(PromotionMode::Retrain),
            inputs: spec.map_or_else(BTreeMap::new, |spec| {
                bindings(spec, environment, self.label)
            }),
            held: held.map(|(name, _)| name.clone()).collect(),
        }
    }
}

/// The place of a version in a workspace.
fn slot_of(workspace: &WorkspaceName, base: &Base) -> Slot {
    Slot {
        workspace: workspace.clone(),
        artifact: base.version.artifact.clone(),
    }
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

/// The same of the version that a promotion brings, as of now.
#[must_use]
pub fn needs_of(world: &World, promotion: &Promotion) -> Vec<NeedFacts> {
    let (state, people) = (world.state(), &world.people);
    let lineage = lineage_of(world, promotion);
    needed(state, people, &world.targets, promotion, lineage)
}

/// The workspaces of an environment that a version was promoted into, and not rolled back from.
fn promoted_into(
    state: &State,
    targets: &BTreeMap<WorkspaceName, Target>,
    environment: &EnvironmentName,
    base: &Base,
) -> BTreeSet<WorkspaceName> {
    let has = |name: &WorkspaceName| {
        let slot = state.slot(&slot_of(name, base));
        slot.ever_held.contains(&base.digest) && !slot.abandoned.contains_key(&base.digest)
    };
    let of_environment = targets
        .iter()
        .filter(|(name, target)| target.facts.environment == *environment && has(name));
    of_environment.map(|(name, _)| name.clone()).collect()
}

/// The manifests of pipelines that facts were gathered from, and where they are kept in the evidence.
pub(crate) fn evidence(world: &World, judged: &Judged) -> Vec<(String, Vec<u8>)> {
    let own = judged.evidence.pipeline.iter();
    let own = own.map(|_| &judged.promotion.slot.artifact);
    let retrain = judged.evidence.retrain.iter();
    let made_by = retrain.flat_map(|facts| &facts.pipelines);
    let made_by = made_by.map(|pipeline| &pipeline.version.artifact);
    let documents = own
        .chain(made_by)
        .filter_map(|artifact| world.manifests.artifacts.get(artifact));
    let kept = |document: &Arc<Document<Artifact>>| {
        let path =
            record::evidence_path(declaration(document), SourceKind::Declaration.extension());
        (path, document.source.text.clone().into_bytes())
    };
    documents.map(kept).collect()
}

/// The inputs of a pipeline, with what an environment binds to each.
#[must_use]
pub(crate) fn bindings(
    spec: &ArtifactSpec,
    environment: &EnvironmentName,
    label: &dyn Fn(&DataRef) -> Option<Label>,
) -> BTreeMap<InputName, BindingFacts> {
    let binding = |bound: &BTreeMap<EnvironmentName, DataRef>| {
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

/// What the gates would refuse of any pipeline: an input without a dataset where the pipeline is released, and data that
/// the workspaces are not cleared for. Of the first environment, which no gate is asked about, this is all that is said.
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
                    Some(data) => place.uncleared(&targets, input, data),
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
        data: &DataRef,
    ) -> Option<Diagnostic> {
        let environment = self.environment;
        let snapshots = of_repository(self.manifests)?;
        let label = &snapshots.label(data);
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
        let loc = self
            .document
            .at(&format!("/spec/inputs/{input}/{environment}"));
        if let DataRef::Snapshot(id) = data
            && snapshots.is_derived(id)
        {
            // What its owners let through only the ledger knows.
            let message = format!(
                "`{environment}` may read `{data}` only with leave of the owners of its tags: {denial}"
            );
            let problem = Diagnostic::warning("binding-needs-leave", loc, message);
            return Some(problem.hint(format!("`promote declassify {data} --into WORKSPACE`")));
        }
        let message = format!("`{environment}` may not read `{data}`: {denial}");
        let problem = Diagnostic::error("binding-not-cleared", loc, message);
        Some(problem.hint(format!(
            "bind a dataset that `{environment}` is cleared for, or release the pipeline to other workspaces"
        )))
    }
}
