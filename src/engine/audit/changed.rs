//! Each recorded input of a decision changed, by an engine that decides again from the changed ones and signs what came out.
//! What the ledger or the evidence can tell is noticed; what only Git can tell is listed here, one by one.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::engine::evidence::Inputs;
use crate::engine::sources::{lineage_of, sources};
use crate::engine::testing::{LedgerAt, Made, TestOrganisation};
use crate::engine::world::World;
use crate::gate::RULES_VERSION;
use crate::gate::decide::{decide, decide_by};
use crate::gate::policy::policy_digest;
use crate::manifest::policy::GateSpec;
use crate::model::event::{Judgement, SourceKind};
use crate::plan::desired::Change;

pub(super) const VERSION: &str = "wildlife/model/penguin-species@1.0.0";

/// What a change of these is not noticed by, for only Git has what they say.
const ONLY_GIT_KNOWS: [&str; 5] = [
    "/evidence/inbox",
    "/evidence/request/commit",
    "/evidence/request/commitSignature/by",
    "/evidence/request/committers",
    "/evidence/request/committers/0",
];

/// Words that stand for others of their kind.
const WORDS: [(&str, &str); 6] = [
    ("intact", "rewritten"),
    ("missing", "present"),
    ("present", "missing"),
    ("forward", "rollback"),
    ("approve", "reject"),
    ("enabled", "disabled"),
];

/// Other values than this one, of the same kind where possible.
fn others(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => vec![Value::from("x"), serde_json::json!({ "quorum": {} })],
        Value::Bool(bool) => vec![Value::from(!bool)],
        Value::Number(number) => vec![
            Value::from(number.as_u64().unwrap_or(0) + 1),
            Value::from(number.as_f64().unwrap() + 0.5),
        ],
        Value::String(text) => {
            let word = WORDS.iter().find(|(word, _)| word == text);
            let mut others: Vec<String> = word
                .map(|(_, other)| (*other).to_owned())
                .into_iter()
                .collect();
            let (start, last) = text.split_at(text.len().saturating_sub(1));
            others.push(format!("{start}{}", if last == "0" { "1" } else { "0" }));
            others.push(format!("{text}x"));
            others.push(text.replace("2026", "2027"));
            others.push(
                text.replace("SHA256:", "SHA256:A")
                    .chars()
                    .take(50)
                    .collect(),
            );
            others
                .into_iter()
                .filter(|other| other != text)
                .map(Value::from)
                .collect()
        }
        Value::Array(_) | Value::Object(_) => Vec::new(),
    }
}

/// The places in a document, and for each what else could stand there. Lists and maps also lose one thing each.
fn changes(document: &Value) -> Vec<(String, Vec<Value>)> {
    let mut found = Vec::new();
    let mut waiting = vec![(String::new(), document)];
    while let Some((path, value)) = waiting.pop() {
        match value {
            Value::Array(items) => {
                waiting.extend(
                    (0..)
                        .zip(items)
                        .map(|(index, item): (usize, _)| (format!("{path}/{index}"), item)),
                );
                if let Some((_, rest)) = items.split_last() {
                    found.push((path, vec![Value::from(rest.to_vec())]));
                }
            }
            Value::Object(fields) => {
                for (name, item) in fields {
                    let mut rest = fields.clone();
                    rest.remove(name);
                    waiting.push((format!("{path}/{}", name.replace('/', "~1")), item));
                    found.push((path.clone(), vec![Value::Object(rest)]));
                }
            }
            leaf => found.push((path, others(leaf))),
        }
    }
    found
}

pub(super) fn decided_from(world: &World, inputs: &Inputs) -> (Judgement, Vec<u8>) {
    let bytes = serde_json::to_vec(inputs).unwrap();
    let sha256 = Sha256::of(&bytes);
    let policies: Vec<&[GateSpec]> = inputs.policies.iter().map(Vec::as_slice).collect();
    let mut promotion = inputs.promotion.clone();
    // Of an environment that the engine may not act for nothing is recorded at all.
    if !["dev", "qa", "prod"].contains(&promotion.environment.as_str()) {
        promotion.environment = "qa".parse().unwrap();
    }
    let judgement = Judgement {
        promotion,
        inputs: sha256,
        policy: policy_digest(&policies, inputs.evidence.rollback.as_ref()),
        decision: decide(&inputs.promotion, &inputs.evidence, &policies),
        rules_version: RULES_VERSION,
        attestations: BTreeSet::new(),
        sources: sources(
            world.state(),
            inputs,
            sha256,
            lineage_of(world, &inputs.promotion),
        ),
    };
    (judgement, bytes)
}

/// A version that bob and nobody else has approved for qa, with a dataset and metrics.
pub(super) fn approved() -> TestOrganisation {
    let organisation = TestOrganisation::with_ledger(LedgerAt::Directory);
    organisation.register("eve", VERSION, &Made::default());
    organisation.request("eve", VERSION, "qa");
    organisation.approve("bob", "qa");
    organisation
}

pub(super) fn judged(
    engine: &mut crate::engine::Engine,
) -> (World, crate::engine::evidence::Judged) {
    let mut world = engine.observe().unwrap();
    // An adoption is recorded alone, so the rest comes with the next look.
    while !world.pending.is_empty() {
        engine.record(&mut world).unwrap();
        world = engine.observe().unwrap();
    }
    let promotion = match world.changes().into_iter().next() {
        Some(Change::Promote(promotion)) => promotion,
        other => panic!("{other:?}"),
    };
    let judged = engine.judge(&world, promotion).unwrap();
    (world, judged)
}

#[test]
fn every_recorded_input_that_is_changed_is_noticed() {
    let organisation = approved();
    let mut engine = organisation.engine();
    let (mut world, judged) = judged(&mut engine);
    let document = serde_json::to_value(judged.inputs()).unwrap();
    let original = serde_json::to_vec(&judged.inputs()).unwrap();
    for (path, bytes) in judged.release.evidence() {
        world.pending.add_evidence(path, bytes);
    }
    let first = world.pending.state().size;
    let mut tried: Vec<String> = Vec::new();
    for (path, values) in changes(&document) {
        let mut changed = values.into_iter().filter_map(|value| {
            let mut document = document.clone();
            *document.pointer_mut(&path)? = value;
            let inputs: Inputs = serde_json::from_value(document).ok()?;
            // What means the same is not changed.
            (serde_json::to_vec(&inputs).unwrap() != original).then_some(inputs)
        });
        let Some(inputs) = changed.next() else {
            continue;
        };
        let (judgement, bytes) = decided_from(&world, &inputs);
        world
            .pending
            .add_evidence(record::evidence_path(judgement.inputs, "json"), bytes);
        world.pending.push(Event::Decided(judgement)).unwrap();
        tried.push(path);
    }
    assert!(tried.len() > 80, "only {} changes", tried.len());
    assert!(engine.record(&mut world).unwrap());
    let audit = audit(engine.book().unwrap());
    let noticed: BTreeSet<u64> = audit
        .problems
        .iter()
        .filter_map(|problem| problem.entry)
        .collect();
    let unnoticed: BTreeSet<&str> = (first..)
        .zip(&tried)
        .filter(|(index, _)| !noticed.contains(index))
        .map(|(_, path)| path.as_str())
        .collect();
    let expected = BTreeSet::from(ONLY_GIT_KNOWS);
    assert_eq!(unnoticed, expected, "of {} changes", tried.len());
    let replays = audit.replays.iter().filter(|replay| replay.entry >= first);
    assert_eq!(
        replays.filter(|replay| replay.holds).count(),
        expected.len()
    );
}

#[test]
fn a_decision_names_all_that_it_was_made_from() {
    use SourceKind::{Approval, Dataset, Facts, Manifest, Policy, Release, ReleaseSignature};
    use SourceKind::{Topology, TrustIndex, TrustRoot, Workspace};
    let organisation = approved();
    let mut engine = organisation.engine();
    let (mut world, judged) = judged(&mut engine);
    for (path, bytes) in judged.release.evidence() {
        world.pending.add_evidence(path, bytes);
    }
    let (whole, bytes) = decided_from(&world, &judged.inputs());
    let kinds: Vec<SourceKind> = whole.sources.iter().map(|source| source.what).collect();
    let expected = [
        Facts,
        TrustRoot,
        TrustIndex,
        Policy,
        Release,
        ReleaseSignature,
        Manifest,
        Topology,
        Workspace,
        Dataset,
        Approval,
    ];
    assert_eq!(kinds, expected);
    let facts = record::evidence_path(whole.inputs, "json");
    world.pending.add_evidence(facts, bytes);
    let first = world.pending.state().size;
    for at in 0..kinds.len() {
        let mut part = whole.clone();
        part.sources.remove(at);
        world.pending.push(Event::Decided(part)).unwrap();
    }
    world.pending.push(Event::Decided(whole)).unwrap();
    assert!(engine.record(&mut world).unwrap());
    let problems = audit(engine.book().unwrap()).problems;
    for (index, kind) in (first..).zip(&kinds) {
        let mut of_entry = problems
            .iter()
            .filter(|problem| problem.entry == Some(index));
        let reason = of_entry.next().map(|problem| problem.reason.as_str());
        assert_eq!(
            reason,
            Some("what it was made from is not all that is named"),
            "without {kind:?}"
        );
    }
    let last = first + kinds.len() as u64;
    assert!(
        problems.iter().all(|problem| problem.entry != Some(last)),
        "{problems:#?}"
    );
}

#[test]
fn every_file_behind_a_decision_that_is_changed_or_gone_is_named() {
    let organisation = approved();
    organisation.reconcile();
    let mut engine = organisation.observer();
    let decided = |engine: &crate::engine::Engine| {
        let entries = engine.book().unwrap().entries();
        let judgement = entries.iter().rev().find_map(|entry| match &entry.event {
            Event::Decided(judgement) => Some(judgement.clone()),
            _ => None,
        });
        judgement.unwrap()
    };
    engine.open_ledger().unwrap();
    let judgement = decided(&engine);
    assert_eq!(judgement.decision.result, DecisionResult::Allow);
    for source in judgement.sources {
        let file = record::evidence_path(source.sha256, source.what.extension());
        let path = organisation
            .folder()
            .join("ledger-store/evidence")
            .join(&file);
        let bytes = crate::fs::durable::read_bounded(&path, 1 << 24).unwrap();
        let mut changed = bytes.clone();
        changed[bytes.len() / 2] ^= 1;
        for put in [Some(changed), None] {
            match &put {
                Some(changed) => crate::fs::durable::write_atomic(&path, changed).unwrap(),
                None => crate::fs::durable::remove_file(&path).unwrap(),
            }
            let mut engine = organisation.observer();
            // The trust files are needed to read the ledger at all.
            let said = match engine.open_ledger() {
                Ok(book) => audit(book)
                    .problems
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
                Err(error) => vec![format!("{error}: {}", source.sha256)],
            };
            let names_it = |reason: &String| reason.contains(&source.sha256.to_string());
            assert!(said.iter().any(names_it), "{:?}: {said:#?}", source.what);
        }
        crate::fs::durable::write_atomic(&path, &bytes).unwrap();
    }
    let mut engine = organisation.observer();
    assert_eq!(audit(engine.open_ledger().unwrap()).problems, []);
}

#[test]
fn a_flood_of_statements_leaves_the_essential_sources() {
    let organisation = approved();
    let mut engine = organisation.engine();
    let (world, judged) = judged(&mut engine);
    let mut inputs = judged.inputs();
    let lineage = lineage_of(&world, &judged.promotion);
    let facts = Sha256::of(b"facts");
    let one = inputs.evidence.approvals[0].clone();
    for number in 0..60_u8 {
        let mut more = one.clone();
        more.statement = Sha256::of(&[number]);
        inputs.evidence.approvals.push(more);
    }
    let named = sources(world.state(), &inputs, facts, lineage);
    assert_eq!(named.len(), 7);
    assert!(named.iter().all(|source| source.what.is_essential()));
}

/// What the next promotion waits for follows from which gates were overridden, and which gates were asked from the rules.
#[test]
fn overrides_that_are_misstated_and_rules_that_go_back_are_noticed() {
    let organisation = approved();
    let mut engine = organisation.engine();
    let (mut world, judged) = judged(&mut engine);
    for (path, bytes) in judged.release.evidence() {
        world.pending.add_evidence(path, bytes);
    }
    let first = world.pending.state().size;
    let mut push = |change: &dyn Fn(&mut Judgement, &mut Inputs)| {
        let mut inputs = judged.inputs();
        let (mut judgement, _) = decided_from(&world, &inputs);
        change(&mut judgement, &mut inputs);
        let (named, bytes) = decided_from(&world, &inputs);
        judgement.inputs = named.inputs;
        judgement.sources = named.sources;
        let path = record::evidence_path(judgement.inputs, "json");
        world.pending.add_evidence(path, bytes);
        world.pending.push(Event::Decided(judgement)).unwrap();
    };
    push(&|_, _| {});
    push(&|judgement, _| {
        judgement.decision.overridden.insert("approvals".to_owned());
    });
    push(&|judgement, inputs| {
        inputs.rules_version = 1;
        judgement.rules_version = 1;
        let policies: Vec<&[GateSpec]> = inputs.policies.iter().map(Vec::as_slice).collect();
        judgement.decision = decide_by(1, &inputs.promotion, &inputs.evidence, &policies);
    });
    assert!(engine.record(&mut world).unwrap());
    let said: Vec<(u64, String)> = audit(engine.book().unwrap())
        .problems
        .into_iter()
        .filter_map(|problem| Some((problem.entry? - first, problem.reason)))
        .collect();
    let expected = [
        (1, "which gates were overridden is misstated"),
        (2, "it was decided by older rules than a decision before it"),
    ];
    assert_eq!(
        said,
        expected.map(|(entry, reason)| (entry, reason.to_owned()))
    );
}
