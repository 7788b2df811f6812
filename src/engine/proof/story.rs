//! One story as it is told: to the real code, to the plain rules, and to the oracles.

use std::collections::BTreeMap;

use crate::engine::proof::rules::{Registered, Set, clearance};
use crate::engine::proof::steps::{LAST, Step};
use crate::engine::proof::world::{DATASETS, PEOPLE, WORKSPACES, World, tags};
use crate::model::digest::Sha256;

const ARTIFACTS: [&str; 3] = ["ants", "bees", "crabs"];

/// What a file was truly made from. Where nobody says what it was made from, all that anyone can know is what it held then.
#[derive(Debug, Clone, Default)]
struct Truth {
    datasets: Set,
    fixed: Set,
}

/// What an oracle saw.
#[derive(Debug)]
pub(super) struct Violation {
    pub(super) oracle: &'static str,
    pub(super) what: String,
}

pub(super) fn violation(oracle: &'static str, what: String) -> Violation {
    Violation { oracle, what }
}

/// What can be seen in dev: decisions about it, with their words, and what it holds.
pub(super) type Seen = Vec<String>;

pub(super) struct Story {
    world: World,
    truth: BTreeMap<String, Truth>,
    secret: &'static str,
    files: usize,
    pub(super) seen: Seen,
}

fn masked<'a>(all: &'a [&'static str], mask: u8) -> impl Iterator<Item = &'static str> + 'a {
    all.iter()
        .enumerate()
        .filter(move |(bit, _)| mask & (1 << bit) != 0)
        .map(|(_, name)| *name)
}

impl Story {
    pub(super) fn new(secret: &'static str) -> Self {
        Self {
            world: World::new(),
            truth: BTreeMap::new(),
            secret,
            files: 0,
            seen: Seen::new(),
        }
    }

    fn number(&self, pick: usize) -> Option<usize> {
        let count = self.world.versions.len();
        match LAST - pick {
            back @ 0..2 => count.checked_sub(back + 1),
            _ => (count > 0).then(|| pick % count),
        }
    }

    fn taint_of(&self, truth: &Truth) -> Set {
        let datasets = &self.world.rules.datasets;
        let labels = truth.datasets.iter().flat_map(|name| &datasets[name]);
        labels.chain(&truth.fixed).copied().collect()
    }

    fn taint(&self, files: &[String]) -> Set {
        files
            .iter()
            .flat_map(|file| self.taint_of(&self.truth[file]))
            .collect()
    }

    /// A new file; what came out of production looks otherwise in the other run.
    fn file(&mut self, truth: Truth) -> String {
        self.files += 1;
        let secret = if self.taint_of(&truth).contains("production") {
            self.secret
        } else {
            ""
        };
        let file = format!("file {} {secret}", self.files);
        self.truth.insert(file.clone(), truth);
        file
    }

    pub(super) fn tell(&mut self, step: &Step) -> Result<(), Violation> {
        match step {
            Step::Make { .. } => self.make(step),
            Step::Copy { .. } => self.copy(step),
            Step::Relabel { dataset, tags } => {
                let mut label: Set = masked(&["pii", "production"], *tags).collect();
                label.insert("internal");
                self.world.relabel(DATASETS[dataset % 3], &label);
                self.agree_on_labels(usize::MAX)
            }
            Step::Answer {
                who,
                version,
                place,
                is_yes,
            } => {
                if let Some(version) = self.number(*version) {
                    self.world
                        .answer(PEOPLE[who % 6], version, WORKSPACES[place % 3], *is_yes);
                }
                Ok(())
            }
            Step::Declassify {
                owners,
                version,
                place,
            } => {
                if let Some(version) = self.number(*version) {
                    for who in masked(&["sue", "tom", "dana", "sue"], *owners) {
                        self.world.declassify(who, version, WORKSPACES[place % 3]);
                    }
                }
                Ok(())
            }
            Step::Promote {
                version,
                place,
                approver,
            } => {
                let Some(version) = self.number(*version) else {
                    return Ok(());
                };
                let place = WORKSPACES[place % 3];
                if let Some(approver) = approver {
                    self.world
                        .answer(["rita", "omar", "dana"][approver % 3], version, place, true);
                }
                self.promote(version, place)
            }
            Step::Wait { hours } => {
                self.world.wait(*hours);
                Ok(())
            }
        }
    }

    /// New bytes, from what can be read where they are made.
    fn make(&mut self, step: &Step) -> Result<(), Violation> {
        let Step::Make {
            artifact,
            datasets,
            bases,
            place,
            by,
            is_signed,
        } = step
        else {
            return Ok(());
        };

        let place = WORKSPACES[place % 3];
        let rules = &self.world.rules;
        let can_read = |name: &&'static str| rules.datasets[name].is_subset(&clearance(place));
        let read: Set = masked(&DATASETS, *datasets).filter(can_read).collect();
        let registered = &rules.registered;
        let bases: Vec<&Registered> = bases
            .iter()
            .filter_map(|base| self.number(*base))
            .map(|base| &registered[base])
            .filter(|base| rules.has(place, base))
            // What is there although it may not be, since it was labelled higher later or let through, is for
            // `scan` to report; what nobody signs that was made from it cannot be known.
            .filter(|base| *is_signed || rules.label(&base.digest).is_subset(&clearance(place)))
            .collect();
        let mut truth = Truth {
            datasets: read.clone(),
            fixed: Set::new(),
        };
        for file in bases.iter().flat_map(|base| &base.files) {
            truth.datasets.extend(&self.truth[file].datasets);
            truth.fixed.extend(&self.truth[file].fixed);
        }
        let bases: Vec<String> = bases.into_iter().map(|base| base.digest.clone()).collect();
        let (datasets, bases) = if *is_signed {
            (read, bases)
        } else {
            truth = Truth {
                datasets: Set::new(),
                fixed: self.taint_of(&truth),
            };
            (["sample"].into(), Vec::new())
        };
        let files = vec![self.file(truth)];
        self.register(files, (*artifact, place, *by, *is_signed), datasets, bases)
    }

    /// Known bytes, or a file of them among others, under a made-up claim.
    fn copy(&mut self, step: &Step) -> Result<(), Violation> {
        let Step::Copy {
            of,
            artifact,
            place,
            by,
            is_signed,
            claim,
            is_part,
        } = step
        else {
            return Ok(());
        };

        let Some(of) = self.number(*of) else {
            return Ok(());
        };
        let mut files = self.world.rules.registered[of].files.clone();
        let datasets: Set = masked(&DATASETS, *claim).collect();
        if *is_part {
            files.truncate(1);
            let own = self.file(Truth {
                datasets: datasets.clone(),
                fixed: Set::new(),
            });
            files.insert(0, own);
        }
        let place = WORKSPACES[place % 3];
        self.register(
            files,
            (*artifact, place, *by, *is_signed),
            datasets,
            Vec::new(),
        )
    }

    fn register(
        &mut self,
        files: Vec<String>,
        (artifact, workspace, by, is_signed): (usize, &'static str, usize, bool),
        datasets: Set,
        bases: Vec<String>,
    ) -> Result<(), Violation> {
        let digest = format!("dirhash1:{}", Sha256::of(files.join("\n").as_bytes()));
        let taint = self.taint(&files);
        let one = Registered {
            digest,
            artifact: ARTIFACTS[artifact % 3],
            files,
            datasets,
            bases,
            by: PEOPLE[by % 2],
            is_signed,
            workspace,
            label: Set::new(),
            is_lawful: false,
        };
        let is_let_in = self.world.register(one);
        if workspace == "dev" {
            self.seen.push(format!("register {is_let_in}"));
        }
        let one = self.world.rules.registered.last().unwrap();
        if is_let_in && !taint.is_subset(&clearance(workspace)) {
            return Err(violation(
                "taint",
                format!("{taint:?} was let into {workspace} by {one:?}"),
            ));
        }
        if is_let_in != one.is_lawful {
            return Err(violation(
                "agreement",
                format!("leave {is_let_in}: {one:?}"),
            ));
        }
        self.agree_on_labels(1)
    }

    /// The newest registration alone, or all of them.
    pub(super) fn agree_on_labels(&self, newest: usize) -> Result<(), Violation> {
        let labels = self.world.labels();
        for one in self.world.rules.registered.iter().rev().take(newest) {
            let real = tags(&labels.get(one.digest.parse().unwrap()).unwrap().label);
            let plain = self.world.rules.label(&one.digest);
            if !real.iter().map(String::as_str).eq(plain.iter().copied()) {
                let what = format!("label {real:?}, and it should be {plain:?}: {one:?}");
                return Err(violation("agreement", what));
            }
        }
        Ok(())
    }

    fn promote(&mut self, number: usize, place: &'static str) -> Result<(), Violation> {
        let Some(promotion) = self.world.promotion(number, place) else {
            return Ok(());
        };
        let decision = self.world.decide(number, &promotion);
        let one = self.world.rules.registered[number].clone();
        let is_allowed = World::allows(&decision);
        if place == "dev" {
            let facts = decision.gates.iter().flat_map(|gate| gate.verdict.facts());
            let facts: Vec<&str> = facts.map(String::as_str).collect();
            self.seen.push(format!("promote {is_allowed}: {facts:?}"));
        }
        let should = self
            .world
            .rules
            .allows(&promotion.id.to_string(), &one, place);
        let taint = self.taint(&one.files);
        let is_made = is_allowed && self.world.make(number, &promotion, decision.clone());
        if is_made {
            let mut may = clearance(place);
            may.extend(self.world.rules.let_through(&one.digest, place));
            if !taint.is_subset(&may) {
                return Err(violation(
                    "taint",
                    format!("{taint:?} entered {place}: {one:?}"),
                ));
            }
        }
        if is_allowed != should {
            return Err(violation(
                "agreement",
                format!(
                    "allowed {is_allowed}, and it should be {should}: {one:?} into {place}: {decision:?}"
                ),
            ));
        }
        if is_made {
            let slot = (place, one.artifact);
            let held = self.world.rules.held.entry(slot).or_default();
            let before = held.last().cloned();
            let is_back = held.contains(&one.digest);
            held.retain(|digest| *digest != one.digest);
            held.push(one.digest.clone());
            if let Some(before) = before.filter(|_| is_back) {
                self.world
                    .rules
                    .abandoned
                    .insert((place, one.artifact, before));
            }
            if place == "dev" {
                self.seen.push(format!("dev holds {}", one.digest));
            }
        }
        Ok(())
    }
}
