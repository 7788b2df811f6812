//! All manifests of a promotion repository, agreeing with each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use crate::diagnostic::{Diagnostic, Severity};
use crate::manifest::artifact::Artifact;
use crate::manifest::check;
use crate::manifest::dataset::Dataset;
use crate::manifest::freeze::Freeze;
use crate::manifest::layout::{Place, ReleaseId, TOPOLOGY_PATH, TRUST_ROOT_PATH};
use crate::manifest::parsed::{Content, ParsedFile, parse_file, whole_file};
use crate::manifest::policy::Policy;
use crate::manifest::project::Project;
use crate::manifest::release::Release;
use crate::manifest::topology::Topology;
use crate::manifest::trust_index::TrustIndex;
use crate::manifest::trust_root::TrustRoot;
use crate::manifest::version::ArtifactVersion;
use crate::manifest::workspace::{Workspace, WorkspaceSpec};
use crate::manifest::yaml::Document;
use crate::model::artifact::{ArtifactId, VersionId};
use crate::model::attestation::AttestationName;
use crate::model::digest::Checksums;
use crate::model::environment::EnvironmentOrder;
use crate::model::id::{DatasetName, EnvironmentName, FreezeName, ProjectName, WorkspaceName};

/// A promotion repository whose files are valid and agree with each other and with the topology's pattern.
#[derive(Debug, Clone)]
pub struct Repository {
    /// The layout of the organisation.
    pub topology: Arc<Document<Topology>>,
    /// Who may sign what.
    pub trust_root: Arc<Document<TrustRoot>>,
    /// The governed files, pinned; `None` before the first signing, when nothing is adopted.
    pub trust_index: Option<Arc<Document<TrustIndex>>>,
    /// The projects.
    pub projects: BTreeMap<ProjectName, Arc<Document<Project>>>,
    /// The workspaces.
    pub workspaces: BTreeMap<WorkspaceName, Arc<Document<Workspace>>>,
    /// The datasets.
    pub datasets: BTreeMap<DatasetName, Arc<Document<Dataset>>>,
    /// The artifacts.
    pub artifacts: BTreeMap<ArtifactId, Arc<Document<Artifact>>>,
    /// The versions of the artifacts.
    pub versions: BTreeMap<VersionId, RegisteredVersion>,
    /// The names of the attestations of each version that has some.
    pub attestations: BTreeMap<VersionId, BTreeSet<AttestationName>>,
    /// The releases.
    pub releases: BTreeMap<ReleaseId, Arc<Document<Release>>>,
    /// The policies, by the environment that they guard.
    pub policies: BTreeMap<EnvironmentName, Arc<Document<Policy>>>,
    /// The freezes.
    pub freezes: BTreeMap<FreezeName, Arc<Document<Freeze>>>,
}

/// A version with the hashes of its files.
#[derive(Debug, Clone)]
pub struct RegisteredVersion {
    /// The manifest.
    pub document: Arc<Document<ArtifactVersion>>,
    /// The hashes of its files; their digest is that of the manifest. `None` only while problems are collected.
    pub(crate) checksums: Option<Arc<Checksums>>,
}

impl RegisteredVersion {
    /// The paths and hashes of its files.
    #[must_use]
    pub fn files(&self) -> &[(crate::model::digest::TreePath, crate::model::digest::Sha256)] {
        self.checksums
            .as_ref()
            .map_or(&[], |checksums| checksums.entries())
    }
}

impl Repository {
    /// Reads all files of a repository, in parallel, and checks that they agree.
    ///
    /// The repository is there only when there is no error; warnings may come with it.
    #[must_use]
    pub fn parse(
        files: impl IntoIterator<Item = (String, Vec<u8>)>,
    ) -> (Option<Self>, Vec<Diagnostic>) {
        let files: Vec<(String, Vec<u8>)> = files.into_iter().collect();
        let parsed = files
            .into_par_iter()
            .filter_map(|(path, bytes)| parse_file(&path, &bytes).map(Arc::new));
        Self::assemble(parsed.collect::<Vec<_>>())
    }

    /// Puts files together that were read before, perhaps from several commits, and checks that they agree.
    ///
    /// Of two files with one place, the later counts. Checks between files need a topology and a trust root that could
    /// be read; without them only what is wrong within files is reported.
    #[must_use]
    pub fn assemble(
        files: impl IntoIterator<Item = Arc<ParsedFile>>,
    ) -> (Option<Self>, Vec<Diagnostic>) {
        let mut draft = Draft::default();
        let mut diagnostics = Vec::new();
        for file in files {
            diagnostics.extend(file.diagnostics.iter().cloned());
            draft.add(&file);
        }
        diagnostics.extend(draft.missing_files());
        let unreadable = std::mem::take(&mut draft.unreadable);
        let repository = draft.finish();
        if let Some(repository) = &repository {
            diagnostics.extend(check::check(repository, &unreadable));
            // What could not be read would be missed by the pattern, and that would not be news.
            if repository.is_whole(&unreadable) {
                diagnostics.extend(crate::topology::check(repository));
            }
        }
        let has_errors = diagnostics
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error);
        (repository.filter(|_| !has_errors), diagnostics)
    }

    /// The projects whose artifacts a workspace may hold, as [`is_open_to`](crate::model::workspace::is_open_to) takes them: those that it names, and those that
    /// they accept.
    #[must_use]
    pub fn projects_of(&self, workspace: &WorkspaceSpec) -> BTreeSet<ProjectName> {
        let own = workspace.projects.iter();
        let accepted = own.clone().filter_map(|name| self.projects.get(name));
        let accepted = accepted.flat_map(|project| &project.value.spec.accepts);
        own.chain(accepted).cloned().collect()
    }

    /// Whether the environments have an order, and every workspace and policy there is could be read and belongs to one.
    fn is_whole(&self, unreadable: &BTreeSet<Place>) -> bool {
        let environments = &self.topology.value.spec.environments;
        if EnvironmentOrder::new(environments.clone()).is_none() {
            return false;
        }
        let mut workspaces = self.workspaces.values();
        let mut unreadable = unreadable.iter();
        workspaces.all(|workspace| environments.contains(&workspace.value.spec.environment))
            && !unreadable.any(|place| matches!(place, Place::Workspace(_) | Place::Policy(_)))
    }

    /// Whether there is a manifest at a place, or checksums of a version.
    pub(super) fn has(&self, place: &Place) -> bool {
        match place {
            Place::Topology | Place::TrustRoot => true,
            Place::TrustIndex => self.trust_index.is_some(),
            Place::Project(name) => self.projects.contains_key(name),
            Place::Workspace(name) => self.workspaces.contains_key(name),
            Place::Dataset(name) => self.datasets.contains_key(name),
            Place::Artifact(id) => self.artifacts.contains_key(id),
            Place::Version(id) => self.versions.contains_key(id),
            Place::Checksums(id) => {
                let version = self.versions.get(id);
                version.is_some_and(|version| version.checksums.is_some())
            }
            Place::Release(id) => self.releases.contains_key(id),
            Place::Policy(name) => self.policies.contains_key(name),
            Place::Freeze(name) => self.freezes.contains_key(name),
            Place::VersionSignature(_)
            | Place::Attestation(..)
            | Place::ReleaseSignature(_)
            | Place::TrustRootSignature(_)
            | Place::TrustIndexSignature(_)
            | Place::AllowedSigners => false,
        }
    }
}

/// A repository that may still lack files.
#[derive(Default)]
struct Draft {
    /// The files that could not be read: what is broken is not also missing.
    unreadable: BTreeSet<Place>,
    topology: Option<Arc<Document<Topology>>>,
    trust_root: Option<Arc<Document<TrustRoot>>>,
    trust_index: Option<Arc<Document<TrustIndex>>>,
    projects: BTreeMap<ProjectName, Arc<Document<Project>>>,
    workspaces: BTreeMap<WorkspaceName, Arc<Document<Workspace>>>,
    datasets: BTreeMap<DatasetName, Arc<Document<Dataset>>>,
    artifacts: BTreeMap<ArtifactId, Arc<Document<Artifact>>>,
    versions: BTreeMap<VersionId, Arc<Document<ArtifactVersion>>>,
    checksums: BTreeMap<VersionId, Arc<Checksums>>,
    attestations: BTreeSet<(VersionId, AttestationName)>,
    releases: BTreeMap<ReleaseId, Arc<Document<Release>>>,
    policies: BTreeMap<EnvironmentName, Arc<Document<Policy>>>,
    freezes: BTreeMap<FreezeName, Arc<Document<Freeze>>>,
}

impl Draft {
    fn add(&mut self, file: &ParsedFile) {
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
                self.attestations.insert((id.clone(), name.clone()));
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

    fn missing_files(&self) -> Vec<Diagnostic> {
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

    fn finish(mut self) -> Option<Repository> {
        let mut attestations: BTreeMap<VersionId, BTreeSet<AttestationName>> = BTreeMap::new();
        for (version, name) in std::mem::take(&mut self.attestations) {
            attestations.entry(version).or_default().insert(name);
        }
        let mut versions = BTreeMap::new();
        for (id, document) in self.versions {
            let checksums = self.checksums.remove(&id);
            versions.insert(
                id,
                RegisteredVersion {
                    document,
                    checksums,
                },
            );
        }
        Some(Repository {
            topology: self.topology?,
            trust_root: self.trust_root?,
            trust_index: self.trust_index,
            projects: self.projects,
            workspaces: self.workspaces,
            datasets: self.datasets,
            artifacts: self.artifacts,
            versions,
            attestations,
            releases: self.releases,
            policies: self.policies,
            freezes: self.freezes,
        })
    }
}

fn insert<K: Ord + Clone, V>(map: &mut BTreeMap<K, V>, key: &K, value: V) {
    map.insert(key.clone(), value);
}
