//! Everything that decisions are made from, as of one moment: what Git asks, what is adopted, what the ledger says.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::engine::acts;
use crate::engine::error::EngineError;
use crate::engine::evidence::authors;
use crate::engine::known::Hashes;
use crate::engine::pending::Pending;
use crate::engine::people::People;
use crate::engine::requests::Requests;
use crate::engine::trust::{Expiry, TrustProblem};
use crate::engine::witness::Cosigned;
use crate::flow::closure::Labels;
use crate::flow::declassification::{Claim, Lowered, lowered};
use crate::gate::evidence::InboxFacts;
use crate::git::snapshot::{Entry, Snapshot};
use crate::manifest::layout::GOVERNED_PATHS;
use crate::manifest::repository::Repository;
use crate::manifest::trust_root::TrustRootSpec;
use crate::manifest::workspace::WorkspaceSpec;
use crate::model::digest::{Sha256, TreeDigest};
use crate::model::environment::EnvironmentOrder;
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
    pub manifests: Arc<Repository>,
    /// The trust root in force.
    pub root: Arc<TrustRootSpec>,
    /// When it ends, or the index with it.
    pub expiry: Expiry,
    /// The principals of the trust root.
    pub people: People,
    /// The ledger's origin line.
    pub ledger: String,
    /// The state, and what would be recorded now.
    pub pending: Pending,
    /// Whether the inbox is what it was.
    pub inbox: InboxFacts,
    /// What witnesses have published; `None` when it could not be read.
    pub cosigned: Option<Cosigned>,
    /// The label of every registered digest.
    pub labels: Labels,
    /// The SHA-256 of each version's manifest.
    pub manifest_hashes: Hashes,
    /// What releases ask for, by the path of the file.
    pub wanted: BTreeMap<String, Wanted>,
    /// The environments in order.
    pub environments: EnvironmentOrder,
    /// The workspaces.
    pub targets: BTreeMap<WorkspaceName, Target>,
    /// Who asked for what, told by Git once it is needed.
    pub requests: Arc<Requests>,
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

    /// The tags of a digest that their owners let through into a workspace, as of now.
    #[must_use]
    pub fn lowered(&self, digest: TreeDigest, target: &WorkspaceFacts) -> Lowered {
        let (producers, has_unknown_producer) = authors(self.state(), &self.people, digest);
        let known = self.labels.get(digest);
        let topology = &self.manifests.topology.value.spec;
        let label = known.map(|known| &known.label);
        lowered(&Claim {
            digest,
            workspace: &target.name,
            basis: known.map(|known| known.basis),
            now: self.pending.now(),
            producers: &producers,
            has_unknown_producer,
            owners: &acts::owners(&self.people, topology, label, target),
            heard: &acts::declassifications(self.state(), &self.people, digest, &target.name),
        })
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
                projects: manifests.projects_of(spec),
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

/// The governed files and the trust files of a snapshot.
///
/// # Errors
///
/// When they cannot be listed.
pub fn governed_entries(snapshot: &Snapshot) -> Result<Vec<Entry>, EngineError> {
    let mut entries = Vec::new();
    for path in GOVERNED_PATHS {
        match snapshot.entry(path)? {
            Some((kind, oid)) if kind.is_file() => entries.push(Entry {
                path: path.to_owned(),
                kind,
                oid,
            }),
            Some(_) => entries.extend(snapshot.list(path)?),
            None => {}
        }
    }
    Ok(entries)
}
