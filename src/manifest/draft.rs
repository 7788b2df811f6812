//! A repository that is put together, file by file.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::manifest::artifact::Artifact;
use crate::manifest::dataset::Dataset;
use crate::manifest::freeze::Freeze;
use crate::manifest::layout::{Place, ReleaseId, TOPOLOGY_PATH, TRUST_ROOT_PATH};
use crate::manifest::parsed::{Content, ParsedFile, whole_file};
use crate::manifest::policy::Policy;
use crate::manifest::project::Project;
use crate::manifest::release::Release;
use crate::manifest::repository::{RegisteredVersion, Repository};
use crate::manifest::topology::Topology;
use crate::manifest::trust_index::TrustIndex;
use crate::manifest::trust_root::TrustRoot;
use crate::manifest::version::ArtifactVersion;
use crate::manifest::workspace::Workspace;
use crate::manifest::yaml::Document;
use crate::model::artifact::{ArtifactId, VersionId};
use crate::model::attestation::AttestationName;
use crate::model::digest::Checksums;
use crate::model::id::{DatasetName, EnvironmentName, FreezeName, ProjectName, WorkspaceName};
use crate::model::shared_map::SharedMap;

/// A repository that may still lack files.
#[derive(Default)]
pub(super) struct Draft {
    /// The files that could not be read: what is broken is not also missing.
    pub(super) unreadable: BTreeSet<Place>,
    topology: Option<Arc<Document<Topology>>>,
    trust_root: Option<Arc<Document<TrustRoot>>>,
    trust_index: Option<Arc<Document<TrustIndex>>>,
    projects: BTreeMap<ProjectName, Arc<Document<Project>>>,
    workspaces: BTreeMap<WorkspaceName, Arc<Document<Workspace>>>,
    datasets: BTreeMap<DatasetName, Arc<Document<Dataset>>>,
    artifacts: BTreeMap<ArtifactId, Arc<Document<Artifact>>>,
    /// The versions that were put together before.
    known: SharedMap<VersionId, RegisteredVersion>,
    versions: BTreeMap<VersionId, Arc<Document<ArtifactVersion>>>,
    checksums: BTreeMap<VersionId, Arc<Checksums>>,
    attestations: BTreeMap<VersionId, BTreeSet<AttestationName>>,
    releases: BTreeMap<ReleaseId, Arc<Document<Release>>>,
    policies: BTreeMap<EnvironmentName, Arc<Document<Policy>>>,
    freezes: BTreeMap<FreezeName, Arc<Document<Freeze>>>,
}

impl Draft {
    /// What is left of a repository when everything is taken out that stands at some places. Of a version all files go.
    pub(super) fn without(repository: &Repository, places: &BTreeSet<Place>) -> Self {
        let mut draft = Self {
            unreadable: BTreeSet::new(),
            topology: Some(Arc::clone(&repository.topology)),
            trust_root: Some(Arc::clone(&repository.trust_root)),
            trust_index: repository.trust_index.clone(),
            projects: repository.projects.clone(),
            workspaces: repository.workspaces.clone(),
            datasets: repository.datasets.clone(),
            artifacts: repository.artifacts.clone(),
            known: repository.versions.clone(),
            versions: BTreeMap::new(),
            checksums: BTreeMap::new(),
            attestations: repository.attestations.clone(),
            releases: repository.releases.clone(),
            policies: repository.policies.clone(),
            freezes: repository.freezes.clone(),
        };
        for place in places {
            draft.take_out(place);
        }
        draft
    }

    fn take_out(&mut self, place: &Place) {
        match place {
            Place::Artifact(id) => {
                self.artifacts.remove(id);
            }
            Place::Version(id) | Place::Checksums(id) | Place::VersionSignature(id) => {
                self.known.remove(id);
            }
            Place::Attestation(id, name) => {
                if let Some(names) = self.attestations.get_mut(id) {
                    names.remove(name);
                    if names.is_empty() {
                        self.attestations.remove(id);
                    }
                }
            }
            Place::Release(id) => {
                self.releases.remove(id);
            }
            Place::ReleaseSignature(_) => {}
            // Of these the adopted ones count; see `changed::can_change`.
            Place::Topology
            | Place::Project(_)
            | Place::Workspace(_)
            | Place::Dataset(_)
            | Place::Policy(_)
            | Place::Freeze(_)
            | Place::TrustRoot
            | Place::TrustRootSignature(_)
            | Place::TrustIndex
            | Place::TrustIndexSignature(_)
            | Place::AllowedSigners => {}
        }
    }

    pub(super) fn add(&mut self, file: &ParsedFile) {
        let Some(place) = &file.place else { return };
        if file.content.is_none() && !place.is_opaque() {
            self.unreadable.insert(place.clone());
        }
        match (place, file.content.clone()) {
            (Place::Topology, Some(Content::Topology(document))) => self.topology = Some(document),
            (Place::TrustRoot, Some(Content::TrustRoot(document))) => {
                self.trust_root = Some(document);
            }
            (Place::TrustIndex, Some(Content::TrustIndex(document))) => {
                self.trust_index = Some(document);
            }
            (Place::Project(name), Some(Content::Project(document))) => {
                insert(&mut self.projects, name, document);
            }
            (Place::Workspace(name), Some(Content::Workspace(document))) => {
                insert(&mut self.workspaces, name, document);
            }
            (Place::Dataset(name), Some(Content::Dataset(document))) => {
                insert(&mut self.datasets, name, document);
            }
            (Place::Artifact(id), Some(Content::Artifact(document))) => {
                insert(&mut self.artifacts, id, document);
            }
            (Place::Version(id), Some(Content::Version(document))) => {
                insert(&mut self.versions, id, document);
            }
            (Place::Checksums(id), Some(Content::Checksums(checksums))) => {
                insert(&mut self.checksums, id, checksums);
            }
            (Place::Attestation(id, name), _) => {
                let names = self.attestations.entry(id.clone()).or_default();
                names.insert(name.clone());
            }
            (Place::Release(id), Some(Content::Release(document))) => {
                insert(&mut self.releases, id, document);
            }
            (Place::Policy(name), Some(Content::Policy(document))) => {
                insert(&mut self.policies, name, document);
            }
            (Place::Freeze(name), Some(Content::Freeze(document))) => {
                insert(&mut self.freezes, name, document);
            }
            // Unreadable files, signatures, and content that does not fit its place, which `parse_file` never makes.
            _ => {}
        }
    }

    pub(super) fn missing_files(&self) -> Vec<Diagnostic> {
        let required = [
            (
                Place::Topology,
                self.topology.is_some(),
                TOPOLOGY_PATH,
                "write a new repository with `promote init`",
            ),
            (
                Place::TrustRoot,
                self.trust_root.is_some(),
                TRUST_ROOT_PATH,
                "without it nobody may sign anything; `promote init` writes one",
            ),
        ];
        let missing = required
            .iter()
            .filter(|(place, is_there, ..)| !is_there && !self.unreadable.contains(place));
        let diagnostic = |(_, _, path, hint): &(Place, bool, &str, &str)| {
            let message = format!("the repository has no `{path}`");
            Diagnostic::error("missing-file", whole_file(path), message).hint(*hint)
        };
        missing.map(diagnostic).collect()
    }

    pub(super) fn finish(mut self) -> Option<Repository> {
        for (id, document) in self.versions {
            let checksums = self.checksums.remove(&id);
            let version = RegisteredVersion {
                document,
                checksums,
            };
            self.known.insert(id, version);
        }
        Some(Repository {
            topology: self.topology?,
            trust_root: self.trust_root?,
            trust_index: self.trust_index,
            projects: self.projects,
            workspaces: self.workspaces,
            datasets: self.datasets,
            artifacts: self.artifacts,
            versions: self.known,
            attestations: self.attestations,
            releases: self.releases,
            policies: self.policies,
            freezes: self.freezes,
        })
    }
}

fn insert<K: Ord + Clone, V>(map: &mut BTreeMap<K, V>, key: &K, value: V) {
    map.insert(key.clone(), value);
}
