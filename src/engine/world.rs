//! Everything that decisions are made from, as of one moment: what Git asks, what is adopted, what the ledger says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use crate::diagnostic::{Diagnostic, Severity};
use crate::engine::error::EngineError;
use crate::engine::pending::Pending;
use crate::engine::people::People;
use crate::engine::requests::Requests;
use crate::engine::trust::TrustProblem;
use crate::flow::closure::Labels;
use crate::gate::evidence::InboxFacts;
use crate::git::snapshot::Snapshot;
use crate::manifest::layout::{classify, explain_unexpected, is_governed};
use crate::manifest::parsed::{ParsedFile, parse_file};
use crate::manifest::repository::Repository;
use crate::manifest::trust_root::TrustRootSpec;
use crate::manifest::workspace::WorkspaceSpec;
use crate::model::artifact::VersionId;
use crate::model::digest::{Sha256, TreePath};
use crate::model::environment::EnvironmentOrder;
use crate::model::event::Adoption;
use crate::model::id::{PrincipalName, WorkspaceName};
use crate::model::workspace::WorkspaceFacts;
use crate::plan::desired::{Basis, Change, Target, Wanted, plan_changes};
use crate::plan::state::State;

/// The largest file of the promotion repository that is read, in bytes.
pub const MAX_FILE_BYTES: usize = 64 << 20;

/// Everything that decisions are made from.
#[derive(Debug)]
pub struct World {
    /// The files at the head of the branch.
    pub head: Snapshot,
    /// The manifests in force: governed files as adopted, all others from the head.
    pub manifests: Repository,
    /// The trust root in force.
    pub root: Arc<TrustRootSpec>,
    /// The principals of the trust root.
    pub people: People,
    /// The ledger's origin line.
    pub ledger: String,
    /// The state, and what would be recorded now.
    pub pending: Pending,
    /// Whether the inbox is what it was.
    pub inbox: InboxFacts,
    /// The label of every registered digest.
    pub labels: Labels,
    /// The SHA-256 of each version's manifest.
    pub manifest_hashes: BTreeMap<VersionId, Sha256>,
    /// What releases ask for, by the path of the file.
    pub wanted: BTreeMap<String, Wanted>,
    /// The environments in order.
    pub environments: EnvironmentOrder,
    /// The workspaces.
    pub targets: BTreeMap<WorkspaceName, Target>,
    /// Who asked for what, told by Git once it is needed.
    pub requests: OnceLock<Requests>,
    /// Why governed files of the head are not in force, if they are not.
    pub not_adopted: Vec<TrustProblem>,
    /// Files of the head that are passed over, and why.
    pub ignored: Vec<Diagnostic>,
}

impl World {
    /// The state with everything that would be recorded now.
    #[must_use]
    pub const fn state(&self) -> &State {
        self.pending.state()
    }

    /// The changes that would make workspaces hold what Git asks for.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        let wanted: Vec<Wanted> = self.wanted.values().cloned().collect();
        plan_changes(self.basis(), &wanted)
    }

    /// What plans are made from.
    #[must_use]
    pub const fn basis(&self) -> Basis<'_> {
        Basis {
            environments: &self.environments,
            workspaces: &self.targets,
            state: self.pending.state(),
        }
    }

    /// The facts of a workspace.
    #[must_use]
    pub fn workspace(&self, name: &WorkspaceName) -> Option<&WorkspaceFacts> {
        self.targets.get(name).map(|target| &target.facts)
    }

    /// The printed name of a principal.
    #[must_use]
    pub fn printed_name(&self, principal: &PrincipalName) -> String {
        self.root
            .principals
            .get(principal)
            .map_or_else(|| principal.to_string(), |known| known.name.clone())
    }
}

/// The workspaces as planning sees them.
#[must_use]
pub fn targets(manifests: &Repository) -> BTreeMap<WorkspaceName, Target> {
    let all = manifests
        .workspaces
        .iter()
        .map(|(name, document)| (name, &document.value.spec));
    all.map(|(name, spec)| {
        (
            name.clone(),
            Target {
                facts: workspace_facts(name, spec),
                projects: spec.projects.clone(),
            },
        )
    })
    .collect()
}

/// What the flow rule has to know of a workspace.
#[must_use]
pub fn workspace_facts(name: &WorkspaceName, spec: &WorkspaceSpec) -> WorkspaceFacts {
    WorkspaceFacts {
        name: name.clone(),
        environment: spec.environment.clone(),
        clearance: spec.clearance.clone(),
        accepts: spec.accepts.clone(),
    }
}

/// What the releases ask for, by path.
#[must_use]
pub fn wanted(manifests: &Repository) -> BTreeMap<String, Wanted> {
    let wanted =
        |document: &Arc<crate::manifest::yaml::Document<crate::manifest::release::Release>>| {
            let spec = &document.value.spec;
            let wanted = Wanted {
                release: Sha256::of(document.source.text.as_bytes()),
                environment: spec.environment.clone(),
                artifact: spec.artifact.clone(),
                version: spec.version.clone(),
                digest: spec.digest,
                workspaces: spec.workspaces.clone(),
            };
            (document.source.path.clone(), wanted)
        };
    manifests.releases.values().map(wanted).collect()
}

/// Parsed files by path and by the name that Git has for their bytes, so that what did not change is not parsed again.
#[derive(Debug, Default)]
pub struct ParseCache(BTreeMap<(String, String), Option<Arc<ParsedFile>>>);

impl ParseCache {
    /// The parsed files of a snapshot whose path is wanted.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    pub fn parse(
        &mut self,
        snapshot: &Snapshot,
        is_wanted: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<(String, Arc<ParsedFile>)>, EngineError> {
        use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
        let entries: Vec<_> = snapshot
            .list("")?
            .into_iter()
            .filter(|entry| entry.kind.is_file() && is_wanted(&entry.path))
            .collect();
        let key = |entry: &crate::git::snapshot::Entry| (entry.path.clone(), entry.oid.to_string());
        let mut fresh = Vec::new();
        for entry in entries
            .iter()
            .filter(|entry| !self.0.contains_key(&key(entry)))
        {
            if classify(&entry.path).is_some() || explain_unexpected(&entry.path).is_some() {
                let bytes: Vec<u8> = snapshot.repository().read_blob(entry.oid, MAX_FILE_BYTES)?;
                fresh.push((key(entry), bytes));
            }
        }
        let parsed: Vec<_> = fresh
            .into_par_iter()
            .map(|(key, bytes)| {
                let file = parse_file(&key.0, &bytes).map(Arc::new);
                (key, file)
            })
            .collect();
        self.0.extend(parsed);
        let found = entries
            .iter()
            .filter_map(|entry| Some((entry.path.clone(), self.0.get(&key(entry))?.clone()?)));
        Ok(found.collect())
    }
}

/// Puts the manifests in force together: governed files of the adopted commit, everything else of the head. Files of
/// the head that are not valid are passed over, so that one team's mistake stops nobody else.
///
/// # Errors
///
/// When the governed files themselves are not valid.
pub fn manifests_in_force(
    cache: &mut ParseCache,
    head: &Snapshot,
    adopted: &Snapshot,
    adoption: &Adoption,
) -> Result<(Repository, Vec<Diagnostic>), EngineError> {
    // The trust files sign themselves, so no index pins them; the head's are as good as nothing until they are adopted.
    let is_of_adopted = |path: &str| is_governed(path) || path.starts_with("trust/");
    let is_adopted = |path: &str| {
        path.starts_with("trust/")
            || path
                .parse::<TreePath>()
                .is_ok_and(|path| adoption.files.contains_key(&path))
    };
    let mut files = cache.parse(adopted, &|path| is_of_adopted(path) && is_adopted(path))?;
    files.extend(cache.parse(head, &|path| !is_of_adopted(path))?);
    let mut ignored: Vec<Diagnostic> = Vec::new();
    loop {
        let (repository, problems) =
            Repository::assemble(files.iter().map(|(_, file)| Arc::clone(file)));
        let errors = problems
            .iter()
            .filter(|problem| problem.severity == Severity::Error);
        let broken: BTreeSet<String> = errors
            .map(|problem| problem.loc.file.path.clone())
            .collect();
        let (governed, others): (BTreeSet<String>, BTreeSet<String>) =
            broken.into_iter().partition(|path| is_of_adopted(path));
        if let Some(repository) = repository {
            return Ok((repository, ignored));
        }
        let before = files.len();
        files.retain(|(path, _)| !others.contains(path));
        ignored.extend(
            problems
                .iter()
                .filter(|problem| others.contains(&problem.loc.file.path))
                .cloned(),
        );
        if files.len() == before || !governed.is_empty() && others.is_empty() {
            return Err(EngineError::Invalid(problems));
        }
    }
}
