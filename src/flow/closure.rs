//! The label of everything: the join over all that a thing was made from.
//!
//! `label(x) = own(x) ∪ ⋃ label(inputs of x)`, over datasets, base artifacts and known bytes. What is unknown is given
//! the highest label that it could have, never the lowest.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::iter::{IntoParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _};

use crate::model::artifact::VersionId;
use crate::model::digest::{Sha256, TreeDigest};
use crate::model::id::DatasetName;
use crate::model::label::{Clearance, Label, Tag};
use crate::model::lineage::{Base, Lineage};
use crate::model::planted::planted;
use crate::model::shared_map::SharedMap;
use crate::model::snapshot::SnapshotId;

/// One registration of a digest. The same digest may have several, under several names.
#[derive(Debug, Clone)]
pub struct Registration<'a> {
    /// Its name and version.
    pub id: &'a VersionId,
    /// Its digest.
    pub digest: TreeDigest,
    /// The hashes of its files.
    pub files: Vec<Sha256>,
    /// What it says it was made from.
    pub lineage: Option<&'a Lineage>,
    /// The label of each snapshot that the lineage names, as it counts in the workspace it was made in, with the reason.
    pub snapshots: Vec<(Label, Reason)>,
    /// Whether a known producer signed that.
    pub is_signed: bool,
    /// The clearance of the workspace it was made in; `None` when that is unknown.
    pub clearance: Option<&'a Clearance>,
    /// The label that the ledger recorded for it; labels never shrink below this.
    pub recorded: Option<&'a Label>,
    /// Its place in the order of registrations; what is not yet in the ledger comes last. Where two registrations share
    /// a file, the earlier one says what the file is.
    pub order: u64,
}

/// Why a tag is on a label: the last step of the path it came by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// A dataset carries it.
    Dataset(DatasetName),
    /// A dataset is named that nobody declared, so it could be anything.
    UnknownDataset(DatasetName),
    /// A snapshot of a dataset carries it, and its owners did not let it through.
    Snapshot(SnapshotId),
    /// A snapshot is named that nobody declared with that digest, so it could be anything.
    UnknownSnapshot(SnapshotId),
    /// A base artifact carries it.
    Base(VersionId),
    /// A base is named whose digest nobody registered.
    UnknownBase(VersionId),
    /// A file of it is known from another version.
    KnownFile {
        /// The file's hash.
        file: Sha256,
        /// The version that had it first.
        first: VersionId,
    },
    /// Nobody signed what it was made from, so it counts as everything its workspace may hold.
    UnknownLineage,
    /// Not even the workspace it was made in is known.
    UnknownProducer,
    /// The ledger recorded it before.
    Recorded,
    /// Its lineage leads back to itself.
    Cycle,
}

impl Reason {
    /// The reason as a basis hashes it: people sign that hash, so this text stays as it is.
    fn line(&self) -> String {
        match self {
            Self::Dataset(name) => format!("dataset {name}"),
            Self::UnknownDataset(name) => format!("unknown-dataset {name}"),
            Self::Snapshot(id) => format!("snapshot {id}"),
            Self::UnknownSnapshot(id) => format!("unknown-snapshot {id}"),
            Self::Base(version) => format!("base {version}"),
            Self::UnknownBase(version) => format!("unknown-base {version}"),
            Self::KnownFile { file, first } => format!("known-file {file} {first}"),
            Self::UnknownLineage => "unknown-lineage".to_owned(),
            Self::UnknownProducer => "unknown-producer".to_owned(),
            Self::Recorded => "recorded".to_owned(),
            Self::Cycle => "cycle".to_owned(),
        }
    }
}

/// A label with the reasons for each of its tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The label.
    pub label: Label,
    /// Why each tag is on it.
    pub reasons: BTreeMap<Tag, BTreeSet<Reason>>,
    /// A hash over the label, the reasons and those of all inputs: another one means that something behind the digest is
    /// other than it was.
    pub basis: Sha256,
}

/// What labels are computed from, besides the registrations.
#[derive(Debug, Clone, Copy)]
pub struct Basis<'a> {
    /// The labels of the declared datasets.
    pub datasets: &'a BTreeMap<DatasetName, Label>,
    /// Every declared tag: the label of what nothing is known about.
    pub top: &'a Label,
    /// Files that prove nothing alone, such as licences.
    pub common_files: &'a BTreeSet<Sha256>,
}

/// Whether that a version has a file says nothing of where its data came from: it is declared to be common, or it is empty.
#[must_use]
pub fn proves_nothing(file: &Sha256, common: &BTreeSet<Sha256>) -> bool {
    *file == Sha256::EMPTY || common.contains(file)
}

/// The label of every registered digest. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels(SharedMap<TreeDigest, Arc<Explained>>);

impl Labels {
    /// Computes all labels in one pass over the graph, inputs first.
    #[must_use]
    pub fn compute(basis: Basis<'_>, registrations: &[Registration<'_>]) -> Self {
        Closure::default().grown(basis, registrations).labels
    }

    /// The bases of those inputs that have their labels, in order.
    fn bases(&self, inputs: &BTreeSet<TreeDigest>) -> impl Iterator<Item = Sha256> {
        let known = inputs.iter().filter_map(|input| self.get(*input));
        known.map(|known| known.basis)
    }

    /// The label of a digest, with reasons; `None` when nobody registered it.
    #[must_use]
    pub fn get(&self, digest: TreeDigest) -> Option<&Explained> {
        self.0.get(&digest).map(Arc::as_ref)
    }
}

/// The labels of some registrations, with what later ones need to know of these. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Closure {
    labels: Labels,
    /// Which registration had each file first, without files that prove nothing.
    holders: SharedMap<Sha256, (TreeDigest, VersionId)>,
    /// The bases that are named and that nobody registered.
    missing: Arc<BTreeSet<TreeDigest>>,
    /// The place of the last registration.
    last: Option<u64>,
    /// Whether a lineage leads back to itself, or to one that does: what comes of that is told by the whole graph alone.
    has_cycles: bool,
}

impl Closure {
    /// The labels.
    #[must_use]
    pub const fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Whether further registrations make no label that is known another one: they come later, nobody registered or named
    /// their digests, and no lineage leads back to itself.
    #[must_use]
    pub fn can_grow(&self, registrations: &[Registration<'_>]) -> bool {
        registrations.iter().all(|registration| {
            let digest = registration.digest;
            !self.has_cycles
                && self.last.is_none_or(|last| registration.order > last)
                && self.labels.get(digest).is_none()
                && !self.missing.contains(&digest)
        })
    }

    /// The labels of these and further registrations, on the same basis. What [`Closure::can_grow`] refuses has to be
    /// computed whole.
    #[must_use]
    pub fn grown(&self, basis: Basis<'_>, registrations: &[Registration<'_>]) -> Self {
        if registrations.is_empty() {
            return self.clone();
        }
        let graph = Graph::build(basis, self, registrations);
        let mut labels = self.labels.clone();
        let (waves, cycles) = graph.inputs_first();
        let has_cycles = self.has_cycles || !cycles.is_empty();
        for wave in waves {
            let explained: Vec<_> = wave
                .into_par_iter()
                .map(|(digest, inputs)| {
                    let explained = graph.explain(digest, &labels);
                    let explained = explained.based_on(digest, labels.bases(&inputs));
                    (digest, Arc::new(explained))
                })
                .collect();
            labels.0.extend(explained);
        }
        // Honest digests cannot lead back to themselves, so whoever wrote such a lineage gets the highest label.
        for (digest, inputs) in cycles {
            let explained = Explained::all(basis.top, &Reason::Cycle);
            let explained = explained.based_on(digest, labels.bases(&inputs));
            labels.0.insert(digest, Arc::new(explained));
        }
        let new_holders = graph.first_holder.iter();
        let new_holders =
            new_holders.map(|(file, first)| (*file, (first.digest, first.id.clone())));
        let mut holders = self.holders.clone();
        holders.extend(new_holders);
        let lineages = registrations
            .iter()
            .filter_map(|registration| registration.lineage);
        let bases = lineages.flat_map(|lineage| counted(&lineage.bases));
        let mut missing = Arc::clone(&self.missing);
        let named = bases.map(|base| base.digest);
        Arc::make_mut(&mut missing).extend(named.filter(|base| labels.get(*base).is_none()));
        let last = registrations.iter().map(|registration| registration.order);
        Self {
            labels,
            holders,
            missing,
            last: last.max().max(self.last),
            has_cycles,
        }
    }
}

impl Explained {
    fn all(label: &Label, reason: &Reason) -> Self {
        let reasons = label
            .tags()
            .iter()
            .map(|tag| (tag.clone(), BTreeSet::from([reason.clone()])))
            .collect();
        Self {
            label: label.clone(),
            reasons,
            basis: Sha256::of(b""),
        }
    }

    /// The same over inputs of known bases. What the ledger recorded is left out: it says nothing new, and comes later.
    fn based_on(self, digest: TreeDigest, inputs: impl Iterator<Item = Sha256>) -> Self {
        let mut text = format!("promote.dev/label/v1\n{digest}\n{}\n", self.label);
        for (tag, reasons) in &self.reasons {
            let reasons = reasons.iter().filter(|reason| **reason != Reason::Recorded);
            text.extend(reasons.map(|reason| format!("{tag} {}\n", reason.line())));
        }
        text.extend(inputs.map(|basis| format!("{basis}\n")));
        Self {
            basis: Sha256::of(text.as_bytes()),
            ..self
        }
    }

    fn join(self, label: &Label, reason: &Reason) -> Self {
        let mut reasons = self.reasons;
        for tag in label.tags() {
            reasons
                .entry(tag.clone())
                .or_default()
                .insert(reason.clone());
        }
        Self {
            label: self.label.join(label),
            reasons,
            basis: self.basis,
        }
    }
}

/// A digest with those of its inputs that are registered.
type Node = (TreeDigest, BTreeSet<TreeDigest>);

struct Graph<'a> {
    basis: Basis<'a>,
    /// What was registered before.
    before: &'a Closure,
    registrations: BTreeMap<TreeDigest, Vec<&'a Registration<'a>>>,
    /// Who had each file first that nobody had before.
    first_holder: BTreeMap<Sha256, First<'a>>,
}

/// The registration that had a file first.
#[derive(Clone, Copy)]
struct First<'a> {
    digest: TreeDigest,
    id: &'a VersionId,
}

impl<'a> Graph<'a> {
    fn build(basis: Basis<'a>, before: &'a Closure, registrations: &'a [Registration<'a>]) -> Self {
        let mut by_digest: BTreeMap<TreeDigest, Vec<&Registration<'_>>> = BTreeMap::new();
        let mut first_holder: BTreeMap<Sha256, First<'_>> = BTreeMap::new();
        let mut ordered: Vec<&Registration<'_>> = registrations.iter().collect();
        ordered.sort_by_key(|registration| (registration.order, registration.id));
        for registration in ordered {
            by_digest
                .entry(registration.digest)
                .or_default()
                .push(registration);
            for file in &registration.files {
                let is_telling = !proves_nothing(file, basis.common_files);
                if is_telling && !before.holders.contains_key(file) {
                    first_holder.entry(*file).or_insert(First {
                        digest: registration.digest,
                        id: registration.id,
                    });
                }
            }
        }
        Self {
            basis,
            before,
            registrations: by_digest,
            first_holder,
        }
    }

    /// The digests that the label of `digest` is computed from, of those that are registered.
    fn inputs(&self, digest: TreeDigest) -> BTreeSet<TreeDigest> {
        let of_digest = self.registrations.get(&digest).into_iter().flatten();
        let mut inputs = BTreeSet::new();
        for registration in of_digest {
            let bases = registration
                .lineage
                .iter()
                .flat_map(|lineage| counted(&lineage.bases))
                .map(|base| base.digest);
            let holders = registration
                .files
                .iter()
                .filter_map(|file| self.first(registration, file))
                .map(|first| first.digest);
            inputs.extend(holders.filter(|holder| *holder != digest));
            inputs.extend(bases.filter(|base| {
                self.registrations.contains_key(base) || self.before.labels.get(*base).is_some()
            }));
        }
        inputs
    }

    /// All digests with their inputs, in waves that need only earlier waves, and then what is on a cycle (Kahn's algorithm).
    fn inputs_first(&self) -> (Vec<Vec<Node>>, Vec<Node>) {
        let nodes: Vec<Node> = self
            .registrations
            .par_iter()
            .map(|(digest, _)| (*digest, self.inputs(*digest)))
            .collect();
        let mut dependents: BTreeMap<TreeDigest, Vec<TreeDigest>> = BTreeMap::new();
        let mut wave = Vec::new();
        // How many inputs each still waits for.
        let mut waiting: BTreeMap<TreeDigest, (BTreeSet<TreeDigest>, usize)> = BTreeMap::new();
        for (digest, inputs) in nodes {
            let mut count = 0_usize;
            // What was registered before has its label.
            for input in inputs
                .iter()
                .filter(|input| self.registrations.contains_key(*input))
            {
                dependents.entry(*input).or_default().push(digest);
                count = count.saturating_add(1);
            }
            if count == 0 {
                wave.push((digest, inputs));
            } else {
                waiting.insert(digest, (inputs, count));
            }
        }
        let mut waves = Vec::new();
        while !wave.is_empty() {
            let mut next = Vec::new();
            let of_wave = wave.iter().filter_map(|(digest, _)| dependents.get(digest));
            for dependent in of_wave.flatten() {
                let Entry::Occupied(mut entry) = waiting.entry(*dependent) else {
                    continue;
                };
                let count = &mut entry.get_mut().1;
                *count = count.saturating_sub(1);
                if *count == 0 {
                    next.push((*dependent, entry.remove().0));
                }
            }
            waves.push(std::mem::replace(&mut wave, next));
        }
        let cycles = waiting.into_iter();
        let cycles = cycles.map(|(digest, (inputs, _))| (digest, inputs));
        (waves, cycles.collect())
    }

    /// The label of a digest whose inputs have theirs.
    fn explain(&self, digest: TreeDigest, labels: &Labels) -> Explained {
        let mut parts: Vec<(&Label, Reason)> = Vec::new();
        let mut owned: Vec<(Label, Reason)> = Vec::new();
        let all = self.registrations.get(&digest).into_iter().flatten();
        let skipped = match self.registrations.get(&digest) {
            Some(all) if planted!(NewestClaimWins) => all.len().saturating_sub(1),
            Some(_) | None => 0,
        };
        for registration in all.skip(skipped) {
            if planted!(LateLabelStaysBehind) && registration.recorded.is_some() {
                parts.extend(registration.recorded.map(|label| (label, Reason::Recorded)));
                continue;
            }
            let recorded = registration.recorded.filter(|_| !planted!(RelabelLowers));
            parts.extend(recorded.map(|label| (label, Reason::Recorded)));
            owned.extend(Self::unknown_origin(registration));
            if registration.clearance.is_none() {
                parts.push((self.basis.top, Reason::UnknownProducer));
            }
            let snapshots = registration.snapshots.iter();
            parts.extend(snapshots.map(|(label, reason)| (label, reason.clone())));
            if let Some(lineage) = registration.lineage {
                parts.extend(lineage.datasets.iter().map(|name| self.dataset(name)));
                parts.extend(counted(&lineage.bases).iter().map(
                    |base| match labels.get(base.digest) {
                        Some(known) => (&known.label, Reason::Base(base.version.clone())),
                        None => (self.basis.top, Reason::UnknownBase(base.version.clone())),
                    },
                ));
            }
            for (file, first) in registration
                .files
                .iter()
                .filter_map(|file| Some((file, self.first(registration, file)?)))
            {
                let known = labels.get(first.digest).filter(|_| first.digest != digest);
                parts.extend(known.map(|known| {
                    (
                        &known.label,
                        Reason::KnownFile {
                            file: *file,
                            first: first.id.clone(),
                        },
                    )
                }));
            }
        }
        let parts = parts
            .into_iter()
            .chain(owned.iter().map(|(label, reason)| (label, reason.clone())));
        let joined = parts.fold(None, |sum: Option<Explained>, (label, reason)| {
            Some(match sum {
                Some(sum) => sum.join(label, &reason),
                None => Explained::all(label, &reason),
            })
        });
        joined.unwrap_or_else(|| Explained::all(self.basis.top, &Reason::UnknownProducer))
    }

    /// What a registration is labelled with because nobody vouches for what it was made from.
    fn unknown_origin(registration: &Registration<'_>) -> Option<(Label, Reason)> {
        let is_known = (registration.is_signed || planted!(UnsignedLineageBelieved))
            && registration
                .lineage
                .is_some_and(|lineage| !lineage.leaves_data_unknown());
        let clearance = registration.clearance.filter(|_| !is_known)?;
        Some((clearance.as_label(), Reason::UnknownLineage))
    }

    /// The first registration that had a file of another.
    fn first(&self, of: &Registration<'_>, file: &Sha256) -> Option<First<'a>> {
        let before = self.before.holders.get(file);
        let before = before.map(|(digest, id)| First {
            digest: *digest,
            id,
        });
        let first = before.or_else(|| self.first_holder.get(file).copied())?;
        if planted!(FirstFileOnly) && of.files.first() != Some(file) {
            return None;
        }
        if planted!(IdentityByName) && first.id.artifact != of.id.artifact {
            return None;
        }
        Some(first)
    }

    fn dataset(&self, name: &DatasetName) -> (&'a Label, Reason) {
        match self.basis.datasets.get(name) {
            Some(label) => (label, Reason::Dataset(name.clone())),
            None => (self.basis.top, Reason::UnknownDataset(name.clone())),
        }
    }
}

/// The bases that count: all of them.
fn counted(bases: &[Base]) -> &[Base] {
    if planted!(FirstBaseOnly) {
        bases.get(..1).unwrap_or(bases)
    } else {
        bases
    }
}

/// The join of all labels that something ever had; `None` when it never had one.
#[must_use]
pub fn highest<'a>(labels: impl Iterator<Item = &'a Label>) -> Option<Label> {
    labels.cloned().reduce(|highest, label| {
        if planted!(RelabelLowers) {
            label
        } else {
            highest.join(&label)
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn label(tags: &[&str]) -> Label {
        Label::new(tags.iter().map(|tag| tag.parse().unwrap())).unwrap()
    }

    fn digest(number: u8) -> TreeDigest {
        format!("dirhash1:{}", hex::encode([number; 32]))
            .parse()
            .unwrap()
    }

    fn id(number: u8) -> VersionId {
        format!("retail/model/m{number}@1.0.0").parse().unwrap()
    }

    /// The number of a file without bytes.
    const EMPTY: u8 = u8::MAX;

    fn file_of(number: u8) -> Sha256 {
        match number {
            EMPTY => Sha256::of(b""),
            number => Sha256::of(&[number]),
        }
    }

    /// What one test registers: number, files, datasets, bases.
    type Row<'a> = (u8, &'a [u8], &'a [&'a str], &'a [u8]);

    fn with<T>(rows: &[Row<'_>], work: impl FnOnce(Basis<'_>, &[Registration<'_>]) -> T) -> T {
        let datasets = BTreeMap::from([
            ("sample".parse().unwrap(), label(&["internal"])),
            ("field".parse().unwrap(), label(&["production"])),
        ]);
        let (top, common) = (
            label(&["internal", "production", "pii"]),
            BTreeSet::from([Sha256::of(&[0])]),
        );
        let clearance = Clearance::new(label(&["internal"]).tags().iter().cloned()).unwrap();
        let ids: Vec<VersionId> = rows.iter().map(|row| id(row.0)).collect();
        let lineages: Vec<Lineage> = rows
            .iter()
            .map(|(_, _, datasets, bases)| Lineage {
                datasets: datasets.iter().map(|name| name.parse().unwrap()).collect(),
                bases: bases
                    .iter()
                    .map(|base| Base {
                        version: id(*base),
                        digest: digest(*base),
                    })
                    .collect(),
                ..Lineage::default()
            })
            .collect();
        let registrations: Vec<Registration<'_>> = rows
            .iter()
            .enumerate()
            .map(|(index, row)| Registration {
                id: &ids[index],
                digest: digest(row.0),
                files: row.1.iter().map(|file| file_of(*file)).collect(),
                lineage: Some(&lineages[index]),
                snapshots: Vec::new(),
                is_signed: true,
                clearance: Some(&clearance),
                recorded: None,
                order: index as u64,
            })
            .collect();
        let basis = Basis {
            datasets: &datasets,
            top: &top,
            common_files: &common,
        };
        work(basis, &registrations)
    }

    fn labels(rows: &[Row<'_>]) -> BTreeMap<u8, Label> {
        let computed = with(rows, Labels::compute);
        rows.iter()
            .map(|row| (row.0, computed.get(digest(row.0)).unwrap().label.clone()))
            .collect()
    }

    proptest! {
        #[test]
        fn labels_that_can_grow_become_those_of_all(
            rows in vec(
                (0..8_u8, vec(0..6_u8, 0..3), any::<[bool; 2]>(), vec(0..9_u8, 0..3)),
                1..9,
            ),
            at in any::<prop::sample::Index>(),
        ) {
            let datasets = |chosen: &[bool; 2]| -> Vec<&str> {
                let names = ["sample", "field"].into_iter().zip(chosen);
                names.filter(|(_, is_chosen)| **is_chosen).map(|(name, _)| name).collect()
            };
            let datasets: Vec<Vec<&str>> = rows.iter().map(|row| datasets(&row.2)).collect();
            let rows: Vec<Row<'_>> = rows
                .iter()
                .zip(&datasets)
                .map(|(row, datasets)| (row.0, &row.1[..], &datasets[..], &row.3[..]))
                .collect();
            with(&rows, |basis, all| {
                let (before, after) = all.split_at(at.index(all.len() + 1));
                let closure = Closure::default().grown(basis, before);
                if closure.can_grow(after) {
                    let grown = closure.grown(basis, after);
                    assert_eq!(*grown.labels(), Labels::compute(basis, all));
                }
            });
        }
    }

    #[test]
    fn labels_of_lineage_that_leads_back_to_itself_do_not_grow() {
        let rows: [Row<'_>; 2] = [(1, &[1], &[], &[1]), (2, &[2], &["sample"], &[1])];
        with(&rows, |basis, all| {
            let (before, after) = all.split_at(1);
            let closure = Closure::default().grown(basis, before);
            // What comes of it is part of the circle to who looks at all at once.
            assert!(!closure.can_grow(after));
            assert_ne!(
                *closure.grown(basis, after).labels(),
                Labels::compute(basis, all)
            );
        });
    }

    #[test]
    fn a_diamond_joins_both_parents() {
        let computed = labels(&[
            (1, &[1], &["sample"], &[]),
            (2, &[2], &["field"], &[]),
            (3, &[3], &[], &[1, 2]),
        ]);
        assert_eq!(computed[&3], label(&["internal", "production"]));
        assert_eq!(computed[&1], label(&["internal"]));
    }

    #[test]
    fn known_bytes_keep_their_label_under_a_new_name() {
        let computed = labels(&[(1, &[1, 7], &["field"], &[]), (2, &[7], &["sample"], &[])]);
        assert_eq!(computed[&2], label(&["internal", "production"]));
    }

    #[test]
    fn a_file_that_was_recorded_lower_first_stays_lower() {
        let computed = labels(&[
            (1, &[7], &["sample"], &[]),
            (2, &[7, 8], &["field"], &[]),
            (3, &[7, 9], &["sample"], &[]),
        ]);
        assert_eq!(computed[&3], label(&["internal"]));
        assert_eq!(computed[&2], label(&["internal", "production"]));
    }

    #[test]
    fn common_files_prove_nothing() {
        let computed = labels(&[
            (1, &[0, 1], &["field"], &[]),
            (2, &[0, 2], &["sample"], &[]),
        ]);
        assert_eq!(computed[&2], label(&["internal"]));
    }

    #[test]
    fn an_empty_file_proves_nothing() {
        let computed = labels(&[
            (1, &[EMPTY, 1], &["field"], &[]),
            (2, &[EMPTY, 2], &["sample"], &[]),
        ]);
        assert_eq!(computed[&2], label(&["internal"]));
    }

    #[test]
    fn an_address_that_no_dataset_claims_adds_all_that_the_workspace_may_hold_to_what_is_known() {
        let lineage = Lineage {
            datasets: vec!["field".parse().unwrap()],
            unknown: vec!["s3://somewhere/else".to_owned()],
            ..Lineage::default()
        };
        let clearance = Clearance::new(label(&["internal"]).tags().iter().cloned()).unwrap();
        let registration = Registration {
            id: &id(1),
            digest: digest(1),
            files: Vec::new(),
            lineage: Some(&lineage),
            snapshots: Vec::new(),
            is_signed: true,
            clearance: Some(&clearance),
            recorded: None,
            order: 0,
        };
        let datasets = BTreeMap::from([("field".parse().unwrap(), label(&["production"]))]);
        let basis = Basis {
            datasets: &datasets,
            top: &label(&["internal", "production", "pii"]),
            common_files: &BTreeSet::new(),
        };
        let labels = Labels::compute(basis, &[registration]);
        let explained = labels.get(digest(1)).unwrap();
        assert_eq!(explained.label, label(&["internal", "production"]));
        let reasons = &explained.reasons[&"internal".parse().unwrap()];
        assert_eq!(reasons, &BTreeSet::from([Reason::UnknownLineage]));
    }

    #[test]
    fn unknown_inputs_count_as_everything() {
        let top = label(&["internal", "production", "pii"]);
        let computed = labels(&[
            (1, &[1], &["nobody-knows"], &[]),
            (2, &[2], &[], &[99]),
            (3, &[3], &[], &[4]),
            (4, &[4], &[], &[3]),
            (5, &[5], &[], &[]),
        ]);
        for number in 1..=4 {
            assert_eq!(computed[&number], top, "{number}");
        }
        assert_eq!(
            computed[&5],
            label(&["internal"]),
            "no lineage: what the workspace may hold"
        );
    }
}
