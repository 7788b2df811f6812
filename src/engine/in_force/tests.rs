use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;
use crate::engine::Engine;
use crate::engine::testing::TestOrganisation;

/// One thing that somebody does to the files.
#[derive(Debug, Clone)]
enum Edit {
    /// A version, perhaps made from another, perhaps with a digest that is not that of its files.
    Version {
        of: Which,
        base: Option<(Which, bool)>,
        is_right: bool,
    },
    /// Checksum lines, perhaps of other files.
    Checksums { of: Which, is_right: bool },
    /// A version that cannot be read.
    Broken(Which),
    /// A signature of nobody's.
    Signature(Which),
    /// An attestation, perhaps of a version that is not there.
    Attestation(Which),
    /// A file of a version goes.
    Gone(Which, &'static str),
    /// A model, perhaps under another name than its path says.
    Model { model: u8, is_right: bool },
    /// No model.
    NoModel(u8),
    /// A release, perhaps of other bytes.
    Release { of: Which, is_right: bool },
    /// No release.
    NoRelease(u8),
    /// A file that should not be there, or no longer is.
    Unexpected(bool),
    /// A policy that nobody signed.
    Policy(bool),
}

/// A model and one of its versions.
type Which = (u8, u8);

/// What happens between two looks.
#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<Edit>),
    /// An engine records what is to be recorded.
    Record,
}

fn which() -> impl Strategy<Value = Which> {
    (0..2_u8, 0..3_u8)
}

fn edit() -> impl Strategy<Value = Edit> {
    let right = || prop::bool::weighted(0.8);
    let base = prop::option::of((which(), right()));
    let ends = prop::sample::select(vec![".yaml", ".sha256", ".yaml.sig"]);
    prop_oneof![
        6 => (which(), base, right()).prop_map(|(of, base, is_right)| Edit::Version { of, base, is_right }),
        4 => (which(), right()).prop_map(|(of, is_right)| Edit::Checksums { of, is_right }),
        1 => which().prop_map(Edit::Broken),
        1 => which().prop_map(Edit::Signature),
        1 => which().prop_map(Edit::Attestation),
        2 => (which(), ends).prop_map(|(of, end)| Edit::Gone(of, end)),
        2 => (0..2_u8, right()).prop_map(|(model, is_right)| Edit::Model { model, is_right }),
        1 => (0..2_u8).prop_map(Edit::NoModel),
        2 => (which(), right()).prop_map(|(of, is_right)| Edit::Release { of, is_right }),
        1 => (0..2_u8).prop_map(Edit::NoRelease),
        1 => any::<bool>().prop_map(Edit::Unexpected),
        1 => any::<bool>().prop_map(Edit::Policy),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => vec(edit(), 1..4).prop_map(Step::Commit),
        1 => Just(Step::Record),
    ]
}

fn stem((model, version): Which) -> String {
    format!("models/wildlife/m{model}/1.{version}.0")
}

fn lines((model, version): Which, is_right: bool) -> String {
    let bytes = Sha256::of(format!("{model} {version} {is_right}").as_bytes());
    format!("{bytes}  model.bin\n")
}

fn digest(of: Which, is_right: bool) -> Sha256 {
    Sha256::of(lines(of, is_right).as_bytes())
}

fn header(kind: &str, name: &str) -> String {
    format!("apiVersion: promote.dev/v1alpha1\nkind: {kind}\nmetadata:\n  name: {name}\nspec:\n")
}

fn version(of: Which, base: Option<(Which, bool)>, is_right: bool) -> String {
    let mut text = header("ModelVersion", &format!("m{}", of.0));
    let digest_of = digest(of, is_right);
    write!(
        text,
        "  project: wildlife\n  version: 1.{}.0\n  digest: dirhash1:{digest_of}\n  size: 1\n  workspace: dev\n  lineage:\n    datasets: [penguins-sample]\n",
        of.1,
    )
    .unwrap();
    if let Some((base, is_right)) = base {
        let digest_of = digest(base, is_right);
        write!(
            text,
            "    bases:\n      - version: wildlife/model/m{}@1.{}.0\n        digest: dirhash1:{digest_of}\n",
            base.0, base.1,
        )
        .unwrap();
    }
    text
}

fn release(of: Which, is_right: bool) -> String {
    let (model, version) = of;
    let digest = digest(of, is_right);
    header("Release", &format!("m{model}"))
        + &format!(
            "  environment: qa\n  artifact: wildlife/model/m{model}\n  version: 1.{version}.0\n  digest: dirhash1:{digest}\n"
        )
}

impl Edit {
    /// The file that changes, and what it is then.
    fn file(&self) -> (String, Option<String>) {
        match self {
            Self::Version { of, base, is_right } => (
                format!("{}.yaml", stem(*of)),
                Some(version(*of, *base, *is_right)),
            ),
            Self::Checksums { of, is_right } => {
                (format!("{}.sha256", stem(*of)), Some(lines(*of, *is_right)))
            }
            Self::Broken(of) => (
                format!("{}.yaml", stem(*of)),
                Some("kind: [ModelVersion\n".to_owned()),
            ),
            Self::Signature(of) => (
                format!("{}.yaml.sig", stem(*of)),
                Some("nobody's\n".to_owned()),
            ),
            Self::Attestation(of) => (
                format!("{}.scan.sigstore.json", stem(*of)),
                Some("{}\n".to_owned()),
            ),
            Self::Gone(of, end) => (format!("{}{end}", stem(*of)), None),
            Self::Model { model, is_right } => {
                let name = format!("m{}", if *is_right { *model } else { 7 });
                let text = header("Model", &name)
                    + "  project: wildlife\n  owner: data-scientists\n  purpose: tests\n";
                (format!("models/wildlife/m{model}/model.yaml"), Some(text))
            }
            Self::NoModel(model) => (format!("models/wildlife/m{model}/model.yaml"), None),
            Self::Release { of, is_right } => (
                format!("releases/qa/wildlife/model/m{}.yaml", of.0),
                Some(release(*of, *is_right)),
            ),
            Self::NoRelease(model) => (format!("releases/qa/wildlife/model/m{model}.yaml"), None),
            Self::Unexpected(is_there) => (
                "models/wildlife/m0/1.0.yaml".to_owned(),
                is_there.then(|| "x\n".to_owned()),
            ),
            Self::Policy(is_loose) => (
                "policies/prod.yaml".to_owned(),
                Some(
                    header("Policy", "prod")
                        + if *is_loose {
                            "  gates: []\n"
                        } else {
                            "  gates: [\n"
                        },
                ),
            ),
        }
    }
}

/// What an engine sees that went on from the look before is what one sees that begins.
fn assert_same(engine: &mut Engine, organisation: &TestOrganisation) {
    let (went_on, began) = (engine.observe(), organisation.observer().observe());
    let (went_on, began) = match (went_on, began) {
        (Ok(went_on), Ok(began)) => (went_on, began),
        (went_on, began) => {
            let words = |seen: Result<_, EngineError>| seen.err().map(|error| error.to_string());
            assert_eq!(words(went_on.map(|_| ())), words(began.map(|_| ())));
            return;
        }
    };
    assert_eq!(went_on.manifests, began.manifests);
    assert_eq!(went_on.ignored, began.ignored);
    assert_eq!(went_on.labels, began.labels);
    assert_eq!(went_on.manifest_hashes, began.manifest_hashes);
    assert_eq!(went_on.pending.events(), began.pending.events());
    assert_eq!(
        format!("{:?}", went_on.wanted),
        format!("{:?}", began.wanted)
    );
    assert_eq!(went_on.not_adopted, began.not_adopted);
}

/// The files of two models with three versions each, the second and third made from the one before.
fn start(organisation: &TestOrganisation) {
    let mut edits = Vec::new();
    for model in 0..2 {
        edits.push(Edit::Model {
            model,
            is_right: true,
        });
        for version in 0..3_u8 {
            let of = (model, version);
            let base = version.checked_sub(1).map(|before| ((model, before), true));
            edits.push(Edit::Version {
                of,
                base,
                is_right: true,
            });
            edits.push(Edit::Checksums { of, is_right: true });
        }
    }
    commit(organisation, &edits);
}

/// Commits edits; what is not there cannot go.
fn commit(organisation: &TestOrganisation, edits: &[Edit]) {
    let here = organisation.head_files();
    let files: BTreeMap<String, Option<Vec<u8>>> = edits
        .iter()
        .map(Edit::file)
        .map(|(path, text)| (path, text.map(String::into_bytes)))
        .collect();
    let files: BTreeMap<_, _> = files
        .into_iter()
        .filter(|(path, bytes)| here.get(path) != bytes.as_ref())
        .collect();
    if !files.is_empty() {
        organisation.commit("eve", "main", &files);
    }
}

#[test]
fn looking_again_sees_what_looking_afresh_sees() {
    let mut runner = TestRunner::new(ProptestConfig {
        // An organisation takes a while to be made.
        cases: ProptestConfig::default().cases.div_ceil(20),
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let tested = runner.run(&vec(step(), 1..10), |steps| {
        let organisation = TestOrganisation::new();
        organisation.reconcile();
        let mut engine = organisation.observer();
        start(&organisation);
        assert_same(&mut engine, &organisation);
        for step in steps {
            match step {
                Step::Commit(edits) => commit(&organisation, &edits),
                Step::Record => {
                    organisation.reconcile();
                }
            }
            assert_same(&mut engine, &organisation);
        }
        Ok(())
    });
    tested.unwrap();
}

#[test]
fn what_did_not_change_is_not_read_again() {
    let organisation = TestOrganisation::new();
    organisation.reconcile();
    start(&organisation);
    organisation.reconcile();
    let mut engine = organisation.observer();
    let head = engine.observe().unwrap().head;
    let folder = head.oid("models/wildlife/m1").unwrap().unwrap().to_string();
    commit(
        &organisation,
        &[Edit::Release {
            of: (0, 1),
            is_right: true,
        }],
    );
    // With the object of the folder gone, only who does not look into it can succeed.
    let (start, rest) = folder.split_at(2);
    let objects = organisation.repository_path().join(".git/objects");
    crate::fs::durable::remove_file(&objects.join(start).join(rest)).unwrap();
    let world = engine.observe().unwrap();
    assert_eq!(world.wanted.len(), 1);
    assert!(organisation.observer().observe().is_err());
}
