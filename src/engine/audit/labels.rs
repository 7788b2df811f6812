//! The least that a label must hold: what a version was made from, as it was declared, and as leave stood at the time.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::engine::audit::Auditor;
use crate::engine::datasets::raise;
use crate::engine::registrations::is_disowned;
use crate::engine::snapshots::{Leave, of_datasets};
use crate::flow::snapshots::Snapshots;
use crate::manifest::version::VersionSpec;
use crate::model::digest::TreeDigest;
use crate::model::event::{Entry, Event};
use crate::model::id::DatasetName;
use crate::model::label::{Label, Tag};
use crate::model::snapshot::DataRef;

/// What follows from the adoptions until now, and from the ledger as a whole. Each part is worked out when it is first asked
/// for.
#[derive(Debug, Default)]
pub(super) struct Known {
    data: OnceCell<Option<Data>>,
    first: OnceCell<BTreeMap<TreeDigest, usize>>,
}

/// The data under the adoption in force.
#[derive(Debug)]
pub(super) struct Data {
    /// Every dataset raised to all that it ever was, with its snapshots.
    pub(super) snapshots: Snapshots,
    /// What each dataset carries as a whole.
    whole: BTreeMap<DatasetName, Label>,
    /// Every tag: the label of what nobody declared.
    top: Label,
}

impl Known {
    /// Something was adopted: what follows from adoptions is worked out anew.
    pub(super) fn forget_data(&mut self) {
        self.data.take();
    }
}

impl Auditor<'_> {
    /// The data that is declared; `None` without an adoption, or when that declares no tag.
    pub(super) fn data(&self) -> Option<&Data> {
        self.known.data.get_or_init(|| self.raised()).as_ref()
    }

    fn raised(&self) -> Option<Data> {
        let (current, before) = self.governed.split_last()?;
        let topology = current.topology.as_ref()?;
        let mut datasets = current.datasets.clone();
        for (name, spec) in &mut datasets {
            for earlier in before.iter().filter_map(|before| before.datasets.get(name)) {
                raise(spec, earlier);
            }
        }
        let snapshots = of_datasets(datasets.iter(), topology)?;
        let whole = |name: &DatasetName| snapshots.label(&DataRef::Dataset(name.clone()));
        Some(Data {
            whole: datasets
                .keys()
                .map(|name| (name.clone(), whole(name)))
                .collect(),
            top: Label::new(topology.tags.keys().cloned())?,
            snapshots,
        })
    }

    /// What owners had let through at a time.
    pub(super) fn leave(&self, now: Timestamp) -> Option<Leave<'_>> {
        Some(Leave {
            state: &self.state,
            people: &self.people,
            topology: self.governed.last()?.topology.as_ref()?,
            now,
        })
    }

    /// What the label of a version must hold at a time, with the files left out that it shares with others: those may bring
    /// more along. `is_known` is whether somebody known vouches for its lineage, and `soon` has the labels of what is
    /// registered together with it. `None` when no tags are known at all.
    pub(super) fn owed(
        &self,
        spec: &VersionSpec,
        is_known: bool,
        now: Timestamp,
        soon: &dyn Fn(TreeDigest) -> Option<Label>,
    ) -> Option<BTreeSet<Tag>> {
        let (data, leave) = (self.data()?, self.leave(now)?);
        let target = self.governed.last()?.workspaces.get(&spec.workspace);
        let target = target.map(|target| &target.facts);
        let mut owed: BTreeSet<Tag> = BTreeSet::new();
        let mut add = |label: &Label| owed.extend(label.tags().iter().cloned());
        for (label, _) in leave.labels_of(target, (&data.snapshots, &data.top), spec) {
            add(&label);
        }
        let lineage = spec.lineage.as_ref();
        for dataset in lineage.iter().flat_map(|lineage| &lineage.datasets) {
            add(data.whole.get(dataset).unwrap_or(&data.top));
        }
        for base in lineage.iter().flat_map(|lineage| &lineage.bases) {
            let recorded = self.state.recorded_label(base.digest);
            let recorded = recorded.or_else(|| soon(base.digest));
            add(recorded.as_ref().unwrap_or(&data.top));
        }
        let Some(target) = target else {
            add(&data.top);
            return Some(owed);
        };
        if !is_known || lineage.is_none_or(|lineage| lineage.leaves_data_unknown()) {
            add(&target.clearance.as_label());
        }
        Some(owed)
    }

    /// What the label of a digest must hold for all that was registered under it before.
    pub(super) fn owed_now(&self, digest: TreeDigest, now: Timestamp) -> Option<BTreeSet<Tag>> {
        let mut all = BTreeSet::new();
        for (index, registered) in self.state.registrations_of(digest) {
            let Some(spec) = self.manifest_of(&registered.version, registered.manifest) else {
                // That was told where it was registered.
                continue;
            };
            let is_known =
                registered.producer.is_some() && !is_disowned(&self.people, *index, registered);
            all.extend(self.owed(&spec, is_known, now, &|_| None)?);
        }
        Some(all)
    }

    /// The label of what is first registered later, but together with an entry: engines work out the labels of all new
    /// versions at once, and record them one by one.
    pub(super) fn registered_with(&self, entry: &Entry, digest: TreeDigest) -> Option<Label> {
        let entries = self.book.entries();
        let first = self.known.first.get_or_init(|| {
            let mut first = BTreeMap::new();
            for (at, entry) in entries.iter().enumerate() {
                if let Event::Registered(registered) = &entry.event {
                    first.entry(registered.digest).or_insert(at);
                }
            }
            first
        });
        let other = entries.get(*first.get(&digest)?)?;
        let is_together = other.recorded_at == entry.recorded_at && other.commit == entry.commit;
        match &other.event {
            Event::Registered(registered) if is_together => Some(registered.label.clone()),
            Event::Registered(_)
            | Event::Adopted(_)
            | Event::Received(_)
            | Event::Refused { .. }
            | Event::Decided(_)
            | Event::Intended(_)
            | Event::TakenOver { .. }
            | Event::Ended(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use crate::engine::audit::changed::{decided_from, judged};
    use crate::engine::audit::tests::{FIRST, record_changed};
    use crate::engine::audit::{Problem, audit};
    use crate::engine::record;
    use crate::engine::snapshots::of_repository;
    use crate::engine::testing::{LedgerAt, Made, ORIGIN, TestOrganisation};
    use crate::model::act::{Declassification, Signing};
    use crate::model::attestation::{Statement, Subject};
    use crate::model::event::Event;
    use crate::model::label::Label;
    use crate::model::lineage::Lineage;
    use crate::model::snapshot::ReadSnapshot;

    const MASKED: &str = "penguins-fit/masked";

    fn digest(number: u8) -> String {
        format!("dirhash1:{}", number.to_string().repeat(64))
    }

    fn internal() -> Label {
        Label::new(["internal".parse().unwrap()]).unwrap()
    }

    /// An organisation with internal data that eve made out of production data.
    fn with_masked() -> TestOrganisation {
        let organisation = TestOrganisation::with_ledger(LedgerAt::Directory);
        organisation.reconcile();
        let files = organisation.head_files();
        let field = "datasets/penguins-field.yaml";
        let text = String::from_utf8(files.get(field).unwrap().clone()).unwrap();
        let june = format!(
            "{text}  snapshots:\n    june:\n      digest: {}\n",
            digest(1)
        );
        let fit = format!(
            "apiVersion: promote.dev/v1alpha1\nkind: Dataset\nmetadata:\n  name: penguins-fit\nspec:\n  owner: data-stewards\n  label: [internal]\n  region: westeurope\n  location: masked files\n  snapshots:\n    masked:\n      digest: {}\n      derivedFrom: [penguins-field/june]\n      transformation: Rings are taken out.\n      madeBy: eve\n",
            digest(2)
        );
        let topology = String::from_utf8(files.get("promote.yaml").unwrap().clone()).unwrap();
        let owner = |who: &str| format!("    production:\n      owner: {who}\n");
        let topology = topology.replace(&owner("data-stewards"), &owner("reviewers"));
        let changes = [
            ("promote.yaml", Some(topology.as_str())),
            (field, Some(june.as_str())),
            ("datasets/penguins-fit.yaml", Some(fit.as_str())),
        ];
        organisation.govern(&["ann", "sue"], &changes);
        organisation.reconcile();
        organisation
    }

    fn from_masked() -> Made<'static> {
        let lineage = Lineage {
            datasets: Vec::new(),
            snapshots: vec![ReadSnapshot {
                snapshot: MASKED.parse().unwrap(),
                digest: digest(2).parse().unwrap(),
            }],
            ..Made::default().lineage.unwrap()
        };
        Made {
            lineage: Some(lineage),
            ..Made::default()
        }
    }

    fn from(datasets: &[&str]) -> Made<'static> {
        let datasets = datasets.iter().map(|name| name.parse().unwrap()).collect();
        Made {
            lineage: Some(Lineage {
                datasets,
                ..Made::default().lineage.unwrap()
            }),
            ..Made::default()
        }
    }

    #[track_caller]
    fn left_out(organisation: &TestOrganisation) {
        let reasons = record_changed(organisation, |event| {
            if let Event::Registered(registration) = event {
                registration.label = internal();
                registration.violation = None;
            }
        });
        let reasons = reasons.unwrap();
        let expected = format!("the label of `{FIRST}` leaves out `production`");
        assert!(
            reasons.iter().any(|reason| reason.ends_with(&expected)),
            "{reasons:?}"
        );
    }

    #[test]
    fn a_label_without_what_is_behind_a_snapshot_is_noticed() {
        let organisation = with_masked();
        organisation.register("eve", FIRST, &from_masked());
        left_out(&organisation);
    }

    #[test]
    fn a_label_without_what_is_behind_the_snapshots_of_a_whole_dataset_is_noticed() {
        let organisation = with_masked();
        organisation.register("eve", FIRST, &from(&["penguins-fit"]));
        left_out(&organisation);
    }

    /// One of the owners lets production through for the masked data, for some hours.
    fn let_through(organisation: &TestOrganisation, who: &str, hours: i64) {
        let world = organisation.observer().observe().unwrap();
        let read = ReadSnapshot {
            snapshot: MASKED.parse().unwrap(),
            digest: digest(2).parse().unwrap(),
        };
        let traced = of_repository(&world.manifests).unwrap().trace(&read);
        let issued_at = organisation.clock_now();
        let leave = Declassification {
            signing: Signing {
                ledger: ORIGIN.to_owned(),
                principal: who.parse().unwrap(),
                reason: "masked".to_owned(),
                issued_at,
                nonce: format!("{who}-1"),
            },
            digest: read.digest,
            workspace: "dev".parse().unwrap(),
            tags: ["production".parse().unwrap()].into(),
            basis: traced.unwrap().basis,
            expires_at: issued_at + SignedDuration::from_hours(hours),
        };
        let subject = Subject::artifact(MASKED.to_owned(), read.digest);
        let kind = "https://promote.dev/declassification/v1";
        organisation.say(who, &Statement::new(subject, kind, leave));
    }

    #[test]
    fn a_decision_after_leave_ended_with_the_label_of_before_is_noticed() {
        let organisation = with_masked();
        for who in ["bob", "dan"] {
            let_through(&organisation, who, 2);
        }
        organisation.register("eve", FIRST, &from_masked());
        organisation.request("eve", FIRST, "qa");
        organisation.reconcile();
        let said = |lie: bool| -> Vec<Problem> {
            let mut engine = organisation.engine();
            let (mut world, judged) = judged(&mut engine);
            for (path, bytes) in judged.release.evidence() {
                world.pending.add_evidence(path, bytes);
            }
            let mut inputs = judged.inputs();
            if lie {
                let label = inputs.evidence.version.label.replace(internal());
                assert_ne!(label, Some(internal()), "leave has ended");
            }
            let (judgement, bytes) = decided_from(&world, &inputs);
            let path = record::evidence_path(judgement.inputs, "json");
            world.pending.add_evidence(path, bytes);
            world.pending.push(Event::Decided(judgement)).unwrap();
            assert!(engine.record(&mut world).unwrap());
            audit(engine.book().unwrap()).problems
        };
        assert_eq!(said(false), [], "leave stands");
        organisation.wait(3);
        assert_eq!(said(false), [], "the label rose");
        let expected = "the label leaves out what is behind the version";
        let reasons: Vec<String> = said(true).into_iter().map(|one| one.reason).collect();
        assert!(
            reasons.iter().any(|reason| reason == expected),
            "{reasons:?}"
        );
        let recorded = "the label leaves out what the ledger has recorded";
        assert!(
            reasons.iter().all(|reason| reason != recorded),
            "{reasons:?}"
        );
    }
}
