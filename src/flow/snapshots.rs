//! The labels of snapshots: of a dataset as it was at some time, or of what was made out of one.
//!
//! A snapshot carries what its dataset carries, what it says itself, and all that it was derived from, however far back.
//! Masking takes nothing away by itself; owners of tags let them through, for one digest into one workspace.

use std::collections::{BTreeMap, BTreeSet};

use crate::flow::declassification::Lowered;
use crate::model::digest::{Sha256, TreeDigest};
use crate::model::id::{DatasetName, PrincipalName};
use crate::model::label::Label;
use crate::model::snapshot::{DataRef, ReadSnapshot, SnapshotId};

/// What is declared of a snapshot.
#[derive(Debug, Clone)]
pub struct Declared {
    /// What its bytes are.
    pub digest: TreeDigest,
    /// What it carries besides what its dataset does.
    pub label: Option<Label>,
    /// What it was made out of.
    pub derived_from: BTreeSet<DataRef>,
    /// How, in words.
    pub transformation: Option<String>,
    /// Who made it; `None` when nobody says.
    pub made_by: Option<PrincipalName>,
}

/// All datasets with their snapshots.
#[derive(Debug, Clone)]
pub struct Snapshots {
    datasets: BTreeMap<DatasetName, Label>,
    declared: BTreeMap<SnapshotId, Declared>,
    by_digest: BTreeMap<TreeDigest, BTreeSet<SnapshotId>>,
    /// Every declared tag: the label of what nobody declared.
    top: Label,
}

/// What follows for one snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traced {
    /// All that it carries.
    pub label: Label,
    /// A hash over it and everything behind it: another one means that something is other than it was.
    pub basis: Sha256,
    /// Who made it or anything that has its digest.
    pub makers: BTreeSet<PrincipalName>,
    /// Whether nobody says who made one of these.
    pub has_unknown_maker: bool,
}

impl Snapshots {
    /// Takes what is declared.
    #[must_use]
    pub fn new(
        datasets: BTreeMap<DatasetName, Label>,
        declared: BTreeMap<SnapshotId, Declared>,
        top: Label,
    ) -> Self {
        let mut by_digest: BTreeMap<TreeDigest, BTreeSet<SnapshotId>> = BTreeMap::new();
        for (id, snapshot) in &declared {
            by_digest
                .entry(snapshot.digest)
                .or_default()
                .insert(id.clone());
        }
        Self {
            datasets,
            declared,
            by_digest,
            top,
        }
    }

    /// Whether somebody declared a dataset or a snapshot.
    #[must_use]
    pub fn is_declared(&self, data: &DataRef) -> bool {
        match data {
            DataRef::Dataset(name) => self.datasets.contains_key(name),
            DataRef::Snapshot(id) => self.declared.contains_key(id),
        }
    }

    /// The digest that a snapshot has; `None` when nobody declared it.
    #[must_use]
    pub fn digest(&self, id: &SnapshotId) -> Option<TreeDigest> {
        self.declared.get(id).map(|declared| declared.digest)
    }

    /// Whether a snapshot is declared as made out of other data, so that its owners may have let it through.
    #[must_use]
    pub fn is_derived(&self, id: &SnapshotId) -> bool {
        let declared = self.declared.get(id);
        declared.is_some_and(|declared| !declared.derived_from.is_empty())
    }

    /// The snapshots that are declared with a digest.
    pub fn of_digest(&self, digest: TreeDigest) -> impl Iterator<Item = &SnapshotId> {
        self.by_digest.get(&digest).into_iter().flatten()
    }

    /// What is known of a snapshot that something was made from; `None` when nobody declared it, or with another digest.
    #[must_use]
    pub fn trace(&self, read: &ReadSnapshot) -> Option<Traced> {
        if self.digest(&read.snapshot)? != read.digest {
            return None;
        }
        let label = self.label(&DataRef::Snapshot(read.snapshot.clone()));
        let mut text = format!("promote.dev/snapshot/v1\n{}\n{label}\n", read.digest);
        for behind in self.behind(&DataRef::Snapshot(read.snapshot.clone())) {
            text.push_str(&self.line(&behind));
        }
        let same = self.by_digest.get(&read.digest).into_iter().flatten();
        let makers: Vec<Option<&PrincipalName>> = same
            .filter_map(|id| self.declared.get(id))
            .map(|declared| declared.made_by.as_ref())
            .collect();
        Some(Traced {
            label,
            basis: Sha256::of(text.as_bytes()),
            has_unknown_maker: makers.contains(&None),
            makers: makers.into_iter().flatten().cloned().collect(),
        })
    }

    /// The label of data: what it carries, and everything behind it. Of a dataset as a whole, all that its snapshots carry.
    #[must_use]
    pub fn label(&self, of: &DataRef) -> Label {
        let behind = self.behind(of);
        let labels = behind.iter().map(|data| self.own(data));
        let joined = labels.reduce(|left, right| left.join(&right));
        joined.unwrap_or_else(|| self.top.clone())
    }

    /// What data carries by itself; everything when nobody declared it.
    fn own(&self, of: &DataRef) -> Label {
        let dataset = self.datasets.get(of.dataset());
        match (of, dataset) {
            (_, None) => self.top.clone(),
            (DataRef::Dataset(_), Some(label)) => label.clone(),
            (DataRef::Snapshot(id), Some(label)) => match self.declared.get(id) {
                None => self.top.clone(),
                Some(declared) => declared
                    .label
                    .as_ref()
                    .map_or_else(|| label.clone(), |own| own.join(label)),
            },
        }
    }

    /// Data with all that is behind it, sorted: what it was derived from, what has its bytes, and of a dataset all its
    /// snapshots. Each is looked at once, so circles end.
    fn behind(&self, of: &DataRef) -> BTreeSet<DataRef> {
        let mut seen = BTreeSet::new();
        let mut waiting = vec![of.clone()];
        while let Some(data) = waiting.pop() {
            match &data {
                DataRef::Dataset(name) => {
                    let own = self.declared.keys().filter(|id| id.dataset == *name);
                    waiting.extend(
                        own.cloned()
                            .map(DataRef::Snapshot)
                            .filter(|one| !seen.contains(one)),
                    );
                }
                DataRef::Snapshot(id) => {
                    if let Some(declared) = self.declared.get(id) {
                        let same = self.by_digest.get(&declared.digest).into_iter().flatten();
                        let same = same.cloned().map(DataRef::Snapshot);
                        let all = declared.derived_from.iter().cloned().chain(same);
                        waiting.extend(all.filter(|one| !seen.contains(one)));
                    }
                }
            }
            seen.insert(data);
        }
        seen
    }

    /// Data as a basis hashes it: people sign that hash, so this text stays as it is.
    fn line(&self, of: &DataRef) -> String {
        let own = self.own(of);
        let declared = match of {
            DataRef::Dataset(_) => None,
            DataRef::Snapshot(id) => self.declared.get(id),
        };
        let Some(declared) = declared else {
            return format!("{of} carries {own}\n");
        };
        let from: Vec<String> = declared
            .derived_from
            .iter()
            .map(ToString::to_string)
            .collect();
        let transformation = declared.transformation.as_deref().unwrap_or("");
        format!(
            "{of} carries {own} is {} from [{}] by {transformation:?}\n",
            declared.digest,
            from.join(", ")
        )
    }
}

/// A label without what was let through. A label is never empty: whoever lets everything through has not said what is left,
/// so everything counts.
#[must_use]
pub fn lower(label: &Label, lowered: &Lowered) -> Label {
    let left = label.tags().iter().filter(|tag| !lowered.contains(tag));
    Label::new(left.cloned()).unwrap_or_else(|| label.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(tags: &[&str]) -> Label {
        Label::new(tags.iter().map(|tag| tag.parse().unwrap())).unwrap()
    }

    fn digest(number: u8) -> TreeDigest {
        format!("dirhash1:{}", hex::encode([number; 32]))
            .parse()
            .unwrap()
    }

    /// Snapshots by name, digest and what they were derived from, of the datasets `field` (production) and `fit` (internal).
    fn snapshots(rows: &[(&str, u8, &[&str])]) -> Snapshots {
        let datasets = [("field", "production"), ("fit", "internal")];
        let datasets = datasets.map(|(name, tag)| (name.parse().unwrap(), label(&[tag])));
        let declared = rows.iter().map(|(id, number, from)| {
            let declared = Declared {
                digest: digest(*number),
                label: None,
                derived_from: from.iter().map(|data| data.parse().unwrap()).collect(),
                transformation: Some("names taken out".to_owned()),
                made_by: Some("eve".parse().unwrap()),
            };
            (id.parse().unwrap(), declared)
        });
        Snapshots::new(
            datasets.into(),
            declared.collect(),
            label(&["internal", "pii", "production"]),
        )
    }

    #[track_caller]
    fn carries(snapshots: &Snapshots, data: &str, tags: &[&str]) {
        assert_eq!(
            snapshots.label(&data.parse().unwrap()),
            label(tags),
            "{data}"
        );
    }

    #[test]
    fn what_was_derived_carries_all_that_is_behind_it() {
        let both: &[&str] = &["internal", "production"];
        let all = snapshots(&[
            ("field/june", 1, &[]),
            ("fit/masked", 2, &["field/june"]),
            ("fit/twice", 3, &["fit/masked"]),
            ("fit/whole", 4, &["field"]),
            ("fit/plain", 5, &[]),
            ("fit/lost", 6, &["gone/june"]),
            ("fit/gone", 7, &["field/july"]),
        ]);
        carries(&all, "field/june", &["production"]);
        for derived in ["fit/masked", "fit/twice", "fit/whole"] {
            carries(&all, derived, both);
        }
        carries(&all, "fit/plain", &["internal"]);
        let top: &[&str] = &["internal", "pii", "production"];
        for unknown in ["fit/lost", "fit/gone", "gone", "gone/june"] {
            carries(&all, unknown, top);
        }
        // Whoever names the dataset may have read any of its snapshots.
        carries(&all, "fit", top);
    }

    #[test]
    fn the_same_bytes_carry_the_same_however_they_are_declared() {
        let all = snapshots(&[("field/june", 1, &[]), ("fit/copy", 1, &[])]);
        carries(&all, "fit/copy", &["internal", "production"]);
    }

    #[test]
    fn circles_end_and_carry_what_is_on_them() {
        let all = snapshots(&[("fit/a", 1, &["fit/b"]), ("fit/b", 2, &["fit/a", "field"])]);
        carries(&all, "fit/a", &["internal", "production"]);
    }

    #[test]
    fn a_basis_is_of_one_digest_and_of_everything_behind_it() {
        let rows: [(&str, u8, &[&str]); 3] = [
            ("field/june", 1, &[]),
            ("fit/masked", 2, &["field/june"]),
            ("fit/twice", 3, &["fit/masked"]),
        ];
        let read = |id: &str, number| ReadSnapshot {
            snapshot: id.parse().unwrap(),
            digest: digest(number),
        };
        let first = snapshots(&rows);
        let basis = |all: &Snapshots| all.trace(&read("fit/twice", 3)).unwrap().basis;
        assert_eq!(basis(&first), basis(&snapshots(&rows)));
        let mut relabelled = first.clone();
        relabelled
            .datasets
            .insert("field".parse().unwrap(), label(&["pii", "production"]));
        assert_ne!(basis(&first), basis(&relabelled));
        let other = snapshots(&[rows[0], ("fit/masked", 9, &["field/june"]), rows[2]]);
        assert_ne!(basis(&first), basis(&other));
        assert_eq!(
            first.trace(&read("fit/twice", 2)),
            None,
            "other bytes under its name"
        );
        assert_eq!(first.trace(&read("fit/thrice", 3)), None);
    }
}
