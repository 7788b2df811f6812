//! Versions in Git become registrations in the ledger, when they are first seen. From then on the labels of their digests
//! only grow, whatever Git says later.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::iter::ParallelIterator as _;

use crate::diagnostic::Diagnostic;
use crate::engine::book::Book;
use crate::engine::error::EngineError;
use crate::engine::fresh::{find_fresh, record_fresh};
pub use crate::engine::known::{Before, Hashes};
use crate::engine::known::{Premises, Reasons, Registered, hashes_of, par_entries};
use crate::engine::pending::Pending;
use crate::engine::people::People;
use crate::engine::record;
use crate::engine::snapshots::{Leave, of_repository};
use crate::engine::world::{World, workspace_facts};
use crate::flow::closure::{Basis, Closure, Explained, Labels, Registration};
use crate::git::snapshot::Snapshot;
use crate::manifest::layout::Place;
use crate::manifest::parsed::parse_manifest;
use crate::manifest::repository::{RegisteredVersion, Repository};
use crate::manifest::version::{ArtifactVersion, VersionSpec};
use crate::model::artifact::VersionId;
use crate::model::digest::{FileList, Sha256};
use crate::model::event;
use crate::model::id::DatasetName;
use crate::model::label::{Clearance, Label};
use crate::model::snapshot::DataRef;
use crate::model::workspace::WorkspaceFacts;
use crate::plan::state::State;

/// What came of looking at all versions.
#[derive(Debug)]
pub struct Outcome {
    /// The label of every digest, known or new.
    pub labels: Labels,
    /// The SHA-256 of each version's manifest.
    pub hashes: Hashes,
    /// Versions that are passed over, and why.
    pub refused: Vec<Diagnostic>,
    /// What is known now, for the next look.
    pub known: Option<Before>,
}

/// What is known of one version, wherever from.
#[derive(Debug, Clone)]
pub(super) struct Known<'a> {
    pub(super) spec: Cow<'a, VersionSpec>,
    pub(super) files: Vec<Sha256>,
    pub(super) is_signed: bool,
    pub(super) recorded: Option<Label>,
    pub(super) order: u64,
}

/// Versions by name and manifest.
pub(super) type Versions<'a> = BTreeMap<(VersionId, Sha256), Known<'a>>;

/// The first place in the order of registrations that new versions take; the ledger never gets that long.
pub(super) const NEW: u64 = 1 << 62;

/// Computes all labels, and adds an entry for every version that the ledger does not know yet. `before` is what was known at
/// the last look: when nothing is other, it is the answer.
///
/// # Errors
///
/// When files or evidence cannot be read.
pub fn register(
    book: &Book,
    (head, people): (&Snapshot, &People),
    manifests: &mut Arc<Repository>,
    pending: &mut Pending,
    before: Option<Before>,
) -> Result<Outcome, EngineError> {
    let reasons = Reasons::of(manifests, pending);
    let (before, registered) = match before {
        Some(before) if before.reasons.as_ref() == Some(&reasons) => {
            return Ok(before.again(manifests));
        }
        Some(before) => (Some(before.all), Some(before.registered)),
        None => (None, None),
    };
    let all = manifests.versions.clone();
    let hashes = hashes_of(&all, before.as_ref());
    let refused = drop_changed(manifests, pending.state());
    let (labels, registered, fresh) = {
        let labelling = Labelling {
            book,
            manifests,
            hashes: &hashes,
            people,
            pending,
        };
        let registered = labelling.registered(registered, &reasons.premises)?;
        let (fresh, mut known) = find_fresh(head, manifests, &hashes, people, pending.state())?;
        let mut labels = labelling.labels(&registered.closure, &known)?;
        // Where two new versions share a file, the one that carries more says what the file is: nobody can make bytes
        // harmless by registering them under a harmless name in the same push.
        if fresh.len() > 1 {
            for version in known.values_mut() {
                let tags = labels
                    .get(version.spec.digest)
                    .map_or(0, |known| known.label.tags().len());
                version.order = NEW.saturating_sub(u64::try_from(tags).unwrap_or(0));
            }
            labels = labelling.labels(&registered.closure, &known)?;
        }
        (labels, registered, fresh)
    };
    let known = Before {
        all: (all, hashes.clone()),
        left: manifests.versions.clone(),
        labels: labels.clone(),
        registered,
        refused: refused.clone(),
        // What is about to be registered is known at the next look.
        reasons: fresh.is_empty().then_some(reasons),
    };
    for fresh in fresh {
        record_fresh(head, manifests, &labels, fresh, pending)?;
    }
    Ok(Outcome {
        labels,
        hashes,
        refused,
        known: Some(known),
    })
}

/// The label that a version would have if it were registered now, signed by somebody known.
///
/// # Errors
///
/// When evidence cannot be read.
pub fn preview(
    book: &Book,
    world: &World,
    id: &VersionId,
    spec: &VersionSpec,
    files: &FileList,
) -> Result<Explained, EngineError> {
    let hashes = &world.manifest_hashes;
    let (manifests, people) = (&world.manifests, &world.people);
    let mut known = known_versions(book, manifests, hashes, people, (world.state(), 0))?;
    let files = files.records().iter().map(|record| record.sha256).collect();
    let version = Known {
        spec: Cow::Borrowed(spec),
        files,
        is_signed: true,
        recorded: None,
        order: NEW,
    };
    // The manifest does not exist yet; no manifest hashes to this.
    known.insert((id.clone(), Sha256::of(b"")), version);
    let labels = with_all(&world.manifests, Leave::of(world), &known, |basis, all| {
        Labels::compute(basis, all)
    });
    let labels = labels.unwrap_or_default();
    let explained = labels.get(spec.digest).cloned();
    explained.ok_or_else(|| EngineError::Internal(format!("`{id}` has no label")))
}

/// A version is what it was first: one whose digest changed is passed over, and its author is told.
fn drop_changed(manifests: &mut Arc<Repository>, state: &State) -> Vec<Diagnostic> {
    let is_other = |(id, version): &&(VersionId, RegisteredVersion)| {
        let first = state.registrations.get(id).and_then(|all| all.first());
        first.is_some_and(|(_, first)| first.digest != version.document.value.spec.digest)
    };
    let all = par_entries(&manifests.versions);
    let others: Vec<(VersionId, RegisteredVersion)> = all.filter(is_other).cloned().collect();
    let mut refused = Vec::new();
    for (id, version) in others {
        let message = format!("`{id}` was registered with another digest; versions never change");
        let problem = Diagnostic::error(
            "version-changed",
            version.document.at("/spec/digest"),
            message,
        );
        refused.push(problem.hint("register the new bytes under a new version"));
        Arc::make_mut(manifests).versions.remove(&id);
    }
    refused
}

/// Whether the key that signed a registration was revoked as of it, so that nobody vouches for its lineage.
pub(crate) fn is_disowned(people: &People, index: u64, registered: &event::Registration) -> bool {
    let signature = registered.signature.as_ref();
    signature.is_some_and(|signature| people.is_revoked(&signature.key, index))
}

/// The versions that the ledger knows from an index on: from Git where their manifest is unchanged, else from the evidence.
pub(super) fn known_versions<'a>(
    book: &Book,
    manifests: &'a Repository,
    hashes: &Hashes,
    people: &People,
    (state, from): (&State, u64),
) -> Result<Versions<'a>, EngineError> {
    let mut known = BTreeMap::new();
    for (id, registrations) in state.registrations.iter() {
        for (index, registered) in registrations.iter().filter(|(index, _)| *index >= from) {
            let is_here = hashes.get(id) == Some(&registered.manifest);
            let (spec, files) = match manifests.versions.get(id).filter(|_| is_here) {
                Some(version) => (
                    Cow::Borrowed(&version.document.value.spec),
                    version.files().iter().map(|(_, sha256)| *sha256).collect(),
                ),
                None => {
                    let (spec, files) = from_evidence(book, *index, registered)?;
                    (Cow::Owned(spec), files)
                }
            };
            let is_signed =
                registered.producer.is_some() && !is_disowned(people, *index, registered);
            let recorded = Some(registered.label.clone());
            known.insert(
                (id.clone(), registered.manifest),
                Known {
                    spec,
                    files,
                    is_signed,
                    recorded,
                    order: *index,
                },
            );
        }
    }
    Ok(known)
}

fn from_evidence(
    book: &Book,
    index: u64,
    registered: &event::Registration,
) -> Result<(VersionSpec, Vec<Sha256>), EngineError> {
    let manifest = book.evidence(
        index,
        registered.manifest,
        &record::evidence_path(registered.manifest, "yaml"),
    )?;
    let place = Place::Version(registered.version.clone());
    let document = parse_manifest::<ArtifactVersion>(
        &place,
        &crate::manifest::layout::path_of(&place),
        &manifest,
    )
    .map_err(EngineError::Invalid)?;
    let checksums = book.checksums(index, registered)?;
    Ok((
        document.value.spec,
        checksums
            .entries()
            .iter()
            .map(|(_, sha256)| *sha256)
            .collect(),
    ))
}

/// What labels are computed from.
struct Labelling<'a> {
    book: &'a Book,
    manifests: &'a Repository,
    hashes: &'a Hashes,
    people: &'a People,
    pending: &'a Pending,
}

impl<'a> Labelling<'a> {
    fn leave(&self) -> Leave<'a> {
        Leave {
            state: self.pending.state(),
            people: self.people,
            topology: &self.manifests.topology.value.spec,
            now: self.pending.now(),
        }
    }

    fn known(&self, from: u64) -> Result<Versions<'a>, EngineError> {
        let state = self.pending.state();
        known_versions(
            self.book,
            self.manifests,
            self.hashes,
            self.people,
            (state, from),
        )
    }

    /// The labels of all that is registered. What was registered since `before` is added to it, if that is enough.
    fn registered(
        &self,
        before: Option<Registered>,
        premises: &Premises,
    ) -> Result<Registered, EngineError> {
        // Not what is pending: others may record something else in its place.
        let size = self.book.state().size;
        let before = before.filter(|before| before.premises == *premises && before.size <= size);
        let before = before.map_or((0, Closure::default()), |before| {
            (before.size, before.closure)
        });
        let closure = match self.grown(&before.1, &self.known(before.0)?) {
            Some(closure) => closure,
            None => self
                .grown(&Closure::default(), &self.known(0)?)
                .unwrap_or_default(),
        };
        let premises = premises.clone();
        Ok(Registered {
            premises,
            size,
            closure,
        })
    }

    /// The labels of all that is registered and of new versions.
    fn labels(&self, registered: &Closure, new: &Versions<'_>) -> Result<Labels, EngineError> {
        if let Some(closure) = self.grown(registered, new) {
            return Ok(closure.labels().clone());
        }
        let mut all = self.known(0)?;
        all.extend(
            new.iter()
                .map(|(id, version)| (id.clone(), version.clone())),
        );
        let closure = self.grown(&Closure::default(), &all).unwrap_or_default();
        Ok(closure.labels().clone())
    }

    /// Labels with those of further versions; `None` when these make others other.
    fn grown(&self, closure: &Closure, more: &Versions<'_>) -> Option<Closure> {
        with_all(self.manifests, self.leave(), more, |basis, all| {
            closure.can_grow(all).then(|| closure.grown(basis, all))
        })
        .unwrap_or_default()
    }
}

/// Does something with what labels are computed from; `None` when the topology leaves that open.
fn with_all<T>(
    manifests: &Repository,
    leave: Leave<'_>,
    known: &Versions<'_>,
    work: impl FnOnce(Basis<'_>, &[Registration<'_>]) -> T,
) -> Option<T> {
    let topology = &manifests.topology.value.spec;
    let (Some(top), Some(snapshots)) = (
        Label::new(topology.tags.keys().cloned()),
        of_repository(manifests),
    ) else {
        return None;
    };
    let whole = |name: &DatasetName| snapshots.label(&DataRef::Dataset(name.clone()));
    let names = manifests.datasets.keys();
    let datasets: BTreeMap<DatasetName, Label> =
        names.map(|name| (name.clone(), whole(name))).collect();
    let common_files: BTreeSet<Sha256> = topology.common_files.iter().copied().collect();
    let workspaces: BTreeMap<_, (&Clearance, WorkspaceFacts)> = manifests
        .workspaces
        .iter()
        .map(|(name, document)| {
            let spec = &document.value.spec;
            (name, (&spec.clearance, workspace_facts(name, spec)))
        })
        .collect();
    let of = |name| workspaces.get(name);
    let registrations: Vec<Registration<'_>> = known
        .iter()
        .map(|((id, _), version)| Registration {
            id,
            digest: version.spec.digest,
            files: version.files.clone(),
            lineage: version.spec.lineage.as_ref(),
            snapshots: leave.labels_of(
                of(&version.spec.workspace).map(|(_, facts)| facts),
                (&snapshots, &top),
                &version.spec,
            ),
            is_signed: version.is_signed,
            clearance: of(&version.spec.workspace).map(|(clearance, _)| *clearance),
            recorded: version.recorded.as_ref(),
            order: version.order,
        })
        .collect();
    let basis = Basis {
        datasets: &datasets,
        top: &top,
        common_files: &common_files,
    };
    Some(work(basis, &registrations))
}
