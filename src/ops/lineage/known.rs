//! Everything that is known of what was made from what: from Git, and from the ledger where Git no longer has it.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::book::Book;
use crate::engine::snapshots::of_repository;
use crate::engine::world::World;
use crate::error::Result;
use crate::flow::closure::{Labels, Reason};
use crate::flow::snapshots::Snapshots;
use crate::manifest::version::VersionSpec;
use crate::model::artifact::VersionId;
use crate::model::digest::TreeDigest;
use crate::model::id::DatasetName;
use crate::model::label::{Label, Tag};
use crate::model::lineage::Base;
use crate::model::snapshot::ReadSnapshot;
use crate::ops::catalogue::specs;
use crate::ops::lineage::{EdgeKind, Node, NodeKind, version_key, words};

/// What is known.
#[derive(Debug)]
pub(super) struct Known {
    versions: BTreeMap<VersionId, VersionSpec>,
    datasets: BTreeMap<DatasetName, Label>,
    snapshots: Option<Snapshots>,
    labels: Labels,
    /// One version for each digest that was registered, the first by name, for bases that are named differently.
    by_digest: BTreeMap<TreeDigest, VersionId>,
}

/// Something that a version was made from.
pub(super) enum Input {
    /// A version.
    Version(VersionId),
    /// Anything else, by its key.
    Other(String, Node),
}

impl Known {
    /// Reads what there is.
    pub(super) fn of(book: &Book, world: &World) -> Result<Self> {
        let specs = specs(book, world)?.into_iter();
        let versions: BTreeMap<VersionId, VersionSpec> =
            specs.map(|(id, spec)| (id, spec.into_owned())).collect();
        let datasets = world.manifests.datasets.iter();
        let mut by_digest = BTreeMap::new();
        for (id, spec) in &versions {
            by_digest.entry(spec.digest).or_insert_with(|| id.clone());
        }
        Ok(Self {
            datasets: datasets
                .map(|(name, document)| (name.clone(), document.value.spec.label.clone()))
                .collect(),
            snapshots: of_repository(&world.manifests),
            labels: world.labels.clone(),
            versions,
            by_digest,
        })
    }

    pub(super) fn versions(&self) -> impl Iterator<Item = &VersionId> + Clone {
        self.versions.keys()
    }

    /// A version with its label and the reasons for it.
    pub(super) fn node(&self, id: &VersionId) -> Node {
        let digest = self.versions.get(id).map(|spec| spec.digest);
        let explained = digest.and_then(|digest| self.labels.get(digest));
        let reasons = explained.map(|explained| {
            let reasons = explained.reasons.iter();
            reasons
                .map(|(tag, reasons)| (tag.clone(), reasons.iter().map(words).collect()))
                .collect()
        });
        Node {
            kind: match digest {
                Some(_) => NodeKind::Version,
                None => NodeKind::UnknownVersion,
            },
            name: id.to_string(),
            digest,
            label: explained.map(|explained| explained.label.clone()),
            reasons: reasons.unwrap_or_default(),
        }
    }

    /// What a version was made from.
    pub(super) fn inputs(&self, id: &VersionId) -> Vec<(Input, EdgeKind)> {
        let mut inputs: Vec<(Input, EdgeKind)> = self
            .version_inputs(id)
            .into_iter()
            .map(|(id, kind)| (Input::Version(id), kind))
            .collect();
        let lineage = self.versions.get(id).and_then(|spec| spec.lineage.as_ref());
        let Some(lineage) = lineage else {
            return inputs;
        };
        let datasets = lineage.datasets.iter();
        inputs.extend(datasets.map(|name| {
            let input = Input::Other(
                format!("{}{name}", NodeKind::Dataset.prefix()),
                self.dataset(name),
            );
            (input, EdgeKind::Dataset)
        }));
        inputs.extend(lineage.snapshots.iter().map(|read| {
            let key = format!("{}{}", NodeKind::Dataset.prefix(), read.snapshot);
            (Input::Other(key, self.snapshot(read)), EdgeKind::Dataset)
        }));
        let unclaimed = lineage.unknown.iter();
        inputs.extend(unclaimed.map(|address| {
            let node = bare(NodeKind::UnknownDataset, address.clone());
            (
                Input::Other(format!("address:{address}"), node),
                EdgeKind::Dataset,
            )
        }));
        inputs.extend(lineage.code.as_ref().map(|code| {
            let commit: String = code.commit.chars().take(12).collect();
            let name = format!("{} at {commit}", code.repository);
            let prefix = NodeKind::Code.prefix();
            let key = format!("{prefix}{}@{}", code.repository, code.commit);
            (
                Input::Other(key, bare(NodeKind::Code, name)),
                EdgeKind::Code,
            )
        }));
        inputs.extend(lineage.run.as_ref().map(|run| {
            let node = bare(NodeKind::Run, run.clone());
            let key = format!("{}{run}", NodeKind::Run.prefix());
            (Input::Other(key, node), EdgeKind::Run)
        }));
        inputs
    }

    /// The version that a base is: the digest counts, not the name; where nobody has the digest the name is all there is.
    fn named(&self, base: &Base) -> VersionId {
        let is_same = self
            .versions
            .get(&base.version)
            .is_some_and(|known| known.digest == base.digest);
        let by_digest = self.by_digest.get(&base.digest).filter(|_| !is_same);
        by_digest.unwrap_or(&base.version).clone()
    }

    /// The tags that each input brought to a version's label, by the key of the input and the way that it came in.
    pub(super) fn brought(&self, id: &VersionId) -> BTreeMap<(String, EdgeKind), BTreeSet<Tag>> {
        let mut brought: BTreeMap<_, BTreeSet<Tag>> = BTreeMap::new();
        let Some(spec) = self.versions.get(id) else {
            return brought;
        };
        let explained = self.labels.get(spec.digest);
        let dataset = |name: &DatasetName| format!("{}{name}", NodeKind::Dataset.prefix());
        let base = |version: &VersionId| {
            let bases = spec.lineage.iter().flat_map(|lineage| &lineage.bases);
            let mut bases = bases.filter(|base| base.version == *version);
            let named = bases.next().map(|base| self.named(base));
            version_key(named.as_ref().unwrap_or(version))
        };
        for (tag, reasons) in explained.iter().flat_map(|explained| &explained.reasons) {
            for reason in reasons {
                let input = match reason {
                    Reason::Dataset(name) | Reason::UnknownDataset(name) => {
                        (dataset(name), EdgeKind::Dataset)
                    }
                    Reason::Snapshot(id) | Reason::UnknownSnapshot(id) => {
                        let key = format!("{}{id}", NodeKind::Dataset.prefix());
                        (key, EdgeKind::Dataset)
                    }
                    Reason::Base(version) | Reason::UnknownBase(version) => {
                        (base(version), EdgeKind::Base)
                    }
                    Reason::KnownFile { first, .. } => (version_key(first), EdgeKind::File),
                    Reason::UnknownLineage
                    | Reason::UnknownProducer
                    | Reason::Recorded
                    | Reason::Cycle => continue,
                };
                brought.entry(input).or_default().insert(tag.clone());
            }
        }
        brought
    }

    /// The versions that a version was made from: its bases, and those that its files were known from.
    fn version_inputs(&self, id: &VersionId) -> Vec<(VersionId, EdgeKind)> {
        let Some(spec) = self.versions.get(id) else {
            return Vec::new();
        };
        let bases = spec.lineage.iter().flat_map(|lineage| &lineage.bases);
        let mut inputs: Vec<(VersionId, EdgeKind)> = bases
            .map(|base| (self.named(base), EdgeKind::Base))
            .collect();
        let explained = self.labels.get(spec.digest);
        for reason in explained
            .iter()
            .flat_map(|explained| explained.reasons.values().flatten())
        {
            if let Reason::KnownFile { first, .. } = reason
                && first != id
                && !inputs.contains(&(first.clone(), EdgeKind::File))
            {
                inputs.push((first.clone(), EdgeKind::File));
            }
        }
        inputs
    }

    /// The other way round: for each version those that were made from it.
    pub(super) fn made_from(&self) -> BTreeMap<VersionId, Vec<(VersionId, EdgeKind)>> {
        let mut made: BTreeMap<VersionId, Vec<(VersionId, EdgeKind)>> = BTreeMap::new();
        for id in self.versions.keys() {
            for (input, kind) in self.version_inputs(id) {
                made.entry(input).or_default().push((id.clone(), kind));
            }
        }
        made
    }

    /// A snapshot with all that it carries, before anything of it is let through.
    fn snapshot(&self, read: &ReadSnapshot) -> Node {
        let known = self.snapshots.as_ref();
        let traced = known.and_then(|snapshots| snapshots.trace(read));
        let kind = match traced {
            Some(_) => NodeKind::Dataset,
            None => NodeKind::UnknownDataset,
        };
        Node {
            digest: Some(read.digest),
            label: traced.map(|traced| traced.label),
            ..bare(kind, read.snapshot.to_string())
        }
    }

    fn dataset(&self, name: &DatasetName) -> Node {
        let label = self.datasets.get(name).cloned();
        let kind = match label {
            Some(_) => NodeKind::Dataset,
            None => NodeKind::UnknownDataset,
        };
        Node {
            label,
            ..bare(kind, name.to_string())
        }
    }
}

fn bare(kind: NodeKind, name: String) -> Node {
    Node {
        kind,
        name,
        digest: None,
        label: None,
        reasons: BTreeMap::new(),
    }
}
