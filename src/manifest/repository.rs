//! All manifests of a promotion repository, agreeing with each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use crate::diagnostic::{Diagnostic, Severity};
use crate::manifest::artifact::Artifact;
use crate::manifest::changed::affected;
use crate::manifest::check;
use crate::manifest::dataset::Dataset;
use crate::manifest::draft::Draft;
use crate::manifest::freeze::Freeze;
use crate::manifest::layout::{Place, ReleaseId};
use crate::manifest::parsed::{ParsedFile, parse_file};
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
use crate::model::shared_map::SharedMap;

/// A promotion repository whose files are valid and agree with each other and with the topology's pattern.
#[derive(Debug, Clone, PartialEq)]
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
    pub versions: SharedMap<VersionId, RegisteredVersion>,
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
#[derive(Debug, Clone, PartialEq)]
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
        Self::finish(Draft::default(), files, None)
    }

    /// Does the same for a repository of which only files that [`can_change`](super::changed::can_change) are other than in this one, in which nothing is
    /// wrong: `changed` are the places of all that are there no longer, are other, or were not in it. Of those `files` has
    /// what is there now. Only what the change can have made wrong is checked, so it takes no longer than the change is large.
    ///
    /// Everything is as [`Repository::assemble`] has it with all files, but for warnings about files that did not change.
    #[must_use]
    pub fn reassemble(
        &self,
        changed: &BTreeSet<Place>,
        files: impl IntoIterator<Item = Arc<ParsedFile>>,
    ) -> (Option<Self>, Vec<Diagnostic>) {
        Self::finish(Draft::without(self, changed), files, Some(changed))
    }

    fn finish(
        mut draft: Draft,
        files: impl IntoIterator<Item = Arc<ParsedFile>>,
        changed: Option<&BTreeSet<Place>>,
    ) -> (Option<Self>, Vec<Diagnostic>) {
        let mut diagnostics = Vec::new();
        for file in files {
            diagnostics.extend(file.diagnostics.iter().cloned());
            draft.add(&file);
        }
        diagnostics.extend(draft.missing_files());
        let unreadable = std::mem::take(&mut draft.unreadable);
        let repository = draft.finish();
        if let Some(repository) = &repository {
            let only = changed.map(|changed| affected(&repository.versions, changed));
            diagnostics.extend(check::check(repository, &unreadable, only.as_ref()));
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
