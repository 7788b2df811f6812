//! A small organisation in memory: the real fold, labels, gates and permits, without Git, keys and bytes.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::engine::acts;
use crate::engine::evidence::{approvals, authors, held, marked_bad};
use crate::engine::people::People;
use crate::engine::proof::rules::{self, Registered, Rules, Set};
use crate::flow::closure::{Basis, Labels, Registration as Known, highest};
use crate::flow::declassification::Lowered;
use crate::flow::permit::{Origin, check_label, permit};
use crate::gate::decide::decide;
use crate::gate::evidence::{
    CardFacts, Evidence, InboxFacts, RequestFacts, SignatureFacts, VersionFacts,
};
use crate::gate::policy::policy_digest;
use crate::gate::testing::{names, specs};
use crate::manifest::policy::GateSpec;
use crate::manifest::topology::{PatternName, TagSpec, TopologySpec};
use crate::model::artifact::VersionId;
use crate::model::digest::{Sha256, TreeDigest};
use crate::model::environment::EnvironmentOrder;
use crate::model::event::{Adoption, Entry, Event, Registration};
use crate::model::id::WorkspaceName;
use crate::model::label::{Clearance, Label};
use crate::model::lineage::{Base, Lineage};
use crate::model::promotion::Promotion;
use crate::model::verdict::{Decision, DecisionResult};
use crate::model::workspace::WorkspaceFacts;
use crate::plan::desired::{Basis as PlanBasis, Change, Target, Wanted, plan_change};
use crate::plan::state::State;

pub(super) const WORKSPACES: [&str; 3] = ["dev", "qa", "prod"];
pub(super) const DATASETS: [&str; 3] = ["sample", "survey", "field"];
pub(super) const PEOPLE: [&str; 6] = ["dana", "pete", "rita", "omar", "sue", "tom"];

/// The organisation, beside the plain rules that it must agree with.
pub(super) struct World {
    pub(super) state: State,
    pub(super) rules: Rules,
    pub(super) people: People,
    topology: TopologySpec,
    environments: EnvironmentOrder,
    targets: BTreeMap<WorkspaceName, Target>,
    policy: Vec<GateSpec>,
    /// Every label that a dataset had, oldest first.
    datasets: BTreeMap<&'static str, Vec<Label>>,
    pub(super) versions: Vec<VersionId>,
    pub(super) now: Timestamp,
    /// What [`World::labels`] said last; forgotten with each change.
    known_labels: RefCell<Option<Rc<Labels>>>,
}

fn label(tags: &Set) -> Label {
    Label::new(tags.iter().map(|tag| tag.parse().unwrap())).unwrap()
}

pub(super) fn tags(label: &Label) -> BTreeSet<String> {
    label.tags().iter().map(ToString::to_string).collect()
}

fn topology() -> TopologySpec {
    let owner = |tag: &str, group: &str| {
        let spec = TagSpec {
            owner: group.parse().unwrap(),
            quorum: 2,
            description: None,
        };
        (tag.parse().unwrap(), spec)
    };
    TopologySpec {
        pattern: PatternName::MultiEnvironment,
        environments: WORKSPACES.map(|name| name.parse().unwrap()).to_vec(),
        tags: [
            owner("internal", "risk"),
            owner("pii", "privacy"),
            owner("production", "stewards"),
        ]
        .into(),
        regions: BTreeSet::new(),
        naming: None,
        jurisdictions: BTreeMap::new(),
        ledger: crate::manifest::topology::LedgerSpec::default(),
        common_files: Vec::new(),
    }
}

impl World {
    pub(super) fn new() -> Self {
        let target = |name: &str| Target {
            facts: WorkspaceFacts {
                name: name.parse().unwrap(),
                environment: name.parse().unwrap(),
                clearance: Clearance::new(label(&rules::clearance(name)).tags().clone()).unwrap(),
                accepts: names(rules::accepts(name)),
            },
            projects: BTreeSet::new(),
        };
        let groups = [
            ("risk", names(&["rita", "omar", "dana"])),
            ("privacy", names(&["sue", "tom"])),
            ("stewards", names(&["sue", "tom", "dana"])),
        ];
        let groups = groups.map(|(name, members)| (name.parse().unwrap(), members));
        let keys = PEOPLE.map(|who| (key(who), who.parse().unwrap()));
        let mut world = Self {
            state: State::default(),
            rules: Rules::default(),
            people: People::for_tests(keys.into(), groups.into()),
            topology: topology(),
            environments: EnvironmentOrder::new(
                WORKSPACES.map(|name| name.parse().unwrap()).to_vec(),
            )
            .unwrap(),
            targets: WORKSPACES
                .map(|name| (name.parse().unwrap(), target(name)))
                .into(),
            policy: specs(&[
                json!({"gate": "approvals", "quorum": {"risk": 1}, "validity": "48h"}),
            ]),
            datasets: BTreeMap::new(),
            versions: Vec::new(),
            now: "2026-06-01T12:00:00Z".parse().unwrap(),
            known_labels: RefCell::default(),
        };
        for (name, tags) in [
            ("sample", &["internal"][..]),
            ("survey", &["internal", "pii"]),
            ("field", &["production"]),
        ] {
            world.relabel(name, &tags.iter().copied().collect());
        }
        world.append(Event::Adopted(Adoption {
            commit: "0".repeat(40),
            root_version: 1,
            root: Sha256::of(b"root"),
            index_version: 1,
            index: Sha256::of(b"index"),
            files: BTreeMap::new(),
            signatures: BTreeMap::new(),
        }));
        world
    }

    pub(super) fn target(&self, name: &str) -> &Target {
        let named = self
            .targets
            .iter()
            .find(|(known, _)| known.as_str() == name);
        named.unwrap().1
    }

    pub(super) fn append(&mut self, event: Event) {
        let entry = Entry {
            recorded_at: self.now,
            engine: "ci".parse().unwrap(),
            engine_version: "0".to_owned(),
            commit: "0".repeat(40),
            event,
        };
        self.state.apply(&entry).unwrap();
    }

    pub(super) fn wait(&mut self, hours: i64) {
        self.now += SignedDuration::from_hours(hours);
        self.rules.now += hours;
    }

    /// Labels a dataset anew. The plain rules know that it keeps what it had.
    pub(super) fn relabel(&mut self, name: &'static str, tags: &Set) {
        self.known_labels.take();
        self.datasets.entry(name).or_default().push(label(tags));
        self.rules.datasets.entry(name).or_default().extend(tags);
    }

    /// Registers bytes, unless they may not be where they are made. Says whether the real code gave leave.
    pub(super) fn register(&mut self, mut one: Registered) -> bool {
        let number = self.versions.len();
        let id: VersionId = format!("lab/model/{}@0.0.{number}", one.artifact)
            .parse()
            .unwrap();
        self.versions.push(id.clone());
        self.rules.registered.push(one.clone());
        self.known_labels.take();
        let labels = self.labels();
        let digest: TreeDigest = one.digest.parse().unwrap();
        let known = labels.get(digest).unwrap().label.clone();
        let target = self.target(one.workspace).facts.clone();
        let violation = check_label(&known, &Lowered::nothing(), &target).err();
        let leave = permit(
            digest,
            &known,
            &Lowered::nothing(),
            &Origin::Producer,
            &target,
        )
        .is_ok();
        one.label = self.rules.label(&one.digest);
        one.is_lawful = one.label.is_subset(&rules::clearance(one.workspace));
        self.append(Event::Registered(Registration {
            version: id,
            digest,
            manifest: Sha256::of(format!("manifest {number}").as_bytes()),
            workspace: one.workspace.parse().unwrap(),
            environment: one.workspace.parse().unwrap(),
            producer: one.is_signed.then(|| one.by.parse().unwrap()),
            signature: None,
            label: known,
            violation: violation.map(|denial| denial.to_string()),
        }));
        *self.rules.registered.last_mut().unwrap() = one;
        self.known_labels.take();
        leave
    }

    /// The labels of everything registered, by the real code.
    pub(super) fn labels(&self) -> Rc<Labels> {
        let mut known = self.known_labels.borrow_mut();
        Rc::clone(known.get_or_insert_with(|| Rc::new(self.compute_labels())))
    }

    fn compute_labels(&self) -> Labels {
        let datasets = self.datasets.iter();
        let datasets =
            datasets.map(|(name, labels)| (name.parse().unwrap(), highest(labels.iter()).unwrap()));
        let top = Label::new(self.topology.tags.keys().cloned()).unwrap();
        let registered = &self.rules.registered;
        let id_of = |digest: &str| {
            let index = registered.iter().position(|one| one.digest == digest);
            index.map_or_else(
                || "lab/model/none@0.0.0".parse().unwrap(),
                |index| self.versions[index].clone(),
            )
        };
        let lineages: Vec<Lineage> = registered
            .iter()
            .map(|one| Lineage {
                datasets: one
                    .datasets
                    .iter()
                    .map(|name| name.parse().unwrap())
                    .collect(),
                bases: one
                    .bases
                    .iter()
                    .map(|base| Base {
                        version: id_of(base),
                        digest: base.parse().unwrap(),
                    })
                    .collect(),
                ..Lineage::default()
            })
            .collect();
        let known: Vec<Known<'_>> = registered
            .iter()
            .zip(&lineages)
            .zip(&self.versions)
            .zip(0..)
            .map(|(((one, lineage), id), order)| Known {
                id,
                digest: one.digest.parse().unwrap(),
                files: one
                    .files
                    .iter()
                    .map(|file| Sha256::of(file.as_bytes()))
                    .collect(),
                lineage: Some(lineage),
                snapshots: Vec::new(),
                is_signed: one.is_signed,
                clearance: Some(&self.target(one.workspace).facts.clearance),
                recorded: self.state.registrations.get(id).map(|all| &all[0].1.label),
                order,
            })
            .collect();
        let basis = Basis {
            datasets: &datasets.collect(),
            top: &top,
            common_files: &BTreeSet::new(),
        };
        Labels::compute(basis, &known)
    }

    /// The promotion that a release of a version into a workspace asks for; `None` when it is there.
    pub(super) fn promotion(&self, number: usize, workspace: &'static str) -> Option<Promotion> {
        let id = &self.versions[number];
        let wanted = Wanted {
            release: Sha256::of(format!("release {number}").as_bytes()),
            environment: workspace.parse().unwrap(),
            artifact: id.artifact.clone(),
            version: id.version.clone(),
            digest: self.rules.registered[number].digest.parse().unwrap(),
            workspaces: BTreeSet::new(),
        };
        let basis = PlanBasis {
            environments: &self.environments,
            workspaces: &self.targets,
            state: &self.state,
        };
        match plan_change(basis, &wanted, self.target(workspace)) {
            Change::Promote(promotion) => Some(promotion),
            Change::UpToDate { .. } | Change::Failed(_) => None,
        }
    }

    pub(super) fn evidence(&self, number: usize, promotion: &Promotion) -> Evidence {
        let labels = self.labels();
        let known = labels.get(promotion.digest);
        let target = self.targets[&promotion.slot.workspace].facts.clone();
        let (authors, has_unknown_author) = authors(&self.state, &self.people, promotion.digest);
        let said = (known.map(|known| &known.label), &target);
        Evidence {
            now: self.now,
            ledger: "ledger".to_owned(),
            policy: policy_digest(&[&self.policy], None),
            rollback: None,
            version: VersionFacts {
                id: self.versions[number].clone(),
                manifest: Sha256::of(format!("manifest {number}").as_bytes()),
                label: known.map(|known| known.label.clone()),
                basis: known.map(|known| known.basis),
                lineage_gaps: Vec::new(),
                metrics: BTreeMap::new(),
                card: CardFacts::Present,
                authors,
                has_unknown_author,
            },
            groups: self.people.groups().clone(),
            approvals: approvals(&self.state, &self.people, &promotion.id),
            inbox: InboxFacts::Intact,
            held: held(&self.state, &self.targets, promotion),
            freezes: BTreeMap::new(),
            champion: None,
            marked_bad: marked_bad(&self.state, &self.people, promotion.digest),
            request: RequestFacts {
                commit: String::new(),
                commit_signature: SignatureFacts::Missing,
                release_signature: SignatureFacts::Missing,
                committers: BTreeSet::new(),
            },
            attestations: Vec::new(),
            witnessed: None,
            acts: acts::facts(&self.state, &self.people, &self.topology, promotion, said),
            bypass: None,
            lifters: BTreeSet::new(),
            pipeline: None,
            needs: Vec::new(),
            retrain: None,
            target,
        }
    }

    pub(super) fn decide(&self, number: usize, promotion: &Promotion) -> Decision {
        decide(
            promotion,
            &self.evidence(number, promotion),
            &[&self.policy],
        )
    }

    pub(super) fn allows(decision: &Decision) -> bool {
        decision.result == DecisionResult::Allow
    }
}

/// A key for each person; only whose it is matters here.
pub(super) fn key(who: &str) -> crate::model::principal::KeyFingerprint {
    let letter = who.chars().next().unwrap().to_ascii_uppercase();
    format!("SHA256:{}", letter.to_string().repeat(42) + "A")
        .parse()
        .unwrap()
}
