//! What was known of versions at a look, so that the next one need not find it out again when nothing is other.

use std::cmp::Ordering;
use std::sync::{Arc, Weak};

use jiff::Timestamp;
use rayon::iter::{IntoParallelIterator as _, ParallelIterator};

use crate::diagnostic::Diagnostic;
use crate::engine::pending::Pending;
use crate::engine::registrations::Outcome;
use crate::flow::closure::{Closure, Labels};
use crate::manifest::repository::{RegisteredVersion, Repository};
use crate::model::artifact::VersionId;
use crate::model::digest::Sha256;
use crate::model::shared_map::SharedMap;
use crate::plan;
use crate::plan::acts::Acts;

/// Versions by name.
type Versions = SharedMap<VersionId, RegisteredVersion>;
/// The SHA-256 of each version's manifest.
pub type Hashes = SharedMap<VersionId, Sha256>;

/// What was known of versions at a look.
#[derive(Debug)]
pub struct Before {
    /// All versions, and the SHA-256 of their manifests.
    pub(super) all: (Versions, Hashes),
    /// The versions that were not passed over.
    pub(super) left: Versions,
    /// All labels.
    pub(super) labels: Labels,
    /// The labels of what was registered.
    pub(super) registered: Registered,
    /// Versions that were passed over, and why.
    pub(super) refused: Vec<Diagnostic>,
    /// What it was found out from; `None` when it will be other.
    pub(super) reasons: Option<Reasons>,
}

impl Before {
    /// The same answer again, for the same manifests.
    pub(super) fn again(self, manifests: &mut Arc<Repository>) -> Outcome {
        if !self.left.is_same(&manifests.versions) {
            Arc::make_mut(manifests).versions = self.left.clone();
        }
        Outcome {
            labels: self.labels.clone(),
            hashes: self.all.1.clone(),
            refused: self.refused.clone(),
            known: Some(self),
        }
    }
}

/// Everything that labels are computed from, so that the same always gives the same. Maps are held as copies that share
/// everything: as long as nobody changed the other, comparing two is comparing two addresses.
#[derive(Debug)]
pub(super) struct Reasons {
    versions: Versions,
    registrations: SharedMap<VersionId, Vec<plan::state::Registered>>,
    /// All but the versions.
    pub(super) premises: Premises,
}

impl PartialEq for Reasons {
    fn eq(&self, other: &Self) -> bool {
        self.versions.is_same(&other.versions)
            && self.registrations.is_same(&other.registrations)
            && self.premises == other.premises
    }
}

impl Reasons {
    /// Those of now.
    pub(super) fn of(manifests: &Repository, pending: &Pending) -> Self {
        Self {
            versions: manifests.versions.clone(),
            registrations: pending.state().registrations.clone(),
            premises: Premises::of(manifests, pending),
        }
    }
}

/// What the label of a registration is computed from besides this one and those before it.
#[derive(Debug, Clone)]
pub(super) struct Premises {
    acts: Weak<Acts>,
    /// The number of adoptions, and the last one's commit, index and root: they say what governed files and the trust root are,
    /// and what datasets once were.
    adopted: Option<(usize, String, [Sha256; 2])>,
    /// The time, where something may be let through for a while.
    now: Option<Timestamp>,
}

impl PartialEq for Premises {
    fn eq(&self, other: &Self) -> bool {
        self.acts.ptr_eq(&other.acts) && self.adopted == other.adopted && self.now == other.now
    }
}

impl Premises {
    fn of(manifests: &Repository, pending: &Pending) -> Self {
        let state = pending.state();
        let adopted = state.adoptions.last().map(|(_, last)| {
            let hashes = [last.index, last.root];
            (state.adoptions.len(), last.commit.clone(), hashes)
        });
        let mut datasets = manifests.datasets.values();
        let has_snapshots = datasets.any(|dataset| !dataset.value.spec.snapshots.is_empty());
        Self {
            acts: Arc::downgrade(&state.acts),
            adopted,
            now: has_snapshots.then(|| pending.now()),
        }
    }
}

/// The labels of all that is registered, and how far that goes in the ledger.
#[derive(Debug, Clone)]
pub(super) struct Registered {
    pub(super) premises: Premises,
    pub(super) size: u64,
    pub(super) closure: Closure,
}

/// All entries of a map, on all cores. What is collected is in order.
pub(super) fn par_entries<K: Ord + Sync, V: Sync>(
    map: &SharedMap<K, V>,
) -> impl ParallelIterator<Item = &(K, V)> {
    map.parts()
        .into_par_iter()
        .flat_map_iter(|part| part.iter())
}

/// The SHA-256 of each version's manifest. Those of before that are the same are not hashed again.
pub(super) fn hashes_of(versions: &Versions, before: Option<&(Versions, Hashes)>) -> Hashes {
    let hash = |version: &RegisteredVersion| Sha256::of(version.document.source.text.as_bytes());
    let Some((old, known)) = before else {
        let hashes = par_entries(versions);
        let hashes = hashes.map(|(id, version)| (id.clone(), hash(version)));
        return hashes.collect::<Vec<_>>().into_iter().collect();
    };
    let mut hashes = known.clone();
    for id in differing(old, versions) {
        match versions.get(id) {
            Some(version) => hashes.insert(id.clone(), hash(version)),
            None => hashes.remove(id),
        };
    }
    hashes
}

/// The versions whose manifests are not the very same.
fn differing<'a>(old: &'a Versions, new: &'a Versions) -> Vec<&'a VersionId> {
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    let mut differing = Vec::new();
    loop {
        let order = match (old.peek(), new.peek()) {
            (Some((old, _)), Some((new, _))) => old.cmp(new),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return differing,
        };
        let old = order.is_le().then(|| old.next()).flatten();
        let new = order.is_ge().then(|| new.next()).flatten();
        let is_same = old
            .zip(new)
            .is_some_and(|((_, old), (_, new))| Arc::ptr_eq(&old.document, &new.document));
        if !is_same {
            differing.extend(old.or(new).map(|(id, _)| id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::layout::Place;
    use crate::manifest::parsed::parse_manifest;

    fn version(number: u64) -> (VersionId, RegisteredVersion) {
        let id: VersionId = format!("retail/model/churn@1.{number}.0").parse().unwrap();
        let text = format!(
            "apiVersion: promote.dev/v1alpha1\nkind: ModelVersion\nmetadata: {{name: churn}}\nspec:\n  project: retail\n  version: 1.{number}.0\n  digest: dirhash1:{}\n  size: 3\n  workspace: dev\n",
            "a".repeat(64)
        );
        let place = Place::Version(id.clone());
        let document = parse_manifest(&place, "x.yaml", text.as_bytes()).unwrap();
        let document = Arc::new(document);
        (
            id,
            RegisteredVersion {
                document,
                checksums: None,
            },
        )
    }

    #[test]
    fn hashes_after_a_change_are_those_of_all() {
        let all: Vec<_> = (0..6).map(version).collect();
        let of = |numbers: &[usize]| -> Versions {
            numbers.iter().map(|number| all[*number].clone()).collect()
        };
        for (old, new) in [
            (&[0, 1, 2][..], &[0, 1, 2][..]),
            (&[], &[3]),
            (&[3], &[]),
            (&[0, 2, 4], &[1, 3, 5]),
            (&[1, 2, 3], &[0, 2, 3, 5]),
        ] {
            let before = of(old);
            let known = (before.clone(), hashes_of(&before, None));
            let after = of(new);
            assert_eq!(hashes_of(&after, Some(&known)), hashes_of(&after, None));
        }
        // The same version with another text.
        let before = of(&[0, 1]);
        let mut other = version(1);
        let document = Arc::make_mut(&mut other.1.document);
        Arc::make_mut(&mut document.source).text.push('#');
        let after = Versions::from_iter([all[0].clone(), other]);
        let known = (before.clone(), hashes_of(&before, None));
        let hashes = hashes_of(&after, Some(&known));
        assert_eq!(hashes, hashes_of(&after, None));
        assert_ne!(hashes, known.1);
    }
}
